// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioctl.c - /dev/iocore: what is refused, how, and that it leaves nothing behind
 */
#include <dirent.h>
#include <stdint.h>

#include "../lib/tap.h"
#include "../lib/host.h"

#define FILE_A	"/run/ioctl-a.img"
#define FILE_B	"/run/ioctl-b.img"

static int dev;

static int vm_count(void)
{
	DIR *dir = opendir(SYSFS "/vms");
	struct dirent *entry;
	int count = 0;

	while (dir && (entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return count;
}

static void test_features(void)
{
	struct iocore_features arg = { .len = sizeof(arg) };

	tap_errno(ioctl(dev, IOCORE_GET_FEATURES, &arg), 0, "features");
	tap_check(arg.version == IOCORE_API_VERSION, "the API version is %u", arg.version);

	arg.len = sizeof(arg);
	arg.flags = 1;
	tap_errno(ioctl(dev, IOCORE_GET_FEATURES, &arg), -EINVAL, "features, unknown flag");
	arg.flags = 0;
	arg.len = sizeof(arg) - 1;
	tap_errno(ioctl(dev, IOCORE_GET_FEATURES, &arg), -EINVAL, "features, too short");
	arg.len = 0;
	tap_errno(ioctl(dev, IOCORE_GET_FEATURES, &arg), -EINVAL, "features, no length");
	arg.len = ~0U;
	tap_errno(ioctl(dev, IOCORE_GET_FEATURES, &arg), -E2BIG, "features, wild length");
	tap_errno(ioctl(dev, IOCORE_GET_FEATURES, NULL), -EFAULT, "features, no structure");
	tap_errno(ioctl(dev, _IO(IOCORE_IOC, 99), NULL), -ENOTTY, "unknown ioctl");
}

/* A structure of a later version: its tail must be zero. */
static void test_longer(int vm)
{
	struct {
		struct iocore_attach arg;
		uint64_t more[4];
	} big = { .arg = { .len = sizeof(big), .vm_fd = vm, .slot = -1, .disk = "ta" } };

	big.more[3] = 1;
	tap_errno(ioctl(dev, IOCORE_ATTACH, &big), -E2BIG, "attach, longer, tail not zero");
	big.more[3] = 0;
	tap_errno(ioctl(dev, IOCORE_ATTACH, &big), 0, "attach, longer, tail zero");
	tap_errno(disk_detach(dev, getpid(), "ta"), 0, "detach");
}

static void test_attach_arguments(int vm)
{
	struct iocore_attach arg = { .len = sizeof(arg), .vm_fd = vm, .slot = -1, .disk = "ta" };
	struct iocore_attach bad;

	bad = arg;
	bad.flags = 1U << 31;
	tap_errno(ioctl(dev, IOCORE_ATTACH, &bad), -EINVAL, "attach, unknown flag");
	bad = arg;
	bad.slot = 256;
	tap_errno(ioctl(dev, IOCORE_ATTACH, &bad), -EINVAL, "attach, slot 256");
	bad.slot = -2;
	tap_errno(ioctl(dev, IOCORE_ATTACH, &bad), -EINVAL, "attach, slot -2");
	bad = arg;
	memset(bad.disk, 'x', sizeof(bad.disk));
	tap_errno(ioctl(dev, IOCORE_ATTACH, &bad), -EINVAL, "attach, name without an end");
	bad = arg;
	bad.disk[0] = '\0';
	tap_errno(ioctl(dev, IOCORE_ATTACH, &bad), -EINVAL, "attach, no name");
	tap_errno(disk_attach(dev, vm, "nosuch"), -ENOENT, "attach, no such disk");
	tap_errno(disk_attach(dev, vm, "toff"), -ENODEV, "attach, disk not enabled");
}

static void test_foreign_fds(void)
{
	int null = open("/dev/null", O_RDWR), kvm = open("/dev/kvm", O_RDWR);
	int vm = vm_make(), vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);

	tap_errno(disk_attach(dev, -1, "ta"), -EBADF, "attach to fd -1");
	tap_errno(disk_attach(dev, 9999, "ta"), -EBADF, "attach to a closed fd");
	tap_errno(disk_attach(dev, null, "ta"), -EBADF, "attach to /dev/null");
	tap_errno(disk_attach(dev, kvm, "ta"), -EBADF, "attach to /dev/kvm");
	tap_errno(disk_attach(dev, vcpu, "ta"), -EBADF, "attach to a vCPU");
	tap_errno(disk_attach(dev, dev, "ta"), -EBADF, "attach to /dev/iocore itself");
	close(vcpu);
	close(vm);
	close(kvm);
	close(null);
}

static void test_unsupported_vms(void)
{
	struct kvm_enable_cap ring = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { 65536 } };
	int kvm = open("/dev/kvm", O_RDWR), vm;

	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	tap_errno(disk_attach(dev, vm, "ta"), -EOPNOTSUPP, "attach, no local APIC in the kernel");
	close(vm);

	vm = vm_make();
	if (ioctl(vm, KVM_ENABLE_CAP, &ring))
		tap_check(true, "attach, dirty ring # SKIP KVM has none");
	else
		tap_errno(disk_attach(dev, vm, "ta"), -EOPNOTSUPP, "attach, dirty ring");
	close(vm);
	close(kvm);
	tap_check(!vm_count(), "none of these VMs is known");
}

