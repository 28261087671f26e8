// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's disk slots: which disks come and go, and whether there is a host
 *
 * One work item, the scan, reads the slots whenever the host says that
 * something changed, and stops disks that are broken or gone. It never waits
 * for I/O, as the end of that I/O may depend on it: what may wait (making and
 * freeing a disk, partition scan, deleting a disk in use) runs in work items of
 * its own. Those wait for I/O through CPU hotplug too, which waits for the
 * requests of a CPU that goes. A slot is free again when its disk's removal is
 * done.
 *
 * There is no event for what comes back: while a disk is held, or the host is
 * lost, the scan asks again by itself.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/sched/mm.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <uapi/linux/kvm_para.h>

#include "iocore_blk.h"

#define IOCORE_STOP_RETRY	HZ
/* asking again: first after so long, then twice as long each time, up to this */
#define IOCORE_AGAIN_MIN	(HZ / 10)
#define IOCORE_AGAIN_MAX	((unsigned long)HZ)
/* A host may say so often a second that something changed, or else waits so long. */
#define IOCORE_EVENTS		100
#define IOCORE_EVENTS_PAUSE	(HZ / 10)
/* ... and change what is in a slot, or its size, once in so long. */
#define IOCORE_SLOT_PAUSE	(HZ / 10)
/* The backend may take so long to end what is in flight, else there is no suspend. */
#define IOCORE_DRAIN		(20 * HZ)
#define IOCORE_DRAIN_MS		5

/**
 * struct iocore_slot - what this guest has in a slot
 * @disk:	as far as it is made and not yet being freed
 * @busy:	a disk is being made or freed
 * @refused:	the attachment @info.epoch was refused
 * @failed:	the last attachment of which no disk could be made
 * @next:	when it may change again, in jiffies
 * @info:	of the disk that is made or was refused
 * @make:	makes the disk; may wait for I/O
 */
struct iocore_slot {
	struct iocore_disk *disk;
	bool busy;
	bool refused;
	u64 failed;
	unsigned long next;
	struct iocore_disk_info info;
	struct work_struct make;
};

/* protects the slots, and serialises iocore_disk_stop() and replay.c */
static DEFINE_MUTEX(slots_lock);
static struct iocore_slot slots[IOCORE_MAX_DISKS];
static u32 nr_slots;
static u32 max_depth;
static unsigned int nr_disks;	/* slots in use or busy */
static bool stopping = true;	/* no new disks: not started yet, or unloading */
static bool asleep;		/* suspended or at its end: the scan rests */
static bool host_lost;
static bool host_refused;	/* said that the one that came won't do */
static unsigned long again = IOCORE_AGAIN_MIN;
static bool look_at_all;
static DECLARE_WAIT_QUEUE_HEAD(slots_empty);

static void scan_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(scan, scan_work);

/* Any context. A storm of events must not become one of scans. */
void iocore_slots_kick(void)
{
	/* never released: silent */
	static struct ratelimit_state limit =
		RATELIMIT_STATE_INIT_FLAGS(limit, HZ, IOCORE_EVENTS, RATELIMIT_MSG_ON_RELEASE);

	WRITE_ONCE(look_at_all, true);
	if (__ratelimit(&limit))
		mod_delayed_work(iocore_wq, &scan, 0);
	else
		queue_delayed_work(iocore_wq, &scan, IOCORE_EVENTS_PAUSE);
}

/* A slot that changes without end costs no more than some work and some lines. */
static bool may_change(struct iocore_slot *s)
{
	if (time_before(jiffies, s->next)) {
		WRITE_ONCE(look_at_all, true);
		queue_delayed_work(iocore_wq, &scan, IOCORE_SLOT_PAUSE);
		return false;
	}
	s->next = jiffies + IOCORE_SLOT_PAUSE;
	return true;
}

static void start_removal(struct iocore_disk *disk)
{
	if (!test_and_set_bit(IOCORE_BLK_REMOVING, &disk->flags))
		queue_work(iocore_disk_wq, &disk->remove);
}

/* ---- disks that leave ---- */

