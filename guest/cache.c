// SPDX-License-Identifier: GPL-2.0-only
/*
 * The write cache of a disk: write back, or write through
 *
 * The block layer drops flushes of a disk that it was told is write through. So
 * the host is in write through before the block layer hears of it, and the block
 * layer is in write back before the host is. Before the host is asked to go to
 * write through, or asked whether it is there, @cache_state is ASKING, and THROUGH
 * before the answer is acted on: if the disk is replayed at that moment,
 * iocore_cache_replay() sees it and waits for the outcome, or the host has answered
 * for an epoch that is over, and the answer is not used.
 *
 * The block layer drops FUA and flushes when a bio is submitted, which may then
 * wait for a frozen queue. So those that the way back to write back lets go are
 * durable by our own doing for a while, @durable_until.
 *
 * Changing the limits of a queue waits for its I/O, which may wait for a replay.
 * Hence @cache_lock, which no replay takes.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "iocore_blk.h"

/* Much longer than a task that was woken takes to submit its bio. */
#define IOCORE_CACHE_SETTLE	(5 * HZ)

static void set_state(struct iocore_disk *disk, enum iocore_cache_state state)
{
	WRITE_ONCE(disk->cache_state, state);
}

static int tell_block_layer(struct iocore_disk *disk, bool through)
{
	struct queue_limits lim = queue_limits_start_update(disk->gd->queue);

	iocore_limits_cache(disk, through, &lim);
	return queue_limits_commit_update_frozen(disk->gd->queue, &lim);
}

static int go_back(struct iocore_disk *disk)
{
	int ret = tell_block_layer(disk, false);

	if (ret)
		return ret;
	WRITE_ONCE(disk->durable_until, jiffies + IOCORE_CACHE_SETTLE);
	set_state(disk, IOCORE_CACHE_BACK);
	return 0;
}

/*
 * The host is in write through, for what was submitted since. Before the block
 * layer drops flushes, what was submitted earlier has to end, which an update of
 * its limits waits for, and to be flushed: no other flush may ever follow.
 */
static int go_through(struct iocore_disk *disk)
{
	int ret;

	set_state(disk, IOCORE_CACHE_THROUGH);
	ret = tell_block_layer(disk, false);
	if (!ret)
		ret = blkdev_issue_flush(disk->gd->part0);
	if (!ret)
		ret = tell_block_layer(disk, true);
	if (ret)
		set_state(disk, IOCORE_CACHE_BACK);
	return ret;
}

/* The block layer is told write back, and stays so until the host has answered. */
static void asking(struct iocore_disk *disk)
{
	set_state(disk, IOCORE_CACHE_ASKING);
	smp_mb();	/* before the host answers, or switches; see above */
}

/* Follow what the host says now. */
static int follow_host(struct iocore_disk *disk)
{
	bool through, was = iocore_cache_through(disk);
	struct iocore_disk_info info;
	int ret;

	lockdep_assert_held(&disk->cache_lock);
	if (!was)
		asking(disk);
	ret = iocore_hc_disk_get(disk->info.slot, &info);
	if (!ret && info.epoch != READ_ONCE(disk->info.epoch))
		ret = -ESTALE;
	through = !ret && !(info.flags & IOCORE_DISK_FLUSH);
	if (ret || through == was) {
		set_state(disk, was ? IOCORE_CACHE_THROUGH : IOCORE_CACHE_BACK);
		return ret;
	}
	return through ? go_through(disk) : go_back(disk);
}

static void iocore_cache_work(struct work_struct *work)
{
	struct iocore_disk *disk = container_of(work, struct iocore_disk, cache);

	mutex_lock(&disk->cache_lock);
	follow_host(disk);	/* an error: the disk left, and a scan will come */
	mutex_unlock(&disk->cache_lock);
}

void iocore_cache_init(struct iocore_disk *disk)
{
	mutex_init(&disk->cache_lock);
	INIT_WORK(&disk->cache, iocore_cache_work);
}

/* The scan has read @flags; it can't wait for I/O. */
void iocore_cache_changed(struct iocore_disk *disk, u32 flags)
{
	if (iocore_cache_through(disk) == !(flags & IOCORE_DISK_FLUSH))
		return;
	queue_work(iocore_disk_wq, &disk->cache);
}

static int set_through(struct iocore_disk *disk)
{
	int ret;

	if (iocore_cache_through(disk))
		return 0;
	asking(disk);
	ret = iocore_hc_cache(disk->info.slot, READ_ONCE(disk->info.epoch), false);
	if (ret) {
		set_state(disk, IOCORE_CACHE_BACK);
		return ret;
	}
	return go_through(disk);
}

/* If the host does not follow, the block layer has to go where the host is. */
static int set_back(struct iocore_disk *disk)
{
	int ret;

	if (!iocore_cache_through(disk))
		return 0;
	ret = go_back(disk);
	if (ret)
		return ret;
	ret = iocore_hc_cache(disk->info.slot, READ_ONCE(disk->info.epoch), true);
	if (ret)
		follow_host(disk);
	return ret;
}

/* Of a user. */
int iocore_cache_set(struct iocore_disk *disk, bool through)
{
	int ret;

	if (!iocore_cache_switchable(disk))
		return -EOPNOTSUPP;
	ret = mutex_lock_interruptible(&disk->cache_lock);
	if (ret)
		return ret;
	ret = through ? set_through(disk) : set_back(disk);
	mutex_unlock(&disk->cache_lock);
	return ret;
}

/*
 * The disk is back under the epoch of @info, and nothing was submitted yet: a
 * disk that was write through must be so again. Never waits for I/O. While the
 * host is asked, not yet: what it says may be about an epoch that is over.
 */
int iocore_cache_replay(struct iocore_disk *disk, const struct iocore_disk_info *info)
{
	u32 state = READ_ONCE(disk->cache_state);

	if (state == IOCORE_CACHE_BACK || !(info->flags & IOCORE_DISK_FLUSH))
		return 0;
	if (state == IOCORE_CACHE_ASKING)
		return -EBUSY;
	return iocore_hc_cache(info->slot, info->epoch, false);
}
