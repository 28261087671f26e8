/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * iocore_ring.h - what an iocore guest and its host share
 *
 * A queue is one submission queue (SQ) and one completion queue (CQ) in a
 * physically contiguous area of guest RAM:
 *
 *	page 0		struct iocore_ring_hdr
 *	page 1 ..	SQ: depth * struct iocore_sqe
 *	then		CQ: depth * struct iocore_cqe, page aligned
 *
 * Indices are free-running u32; the slot is index & (depth - 1). A producer
 * never runs more than depth ahead of its consumer; a side that sees the other
 * do so stops using the queue.
 *
 * Ordering contract. Every barrier in guest and host names its letter here.
 *
 *	guest (SQ producer)			host (SQ consumer)
 *	write SQEs				LOAD.acquire sq_tail	(B)
 *	STORE.release sq_tail	(A)		copy SQEs, then validate the copy
 *						STORE.release sq_head	(C)
 *	LOAD.acquire sq_head	(D)
 *	reuse slots
 *	A pairs with B: an SQE is complete before it is visible.
 *	C pairs with D: a slot is reused only after it was copied out.
 *
 *	host (CQ producer)			guest (CQ consumer)
 *	data is in guest memory
 *	write CQE				LOAD.acquire cq_tail	(F)
 *	STORE.release cq_tail	(E)		read CQE
 *						STORE.release cq_head	(G)
 *	LOAD.acquire cq_head	(H)
 *	E pairs with F: data and CQE are complete before they are visible.
 *	G pairs with H: a CQ slot is reused only after it was read.
 *
 * Two pairs of full barriers decide between sleeping and waking:
 *
 *	guest (doorbell kick)			host (IOCore going to sleep)
 *	STORE sq_tail				STORE flags |= NEED_KICK
 *	full barrier		(K)		full barrier		(L)
 *	LOAD flags; kick if NEED_KICK		LOAD sq_tail; stay awake if it moved
 *
 *	host (notification)			guest (leaving its handler)
 *	STORE cq_tail				STORE cq_event
 *	full barrier		(M)		full barrier		(N)
 *	LOAD cq_event; notify if crossed	LOAD cq_tail; go on if it moved
 *
 * K with L, and M with N: one side at least sees the other's store.
 *
 * All fields are little endian; x86 is the only architecture.
 */
#ifndef _UAPI_LINUX_IOCORE_RING_H
#define _UAPI_LINUX_IOCORE_RING_H

#include <linux/types.h>

#define IOCORE_RING_VERSION	1

#define IOCORE_PAGE_SIZE	4096
#define IOCORE_MIN_DEPTH	2
#define IOCORE_MAX_DEPTH	1024
/** IOCORE_MAX_SEGS - segments of one request; a full table fills one page */
#define IOCORE_MAX_SEGS		256
/** IOCORE_INLINE_SEGS - segments that fit into the SQE itself */
#define IOCORE_INLINE_SEGS	2
/** IOCORE_MAX_BYTES - the longest request, in bytes */
#define IOCORE_MAX_BYTES	(1U << 20)
/** IOCORE_MAX_DISKS - disk slots of one VM; slot n is /dev/ioc<letter n> */
#define IOCORE_MAX_DISKS	256
/** IOCORE_NOTIFY_BITS - bits of a vCPU's pending bitmap */
#define IOCORE_NOTIFY_BITS	4096

/**
 * struct iocore_ring_hdr - the indices of one queue
 * @sq_tail:	written by the guest: SQEs produced
 * @cq_head:	written by the guest: CQEs consumed
 * @cq_event:	written by the guest: notify when cq_tail passes this index
 *		(cq_tail moves from <= cq_event to > cq_event); the host may
 *		hold the notification back while other requests of the queue
 *		are in flight, for about a millisecond after the latest CQE
 * @sq_head:	written by the host: SQEs consumed
 * @cq_tail:	written by the host: CQEs produced
 * @flags:	written by the host: IOCORE_RING_*
 *
 * Each group has a cache line of its own. Padding is zero.
 */
struct iocore_ring_hdr {
	__u32 sq_tail;
	__u32 pad0[15];
	__u32 cq_head;
	__u32 cq_event;
	__u32 pad1[14];
	__u32 sq_head;
	__u32 pad2[15];
	__u32 cq_tail;
	__u32 pad3[15];
	__u32 flags;
	__u32 pad4[15];
};

