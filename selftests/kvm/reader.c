// SPDX-License-Identifier: GPL-2.0-only
/*
 * reader.c - in a guest: fill a buffer from a disk, tell what is in it
 *
 * usage: reader DEVICE MIB FIFO
 *
 * Lines in the FIFO are commands: "read SECTOR" fills the buffer from there on,
 * around the disk's end; "close" lets go of the disk; "sum". Each is answered by
 * a line. The buffer is written by nobody but the disk.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHUNK	(256U << 10)

static uint64_t *buffer;
static size_t bytes;
static off_t capacity;
static int disk;

static int fill(uint64_t sector)
{
	uint64_t first = sector * 512;
	size_t done;

	for (done = 0; done < bytes; done += CHUNK) {
		off_t from = (first + done) % (capacity - CHUNK) & ~511ULL;

		if (pread(disk, (char *)buffer + done, CHUNK, from) != CHUNK)
			return -1;
	}
	return 0;
}

static uint64_t sum(void)
{
	uint64_t hash = 14695981039346656037ULL;
	size_t i;

	for (i = 0; i < bytes / sizeof(*buffer); i++)
		hash = (hash ^ buffer[i]) * 1099511628211ULL;
	return hash;
}

static void answer(const char *line)
{
	if (!strncmp(line, "read ", 5))
		puts(fill(strtoull(line + 5, NULL, 10)) ? "failed" : "done");
	else if (!strcmp(line, "close\n"))
		puts(close(disk) ? "failed" : "done");
	else
		printf("%016llx\n", (unsigned long long)sum());
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[64];
	FILE *commands;

	if (argc != 4)
		return 2;
	bytes = strtoul(argv[2], NULL, 10) << 20;
	disk = open(argv[1], O_RDONLY | O_DIRECT);
	capacity = lseek(disk, 0, SEEK_END);
	buffer = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	commands = fopen(argv[3], "r+");
	if (capacity <= (off_t)CHUNK || buffer == MAP_FAILED || !commands)
		return 1;
	while (fgets(line, sizeof(line), commands))
		answer(line);
	return 0;
}
