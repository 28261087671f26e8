// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's side of a ring against well-behaved and hostile indices
 */
#include "guest.h"
#include "tap.h"

#define DEPTH	8
#define POISON	0xa5

static u8 area[IOCORE_PAGE_SIZE * 3] __aligned(IOCORE_PAGE_SIZE);
static struct iocore_ring ring;
static struct guest_ring guest;

static struct iocore_ring_hdr *setup(u32 start)
{
	memset(area, 0, sizeof(area));
	guest_start_at(&guest, &ring, area, DEPTH, start);
	return (struct iocore_ring_hdr *)area;
}

static bool submit(u64 sector)
{
	struct iocore_sqe *sqe = guest_sq_reserve(&guest);

	if (!sqe)
		return false;
	*sqe = (struct iocore_sqe){ .opcode = IOCORE_OP_READ, .sector = sector };
	guest_sq_publish(&guest);
	return true;
}

static u64 take(void)
{
	struct iocore_sqe sqe;

	iocore_ring_sq_copy(&ring, &sqe);
	return sqe.sector;
}

static void test_geometry(void)
{
	static const u32 good[] = { 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024 };
	bool ok = true;
	u32 depth, i = 0;

	for (depth = 0; depth < 5000; depth++) {
		bool want = i < ARRAY_SIZE(good) && depth == good[i];

		ok &= tap_expect(iocore_ring_depth_ok(depth) == want, "depth %u", depth);
		i += want;
	}
	ok &= !iocore_ring_depth_ok(1U << 31) && !iocore_ring_depth_ok(~0U);
	tap_ok(ok, "depth_ok: powers of two from 2 to 1024 only");

	ok = tap_expect(iocore_ring_bytes(2) == 3 * 4096, "depth 2");
	ok &= tap_expect(iocore_ring_bytes(64) == 3 * 4096, "depth 64");
	ok &= tap_expect(iocore_ring_bytes(128) == 4 * 4096, "depth 128");
	ok &= tap_expect(iocore_ring_bytes(1024) == (1 + 16 + 4) * 4096, "depth 1024");
	tap_ok(ok, "bytes: header, SQ and CQ in whole pages");

	memset(area, POISON, sizeof(area));
	iocore_ring_init(&ring, area, DEPTH);
	ok = (u8 *)ring.sq == area + 4096 && (u8 *)ring.cq == area + 8192;
	ok &= !ring.hdr->sq_head && !ring.hdr->cq_tail && !ring.hdr->flags;
	ok &= ring.hdr->sq_tail == 0xa5a5a5a5 && ring.hdr->cq_event == 0xa5a5a5a5;
	tap_ok(ok, "init: layout, and only the host's words are written");
}

static void test_flow(u32 start)
{
	struct iocore_ring_hdr *hdr = setup(start);
	struct iocore_cqe cqe;
	bool ok = true;
	u64 next = 0;
	u32 i, n, round;

	for (round = 0; round < 64; round++) {
		n = 1 + round % DEPTH;
		for (i = 0; i < n; i++)
			ok &= tap_expect(submit(next + i), "round %u: no room", round);
		ok &= tap_expect(iocore_ring_sq_peek(&ring) == (int)n, "round %u: peek", round);
		for (i = 0; i < n; i++)
			ok &= tap_expect(take() == next + i, "round %u: wrong SQE", round);
		iocore_ring_sq_release(&ring);
		ok &= tap_expect(hdr->sq_head == (u32)(start + next + n), "sq_head");
		ok &= tap_expect(!iocore_ring_sq_pending(&ring), "pending when empty");

		for (i = 0; i < n; i++)
			iocore_ring_cq_post(&ring, i, IOCORE_S_OK);
		for (i = 0; i < n; i++) {
			ok &= tap_expect(guest_cq_pop(&guest, &cqe) == 1, "no CQE");
			ok &= tap_expect(cqe.tag == i && !cqe.status && !cqe.pad[0] &&
					 !cqe.pad[1] && !cqe.pad[2], "wrong CQE");
		}
		ok &= tap_expect(guest_cq_pop(&guest, &cqe) == 0, "CQE from nowhere");
		guest_cq_release(&guest);
		next += n;
	}
	tap_ok(ok, "64 rounds of 1..depth requests from index %#x", start);
}

