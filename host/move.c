// SPDX-License-Identifier: GPL-2.0-only
/*
 * move.c - a disk goes on with another backend
 *
 *  1. Open the new backend as a disk of its own that nobody can attach, and see
 *     that it can do all that guests were told of the old one.
 *  2. Flush the new backend: what was copied there may be in its cache.
 *  3. See that requests end, and flush the old backend while the guests go on.
 *  4. Shut the disk's gate: requests that come wait in their threads, those that
 *     are inside end.
 *  5. Flush the rest of the old backend: what guests saw completed may be in its
 *     cache, and the two may be paths to, or copies by way of, one medium.
 *  6. Exchange the backends, open the gate, close what is now the old one.
 *
 * iocore_config_lock is not held while the gate is shut: the old backend may take
 * its time, and so may whoever has the lock. disk->moving keeps the disk as it is.
 * What guests were told stays: a larger backend shows when the capacity is read anew.
 */
#include <linux/blkdev.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/slab.h>

#include "iocore.h"

/* What is longer than a backend takes at once is split below us. */
static int move_check_limits(const struct iocore_limits *told,
			     const struct iocore_limits *lim, const char **what)
{
	*what = "capacity";
	if (lim->capacity < told->capacity)
		return -ENOSPC;
	*what = "logical block size";
	if (lim->logical_block > told->logical_block)
		return -EOPNOTSUPP;
	*what = "alignment";
	if (lim->dma_align & ~told->dma_align)
		return -EOPNOTSUPP;
	*what = "discard";
	if (told->max_discard && !lim->max_discard)
		return -EOPNOTSUPP;
	*what = "write zeroes";
	return told->max_write_zeroes && !lim->max_write_zeroes ? -EOPNOTSUPP : 0;
}

static int move_check(const struct iocore_disk *disk, const struct iocore_disk *next,
		      const char **what)
{
	int ret = move_check_limits(&disk->lim, &next->lim, what);

	if (ret)
		return ret;
	/* Guests that were told of no cache send no flush. */
	*what = "write cache";
	return next->write_cache && !disk->write_cache ? -EOPNOTSUPP : 0;
}

static int move_open(struct iocore_disk *disk, struct iocore_disk *next)
{
	const char *what = "";
	int ret;

	lockdep_assert_held(&iocore_config_lock);
	ret = iocore_backend_open(next);
	if (ret)
		return ret;
	ret = -EBUSY;
	if (file_inode(next->file)->i_mapping != file_inode(disk->file)->i_mapping)
		ret = move_check(disk, next, &what);
	if (!ret)
		return 0;
	pr_info_ratelimited("iocore: disk %s stays: %s can't replace %s%s%s\n",
			    iocore_disk_name(disk), next->path, disk->path,
			    *what ? ": " : "", what);
	iocore_backend_close(next);
	return ret;
}

/* The device, or what the file's filesystem is on. */
static bool move_removed(const struct iocore_disk *disk)
{
	struct block_device *bdev = disk->bdev ?: file_inode(disk->file)->i_sb->s_bdev;

	return bdev && !disk_live(bdev->bd_disk);
}

/*
 * A removed device can't be flushed, and its disk may leave it all the same. What
 * was in its cache may be lost, which the guest's next flush says.
 */
static int move_flush(struct iocore_disk *disk)
{
	bool removed = move_removed(disk);

	if (disk->readonly || (removed && !disk->write_cache))
		return 0;
	if (!removed && !disk->ops->sync(disk))
		return 0;
	WRITE_ONCE(disk->flush_error, -EIO);
	return removed ? 0 : -EIO;
}

static int move_begin(struct iocore_disk *disk, struct iocore_disk *next)
{
	int ret = -EBUSY;

	mutex_lock(&iocore_config_lock);
	if (disk->enabled && !disk->moving) {
		next->readonly = disk->readonly;
		ret = move_open(disk, next);
	}
	if (!ret)
		disk->moving = true;
	mutex_unlock(&iocore_config_lock);
	return ret;
}

/* Whoever copied the content there need not have synced it; guests think it durable. */
static int move_sync_next(struct iocore_disk *next)
{
	int err = next->bdev ? iocore_bdev_clean(next->bdev) : 0;

	return err || next->readonly ? err : next->ops->sync(next);
}

/*
 * The long flush, with the gate open: guests go on, and a flush that hangs holds up
 * the mover alone. It can't be given up, so requests that hang are waited for first.
 */
static int move_flush_early(struct iocore_disk *disk)
{
	int ret;

	if (disk->readonly || move_removed(disk))
		return 0;
	ret = iocore_gate_shut(&disk->gate);
	if (ret)
		return ret;
	iocore_gate_open(&disk->gate);
	return move_flush(disk);
}

static int move_over(struct iocore_disk *disk, struct iocore_disk *next)
{
	int ret = move_flush_early(disk);

	if (ret)
		return ret;
	ret = iocore_gate_shut(&disk->gate);
	if (ret)
		return ret;
	ret = move_flush(disk);
	if (!ret)
		iocore_backend_exchange(disk, next);
	iocore_gate_open(&disk->gate);
	return ret;
}

int iocore_disk_move(struct iocore_disk *disk, const char *path)
{
	struct iocore_disk *next;
	int ret;

	next = kvzalloc(sizeof(*next), GFP_KERNEL);
	if (!next)
		return -ENOMEM;
	strscpy(next->path, path);
	next->holder = disk;

	ret = move_begin(disk, next);
	if (ret)
		goto out_free;
	ret = move_sync_next(next) ?: move_over(disk, next);

	/* The one that was left, or the one that was not taken. */
	mutex_lock(&iocore_config_lock);
	iocore_backend_close(next);
	disk->moving = false;
	mutex_unlock(&iocore_config_lock);
out_free:
	kvfree(next);
	return ret;
}
