// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - choosing a case and telling how it went
 *
 * /sys/kernel/debug/iocore_hostile/list has the cases, a name a line. Writing a
 * name to run runs it; reading run then gives a line:
 *
 *	ok control=N descriptor=N ring=N
 *	not ok control=N descriptor=N ring=N MESSAGE
 */
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/io.h>
#include <linux/kvm_para.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/stdarg.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/workqueue.h>
#include <asm/irq_vectors.h>

#include "hostile.h"

static const struct hostile_case * const tables[] = {
	hostile_control,
	hostile_descriptor,
	hostile_index,
	hostile_inflight,
};

unsigned long hostile_ram;
module_param_named(ram, hostile_ram, ulong, 0444);
MODULE_PARM_DESC(ram, "bytes of guest RAM below 4 GiB");

void *hostile_page;
void *hostile_data;

static DEFINE_MUTEX(lock);
static struct iocore_notify_page *notify_page;
static struct dentry *dir;
static char result[HOSTILE_RESULT + 64] = "none has run\n";

void hostile_fail(struct hostile *h, const char *fmt, ...)
{
	va_list args;

	if (h->failed)
		return;
	h->failed = true;
	va_start(args, fmt);
	vsnprintf(h->message, sizeof(h->message), fmt, args);
	va_end(args);
}

/* Does the host count this answer as a refusal? */
static bool is_counted(u64 op, long ret)
{
	return ret && !(op == IOCORE_HC_DISK_GET && ret == -ENOENT);
}

void hostile_call(struct hostile *h, const char *what, u64 op, u64 a1, u64 a2,
		  u64 a3, long want)
{
	long ret = kvm_hypercall4(IOCORE_HC, op, a1, a2, a3);

	if (is_counted(op, want))
		h->control++;
	if (ret != want)
		hostile_fail(h, "%s: call %llu gave %ld, not %ld", what, op, ret, want);
}

void hostile_call_arg(struct hostile *h, const char *what, u64 op, void *arg,
		      size_t size, long want)
{
	memcpy(hostile_page, arg, size);
	hostile_call(h, what, op, virt_to_phys(hostile_page), size, 0, want);
	memcpy(arg, hostile_page, size);
}

/* Whatever the case before it said: the host knows this guest. */
static int hostile_identify(void)
{
	struct iocore_identify *arg = hostile_page;

	*arg = (struct iocore_identify){ .version = IOCORE_RING_VERSION };
	return kvm_hypercall4(IOCORE_HC, IOCORE_HC_IDENTIFY, virt_to_phys(arg),
			      sizeof(*arg), 0);
}

/* The vector's handler in the guest does nothing when it was not asked for. */
int hostile_notify_register(void)
{
	struct iocore_vcpu_notify *arg = hostile_page;

	*arg = (struct iocore_vcpu_notify) {
		.gpa = virt_to_phys(notify_page),
		.vector = X86_PLATFORM_IPI_VECTOR,
	};
	return kvm_hypercall4(IOCORE_HC, IOCORE_HC_VCPU_NOTIFY, virt_to_phys(arg),
			      sizeof(*arg), 0);
}

static const struct hostile_case *find_case(const char *name)
{
	const struct hostile_case *c;
	int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (c = tables[i]; c->name; c++)
			if (!strcmp(c->name, name))
				return c;
	return NULL;
}

static long run_case(void *data)
{
	const struct hostile_case *c = data;
	struct hostile *h = kzalloc(sizeof(*h), GFP_KERNEL);
	int ret;

	if (!h)
		return -ENOMEM;
	ret = hostile_identify() ?: hostile_notify_register();
	if (ret)
		hostile_fail(h, "the guest or its notification page was refused (%d)", ret);
	else
		c->run(h);
	snprintf(result, sizeof(result), "%s control=%u descriptor=%u ring=%u %s\n",
		 h->failed ? "not ok" : "ok", h->control, h->descriptor, h->ring,
		 h->message);
	kfree(h);
	return 0;
}

static ssize_t run_write(struct file *file, const char __user *buf, size_t count,
			 loff_t *pos)
{
	const struct hostile_case *c;
	char name[64];
	long ret;

	if (count >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, buf, count))
		return -EFAULT;
	name[count] = '\0';
	c = find_case(strim(name));
	if (!c)
		return -ENOENT;

	mutex_lock(&lock);
	ret = work_on_cpu(0, run_case, (void *)c);
	mutex_unlock(&lock);
	return ret ? ret : count;
}

static ssize_t run_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	ssize_t ret;

	mutex_lock(&lock);
	ret = simple_read_from_buffer(buf, count, pos, result, strlen(result));
	mutex_unlock(&lock);
	return ret;
}

static const struct file_operations run_fops = {
	.owner	= THIS_MODULE,
	.read	= run_read,
	.write	= run_write,
};

static int list_show(struct seq_file *m, void *v)
{
	const struct hostile_case *c;
	int i;

	for (i = 0; i < ARRAY_SIZE(tables); i++)
		for (c = tables[i]; c->name; c++)
			seq_printf(m, "%s\n", c->name);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(list);

static void free_memory(void)
{
	free_pages_exact(hostile_data, IOCORE_MAX_BYTES);
	free_page((unsigned long)hostile_page);
	free_page((unsigned long)notify_page);
}

static int __init hostile_init(void)
{
	if (!kvm_para_available() || !hostile_ram)
		return -ENODEV;
	notify_page = (void *)get_zeroed_page(GFP_KERNEL);
	hostile_page = (void *)get_zeroed_page(GFP_KERNEL);
	hostile_data = alloc_pages_exact(IOCORE_MAX_BYTES, GFP_KERNEL | __GFP_ZERO);
	if (!notify_page || !hostile_page || !hostile_data)
		goto err_memory;

	dir = debugfs_create_dir("iocore_hostile", NULL);
	debugfs_create_file("run", 0600, dir, NULL, &run_fops);
	debugfs_create_file("list", 0400, dir, NULL, &list_fops);
	return 0;

err_memory:
	free_memory();
	return -ENOMEM;
}

static void __exit hostile_exit(void)
{
	debugfs_remove(dir);
	kvm_hypercall4(IOCORE_HC, IOCORE_HC_RESET, 0, 0, 0);
	free_memory();
}

module_init(hostile_init);
module_exit(hostile_exit);

MODULE_DESCRIPTION("A guest that breaks the iocore protocol, for tests");
MODULE_AUTHOR("The iocore developers");
MODULE_LICENSE("GPL");
