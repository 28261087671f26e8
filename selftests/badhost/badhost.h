/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * badhost.h - a host that a guest should not trust
 *
 * iocore_badhost.ko stands where iocore.ko stands and serves one VM. Its disks
 * read as zeroes and forget what is written. A scenario says what it does wrong:
 * with which calls, and with which slots.
 *
 * All of it runs in the vCPU that calls, under one lock: a ring is served by the
 * kick, which every submission needs.
 */
#ifndef _BADHOST_H
#define _BADHOST_H

#include <linux/iocore_ring.h>
#include <linux/kvm_host.h>

#define BADHOST_CALLS	(IOCORE_HC_CACHE + 1)
#define BADHOST_SLOTS	24
#define BADHOST_QUEUES	8
#define BADHOST_VCPUS	8
#define BADHOST_FIELDS	3
#define BADHOST_SECTORS	512

/* What a ring does wrong with a request. */
enum badhost_fault {
	BADHOST_NONE,
	BADHOST_CQ_TAIL,	/* cq_tail runs away */
	BADHOST_SQ_HEAD,	/* sq_head runs away */
	BADHOST_BROKEN,		/* the ring is stopped */
	BADHOST_TAG_WILD,	/* a CQE of a tag that no queue has comes first */
	BADHOST_TAG_IDLE,	/* ... of one that is not in flight */
	BADHOST_TWICE,		/* the CQE comes twice */
	BADHOST_STATUS,		/* a status that nobody knows */
	BADHOST_AGAIN,		/* "no memory", a few times */
	BADHOST_GONE,		/* "detached", a few times, and it is not */
	BADHOST_PENDING,	/* all pending bits and all events are set */
};

/**
 * struct badhost_field - a field of struct iocore_disk_info that is not what it should be
 * @set:	there is one
 * @offset:	of the field
 * @value:	the wrong value; of the serial number, each byte of it
 */
struct badhost_field {
	bool set;
	u16 offset;
	u64 value;
};

/**
 * struct badhost_case - what is wrong with a slot
 * @name:	of the case
 * @from:	phase from which @field and @get hold
 * @get:	answer of DISK_GET
 * @create:	answer of QUEUE_CREATE
 * @create_from: phase from which it holds, as @half
 * @half:	queue 0 is made, and its ring stopped; there is no memory for the others
 * @destroy:	answer of QUEUE_DESTROY
 * @kick:	answer of KICK, which is served all the same
 * @cache:	answer of CACHE
 * @epoch_moves: each DISK_GET gives another epoch
 * @capacity_moves: or another capacity
 * @fault:	of its rings
 * @field:	what is wrong in its description
 */
struct badhost_case {
	const char *name;
	u32 from;
	long get;
	long create;
	u32 create_from;
	bool half;
	long destroy;
	long kick;
	long cache;
	bool epoch_moves;
	bool capacity_moves;
	enum badhost_fault fault;
	struct badhost_field field[BADHOST_FIELDS];
};

/**
 * struct badhost_scenario - what is wrong with the host
 * @name:	of the scenario
 * @features:	that it knows
 * @version:	that it answers, if not 0
 * @feature_bits: that it claims besides
 * @max_disks:	if not 0
 * @max_depth:	if not 0
 * @no_slots:	max_disks and max_depth are 0
 * @answer:	of each call, if not 0
 * @from:	phase from which @answer and @version hold
 * @old:	the length of a disk's description, if not today's
 * @strict:	and a longer one is refused
 * @storm:	every DISK_GET is an event
 * @slots:	the cases, one a slot; the last has no name
 */
struct badhost_scenario {
	const char *name;
	u64 features;
	u32 version;
	u64 feature_bits;
	u32 max_disks;
	u32 max_depth;
	bool no_slots;
	long answer[BADHOST_CALLS];
	u32 from;
	u32 old;
	bool strict;
	bool storm;
	const struct badhost_case *slots;
};

struct badhost_queue {
	u64 gpa;
	u32 depth;
	u32 vcpu;
	u32 bit;
	u32 flags;
	u32 sq_head;
	u32 cq_tail;
	u32 faults;
};

struct badhost_vcpu {
	struct kvm_vcpu *vcpu;
	u64 gpa;
	u8 vector;
};

/**
 * struct badhost - all there is, under its lock
 * @scenario:	chosen
 * @phase:	of it; counted up by the test
 * @event_due:	the next call finds that the disks have changed
 * @calls:	how often each was made
 * @reads:	requests served
 * @count:	of what moves
 * @vcpus:	notification pages
 * @queues:	one without depth does not exist
 */
struct badhost {
	const struct badhost_scenario *scenario;
	u32 phase;
	bool event_due;
	u64 calls[BADHOST_CALLS];
	u64 reads;
	u64 count;
	struct badhost_vcpu vcpus[BADHOST_VCPUS];
	struct badhost_queue queues[BADHOST_SLOTS][BADHOST_QUEUES];
};

extern struct badhost badhost;

/* cases.c: the last has no name */
extern const struct badhost_scenario badhost_scenarios[];

/* calls.c */
long badhost_call(struct kvm_vcpu *vcpu, u64 nr, u64 a1, u64 a2);
unsigned int badhost_slots(void);
void badhost_forget(void);

/* ring.c */
int badhost_ring_open(struct kvm *kvm, const struct badhost_queue *q);
void badhost_ring_stop(struct kvm *kvm, const struct badhost_queue *q);
void badhost_ring_serve(struct kvm *kvm, struct badhost_queue *q, enum badhost_fault fault);
void badhost_event(struct kvm *kvm, u32 events);

#endif /* _BADHOST_H */
