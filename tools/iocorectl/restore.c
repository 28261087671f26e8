// SPDX-License-Identifier: GPL-2.0-only
/*
 * restore.c - make what is missing of a saved state
 *
 * What is there already and right stays untouched, so a second restore does
 * nothing. What is there and differs is left as it is and reported: it may be in
 * use. An attachment is made only for the very process it was saved of.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/iocore.h>

#include "iocorectl.h"

#define MAX_ATTRS	16

/* A value as the kernel takes it, and shows it. */
static void attr_text(const struct attr_schema *attr, struct json_object *value,
		      char text[VALUE_LEN])
{
	if (attr->type == ATTR_BOOL)
		snprintf(text, VALUE_LEN, "%d", json_object_get_boolean(value));
	else
		snprintf(text, VALUE_LEN, "%s", json_object_get_string(value));
}

static char *copy_text(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		exit(fail(EXIT_FAILED, "no memory"));
	return copy;
}

/* The values that are set: all of the row's, or those that differ in @dir. */
static size_t pick_values(const struct object_schema *schema,
			  struct json_object *row, const char *dir,
			  struct attr_value *values)
{
	const struct attr_schema *attr;
	char text[VALUE_LEN], now[VALUE_LEN];
	struct json_object *value;
	size_t count = 0;

	for (attr = schema->attrs; attr->name; attr++) {
		if (!json_object_object_get_ex(row, attr->name, &value))
			continue;
		attr_text(attr, value, text);
		if (!dir && !*text)
			continue;
		if (dir && !attr_read(dir, attr->name, now, sizeof(now)) &&
		    !strcmp(now, text))
			continue;
		values[count].name = attr->name;
		/* An empty write would not reach the kernel. */
		values[count++].value = copy_text(*text ? text : "\n");
	}
	return count;
}

static void free_values(struct attr_value *values, size_t count)
{
	while (count--)
		free((void *)values[count].value);
}

static bool row_bool(struct json_object *row, const char *key)
{
	return json_object_get_boolean(json_object_object_get(row, key));
}

static const char *row_text(struct json_object *row, const char *key)
{
	return json_object_get_string(json_object_object_get(row, key));
}

static int make_object(const struct object_schema *schema,
		       struct json_object *row)
{
	struct attr_value values[MAX_ATTRS + 2] = {};
	size_t count = pick_values(schema, row, NULL, values);
	int code;

	if (row_bool(row, "enabled"))
		values[count] = (struct attr_value){ "enable", "1" };
	code = object_make(schema->kind, row_text(row, "name"), values);
	free_values(values, count);
	return code;
}

static int differs(const struct object_schema *schema, struct json_object *row,
		   const char *dir, const struct attr_value *value)
{
	char now[VALUE_LEN];

	if (attr_read(dir, value->name, now, sizeof(now)))
		return fail(EXIT_FAILED, "%s %s is there: its %s can't be read",
			    schema->kind->name, row_text(row, "name"),
			    value->name);
	return fail(EXIT_FAILED, "%s %s is there with %s '%s', not '%s': left as it is",
		    schema->kind->name, row_text(row, "name"), value->name, now,
		    *value->value == '\n' ? "" : value->value);
}

/*
 * Bring an object that is there to what the row says, as far as that changes
 * nothing that may be in use. @changed: whether anything was done.
 */
static int fix_object(const struct object_schema *schema,
		      struct json_object *row, const char *dir, bool *changed)
{
	struct attr_value values[MAX_ATTRS + 2] = {};
	bool wanted = row_bool(row, "enabled");
	unsigned long long enabled = 0;
	int code = EXIT_OK;
	size_t count;

	attr_read_u64(dir, "enable", &enabled);
	count = pick_values(schema, row, dir, values);
	if (enabled && count) {
		code = differs(schema, row, dir, &values[0]);
	} else if (enabled && !wanted) {
		code = fail(EXIT_FAILED, "%s %s is enabled: left as it is",
			    schema->kind->name, row_text(row, "name"));
	} else if (!enabled && (count || wanted)) {
		if (wanted)
			values[count] = (struct attr_value){ "enable", "1" };
		*changed = true;
		code = object_set_values(schema->kind, dir,
					 row_text(row, "name"), values);
	}
	free_values(values, count);
	return code;
}

static void restore_object(struct report *report,
			   const struct object_schema *schema,
			   struct json_object *row)
{
	const char *name = row_text(row, "name");
	char dir[PATH_MAX];
	bool changed = false;
	int code;

	code = object_dir(schema->kind, name, dir);
	if (!code && !access(dir, F_OK)) {
		code = fix_object(schema, row, dir, &changed);
	} else if (!code) {
		changed = true;
		code = make_object(schema, row);
	}
	if (code)
		report_failed(report, "%s %s", schema->kind->name, name);
	else if (changed)
		report_done(report, "made %s %s", schema->kind->name, name);
}

static void restore_objects(struct report *report, struct json_object *state,
			    const struct object_schema *schema)
{
	struct json_object *rows = json_object_object_get(state, schema->key);
	size_t i;

	for (i = 0; rows && i < json_object_array_length(rows); i++)
		restore_object(report, schema, json_object_array_get_idx(rows, i));
}

