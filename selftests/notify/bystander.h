/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bystander.h - who needs the host while a guest misbehaves
 *
 * Four threads depend on the two CPUs: a timer, time slices beside the vCPU, an IPI
 * that the sender waits for, and a wake-up across CPUs. A fifth is another VM, whose reads go on.
 * Each counts its rounds and keeps the longest. What must hold is that all go on;
 * how long a round took is printed.
 */
#ifndef _SELFTESTS_NOTIFY_BYSTANDER_H
#define _SELFTESTS_NOTIFY_BYSTANDER_H

#include <linux/membarrier.h>
#include <sys/syscall.h>

#include "vm.h"

#define MORE_ROUNDS	20
#define ROUND_US	5000
#define SLICE_US	1000

/**
 * struct bystander - a thread that goes round
 * @name:	what it depends on
 * @round:	once; false if it failed
 * @cpu:	where it runs
 * @rounds:	done
 * @failed:	rounds that failed
 * @worst:	the longest, in ns
 */
struct bystander {
	const char *name;
	bool (*round)(struct bystander *self);
	int cpu;
	uint64_t rounds;
	uint64_t failed;
	uint64_t worst;
	uint64_t marked;
	pthread_t thread;
};

static bool bystanders_stop;
static int wake_pipe[2], answer_pipe[2];
static struct vm other_vm;

static bool round_timer(struct bystander *self)
{
	struct timespec t = { .tv_nsec = ROUND_US * 1000 };

	(void)self;
	return !clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/* The vCPU's CPU is isolated, so only who computes there needs a tick there. */
static void compute(unsigned int us)
{
	struct timespec t;
	uint64_t until;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	until = t.tv_sec * 1000000ULL + t.tv_nsec / 1000 + us;
	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	} while (t.tv_sec * 1000000ULL + t.tv_nsec / 1000 < until);
}

static bool round_slice(struct bystander *self)
{
	(void)self;
	usleep(ROUND_US);
	compute(SLICE_US);
	return true;
}

