/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stats.h - a vCPU's own counters, by name
 */
#ifndef _SELFTESTS_STATS_H
#define _SELFTESTS_STATS_H

#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct stats {
	struct kvm_stats_header head;
	size_t desc_size;
	uint8_t *desc;
	int fd;
};

static inline void stats_die(const char *what)
{
	perror(what);
	exit(1);
}

static inline void stats_open(struct stats *stats, int vcpu)
{
	size_t bytes;

	stats->fd = ioctl(vcpu, KVM_GET_STATS_FD, NULL);
	if (pread(stats->fd, &stats->head, sizeof(stats->head), 0) != sizeof(stats->head))
		stats_die("the vCPU's counters");
	stats->desc_size = sizeof(struct kvm_stats_desc) + stats->head.name_size;
	bytes = stats->desc_size * stats->head.num_desc;
	stats->desc = malloc(bytes);
	if (pread(stats->fd, stats->desc, bytes, stats->head.desc_offset) != (ssize_t)bytes)
		stats_die("the vCPU's counters' names");
}

static inline void stats_close(struct stats *stats)
{
	free(stats->desc);
	close(stats->fd);
}

static inline uint64_t stats_read(const struct stats *stats, const char *name)
{
	uint64_t value;
	unsigned int i;

	for (i = 0; i < stats->head.num_desc; i++) {
		const struct kvm_stats_desc *desc =
			(const void *)(stats->desc + i * stats->desc_size);

		if (strcmp(desc->name, name))
			continue;
		if (pread(stats->fd, &value, sizeof(value),
			  stats->head.data_offset + desc->offset) != sizeof(value))
			stats_die(name);
		return value;
	}
	fprintf(stderr, "the vCPU has no counter %s\n", name);
	exit(1);
}

#endif /* _SELFTESTS_STATS_H */
