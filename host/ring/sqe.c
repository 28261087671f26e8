// SPDX-License-Identifier: GPL-2.0-only
/*
 * judging a request that a guest has written
 */
#include "sqe.h"

#define SECTOR_BYTES	512U
#define SECTOR_BITS	9
#define ALL_FLAGS	(IOCORE_SQE_TABLE | IOCORE_SQE_FUA | IOCORE_SQE_UNMAP)

static_assert(sizeof(struct iocore_seg) == 16);
static_assert(offsetof(struct iocore_seg, len) == 8);
static_assert(offsetof(struct iocore_seg, pad) == 12);
static_assert(sizeof(struct iocore_sqe) == 64);
static_assert(offsetof(struct iocore_sqe, opcode) == 0);
static_assert(offsetof(struct iocore_sqe, flags) == 1);
static_assert(offsetof(struct iocore_sqe, tag) == 2);
static_assert(offsetof(struct iocore_sqe, nr_segs) == 4);
static_assert(offsetof(struct iocore_sqe, sector) == 8);
static_assert(offsetof(struct iocore_sqe, len) == 16);
static_assert(offsetof(struct iocore_sqe, seg) == 24);
static_assert(offsetof(struct iocore_sqe, table_gpa) == 24);
static_assert(offsetof(struct iocore_sqe, pad2) == 56);

static bool pads_are_zero(const struct iocore_sqe *sqe)
{
	u64 pads = sqe->pad0 | sqe->pad1 | sqe->pad2;

	if (sqe->flags & IOCORE_SQE_TABLE)
		pads |= sqe->pad_table[0] | sqe->pad_table[1] |
			sqe->pad_table[2];
	return !pads;
}

/* The flags that mean something to an opcode. */
static u8 flags_of(u8 opcode)
{
	switch (opcode) {
	case IOCORE_OP_READ:
		return IOCORE_SQE_TABLE;
	case IOCORE_OP_WRITE:
		return IOCORE_SQE_TABLE | IOCORE_SQE_FUA;
	case IOCORE_OP_WRITE_ZEROES:
		return IOCORE_SQE_FUA | IOCORE_SQE_UNMAP;
	default:
		return 0;
	}
}

static u32 max_len(u8 opcode, const struct iocore_limits *limits)
{
	switch (opcode) {
	case IOCORE_OP_DISCARD:
		return limits->max_discard;
	case IOCORE_OP_WRITE_ZEROES:
		return limits->max_write_zeroes;
	default:
		return limits->max_bytes < IOCORE_MAX_BYTES ? limits->max_bytes :
							      IOCORE_MAX_BYTES;
	}
}

static bool has_data(u8 opcode)
{
	return opcode == IOCORE_OP_READ || opcode == IOCORE_OP_WRITE;
}

static enum iocore_status validate_flush(const struct iocore_sqe *sqe)
{
	if (sqe->nr_segs || sqe->sector || sqe->len)
		return IOCORE_S_INVAL;
	return IOCORE_S_OK;
}

static enum iocore_status validate_layout(const struct iocore_sqe *sqe,
					  const struct iocore_limits *limits)
{
	u64 end;

	if (!has_data(sqe->opcode))
		return sqe->nr_segs ? IOCORE_S_INVAL : IOCORE_S_OK;

	if (!sqe->nr_segs || sqe->nr_segs > limits->max_segs ||
	    sqe->nr_segs > IOCORE_MAX_SEGS)
		return IOCORE_S_INVAL;

	if (!(sqe->flags & IOCORE_SQE_TABLE))
		return sqe->nr_segs > IOCORE_INLINE_SEGS ? IOCORE_S_INVAL :
							   IOCORE_S_OK;

	if (sqe->table_gpa % sizeof(struct iocore_seg))
		return IOCORE_S_INVAL;
	if (check_add_overflow(sqe->table_gpa,
			       sqe->nr_segs * sizeof(struct iocore_seg) - 1,
			       &end))
		return IOCORE_S_FAULT;
	return IOCORE_S_OK;
}

