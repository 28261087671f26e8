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

static struct workqueue_struct *iocore_flush_wq;
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

	list_for_each_entry(other, &open_disks, open)
		if (file_inode(other->file)->i_mapping == file_inode(disk->file)->i_mapping &&
		    !(other->readonly && disk->readonly))
			return true;
	return false;
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
	disk->gone = NULL;
	disk->flush_error = 0;

	err = disk->ops->open(disk);
	if (err)
		return err;
	/* Both backends carry out a segment of whole blocks only. */
	disk->lim.dma_align |= disk->lim.logical_block - 1;
	err = -EBUSY;
	if (backend_shared(disk))
		goto close;
	err = -EINVAL;
	if (!disk->lim.capacity)
		goto close;
	list_add(&disk->open, &open_disks);
	return 0;

close:
	backend_put(disk);
	return err;
}

void iocore_backend_close(struct iocore_disk *disk)
{
	lockdep_assert_held(&iocore_config_lock);
	list_del(&disk->open);
	backend_put(disk);
}

int iocore_disk_open(struct iocore_disk *disk)
{
	int err;

	err = iocore_stats_alloc(disk);
	if (err)
		return err;
	atomic_set(&disk->in_flight, 0);
	err = iocore_gate_init(&disk->gate);
	if (err)
		goto free_stats;
	disk->holder = disk;
	err = iocore_backend_open(disk);
	if (err)
		goto exit_gate;
	return 0;

exit_gate:
	iocore_gate_exit(&disk->gate);
free_stats:
	iocore_stats_free(disk);
	return err;
}

void iocore_disk_close(struct iocore_disk *disk)
{
	iocore_backend_close(disk);
	iocore_gate_exit(&disk->gate);
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
	queue_work(iocore_flush_wq, &req->work);
}

int iocore_backend_init(void)
{
	iocore_flush_wq = alloc_workqueue("iocore_flush", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return iocore_flush_wq ? 0 : -ENOMEM;
}

void iocore_backend_exit(void)
{
	destroy_workqueue(iocore_flush_wq);
}