static void disk_give_up(struct iocore_disk *disk, const char *why)
{
	if (test_and_set_bit(IOCORE_BLK_GONE, &disk->flags))
		return;
	if (iocore_may_say())
		pr_info("%s: %s\n", disk->gd->disk_name, why);
	iocore_disk_stop(disk);
	start_removal(disk);
}

/* The host has promised that it is done with the slot's memory. */
static void disk_gone(struct iocore_disk *disk, const char *why)
{
	iocore_disk_forget(disk);
	disk_give_up(disk, why);
}

static bool may_return(const struct iocore_disk *disk)
{
	return !stopping && iocore_disk_replayed(disk) &&
	       !test_bit(IOCORE_BLK_REMOVING, &disk->flags);
}

/* The same promise, but it may come back. The last look may find it broken. */
static void disk_left(struct iocore_disk *disk)
{
	if (may_return(disk)) {
		if (!iocore_disk_held(disk))
			again = IOCORE_AGAIN_MIN;
		iocore_replay_hold(disk);
	}
	if (!may_return(disk))
		disk_gone(disk, "detached by the host");
}

/* The host that knew it is no more. */
static void orphan(struct iocore_disk *disk)
{
	set_bit(IOCORE_BLK_ORPHAN, &disk->flags);
	disk_left(disk);
}

static void disk_failed(struct iocore_disk *disk)
{
	int ret = iocore_disk_stop(disk);

	if (!ret)
		return;
	pr_warn_ratelimited("%s: the host does not give the queues back (%d), trying again\n",
			    disk->gd->disk_name, ret);
	queue_delayed_work(iocore_wq, &scan, IOCORE_STOP_RETRY);
}

/* ---- disks that are there ---- */

/* The uevent takes a lock whose owner may wait for a disk that is held. */
static void disk_resize(struct iocore_disk *disk, u64 capacity)
{
	u32 block = disk->info.logical_block >> SECTOR_SHIFT;

	if (capacity == disk->info.capacity || capacity > LLONG_MAX >> SECTOR_SHIFT ||
	    capacity & (block - 1) || !may_change(&slots[disk->info.slot]))
		return;
	WRITE_ONCE(disk->info.capacity, capacity);
	queue_work(iocore_disk_wq, &disk->resize);
}

/*
 * The host may have stopped or begun to notify. Either way one look finds what
 * was completed before; from now on submission starts the poller, or needn't.
 */
static void disk_polling(struct iocore_disk *disk, bool polled)
{
	u32 i;

	if (polled == disk->polled)
		return;
	WRITE_ONCE(disk->polled, polled);
	smp_mb();	/* pairs with the one in sq_publish() */
	for (i = 0; i < disk->nr_queues - disk->nr_poll; i++)
		iocore_notify_poll(disk->queues[i]->home, 0);
}

/* Another epoch, or one under which the disk has not come back yet. */
static void disk_return(struct iocore_disk *disk, const struct iocore_disk_info *info)
{
	const char *other;
	int ret;

	if (info->epoch != disk->info.epoch)
		iocore_disk_forget(disk);
	if (!may_return(disk)) {
		disk_give_up(disk, "detached by the host");
		return;
	}
	other = iocore_replay_differs(disk, info, max_depth);
	if (other) {
		if (iocore_may_say())
			pr_err("%s: another disk is in its slot, with another %s\n",
			       disk->gd->disk_name, other);
		disk_give_up(disk, "detached by the host");
		return;
	}
	/* some of the queues may exist, of which the host has promised nothing */
	ret = iocore_replay_return(disk, info);
	if (ret && !may_return(disk))
		disk_give_up(disk, "detached by the host");
	else if (ret)
		pr_warn_ratelimited("%s: can't come back yet (%d)\n", disk->gd->disk_name, ret);
}

static void disk_new(struct iocore_slot *s, const struct iocore_disk_info *info)
{
	if (stopping || s->busy || (s->refused && s->info.epoch == info->epoch) ||
	    !may_change(s))
		return;
	s->busy = true;
	s->refused = false;
	s->info = *info;
	WRITE_ONCE(nr_disks, nr_disks + 1);
	queue_work(iocore_disk_wq, &s->make);
}

