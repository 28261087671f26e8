/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's side of a queue, in plain C, for tests and simulators
 *
 * The producer (reserve, publish) and the consumer (pop, release, arm) may be
 * two threads. Letters as in <linux/iocore_ring.h>. BREAK_K and BREAK_N remove
 * the guest's full barriers: tests use them to prove that they would notice.
 */
#ifndef _GUEST_H
#define _GUEST_H

#include "../../host/ring/ring.h"

struct guest_ring {
	__shared struct iocore_ring_hdr *hdr;
	__shared struct iocore_sqe *sq;
	__shared struct iocore_cqe *cq;
	u32 depth;
	u32 sq_tail;	/* SQEs written; published by guest_sq_publish() */
	u32 sq_head;	/* the host's index as last seen */
	u32 cq_head;	/* CQEs read; published by guest_cq_release() */
	bool broken;	/* the host's indices are impossible */
};

static inline void guest_mb_k(void)
{
#ifndef BREAK_K
	smp_mb();	/* (K), pairs with (L) */
#endif
}

static inline void guest_mb_n(void)
{
#ifndef BREAK_N
	smp_mb();	/* (N), pairs with (M) */
#endif
}

/* @area: iocore_ring_bytes() of zeroes. All indices begin at @start. */
static inline void guest_init(struct guest_ring *g, void *area, u32 depth, u32 start)
{
	u8 *base = area;

	g->hdr = area;
	g->sq = (struct iocore_sqe *)(base + IOCORE_PAGE_SIZE);
	g->cq = (struct iocore_cqe *)(base + iocore_ring_bytes(depth) -
				      ALIGN(depth * sizeof(struct iocore_cqe),
					    (size_t)IOCORE_PAGE_SIZE));
	g->depth = depth;
	g->sq_tail = start;
	g->sq_head = start;
	g->cq_head = start;
	g->broken = false;
	shared_store(&g->hdr->sq_tail, start);
	shared_store(&g->hdr->cq_head, start);
	shared_store(&g->hdr->cq_event, start);
}

/* Both sides begin at @start instead of 0, for tests of the wrap. */
static inline void guest_start_at(struct guest_ring *g, struct iocore_ring *ring,
				  void *area, u32 depth, u32 start)
{
	guest_init(g, area, depth, start);
	iocore_ring_init(ring, area, depth);
	ring->sq_head = start;
	ring->cq_tail = start;
	shared_store(&ring->hdr->sq_head, start);
	shared_store(&ring->hdr->cq_tail, start);
}

/* The next free SQE, to be filled before guest_sq_publish(), or NULL. */
static inline __shared struct iocore_sqe *guest_sq_reserve(struct guest_ring *g)
{
	u32 head;

	if (g->sq_tail - g->sq_head >= g->depth) {
		head = shared_load_acquire(&g->hdr->sq_head);	/* (D) */
		if (g->sq_tail - head > g->depth) {
			g->broken = true;
			return NULL;
		}
		g->sq_head = head;
		if (g->sq_tail - head == g->depth)
			return NULL;
	}
	return &g->sq[g->sq_tail++ & (g->depth - 1)];
}

/* Show the host what was reserved and filled. True: a kick is needed. */
static inline bool guest_sq_publish(struct guest_ring *g)
{
	shared_store_release(&g->hdr->sq_tail, g->sq_tail);	/* (A) */
	guest_mb_k();
	return shared_load(&g->hdr->flags) & IOCORE_RING_NEED_KICK;
}

static inline bool guest_cq_pending(struct guest_ring *g)
{
	return shared_load_acquire(&g->hdr->cq_tail) != g->cq_head;	/* (F) */
}

/* Copy the next CQE. 1 done, 0 none, -EPROTO the host ran ahead. */
static inline int guest_cq_pop(struct guest_ring *g, struct iocore_cqe *out)
{
	u32 ready = shared_load_acquire(&g->hdr->cq_tail) - g->cq_head;	/* (F) */

	if (ready > g->depth) {
		g->broken = true;
		return -EPROTO;
	}
	if (!ready)
		return 0;
	shared_copy_from(out, &g->cq[g->cq_head++ & (g->depth - 1)], sizeof(*out));
	return 1;
}

static inline void guest_cq_release(struct guest_ring *g)
{
	shared_store_release(&g->hdr->cq_head, g->cq_head);	/* (G) */
}

/* Ask for a notification of the next CQE. True: one is there already. */
static inline bool guest_cq_arm(struct guest_ring *g)
{
	shared_store(&g->hdr->cq_event, g->cq_head);
	guest_mb_n();
	return guest_cq_pending(g);
}

#endif /* _GUEST_H */
