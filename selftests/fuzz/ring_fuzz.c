// SPDX-License-Identifier: GPL-2.0-only
/*
 * A ring whose guest writes anything at any moment, for libFuzzer
 *
 * The input is a program: each byte is a step of the host, or a step of the
 * guest with a value after it. After each step the host must have kept to its
 * own words, within its bounds, and off a ring that is broken.
 */
#include "../../host/ring/ring.h"
#include "../../host/ring/sqe.h"
#include "../unit/tap.h"

#define AREA_MAX	(IOCORE_PAGE_SIZE * 3)
#define FLAG_BITS	(IOCORE_RING_NEED_KICK | IOCORE_RING_BROKEN)

static u8 area[AREA_MAX] __aligned(4096);
static u8 shadow[AREA_MAX] __aligned(4096);

struct state {
	struct iocore_ring ring;
	struct iocore_limits limits;
	const u8 *data;
	size_t left;
	u32 allowed;	/* SQEs that the last peek allows to copy */
	u32 taken;	/* copied and not posted */
	bool broken;
};

int fuzz_one_input(const u8 *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static u64 input(struct state *s, size_t bytes)
{
	u64 value = 0;

	bytes = bytes < s->left ? bytes : s->left;
	memcpy(&value, s->data, bytes);
	s->data += bytes;
	s->left -= bytes;
	return value;
}

static void host_peek(struct state *s)
{
	int n = iocore_ring_sq_peek(&s->ring);

	require(n == -EPROTO || (n >= 0 && (u32)n <= s->ring.depth - s->taken));
	require(n != -EPROTO || iocore_ring_is_broken(&s->ring));
	s->allowed = n < 0 ? 0 : n;
}

static u32 longest(struct state *s, u8 opcode)
{
	if (opcode == IOCORE_OP_DISCARD)
		return s->limits.max_discard;
	if (opcode == IOCORE_OP_WRITE_ZEROES)
		return s->limits.max_write_zeroes;
	return s->limits.max_bytes;
}

static void host_copy(struct state *s)
{
	enum iocore_status status;
	struct iocore_sqe sqe;

	if (!s->allowed)
		return;
	iocore_ring_sq_copy(&s->ring, &sqe);
	s->allowed--;
	s->taken++;
	status = iocore_sqe_validate(&sqe, &s->limits);
	if (status)
		return;
	require(sqe.tag < s->limits.depth && sqe.opcode <= IOCORE_OP_WRITE_ZEROES);
	if (sqe.opcode == IOCORE_OP_FLUSH)
		return;
	require(sqe.len && sqe.len <= longest(s, sqe.opcode));
	require(sqe.sector < s->limits.capacity &&
		sqe.sector + sqe.len / 512 <= s->limits.capacity);
	require(sqe.opcode == IOCORE_OP_READ || !s->limits.readonly);
	if (sqe.opcode > IOCORE_OP_FLUSH) {
		require(!sqe.nr_segs && !(sqe.flags & IOCORE_SQE_TABLE));
		return;
	}
	require(sqe.nr_segs && sqe.nr_segs <= s->limits.max_segs);
	if (!(sqe.flags & IOCORE_SQE_TABLE)) {
		require(sqe.nr_segs <= IOCORE_INLINE_SEGS);
		iocore_segs_validate(sqe.seg, sqe.nr_segs, sqe.len, &s->limits);
	}
}

static void host_post(struct state *s)
{
	u32 old = iocore_ring_cq_tail(&s->ring);

	if (!s->taken)
		return;
	iocore_ring_cq_post(&s->ring, input(s, 2), input(s, 1));
	if (!s->broken)
		s->taken--;
	require(iocore_ring_cq_tail(&s->ring) - old == !s->broken);
	iocore_ring_cq_must_notify(&s->ring, old);
}

static void host_idle(struct state *s)
{
	iocore_ring_set_need_kick(&s->ring);
	iocore_ring_sq_pending(&s->ring);
	iocore_ring_clear_need_kick(&s->ring);
}

/* Anything anywhere, but the indices mostly where they hurt. */
static void guest_write(struct state *s)
{
	struct iocore_ring_hdr *hdr = (struct iocore_ring_hdr *)area;
	u8 what = input(s, 1);
	u64 value;
	u32 off;

	switch (what % 5) {
	case 0:
		hdr->sq_tail = s->ring.sq_head + (int8_t)input(s, 1);
		break;
	case 1:
		hdr->cq_head = s->ring.cq_tail + (int8_t)input(s, 1);
		break;
	case 2:
		hdr->cq_event = s->ring.cq_tail + (int8_t)input(s, 1);
		break;
	case 3:
		off = IOCORE_PAGE_SIZE + input(s, 2) % (s->ring.depth * sizeof(struct iocore_sqe));
		area[off] = input(s, 1);
		break;
	default:
		off = input(s, 2) % (AREA_MAX - sizeof(value));
		value = input(s, sizeof(value));
		memcpy(area + off, &value, sizeof(value));
	}
}

/* Undo what the host may have written; the rest has to be as it was. */
static void check_area(struct state *s)
{
	struct iocore_ring_hdr *now = (struct iocore_ring_hdr *)area;
	struct iocore_ring_hdr *was = (struct iocore_ring_hdr *)shadow;

	if (!s->broken) {
		was->sq_head = now->sq_head;
		was->cq_tail = now->cq_tail;
		require(!((was->flags ^ now->flags) & ~FLAG_BITS));
		was->flags = now->flags;
		memcpy(shadow + 2 * IOCORE_PAGE_SIZE, area + 2 * IOCORE_PAGE_SIZE,
		       s->ring.depth * sizeof(struct iocore_cqe));
	}
	require(!memcmp(area, shadow, sizeof(area)));
	require(!s->broken || iocore_ring_is_broken(&s->ring));
	s->broken = iocore_ring_is_broken(&s->ring);
}

static void step(struct state *s)
{
	u8 what = input(s, 1);

	if (what % 2) {
		guest_write(s);
		return;
	}
	memcpy(shadow, area, sizeof(area));
	switch (what / 2 % 6) {
	case 0:
		host_peek(s);
		break;
	case 1:
	case 2:
		host_copy(s);
		break;
	case 3:
		iocore_ring_sq_release(&s->ring);
		break;
	case 4:
		host_post(s);
		break;
	default:
		host_idle(s);
	}
	check_area(s);
}

int fuzz_one_input(const u8 *data, size_t size)
{
	struct state s = { .data = data, .left = size };
	u32 start;

	memset(area, 0, sizeof(area));
	iocore_ring_init(&s.ring, area, 2U << input(&s, 1) % 6);
	start = input(&s, 1) << 24 | input(&s, 1);
	s.ring.sq_head = start;
	s.ring.cq_tail = start;
	s.limits = (struct iocore_limits){
		.capacity = input(&s, 8) & ~7ULL,
		.logical_block = 512U << input(&s, 1) % 4,
		.max_bytes = IOCORE_MAX_BYTES,
		.max_segs = 1 + input(&s, 1),
		.dma_align = 511,
		.depth = s.ring.depth,
		.readonly = input(&s, 1) & 1,
		.max_discard = input(&s, 4),
		.max_write_zeroes = input(&s, 4),
	};
	memcpy(area + IOCORE_PAGE_SIZE, &(struct iocore_sqe){ .opcode = IOCORE_OP_FLUSH },
	       sizeof(struct iocore_sqe));
	while (s.left)
		step(&s);
	return 0;
}
