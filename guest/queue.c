// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring: producer of requests, consumer of completions
 *
 * The only file that touches ring memory. The letters name the barriers of
 * <linux/iocore_ring.h>. The virt_*() forms are used because the host runs in
 * parallel even to a guest kernel built for one CPU.
 *
 * The host is not trusted: each of its indices is checked against our own
 * copies, a CQE is copied once and then checked, and a pass over the CQ is
 * bounded.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blk-mq.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/nospec.h>
#include <linux/slab.h>

#include "iocore_blk.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/* CQ passes of one interrupt before the rest is left to the poller */
#define IOCORE_CQ_PASSES	4

/* ---- memory ---- */

static size_t table_bytes(const struct iocore_queue *q)
{
	/* a power of two: naturally aligned, so a table never crosses a page */
	return roundup_pow_of_two(q->disk->info.max_segs * sizeof(struct iocore_seg));
}

static void free_tables(struct iocore_queue *q)
{
	u32 i;

	for (i = 0; q->tables && i < q->depth; i++)
		kfree(q->tables[i]);
	kvfree(q->tables);
}

static int alloc_tables(struct iocore_queue *q)
{
	u32 i;

	q->tables = kvcalloc(q->depth, sizeof(*q->tables), GFP_KERNEL);
	if (!q->tables)
		return -ENOMEM;
	for (i = 0; i < q->depth; i++) {
		q->tables[i] = kzalloc(table_bytes(q), GFP_KERNEL);
		if (!q->tables[i])
			return -ENOMEM;
	}
	return 0;
}

static int alloc_rings(struct iocore_queue *q)
{
	size_t sq_bytes = PAGE_ALIGN(q->depth * sizeof(struct iocore_sqe));
	void *area;

	q->bytes = IOCORE_PAGE_SIZE + sq_bytes +
		   PAGE_ALIGN(q->depth * sizeof(struct iocore_cqe));
	area = alloc_pages_exact(q->bytes, GFP_KERNEL | __GFP_ZERO);
	if (!area)
		return -ENOMEM;
	q->hdr = area;
	q->sq = area + IOCORE_PAGE_SIZE;
	q->cq = area + IOCORE_PAGE_SIZE + sq_bytes;
	return 0;
}

struct iocore_queue *iocore_queue_alloc(struct iocore_disk *disk, u32 nr)
{
	struct iocore_queue *q = kzalloc(sizeof(*q), GFP_KERNEL);

	if (!q)
		return NULL;
	q->disk = disk;
	q->nr = nr;
	q->depth = disk->depth;
	spin_lock_init(&q->sq_lock);
	spin_lock_init(&q->cq_lock);
	q->rqs = kvcalloc(q->depth, sizeof(*q->rqs), GFP_KERNEL);
	if (!q->rqs || alloc_rings(q) || alloc_tables(q)) {
		iocore_queue_free(q);
		return NULL;
	}
	return q;
}

/* The queue is unbound: no interrupt handler and no poller knows it. */
void iocore_queue_free(struct iocore_queue *q)
{
	if (!q)
		return;
	if (q->created) {
		pr_warn_ratelimited("slot %u queue %u: the host did not give it back, its memory is lost\n",
				    q->disk->info.slot, q->nr);
	} else {
		if (q->hdr)
			free_pages_exact(q->hdr, q->bytes);
		free_tables(q);
	}
	kvfree(q->rqs);
	kfree(q);
}

/* ---- the host's side of a queue ---- */

/*
 * -EBUSY: not now. The scan and the owner of notify_lock can't wait for the host.
 * -EIO: an answer that is none. It may have the queue, which is then asked back.
 */
int iocore_queue_create(struct iocore_queue *q, u32 vcpu)
{
	struct iocore_queue_create arg = {
		.slot = q->disk->info.slot,
		.queue = q->nr,
		.epoch = q->disk->info.epoch,
		.gpa = virt_to_phys(q->hdr),
		.depth = q->depth,
		.vcpu = vcpu,
		.notify_bit = q->bit,
		.flags = q->home ? 0 : IOCORE_QUEUE_POLL,
	};
	int ret = iocore_hc_queue_create(&arg);

	q->created = !ret || ret == -EIO;
	if (ret == -EIO)
		iocore_disk_broken(q->disk, "the host's answer to a new queue makes no sense");
	return ret;
}

