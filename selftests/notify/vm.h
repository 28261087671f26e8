/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vm.h - a VM whose only vCPU, on CPU 1, has direct notifications
 *
 * The vCPU runs in a thread of its own, so that the program goes on while its
 * guest does what it should not. Real reads from a real disk raise the
 * notifications: the program puts them on the ring, the guest hears of them.
 */
#ifndef _SELFTESTS_NOTIFY_VM_H
#define _SELFTESTS_NOTIFY_VM_H

#include <assert.h>
#include <glob.h>
#include <linux/iocore_ring.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "../kvm/minivm.h"
#include "../lib/host.h"
#include "../lib/tap.h"
#include "guest.h"

#define VM_CPU		1		/* isolated; IOCore has CPU 0 */
#define HOST_CPU	0
#define VM_DEPTH	64U
#define VM_SQ		(G_RING + 4096)
#define VM_CQ		(G_RING + 8192)
/* Far more than anything takes, in milliseconds. */
#define LONG		20000

static_assert(offsetof(struct shared, counts) == 0x100, "the guest's code knows");
static_assert(offsetof(struct shared, own) == 0x50, "the guest's code knows");

/**
 * struct vm - one VM
 * @mini:	its memory and vCPU
 * @disk:	attached to it, NULL: none yet
 * @thread:	runs the vCPU
 * @label:	from where it runs
 * @regs:	what it begins and ends with
 * @done:	it has ended
 * @quit:	it is to end at the next signal
 * @exit:	how: KVM_EXIT_*, or -errno
 * @tail:	requests put on the ring
 * @dir:	the VM's directory in sysfs
 */
struct vm {
	struct minivm mini;
	const char *disk;
	pthread_t thread;
	const uint8_t *label;
	struct kvm_regs regs;
	bool running;
	bool done;
	bool quit;
	int exit;
	uint32_t tail;
	char dir[160];
};

static int iocore_dev;

static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static inline void sleep_ms(unsigned int ms)
{
	usleep(ms * 1000);
}

static inline void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		tap_bail("a thread's CPU");
}

static inline void *vm_at(struct vm *vm, uint32_t gpa)
{
	return vm->mini.ram + gpa;
}

static inline volatile struct shared *vm_shared(struct vm *vm)
{
	return vm_at(vm, G_SHARED);
}

static inline uint32_t guest_addr(const uint8_t *label)
{
	return G_TEXT + (label - g_text);
}

/* ---- memory ---- */

static inline void put_gate(struct vm *vm, uint32_t idt, unsigned int vector, uint32_t handler,
			    bool present)
{
	uint64_t *gate = vm_at(vm, idt + vector * 16);

	gate[0] = (handler & 0xffff) | 0x8ULL << 16 | (present ? 0x8eULL : 0x0eULL) << 40 |
		  (uint64_t)(handler & 0xffff0000) << 32;
	gate[1] = 0;
}

/* A gate whose handler gets a stack that is always there. */
static inline void put_gate_ist(struct vm *vm, uint32_t idt, unsigned int vector, uint32_t handler)
{
	put_gate(vm, idt, vector, handler, true);
	*(uint64_t *)vm_at(vm, idt + vector * 16) |= 1ULL << 32;
}

static inline void fill_idt(struct vm *vm, uint32_t idt)
{
	unsigned int i;

	for (i = 0; i < 256; i++)
		put_gate(vm, idt, i, guest_addr(g_stubs) + i * 16, true);
	put_gate(vm, idt, G_VECTOR, guest_addr(g_notified), true);
	put_gate(vm, idt, G_VECTOR_A, guest_addr(g_other), true);
	put_gate(vm, idt, G_VECTOR_B, guest_addr(g_other), true);
}

