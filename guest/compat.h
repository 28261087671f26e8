/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Other kernels than the newest
 *
 * The driver is written for the newest kernel. What an older one lacks is here,
 * under the newest name, and nowhere else is a kernel's version asked for.
 * Documentation/portability.md says which kernels are built and booted.
 *
 * Where a macro tells, it is asked instead of the version, as the stable kernels
 * take over whole interfaces.
 */
#ifndef _IOCORE_GUEST_COMPAT_H
#define _IOCORE_GUEST_COMPAT_H

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/bvec.h>
#include <linux/io.h>
#include <linux/sched/mm.h>
#include <linux/syscore_ops.h>
#include <linux/version.h>
#include <linux/workqueue.h>
#include <asm/cpufeature.h>

/* ---- blk-mq ---- */

/* The last with this flag is 6.13; after that it is always so. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
#define BLK_MQ_F_SHOULD_MERGE	0
#endif

/* A freeze that another task may end; before 6.12 that is any. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#define blk_freeze_queue_start_non_owner	blk_freeze_queue_start

static inline void blk_mq_unfreeze_queue_non_owner(struct request_queue *q)
{
	blk_mq_unfreeze_queue(q);
}
#endif

/*
 * DEFINE_QUEUE_RQS() - make @name, the queue_rqs() of blk_mq_ops, of @fn, which
 * takes a struct rq_list in the order of submission and leaves in it the requests
 * that can't go.
 */
#ifdef rq_list_add	/* the bare pointers and macros before struct rq_list */

#undef rq_list_add
#undef rq_list_add_tail
#undef rq_list_pop
#undef rq_list_empty

struct rq_list {
	struct request *head;
	struct request *tail;
};

static inline bool rq_list_empty(const struct rq_list *rl)
{
	return !rl->head;
}

static inline void rq_list_add_tail(struct rq_list *rl, struct request *rq)
{
	rq->rq_next = NULL;
	if (rl->tail)
		rl->tail->rq_next = rq;
	else
		rl->head = rq;
	rl->tail = rq;
}

static inline struct request *rq_list_pop(struct rq_list *rl)
{
	struct request *rq = rl->head;

	if (!rq)
		return NULL;
	rl->head = rq->rq_next;
	if (!rl->head)
		rl->tail = NULL;
	rq->rq_next = NULL;
	return rq;
}

/* The block layer's list, the last request first, and back. */
static inline void compat_queue_rqs(struct request **rqs, void (*fn)(struct rq_list *))
{
	struct rq_list list = { .tail = *rqs };
	struct request *rq, *next;

	for (rq = *rqs; rq; rq = next) {
		next = rq->rq_next;
		rq->rq_next = list.head;
		list.head = rq;
	}
	fn(&list);
	*rqs = NULL;
	while ((rq = rq_list_pop(&list))) {
		rq->rq_next = *rqs;
		*rqs = rq;
	}
}

#define DEFINE_QUEUE_RQS(name, fn)			\
static void name(struct request **rqs)			\
{							\
	compat_queue_rqs(rqs, fn);			\
}

#else

#define DEFINE_QUEUE_RQS(name, fn)			\
static void name(struct rq_list *rqs)			\
{							\
	fn(rqs);					\
}

#endif /* rq_list_add */

/* Since 6.14 a freeze begins a scope without I/O by itself. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)

static inline unsigned int compat_freeze_queue(struct request_queue *q)
{
	unsigned int memflags = memalloc_noio_save();

	blk_mq_freeze_queue(q);
	return memflags;
}

static inline void compat_unfreeze_queue(struct request_queue *q, unsigned int memflags)
{
	blk_mq_unfreeze_queue(q);
	memalloc_noio_restore(memflags);
}

#define blk_mq_freeze_queue	compat_freeze_queue
#define blk_mq_unfreeze_queue	compat_unfreeze_queue

#endif

/* ---- how a request ends ---- */

#ifndef BLK_STS_RESV_CONFLICT
#define BLK_STS_RESV_CONFLICT	BLK_STS_NEXUS
#endif
#ifndef BLK_STS_INVAL
#define BLK_STS_INVAL		BLK_STS_IOERR
#endif

/* ---- limits of a queue, which were functions up to 6.10 ---- */

#ifndef BLK_FEAT_WRITE_CACHE

#define BLK_FEAT_WRITE_CACHE	BIT(0)
#define BLK_FEAT_FUA		BIT(1)

