// SPDX-License-Identifier: GPL-2.0-only
/*
 * exception.c - exceptions, software interrupts, gates that are not present,
 * NMIs, single-stepping, hypercalls
 */
#include "guest.h"

#define DF	8
#define NP	11
#define GP	13
#define PF	14

/* Vectors below 32 for which the stub expects an error code, which INT lacks. */
static bool has_error(unsigned int v)
{
	return v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30;
}

static void on_int(struct frame *frame)
{
	irqs++;
	note("INT", frame->vector);
}

static void int_present(void)
{
	unsigned int v, expected = 0;

	for (v = 0; v < 256; v++) {
		if (has_error(v) || v == VECTOR_DIRECT)
			continue;
		on_trap[v] = on_int;
		try_int(v);
		expected++;
	}
	want("taken", irqs, expected);
	look("at the end");
}

static void int_absent(void)
{
	unsigned int v;

	for (v = 0; v < 256; v++) {
		if (v == NP || v == VECTOR_DIRECT)
			continue;
		set_gate(idt, v, v, GATE_ABSENT);
		gates_changed();
		try_int(v);
		want_fault("INT of an absent gate", NP, v * 8 + 2);
		want("at the INT itself", fault.rip != 0, 1);
		set_gate(idt, v, v, GATE_INTR);
	}
	gates_changed();
	want("taken", irqs, 0);
}

static void int_bad_gate(void)
{
	static const uint8_t types[] = { 0x00, 0x80, 0x85, 0x8c, 0x89, 0x82, 0x9e };
	unsigned int i;

	for (i = 0; i < sizeof(types); i++) {
		set_gate(idt, 0x70, 0x70, types[i]);
		try_int(0x70);
		want_fault("INT of a gate of another type", GP, 0x70 * 8 + 2);
	}
	set_gate(idt, 0x70, 0x70, GATE_INTR);
	idt[0x70].selector = 0;
	try_int(0x70);
	want("INT through a null selector", fault.vector, GP);
	note_fault("error");
	idt[0x70].selector = GUEST_DS;
	try_int(0x70);
	want_fault("INT through a data segment", GP, GUEST_DS);
}

/* An interrupt whose gate is absent: it is in service, and faults. */
static void irq_absent(void)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		set_gate(idt, 0x71 + i, 0x71 + i, GATE_ABSENT);
		TRY("sti; nop; wrmsr; nop", : : "c"(0x83f), "a"(0x71 + i), "d"(0) : "memory");
		irqs_off();
		want("interrupt of an absent gate", fault.vector, NP);
		note("its error code", fault.error);
		want("without EXT", fault.error & ~1ULL, (0x71 + i) * 8 + 2);
		want("in service", apic_bit(APIC_ISR, 0x71 + i), 1);
		eoi();
		want("after the EOI", apic_bit(APIC_ISR, 0x71 + i), 0);
		set_gate(idt, 0x71 + i, 0x71 + i, GATE_INTR);
	}
	self_ipi(0x71);
	irqs_on();
	irqs_off();
	want("taken", irqs, 1);
	look("at the end");
}

static void segment_absent(void)
{
	TRY("mov %0, %%es", : : "r"((uint32_t)GUEST_ABSENT) : "memory");
	want_fault("load of an absent segment", NP, GUEST_ABSENT);
	TRY("mov %0, %%fs", : : "r"((uint32_t)GUEST_ABSENT) : "memory");
	want_fault("load of an absent segment", NP, GUEST_ABSENT);
	TRY("lldt %w0", : : "r"((uint32_t)GUEST_LDT) : "memory");
	want_fault("load of an absent LDT", NP, GUEST_LDT);
	self_ipi(0x41);
	TRY("mov %0, %%es", : : "r"((uint32_t)GUEST_ABSENT) : "memory");
	want_fault("with an interrupt pending", NP, GUEST_ABSENT);
	irqs_on();
	irqs_off();
	want("taken", irqs, 1);
}

/* ---- exceptions during exceptions ---- */

static void double_faults(void)
{
	set_gate(idt, 0x71, 0x71, GATE_ABSENT);
	set_gate(idt, NP, NP, GATE_ABSENT);
	gates_changed();
	try_int(0x71);
	want_fault("INT of an absent gate, #NP absent", DF, 0);
	TRY("mov %0, %%es", : : "r"((uint32_t)GUEST_ABSENT) : "memory");
	want_fault("#NP absent", DF, 0);
	set_gate(idt, NP, NP, GATE_INTR);

	set_gate(idt, GP, GP, GATE_ABSENT);
	gates_changed();
	TRY("mov (%0), %%rax", : : "r"(1UL << 63) : "rax", "memory");
	want_fault("#GP absent", DF, 0);
	TRY("rdmsr", : : "c"(0x12345) : "eax", "edx", "memory");
	note_fault("#GP absent, raised by KVM");
	set_gate(idt, GP, GP, GATE_INTR);

	set_gate(idt, PF, PF, GATE_ABSENT);
	gates_changed();
	TRY("mov (%0), %%rax", : : "r"(1UL << 32) : "rax", "memory");
	want_fault("#PF absent", DF, 0);
	set_gate(idt, PF, PF, GATE_INTR);
	gates_changed();
}

