// SPDX-License-Identifier: GPL-2.0-only
/* save.c - cores, disks, privileges and attachments as one JSON document */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iocorectl.h"

/* Attributes that this host's module does not have are left out. */
static void save_attrs(struct json_object *row, const char *dir,
		       const struct attr_schema *attr)
{
	for (; attr->name; attr++) {
		if (attr->type == ATTR_NUMBER)
			attr_add_u64(row, dir, attr->name);
		else if (attr->type == ATTR_BOOL)
			attr_add_bool(row, dir, attr->name, attr->name);
		else
			attr_add_string(row, dir, attr->name);
	}
	attr_add_bool(row, dir, "enable", "enabled");
}

static void save_core(struct json_object *row, const char *dir, const char *name)
{
	(void)name;
	save_attrs(row, dir, core_schema.attrs);
}

static void save_disk(struct json_object *row, const char *dir, const char *name)
{
	(void)name;
	save_attrs(row, dir, disk_schema.attrs);
}

static struct json_object *attachment(const char *disk, struct json_object *slot)
{
	struct json_object *row = json_object_new_object();

	json_object_object_add(row, "disk", json_object_new_string(disk));
	json_object_object_add(row, "slot", json_object_get(slot));
	return row;
}

static struct json_object *attachments(struct json_object *vm)
{
	struct json_object *notifiers = json_object_object_get(vm, "notifiers");
	struct json_object *rows = json_object_new_array(), *row, *notifier;

	json_object_object_foreach(json_object_object_get(vm, "disks"), disk,
				   slot) {
		row = attachment(disk, slot);
		if (json_object_object_get_ex(notifiers, disk, &notifier))
			json_object_object_add(row, "notifier",
					       json_object_get(notifier));
		json_object_array_add(rows, row);
	}
	json_object_object_foreach(json_object_object_get(vm, "kept"), kept,
				   kept_slot) {
		row = attachment(kept, kept_slot);
		json_object_object_add(row, "kept",
				       json_object_new_boolean(true));
		json_object_array_add(rows, row);
	}
	return rows;
}

/* A VM that has nothing, or whose process is gone by now, is left out. */
static struct json_object *save_vm(struct json_object *vm)
{
	struct json_object *row, *bound = attachments(vm);
	struct json_object *pid = json_object_object_get(vm, "pid");
	struct json_object *allowed = json_object_object_get(vm, "direct_allowed");
	unsigned long long start;

	if ((!json_object_array_length(bound) && !json_object_get_boolean(allowed)) ||
	    process_start((long)json_object_get_int64(pid), &start)) {
		json_object_put(bound);
		return NULL;
	}
	row = json_object_new_object();
	json_object_object_add(row, "pid", json_object_get(pid));
	json_object_object_add(row, "start_time", json_object_new_uint64(start));
	if (allowed)
		json_object_object_add(row, "direct_allowed",
				       json_object_get(allowed));
	json_object_object_add(row, "attachments", bound);
	return row;
}

static struct json_object *save_vms(void)
{
	struct json_object *vms = vm_rows(), *rows = json_object_new_array();
	size_t i;

	for (i = 0; i < json_object_array_length(vms); i++) {
		struct json_object *row;

		row = save_vm(json_object_array_get_idx(vms, i));
		if (row)
			json_object_array_add(rows, row);
	}
	json_object_put(vms);
	return rows;
}

static struct json_object *state_read(void)
{
	struct json_object *state = json_object_new_object();
	char boot[64];

	json_object_object_add(state, "iocore_state",
			       json_object_new_int(STATE_VERSION));
	if (!boot_id(boot, sizeof(boot)))
		json_object_object_add(state, "boot_id",
				       json_object_new_string(boot));
	json_object_object_add(state, core_schema.key,
			       object_rows(&core_kind, save_core));
	json_object_object_add(state, disk_schema.key,
			       object_rows(&disk_kind, save_disk));
	json_object_object_add(state, "vms", save_vms());
	return state;
}

static int write_whole(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t done = write(fd, text, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		text += done;
		len -= (size_t)done;
	}
	return 0;
}

/* A rename lasts only once its directory was written. */
static int sync_directory(const char *name)
{
	char path[PATH_MAX];
	int fd, err = 0;

	snprintf(path, sizeof(path), "%s", name);
	fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd) && errno != EINVAL)
		err = -errno;
	close(fd);
	return err;
}

/* The file is the old one or the new one at any time, never a part of it. */
static int replace_file(const char *name, const char *text)
{
	char temp[PATH_MAX];
	int fd, err;

	if (snprintf(temp, sizeof(temp), "%s.XXXXXX", name) >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = write_whole(fd, text, strlen(text));
	if (!err && fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(temp, name))
		err = -errno;
	if (err)
		unlink(temp);
	return err ? err : sync_directory(name);
}

static int save_to(const char *name, struct json_object *state)
{
	const char *text = json_object_to_json_string_ext(state, JSON_C_TO_STRING_PRETTY |
							  JSON_C_TO_STRING_NOSLASHESCAPE);
	char *line;
	int err;

	if (!name || !strcmp(name, "-")) {
		puts(text);
		return EXIT_OK;
	}
	if (asprintf(&line, "%s\n", text) < 0)
		return fail(EXIT_FAILED, "no memory");
	err = replace_file(name, line);
	free(line);
	if (err)
		return fail(EXIT_FAILED, "cannot write %s: %s", name,
			    strerror(-err));
	return output_done("saved", "file", name);
}

int save_run(int argc, char **argv)
{
	struct json_object *state;
	int code = parse_common(argc, argv);

	if (!code && argc - optind > 1)
		code = usage_error("'%s' is one argument too many",
				   argv[optind + 1]);
	if (!code)
		code = object_need_host();
	if (code)
		return code;
	state = state_read();
	code = save_to(argv[optind], state);
	json_object_put(state);
	return code;
}
