// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loading the driver: is there a host, and does it speak our language
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/cc_platform.h>
#include <linux/kvm_para.h>
#include <linux/module.h>
#include <linux/ratelimit.h>
#include <linux/syscore_ops.h>
#include <linux/workqueue.h>
#include <uapi/linux/kvm_para.h>

#include "iocore_blk.h"

#define IOCORE_BLK_VERSION	"0.1"
#define IOCORE_BLK_FEATURES	(IOCORE_F_DIRECT | IOCORE_F_POLL | IOCORE_F_QUEUE_POLL | \
				 IOCORE_F_CACHE | IOCORE_F_REPLAY)

struct workqueue_struct *iocore_wq;
struct workqueue_struct *iocore_disk_wq;
int iocore_major;
u64 iocore_features;

/*
 * Lines for which the host alone decides how often they come, and which all disks
 * may need at once.
 */
bool iocore_may_say(void)
{
	static DEFINE_RATELIMIT_STATE(limit, 60 * HZ, IOCORE_MAX_DISKS);

	return __ratelimit(&limit);
}

static const char *refusal(int ret)
{
	switch (ret) {
	case -KVM_ENOSYS:
		return "the host has no iocore";
	case -EOPNOTSUPP:
		return "the host can't serve this VM";
	case -EINVAL:
		return "the host no longer speaks this driver's ring version";
	case -EPERM:
		return "the host refuses this VM";
	default:
		return "no usable answer from the host";
	}
}

/* Negotiate. If the host won't do, @why says so. */
int iocore_identify(struct iocore_identify *id, const char **why)
{
	int ret;

	*id = (struct iocore_identify){
		.version = IOCORE_RING_VERSION,
		.features = IOCORE_BLK_FEATURES,
	};
	ret = iocore_hc_identify(id);
	*why = NULL;
	if (ret)
		*why = refusal(ret);
	else if (id->version != IOCORE_RING_VERSION)
		*why = "the host speaks another ring version";
	else if (id->features & ~IOCORE_BLK_FEATURES)
		*why = "the host insists on features that were not offered";
	else if (id->max_depth < IOCORE_MIN_DEPTH)
		*why = "the host's queues are too short";
	return *why ? ret ?: -EPROTO : 0;
}

static const char *find_host(struct iocore_identify *id)
{
	const char *why;

	if (!kvm_para_available())
		return "this is not a KVM guest";
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT))
		return "this guest's memory is encrypted, the host can't do its I/O";
	iocore_identify(id, &why);
	return why;
}

/*
 * Late in shutdown, reboot and kexec: the host drops the queues, so that no
 * I/O lands in memory that the next kernel owns.
 */
static void iocore_shutdown(void *data)
{
	iocore_slots_shutdown();
	iocore_hc_reset();
}

static const struct syscore_ops iocore_syscore_ops = {
	.shutdown = iocore_shutdown,
};

static struct syscore iocore_syscore = {
	.ops = &iocore_syscore_ops,
};

static int __init iocore_init(void)
{
	struct iocore_identify id;
	const char *why = find_host(&id);
	int ret;

	if (why) {
		pr_info("not loaded: %s\n", why);
		return -ENODEV;
	}
	/* what a kernel before us left, if it crashed */
	ret = iocore_hc_reset();
	if (ret) {
		pr_err("the host does not reset (%d)\n", ret);
		return ret;
	}

	iocore_wq = alloc_workqueue("iocore", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!iocore_wq)
		return -ENOMEM;
	iocore_disk_wq = alloc_workqueue("iocore_disk", WQ_UNBOUND, 0);
	if (!iocore_disk_wq) {
		ret = -ENOMEM;
		goto err_wq;
	}
	iocore_major = register_blkdev(0, "iocore");
	if (iocore_major < 0) {
		ret = iocore_major;
		goto err_disk_wq;
	}
	iocore_slots_init(&id);
	iocore_direct_init();
	ret = iocore_notify_init();
	if (ret)
		goto err_notify;
	ret = iocore_pm_init();
	if (ret)
		goto err_pm;
	register_syscore(&iocore_syscore);
	iocore_slots_start();
	return 0;

err_pm:
	iocore_notify_exit();
err_notify:
	iocore_slots_exit();
	unregister_blkdev(iocore_major, "iocore");
err_disk_wq:
	destroy_workqueue(iocore_disk_wq);
err_wq:
	destroy_workqueue(iocore_wq);
	return ret;
}

static void __exit iocore_exit(void)
{
	iocore_slots_stop();
	unregister_syscore(&iocore_syscore);
	iocore_pm_exit();
	iocore_notify_exit();
	iocore_slots_exit();
	unregister_blkdev(iocore_major, "iocore");
	destroy_workqueue(iocore_disk_wq);
	destroy_workqueue(iocore_wq);
}

module_init(iocore_init);
module_exit(iocore_exit);

MODULE_DESCRIPTION("Block driver for guests of a KVM host with iocore");
MODULE_AUTHOR("The iocore developers");
MODULE_VERSION(IOCORE_BLK_VERSION);
MODULE_LICENSE("GPL");
