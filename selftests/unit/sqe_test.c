// SPDX-License-Identifier: GPL-2.0-only
/*
 * Validation of requests: each rule by hand, then at random against an oracle
 */
#include "../../host/ring/sqe.h"
#include "tap.h"

typedef unsigned __int128 u128;

#define CAPACITY	1048576ULL
#define MAX_SEGS	128
#define MAX_DISCARD	(1U << 30)
#define MAX_ZEROES	(16U << 20)

static const struct iocore_limits limits = {
	.capacity = CAPACITY,
	.logical_block = 4096,
	.max_bytes = 512 << 10,
	.max_segs = MAX_SEGS,
	.max_discard = MAX_DISCARD,
	.max_write_zeroes = MAX_ZEROES,
	.dma_align = 511,
	.depth = 64,
};

static const struct iocore_sqe good_inline = {
	.opcode = IOCORE_OP_READ, .tag = 63, .nr_segs = 2, .sector = CAPACITY - 16, .len = 8192,
	.seg = { { .gpa = 0x1000, .len = 4096 }, { .gpa = 0x8000, .len = 4096 } },
};

static const struct iocore_sqe good_table = {
	.opcode = IOCORE_OP_WRITE, .flags = IOCORE_SQE_TABLE, .nr_segs = MAX_SEGS, .sector = 8,
	.len = 512 << 10, .table_gpa = 0x10,
};

static const struct iocore_sqe good_flush = { .opcode = IOCORE_OP_FLUSH, .tag = 1 };

static const struct iocore_sqe good_discard = {
	.opcode = IOCORE_OP_DISCARD, .tag = 2, .sector = 8, .len = 256 << 20,
};

static const struct iocore_sqe good_zeroes = {
	.opcode = IOCORE_OP_WRITE_ZEROES, .tag = 3, .sector = CAPACITY - 32768, .len = MAX_ZEROES,
	.flags = IOCORE_SQE_FUA | IOCORE_SQE_UNMAP,
};

static const struct field {
	u8 off, size;
} fields[] = {
	{ 0, 1 }, { 1, 1 }, { 2, 2 }, { 4, 2 }, { 6, 2 }, { 8, 8 }, { 16, 4 },
	{ 20, 4 }, { 24, 8 }, { 32, 8 }, { 40, 8 }, { 48, 8 }, { 56, 8 },
};

static void set_field(void *sqe, const struct field *field, u64 value)
{
	memcpy((u8 *)sqe + field->off, &value, field->size);
}

struct rule {
	const char *name;
	const struct iocore_sqe *base;
	size_t off;
	u64 value;
	enum iocore_status want;
};

#define RULE(name, base, field, value, want)	\
	{ name, &(base), offsetof(struct iocore_sqe, field), value, want }