static inline void fill_tables(struct vm *vm)
{
	uint64_t *pd = vm_at(vm, G_PD), *pt;
	unsigned int i;

	*(uint64_t *)vm_at(vm, G_PML4) = G_PDPT | 3;
	*(uint64_t *)vm_at(vm, G_PDPT) = G_PD | 3;
	for (i = 0; i < MINIVM_RAM >> 21; i++)
		pd[i] = (uint64_t)i << 21 | 0x83;
	pd[0] = G_PT_LOW | 3;
	pd[G_SHADOW >> 21] = G_PT_SHADOW | 3;
	pt = vm_at(vm, G_PT_LOW);
	for (i = 0; i < 512; i++)
		pt[i] = (uint64_t)i << 12 | 3;
	pt = vm_at(vm, G_PT_SHADOW);
	for (i = 0; i < 512; i++)
		pt[i] = (G_SHADOW & ~0x1fffffULL) | (uint64_t)i << 12 | 3;
}

/* 0x8 code, 0x10 data, 0x18 data that is not present, 0x20 the TSS */
static inline void fill_memory(struct vm *vm)
{
	static const uint64_t gdt[] = {
		0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf13000000ffff,
		0x00008b0000000067 | (G_TSS & 0xffffffULL) << 16, 0,
	};

	memcpy(vm_at(vm, G_GDT), gdt, sizeof(gdt));
	memcpy(vm_at(vm, G_TEXT), g_text, g_text_end - g_text);
	*(uint64_t *)vm_at(vm, G_TSS + 0x24) = G_IST;
	fill_idt(vm, G_IDT);
	fill_tables(vm);
}

/* ---- the vCPU ---- */

static inline void set_long_mode(struct kvm_sregs *s)
{
	s->cs = minivm_segment(true, 0);
	s->cs.db = 0;
	s->cs.l = 1;
	s->ds = minivm_segment(false, 0);
	s->es = s->ds;
	s->fs = s->ds;
	s->gs = s->ds;
	s->ss = s->ds;
	s->tr = (struct kvm_segment) {
		.base = G_TSS, .limit = 0x67, .selector = 0x20, .type = 0xb, .present = 1,
	};
	s->gdt = (struct kvm_dtable){ .base = G_GDT, .limit = 47 };
	s->idt = (struct kvm_dtable){ .base = G_IDT, .limit = 0xfff };
	s->cr3 = G_PML4;
	s->cr4 = 0x20;				/* PAE */
	s->efer = 0x500;			/* LME, LMA */
	s->cr0 = 0x80000031;			/* PG, NE, ET, PE */
	s->apic_base |= 3ULL << 10;		/* x2APIC */
}

