// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest.c - the guest's beginning: traps, notes, the local APIC
 */
#include "guest.h"

struct transcript transcript;
struct setup setup;
struct gate idt[256] __attribute__((aligned(4096)));
struct gate other_idt[256] __attribute__((aligned(4096)));
handler_fn on_trap[256];
volatile unsigned int irqs;
volatile struct fault fault;
volatile uint64_t fixup, host_arg;

typedef void (*stub_fn)(void);

extern const uint8_t trap_stubs[], int_stubs[];
void trap(struct frame *frame);

/*
 * A stub a vector, 16 bytes each: a zero where the CPU pushes no error code,
 * the vector. And an INT a vector, 4 bytes each.
 */
asm(".pushsection .text\n"
	".balign 16\n"
	"trap_stubs:\n"
	".set v, 0\n"
	".rept 256\n"
	"	.balign 16\n"
	"	.if !(v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30)\n"
	"	push	$0\n"
	"	.endif\n"
	"	push	$v\n"
	"	jmp	trap_common\n"
	"	.set v, v + 1\n"
	".endr\n"
	"trap_common:\n"
	"	push %rax; push %rcx; push %rdx; push %rbx; push %rsi; push %rdi; push %rbp\n"
	"	push %r8; push %r9; push %r10; push %r11; push %r12; push %r13; push %r14\n"
	"	push %r15\n"
	"	mov	%rsp, %rdi\n"
	"	cld\n"
	"	call	trap\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %r11; pop %r10; pop %r9; pop %r8\n"
	"	pop %rbp; pop %rdi; pop %rsi; pop %rbx; pop %rdx; pop %rcx; pop %rax\n"
	"	add	$16, %rsp\n"
	"	iretq\n"
	".balign 16\n"
	"int_stubs:\n"
	".set v, 0\n"
	".rept 256\n"
	"	.byte	0xcd, v\n"
	"	ret\n"
	"	.balign 4\n"
	"	.set v, v + 1\n"
	".endr\n"
	".popsection\n");

/* ---- the transcript ---- */

static void add(enum note_kind kind, const char *text, const char *what, uint64_t a, uint64_t b)
{
	struct note *n = &transcript.notes[transcript.nr];

	if (transcript.nr == MAX_NOTES)
		return;
	n->kind = kind;
	n->text = text;
	n->what = what;
	n->a = a;
	n->b = b;
	transcript.nr++;
}

void note(const char *text, uint64_t a)
{
	add(NOTE_ONE, text, "", a, 0);
}

void note2(const char *text, uint64_t a, uint64_t b)
{
	add(NOTE_TWO, text, "", a, b);
}

void note_of(const char *text, const char *what, uint64_t a)
{
	add(NOTE_ONE, text, what, a, 0);
}

void want(const char *text, uint64_t got, uint64_t want)
{
	add(NOTE_WANT, text, "", got, want);
}

void host(enum host_op op, uint64_t arg)
{
	host_arg = arg;
	asm volatile("outb %0, $0x80" : : "a"((uint8_t)op) : "memory");
}

/* ---- traps ---- */

void trap(struct frame *frame)
{
	on_trap[frame->vector](frame);
}

static void on_fault(struct frame *frame)
{
	if (!fixup) {
		want("a trap that no scenario asked for", frame->vector, NO_FAULT);
		note2("at, error", frame->rip, frame->error);
		host(HOST_DONE, 0);
	}
	fault.vector = frame->vector;
	fault.error = frame->error;
	fault.rip = frame->rip;
	if (frame->vector == 14)
		asm volatile("mov %%cr2, %%rax; mov %%rax, %0" : "=m"(fault.cr2) : : "rax");
	frame->rip = fixup;
	fixup = 0;
}

void irq_keep(struct frame *frame)
{
	irqs++;
	note("interrupt", frame->vector);
}

void irq_eoi(struct frame *frame)
{
	irq_keep(frame);
	eoi();
}

void irq_look(struct frame *frame)
{
	irq_keep(frame);
	look("in its handler");
	eoi();
	look("after its EOI");
}

void fault_clear(void)
{
	fault.vector = NO_FAULT;
	fault.error = 0;
	fault.rip = 0;
	fault.cr2 = 0;
}

void note_fault(const char *text)
{
	note2(text, fault.vector, fault.error);
}

void want_fault(const char *text, uint64_t vector, uint64_t error)
{
	want(text, fault.vector, vector);
	want("its error code", fault.error, error);
}

void try_int(unsigned int vector)
{
	stub_fn stub = (stub_fn)(int_stubs + vector * 4);

	fault_clear();
	fixup = (uint64_t)stub + 2;
	stub();
	fixup = 0;
}

