// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host says of a disk: check it, and tell the block layer
 *
 * Numbers that are merely large are clamped. Numbers that make no sense refuse
 * the disk, with a line that says which.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/cpumask.h>
#include <linux/ctype.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>

#include "iocore_blk.h"

#define IOCORE_DISK_FLAGS	(IOCORE_DISK_READONLY | IOCORE_DISK_FLUSH | IOCORE_DISK_POLL | \
				 IOCORE_DISK_FUA | IOCORE_DISK_UNMAP | IOCORE_DISK_CACHE)
#define IOCORE_IO_OPT_MAX	(64U << 20)

static unsigned int poll_queues;
module_param(poll_queues, uint, 0644);
MODULE_PARM_DESC(poll_queues, "queues of each disk that are for polling I/O alone, default 0");

static const char *bad_blocks(const struct iocore_disk_info *info)
{
	if (!is_power_of_2(info->logical_block) || info->logical_block < SECTOR_SIZE ||
	    info->logical_block > PAGE_SIZE)
		return "logical_block";
	if (!is_power_of_2(info->physical_block) || info->physical_block < info->logical_block ||
	    info->physical_block > IOCORE_IO_OPT_MAX)
		return "physical_block";
	if (info->capacity > LLONG_MAX >> SECTOR_SHIFT ||
	    info->capacity & ((info->logical_block >> SECTOR_SHIFT) - 1))
		return "capacity";
	return NULL;
}

static const char *bad_requests(const struct iocore_disk_info *info)
{
	if (!is_power_of_2((u64)info->dma_align + 1) || info->dma_align >= PAGE_SIZE)
		return "dma_align";
	if (info->max_bytes < PAGE_SIZE)
		return "max_bytes";
	if (!info->max_segs)
		return "max_segs";
	if (!info->max_queues)
		return "max_queues";
	if (info->max_depth < IOCORE_MIN_DEPTH)
		return "max_depth";
	return NULL;
}

static void copy_serial(struct iocore_disk *disk)
{
	unsigned int i;

	for (i = 0; i < IOCORE_SERIAL_LEN && disk->info.serial[i]; i++) {
		char c = disk->info.serial[i];

		disk->serial[i] = isascii(c) && isprint(c) ? c : '?';
	}
	disk->serial[i] = '\0';
}

/* A flag of a feature that was not negotiated means nothing. */
bool iocore_limits_polled(u32 flags)
{
	return flags & IOCORE_DISK_POLL && iocore_features & IOCORE_F_POLL;
}

/* A hint that makes no sense is as good as none. */
static u32 hint(const struct iocore_disk_info *info, u32 bytes, u32 unit, const char *what)
{
	if (bytes <= IOCORE_IO_OPT_MAX && bytes % unit == 0)
		return bytes;
	if (iocore_may_say())
		pr_info("slot %u: the host's %s of %u makes no sense, ignored\n", info->slot,
			what, bytes);
	return 0;
}

static void clamp_hints(struct iocore_disk_info *info)
{
	u32 block = info->logical_block;

	info->io_min = hint(info, info->io_min, info->physical_block, "io_min");
	info->io_opt = hint(info, info->io_opt, info->physical_block, "io_opt");
	info->max_discard = round_down(info->max_discard, block);
	info->max_write_zeroes = round_down(info->max_write_zeroes, block);
	info->discard_granularity = hint(info, info->discard_granularity, block,
					 "discard_granularity");
	info->align_offset = hint(info, info->align_offset, block, "align_offset") &
			     (info->physical_block - 1);
}

/*
 * A queue for each CPU that is online; with fewer, CPUs share. At least one is
 * left for I/O that does not poll.
 */
static void choose_queues(struct iocore_disk *disk)
{
	u32 max = disk->info.max_queues;

	disk->nr_poll = 0;
	if (iocore_features & IOCORE_F_QUEUE_POLL)
		disk->nr_poll = min3(READ_ONCE(poll_queues), max - 1, num_online_cpus());
	disk->nr_queues = min(max - disk->nr_poll, num_online_cpus()) + disk->nr_poll;
}

/* Check and clamp @disk->info in place; choose the number and depth of queues. */
int iocore_limits_check(struct iocore_disk *disk, u32 max_depth)
{
	struct iocore_disk_info *info = &disk->info;
	const char *bad = bad_blocks(info) ?: bad_requests(info);

	if (bad) {
		if (iocore_may_say())
			pr_err("slot %u: the host's %s makes no sense, disk refused\n",
			       info->slot, bad);
		return -EINVAL;
	}
	if (info->flags & ~IOCORE_DISK_FLAGS && iocore_may_say())
		pr_info("slot %u: ignoring unknown flags %#x\n", info->slot,
			info->flags & ~IOCORE_DISK_FLAGS);

	clamp_hints(info);
	info->max_bytes = round_down(min(info->max_bytes, IOCORE_MAX_BYTES), info->logical_block);
	info->max_segs = min(info->max_segs, IOCORE_MAX_SEGS);
	choose_queues(disk);
	disk->depth = rounddown_pow_of_two(min3(info->max_depth, max_depth, IOCORE_BLK_DEPTH));
	disk->polled = iocore_limits_polled(info->flags);
	disk->cache_state = info->flags & IOCORE_DISK_FLUSH ? IOCORE_CACHE_BACK :
							      IOCORE_CACHE_THROUGH;
	copy_serial(disk);
	return 0;
}

void iocore_limits_fill(const struct iocore_disk *disk, struct queue_limits *lim)
{
	const struct iocore_disk_info *info = &disk->info;

	*lim = (struct queue_limits){
		.logical_block_size	= info->logical_block,
		.physical_block_size	= info->physical_block,
		.io_min			= info->io_min,
		.io_opt			= info->io_opt,
		.alignment_offset	= info->align_offset,
		.max_hw_sectors		= info->max_bytes >> SECTOR_SHIFT,
		.max_segments		= info->max_segs,
		.max_segment_size	= info->max_bytes,
		/* the protocol wants segments of whole sectors */
		.dma_alignment		= info->dma_align | (SECTOR_SIZE - 1),
		.max_hw_discard_sectors	= info->max_discard >> SECTOR_SHIFT,
		.discard_granularity	= info->discard_granularity ?: info->logical_block,
		.max_write_zeroes_sectors = info->max_write_zeroes >> SECTOR_SHIFT,
	};
	/* whatever the cache is: see cache.c */
	lim->features |= BLK_FEAT_WRITE_CACHE;
	if (info->flags & IOCORE_DISK_FUA)
		lim->features |= BLK_FEAT_FUA;
}
