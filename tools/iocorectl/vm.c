// SPDX-License-Identifier: GPL-2.0-only
/* vm.c - binding disks to running VMs of any VMM */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/iocore.h>
#include <linux/iocore_ring.h>
#include <linux/kcmp.h>

#include "iocorectl.h"

#define VM_LINK		"anon_inode:kvm-vm"

/* A file descriptor of /dev/iocore, or a negative errno. */
int device_open(unsigned int *version)
{
	struct iocore_features features = { .len = sizeof(features) };
	char path[PATH_MAX];
	int fd, err;

	err = tree_path(path, "%s", DEVICE_PATH);
	if (err)
		return err;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, IOCORE_GET_FEATURES, &features)) {
		err = -errno;
		close(fd);
		return err;
	}
	*version = features.version;
	return fd;
}

/* The same with its errors reported: 0 and @fd, or an exit code. */
static int device_get(int *fd)
{
	unsigned int version;

	*fd = device_open(&version);
	if (*fd == -ENOENT || *fd == -ENXIO || *fd == -ENODEV)
		return fail(EXIT_UNSUPPORTED,
			    "%s is missing: the iocore module is not loaded (see: iocorectl check)",
			    DEVICE_PATH);
	if (*fd == -ENOTTY)
		return fail(EXIT_UNSUPPORTED, "%s is not iocore's device",
			    DEVICE_PATH);
	if (*fd < 0)
		return fail(EXIT_FAILED, "%s: %s", DEVICE_PATH, strerror(-*fd));
	if (version == IOCORE_API_VERSION)
		return EXIT_OK;
	close(*fd);
	return fail(EXIT_UNSUPPORTED,
		    "the module speaks API version %u, this program %u",
		    version, IOCORE_API_VERSION);
}

/* The fd number that a /proc/PID/fd entry stands for if it is a VM, or -1. */
static int vm_fd_number(const char *dir, const char *name)
{
	char path[PATH_MAX], link[sizeof(VM_LINK) + 1];
	ssize_t len;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= PATH_MAX)
		return -1;
	len = readlink(path, link, sizeof(link));
	if (len != (ssize_t)strlen(VM_LINK) || memcmp(link, VM_LINK, len))
		return -1;
	return atoi(name);
}

static bool same_file(long pid, int a, int b)
{
	return !syscall(SYS_kcmp, pid, pid, KCMP_FILE, a, b);
}

/*
 * Find the number of a process's VM descriptor. Several descriptors of one VM
 * (dup) are fine; several VMs are not, since a pid then names none of them.
 */
static int vm_find(long pid, int *found)
{
	char dir[PATH_MAX], comm[64] = "?";
	struct dirent **names;
	int count, i, fd, code = EXIT_OK;

	if (tree_path(dir, "/proc/%ld", pid))
		return fail(EXIT_FAILED, "path too long");
	attr_read(dir, "comm", comm, sizeof(comm));
	if (tree_path(dir, "/proc/%ld/fd", pid))
		return fail(EXIT_FAILED, "path too long");
	count = dir_names(dir, &names);
	if (count == -ENOENT)
		return fail(EXIT_FAILED, "there is no process %ld", pid);
	if (count < 0)
		return fail(EXIT_FAILED, "cannot look at the files of process %ld: %s",
			    pid, strerror(-count));

	*found = -1;
	for (i = 0; i < count && !code; i++) {
		fd = vm_fd_number(dir, names[i]->d_name);
		if (fd < 0)
			continue;
		if (*found >= 0 && !same_file(pid, *found, fd))
			code = fail(EXIT_FAILED,
				    "process %ld (%s) runs several VMs (fds %d and %d)",
				    pid, comm, *found, fd);
		*found = fd;
	}
	dir_free(names, count);
	if (!code && *found < 0)
		code = fail(EXIT_FAILED,
			    "process %ld (%s) runs no VM: it has no file %s",
			    pid, comm, VM_LINK);
	return code;
}

/*
 * Take a copy of the VM's descriptor. The pidfd is opened first: should the
 * pid be reused while /proc is read, the copy fails instead of being of
 * another process.
 */
static int vm_take(long pid, int *vm_fd)
{
	int pidfd, number, code;

	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0 && errno == ESRCH)
		return fail(EXIT_FAILED, "there is no process %ld", pid);
	if (pidfd < 0 && (errno == EINVAL || errno == ENOENT))
		return fail(EXIT_FAILED, "%ld is a thread, not a process", pid);
	if (pidfd < 0)
		return fail(EXIT_FAILED, "pidfd_open(%ld): %s", pid,
			    strerror(errno));

	code = vm_find(pid, &number);
	if (code)
		goto out;
	*vm_fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	if (*vm_fd < 0)
		code = fail(EXIT_FAILED,
			    "cannot take the VM's descriptor from process %ld: %s",
			    pid, strerror(errno));
out:
	close(pidfd);
	return code;
}

/* The errors of a VM that is to have direct mode, and of no other. */
static const char *direct_hint(int err)
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

static const char *attach_hint(int err)
{
	switch (err) {
	case EPERM:
		return direct_hint(err);
	case EBADF:
		return "the descriptor is not a VM";
	case ENOENT:
		return "no such disk (see: iocorectl disk list)";
	case ENODEV:
		return "the disk is not enabled";
	case EBUSY:
		return "the disk is attached already, or the slot is taken";
	case ENOSPC:
		return "the VM has no slot free";
	case EOPNOTSUPP:
		return "no service (dirty ring, protected memory), or no direct mode: see dmesg";
	default:
		return strerror(err);
	}
}

