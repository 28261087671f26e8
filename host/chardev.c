// SPDX-License-Identifier: GPL-2.0-only
/*
 * chardev.c - /dev/iocore: binding disks to VMs
 */
#include <linux/compat.h>
#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "iocore.h"

static_assert(sizeof(struct iocore_features) == 24);
static_assert(offsetof(struct iocore_features, features) == 16);
static_assert(sizeof(struct iocore_attach) == 88);
static_assert(offsetof(struct iocore_attach, disk) == 16);
static_assert(offsetof(struct iocore_attach, notifier) == 80);
static_assert(sizeof(struct iocore_detach) == 80);
static_assert(offsetof(struct iocore_detach, disk) == 16);
static_assert(sizeof(struct iocore_queue_move) == 144);
static_assert(offsetof(struct iocore_queue_move, queue) == 12);
static_assert(offsetof(struct iocore_queue_move, disk) == 16);
static_assert(offsetof(struct iocore_queue_move, core) == 80);
static_assert(sizeof(struct iocore_allow) == 16);
static_assert(offsetof(struct iocore_allow, vm_fd) == 8);

/* Where the first version of the structure ended. */
#define IOCORE_ATTACH_MIN	offsetofend(struct iocore_attach, disk)

/* A call without the size that its structure has in the caller's header. */
#define IOCORE_CALL(cmd)	((cmd) & ~IOCSIZE_MASK)

/*
 * Each structure begins with its length and flags. Of a longer one than ours
 * the rest must be zero; what a shorter one than ours lacks is zero.
 */
