/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * minivm.h - a VM with one vCPU and no operating system
 *
 * The guest is a few instructions in 32-bit protected mode without paging, at
 * CPL 0 or 3. The program that owns the VM sets the registers, runs it until it
 * leaves through port 0x80, and sees all of its memory. So a test says exactly
 * what the guest does, and nothing else happens in it.
 *
 *	0 .. 64 KiB	descriptor tables and code
 *	above		the test's, in two memslots of equal size
 */
#ifndef _SELFTESTS_MINIVM_H
#define _SELFTESTS_MINIVM_H

#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MINIVM_PAGE	4096UL
#define MINIVM_SLOT	(8UL << 20)
#define MINIVM_SLOTS	2
#define MINIVM_RAM	(MINIVM_SLOTS * MINIVM_SLOT)

#define MINIVM_GDT	0x1000
#define MINIVM_IDT	0x2000
#define MINIVM_STACK	0x4000
#define MINIVM_CODE	0x5000
#define MINIVM_PORT	0x80
#define MINIVM_VECTOR	0x40

/*
 * What the guest can do. %ebp counts, each ends with an OUT. The three bytes of
 * a hypercall are AMD's; minivm_load() makes them Intel's where they have to be.
 */
extern const uint8_t minivm_text[], minivm_text_end[];
extern const uint8_t minivm_hypercalls[], minivm_cpuids[], minivm_ipis[], minivm_handler[];

asm(".pushsection .rodata\n"
	".code32\n"
	"minivm_text:\n"
	"minivm_hypercalls:\n"
	"	mov	%eax, %edi\n"
	"1:	mov	%edi, %eax\n"
	"	vmmcall\n"
	"	dec	%ebp\n"
	"	jnz	1b\n"
	"	out	%al, $0x80\n"
	"minivm_cpuids:\n"
	"	xor	%eax, %eax\n"
	"	xor	%ecx, %ecx\n"
	"	cpuid\n"
	"	dec	%ebp\n"
	"	jnz	minivm_cpuids\n"
	"	out	%al, $0x80\n"
	"minivm_ipis:\n"		/* x2APIC: enable, then self IPIs */
	"	mov	$0x80f, %ecx\n"
	"	mov	$0x1ff, %eax\n"
	"	xor	%edx, %edx\n"
	"	wrmsr\n"
	"	xor	%esi, %esi\n"
	"	sti\n"
	"1:	mov	$0x83f, %ecx\n"
	"	mov	$0x40, %eax\n"
	"	xor	%edx, %edx\n"
	"	wrmsr\n"
	"	dec	%ebp\n"
	"	jnz	1b\n"
	"	cli\n"
	"	mov	%esi, %eax\n"
	"	out	%al, $0x80\n"
	"minivm_handler:\n"		/* counts in %esi, EOI */
	"	inc	%esi\n"
	"	mov	$0x80b, %ecx\n"
	"	xor	%eax, %eax\n"
	"	xor	%edx, %edx\n"
	"	wrmsr\n"
	"	iret\n"
	"minivm_text_end:\n"
	".code64\n"
	".popsection\n");

struct minivm {
	int fd;
	int vcpu;
	struct kvm_run *run;
	int run_size;
	uint8_t *ram;
	uint32_t slot_flags;
};

static inline int minivm_set_slot(struct minivm *vm, unsigned int slot)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = vm->slot_flags,
		.guest_phys_addr = slot * MINIVM_SLOT,
		.memory_size = MINIVM_SLOT,
		.userspace_addr = (uintptr_t)vm->ram + slot * MINIVM_SLOT,
	};

	return ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

/* KVM_MEM_LOG_DIRTY_PAGES on or off, for all memory */
static inline int minivm_log(struct minivm *vm, bool on)
{
	unsigned int slot;

	vm->slot_flags = on ? KVM_MEM_LOG_DIRTY_PAGES : 0;
	for (slot = 0; slot < MINIVM_SLOTS; slot++)
		if (minivm_set_slot(vm, slot))
			return -1;
	return 0;
}

static inline void minivm_put_gate(struct minivm *vm, unsigned int vector, uint32_t handler)
{
	uint64_t gate = (handler & 0xffff) | 0x8ULL << 16 | 0x8e00ULL << 32 |
			(uint64_t)(handler & 0xffff0000) << 32;

	memcpy(vm->ram + MINIVM_IDT + vector * 8, &gate, sizeof(gate));
}

static inline uint32_t minivm_addr(const uint8_t *label)
{
	return MINIVM_CODE + (label - minivm_text);
}

static inline void minivm_load(struct minivm *vm)
{
	static const uint64_t gdt[] = { 0, 0x00cf9b000000ffff, 0x00cf93000000ffff };
	static const uint8_t vmmcall[] = { 0x0f, 0x01, 0xd9 };
	uint8_t *code = vm->ram + MINIVM_CODE, *insn;
	size_t len = minivm_text_end - minivm_text;
	unsigned int a, b = 0, c, d;

	memcpy(vm->ram + MINIVM_GDT, gdt, sizeof(gdt));
	memcpy(code, minivm_text, len);
	minivm_put_gate(vm, MINIVM_VECTOR, minivm_addr(minivm_handler));
	__cpuid(0, a, b, c, d);
	insn = memmem(code, len, vmmcall, sizeof(vmmcall));
	if (b == signature_INTEL_ebx && insn)
		insn[2] = 0xc1;
}

