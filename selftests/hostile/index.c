// SPDX-License-Identifier: GPL-2.0-only
/*
 * index.c - impossible ring indices: the host stops that ring and only that
 */
#include <linux/io.h>
#include <linux/string.h>

#include "hostile.h"

#define DEPTH	64

/* The ring must be stopped; the next one must work. */
static void expect_broken(struct hostile *h, struct hostile_ring *r, const char *what)
{
	struct iocore_sqe sqe = hostile_sqe(IOCORE_OP_READ, 0, 0, 512);
	u32 cq_tail;

	h->ring++;
	if (!hostile_ring_wait_broken(r))
		hostile_fail(h, "%s: the ring was not stopped", what);
	cq_tail = READ_ONCE(r->hdr->cq_tail);

	/* a broken ring stays so, whatever is written to it */
	hostile_ring_push(r, &sqe);
	WRITE_ONCE(r->hdr->cq_head, cq_tail);
	hostile_ring_publish(r);
	hostile_call(h, "kick a broken ring", IOCORE_HC_KICK, r->slot, r->queue, 0, 0);
	if (READ_ONCE(r->hdr->cq_tail) != cq_tail)
		hostile_fail(h, "%s: a broken ring completes", what);
	hostile_ring_close(h, r);

	if (!hostile_ring_open(h, r, SLOT_DISK, DEPTH))
		return;
	hostile_submit(h, r, "a new ring", &sqe, IOCORE_S_OK);
	hostile_ring_close(h, r);
}

static void jump_tail(struct hostile *h, const char *what, u32 tail)
{
	struct hostile_ring r;

	if (h->failed || !hostile_ring_open(h, &r, SLOT_DISK, DEPTH))
		return;
	r.sq_tail = tail;
	hostile_ring_publish(&r);
	expect_broken(h, &r, what);
}

static void case_sq_tail(struct hostile *h)
{
	jump_tail(h, "one beyond", DEPTH + 1);
	jump_tail(h, "half way round", 0x80000000U);
	jump_tail(h, "backwards", ~0U);
}

static void jump_head(struct hostile *h, const char *what, u32 head)
{
	struct iocore_sqe sqe = hostile_sqe(IOCORE_OP_READ, 0, 0, 512);
	struct hostile_ring r;

	if (h->failed || !hostile_ring_open(h, &r, SLOT_DISK, DEPTH))
		return;
	WRITE_ONCE(r.hdr->cq_head, head);
	hostile_ring_push(&r, &sqe);
	hostile_ring_publish(&r);
	expect_broken(h, &r, what);
}

static void case_cq_head(struct hostile *h)
{
	jump_head(h, "ahead of the host", 1);
	jump_head(h, "far ahead", 0x7fffffffU);
	jump_head(h, "far behind", -(u32)DEPTH - 1);
}

/* What only the host writes is nothing that the host reads. */
static void case_host_fields(struct hostile *h)
{
	struct iocore_sqe sqe = hostile_sqe(IOCORE_OP_READ, 0, 0, 512);
	struct hostile_ring r;
	struct iocore_cqe cqe;

	if (!hostile_ring_open(h, &r, SLOT_DISK, DEPTH))
		return;
	hostile_submit(h, &r, "before", &sqe, IOCORE_S_OK);
	WRITE_ONCE(r.hdr->sq_head, 0xdeadbeef);
	WRITE_ONCE(r.hdr->cq_tail, 0xdeadbeef);
	hostile_ring_push(&r, &sqe);
	hostile_ring_publish(&r);
	r.cq_head = 0xdeadbeef;
	if (!hostile_ring_next(&r, &cqe) || READ_ONCE(r.hdr->cq_tail) != 2 ||
	    READ_ONCE(r.hdr->sq_head) != 2)
		hostile_fail(h, "the host believed its own fields");
	hostile_ring_close(h, &r);
}

/* A disk that reads zeroes into the very ring which asked for them. */
static void case_read_over_ring(struct hostile *h)
{
	struct iocore_sqe sqe = hostile_sqe(IOCORE_OP_WRITE, 0, 0, 4096);
	struct hostile_ring r;

	memset(hostile_data, 0, 4096);
	if (!hostile_ring_open(h, &r, SLOT_DISK, DEPTH))
		return;
	hostile_submit(h, &r, "write zeroes", &sqe, IOCORE_S_OK);
	sqe.opcode = IOCORE_OP_READ;
	sqe.seg[0].gpa = virt_to_phys(r.sq);
	hostile_submit(h, &r, "over the SQ", &sqe, IOCORE_S_OK);
	sqe.seg[0].gpa = virt_to_phys(r.hdr);
	hostile_ring_push(&r, &sqe);
	hostile_ring_publish(&r);
	expect_broken(h, &r, "over the indices");
}

const struct hostile_case hostile_index[] = {
	{ "sq-tail",		case_sq_tail },
	{ "cq-head",		case_cq_head },
	{ "host-fields",	case_host_fields },
	{ "read-over-ring",	case_read_over_ring },
	{ }
};
