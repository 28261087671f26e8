// SPDX-License-Identifier: GPL-2.0-only
/*
 * the host's side of one queue
 */
#include "ring.h"

static_assert(sizeof(struct iocore_ring_hdr) == 320);
static_assert(offsetof(struct iocore_ring_hdr, sq_tail) == 0);
static_assert(offsetof(struct iocore_ring_hdr, cq_head) == 64);
static_assert(offsetof(struct iocore_ring_hdr, cq_event) == 68);
static_assert(offsetof(struct iocore_ring_hdr, sq_head) == 128);
static_assert(offsetof(struct iocore_ring_hdr, cq_tail) == 192);
static_assert(offsetof(struct iocore_ring_hdr, flags) == 256);
static_assert(sizeof(struct iocore_cqe) == 16);
static_assert(offsetof(struct iocore_cqe, tag) == 0);
static_assert(offsetof(struct iocore_cqe, status) == 2);

static size_t sq_bytes(u32 depth)
{
	return ALIGN((size_t)depth * sizeof(struct iocore_sqe),
		     (size_t)IOCORE_PAGE_SIZE);
}

static size_t cq_bytes(u32 depth)
{
	return ALIGN((size_t)depth * sizeof(struct iocore_cqe),
		     (size_t)IOCORE_PAGE_SIZE);
}

/**
 * iocore_ring_depth_ok - may a queue have this depth?
 * @depth: entries of SQ and of CQ
 *
 * Return: true for a power of two within the protocol's bounds.
 */
bool iocore_ring_depth_ok(u32 depth)
{
	return depth >= IOCORE_MIN_DEPTH && depth <= IOCORE_MAX_DEPTH &&
	       is_power_of_2(depth);
}

/**
 * iocore_ring_bytes - length of the shared area
 * @depth: a depth that iocore_ring_depth_ok() accepts
 *
 * Return: bytes of header, SQ and CQ, a multiple of IOCORE_PAGE_SIZE.
 */
size_t iocore_ring_bytes(u32 depth)
{
	return IOCORE_PAGE_SIZE + sq_bytes(depth) + cq_bytes(depth);
}

/**
 * iocore_ring_init - take over a queue that the guest has prepared
 * @ring:  to be filled
 * @area:  iocore_ring_bytes() of shared memory, page aligned, mapped
 * @depth: a depth that iocore_ring_depth_ok() accepts
 *
 * Writes the host's part of the header.
 */
void iocore_ring_init(struct iocore_ring *ring, void *area, u32 depth)
{
	u8 *base = area;

	ring->hdr = (struct iocore_ring_hdr __shared __force *)base;
	ring->sq = (__shared __force struct iocore_sqe *)
		   (base + IOCORE_PAGE_SIZE);
	ring->cq = (__shared __force struct iocore_cqe *)
		   (base + IOCORE_PAGE_SIZE + sq_bytes(depth));
	ring->depth = depth;
	ring->mask = depth - 1;
	ring->sq_head = 0;
	ring->cq_tail = 0;
	ring->broken = false;

	shared_store(&ring->hdr->sq_head, 0);
	shared_store(&ring->hdr->cq_tail, 0);
	shared_store(&ring->hdr->flags, 0);
}

/**
 * iocore_ring_break - stop a ring for good
 * @ring: the queue
 *
 * Tells the guest once. Any context; the shared area must still be mapped.
 */
void iocore_ring_break(struct iocore_ring *ring)
{
	if (iocore_ring_is_broken(ring))
		return;
	WRITE_ONCE(ring->broken, true);
	shared_or(&ring->hdr->flags, IOCORE_RING_BROKEN);
}

/*
 * CQ slots that no copied SQE owns yet, or -EPROTO.
 *
 * cq_head is loaded before cq_tail: a guest that has seen a CQE and then
 * advanced cq_head must not look to us as if it had run ahead.
 */
static int cq_credit(struct iocore_ring *ring)
{
	u32 cq_head = shared_load_acquire(&ring->hdr->cq_head);	/* (H) */
	u32 unread = READ_ONCE(ring->cq_tail) - cq_head;
	u32 owned = ring->sq_head - cq_head;

	if (unread > ring->depth || owned > ring->depth)
		return -EPROTO;
	return ring->depth - owned;
}

