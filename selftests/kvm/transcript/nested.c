// SPDX-License-Identifier: GPL-2.0-only
/*
 * nested.c - a guest of the guest, by SVM
 */
#include "guest.h"

static uint8_t vmcb[4096] __attribute__((aligned(4096)));
static uint8_t save_area[4096] __attribute__((aligned(4096)));
static uint8_t msr_map[8192] __attribute__((aligned(4096)));
static uint8_t l2_stack[8192] __attribute__((aligned(16)));

#define VMCB16(offset)	(*(volatile uint16_t *)(vmcb + (offset)))
#define VMCB32(offset)	(*(volatile uint32_t *)(vmcb + (offset)))
#define VMCB64(offset)	(*(volatile uint64_t *)(vmcb + (offset)))

/* Offsets of the VMCB. */
#define V_EXCEPTIONS	0x08
#define V_INTERCEPTS	0x0c
#define V_INTERCEPTS2	0x10
#define V_MSRPM		0x48
#define V_ASID		0x58
#define V_INT_CTL	0x60
#define V_INT_VECTOR	0x64
#define V_INT_STATE	0x68
#define V_EXIT		0x70
#define V_INFO1		0x78
#define V_INFO2		0x80
#define V_INTINFO	0x88
#define V_INJECT	0xa8
#define V_GDTR		0x460
#define V_IDTR		0x480
#define V_EFER		0x4d0
#define V_CR4		0x548
#define V_CR3		0x550
#define V_CR0		0x558
#define V_DR7		0x560
#define V_DR6		0x568
#define V_RFLAGS	0x570
#define V_RIP		0x578
#define V_RSP		0x5d8
#define V_PAT		0x668

#define I_INTR		(1U << 0)
#define I_NMI		(1U << 1)
#define I_VINTR		(1U << 4)
#define I_CPUID		(1U << 18)
#define I_HLT		(1U << 24)
#define I_MSR		(1U << 28)
#define I_SHUTDOWN	(1U << 31)
#define I2_VMRUN	(1U << 0)
#define I2_VMMCALL	(1U << 1)

#define C_IRQ		(1U << 8)
#define C_IGNORE_TPR	(1U << 20)
#define C_MASKING	(1U << 24)

#define X_EXCEPTION	0x40
#define X_INTR		0x60
#define X_NMI		0x61
#define X_VINTR		0x64
#define X_CPUID		0x72
#define X_HLT		0x78
#define X_MSR		0x7c
#define X_SHUTDOWN	0x7f
#define X_VMMCALL	0x81
#define X_INVALID	(~0ULL)

#define STATUS_FLAGS	0x8d5ULL

#define E_VALID		(1U << 31)
#define E_ERROR		(1U << 11)
#define E_INTR		(0U << 8)
#define E_NMI		(2U << 8)
#define E_EXCEPTION	(3U << 8)
#define E_SOFT		(4U << 8)

static void svm_on(void)
{
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | 1 << 12);
	wrmsr(MSR_HSAVE, (uint64_t)save_area);
}

static void put_segment(unsigned int offset, uint16_t selector, uint16_t attributes)
{
	VMCB16(offset) = selector;
	VMCB16(offset + 2) = attributes;
	VMCB32(offset + 4) = 0xffffffff;
	VMCB64(offset + 8) = 0;
}

#define READ(reg) ({ uint64_t value; asm volatile("mov %%" reg ", %0" : "=r"(value)); value; })

static void put_registers(void)
{
	struct table gdtr, idtr;

	asm volatile("sgdt %0; sidt %1" : "=m"(gdtr), "=m"(idtr));
	VMCB32(V_GDTR + 4) = gdtr.limit;
	VMCB64(V_GDTR + 8) = gdtr.base;
	VMCB32(V_IDTR + 4) = idtr.limit;
	VMCB64(V_IDTR + 8) = idtr.base;
	VMCB64(V_EFER) = rdmsr(MSR_EFER);
	VMCB64(V_CR0) = READ("cr0");
	VMCB64(V_CR3) = READ("cr3");
	VMCB64(V_CR4) = READ("cr4");
	VMCB64(V_DR6) = 0xffff0ff0;
	VMCB64(V_DR7) = 0x400;
	VMCB64(V_PAT) = 0x0007040600070406ULL;
}

