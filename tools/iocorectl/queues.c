// SPDX-License-Identifier: GPL-2.0-only
/*
 * queues.c - the counters of a VM's queues
 *
 * The kernel gives a file a queue, SLOT-NR, with a line "key value" each. A queue
 * that its guest makes anew begins at zero.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iocorectl.h"

/* The disk that is in @slot, or NULL. */
static struct json_object *disk_in(struct json_object *vm, unsigned int slot)
{
	json_object_object_foreach(json_object_object_get(vm, "disks"), disk,
				   number)
		if (json_object_get_int64(number) == slot)
			return json_object_new_string(disk);
	return NULL;
}

static void add_line(struct json_object *row, char *line)
{
	char *value = strchr(line, ' '), *end;
	unsigned long long number;

	if (!value)
		return;
	*value++ = '\0';
	number = strtoull(value, &end, 10);
	if (end != value && !*end && strcmp(line, "core"))
		json_object_object_add(row, line, json_object_new_uint64(number));
	else
		json_object_object_add(row, line, json_object_new_string(value));
}

static struct json_object *queue_row(struct json_object *vm, const char *dir,
				     const char *name)
{
	struct json_object *row = json_object_new_object();
	char page[PAGE_LEN], *line, *save = NULL;
	unsigned int slot, nr;

	json_object_object_add(row, "name", json_object_new_string(name));
	if (sscanf(name, "%u-%u", &slot, &nr) == 2) {
		json_object_object_add(row, "disk", disk_in(vm, slot));
		json_object_object_add(row, "slot", json_object_new_int64(slot));
		json_object_object_add(row, "queue", json_object_new_int64(nr));
	}
	if (attr_read(dir, name, page, sizeof(page)))
		return row;
	for (line = strtok_r(page, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		add_line(row, line);
	return row;
}

/*
 * Add "queues" to a VM whose files are in @dir, and "completions", the sum of
 * theirs.
 */
void queues_fill(struct json_object *vm, const char *dir)
{
	struct json_object *rows = json_object_new_array(), *row;
	uint64_t completions = 0;
	char path[PATH_MAX];
	struct dirent **names;
	int count, i;

	json_object_object_add(vm, "queues", rows);
	if (snprintf(path, sizeof(path), "%s/queues", dir) >= PATH_MAX)
		return;
	count = dir_names(path, &names);
	if (count < 0)
		return;
	for (i = 0; i < count; i++) {
		row = queue_row(vm, path, names[i]->d_name);
		completions += json_object_get_uint64(json_object_object_get(row, "completions"));
		json_object_array_add(rows, row);
	}
	dir_free(names, count);
	json_object_object_add(vm, "completions",
			       json_object_new_uint64(completions));
}

const char * const queue_counters[] = {
	"requests", "completions", "notified", "suppressed", NULL
};

const struct column queue_totals[] = {
	{ "/vm",		"VM",		FORMAT_TEXT },
	{ "/disk",		"DISK",		FORMAT_TEXT },
	{ "/queue",		"QUEUE",	FORMAT_NUMBER },
	{ "/core",		"CORE",		FORMAT_TEXT },
	{ "/requests",		"REQUESTS",	FORMAT_NUMBER },
	{ "/completions",	"COMPLETIONS",	FORMAT_NUMBER },
	{ "/in_flight",		"IN-FLIGHT",	FORMAT_NUMBER },
	{ "/notified",		"NOTIFIED",	FORMAT_NUMBER },
	{ "/suppressed",	"SUPPRESSED",	FORMAT_NUMBER },
	{ NULL,			NULL,		0 }
};

const struct column queue_rates[] = {
	{ "/vm",		"VM",		FORMAT_TEXT },
	{ "/disk",		"DISK",		FORMAT_TEXT },
	{ "/queue",		"QUEUE",	FORMAT_NUMBER },
	{ "/core",		"CORE",		FORMAT_TEXT },
	{ "/rates/requests",	"REQUESTS/S",	FORMAT_RATE },
	{ "/rates/completions",	"COMPLETIONS/S", FORMAT_RATE },
	{ "/in_flight",		"IN-FLIGHT",	FORMAT_NUMBER },
	{ "/rates/notified",	"NOTIFIED/S",	FORMAT_RATE },
	{ "/rates/suppressed",	"SUPPRESSED/S",	FORMAT_RATE },
	{ NULL,			NULL,		0 }
};
