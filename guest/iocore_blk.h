/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the guest driver share
 *
 * Lifetime. A disk is made by the slot scan (slots.c) and leaves in this order:
 *
 *  1. CLOSED is set and the dispatch of blk-mq is waited for: no request enters
 *     a ring any more.
 *  2. The host has dropped the queues, or has said that the slot is gone:
 *     nothing of it touches guest memory any more.
 *  3. A last look at the completion queues; what is still in flight is failed.
 *     Whoever takes a request out of queue->rqs[] ends it, or gives it back to
 *     blk-mq, so each ends once.
 *  4. The disk is marked dead and deleted. This may wait for I/O of users, all
 *     of which ends by 1 and 3, and thus runs in the disk's own work item.
 *  5. The queues leave their vCPU's table; after a grace period no interrupt
 *     handler or poller knows them and their memory is freed.
 *
 * When the driver is unloaded, 4 comes first: I/O still works while the disk
 * is deleted, unless it waits to come back: then it is given up before.
 *
 * A disk that may come back (replay.c) is held first, instead of 1 to 3: blk-mq
 * is quiesced, the host has said that it is done with the slot's memory, and
 * what is in flight after a last look is requeued. It comes back when all its
 * queues exist under the new epoch, or goes from 1 on when it is given up. So it
 * is with all disks while this guest is suspended (pm.c).
 */
#ifndef _IOCORE_BLK_H
#define _IOCORE_BLK_H

#ifdef CONFIG_PREEMPT_RT
#error Completions are taken in hard interrupts, with locks that sleep here
#endif

#include <linux/atomic.h>
#include <linux/blk-mq.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "compat.h"
#include "hc.h"

#define IOCORE_BLK_DEPTH	256	/* enough for any backend; see limits.c */
#define IOCORE_BLK_PART_BITS	4	/* minors of a disk; more use extended ones */

/* asking a busy host for a queue, or for one back in the middle of a detach */
#define IOCORE_BLK_TRIES	100
#define IOCORE_BLK_TRY_MS	50

struct iocore_disk;

/**
 * struct iocore_notify - the notification state of one vCPU
 * @page:	shared with the host; kept until the driver is unloaded
 * @queues:	queue of each pending bit; read under RCU
 * @words:	words of the pending bitmap in use; only grows
 * @cpu:	the vCPU's number in this kernel
 * @virq:	its interrupt, 0 if none
 * @online:	the CPU is up; protected by notify_lock, as @virq is
 * @registered:	the host notifies this vCPU; else its queues are polled
 * @polling:	@poll looks at the queues of polled disks again and again
 * @poll:	looks at all queues of this vCPU
 * @name:	in /proc/interrupts
 */
struct iocore_notify {
	struct iocore_notify_page *page;
	struct xarray queues;
	unsigned int words;
	unsigned int cpu;
	unsigned int virq;
	bool online;
	bool registered;
	bool polling;
	struct delayed_work poll;
	char name[16];
};

/**
 * struct iocore_queue - one ring
 * @hdr:	shared: indices
 * @sq:		shared: submission queue
 * @cq:		shared: completion queue
 * @tables:	shared (host reads): segment table of each tag
 * @rqs:	the request in flight of each tag; taken out with xchg()
 * @bytes:	length of the shared area
 * @depth:	entries of SQ, CQ, @tables and @rqs
 * @nr:		number of the queue within the disk
 * @disk:	owner
 * @home:	vCPU that is notified; NULL: none, blk-mq's polling looks at it
 * @bit:	pending bit there
 * @created:	the host has the queue: its memory may not be freed
 * @busy_tag:	was in flight when a poller looked last; a hint
 * @sq_lock:	protects the five following
 * @sq_tail:	SQEs written
 * @sq_published: SQEs shown to the host
 * @sq_head:	SQEs that the host has read, as last seen
 * @kicks:	counter
 * @sq_stopped:	the host's indices made no sense
 * @cq_lock:	protects the five following; taken in hard interrupts
 * @cq_head:	CQEs read
 * @notifications: counter
 * @reaped:	completions that blk-mq's polling found; counter
 * @bad:	completions refused
 * @replayed:	requests that the host did not end, to be submitted again
 * @cq_stopped:	the host's indices made no sense
 */
struct iocore_queue {
	struct iocore_ring_hdr *hdr;
	struct iocore_sqe *sq;
	struct iocore_cqe *cq;
	struct iocore_seg **tables;
	struct request **rqs;
	size_t bytes;
	u32 depth;
	u32 nr;
	struct iocore_disk *disk;
	struct iocore_notify *home;
	u32 bit;
	bool created;
	u32 busy_tag;