/* A nested guest that begins with @fn, in the guest's own address space. */
static void l2_make(void (*fn)(void), uint64_t rflags)
{
	unsigned int i;

	for (i = 0; i < sizeof(vmcb); i += 8)
		VMCB64(i) = 0;
	VMCB32(V_INTERCEPTS) = I_HLT | I_SHUTDOWN;
	VMCB32(V_INTERCEPTS2) = I2_VMRUN | I2_VMMCALL;
	VMCB64(V_MSRPM) = (uint64_t)msr_map;
	VMCB32(V_ASID) = 1;
	put_segment(0x400, GUEST_DS, 0xc93);
	put_segment(0x410, GUEST_CS, 0xa9b);
	put_segment(0x420, GUEST_DS, 0xc93);
	put_segment(0x430, GUEST_DS, 0xc93);
	put_registers();
	VMCB64(V_RFLAGS) = rflags | 2;
	VMCB64(V_RIP) = (uint64_t)fn;
	VMCB64(V_RSP) = (uint64_t)l2_stack + sizeof(l2_stack) - 8;
}

static void vmrun(void)
{
	asm volatile("push %%rbp; clgi; vmrun %%rax; stgi; pop %%rbp"
		     : : "a"(vmcb)
		     : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
		       "r14", "r15", "memory", "cc");
}

static void l2_exits(const char *text, uint64_t code)
{
	vmrun();
	want(text, VMCB64(V_EXIT), code);
	note_of(text, "info", VMCB64(V_INFO1));
	note_of(text, "info 2", VMCB64(V_INFO2));
	note_of(text, "EXITINTINFO", VMCB64(V_INTINFO));
	note_of(text, "control", VMCB32(V_INT_CTL));
	note_of(text, "state", VMCB32(V_INT_STATE));
	note_of(text, "RFLAGS", VMCB64(V_RFLAGS) & ~STATUS_FLAGS);
	note_of(text, "injection", VMCB64(V_INJECT));
}

static void end_l2(void)
{
	asm volatile("vmmcall" : : "a"(0) : "memory");
}

/* ---- nested guests ---- */

static void l2_basic(void)
{
	uint32_t a = 0, b, c = 0, d;

	note("in the nested guest", 0);
	asm volatile("hlt");
	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	note("after CPUID", 0);
	end_l2();
	asm volatile("ud2");
}

static void exits(void)
{
	uint64_t rip;

	svm_on();
	l2_make(l2_basic, 0);
	VMCB32(V_INTERCEPTS) |= I_CPUID;
	VMCB32(V_EXCEPTIONS) = 1 << 6;
	l2_exits("HLT", X_HLT);
	VMCB64(V_RIP) += 1;
	l2_exits("CPUID", X_CPUID);
	VMCB64(V_RIP) += 2;
	l2_exits("VMMCALL", X_VMMCALL);
	VMCB64(V_RIP) += 3;
	rip = VMCB64(V_RIP);
	l2_exits("#UD", X_EXCEPTION + 6);
	want("at the UD2", VMCB64(V_RIP), rip);
}

static void l2_cpuid(void)
{
	uint32_t a = 0, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	note("CPUID without an intercept", b);
	for (;;)
		end_l2();
}

static void refused(void)
{
	l2_make(l2_cpuid, 0);
	TRY("vmrun %%rax", : : "a"(vmcb) : "memory");
	want_fault("VMRUN without EFER.SVME", 6, 0);
	TRY("stgi", : : : "memory");
	note_fault("STGI without EFER.SVME");
	svm_on();
	l2_make(l2_cpuid, 0);
	VMCB32(V_ASID) = 0;
	l2_exits("ASID 0", X_INVALID);
	l2_make(l2_cpuid, 0);
	VMCB32(V_INTERCEPTS2) = I2_VMMCALL;
	l2_exits("VMRUN not intercepted", X_INVALID);
	l2_make(l2_cpuid, 0);
	VMCB64(V_EFER) &= ~(1ULL << 12);
	l2_exits("EFER.SVME clear", X_INVALID);
	TRY("vmrun %%rax", : : "a"(1) : "memory");
	want_fault("VMRUN of an odd address", 13, 0);
	l2_make(l2_cpuid, 0);
	l2_exits("a good one", X_VMMCALL);
}