static const struct rule rules[] = {
	RULE("opcode after the last", good_inline, opcode, 5, IOCORE_S_NOTSUPP),
	RULE("opcode 255", good_inline, opcode, 255, IOCORE_S_NOTSUPP),
	RULE("unknown flag", good_inline, flags, 8, IOCORE_S_NOTSUPP),
	RULE("top flag", good_table, flags, 0x81, IOCORE_S_NOTSUPP),
	RULE("READ with FUA", good_inline, flags, IOCORE_SQE_FUA, IOCORE_S_INVAL),
	RULE("READ with UNMAP", good_inline, flags, IOCORE_SQE_UNMAP, IOCORE_S_INVAL),
	RULE("WRITE with FUA", good_table, flags, IOCORE_SQE_TABLE | IOCORE_SQE_FUA, IOCORE_S_OK),
	RULE("WRITE with UNMAP", good_table, flags, IOCORE_SQE_TABLE | IOCORE_SQE_UNMAP,
	     IOCORE_S_INVAL),
	RULE("last tag", good_inline, tag, 63, IOCORE_S_OK),
	RULE("tag at the depth", good_inline, tag, 64, IOCORE_S_INVAL),
	RULE("tag 65535", good_flush, tag, 0xffff, IOCORE_S_INVAL),
	RULE("no segment", good_inline, nr_segs, 0, IOCORE_S_INVAL),
	RULE("three inline", good_inline, nr_segs, 3, IOCORE_S_INVAL),
	RULE("one inline", good_inline, nr_segs, 1, IOCORE_S_OK),
	RULE("empty table", good_table, nr_segs, 0, IOCORE_S_INVAL),
	RULE("one in a table", good_table, nr_segs, 1, IOCORE_S_OK),
	RULE("table over the disk's limit", good_table, nr_segs, MAX_SEGS + 1, IOCORE_S_INVAL),
	RULE("table of 65535", good_table, nr_segs, 0xffff, IOCORE_S_INVAL),
	RULE("pad0", good_inline, pad0, 1, IOCORE_S_INVAL),
	RULE("pad0, top bit", good_inline, pad0, 0x8000, IOCORE_S_INVAL),
	RULE("pad1", good_inline, pad1, 1, IOCORE_S_INVAL),
	RULE("pad1, top bit", good_flush, pad1, 1U << 31, IOCORE_S_INVAL),
	RULE("pad2", good_inline, pad2, 1, IOCORE_S_INVAL),
	RULE("pad2, top bit", good_table, pad2, 1ULL << 63, IOCORE_S_INVAL),
	RULE("pad_table[0]", good_table, pad_table[0], 1, IOCORE_S_INVAL),
	RULE("pad_table[1]", good_table, pad_table[1], 1ULL << 32, IOCORE_S_INVAL),
	RULE("pad_table[2]", good_table, pad_table[2], 1ULL << 63, IOCORE_S_INVAL),
	RULE("no bytes", good_inline, len, 0, IOCORE_S_INVAL),
	RULE("half a block", good_inline, len, 2048, IOCORE_S_INVAL),
	RULE("one byte more", good_inline, len, 4097, IOCORE_S_INVAL),
	RULE("over max_bytes", good_table, len, (512 << 10) + 4096, IOCORE_S_INVAL),
	RULE("4 GiB less a block", good_table, len, 0xfffff000, IOCORE_S_INVAL),
	RULE("up to the end", good_inline, sector, CAPACITY - 16, IOCORE_S_OK),
	RULE("one block beyond", good_inline, sector, CAPACITY - 8, IOCORE_S_RANGE),
	RULE("at the end", good_inline, sector, CAPACITY, IOCORE_S_RANGE),
	RULE("sector + len wraps", good_inline, sector, ~0ULL - 7, IOCORE_S_RANGE),
	RULE("sector in bytes wraps", good_inline, sector, 1ULL << 55, IOCORE_S_RANGE),
	RULE("sector off the block", good_inline, sector, 4, IOCORE_S_INVAL),
	RULE("sector all ones", good_inline, sector, ~0ULL, IOCORE_S_INVAL),
	RULE("table off by 8", good_table, table_gpa, 8, IOCORE_S_INVAL),
	RULE("table off by 1", good_table, table_gpa, 0x1001, IOCORE_S_INVAL),
	RULE("table at the top", good_table, table_gpa, -16ULL * MAX_SEGS, IOCORE_S_OK),
	RULE("table wraps", good_table, table_gpa, -16ULL * (MAX_SEGS - 1), IOCORE_S_FAULT),
	RULE("FLUSH with a segment", good_flush, nr_segs, 1, IOCORE_S_INVAL),
	RULE("FLUSH with a sector", good_flush, sector, 8, IOCORE_S_INVAL),
	RULE("FLUSH with a length", good_flush, len, 4096, IOCORE_S_INVAL),
	RULE("FLUSH with a table", good_flush, flags, IOCORE_SQE_TABLE, IOCORE_S_INVAL),
	RULE("FLUSH with FUA", good_flush, flags, IOCORE_SQE_FUA, IOCORE_S_INVAL),
	RULE("FLUSH with padding", good_flush, pad2, 1, IOCORE_S_INVAL),
	RULE("DISCARD with a segment", good_discard, nr_segs, 1, IOCORE_S_INVAL),
	RULE("DISCARD with a table", good_discard, flags, IOCORE_SQE_TABLE, IOCORE_S_INVAL),
	RULE("DISCARD with FUA", good_discard, flags, IOCORE_SQE_FUA, IOCORE_S_INVAL),
	RULE("DISCARD with UNMAP", good_discard, flags, IOCORE_SQE_UNMAP, IOCORE_S_INVAL),
	RULE("DISCARD of nothing", good_discard, len, 0, IOCORE_S_INVAL),
	RULE("DISCARD of half a block", good_discard, len, 2048, IOCORE_S_INVAL),
	RULE("DISCARD off the block", good_discard, sector, 4, IOCORE_S_INVAL),
	RULE("DISCARD over max_discard", good_discard, len, MAX_DISCARD + 4096, IOCORE_S_INVAL),
	RULE("DISCARD beyond the end", good_discard, len, 512 << 20, IOCORE_S_RANGE),
	RULE("DISCARD up to the end", good_discard, sector, CAPACITY / 2, IOCORE_S_OK),
	RULE("DISCARD, sector + len wraps", good_discard, sector, ~0ULL - 7, IOCORE_S_RANGE),
	RULE("DISCARD with padding", good_discard, pad1, 1, IOCORE_S_INVAL),
	RULE("WRITE_ZEROES without flags", good_zeroes, flags, 0, IOCORE_S_OK),
	RULE("WRITE_ZEROES with a table", good_zeroes, flags, IOCORE_SQE_TABLE, IOCORE_S_INVAL),
	RULE("WRITE_ZEROES with a segment", good_zeroes, nr_segs, 1, IOCORE_S_INVAL),
	RULE("WRITE_ZEROES over max_write_zeroes", good_zeroes, len, MAX_ZEROES + 4096,
	     IOCORE_S_INVAL),
	RULE("WRITE_ZEROES beyond the end", good_zeroes, sector, CAPACITY - 32760, IOCORE_S_RANGE),
	RULE("WRITE_ZEROES off the block", good_zeroes, sector, 1, IOCORE_S_INVAL),
	RULE("WRITE_ZEROES with padding", good_zeroes, pad2, 1ULL << 63, IOCORE_S_INVAL),
};