static int iocore_copy_in(void *dst, size_t known, size_t min, u32 flags,
			  void __user *arg)
{
	u32 head[2];
	int ret;

	if (copy_from_user(head, arg, sizeof(head)))
		return -EFAULT;
	if (head[0] < min)
		return -EINVAL;
	if (head[0] > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(dst, known, arg, head[0]);
	if (ret)
		return ret;
	/* The copy is what is judged, whatever became of the original. */
	memcpy(head, dst, sizeof(head));
	return head[1] & ~flags ? -EINVAL : 0;
}

static bool iocore_name_ok(const char *name)
{
	return name[0] && strnlen(name, IOCORE_NAME_LEN) < IOCORE_NAME_LEN;
}

static long iocore_ioctl_features(struct iocore_features __user *arg)
{
	struct iocore_features p;
	int ret;

	ret = iocore_copy_in(&p, sizeof(p), sizeof(p), 0, arg);
	if (ret)
		return ret;

	p.len = sizeof(p);
	p.version = IOCORE_API_VERSION;
	p.ring_version = IOCORE_RING_VERSION;
	p.features = 0;
	return copy_to_user(arg, &p, sizeof(p)) ? -EFAULT : 0;
}

/* The file of a VM; its reference lasts as long as the call, no longer. */
static struct file *iocore_vm_file(int fd)
{
	struct file *file = fget(fd);

	if (file && file_is_kvm(file))
		return file;
	if (file)
		fput(file);
	return ERR_PTR(-EBADF);
}

static long iocore_ioctl_attach(struct iocore_attach __user *arg)
{
	struct iocore_attach p;
	struct file *file;
	struct kvm *kvm;
	int ret;

	ret = iocore_copy_in(&p, sizeof(p), IOCORE_ATTACH_MIN, 0, arg);
	if (ret)
		return ret;
	if (p.pad || p.notifier > IOCORE_NOTIFIER_NONE || !iocore_name_ok(p.disk))
		return -EINVAL;

	file = iocore_vm_file(p.vm_fd);
	if (IS_ERR(file))
		return PTR_ERR(file);
	kvm = file->private_data;
	ret = iocore_attach(kvm, p.disk, p.slot, p.notifier);
	if (ret < 0)
		goto out_put;

	if (put_user(ret, &arg->slot)) {
		iocore_detach_slot(kvm, ret);
		ret = -EFAULT;
		goto out_put;
	}
	ret = 0;

out_put:
	fput(file);
	return ret;
}

/* A pid of the caller's namespace as a tgid of the initial one; 0 if gone. */
static pid_t iocore_tgid(pid_t vpid)
{
	struct task_struct *task;
	pid_t tgid = 0;

	rcu_read_lock();
	task = pid_task(find_vpid(vpid), PIDTYPE_PID);
	if (task)
		tgid = task_tgid_nr(task);
	rcu_read_unlock();
	return tgid;
}

/* 0 where the caller names no process; -ENOENT. */
static pid_t iocore_vm_tgid(pid_t vpid)
{
	if (vpid < 0)
		return -EINVAL;
	return vpid ? iocore_tgid(vpid) ?: -ENOENT : 0;
}

static long iocore_ioctl_detach(struct iocore_detach __user *arg)
{
	struct iocore_detach p;
	pid_t tgid;
	int ret;

	ret = iocore_copy_in(&p, sizeof(p), sizeof(p), IOCORE_DETACH_KEEP, arg);
	if (ret)
		return ret;
	if (p.pad || !iocore_name_ok(p.disk))
		return -EINVAL;

	tgid = iocore_vm_tgid(p.vm_pid);
	if (tgid < 0)
		return tgid;
	return iocore_detach(tgid, p.disk, p.flags & IOCORE_DETACH_KEEP);
}

static long iocore_ioctl_queue_move(struct iocore_queue_move __user *arg)
{
	struct iocore_queue_move p;
	pid_t tgid;
	int ret;

	ret = iocore_copy_in(&p, sizeof(p), sizeof(p), 0, arg);
	if (ret)
		return ret;
	if (p.queue < -1 || !iocore_name_ok(p.disk) || !iocore_name_ok(p.core))
		return -EINVAL;

	tgid = iocore_vm_tgid(p.vm_pid);
	if (tgid < 0)
		return tgid;
	return iocore_move_queues(tgid, p.disk, p.queue, p.core);
}

static long iocore_ioctl_allow(struct iocore_allow __user *arg)
{
	struct iocore_allow p;
	struct file *file;
	int ret;

	ret = iocore_copy_in(&p, sizeof(p), sizeof(p), IOCORE_ALLOW_DIRECT, arg);
	if (ret)
		return ret;
	if (p.pad)
		return -EINVAL;

	file = iocore_vm_file(p.vm_fd);
	if (IS_ERR(file))
		return PTR_ERR(file);
	if (p.flags & IOCORE_ALLOW_DIRECT)
		ret = iocore_direct_allow(file->private_data);
	else
		iocore_direct_deny(file->private_data);
	fput(file);
	return ret;
}

static long iocore_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;

	switch (IOCORE_CALL(cmd)) {
	case IOCORE_CALL(IOCORE_GET_FEATURES):
		return iocore_ioctl_features(argp);
	case IOCORE_CALL(IOCORE_ATTACH):
		return iocore_ioctl_attach(argp);
	case IOCORE_CALL(IOCORE_DETACH):
		return iocore_ioctl_detach(argp);
	case IOCORE_CALL(IOCORE_QUEUE_MOVE):
		return iocore_ioctl_queue_move(argp);
	case IOCORE_CALL(IOCORE_ALLOW):
		return iocore_ioctl_allow(argp);
	default:
		return -ENOTTY;
	}
}

static int iocore_open(struct inode *inode, struct file *file)
{
	return capable(CAP_SYS_ADMIN) ? nonseekable_open(inode, file) : -EPERM;
}

static const struct file_operations iocore_fops = {
	.owner		= THIS_MODULE,
	.open		= iocore_open,
	.unlocked_ioctl	= iocore_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice iocore_misc = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "iocore",
	.fops	= &iocore_fops,
	.mode	= 0600,
};

int iocore_chardev_init(void)
{
	return misc_register(&iocore_misc);
}

void iocore_chardev_exit(void)
{
	misc_deregister(&iocore_misc);
}
