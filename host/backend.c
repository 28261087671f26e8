// SPDX-License-Identifier: GPL-2.0-only
/*
 * backend.c - opening and closing what a disk stands on
 */
#include <linux/cgroup.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/namei.h>
#include <linux/workqueue.h>

#include "iocore.h"

/* Requests of a disk that block at once; the others wait their turn. */
#define BACKEND_WORKERS		16

/*
 * What is open, and which backend each disk has. Never held while something is
 * opened or flushed, as requests may wait for whoever wants it.
 */
static DEFINE_MUTEX(open_lock);
static LIST_HEAD(open_disks);

static const struct iocore_backend_ops *backend_ops(const char *name)
{
	const struct iocore_backend_ops *ops = ERR_PTR(-EINVAL);
	struct path path;
	int err;

	err = kern_path(name, LOOKUP_FOLLOW, &path);
	if (err)
		return ERR_PTR(err);
	if (S_ISBLK(d_backing_inode(path.dentry)->i_mode))
		ops = &iocore_bdev_ops;
	else if (S_ISREG(d_backing_inode(path.dentry)->i_mode))
		ops = &iocore_file_ops;
	path_put(&path);
	return ops;
}

/* Two of our disks may share a backend only if neither writes. */
static bool backend_shared(const struct iocore_disk *disk)
{
	struct iocore_disk *other;

	lockdep_assert_held(&open_lock);
	list_for_each_entry(other, &open_disks, open)
		if (file_inode(other->file)->i_mapping == file_inode(disk->file)->i_mapping &&
		    !(other->readonly && disk->readonly))
			return true;
	return false;
}

static int backend_enlist(struct iocore_disk *disk)
{
	int err = -EBUSY;

	mutex_lock(&open_lock);
	if (!backend_shared(disk)) {
		list_add(&disk->open, &open_disks);
		err = 0;
	}
	mutex_unlock(&open_lock);
	return err;
}

/* A device loses its holder at once, whenever the file goes. */
static void backend_put(struct iocore_disk *disk)
{
	if (disk->bdev)
		bdev_fput(disk->file);
	else
		fput(disk->file);
	disk->file = NULL;
	disk->bdev = NULL;
}

int iocore_backend_open(struct iocore_disk *disk)
{
	int err;

	lockdep_assert_held(&iocore_config_lock);
	disk->ops = backend_ops(disk->path);
	if (IS_ERR(disk->ops))
		return PTR_ERR(disk->ops);
	disk->lim.readonly = disk->readonly;
	disk->lim.max_bytes = IOCORE_MAX_BYTES;
	disk->lim.max_segs = IOCORE_MAX_SEGS;

	err = disk->ops->open(disk);
	if (err)
		return err;
	/* Both backends carry out a segment of whole blocks only. */
	disk->lim.dma_align |= disk->lim.logical_block - 1;
	err = disk->lim.capacity ? backend_enlist(disk) : -EINVAL;
	if (err)
		backend_put(disk);
	return err;
}

void iocore_backend_close(struct iocore_disk *disk)
{
	lockdep_assert_held(&iocore_config_lock);
	mutex_lock(&open_lock);
	list_del(&disk->open);
	mutex_unlock(&open_lock);
	backend_put(disk);
}

void iocore_backend_exchange(struct iocore_disk *disk, struct iocore_disk *next)
{
	mutex_lock(&open_lock);
	swap(disk->ops, next->ops);
	swap(disk->file, next->file);
	swap(disk->bdev, next->bdev);
	memcpy(disk->path, next->path, sizeof(disk->path));
	mutex_unlock(&open_lock);
}

ssize_t iocore_backend_path(struct iocore_disk *disk, char *buf)
{
	ssize_t ret;

	mutex_lock(&iocore_config_lock);
	mutex_lock(&open_lock);
	ret = scnprintf(buf, PAGE_SIZE, "%s\n", disk->path);
	mutex_unlock(&open_lock);
	mutex_unlock(&iocore_config_lock);
	return ret;
}

int iocore_disk_open(struct iocore_disk *disk)
{
	int err;

	err = iocore_stats_alloc(disk);
	if (err)
		return err;
	atomic_set(&disk->in_flight, 0);
	err = -ENOMEM;
	disk->workers = alloc_workqueue("iocore-%s", WQ_UNBOUND | WQ_MEM_RECLAIM,
					BACKEND_WORKERS, iocore_disk_name(disk));
	if (!disk->workers)
		goto free_stats;
	err = iocore_gate_init(&disk->gate);
	if (err)
		goto free_workers;
	disk->holder = disk;
	err = iocore_backend_open(disk);
	if (err)
		goto exit_gate;
	return 0;

exit_gate:
	iocore_gate_exit(&disk->gate);
free_workers:
	destroy_workqueue(disk->workers);
free_stats:
	iocore_stats_free(disk);
	return err;
}

void iocore_disk_close(struct iocore_disk *disk)
{
	iocore_backend_close(disk);
	iocore_gate_exit(&disk->gate);
	destroy_workqueue(disk->workers);
	iocore_stats_free(disk);
}

int iocore_disk_rescan(struct iocore_disk *disk)
{
	u64 capacity;

	lockdep_assert_held(&iocore_config_lock);
	if (!disk->enabled)
		return -ENODEV;
	if (disk->moving)
		return -EBUSY;
	capacity = disk->ops->capacity(disk);
	if (!capacity)
		return -EINVAL;
	/* Queues look at it once a turn. */
	WRITE_ONCE(disk->lim.capacity, capacity);
	return 0;
}

/* ---- what blocks ----------------------------------------------------------- */

#ifdef CONFIG_BLK_CGROUP
void iocore_req_charge(struct iocore_req *req)
{
	req->css = task_get_css(current, io_cgrp_id);
}

void iocore_req_uncharge(struct iocore_req *req)
{
	if (req->css)
		css_put(req->css);
	req->css = NULL;
}
#else
void iocore_req_charge(struct iocore_req *req)
{
}

void iocore_req_uncharge(struct iocore_req *req)
{
}
#endif

/* The request may be gone when fn returns, and with it its hold on the cgroup. */
static void backend_work(struct work_struct *work)
{
	struct iocore_req *req = container_of(work, struct iocore_req, work);

	kthread_associate_blkcg(req->css);
	req->deferred(req);
	kthread_associate_blkcg(NULL);
}

void iocore_req_defer(struct iocore_req *req, void (*fn)(struct iocore_req *req))
{
	req->deferred = fn;
	INIT_WORK(&req->work, backend_work);
	queue_work(iocore_req_disk(req)->workers, &req->work);
}