static void test_full_empty(void)
{
	struct iocore_ring_hdr *hdr = setup(0xfffffffc);
	bool ok;
	u32 i;

	tap_ok(iocore_ring_sq_peek(&ring) == 0 && !iocore_ring_sq_pending(&ring), "empty");
	for (i = 0; i < DEPTH; i++)
		submit(i);
	tap_ok(!guest_sq_reserve(&guest) && !guest.broken, "the guest sees a full SQ");
	tap_ok(iocore_ring_sq_peek(&ring) == DEPTH, "full across the wrap");

	take();
	ok = !guest_sq_reserve(&guest);
	iocore_ring_sq_release(&ring);
	tap_ok(ok && guest_sq_reserve(&guest), "a slot is free after release, not after copy");

	hdr->sq_head = guest.sq_tail + 1;
	guest.sq_tail = guest.sq_head + DEPTH;
	tap_ok(!guest_sq_reserve(&guest) && guest.broken, "the guest sees a wild sq_head");
}

static void test_credit(void)
{
	struct iocore_ring_hdr *hdr = setup(0xfffffffa);
	struct iocore_cqe cqe;
	bool ok = true;
	u32 i;

	for (i = 0; i < DEPTH; i++)
		submit(i);
	for (i = 0; i < DEPTH; i++)
		take();
	iocore_ring_sq_release(&ring);
	submit(DEPTH);
	tap_ok(iocore_ring_sq_peek(&ring) == 0, "no credit while depth requests are in flight");
	tap_ok(iocore_ring_sq_pending(&ring), "what waits for credit is pending");

	for (i = 0; i < DEPTH; i++)
		iocore_ring_cq_post(&ring, i, 0);
	tap_ok(iocore_ring_sq_peek(&ring) == 0, "a posted CQE holds its slot until it is read");

	for (i = 0; i < DEPTH; i++) {
		guest_cq_pop(&guest, &cqe);
		ok &= cqe.tag == i;
		guest_cq_release(&guest);
		ok &= tap_expect(iocore_ring_sq_peek(&ring) == 1, "after %u reads", i);
	}
	tap_ok(ok, "reading frees credit; no CQE was overwritten");

	for (i = 0; i < 3; i++)
		submit(i);
	hdr->cq_head = ring.cq_tail - (DEPTH - 2);
	tap_ok(iocore_ring_sq_peek(&ring) == 2, "the smaller of requests and credit");
}

struct wild {
	const char *name;
	u32 sq_tail, cq_head;	/* offsets from the host's indices */
	bool broken;
};

/* The host has taken 4 requests and posted 2 CQEs. */
static const struct wild wilds[] = {
	{ "sq_tail depth ahead",		DEPTH, 0, false },
	{ "sq_tail depth + 1 ahead",		DEPTH + 1, 0, true },
	{ "sq_tail behind by one",		-1U, 0, true },
	{ "sq_tail half a world away",		1U << 31, 0, true },
	{ "cq_head at cq_tail",			1, 0, false },
	{ "cq_head beyond cq_tail",		1, 1, true },
	{ "cq_head far beyond cq_tail",		1, 1U << 31, true },
	{ "cq_head depth behind sq_head",	1, 2 - DEPTH, false },
	{ "cq_head depth + 1 behind sq_head",	1, 1 - DEPTH, true },
	{ "cq_head depth behind cq_tail",	1, -DEPTH, true },
	{ "both wild",				1U << 30, 1U << 30, true },
};