static enum iocore_status validate_extent(const struct iocore_sqe *sqe,
					  const struct iocore_limits *limits)
{
	u64 sectors = sqe->len >> SECTOR_BITS;
	u32 block = limits->logical_block;

	if (!sqe->len || sqe->len > max_len(sqe->opcode, limits))
		return IOCORE_S_INVAL;
	if ((sqe->len & (block - 1)) ||
	    (sqe->sector & ((block >> SECTOR_BITS) - 1)))
		return IOCORE_S_INVAL;
	if (sectors > limits->capacity ||
	    sqe->sector > limits->capacity - sectors)
		return IOCORE_S_RANGE;
	return IOCORE_S_OK;
}

/**
 * iocore_sqe_validate - may this request be carried out?
 * @sqe:    the private copy
 * @limits: of the disk and the queue
 *
 * Judges all that stands in the SQE but the inline segments, which
 * iocore_segs_validate() judges in the same way as those of a table. Inline
 * segments beyond nr_segs mean nothing and are not looked at.
 *
 * Return: IOCORE_S_OK, or the status to complete the request with. Where
 * sqe->tag is not below the depth it is IOCORE_S_INVAL or IOCORE_S_NOTSUPP, and
 * the tag must not be used as an index.
 */
enum iocore_status iocore_sqe_validate(const struct iocore_sqe *sqe,
				       const struct iocore_limits *limits)
{
	enum iocore_status status;

	if (sqe->opcode > IOCORE_OP_WRITE_ZEROES || (sqe->flags & ~ALL_FLAGS))
		return IOCORE_S_NOTSUPP;
	if (sqe->tag >= limits->depth || !pads_are_zero(sqe) ||
	    (sqe->flags & ~flags_of(sqe->opcode)))
		return IOCORE_S_INVAL;
	if (sqe->opcode == IOCORE_OP_FLUSH)
		return validate_flush(sqe);
	if (!max_len(sqe->opcode, limits))
		return IOCORE_S_NOTSUPP;

	status = validate_layout(sqe, limits);
	if (status)
		return status;
	status = validate_extent(sqe, limits);
	if (status)
		return status;
	if (sqe->opcode != IOCORE_OP_READ && limits->readonly)
		return IOCORE_S_READONLY;
	return IOCORE_S_OK;
}

static enum iocore_status validate_seg(const struct iocore_seg *seg,
				       const struct iocore_limits *limits)
{
	u64 end;

	if (seg->pad || !seg->len || seg->len % SECTOR_BYTES)
		return IOCORE_S_INVAL;
	if ((seg->gpa | seg->len) & limits->dma_align)
		return IOCORE_S_INVAL;
	if (check_add_overflow(seg->gpa, (u64)seg->len - 1, &end))
		return IOCORE_S_FAULT;
	return IOCORE_S_OK;
}

/**
 * iocore_segs_validate - do these segments describe this request?
 * @segs:   private copies, inline or from a table
 * @nr:     how many
 * @len:    sqe->len, which iocore_sqe_validate() accepted
 * @limits: of the disk and the queue
 *
 * Whether the addresses are guest memory is for the translation to find out.
 *
 * Return: IOCORE_S_OK, or the status to complete the request with.
 */
enum iocore_status iocore_segs_validate(const struct iocore_seg *segs, u32 nr,
					u32 len,
					const struct iocore_limits *limits)
{
	enum iocore_status status;
	u32 i, left = len;

	if (!nr || nr > IOCORE_MAX_SEGS)
		return IOCORE_S_INVAL;
	for (i = 0; i < nr; i++) {
		status = validate_seg(&segs[i], limits);
		if (status)
			return status;
		if (segs[i].len > left)
			return IOCORE_S_INVAL;
		left -= segs[i].len;
	}
	return left ? IOCORE_S_INVAL : IOCORE_S_OK;
}