/* An IPI to each CPU that runs a thread of this process. */
static bool round_ipi(struct bystander *self)
{
	(void)self;
	usleep(ROUND_US);
	return !syscall(__NR_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

static bool round_wake(struct bystander *self)
{
	char byte = 0;

	(void)self;
	usleep(ROUND_US);
	return write(wake_pipe[1], &byte, 1) == 1 && read(answer_pipe[0], &byte, 1) == 1;
}

/* The IOCore is everybody's: where it was kept from its CPU and fell asleep, this wakes it. */
static bool round_read(struct bystander *self)
{
	(void)self;
	usleep(ROUND_US);
	vm_submit(&other_vm);
	vm_kick(&other_vm);
	return vm_completes(&other_vm, LONG);
}

static struct bystander bystanders[] = {
	{ .name = "a timer of CPU 0", .round = round_timer, .cpu = HOST_CPU },
	{ .name = "a time slice of CPU 1", .round = round_slice, .cpu = VM_CPU },
	{ .name = "an IPI to CPU 1", .round = round_ipi, .cpu = HOST_CPU },
	{ .name = "a wake-up on CPU 1", .round = round_wake, .cpu = HOST_CPU },
	{ .name = "another VM's read", .round = round_read, .cpu = HOST_CPU },
};

#define NR_BYSTANDERS	(sizeof(bystanders) / sizeof(bystanders[0]))

/* Before every ordinary thread of its CPU, so that only interrupts delay it. */
static void be_urgent(void)
{
	struct sched_param param = { .sched_priority = 1 };

	sched_setscheduler(0, SCHED_FIFO, &param);
}

static void *bystander_thread(void *arg)
{
	struct bystander *self = arg;
	uint64_t start, took;

	pin_to(self->cpu);
	if (self->round != round_read && self->round != round_slice)
		be_urgent();
	while (!__atomic_load_n(&bystanders_stop, __ATOMIC_ACQUIRE)) {
		start = now_ns();
		self->failed += !self->round(self);
		took = now_ns() - start;
		if (took > self->worst)
			self->worst = took;
		__atomic_add_fetch(&self->rounds, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static void *echo_thread(void *arg)
{
	char byte;

	pin_to(VM_CPU);
	be_urgent();
	while (read(wake_pipe[0], &byte, 1) == 1)
		if (write(answer_pipe[1], &byte, 1) != 1)
			break;
	return arg;
}

/* Threads, once for the whole program; @disk is the other VM's. */
static inline void bystanders_begin(const char *disk)
{
	pthread_t echo;
	unsigned int i;

	vm_begin(&other_vm, disk, false);
	if (pipe(wake_pipe) || pipe(answer_pipe))
		tap_bail("pipe");
	syscall(__NR_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
	pthread_create(&echo, NULL, echo_thread, NULL);
	for (i = 0; i < NR_BYSTANDERS; i++)
		if (pthread_create(&bystanders[i].thread, NULL, bystander_thread, &bystanders[i]))
			tap_bail("a bystander");
}

static inline void bystanders_end(void)
{
	unsigned int i;

	__atomic_store_n(&bystanders_stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < NR_BYSTANDERS; i++)
		pthread_join(bystanders[i].thread, NULL);
	close(wake_pipe[1]);
	vm_finish(&other_vm);
}

static inline void bystanders_mark(void)
{
	unsigned int i;

	for (i = 0; i < NR_BYSTANDERS; i++) {
		bystanders[i].worst = 0;
		bystanders[i].failed = 0;
		bystanders[i].marked = bystanders[i].rounds;
	}
}

static inline bool bystanders_go_on(void)
{
	uint64_t from[NR_BYSTANDERS];
	bool good = true;
	unsigned int i;

	for (i = 0; i < NR_BYSTANDERS; i++)
		from[i] = __atomic_load_n(&bystanders[i].rounds, __ATOMIC_ACQUIRE);
	for (i = 0; i < NR_BYSTANDERS; i++) {
		if (reaches(&bystanders[i].rounds, from[i] + MORE_ROUNDS, LONG) &&
		    !bystanders[i].failed)
			continue;
		printf("# %s: stuck after %llu rounds, %llu failed\n", bystanders[i].name,
		       (unsigned long long)(bystanders[i].rounds - bystanders[i].marked),
		       (unsigned long long)bystanders[i].failed);
		good = false;
	}
	return good;
}

static inline void bystanders_print(void)
{
	unsigned int i;

	for (i = 0; i < NR_BYSTANDERS; i++)
		printf("# %s: %llu rounds, the longest %.1f ms\n", bystanders[i].name,
		       (unsigned long long)(bystanders[i].rounds - bystanders[i].marked),
		       bystanders[i].worst / 1e6);
}

/* ---- the interrupts of CPU 1 ---- */

static inline uint64_t interrupts(const char *name)
{
	char line[512], label[16];
	uint64_t n[2] = { 0 };
	FILE *file = fopen("/proc/interrupts", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " %15[^:]: %lu %lu", label, &n[0], &n[1]) == 3 &&
		    !strcmp(label, name))
			break;
	if (file)
		fclose(file);
	return n[VM_CPU];
}

static void *busy_thread(void *arg)
{
	bool *stop = arg;

	pin_to(VM_CPU);
	while (!__atomic_load_n(stop, __ATOMIC_ACQUIRE))
		;
	return NULL;
}

/*
 * No kind of interrupt is blocked for good. Two threads that compute on CPU 1 must
 * be interrupted for their time slices, for IPIs and for wake-ups.
 */
static inline bool interrupts_go_on(void)
{
	static const char * const names[] = { "LOC", "CAL" };
	uint64_t before[2];
	bool stop = false, good;
	pthread_t busy[2];
	unsigned int i;

	for (i = 0; i < 2; i++)
		before[i] = interrupts(names[i]);
	for (i = 0; i < 2; i++)
		pthread_create(&busy[i], NULL, busy_thread, &stop);
	good = bystanders_go_on();
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < 2; i++)
		pthread_join(busy[i], NULL);
	for (i = 0; i < 2; i++) {
		if (interrupts(names[i]) == before[i]) {
			printf("# CPU 1 has no %s any more\n", names[i]);
			good = false;
		}
	}
	return good;
}

#endif /* _SELFTESTS_NOTIFY_BYSTANDER_H */
