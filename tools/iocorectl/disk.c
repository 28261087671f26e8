// SPDX-License-Identifier: GPL-2.0-only
/* disk.c - disks: a block device or file of the host, ready to be attached */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/iocore_ring.h>

#include "iocorectl.h"

static const char *disk_hint(int err)
{
	switch (err) {
	case ENOENT:
		return "the backing path does not exist";
	case ENODEV:
		return "no such IOCore is enabled (see: iocorectl core list)";
	case EBUSY:
		return "the backing device is in use by another";
	case ETXTBSY:
		return "the backing file is a swap file";
	case ENOTBLK:
	case EINVAL:
		return "not a block device, nor a regular file with direct I/O, or empty";
	case EOPNOTSUPP:
		return "zoned block devices are not served";
	case EROFS:
		return "the backing device is read-only (use --readonly)";
	default:
		return NULL;
	}
}

const struct object_kind disk_kind = {
	.name	= "disk",
	.dir	= "disks",
	.in_use	= "it is attached to a VM (see: iocorectl detach)",
	.hint	= disk_hint,
};

/*
 * A relative path would mean something else to the next reader of it. Links
 * stay as they are: a name in /dev/disk/by-id is there to be kept.
 */
static int absolute_path(char path[PATH_MAX], const char *text)
{
	char cwd[PATH_MAX];
	int len;

	if (!*text || strchr(text, '\n'))
		return usage_error("--path is not a path");
	if (*text == '/') {
		len = snprintf(path, PATH_MAX, "%s", text);
	} else {
		if (!getcwd(cwd, sizeof(cwd)))
			return fail(EXIT_FAILED, "%s: %s", text,
				    strerror(errno));
		len = snprintf(path, PATH_MAX, "%s/%s", cwd, text);
	}
	if (len >= PATH_MAX)
		return fail(EXIT_FAILED, "%s: %s", text,
			    strerror(ENAMETOOLONG));
	return EXIT_OK;
}

bool serial_ok(const char *serial)
{
	size_t i, len = strlen(serial);

	for (i = 0; i < len; i++)
		if (serial[i] <= ' ' || serial[i] > '~')
			return false;
	return len && len <= IOCORE_SERIAL_LEN;
}

/* Names of IOCores with commas between them. */
bool core_list_ok(const char *list)
{
	char copy[VALUE_LEN], *rest = copy, *name;

	if (snprintf(copy, sizeof(copy), "%s", list) >= VALUE_LEN)
		return false;
	while ((name = strsep(&rest, ",")))
		if (!name_ok(name))
			return false;
	return true;
}

/* In the order in which they are set. */
enum {
	DISK_PATH, DISK_READONLY, DISK_SERIAL, DISK_CORE, DISK_THREADS,
	DISK_QUEUES, DISK_CACHE, DISK_REPLAY, DISK_NOTIFIER, DISK_ENABLE,
	DISK_END
};

struct disk_options {
	struct attr_value values[DISK_END + 1];
	char path[PATH_MAX];
};

static const struct attr_value no_values[DISK_END + 1] = {
	[DISK_PATH]	= { "path",		NULL },
	[DISK_READONLY]	= { "readonly",		NULL },
	[DISK_SERIAL]	= { "serial",		NULL },
	[DISK_CORE]	= { "core",		NULL },
	[DISK_THREADS]	= { "threads",		NULL },
	[DISK_QUEUES]	= { "queues",		NULL },
	[DISK_CACHE]	= { "write_cache",	NULL },
	[DISK_REPLAY]	= { "replay_timeout",	NULL },
	[DISK_NOTIFIER]	= { "notifier",		NULL },
	[DISK_ENABLE]	= { "enable",		NULL },
};

