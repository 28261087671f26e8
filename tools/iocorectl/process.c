// SPDX-License-Identifier: GPL-2.0-only
/*
 * process.c - what tells a process from a later one with its pid
 *
 * A pid is used again; a pid, when its process began and the boot it began in are not.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "iocorectl.h"

/* In /proc/PID/stat, counted from 1: see proc_pid_stat(5). */
#define START_FIELD	22

/* Clock ticks from boot to the start of a process, 0 or a negative errno. */
int process_start(long pid, unsigned long long *ticks)
{
	char dir[PATH_MAX], text[VALUE_LEN], *at;
	int field, err;

	err = tree_path(dir, "/proc/%ld", pid);
	if (!err)
		err = attr_read(dir, "stat", text, sizeof(text));
	if (err)
		return err;
	/* The second field is a name in brackets, which may hold anything. */
	at = strrchr(text, ')');
	for (field = 2; at && field < START_FIELD; field++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, "%llu", ticks) != 1)
		return -EINVAL;
	return 0;
}

int boot_id(char *id, size_t size)
{
	char dir[PATH_MAX];
	int err = tree_path(dir, "/proc/sys/kernel/random");

	return err ? err : attr_read(dir, "boot_id", id, size);
}