static inline void *vm_thread(void *arg)
{
	struct vm *vm = arg;
	int ret;

	pin_to(VM_CPU);
	do {
		ret = ioctl(vm->mini.vcpu, KVM_RUN, 0);
	} while (ret && errno == EINTR && !__atomic_load_n(&vm->quit, __ATOMIC_ACQUIRE));
	vm->exit = ret ? -errno : (int)vm->mini.run->exit_reason;
	ioctl(vm->mini.vcpu, KVM_GET_REGS, &vm->regs);
	__atomic_store_n(&vm->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static inline void vm_start_flags(struct vm *vm, const uint8_t *label, const struct kvm_regs *regs,
				  uint64_t rflags)
{
	vm->regs = regs ? *regs : (struct kvm_regs){};
	vm->regs.rip = guest_addr(label);
	if (!vm->regs.rsp)
		vm->regs.rsp = G_STACK;
	vm->regs.rflags = rflags | 2;
	vm->done = false;
	vm->quit = false;
	vm->running = true;
	vm->mini.run->immediate_exit = 0;
	vm_shared(vm)->stop = 0;
	vm_shared(vm)->step = 0;
	if (ioctl(vm->mini.vcpu, KVM_SET_REGS, &vm->regs) ||
	    pthread_create(&vm->thread, NULL, vm_thread, vm))
		tap_bail("running the vCPU");
}

static inline void vm_start(struct vm *vm, const uint8_t *label, const struct kvm_regs *regs)
{
	vm_start_flags(vm, label, regs, 0);
}

/* Wait for the guest's OUT; complete it, as the next entry would. */
static inline bool vm_ends(struct vm *vm, unsigned int ms)
{
	uint64_t until = now_ns() + ms * 1000000ULL;

	while (!__atomic_load_n(&vm->done, __ATOMIC_ACQUIRE)) {
		if (now_ns() > until)
			return false;
		usleep(200);
	}
	pthread_join(vm->thread, NULL);
	vm->running = false;
	if (vm->exit != KVM_EXIT_IO)
		return true;
	vm->mini.run->immediate_exit = 1;
	ioctl(vm->mini.vcpu, KVM_RUN, 0);
	vm->mini.run->immediate_exit = 0;
	return true;
}

/* Out of the guest by a signal, whatever it does. */
static inline bool vm_kicks_out(struct vm *vm, unsigned int ms)
{
	uint64_t until = now_ns() + ms * 1000000ULL;

	__atomic_store_n(&vm->quit, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&vm->done, __ATOMIC_ACQUIRE)) {
		if (now_ns() > until)
			return false;
		vm->mini.run->immediate_exit = 1;
		pthread_kill(vm->thread, SIGUSR1);
		usleep(20000);
	}
	pthread_join(vm->thread, NULL);
	vm->running = false;
	vm->mini.run->immediate_exit = 0;
	return true;
}

/* A routine from begin to end; the program is lost if it does not end. */
static inline void vm_do(struct vm *vm, const uint8_t *label, const struct kvm_regs *regs)
{
	vm_start(vm, label, regs);
	if (vm_ends(vm, LONG) && vm->exit == KVM_EXIT_IO)
		return;
	printf("# the guest at %#llx, exit %d\n", (unsigned long long)vm->regs.rip, vm->exit);
	tap_bail("a guest that should do as it is told");
}

static inline long vm_call(struct vm *vm, uint64_t op, uint64_t a1, uint64_t a2)
{
	struct kvm_regs regs = { .rax = IOCORE_HC, .rbx = op, .rcx = a1, .rdx = a2 };

	vm_do(vm, g_call, &regs);
	return (long)vm->regs.rax;
}

static inline bool reaches(volatile uint64_t *counter, uint64_t value, unsigned int ms)
{
	uint64_t until = now_ns() + ms * 1000000ULL;

	while (*counter < value) {
		if (now_ns() > until)
			return false;
		usleep(100);
	}
	return true;
}

/* From now on the guest waits in g_spin(), with interrupts on. */
static inline void vm_spin(struct vm *vm)
{
	vm_start(vm, g_spin, NULL);
}

static inline bool vm_stop(struct vm *vm)
{
	vm_shared(vm)->stop = ~0ULL;
	return vm_ends(vm, LONG) && vm->exit == KVM_EXIT_IO;
}

/* ---- iocore ---- */

static inline int vm_allow(struct vm *vm, bool on)
{
	struct iocore_allow arg = {
		.len = sizeof(arg), .flags = on ? IOCORE_ALLOW_DIRECT : 0, .vm_fd = vm->mini.fd,
	};

	return ioctl(iocore_dev, IOCORE_ALLOW, &arg);
}

static inline long vm_identify(struct vm *vm)
{
	struct iocore_identify *id = vm_at(vm, G_ARG);

	*id = (struct iocore_identify) {
		.version = IOCORE_RING_VERSION, .features = IOCORE_F_DIRECT,
	};
	return vm_call(vm, IOCORE_HC_IDENTIFY, G_ARG, sizeof(*id)) ?: (long)!id->features;
}

static inline long vm_notify(struct vm *vm, uint64_t gpa, uint32_t vector)
{
	struct iocore_vcpu_notify *arg = vm_at(vm, G_ARG);

	*arg = (struct iocore_vcpu_notify){ .gpa = gpa, .vector = vector };
	return vm_call(vm, IOCORE_HC_VCPU_NOTIFY, G_ARG, sizeof(*arg));
}

static inline long vm_direct(struct vm *vm, uint64_t gpa, uint64_t gva)
{
	struct iocore_direct *arg = vm_at(vm, G_ARG);

	*arg = (struct iocore_direct){ .gpa = gpa, .gva = gva };
	return vm_call(vm, IOCORE_HC_DIRECT, G_ARG, sizeof(*arg));
}

static inline long vm_queue(struct vm *vm)
{
	struct iocore_disk_info *info = vm_at(vm, G_ARG);
	struct iocore_queue_create *create = vm_at(vm, G_ARG);
	uint64_t epoch;
	long ret;

	memset(info, 0, sizeof(*info));
	ret = vm_call(vm, IOCORE_HC_DISK_GET, G_ARG, sizeof(*info));
	if (ret)
		return ret;
	epoch = info->epoch;
	memset(vm_at(vm, G_RING), 0, sizeof(struct iocore_ring_hdr));
	vm->tail = 0;
	*create = (struct iocore_queue_create) {
		.epoch = epoch, .gpa = G_RING, .depth = VM_DEPTH,
	};
	return vm_call(vm, IOCORE_HC_QUEUE_CREATE, G_ARG, sizeof(*create));
}

/* A VM of 64-bit mode, to which iocore has not been mentioned yet. */
static inline void vm_boot(struct vm *vm, bool halts_inside)
{
	struct kvm_sregs s;

	memset(vm, 0, sizeof(*vm));
	if (minivm_make(&vm->mini, halts_inside ? KVM_CAP_X86_DISABLE_EXITS : 0,
			halts_inside ? KVM_X86_DISABLE_EXITS_HLT : 0))
		tap_bail("a VM");
	madvise(vm->mini.ram, MINIVM_RAM, MADV_DONTFORK);
	fill_memory(vm);
	if (ioctl(vm->mini.vcpu, KVM_GET_SREGS, &s))
		tap_bail("the vCPU's registers");
	set_long_mode(&s);
	if (ioctl(vm->mini.vcpu, KVM_SET_SREGS, &s))
		tap_bail("64-bit mode");
	vm_do(vm, g_init, NULL);
}

/* A process may have several VMs: ours is the one that has the disk. */
static inline void vm_find_dir(struct vm *vm)
{
	char pattern[160], *end;
	glob_t found;

	snprintf(pattern, sizeof(pattern), SYSFS "/vms/%d-*/disks/%s", getpid(), vm->disk);
	if (glob(pattern, 0, NULL, &found))
		tap_bail(pattern);
	snprintf(vm->dir, sizeof(vm->dir), "%s", found.gl_pathv[0]);
	globfree(&found);
	end = strstr(vm->dir, "/disks/");
	if (end)
		*end = '\0';
}

static inline void vm_attach(struct vm *vm, const char *disk)
{
	if (disk_attach(iocore_dev, vm->mini.fd, disk) < 0)
		tap_bail("attaching the disk");
	vm->disk = disk;
	vm_find_dir(vm);
}

static inline void vm_begin(struct vm *vm, const char *disk, bool halts_inside)
{
	vm_boot(vm, halts_inside);
	vm_attach(vm, disk);
	if (vm_identify(vm) || vm_notify(vm, G_NOTIFY, G_VECTOR) || vm_queue(vm))
		tap_bail("iocore's first steps");
}

/*
 * 0, or what the host answers. The news that it may was a notification, too: with
 * nothing pending the guest's next step, perhaps a wrong one, is in direct mode.
 */
static inline long vm_go_direct(struct vm *vm)
{
	long ret;

	if (vm_allow(vm, true))
		tap_bail("allowing direct notifications");
	ret = vm_direct(vm, G_SHADOW, G_SHADOW);
	vm_spin(vm);
	usleep(2000);
	vm_stop(vm);
	return ret;
}

static inline void vm_begin_direct(struct vm *vm, const char *disk, bool halts_inside)
{
	vm_begin(vm, disk, halts_inside);
	errno = -vm_go_direct(vm);
	if (errno)
		tap_bail("setting direct notifications up");
}

static inline void vm_finish(struct vm *vm)
{
	if (vm->running && !vm_kicks_out(vm, LONG))
		tap_bail("a guest that can't be stopped");
	if (vm->disk)
		disk_detach(iocore_dev, getpid(), vm->disk);
	munmap(vm->mini.run, 4096);
	minivm_end(&vm->mini);
}

/* A read that is to raise one notification. A bystander's reads keep IOCore awake. */
static inline void vm_submit(struct vm *vm)
{
	struct iocore_ring_hdr *hdr = vm_at(vm, G_RING);
	struct iocore_sqe *sq = vm_at(vm, VM_SQ);

	sq[vm->tail % VM_DEPTH] = (struct iocore_sqe) {
		.opcode = IOCORE_OP_READ, .tag = vm->tail % VM_DEPTH, .nr_segs = 1, .len = 4096,
		.seg = { { .gpa = G_DATA + vm->tail % 16 * 4096, .len = 4096 } },
	};
	__atomic_store_n(&hdr->cq_head, __atomic_load_n(&hdr->cq_tail, __ATOMIC_ACQUIRE),
			 __ATOMIC_RELEASE);
	__atomic_store_n(&hdr->cq_event, vm->tail, __ATOMIC_RELAXED);
	__atomic_store_n(&hdr->sq_tail, ++vm->tail, __ATOMIC_RELEASE);
}

/* After a submission, by a VM that does not run: its guest wakes an IOCore that sleeps. */
static inline void vm_kick(struct vm *vm)
{
	struct iocore_ring_hdr *hdr = vm_at(vm, G_RING);

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&hdr->flags, __ATOMIC_RELAXED) & IOCORE_RING_NEED_KICK)
		vm_call(vm, IOCORE_HC_KICK, 0, 0);
}

