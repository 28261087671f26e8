// SPDX-License-Identifier: GPL-2.0-only
/*
 * stats.c - what a disk did, and how long it took
 *
 * Counters and latency histograms are per CPU, so that completions on several
 * CPUs do not meet. A reader may see a request in one counter before another.
 */
#include <linux/bitops.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/sched/clock.h>

#include "iocore.h"

static_assert(sizeof(struct iocore_disk_stats) % sizeof(u64) == 0);

int iocore_stats_alloc(struct iocore_disk *disk)
{
	disk->stats = alloc_percpu(struct iocore_disk_stats);
	return disk->stats ? 0 : -ENOMEM;
}

void iocore_stats_free(struct iocore_disk *disk)
{
	free_percpu(disk->stats);
	disk->stats = NULL;
}

void iocore_disk_stats_sum(const struct iocore_disk *disk, struct iocore_disk_stats *sum)
{
	u64 *to = (u64 *)sum;
	unsigned int i;
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const u64 *from = (const u64 *)per_cpu_ptr(disk->stats, cpu);

		for (i = 0; i < sizeof(*sum) / sizeof(u64); i++)
			to[i] += READ_ONCE(from[i]);
	}
}

/* Entry i: less than 2^i microseconds, and not less than 2^(i-1). */
static unsigned int latency_entry(u64 start_ns)
{
	/* The clocks of two CPUs may be apart by a little. */
	s64 ns = max_t(s64, local_clock() - start_ns, 0);

	return min_t(unsigned int, fls64(div_u64(ns, NSEC_PER_USEC)),
		     IOCORE_LATENCY_ENTRIES - 1);
}

static enum iocore_latency latency_of(u8 opcode)
{
	switch (opcode) {
	case IOCORE_OP_READ:
		return IOCORE_LATENCY_READ;
	case IOCORE_OP_WRITE:
		return IOCORE_LATENCY_WRITE;
	case IOCORE_OP_FLUSH:
		return IOCORE_LATENCY_FLUSH;
	default:
		return IOCORE_LATENCY_DISCARD;
	}
}

static void count_op(struct iocore_disk_stats __percpu *stats, const struct iocore_sqe *sqe)
{
	switch (sqe->opcode) {
	case IOCORE_OP_READ:
		this_cpu_inc(stats->reads);
		this_cpu_add(stats->read_bytes, sqe->len);
		break;
	case IOCORE_OP_WRITE:
		this_cpu_inc(stats->writes);
		this_cpu_add(stats->write_bytes, sqe->len);
		break;
	case IOCORE_OP_FLUSH:
		this_cpu_inc(stats->flushes);
		break;
	case IOCORE_OP_DISCARD:
		this_cpu_inc(stats->discards);
		this_cpu_add(stats->discard_bytes, sqe->len);
		break;
	case IOCORE_OP_WRITE_ZEROES:
		this_cpu_inc(stats->write_zeroes);
		break;
	}
}

void iocore_stats_error(struct iocore_disk *disk)
{
	this_cpu_inc(disk->stats->errors);
}

void iocore_stats_req(struct iocore_req *req, enum iocore_status status)
{
	struct iocore_disk *disk = iocore_req_disk(req);
	struct iocore_disk_stats __percpu *stats = disk->stats;
	const struct iocore_sqe *sqe = &req->sqe;

	if (status != IOCORE_S_OK) {
		iocore_stats_error(disk);
		return;
	}
	count_op(stats, sqe);
	this_cpu_inc(stats->latency[latency_of(sqe->opcode)][latency_entry(req->start_ns)]);
}