static void test_sharing(int vm)
{
	int other = vm_make();

	tap_check(disk_attach(dev, vm, "ta") == 0, "the first disk comes into slot 0");
	tap_errno(disk_attach(dev, vm, "ta"), -EBUSY, "the same disk again");
	tap_errno(disk_attach(dev, other, "ta"), -EBUSY, "the same disk in another VM");
	tap_errno(disk_attach_slot(dev, vm, "tro", 0), -EBUSY, "a slot that is taken");
	tap_check(disk_attach_slot(dev, vm, "tro", 255) == 255, "the last slot");
	tap_check(disk_attach(dev, other, "tro") == 0, "a read-only disk in another VM");
	tap_errno(object_remove("disks", "ta"), -EBUSY, "removing a disk in use");
	tap_errno(object_remove("cores", "tc"), -EBUSY, "removing a core in use");
	tap_errno(attr_set("disks", "ta", "enable", "0"), -EBUSY, "disabling a disk in use");
	tap_errno(attr_set("disks", "ta", "path", FILE_B), -EBUSY,
		  "moving a disk to a backend that is in use");
	tap_errno(attr_set("disks", "ta", "threads", "2"), -EBUSY, "threads of an enabled disk");
	tap_errno(attr_set("disks", "ta", "core", "tc"), -EBUSY, "IOCores of an enabled disk");
	close(other);
}

static void test_queue_move(void)
{
	struct iocore_queue_move good = {
		.len = sizeof(good), .queue = -1, .disk = "ta", .core = "tc",
	}, arg = good;

	tap_errno(ioctl(dev, IOCORE_QUEUE_MOVE, &arg), 0, "move all of no queues");
	arg.queue = 0;
	tap_errno(ioctl(dev, IOCORE_QUEUE_MOVE, &arg), -ENOENT, "move, no such queue");
	arg.queue = 64;
	tap_errno(ioctl(dev, IOCORE_QUEUE_MOVE, &arg), -ENOENT, "move, queue 64");
	arg.queue = -2;
	tap_errno(ioctl(dev, IOCORE_QUEUE_MOVE, &arg), -EINVAL, "move, queue -2");
	arg = good;
	arg.flags = 1;
	tap_errno(ioctl(dev, IOCORE_QUEUE_MOVE, &arg), -EINVAL, "move, unknown flag");
	arg = good;
	arg.vm_pid = -1;
	tap_errno(ioctl(dev, IOCORE_QUEUE_MOVE, &arg), -EINVAL, "move, negative pid");
	arg.vm_pid = 1;
	tap_errno(ioctl(dev, IOCORE_QUEUE_MOVE, &arg), -ENOENT, "move, another process");
	arg = good;
	strcpy(arg.core, "nosuch");
	tap_errno(ioctl(dev, IOCORE_QUEUE_MOVE, &arg), -ENODEV, "move, no such IOCore");
	arg = good;
	strcpy(arg.disk, "nosuch");
	tap_errno(ioctl(dev, IOCORE_QUEUE_MOVE, &arg), -ENOENT, "move, no such disk");
	memset(arg.core, 'x', sizeof(arg.core));
	tap_errno(ioctl(dev, IOCORE_QUEUE_MOVE, &arg), -EINVAL, "move, name without an end");
}