static inline int minivm_set_cpuid(int kvm, int vcpu)
{
	const int nent = 256;
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + nent * sizeof(cpuid->entries[0]));
	int ret;

	cpuid->nent = nent;
	ret = ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid);
	if (!ret)
		ret = ioctl(vcpu, KVM_SET_CPUID2, cpuid);
	free(cpuid);
	return ret;
}

static inline int minivm_add_vcpu(struct minivm *vm, int kvm)
{
	vm->run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	vm->vcpu = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	if (vm->vcpu < 0 || vm->run_size < 0)
		return -1;
	vm->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED)
		return -1;
	return minivm_set_cpuid(kvm, vm->vcpu);
}

/* A capability of the VM to enable before it has a vCPU, or cap 0. */
static inline int minivm_make(struct minivm *vm, uint32_t cap, uint64_t arg)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { arg } };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), ret = -1;

	memset(vm, 0, sizeof(*vm));
	vm->fd = ioctl(kvm, KVM_CREATE_VM, 0);
	vm->ram = mmap(NULL, MINIVM_RAM, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (vm->fd < 0 || vm->ram == MAP_FAILED)
		goto out;
	ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000UL);
	if (ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) ||
	    (cap && ioctl(vm->fd, KVM_ENABLE_CAP, &enable)) ||
	    minivm_log(vm, false) || minivm_add_vcpu(vm, kvm))
		goto out;
	minivm_load(vm);
	ret = 0;
out:
	close(kvm);
	return ret;
}

static inline void minivm_end(struct minivm *vm)
{
	munmap(vm->run, vm->run_size);
	close(vm->vcpu);
	close(vm->fd);
	munmap(vm->ram, MINIVM_RAM);
}

static inline struct kvm_segment minivm_segment(bool code, unsigned int cpl)
{
	return (struct kvm_segment) {
		.limit = 0xffffffff, .selector = (code ? 0x8 : 0x10) | cpl,
		.type = code ? 0xb : 0x3, .present = 1, .dpl = cpl, .db = 1, .s = 1, .g = 1,
	};
}

static inline int minivm_set_mode(struct minivm *vm, unsigned int cpl)
{
	struct kvm_sregs s;

	if (ioctl(vm->vcpu, KVM_GET_SREGS, &s))
		return -1;
	s.cs = minivm_segment(true, cpl);
	s.ds = minivm_segment(false, cpl);
	s.es = s.ds;
	s.fs = s.ds;
	s.gs = s.ds;
	s.ss = s.ds;
	s.gdt = (struct kvm_dtable){ .base = MINIVM_GDT, .limit = 23 };
	s.idt = (struct kvm_dtable){ .base = MINIVM_IDT, .limit = 0x7ff };
	s.cr0 = (s.cr0 & ~0x80000000ULL) | 1;
	s.apic_base |= 1ULL << 10;	/* x2APIC */
	return ioctl(vm->vcpu, KVM_SET_SREGS, &s);
}

/* Run from @label until the OUT; @regs is what the guest begins and ends with. */
static inline int minivm_run(struct minivm *vm, const uint8_t *label, unsigned int cpl,
			     struct kvm_regs *regs)
{
	regs->rip = minivm_addr(label);
	regs->rsp = MINIVM_STACK;
	regs->rflags = 2 | (cpl ? 3 << 12 : 0);		/* OUT needs IOPL */
	if (minivm_set_mode(vm, cpl) || ioctl(vm->vcpu, KVM_SET_REGS, regs))
		return -1;
	while (ioctl(vm->vcpu, KVM_RUN, 0))
		if (errno != EINTR)
			return -1;
	if (vm->run->exit_reason != KVM_EXIT_IO || vm->run->io.port != MINIVM_PORT) {
		errno = EPROTO;
		return -1;
	}
	if (ioctl(vm->vcpu, KVM_GET_REGS, regs))
		return -1;
	/* The OUT is done when the vCPU is entered again: leave it completed. */
	vm->run->immediate_exit = 1;
	ioctl(vm->vcpu, KVM_RUN, 0);
	vm->run->immediate_exit = 0;
	return 0;
}

/* A hypercall's result: of 32 bits, which is what such a guest gets. */
static inline int minivm_hypercall_at(struct minivm *vm, unsigned int cpl, uint32_t nr,
				      uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3)
{
	struct kvm_regs regs = {
		.rax = nr, .rbx = a0, .rcx = a1, .rdx = a2, .rsi = a3, .rbp = 1,
	};

	if (minivm_run(vm, minivm_hypercalls, cpl, &regs)) {
		perror("the VM does not run");
		exit(1);
	}
	return (int32_t)regs.rax;
}

static inline int minivm_hypercall(struct minivm *vm, uint32_t nr, uint32_t a0, uint32_t a1,
				   uint32_t a2)
{
	return minivm_hypercall_at(vm, 0, nr, a0, a1, a2, 0);
}

#endif /* _SELFTESTS_MINIVM_H */
