// SPDX-License-Identifier: GPL-2.0-only
/* clear.c - detach everything, then take disks and cores away */
#include <stdio.h>

#include "iocorectl.h"

static long row_pid(struct json_object *vm)
{
	return (long)json_object_get_int64(json_object_object_get(vm, "pid"));
}

/* A VM may end meanwhile, and its bindings with it. */
static void clear_binding(struct report *report, const char *disk, long pid,
			  bool keep)
{
	bool gone = false;

	if (detach_disk(disk, pid, keep, &gone))
		report_failed(report, "disk %s of VM %ld", disk, pid);
	else if (!gone)
		report_done(report, "%s disk %s of VM %ld",
			    keep ? "kept" : "detached", disk, pid);
}

/* What is kept already stays so with @keep, and is given up without. */
static void clear_vm(struct report *report, struct json_object *vm, bool keep)
{
	long pid = row_pid(vm);

	json_object_object_foreach(json_object_object_get(vm, "disks"), disk,
				   slot) {
		(void)slot;
		clear_binding(report, disk, pid, keep);
	}
	if (keep)
		return;
	json_object_object_foreach(json_object_object_get(vm, "kept"), kept,
				   kept_slot) {
		(void)kept_slot;
		clear_binding(report, kept, pid, false);
	}
}

static void no_fill(struct json_object *row, const char *dir, const char *name)
{
	(void)row;
	(void)dir;
	(void)name;
}

static void clear_objects(struct report *report, const struct object_kind *kind)
{
	struct json_object *rows = object_rows(kind, no_fill);
	size_t i;

	for (i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		const char *name = json_object_get_string(json_object_object_get(row, "name"));

		if (object_remove(kind, name))
			report_failed(report, "%s %s", kind->name, name);
		else
			report_done(report, "deleted %s %s", kind->name, name);
	}
	json_object_put(rows);
}

static int clear_all(bool keep)
{
	struct json_object *vms;
	struct report report;
	int code;
	size_t i;

	code = object_need_host();
	if (code)
		return code;
	report_begin(&report, "cleared");
	vms = vm_rows();
	for (i = 0; i < json_object_array_length(vms); i++)
		clear_vm(&report, json_object_array_get_idx(vms, i), keep);
	json_object_put(vms);
	clear_objects(&report, &disk_kind);
	clear_objects(&report, &core_kind);
	return report_end(&report);
}

int clear_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "keep",	no_argument, NULL, 'k' },
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	bool keep = false;
	int opt, err;

	while ((opt = getopt_long(argc, argv, "k" COMMON_SHORT, options,
				  NULL)) >= 0) {
		err = EXIT_OK;
		if (opt == 'k')
			keep = true;
		else
			err = common_option(opt);
		if (err)
			return err;
	}
	if (optind < argc)
		return usage_error("'%s' is one argument too many",
				   argv[optind]);
	return clear_all(keep);
}
