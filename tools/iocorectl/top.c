// SPDX-License-Identifier: GPL-2.0-only
/*
 * top.c - who does how much I/O now, the busiest first
 *
 * On a terminal each report takes the place of the one before; elsewhere they follow
 * each other, a blank line between them.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "iocorectl.h"

#define INTERVAL_MAX	86400
#define HOME_AND_CLEAR	"\033[H\033[J"

static const struct column core_columns_top[] = {
	{ "/name",		"CORE",		FORMAT_TEXT },
	{ "/cpu",		"CPU",		FORMAT_NUMBER },
	{ "/busy",		"BUSY",		FORMAT_PERCENT },
	{ "/rates/requests",	"IO/S",		FORMAT_RATE },
	{ "/rates/sleeps",	"SLEEPS/S",	FORMAT_RATE },
	{ NULL,			NULL,		0 }
};

static const struct column disk_columns_top[] = {
	{ "/name",			"DISK",		FORMAT_TEXT },
	{ "/vms",			"VM",		FORMAT_TEXT },
	{ "/rates/requests",		"IO/S",		FORMAT_RATE },
	{ "/rates/read_bytes",		"READ/S",	FORMAT_SIZE },
	{ "/rates/write_bytes",		"WRITTEN/S",	FORMAT_SIZE },
	{ "/rates/latency/all/mean_us",	"MEAN-US",	FORMAT_RATE },
	{ "/rates/latency/all/p99_us",	"P99-US",	FORMAT_RATE },
	{ "/in_flight",			"DEPTH",	FORMAT_NUMBER },
	{ "/rates/errors",		"ERRORS/S",	FORMAT_RATE },
	{ NULL,				NULL,		0 }
};

static const struct column vm_columns_top[] = {
	{ "/name",			"VM",		FORMAT_TEXT },
	{ "/rates/completions",		"IO/S",		FORMAT_RATE },
	{ "/rates/exits",		"EXITS/S",	FORMAT_RATE },
	{ "/rates/exits_per_io",	"EXITS/IO",	FORMAT_SMALL },
	{ "/rates/kicks",		"KICKS/S",	FORMAT_RATE },
	{ "/rates/notifications",	"NOTIFIED/S",	FORMAT_RATE },
	{ "/rates/notifications_suppressed", "SUPPRESSED/S", FORMAT_RATE },
	{ NULL,				NULL,		0 }
};

/* A disk's VMs, by name. */
static void add_vms(struct json_object *disk, struct json_object *vms)
{
	const char *name = row_name(disk);
	char text[VALUE_LEN] = "";
	size_t i, used = 0;

	for (i = 0; i < json_object_array_length(vms); i++) {
		struct json_object *vm = json_object_array_get_idx(vms, i);

		if (!json_object_object_get_ex(json_object_object_get(vm, "disks"),
					       name, NULL))
			continue;
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
					 used ? "," : "", row_name(vm));
		if (used >= sizeof(text))
			break;
	}
	json_object_object_add(disk, "vms", json_object_new_string(text));
}

static double rate(const void *row, const char *key)
{
	return row_number(json_object_object_get((struct json_object *)row, "rates"),
			  key);
}

/* By requests, which VMs call completions; then by name. */
static int busier(const void *a, const void *b)
{
	struct json_object *x = *(struct json_object * const *)a;
	struct json_object *y = *(struct json_object * const *)b;
	double diff = rate(y, "requests") + rate(y, "completions") -
		      rate(x, "requests") - rate(x, "completions");

	if (diff)
		return diff > 0 ? 1 : -1;
	return strverscmp(row_name(x), row_name(y));
}

static void print_heading(struct json_object *root)
{
	time_t seconds = time(NULL);
	struct tm tm;
	char clock[16] = "";

	if (localtime_r(&seconds, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	printf("iocore %s, over %.1f s\n", clock, row_number(root, "interval_s"));
}

static void print_part(struct json_object *rows, const struct column *columns)
{
	if (!json_object_array_length(rows))
		return;
	putchar('\n');
	output_table(rows, columns);
}

static void report(struct json_object *root, void *context)
{
	struct json_object *cores = json_object_object_get(root, "cores");
	struct json_object *disks = json_object_object_get(root, "disks");
	struct json_object *vms = json_object_object_get(root, "vms");
	bool *again = context;
	size_t i;

	for (i = 0; i < json_object_array_length(disks); i++)
		add_vms(json_object_array_get_idx(disks, i), vms);
	json_object_array_sort(cores, busier);
	json_object_array_sort(disks, busier);
	json_object_array_sort(vms, busier);
	if (settings.json) {
		output_json(root);
		return;
	}
	if (isatty(STDOUT_FILENO))
		fputs(HOME_AND_CLEAR, stdout);
	else if (*again)
		putchar('\n');
	*again = true;
	print_heading(root);
	print_part(cores, core_columns_top);
	print_part(disks, disk_columns_top);
	print_part(vms, vm_columns_top);
}

int top_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "interval",	required_argument, NULL, 'i' },
		{ "count",	required_argument, NULL, 'n' },
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	char *all = NULL;	/* an empty list of names */
	long interval = 1, count = 0;
	bool again = false;
	int opt, err;

	while ((opt = getopt_long(argc, argv, "i:n:" COMMON_SHORT, options,
				  NULL)) >= 0) {
		if (opt == 'i')
			err = parse_number("--interval", optarg, 1, INTERVAL_MAX,
					   &interval);
		else if (opt == 'n')
			err = parse_number("--count", optarg, 1, INT_MAX, &count);
		else
			err = common_option(opt);
		if (err)
			return err;
	}
	if (optind < argc)
		return usage_error("'%s' is one argument too many",
				   argv[optind]);
	err = sample_need_host();
	return err ? err : sample_each(&all, interval, count, report, &again);
}