static void say_new(const struct iocore_disk *disk)
{
	if (iocore_may_say())
		pr_info("%s: %llu sectors, %u queues of %u%s%s\n", disk->gd->disk_name,
			disk->info.capacity, disk->nr_queues, disk->depth,
			disk->info.flags & IOCORE_DISK_READONLY ? ", read-only" : "",
			disk->polled ? ", polled" : "");
}

/*
 * What makes no sense is refused for good; anything else may pass. ENOENT, ESTALE:
 * detached meanwhile, and an event is under way.
 */
static void make_failed(struct iocore_slot *s, int ret)
{
	if (s->failed != s->info.epoch && iocore_may_say())
		pr_err("slot %u: can't use the disk (%d)\n", s->info.slot, ret);
	s->failed = s->info.epoch;
	s->refused = ret == -EINVAL || ret == -EIO;
	s->next = jiffies + IOCORE_AGAIN_MAX;
	WRITE_ONCE(nr_disks, nr_disks - 1);
	wake_up(&slots_empty);
}

static void make_work(struct work_struct *work)
{
	struct iocore_slot *s = container_of(work, struct iocore_slot, make);
	struct iocore_disk *disk = iocore_disk_create(&s->info, READ_ONCE(max_depth));

	mutex_lock(&slots_lock);
	s->busy = false;
	wake_up(&slots_empty);
	if (IS_ERR(disk)) {
		make_failed(s, PTR_ERR(disk));
	} else {
		s->disk = disk;
		say_new(disk);
		queue_work(iocore_disk_wq, &disk->add);
		if (host_lost)
			orphan(disk);
		if (stopping)
			start_removal(disk);
	}
	mutex_unlock(&slots_lock);
	iocore_slots_kick();	/* what happened to the slot meanwhile? */
}

/* Nobody can see it: the slot is freed, and tried again. */
void iocore_slots_not_added(struct iocore_disk *disk, int ret)
{
	struct iocore_slot *s = &slots[disk->info.slot];

	mutex_lock(&slots_lock);
	if (s->failed != disk->info.epoch && iocore_may_say())
		pr_err("slot %u: can't add the disk (%d)\n", disk->info.slot, ret);
	s->failed = disk->info.epoch;
	s->next = jiffies + IOCORE_AGAIN_MAX;
	disk_give_up(disk, "could not be added");
	mutex_unlock(&slots_lock);
}

/* ---- the host ---- */

/* It has left, or another has come that knows neither us nor our memory. */
static void lose_host(int ret)
{
	u32 nr;

	if (!host_lost && ret == -KVM_ENOSYS)
		pr_info_ratelimited("the host has left, waiting for it\n");
	host_lost = true;
	host_refused = false;
	again = IOCORE_AGAIN_MIN;
	for (nr = 0; nr < IOCORE_MAX_DISKS; nr++) {
		slots[nr].refused = false;
		if (slots[nr].disk)
			orphan(slots[nr].disk);
	}
}

/* Introduce this guest and its vCPUs to whoever is there now. */
static bool find_host(void)
{
	struct iocore_identify id;
	const char *why;
	int ret = iocore_identify(&id, &why);

	if (ret) {
		if (ret != -KVM_ENOSYS && !host_refused)
			pr_warn_ratelimited("a host that won't do: %s\n", why);
		host_refused = ret != -KVM_ENOSYS;
		return false;
	}
	iocore_slots_init(&id);
	if (iocore_notify_renew())
		return false;
	iocore_direct_renew();
	host_lost = false;
	WRITE_ONCE(look_at_all, true);
	pr_info_ratelimited("the host knows this guest again\n");
	return true;
}

/* ---- the scan ---- */

/* What DISK_GET says of a slot with a disk that is in use. */
static void scan_disk(struct iocore_disk *disk, int ret, const struct iocore_disk_info *info)
{
	if (ret == -EAGAIN) {
		clear_bit(IOCORE_BLK_ORPHAN, &disk->flags);
		disk_left(disk);
	} else if (ret) {
		if (!test_bit(IOCORE_BLK_ORPHAN, &disk->flags))
			disk_gone(disk, "detached by the host");
	} else if (info->epoch != disk->info.epoch || iocore_disk_held(disk)) {
		disk_return(disk, info);
	}
	if (ret || test_bit(IOCORE_BLK_REMOVING, &disk->flags) || iocore_disk_held(disk))
		return;
	disk_resize(disk, info->capacity);
	disk_polling(disk, iocore_limits_polled(info->flags));
	iocore_cache_changed(disk, info->flags);
}