/** IOCORE_RING_NEED_KICK - IOCore sleeps: a new SQE needs IOCORE_HC_KICK */
#define IOCORE_RING_NEED_KICK	(1U << 0)
/** IOCORE_RING_BROKEN - the host found the ring inconsistent and stopped it */
#define IOCORE_RING_BROKEN	(1U << 1)

/** enum iocore_op - SQE opcodes */
enum iocore_op {
	IOCORE_OP_READ		= 0,
	IOCORE_OP_WRITE		= 1,
	IOCORE_OP_FLUSH		= 2,
	IOCORE_OP_DISCARD	= 3,
	IOCORE_OP_WRITE_ZEROES	= 4,
};

/**
 * struct iocore_seg - a run of guest physical memory
 * @gpa: guest physical address
 * @len: bytes, not zero, a multiple of 512
 * @pad: zero
 */
struct iocore_seg {
	__u64 gpa;
	__u32 len;
	__u32 pad;
};

/** IOCORE_SQE_TABLE - @table_gpa points to nr_segs segments (16-byte aligned) */
#define IOCORE_SQE_TABLE	(1U << 0)
/** IOCORE_SQE_FUA - WRITE, WRITE_ZEROES: durable before its CQE is posted */
#define IOCORE_SQE_FUA		(1U << 1)
/** IOCORE_SQE_UNMAP - WRITE_ZEROES: the range may lose its storage */
#define IOCORE_SQE_UNMAP	(1U << 2)

/**
 * struct iocore_sqe - one request
 * @opcode:	enum iocore_op
 * @flags:	IOCORE_SQE_*; unknown bits are refused
 * @tag:	guest's name for the request, < depth; not in use by another
 * @nr_segs:	segments; 0 for all but READ and WRITE; inline up to
 *		IOCORE_INLINE_SEGS
 * @pad0:	zero
 * @sector:	first sector in units of 512 bytes; 0 for FLUSH
 * @len:	bytes, a multiple of the disk's logical block size; READ, WRITE: the
 *		sum of the segments' lengths, at most IOCORE_MAX_BYTES; DISCARD,
 *		WRITE_ZEROES: at most max_discard or max_write_zeroes; 0 for FLUSH
 * @pad1:	zero
 * @seg:	inline segments
 * @table_gpa:	segment table, with IOCORE_SQE_TABLE
 * @pad2:	zero
 *
 * FLUSH makes durable every WRITE and WRITE_ZEROES whose CQE was visible before
 * the FLUSH was submitted. What a discarded range holds is not defined. FUA on a
 * disk without IOCORE_DISK_FLUSH means nothing, and is accepted.
 */
struct iocore_sqe {
	__u8  opcode;
	__u8  flags;
	__u16 tag;
	__u16 nr_segs;
	__u16 pad0;
	__u64 sector;
	__u32 len;
	__u32 pad1;
	union {
		struct iocore_seg seg[IOCORE_INLINE_SEGS];
		struct {
			__u64 table_gpa;
			__u64 pad_table[3];
		};
	};
	__u64 pad2;
};

/** enum iocore_status - how a request ended */
enum iocore_status {
	IOCORE_S_OK		= 0,
	IOCORE_S_IOERR		= 1,	/* the backend failed */
	IOCORE_S_INVAL		= 2,	/* malformed SQE */
	IOCORE_S_NOTSUPP	= 3,	/* unknown opcode or flag */
	IOCORE_S_RANGE		= 4,	/* beyond the end of the disk */
	IOCORE_S_FAULT		= 5,	/* a segment is not guest memory */
	IOCORE_S_READONLY	= 6,
	IOCORE_S_NOSPC		= 7,
	IOCORE_S_GONE		= 8,	/* the disk is being detached */
	IOCORE_S_AGAIN		= 9,	/* the host lacks memory: try again */
	IOCORE_S_TIMEOUT	= 10,	/* the backend timed out */
	IOCORE_S_MEDIUM		= 11,	/* it can't read or write these sectors */
	IOCORE_S_TARGET		= 12,	/* it is at fault as a whole */
	IOCORE_S_TRANSPORT	= 13,	/* the way to it is */
	IOCORE_S_RESERVED	= 14,	/* another initiator has reserved it */
	IOCORE_S_PROTECTION	= 15,	/* its integrity check failed */
	IOCORE_S_OFFLINE	= 16,	/* it is gone */
};

