// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's disk slots: which disks come and go
 *
 * One work item, the scan, reads all slots whenever the host says that
 * something changed, and stops disks that are broken or gone. It never waits
 * for I/O: what may (partition scan, deleting a disk in use) runs in the
 * disk's own work items. A slot is free again when its disk's removal is done.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "iocore_blk.h"

#define IOCORE_STOP_RETRY	HZ

struct iocore_slot {
	struct iocore_disk *disk;
	bool refused;		/* the attachment @epoch was refused */
	u64 epoch;
};

/* protects the slots, and serialises iocore_disk_stop() */
static DEFINE_MUTEX(slots_lock);
static struct iocore_slot slots[IOCORE_MAX_DISKS];
static u32 nr_slots;
static u32 max_depth;
static unsigned int nr_disks;
static bool stopping = true;	/* no new disks: not started yet, or unloading */
static DECLARE_WAIT_QUEUE_HEAD(slots_empty);

static void scan_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(scan, scan_work);

/* Any context. */
void iocore_slots_kick(void)
{
	mod_delayed_work(iocore_wq, &scan, 0);
}

static void start_removal(struct iocore_disk *disk)
{
	if (!test_and_set_bit(IOCORE_BLK_REMOVING, &disk->flags))
		queue_work(iocore_wq, &disk->remove);
}

static void disk_gone(struct iocore_disk *disk)
{
	if (test_and_set_bit(IOCORE_BLK_GONE, &disk->flags))
		return;
	pr_info("%s: detached by the host\n", disk->gd->disk_name);
	iocore_disk_stop(disk);
	start_removal(disk);
}

static void disk_failed(struct iocore_disk *disk)
{
	int ret = iocore_disk_stop(disk);

	if (!ret)
		return;
	pr_warn_ratelimited("%s: the host does not give the queues back (%d), trying again\n",
			    disk->gd->disk_name, ret);
	mod_delayed_work(iocore_wq, &scan, IOCORE_STOP_RETRY);
}

static void disk_resize(struct iocore_disk *disk, u64 capacity)
{
	u32 block = disk->info.logical_block >> SECTOR_SHIFT;

	if (capacity == disk->info.capacity || capacity > LLONG_MAX >> SECTOR_SHIFT ||
	    capacity & (block - 1))
		return;
	disk->info.capacity = capacity;
	set_capacity_and_notify(disk->gd, capacity);
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

static void disk_new(struct iocore_slot *s, const struct iocore_disk_info *info)
{
	struct iocore_disk *disk;

	if (stopping || (s->refused && s->epoch == info->epoch))
		return;
	disk = iocore_disk_create(info, max_depth);
	if (IS_ERR(disk)) {
		/* ENOENT, ESTALE: detached meanwhile, and an event is under way */
		pr_err("slot %u: can't use the disk (%ld)\n", info->slot, PTR_ERR(disk));
		s->refused = true;
		s->epoch = info->epoch;
		return;
	}
	s->refused = false;
	s->disk = disk;
	WRITE_ONCE(nr_disks, nr_disks + 1);
	pr_info("%s: %llu sectors, %u queues of %u%s%s\n", disk->gd->disk_name,
		disk->info.capacity, disk->nr_queues, disk->depth,
		disk->info.flags & IOCORE_DISK_READONLY ? ", read-only" : "",
		disk->polled ? ", polled" : "");
	queue_work(iocore_wq, &disk->add);
}

static void scan_slot(u32 nr)
{
	struct iocore_slot *s = &slots[nr];
	struct iocore_disk *disk = s->disk;
	struct iocore_disk_info info;
	int ret = iocore_hc_disk_get(nr, &info);

	info.slot = nr;
	if (ret == -EBUSY)	/* being detached: an event says when it is gone */
		return;
	if (ret && ret != -ENOENT) {
		pr_warn_ratelimited("slot %u: the host does not tell (%d)\n", nr, ret);
		return;
	}
	if (!disk) {
		if (!ret)
			disk_new(s, &info);
	} else if (ret || info.epoch != disk->info.epoch) {
		disk_gone(disk);
	} else if (!test_bit(IOCORE_BLK_REMOVING, &disk->flags)) {
		disk_resize(disk, info.capacity);
		disk_polling(disk, iocore_limits_polled(info.flags));
		iocore_cache_changed(disk, info.flags);
	}
}

static void scan_work(struct work_struct *work)
{
	struct iocore_disk *disk;
	u32 nr;

	mutex_lock(&slots_lock);
	for (nr = 0; nr < nr_slots; nr++) {
		scan_slot(nr);
		disk = slots[nr].disk;
		if (disk && test_bit(IOCORE_BLK_BROKEN, &disk->flags))
			disk_failed(disk);
	}
	mutex_unlock(&slots_lock);
}

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

	flush_work(&disk->add);
	cancel_work_sync(&disk->cache);
	if (test_bit(IOCORE_BLK_ADDED, &disk->flags)) {
		if (test_bit(IOCORE_BLK_GONE, &disk->flags))
			blk_mark_disk_dead(disk->gd);
		del_gendisk(disk->gd);
	}

	wait_stopped(disk);
	mutex_lock(&slots_lock);
	slots[disk->info.slot].disk = NULL;
	iocore_disk_free(disk);
	WRITE_ONCE(nr_disks, nr_disks - 1);
	wake_up(&slots_empty);
	mutex_unlock(&slots_lock);
	iocore_slots_kick();	/* the slot may have its next disk already */
}

/* ---- init and exit ---- */

void iocore_slots_init(const struct iocore_identify *id)
{
	nr_slots = min(id->max_disks, IOCORE_MAX_DISKS);
	max_depth = id->max_depth;
}

/* Look at all slots, and wait until the disks found are visible. */
void iocore_slots_start(void)
{
	mutex_lock(&slots_lock);
	stopping = false;
	mutex_unlock(&slots_lock);
	iocore_slots_kick();
	flush_delayed_work(&scan);
	flush_workqueue(iocore_wq);
}

/* Remove all disks. The scan goes on, as one may break or vanish meanwhile. */
void iocore_slots_stop(void)
{
	u32 nr;

	mutex_lock(&slots_lock);
	stopping = true;
	for (nr = 0; nr < nr_slots; nr++) {
		if (slots[nr].disk)
			start_removal(slots[nr].disk);
	}
	mutex_unlock(&slots_lock);
	wait_event(slots_empty, !READ_ONCE(nr_disks));
	flush_workqueue(iocore_wq);	/* the last removal has returned */
}

/* No interrupt can start the scan any more. */
void iocore_slots_exit(void)
{
	cancel_delayed_work_sync(&scan);
}
