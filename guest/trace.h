/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trace points of the guest driver
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM iocore_blk

#if !defined(_IOCORE_GUEST_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _IOCORE_GUEST_TRACE_H

#include <linux/iocore_ring.h>
#include <linux/tracepoint.h>

TRACE_EVENT(iocore_blk_submit,
	TP_PROTO(u32 slot, u32 queue, const struct iocore_sqe *sqe),
	TP_ARGS(slot, queue, sqe),
	TP_STRUCT__entry(
		__field(u32, slot)
		__field(u32, queue)
		__field(u16, tag)
		__field(u8, op)
		__field(u16, segs)
		__field(u64, sector)
		__field(u32, bytes)
	),
	TP_fast_assign(
		__entry->slot = slot;
		__entry->queue = queue;
		__entry->tag = sqe->tag;
		__entry->op = sqe->opcode;
		__entry->segs = sqe->nr_segs;
		__entry->sector = sqe->sector;
		__entry->bytes = sqe->len;
	),
	TP_printk("slot=%u queue=%u tag=%u op=%s sector=%llu bytes=%u segs=%u",
		  __entry->slot, __entry->queue, __entry->tag,
		  __print_symbolic(__entry->op,
				   { IOCORE_OP_READ, "read" },
				   { IOCORE_OP_WRITE, "write" },
				   { IOCORE_OP_FLUSH, "flush" },
				   { IOCORE_OP_DISCARD, "discard" },
				   { IOCORE_OP_WRITE_ZEROES, "write_zeroes" }),
		  __entry->sector, __entry->bytes, __entry->segs)
);

DECLARE_EVENT_CLASS(iocore_blk_cqe,
	TP_PROTO(u32 slot, u32 queue, const struct iocore_cqe *cqe),
	TP_ARGS(slot, queue, cqe),
	TP_STRUCT__entry(
		__field(u32, slot)
		__field(u32, queue)
		__field(u16, tag)
		__field(u16, status)
	),
	TP_fast_assign(
		__entry->slot = slot;
		__entry->queue = queue;
		__entry->tag = cqe->tag;
		__entry->status = cqe->status;
	),
	TP_printk("slot=%u queue=%u tag=%u status=%u", __entry->slot,
		  __entry->queue, __entry->tag, __entry->status)
);

DEFINE_EVENT(iocore_blk_cqe, iocore_blk_complete,
	TP_PROTO(u32 slot, u32 queue, const struct iocore_cqe *cqe),
	TP_ARGS(slot, queue, cqe)
);

DEFINE_EVENT(iocore_blk_cqe, iocore_blk_bad_completion,
	TP_PROTO(u32 slot, u32 queue, const struct iocore_cqe *cqe),
	TP_ARGS(slot, queue, cqe)
);

TRACE_EVENT(iocore_blk_kick,
	TP_PROTO(u32 slot, u32 queue),
	TP_ARGS(slot, queue),
	TP_STRUCT__entry(
		__field(u32, slot)
		__field(u32, queue)
	),
	TP_fast_assign(
		__entry->slot = slot;
		__entry->queue = queue;
	),
	TP_printk("slot=%u queue=%u", __entry->slot, __entry->queue)
);

DECLARE_EVENT_CLASS(iocore_blk_replay,
	TP_PROTO(u32 slot, u64 epoch),
	TP_ARGS(slot, epoch),
	TP_STRUCT__entry(
		__field(u32, slot)
		__field(u64, epoch)
	),
	TP_fast_assign(
		__entry->slot = slot;
		__entry->epoch = epoch;
	),
	TP_printk("slot=%u epoch=%llu", __entry->slot, __entry->epoch)
);

DEFINE_EVENT(iocore_blk_replay, iocore_blk_hold,
	TP_PROTO(u32 slot, u64 epoch),
	TP_ARGS(slot, epoch)
);

DEFINE_EVENT(iocore_blk_replay, iocore_blk_return,
	TP_PROTO(u32 slot, u64 epoch),
	TP_ARGS(slot, epoch)
);

#endif /* _IOCORE_GUEST_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
