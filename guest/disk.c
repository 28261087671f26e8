// SPDX-License-Identifier: GPL-2.0-only
/*
 * One attached disk and its blk-mq side
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "iocore_blk.h"

/* The host was short of memory: try again after so many milliseconds. */
#define IOCORE_BLK_AGAIN_MS	10

/* ---- blk-mq ---- */

/* If it was the last of a run, the host has to see those before it. */
static void end_flush(struct iocore_queue *q, struct request *rq, bool last)
{
	if (last)
		iocore_queue_commit(q);
	blk_mq_start_request(rq);
	blk_mq_end_request(rq, BLK_STS_OK);
}

static blk_status_t iocore_queue_rq(struct blk_mq_hw_ctx *hctx,
				    const struct blk_mq_queue_data *bd)
{
	struct iocore_queue *q = hctx->driver_data;

	if (req_op(bd->rq) == REQ_OP_FLUSH && iocore_cache_ends_flush(q->disk)) {
		end_flush(q, bd->rq, bd->last);
		return BLK_STS_OK;
	}
	return iocore_queue_submit(q, bd->rq, bd->last);
}

/*
 * The list may mix hardware queues; each run of one queue is one tail store. No
 * flush is ever in a list: blk-mq issues them one by one.
 */
static void queue_list(struct rq_list *rqlist)
{
	struct rq_list batch = { };
	struct rq_list left = { };
	struct iocore_queue *q = NULL;
	struct request *rq;

	while ((rq = rq_list_pop(rqlist))) {
		if (q && q != rq->mq_hctx->driver_data)
			iocore_queue_submit_list(q, &batch, &left);
		q = rq->mq_hctx->driver_data;
		rq_list_add_tail(&batch, rq);
	}
	if (q)
		iocore_queue_submit_list(q, &batch, &left);
	*rqlist = left;
}

DEFINE_QUEUE_RQS(iocore_queue_rqs, queue_list)

static void iocore_commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	iocore_queue_commit(hctx->driver_data);
}

void iocore_disk_end_request(struct request *rq)
{
	struct iocore_req *req = blk_mq_rq_to_pdu(rq);

	if (unlikely(req->status == BLK_STS_AGAIN)) {
		blk_mq_requeue_request(rq, false);
		/* What waits already is not to wait longer. */
		if (!delayed_work_pending(&rq->q->requeue_work))
			blk_mq_delay_kick_requeue_list(rq->q, IOCORE_BLK_AGAIN_MS);
		return;
	}
	blk_mq_end_request(rq, req->status);
}

static int iocore_poll(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *iob)
{
	return iocore_queue_reap(hctx->driver_data, iob);
}

/* The first queues for all I/O, the others for polling I/O if there are any. */
static void iocore_map_queues(struct blk_mq_tag_set *set)
{
	struct iocore_disk *disk = set->driver_data;
	unsigned int type, first = 0;

	for (type = 0; type < set->nr_maps; type++) {
		struct blk_mq_queue_map *map = &set->map[type];

		map->nr_queues = 0;
		if (type == HCTX_TYPE_DEFAULT)
			map->nr_queues = disk->nr_queues - disk->nr_poll;
		else if (type == HCTX_TYPE_POLL)
			map->nr_queues = disk->nr_poll;
		map->queue_offset = first;
		first += map->nr_queues;
		if (map->nr_queues)
			blk_mq_map_queues(map);
	}
}

static int iocore_init_hctx(struct blk_mq_hw_ctx *hctx, void *data, unsigned int nr)
{
	struct iocore_disk *disk = data;

	hctx->driver_data = disk->queues[nr];
	return 0;
}

/*
 * A request can't be taken back from the host: its memory is not ours until
 * the host says so. So look once, in case a notification was lost, and wait on.
 */
static enum blk_eh_timer_return iocore_timeout(struct request *rq)
{
	struct iocore_queue *q = rq->mq_hctx->driver_data;

	iocore_queue_poll(q);
	if (blk_mq_rq_state(rq) != MQ_RQ_IN_FLIGHT)
		return BLK_EH_DONE;

	pr_warn_ratelimited("%s: queue %u tag %d: no completion yet\n",
			    rq->q->disk->disk_name, q->nr, rq->tag);
	iocore_slots_kick();
	return BLK_EH_RESET_TIMER;
}

static const struct blk_mq_ops iocore_mq_ops = {
	.queue_rq	= iocore_queue_rq,
	.queue_rqs	= iocore_queue_rqs,
	.commit_rqs	= iocore_commit_rqs,
	.complete	= iocore_disk_end_request,
	.init_hctx	= iocore_init_hctx,
	.timeout	= iocore_timeout,
	.map_queues	= iocore_map_queues,
	.poll		= iocore_poll,
};

static const struct block_device_operations iocore_fops = {
	.owner	= THIS_MODULE,
};

