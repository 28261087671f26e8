// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest and a host on one ring, each of them with two threads
 *
 *	submitter --SQ--> IOCore --list--> disk --CQ--> handler
 *
 * IOCore sleeps until it is kicked, the handler until it is notified. Each
 * request carries its sequence number; the disk fills the request's buffer with
 * it and completes out of order. The handler finds every request in flight
 * exactly once, its data complete. Buffers are plain memory: ThreadSanitizer
 * judges the ring's ordering by them. A wake-up that got lost ends the test.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../../host/ring/sqe.h"
#include "guest.h"
#include "tap.h"

#define WORDS		64	/* of a 512-byte buffer */
#define BATCH		8	/* SQEs that IOCore takes per turn */
#define SPINS		20	/* empty turns before IOCore sleeps */
#define LOST_MS		20000

struct world {
	struct iocore_ring ring;
	struct guest_ring guest;
	struct iocore_limits limits;
	u64 total;

	/* guest */
	u64 (*buffers)[WORDS];
	u64 *expect;		/* sequence number by tag */
	u8 *in_flight;		/* by tag */
	u64 submitted, completed, kicks;

	/* IOCore to disk: tags in the order taken; a lock, so no test of ours */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct iocore_sqe *todo;
	u32 nr_todo;
	bool stop;
	u64 sleeps, notes;

	int kick_fd, note_fd;
	bool lost, failed;
};

static u64 all_sleeps, all_kicks, all_notes;

