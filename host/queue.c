// SPDX-License-Identifier: GPL-2.0-only
/*
 * queue.c - a ring of an attachment, and its requests
 *
 * A request is claimed by IOCore when its SQE was copied out and found good,
 * travels to the disk thread, and ends by iocore_req_end() exactly once. Each
 * holds a reference on its queue; iocore_queue_destroy() takes the queue off its
 * core, drops the queue's own reference and waits for the last one, so nothing
 * of the queue, attachment, disk or VM goes away under a request.
 */
#include <linux/bitops.h>
#include <linux/nospec.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/vmalloc.h>

#include "iocore.h"
#include "trace.h"

/* Errors of bios are errno by now, see blk_status_to_errno(). */
enum iocore_status iocore_errno_to_status(int err)
{
	switch (err) {
	case 0:
		return IOCORE_S_OK;
	case -ENOMEM:
	case -EAGAIN:
	case -EBUSY:
		return IOCORE_S_AGAIN;
	case -ENOSPC:
	case -EDQUOT:
		return IOCORE_S_NOSPC;
	case -EFAULT:
		return IOCORE_S_FAULT;
	case -EINVAL:
		return IOCORE_S_INVAL;
	case -EOPNOTSUPP:
		return IOCORE_S_NOTSUPP;
	case -EROFS:
		return IOCORE_S_READONLY;
	case -ETIMEDOUT:
	case -ETIME:
		return IOCORE_S_TIMEOUT;
	case -ENODATA:
		return IOCORE_S_MEDIUM;
	case -EREMOTEIO:
		return IOCORE_S_TARGET;
	case -ENOLINK:
		return IOCORE_S_TRANSPORT;
	case -EBADE:
		return IOCORE_S_RESERVED;
	case -EILSEQ:
		return IOCORE_S_PROTECTION;
	case -ENODEV:
	case -ENXIO:
		return IOCORE_S_OFFLINE;
	default:
		return IOCORE_S_IOERR;
	}
}

static void queue_post(struct iocore_queue *q, u16 tag, enum iocore_status status)
{
	struct iocore_vm *vm = q->att->vm;
	unsigned long flags;
	bool notify;
	u32 old;

	spin_lock_irqsave(&q->cq_lock, flags);
	old = iocore_ring_cq_tail(&q->ring);
	iocore_ring_cq_post(&q->ring, tag, status);
	q->stats.completions++;
	notify = iocore_notify_now(q, iocore_ring_cq_must_notify(&q->ring, old));
	spin_unlock_irqrestore(&q->cq_lock, flags);

	iocore_queue_mark_dirty(q, old);
	trace_iocore_complete(vm->pid, q->att->slot, q->nr, tag, status);
	if (notify)
		iocore_notify_queue(q);
}

static void queue_refuse(struct iocore_queue *q, u16 tag, enum iocore_status status)
{
	atomic64_inc(&q->att->vm->stats.bad_descriptor);
	iocore_stats_error(q->att->disk);
	trace_iocore_bad("descriptor", status);
	queue_post(q, tag, status);
}

static void queue_accept(struct iocore_queue *q, const struct iocore_sqe *sqe, u64 now)
{
	enum iocore_status status = iocore_sqe_validate(sqe, &q->lim);
	struct iocore_req *req;

	trace_iocore_submit(q->att->vm->pid, q->att->slot, q->nr, sqe->tag,
			    sqe->opcode, sqe->sector, sqe->len);
	if (status != IOCORE_S_OK) {
		queue_refuse(q, sqe->tag, status);
		return;
	}

	/* validated: tag < depth */
	req = &q->reqs[array_index_nospec(sqe->tag, q->lim.depth)];
	if (test_and_set_bit_lock(0, &req->busy)) {
		queue_refuse(q, sqe->tag, IOCORE_S_INVAL);
		return;
	}
	kref_get(&q->ref);
	atomic_inc(&q->att->disk->in_flight);
	req->sqe = *sqe;
	req->entered = false;
	req->segs = NULL;
	req->iov = NULL;
	req->css = NULL;
	req->start_ns = now;
	iocore_thread_submit(req);
}