/**
 * struct iocore_cqe - one completion
 * @tag:	of the request
 * @status:	enum iocore_status
 * @pad:	zero
 */
struct iocore_cqe {
	__u16 tag;
	__u16 status;
	__u32 pad[3];
};

/**
 * struct iocore_notify_page - one page per vCPU, in guest RAM
 * @pending:	the host sets bit n (atomically) before it notifies; the guest
 *		clears it (atomically) before it looks at the queue
 * @events:	IOCORE_EVENT_*; host sets, guest exchanges with 0
 */
struct iocore_notify_page {
	__u64 pending[IOCORE_NOTIFY_BITS / 64];
	__u32 events;
	__u32 pad[895];
};

/** IOCORE_EVENT_DISKS - a disk came, went or has changed: look at all slots */
#define IOCORE_EVENT_DISKS	(1U << 0)
/** IOCORE_EVENT_DIRECT - IOCORE_HC_DIRECT may now succeed where it did not */
#define IOCORE_EVENT_DIRECT	(1U << 1)

/*
 * Control calls: the KVM hypercall IOCORE_HC with a0 = enum iocore_hc,
 * a1 = guest physical address of the call's structure (8-byte aligned, within
 * one page), a2 = its size, a3 = 0. They return 0 or a negative errno of the
 * list below; a host without iocore returns -KVM_ENOSYS (-1000). A larger
 * structure than the host knows is accepted if what follows is zero; so is a
 * shorter one that an earlier version of this file had, whose sizes are named
 * IOCORE_*_SIZE_0.
 *
 * -EINVAL: malformed; -EFAULT: not guest memory; -ENOENT: no such slot, queue
 * or vCPU; -EEXIST: already there; -ESTALE: another epoch, or a host that does
 * not know this guest (see Replay); -ENOMEM;
 * -EOPNOTSUPP: this VM cannot be served; -EBUSY: not now, try again; -EPERM: not
 * at CPL 0.
 */
#define IOCORE_HC	0x10c0

/*
 * Replay. With IOCORE_F_REPLAY a disk may leave and come back: the host side is
 * reset, detached and attached again, or its module is loaded anew.
 *
 *	IOCORE_HC_DISK_GET says	the guest
 *	-EAGAIN			keeps the disk and waits: it will be back in its slot
 *	-KVM_ENOSYS		keeps all disks and waits for a host
 *	-ESTALE			is not known: it identifies itself, registers its
 *				vCPUs anew and keeps its disks
 *	0, another epoch	goes on with the disk, if it has the same serial and
 *				can do all that the guest was told before
 *	-ENOENT			has lost the disk, unless the host did not know the
 *				guest since: then it waits
 *
 * Each of these answers promises that the host no longer touches any memory that
 * was given for the slot's earlier epochs. CQEs of the old epoch may be read
 * until then; what has no CQE is in flight and is submitted again, in queues
 * created under the new epoch, whose areas the guest has zeroed. A write may
 * thus be carried out twice, but never after its completion was seen. The guest
 * waits for replay_timeout seconds from the time the disk left, then fails
 * what is in flight. There is no event for a host that comes back: a guest that
 * waits asks again, once a second at least.
 */

/** enum iocore_hc - a0 of a control call */
enum iocore_hc {
	IOCORE_HC_IDENTIFY	= 0,	/* struct iocore_identify */
	IOCORE_HC_RESET		= 1,	/* no structure: drop queues and notify pages */
	IOCORE_HC_VCPU_NOTIFY	= 2,	/* struct iocore_vcpu_notify */
	IOCORE_HC_DISK_GET	= 3,	/* struct iocore_disk_info */
	IOCORE_HC_QUEUE_CREATE	= 4,	/* struct iocore_queue_create */
	IOCORE_HC_QUEUE_DESTROY	= 5,	/* a1 = slot, a2 = queue, a3 = 0 */
	IOCORE_HC_KICK		= 6,	/* a1 = slot, a2 = queue, a3 = 0 */
	IOCORE_HC_DIRECT	= 7,	/* struct iocore_direct */
	IOCORE_HC_CACHE		= 8,	/* struct iocore_cache */
};

