// SPDX-License-Identifier: GPL-2.0-only
/*
 * stats.c - sysfs attributes of a disk
 *
 * Documentation/ABI/testing/sysfs-block-iocore describes them.
 */
#include <linux/blkdev.h>
#include <linux/device.h>
#include <linux/sysfs.h>

#include "iocore_blk.h"

static struct iocore_disk *to_disk(struct device *dev)
{
	return dev_to_disk(dev)->private_data;
}

static ssize_t serial_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", to_disk(dev)->serial);
}
static DEVICE_ATTR_RO(serial);

#define IOCORE_COUNTER(name, field)						\
static ssize_t name##_show(struct device *dev, struct device_attribute *attr,	\
			   char *buf)						\
{										\
	struct iocore_disk *disk = to_disk(dev);				\
	u64 sum = 0;								\
	u32 i;									\
										\
	for (i = 0; i < disk->nr_queues; i++)					\
		sum += READ_ONCE(disk->queues[i]->field);			\
	return sysfs_emit(buf, "%llu\n", sum);					\
}										\
static DEVICE_ATTR_RO(name)

IOCORE_COUNTER(kicks, kicks);
IOCORE_COUNTER(notifications, notifications);
IOCORE_COUNTER(bad_completions, bad);

static struct attribute *serial_attrs[] = {
	&dev_attr_serial.attr,
	NULL
};

static const struct attribute_group serial_group = {
	.attrs = serial_attrs,
};

static struct attribute *iocore_attrs[] = {
	&dev_attr_kicks.attr,
	&dev_attr_notifications.attr,
	&dev_attr_bad_completions.attr,
	NULL
};

static const struct attribute_group iocore_group = {
	.name = "iocore",
	.attrs = iocore_attrs,
};

const struct attribute_group *iocore_disk_groups[] = {
	&serial_group,
	&iocore_group,
	NULL
};