unsigned int iocore_queue_poll(struct iocore_queue *q)
{
	bool was_broken = iocore_ring_is_broken(&q->ring);
	struct iocore_sqe sqe;
	int i, n;
	u64 now;

	n = iocore_ring_sq_peek(&q->ring);
	if (n < 0 && !was_broken) {
		atomic64_inc(&q->att->vm->stats.bad_ring);
		trace_iocore_bad("ring", n);
		iocore_notify_queue(q);
	}
	if (n <= 0)
		return 0;

	n = min(n, IOCORE_BATCH);
	now = local_clock();
	q->lim.capacity = READ_ONCE(q->att->disk->lim.capacity);
	for (i = 0; i < n; i++) {
		iocore_ring_sq_copy(&q->ring, &sqe);
		queue_accept(q, &sqe, now);
	}
	WRITE_ONCE(q->stats.requests, q->stats.requests + n);
	iocore_ring_sq_release(&q->ring);
	iocore_mark_dirty(q->att->vm->kvm, q->gfn);
	return n;
}

static void req_rw(struct iocore_req *req)
{
	struct iocore_disk *disk = iocore_req_disk(req);
	struct kvm *kvm = req->queue->att->vm->kvm;
	enum iocore_status status;
	int idx;

	/* Slots stay as they are until the pages are pinned. */
	idx = srcu_read_lock(&kvm->srcu);
	status = iocore_req_map(req);
	if (status == IOCORE_S_OK)
		disk->ops->rw(req);
	srcu_read_unlock(&kvm->srcu, idx);

	if (status != IOCORE_S_OK) {
		if (status != IOCORE_S_AGAIN) {
			atomic64_inc(&req->queue->att->vm->stats.bad_descriptor);
			trace_iocore_bad("segments", status);
		}
		iocore_req_end(req, status);
	}
}

/* A flush of our own that failed may have used up the backend's error. */
static int req_flush_error(struct iocore_req *req)
{
	struct iocore_disk *disk = iocore_req_disk(req);

	return READ_ONCE(disk->flush_error) ? xchg(&disk->flush_error, 0) : 0;
}

static void req_flush(struct iocore_req *req)
{
	int error = req_flush_error(req);

	if (error)
		iocore_req_part_end(req, error);
	else
		iocore_req_disk(req)->ops->flush(req);
}

void iocore_req_start(struct iocore_req *req)
{
	const struct iocore_backend_ops *ops = iocore_req_disk(req)->ops;

	atomic_set(&req->pending, 1);
	req->error = 0;
	req->then_flush = false;
	req->flushing = false;
	if (req->sqe.opcode >= IOCORE_OP_FLUSH)
		iocore_req_charge(req);
	switch (req->sqe.opcode) {
	case IOCORE_OP_FLUSH:
		req_flush(req);
		break;
	case IOCORE_OP_DISCARD:
		ops->discard(req);
		break;
	case IOCORE_OP_WRITE_ZEROES:
		ops->zeroes(req);
		break;
	default:
		req_rw(req);
	}
}

static void req_flush_after(struct iocore_req *req)
{
	atomic_set(&req->pending, 1);
	req->flushing = true;
	iocore_req_disk(req)->ops->flush(req);
}

void iocore_req_part_end(struct iocore_req *req, int error)
{
	if (error)
		cmpxchg(&req->error, 0, error);
	if (!atomic_dec_and_test(&req->pending))
		return;
	if (req->then_flush && !req->error) {
		req->then_flush = false;
		iocore_req_defer(req, req_flush_after);
		return;
	}
	/* It may be the error of other writes, which the guest's next flush is to cover. */
	if (req->flushing && req->error)
		WRITE_ONCE(iocore_req_disk(req)->flush_error, -EIO);
	/* A flush of ours that failed meanwhile may have used up this one's error. */
	if (req->sqe.opcode == IOCORE_OP_FLUSH && !req->error)
		req->error = req_flush_error(req);
	iocore_req_end(req, iocore_errno_to_status(req->error));
}

static void queue_drained(struct kref *ref)
{
	complete(&container_of(ref, struct iocore_queue, ref)->drained);
}

void iocore_req_end(struct iocore_req *req, enum iocore_status status)
{
	struct iocore_queue *q = req->queue;
	u16 tag = req->sqe.tag;

	iocore_stats_req(req, status);
	if (req->sqe.opcode == IOCORE_OP_READ)
		iocore_req_mark_dirty(req);
	iocore_req_unmap(req);
	iocore_req_uncharge(req);
	if (req->entered)
		iocore_gate_leave(&q->att->disk->gate);

	/* The guest may use the tag again as soon as it sees the CQE. */
	clear_bit_unlock(0, &req->busy);
	queue_post(q, tag, status);
	atomic_dec(&q->att->disk->in_flight);
	kref_put(&q->ref, queue_drained);
}