static void test_rules(void)
{
	struct iocore_sqe sqe;
	enum iocore_status got;
	size_t i, f;

	tap_ok(!iocore_sqe_validate(&good_inline, &limits), "inline segments");
	tap_ok(!iocore_sqe_validate(&good_table, &limits), "a full table");
	tap_ok(!iocore_sqe_validate(&good_flush, &limits), "FLUSH");
	tap_ok(!iocore_sqe_validate(&good_discard, &limits), "DISCARD");
	tap_ok(!iocore_sqe_validate(&good_zeroes, &limits), "WRITE_ZEROES");
	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		sqe = *rules[i].base;
		for (f = 0; fields[f].off != rules[i].off; f++)
			;
		set_field(&sqe, &fields[f], rules[i].value);
		got = iocore_sqe_validate(&sqe, &limits);
		tap_expect(got == rules[i].want, "got %d, want %d", got, rules[i].want);
		tap_ok(got == rules[i].want, "%s", rules[i].name);
	}
}

static void test_limits(void)
{
	struct iocore_limits l = limits;
	struct iocore_sqe sqe = good_table;

	l.readonly = true;
	tap_ok(iocore_sqe_validate(&good_table, &l) == IOCORE_S_READONLY, "write to read-only");
	tap_ok(!iocore_sqe_validate(&good_inline, &l), "read of read-only");
	tap_ok(!iocore_sqe_validate(&good_flush, &l), "FLUSH of read-only");
	tap_ok(iocore_sqe_validate(&good_discard, &l) == IOCORE_S_READONLY,
	       "DISCARD of read-only");
	tap_ok(iocore_sqe_validate(&good_zeroes, &l) == IOCORE_S_READONLY,
	       "WRITE_ZEROES to read-only");

	l = limits;
	l.max_discard = 0;
	tap_ok(iocore_sqe_validate(&good_discard, &l) == IOCORE_S_NOTSUPP,
	       "DISCARD where the disk can't");
	tap_ok(!iocore_sqe_validate(&good_zeroes, &l), "WRITE_ZEROES where it can't discard");
	l = limits;
	l.max_write_zeroes = 0;
	tap_ok(iocore_sqe_validate(&good_zeroes, &l) == IOCORE_S_NOTSUPP,
	       "WRITE_ZEROES where the disk can't");

	l = limits;
	l.max_bytes = ~0U;
	l.max_segs = ~0U;
	sqe.nr_segs = IOCORE_MAX_SEGS;
	sqe.len = IOCORE_MAX_BYTES;
	tap_ok(!iocore_sqe_validate(&sqe, &l), "the protocol's bounds are reached");
	sqe.nr_segs = IOCORE_MAX_SEGS + 1;
	tap_ok(iocore_sqe_validate(&sqe, &l) == IOCORE_S_INVAL, "IOCORE_MAX_SEGS holds");
	sqe.nr_segs = 1;
	sqe.len = IOCORE_MAX_BYTES + 4096;
	tap_ok(iocore_sqe_validate(&sqe, &l) == IOCORE_S_INVAL, "IOCORE_MAX_BYTES holds");

	l = limits;
	l.capacity = 0;
	tap_ok(iocore_sqe_validate(&good_inline, &l) == IOCORE_S_RANGE, "an empty disk");
	l.capacity = ~0ULL;
	sqe = good_inline;
	sqe.sector = (~0ULL - 23) & ~7ULL;
	tap_ok(!iocore_sqe_validate(&sqe, &l), "the largest disk, at its end");
	sqe.sector += 16;
	tap_ok(iocore_sqe_validate(&sqe, &l) == IOCORE_S_RANGE, "the largest disk, beyond");

	l = limits;
	l.logical_block = 512;
	sqe = good_inline;
	sqe.sector = 1;
	sqe.len = 512;
	tap_ok(!iocore_sqe_validate(&sqe, &l), "512-byte blocks");
	sqe.len = 513;
	tap_ok(iocore_sqe_validate(&sqe, &l) == IOCORE_S_INVAL, "513 bytes");
}

