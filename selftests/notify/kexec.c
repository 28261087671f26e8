// SPDX-License-Identifier: GPL-2.0-only
/*
 * kexec.c - in a guest: boot the kernel that lies on a disk
 *
 * usage: kexec DISK KERNEL_BYTES INITRD_BYTES
 *
 * The kernel is at the disk's begin, the initramfs after it. The command line
 * stays as it is.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int copy(int disk, const char *name, size_t bytes)
{
	static char buffer[1 << 16];
	int fd = memfd_create(name, 0);
	ssize_t n;

	while (bytes) {
		n = read(disk, buffer, bytes < sizeof(buffer) ? bytes : sizeof(buffer));
		if (n <= 0 || write(fd, buffer, n) != n)
			die(name);
		bytes -= n;
	}
	return fd;
}

int main(int argc, char **argv)
{
	char cmdline[2048] = "";
	int disk, kernel, initrd, fd;
	ssize_t len;

	if (argc != 4)
		return 2;
	disk = open(argv[1], O_RDONLY);
	if (disk < 0)
		die(argv[1]);
	kernel = copy(disk, "kernel", strtoul(argv[2], NULL, 10));
	initrd = copy(disk, "initrd", strtoul(argv[3], NULL, 10));
	close(disk);
	fd = open("/proc/cmdline", O_RDONLY);
	len = read(fd, cmdline, sizeof(cmdline) - 1);
	if (len <= 0)
		die("/proc/cmdline");
	cmdline[strcspn(cmdline, "\n")] = '\0';
	if (syscall(__NR_kexec_file_load, kernel, initrd, strlen(cmdline) + 1, cmdline, 0UL))
		die("kexec_file_load");
	sync();
	syscall(__NR_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC,
		NULL);
	die("reboot");
}
