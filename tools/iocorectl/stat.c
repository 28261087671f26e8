// SPDX-License-Identifier: GPL-2.0-only
/*
 * stat.c - the counters of cores, disks and VMs
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

#define INTERVAL_MAX	86400
#define MAX_KEYS	12

struct stat_kind {
	const char *dir;	/* in sysfs, and the key of the rows */
	const char *text[2];
	const char *flags[2];
	const char *values[4];	/* numbers that do not count */
	const char *counters[MAX_KEYS];
	void (*fill)(struct json_object *row, const char *dir);
	const struct column *totals;
	const struct column *rates;
};

static const struct column core_totals[] = {
	{ "/name",	"CORE",		FORMAT_TEXT },
	{ "/cpu",	"CPU",		FORMAT_NUMBER },
	{ "/busy",	"BUSY",		FORMAT_PERCENT },
	{ "/requests",	"REQUESTS",	FORMAT_NUMBER },
	{ "/turns",	"TURNS",	FORMAT_NUMBER },
	{ "/sleeps",	"SLEEPS",	FORMAT_NUMBER },
	{ "/wakeups",	"WAKEUPS",	FORMAT_NUMBER },
	{ NULL,		NULL,		0 }
};

static const struct column core_rates[] = {
	{ "/name",		"CORE",		FORMAT_TEXT },
	{ "/cpu",		"CPU",		FORMAT_NUMBER },
	{ "/busy",		"BUSY",		FORMAT_PERCENT },
	{ "/rates/requests",	"REQUESTS/S",	FORMAT_RATE },
	{ "/rates/turns",	"TURNS/S",	FORMAT_RATE },
	{ "/rates/sleeps",	"SLEEPS/S",	FORMAT_RATE },
	{ "/rates/wakeups",	"WAKEUPS/S",	FORMAT_RATE },
	{ NULL,			NULL,		0 }
};

static const struct column disk_totals[] = {
	{ "/name",		"DISK",		FORMAT_TEXT },
	{ "/reads",		"READS",	FORMAT_NUMBER },
	{ "/writes",		"WRITES",	FORMAT_NUMBER },
	{ "/flushes",		"FLUSHES",	FORMAT_NUMBER },
	{ "/read_bytes",	"READ",		FORMAT_SIZE },
	{ "/write_bytes",	"WRITTEN",	FORMAT_SIZE },
	{ "/errors",		"ERRORS",	FORMAT_NUMBER },
	{ "/in_flight",		"IN-FLIGHT",	FORMAT_NUMBER },
	{ NULL,			NULL,		0 }
};

static const struct column disk_rates[] = {
	{ "/name",		"DISK",		FORMAT_TEXT },
	{ "/rates/reads",	"READS/S",	FORMAT_RATE },
	{ "/rates/writes",	"WRITES/S",	FORMAT_RATE },
	{ "/rates/flushes",	"FLUSHES/S",	FORMAT_RATE },
	{ "/rates/read_bytes",	"READ/S",	FORMAT_SIZE },
	{ "/rates/write_bytes",	"WRITTEN/S",	FORMAT_SIZE },
	{ "/rates/errors",	"ERRORS/S",	FORMAT_RATE },
	{ "/in_flight",		"IN-FLIGHT",	FORMAT_NUMBER },
	{ NULL,			NULL,		0 }
};

static const struct column vm_totals[] = {
	{ "/name",			"VM",		FORMAT_TEXT },
	{ "/kicks",			"KICKS",	FORMAT_NUMBER },
	{ "/notifications_direct",	"DIRECT",	FORMAT_NUMBER },
	{ "/notifications_repended",	"REPENDED",	FORMAT_NUMBER },
	{ "/notifications_injected",	"INJECTED",	FORMAT_NUMBER },
	{ "/notifications_suppressed",	"SUPPRESSED",	FORMAT_NUMBER },
	{ "/direct_revoked",		"REVOKED",	FORMAT_NUMBER },
	{ "/bad_control",		"BAD-CONTROL",	FORMAT_NUMBER },
	{ "/bad_descriptor",		"BAD-DESC",	FORMAT_NUMBER },
	{ "/bad_ring",			"BAD-RING",	FORMAT_NUMBER },
	{ NULL,				NULL,		0 }
};