/*
 * After 0 the host touches neither the ring nor the data of its requests.
 * -ENOENT promises nothing of the kind: the host may be in the middle of a
 * detach. Only an empty slot does.
 */
int iocore_queue_destroy(struct iocore_queue *q)
{
	int ret;

	if (!q->created)
		return 0;
	ret = iocore_hc_queue_destroy(q->disk->info.slot, q->nr);
	if (!ret)
		q->created = false;
	return ret;
}

/* The slot is empty, or has another disk: the host is done with the queue. */
void iocore_queue_forget(struct iocore_queue *q)
{
	q->created = false;
}

/* ---- submission ---- */

static bool sq_has_room(struct iocore_queue *q)
{
	u32 head;

	if (q->sq_tail - q->sq_head < q->depth)
		return true;

	head = virt_load_acquire(&q->hdr->sq_head);	/* D, pairs with C */
	if (q->sq_published - head > q->depth) {
		q->sq_stopped = true;
		iocore_disk_broken(q->disk, "sq_head is wild");
		return false;
	}
	q->sq_head = head;
	return q->sq_tail - head < q->depth;
}

/* Neighbours in memory become one segment. Returns their number, or 0. */
static unsigned int fill_segs(struct request *rq, struct iocore_seg *seg, unsigned int max)
{
	struct req_iterator iter;
	struct bio_vec bv;
	unsigned int n = 0;
	u64 end = 0;

	rq_for_each_bvec(bv, rq, iter) {
		u64 gpa = bvec_phys(&bv);

		if (n && gpa == end) {
			seg[n - 1].len += bv.bv_len;
		} else {
			if (n == max)
				return 0;
			seg[n++] = (struct iocore_seg){ .gpa = gpa, .len = bv.bv_len };
		}
		end = gpa + bv.bv_len;
	}
	return n;
}

static void fill_range(struct request *rq, struct iocore_sqe *sqe)
{
	sqe->sector = blk_rq_pos(rq);
	sqe->len = blk_rq_bytes(rq);
}

static blk_status_t fill_data(struct iocore_queue *q, struct request *rq, struct iocore_sqe *sqe)
{
	unsigned int max = IOCORE_INLINE_SEGS;
	struct iocore_seg *seg = sqe->seg;

	if (blk_rq_nr_phys_segments(rq) > IOCORE_INLINE_SEGS) {
		max = q->disk->info.max_segs;
		seg = q->tables[rq->tag];
		sqe->flags |= IOCORE_SQE_TABLE;
		sqe->table_gpa = virt_to_phys(seg);
	}
	fill_range(rq, sqe);
	sqe->nr_segs = fill_segs(rq, seg, max);
	return sqe->nr_segs ? BLK_STS_OK : BLK_STS_IOERR;
}

static u8 write_flags(struct request *rq)
{
	return rq->cmd_flags & REQ_FUA ? IOCORE_SQE_FUA : 0;
}

static u8 zeroes_flags(struct iocore_queue *q, struct request *rq)
{
	u8 flags = write_flags(rq);

	if (!(rq->cmd_flags & REQ_NOUNMAP) && q->disk->info.flags & IOCORE_DISK_UNMAP)
		flags |= IOCORE_SQE_UNMAP;
	return flags;
}

static blk_status_t fill_sqe(struct iocore_queue *q, struct request *rq, struct iocore_sqe *sqe)
{
	memset(sqe, 0, sizeof(*sqe));
	sqe->tag = rq->tag;
	switch (req_op(rq)) {
	case REQ_OP_READ:
		sqe->opcode = IOCORE_OP_READ;
		return fill_data(q, rq, sqe);
	case REQ_OP_WRITE:
		sqe->opcode = IOCORE_OP_WRITE;
		sqe->flags = write_flags(rq);
		return fill_data(q, rq, sqe);
	case REQ_OP_FLUSH:
		sqe->opcode = IOCORE_OP_FLUSH;
		return BLK_STS_OK;
	case REQ_OP_DISCARD:
		sqe->opcode = IOCORE_OP_DISCARD;
		fill_range(rq, sqe);
		return BLK_STS_OK;
	case REQ_OP_WRITE_ZEROES:
		sqe->opcode = IOCORE_OP_WRITE_ZEROES;
		sqe->flags = zeroes_flags(q, rq);
		fill_range(rq, sqe);
		return BLK_STS_OK;
	default:
		return BLK_STS_NOTSUPP;
	}
}

