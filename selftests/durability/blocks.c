// SPDX-License-Identifier: GPL-2.0-only
/*
 * blocks.c - runs in the guest: requests of 4 KiB on a disk that may fail
 *
 * usage: blocks read|write DEVICE FROM COUNT	each block by a request of its own
 *        blocks storm DEVICE COUNT STOP	until the file STOP exists
 *
 * read, write: a line "ERRNO FIRST-LAST" for each run of blocks that ended alike, 0
 * being success. storm: reads and writes at random, whose errors are counted, not
 * minded; then every block is read, and must hold what was acknowledged last, or
 * what was tried since. Each request must end once: twice, or with other than all
 * or nothing, is exit code 1, and so is a block that holds anything else.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <time.h>

#include "aio.h"
#include "record.h"

#define DEPTH		32
#define MAX_ERRNO	256

struct request {
	struct iocb iocb;
	char *data;
	uint64_t block;
	bool active;
	bool write;
};

struct block {
	uint64_t acked;
	uint64_t tried;
	bool busy;
	int error;
};

struct disk {
	int fd;
	aio_context_t ctx;
	struct plan plan;	/* one thread, whose slots are the blocks */
	struct block *blocks;
	uint64_t count;
	uint64_t damaged;
	uint64_t ended[2];	/* reads, writes that went well */
	uint64_t errors[MAX_ERRNO];
	struct request reqs[DEPTH];
};

static void disk_open(struct disk *d, const char *path, uint64_t from, uint64_t count)
{
	unsigned int i;

	d->fd = open(path, O_RDWR | O_DIRECT);
	if (d->fd < 0)
		err(1, "%s", path);
	d->ctx = aio_open(DEPTH);
	d->count = count;
	d->plan = (struct plan){ .threads = 1, .slots = from + count, .seed = 1 };
	d->blocks = calloc(from + count, sizeof(*d->blocks));
	if (!d->blocks || !count)
		errx(1, "no memory, or no blocks");
	for (i = 0; i < DEPTH; i++)
		if (posix_memalign((void **)&d->reqs[i].data, SLOT, SLOT))
			errx(1, "no memory");
}

static void start(struct disk *d, unsigned int slot, uint64_t block, bool write)
{
	struct request *r = &d->reqs[slot];
	struct iocb *list[1] = { &r->iocb };
	unsigned int i;

	r->block = block;
	r->write = write;
	r->active = true;
	d->blocks[block].busy = true;
	if (write) {
		d->blocks[block].tried++;
		for (i = 0; i < SLOT_SECTORS; i++)
			record_fill((struct record *)(r->data + i * SECTOR), &d->plan, 0,
				    d->blocks[block].tried, block * SLOT_SECTORS + i);
	}
	r->iocb = (struct iocb){
		.aio_data = slot,
		.aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
		.aio_fildes = d->fd,
		.aio_buf = (uintptr_t)r->data,
		.aio_nbytes = SLOT,
		.aio_offset = block * SLOT,
	};
	aio_submit(d->ctx, list, 1);
}

/* Each sector by itself: a write that failed may have come half way. */
static void verify(struct disk *d, const struct request *r)
{
	const struct block *b = &d->blocks[r->block];
	unsigned int i;

	for (i = 0; i < SLOT_SECTORS; i++) {
		uint64_t g = record_generation(&d->plan, r->data + i * SECTOR,
					       r->block * SLOT_SECTORS + i);

		if (g >= b->acked && g <= b->tried)
			continue;
		if (d->damaged++ < 3)
			printf("block %llu sector %u has %llu, not %llu to %llu\n",
			       (unsigned long long)r->block, i, (unsigned long long)g,
			       (unsigned long long)b->acked, (unsigned long long)b->tried);
		return;
	}
}