/* Is @key of a VM of process @pid true, or does it have @disk? */
static bool vm_has(struct json_object *vms, long pid, const char *key,
		   const char *disk, struct json_object **found)
{
	size_t i;

	for (i = 0; i < json_object_array_length(vms); i++) {
		struct json_object *vm = json_object_array_get_idx(vms, i), *part;

		if (json_object_get_int64(json_object_object_get(vm, "pid")) != pid ||
		    !json_object_object_get_ex(vm, key, &part))
			continue;
		if (!disk && json_object_get_boolean(part))
			return true;
		if (disk && json_object_object_get_ex(part, disk, found))
			return true;
	}
	return false;
}

static void restore_kept(struct report *report, struct json_object *vms,
			 long pid, const char *disk)
{
	struct json_object *slot;

	if (!vm_has(vms, pid, "kept", disk, &slot))
		report_skipped(report, "disk %s of VM %ld was detached with --keep: not attached",
			       disk, pid);
}

static void restore_attachment(struct report *report, struct json_object *vms,
			       long pid, struct json_object *row)
{
	const char *disk = row_text(row, "disk");
	long slot = (long)json_object_get_int64(json_object_object_get(row, "slot"));
	const char *notifier = row_text(row, "notifier");
	struct json_object *now;

	if (vm_has(vms, pid, "disks", disk, &now)) {
		if (json_object_get_int64(now) == slot)
			return;
		fail(EXIT_FAILED, "%s is in slot %s of VM %ld, not %ld: left as it is",
		     disk, json_object_get_string(now), pid, slot);
		report_failed(report, "disk %s of VM %ld", disk, pid);
	} else if (row_bool(row, "kept")) {
		restore_kept(report, vms, pid, disk);
	} else if (attach_disk(disk, pid, &slot, notifier ? notifier_number(notifier) :
			       IOCORE_NOTIFIER_DISK)) {
		report_failed(report, "disk %s of VM %ld", disk, pid);
	} else {
		report_done(report, "attached %s to slot %ld of VM %ld", disk,
			    slot, pid);
	}
}

/* A pid alone does not name a process: an earlier one may have had it. */
static bool same_process(struct json_object *vm, long pid)
{
	unsigned long long start;

	return !process_start(pid, &start) &&
	       start == json_object_get_uint64(json_object_object_get(vm, "start_time"));
}

static void restore_vm(struct report *report, struct json_object *vms,
		       struct json_object *vm)
{
	struct json_object *rows = json_object_object_get(vm, "attachments");
	long pid = (long)json_object_get_int64(json_object_object_get(vm, "pid"));
	size_t i;

	if (!same_process(vm, pid)) {
		report_skipped(report, "VM %ld has ended", pid);
		return;
	}
	if (row_bool(vm, "direct_allowed") &&
	    !vm_has(vms, pid, "direct_allowed", NULL, NULL)) {
		if (vm_privileges(pid, IOCORE_ALLOW_DIRECT))
			report_failed(report, "direct mode of VM %ld", pid);
		else
			report_done(report, "allowed VM %ld direct mode", pid);
	}
	for (i = 0; rows && i < json_object_array_length(rows); i++)
		restore_attachment(report, vms, pid,
				   json_object_array_get_idx(rows, i));
}

static bool same_boot(struct json_object *state)
{
	const char *saved = row_text(state, "boot_id");
	char boot[64];

	return saved && !boot_id(boot, sizeof(boot)) && !strcmp(boot, saved);
}

static void restore_vms(struct report *report, struct json_object *state)
{
	struct json_object *rows = json_object_object_get(state, "vms");
	struct json_object *vms;
	size_t i;

	if (!rows || !json_object_array_length(rows))
		return;
	if (!same_boot(state)) {
		report_skipped(report, "the VMs were those of an earlier boot");
		return;
	}
	vms = vm_rows();
	for (i = 0; i < json_object_array_length(rows); i++)
		restore_vm(report, vms, json_object_array_get_idx(rows, i));
	json_object_put(vms);
}

static int restore_state(struct json_object *state)
{
	struct report report;
	int code = object_need_host();

	if (code)
		return code;
	report_begin(&report, "restored");
	restore_objects(&report, state, &core_schema);
	restore_objects(&report, state, &disk_schema);
	restore_vms(&report, state);
	return report_end(&report);
}

static int restore_file(const char *name, bool try)
{
	struct json_object *state;
	int code;

	if (try && access(name, F_OK) && errno == ENOENT)
		return EXIT_OK;
	code = json_read(name, &state);
	if (!code)
		code = state_check(state, name);
	if (!code)
		code = restore_state(state);
	json_object_put(state);
	return code;
}

int restore_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "try",	no_argument, NULL, 't' },
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	bool try = false;
	int opt, err;

	while ((opt = getopt_long(argc, argv, "t" COMMON_SHORT, options,
				  NULL)) >= 0) {
		err = EXIT_OK;
		if (opt == 't')
			try = true;
		else
			err = common_option(opt);
		if (err)
			return err;
	}
	if (argc - optind > 1)
		return usage_error("'%s' is one argument too many",
				   argv[optind + 1]);
	return restore_file(optind < argc ? argv[optind] : STATE_FILE, try);
}