/* Of an exception that is no contributory one the second is delivered. */
static void benign_absent(void)
{
	set_gate(idt, 6, 6, GATE_ABSENT);
	gates_changed();
	TRY("ud2", : : : "memory");
	want("#UD absent", fault.vector, NP);
	want("its error code without EXT", fault.error & ~1ULL, 6 * 8 + 2);
	note("its error code", fault.error);
	set_gate(idt, 6, 6, GATE_INTR);
	set_gate(idt, 3, 3, GATE_ABSENT);
	gates_changed();
	TRY("int3", : : : "memory");
	want("#BP absent", fault.vector, NP);
	want("its error code without EXT", fault.error & ~1ULL, 3 * 8 + 2);
	note("its error code", fault.error);
	set_gate(idt, 3, 3, GATE_INTR);
	gates_changed();
}

static void triple_fault(void)
{
	set_gate(idt, NP, NP, GATE_ABSENT);
	set_gate(idt, DF, DF, GATE_ABSENT);
	set_gate(idt, 0x71, 0x71, GATE_ABSENT);
	gates_changed();
	try_int(0x71);
	want("still alive", 1, 0);
}

static void on_breakpoint(struct frame *frame)
{
	note("breakpoint, error", frame->error);
	irqs++;
}

static void ordinary(void)
{
	TRY("ud2", : : : "memory");
	want_fault("UD2", 6, 0);
	TRY("xor %%edx, %%edx; xor %%ecx, %%ecx; div %%ecx", : : : "eax", "ecx", "edx", "memory");
	want_fault("division by zero", 0, 0);
	TRY("mov (%0), %%rax", : : "r"(1UL << 63) : "rax", "memory");
	want_fault("an address that is not canonical", GP, 0);
	TRY("mov (%0), %%rax", : : "r"((1UL << 32) + 0x123) : "rax", "memory");
	want_fault("an address that is not mapped", PF, 0);
	want("CR2", fault.cr2, (1UL << 32) + 0x123);
	TRY("movb $0, (%0)", : : "r"((1UL << 32) + 0x124) : "memory");
	want_fault("written", PF, 2);
	TRY("mov %0, %%ss", : : "r"((uint32_t)GUEST_USER_DS) : "memory");
	want_fault("a stack segment of CPL 3", GP, GUEST_USER_DS & ~3);
	on_trap[3] = on_breakpoint;
	asm volatile("int3" : : : "memory");
	want("breakpoints", irqs, 1);
	TRY("mov %0, %%cr4", : : "r"(1UL << 63) : "memory");
	want_fault("a reserved bit of CR4", GP, 0);
}

/* ---- the IDT register ---- */

static void check_idt(const char *text, const void *base, uint64_t limit)
{
	struct table table = { 0 };

	asm volatile("sidt %0" : "=m"(table));
	want(text, table.base, (uint64_t)base);
	want("its limit", table.limit, limit);
}

/* The other table swaps even and odd vectors. */
static void idt_register(void)
{
	struct table wild = { .limit = 0xfff, .base = 1UL << 63 };
	unsigned int v;

	check_idt("SIDT", idt, 0xfff);
	for (v = 0; v < 256; v++)
		set_gate(other_idt, v, v < 32 ? v : v ^ 1, GATE_INTR);
	load_idt(other_idt, 0xfff);
	check_idt("SIDT of the other", other_idt, 0xfff);
	try_int(0x70);
	irqs_on();
	self_ipi(0x40);
	self_ipi(0x51);
	irqs_off();
	want("taken", irqs, 3);
	TRY("ud2", : : : "memory");
	want_fault("UD2", 6, 0);
	TRY("lidt %0", : : "m"(wild) : "memory");
	load_idt(idt, 0xfff);
	note_fault("LIDT of an address that is not canonical");
	check_idt("SIDT of the first", idt, 0xfff);
	irqs_on();
	self_ipi(0x40);
	irqs_off();
	want("taken", irqs, 4);
	for (v = 0; v < 100; v++) {
		load_idt(v & 1 ? idt : other_idt, 0xfff);
		self_ipi(0x60);
		irqs_on();
		irqs_off();
	}
	want("taken, table by table", irqs, 104);
	look("at the end");
}

