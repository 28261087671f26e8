/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * judging a request that a guest has written
 *
 * These functions see private copies only, have no side effects and never
 * fail half-way: the same bytes give the same answer.
 */
#ifndef _IOCORE_SQE_H
#define _IOCORE_SQE_H

#include "compat.h"
#include <linux/iocore_ring.h>

/**
 * struct iocore_limits - what a disk and a queue allow
 * @capacity:		sectors of 512 bytes
 * @logical_block:	bytes, a power of two, at least 512
 * @max_bytes:		longest request
 * @max_segs:		most segments of a request
 * @max_discard:	longest DISCARD in bytes, 0: not supported
 * @max_write_zeroes:	longest WRITE_ZEROES in bytes, 0: not supported
 * @dma_align:		mask for segment addresses and lengths
 * @depth:		entries of the queue: tags are below it
 * @readonly:		writes are refused
 *
 * @max_bytes and @max_segs above the protocol's own bounds mean those bounds.
 */
struct iocore_limits {
	u64 capacity;
	u32 logical_block;
	u32 max_bytes;
	u32 max_segs;
	u32 max_discard;
	u32 max_write_zeroes;
	u32 dma_align;
	u16 depth;
	bool readonly;
};

enum iocore_status iocore_sqe_validate(const struct iocore_sqe *sqe,
				       const struct iocore_limits *limits);
enum iocore_status iocore_segs_validate(const struct iocore_seg *segs, u32 nr,
					u32 len,
					const struct iocore_limits *limits);

#endif /* _IOCORE_SQE_H */