/* After it broke, a ring must not be touched: the poison has to stay. */
static bool untouched_when_broken(void)
{
	bool ok = true;
	u32 i;

	memset(area, POISON, sizeof(area));
	for (i = 0; i < 3; i++) {
		ok &= tap_expect(iocore_ring_sq_peek(&ring) == -EPROTO, "peek");
		ok &= tap_expect(!iocore_ring_sq_pending(&ring), "pending");
		ok &= tap_expect(!iocore_ring_cq_must_notify(&ring, ring.cq_tail - 1), "notify");
		iocore_ring_cq_post(&ring, 0, 0);
		iocore_ring_sq_release(&ring);
		iocore_ring_set_need_kick(&ring);
		iocore_ring_clear_need_kick(&ring);
		iocore_ring_break(&ring);
	}
	for (i = 0; i < sizeof(area); i++)
		ok &= tap_expect(area[i] == POISON, "byte %u was written", i);
	return ok;
}

static void test_wild(const struct wild *w, u32 start)
{
	struct iocore_ring_hdr *hdr = setup(start);
	int i, n;
	bool ok;

	for (i = 0; i < 4; i++)
		submit(i);
	iocore_ring_sq_peek(&ring);
	for (i = 0; i < 4; i++)
		take();
	iocore_ring_sq_release(&ring);
	for (i = 0; i < 2; i++)
		iocore_ring_cq_post(&ring, i, 0);
	iocore_ring_set_need_kick(&ring);

	hdr->sq_tail = ring.sq_head + w->sq_tail;
	hdr->cq_head = ring.cq_tail + w->cq_head;
	n = iocore_ring_sq_peek(&ring);
	ok = tap_expect((n == -EPROTO) == w->broken, "peek %d", n);
	ok &= tap_expect(iocore_ring_is_broken(&ring) == w->broken, "is_broken");
	ok &= tap_expect(hdr->flags == (IOCORE_RING_NEED_KICK |
					(w->broken ? IOCORE_RING_BROKEN : 0)), "flags");
	if (w->broken)
		ok &= untouched_when_broken();
	tap_ok(ok, "%s, from %#x", w->name, start);
}

static void test_flags(void)
{
	struct iocore_ring_hdr *hdr = setup(0);
	bool ok;

	hdr->flags = 0xf0;
	iocore_ring_set_need_kick(&ring);
	ok = hdr->flags == 0xf1;
	iocore_ring_set_need_kick(&ring);
	ok &= hdr->flags == 0xf1;
	iocore_ring_clear_need_kick(&ring);
	ok &= hdr->flags == 0xf0;
	iocore_ring_clear_need_kick(&ring);
	ok &= hdr->flags == 0xf0;
	iocore_ring_set_need_kick(&ring);
	iocore_ring_break(&ring);
	ok &= hdr->flags == 0xf3 && iocore_ring_is_broken(&ring);
	tap_ok(ok, "flags: each call changes its own bit only");

	hdr = setup(0);
	iocore_ring_set_need_kick(&ring);
	ok = submit(0) && guest_sq_publish(&guest);
	iocore_ring_clear_need_kick(&ring);
	tap_ok(ok && !guest_sq_publish(&guest) && !hdr->flags,
	       "the guest kicks while NEED_KICK is set, and only then");
}

/* A guest that changes an SQE after it was copied changes nothing. */
static void test_copy_once(void)
{
	struct iocore_sqe copy, *slot;

	setup(0);
	slot = guest_sq_reserve(&guest);
	memset(slot, 0x11, sizeof(*slot));
	guest_sq_publish(&guest);
	iocore_ring_sq_peek(&ring);
	iocore_ring_sq_copy(&ring, &copy);
	memset(slot, 0x22, sizeof(*slot));
	tap_ok(copy.sector == 0x1111111111111111ULL && copy.pad2 == copy.sector,
	       "the copy is private");
}

int main(void)
{
	static const u32 starts[] = { 0, 0x7ffffff8, 0xffffff00, 0xfffffffb, 0xffffffff };
	u32 i, j;

	tap_begin();
	test_geometry();
	test_full_empty();
	test_credit();
	test_flags();
	test_copy_once();
	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		test_flow(starts[i]);
		for (j = 0; j < ARRAY_SIZE(wilds); j++)
			test_wild(&wilds[j], starts[i]);
	}
	return tap_end();
}
