// SPDX-License-Identifier: GPL-2.0-only
/* vm.c - VMs: their privileges, and what is attached to them */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/iocore.h>

#include "iocorectl.h"

/* The errors of a VM that is to have direct mode, and of no other. */
const char *direct_hint(int err)
{
	switch (err) {
	case EPERM:
		return "the VM is not allowed direct mode (see: iocorectl allow)";
	case EOPNOTSUPP:
		return "direct mode is impossible here (see: iocorectl check, and dmesg)";
	default:
		return NULL;
	}
}

/* --vm, which leaves @pid alone if it is missing, and one name. */
static int parse_vm(const char *what, int argc, char **argv, long *pid,
		    const char **name)
{
	static const struct option options[] = {
		{ "vm",		required_argument, NULL, 'p' },
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	int opt, err;

	while ((opt = getopt_long(argc, argv, "p:" COMMON_SHORT, options,
				  NULL)) >= 0) {
		if (opt == 'p')
			err = parse_number("--vm", optarg, 1, INT_MAX, pid);
		else
			err = common_option(opt);
		if (err)
			return err;
	}
	return parse_name(what, argc, argv, name);
}

int vm_privileges(long pid, unsigned int flags)
{
	struct iocore_allow allow = {
		.len	= sizeof(allow),
		.flags	= flags,
	};
	const char *hint = NULL;
	int fd, code;

	code = device_get(&fd);
	if (code)
		return code;
	code = vm_take(pid, &allow.vm_fd);
	if (code)
		goto out;
	if (ioctl(fd, IOCORE_ALLOW, &allow)) {
		hint = direct_hint(errno);
		code = fail(EXIT_FAILED, "cannot %s VM %ld direct mode: %s",
			    flags ? "allow" : "deny", pid,
			    hint ? hint : strerror(errno));
	}
	close(allow.vm_fd);
out:
	close(fd);
	return code;
}

static int vm_privilege(int argc, char **argv, unsigned int flags)
{
	const char *what;
	char name[24];
	long pid = 0;
	int err = parse_vm("privilege", argc, argv, &pid, &what);

	if (err)
		return err;
	if (strcmp(what, "direct"))
		return usage_error("there is no privilege '%s', only direct", what);
	if (!pid)
		return usage_error("--vm is missing");
	err = vm_privileges(pid, flags);
	if (err)
		return err;
	snprintf(name, sizeof(name), "%ld", pid);
	return output_done(flags ? "allowed" : "denied", "direct", name);
}

int vm_allow(int argc, char **argv)
{
	return vm_privilege(argc, argv, IOCORE_ALLOW_DIRECT);
}

int vm_deny(int argc, char **argv)
{
	return vm_privilege(argc, argv, 0);
}

/* An object of a directory's files: each disk's slot, or its notifier. */
static void vm_fill(struct json_object *row, const char *dir, const char *key,
		    void (*add)(struct json_object *row, const char *dir,
				const char *name))
{
	struct json_object *values = json_object_new_object();
	struct dirent **names;
	char path[PATH_MAX];
	int count, i;

	json_object_object_add(row, key, values);
	if (snprintf(path, sizeof(path), "%s/%s", dir, key) >= PATH_MAX)
		return;
	count = dir_names(path, &names);
	for (i = 0; i < count; i++)
		add(values, path, names[i]->d_name);
	if (count >= 0)
		dir_free(names, count);
}

/* "slot disk" a line: the slots whose guest waits for their disk. */
static void vm_fill_kept(struct json_object *row, const char *dir)
{
	struct json_object *kept = json_object_new_object();
	char page[PAGE_LEN], *line, *save = NULL, disk[IOCORE_NAME_LEN];
	unsigned int slot;

	json_object_object_add(row, "kept", kept);
	if (attr_read(dir, "kept", page, sizeof(page)))
		return;
	for (line = strtok_r(page, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "%u %63s", &slot, disk) == 2)
			json_object_object_add(kept, disk,
					       json_object_new_int64(slot));
}

void vm_fill_disks(struct json_object *row, const char *dir)
{
	vm_fill(row, dir, "disks", attr_add_u64);
}

struct json_object *vm_rows(void)
{
	struct json_object *rows = json_object_new_array();
	struct dirent **names;
	char dir[PATH_MAX];
	int count, i;

	if (tree_path(dir, "%s/vms", SYSFS_DIR))
		return rows;
	count = dir_names(dir, &names);
	for (i = 0; i < count; i++) {
		struct json_object *row;

		if (tree_path(dir, "%s/vms/%s", SYSFS_DIR, names[i]->d_name))
			continue;
		row = json_object_new_object();
		json_object_object_add(row, "name",
				       json_object_new_string(names[i]->d_name));
		attr_add_u64(row, dir, "pid");
		vm_fill_disks(row, dir);
		vm_fill(row, dir, "notifiers", attr_add_string);
		vm_fill_kept(row, dir);
		attr_add_bool(row, dir, "direct_allowed", "direct_allowed");
		vcpu_fill(row, dir);
		json_object_array_add(rows, row);
	}
	if (count >= 0)
		dir_free(names, count);
	return rows;
}

static void flatten_one(struct json_object *rows, struct json_object *vm,
			const char *key)
{
	struct json_object *parts = json_object_object_get(vm, key);
	struct json_object *name = json_object_object_get(vm, "name");
	size_t i;

	for (i = 0; i < json_object_array_length(parts); i++) {
		struct json_object *row = json_object_new_object();

		json_object_object_foreach(json_object_array_get_idx(parts, i),
					   part, value)
			json_object_object_add(row, part, json_object_get(value));
		json_object_object_add(row, "vm", json_object_get(name));
		json_object_array_add(rows, row);
	}
}

/* A table's rows of all that VMs have in the arrays under @key. */
struct json_object *vm_flatten(struct json_object *vms, const char *key)
{
	struct json_object *rows = json_object_new_array();
	size_t i;

	for (i = 0; i < json_object_array_length(vms); i++)
		flatten_one(rows, json_object_array_get_idx(vms, i), key);
	return rows;
}

const struct column vm_columns[] = {
	{ "/name",	"VM",		FORMAT_TEXT },
	{ "/pid",	"PID",		FORMAT_NUMBER },
	{ "/disks",	"DISKS",	FORMAT_PAIRS },
	{ "/kept",	"KEPT",		FORMAT_PAIRS },
	{ "/notifiers",	"NOTIFIERS",	FORMAT_PAIRS },
	{ "/direct_allowed", "ALLOWED-DIRECT", FORMAT_TEXT },
	{ NULL,		NULL,		0 }
};

static int vm_list(int argc, char **argv)
{
	return list_run(argc, argv, "vms", vm_rows, vm_columns);
}

const struct command vm_commands[] = {
	{ "list", "", "list VMs with disks attached", vm_list, NULL },
	{ NULL, NULL, NULL, NULL, NULL }
};
