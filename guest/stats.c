// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sysfs attributes of a disk
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

/* @counter: a u64 of struct iocore_queue */
static ssize_t show_sum(struct device *dev, size_t counter, char *buf)
{
	struct iocore_disk *disk = to_disk(dev);
	u64 sum = 0;
	u32 i;

	for (i = 0; i < disk->nr_queues; i++)
		sum += READ_ONCE(*(u64 *)((void *)disk->queues[i] + counter));
	return sysfs_emit(buf, "%llu\n", sum);
}

static ssize_t kicks_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return show_sum(dev, offsetof(struct iocore_queue, kicks), buf);
}
static DEVICE_ATTR_RO(kicks);

static ssize_t notifications_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return show_sum(dev, offsetof(struct iocore_queue, notifications), buf);
}
static DEVICE_ATTR_RO(notifications);

static ssize_t bad_completions_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return show_sum(dev, offsetof(struct iocore_queue, bad), buf);
}
static DEVICE_ATTR_RO(bad_completions);

static ssize_t replayed_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return show_sum(dev, offsetof(struct iocore_queue, replayed), buf);
}
static DEVICE_ATTR_RO(replayed);

/* Completions that blk-mq's polling found in the queues for polling I/O. */
static ssize_t reaped_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return show_sum(dev, offsetof(struct iocore_queue, reaped), buf);
}
static DEVICE_ATTR_RO(reaped);

static const char * const cache_types[] = { "write back", "write through" };

static ssize_t cache_type_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", cache_types[iocore_cache_through(to_disk(dev))]);
}

static ssize_t cache_type_store(struct device *dev, struct device_attribute *attr,
				const char *buf, size_t count)
{
	int ret = sysfs_match_string(cache_types, buf);

	if (ret >= 0)
		ret = iocore_cache_set(to_disk(dev), ret);
	return ret ?: count;
}
static DEVICE_ATTR_RW(cache_type);

static const char *queue_notifier(const struct iocore_queue *q)
{
	if (iocore_queue_polled(q) || !READ_ONCE(q->home->registered))
		return "polled";
	return iocore_direct_active(q->home->cpu) ? "direct" : "injected";
}

/* One line for each CPU that hears of the disk's queues. */
static ssize_t notifier_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct iocore_disk *disk = to_disk(dev);
	const struct iocore_queue *q;
	int cpu, len = 0;
	u32 i;

	for_each_possible_cpu(cpu) {
		for (i = 0; i < disk->nr_queues; i++) {
			q = disk->queues[i];
			if (!q->home || q->home->cpu != cpu)
				continue;
			len += sysfs_emit_at(buf, len, "cpu %d %s\n", cpu, queue_notifier(q));
			break;
		}
	}
	return len;
}
static DEVICE_ATTR_RO(notifier);

static ssize_t state_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct iocore_disk *disk = to_disk(dev);
	const char *state = "live";

	if (iocore_disk_closed(disk))
		state = "gone";
	else if (iocore_disk_held(disk))
		state = "waiting";
	return sysfs_emit(buf, "%s\n", state);
}
static DEVICE_ATTR_RO(state);

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
	&dev_attr_notifier.attr,
	&dev_attr_reaped.attr,
	&dev_attr_cache_type.attr,
	&dev_attr_replayed.attr,
	&dev_attr_state.attr,
	NULL
};

static umode_t iocore_attr_mode(struct kobject *kobj, struct attribute *attr, int n)
{
	struct iocore_disk *disk = to_disk(kobj_to_dev(kobj));

	if (attr == &dev_attr_cache_type.attr && !iocore_cache_switchable(disk))
		return 0444;
	return attr->mode;
}

static const struct attribute_group iocore_group = {
	.name = "iocore",
	.attrs = iocore_attrs,
	.is_visible = iocore_attr_mode,
};

const struct attribute_group *iocore_disk_groups[] = {
	&serial_group,
	&iocore_group,
	NULL
};