static void scan_slot(u32 nr)
{
	struct iocore_slot *s = &slots[nr];
	struct iocore_disk_info info;
	int ret = iocore_hc_disk_get(nr, &info);

	info.slot = nr;
	if (iocore_hc_lost(ret)) {
		lose_host(ret);
		return;
	}
	/* being detached: an event says when it is gone */
	if (ret == -EBUSY)
		return;
	if (ret && ret != -ENOENT && ret != -EAGAIN) {
		pr_warn_ratelimited("slot %u: the host does not tell (%d)\n", nr, ret);
		WRITE_ONCE(look_at_all, true);	/* the event that brought us is not over */
		return;
	}
	if (s->disk)
		scan_disk(s->disk, ret, &info);
	else if (!ret)
		disk_new(s, &info);
}

/*
 * Returns whether to look again, without being told. After an event it pays: the
 * host may have been about to leave.
 */
static bool scan_slots(void)
{
	bool all = xchg(&look_at_all, false);
	bool held = false;
	u32 nr;

	/* slot 0 in any case: is there a host? */
	for (nr = 0; nr < nr_slots && !host_lost; nr++) {
		if (!nr || all || (slots[nr].disk && iocore_disk_held(slots[nr].disk)))
			scan_slot(nr);
	}
	for (nr = 0; nr < IOCORE_MAX_DISKS; nr++) {
		struct iocore_disk *disk = slots[nr].disk;

		if (!disk)
			continue;
		if (iocore_replay_expired(disk))
			disk_give_up(disk, "has not come back in time");
		if (test_bit(IOCORE_BLK_BROKEN, &disk->flags))
			disk_failed(disk);
		held |= iocore_disk_held(disk);
	}
	return held || host_lost || all;
}

/* Memory may be short because a disk is held: don't wait for its I/O. */
static void scan_work(struct work_struct *work)
{
	unsigned int noio = memalloc_noio_save();

	mutex_lock(&slots_lock);
	if (READ_ONCE(asleep))	/* a shutdown may not get the lock */
		goto out_unlock;
	if (host_lost && !stopping)
		find_host();
	if (scan_slots()) {
		/* a kick that came meanwhile stays as soon as it is */
		queue_delayed_work(iocore_wq, &scan, again);
		again = min(2 * again, IOCORE_AGAIN_MAX);
	} else {
		again = IOCORE_AGAIN_MIN;
	}
out_unlock:
	mutex_unlock(&slots_lock);
	memalloc_noio_restore(noio);
}

/* ---- removal ---- */

/* If the host is in the middle of a detach, the scan will find the disk gone. */
static void wait_stopped(struct iocore_disk *disk)
{
	int i, ret;

	for (i = 0; i < IOCORE_BLK_TRIES; i++) {
		mutex_lock(&slots_lock);
		ret = iocore_disk_stop(disk);
		mutex_unlock(&slots_lock);
		if (!ret)
			return;
		iocore_slots_kick();
		msleep(IOCORE_BLK_TRY_MS);
	}
}

/*
 * Step 4 and 5 of the head of iocore_blk.h. When the driver is unloaded, the
 * disk works until it is deleted, and is stopped then.
 */
void iocore_slots_remove_work(struct work_struct *work)
{
	struct iocore_disk *disk = container_of(work, struct iocore_disk, remove);
	struct iocore_slot *s = &slots[disk->info.slot];

	flush_work(&disk->add);
	cancel_work_sync(&disk->cache);
	cancel_work_sync(&disk->resize);
	if (test_bit(IOCORE_BLK_ADDED, &disk->flags)) {
		if (test_bit(IOCORE_BLK_GONE, &disk->flags))
			blk_mark_disk_dead(disk->gd);
		del_gendisk(disk->gd);
	}

	wait_stopped(disk);
	mutex_lock(&slots_lock);
	s->disk = NULL;
	s->busy = true;
	mutex_unlock(&slots_lock);

	iocore_disk_free(disk);

	mutex_lock(&slots_lock);
	s->busy = false;
	WRITE_ONCE(nr_disks, nr_disks - 1);
	wake_up(&slots_empty);
	mutex_unlock(&slots_lock);
	iocore_slots_kick();	/* the slot may have its next disk already */
}