static blk_status_t sq_push(struct iocore_queue *q, struct request *rq)
{
	struct iocore_sqe sqe;
	blk_status_t status;

	lockdep_assert_held(&q->sq_lock);
	if (unlikely(q->sq_stopped || iocore_disk_closed(q->disk)))
		return BLK_STS_IOERR;
	if (unlikely(!sq_has_room(q)))
		return q->sq_stopped ? BLK_STS_IOERR : BLK_STS_RESOURCE;
	status = fill_sqe(q, rq, &sqe);
	if (unlikely(status))
		return status;

	blk_mq_start_request(rq);
	WRITE_ONCE(q->rqs[rq->tag], rq);
	trace_iocore_blk_submit(q->disk->info.slot, q->nr, &sqe);
	q->sq[q->sq_tail++ & (q->depth - 1)] = sqe;
	return BLK_STS_OK;
}

/* Somebody has to look at the completions if the host won't notify. */
static void start_poller(struct iocore_queue *q)
{
	if (!q->home)	/* blk-mq polls */
		return;
	if (unlikely(!READ_ONCE(q->home->registered)))
		iocore_notify_poll(q->home, 1);
	if (READ_ONCE(q->disk->polled) && !READ_ONCE(q->home->polling))
		iocore_notify_poll(q->home, 0);
}

/* Show the host all that was pushed. True: it sleeps and wants a kick. */
static bool sq_publish(struct iocore_queue *q)
{
	u32 flags;

	lockdep_assert_held(&q->sq_lock);
	if (q->sq_published == q->sq_tail)
		return false;

	q->sq_published = q->sq_tail;
	virt_store_release(&q->hdr->sq_tail, q->sq_tail);	/* A, pairs with B */

	/*
	 * K, pairs with L: the host sees the new tail, or we see NEED_KICK.
	 * Pairs also with the one in notify_offline(): the poller sees the
	 * request, or we see that the vCPU is not notified and start it; with
	 * the one in poll_spin() likewise: or we see that it no longer polls;
	 * and with the one in disk_polling().
	 */
	virt_mb();
	flags = READ_ONCE(q->hdr->flags);
	if (unlikely(flags & IOCORE_RING_BROKEN))
		iocore_disk_broken(q->disk, "the host stopped the ring");
	start_poller(q);
	if (!(flags & IOCORE_RING_NEED_KICK))
		return false;
	WRITE_ONCE(q->kicks, q->kicks + 1);
	return true;
}

static void kick(struct iocore_queue *q)
{
	trace_iocore_blk_kick(q->disk->info.slot, q->nr);
	if (unlikely(iocore_hc_kick(q->disk->info.slot, q->nr)))
		iocore_slots_kick();	/* the disk has left, or the host */
}

blk_status_t iocore_queue_submit(struct iocore_queue *q, struct request *rq, bool last)
{
	bool need_kick = false;
	blk_status_t status;

	spin_lock(&q->sq_lock);
	status = sq_push(q, rq);
	if (last || status)
		need_kick = sq_publish(q);
	spin_unlock(&q->sq_lock);
	if (need_kick)
		kick(q);
	return status;
}

/* Submit @list with one tail store; requests that can't go end up in @left. */
void iocore_queue_submit_list(struct iocore_queue *q, struct rq_list *list,
			      struct rq_list *left)
{
	struct request *rq;
	bool need_kick;

	spin_lock(&q->sq_lock);
	while ((rq = rq_list_pop(list))) {
		if (unlikely(sq_push(q, rq)))
			rq_list_add_tail(left, rq);
	}
	need_kick = sq_publish(q);
	spin_unlock(&q->sq_lock);
	if (need_kick)
		kick(q);
}

void iocore_queue_commit(struct iocore_queue *q)
{
	bool need_kick;

	spin_lock(&q->sq_lock);
	need_kick = sq_publish(q);
	spin_unlock(&q->sq_lock);
	if (need_kick)
		kick(q);
}

/* ---- completion ---- */