/* ---- interrupts of the guest while its guest runs ---- */

static void l2_count(void)
{
	for (;;) {
		note("runs", irqs);
		end_l2();
	}
}

static void intr_pending(void)
{
	svm_on();
	l2_make(l2_count, 0x200);
	VMCB32(V_INTERCEPTS) |= I_INTR;
	VMCB32(V_INT_CTL) = C_MASKING;
	self_ipi(0x41);
	irqs_on();			/* taken here, before it runs */
	irqs_off();
	asm volatile("clgi");
	self_ipi(0x42);
	irqs_on();
	want("taken while GIF is clear", irqs, 1);
	l2_exits("INTR", X_INTR);	/* its STGI lets it in */
	want("taken after STGI", irqs, 2);
	irqs_off();
	want("not begun", VMCB64(V_RIP), (uint64_t)l2_count);
	l2_exits("then it runs", X_VMMCALL);
}

static void intr_masked(void)
{
	svm_on();
	l2_make(l2_count, 0x200);
	VMCB32(V_INTERCEPTS) |= I_INTR;
	VMCB32(V_INT_CTL) = C_MASKING;
	self_ipi(0x41);
	l2_exits("IF clear in the guest, masking", X_VMMCALL);
	want("pending", apic_bit(APIC_IRR, 0x41), 1);
	l2_make(l2_count, 0x200);
	VMCB32(V_INTERCEPTS) |= I_INTR;
	l2_exits("no masking", X_INTR);
	want("still pending", apic_bit(APIC_IRR, 0x41), 1);
	l2_make(l2_count, 0);
	VMCB32(V_INTERCEPTS) |= I_INTR;
	l2_exits("IF clear in its guest, no masking", X_VMMCALL);
	irqs_on();
	irqs_off();
	want("taken", irqs, 1);
}

/* Without an intercept its guest takes the interrupt, through its IDT. */
static void intr_direct(void)
{
	svm_on();
	l2_make(l2_count, 0x200);
	self_ipi(0x41);
	self_ipi(0x52);
	l2_exits("no intercept", X_VMMCALL);
	want("taken in its guest", irqs, 2);
	look("at the end");
}

static void l2_sends(void)
{
	self_ipi(0x61);
	note("after its self IPI", irqs);
	end_l2();
	self_ipi(0x62);
	asm volatile("nop");
	note("after another", irqs);
	for (;;)
		end_l2();
}

static void intr_own(void)
{
	svm_on();
	l2_make(l2_sends, 0x200);
	VMCB32(V_INTERCEPTS) |= I_INTR;
	VMCB32(V_INT_CTL) = C_MASKING;
	irqs_on();
	l2_exits("its self IPI", X_INTR);
	want("taken in the guest", irqs, 1);
	l2_exits("it goes on", X_VMMCALL);
	VMCB64(V_RIP) += 3;
	VMCB32(V_INTERCEPTS) &= ~I_INTR;
	VMCB32(V_INT_CTL) = 0;
	l2_exits("without an intercept", X_VMMCALL);
	want("taken in its guest", irqs, 2);
	irqs_off();
	look("at the end");
}

static void on_nmi(struct frame *frame)
{
	irq_keep(frame);
}

static void nmi_pending(void)
{
	on_trap[2] = on_nmi;
	svm_on();
	l2_make(l2_count, 0x200);
	VMCB32(V_INTERCEPTS) |= I_NMI;
	asm volatile("clgi");
	host(HOST_NMI, 0);
	want("taken while GIF is clear", irqs, 0);
	l2_exits("NMI", X_NMI);
	want("taken after STGI", irqs, 1);
	l2_exits("then it runs", X_VMMCALL);
}

static void l2_halts(void)
{
	asm volatile("hlt" : : : "memory");
	note("woke", irqs);
	for (;;)
		end_l2();
}

static void halt(void)
{
	svm_on();
	l2_make(l2_halts, 0x200);
	VMCB32(V_INTERCEPTS) = I_INTR | I_SHUTDOWN;
	VMCB32(V_INT_CTL) = C_MASKING;
	irqs_on();
	host(HOST_MSI_LATER, 0x71);
	l2_exits("halted", X_INTR);
	want("taken", irqs, 1);
	irqs_off();
	l2_exits("woken", X_VMMCALL);
}

