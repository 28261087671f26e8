// SPDX-License-Identifier: GPL-2.0-only
/*
 * descriptor.c - bad requests in a good ring
 *
 * Each ends with its status and nothing else: the ring goes on.
 */
#include <linux/io.h>
#include <linux/random.h>
#include <linux/string.h>

#include "hostile.h"

#define DEPTH	64

/* A ring for the length of a case; a good request must work at its end. */
struct bench {
	struct hostile *h;
	struct hostile_ring r;
	struct iocore_disk_info info;
};

static bool bench_open(struct bench *b, struct hostile *h, u32 slot)
{
	b->h = h;
	return !hostile_info(h, slot, &b->info) && hostile_ring_open(h, &b->r, slot, DEPTH);
}

static void bench_close(struct bench *b)
{
	struct iocore_sqe sqe = hostile_sqe(IOCORE_OP_READ, 5, 0, 4096);

	hostile_submit(b->h, &b->r, "good request at the end", &sqe, IOCORE_S_OK);
	hostile_ring_close(b->h, &b->r);
}

static void submit(struct bench *b, const char *what, struct iocore_sqe sqe, u16 want)
{
	hostile_submit(b->h, &b->r, what, &sqe, want);
}

/* A good read of one page, but for one field. */
#define BAD_SQE(b, field, value, want)						\
	do {									\
		struct iocore_sqe _sqe = hostile_sqe(IOCORE_OP_READ, 1, 0, 4096); \
		struct bench *_b = (b);						\
										\
		_sqe.field = (value);						\
		hostile_submit(_b->h, &_b->r, #field " " #value, &_sqe, want); \
	} while (0)

static struct iocore_sqe table_sqe(u16 nr_segs, u32 len)
{
	struct iocore_sqe sqe = hostile_sqe(IOCORE_OP_READ, 2, 0, len);

	memset(sqe.seg, 0, sizeof(sqe.seg));
	sqe.flags = IOCORE_SQE_TABLE;
	sqe.nr_segs = nr_segs;
	sqe.table_gpa = virt_to_phys(hostile_page);
	return sqe;
}

static void fill_table(unsigned int nr, u32 len)
{
	struct iocore_seg *table = hostile_page;
	unsigned int i;

	for (i = 0; i < nr; i++)
		table[i] = (struct iocore_seg) {
			.gpa = virt_to_phys(hostile_data) + i * len,
			.len = len,
		};
}

/* The yardstick: what is right is done right. */
static void case_good_requests(struct hostile *h)
{
	struct bench b;
	int i;

	if (!bench_open(&b, h, SLOT_DISK))
		return;
	memset(hostile_data, 0x5a, 8192);
	submit(&b, "write", hostile_sqe(IOCORE_OP_WRITE, 0, 8, 8192), IOCORE_S_OK);
	submit(&b, "flush", hostile_sqe(IOCORE_OP_FLUSH, 1, 0, 0), IOCORE_S_OK);
	memset(hostile_data, 0, 8192);
	submit(&b, "read", hostile_sqe(IOCORE_OP_READ, DEPTH - 1, 8, 8192), IOCORE_S_OK);
	if (memchr_inv(hostile_data, 0x5a, 8192))
		hostile_fail(h, "what was written is not what was read");

	i = min(b.info.max_segs, b.info.max_bytes / 4096);
	fill_table(i, 4096);
	submit(&b, "the longest table", table_sqe(i, i * 4096), IOCORE_S_OK);
	for (i = 0; i < 3 * DEPTH; i++)
		submit(&b, "around the ring", hostile_sqe(IOCORE_OP_READ, i % DEPTH, i, 512),
		       IOCORE_S_OK);
	bench_close(&b);
}

static void case_opcode(struct hostile *h)
{
	struct bench b;

	if (!bench_open(&b, h, SLOT_DISK))
		return;
	BAD_SQE(&b, opcode, 5, IOCORE_S_NOTSUPP);
	BAD_SQE(&b, opcode, 0x80, IOCORE_S_NOTSUPP);
	BAD_SQE(&b, opcode, 0xff, IOCORE_S_NOTSUPP);
	BAD_SQE(&b, flags, 8, IOCORE_S_NOTSUPP);
	BAD_SQE(&b, flags, 0xff, IOCORE_S_NOTSUPP);
	BAD_SQE(&b, flags, IOCORE_SQE_FUA, IOCORE_S_INVAL);
	BAD_SQE(&b, flags, IOCORE_SQE_UNMAP, IOCORE_S_INVAL);
	bench_close(&b);
}

static void case_sqe_padding(struct hostile *h)
{
	struct iocore_sqe sqe;
	struct bench b;

	if (!bench_open(&b, h, SLOT_DISK))
		return;
	BAD_SQE(&b, pad0, 1, IOCORE_S_INVAL);
	BAD_SQE(&b, pad1, 1, IOCORE_S_INVAL);
	BAD_SQE(&b, pad2, 1, IOCORE_S_INVAL);
	BAD_SQE(&b, seg[0].pad, 1, IOCORE_S_INVAL);
	fill_table(2, 4096);
	sqe = table_sqe(2, 8192);
	sqe.pad_table[2] = 1;
	submit(&b, "table padding", sqe, IOCORE_S_INVAL);
	bench_close(&b);
}

static void case_tag(struct hostile *h)
{
	struct bench b;

	if (!bench_open(&b, h, SLOT_DISK))
		return;
	BAD_SQE(&b, tag, DEPTH, IOCORE_S_INVAL);
	BAD_SQE(&b, tag, 0xffff, IOCORE_S_INVAL);
	bench_close(&b);
}

/* Of requests in flight with one tag, the first is done and the others refused. */
static void case_tag_twice(struct hostile *h)
{
	struct iocore_sqe sqe = hostile_sqe(IOCORE_OP_READ, 3, 0, 65536);
	unsigned int i, ok = 0, bad = 0;
	struct hostile_ring r;
	struct iocore_cqe cqe;

	if (!hostile_ring_open(h, &r, SLOT_SLOW, DEPTH))
		return;
	for (i = 0; i < 16; i++)
		hostile_ring_push(&r, &sqe);
	hostile_ring_publish(&r);
	for (i = 0; i < 16 && hostile_ring_next(&r, &cqe); i++) {
		if (cqe.status == IOCORE_S_OK)
			ok++;
		else if (cqe.status == IOCORE_S_INVAL)
			bad++;
		if (cqe.tag != 3)
			hostile_fail(h, "completion of tag %u", cqe.tag);
	}
	h->descriptor += bad;
	if (ok + bad != 16 || !ok || !bad)
		hostile_fail(h, "of 16 requests %u were done, %u refused", ok, bad);
	hostile_submit(h, &r, "the tag is free again", &sqe, IOCORE_S_OK);
	hostile_ring_close(h, &r);
}

static void case_segment_count(struct hostile *h)
{
	struct bench b;

	if (!bench_open(&b, h, SLOT_DISK))
		return;
	BAD_SQE(&b, nr_segs, 0, IOCORE_S_INVAL);
	BAD_SQE(&b, nr_segs, IOCORE_INLINE_SEGS + 1, IOCORE_S_INVAL);
	BAD_SQE(&b, nr_segs, 65535, IOCORE_S_INVAL);
	fill_table(IOCORE_MAX_SEGS, 512);
	submit(&b, "table of none", table_sqe(0, 512), IOCORE_S_INVAL);
	submit(&b, "table of 257", table_sqe(IOCORE_MAX_SEGS + 1, 512 * 257), IOCORE_S_INVAL);
	submit(&b, "table of 65535", table_sqe(65535, 512), IOCORE_S_INVAL);
	bench_close(&b);
}

static void case_segment_address(struct hostile *h)
{
	struct bench b;

	if (!bench_open(&b, h, SLOT_DISK))
		return;
	BAD_SQE(&b, seg[0].gpa, WILD_GPA, IOCORE_S_FAULT);
	BAD_SQE(&b, seg[0].gpa, 1ULL << 63, IOCORE_S_FAULT);
	BAD_SQE(&b, seg[0].gpa, hostile_ram, IOCORE_S_FAULT);
	BAD_SQE(&b, seg[0].gpa, hostile_ram - 512, IOCORE_S_FAULT);
	BAD_SQE(&b, seg[0].gpa, 0xfee00000ULL, IOCORE_S_FAULT);
	/* the disk may not write to ROM */
	BAD_SQE(&b, seg[0].gpa, ROM_GPA, IOCORE_S_FAULT);
	BAD_SQE(&b, seg[0].gpa, ~0ULL << 9, IOCORE_S_FAULT);
	BAD_SQE(&b, seg[0].gpa, virt_to_phys(hostile_data) + 1, IOCORE_S_INVAL);
	bench_close(&b);
}

static void case_segment_length(struct hostile *h)
{
	struct iocore_sqe sqe;
	struct bench b;

	if (!bench_open(&b, h, SLOT_DISK))
		return;
	BAD_SQE(&b, seg[0].len, 0, IOCORE_S_INVAL);
	BAD_SQE(&b, seg[0].len, 512, IOCORE_S_INVAL);
	BAD_SQE(&b, seg[0].len, 8192, IOCORE_S_INVAL);
	BAD_SQE(&b, seg[0].len, 4095, IOCORE_S_INVAL);
	BAD_SQE(&b, seg[0].len, 0xfffff000U, IOCORE_S_INVAL);
	/* lengths whose sum wraps to the right one */
	sqe = hostile_sqe(IOCORE_OP_READ, 1, 0, 4096);
	sqe.nr_segs = 2;
	sqe.seg[0].len = 0x80000000U;
	sqe.seg[1].gpa = sqe.seg[0].gpa;
	sqe.seg[1].len = 0x80001000U;
	submit(&b, "wrapping sum", sqe, IOCORE_S_INVAL);
	bench_close(&b);
}

static void case_table_address(struct hostile *h)
{
	struct iocore_sqe sqe = table_sqe(4, 4096);
	struct bench b;

	if (!bench_open(&b, h, SLOT_DISK))
		return;
	fill_table(4, 1024);
	sqe.table_gpa = WILD_GPA;
	submit(&b, "wild", sqe, IOCORE_S_FAULT);
	sqe.table_gpa = hostile_ram - 16;
	submit(&b, "beyond RAM", sqe, IOCORE_S_FAULT);
	sqe.table_gpa = ~0ULL << 4;
	submit(&b, "wrapping", sqe, IOCORE_S_FAULT);
	sqe.table_gpa = virt_to_phys(hostile_page) + 8;
	submit(&b, "unaligned", sqe, IOCORE_S_INVAL);
	bench_close(&b);
}

static void case_table_content(struct hostile *h)
{
	struct iocore_seg *table = hostile_page;
	struct bench b;

	if (!bench_open(&b, h, SLOT_DISK))
		return;
	memset(hostile_page, 0xff, PAGE_SIZE);
	submit(&b, "all ones", table_sqe(256, IOCORE_MAX_BYTES), IOCORE_S_INVAL);
	memset(hostile_page, 0, PAGE_SIZE);
	submit(&b, "all zero", table_sqe(256, IOCORE_MAX_BYTES), IOCORE_S_INVAL);
	fill_table(4, 1024);
	table[3].gpa = WILD_GPA;
	submit(&b, "last one wild", table_sqe(4, 4096), IOCORE_S_FAULT);
	bench_close(&b);
}

static void case_length(struct hostile *h)
{
	struct bench b;

	if (!bench_open(&b, h, SLOT_DISK))
		return;
	BAD_SQE(&b, len, 0, IOCORE_S_INVAL);
	BAD_SQE(&b, len, 100, IOCORE_S_INVAL);
	BAD_SQE(&b, len, IOCORE_MAX_BYTES + 512, IOCORE_S_INVAL);
	BAD_SQE(&b, len, 0xfffffe00U, IOCORE_S_INVAL);
	bench_close(&b);
}

static void case_range(struct hostile *h)
{
	struct bench b;

	if (!bench_open(&b, h, SLOT_DISK))
		return;
	BAD_SQE(&b, sector, b.info.capacity, IOCORE_S_RANGE);
	BAD_SQE(&b, sector, b.info.capacity - 1, IOCORE_S_RANGE);
	BAD_SQE(&b, sector, ~0ULL, IOCORE_S_RANGE);
	BAD_SQE(&b, sector, ~0ULL - 7, IOCORE_S_RANGE);
	BAD_SQE(&b, sector, 1ULL << 55, IOCORE_S_RANGE);
	submit(&b, "the last page", hostile_sqe(IOCORE_OP_READ, 1, b.info.capacity - 8, 4096),
	       IOCORE_S_OK);
	bench_close(&b);
}

static void case_flush_fields(struct hostile *h)
{
	struct iocore_sqe sqe = hostile_sqe(IOCORE_OP_READ, 1, 0, 4096);
	struct bench b;

	if (!bench_open(&b, h, SLOT_DISK))
		return;
	sqe.opcode = IOCORE_OP_FLUSH;
	submit(&b, "flush with data", sqe, IOCORE_S_INVAL);
	sqe = hostile_sqe(IOCORE_OP_FLUSH, 1, 0, 0);
	sqe.sector = 8;
	submit(&b, "flush with a sector", sqe, IOCORE_S_INVAL);
	bench_close(&b);
}

/* A range of no data, but for one field. */
#define BAD_RANGE(b, op, field, value, want)					\
	do {									\
		struct iocore_sqe _sqe = range_sqe(op, 0, 4096);		\
		struct bench *_b = (b);						\
										\
		_sqe.field = (value);						\
		hostile_submit(_b->h, &_b->r, #op " " #field " " #value, &_sqe, want); \
	} while (0)

static struct iocore_sqe range_sqe(u8 opcode, u64 sector, u32 len)
{
	return (struct iocore_sqe) {
		.opcode = opcode, .tag = 1, .sector = sector, .len = len,
	};
}

static void bad_ranges(struct bench *b, u8 opcode, u32 longest)
{
	BAD_RANGE(b, opcode, len, 0, IOCORE_S_INVAL);
	BAD_RANGE(b, opcode, len, 100, IOCORE_S_INVAL);
	BAD_RANGE(b, opcode, nr_segs, 1, IOCORE_S_INVAL);
	BAD_RANGE(b, opcode, flags, IOCORE_SQE_TABLE, IOCORE_S_INVAL);
	BAD_RANGE(b, opcode, pad1, 1, IOCORE_S_INVAL);
	BAD_RANGE(b, opcode, tag, DEPTH, IOCORE_S_INVAL);
	BAD_RANGE(b, opcode, sector, b->info.capacity, IOCORE_S_RANGE);
	BAD_RANGE(b, opcode, sector, ~0ULL - 7, IOCORE_S_RANGE);
	if (longest < 0xfffffe00U)
		BAD_RANGE(b, opcode, len, longest + 512, IOCORE_S_INVAL);
}

static void case_discard(struct hostile *h)
{
	struct bench b;

	if (!bench_open(&b, h, SLOT_DISK))
		return;
	if (!b.info.max_discard)
		hostile_fail(h, "the disk can't discard");
	bad_ranges(&b, IOCORE_OP_DISCARD, b.info.max_discard);
	BAD_RANGE(&b, IOCORE_OP_DISCARD, flags, IOCORE_SQE_FUA, IOCORE_S_INVAL);
	BAD_RANGE(&b, IOCORE_OP_DISCARD, flags, IOCORE_SQE_UNMAP, IOCORE_S_INVAL);
	submit(&b, "discard", range_sqe(IOCORE_OP_DISCARD, 8, 8192), IOCORE_S_OK);
	bench_close(&b);
}

static void case_write_zeroes(struct hostile *h)
{
	struct iocore_sqe sqe = range_sqe(IOCORE_OP_WRITE_ZEROES, 8, 8192);
	struct bench b;

	if (!bench_open(&b, h, SLOT_DISK))
		return;
	if (!b.info.max_write_zeroes)
		hostile_fail(h, "the disk can't write zeroes");
	bad_ranges(&b, IOCORE_OP_WRITE_ZEROES, b.info.max_write_zeroes);
	memset(hostile_data, 0x5a, 16384);
	submit(&b, "write", hostile_sqe(IOCORE_OP_WRITE, 0, 0, 16384), IOCORE_S_OK);
	sqe.flags = IOCORE_SQE_FUA;
	submit(&b, "zeroes", sqe, IOCORE_S_OK);
	submit(&b, "read", hostile_sqe(IOCORE_OP_READ, 0, 0, 16384), IOCORE_S_OK);
	if (memchr_inv(hostile_data, 0x5a, 4096) || memchr_inv(hostile_data + 4096, 0, 8192) ||
	    memchr_inv(hostile_data + 12288, 0x5a, 4096))
		hostile_fail(h, "zeroes are not where they should be");
	bench_close(&b);
}

static void case_readonly(struct hostile *h)
{
	struct bench b;

	if (!bench_open(&b, h, SLOT_READONLY))
		return;
	if (!(b.info.flags & IOCORE_DISK_READONLY))
		hostile_fail(h, "the disk is not read-only");
	submit(&b, "write", hostile_sqe(IOCORE_OP_WRITE, 1, 0, 4096), IOCORE_S_READONLY);
	submit(&b, "write zeroes", range_sqe(IOCORE_OP_WRITE_ZEROES, 0, 4096),
	       IOCORE_S_READONLY);
	submit(&b, "discard", range_sqe(IOCORE_OP_DISCARD, 0, 4096), IOCORE_S_READONLY);
	bench_close(&b);
}

/*
 * Noise in every SQE: each is refused, since padding would have to be zero by
 * chance, and each is answered.
 */
static void case_noise(struct hostile *h)
{
	unsigned int round, i;
	struct iocore_sqe sqe;
	struct iocore_cqe cqe;
	struct bench b;

	if (!bench_open(&b, h, SLOT_DISK))
		return;
	for (round = 0; round < 32 && !h->failed; round++) {
		for (i = 0; i < DEPTH; i++) {
			get_random_bytes(&sqe, sizeof(sqe));
			sqe.pad2 |= 1;
			hostile_ring_push(&b.r, &sqe);
		}
		hostile_ring_publish(&b.r);
		for (i = 0; i < DEPTH; i++) {
			if (!hostile_ring_next(&b.r, &cqe))
				hostile_fail(h, "round %u: %u answers of %u", round, i, DEPTH);
			else if (cqe.status == IOCORE_S_OK)
				hostile_fail(h, "noise was accepted");
			if (h->failed)
				break;
			h->descriptor++;
		}
	}
	bench_close(&b);
}

const struct hostile_case hostile_descriptor[] = {
	{ "good-requests",	case_good_requests },
	{ "opcode",		case_opcode },
	{ "sqe-padding",	case_sqe_padding },
	{ "tag",		case_tag },
	{ "tag-twice",		case_tag_twice },
	{ "segment-count",	case_segment_count },
	{ "segment-address",	case_segment_address },
	{ "segment-length",	case_segment_length },
	{ "table-address",	case_table_address },
	{ "table-content",	case_table_content },
	{ "length",		case_length },
	{ "range",		case_range },
	{ "flush-fields",	case_flush_fields },
	{ "discard",		case_discard },
	{ "write-zeroes",	case_write_zeroes },
	{ "readonly",		case_readonly },
	{ "noise",		case_noise },
	{ }
};