bool try_wrmsr(uint32_t msr, uint64_t value)
{
	TRY("wrmsr", : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
	return fault.vector == NO_FAULT;
}

bool try_rdmsr(uint32_t msr, uint64_t *value)
{
	uint32_t lo = 0, hi = 0;

	TRY("rdmsr", : "+a"(lo), "+d"(hi) : "c"(msr) : "memory");
	*value = lo | (uint64_t)hi << 32;
	return fault.vector == NO_FAULT;
}

void set_gate(struct gate *table, unsigned int vector, unsigned int stub, uint8_t type)
{
	uint64_t to = (uint64_t)trap_stubs + stub * 16;

	table[vector].offset0 = to;
	table[vector].offset1 = to >> 16;
	table[vector].offset2 = to >> 32;
	table[vector].selector = GUEST_CS;
	table[vector].ist = 0;
	table[vector].type = type;
	table[vector].zero = 0;
}

void gates_changed(void)
{
	if (setup.direct)
		direct_update();
}

void load_idt(const void *base, uint16_t limit)
{
	struct table table = { .limit = limit, .base = (uint64_t)base };

	asm volatile("lidt %0" : : "m"(table) : "memory");
}

/* ---- CPL 3 ---- */

void user_enter(void (*fn)(void), uint64_t rflags);
extern const uint8_t user_return[];
uint64_t user_saved_rsp;
uint8_t user_stack[8192] __attribute__((aligned(16)));

asm(".pushsection .text\n"
	"user_enter:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov	%rsp, user_saved_rsp\n"
	"	push	$0x23\n"
	"	push	$user_stack + 8192\n"
	"	push	%rsi\n"
	"	push	$0x1b\n"
	"	push	$1f\n"
	"	iretq\n"
	"1:	call	*%rdi\n"
	"	int	$0x7f\n"
	"	ud2\n"
	"user_return:\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	".popsection\n");

static void on_user_return(struct frame *frame)
{
	frame->rip = (uint64_t)user_return;
	frame->cs = GUEST_CS;
	frame->ss = GUEST_DS;
	frame->rsp = user_saved_rsp;
	frame->rflags = 2;
}

void user_call(void (*fn)(void), uint64_t rflags)
{
	set_gate(idt, VECTOR_USER, VECTOR_USER, GATE_USER);
	on_trap[VECTOR_USER] = on_user_return;
	user_enter(fn, rflags | 2);
}

/* ---- the local APIC ---- */

uint32_t apic_read(unsigned int reg)
{
	uint32_t value;

	if (setup.x2apic)
		return rdmsr(MSR_X2APIC + (reg >> 4));
	asm volatile("movl (%1), %0" : "=a"(value) : "d"(APIC_BASE + reg) : "memory");
	return value;
}

void apic_write(unsigned int reg, uint32_t value)
{
	if (setup.x2apic)
		wrmsr(MSR_X2APIC + (reg >> 4), value);
	else
		asm volatile("movl %0, (%1)" : : "a"(value), "d"(APIC_BASE + reg) : "memory");
}

void self_ipi(unsigned int vector)
{
	if (setup.x2apic)
		apic_write(APIC_SELF_IPI, vector);
	else
		apic_write(APIC_ICR, 0x40000 | vector);
}

void eoi(void)
{
	apic_write(APIC_EOI, 0);
}

bool apic_bit(unsigned int reg, unsigned int vector)
{
	return apic_read(reg + (vector / 32) * 0x10) >> (vector % 32) & 1;
}

static void look_at(const char *when, const char *what, unsigned int reg)
{
	unsigned int i, bit;
	uint32_t word;

	for (i = 0; i < 8; i++) {
		word = apic_read(reg + i * 0x10);
		for (bit = 0; bit < 32; bit++)
			if (word >> bit & 1)
				note_of(when, what, i * 32 + bit);
	}
}

void look(const char *when)
{
	look_at(when, "ISR", APIC_ISR);
	look_at(when, "IRR", APIC_IRR);
	look_at(when, "TMR", APIC_TMR);
	note_of(when, "PPR", apic_read(APIC_PPR));
	note_of(when, "TPR", apic_read(APIC_TPR));
}

/* ---- the beginning ---- */

static void traps_begin(void)
{
	unsigned int v;

	for (v = 0; v < 256; v++) {
		set_gate(idt, v, v, GATE_INTR);
		on_trap[v] = v < 32 ? on_fault : irq_eoi;
	}
	load_idt(idt, sizeof(idt) - 1);
}

void guest_main(void)
{
	traps_begin();
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_TPR, 0);
	if (setup.direct)
		direct_begin();
	host_arg = 0;
	setup.scenario->run();
	irqs_off();
	host(HOST_DONE, 0);
}