/* ---- virtual interrupts and events ---- */

static void l2_virtual(void)
{
	note("begins", irqs);
	irqs_on();
	note("interrupts on", irqs);
	irqs_off();
	for (;;)
		end_l2();
}

/* The virtual interrupt is of no APIC: a handler without EOI. */
static void virtual(void)
{
	unsigned int taken;

	on_trap[0x66] = irq_keep;
	svm_on();
	l2_make(l2_virtual, 0);
	VMCB32(V_INT_CTL) = C_MASKING | C_IRQ | C_IGNORE_TPR | 6 << 16;
	VMCB32(V_INT_VECTOR) = 0x66;
	/* QEMU's TCG ends this one as invalid: so nothing is expected of it. */
	vmrun();
	note2("virtual interrupt", VMCB64(V_EXIT), VMCB32(V_INT_CTL));
	taken = irqs;
	note("taken", taken);

	l2_make(l2_virtual, 0);
	VMCB32(V_INTERCEPTS) |= I_VINTR;
	VMCB32(V_INT_CTL) = C_MASKING | C_IRQ | C_IGNORE_TPR | 6 << 16;
	VMCB32(V_INT_VECTOR) = 0x66;
	l2_exits("virtual interrupt, intercepted", X_VINTR);
	want("still pending", VMCB32(V_INT_CTL) & C_IRQ, C_IRQ);

	l2_make(l2_virtual, 0);
	VMCB32(V_INT_CTL) = C_MASKING | C_IRQ | 6 << 16 | 7;
	VMCB32(V_INT_VECTOR) = 0x66;
	l2_exits("virtual interrupt, masked by V_TPR", X_VMMCALL);
	want("still pending", VMCB32(V_INT_CTL) & C_IRQ, C_IRQ);
	want("taken since", irqs, taken);
	look("at the end");
}

static void l2_cr8(void)
{
	note("CR8", read_cr8());
	write_cr8(9);
	note("CR8 written", read_cr8());
	note("TPR of the APIC", apic_read(APIC_TPR));
	for (;;)
		end_l2();
}

static void cr8(void)
{
	svm_on();
	write_cr8(3);
	l2_make(l2_cr8, 0);
	VMCB32(V_INT_CTL) = C_MASKING | 5;
	l2_exits("with masking", X_VMMCALL);
	want("the guest's own", read_cr8(), 3);
	l2_make(l2_cr8, 0);
	l2_exits("without masking", X_VMMCALL);
	note("the guest's own after it", read_cr8());
	write_cr8(0);
}

static volatile uint64_t seen_vector, seen_error;

static void on_injected(struct frame *frame)
{
	seen_vector = frame->vector;
	seen_error = frame->error;
	note2("injected", frame->vector, frame->error);
}

static void inject(uint32_t event, uint32_t error)
{
	seen_vector = NO_FAULT;
	l2_make(l2_count, 0);
	VMCB64(V_INJECT) = E_VALID | event | (uint64_t)error << 32;
	l2_exits("an event", X_VMMCALL);
	want("its vector", seen_vector, event & 0xff);
	want("its error code", seen_error, error);
}

static void events(void)
{
	static const uint8_t vectors[] = { 2, 3, 6, 11, 13, 14, 0x67, 0x68 };
	unsigned int i;

	svm_on();
	for (i = 0; i < sizeof(vectors); i++)
		on_trap[vectors[i]] = on_injected;
	inject(E_INTR | 0x67, 0);
	inject(E_NMI | 2, 0);
	inject(E_EXCEPTION | 6, 0);
	inject(E_EXCEPTION | E_ERROR | 13, 0x1234);
	inject(E_EXCEPTION | E_ERROR | 14, 2);
	inject(E_EXCEPTION | E_ERROR | 11, 0x38a);
	look("at the end");
}