struct seg_rule {
	const char *name;
	struct iocore_seg segs[3];
	u32 nr, len;
	enum iocore_status want;
};

static const struct seg_rule seg_rules[] = {
	{ "one", { { 0, 4096, 0 } }, 1, 4096, IOCORE_S_OK },
	{ "three", { { 0, 512, 0 }, { 0, 512, 0 }, { 512, 3072, 0 } }, 3, 4096, IOCORE_S_OK },
	{ "none", { { 0, 4096, 0 } }, 0, 4096, IOCORE_S_INVAL },
	{ "too many", { { 0, 4096, 0 } }, IOCORE_MAX_SEGS + 1, 4096, IOCORE_S_INVAL },
	{ "padding", { { 0, 4096, 1 } }, 1, 4096, IOCORE_S_INVAL },
	{ "padding in the last", { { 0, 2048, 0 }, { 0, 2048, 1U << 31 } }, 2, 4096,
	  IOCORE_S_INVAL },
	{ "no length", { { 0, 0, 0 } }, 1, 4096, IOCORE_S_INVAL },
	{ "no length in the middle", { { 0, 512, 0 }, { 0, 0, 0 }, { 0, 512, 0 } }, 3, 1024,
	  IOCORE_S_INVAL },
	{ "length off the sector", { { 0, 256, 0 }, { 0, 3840, 0 } }, 2, 4096, IOCORE_S_INVAL },
	{ "address off the mask", { { 256, 4096, 0 } }, 1, 4096, IOCORE_S_INVAL },
	{ "sum too short", { { 0, 2048, 0 }, { 0, 1024, 0 } }, 2, 4096, IOCORE_S_INVAL },
	{ "sum too long", { { 0, 2048, 0 }, { 0, 4096, 0 } }, 2, 4096, IOCORE_S_INVAL },
	{ "right before the last", { { 0, 4096, 0 }, { 0, 512, 0 } }, 2, 4096, IOCORE_S_INVAL },
	{ "sum wraps", { { 0, 0xfffff000, 0 }, { 0, 0x2000, 0 } }, 2, 4096, IOCORE_S_INVAL },
	{ "sum wraps to nothing", { { 0, 1U << 31, 0 }, { 0, 1U << 31, 0 } }, 2, 0,
	  IOCORE_S_INVAL },
	{ "up to the top", { { -4096ULL, 4096, 0 } }, 1, 4096, IOCORE_S_OK },
	{ "address wraps", { { -4096ULL, 4608, 0 } }, 1, 4608, IOCORE_S_FAULT },
};