static inline bool vm_completes(struct vm *vm, unsigned int ms)
{
	struct iocore_ring_hdr *hdr = vm_at(vm, G_RING);
	uint64_t until = now_ns() + ms * 1000000ULL;

	while (__atomic_load_n(&hdr->cq_tail, __ATOMIC_ACQUIRE) != vm->tail) {
		if (now_ns() > until)
			return false;
		usleep(50);
	}
	return true;
}

/* @n reads, one after another; the notifications taken until one did not come. */
static inline unsigned int vm_reads(struct vm *vm, unsigned int n, unsigned int ms)
{
	unsigned int taken = 0;
	uint64_t before;

	while (n--) {
		before = vm_shared(vm)->irqs;
		vm_submit(vm);
		if (!vm_completes(vm, ms) || !reaches(&vm_shared(vm)->irqs, before + 1, ms))
			break;
		taken++;
	}
	return taken;
}

/* ---- what the host says of it ---- */

/* The value of KEY= in the vCPU's line; false if it is not there. */
static inline bool vcpu_text(const struct vm *vm, const char *key, char *value, size_t size)
{
	char path[192], line[512] = "", want[64], *at;
	const char *ends = "\n ";
	FILE *file;

	snprintf(path, sizeof(path), "%s/vcpus", vm->dir);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	snprintf(want, sizeof(want), " %s=", key);
	at = strstr(line, want);
	if (!at)
		return false;
	at += strlen(want);
	if (*at == '"') {
		ends = "\"";
		at++;
	}
	at[strcspn(at, ends)] = '\0';
	snprintf(value, size, "%s", at);
	return true;
}