static void ring_bell(int fd)
{
	u64 one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

/* False: nobody rang for so long that somebody forgot to. */
static bool wait_bell(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	u64 count;

	return poll(&p, 1, LOST_MS) == 1 && read(fd, &count, sizeof(count)) == sizeof(count);
}

static bool over(struct world *w)
{
	return READ_ONCE(w->failed) || READ_ONCE(w->lost);
}

static void fail(struct world *w, const char *what)
{
	tap_expect(false, "%s", what);
	WRITE_ONCE(w->failed, true);
	WRITE_ONCE(w->stop, true);
	ring_bell(w->kick_fd);
	ring_bell(w->note_fd);
}

/* ---- host ---- */

static void core_take(struct world *w)
{
	struct iocore_sqe sqe;

	iocore_ring_sq_copy(&w->ring, &sqe);
	if (iocore_sqe_validate(&sqe, &w->limits) ||
	    iocore_segs_validate(sqe.seg, sqe.nr_segs, sqe.len, &w->limits)) {
		fail(w, "a good request was refused");
		return;
	}
	pthread_mutex_lock(&w->lock);
	w->todo[w->nr_todo++] = sqe;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

static int core_poll(struct world *w)
{
	int i, n = iocore_ring_sq_peek(&w->ring);

	if (n < 0) {
		fail(w, "the ring broke");
		return 0;
	}
	n = n < BATCH ? n : BATCH;
	for (i = 0; i < n; i++)
		core_take(w);
	if (n)
		iocore_ring_sq_release(&w->ring);
	return n;
}

static void core_sleep(struct world *w)
{
	iocore_ring_set_need_kick(&w->ring);
	smp_mb();	/* (L), pairs with (K) */
	if (!iocore_ring_sq_pending(&w->ring) && !READ_ONCE(w->stop)) {
		w->sleeps++;
		if (!wait_bell(w->kick_fd) && iocore_ring_sq_pending(&w->ring)) {
			fail(w, "IOCore slept through a request");
			WRITE_ONCE(w->lost, true);
		}
	}
	iocore_ring_clear_need_kick(&w->ring);
}

static void *core_thread(void *arg)
{
	struct world *w = arg;
	u32 idle = 0;

	while (!READ_ONCE(w->stop)) {
		if (core_poll(w)) {
			idle = 0;
		} else if (++idle > SPINS) {
			core_sleep(w);
			idle = 0;
		} else {
			sched_yield();
		}
	}
	return NULL;
}

static void disk_complete(struct world *w, const struct iocore_sqe *sqe)
{
	u64 *data = (u64 *)(uintptr_t)sqe->seg[0].gpa;
	u32 i, old;

	for (i = 0; i < WORDS; i++)
		data[i] = sqe->sector;
	old = iocore_ring_cq_tail(&w->ring);
	iocore_ring_cq_post(&w->ring, sqe->tag, IOCORE_S_OK);
	if (iocore_ring_cq_must_notify(&w->ring, old)) {
		w->notes++;
		ring_bell(w->note_fd);
	}
}

static void *disk_thread(void *arg)
{
	unsigned long long rng = 7;
	struct world *w = arg;
	struct iocore_sqe sqe;
	u32 pick;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		while (!w->nr_todo && !READ_ONCE(w->stop))
			pthread_cond_wait(&w->cond, &w->lock);
		if (!w->nr_todo)
			break;
		pick = tap_random(&rng) % w->nr_todo;
		sqe = w->todo[pick];
		w->todo[pick] = w->todo[--w->nr_todo];
		pthread_mutex_unlock(&w->lock);
		disk_complete(w, &sqe);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* ---- guest ---- */

static int free_tag(struct world *w)
{
	u32 tag;

	for (tag = 0; tag < w->guest.depth; tag++)
		if (!__atomic_load_n(&w->in_flight[tag], __ATOMIC_ACQUIRE))
			return tag;
	return -1;
}

static bool submit_one(struct world *w)
{
	__shared struct iocore_sqe *sqe;
	int tag = free_tag(w);

	if (tag < 0)
		return false;
	sqe = guest_sq_reserve(&w->guest);
	if (!sqe)
		return false;
	w->expect[tag] = w->submitted;
	__atomic_store_n(&w->in_flight[tag], 1, __ATOMIC_RELEASE);
	*sqe = (struct iocore_sqe){
		.opcode = IOCORE_OP_READ, .tag = tag, .nr_segs = 1, .len = 512,
		.sector = w->submitted++,
		.seg = { { .gpa = (uintptr_t)w->buffers[tag], .len = 512 } },
	};
	return true;
}

static void *submit_thread(void *arg)
{
	unsigned long long rng = 3;
	struct world *w = arg;
	u32 burst;

	while (w->submitted < w->total && !over(w)) {
		burst = 1 + tap_random(&rng) % w->guest.depth;
		while (burst-- && w->submitted < w->total && submit_one(w))
			;
		if (guest_sq_publish(&w->guest)) {
			w->kicks++;
			ring_bell(w->kick_fd);
		}
		if (w->guest.broken)
			fail(w, "the host's sq_head is wild");
		/* Mostly full speed; sometimes long enough for both to sleep. */
		if (tap_random(&rng) % 64 == 0)
			usleep(tap_random(&rng) % 100);
		else
			sched_yield();
	}
	return NULL;
}

static void handle_one(struct world *w, const struct iocore_cqe *cqe)
{
	u32 i;

	if (cqe->tag >= w->guest.depth || cqe->status) {
		fail(w, "a wild completion");
		return;
	}
	if (!__atomic_load_n(&w->in_flight[cqe->tag], __ATOMIC_ACQUIRE)) {
		fail(w, "a request completed twice");
		return;
	}
	for (i = 0; i < WORDS; i++)
		if (w->buffers[cqe->tag][i] != w->expect[cqe->tag]) {
			fail(w, "a completion ran ahead of its data");
			return;
		}
	w->completed++;
	__atomic_store_n(&w->in_flight[cqe->tag], 0, __ATOMIC_RELEASE);
}

static void handle_all(struct world *w)
{
	struct iocore_cqe cqe;
	int ret;

	while (!over(w) && (ret = guest_cq_pop(&w->guest, &cqe))) {
		if (ret < 0) {
			fail(w, "the host's cq_tail is wild");
			return;
		}
		/* Free the slot before the tag, whose next user needs credit. */
		guest_cq_release(&w->guest);
		handle_one(w, &cqe);
	}
}

static void guest_handler(struct world *w)
{
	while (w->completed < w->total && !over(w)) {
		handle_all(w);
		if (guest_cq_arm(&w->guest) || w->completed == w->total)
			continue;
		if (!wait_bell(w->note_fd) && guest_cq_pending(&w->guest)) {
			fail(w, "the handler slept through a completion");
			WRITE_ONCE(w->lost, true);
		}
	}
}

/* ---- */

static void *zalloc(size_t align, size_t bytes)
{
	void *p = aligned_alloc(align, ALIGN(bytes, align));

	if (!p)
		abort();
	return memset(p, 0, bytes);
}

static void setup(struct world *w, void *area, u32 depth, u32 start, u64 total)
{
	memset(w, 0, sizeof(*w));
	guest_start_at(&w->guest, &w->ring, area, depth, start);
	w->limits = (struct iocore_limits){
		.capacity = ~0ULL, .logical_block = 512, .max_bytes = 512, .max_segs = 1,
		.dma_align = 511, .depth = depth,
	};
	w->total = total;
	w->buffers = zalloc(512, depth * sizeof(*w->buffers));
	w->expect = zalloc(64, depth * sizeof(*w->expect));
	w->in_flight = zalloc(64, depth);
	w->todo = zalloc(64, depth * sizeof(*w->todo));
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->cond, NULL);
	w->kick_fd = eventfd(0, EFD_NONBLOCK);
	w->note_fd = eventfd(0, EFD_NONBLOCK);
}

static void teardown(struct world *w)
{
	close(w->kick_fd);
	close(w->note_fd);
	free(w->buffers);
	free(w->expect);
	free(w->in_flight);
	free(w->todo);
}

static void stress(u32 depth, u32 start, u64 total)
{
	void *area = zalloc(IOCORE_PAGE_SIZE, iocore_ring_bytes(depth));
	pthread_t core, disk, submitter;
	struct world w;
	bool ok;

	setup(&w, area, depth, start, total);
	if (pthread_create(&core, NULL, core_thread, &w) ||
	    pthread_create(&disk, NULL, disk_thread, &w) ||
	    pthread_create(&submitter, NULL, submit_thread, &w))
		abort();
	guest_handler(&w);
	pthread_join(submitter, NULL);
	WRITE_ONCE(w.stop, true);
	ring_bell(w.kick_fd);
	pthread_join(core, NULL);
	pthread_mutex_lock(&w.lock);
	pthread_cond_signal(&w.cond);
	pthread_mutex_unlock(&w.lock);
	pthread_join(disk, NULL);

	ok = !over(&w) && w.completed == total && w.submitted == total;
	ok &= tap_expect(w.notes <= total, "more notifications than completions");
	tap_note("depth %u: %llu requests, %llu sleeps, %llu kicks, %llu notifications",
		 depth, (unsigned long long)w.completed, (unsigned long long)w.sleeps,
		 (unsigned long long)w.kicks, (unsigned long long)w.notes);
	tap_ok(ok, "depth %u from %#x: each request completes exactly once", depth, start);
	all_sleeps += w.sleeps;
	all_kicks += w.kicks;
	all_notes += w.notes;
	teardown(&w);
	free(area);
}

int main(void)
{
	u64 total = tap_env("STRESS_REQUESTS", 100000);

	tap_begin();
	stress(2, 0xfffffff0, total);
	stress(8, 0xffffff00, total);
	stress(64, 0xffffffc0, total);
	stress(1024, 0xfffff000, total);
	tap_ok(all_sleeps && all_kicks && all_notes && all_notes < 4 * total,
	       "both sides slept, and some notifications were spared");
	return tap_end();
}