static void test_segs(void)
{
	static struct iocore_seg many[IOCORE_MAX_SEGS];
	struct iocore_limits l = limits;
	enum iocore_status got;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(seg_rules); i++) {
		const struct seg_rule *r = &seg_rules[i];

		got = iocore_segs_validate(r->segs, r->nr, r->len, &limits);
		tap_expect(got == r->want, "got %d, want %d", got, r->want);
		tap_ok(got == r->want, "segments: %s", r->name);
	}

	for (i = 0; i < IOCORE_MAX_SEGS; i++)
		many[i] = (struct iocore_seg){ .gpa = i << 12, .len = 4096 };
	tap_ok(!iocore_segs_validate(many, IOCORE_MAX_SEGS, IOCORE_MAX_BYTES, &l),
	       "segments: a full table of full pages");
	l.dma_align = 4095;
	many[7] = (struct iocore_seg){ .gpa = 0, .len = 512 };
	tap_ok(iocore_segs_validate(many, 8, 7 * 4096 + 512, &l) == IOCORE_S_INVAL,
	       "segments: length off a wide mask");
	l.dma_align = 3;
	many[0].gpa = 4;
	tap_ok(!iocore_segs_validate(many, 1, 4096, &l), "segments: a narrow mask");
}

/* ---- the oracle: every rule broken, as a set of acceptable answers ---- */

#define SET(status)	(1U << (status))

static bool only_zeroes(const u8 *p, size_t from, size_t to)
{
	while (from < to)
		if (p[from++])
			return false;
	return true;
}

static u32 oracle(const u8 *raw, const struct iocore_limits *l)
{
	static const u8 known[] = { 1, 3, 0, 0, 6 };	/* flags by opcode */
	bool table = raw[1] & 1, flush = raw[0] == 2, data = raw[0] < 2;
	u16 tag = raw[2] | raw[3] << 8, nr = raw[4] | raw[5] << 8;
	u128 sector, end;
	u32 len, max, bad = 0;
	u64 word;

	if (raw[0] > 4 || raw[1] > 7)
		return SET(IOCORE_S_NOTSUPP);
	memcpy(&word, raw + 8, 8);
	sector = word;
	memcpy(&len, raw + 16, 4);
	memcpy(&word, raw + 24, 8);

	if (tag >= l->depth || !only_zeroes(raw, 6, 8) || !only_zeroes(raw, 20, 24) ||
	    !only_zeroes(raw, 56, 64) || (table && !only_zeroes(raw, 32, 56)))
		bad |= SET(IOCORE_S_INVAL);
	if (raw[1] & ~known[raw[0]])
		bad |= SET(IOCORE_S_INVAL);
	if (flush)
		return bad | (nr || len || sector ? SET(IOCORE_S_INVAL) : 0);

	max = l->max_bytes < 1 << 20 ? l->max_bytes : 1 << 20;
	if (!data)
		max = raw[0] == 3 ? l->max_discard : l->max_write_zeroes;
	if (!max)
		bad |= SET(IOCORE_S_NOTSUPP);
	if (data ? nr < 1 || nr > l->max_segs || nr > (table ? 256 : 2) : nr)
		bad |= SET(IOCORE_S_INVAL);
	if (table && word % 16)
		bad |= SET(IOCORE_S_INVAL);
	if (table && (u128)word + nr * 16 > (u128)1 << 64)
		bad |= SET(IOCORE_S_FAULT);
	if (len < 1 || len > max || len % l->logical_block)
		bad |= SET(IOCORE_S_INVAL);
	if (sector * 512 % l->logical_block)
		bad |= SET(IOCORE_S_INVAL);
	end = sector * 512 + len;
	if (end > (u128)l->capacity * 512)
		bad |= SET(IOCORE_S_RANGE);
	if (raw[0] && l->readonly)
		bad |= SET(IOCORE_S_READONLY);
	return bad;
}

static u64 interesting(unsigned long long *rng)
{
	u64 r = tap_random(rng);

	switch (r >> 60) {
	case 0 ... 3:
		return 1ULL << (r & 63);
	case 4 ... 6:
		return (1ULL << (r & 63)) - 1;
	case 7 ... 8:
		return -(r & 0x1ffff);
	case 9 ... 11:
		return (r & 0x3f) << ((r >> 8) & 0xf);
	case 12:
		return CAPACITY - 24 + (r & 0x1f);
	default:
		return r;
	}
}

static void fuzz_one(u8 *raw, unsigned long long *rng)
{
	static const struct iocore_sqe *const bases[] = {
		&good_inline, &good_table, &good_flush, &good_discard, &good_zeroes,
	};
	u64 r = tap_random(rng);
	u32 i, n = (r >> 8) % 4;

	memcpy(raw, bases[(r >> 16) % ARRAY_SIZE(bases)], sizeof(struct iocore_sqe));
	raw[2] = raw[2] & 63;
	for (i = 0; i < n; i++) {
		u32 f = tap_random(rng) % ARRAY_SIZE(fields);

		set_field(raw, &fields[f], interesting(rng));
	}
	if ((r & 0xff) == 0)
		for (i = 0; i < 64; i++)
			raw[i] = tap_random(rng);
}