/* ---- failing ---- */

/* Any context. The slot scan stops the disk. */
void iocore_disk_broken(struct iocore_disk *disk, const char *why)
{
	if (test_and_set_bit(IOCORE_BLK_BROKEN, &disk->flags))
		return;
	if (iocore_may_say())
		pr_err("slot %u: %s, the disk fails\n", disk->info.slot, why);
	iocore_slots_kick();
}

static int destroy_queues(struct iocore_disk *disk)
{
	int ret, first = 0;
	u32 i;

	for (i = 0; i < disk->nr_queues; i++) {
		ret = iocore_queue_destroy(disk->queues[i]);
		if (ret && !first)
			first = ret;
	}
	return first;
}

/* The slot is empty, or has another disk: the host has promised. */
void iocore_disk_forget(struct iocore_disk *disk)
{
	u32 i;

	for (i = 0; i < disk->nr_queues; i++)
		iocore_queue_forget(disk->queues[i]);
}

/*
 * Steps 1 to 3 of the head of iocore_blk.h; serialised by the caller. An error
 * leaves requests in flight, as the host may still use their memory. It does not
 * where iocore_disk_forget() came before.
 */
int iocore_disk_stop(struct iocore_disk *disk)
{
	int ret;
	u32 i;

	if (test_bit(IOCORE_BLK_STOPPED, &disk->flags))
		return 0;
	set_bit(IOCORE_BLK_CLOSED, &disk->flags);
	blk_mq_quiesce_queue(disk->gd->queue);
	ret = destroy_queues(disk);
	if (!ret) {
		for (i = 0; i < disk->nr_queues; i++)
			iocore_queue_cancel(disk->queues[i]);
		set_bit(IOCORE_BLK_STOPPED, &disk->flags);
	}
	blk_mq_unquiesce_queue(disk->gd->queue);
	if (test_and_clear_bit(IOCORE_BLK_HELD, &disk->flags)) {
		blk_mq_unquiesce_queue(disk->gd->queue);
		blk_mq_kick_requeue_list(disk->gd->queue);
	}
	return ret;
}

/* ---- making and freeing ---- */

static void disk_name(char *name, u32 slot)
{
	if (slot < 26)
		snprintf(name, DISK_NAME_LEN, "ioc%c", 'a' + slot);
	else
		snprintf(name, DISK_NAME_LEN, "ioc%c%c", 'a' + slot / 26 - 1, 'a' + slot % 26);
}

static void iocore_disk_add_work(struct work_struct *work)
{
	struct iocore_disk *disk = container_of(work, struct iocore_disk, add);
	int ret = device_add_disk(NULL, disk->gd, iocore_disk_groups);

	if (ret)
		iocore_slots_not_added(disk, ret);
	else
		set_bit(IOCORE_BLK_ADDED, &disk->flags);
}

static void iocore_disk_resize_work(struct work_struct *work)
{
	struct iocore_disk *disk = container_of(work, struct iocore_disk, resize);

	set_capacity_and_notify(disk->gd, READ_ONCE(disk->info.capacity));
}

static int alloc_tag_set(struct iocore_disk *disk)
{
	struct blk_mq_tag_set *set = &disk->tag_set;

	set->ops = &iocore_mq_ops;
	set->nr_hw_queues = disk->nr_queues;
	set->nr_maps = disk->nr_poll ? HCTX_MAX_TYPES : 1;
	set->queue_depth = disk->depth;
	set->numa_node = NUMA_NO_NODE;
	set->flags = BLK_MQ_F_SHOULD_MERGE | BLK_MQ_F_NO_SCHED_BY_DEFAULT;
	set->cmd_size = sizeof(struct iocore_req);
	set->driver_data = disk;
	return blk_mq_alloc_tag_set(set);
}

static int alloc_queues(struct iocore_disk *disk)
{
	u32 i;

	disk->queues = kcalloc(disk->nr_queues, sizeof(*disk->queues), GFP_KERNEL);
	if (!disk->queues)
		return -ENOMEM;
	for (i = 0; i < disk->nr_queues; i++) {
		disk->queues[i] = iocore_queue_alloc(disk, i);
		if (!disk->queues[i])
			return -ENOMEM;
	}
	return 0;
}

/* On return no interrupt handler and no poller knows the queues. */
static void unbind_queues(struct iocore_disk *disk)
{
	u32 i;

	for (i = 0; i < disk->nr_queues; i++)
		iocore_notify_unbind(disk->queues[i]);
	synchronize_rcu();
}

/* A queue that the host would not give back leaves its memory behind. */
static void free_queues(struct iocore_disk *disk)
{
	u32 i;

	if (!disk->queues)
		return;
	for (i = 0; i < disk->nr_queues; i++)
		iocore_queue_free(disk->queues[i]);
	kfree(disk->queues);
}