#define DISK_SHORT	"c:s:n:t:q:w:"
static int disk_text_option(int opt)
{
	switch (opt) {
	case 's':
		if (strlen(optarg) > IOCORE_SERIAL_LEN || !*optarg)
			return usage_error("--serial takes 1 to %d characters",
					   IOCORE_SERIAL_LEN);
		if (!serial_ok(optarg))
			return usage_error("--serial takes printable ASCII without spaces");
		return EXIT_OK;
	case 'c':
		if (!core_list_ok(optarg))
			return usage_error("--core takes names with commas between them, not '%s'",
					   optarg);
		return EXIT_OK;
	case 'w':
		if (strcmp(optarg, "back") && strcmp(optarg, "through"))
			return usage_error("--write-cache takes back or through, not '%s'",
					   optarg);
		return EXIT_OK;
	default:
		return parse_notifier(optarg) < 0 ? EXIT_USAGE : EXIT_OK;
	}
}

static int disk_number_option(int opt)
{
	long number;

	if (opt == 't')
		return parse_number("--threads", optarg, 1, THREADS_MAX,
				    &number);
	if (opt == 'q')
		return parse_number("--queues", optarg, 1, QUEUES_MAX, &number);
	return parse_number("--replay-timeout", optarg, 0, REPLAY_MAX, &number);
}

static int disk_option(int opt, struct disk_options *o)
{
	static const struct {
		int opt;
		int value;
		int (*check)(int opt);
	} table[] = {
		{ 's', DISK_SERIAL,	disk_text_option },
		{ 'c', DISK_CORE,	disk_text_option },
		{ 'w', DISK_CACHE,	disk_text_option },
		{ 'n', DISK_NOTIFIER,	disk_text_option },
		{ 't', DISK_THREADS,	disk_number_option },
		{ 'q', DISK_QUEUES,	disk_number_option },
		{ 'T', DISK_REPLAY,	disk_number_option },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		if (table[i].opt != opt)
			continue;
		o->values[table[i].value].value = optarg;
		return table[i].check(opt);
	}
	switch (opt) {
	case 'p':
		o->values[DISK_PATH].value = o->path;
		return absolute_path(o->path, optarg);
	case 'r':
		o->values[DISK_READONLY].value = "1";
		return EXIT_OK;
	default:
		return common_option(opt);
	}
}

static int disk_options(int argc, char **argv, const char *letters,
			const struct option *options, struct disk_options *o,
			const char **name)
{
	int opt, err;

	memcpy(o->values, no_values, sizeof(no_values));
	while ((opt = getopt_long(argc, argv, letters, options, NULL)) >= 0) {
		err = disk_option(opt, o);
		if (err)
			return err;
	}
	return parse_name("disk", argc, argv, name);
}

