// SPDX-License-Identifier: GPL-2.0-only
/*
 * inflight.c - taking things away under requests that are in flight
 */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/kvm_para.h>
#include <linux/string.h>
#include <asm/irq_vectors.h>

#include "hostile.h"

#define DEPTH	64
#define MARK	0xa5

static void push_many(struct hostile_ring *r)
{
	struct iocore_sqe sqe;
	u32 i;

	for (i = 0; i < DEPTH; i++) {
		sqe = hostile_sqe(IOCORE_OP_READ, i, i * 8, 4096);
		sqe.seg[0].gpa += i * 4096;
		hostile_ring_push(r, &sqe);
	}
	hostile_ring_publish(r);
}

/* Wait until the host has copied something; so there is something in flight. */
static bool wait_started(struct hostile *h, struct hostile_ring *r)
{
	unsigned long end = jiffies + HOSTILE_WAIT;

	while (time_before(jiffies, end)) {
		if (READ_ONCE(r->hdr->sq_head))
			return true;
		cond_resched();
		udelay(5);
	}
	hostile_fail(h, "the host takes no request");
	return false;
}

/*
 * When the host has said that the queue is gone, what it had taken is answered,
 * and it writes no more: neither to the ring nor to the data.
 */
static void expect_quiet(struct hostile *h, struct hostile_ring *r)
{
	u32 head = READ_ONCE(r->hdr->sq_head), tail = READ_ONCE(r->hdr->cq_tail);

	if (head != tail)
		hostile_fail(h, "%u requests taken, %u answered", head, tail);
	memset(r->area, MARK, r->bytes);
	memset(hostile_data, MARK, DEPTH * 4096);
	msleep(300);
	if (memchr_inv(r->area, MARK, r->bytes))
		hostile_fail(h, "the ring was written to after its end");
	if (memchr_inv(hostile_data, MARK, DEPTH * 4096))
		hostile_fail(h, "data came after the queue's end");
}

static void case_destroy_in_flight(struct hostile *h)
{
	struct hostile_ring r;

	if (!hostile_ring_open(h, &r, SLOT_SLOW, DEPTH))
		return;
	push_many(&r);
	wait_started(h, &r);
	hostile_call(h, "destroy", IOCORE_HC_QUEUE_DESTROY, r.slot, r.queue, 0, 0);
	if (h->failed)
		return;
	expect_quiet(h, &r);
	hostile_ring_free(&r);
}

static void case_reset_in_flight(struct hostile *h)
{
	struct hostile_ring r;

	if (!hostile_ring_open(h, &r, SLOT_SLOW, DEPTH))
		return;
	push_many(&r);
	wait_started(h, &r);
	hostile_call(h, "reset", IOCORE_HC_RESET, 0, 0, 0, 0);
	if (h->failed)
		return;
	expect_quiet(h, &r);
	hostile_ring_free(&r);
	hostile_call(h, "the queue is gone", IOCORE_HC_QUEUE_DESTROY, SLOT_SLOW, 0, 0, -ENOENT);
}

/* After a reset no vCPU has a page: there is nobody to notify. */
static void case_queue_after_reset(struct hostile *h)
{
	struct iocore_queue_create arg;
	struct iocore_disk_info info;

	hostile_call(h, "reset", IOCORE_HC_RESET, 0, 0, 0, 0);
	if (hostile_info(h, SLOT_DISK, &info))
		return;
	arg = (struct iocore_queue_create) {
		.slot = SLOT_DISK,
		.epoch = info.epoch,
		.gpa = virt_to_phys(hostile_data),
		.depth = DEPTH,
	};
	hostile_call_arg(h, "no page", IOCORE_HC_QUEUE_CREATE, &arg, sizeof(arg), -ENOENT);
}

/* The page goes while completions want to notify; they come all the same. */
static void case_withdraw_in_flight(struct hostile *h)
{
	struct iocore_vcpu_notify *arg = hostile_page;
	struct hostile_ring r;
	struct iocore_cqe cqe;
	u32 i;

	if (!hostile_ring_open(h, &r, SLOT_SLOW, DEPTH))
		return;
	WRITE_ONCE(r.hdr->cq_event, 0);
	push_many(&r);
	wait_started(h, &r);
	memset(arg, 0, sizeof(*arg));
	hostile_call(h, "withdraw", IOCORE_HC_VCPU_NOTIFY, virt_to_phys(arg), sizeof(*arg), 0, 0);
	for (i = 0; i < DEPTH && hostile_ring_next(&r, &cqe); i++) {
		WRITE_ONCE(r.hdr->cq_event, r.cq_head);
		if (cqe.status != IOCORE_S_OK)
			hostile_fail(h, "status %u", cqe.status);
	}
	if (i != DEPTH)
		hostile_fail(h, "%u of %u requests ended", i, DEPTH);
	hostile_ring_close(h, &r);
}

/* Every notification asked for, at once and always. */
static void case_notify_storm(struct hostile *h)
{
	struct hostile_ring r;
	struct iocore_cqe cqe;
	u32 i, round;

	if (!hostile_ring_open(h, &r, SLOT_DISK, DEPTH))
		return;
	for (round = 0; round < 8 && !h->failed; round++) {
		push_many(&r);
		for (i = 0; i < DEPTH; i++) {
			WRITE_ONCE(r.hdr->cq_event, r.cq_head);
			if (!hostile_ring_next(&r, &cqe)) {
				hostile_fail(h, "round %u: %u of %u ended", round, i, DEPTH);
				break;
			}
		}
	}
	hostile_ring_close(h, &r);
}

/* Created and destroyed with requests in flight, again and again. */
static void case_queue_churn(struct hostile *h)
{
	struct hostile_ring r;
	int i;

	for (i = 0; i < 50 && !h->failed; i++) {
		if (!hostile_ring_open(h, &r, SLOT_DISK, DEPTH))
			return;
		push_many(&r);
		hostile_ring_close(h, &r);
	}
}

const struct hostile_case hostile_inflight[] = {
	{ "destroy-in-flight",	case_destroy_in_flight },
	{ "reset-in-flight",	case_reset_in_flight },
	{ "queue-after-reset",	case_queue_after_reset },
	{ "withdraw-in-flight",	case_withdraw_in_flight },
	{ "notify-storm",	case_notify_storm },
	{ "queue-churn",	case_queue_churn },
	{ }
};