static void idt_limit(void)
{
	load_idt(idt, 0x41 * 16 - 1);
	check_idt("SIDT", idt, 0x41 * 16 - 1);
	try_int(0x40);
	want_fault("INT at the limit", NO_FAULT, 0);
	try_int(0x41);
	want_fault("INT beyond the limit", GP, 0x41 * 8 + 2);
	TRY("sti; nop; wrmsr; nop", : : "c"(0x83f), "a"(0x50), "d"(0) : "memory");
	irqs_off();
	want("interrupt beyond the limit", fault.vector, GP);
	want("its error code without EXT", fault.error & ~1ULL, 0x50 * 8 + 2);
	note("its error code", fault.error);
	want("in service", apic_bit(APIC_ISR, 0x50), 1);
	eoi();
	load_idt(idt, 0x40 * 16 + 7);		/* half a gate */
	try_int(0x40);
	want_fault("INT of half a gate", GP, 0x40 * 8 + 2);
	load_idt(idt, 0xfff);
	try_int(0x41);
	want_fault("INT with the old limit", NO_FAULT, 0);
	look("at the end");
}

/* ---- NMI ---- */

static void on_nmi(struct frame *frame)
{
	irqs++;
	note2("NMI, interrupts on", frame->vector, frame->rflags >> 9 & 1);
	if (irqs == 1) {
		host(HOST_NMI, 0);
		host(HOST_NMI, 0);
		want("an NMI in an NMI", irqs, 1);
	}
	note("leaves", irqs);
}

static void nmi(void)
{
	on_trap[2] = on_nmi;
	host(HOST_NMI, 0);
	note("taken", irqs);
	asm volatile("nop; nop" : : : "memory");
	note("a little later", irqs);
	self_ipi(0x41);
	host(HOST_NMI, 0);
	irqs_on();
	irqs_off();
	note("with an interrupt", irqs);
	irqs_on();
	host(HOST_NMI, 0);
	irqs_off();
	note("with interrupts on", irqs);
	look("at the end");
}

static void on_halted_nmi(struct frame *frame)
{
	irq_keep(frame);
}

static void nmi_halt(void)
{
	on_trap[2] = on_halted_nmi;
	host(HOST_MSI_LATER, 0x400);		/* delivery mode NMI */
	asm volatile("hlt" : : : "memory");
	want("woke with interrupts off", irqs, 1);
	host(HOST_MSI_LATER, 0x400);
	wait_irqs(2);
}

/* ---- single-stepping ---- */

static volatile uint64_t step_base;

static void on_step(struct frame *frame)
{
	uint64_t dr6;

	asm volatile("mov %%db6, %0" : "=r"(dr6));
	note2("step", frame->rip - step_base, dr6 & 0xe00f);
	asm volatile("mov %0, %%db6" : : "r"(0xffff0ff0UL));
}

#define STEP(insns, ...) do {						\
	step_base = 0;							\
	asm volatile("movq $772f, step_base\n\t"			\
		     "pushf; orq $0x100, (%%rsp); popf\n"		\
		     "772:\n\t" insns "\n\t"				\
		     "pushf; andq $~0x100, (%%rsp); popf" __VA_ARGS__);	\
} while (0)

static void step(void)
{
	on_trap[1] = on_step;
	STEP("nop; nop; nop", : : : "memory");
	note("CPUID", 0);
	STEP("xor %%eax, %%eax; cpuid; nop", : : : "eax", "ebx", "ecx", "edx", "memory");
	note("INT", 0);
	on_trap[0x70] = irq_keep;
	STEP("int $0x70; nop", : : : "memory");
	note("shadows", 0);
	STEP("sti; nop; cli; mov %%ss, %%eax; mov %%eax, %%ss; nop; nop", : : : "eax", "memory");
	note("self IPI", 0);
	STEP("wrmsr; sti; nop; nop; cli", : : "c"(0x83f), "a"(0x41), "d"(0) : "memory");
	note("IRET, LIDT and SIDT", 0);
	struct table table;

	STEP("sidt %0; lidt %0; nop", : "+m"(table) : : "memory");
	look("at the end");
}

static void step_halt(void)
{
	on_trap[1] = on_step;
	host(HOST_MSI_LATER, 0x41);
	STEP("sti; hlt; cli; nop", : : : "memory");
	note("taken", irqs);
	wait_irqs(1);
}

static volatile uint64_t watched;

static void watchpoint(void)
{
	on_trap[1] = on_step;
	asm volatile("mov %0, %%db0" : : "r"(&watched));
	asm volatile("mov %0, %%db7" : : "r"(0xd0601UL));	/* 4 bytes, written */
	asm volatile("movq $1f, step_base; 1: movl $1, %0; nop" : "=m"(watched));
	asm volatile("mov %0, %%db7" : : "r"(0x400UL));
	asm volatile("movl $2, %0; nop" : "=m"(watched));
}