static int disk_create(int argc, char **argv)
{
	static const struct option options[] = {
		{ "path",	required_argument,	NULL, 'p' },
		{ "readonly",	no_argument,		NULL, 'r' },
		{ "core",		required_argument,	NULL, 'c' },
		{ "serial",		required_argument,	NULL, 's' },
		{ "notifier",		required_argument,	NULL, 'n' },
		{ "threads",		required_argument,	NULL, 't' },
		{ "queues",		required_argument,	NULL, 'q' },
		{ "write-cache",	required_argument,	NULL, 'w' },
		{ "replay-timeout",	required_argument,	NULL, 'T' },
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	struct disk_options o;
	const char *name;
	int err;

	err = disk_options(argc, argv, "p:r" DISK_SHORT COMMON_SHORT, options,
			   &o, &name);
	if (err)
		return err;
	if (!o.values[DISK_PATH].value)
		return usage_error("--path is missing");
	o.values[DISK_ENABLE].value = "1";
	return object_create(&disk_kind, name, o.values);
}

static const char *disk_set_hint(int err)
{
	return err == EBUSY ? "it is attached to a VM" : disk_hint(err);
}

static const struct object_kind set_kind = {
	.name	= "disk",
	.dir	= "disks",
	.in_use	= "it is attached to a VM (see: iocorectl detach)",
	.hint	= disk_set_hint,
};

/* Write back what @values replaced, and enable the disk again. */
static void disk_undo(const char *dir, const struct attr_value *values,
		      char old[DISK_END][VALUE_LEN])
{
	int i;

	for (i = 0; i < DISK_ENABLE; i++)
		if (values[i].value)
			attr_write(dir, values[i].name,
				   old[i][0] ? old[i] : "\n");
	attr_write(dir, "enable", "1");
}

/*
 * Most attributes change only while the disk is disabled, which an attached one
 * can't be. It is left as it was if a value is refused.
 */
static int disk_set_disabled(const char *name, struct attr_value *values)
{
	char dir[PATH_MAX], old[DISK_END][VALUE_LEN] = {};
	int i, err;

	err = object_dir(&set_kind, name, dir);
	if (err)
		return err;
	for (i = 0; i < DISK_ENABLE; i++)
		if (values[i].value)
			attr_read(dir, values[i].name, old[i], sizeof(old[i]));
	err = attr_write(dir, "enable", "0");
	if (err == -EBUSY)
		return fail(EXIT_FAILED, "disk %s is in use: %s", name,
			    set_kind.in_use);
	if (err)
		return fail(EXIT_FAILED, "cannot disable disk %s: %s", name,
			    strerror(-err));
	values[DISK_ENABLE].value = "1";
	err = object_set_values(&disk_kind, dir, name, values);
	if (err)
		disk_undo(dir, values, old);
	return err ? err : output_done("set", "disk", name);
}

static bool disk_is_enabled(const char *name)
{
	unsigned long long enabled;
	char dir[PATH_MAX];

	return !tree_path(dir, "%s/disks/%s", CONFIG_DIR, name) &&
	       !attr_read_u64(dir, "enable", &enabled) && enabled;
}

static int disk_set(int argc, char **argv)
{
	static const struct option options[] = {
		{ "core",		required_argument,	NULL, 'c' },
		{ "serial",		required_argument,	NULL, 's' },
		{ "notifier",		required_argument,	NULL, 'n' },
		{ "threads",		required_argument,	NULL, 't' },
		{ "queues",		required_argument,	NULL, 'q' },
		{ "write-cache",	required_argument,	NULL, 'w' },
		{ "replay-timeout",	required_argument,	NULL, 'T' },
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	int i, live = 0, other = 0, err;
	struct disk_options o;
	const char *name;

	err = disk_options(argc, argv, DISK_SHORT COMMON_SHORT, options, &o,
			   &name);
	if (err)
		return err;
	for (i = 0; i < DISK_ENABLE; i++) {
		if (!o.values[i].value)
			continue;
		if (i == DISK_NOTIFIER || i == DISK_REPLAY)
			live++;
		else
			other++;
	}
	if (!live && !other)
		return usage_error("what to set is missing");
	if (!other || !disk_is_enabled(name))
		return object_set(&set_kind, name, o.values);
	return disk_set_disabled(name, o.values);
}

static const char *disk_move_hint(int err)
{
	switch (err) {
	case ENOENT:
		return "the new path does not exist";
	case EBUSY:
		return "the new backing device is in use by another";
	case ENOSPC:
		return "it is smaller than the old one";
	case EOPNOTSUPP:
		return "it lacks what the guests were told of the old one, or is zoned (see dmesg)";
	case EIO:
		return "the old one could not be flushed";
	default:
		return disk_hint(err);
	}
}

/* The guests see a pause only; a failure leaves the disk where it was. */
static int disk_move(int argc, char **argv)
{
	static const struct option options[] = {
		{ "path",	required_argument,	NULL, 'p' },
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	static const struct object_kind move_kind = {
		.name	= "disk",
		.dir	= "disks",
		.hint	= disk_move_hint,
	};
	struct disk_options o;
	const char *name;
	int err;

	err = disk_options(argc, argv, "p:" COMMON_SHORT, options, &o, &name);
	if (err)
		return err;
	if (!o.values[DISK_PATH].value)
		return usage_error("--path is missing");
	return object_set(&move_kind, name, o.values);
}

static int disk_delete(int argc, char **argv)
{
	const char *name;
	int err = parse_only_name("disk", argc, argv, &name);

	return err ? err : object_delete(&disk_kind, name);
}

static void disk_fill(struct json_object *row, const char *dir,
		      const char *name)
{
	char counters[PATH_MAX];

	attr_add_string(row, dir, "path");
	attr_add_string(row, dir, "core");
	attr_add_string(row, dir, "serial");
	attr_add_string(row, dir, "notifier");
	attr_add_bool(row, dir, "readonly", "readonly");
	attr_add_u64(row, dir, "threads");
	attr_add_u64(row, dir, "queues");
	attr_add_string(row, dir, "write_cache");
	attr_add_u64(row, dir, "replay_timeout");
	attr_add_bool(row, dir, "enable", "enabled");
	if (!tree_path(counters, "%s/disks/%s", SYSFS_DIR, name))
		attr_add_u64(row, counters, "capacity");
}

/* Add to each disk how many VMs it is attached to. */
static void count_attached(struct json_object *disks, struct json_object *vms)
{
	size_t d, v;

	for (d = 0; d < json_object_array_length(disks); d++) {
		struct json_object *row = json_object_array_get_idx(disks, d);
		const char *name = json_object_get_string(json_object_object_get(row, "name"));
		int count = 0;

		for (v = 0; v < json_object_array_length(vms); v++) {
			struct json_object *vm = json_object_array_get_idx(vms, v);

			vm = json_object_object_get(vm, "disks");
			if (json_object_object_get_ex(vm, name, NULL))
				count++;
		}
		json_object_object_add(row, "attached",
				       json_object_new_int(count));
	}
}

struct json_object *disk_rows(void)
{
	struct json_object *rows = object_rows(&disk_kind, disk_fill);
	struct json_object *vms = vm_rows();

	count_attached(rows, vms);
	json_object_put(vms);
	return rows;
}

const struct column disk_columns[] = {
	{ "/name",	"DISK",		FORMAT_TEXT },
	{ "/capacity",	"SIZE",		FORMAT_SECTORS },
	{ "/readonly",	"READONLY",	FORMAT_TEXT },
	{ "/enabled",	"ENABLED",	FORMAT_TEXT },
	{ "/attached",	"VMS",		FORMAT_NUMBER },
	{ "/core",	"CORE",		FORMAT_TEXT },
	{ "/serial",	"SERIAL",	FORMAT_TEXT },
	{ "/path",	"PATH",		FORMAT_TEXT },
	{ "/notifier",	"NOTIFIER",	FORMAT_TEXT },
	{ NULL,		NULL,		0 }
};

static int disk_list(int argc, char **argv)
{
	return list_run(argc, argv, "disks", disk_rows, disk_columns);
}

#define DISK_MORE \
	"--notifier N --threads N --queues N --write-cache back|through --replay-timeout S"

const struct command disk_commands[] = {
	{ "create",
	  "NAME --path P [--readonly] [--serial S] [--core A,B] [OPTION...]",
	  "make a disk of a block device or file; options: " DISK_MORE,
	  disk_create, NULL },
	{ "set",
	  "NAME [--serial S] [--core A,B] [OPTION...]",
	  "change a disk that is not attached; options: " DISK_MORE,
	  disk_set, NULL },
	{ "move", "NAME --path P",
	  "let another device or file with the same content serve it, even in use",
	  disk_move, NULL },
	{ "rescan", "NAME | --path P",
	  "read the size anew and tell the guests", disk_rescan, NULL },
	{ "delete", "NAME", "delete a disk that is not attached", disk_delete,
	  NULL },
	{ "list", "", "list disks", disk_list, NULL },
	{ NULL, NULL, NULL, NULL, NULL }
};
