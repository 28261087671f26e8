// SPDX-License-Identifier: GPL-2.0-only
/*
 * kept.c - slots that are kept for their disk, guests that are not known, and
 * queues that nobody is notified of: what the host answers
 */
#include <linux/iocore_ring.h>

#include "../lib/tap.h"
#include "../lib/host.h"
#include "../kvm/minivm.h"

#define ARG	0x100000
#define RING	0x200000
#define DATA	0x300000
#define FILE_A	"/run/kept-a.img"
#define FILE_B	"/run/kept-b.img"
#define REPLAY	(IOCORE_F_REPLAY | IOCORE_F_QUEUE_POLL)

static int dev;
static struct minivm vm;

static void expect(int got, int want, const char *what)
{
	tap_check(got == want, "%s: %d", what, want);
	if (got != want)
		printf("# got %d\n", got);
}

static int identify(uint64_t features)
{
	struct iocore_identify *id = (void *)(vm.ram + ARG);

	*id = (struct iocore_identify) {
		.version = IOCORE_RING_VERSION, .features = features,
	};
	return minivm_hypercall(&vm, IOCORE_HC, IOCORE_HC_IDENTIFY, ARG, sizeof(*id));
}

static struct iocore_disk_info *info_arg(void)
{
	return (void *)(vm.ram + ARG);
}

static int disk_get(uint32_t slot)
{
	*info_arg() = (struct iocore_disk_info) { .slot = slot };
	return minivm_hypercall(&vm, IOCORE_HC, IOCORE_HC_DISK_GET, ARG, sizeof(*info_arg()));
}

static int detach(const char *disk, uint32_t flags)
{
	struct iocore_detach arg = { .len = sizeof(arg), .flags = flags, .vm_pid = getpid() };

	snprintf(arg.disk, sizeof(arg.disk), "%s", disk);
	return ioctl(dev, IOCORE_DETACH, &arg) ? -errno : 0;
}

static int attach(const char *disk, int slot)
{
	int ret = disk_attach_slot(dev, vm.fd, disk, slot);

	return ret < 0 ? -errno : ret;
}

/* The only VM's list of kept slots. */
static bool kept_is(const char *want)
{
	char path[128], text[256] = "";
	int fd, len;

	snprintf(path, sizeof(path), SYSFS "/vms/%d-0/kept", getpid());
	fd = open(path, O_RDONLY);
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	return len >= 0 && !strcmp(text, want);
}

static void test_unknown(void)
{
	expect(disk_get(0), -ESTALE, "a slot, before the guest is known");
	expect(disk_get(255), -ESTALE, "an empty slot, before the guest is known");
	expect(identify(REPLAY), 0, "identify");
	expect(disk_get(0), -ENOENT, "an empty slot");
}

static void test_comes_back(void)
{
	uint64_t epoch;

	expect(attach("ka", -1), 0, "attach");
	expect(disk_get(0), 0, "its slot");
	tap_check(info_arg()->replay_timeout == 60, "the guest is told how long to wait");
	epoch = info_arg()->epoch;
	expect(detach("ka", IOCORE_DETACH_KEEP), 0, "detach and keep");
	expect(disk_get(0), -EAGAIN, "the kept slot");
	tap_check(kept_is("0 ka\n"), "the kept slot is listed");
	expect(detach("ka", IOCORE_DETACH_KEEP), 0, "keep it once more");
	expect(attach("kb", -1), 1, "another disk leaves the kept slot alone");
	expect(attach("ka", -1), 0, "the disk comes back into its slot");
	tap_check(kept_is(""), "nothing is kept any more");
	expect(disk_get(0), 0, "its slot");
	tap_check(info_arg()->epoch != epoch, "under another epoch");
	expect(detach("kb", 0), 0, "detach the other");
}