static void random_limits(struct iocore_limits *l, unsigned long long *rng)
{
	u64 r = tap_random(rng);

	*l = limits;
	l->readonly = r & 1;
	l->logical_block = 512U << ((r >> 1) % 4);
	l->capacity = (r >> 8) & 1 ? CAPACITY : (interesting(rng) & ~7ULL);
	l->max_segs = 1 + ((r >> 16) & 0x1ff);
	l->max_bytes = 4096 << ((r >> 32) % 12);
	l->depth = 2 << ((r >> 40) % 10);
	if (!((r >> 44) & 7))
		l->max_discard = interesting(rng);
	if (!((r >> 48) & 7))
		l->max_write_zeroes = interesting(rng);
}

static void test_fuzz(unsigned long long seed, unsigned long rounds)
{
	unsigned long i, passed = 0;
	struct iocore_limits l;
	enum iocore_status got;
	struct iocore_sqe sqe;
	bool ok = true;
	u8 raw[64];
	u32 want;

	for (i = 0; i < rounds; i++) {
		if (i % 64 == 0)
			random_limits(&l, &seed);
		fuzz_one(raw, &seed);
		memcpy(&sqe, raw, sizeof(sqe));
		got = iocore_sqe_validate(&sqe, &l);
		want = oracle(raw, &l);
		passed += !got;
		ok &= tap_expect(want ? want & SET(got) : !got, "round %lu: got %d of set %#x",
				 i, got, want);
	}
	tap_note("%lu of %lu requests were valid", passed, rounds);
	tap_ok(ok && passed > rounds / 50, "random requests against the oracle");
}

static u32 seg_oracle(const struct iocore_seg *segs, u32 nr, u32 len,
		      const struct iocore_limits *l)
{
	u128 sum = 0;
	u32 i, bad = 0;

	for (i = 0; i < nr; i++) {
		if (segs[i].pad || segs[i].len % 512 || !segs[i].len ||
		    segs[i].gpa % (l->dma_align + 1) || segs[i].len % (l->dma_align + 1))
			bad |= SET(IOCORE_S_INVAL);
		if ((u128)segs[i].gpa + segs[i].len > (u128)1 << 64)
			bad |= SET(IOCORE_S_FAULT);
		sum += segs[i].len;
	}
	return sum == len ? bad : bad | SET(IOCORE_S_INVAL);
}

static void test_seg_fuzz(unsigned long long seed, unsigned long rounds)
{
	unsigned long i, passed = 0;
	struct iocore_limits l = limits;
	struct iocore_seg segs[8];
	enum iocore_status got;
	bool ok = true;
	u32 j, nr, len, want;

	for (i = 0; i < rounds; i++) {
		nr = 1 + tap_random(&seed) % 8;
		l.dma_align = (1U << (tap_random(&seed) % 13)) - 1;
		for (j = 0, len = 0; j < nr; j++) {
			u64 r = tap_random(&seed);

			segs[j].gpa = r & 1 ? r & ~4095ULL : interesting(&seed);
			segs[j].len = (r >> 8) & 15 ? ((r >> 16) & 15) << 12 : interesting(&seed);
			segs[j].pad = (r >> 24) & 31 ? 0 : r >> 32;
			len += segs[j].len;
		}
		if (!(tap_random(&seed) & 7))
			len = interesting(&seed);
		got = iocore_segs_validate(segs, nr, len, &l);
		want = seg_oracle(segs, nr, len, &l);
		passed += !got;
		ok &= tap_expect(want ? want & SET(got) : !got, "round %lu: got %d of set %#x",
				 i, got, want);
	}
	tap_note("%lu of %lu segment lists were valid", passed, rounds);
	tap_ok(ok && passed > rounds / 50, "random segments against the oracle");
}

int main(void)
{
	unsigned long rounds = tap_env("FUZZ_ROUNDS", 2000000);

	tap_begin();
	test_rules();
	test_limits();
	test_segs();
	test_fuzz(tap_env("FUZZ_SEED", 1), rounds);
	test_seg_fuzz(tap_env("FUZZ_SEED", 1), rounds);
	return tap_end();
}
