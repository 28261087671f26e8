// SPDX-License-Identifier: GPL-2.0-only
/* rescan.c - a backing device or file has grown: have disks read its size anew */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "iocorectl.h"

static int rescan_disk(const char *name)
{
	static const struct object_kind kind = {
		.name	= "disk",
		.dir	= "disks",
	};
	const struct attr_value values[] = { { "rescan", "1" }, { NULL, NULL } };

	return object_set(&kind, name, values);
}

static bool same_backend(const struct stat *a, const char *path)
{
	struct stat b;

	if (stat(path, &b) || (a->st_mode & S_IFMT) != (b.st_mode & S_IFMT))
		return false;
	if (S_ISBLK(b.st_mode))
		return a->st_rdev == b.st_rdev;
	return a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

/* Every enabled disk that stands on @path, by whatever name. None is no error. */
static int rescan_path(const char *path)
{
	struct json_object *rows;
	struct stat st;
	int code;
	size_t i;

	code = object_need_host();
	if (code)
		return code;
	if (stat(path, &st))
		return fail(EXIT_FAILED, "%s: %s", path, strerror(errno));
	rows = disk_rows();
	for (i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);
		struct json_object *on = json_object_object_get(row, "path");

		if (!json_object_get_boolean(json_object_object_get(row, "enabled")) ||
		    !on || !same_backend(&st, json_object_get_string(on)))
			continue;
		if (rescan_disk(json_object_get_string(json_object_object_get(row, "name"))))
			code = EXIT_FAILED;
	}
	json_object_put(rows);
	return code;
}

int disk_rescan(int argc, char **argv)
{
	static const struct option options[] = {
		{ "path",	required_argument,	NULL, 'p' },
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	const char *path = NULL, *name;
	int opt, err;

	while ((opt = getopt_long(argc, argv, "p:" COMMON_SHORT, options,
				  NULL)) >= 0) {
		err = opt == 'p' ? EXIT_OK : common_option(opt);
		if (err)
			return err;
		if (opt == 'p')
			path = optarg;
	}
	if (path && optind < argc)
		return usage_error("--path and a name exclude each other");
	if (path)
		return rescan_path(path);
	err = parse_name("disk", argc, argv, &name);
	return err ? err : rescan_disk(name);
}
