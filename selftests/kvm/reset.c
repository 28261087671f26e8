// SPDX-License-Identifier: GPL-2.0-only
/*
 * reset.c - a VM starts anew with requests in flight
 *
 *	reset HOW DISK DM	HOW is "user-space", "triple-fault" or "guest"
 *
 * DISK is on the device-mapper device DM, which is suspended, and so holds what it
 * gets until it is resumed. A reset begins then. What owns the memory after it fills
 * all of it with a mark, which must stay: in rings, notification page and data, and
 * no write that was in flight may take it to the disk.
 */
#define _GNU_SOURCE
#include <linux/iocore_ring.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <sys/syscall.h>

#include "../lib/host.h"
#include "minivm.h"

#define ARG	0x100000
#define RING	0x200000
#define NOTIFY	0x210000
#define DATA	0x300000
#define MARKED	ARG		/* from here to the end of the first memslot */
#define UD	(MINIVM_CODE + 0x800)

#define DEPTH	16
#define BYTES	16384
#define MARK	0xa5
#define WRITTEN	0x3c
#define TRIES	6000		/* of 10 ms */

static struct minivm vm;
static const char *disk, *dm;
static bool failed, held = true;

struct reset {
	int (*act)(void);
	bool known;		/* the guest still is, after it */
	pthread_t thread;
	int tid;
	int ret;
	bool done;
};

static void check(bool good, const char *fmt, ...)
{
	va_list args;

	printf("%s", good ? "so it is: " : "NOT so: ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	failed |= !good;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void resume(void)
{
	char text[128];

	if (!held)
		return;
	held = false;
	snprintf(text, sizeof(text), "dmsetup resume %s", dm);
	if (system(text))
		printf("%s has failed\n", text);
}

/* At the time-out: a process whose requests are held does not even die. */
static void give_up(int nr)
{
	(void)nr;
	exit(1);
}

/* ---- what the host and the backend say ------------------------------------ */

static int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY), len;

	if (fd < 0)
		return -1;
	len = read(fd, text, size - 1);
	close(fd);
	text[len > 0 ? len : 0] = 0;
	return len;
}

static long pins(void)
{
	long acquired = 0, released = 0;
	char text[16384], *at;

	read_text("/proc/sys/vm/stat_refresh", text, sizeof(text));
	read_text("/proc/vmstat", text, sizeof(text));
	at = strstr(text, "nr_foll_pin_acquired ");
	if (!at || sscanf(at, "%*s %ld nr_foll_pin_released %ld", &acquired, &released) != 2)
		die("/proc/vmstat");
	return acquired - released;
}

static int in_flight(void)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), SYSFS "/disks/%s/in_flight", disk);
	if (read_text(path, text, sizeof(text)) <= 0)
		die(path);
	return atoi(text);
}

/* The backend has ended all that it was given, whoever still waits for it. */
static bool backend_idle(void)
{
	char path[128], text[64];
	int reads, writes, i;
	struct stat st;

	snprintf(path, sizeof(path), "/dev/mapper/%s", dm);
	if (stat(path, &st))
		die(path);
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/inflight",
		 (unsigned int)(st.st_rdev >> 8), (unsigned int)(st.st_rdev & 0xff));
	for (i = 0; i < TRIES; i++) {
		if (read_text(path, text, sizeof(text)) <= 0 ||
		    sscanf(text, "%d %d", &reads, &writes) != 2)
			die(path);
		if (!reads && !writes)
			return true;
		usleep(10000);
	}
	return false;
}

static bool is_all(const uint8_t *p, int byte, size_t len)
{
	return p[0] == byte && !memcmp(p, p + 1, len - 1);
}

/* What the writes left on the disk, as the backend has it. */
static bool written(void)
{
	char path[128];
	bool good;
	void *buf;
	int fd;

	snprintf(path, sizeof(path), "/dev/mapper/%s", dm);
	fd = open(path, O_RDONLY | O_DIRECT);
	buf = aligned_alloc(MINIVM_PAGE, DEPTH * BYTES);
	if (fd < 0 || !buf || pread(fd, buf, DEPTH * BYTES, 0) != DEPTH * BYTES)
		die(path);
	good = is_all(buf, WRITTEN, DEPTH / 2 * BYTES);
	free(buf);
	close(fd);
	return good;
}

/* ---- the guest ------------------------------------------------------------- */

static int call(uint32_t nr, const void *arg, uint32_t len)
{
	memcpy(vm.ram + ARG, arg, len);
	return minivm_hypercall(&vm, IOCORE_HC, nr, ARG, len);
}

static int disk_get(__u64 *epoch)
{
	struct iocore_disk_info info = { .slot = 0 };
	int ret = call(IOCORE_HC_DISK_GET, &info, sizeof(info));

	memcpy(&info, vm.ram + ARG, sizeof(info));
	*epoch = info.epoch;
	return ret;
}

static void open_queue(void)
{
	struct iocore_identify id = { .version = IOCORE_RING_VERSION, .features = IOCORE_F_REPLAY };
	struct iocore_vcpu_notify page = { .gpa = NOTIFY, .vector = MINIVM_VECTOR };
	struct iocore_queue_create queue = { .gpa = RING, .depth = DEPTH, .notify_bit = 5 };

	memset(vm.ram + MARKED, 0, MINIVM_SLOT - MARKED);
	check(!call(IOCORE_HC_IDENTIFY, &id, sizeof(id)), "the host knows the guest");
	check(!call(IOCORE_HC_VCPU_NOTIFY, &page, sizeof(page)), "it has the notification page");
	check(!disk_get(&queue.epoch), "there is the disk");
	check(!call(IOCORE_HC_QUEUE_CREATE, &queue, sizeof(queue)), "there is a queue");
}

