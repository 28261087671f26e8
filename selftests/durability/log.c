// SPDX-License-Identifier: GPL-2.0-only
/*
 * log.c - reading the log of dm's log-writes target
 */
#define _GNU_SOURCE
#include <endian.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

#define LOG_MAGIC	0x6a736677736872ULL
#define LOG_VERSION	1
#define LOG_MAX_DATA	(64U << 20)

struct disk_super {
	uint64_t magic;
	uint64_t version;
	uint64_t entries;
	uint32_t sector_size;
};

struct disk_entry {
	uint64_t sector;
	uint64_t sectors;
	uint64_t flags;
	uint64_t data_len;
};

static void read_at(const struct log *log, void *buf, size_t len, uint64_t pos)
{
	while (len) {
		ssize_t n = pread(log->fd, buf, len, pos);

		if (n <= 0)
			err(1, "the log ends at byte %llu", (unsigned long long)pos);
		buf = (char *)buf + n;
		len -= n;
		pos += n;
	}
}

void log_open(struct log *log, const char *path)
{
	struct disk_super super;

	log->fd = open(path, O_RDONLY);
	if (log->fd < 0)
		err(1, "%s", path);
	read_at(log, &super, sizeof(super), 0);
	if (le64toh(super.magic) != LOG_MAGIC || le64toh(super.version) != LOG_VERSION)
		errx(1, "%s: no log of log-writes", path);
	log->entries = le64toh(super.entries);
	log->sector_size = le32toh(super.sector_size);
	if (log->sector_size < 512 || log->sector_size > 65536)
		errx(1, "%s: sectors of %u bytes", path, log->sector_size);
	log->nr = 0;
	log->pos = log->sector_size;
}

static void read_mark(const struct log *log, struct log_entry *e, uint64_t len)
{
	if (len >= sizeof(e->mark))
		len = sizeof(e->mark) - 1;
	read_at(log, e->mark, len, log->pos + sizeof(struct disk_entry));
	e->mark[len] = '\0';
}

/* The next entry, or false at the end. */
bool log_next(struct log *log, struct log_entry *e)
{
	struct disk_entry d;
	uint64_t bytes;

	memset(e, 0, sizeof(*e));
	if (log->nr >= log->entries)
		return false;
	read_at(log, &d, sizeof(d), log->pos);
	e->nr = log->nr++;
	e->flags = le64toh(d.flags);
	e->sector = le64toh(d.sector) * (log->sector_size / 512);
	e->sectors = le64toh(d.sectors) * (log->sector_size / 512);
	if (e->flags & LOG_MARK)
		read_mark(log, e, le64toh(d.data_len));
	log->pos += log->sector_size;
	if (e->flags & LOG_DISCARD || !e->sectors)
		return true;
	bytes = e->sectors * 512;
	if (bytes > LOG_MAX_DATA)
		errx(1, "entry %llu has %llu bytes", (unsigned long long)e->nr,
		     (unsigned long long)bytes);
	e->data = malloc(bytes);
	if (!e->data)
		errx(1, "no memory");
	read_at(log, e->data, bytes, log->pos);
	log->pos += bytes;
	return true;
}