static blk_status_t to_blk_status(u16 status)
{
	switch (status) {
	case IOCORE_S_OK:
		return BLK_STS_OK;
	case IOCORE_S_INVAL:
		return BLK_STS_INVAL;
	case IOCORE_S_NOTSUPP:
		return BLK_STS_NOTSUPP;
	case IOCORE_S_NOSPC:
		return BLK_STS_NOSPC;
	case IOCORE_S_GONE:
	case IOCORE_S_OFFLINE:
		return BLK_STS_OFFLINE;
	case IOCORE_S_AGAIN:
		return BLK_STS_AGAIN;
	case IOCORE_S_TIMEOUT:
		return BLK_STS_TIMEOUT;
	case IOCORE_S_MEDIUM:
		return BLK_STS_MEDIUM;
	case IOCORE_S_READONLY:	/* as other drivers say of write protection */
	case IOCORE_S_TARGET:
		return BLK_STS_TARGET;
	case IOCORE_S_TRANSPORT:
		return BLK_STS_TRANSPORT;
	case IOCORE_S_RESERVED:
		return BLK_STS_RESV_CONFLICT;
	case IOCORE_S_PROTECTION:
		return BLK_STS_PROTECTION;
	default:	/* RANGE and FAULT too, as the block layer checked the request */
		return BLK_STS_IOERR;
	}
}

static void bad_completion(struct iocore_queue *q, const struct iocore_cqe *cqe)
{
	WRITE_ONCE(q->bad, q->bad + 1);
	trace_iocore_blk_bad_completion(q->disk->info.slot, q->nr, cqe);
	pr_warn_ratelimited("slot %u queue %u: completion of tag %u, which is not in flight\n",
			    q->disk->info.slot, q->nr, cqe->tag);
}

/*
 * xchg() makes a request's end a matter of one taker: a second CQE of the same
 * tag, or an invented one, finds nothing.
 */
static struct request *take(struct iocore_queue *q, u32 tag)
{
	return READ_ONCE(q->rqs[tag]) ? xchg(&q->rqs[tag], NULL) : NULL;
}

static void complete_one(struct iocore_queue *q, const struct iocore_cqe *cqe,
			 struct io_comp_batch *iob)
{
	struct request *rq = NULL;
	struct iocore_req *req;

	if (likely(cqe->tag < q->depth))
		rq = take(q, array_index_nospec(cqe->tag, q->depth));
	if (unlikely(!rq)) {
		bad_completion(q, cqe);
		return;
	}
	trace_iocore_blk_complete(q->disk->info.slot, q->nr, cqe);
	req = blk_mq_rq_to_pdu(rq);
	req->status = to_blk_status(cqe->status);
	if (unlikely(cqe->status == IOCORE_S_GONE && iocore_disk_replayed(q->disk))) {
		req->status = BLK_STS_AGAIN;
		WRITE_ONCE(q->replayed, q->replayed + 1);
	}
	if (blk_mq_complete_request_remote(rq))
		return;
	/* A batch is for what went well. */
	if (req->status != BLK_STS_OK ||
	    !blk_mq_add_to_batch(rq, iob, false, blk_mq_end_request_batch))
		iocore_disk_end_request(rq);
}

/* One pass over what the host has produced: at most depth entries. */
static int cq_drain(struct iocore_queue *q, struct io_comp_batch *iob)
{
	u32 tail = virt_load_acquire(&q->hdr->cq_tail);	/* F, pairs with E */
	u32 n = tail - q->cq_head;

	if (unlikely(n > q->depth)) {
		q->cq_stopped = true;
		iocore_disk_broken(q->disk, "cq_tail is wild");
		return 0;
	}
	while (q->cq_head != tail) {
		const struct iocore_cqe *slot = &q->cq[q->cq_head & (q->depth - 1)];
		struct iocore_cqe cqe = {
			.tag = READ_ONCE(slot->tag),
			.status = READ_ONCE(slot->status),
		};

		q->cq_head++;
		complete_one(q, &cqe, iob);
	}
	virt_store_release(&q->hdr->cq_head, q->cq_head);	/* G, pairs with H */
	return n;
}

/* Drain until the queue is empty and armed. False: gave up, call again. */
static bool cq_process(struct iocore_queue *q, struct io_comp_batch *iob, int *done)
{
	int pass;

	lockdep_assert_held(&q->cq_lock);
	for (pass = 0; pass < IOCORE_CQ_PASSES; pass++) {
		if (unlikely(q->cq_stopped))
			return true;
		*done += cq_drain(q, iob);
		WRITE_ONCE(q->hdr->cq_event, q->cq_head);
		virt_mb();	/* N, pairs with M: notified, or seen here */
		if (READ_ONCE(q->hdr->cq_tail) == q->cq_head)
			return true;
	}
	return false;
}

