// SPDX-License-Identifier: GPL-2.0-only
/* core.c - IOCores: host CPUs that poll the guests' rings */
#include <errno.h>
#include <stdio.h>

#include "iocorectl.h"

static const char *core_hint(int err)
{
	switch (err) {
	case EINVAL:
		return "is that CPU there and online?";
	default:
		return NULL;
	}
}

const struct object_kind core_kind = {
	.name	= "core",
	.dir	= "cores",
	.in_use	= "disks are served by it (see: iocorectl disk list)",
	.hint	= core_hint,
};

static int core_add(int argc, char **argv)
{
	static const struct option options[] = {
		{ "cpu",	required_argument, NULL, 'c' },
		{ "idle-us",	required_argument, NULL, 'i' },
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	char cpu_text[24], idle_text[24];
	struct attr_value values[] = {
		{ "cpu",	cpu_text },
		{ "idle_us",	NULL },
		{ "enable",	"1" },
		{ NULL,		NULL }
	};
	long cpu = -1, idle = -1;
	const char *name;
	int opt, err;

	while ((opt = getopt_long(argc, argv, "c:i:" COMMON_SHORT, options,
				  NULL)) >= 0) {
		if (opt == 'c')
			err = parse_number("--cpu", optarg, 0, INT_MAX, &cpu);
		else if (opt == 'i')
			err = parse_number("--idle-us", optarg, 0, IDLE_US_MAX,
					   &idle);
		else
			err = common_option(opt);
		if (err)
			return err;
	}
	err = parse_name("core", argc, argv, &name);
	if (err)
		return err;
	if (cpu < 0)
		return usage_error("--cpu is missing");

	snprintf(cpu_text, sizeof(cpu_text), "%ld", cpu);
	if (idle >= 0) {
		snprintf(idle_text, sizeof(idle_text), "%ld", idle);
		values[1].value = idle_text;
	}
	return object_create(&core_kind, name, values);
}

static int core_del(int argc, char **argv)
{
	const char *name;
	int err = parse_only_name("core", argc, argv, &name);

	return err ? err : object_delete(&core_kind, name);
}

static void core_fill(struct json_object *row, const char *dir,
		      const char *name)
{
	char counters[PATH_MAX];

	attr_add_u64(row, dir, "cpu");
	attr_add_u64(row, dir, "idle_us");
	attr_add_bool(row, dir, "enable", "enabled");
	if (!tree_path(counters, "%s/cores/%s", SYSFS_DIR, name))
		attr_add_u64(row, counters, "requests");
}

struct json_object *core_rows(void)
{
	return object_rows(&core_kind, core_fill);
}

const struct column core_columns[] = {
	{ "/name",	"CORE",		FORMAT_TEXT },
	{ "/cpu",	"CPU",		FORMAT_NUMBER },
	{ "/idle_us",	"IDLE-US",	FORMAT_NUMBER },
	{ "/enabled",	"ENABLED",	FORMAT_TEXT },
	{ "/requests",	"REQUESTS",	FORMAT_NUMBER },
	{ NULL,		NULL,		0 }
};

static int core_list(int argc, char **argv)
{
	return list_run(argc, argv, "cores", core_rows, core_columns);
}

const struct command core_commands[] = {
	{ "add", "NAME --cpu N [--idle-us N]",
	  "start an IOCore on a CPU", core_add, NULL },
	{ "del", "NAME", "stop an IOCore that serves no disk", core_del, NULL },
	{ "list", "", "list IOCores", core_list, NULL },
	{ NULL, NULL, NULL, NULL, NULL }
};