	spinlock_t sq_lock ____cacheline_aligned_in_smp;
	u32 sq_tail;
	u32 sq_published;
	u32 sq_head;
	u64 kicks;
	bool sq_stopped;

	spinlock_t cq_lock ____cacheline_aligned_in_smp;
	u32 cq_head;
	u64 notifications;
	u64 reaped;
	u64 bad;
	u64 replayed;
	bool cq_stopped;
};

enum iocore_disk_flag {
	IOCORE_BLK_ADDED,	/* visible to users */
	IOCORE_BLK_BROKEN,	/* the ring protocol was violated */
	IOCORE_BLK_GONE,	/* the host has taken the disk away */
	IOCORE_BLK_REMOVING,	/* its remove work is under way */
	IOCORE_BLK_CLOSED,	/* requests are refused */
	IOCORE_BLK_STOPPED,	/* no request is in flight, nor will be */
	IOCORE_BLK_HELD,	/* waits to come back; blk-mq is quiesced */
	IOCORE_BLK_ORPHAN,	/* held, by a host that does not know the disk */
	IOCORE_BLK_ASLEEP,	/* held, because this guest is suspended */
};

/* A disk's write cache; see cache.c */
enum iocore_cache_state {
	IOCORE_CACHE_BACK,	/* it is volatile */
	IOCORE_CACHE_ASKING,	/* so far; the host is asked to write through, or if it does */
	IOCORE_CACHE_SETTLING,	/* it does; what was submitted before is made durable */
	IOCORE_CACHE_THROUGH,	/* there is none: flushes end here */
};

/**
 * struct iocore_disk - one attached disk
 * @gd:		its gendisk
 * @tag_set:	of the queues
 * @queues:	@nr_queues of them
 * @info:	the host's description, after checking
 * @flags:	enum iocore_disk_flag
 * @nr_queues:	hardware queues
 * @nr_poll:	the last so many of them are for polling I/O alone
 * @depth:	of each
 * @polled:	the host does not notify: look while requests are in flight
 * @cache_state: enum iocore_cache_state
 * @cache_lock:	serialises its changes, but for replay
 * @cache:	follows the host's word about the cache; waits for I/O
 * @resize:	tells users of a new capacity; may wait for I/O
 * @left:	when it left, in jiffies, if it is held
 * @add:	makes the disk visible; may wait for I/O
 * @remove:	deletes and frees it; may wait for users
 * @serial:	printable, terminated
 */
struct iocore_disk {
	struct gendisk *gd;
	struct blk_mq_tag_set tag_set;
	struct iocore_queue **queues;
	struct iocore_disk_info info;
	unsigned long flags;
	u32 nr_queues;
	u32 nr_poll;
	u32 depth;
	bool polled;
	u32 cache_state;
	struct mutex cache_lock;	/* see above */
	struct work_struct cache;
	struct work_struct resize;
	unsigned long left;
	struct work_struct add;
	struct work_struct remove;
	char serial[IOCORE_SERIAL_LEN + 1];
};

/* per request, behind struct request */
struct iocore_req {
	blk_status_t status;	/* BLK_STS_AGAIN: to be sent again */
};

/* main.c */
extern struct workqueue_struct *iocore_wq;	/* nothing there waits for I/O */
extern struct workqueue_struct *iocore_disk_wq;
extern int iocore_major;
extern u64 iocore_features;

int iocore_identify(struct iocore_identify *id, const char **why);
bool iocore_may_say(void);

/* notify.c */
int iocore_notify_init(void);
void iocore_notify_exit(void);
int iocore_notify_renew(void);
int iocore_notify_bind(struct iocore_queue *q, const unsigned int *map);
void iocore_notify_unbind(struct iocore_queue *q);
void iocore_notify_poll(struct iocore_notify *n, unsigned long delay);

/* direct.c */
void iocore_direct_init(void);
void iocore_direct_exit(bool reset);
void iocore_direct_online(unsigned int cpu);
void iocore_direct_offline(unsigned int cpu);
void iocore_direct_retry(void);
void iocore_direct_forget(void);
void iocore_direct_renew(void);
bool iocore_direct_active(unsigned int cpu);

/* queue.c */
struct iocore_queue *iocore_queue_alloc(struct iocore_disk *disk, u32 nr);
void iocore_queue_free(struct iocore_queue *q);
int iocore_queue_create(struct iocore_queue *q, u32 vcpu);
int iocore_queue_destroy(struct iocore_queue *q);
void iocore_queue_forget(struct iocore_queue *q);
blk_status_t iocore_queue_submit(struct iocore_queue *q, struct request *rq, bool last);
void iocore_queue_submit_list(struct iocore_queue *q, struct rq_list *list,
			      struct rq_list *left);
