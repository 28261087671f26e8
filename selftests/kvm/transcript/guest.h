/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guest.h - a 64-bit guest that keeps a transcript of what it sees
 *
 * The guest is a part of this very program: vm.c copies the program's image
 * to the same addresses of a VM whose memory is mapped one to one. So guest and
 * owner share addresses, but no memory: the VM has a copy of its own.
 */
#ifndef _SELFTESTS_GUEST_H
#define _SELFTESTS_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#define GUEST_PORT	0x80

#define GUEST_CS	0x08
#define GUEST_DS	0x10
#define GUEST_USER_CS	0x1b
#define GUEST_USER_DS	0x23
#define GUEST_ABSENT	0x28	/* a data segment that is not present */
#define GUEST_TSS	0x30
#define GUEST_LDT	0x40	/* an LDT that is not present */

/* Vectors that no scenario uses for itself. */
#define VECTOR_DIRECT	0xe0
#define VECTOR_USER	0x7f

/* What KVM leaves on the stack of a handler, and the stub pushed. */
struct frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss;
};

struct gate {
	uint16_t offset0;
	uint16_t selector;
	uint8_t ist;
	uint8_t type;
	uint16_t offset1;
	uint32_t offset2;
	uint32_t zero;
};

#define GATE_INTR	0x8e
#define GATE_USER	0xee
#define GATE_ABSENT	0x0e

struct table {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

/* ---- the transcript ---- */

enum note_kind { NOTE_ONE, NOTE_TWO, NOTE_WANT };

struct note {
	const char *text;
	const char *what;
	uint64_t a, b;
	enum note_kind kind;
};

#define MAX_NOTES	4096

struct transcript {
	uint32_t nr;
	struct note notes[MAX_NOTES];
};

extern struct transcript transcript;

void note(const char *text, uint64_t a);
void note2(const char *text, uint64_t a, uint64_t b);
void note_of(const char *text, const char *what, uint64_t a);
/* As note(), and it is a failure if @got is not @want. */
void want(const char *text, uint64_t got, uint64_t want);

/* ---- requests to the owner of the VM ---- */

enum host_op {
	HOST_DONE,
	HOST_MSI,		/* argument: data */
	HOST_MSI_LATER,
	HOST_IRQFD_LATER,
	HOST_NMI,
	HOST_LINE,		/* argument: level of GUEST_PIN */
};

#define GUEST_PIN	20	/* of the I/O APIC, none of the PIC */

extern volatile uint64_t host_arg;
void host(enum host_op op, uint64_t arg);

/* ---- scenarios ---- */

#define IN_X2APIC	1
#define IN_XAPIC	2
#define COUNTED		4	/* its exits are always as many */
#define NEEDS_SVM	8
#define NOT_DIRECT	16	/* its results differ in direct mode */

struct scenario {
	const char *name;
	void (*run)(void);
	unsigned int flags;
};

/* Each ends with an empty one. */
extern const struct scenario interrupt_scenarios[], apic_scenarios[], exception_scenarios[],
	nested_scenarios[];

/* What the owner chose for the guest, in its copy of the program. */
struct setup {
	const struct scenario *scenario;
	bool x2apic;
	bool direct;
	bool intel;
};

extern struct setup setup;
void guest_main(void);

/* ---- traps ---- */

typedef void (*handler_fn)(struct frame *frame);

extern handler_fn on_trap[256];
extern struct gate idt[256], other_idt[256];

void set_gate(struct gate *table, unsigned int vector, unsigned int stub, uint8_t type);
/* Gates below 32 were changed: a host that keeps a copy of them is told. */
void gates_changed(void);
void load_idt(const void *base, uint16_t limit);

/* Handlers. The transcript names the vector. */
void irq_eoi(struct frame *frame);
void irq_look(struct frame *frame);
void irq_keep(struct frame *frame);
extern volatile unsigned int irqs;

/* The latest fault: the instruction was left for where @fixup pointed. */
struct fault {
	uint64_t vector;	/* NO_FAULT */
	uint64_t error;
	uint64_t rip;
	uint64_t cr2;
};

#define NO_FAULT	0xffff

extern volatile struct fault fault;
extern volatile uint64_t fixup;
void fault_clear(void);
void note_fault(const char *text);
void want_fault(const char *text, uint64_t vector, uint64_t error);

/* One instruction that may fault. */
#define TRY(insn, ...) do {						\
	fault_clear();							\
	asm volatile("movq $771f, fixup\n\t" insn "\n771:\n\t"		\
		     "movq $0, fixup" __VA_ARGS__);			\
} while (0)