static void test_detach(void)
{
	struct iocore_detach arg = { .len = sizeof(arg), .disk = "ta" };

	arg.flags = 1U << 31;
	tap_errno(ioctl(dev, IOCORE_DETACH, &arg), -EINVAL, "detach, unknown flag");
	arg.flags = IOCORE_DETACH_KEEP;
	tap_errno(ioctl(dev, IOCORE_DETACH, &arg), -EOPNOTSUPP, "detach and keep, no guest");
	arg.flags = 0;
	arg.pad = 1;
	tap_errno(ioctl(dev, IOCORE_DETACH, &arg), -EINVAL, "detach, padding");
	arg.pad = 0;
	arg.vm_pid = -1;
	tap_errno(ioctl(dev, IOCORE_DETACH, &arg), -EINVAL, "detach, negative pid");
	tap_errno(disk_detach(dev, 1, "ta"), -ENOENT, "detach, another process");
	tap_errno(disk_detach(dev, 0, "ta"), 0, "detach, the only one");
	tap_errno(disk_detach(dev, 0, "ta"), -ENOENT, "detach, not attached");
	tap_errno(disk_detach(dev, getpid(), "tro"), 0, "detach by pid");
}

static void test_configfs(void)
{
	tap_errno(object_make("disks", "tx"), 0, "a new disk");
	tap_errno(attr_set("disks", "tx", "enable", "1"), -EINVAL, "enable without a path");
	tap_errno(attr_set("disks", "tx", "path", "relative"), -EINVAL, "a relative path");
	tap_errno(attr_set("disks", "tx", "path", "/no/such/file"), 0, "a path to nothing");
	tap_errno(attr_set("disks", "tx", "enable", "1"), -ENOENT, "enable with it");
	attr_set("disks", "tx", "path", "/dev/null");
	tap_errno(attr_set("disks", "tx", "enable", "1"), -EINVAL, "a character device");
	attr_set("disks", "tx", "path", "/run");
	tap_errno(attr_set("disks", "tx", "enable", "1"), -EINVAL, "a directory");
	attr_set("disks", "tx", "path", FILE_A);
	tap_errno(attr_set("disks", "tx", "enable", "1"), -EBUSY, "another disk's file");
	attr_set("disks", "tx", "path", FILE_B);
	attr_set("disks", "tx", "core", "nosuch");
	tap_errno(attr_set("disks", "tx", "enable", "1"), -ENODEV, "no such core");
	attr_set("disks", "tx", "core", "tc,nosuch");
	tap_errno(attr_set("disks", "tx", "enable", "1"), -ENODEV, "one core of two");
	attr_set("disks", "tx", "core", "tc,");
	tap_errno(attr_set("disks", "tx", "enable", "1"), -EINVAL, "a core without a name");
	tap_errno(attr_set("disks", "tx", "threads", "0"), -EINVAL, "no thread");
	tap_errno(attr_set("disks", "tx", "threads", "17"), -EINVAL, "17 threads");
	tap_errno(attr_set("disks", "tx", "replay_timeout", "86401"), -EINVAL,
		  "waiting for more than a day");
	tap_errno(object_remove("disks", "tx"), 0, "and gone");

	tap_errno(object_make("cores", "tx"), 0, "a new core");
	tap_errno(attr_set("cores", "tx", "cpu", "99999"), -EINVAL, "a CPU that is not");
	tap_errno(attr_set("cores", "tx", "cpu", "-1"), -EINVAL, "a negative CPU");
	tap_errno(attr_set("cores", "tx", "idle_us", "99999999"), -EINVAL, "an endless idle time");
	tap_errno(attr_set("cores", "tx", "enable", "maybe"), -EINVAL, "neither on nor off");
	tap_errno(object_remove("cores", "tx"), 0, "and gone");
}

static void prepare(void)
{
	dev = open("/dev/iocore", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		tap_skip_all("iocore.ko is not loaded");
	if (core_make("tc") || disk_make("ta", FILE_A, false) ||
	    disk_make("tro", FILE_B, true) || object_make("disks", "toff"))
		tap_bail("cannot make disks");
}

static void clean_up(void)
{
	static const char * const disks[] = { "ta", "tro", "toff" };
	unsigned int i;

	for (i = 0; i < sizeof(disks) / sizeof(disks[0]); i++)
		tap_errno(object_remove("disks", disks[i]), 0, "removing a disk");
	tap_errno(object_remove("cores", "tc"), 0, "removing the core");
	unlink(FILE_A);
	unlink(FILE_B);
}

int main(void)
{
	int vm, vms;

	tap_begin();
	prepare();
	vms = vm_count();
	vm = vm_make();
	if (vm < 0)
		tap_bail("cannot make a VM");

	test_features();
	test_attach_arguments(vm);
	test_foreign_fds();
	test_longer(vm);
	test_sharing(vm);
	test_queue_move();
	test_detach();
	close(vm);
	tap_check(vm_count() == vms, "a VM that is closed is forgotten");
	test_unsupported_vms();
	test_configfs();
	clean_up();
	return tap_end();
}
