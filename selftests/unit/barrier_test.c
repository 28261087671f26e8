// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two pairs of full barriers, K with L and M with N, on real processors
 *
 * Two threads meet at a line, run one side each of a pair's four accesses, and
 * compare: if neither saw the other's store, a wake-up is lost. Built with
 * BREAK_K, RING_MB_NONE (M) or BREAK_N, that has to happen.
 *
 * usage: barrier_test [K|M]
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"
#include "tap.h"

#define DEPTH	4
#define ROUNDS	5000	/* before looking at the clock */
#define SKEW	32
#define SPINS	2000	/* before giving the processor to others */
#define LINES	8

static u8 area[IOCORE_PAGE_SIZE * 3] __aligned(IOCORE_PAGE_SIZE);
static struct iocore_ring ring;
static struct guest_ring guest;
static u32 line_guest, line_host;	/* rounds each side has reached */
static u8 guest_lines[LINES][64] __aligned(64);
static u8 host_lines[LINES][64] __aligned(64);
static bool guest_saw, host_saw;
static void (*guest_side)(void);

static void await(u32 *other, u32 round)
{
	u32 spins = 0;

	while ((int)(__atomic_load_n(other, __ATOMIC_ACQUIRE) - round) < 0) {
		__builtin_ia32_pause();
		if (++spins % SPINS == 0)
			sched_yield();
	}
}

static void meet(u32 *mine, u32 *other, u32 round)
{
	__atomic_store_n(mine, round, __ATOMIC_RELEASE);
	await(other, round);
}

/*
 * Lines that the other processor owns: stores to them fill the store buffer,
 * and what is stored next stays invisible for long.
 */
static void fill_stores(u8 (*lines)[64])
{
	u32 i;

	for (i = 0; i < LINES; i++)
		WRITE_ONCE(lines[i][0], 1);
}

/* Let the sides drift against each other, so that every overlap is met. */
static void skew(u32 round, u32 factor)
{
	u32 i;

	for (i = 0; i < round * factor % SKEW; i++)
		__asm__ volatile("" ::: "memory");
}

static void guest_submits(void)
{
	guest.sq_tail++;
	guest_saw = guest_sq_publish(&guest);
}

static void guest_arms(void)
{
	guest_saw = guest_cq_arm(&guest);
}

static void *guest_thread(void *arg)
{
	unsigned long i;

	(void)arg;
	for (i = 0; i < ROUNDS; i++) {
		meet(&line_guest, &line_host, 3 * i + 1);
		fill_stores(host_lines);
		meet(&line_guest, &line_host, 3 * i + 2);
		skew(i, 7);
		fill_stores(guest_lines);
		guest_side();
		meet(&line_guest, &line_host, 3 * i + 3);
	}
	return NULL;
}

static void host_sleeps(void)
{
	iocore_ring_set_need_kick(&ring);
	smp_mb();	/* (L), pairs with (K) */
	host_saw = iocore_ring_sq_pending(&ring);
}

static void host_completes(void)
{
	u32 old = iocore_ring_cq_tail(&ring);

	iocore_ring_cq_post(&ring, 0, 0);
	host_saw = iocore_ring_cq_must_notify(&ring, old);
}

/* Between two rounds the other side waits: bring both up to date. */
static void settle(void)
{
	iocore_ring_clear_need_kick(&ring);
	ring.sq_head = guest.sq_tail;
	guest.cq_head = ring.cq_tail;
	shared_store(&ring.hdr->cq_event, ring.cq_tail - 1);
}

static unsigned long run(void (*guest_fn)(void), void (*host_fn)(void))
{
	unsigned long i, lost = 0;
	pthread_t thread;

	memset(area, 0, sizeof(area));
	guest_start_at(&guest, &ring, area, DEPTH, 0xffff0000);
	line_guest = 0;
	line_host = 0;
	guest_side = guest_fn;
	settle();
	if (pthread_create(&thread, NULL, guest_thread, NULL))
		abort();
	for (i = 0; i < ROUNDS; i++) {
		meet(&line_host, &line_guest, 3 * i + 1);
		fill_stores(guest_lines);
		meet(&line_host, &line_guest, 3 * i + 2);
		skew(i, 11);
		fill_stores(host_lines);
		host_fn();
		/* The guest is done; it waits for us before its next round. */
		await(&line_guest, 3 * i + 3);
		lost += !guest_saw && !host_saw;
		settle();
		__atomic_store_n(&line_host, 3 * i + 3, __ATOMIC_RELEASE);
	}
	pthread_join(thread, NULL);
	return lost;
}

/* Until a wake-up is lost or the time is over. */
static void pair(const char *name, void (*guest_fn)(void), void (*host_fn)(void))
{
	time_t end = time(NULL) + tap_env("BARRIER_SECONDS", 6);
	unsigned long rounds = 0, lost;

	do {
		lost = run(guest_fn, host_fn);
		rounds += ROUNDS;
	} while (!lost && time(NULL) < end);
	tap_ok(!lost, "%s: %lu of %lu wake-ups lost", name, lost, rounds);
}

int main(int argc, char **argv)
{
	tap_begin();
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
		tap_skip("barriers: one processor cannot reorder against itself");
		tap_end();
		return TAP_SKIP;
	}
	if (argc < 2 || *argv[1] == 'K')
		pair("K and L", guest_submits, host_sleeps);
	if (argc < 2 || *argv[1] == 'M')
		pair("M and N", guest_arms, host_completes);
	return tap_end();
}