/** IOCORE_F_DIRECT - IOCORE_HC_DIRECT and IOCORE_EVENT_DIRECT are known */
#define IOCORE_F_DIRECT		(1ULL << 0)
/** IOCORE_F_POLL - IOCORE_DISK_POLL is known */
#define IOCORE_F_POLL		(1ULL << 1)
/** IOCORE_F_REPLAY - a disk may come back under a new epoch */
#define IOCORE_F_REPLAY		(1ULL << 2)
/** IOCORE_F_QUEUE_POLL - IOCORE_QUEUE_POLL is known */
#define IOCORE_F_QUEUE_POLL	(1ULL << 3)
/** IOCORE_F_CACHE - IOCORE_HC_CACHE is known */
#define IOCORE_F_CACHE		(1ULL << 4)

/**
 * struct iocore_identify - negotiation; a VM with no disk bound answers too
 * @version:	in: newest version the guest speaks; out: the one to use
 * @features:	in: what the guest knows; out: what both know
 * @max_disks:	out: disk slots to look at
 * @max_depth:	out
 * @pad:	zero
 */
struct iocore_identify {
	__u32 version;
	__u32 pad;
	__u64 features;
	__u32 max_disks;
	__u32 max_depth;
};

/**
 * struct iocore_vcpu_notify - register this vCPU's notification page
 * @gpa:	of the page, page aligned; 0 withdraws it
 * @vector:	guest vector to raise on this vCPU, 32..255
 * @pad:	zero
 *
 * Acts on the calling vCPU.
 */
struct iocore_vcpu_notify {
	__u64 gpa;
	__u32 vector;
	__u32 pad;
};

/**
 * struct iocore_direct - let this vCPU take its notifications without an exit
 * @gpa:	a page of the guest's RAM, page aligned, that the guest does not
 *		use for anything else: as long as direct mode is set up, reads
 *		of it see the host's shadow IDT and writes have no effect; 0 ends
 *		direct mode and uncovers the page
 * @gva:	linear address at which @gpa is mapped in every address space that
 *		the vCPU uses
 *
 * Acts on the calling vCPU, which has registered its notification page: its
 * vector is the one delivered. The host copies gates 0..31 and that vector's
 * gate from the vCPU's IDT now. While the vCPU's IDTR differs from what it is
 * now, or its local APIC is not in x2APIC mode, notifications are injected. The
 * host may end direct mode at any time; then they are injected too, and the
 * guest need not know.
 *
 * A notification may come more often than it was raised. The guest ends it
 * with an EOI to its x2APIC.
 *
 * -EPERM: this VM may not, or may no longer; -EOPNOTSUPP: this host or VM can't;
 * -ENOENT: no notification page; -EFAULT: @gpa is not RAM, or the IDT can't be
 * read; -EBUSY: @gpa is another vCPU's; -EINVAL: @gva does not map @gpa, the vCPU is
 * not in 64-bit mode, or its IDT is unusable.
 */
struct iocore_direct {
	__u64 gpa;
	__u64 gva;
};

#define IOCORE_DISK_READONLY	(1U << 0)
/** IOCORE_DISK_FLUSH - the disk has a volatile cache: FLUSH has a meaning */
#define IOCORE_DISK_FLUSH	(1U << 1)
/**
 * IOCORE_DISK_POLL - the host raises no notification for this disk's requests:
 * the guest looks at its completion queues by itself. Only for a guest with
 * IOCORE_F_POLL; for others the host notifies.
 */
#define IOCORE_DISK_POLL	(1U << 2)
/** IOCORE_DISK_FUA - IOCORE_SQE_FUA is known */
#define IOCORE_DISK_FUA		(1U << 3)
/** IOCORE_DISK_UNMAP - IOCORE_SQE_UNMAP has an effect */
#define IOCORE_DISK_UNMAP	(1U << 4)
/** IOCORE_DISK_CACHE - IOCORE_HC_CACHE can switch the write cache */
#define IOCORE_DISK_CACHE	(1U << 5)

