// SPDX-License-Identifier: GPL-2.0-only
/*
 * fakehost.c - what iocorectl sees of a host module, over plain files. LD_PRELOAD
 *
 * mkdir and rmdir in the tree's configfs fill and empty the directory. An ioctl of
 * the tree's /dev/iocore adds a line to ioctl.log there, and attaching, detaching
 * and allowing change the tree's vms/77-0. A file fail/NAME has the errno with
 * which NAME (attach, detach, allow, move, or an attribute) fails.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/iocore.h>

#define CONFIG	"/sys/kernel/config/iocore/"
#define VM	"/sys/kernel/iocore/vms/77-0"

static const char * const core_attrs[] = {
	"cpu", "0", "idle_us", "50", "enable", "0", NULL
};

static const char * const disk_attrs[] = {
	"path", "", "readonly", "0", "serial", "", "core", "", "threads", "1",
	"queues", "64", "write_cache", "back", "replay_timeout", "60",
	"notifier", "auto", "rescan", "", "enable", "0", NULL
};

static const char *tree(void)
{
	const char *dir = getenv("FAKE_TREE");

	return dir ? dir : "/nonexistent";
}

static void put(const char *dir, const char *name, const char *value)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	if (file) {
		fprintf(file, "%s\n", value);
		fclose(file);
	}
}

static int failing(const char *what)
{
	char path[4096];
	int err = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/fail/%s", tree(), what);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%d", &err) != 1)
		err = EIO;
	fclose(file);
	return err;
}

/* The attributes of an object's directory in configfs, or NULL. */
static const char * const *attrs_of(const char *path)
{
	const char *at = strstr(path, CONFIG);

	if (!at)
		return NULL;
	at += strlen(CONFIG);
	if (!strncmp(at, "cores/", 6))
		return core_attrs;
	return strncmp(at, "disks/", 6) ? NULL : disk_attrs;
}

int mkdir(const char *path, mode_t mode)
{
	int (*real)(const char *path, mode_t mode) = dlsym(RTLD_NEXT, "mkdir");
	const char * const *attr = attrs_of(path);
	int ret = real(path, mode);

	for (; !ret && attr && *attr; attr += 2)
		put(path, attr[0], attr[1]);
	return ret;
}

int rmdir(const char *path)
{
	int (*real)(const char *path) = dlsym(RTLD_NEXT, "rmdir");
	const char * const *attr = attrs_of(path);
	char file[4096];

	for (; attr && *attr; attr += 2) {
		snprintf(file, sizeof(file), "%s/%s", path, *attr);
		unlink(file);
	}
	return real(path);
}

/* open() for writing stands for the store: an attribute may be made to fail. */
int open(const char *path, int flags, ...)
{
	int (*real)(const char *path, int flags, ...) = dlsym(RTLD_NEXT, "open");
	const char *name = strrchr(path, '/');
	int mode = 0, err;
	va_list args;

	va_start(args, flags);
	if (flags & O_CREAT)
		mode = va_arg(args, int);
	va_end(args);
	if (attrs_of(path) && (flags & O_ACCMODE) == O_WRONLY) {
		err = failing(name + 1);
		if (err) {
			errno = err;
			return -1;
		}
		flags |= O_TRUNC;
	}
	return real(path, flags, mode);
}

static void note(const char *fmt, ...)
{
	char path[4096];
	va_list args;
	FILE *file;

	snprintf(path, sizeof(path), "%s/ioctl.log", tree());
	file = fopen(path, "a");
	if (!file)
		return;
	va_start(args, fmt);
	vfprintf(file, fmt, args);
	va_end(args);
	fputc('\n', file);
	fclose(file);
}

static void vm_file(const char *part, const char *name, const char *value)
{
	char dir[4096], path[4096 + 128];

	snprintf(dir, sizeof(dir), "%s" VM "/%s", tree(), part);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (value)
		put(dir, name, value);
	else
		unlink(path);
}

static void attach(struct iocore_attach *attach)
{
	static const char * const names[] = {
		"auto", "auto", "inject", "direct", "none"
	};
	char slot[16];

	note("attach %s %d %u", attach->disk, attach->slot, attach->notifier);
	if (attach->slot < 0)
		attach->slot = 5;
	snprintf(slot, sizeof(slot), "%d", attach->slot);
	vm_file("disks", attach->disk, slot);
	vm_file("notifiers", attach->disk, names[attach->notifier]);
}

static int detach(const struct iocore_detach *detach)
{
	note("detach %s %d %u", detach->disk, detach->vm_pid, detach->flags);
	vm_file("disks", detach->disk, NULL);
	vm_file("notifiers", detach->disk, NULL);
	return 0;
}

static int request_fails(unsigned long request)
{
	switch (request) {
	case IOCORE_ATTACH:
		return failing("attach");
	case IOCORE_DETACH:
		return failing("detach");
	case IOCORE_ALLOW:
		return failing("allow");
	case IOCORE_QUEUE_MOVE:
		return failing("move");
	default:
		return 0;
	}
}

int ioctl(int fd, unsigned long request, ...)
{
	struct iocore_queue_move *move;
	struct iocore_features *features;
	va_list args;
	void *arg;

	(void)fd;
	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	errno = request_fails(request);
	if (errno)
		return -1;
	switch (request) {
	case IOCORE_GET_FEATURES:
		features = arg;
		features->version = IOCORE_API_VERSION;
		return 0;
	case IOCORE_ATTACH:
		attach(arg);
		return 0;
	case IOCORE_DETACH:
		return detach(arg);
	case IOCORE_ALLOW:
		note("allow %u", ((struct iocore_allow *)arg)->flags);
		vm_file("", "direct_allowed",
			((struct iocore_allow *)arg)->flags ? "1" : "0");
		return 0;
	case IOCORE_QUEUE_MOVE:
		move = arg;
		note("move %s %s %d %d", move->disk, move->core, move->vm_pid,
		     move->queue);
		return 0;
	default:
		errno = ENOTTY;
		return -1;
	}
}
