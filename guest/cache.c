// SPDX-License-Identifier: GPL-2.0-only
/*
 * The write cache of a disk: write back, or write through
 *
 * The block layer is told write back, always. If it were told write through, it
 * would drop flushes and FUA when a bio is submitted, and nobody knows how long
 * that bio waits until it is a request here: it may be carried out when the host
 * is in write back again. So in write through the driver ends flushes by itself,
 * iocore_cache_ends_flush(), and FUA goes to the host, to which it means nothing.
 *
 * The host is in write through before flushes end here, and they go to the host
 * before it is in write back:
 *
 *   BACK       flushes go to the host
 *   ASKING     they still do; the host is asked to go to write through, or
 *              whether it is there
 *   SETTLING   they still do; it is there. What was submitted before ends, and
 *              then is flushed
 *   THROUGH    flushes end here: what ended before is durable
 *
 * If the disk is replayed, iocore_cache_replay() sees the state: in ASKING it
 * waits for the outcome, or the host has answered for an epoch that is over, and
 * the answer is not used; from SETTLING on the host that has it now must go to
 * write through as well.
 *
 * A request that is sequenced of several (a flush, its data, for want of FUA a
 * flush behind them) may see one state after another. Each flush is right by
 * itself: if it meets THROUGH, the host was in write through when it carried out
 * whatever ended before.
 *
 * SETTLING waits for I/O, which may wait for a replay. Hence @cache_lock, which
 * no replay takes.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/workqueue.h>

#include "iocore_blk.h"

static void set_state(struct iocore_disk *disk, enum iocore_cache_state state)
{
	WRITE_ONCE(disk->cache_state, state);
}

/* What is submitted has ended, or has failed. */
static void drain(struct iocore_disk *disk)
{
	unsigned int memflags = blk_mq_freeze_queue(disk->gd->queue);

	blk_mq_unfreeze_queue(disk->gd->queue, memflags);
}

/*
 * The host is in write through, for what was submitted since. What was submitted
 * earlier may have missed the host's own flush, and no other may ever follow.
 * A replay may have taken SETTLING back.
 */
static int go_through(struct iocore_disk *disk)
{
	int ret;

	set_state(disk, IOCORE_CACHE_SETTLING);
	drain(disk);
	ret = blkdev_issue_flush(disk->gd->part0);
	if (!ret && cmpxchg(&disk->cache_state, IOCORE_CACHE_SETTLING,
			    IOCORE_CACHE_THROUGH) == IOCORE_CACHE_SETTLING)
		return 0;
	set_state(disk, IOCORE_CACHE_BACK);
	return ret ?: -EAGAIN;
}

/* Flushes go to the host, and do so until it has answered, or has switched. */
static void asking(struct iocore_disk *disk)
{
	set_state(disk, IOCORE_CACHE_ASKING);
	smp_mb();	/* before the host is asked; pairs with iocore_cache_replay() */
}

/*
 * The host has gone to write back without a word. What it has not made durable
 * since may have seen its flush end here: now it gets one.
 */
static int go_back(struct iocore_disk *disk)
{
	int ret;

	set_state(disk, IOCORE_CACHE_BACK);
	ret = blkdev_issue_flush(disk->gd->part0);
	if (ret)
		pr_err_ratelimited("%s: the host left write through, and its flush failed (%d)\n",
				   disk->gd->disk_name, ret);
	return ret;
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
		if (!was)
			set_state(disk, IOCORE_CACHE_BACK);
		return ret;
	}
	return through ? go_through(disk) : go_back(disk);
}

static void iocore_cache_work(struct work_struct *work)
{
	struct iocore_disk *disk = container_of(work, struct iocore_disk, cache);
	unsigned int noio;

	mutex_lock(&disk->cache_lock);
	noio = memalloc_noio_save();	/* the disk can't come back while the host is asked */
	follow_host(disk);	/* an error: the disk left, and a scan will come */
	memalloc_noio_restore(noio);
	mutex_unlock(&disk->cache_lock);
}

void iocore_cache_init(struct iocore_disk *disk)
{
	mutex_init(&disk->cache_lock);
	INIT_WORK(&disk->cache, iocore_cache_work);
}

/*
 * The scan has read @flags; it can't wait for I/O. A switch that is under way may
 * have been answered before: then the work looks again behind it.
 */
void iocore_cache_changed(struct iocore_disk *disk, u32 flags)
{
	bool back = flags & IOCORE_DISK_FLUSH;

	if (READ_ONCE(disk->cache_state) == (back ? IOCORE_CACHE_BACK : IOCORE_CACHE_THROUGH))
		return;
	queue_work(iocore_disk_wq, &disk->cache);
}

static int ask_host(struct iocore_disk *disk, bool write_back)
{
	return iocore_hc_cache(disk->info.slot, READ_ONCE(disk->info.epoch), write_back);
}

/* If it can't be done, the host does not stay where nobody wants it. */
static int set_through(struct iocore_disk *disk)
{
	int ret;

	if (iocore_cache_through(disk))
		return 0;
	asking(disk);
	ret = ask_host(disk, false);
	if (ret) {
		set_state(disk, IOCORE_CACHE_BACK);
		return ret;
	}
	ret = go_through(disk);
	if (ret)
		ask_host(disk, true);
	return ret;
}

/* If the host does not follow, we have to go where it is. */
static int set_back(struct iocore_disk *disk)
{
	int ret;

	if (!iocore_cache_through(disk))
		return 0;
	set_state(disk, IOCORE_CACHE_BACK);
	smp_mb();	/* what the host completes from now on meets BACK */
	ret = ask_host(disk, true);
	if (ret)
		follow_host(disk);
	return ret;
}

/* Of a user. */
int iocore_cache_set(struct iocore_disk *disk, bool through)
{
	unsigned int noio;
	int ret;

	if (!iocore_cache_switchable(disk))
		return -EOPNOTSUPP;
	ret = mutex_lock_interruptible(&disk->cache_lock);
	if (ret)
		return ret;
	noio = memalloc_noio_save();
	ret = through ? set_through(disk) : set_back(disk);
	memalloc_noio_restore(noio);
	mutex_unlock(&disk->cache_lock);
	return ret;
}

/*
 * The disk is back under the epoch of @info, and nothing was submitted yet: a
 * disk that was write through must be so again. Never waits for I/O. While the
 * host is asked, not yet: what it says may be about an epoch that is over. A
 * switch that is not complete is rather given up than the disk.
 */
int iocore_cache_replay(struct iocore_disk *disk, const struct iocore_disk_info *info)
{
	u32 state;
	int ret;

	smp_mb();	/* the new epoch is set; pairs with asking() */
	state = READ_ONCE(disk->cache_state);
	if (state == IOCORE_CACHE_BACK || !(info->flags & IOCORE_DISK_FLUSH))
		return 0;
	if (state == IOCORE_CACHE_ASKING)
		return -EBUSY;
	ret = iocore_hc_cache(info->slot, info->epoch, false);
	if (ret && cmpxchg(&disk->cache_state, IOCORE_CACHE_SETTLING,
			   IOCORE_CACHE_BACK) == IOCORE_CACHE_SETTLING)
		return 0;
	return ret;
}