void iocore_queue_commit(struct iocore_queue *q);
int iocore_queue_poll(struct iocore_queue *q);
int iocore_queue_reap(struct iocore_queue *q, struct io_comp_batch *iob);
void iocore_queue_notified(struct iocore_queue *q);
bool iocore_queue_ready(const struct iocore_queue *q);
bool iocore_queue_busy(struct iocore_queue *q);
void iocore_queue_cancel(struct iocore_queue *q);
void iocore_queue_requeue(struct iocore_queue *q);
void iocore_queue_restart(struct iocore_queue *q);

/* limits.c */
int iocore_limits_check(struct iocore_disk *disk, u32 max_depth);
bool iocore_limits_polled(u32 flags);
void iocore_limits_fill(const struct iocore_disk *disk, struct queue_limits *lim);

/* cache.c */
void iocore_cache_init(struct iocore_disk *disk);
int iocore_cache_set(struct iocore_disk *disk, bool through);
void iocore_cache_changed(struct iocore_disk *disk, u32 flags);
int iocore_cache_replay(struct iocore_disk *disk, const struct iocore_disk_info *info);

/* disk.c */
struct iocore_disk *iocore_disk_create(const struct iocore_disk_info *info, u32 max_depth);
void iocore_disk_free(struct iocore_disk *disk);
void iocore_disk_forget(struct iocore_disk *disk);
int iocore_disk_stop(struct iocore_disk *disk);
int iocore_disk_bind(struct iocore_disk *disk);
void iocore_disk_broken(struct iocore_disk *disk, const char *why);
void iocore_disk_end_request(struct request *rq);

static inline bool iocore_disk_closed(const struct iocore_disk *disk)
{
	return test_bit(IOCORE_BLK_CLOSED, &disk->flags);
}

/* May the disk come back? */
static inline bool iocore_disk_replayed(const struct iocore_disk *disk)
{
	return (disk->info.replay_timeout || test_bit(IOCORE_BLK_ASLEEP, &disk->flags)) &&
	       !iocore_disk_closed(disk) && !test_bit(IOCORE_BLK_BROKEN, &disk->flags);
}

static inline bool iocore_disk_held(const struct iocore_disk *disk)
{
	return test_bit(IOCORE_BLK_HELD, &disk->flags);
}

/* Does nobody but us look at @q? A broken ring is not worth a look. */
static inline bool iocore_queue_polled(const struct iocore_queue *q)
{
	return READ_ONCE(q->disk->polled) && !test_bit(IOCORE_BLK_BROKEN, &q->disk->flags);
}

static inline bool iocore_cache_through(const struct iocore_disk *disk)
{
	return READ_ONCE(disk->cache_state) == IOCORE_CACHE_THROUGH;
}

/* A disk that has left refuses its flushes as it does everything. */
static inline bool iocore_cache_ends_flush(const struct iocore_disk *disk)
{
	return iocore_cache_through(disk) && !iocore_disk_closed(disk);
}

/* May the guest switch this disk's write cache? */
static inline bool iocore_cache_switchable(const struct iocore_disk *disk)
{
	return iocore_features & IOCORE_F_CACHE && disk->info.flags & IOCORE_DISK_CACHE;
}

/* slots.c */
void iocore_slots_init(const struct iocore_identify *id);
void iocore_slots_start(void);
void iocore_slots_stop(void);
void iocore_slots_exit(void);
void iocore_slots_kick(void);
void iocore_slots_not_added(struct iocore_disk *disk, int ret);
int iocore_slots_sleep(void);
void iocore_slots_shutdown(void);
void iocore_slots_wake(void);
void iocore_slots_remove_work(struct work_struct *work);

/* replay.c */
void iocore_replay_hold(struct iocore_disk *disk);
u32 iocore_replay_timeout(const struct iocore_disk_info *info);
bool iocore_replay_expired(const struct iocore_disk *disk);
const char *iocore_replay_differs(const struct iocore_disk *disk,
				  const struct iocore_disk_info *info, u32 max_depth);
int iocore_replay_return(struct iocore_disk *disk, const struct iocore_disk_info *info);

/* pm.c */
int iocore_pm_init(void);
void iocore_pm_exit(void);

/* stats.c */
extern const struct attribute_group *iocore_disk_groups[];

#endif /* _IOCORE_BLK_H */