/* Any context. Returns how many completions there were. */
int iocore_queue_poll(struct iocore_queue *q)
{
	DEFINE_IO_COMP_BATCH(iob);
	unsigned long irqflags;
	int done = 0;
	bool armed;

	spin_lock_irqsave(&q->cq_lock, irqflags);
	armed = cq_process(q, &iob, &done);
	spin_unlock_irqrestore(&q->cq_lock, irqflags);

	if (iob.complete)
		iob.complete(&iob);
	if (unlikely(!armed && q->home))
		iocore_notify_poll(q->home, 0);
	if (unlikely(READ_ONCE(q->hdr->flags) & IOCORE_RING_BROKEN))
		iocore_disk_broken(q->disk, "the host stopped the ring");
	return done;
}

/* The same for blk-mq's polling of a queue that the host never notifies of. */
int iocore_queue_reap(struct iocore_queue *q, struct io_comp_batch *iob)
{
	unsigned long irqflags;
	int done = 0;

	if (!iocore_queue_ready(q))
		return 0;
	spin_lock_irqsave(&q->cq_lock, irqflags);
	if (likely(!q->cq_stopped))
		done = cq_drain(q, iob);
	WRITE_ONCE(q->reaped, q->reaped + done);
	spin_unlock_irqrestore(&q->cq_lock, irqflags);
	if (unlikely(READ_ONCE(q->hdr->flags) & IOCORE_RING_BROKEN))
		iocore_disk_broken(q->disk, "the host stopped the ring");
	return done;
}

/* The queue's pending bit was set; hard interrupt of its home vCPU. */
void iocore_queue_notified(struct iocore_queue *q)
{
	WRITE_ONCE(q->notifications, q->notifications + 1);
	iocore_queue_poll(q);
}

/* Has the host anything to say? For pollers: takes no lock and writes nothing. */
bool iocore_queue_ready(const struct iocore_queue *q)
{
	return READ_ONCE(q->hdr->cq_tail) != READ_ONCE(q->cq_head) ||
	       READ_ONCE(q->hdr->flags) & IOCORE_RING_BROKEN;
}

/* Is any request in flight? Racy; for pollers, who often meet the same one. */
bool iocore_queue_busy(struct iocore_queue *q)
{
	u32 i, tag = READ_ONCE(q->busy_tag);

	for (i = 0; i < q->depth; i++, tag++) {
		tag &= q->depth - 1;
		if (READ_ONCE(q->rqs[tag])) {
			WRITE_ONCE(q->busy_tag, tag);
			return true;
		}
	}
	return false;
}

/*
 * End what is in flight. The host no longer uses the queue, and nothing is
 * submitted; an interrupt handler may still be at work here, see take(). Sleeps:
 * each request that fails may have a line for a slow console.
 */
static u64 end_all(struct iocore_queue *q, blk_status_t status)
{
	struct iocore_req *req;
	struct request *rq;
	u64 n = 0;
	u32 tag;

	iocore_queue_poll(q);
	for (tag = 0; tag < q->depth; tag++) {
		rq = take(q, tag);
		if (!rq)
			continue;
		req = blk_mq_rq_to_pdu(rq);
		req->status = status;
		blk_mq_complete_request(rq);
		n++;
		cond_resched();
	}
	return n;
}

void iocore_queue_cancel(struct iocore_queue *q)
{
	end_all(q, BLK_STS_IOERR);
}

/* The disk is held: what has no completion is submitted again, in its time. */
void iocore_queue_requeue(struct iocore_queue *q)
{
	u64 n = end_all(q, BLK_STS_AGAIN);

	spin_lock_irq(&q->cq_lock);
	WRITE_ONCE(q->replayed, q->replayed + n);
	spin_unlock_irq(&q->cq_lock);
}

/*
 * As if just made, for the host to create it anew: nothing is in flight, and no
 * host knows the queue. A handler that is late finds it empty.
 */
void iocore_queue_restart(struct iocore_queue *q)
{
	spin_lock(&q->sq_lock);
	q->sq_tail = 0;
	q->sq_published = 0;
	q->sq_head = 0;
	spin_unlock(&q->sq_lock);

	spin_lock_irq(&q->cq_lock);
	memset(q->hdr, 0, IOCORE_PAGE_SIZE);
	WRITE_ONCE(q->cq_head, 0);
	spin_unlock_irq(&q->cq_lock);
}
