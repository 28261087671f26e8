// SPDX-License-Identifier: GPL-2.0-only
/* stat.c - tables of the counters of cores, disks and VMs, and of their rates */
#include <stdio.h>

#include "iocorectl.h"

#define INTERVAL_MAX	86400

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
	{ "/discards",		"DISCARDS",	FORMAT_NUMBER },
	{ "/write_zeroes",	"ZEROES",	FORMAT_NUMBER },
	{ "/discard_bytes",	"DISCARDED",	FORMAT_SIZE },
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
	{ "/rates/discards",	"DISCARDS/S",	FORMAT_RATE },
	{ "/rates/write_zeroes", "ZEROES/S",	FORMAT_RATE },
	{ "/rates/discard_bytes", "DISCARDED/S", FORMAT_SIZE },
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
	{ "/exits",			"EXITS",	FORMAT_NUMBER },
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
	{ "/rates/exits",			"EXITS/S",	FORMAT_RATE },
	{ "/rates/exits_per_io",		"EXITS/IO",	FORMAT_SMALL },
	{ "/direct_revoked",			"REVOKED",	FORMAT_NUMBER },
	{ "/bad_control",			"BAD-CONTROL",	FORMAT_NUMBER },
	{ "/bad_descriptor",			"BAD-DESC",	FORMAT_NUMBER },
	{ "/bad_ring",				"BAD-RING",	FORMAT_NUMBER },
	{ NULL,					NULL,		0 }
};

/* Indexed by whether it is of rates. */
static const struct {
	const char *key;
	const struct column *columns[2];
} tables[] = {
	{ "cores",	{ core_totals,	core_rates } },
	{ "disks",	{ disk_totals,	disk_rates } },
	{ "vms",	{ vm_totals,	vm_rates } },
};

struct stat_options {
	long interval;
	long count;
	bool latency;
	bool queues;
	bool again;	/* a report was printed */
};

/* Rows made for a table, and put after it. */
static void report_rows(struct json_object *rows, const struct column *columns)
{
	if (json_object_array_length(rows)) {
		putchar('\n');
		output_table(rows, columns);
	}
	json_object_put(rows);
}

static void report_details(struct json_object *root,
			   const struct stat_options *o)
{
	struct json_object *disks = json_object_object_get(root, "disks");
	struct json_object *vms = json_object_object_get(root, "vms");

	report_rows(vm_flatten(vms, "vcpus"), vcpu_columns);
	if (o->queues)
		report_rows(vm_flatten(vms, "queues"),
			    o->interval ? queue_rates : queue_totals);
	if (!o->latency)
		return;
	report_rows(latency_flatten(disks, o->interval), latency_columns);
	if (!o->interval)
		report_rows(latency_histograms(disks), histogram_columns);
}

static void report(struct json_object *root, void *context)
{
	struct stat_options *o = context;
	bool any = false;
	size_t k;

	if (settings.json) {
		output_json(root);
		return;
	}
	if (o->again)
		putchar('\n');
	o->again = true;
	for (k = 0; k < ARRAY_SIZE(tables); k++) {
		struct json_object *rows = json_object_object_get(root, tables[k].key);

		if (!json_object_array_length(rows))
			continue;
		if (any)
			putchar('\n');
		output_table(rows, tables[k].columns[o->interval != 0]);
		any = true;
	}
	if (!any)
		puts("no core, no disk, no VM");
	report_details(root, o);
}

static int stat_names(char **names, struct stat_options *o)
{
	struct json_object *root;
	int code = sample_need_host();
	char **name;

	if (code)
		return code;
	root = sample_take(names);
	for (name = names; *name && !code; name++)
		if (!sample_has(root, *name))
			code = fail(EXIT_FAILED,
				    "no core, disk or VM is called %s", *name);
	if (!code && !o->interval)
		report(root, o);
	json_object_put(root);
	if (!code && o->interval)
		code = sample_each(names, o->interval, o->count, report, o);
	return code;
}

static int stat_option(int opt, struct stat_options *o)
{
	switch (opt) {
	case 'i':
		return parse_number("--interval", optarg, 1, INTERVAL_MAX,
				    &o->interval);
	case 'n':
		return parse_number("--count", optarg, 1, INT_MAX, &o->count);
	case 'l':
		o->latency = true;
		return EXIT_OK;
	case 'q':
		o->queues = true;
		return EXIT_OK;
	default:
		return common_option(opt);
	}
}

int stat_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "interval",	required_argument, NULL, 'i' },
		{ "count",	required_argument, NULL, 'n' },
		{ "latency",	no_argument, NULL, 'l' },
		{ "queues",	no_argument, NULL, 'q' },
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	struct stat_options o = {};
	int opt, err;

	while ((opt = getopt_long(argc, argv, "i:n:lq" COMMON_SHORT, options,
				  NULL)) >= 0) {
		err = stat_option(opt, &o);
		if (err)
			return err;
	}
	if (o.count && !o.interval)
		return usage_error("--count needs --interval");
	return stat_names(argv + optind, &o);
}