static void test_given_up(void)
{
	expect(detach("ka", IOCORE_DETACH_KEEP), 0, "detach and keep");
	expect(detach("ka", 0), 0, "give it up");
	expect(disk_get(0), -ENOENT, "the slot that was given up");
	expect(detach("ka", 0), -ENOENT, "give it up again");
	expect(detach("ka", IOCORE_DETACH_KEEP), -ENOENT, "keep what is not there");

	expect(attach("ka", -1), 0, "attach");
	expect(detach("ka", IOCORE_DETACH_KEEP), 0, "detach and keep");
	expect(attach("kb", 0), 0, "another disk into the kept slot");
	tap_check(kept_is(""), "ends the promise");
	expect(detach("kb", 0), 0, "detach it");
	expect(disk_get(0), -ENOENT, "the slot");

	expect(attach("ka", -1), 0, "attach");
	expect(detach("ka", IOCORE_DETACH_KEEP), 0, "detach and keep");
	expect(attach("ka", 5), 5, "the disk into another slot");
	expect(disk_get(0), -ENOENT, "the slot that waited");
	expect(detach("ka", 0), 0, "detach");
}

static void test_starts_anew(void)
{
	struct kvm_sregs s;

	expect(attach("ka", -1), 0, "attach");
	expect(detach("ka", IOCORE_DETACH_KEEP), 0, "detach and keep");
	expect(minivm_hypercall(&vm, IOCORE_HC, IOCORE_HC_RESET, 0, 0), 0, "reset by the guest");
	expect(disk_get(0), -ENOENT, "the slot after it");

	expect(attach("ka", -1), 0, "attach");
	expect(detach("ka", IOCORE_DETACH_KEEP), 0, "detach and keep");
	ioctl(vm.vcpu, KVM_GET_SREGS, &s);
	s.cr0 &= ~1ULL;
	expect(ioctl(vm.vcpu, KVM_SET_SREGS, &s), 0, "reset by user space");
	expect(disk_get(0), -ESTALE, "the slot after it");
	expect(identify(0), 0, "identify without replay");
	expect(disk_get(0), -ENOENT, "the slot then");
}

static void test_refused(void)
{
	expect(attach("ka", -1), 0, "attach");
	expect(detach("ka", IOCORE_DETACH_KEEP), -EOPNOTSUPP, "keep for a guest without replay");
	expect(disk_get(0), 0, "it is still attached");
	expect(attr_set("disks", "ka", "replay_timeout", "5"), -1, "time-out while attached");
	expect(detach("ka", 0), 0, "detach");
	expect(attr_set("disks", "ka", "replay_timeout", "0"), 0, "no time-out");
	expect(identify(REPLAY), 0, "identify");
	expect(attach("ka", -1), 0, "attach");
	expect(disk_get(0), 0, "its slot");
	tap_check(info_arg()->replay_timeout == 0, "the guest is told not to wait");
	expect(detach("ka", IOCORE_DETACH_KEEP), -EOPNOTSUPP, "keep what does not come back");
	expect(detach("ka", 1U << 31), -EINVAL, "detach, unknown flag");
	expect(detach("ka", 0), 0, "detach");
	expect(attr_set("disks", "ka", "replay_timeout", "60"), 0, "a time-out again");
}

/* What is plugged in again is reset alone: the VM goes on. */
static void test_another_vcpu(void)
{
	int vcpu = ioctl(vm.fd, KVM_CREATE_VCPU, 1);
	struct kvm_sregs s;

	expect(attach("ka", -1), 0, "attach");
	expect(disk_get(0), 0, "its slot");
	ioctl(vcpu, KVM_GET_SREGS, &s);
	s.cr0 |= 1ULL;
	expect(ioctl(vcpu, KVM_SET_SREGS, &s), 0, "another vCPU in protected mode");
	s.cr0 &= ~1ULL;
	expect(ioctl(vcpu, KVM_SET_SREGS, &s), 0, "it is plugged in again");
	expect(disk_get(0), 0, "the slot is as before");
	expect(detach("ka", 0), 0, "detach");
	close(vcpu);
}

