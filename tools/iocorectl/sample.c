// SPDX-License-Identifier: GPL-2.0-only
/*
 * sample.c - the counters of cores, disks and VMs at a moment
 *
 * A sample holds a row an object with the counters as sysfs gives them. Of two
 * samples the newer one's rows get "rates": what each counter grew a second.
 * A core's "busy" is the part of its time with work: since it was started, or
 * between the two samples.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "iocorectl.h"

#define MAX_KEYS	12

struct sample_kind {
	const char *dir;	/* in sysfs, and the key of the rows */
	const char *text[2];
	const char *flags[2];
	const char *values[4];	/* numbers that do not count */
	const char *counters[MAX_KEYS];	/* NULL at the end */
	void (*fill)(struct json_object *row, const char *dir);
	void (*rates)(struct json_object *row, struct json_object *rates,
		      struct json_object *old, double seconds);
};

double row_number(struct json_object *row, const char *key)
{
	return json_object_get_double(json_object_object_get(row, key));
}

const char *row_name(struct json_object *row)
{
	return json_object_get_string(json_object_object_get(row, "name"));
}

/* Set a core's busy share from what its two clocks made. */
static void set_busy(struct json_object *row, double busy, double total)
{
	if (total > 0)
		json_object_object_add(row, "busy",
				       json_object_new_double(busy / total));
}

static void core_fill(struct json_object *row, const char *dir)
{
	(void)dir;
	set_busy(row, row_number(row, "busy_ns"), row_number(row, "total_ns"));
}

static void core_rates(struct json_object *row, struct json_object *rates,
		       struct json_object *old, double seconds)
{
	(void)old;
	(void)seconds;
	json_object_object_del(row, "busy");
	set_busy(row, row_number(rates, "busy_ns"),
		 row_number(rates, "total_ns"));
}

static void add_sum(struct json_object *rates, const char *key, double sum)
{
	json_object_object_add(rates, key, json_object_new_double(sum));
}

static void disk_rates(struct json_object *row, struct json_object *rates,
		       struct json_object *old, double seconds)
{
	(void)seconds;
	latency_rates(rates, row, old);
	add_sum(rates, "requests",
		row_number(rates, "reads") + row_number(rates, "writes") +
		row_number(rates, "flushes") + row_number(rates, "discards") +
		row_number(rates, "write_zeroes"));
	add_sum(rates, "bytes", row_number(rates, "read_bytes") +
		row_number(rates, "write_bytes"));
}

static void vm_sample(struct json_object *row, const char *dir)
{
	vm_fill_disks(row, dir);
	vcpu_fill(row, dir);
	queues_fill(row, dir);
}

/* A counter that went back belongs to a new object: it has no rate yet. */
static struct json_object *counter_rates(const char * const *keys,
					 struct json_object *row,
					 struct json_object *old, double seconds)
{
	struct json_object *rates = json_object_new_object();

	for (; *keys; keys++) {
		double grown = row_number(row, *keys) - row_number(old, *keys);

		if (grown >= 0 && json_object_object_get_ex(row, *keys, NULL))
			json_object_object_add(rates, *keys,
					       json_object_new_double(grown / seconds));
	}
	return rates;
}

static struct json_object *named_row(struct json_object *rows, const char *name)
{
	size_t i;

	for (i = 0; rows && i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		if (!strcmp(row_name(row), name))
			return row;
	}
	return NULL;
}

/* Exits count whatever caused them, so that without I/O there is no ratio. */
static void vm_rates(struct json_object *row, struct json_object *rates,
		     struct json_object *old, double seconds)
{
	struct json_object *queues = json_object_object_get(row, "queues");
	struct json_object *before = json_object_object_get(old, "queues");
	double completions = row_number(rates, "completions");
	size_t i;

	for (i = 0; i < json_object_array_length(queues); i++) {
		struct json_object *queue = json_object_array_get_idx(queues, i);
		struct json_object *was = named_row(before, row_name(queue));

		if (was)
			json_object_object_add(queue, "rates",
					       counter_rates(queue_counters, queue, was, seconds));
	}
	add_sum(rates, "notifications",
		row_number(rates, "notifications_direct") +
		row_number(rates, "notifications_repended") +
		row_number(rates, "notifications_injected"));
	if (completions > 0 && json_object_object_get_ex(rates, "exits", NULL))
		add_sum(rates, "exits_per_io",
			row_number(rates, "exits") / completions);
}