/* ---- suspend ---- */

/* Slots whose disks are frozen while this guest sleeps; under slots_lock. */
static DECLARE_BITMAP(frozen, IOCORE_MAX_DISKS);

static bool any_busy(void)
{
	u32 nr;

	for (nr = 0; nr < IOCORE_MAX_DISKS; nr++)
		if (READ_ONCE(slots[nr].busy))
			return true;
	return false;
}

/*
 * A task that polled for its I/O is frozen, so look in its place. False if nothing
 * will end any more.
 */
static bool disk_look(struct iocore_disk *disk)
{
	u32 i;

	for (i = 0; i < disk->nr_queues; i++)
		iocore_queue_poll(disk->queues[i]);
	return !iocore_disk_closed(disk) && !test_bit(IOCORE_BLK_BROKEN, &disk->flags);
}

static void thaw_disk(struct iocore_disk *disk)
{
	blk_mq_unfreeze_queue_non_owner(disk->gd->queue);
}

/* A disk that was freed meanwhile took its frozen queue along. */
static void thaw_all(void)
{
	unsigned int nr;

	for_each_set_bit(nr, frozen, IOCORE_MAX_DISKS)
		if (slots[nr].disk)
			thaw_disk(slots[nr].disk);
	bitmap_zero(frozen, IOCORE_MAX_DISKS);
}

/*
 * Freezes the disk until this guest wakes: a CPU does not go offline while blk-mq
 * has a request there, sent or not. It is not quiesced yet, as what is to be sent
 * again has to end too. What waits for a disk that is held does not.
 */
static int drain_disk(struct iocore_disk *disk)
{
	unsigned long end = jiffies + (iocore_disk_held(disk) ? HZ : IOCORE_DRAIN);
	struct request_queue *queue = disk->gd->queue;

	blk_freeze_queue_start_non_owner(queue);
	while (!blk_mq_freeze_queue_wait_timeout(queue, msecs_to_jiffies(IOCORE_DRAIN_MS)) &&
	       disk_look(disk)) {
		if (time_after(jiffies, end)) {
			thaw_disk(disk);
			pr_warn("%s: its requests don't end, so there is no suspend\n",
				disk->gd->disk_name);
			return -EBUSY;
		}
	}
	return 0;
}

/* @drained: the slots whose disks are quiesced on return. Held ones are anyway. */
static int drain_all(unsigned long *drained)
{
	struct iocore_disk *disk;
	int ret = 0;
	u32 nr;

	for (nr = 0; nr < IOCORE_MAX_DISKS; nr++) {
		disk = slots[nr].disk;
		if (!disk)
			continue;
		ret = drain_disk(disk);
		if (ret)
			break;
		__set_bit(nr, frozen);
		if (iocore_disk_held(disk))
			continue;
		blk_mq_quiesce_queue(disk->gd->queue);
		__set_bit(nr, drained);
	}
	return ret;
}

static void resume_drained(const unsigned long *drained)
{
	unsigned int nr;

	for_each_set_bit(nr, drained, IOCORE_MAX_DISKS)
		blk_mq_unquiesce_queue(slots[nr].disk->gd->queue);
}

/* The host knows nothing of this guest any more, and keeps no slot for it. */
static void hold_all(const unsigned long *drained)
{
	struct iocore_disk *disk;
	u32 nr;

	host_lost = true;
	host_refused = false;
	for (nr = 0; nr < IOCORE_MAX_DISKS; nr++) {
		slots[nr].refused = false;
		disk = slots[nr].disk;
		if (!disk)
			continue;
		if (test_bit(nr, drained))
			set_bit(IOCORE_BLK_ASLEEP, &disk->flags);
		orphan(disk);
	}
	iocore_direct_forget();
}