/* Those that are not bound yet, under the disk's epoch; nothing is in flight there. */
int iocore_disk_bind(struct iocore_disk *disk)
{
	const unsigned int *map = disk->tag_set.map[HCTX_TYPE_DEFAULT].mq_map;
	u32 i, notified = disk->nr_queues - disk->nr_poll;
	int ret = 0;

	for (i = 0; i < disk->nr_queues && !ret; i++) {
		if (disk->queues[i]->created)
			continue;
		iocore_queue_restart(disk->queues[i]);
		if (i < notified) {
			iocore_notify_unbind(disk->queues[i]);
			ret = iocore_notify_bind(disk->queues[i], map);
		} else {
			ret = iocore_queue_create(disk->queues[i], 0);
		}
	}
	return ret;
}

static int alloc_gendisk(struct iocore_disk *disk)
{
	struct queue_limits lim;
	struct gendisk *gd;

	iocore_limits_fill(disk, &lim);
	gd = blk_mq_alloc_disk(&disk->tag_set, &lim, disk);
	if (IS_ERR(gd))
		return PTR_ERR(gd);
	disk->gd = gd;
	gd->major = iocore_major;
	gd->first_minor = disk->info.slot << IOCORE_BLK_PART_BITS;
	gd->minors = 1 << IOCORE_BLK_PART_BITS;
	gd->fops = &iocore_fops;
	gd->private_data = disk;
	disk_name(gd->disk_name, disk->info.slot);
	set_capacity(gd, disk->info.capacity);
	if (disk->info.flags & IOCORE_DISK_READONLY)
		set_disk_ro(gd, true);
	return 0;
}

/* Has the host emptied the slot since, or put another disk there? */
static bool slot_changed(const struct iocore_disk *disk)
{
	struct iocore_disk_info info;
	int ret = iocore_hc_disk_get(disk->info.slot, &info);

	return ret == -ENOENT || ret == -EAGAIN || iocore_hc_lost(ret) ||
	       (!ret && info.epoch != disk->info.epoch);
}

/* Not all queues could be made, most likely because of a detach under way. */
static void unmake_queues(struct iocore_disk *disk)
{
	int i;

	for (i = 0; i < IOCORE_BLK_TRIES; i++) {
		if (!destroy_queues(disk))
			return;
		if (slot_changed(disk)) {
			iocore_disk_forget(disk);
			return;
		}
		msleep(IOCORE_BLK_TRY_MS);
	}
}

/* In the middle of a detach the host is busy. */
static int make_queues(struct iocore_disk *disk)
{
	int i, ret;

	for (i = 0; i < IOCORE_BLK_TRIES; i++) {
		ret = iocore_disk_bind(disk);
		if (ret != -EBUSY)
			break;
		msleep(IOCORE_BLK_TRY_MS);
	}
	return ret;
}

/* The gendisk exists before the host can report anything about a queue. */
static int build(struct iocore_disk *disk, u32 max_depth)
{
	int ret;

	ret = iocore_limits_check(disk, max_depth);
	if (ret)
		return ret;
	ret = alloc_queues(disk);
	if (ret)
		goto err_queues;
	ret = alloc_tag_set(disk);
	if (ret)
		goto err_queues;
	ret = alloc_gendisk(disk);
	if (ret)
		goto err_tags;
	ret = make_queues(disk);
	if (ret)
		goto err_gendisk;
	return 0;

err_gendisk:
	unmake_queues(disk);
	unbind_queues(disk);
	put_disk(disk->gd);
err_tags:
	blk_mq_free_tag_set(&disk->tag_set);
err_queues:
	free_queues(disk);
	return ret;
}

struct iocore_disk *iocore_disk_create(const struct iocore_disk_info *info, u32 max_depth)
{
	struct iocore_disk *disk = kzalloc(sizeof(*disk), GFP_KERNEL);
	int ret;

	if (!disk)
		return ERR_PTR(-ENOMEM);
	disk->info = *info;
	iocore_cache_init(disk);
	disk->info.replay_timeout = iocore_replay_timeout(info);
	INIT_WORK(&disk->add, iocore_disk_add_work);
	INIT_WORK(&disk->resize, iocore_disk_resize_work);
	INIT_WORK(&disk->remove, iocore_slots_remove_work);
	ret = build(disk, max_depth);
	if (ret) {
		kfree(disk);
		return ERR_PTR(ret);
	}
	return disk;
}

/*
 * Stopped, and deleted if it had been added. A handler that had given a request
 * back may have been about to arm the requeue work when it was cancelled.
 */
void iocore_disk_free(struct iocore_disk *disk)
{
	unbind_queues(disk);
	cancel_delayed_work_sync(&disk->gd->queue->requeue_work);
	put_disk(disk->gd);
	blk_mq_free_tag_set(&disk->tag_set);
	free_queues(disk);
	kfree(disk);
}
