/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * log.h - reading the log of dm's log-writes target
 *
 * The log holds what the disk had made durable, in that order: a write appears in
 * it when a later flush completed, or at once with FUA. What no flush reached is
 * appended when the target is removed.
 */
#ifndef _DURABILITY_LOG_H
#define _DURABILITY_LOG_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_FLUSH	(1U << 0)
#define LOG_FUA		(1U << 1)
#define LOG_DISCARD	(1U << 2)
#define LOG_MARK	(1U << 3)

struct log {
	int fd;
	uint64_t entries;
	uint64_t nr;		/* of the next entry */
	uint64_t pos;		/* where it is, in bytes */
	uint32_t sector_size;
};

/* Sectors are of 512 bytes, whatever the log's are. @data is the caller's to free. */
struct log_entry {
	uint64_t nr;
	uint64_t sector;
	uint64_t sectors;
	uint64_t flags;
	char mark[256];
	void *data;
};

void log_open(struct log *log, const char *path);
bool log_next(struct log *log, struct log_entry *e);

#endif
