/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * record.h - what the writer writes, and the checker expects
 *
 * Every thread has a region of the disk of its own. It writes in generations: so
 * many writes at once, then it makes them durable, and only then begins the next.
 * Where the writes of a generation go follows from the plan alone, and what each
 * sector holds from its thread, generation and number.
 *
 * Thus a disk that has a sector of generation G + 1 must have made G durable
 * before: the guest had been told so when it wrote the sector.
 */
#ifndef _DURABILITY_RECORD_H
#define _DURABILITY_RECORD_H

#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR		512
#define SLOT_SECTORS	8
#define SLOT		(SECTOR * SLOT_SECTORS)
#define MAX_SLOTS	16	/* of one write */
#define MAX_THREADS	16
#define MAX_WRITES	128

#define RECORD_MAGIC	0x64726f6365724f49ULL
#define RECORD_WORDS	(SECTOR / sizeof(uint64_t))

struct record {
	uint64_t magic;
	uint64_t thread;
	uint64_t generation;	/* from 1 */
	uint64_t sector;
	uint64_t fill[RECORD_WORDS - 4];
};

struct plan {
	unsigned int threads;
	unsigned int generations;
	unsigned int writes;	/* of one generation */
	unsigned int slots;	/* of one thread's region */
	uint64_t seed;
};

struct extent {
	uint64_t sector;
	unsigned int sectors;
};

static inline uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* THREADS:GENERATIONS:WRITES:SLOTS:SEED */
static inline void plan_parse(struct plan *plan, const char *text)
{
	unsigned long long seed;

	if (sscanf(text, "%u:%u:%u:%u:%llu", &plan->threads, &plan->generations,
		   &plan->writes, &plan->slots, &seed) != 5)
		errx(2, "%s: not THREADS:GENERATIONS:WRITES:SLOTS:SEED", text);
	plan->seed = seed;
	if (!plan->threads || plan->threads > MAX_THREADS || !plan->writes ||
	    plan->writes > MAX_WRITES || plan->slots / plan->writes < 2)
		errx(2, "%s: too many, or too small", text);
}

static inline uint64_t plan_sectors(const struct plan *plan)
{
	return (uint64_t)plan->threads * plan->slots * SLOT_SECTORS;
}

/* Each write of a generation has a window of its own, so no two overlap. */
static inline struct extent plan_extent(const struct plan *plan, unsigned int thread,
					uint64_t generation, unsigned int nr)
{
	unsigned int window = plan->slots / plan->writes;
	unsigned int most = window < MAX_SLOTS ? window : MAX_SLOTS;
	uint64_t r = mix(mix(mix(plan->seed + thread) + generation) + nr);
	unsigned int len = 1 + r % most;
	uint64_t slot = (uint64_t)thread * plan->slots + nr * window +
			(r >> 32) % (window - len + 1);

	return (struct extent){ slot * SLOT_SECTORS, len * SLOT_SECTORS };
}

static inline void record_fill(struct record *r, const struct plan *plan, unsigned int thread,
			       uint64_t generation, uint64_t sector)
{
	uint64_t x = mix(mix(mix(plan->seed ^ sector) + thread) + generation);
	unsigned int i;

	r->magic = RECORD_MAGIC;
	r->thread = thread;
	r->generation = generation;
	r->sector = sector;
	for (i = 0; i < sizeof(r->fill) / sizeof(r->fill[0]); i++)
		r->fill[i] = x + i * RECORD_MAGIC;
}

/* The generation of the record that @sector holds; 0 if it holds none, or damage. */
static inline uint64_t record_generation(const struct plan *plan, const void *data,
					 uint64_t sector)
{
	const struct record *r = data;
	struct record want;

	if (r->magic != RECORD_MAGIC || r->sector != sector || !r->generation ||
	    r->thread != sector / SLOT_SECTORS / plan->slots)
		return 0;
	record_fill(&want, plan, r->thread, r->generation, sector);
	return memcmp(&want, r, SECTOR) ? 0 : r->generation;
}

#endif
