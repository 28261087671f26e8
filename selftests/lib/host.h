/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host.h - a VM without a guest, and disks, for tests in C
 */
#ifndef _SELFTESTS_HOST_H
#define _SELFTESTS_HOST_H

#include <fcntl.h>
#include <linux/iocore.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG	"/sys/kernel/config/iocore"
#define SYSFS	"/sys/kernel/iocore"

/* Write a value to an attribute: 0 or -1 with errno. */
static inline int attr_set(const char *dir, const char *name, const char *attr,
			   const char *value)
{
	char path[256];
	ssize_t len = strlen(value);
	int fd, ret;

	snprintf(path, sizeof(path), "%s/%s/%s/%s", CONFIG, dir, name, attr);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -1;
	ret = write(fd, value, len) == len ? 0 : -1;
	close(fd);
	return ret;
}

static inline int object_make(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s/%s", CONFIG, dir, name);
	return mkdir(path, 0755);
}

static inline int object_remove(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s/%s", CONFIG, dir, name);
	return rmdir(path);
}

/* A sparse file as a disk. */
static inline int disk_make(const char *name, const char *path, bool readonly)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (fd < 0 || ftruncate(fd, 1 << 20))
		return -1;
	close(fd);
	if (object_make("disks", name) || attr_set("disks", name, "path", path))
		return -1;
	if (readonly && attr_set("disks", name, "readonly", "1"))
		return -1;
	return attr_set("disks", name, "enable", "1");
}

static inline int core_make(const char *name)
{
	if (object_make("cores", name) || attr_set("cores", name, "cpu", "0"))
		return -1;
	return attr_set("cores", name, "enable", "1");
}

/* A VM with an in-kernel local APIC: all that iocore asks for. */
static inline int vm_make(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm;

	if (kvm < 0)
		return -1;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	close(kvm);
	if (vm >= 0 && ioctl(vm, KVM_CREATE_IRQCHIP, 0)) {
		close(vm);
		return -1;
	}
	return vm;
}

static inline int disk_attach_slot(int dev, int vm, const char *disk, int slot)
{
	struct iocore_attach arg = { .len = sizeof(arg), .vm_fd = vm, .slot = slot };

	snprintf(arg.disk, sizeof(arg.disk), "%s", disk);
	return ioctl(dev, IOCORE_ATTACH, &arg) ? -1 : arg.slot;
}

static inline int disk_attach(int dev, int vm, const char *disk)
{
	return disk_attach_slot(dev, vm, disk, -1);
}

static inline int disk_detach(int dev, pid_t pid, const char *disk)
{
	struct iocore_detach arg = { .len = sizeof(arg), .vm_pid = pid };

	snprintf(arg.disk, sizeof(arg.disk), "%s", disk);
	return ioctl(dev, IOCORE_DETACH, &arg);
}

#endif /* _SELFTESTS_HOST_H */
