// SPDX-License-Identifier: GPL-2.0-only
/* vmfd.c - /dev/iocore, and the descriptors of running VMs of any VMM */
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
int device_get(int *fd)
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
int vm_take(long pid, int *vm_fd)
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