/* Those of the newest struct queue_limits that the driver sets. */
struct compat_queue_limits {
	unsigned int features;
	unsigned int logical_block_size;
	unsigned int physical_block_size;
	unsigned int io_min;
	unsigned int io_opt;
	unsigned int alignment_offset;
	unsigned int max_hw_sectors;
	unsigned int max_segments;
	unsigned int max_segment_size;
	unsigned int max_hw_discard_sectors;
	unsigned int max_discard_segments;
	unsigned int max_write_zeroes_sectors;
	unsigned int discard_granularity;
	unsigned int discard_alignment;
	unsigned int dma_alignment;
};

static inline void compat_limits_apply(struct request_queue *q,
				       const struct compat_queue_limits *lim)
{
	blk_queue_logical_block_size(q, lim->logical_block_size);
	blk_queue_physical_block_size(q, lim->physical_block_size);
	if (lim->io_min)
		blk_queue_io_min(q, lim->io_min);
	if (lim->io_opt)
		blk_queue_io_opt(q, lim->io_opt);
	q->limits.alignment_offset = lim->alignment_offset;
	blk_queue_max_hw_sectors(q, lim->max_hw_sectors);
	blk_queue_max_segments(q, lim->max_segments);
	blk_queue_max_segment_size(q, lim->max_segment_size);
	blk_queue_dma_alignment(q, lim->dma_alignment);
	q->limits.discard_granularity = lim->discard_granularity;
	q->limits.discard_alignment = lim->discard_alignment;
	blk_queue_max_discard_sectors(q, lim->max_hw_discard_sectors);
	if (lim->max_discard_segments)
		blk_queue_max_discard_segments(q, lim->max_discard_segments);
	blk_queue_max_write_zeroes_sectors(q, lim->max_write_zeroes_sectors);
	blk_queue_write_cache(q, lim->features & BLK_FEAT_WRITE_CACHE,
			      lim->features & BLK_FEAT_FUA);
	/* what is not said to rotate does not */
	blk_queue_flag_set(QUEUE_FLAG_NONROT, q);
}

static inline struct gendisk *compat_alloc_disk(struct blk_mq_tag_set *set,
						const struct compat_queue_limits *lim,
						void *queuedata, struct lock_class_key *key)
{
	struct gendisk *gd = __blk_mq_alloc_disk(set, queuedata, key);

	if (!IS_ERR(gd))
		compat_limits_apply(gd->queue, lim);
	return gd;
}

#define queue_limits	compat_queue_limits

#undef blk_mq_alloc_disk
#define blk_mq_alloc_disk(set, lim, queuedata)			\
({								\
	static struct lock_class_key __key;			\
								\
	compat_alloc_disk(set, lim, queuedata, &__key);		\
})

static inline phys_addr_t bvec_phys(const struct bio_vec *bvec)
{
	return page_to_phys(bvec->bv_page) + bvec->bv_offset;
}

#endif /* BLK_FEAT_WRITE_CACHE */

/* ---- work queues ---- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#define system_percpu_wq	system_wq
#endif

/* ---- shutdown: callbacks with a context since 6.19 ---- */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)

struct compat_syscore_ops {
	void (*shutdown)(void *data);
};

struct syscore {
	const struct compat_syscore_ops *ops;
	void *data;
};

/* One a file that registers any. */
static struct syscore *compat_syscore __maybe_unused;

static inline void compat_syscore_shutdown(void)
{
	compat_syscore->ops->shutdown(compat_syscore->data);
}

static struct syscore_ops compat_syscore_old __maybe_unused = {
	.shutdown = compat_syscore_shutdown,
};

static inline void register_syscore(struct syscore *syscore)
{
	compat_syscore = syscore;
	register_syscore_ops(&compat_syscore_old);
}

static inline void unregister_syscore(struct syscore *syscore)
{
	unregister_syscore_ops(&compat_syscore_old);
}

#define syscore_ops	compat_syscore_ops

#endif

/* ---- the CPU ---- */

/* Are events delivered by FRED? A kernel that does not know it does not use it. */
static inline bool cpu_uses_fred(void)
{
#ifdef X86_FEATURE_FRED
	return cpu_feature_enabled(X86_FEATURE_FRED);
#else
	return false;
#endif
}

#endif /* _IOCORE_GUEST_COMPAT_H */
