// SPDX-License-Identifier: GPL-2.0-only
/*
 * durable-write.c - runs in the guest: write by a plan, and say what is durable
 *
 * usage: durable-write DEVICE PLAN flush|fua|mixed|none [FROM]
 *
 * "ack THREAD GENERATION" is printed when the generation is durable by what the
 * disk says. flush: by fdatasync() after its writes; fua: each write is durable by
 * itself; mixed: one, then the other; none: it never is, but says so all the same.
 * FROM is the first generation, 1 if not given. Every write must end once, in full.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>

#include "aio.h"
#include "record.h"

enum sync { SYNC_FLUSH, SYNC_FUA, SYNC_MIXED, SYNC_NONE };

struct writer {
	const struct plan *plan;
	enum sync sync;
	unsigned int thread;
	uint64_t from;
	int fd;
	pthread_t id;
	aio_context_t ctx;
	char *data[MAX_WRITES];
	struct iocb iocb[MAX_WRITES];
	bool ended[MAX_WRITES];
};

static void fill(struct writer *w, uint64_t generation, unsigned int nr, const struct extent *e)
{
	unsigned int i;

	for (i = 0; i < e->sectors; i++)
		record_fill((struct record *)(w->data[nr] + i * SECTOR), w->plan, w->thread,
			    generation, e->sector + i);
}

static void submit(struct writer *w, uint64_t generation, bool fua)
{
	struct iocb *list[MAX_WRITES];
	unsigned int nr;

	for (nr = 0; nr < w->plan->writes; nr++) {
		struct extent e = plan_extent(w->plan, w->thread, generation, nr);

		fill(w, generation, nr, &e);
		w->ended[nr] = false;
		w->iocb[nr] = (struct iocb){
			.aio_data = nr,
			.aio_lio_opcode = IOCB_CMD_PWRITE,
			.aio_rw_flags = fua ? RWF_DSYNC : 0,
			.aio_fildes = w->fd,
			.aio_buf = (uintptr_t)w->data[nr],
			.aio_nbytes = e.sectors * SECTOR,
			.aio_offset = e.sector * SECTOR,
		};
		list[nr] = &w->iocb[nr];
	}
	aio_submit(w->ctx, list, w->plan->writes);
}

static void reap(struct writer *w, uint64_t generation)
{
	unsigned int left = w->plan->writes;
	struct io_event ev;

	while (left) {
		aio_wait(w->ctx, &ev);
		if (ev.data >= w->plan->writes || w->ended[ev.data])
			errx(1, "thread %u: write %llu ended twice", w->thread, ev.data);
		w->ended[ev.data] = true;
		if (ev.res != (int64_t)w->iocb[ev.data].aio_nbytes)
			errx(1, "thread %u, generation %llu: write %llu of %llu bytes: %lld",
			     w->thread, (unsigned long long)generation, ev.data,
			     w->iocb[ev.data].aio_nbytes, ev.res);
		left--;
	}
}

static bool is_fua(const struct writer *w, uint64_t generation)
{
	return w->sync == SYNC_FUA || (w->sync == SYNC_MIXED && generation % 2);
}

static void *writer(void *arg)
{
	struct writer *w = arg;
	uint64_t g;

	for (g = w->from; g < w->from + w->plan->generations; g++) {
		submit(w, g, is_fua(w, g));
		reap(w, g);
		if (!is_fua(w, g) && w->sync != SYNC_NONE && fdatasync(w->fd))
			err(1, "fdatasync");
		printf("ack %u %llu\n", w->thread, (unsigned long long)g);
	}
	return NULL;
}

static enum sync sync_parse(const char *text)
{
	static const char * const names[] = { "flush", "fua", "mixed", "none" };
	unsigned int i;

	for (i = 0; i < 4; i++)
		if (!strcmp(text, names[i]))
			return i;
	errx(2, "%s: not flush, fua, mixed or none", text);
}

static void writer_start(struct writer *w)
{
	unsigned int nr;
	int rc;

	w->ctx = aio_open(MAX_WRITES);
	for (nr = 0; nr < w->plan->writes; nr++)
		if (posix_memalign((void **)&w->data[nr], SLOT, SLOT * MAX_SLOTS))
			errx(1, "no memory");
	rc = pthread_create(&w->id, NULL, writer, w);
	if (rc)
		errx(1, "pthread_create: %s", strerror(rc));
}

int main(int argc, char **argv)
{
	static struct writer writers[MAX_THREADS];
	struct plan plan;
	unsigned int i;
	int fd;

	if (argc < 4 || argc > 5)
		errx(2, "usage: durable-write DEVICE PLAN flush|fua|mixed|none [FROM]");
	plan_parse(&plan, argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	fd = open(argv[1], O_RDWR | O_DIRECT);
	if (fd < 0)
		err(1, "%s", argv[1]);
	for (i = 0; i < plan.threads; i++) {
		writers[i] = (struct writer){
			.plan = &plan, .sync = sync_parse(argv[3]), .thread = i, .fd = fd,
			.from = argc > 4 ? strtoull(argv[4], NULL, 10) : 1,
		};
		writer_start(&writers[i]);
	}
	for (i = 0; i < plan.threads; i++)
		pthread_join(writers[i].id, NULL);
	return 0;
}