/* ---- CPL 3 ---- */

static void user_ints(void)
{
	try_int(0x70);
	want_fault("INT of a kernel's gate", GP, 0x70 * 8 + 2);
	try_int(0x71);
	want_fault("INT of a user's gate", NO_FAULT, 0);
	try_int(0x72);
	want_fault("INT of an absent user's gate", NP, 0x72 * 8 + 2);
	try_int(0x73);
	want_fault("INT of an absent kernel's gate", GP, 0x73 * 8 + 2);
	TRY("cli", : : : "memory");
	want_fault("CLI", GP, 0);
	TRY("hlt", : : : "memory");
	want_fault("HLT", GP, 0);
	TRY("lidt other_idt", : : : "memory");
	want_fault("LIDT", GP, 0);
	TRY("wrmsr", : : "c"(0x80b), "a"(0), "d"(0) : "memory");
	want_fault("EOI", GP, 0);
	TRY("mov %%cr8, %%rax", : : : "rax", "memory");
	want_fault("CR8", GP, 0);
	TRY("mov %0, %%es", : : "r"((uint32_t)GUEST_ABSENT) : "memory");
	note_fault("a kernel's absent segment");
	TRY("ud2", : : : "memory");
	want_fault("UD2", 6, 0);
	check_idt("SIDT", idt, 0xfff);
	note("hypercall", hypercall(0x1000, 0, 0, 0, 0));
}

static void user(void)
{
	set_gate(idt, 0x71, 0x71, GATE_USER);
	set_gate(idt, 0x72, 0x72, GATE_USER & ~0x80);
	set_gate(idt, 0x73, 0x73, GATE_ABSENT);
	on_trap[0x71] = on_int;
	user_call(user_ints, 0);
	want("taken", irqs, 1);
}

static void user_wait(void)
{
	want("taken in user mode", irqs, 2);
}

static void on_user_irq(struct frame *frame)
{
	note("from CPL", frame->cs & 3);
	irq_eoi(frame);
}

static void user_irq(void)
{
	on_trap[0x41] = on_user_irq;
	on_trap[0x52] = on_user_irq;
	self_ipi(0x41);
	self_ipi(0x52);
	user_call(user_wait, 0x200);
	look("at the end");
}

/* ---- hypercalls ---- */

static void hypercalls(void)
{
	static const uint64_t numbers[] = {
		0, 3, 6, 7, 8, 13, 100, 0xfff, 0x1000, 0x10bf, 0x10c1, 0x8000, 0x7fffffff,
		0x80000000, 0xffffffff, 0x100000000, 0x1000010c0, ~0ULL,
	};
	unsigned int i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		want("an unknown hypercall", hypercall(numbers[i], 1, 2, 3, 4), -1000);
	self_ipi(0x41);
	want("with an interrupt pending", hypercall(0x1000, 0, 0, 0, 0), -1000);
	irqs_on();
	want("with interrupts on", hypercall(0x1000, 0, 0, 0, 0), -1000);
	irqs_off();
	want("taken", irqs, 1);
	want("of the CPU, to wake nobody", hypercall(1, 0, 0, 0, 0), 0);
}

/* How often a debug register traps depends on the host's interrupts. */
const struct scenario exception_scenarios[] = {
	{ "INT n", int_present, IN_X2APIC | COUNTED },
	{ "INT n, absent gate", int_absent, IN_X2APIC },
	{ "INT n, bad gate", int_bad_gate, IN_X2APIC | COUNTED },
	{ "interrupt, absent gate", irq_absent, IN_X2APIC | COUNTED },
	{ "absent segment", segment_absent, IN_X2APIC | COUNTED },
	{ "double faults", double_faults, IN_X2APIC | COUNTED },
	{ "absent gates of exceptions", benign_absent, IN_X2APIC | COUNTED },
	{ "triple fault", triple_fault, IN_X2APIC | COUNTED },
	{ "ordinary exceptions", ordinary, IN_X2APIC | COUNTED },
	{ "IDT register", idt_register, IN_X2APIC | COUNTED },
	{ "IDT limit", idt_limit, IN_X2APIC | COUNTED },
	{ "NMI", nmi, IN_X2APIC | COUNTED },
	{ "NMI, halted", nmi_halt, IN_X2APIC },
	{ "single-step", step, IN_X2APIC },
	{ "single-step, halted", step_halt, IN_X2APIC },
	{ "watchpoint", watchpoint, IN_X2APIC },
	{ "CPL 3", user, IN_X2APIC | COUNTED },
	{ "interrupts in CPL 3", user_irq, IN_X2APIC | COUNTED },
	{ "hypercalls", hypercalls, IN_X2APIC | COUNTED },
	{}
};