static const struct column vm_rates[] = {
	{ "/name",				"VM",		FORMAT_TEXT },
	{ "/rates/kicks",			"KICKS/S",	FORMAT_RATE },
	{ "/rates/notifications_direct",	"DIRECT/S",	FORMAT_RATE },
	{ "/rates/notifications_repended",	"REPENDED/S",	FORMAT_RATE },
	{ "/rates/notifications_injected",	"INJECTED/S",	FORMAT_RATE },
	{ "/rates/notifications_suppressed",	"SUPPRESSED/S",	FORMAT_RATE },
	{ "/direct_revoked",			"REVOKED",	FORMAT_NUMBER },
	{ "/bad_control",			"BAD-CONTROL",	FORMAT_NUMBER },
	{ "/bad_descriptor",			"BAD-DESC",	FORMAT_NUMBER },
	{ "/bad_ring",				"BAD-RING",	FORMAT_NUMBER },
	{ NULL,					NULL,		0 }
};

static const struct stat_kind kinds[] = {
	{
		.dir		= "cores",
		.values		= { "cpu" },
		.counters	= { "busy_ns", "total_ns", "turns", "requests",
				    "sleeps", "wakeups" },
		.totals		= core_totals,
		.rates		= core_rates,
	}, {
		.dir		= "disks",
		.text		= { "path" },
		.values		= { "capacity", "in_flight" },
		.flags		= { "readonly" },
		.counters	= { "reads", "writes", "flushes", "read_bytes",
				    "write_bytes", "errors" },
		.totals		= disk_totals,
		.rates		= disk_rates,
	}, {
		.dir		= "vms",
		.values		= { "pid" },
		.flags		= { "direct_allowed" },
		.counters	= { "kicks", "notifications_direct",
				    "notifications_repended",
				    "notifications_injected",
				    "notifications_suppressed", "direct_revoked",
				    "bad_control", "bad_descriptor", "bad_ring" },
		.fill		= vcpu_fill,
		.totals		= vm_totals,
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

/* Set a core's busy share from what its two clocks made. */
static void set_busy(struct json_object *row, double busy, double total)
{
	if (total > 0)
		json_object_object_add(row, "busy",
				       json_object_new_double(busy / total));
}

static const char *row_name(struct json_object *row)
{
	return json_object_get_string(json_object_object_get(row, "name"));
}

static double row_number(struct json_object *row, const char *key)
{
	return json_object_get_double(json_object_object_get(row, key));
}

static struct json_object *sample_row(const struct stat_kind *kind,
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
	for (i = 0; i < MAX_KEYS && kind->counters[i]; i++)
		attr_add_u64(row, dir, kind->counters[i]);
	set_busy(row, row_number(row, "busy_ns"), row_number(row, "total_ns"));
	if (kind->fill)
		kind->fill(row, dir);
	return row;
}

static struct json_object *sample_rows(const struct stat_kind *kind,
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

static struct json_object *sample(char **names)
{
	struct json_object *root = output_new();
	size_t k;

	for (k = 0; k < ARRAY_SIZE(kinds); k++)
		json_object_object_add(root, kinds[k].dir,
				       sample_rows(&kinds[k], names));
	return root;
}

static struct json_object *find_row(struct json_object *root, const char *dir,
				    const char *name)
{
	struct json_object *rows = json_object_object_get(root, dir);
	size_t i;

	for (i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		if (!strcmp(row_name(row), name))
			return row;
	}
	return NULL;
}

/* A counter that went back belongs to a new object: it has no rate yet. */
static void row_rates(const struct stat_kind *kind, struct json_object *row,
		      struct json_object *old, double seconds)
{
	struct json_object *rates = json_object_new_object();
	size_t i;

	for (i = 0; i < MAX_KEYS && kind->counters[i]; i++) {
		const char *key = kind->counters[i];
		double grown = row_number(row, key) - row_number(old, key);

		if (grown >= 0)
			json_object_object_add(rates, key,
					       json_object_new_double(grown / seconds));
	}
	json_object_object_add(row, "rates", rates);
	json_object_object_del(row, "busy");
	set_busy(row, row_number(rates, "busy_ns"),
		 row_number(rates, "total_ns"));
}

static void add_rates(struct json_object *root, struct json_object *old,
		      double seconds)
{
	size_t k, i;

	json_object_object_add(root, "interval_s",
			       json_object_new_double(seconds));
	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct json_object *rows = json_object_object_get(root, kinds[k].dir);

		for (i = 0; i < json_object_array_length(rows); i++) {
			struct json_object *row = json_object_array_get_idx(rows, i);
			const char *name = row_name(row);
			struct json_object *before = find_row(old, kinds[k].dir, name);

			if (before)
				row_rates(&kinds[k], row, before, seconds);
		}
	}
}

static void report_vcpus(struct json_object *root)
{
	struct json_object *rows = vcpu_flatten(json_object_object_get(root, "vms"));

	if (json_object_array_length(rows)) {
		putchar('\n');
		output_table(rows, vcpu_columns);
	}
	json_object_put(rows);
}

static void report(struct json_object *root, bool rates)
{
	bool any = false;
	size_t k;

	if (settings.json) {
		output_json(root);
		return;
	}
	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct json_object *rows = json_object_object_get(root, kinds[k].dir);

		if (!json_object_array_length(rows))
			continue;
		if (any)
			putchar('\n');
		output_table(rows, rates ? kinds[k].rates : kinds[k].totals);
		any = true;
	}
	report_vcpus(root);
	if (!any)
		puts("no core, no disk, no VM");
	fflush(stdout);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* A report each @interval seconds, @count of them or (0) until interrupted. */
static int report_rates(char **names, long interval, long count)
{
	struct timespec pause = { .tv_sec = interval };
	struct json_object *old = sample(names), *new;
	double then = now(), time;
	long i;

	for (i = 0; !count || i < count; i++) {
		nanosleep(&pause, NULL);
		new = sample(names);
		time = now();
		add_rates(new, old, time - then);
		then = time;
		json_object_put(old);
		old = new;
		if (i && !settings.json)
			putchar('\n');
		report(new, true);
		if (ferror(stdout))
			break;
	}
	json_object_put(old);
	return EXIT_OK;
}

static int check_names(struct json_object *root, char **names)
{
	size_t k;

	for (; *names; names++) {
		for (k = 0; k < ARRAY_SIZE(kinds); k++)
			if (find_row(root, kinds[k].dir, *names))
				break;
		if (k == ARRAY_SIZE(kinds))
			return fail(EXIT_FAILED,
				    "no core, disk or VM is called %s",
				    *names);
	}
	return EXIT_OK;
}

static int stat_names(char **names, long interval, long count)
{
	struct json_object *root;
	int code;

	if (!tree_has(SYSFS_DIR))
		return fail(EXIT_UNSUPPORTED,
			    "%s is missing: the iocore module is not loaded (see: iocorectl check)",
			    SYSFS_DIR);
	root = sample(names);
	code = check_names(root, names);
	if (!code && interval)
		code = report_rates(names, interval, count);
	else if (!code)
		report(root, false);
	json_object_put(root);
	return code;
}

int stat_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "interval",	required_argument, NULL, 'i' },
		{ "count",	required_argument, NULL, 'n' },
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	long interval = 0, count = 0;
	int opt, err;

	while ((opt = getopt_long(argc, argv, "i:n:" COMMON_SHORT, options,
				  NULL)) >= 0) {
		if (opt == 'i')
			err = parse_number("--interval", optarg, 1,
					   INTERVAL_MAX, &interval);
		else if (opt == 'n')
			err = parse_number("--count", optarg, 1, INT_MAX,
					   &count);
		else
			err = common_option(opt);
		if (err)
			return err;
	}
	if (count && !interval)
		return usage_error("--count needs --interval");
	return stat_names(argv + optind, interval, count);
}