static const struct sample_kind kinds[] = {
	{
		.dir		= "cores",
		.values		= { "cpu" },
		.counters	= { "busy_ns", "total_ns", "turns", "requests",
				    "sleeps", "wakeups" },
		.fill		= core_fill,
		.rates		= core_rates,
	}, {
		.dir		= "disks",
		.text		= { "path" },
		.values		= { "capacity", "in_flight" },
		.flags		= { "readonly" },
		.counters	= { "reads", "writes", "flushes", "discards",
				    "write_zeroes", "read_bytes", "write_bytes",
				    "discard_bytes", "errors" },
		.fill		= latency_fill,
		.rates		= disk_rates,
	}, {
		.dir		= "vms",
		.values		= { "pid" },
		.flags		= { "direct_allowed" },
		.counters	= { "kicks", "notifications_direct",
				    "notifications_repended",
				    "notifications_injected",
				    "notifications_suppressed", "direct_revoked",
				    "bad_control", "bad_descriptor", "bad_ring",
				    "exits", "completions" },
		.fill		= vm_sample,
		.rates		= vm_rates,
	},
};

static bool wanted(const char *name, char **names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

static struct json_object *sample_row(const struct sample_kind *kind,
				      const char *name)
{
	struct json_object *row = json_object_new_object();
	char dir[PATH_MAX];
	size_t i;

	json_object_object_add(row, "name", json_object_new_string(name));
	if (tree_path(dir, "%s/%s/%s", SYSFS_DIR, kind->dir, name))
		return row;
	for (i = 0; i < ARRAY_SIZE(kind->text) && kind->text[i]; i++)
		attr_add_string(row, dir, kind->text[i]);
	for (i = 0; i < ARRAY_SIZE(kind->flags) && kind->flags[i]; i++)
		attr_add_bool(row, dir, kind->flags[i], kind->flags[i]);
	for (i = 0; i < ARRAY_SIZE(kind->values) && kind->values[i]; i++)
		attr_add_u64(row, dir, kind->values[i]);
	for (i = 0; kind->counters[i]; i++)
		attr_add_u64(row, dir, kind->counters[i]);
	kind->fill(row, dir);
	return row;
}

static struct json_object *sample_rows(const struct sample_kind *kind,
				       char **names)
{
	struct json_object *rows = json_object_new_array();
	struct dirent **entries;
	char dir[PATH_MAX];
	int count, i;

	if (tree_path(dir, "%s/%s", SYSFS_DIR, kind->dir))
		return rows;
	count = dir_names(dir, &entries);
	for (i = 0; i < count; i++)
		if (wanted(entries[i]->d_name, names))
			json_object_array_add(rows, sample_row(kind, entries[i]->d_name));
	if (count >= 0)
		dir_free(entries, count);
	return rows;
}

/* Of the objects of those names, or of all if there is no name. */
struct json_object *sample_take(char **names)
{
	struct json_object *root = output_new();
	size_t k;

	for (k = 0; k < ARRAY_SIZE(kinds); k++)
		json_object_object_add(root, kinds[k].dir,
				       sample_rows(&kinds[k], names));
	return root;
}

bool sample_has(struct json_object *root, const char *name)
{
	size_t k;

	for (k = 0; k < ARRAY_SIZE(kinds); k++)
		if (named_row(json_object_object_get(root, kinds[k].dir), name))
			return true;
	return false;
}

static void kind_rates(const struct sample_kind *kind, struct json_object *root,
		       struct json_object *old, double seconds)
{
	struct json_object *rows = json_object_object_get(root, kind->dir);
	struct json_object *before = json_object_object_get(old, kind->dir);
	size_t i;

	for (i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		struct json_object *was = named_row(before, row_name(row)), *rates;

		if (!was)
			continue;
		rates = counter_rates(kind->counters, row, was, seconds);
		json_object_object_add(row, "rates", rates);
		kind->rates(row, rates, was, seconds);
	}
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/*
 * Report what is between two samples, each @interval seconds, @count times or (0)
 * until interrupted or the output ends.
 */
int sample_each(char **names, long interval, long count,
		void (*report)(struct json_object *root, void *context),
		void *context)
{
	struct timespec pause = { .tv_sec = interval };
	struct json_object *old = sample_take(names), *new;
	double then = now(), time;
	size_t k;
	long i;

	for (i = 0; !count || i < count; i++) {
		nanosleep(&pause, NULL);
		new = sample_take(names);
		time = now();
		json_object_object_add(new, "interval_s",
				       json_object_new_double(time - then));
		for (k = 0; k < ARRAY_SIZE(kinds); k++)
			kind_rates(&kinds[k], new, old, time - then);
		then = time;
		json_object_put(old);
		old = new;
		report(new, context);
		if (fflush(stdout) || ferror(stdout))
			break;
	}
	json_object_put(old);
	return EXIT_OK;
}

int sample_need_host(void)
{
	if (tree_has(SYSFS_DIR))
		return EXIT_OK;
	return fail(EXIT_UNSUPPORTED,
		    "%s is missing: the iocore module is not loaded (see: iocorectl check)",
		    SYSFS_DIR);
}
