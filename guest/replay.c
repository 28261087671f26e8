// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disks that leave and come back
 *
 * A disk leaves when the host detaches it to attach it again, or is itself
 * replaced. The answer that says so promises that nothing touches the memory
 * that was given to the old attachment. So after a last look at the completion
 * queues each request either has ended, or has not been acknowledged and may be
 * submitted again: this takes it from rqs[] and gives it back to blk-mq, which
 * keeps it while the disk is held. A write may thus be carried out twice, but
 * never after its end was seen; a flush is submitted behind the writes that it
 * covers, as they had ended before.
 *
 * A request that waits is not started in the eyes of blk-mq: it has no time-out.
 *
 * All of this runs in the slot scan, under its lock, and allocates without I/O:
 * the memory that it wants may be on the disk that is held.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blk-mq.h>
#include <linux/jiffies.h>
#include <linux/string.h>

#include "iocore_blk.h"
#include "trace.h"

/* A disk that has to be there when this guest wakes up may take so long. */
#define IOCORE_WAKE_GRACE	(10 * HZ)

/* The host is done with the slot. Also for a disk that has half come back. */
void iocore_replay_hold(struct iocore_disk *disk)
{
	u32 i;

	if (!test_and_set_bit(IOCORE_BLK_HELD, &disk->flags)) {
		disk->left = jiffies;
		blk_mq_quiesce_queue(disk->gd->queue);
		trace_iocore_blk_hold(disk->info.slot, disk->info.epoch);
		if (!test_bit(IOCORE_BLK_ASLEEP, &disk->flags))
			pr_info_ratelimited("%s: has left, waiting for it\n",
					    disk->gd->disk_name);
	}
	iocore_disk_forget(disk);
	for (i = 0; i < disk->nr_queues; i++)
		iocore_queue_requeue(disk->queues[i]);
}

/* In seconds; 0: the disk does not come back. */
u32 iocore_replay_timeout(const struct iocore_disk_info *info)
{
	return iocore_features & IOCORE_F_REPLAY ? info->replay_timeout : 0;
}

/* One that never waits for its host does so for this guest's own suspend. */
static unsigned long patience(const struct iocore_disk *disk)
{
	if (!disk->info.replay_timeout && test_bit(IOCORE_BLK_ASLEEP, &disk->flags))
		return IOCORE_WAKE_GRACE;
	return (unsigned long)disk->info.replay_timeout * HZ;
}

bool iocore_replay_expired(const struct iocore_disk *disk)
{
	return iocore_disk_held(disk) && time_after_eq(jiffies, disk->left + patience(disk));
}

/* ---- is it the disk that left? ---- */

static const char *other_limits(const struct iocore_disk *disk,
				const struct iocore_disk_info *info, u32 max_depth)
{
	const struct iocore_disk_info *old = &disk->info;

	if (info->logical_block != old->logical_block)
		return "logical_block";
	if (info->dma_align & ~old->dma_align)
		return "dma_align";
	if (info->max_bytes < old->max_bytes)
		return "max_bytes";
	if (info->max_segs < old->max_segs)
		return "max_segs";
	if (info->max_queues < disk->nr_queues ||
	    (disk->nr_poll && !(iocore_features & IOCORE_F_QUEUE_POLL)))
		return "set of queues";
	if (min(info->max_depth, max_depth) < disk->depth)
		return "max_depth";
	if (info->max_discard < old->max_discard)
		return "max_discard";
	if (info->max_write_zeroes < old->max_write_zeroes)
		return "max_write_zeroes";
	return NULL;
}

/*
 * What users were told still has to hold: writable, which operations there are,
 * and a cache that is not volatile does not become so.
 */
static const char *other_flags(const struct iocore_disk *disk,
			       const struct iocore_disk_info *info)
{
	u32 lost = disk->info.flags & ~info->flags;
	bool switchable = info->flags & IOCORE_DISK_CACHE && iocore_features & IOCORE_F_CACHE;

	if (info->flags & ~disk->info.flags & IOCORE_DISK_READONLY)
		return "readonly";
	/* see iocore_cache_replay() */
	if (info->flags & IOCORE_DISK_FLUSH && iocore_cache_through(disk) && !switchable)
		return "write cache";
	if (lost & (IOCORE_DISK_FUA | IOCORE_DISK_UNMAP))
		return "set of operations";
	return NULL;
}

/* Returns what is not as it was, or NULL: the disk may go on with @info. */
const char *iocore_replay_differs(const struct iocore_disk *disk,
				  const struct iocore_disk_info *info, u32 max_depth)
{
	if (memcmp(info->serial, disk->info.serial, sizeof(info->serial)))
		return "serial";
	/* no name and no word that it would be back: who knows what this is */
	if (!disk->serial[0] && !iocore_disk_held(disk))
		return "attachment";
	return other_limits(disk, info, max_depth) ?: other_flags(disk, info);
}

/* ---- coming back ---- */

/* A new epoch: what the disk had under another one is no more. */
static void adopt(struct iocore_disk *disk, const struct iocore_disk_info *info)
{
	iocore_replay_hold(disk);
	disk->info.epoch = info->epoch;
}

/*
 * The disk is in its slot, under another epoch than it left, or under one under
 * which not all of its queues could be made so far. Fails if they still can't.
 */
int iocore_replay_return(struct iocore_disk *disk, const struct iocore_disk_info *info)
{
	int ret;

	/* another host may count its epochs as the last one did */
	if (test_and_clear_bit(IOCORE_BLK_ORPHAN, &disk->flags) ||
	    info->epoch != disk->info.epoch)
		adopt(disk, info);
	/* the last look may have found it broken */
	if (!iocore_disk_replayed(disk))
		return -EIO;
	ret = iocore_disk_bind(disk) ?: iocore_cache_replay(disk, info);
	if (ret)
		return ret;

	disk->info.replay_timeout = iocore_replay_timeout(info);
	clear_bit(IOCORE_BLK_HELD, &disk->flags);
	blk_mq_unquiesce_queue(disk->gd->queue);
	blk_mq_kick_requeue_list(disk->gd->queue);
	trace_iocore_blk_return(disk->info.slot, disk->info.epoch);
	if (!test_and_clear_bit(IOCORE_BLK_ASLEEP, &disk->flags))
		pr_info_ratelimited("%s: is back\n", disk->gd->disk_name);
	return 0;
}