/**
 * iocore_ring_sq_peek - how many SQEs may be copied now?
 * @ring: the queue
 *
 * Bounded by what the guest has produced and by the free CQ slots.
 *
 * Return: that number, at most the depth, or -EPROTO if the ring is broken or
 * the guest's indices are impossible, which breaks it.
 */
int iocore_ring_sq_peek(struct iocore_ring *ring)
{
	u32 ready;
	int credit;

	if (iocore_ring_is_broken(ring))
		return -EPROTO;

	ready = shared_load_acquire(&ring->hdr->sq_tail) - ring->sq_head; /* (B) */
	if (ready > ring->depth)
		goto broken;
	if (!ready)
		return 0;
	credit = cq_credit(ring);
	if (credit < 0)
		goto broken;
	return min_t(u32, ready, credit);

broken:
	iocore_ring_break(ring);
	return -EPROTO;
}

/**
 * iocore_ring_sq_copy - copy the next SQE out of shared memory
 * @ring: the queue
 * @out:  the private copy, which the caller then validates
 *
 * Only after iocore_ring_sq_peek(), and no more often than that allowed.
 */
void iocore_ring_sq_copy(struct iocore_ring *ring, struct iocore_sqe *out)
{
	shared_copy_from(out, &ring->sq[ring->sq_head & ring->mask],
			 sizeof(*out));
	ring->sq_head++;
}

/**
 * iocore_ring_sq_release - give the slots of all copied SQEs back to the guest
 * @ring: the queue
 */
void iocore_ring_sq_release(struct iocore_ring *ring)
{
	if (iocore_ring_is_broken(ring))
		return;
	shared_store_release(&ring->hdr->sq_head, ring->sq_head); /* (C) */
}

/**
 * iocore_ring_sq_pending - has the guest produced what was not copied yet?
 * @ring: the queue
 *
 * Also true while SQEs wait for CQ credit: the guest does not kick when it
 * frees CQ slots.
 *
 * Return: false if there is nothing, or if the ring is broken.
 */
bool iocore_ring_sq_pending(struct iocore_ring *ring)
{
	if (iocore_ring_is_broken(ring))
		return false;
	return shared_load(&ring->hdr->sq_tail) != ring->sq_head;
}

/**
 * iocore_ring_set_need_kick - ask the guest to kick for its next SQE
 * @ring: the queue
 *
 * Before it sleeps the caller issues smp_mb() (L) and looks at
 * iocore_ring_sq_pending() once more.
 */
void iocore_ring_set_need_kick(struct iocore_ring *ring)
{
	if (!iocore_ring_is_broken(ring))
		shared_or(&ring->hdr->flags, IOCORE_RING_NEED_KICK);
}

/**
 * iocore_ring_clear_need_kick - IOCore is awake: no kicks are needed
 * @ring: the queue
 */
void iocore_ring_clear_need_kick(struct iocore_ring *ring)
{
	if (!iocore_ring_is_broken(ring))
		shared_andnot(&ring->hdr->flags, IOCORE_RING_NEED_KICK);
}

/**
 * iocore_ring_cq_post - complete one request
 * @ring:   the queue
 * @tag:    of the request
 * @status: enum iocore_status
 *
 * Once for each SQE copied; its data is in guest memory already. Does nothing
 * on a broken ring.
 */
void iocore_ring_cq_post(struct iocore_ring *ring, u16 tag, u16 status)
{
	const struct iocore_cqe cqe = { .tag = tag, .status = status };
	u32 tail = ring->cq_tail;

	if (iocore_ring_is_broken(ring))
		return;
	shared_copy_to(&ring->cq[tail & ring->mask], &cqe, sizeof(cqe));

	/* Before (E), so that cq_credit() never sees cq_head beyond it. */
	WRITE_ONCE(ring->cq_tail, tail + 1);
	shared_store_release(&ring->hdr->cq_tail, tail + 1);	/* (E) */
}

/**
 * iocore_ring_cq_must_notify - does the guest wait for what was posted?
 * @ring:     the queue
 * @old_tail: iocore_ring_cq_tail() before the caller's posts
 *
 * Return: true if the tail passed the guest's event index since @old_tail.
 */
bool iocore_ring_cq_must_notify(struct iocore_ring *ring, u32 old_tail)
{
	u32 event, tail = ring->cq_tail;

	if (iocore_ring_is_broken(ring))
		return false;
	smp_mb();	/* (M) */
	event = shared_load(&ring->hdr->cq_event);
	return event - old_tail < tail - old_tail;
}