static inline uint64_t vcpu_number(const struct vm *vm, const char *key)
{
	char value[64];

	return vcpu_text(vm, key, value, sizeof(value)) ? strtoull(value, NULL, 10) : 0;
}

static inline bool vcpu_has(const struct vm *vm, const char *key, const char *want)
{
	char value[128];

	return vcpu_text(vm, key, value, sizeof(value)) && strstr(value, want);
}

static inline bool vcpu_says(const struct vm *vm, const char *key, const char *want)
{
	char value[128] = "nothing";

	if (vcpu_has(vm, key, want))
		return true;
	vcpu_text(vm, key, value, sizeof(value));
	printf("# %s is \"%s\"\n", key, value);
	return false;
}

static inline bool vcpu_becomes(const struct vm *vm, const char *mode, unsigned int ms)
{
	uint64_t until = now_ns() + ms * 1000000ULL;
	char now[32] = "";

	while (!vcpu_text(vm, "mode", now, sizeof(now)) || strcmp(now, mode)) {
		if (now_ns() > until)
			return vcpu_says(vm, "mode", mode);
		usleep(1000);
	}
	return true;
}

static inline bool vcpu_reaches(const struct vm *vm, const char *key, uint64_t value,
				unsigned int ms)
{
	uint64_t until = now_ns() + ms * 1000000ULL;

	while (vcpu_number(vm, key) < value) {
		if (now_ns() > until)
			return false;
		usleep(1000);
	}
	return true;
}

#endif /* _SELFTESTS_NOTIFY_VM_H */