/* One request ends; its place is free again. */
static unsigned int finish(struct disk *d, bool check)
{
	struct io_event ev;
	struct request *r;
	struct block *b;

	aio_wait(d->ctx, &ev);
	r = &d->reqs[ev.data % DEPTH];
	if (ev.data >= DEPTH || !r->active)
		errx(1, "a request ended twice");
	b = &d->blocks[r->block];
	r->active = false;
	b->busy = false;
	if (ev.res != SLOT && (ev.res >= 0 || ev.res <= -MAX_ERRNO))
		errx(1, "a request ended with %lld", ev.res);
	b->error = ev.res < 0 ? -ev.res : 0;
	if (b->error) {
		d->errors[b->error]++;
	} else {
		d->ended[r->write]++;
		if (r->write)
			b->acked = b->tried;
		else if (check)
			verify(d, r);
	}
	return ev.data;
}

/* Every block from @from on, once, in this order. */
static void sweep(struct disk *d, uint64_t from, bool write, bool check)
{
	uint64_t block, left = d->count;
	unsigned int slot = 0;

	for (block = from; block < from + d->count; block++) {
		if (slot < DEPTH) {
			start(d, slot++, block, write);
			continue;
		}
		start(d, finish(d, check), block, write);
		left--;
	}
	while (left--)
		finish(d, check);
}

static int once(const char *path, uint64_t from, uint64_t count, bool write)
{
	static struct disk d;
	uint64_t first = from, i;

	disk_open(&d, path, from, count);
	sweep(&d, from, write, false);
	for (i = from + 1; i <= from + count; i++) {
		if (i < from + count && d.blocks[i].error == d.blocks[first].error)
			continue;
		printf("%d %llu-%llu\n", d.blocks[first].error, (unsigned long long)first,
		       (unsigned long long)i - 1);
		first = i;
	}
	return 0;
}

static void start_random(struct disk *d, unsigned int slot, uint64_t *x)
{
	uint64_t block;

	do {
		*x = mix(*x);
		block = *x % d->count;
	} while (d->blocks[block].busy);
	start(d, slot, block, (*x >> 40) % 4 != 0);
}

/* An error must not be a busy loop: the other side of the disk needs the CPU too. */
static void breathe(void)
{
	struct timespec ms = { .tv_nsec = 1000000 };

	nanosleep(&ms, NULL);
}

static int storm(const char *path, uint64_t count, const char *stop)
{
	static struct disk d;
	uint64_t x = 1, i, before;
	unsigned int slot;

	disk_open(&d, path, 0, count);
	sweep(&d, 0, true, false);
	for (slot = 0; slot < DEPTH; slot++)
		start_random(&d, slot, &x);
	while (access(stop, F_OK)) {
		before = d.ended[0] + d.ended[1];
		slot = finish(&d, true);
		if (before == d.ended[0] + d.ended[1])
			breathe();
		start_random(&d, slot, &x);
	}
	for (slot = 0; slot < DEPTH; slot++)
		finish(&d, true);
	printf("reads %llu\nwrites %llu\n", (unsigned long long)d.ended[0],
	       (unsigned long long)d.ended[1]);
	for (i = 1; i < MAX_ERRNO; i++)
		if (d.errors[i])
			printf("errno %llu %llu\n", (unsigned long long)i,
			       (unsigned long long)d.errors[i]);
	before = d.ended[0];
	sweep(&d, 0, false, true);
	printf("unread %llu\ndamaged %llu\n",
	       (unsigned long long)(count - (d.ended[0] - before)),
	       (unsigned long long)d.damaged);
	return d.damaged || d.ended[0] - before != count;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 5 && (!strcmp(argv[1], "read") || !strcmp(argv[1], "write")))
		return once(argv[2], strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10),
			    *argv[1] == 'w');
	if (argc == 5 && !strcmp(argv[1], "storm")) {
		if (strtoull(argv[3], NULL, 10) < 2 * DEPTH)
			errx(2, "too few blocks");
		return storm(argv[2], strtoull(argv[3], NULL, 10), argv[4]);
	}
	errx(2, "usage: blocks read|write DEVICE FROM COUNT | storm DEVICE COUNT STOP");
}
