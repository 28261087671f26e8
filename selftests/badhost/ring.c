// SPDX-License-Identifier: GPL-2.0-only
/*
 * ring.c - the host's side of a queue, and what it does wrong
 *
 * Guest memory is written by the vCPU that kicks, with no other at work on the
 * queue: no order matters. The letters of <linux/iocore_ring.h> are not here.
 */
#include <linux/bits.h>
#include <linux/kvm_pv_backend.h>
#include <linux/mm.h>
#include <linux/nospec.h>

#include "badhost.h"

#define HDR(field)	offsetof(struct iocore_ring_hdr, field)

/* Faults that pass do so after so many requests of a queue. */
#define PASSES		3

static u32 get32(struct kvm *kvm, u64 gpa)
{
	u32 value = 0;

	kvm_read_guest(kvm, gpa, &value, sizeof(value));
	return value;
}

static void put32(struct kvm *kvm, u64 gpa, u32 value)
{
	kvm_write_guest(kvm, gpa, &value, sizeof(value));
}

/* ---- telling the guest ---- */

static struct badhost_vcpu *find_vcpu(u32 id)
{
	struct badhost_vcpu *v = &badhost.vcpus[array_index_nospec(id, BADHOST_VCPUS)];

	return v->vcpu ? v : NULL;
}

static void raise_bit(struct kvm *kvm, const struct badhost_queue *q)
{
	struct badhost_vcpu *v = find_vcpu(q->vcpu);
	u64 gpa, word = 0;

	if (!v || q->flags & IOCORE_QUEUE_POLL)
		return;
	gpa = v->gpa + q->bit / 64 * sizeof(word);
	kvm_read_guest(kvm, gpa, &word, sizeof(word));
	word |= BIT_ULL(q->bit % 64);
	kvm_write_guest(kvm, gpa, &word, sizeof(word));
	kvm_pv_inject(v->vcpu, v->vector);
}

/* On every vCPU that has a page. */
void badhost_event(struct kvm *kvm, u32 events)
{
	struct badhost_vcpu *v;
	u32 id;

	for (id = 0; id < BADHOST_VCPUS; id++) {
		v = find_vcpu(id);
		if (!v)
			continue;
		put32(kvm, v->gpa + offsetof(struct iocore_notify_page, events), events);
		kvm_pv_inject(v->vcpu, v->vector);
	}
}

static void raise_everything(struct kvm *kvm)
{
	u64 ones = ~0ULL;
	u32 id, i;

	for (id = 0; id < BADHOST_VCPUS; id++) {
		struct badhost_vcpu *v = find_vcpu(id);

		for (i = 0; v && i < IOCORE_NOTIFY_BITS / 64; i++)
			kvm_write_guest(kvm, v->gpa + i * sizeof(ones), &ones, sizeof(ones));
	}
	badhost_event(kvm, ~0U);
}

/* ---- requests ---- */

/* To send every submission here. */
int badhost_ring_open(struct kvm *kvm, const struct badhost_queue *q)
{
	u32 flags = IOCORE_RING_NEED_KICK;

	return kvm_write_guest(kvm, q->gpa + HDR(flags), &flags, sizeof(flags)) ? -EFAULT : 0;
}

/* ... and says so. */
void badhost_ring_stop(struct kvm *kvm, const struct badhost_queue *q)
{
	put32(kvm, q->gpa + HDR(flags), IOCORE_RING_BROKEN | IOCORE_RING_NEED_KICK);
	raise_bit(kvm, q);
}

static void post(struct kvm *kvm, struct badhost_queue *q, u16 tag, u16 status)
{
	struct iocore_cqe cqe = { .tag = tag, .status = status };
	u64 cq = q->gpa + IOCORE_PAGE_SIZE + PAGE_ALIGN(q->depth * sizeof(struct iocore_sqe));

	kvm_write_guest(kvm, cq + (q->cq_tail & (q->depth - 1)) * sizeof(cqe), &cqe, sizeof(cqe));
	q->cq_tail++;
}

static void read_zeroes(struct kvm *kvm, const struct iocore_sqe *sqe)
{
	struct iocore_seg seg;
	unsigned int i;

	if (sqe->opcode != IOCORE_OP_READ)
		return;
	for (i = 0; i < min_t(unsigned int, sqe->nr_segs, IOCORE_MAX_SEGS); i++) {
		if (sqe->flags & IOCORE_SQE_TABLE)
			kvm_read_guest(kvm, sqe->table_gpa + i * sizeof(seg), &seg, sizeof(seg));
		else
			seg = sqe->seg[min(i, IOCORE_INLINE_SEGS - 1U)];
		kvm_clear_guest(kvm, seg.gpa, min(seg.len, IOCORE_MAX_BYTES));
	}
}

/* Whether the request still gets the end that it should. */
static bool misbehave(struct kvm *kvm, struct badhost_queue *q, const struct iocore_sqe *sqe,
		      enum badhost_fault fault)
{
	bool passed = q->faults++ >= PASSES;

	switch (fault) {
	case BADHOST_CQ_TAIL:
		q->cq_tail += q->depth + 1;
		return false;
	case BADHOST_BROKEN:
		put32(kvm, q->gpa + HDR(flags), IOCORE_RING_BROKEN | IOCORE_RING_NEED_KICK);
		return false;
	case BADHOST_TAG_WILD:
		post(kvm, q, 0xffff, IOCORE_S_OK);
		break;
	case BADHOST_TAG_IDLE:
		post(kvm, q, (sqe->tag + q->depth / 2) & (q->depth - 1), IOCORE_S_OK);
		break;
	case BADHOST_TWICE:
		post(kvm, q, sqe->tag, IOCORE_S_OK);
		break;
	case BADHOST_STATUS:
		post(kvm, q, sqe->tag, 0xff00);
		return false;
	case BADHOST_AGAIN:
	case BADHOST_GONE:
		if (passed)
			break;
		post(kvm, q, sqe->tag, fault == BADHOST_AGAIN ? IOCORE_S_AGAIN : IOCORE_S_GONE);
		return false;
	case BADHOST_PENDING:
		raise_everything(kvm);
		break;
	default:
		break;
	}
	return true;
}

static void serve_one(struct kvm *kvm, struct badhost_queue *q, enum badhost_fault fault)
{
	u64 sq = q->gpa + IOCORE_PAGE_SIZE;
	struct iocore_sqe sqe;

	if (kvm_read_guest(kvm, sq + (q->sq_head & (q->depth - 1)) * sizeof(sqe), &sqe,
			   sizeof(sqe)))
		return;
	q->sq_head++;
	badhost.reads++;
	if (!misbehave(kvm, q, &sqe, fault))
		return;
	read_zeroes(kvm, &sqe);
	post(kvm, q, sqe.tag, IOCORE_S_OK);
}

void badhost_ring_serve(struct kvm *kvm, struct badhost_queue *q, enum badhost_fault fault)
{
	u32 n = get32(kvm, q->gpa + HDR(sq_tail)) - q->sq_head;
	u32 ahead = fault == BADHOST_SQ_HEAD ? 2 * q->depth : 0;

	for (; n && n <= q->depth; n--)
		serve_one(kvm, q, fault);
	put32(kvm, q->gpa + HDR(sq_head), q->sq_head + ahead);
	put32(kvm, q->gpa + HDR(cq_tail), q->cq_tail);
	raise_bit(kvm, q);
}