static int sleep_locked(void)
{
	DECLARE_BITMAP(drained, IOCORE_MAX_DISKS) = { };
	int ret = drain_all(drained);

	if (!ret)
		ret = iocore_hc_reset();
	if (!ret)
		hold_all(drained);
	resume_drained(drained);
	if (ret)
		thaw_all();
	return ret;
}

/*
 * Takes the lock when no disk is being made. The scan goes on meanwhile: they may
 * wait for a disk that is held. False, and no lock, if that takes too long.
 */
static bool lock_idle(void)
{
	unsigned long end = jiffies + IOCORE_DRAIN;
	long left;

	mutex_lock(&slots_lock);
	while (any_busy()) {
		mutex_unlock(&slots_lock);
		left = end - jiffies;
		if (left <= 0)
			return false;
		wait_event_timeout(slots_empty, !any_busy(), left);
		mutex_lock(&slots_lock);
	}
	return true;
}

/*
 * On return nothing is in flight, and nothing of this guest is in the host. What
 * is in flight is waited for here, where interrupts and all CPUs are at work: the
 * host would wait for it with the vCPU that asks for the reset.
 */
int iocore_slots_sleep(void)
{
	int ret;

	if (!lock_idle()) {
		pr_warn("a disk is being made and does not get ready, so there is no suspend\n");
		return -EBUSY;
	}
	asleep = true;
	ret = sleep_locked();
	if (ret)
		asleep = false;
	mutex_unlock(&slots_lock);
	if (ret)
		iocore_slots_kick();
	return ret;
}

/* The host may be another, or this one after a reset. Disks come back if it is there. */
void iocore_slots_wake(void)
{
	u32 nr;

	mutex_lock(&slots_lock);
	thaw_all();
	asleep = false;
	again = IOCORE_AGAIN_MIN;
	for (nr = 0; nr < IOCORE_MAX_DISKS; nr++) {
		if (slots[nr].disk && test_bit(IOCORE_BLK_ASLEEP, &slots[nr].disk->flags))
			slots[nr].disk->left = jiffies;
	}
	mutex_unlock(&slots_lock);
	iocore_slots_kick();
	flush_delayed_work(&scan);
}

/*
 * This kernel ends: no scan makes queues any more, which the host would keep for
 * the next one. A host that never lets a disk get ready does not keep it from its
 * end.
 */
void iocore_slots_shutdown(void)
{
	bool idle = lock_idle();

	WRITE_ONCE(asleep, true);
	if (idle)
		mutex_unlock(&slots_lock);
}

/* ---- init and exit ---- */

void iocore_slots_init(const struct iocore_identify *id)
{
	u32 nr;

	for (nr = 0; !nr_slots && nr < IOCORE_MAX_DISKS; nr++) {
		INIT_WORK(&slots[nr].make, make_work);
		slots[nr].next = jiffies;
	}
	/* a disk that is held may be beyond what another host knows */
	nr_slots = max(nr_slots, min(id->max_disks, IOCORE_MAX_DISKS));
	WRITE_ONCE(max_depth, id->max_depth);
	iocore_features = id->features;
}

/* Look at all slots, and wait until the disks found are visible. */
void iocore_slots_start(void)
{
	mutex_lock(&slots_lock);
	stopping = false;
	mutex_unlock(&slots_lock);
	iocore_slots_kick();
	flush_delayed_work(&scan);
	flush_workqueue(iocore_disk_wq);	/* they are made, */
	flush_workqueue(iocore_disk_wq);	/* and added */
}

/* Remove all disks. The scan goes on, as one may break or vanish meanwhile. */
void iocore_slots_stop(void)
{
	struct iocore_disk *disk;
	u32 nr;

	mutex_lock(&slots_lock);
	stopping = true;
	for (nr = 0; nr < nr_slots; nr++) {
		disk = slots[nr].disk;
		if (!disk)
			continue;
		if (iocore_disk_held(disk))
			disk_give_up(disk, "has not come back before the driver is unloaded");
		start_removal(disk);
	}
	mutex_unlock(&slots_lock);
	wait_event(slots_empty, !READ_ONCE(nr_disks));
	flush_workqueue(iocore_disk_wq);	/* the last removal has returned */
}

/* No interrupt can start the scan any more. */
void iocore_slots_exit(void)
{
	cancel_delayed_work_sync(&scan);
}
