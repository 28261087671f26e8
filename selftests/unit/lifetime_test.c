// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues that come and go under a running IOCore, in user space with liburcu
 *
 * IOCore walks its queues in a read-side section. Destroying a queue is:
 *
 *	1. unlink it: no new turn finds it
 *	2. synchronize_rcu(): no turn that found it earlier still runs, so no
 *	   request is taken any more
 *	3. wait until what was taken has completed: its CQEs need the ring
 *	4. unmap the ring, free the queue
 *
 * The area is unmapped in the end, and the queue poisoned by the allocator, so
 * whoever comes late dies of it. Before that the area must stay as it is.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#define _LGPL_SOURCE
#include <urcu.h>
#include <urcu/rculist.h>

#include "guest.h"
#include "tap.h"

#define DEPTH	32
#define VMS	2
#define BATCH	4

struct queue {
	struct cds_list_head node;
	struct iocore_ring ring;
	struct guest_ring guest;
	pthread_mutex_t cq_lock;
	unsigned long in_flight;	/* taken and not completed, and a turn */
	void *area;
};

struct work {
	struct work *next;
	struct queue *queue;
	u16 tag;
};

static CDS_LIST_HEAD(queues);
static pthread_mutex_t queues_lock = PTHREAD_MUTEX_INITIALIZER;
static struct work *work_head;
static pthread_mutex_t work_lock = PTHREAD_MUTEX_INITIALIZER;
static bool stop;
static unsigned long served, destroyed_busy, rounds, failures;

static void core_take(struct queue *q)
{
	struct work *work = malloc(sizeof(*work));
	struct iocore_sqe sqe;

	iocore_ring_sq_copy(&q->ring, &sqe);
	__atomic_add_fetch(&q->in_flight, 1, __ATOMIC_RELAXED);
	*work = (struct work){ .queue = q, .tag = sqe.tag };
	pthread_mutex_lock(&work_lock);
	work->next = work_head;
	work_head = work;
	pthread_mutex_unlock(&work_lock);
}

static void *core_thread(void *arg)
{
	struct queue *q;
	int i, n;

	(void)arg;
	rcu_register_thread();
	while (!READ_ONCE(stop)) {
		rcu_read_lock();
		cds_list_for_each_entry_rcu(q, &queues, node) {
			n = iocore_ring_sq_peek(&q->ring);
			/* Give whoever destroys the queue its chance. */
			sched_yield();
			for (i = 0; i < n && i < BATCH; i++)
				core_take(q);
			if (n > 0)
				iocore_ring_sq_release(&q->ring);
		}
		rcu_read_unlock();
		sched_yield();
	}
	rcu_unregister_thread();
	return NULL;
}

static void *disk_thread(void *arg)
{
	struct work *work;
	struct queue *q;

	(void)arg;
	while (!READ_ONCE(stop)) {
		pthread_mutex_lock(&work_lock);
		work = work_head;
		if (work)
			work_head = work->next;
		pthread_mutex_unlock(&work_lock);
		if (!work) {
			sched_yield();
			continue;
		}
		q = work->queue;
		pthread_mutex_lock(&q->cq_lock);
		iocore_ring_cq_post(&q->ring, work->tag, 0);
		pthread_mutex_unlock(&q->cq_lock);
		free(work);
		__atomic_add_fetch(&served, 1, __ATOMIC_RELAXED);
		/* The last access to the queue. */
		__atomic_sub_fetch(&q->in_flight, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static struct queue *queue_create(void)
{
	size_t bytes = iocore_ring_bytes(DEPTH);
	struct queue *q = calloc(1, sizeof(*q));

	if (!q)
		abort();
	q->area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (q->area == MAP_FAILED)
		abort();
	pthread_mutex_init(&q->cq_lock, NULL);
	guest_start_at(&q->guest, &q->ring, q->area, DEPTH, 0xfffffff0);
	pthread_mutex_lock(&queues_lock);
	cds_list_add_rcu(&q->node, &queues);
	pthread_mutex_unlock(&queues_lock);
	return q;
}

static void queue_destroy(struct queue *q)
{
	size_t bytes = iocore_ring_bytes(DEPTH);
	void *before = malloc(bytes);

	pthread_mutex_lock(&queues_lock);
	cds_list_del_rcu(&q->node);
	pthread_mutex_unlock(&queues_lock);
#ifndef BREAK_GRACE
	synchronize_rcu();
#endif
	if (__atomic_load_n(&q->in_flight, __ATOMIC_ACQUIRE))
		__atomic_add_fetch(&destroyed_busy, 1, __ATOMIC_RELAXED);
	while (__atomic_load_n(&q->in_flight, __ATOMIC_ACQUIRE))
		sched_yield();

	/* From here on the guest's memory is its own. */
	memcpy(before, q->area, bytes);
	sched_yield();
	if (memcmp(before, q->area, bytes))
		__atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
	free(before);
	munmap(q->area, bytes);
	pthread_mutex_destroy(&q->cq_lock);
	free(q);
}

static void submit_some(struct queue *q, u32 n)
{
	struct iocore_sqe *sqe;

	while (n--) {
		sqe = guest_sq_reserve(&q->guest);
		if (!sqe)
			break;
		*sqe = (struct iocore_sqe){ .opcode = IOCORE_OP_FLUSH };
	}
	guest_sq_publish(&q->guest);
}

static void reap(struct queue *q)
{
	struct iocore_cqe cqe;

	while (guest_cq_pop(&q->guest, &cqe) > 0)
		;
	guest_cq_release(&q->guest);
}

static void *vm_thread(void *arg)
{
	unsigned long long rng = 11 + (uintptr_t)arg;
	struct queue *q;
	unsigned long i;
	u32 turns;

	rcu_register_thread();
	for (i = 0; i < rounds; i++) {
		q = queue_create();
		for (turns = tap_random(&rng) % 8; turns; turns--) {
			submit_some(q, 1 + tap_random(&rng) % DEPTH);
			if (tap_random(&rng) & 1)
				sched_yield();
			reap(q);
		}
		if (q->guest.broken || iocore_ring_is_broken(&q->ring))
			__atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED);
		queue_destroy(q);
	}
	rcu_unregister_thread();
	return NULL;
}

int main(void)
{
	pthread_t core, disk, vm[VMS];
	uintptr_t i;

	tap_begin();
	rounds = tap_env("LIFETIME_ROUNDS", 3000);
	if (pthread_create(&core, NULL, core_thread, NULL) ||
	    pthread_create(&disk, NULL, disk_thread, NULL))
		abort();
	for (i = 0; i < VMS; i++)
		if (pthread_create(&vm[i], NULL, vm_thread, (void *)i))
			abort();
	for (i = 0; i < VMS; i++)
		pthread_join(vm[i], NULL);
	WRITE_ONCE(stop, true);
	pthread_join(core, NULL);
	pthread_join(disk, NULL);

	tap_note("%lu requests served, %lu queues destroyed with requests in flight",
		 served, destroyed_busy);
	tap_ok(!failures, "%lu queues: nothing is touched after destruction", VMS * rounds);
	tap_ok(cds_list_empty(&queues) && !work_head, "nothing is left behind");
	tap_ok(served && destroyed_busy, "queues were destroyed while in use");
	return tap_end();
}