static int queue_create(uint32_t queue, uint32_t vcpu, uint32_t flags)
{
	struct iocore_queue_create *p = (void *)(vm.ram + ARG);
	uint64_t epoch;

	if (disk_get(0))
		return -ENOENT;
	epoch = info_arg()->epoch;
	memset(info_arg(), 0, sizeof(*info_arg()));
	*p = (struct iocore_queue_create) {
		.queue = queue, .epoch = epoch, .gpa = RING, .depth = 2, .vcpu = vcpu,
		.flags = flags,
	};
	memset(vm.ram + RING, 0, 3 * IOCORE_PAGE_SIZE);
	return minivm_hypercall(&vm, IOCORE_HC, IOCORE_HC_QUEUE_CREATE, ARG, sizeof(*p));
}

/* One read, without any notification: the CQE is there after a while. */
static bool polled_read(void)
{
	struct iocore_ring_hdr *hdr = (void *)(vm.ram + RING);
	struct iocore_sqe *sqe = (void *)(vm.ram + RING + IOCORE_PAGE_SIZE);
	struct iocore_cqe *cqe = (void *)(vm.ram + RING + 2 * IOCORE_PAGE_SIZE);
	int i;

	*sqe = (struct iocore_sqe) {
		.opcode = IOCORE_OP_READ, .tag = 1, .nr_segs = 1, .len = 4096,
		.seg = { { .gpa = DATA, .len = 4096 } },
	};
	__atomic_store_n(&hdr->sq_tail, 1, __ATOMIC_RELEASE);
	if (minivm_hypercall(&vm, IOCORE_HC, IOCORE_HC_KICK, 0, 0))
		return false;
	for (i = 0; i < 6000 && !__atomic_load_n(&hdr->cq_tail, __ATOMIC_ACQUIRE); i++)
		usleep(10000);
	return hdr->cq_tail == 1 && cqe->tag == 1 && cqe->status == IOCORE_S_OK;
}

static void test_poll_queue(void)
{
	expect(identify(IOCORE_F_REPLAY), 0, "identify without poll queues");
	expect(attach("ka", -1), 0, "attach");
	expect(queue_create(0, 0, IOCORE_QUEUE_POLL), -EINVAL, "a poll queue, not negotiated");
	expect(identify(REPLAY), 0, "identify with poll queues");
	expect(queue_create(0, 1, IOCORE_QUEUE_POLL), -EINVAL, "a poll queue of a vCPU");
	expect(queue_create(0, 0, IOCORE_QUEUE_POLL | 2), -EINVAL, "an unknown flag");
	expect(queue_create(0, 0, 0), -ENOENT, "a queue of a vCPU without a page");
	expect(queue_create(0, 0, IOCORE_QUEUE_POLL), 0, "a poll queue");
	tap_check(polled_read(), "a request in the poll queue completes");
	expect(detach("ka", IOCORE_DETACH_KEEP), 0, "detach and keep");
	expect(disk_get(0), -EAGAIN, "its slot");
}

static void setup(void)
{
	dev = open("/dev/iocore", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		tap_skip_all("iocore.ko is not loaded");
	if (core_make("kc") || disk_make("ka", FILE_A, false) || disk_make("kb", FILE_B, false))
		tap_bail("disks");
	if (minivm_make(&vm, 0, 0))
		tap_bail("a VM");
}

int main(void)
{
	tap_begin();
	setup();
	test_unknown();
	test_comes_back();
	test_given_up();
	test_starts_anew();
	test_refused();
	test_another_vcpu();
	test_poll_queue();
	minivm_end(&vm);
	expect(object_remove("disks", "ka"), 0, "the VM has ended, and its kept slot with it");
	object_remove("disks", "kb");
	object_remove("cores", "kc");
	unlink(FILE_A);
	unlink(FILE_B);
	return tap_end();
}
