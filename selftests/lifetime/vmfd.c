// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmfd.c - bindings end with their VM, however it ends; attach, detach and the
 * end of VMs race with each other and leave nothing behind
 */
#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

#include "../lib/tap.h"
#include "../lib/host.h"

#define FILE_A	"/run/vmfd-a.img"
#define FILE_B	"/run/vmfd-b.img"
#define LOOPS	100

static int dev;

static int entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int count = 0;

	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

static bool settles(const char *path)
{
	int i;

	for (i = 0; i < 1200; i++) {
		if (!entries(path))
			return true;
		usleep(50000);
	}
	return false;
}

static void test_close(void)
{
	int i, vm;

	for (i = 0; i < LOOPS; i++) {
		vm = vm_make();
		if (vm < 0 || disk_attach(dev, vm, "va") || disk_attach(dev, vm, "vb") != 1)
			break;
		close(vm);
	}
	tap_check(i == LOOPS, "attached and closed %d of %d times", i, LOOPS);
	tap_check(settles(SYSFS "/vms"), "closed VMs are forgotten");
}

/* The VM's last reference may be one of its vCPUs. */
static void test_vcpu_last(void)
{
	int vm = vm_make(), vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);

	tap_errno(disk_attach(dev, vm, "va") < 0 ? -1 : 0, 0, "attach");
	close(vm);
	tap_check(entries(SYSFS "/vms") == 1, "a vCPU keeps the VM and its binding");
	close(vcpu);
	tap_check(settles(SYSFS "/vms"), "and its end ends them");
}

static void test_kill(void)
{
	int i, ready[2];
	char byte;
	pid_t pid;

	if (pipe(ready))
		tap_bail("pipe");
	for (i = 0; i < LOOPS / 2; i++) {
		pid = fork();
		if (!pid) {
			int vm = vm_make();

			byte = disk_attach(dev, vm, "va") == 0;
			if (write(ready[1], &byte, 1) == 1)
				pause();
			_exit(1);
		}
		if (read(ready[0], &byte, 1) != 1 || !byte)
			break;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	tap_check(i == LOOPS / 2, "attached and killed %d of %d times", i, LOOPS / 2);
	tap_check(settles(SYSFS "/vms"), "killed VMs are forgotten");
	close(ready[0]);
	close(ready[1]);
}

/* Never anything but success, busy and not there. */
static int race(int vm, pid_t owner, const char *disk, unsigned int seed)
{
	int i, bad = 0;

	for (i = 0; i < LOOPS * 5; i++) {
		if (rand_r(&seed) & 1) {
			if (disk_attach(dev, vm, disk) < 0 && errno != EBUSY)
				bad++;
		} else if (disk_detach(dev, owner, disk) && errno != ENOENT) {
			bad++;
		}
	}
	return bad;
}

static void test_race(void)
{
	int i, status, bad = 0, vm = vm_make();
	pid_t owner = getpid();

	for (i = 0; i < 4; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(race(vm, owner, i & 1 ? "va" : "vb", i) ? 1 : 0);
	}
	for (i = 0; i < 4; i++) {
		wait(&status);
		bad += status != 0;
	}
	tap_check(!bad, "four processes attach and detach two disks");
	close(vm);
	tap_check(settles(SYSFS "/vms"), "the VM is forgotten");
}

/* One makes and ends VMs with the disk, the other detaches it all the while. */
static void test_race_with_end(void)
{
	pid_t pid = fork();
	int i, vm, failed = 0;

	if (!pid) {
		for (;;)
			disk_detach(dev, 0, "va");
	}
	for (i = 0; i < LOOPS * 2; i++) {
		vm = vm_make();
		if (vm < 0)
			failed++;
		else if (disk_attach(dev, vm, "va") < 0 && errno != EBUSY)
			failed++;
		close(vm);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	tap_check(!failed, "VMs end while their disk is detached");
	tap_check(settles(SYSFS "/vms"), "all are forgotten");
}

static void prepare(void)
{
	dev = open("/dev/iocore", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		tap_skip_all("iocore.ko is not loaded");
	if (entries(SYSFS "/vms"))
		tap_bail("a VM is known already");
	if (core_make("vc") || disk_make("va", FILE_A, false) || disk_make("vb", FILE_B, false))
		tap_bail("cannot make disks");
}

static void clean_up(void)
{
	tap_errno(object_remove("disks", "va"), 0, "removing a disk");
	tap_errno(object_remove("disks", "vb"), 0, "removing the other");
	tap_errno(object_remove("cores", "vc"), 0, "removing the core");
	unlink(FILE_A);
	unlink(FILE_B);
}

int main(void)
{
	tap_begin();
	prepare();
	test_close();
	test_vcpu_last();
	test_kill();
	test_race();
	test_race_with_end();
	clean_up();
	return tap_end();
}