static struct iocore_queue *queue_alloc(struct iocore_attachment *att,
					const struct iocore_queue_create *p)
{
	struct iocore_queue *q = kzalloc(sizeof(*q), GFP_KERNEL_ACCOUNT);
	u32 i;

	if (!q)
		return NULL;
	q->npages = iocore_ring_bytes(p->depth) / IOCORE_PAGE_SIZE;
	q->pages = kcalloc(q->npages, sizeof(*q->pages), GFP_KERNEL_ACCOUNT);
	q->reqs = kvcalloc(p->depth, sizeof(*q->reqs), GFP_KERNEL_ACCOUNT);
	if (!q->pages || !q->reqs) {
		kvfree(q->reqs);
		kfree(q->pages);
		kfree(q);
		return NULL;
	}
	for (i = 0; i < p->depth; i++)
		q->reqs[i].queue = q;
	q->att = att;
	q->core = att->disk->cores[p->queue % att->disk->nr_cores];
	q->notifier = p->flags & IOCORE_QUEUE_POLL ? iocore_notifier_none() :
						     iocore_notifier_get(att);
	q->nr = p->queue;
	q->vcpu_id = p->vcpu;
	q->notify_bit = p->notify_bit;
	q->gfn = gpa_to_gfn(p->gpa);
	q->lim = att->disk->lim;
	q->lim.depth = p->depth;
	spin_lock_init(&q->cq_lock);
	kref_init(&q->ref);
	init_completion(&q->drained);
	return q;
}

static void queue_free(struct iocore_queue *q)
{
	kvfree(q->reqs);
	kfree(q->pages);
	kfree(q);
}

static int queue_check(struct iocore_attachment *att, const struct iocore_queue_create *p)
{
	if (p->queue >= att->disk->max_queues || p->notify_bit >= IOCORE_NOTIFY_BITS ||
	    !iocore_ring_depth_ok(p->depth) || !PAGE_ALIGNED(p->gpa) ||
	    p->gpa + iocore_ring_bytes(p->depth) < p->gpa)
		return -EINVAL;
	if (att->closing)
		return -ENOENT;
	if (p->epoch != att->epoch)
		return -ESTALE;
	if (att->queues[p->queue])
		return -EEXIST;
	if (!(p->flags & IOCORE_QUEUE_POLL) && !xa_load(&att->vm->vcpus, p->vcpu))
		return -ENOENT;
	return 0;
}

int iocore_queue_create(struct iocore_attachment *att, const struct iocore_queue_create *p)
{
	struct iocore_thread *thread;
	struct iocore_queue *q;
	int err;

	lockdep_assert_held(&att->vm->lock);
	err = queue_check(att, p);
	if (err)
		return err;
	thread = iocore_thread_get(att, p->queue);
	if (IS_ERR(thread))
		return PTR_ERR(thread);

	q = queue_alloc(att, p);
	if (!q)
		return -ENOMEM;
	q->thread = thread;
	err = iocore_map_guest(att->vm->kvm, q->gfn, q->npages, q->pages, &q->area);
	if (err) {
		queue_free(q);
		return err;
	}
	iocore_ring_init(&q->ring, q->area, p->depth);
	att->queues[p->queue] = q;
	rcu_assign_pointer(att->cores[p->queue], q->core);
	iocore_sysfs_add_queue(q);
	iocore_core_add_queue(q->core, q);
	return 0;
}

/*
 * What the SQ side has of the ring passes from one IOCore to the other through
 * the locks of both. A kick finds the new one before that can go to sleep with
 * the ring; and one that still finds the old does no harm, because the new one
 * is woken when the queue has joined it.
 */
struct iocore_core *iocore_queue_move(struct iocore_queue *q, struct iocore_core *core)
{
	struct iocore_core *held = q->core_held ? q->core : NULL;
	unsigned long flags;

	lockdep_assert_held(&q->att->vm->lock);
	iocore_core_del_queue(q->core, q);
	/* Completions ask q->core whether it sleeps. */
	spin_lock_irqsave(&q->cq_lock, flags);
	q->core = core;
	q->core_held = true;
	spin_unlock_irqrestore(&q->cq_lock, flags);
	rcu_assign_pointer(q->att->cores[q->nr], core);
	iocore_core_add_queue(core, q);
	return held;
}

void iocore_queue_destroy(struct iocore_queue *q)
{
	/* 1. No new request: IOCore no longer knows the ring. */
	iocore_core_del_queue(q->core, q);
	/* 2. Every request in flight ends and has posted its CQE. */
	kref_put(&q->ref, queue_drained);
	wait_for_completion(&q->drained);
	/* 3. Nobody is left to touch the ring's pages, or to ask its IOCore. */
	iocore_unmap_guest(q->npages, q->pages, q->area);
	if (q->core_held)
		iocore_core_put(q->core);
	queue_free(q);
}
