// SPDX-License-Identifier: GPL-2.0-only
/*
 * durable-check.c - replay a log of log-writes, and look what was durable when
 *
 * usage: durable-check count LOG [MARK]		its entries, until MARK
 *        durable-check log LOG PLAN		after every flush all is there
 *        durable-check acks DISK PLAN ACKS	what ACKS acknowledges is on DISK
 *        durable-check image LOG DISK MARK|N	make DISK what it was at MARK, or
 *						when the Nth flush or FUA write ended
 *
 * log: whoever writes generation G + 1 was told that G is durable. So when a write
 * of G + 1 stands in the log, all of G must stand before it and before the end of a
 * flush or be FUA. At the log's mark "acked" the last generation must be so too.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <fcntl.h>
#include <unistd.h>

#include "log.h"
#include "record.h"

struct state {
	struct plan plan;
	uint64_t *durable;	/* generation of each sector */
	struct log_entry *pending;
	size_t nr_pending, max_pending;
	uint64_t reached[MAX_THREADS];
	uint64_t faults, states, sectors;
};

static void fault(struct state *s, const char *fmt, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	if (s->faults++ >= 10)
		return;
	printf(fmt, (unsigned long long)a, (unsigned long long)b, (unsigned long long)c,
	       (unsigned long long)d);
	putchar('\n');
}

/* All sectors of generation @g of @thread are durable, with it or a later one. */
static void expect_durable(struct state *s, unsigned int thread, uint64_t g, uint64_t entry)
{
	unsigned int nr, i;

	for (nr = 0; nr < s->plan.writes; nr++) {
		struct extent e = plan_extent(&s->plan, thread, g, nr);

		for (i = 0; i < e.sectors; i++) {
			s->sectors++;
			if (s->durable[e.sector + i] >= g)
				continue;
			fault(s, "entry %llu: sector %llu has %llu, but %llu was acknowledged",
			      entry, e.sector + i, s->durable[e.sector + i], g);
			break;
		}
	}
}

/* A write of generation @g says that all before it was acknowledged. */
static void reach(struct state *s, unsigned int thread, uint64_t g, uint64_t entry)
{
	if (g <= s->reached[thread])
		return;
	if (s->reached[thread])
		expect_durable(s, thread, g - 1, entry);
	if (g > s->reached[thread] + 1)
		fault(s, "entry %llu: thread %llu goes from generation %llu to %llu", entry,
		      thread, s->reached[thread], g);
	s->reached[thread] = g;
}

/* Only sectors of the plan: others may be written by others. */
static void look_at(struct state *s, const struct log_entry *e)
{
	uint64_t i, sector, g;

	for (i = 0; i < e->sectors; i++) {
		sector = e->sector + i;
		if (sector >= plan_sectors(&s->plan))
			continue;
		g = record_generation(&s->plan, (char *)e->data + i * SECTOR, sector);
		if (!g)
			fault(s, "entry %llu: sector %llu is damaged", e->nr, sector, 0, 0);
		else
			reach(s, sector / SLOT_SECTORS / s->plan.slots, g, e->nr);
	}
}

static void make_durable(struct state *s, struct log_entry *e)
{
	uint64_t i, sector, g;

	for (i = 0; i < e->sectors; i++) {
		sector = e->sector + i;
		if (sector >= plan_sectors(&s->plan))
			continue;
		g = record_generation(&s->plan, (char *)e->data + i * SECTOR, sector);
		if (g < s->durable[sector])
			fault(s, "entry %llu: sector %llu goes back from generation %llu to %llu",
			      e->nr, sector, s->durable[sector], g);
		s->durable[sector] = g;
	}
	free(e->data);
}

static void keep(struct state *s, const struct log_entry *e)
{
	if (s->nr_pending == s->max_pending) {
		s->max_pending = s->max_pending * 2 + 64;
		s->pending = realloc(s->pending, s->max_pending * sizeof(*e));
		if (!s->pending)
			errx(1, "no memory");
	}
	s->pending[s->nr_pending++] = *e;
}

static void flushed(struct state *s)
{
	size_t i;

	for (i = 0; i < s->nr_pending; i++)
		make_durable(s, &s->pending[i]);
	s->nr_pending = 0;
	s->states++;
}

static void replay_one(struct state *s, struct log_entry *e)
{
	unsigned int t;

	if (e->flags & LOG_MARK) {
		if (!strcmp(e->mark, "acked"))
			for (t = 0; t < s->plan.threads; t++)
				expect_durable(s, t, s->plan.generations, e->nr);
		return;
	}
	if (e->flags & LOG_DISCARD)
		return;
	if (e->flags & LOG_FLUSH)
		flushed(s);
	if (!e->sectors)
		return;
	look_at(s, e);
	if (e->flags & LOG_FUA) {
		make_durable(s, e);
		s->states++;
	} else {
		keep(s, e);
	}
}