/* The first half writes, the second reads what was never written. */
static void submit(void)
{
	struct iocore_ring_hdr *hdr = (void *)(vm.ram + RING);
	struct iocore_sqe *sqe = (void *)(vm.ram + RING + IOCORE_PAGE_SIZE);
	int i;

	memset(vm.ram + DATA, WRITTEN, DEPTH * BYTES);
	for (i = 0; i < DEPTH; i++)
		sqe[i] = (struct iocore_sqe) {
			.opcode = i < DEPTH / 2 ? IOCORE_OP_WRITE : IOCORE_OP_READ,
			.tag = i, .nr_segs = 1, .len = BYTES,
			.sector = i * (BYTES / 512),
			.seg = { { .gpa = DATA + i * BYTES, .len = BYTES } },
		};
	__atomic_store_n(&hdr->sq_tail, DEPTH, __ATOMIC_RELEASE);
	check(!minivm_hypercall(&vm, IOCORE_HC, IOCORE_HC_KICK, 0, 0), "a kick");
	for (i = 0; i < TRIES && in_flight() != DEPTH; i++)
		usleep(10000);
	check(in_flight() == DEPTH, "%d requests are in flight", DEPTH);
	check(!hdr->cq_tail, "none has ended");
}

/* ---- the resets ------------------------------------------------------------ */

/* As a VMM does it: the boot processor leaves protected mode. */
static int by_user_space(void)
{
	struct kvm_sregs s;

	if (ioctl(vm.vcpu, KVM_GET_SREGS, &s))
		return -1;
	s.cr0 &= ~1ULL;
	return ioctl(vm.vcpu, KVM_SET_SREGS, &s);
}

/* An exception without a gate. */
static int by_triple_fault(void)
{
	struct kvm_regs regs = { .rip = UD, .rsp = MINIVM_STACK, .rflags = 2 };

	memcpy(vm.ram + UD, "\x0f\x0b", 2);
	if (minivm_set_mode(&vm, 0) || ioctl(vm.vcpu, KVM_SET_REGS, &regs))
		return -1;
	while (ioctl(vm.vcpu, KVM_RUN, 0))
		if (errno != EINTR)
			return -1;
	return vm.run->exit_reason == KVM_EXIT_SHUTDOWN ? 0 : -1;
}

static int by_guest(void)
{
	return minivm_hypercall(&vm, IOCORE_HC, IOCORE_HC_RESET, 0, 0);
}

/* The memory has its next owner at once. */
static void *reset_thread(void *arg)
{
	struct reset *reset = arg;

	__atomic_store_n(&reset->tid, syscall(SYS_gettid), __ATOMIC_RELEASE);
	reset->ret = reset->act();
	memset(vm.ram + MARKED, MARK, MINIVM_SLOT - MARKED);
	__atomic_store_n(&reset->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* It sleeps in the kernel, or has ended. */
static bool sleeps(struct reset *reset)
{
	int tid = __atomic_load_n(&reset->tid, __ATOMIC_ACQUIRE);
	char path[64], text[256], *state;

	if (!tid)
		return false;
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	if (read_text(path, text, sizeof(text)) <= 0)
		return true;
	state = strrchr(text, ')');
	return state && strchr("SD", state[2]);
}

static void reset_begin(struct reset *reset)
{
	int i, slept = 0;

	if (pthread_create(&reset->thread, NULL, reset_thread, reset))
		die("a thread");
	/* A few looks, as it may sleep a moment for another reason. */
	for (i = 0; i < TRIES && slept < 20; i++) {
		slept = sleeps(reset) ? slept + 1 : 0;
		usleep(10000);
	}
}

static void test(struct reset *reset)
{
	long before = pins();
	__u64 epoch;

	open_queue();
	submit();
	check(pins() > before, "pages of the guest are pinned");
	reset_begin(reset);
	check(!__atomic_load_n(&reset->done, __ATOMIC_ACQUIRE), "the reset waits for them");
	resume();
	pthread_join(reset->thread, NULL);
	check(!reset->ret, "the reset succeeds");
	check(!in_flight(), "nothing is in flight after it");
	check(pins() == before, "no page is pinned: %ld, and %ld before", pins(), before);
	check(backend_idle(), "the backend has ended all");
	check(is_all(vm.ram + MARKED, MARK, MINIVM_SLOT - MARKED), "the new memory is untouched");
	check(written(), "the disk has what was written before the reset");
	check(reset->known == !disk_get(&epoch), "the guest is known if it made the reset");
}

int main(int argc, char **argv)
{
	struct reset reset = { 0 };
	int dev = open("/dev/iocore", O_RDWR | O_CLOEXEC);

	if (argc != 4)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	disk = argv[2];
	dm = argv[3];
	atexit(resume);
	signal(SIGTERM, give_up);
	if (!strcmp(argv[1], "user-space")) {
		reset.act = by_user_space;
	} else if (!strcmp(argv[1], "triple-fault")) {
		reset.act = by_triple_fault;
	} else {
		reset.act = by_guest;
		reset.known = true;
	}
	if (dev < 0 || minivm_make(&vm, 0, 0) || disk_attach_slot(dev, vm.fd, disk, 0))
		die("a VM with the disk");
	test(&reset);
	check(!disk_detach(dev, getpid(), disk), "detach");
	minivm_end(&vm);
	return failed;
}