/* An event whose gate is absent: the exit says what was being delivered. */
static void event_absent(void)
{
	svm_on();
	set_gate(idt, 0x67, 0x67, GATE_ABSENT);
	l2_make(l2_count, 0);
	VMCB32(V_EXCEPTIONS) = 1 << 11;
	VMCB64(V_INJECT) = E_VALID | E_INTR | 0x67;
	l2_exits("an interrupt of an absent gate", X_EXCEPTION + 11);
	want("its error code without EXT", VMCB64(V_INFO1) & ~1ULL, 0x67 * 8 + 2);
	want("what was delivered", VMCB64(V_INTINFO) & (E_VALID | 0xff), E_VALID | 0x67);
	l2_make(l2_count, 0x200);
	VMCB32(V_EXCEPTIONS) = 1 << 11;
	self_ipi(0x67);
	l2_exits("an interrupt of the APIC", X_EXCEPTION + 11);
	want("what was delivered", VMCB64(V_INTINFO) & (E_VALID | 0xff), E_VALID | 0x67);
	want("in service", apic_bit(APIC_ISR, 0x67), 1);
	eoi();
	look("at the end");
}

static void l2_int(void)
{
	asm volatile("int $0x67" : : : "memory");
	for (;;)
		end_l2();
}

static void int_absent(void)
{
	svm_on();
	set_gate(idt, 0x67, 0x67, GATE_ABSENT);
	l2_make(l2_int, 0);
	VMCB32(V_EXCEPTIONS) = 1 << 11;
	l2_exits("INT of an absent gate", X_EXCEPTION + 11);
	want("its error code", VMCB64(V_INFO1), 0x67 * 8 + 2);
	l2_make(l2_int, 0);
	set_gate(idt, 11, 11, GATE_ABSENT);
	set_gate(idt, 8, 8, GATE_ABSENT);
	gates_changed();
	l2_exits("a triple fault", X_SHUTDOWN);
	set_gate(idt, 11, 11, GATE_INTR);
	set_gate(idt, 8, 8, GATE_INTR);
	gates_changed();
}

/* ---- its guest's EOI ---- */

static void l2_ends(void)
{
	eoi();
	look("after its guest's EOI");
	for (;;)
		end_l2();
}

static void msrs(void)
{
	svm_on();
	on_trap[0x41] = irq_keep;
	irqs_on();
	self_ipi(0x41);
	irqs_off();
	want("in service", apic_bit(APIC_ISR, 0x41), 1);
	l2_make(l2_ends, 0);
	l2_exits("EOI by its guest", X_VMMCALL);
	want("ended", apic_bit(APIC_ISR, 0x41), 0);
	irqs_on();
	self_ipi(0x41);
	irqs_off();
	/* Two bits an MSR: 0x80b written. */
	msr_map[0x80b / 4] = 2 << (0x80b % 4) * 2;
	l2_make(l2_ends, 0);
	VMCB32(V_INTERCEPTS) |= I_MSR;
	l2_exits("EOI, intercepted", X_MSR);
	want("not ended", apic_bit(APIC_ISR, 0x41), 1);
	eoi();
	look("at the end");
}

const struct scenario nested_scenarios[] = {
	{ "nested: exits", exits, IN_X2APIC | NEEDS_SVM | COUNTED },
	{ "nested: refused", refused, IN_X2APIC | NEEDS_SVM | COUNTED },
	{ "nested: INTR pending", intr_pending, IN_X2APIC | NEEDS_SVM | COUNTED },
	{ "nested: INTR masked", intr_masked, IN_X2APIC | NEEDS_SVM | COUNTED },
	{ "nested: INTR not intercepted", intr_direct, IN_X2APIC | NEEDS_SVM | COUNTED },
	{ "nested: self IPIs", intr_own, IN_X2APIC | NEEDS_SVM | COUNTED },
	{ "nested: NMI", nmi_pending, IN_X2APIC | NEEDS_SVM | COUNTED },
	{ "nested: halt", halt, IN_X2APIC | NEEDS_SVM },
	{ "nested: virtual interrupts", virtual, IN_X2APIC | NEEDS_SVM | COUNTED },
	{ "nested: CR8", cr8, IN_X2APIC | NEEDS_SVM | COUNTED },
	{ "nested: events", events, IN_X2APIC | NEEDS_SVM | COUNTED },
	{ "nested: events, absent gate", event_absent, IN_X2APIC | NEEDS_SVM | COUNTED },
	{ "nested: INT n, absent gate", int_absent, IN_X2APIC | NEEDS_SVM | COUNTED },
	{ "nested: MSRs", msrs, IN_X2APIC | NEEDS_SVM | COUNTED },
	{}
};
