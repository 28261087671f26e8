/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * the host's side of one queue
 *
 * The layout and the ordering letters A..N are in <linux/iocore_ring.h>.
 *
 * Two contexts use a ring at once and share no lock:
 *
 *	SQ side		one IOCore thread: peek, copy, release, pending,
 *			set_need_kick, clear_need_kick
 *	CQ side		one at a time, serialised by the caller, any context:
 *			cq_post, cq_must_notify
 *
 * iocore_ring_break() and iocore_ring_is_broken() may be called by anybody.
 *
 * Every SQE that was copied out owns a CQ slot, because peek hands out no more
 * SQEs than there are slots; so cq_post cannot fail and cannot overflow,
 * provided that it is called once for each SQE copied.
 *
 * A ring whose guest breaks the rules becomes broken: the guest is told once in
 * its flags word, and afterwards no call touches shared memory.
 */
#ifndef _IOCORE_RING_H
#define _IOCORE_RING_H

#include "compat.h"
#include <linux/iocore_ring.h>

/**
 * struct iocore_ring - the host's view of a queue
 * @hdr:	the shared indices
 * @sq:		the shared submission queue
 * @cq:		the shared completion queue
 * @depth:	entries of each
 * @mask:	@depth - 1
 * @sq_head:	SQEs copied out, free-running; the SQ side's own
 * @cq_tail:	CQEs posted, free-running; written by the CQ side, read by both
 * @broken:	the guest broke the protocol, or the ring was shut down
 *
 * What @hdr says about @sq_head and @cq_tail is for the guest to read: the host
 * never reads its own indices back from memory that the guest can write.
 */
struct iocore_ring {
	__shared struct iocore_ring_hdr *hdr;
	__shared struct iocore_sqe *sq;
	__shared struct iocore_cqe *cq;
	u32 depth;
	u32 mask;
	u32 sq_head;
	u32 cq_tail;
	bool broken;
};

bool iocore_ring_depth_ok(u32 depth);
size_t iocore_ring_bytes(u32 depth);
void iocore_ring_init(struct iocore_ring *ring, void *area, u32 depth);

int iocore_ring_sq_peek(struct iocore_ring *ring);
void iocore_ring_sq_copy(struct iocore_ring *ring, struct iocore_sqe *out);
void iocore_ring_sq_release(struct iocore_ring *ring);
bool iocore_ring_sq_pending(struct iocore_ring *ring);
void iocore_ring_set_need_kick(struct iocore_ring *ring);
void iocore_ring_clear_need_kick(struct iocore_ring *ring);

void iocore_ring_cq_post(struct iocore_ring *ring, u16 tag, u16 status);
bool iocore_ring_cq_must_notify(struct iocore_ring *ring, u32 old_tail);

void iocore_ring_break(struct iocore_ring *ring);

/**
 * iocore_ring_is_broken - has the ring been stopped?
 * @ring: the queue
 *
 * Return: true once the guest broke the protocol or iocore_ring_break() ran.
 */
static inline bool iocore_ring_is_broken(const struct iocore_ring *ring)
{
	return READ_ONCE(ring->broken);
}

/**
 * iocore_ring_cq_tail - CQEs posted so far
 * @ring: the queue
 *
 * Return: what iocore_ring_cq_must_notify() wants as its old tail, if read
 * under the caller's CQ serialisation before its posts.
 */
static inline u32 iocore_ring_cq_tail(const struct iocore_ring *ring)
{
	return READ_ONCE(ring->cq_tail);
}

#endif /* _IOCORE_RING_H */
