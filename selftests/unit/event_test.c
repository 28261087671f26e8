// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notification by event index, and kicks, exhaustively at small depths
 */
#include "guest.h"
#include "tap.h"

#define MAX_DEPTH	8

static u8 area[IOCORE_PAGE_SIZE * 3] __aligned(IOCORE_PAGE_SIZE);
static struct iocore_ring ring;
static struct guest_ring guest;

/*
 * The definition, one step at a time: notify if one of the posts moved the tail
 * from the event index to the index after it.
 */
static bool oracle(u32 old, u32 posts, u32 event)
{
	u32 i;

	for (i = 0; i < posts; i++)
		if (old + i == event)
			return true;
	return false;
}

static bool check_notify(u32 depth, u32 old, u32 posts, u32 event)
{
	u32 i;

	memset(area, 0, sizeof(area));
	guest_start_at(&guest, &ring, area, depth, old);
	shared_store(&guest.hdr->cq_event, event);
	for (i = 0; i < posts; i++)
		iocore_ring_cq_post(&ring, i, 0);
	return tap_expect(iocore_ring_cq_must_notify(&ring, old) == oracle(old, posts, event),
			  "depth %u tail %#x + %u event %#x", depth, old, posts, event);
}

static void test_notify(u32 depth)
{
	static const u32 olds[] = { 0, 5, 0x7fffffff, 0xfffffff8, 0xfffffffd, 0xffffffff };
	u32 i, posts, cases = 0;
	bool ok = true;
	int d;

	for (i = 0; i < ARRAY_SIZE(olds); i++)
		for (posts = 0; posts <= depth; posts++) {
			for (d = -3 * (int)depth; d <= 3 * (int)depth; d++, cases++)
				ok &= check_notify(depth, olds[i], posts, olds[i] + d);
			ok &= check_notify(depth, olds[i], posts, olds[i] + (1U << 31));
		}
	tap_ok(ok, "event index, depth %u: %u cases", depth, cases);
}

static void request(void)
{
	struct iocore_sqe *sqe = guest_sq_reserve(&guest);

	*sqe = (struct iocore_sqe){ .opcode = IOCORE_OP_FLUSH };
	guest_sq_publish(&guest);
}

static void serve(u32 n)
{
	struct iocore_sqe sqe;

	while (n--) {
		iocore_ring_sq_peek(&ring);
		iocore_ring_sq_copy(&ring, &sqe);
	}
	iocore_ring_sq_release(&ring);
}

/*
 * Every interleaving, in program order, of an armed guest and a host that
 * posts: in each the guest is notified or sees the CQE itself.
 *
 *	guest: arm, look		host: post, test
 */
static void test_arm(u32 start)
{
	/* bit i of order: step i is the guest's */
	static const u8 orders[] = { 0x3, 0x5, 0x6, 0x9, 0xa, 0xc };
	bool ok = true, seen, notified;
	u32 i, step, guest_step, host_step;

	for (i = 0; i < sizeof(orders); i++) {
		memset(area, 0, sizeof(area));
		guest_start_at(&guest, &ring, area, 4, start);
		shared_store(&guest.hdr->cq_event, start - 1);
		request();
		serve(1);
		seen = false;
		notified = false;
		guest_step = 0;
		host_step = 0;
		for (step = 0; step < 4; step++) {
			if (orders[i] & (1 << step)) {
				if (guest_step++)
					seen = guest_cq_pending(&guest);
				else
					shared_store(&guest.hdr->cq_event, guest.cq_head);
			} else {
				if (host_step++)
					notified = iocore_ring_cq_must_notify(&ring, start);
				else
					iocore_ring_cq_post(&ring, 0, 0);
			}
		}
		ok &= tap_expect(seen || notified, "order %#x: completion lost", orders[i]);
	}
	tap_ok(ok, "arm against post from %#x: all interleavings", start);
}

/* The same for guest: publish, read flag; host: set NEED_KICK, look. */
static void test_kick(u32 start)
{
	static const u8 orders[] = { 0x3, 0x5, 0x6, 0x9, 0xa, 0xc };
	bool ok = true, kick, awake;
	u32 i, step, guest_step, host_step;

	for (i = 0; i < sizeof(orders); i++) {
		memset(area, 0, sizeof(area));
		guest_start_at(&guest, &ring, area, 4, start);
		guest_sq_reserve(&guest);
		kick = false;
		awake = false;
		guest_step = 0;
		host_step = 0;
		for (step = 0; step < 4; step++) {
			if (orders[i] & (1 << step)) {
				if (guest_step++)
					kick = shared_load(&guest.hdr->flags) &
					       IOCORE_RING_NEED_KICK;
				else
					shared_store_release(&guest.hdr->sq_tail, guest.sq_tail);
			} else {
				if (host_step++)
					awake = iocore_ring_sq_pending(&ring);
				else
					iocore_ring_set_need_kick(&ring);
			}
		}
		ok &= tap_expect(kick || awake, "order %#x: request lost", orders[i]);
	}
	tap_ok(ok, "publish against sleep from %#x: all interleavings", start);
}

/* A polling guest leaves cq_event behind and hears nothing for 2^32 CQEs. */
static void test_suppression(void)
{
	struct iocore_cqe cqe;
	u32 i, old, notes = 0;

	memset(area, 0, sizeof(area));
	guest_start_at(&guest, &ring, area, 4, 0xfffffff0);
	shared_store(&guest.hdr->cq_event, 0xffffffef);
	for (i = 0; i < 1000; i++) {
		request();
		serve(1);
		old = iocore_ring_cq_tail(&ring);
		iocore_ring_cq_post(&ring, 0, 0);
		notes += iocore_ring_cq_must_notify(&ring, old);
		guest_cq_pop(&guest, &cqe);
		guest_cq_release(&guest);
	}
	tap_ok(!notes, "no notification for a guest that does not arm");

	for (i = 0; i < 1000; i++) {
		guest_cq_arm(&guest);
		request();
		serve(1);
		old = iocore_ring_cq_tail(&ring);
		iocore_ring_cq_post(&ring, 0, 0);
		notes += iocore_ring_cq_must_notify(&ring, old);
		guest_cq_pop(&guest, &cqe);
		guest_cq_release(&guest);
	}
	tap_ok(notes == 1000, "one notification for each time a guest arms");
}

int main(void)
{
	u32 depth;

	tap_begin();
	for (depth = IOCORE_MIN_DEPTH; depth <= MAX_DEPTH; depth *= 2)
		test_notify(depth);
	test_arm(0);
	test_arm(0xffffffff);
	test_kick(0);
	test_kick(0xffffffff);
	test_suppression();
	return tap_end();
}