#define IOCORE_SERIAL_LEN	32

/**
 * struct iocore_disk_info - what is in a slot
 * @slot:		in
 * @flags:		out: IOCORE_DISK_*
 * @epoch:		out: differs for each attachment; quoted at queue creation
 * @capacity:		out: in sectors of 512 bytes
 * @logical_block:	out: bytes
 * @physical_block:	out: bytes
 * @io_opt:		out: bytes, 0 if unknown
 * @dma_align:		out: mask for segment addresses and lengths
 * @max_bytes:		out: longest request in bytes
 * @max_segs:		out
 * @max_queues:		out
 * @max_depth:		out
 * @serial:		out: zero padded, need not end in zero
 * @max_discard:	out: bytes of the longest DISCARD, 0: not supported
 * @discard_granularity: out: bytes, 0 if unknown
 * @max_write_zeroes:	out: bytes of the longest WRITE_ZEROES, 0: not supported
 * @io_min:		out: bytes, 0 if unknown
 * @replay_timeout:	out: seconds to wait for the disk when it has left; 0: it
 *			does not come back
 * @align_offset:	out: bytes from the start of the disk to the start of a
 *			physical block, less than @physical_block; 0 also from a host
 *			that does not know this field
 *
 * -ENOENT: the slot is empty, which promises that the host no longer touches
 * any memory that was given for it; -EAGAIN: likewise, and the disk will come
 * back; -EBUSY: the disk is being detached; -ESTALE: no IOCORE_HC_IDENTIFY yet.
 * -EAGAIN and -ESTALE come only to a guest with IOCORE_F_REPLAY or to one that
 * has not identified itself.
 */
struct iocore_disk_info {
	__u32 slot;
	__u32 flags;
	__u64 epoch;
	__u64 capacity;
	__u32 logical_block;
	__u32 physical_block;
	__u32 io_opt;
	__u32 dma_align;
	__u32 max_bytes;
	__u32 max_segs;
	__u32 max_queues;
	__u32 max_depth;
	__u8  serial[IOCORE_SERIAL_LEN];
	__u32 max_discard;
	__u32 discard_granularity;
	__u32 max_write_zeroes;
	__u32 io_min;
	__u32 replay_timeout;
	__u32 align_offset;
};

/** IOCORE_DISK_INFO_SIZE_0 - ends after @serial */
#define IOCORE_DISK_INFO_SIZE_0	88

/**
 * struct iocore_queue_create - give the host a queue
 * @slot:	disk
 * @queue:	number, < max_queues
 * @epoch:	from struct iocore_disk_info
 * @gpa:	of the area drawn at the head of this file, page aligned; the
 *		guest has zeroed the header
 * @depth:	entries of SQ and of CQ: a power of two in
 *		IOCORE_MIN_DEPTH..max_depth
 * @vcpu:	KVM vCPU id to notify; it has registered its page
 * @notify_bit:	bit of that page's pending bitmap
 * @flags:	IOCORE_QUEUE_*
 */
struct iocore_queue_create {
	__u32 slot;
	__u32 queue;
	__u64 epoch;
	__u64 gpa;
	__u32 depth;
	__u32 vcpu;
	__u32 notify_bit;
	__u32 flags;
};

/**
 * IOCORE_QUEUE_POLL - the guest looks at this queue's completions by itself: the
 * host never notifies; @vcpu and @notify_bit are zero
 */
#define IOCORE_QUEUE_POLL	(1U << 0)

/**
 * struct iocore_cache - switch a disk's write cache
 * @slot:	disk
 * @flags:	IOCORE_DISK_FLUSH: write back; 0: write through, that is, a
 *		WRITE is durable when its CQE is visible
 * @epoch:	from struct iocore_disk_info
 *
 * Holds for requests submitted after the call, as long as the disk is attached.
 * When it switches to write through, it makes durable what was completed before.
 * -EOPNOTSUPP: without IOCORE_DISK_CACHE, or the disk has no cache to write back
 * from; -EIO: the flush failed, and nothing was switched.
 */
struct iocore_cache {
	__u32 slot;
	__u32 flags;
	__u64 epoch;
};

#endif /* _UAPI_LINUX_IOCORE_RING_H */
