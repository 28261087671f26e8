// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - in iocore.ko's place; choosing a scenario
 *
 * /sys/kernel/debug/iocore_badhost/ has
 *	list		the scenarios, a name a line
 *	scenario	write: it is the one from now on, with everything forgotten
 *	slots		its cases, lines of "SLOT NAME"
 *	phase		write: it is the one from now on, and the guest's next call
 *			finds that its disks have changed
 *	calls		how often the guest made each call, in the order of enum
 *			iocore_hc, and how many requests were served
 */
#include <linux/debugfs.h>
#include <linux/kvm_pv_backend.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <uapi/linux/kvm_para.h>

#include "badhost.h"

struct badhost badhost;

static DEFINE_MUTEX(lock);
static struct dentry *dir;

/* ---- KVM's side ---- */

static long hypercall(struct kvm_vcpu *vcpu, unsigned long a0, unsigned long a1,
		      unsigned long a2, unsigned long a3)
{
	long ret;

	mutex_lock(&lock);
	ret = badhost_call(vcpu, a0, a1, a2);
	mutex_unlock(&lock);
	return ret;
}

static void forget(struct kvm *kvm)
{
	mutex_lock(&lock);
	badhost_forget();
	mutex_unlock(&lock);
}

static const struct kvm_pv_backend backend = {
	.owner		= THIS_MODULE,
	.nr		= IOCORE_HC,
	.hypercall	= hypercall,
	.vm_destroy	= forget,
	.vm_reset	= forget,
};

/* ---- the test's side ---- */

static int list_show(struct seq_file *m, void *unused)
{
	const struct badhost_scenario *s;

	for (s = badhost_scenarios; s->name; s++)
		seq_printf(m, "%s\n", s->name);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(list);

static int slots_show(struct seq_file *m, void *unused)
{
	unsigned int i;

	mutex_lock(&lock);
	for (i = 0; i < badhost_slots(); i++)
		seq_printf(m, "%u %s\n", i, badhost.scenario->slots[i].name);
	mutex_unlock(&lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(slots);

static int calls_show(struct seq_file *m, void *unused)
{
	unsigned int i;

	mutex_lock(&lock);
	for (i = 0; i < BADHOST_CALLS; i++)
		seq_printf(m, "%llu ", badhost.calls[i]);
	seq_printf(m, "%llu\n", badhost.reads);
	mutex_unlock(&lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(calls);

static void choose(const struct badhost_scenario *s)
{
	mutex_lock(&lock);
	badhost_forget();
	memset(badhost.calls, 0, sizeof(badhost.calls));
	badhost.reads = 0;
	badhost.phase = 0;
	badhost.event_due = false;
	badhost.scenario = s;
	mutex_unlock(&lock);
}

static ssize_t scenario_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	const struct badhost_scenario *s;
	char name[32];
	ssize_t len = simple_write_to_buffer(name, sizeof(name) - 1, pos, buf, count);

	if (len <= 0)
		return len;
	name[len] = '\0';
	for (s = badhost_scenarios; s->name; s++) {
		if (!sysfs_streq(name, s->name))
			continue;
		choose(s);
		return count;
	}
	return -ENOENT;
}

static const struct file_operations scenario_fops = {
	.owner	= THIS_MODULE,
	.open	= simple_open,
	.write	= scenario_write,
};

static int phase_set(void *data, u64 value)
{
	mutex_lock(&lock);
	badhost.phase = value;
	badhost.event_due = true;
	mutex_unlock(&lock);
	return 0;
}

static int phase_get(void *data, u64 *value)
{
	*value = badhost.phase;
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(phase_fops, phase_get, phase_set, "%llu\n");

static int __init badhost_init(void)
{
	int ret;

	badhost.scenario = badhost_scenarios;
	ret = kvm_pv_backend_register(&backend);
	if (ret)
		return ret;
	dir = debugfs_create_dir("iocore_badhost", NULL);
	debugfs_create_file("list", 0400, dir, NULL, &list_fops);
	debugfs_create_file("slots", 0400, dir, NULL, &slots_fops);
	debugfs_create_file("calls", 0400, dir, NULL, &calls_fops);
	debugfs_create_file("scenario", 0200, dir, NULL, &scenario_fops);
	debugfs_create_file_unsafe("phase", 0600, dir, NULL, &phase_fops);
	return 0;
}

static void __exit badhost_exit(void)
{
	debugfs_remove(dir);
	kvm_pv_backend_unregister(&backend);
}

module_init(badhost_init);
module_exit(badhost_exit);

MODULE_DESCRIPTION("A host that a guest of iocore should not trust");
MODULE_AUTHOR("The iocore developers");
MODULE_LICENSE("GPL");