static void state_init(struct state *s, const char *plan)
{
	plan_parse(&s->plan, plan);
	s->durable = calloc(plan_sectors(&s->plan), sizeof(*s->durable));
	if (!s->durable)
		errx(1, "no memory");
}

static int verdict(const struct state *s)
{
	printf("states=%llu sectors=%llu faults=%llu\n", (unsigned long long)s->states,
	       (unsigned long long)s->sectors, (unsigned long long)s->faults);
	if (!s->sectors)
		errx(1, "nothing was checked");
	return s->faults ? 1 : 0;
}

static int check_log(const char *path, const char *plan)
{
	struct state s = { 0 };
	struct log_entry e;
	struct log log;

	state_init(&s, plan);
	log_open(&log, path);
	while (log_next(&log, &e))
		replay_one(&s, &e);
	return verdict(&s);
}

/* ---- acknowledgements beside a disk ---- */

static void read_disk(struct state *s, const char *path)
{
	uint64_t sector, total = plan_sectors(&s->plan);
	char buf[SECTOR];
	FILE *f = fopen(path, "r");

	if (!f)
		err(1, "%s", path);
	for (sector = 0; sector < total; sector++) {
		if (fread(buf, SECTOR, 1, f) != 1)
			errx(1, "%s ends at sector %llu", path, (unsigned long long)sector);
		s->durable[sector] = record_generation(&s->plan, buf, sector);
	}
	fclose(f);
}

static int check_acks(const char *disk, const char *plan, const char *acks)
{
	struct state s = { 0 };
	char line[128];
	unsigned long long g;
	unsigned int t;
	FILE *f;

	state_init(&s, plan);
	read_disk(&s, disk);
	f = fopen(acks, "r");
	if (!f)
		err(1, "%s", acks);
	while (fgets(line, sizeof(line), f)) {
		/* A line that the guest's end cut short acknowledges nothing. */
		if (!strpbrk(line, "\r\n") || sscanf(line, "ack %u %llu", &t, &g) != 2)
			continue;
		if (t >= s.plan.threads)
			errx(1, "acknowledged by thread %u", t);
		expect_durable(&s, t, g, 0);
		s.states++;
	}
	fclose(f);
	return verdict(&s);
}

/* ---- images ---- */

static void write_entry(int fd, const struct log_entry *e)
{
	size_t len = e->sectors * SECTOR;

	if (e->data && pwrite(fd, e->data, len, e->sector * SECTOR) != (ssize_t)len)
		err(1, "entry %llu", (unsigned long long)e->nr);
}

static int make_image(const char *path, const char *disk, const char *until)
{
	bool by_nr = isdigit((unsigned char)*until);
	uint64_t want = by_nr ? strtoull(until, NULL, 10) : 0, states = 0;
	struct log_entry e;
	struct log log;
	int fd = open(disk, O_RDWR);

	if (fd < 0)
		err(1, "%s", disk);
	log_open(&log, path);
	while (log_next(&log, &e)) {
		if (!by_nr && e.flags & LOG_MARK && !strcmp(e.mark, until))
			break;
		write_entry(fd, &e);
		free(e.data);
		if (e.flags & (LOG_FLUSH | LOG_FUA) && ++states == want)
			break;
	}
	if (!e.flags)
		errx(1, "%s: the log has no such state", until);
	return fsync(fd) ? 1 : 0;
}

static int count(const char *path, const char *until)
{
	unsigned long long writes = 0, flushes = 0, fuas = 0, discards = 0, marks = 0, states = 0;
	struct log_entry e;
	struct log log;

	log_open(&log, path);
	while (log_next(&log, &e)) {
		if (until && e.flags & LOG_MARK && !strcmp(e.mark, until))
			break;
		flushes += !!(e.flags & LOG_FLUSH);
		fuas += !!(e.flags & LOG_FUA);
		discards += !!(e.flags & LOG_DISCARD);
		marks += !!(e.flags & LOG_MARK);
		writes += e.sectors && !(e.flags & LOG_DISCARD);
		states += !!(e.flags & (LOG_FLUSH | LOG_FUA));
		free(e.data);
	}
	printf("writes=%llu\nflushes=%llu\nfuas=%llu\ndiscards=%llu\nmarks=%llu\nstates=%llu\n",
	       writes, flushes, fuas, discards, marks, states);
	return 0;
}

int main(int argc, char **argv)
{
	if ((argc == 3 || argc == 4) && !strcmp(argv[1], "count"))
		return count(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "log"))
		return check_log(argv[2], argv[3]);
	if (argc == 5 && !strcmp(argv[1], "acks"))
		return check_acks(argv[2], argv[3], argv[4]);
	if (argc == 5 && !strcmp(argv[1], "image"))
		return make_image(argv[2], argv[3], argv[4]);
	errx(2, "usage: durable-check count|log|acks|image ... (see the source's head)");
}
