// SPDX-License-Identifier: GPL-2.0-only
/*
 * Suspend and hibernation of the guest
 *
 * The guest may come back to a host that has forgotten it: waking a VM from S3 is
 * a reset of its vCPUs, and an image is restored in a new VM. And the host must
 * not touch the memory of a kernel that has been written to an image, or is about
 * to be replaced by one. So at each of these the queues run dry, the host is
 * reset, and all disks are held as replay.c does; on the way back this guest
 * introduces itself again, and the disks come back as they do to a new host.
 *
 * Disks have no power states of their own: one device stands for all.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/device.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/pm.h>
#include <linux/slab.h>

#include "iocore_blk.h"

static struct device *iocore_dev;

static int iocore_suspend(struct device *dev)
{
	return iocore_slots_sleep();
}

static int iocore_resume(struct device *dev)
{
	iocore_slots_wake();
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(iocore_pm_ops, iocore_suspend, iocore_resume);

static const struct device_type iocore_device_type = {
	.name	= KBUILD_MODNAME,
	.pm	= pm_sleep_ptr(&iocore_pm_ops),
};

static void iocore_device_release(struct device *dev)
{
	kfree(dev);
}

int iocore_pm_init(void)
{
	struct device *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	int ret;

	if (!dev)
		return -ENOMEM;
	device_initialize(dev);
	dev->type = &iocore_device_type;
	dev->release = iocore_device_release;
	ret = dev_set_name(dev, KBUILD_MODNAME);
	if (!ret)
		ret = device_add(dev);
	if (ret) {
		put_device(dev);
		return ret;
	}
	iocore_dev = dev;
	return 0;
}

/* Waits for a callback that is under way. */
void iocore_pm_exit(void)
{
	device_unregister(iocore_dev);
}
