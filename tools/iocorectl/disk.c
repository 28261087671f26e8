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

static const char *disk_set_hint(int err)
{
	return err == EBUSY ? "it is attached to a VM" : NULL;
}

static const struct object_kind disk_kind = {
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

static int check_serial(const char *serial)
{
	size_t i, len = strlen(serial);

	if (!len || len > IOCORE_SERIAL_LEN)
		return usage_error("--serial takes 1 to %d characters",
				   IOCORE_SERIAL_LEN);
	for (i = 0; i < len; i++)
		if (serial[i] <= ' ' || serial[i] > '~')
			return usage_error("--serial takes printable ASCII without spaces");
	return EXIT_OK;
}

enum { DISK_PATH, DISK_READONLY, DISK_SERIAL, DISK_CORE, DISK_NOTIFIER, DISK_ENABLE };

static int disk_option(int opt, struct attr_value *values, char path[PATH_MAX])
{
	switch (opt) {
	case 'p':
		values[DISK_PATH].value = path;
		return absolute_path(path, optarg);
	case 'r':
		values[DISK_READONLY].value = "1";
		return EXIT_OK;
	case 's':
		values[DISK_SERIAL].value = optarg;
		return check_serial(optarg);
	case 'c':
		values[DISK_CORE].value = optarg;
		return EXIT_OK;
	case 'n':
		values[DISK_NOTIFIER].value = optarg;
		return parse_notifier(optarg) < 0 ? EXIT_USAGE : EXIT_OK;
	default:
		return common_option(opt);
	}
}

static int disk_create(int argc, char **argv)
{
	static const struct option options[] = {
		{ "path",	required_argument,	NULL, 'p' },
		{ "core",	required_argument,	NULL, 'c' },
		{ "readonly",	no_argument,		NULL, 'r' },
		{ "serial",	required_argument,	NULL, 's' },
		{ "notifier",	required_argument,	NULL, 'n' },
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	struct attr_value values[] = {
		[DISK_PATH]	= { "path",	NULL },
		[DISK_READONLY]	= { "readonly",	NULL },
		[DISK_SERIAL]	= { "serial",	NULL },
		[DISK_CORE]	= { "core",	NULL },
		[DISK_NOTIFIER]	= { "notifier",	NULL },
		[DISK_ENABLE]	= { "enable",	"1" },
		{ NULL, NULL }
	};
	char path[PATH_MAX];
	const char *name;
	int opt, err;

	while ((opt = getopt_long(argc, argv, "p:c:rs:n:" COMMON_SHORT, options,
				  NULL)) >= 0) {
		err = disk_option(opt, values, path);
		if (err)
			return err;
	}
	err = parse_name("disk", argc, argv, &name);
	if (err)
		return err;
	if (!values[DISK_PATH].value)
		return usage_error("--path is missing");
	return object_create(&disk_kind, name, values);
}

/* What may change while a disk is enabled. */
static int disk_set(int argc, char **argv)
{
	static const struct option options[] = {
		{ "notifier",	required_argument,	NULL, 'n' },
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	static const struct object_kind set_kind = {
		.name	= "disk",
		.dir	= "disks",
		.hint	= disk_set_hint,
	};
	struct attr_value values[] = { { "notifier", NULL }, { NULL, NULL } };
	const char *name;
	int opt, err;

	while ((opt = getopt_long(argc, argv, "n:" COMMON_SHORT, options,
				  NULL)) >= 0) {
		err = opt == 'n' ? EXIT_OK : common_option(opt);
		if (opt == 'n' && parse_notifier(optarg) < 0)
			err = EXIT_USAGE;
		if (err)
			return err;
		if (opt == 'n')
			values[0].value = optarg;
	}
	err = parse_name("disk", argc, argv, &name);
	if (err)
		return err;
	if (!values[0].value)
		return usage_error("what to set is missing");
	return object_set(&set_kind, name, values);
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

const struct command disk_commands[] = {
	{ "create",
	  "NAME --path P [--core CORE] [--readonly] [--serial S] [--notifier N]",
	  "make a disk of a block device or file", disk_create, NULL },
	{ "set", "NAME --notifier auto|inject|direct|none",
	  "change how the VMs it will be attached to are notified", disk_set,
	  NULL },
	{ "delete", "NAME", "delete a disk that is not attached", disk_delete,
	  NULL },
	{ "list", "", "list disks", disk_list, NULL },
	{ NULL, NULL, NULL, NULL, NULL }
};
