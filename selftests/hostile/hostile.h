/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hostile.h - a guest that breaks the protocol on purpose
 *
 * Each case does something wrong, says what the host must answer, and counts
 * how far the host's three counters of bad input must move. A case ends with
 * the disk usable: what it created, it takes away.
 */
#ifndef _HOSTILE_H
#define _HOSTILE_H

#include <linux/bits.h>
#include <linux/jiffies.h>
#include <linux/iocore_ring.h>
#include <linux/types.h>

#define HOSTILE_RESULT	256
/* For the host's answer, in jiffies. */
#define HOSTILE_WAIT	(60 * HZ)

/**
 * struct hostile - one run of one case
 * @control:	refused control calls that the host must have counted
 * @descriptor:	refused SQEs
 * @ring:	rings that the host stopped
 * @failed:	an answer was wrong; @message says which
 */
struct hostile {
	unsigned int control;
	unsigned int descriptor;
	unsigned int ring;
	bool failed;
	char message[HOSTILE_RESULT];
};

/**
 * struct hostile_case - a named way to misbehave
 * @name:	for the test's shell side
 * @run:	on CPU 0, the notification page registered, no queue
 */
struct hostile_case {
	const char *name;
	void (*run)(struct hostile *h);
};

/* control.c, descriptor.c, index.c, inflight.c: tables that end with no name */
extern const struct hostile_case hostile_control[];
extern const struct hostile_case hostile_descriptor[];
extern const struct hostile_case hostile_index[];
extern const struct hostile_case hostile_inflight[];

/* Slots that the test attaches disks to. */
#define SLOT_DISK	0	/* memory backed, fast */
#define SLOT_READONLY	1
#define SLOT_SLOW	2	/* each request takes tens of milliseconds */

extern unsigned long hostile_ram;	/* bytes of guest RAM below 4 GiB */
extern void *hostile_page;		/* scratch, page aligned */
extern void *hostile_data;		/* 1 MiB, contiguous */

/* No memslot is here, nor could one be. */
#define WILD_GPA	BIT_ULL(45)
/* The firmware's ROM, just below 4 GiB. */
#define ROM_GPA		0xfffff000ULL

__printf(2, 3) void hostile_fail(struct hostile *h, const char *fmt, ...);

/* A control call; its answer must be @want. */
void hostile_call(struct hostile *h, const char *what, u64 op, u64 a1, u64 a2,
		  u64 a3, long want);
/* The same with a structure, which is copied to the scratch page and back. */
void hostile_call_arg(struct hostile *h, const char *what, u64 op, void *arg,
		      size_t size, long want);

int hostile_notify_register(void);

/**
 * struct hostile_ring - the guest's side of one queue
 */
struct hostile_ring {
	struct iocore_ring_hdr *hdr;
	struct iocore_sqe *sq;
	struct iocore_cqe *cq;
	void *area;
	size_t bytes;
	u32 slot;
	u32 queue;
	u32 depth;
	u32 sq_tail;
	u32 cq_head;
};

size_t hostile_ring_bytes(u32 depth);
int hostile_info(struct hostile *h, u32 slot, struct iocore_disk_info *info);
bool hostile_ring_open(struct hostile *h, struct hostile_ring *r, u32 slot, u32 depth);
void hostile_ring_close(struct hostile *h, struct hostile_ring *r);
/* Without the control call: the host has dropped the queue already. */
void hostile_ring_free(struct hostile_ring *r);
void hostile_ring_push(struct hostile_ring *r, const struct iocore_sqe *sqe);
void hostile_ring_publish(struct hostile_ring *r);
/* The next CQE, or false after a few seconds or once the ring is broken. */
bool hostile_ring_next(struct hostile_ring *r, struct iocore_cqe *cqe);
bool hostile_ring_wait_broken(struct hostile_ring *r);
/* One SQE; its status must be @want, unless it is 0 the host counts it. */
void hostile_submit(struct hostile *h, struct hostile_ring *r, const char *what,
		    const struct iocore_sqe *sqe, u16 want);
/* A good request of one segment in hostile_data. */
struct iocore_sqe hostile_sqe(u8 opcode, u16 tag, u64 sector, u32 len);

#endif /* _HOSTILE_H */