void try_int(unsigned int vector);
bool try_wrmsr(uint32_t msr, uint64_t value);
bool try_rdmsr(uint32_t msr, uint64_t *value);

/* Call @fn at CPL 3 with these flags; it comes back by returning. */
void user_call(void (*fn)(void), uint64_t rflags);

/* ---- the local APIC ---- */

#define APIC_ID		0x20
#define APIC_TPR	0x80
#define APIC_PPR	0xa0
#define APIC_EOI	0xb0
#define APIC_SVR	0xf0
#define APIC_ISR	0x100
#define APIC_TMR	0x180
#define APIC_IRR	0x200
#define APIC_ESR	0x280
#define APIC_ICR	0x300
#define APIC_ICR2	0x310
#define APIC_LVTT	0x320
#define APIC_TMICT	0x380
#define APIC_TMCCT	0x390
#define APIC_TDCR	0x3e0
#define APIC_SELF_IPI	0x3f0

#define APIC_BASE	0xfee00000UL
#define IOAPIC_BASE	0xfec00000UL

#define MSR_APIC_BASE	0x1b
#define MSR_DEADLINE	0x6e0
#define MSR_X2APIC	0x800
#define MSR_PV_EOI	0x4b564d04
#define MSR_EFER	0xc0000080
#define MSR_HSAVE	0xc0010117

uint32_t apic_read(unsigned int reg);
void apic_write(unsigned int reg, uint32_t value);
void self_ipi(unsigned int vector);
void eoi(void);
/* All bits set in ISR, IRR and TMR, and the priority. */
void look(const char *when);
bool apic_bit(unsigned int reg, unsigned int vector);

/* ---- direct mode ---- */

/* Register for notifications and set direct mode up. Only a failure is noted. */
void direct_begin(void);
void direct_update(void);
extern volatile uint64_t direct_taken;

/* ---- instructions ---- */

static inline void wrmsr(uint32_t msr, uint64_t value)
{
	asm volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
		     : "memory");
}

static inline uint64_t rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (uint64_t)hi << 32;
}

static inline uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (uint64_t)hi << 32;
}

static inline uint64_t read_cr8(void)
{
	uint64_t value;

	asm volatile("mov %%cr8, %0" : "=r"(value));
	return value;
}

static inline void write_cr8(uint64_t value)
{
	asm volatile("mov %0, %%cr8" : : "r"(value) : "memory");
}

static inline void irqs_on(void)
{
	asm volatile("sti; nop; nop" : : : "memory");
}

static inline void irqs_off(void)
{
	asm volatile("cli" : : : "memory");
}

/* Sleep until @irqs is @count; one that comes before the HLT wakes it. */
static inline void wait_irqs(unsigned int count)
{
	irqs_off();
	while (irqs < count)
		asm volatile("sti; hlt; cli" : : : "memory");
}

static inline long hypercall(uint64_t nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3)
{
	long ret;

	if (setup.intel)
		asm volatile("vmcall" : "=a"(ret) : "a"(nr), "b"(a0), "c"(a1), "d"(a2), "S"(a3)
			     : "memory");
	else
		asm volatile("vmmcall" : "=a"(ret) : "a"(nr), "b"(a0), "c"(a1), "d"(a2), "S"(a3)
			     : "memory");
	return ret;
}

#endif /* _SELFTESTS_GUEST_H */