/* Names count as in sd: a..z, aa..zz. */
static void guest_name(char name[16], unsigned int slot)
{
	char letters[8];
	int i = sizeof(letters) - 1;

	letters[i] = '\0';
	for (slot++; slot && i > 0; slot = (slot - 1) / 26)
		letters[--i] = (char)('a' + (slot - 1) % 26);
	snprintf(name, 16, "/dev/ioc%s", &letters[i]);
}

static void attach_report(const struct iocore_attach *attach, long pid)
{
	struct json_object *root, *done;
	char name[16];

	guest_name(name, attach->slot);
	if (!settings.json) {
		printf("%s is in slot %d of VM %ld: %s in the guest\n",
		       attach->disk, attach->slot, pid, name);
		return;
	}
	root = output_new();
	done = json_object_new_object();
	json_object_object_add(done, "disk",
			       json_object_new_string(attach->disk));
	json_object_object_add(done, "pid", json_object_new_int64(pid));
	json_object_object_add(done, "slot", json_object_new_int(attach->slot));
	json_object_object_add(done, "guest_device",
			       json_object_new_string(name));
	json_object_object_add(root, "attached", done);
	output_json(root);
	json_object_put(root);
}

static int attach_disk(const char *disk, long pid, long slot, int notifier)
{
	struct iocore_attach attach = {
		.len		= sizeof(attach),
		.slot		= (int)slot,
		.notifier	= (unsigned int)notifier,
	};
	int fd, code;

	snprintf(attach.disk, sizeof(attach.disk), "%s", disk);
	code = device_get(&fd);
	if (code)
		return code;
	code = vm_take(pid, &attach.vm_fd);
	if (code)
		goto out;
	if (ioctl(fd, IOCORE_ATTACH, &attach))
		code = fail(EXIT_FAILED, "cannot attach %s to VM %ld: %s", disk,
			    pid, attach_hint(errno));
	else
		attach_report(&attach, pid);
	close(attach.vm_fd);
out:
	close(fd);
	return code;
}

int vm_attach(int argc, char **argv)
{
	static const struct option options[] = {
		{ "vm",		required_argument, NULL, 'p' },
		{ "slot",	required_argument, NULL, 's' },
		{ "notifier",	required_argument, NULL, 'n' },
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	int notifier = IOCORE_NOTIFIER_DISK;
	long pid = 0, slot = -1;
	const char *disk;
	int opt, err;

	while ((opt = getopt_long(argc, argv, "p:s:n:" COMMON_SHORT, options,
				  NULL)) >= 0) {
		if (opt == 'p')
			err = parse_number("--vm", optarg, 1, INT_MAX, &pid);
		else if (opt == 'n')
			err = (notifier = parse_notifier(optarg)) < 0 ? EXIT_USAGE : EXIT_OK;
		else if (opt == 's')
			err = parse_number("--slot", optarg, 0,
					   IOCORE_MAX_DISKS - 1, &slot);
		else
			err = common_option(opt);
		if (err)
			return err;
	}
	err = parse_name("disk", argc, argv, &disk);
	if (err)
		return err;
	if (!pid)
		return usage_error("--vm is missing");
	return attach_disk(disk, pid, slot, notifier);
}

static int detach_disk(const char *disk, long pid)
{
	struct iocore_detach detach = {
		.len	= sizeof(detach),
		.vm_pid	= (int)pid,
	};
	int fd, code;

	snprintf(detach.disk, sizeof(detach.disk), "%s", disk);
	code = device_get(&fd);
	if (code)
		return code;
	if (!ioctl(fd, IOCORE_DETACH, &detach))
		code = output_done("detached", "disk", disk);
	else if (errno == ENOENT && pid)
		code = fail(EXIT_FAILED, "%s is not attached to VM %ld", disk,
			    pid);
	else if (errno == ENOENT)
		code = fail(EXIT_FAILED, "%s is not attached", disk);
	else if (errno == ENOTUNIQ)
		code = fail(EXIT_FAILED,
			    "%s is attached to several VMs: name one with --vm",
			    disk);
	else
		code = fail(EXIT_FAILED, "cannot detach %s: %s", disk,
			    strerror(errno));
	close(fd);
	return code;
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

int vm_detach(int argc, char **argv)
{
	const char *disk;
	long pid = 0;
	int err = parse_vm("disk", argc, argv, &pid, &disk);

	return err ? err : detach_disk(disk, pid);
}

static int set_privileges(long pid, unsigned int flags)
{
	struct iocore_allow allow = {
		.len	= sizeof(allow),
		.flags	= flags,
	};
	const char *hint = NULL;
	char name[24];
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
	} else {
		snprintf(name, sizeof(name), "%ld", pid);
		code = output_done(flags ? "allowed" : "denied", "direct", name);
	}
	close(allow.vm_fd);
out:
	close(fd);
	return code;
}

static int vm_privilege(int argc, char **argv, unsigned int flags)
{
	const char *what;
	long pid = 0;
	int err = parse_vm("privilege", argc, argv, &pid, &what);

	if (err)
		return err;
	if (strcmp(what, "direct"))
		return usage_error("there is no privilege '%s', only direct", what);
	if (!pid)
		return usage_error("--vm is missing");
	return set_privileges(pid, flags);
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
		vm_fill(row, dir, "disks", attr_add_u64);
		vm_fill(row, dir, "notifiers", attr_add_string);
		attr_add_bool(row, dir, "direct_allowed", "direct_allowed");
		vcpu_fill(row, dir);
		json_object_array_add(rows, row);
	}
	if (count >= 0)
		dir_free(names, count);
	return rows;
}

const struct column vm_columns[] = {
	{ "/name",	"VM",		FORMAT_TEXT },
	{ "/pid",	"PID",		FORMAT_NUMBER },
	{ "/disks",	"DISKS",	FORMAT_PAIRS },
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
