// SPDX-License-Identifier: GPL-2.0-only
/*
 * apic.c - the local APIC's registers and its timer
 */
#include "guest.h"

/* Time enough for anything that is still to come. */
static void spin(void)
{
	uint64_t end = rdtsc() + 20000000;

	while (rdtsc() < end)
		asm volatile("pause");
}

static void read_msrs(void)
{
	uint64_t value;
	uint32_t msr;

	for (msr = MSR_X2APIC; msr < MSR_X2APIC + 0x100; msr++) {
		if (msr == MSR_X2APIC + (APIC_TMCCT >> 4))
			continue;
		if (try_rdmsr(msr, &value))
			note2("reads as", msr, value);
		else
			note2("faults", msr, fault.vector);
	}
	want("EOI can be read", try_rdmsr(0x80b, &value), 0);
	want("SELF_IPI can be read", try_rdmsr(0x83f, &value), 0);
	want("a reserved one can be read", try_rdmsr(0x805, &value), 0);
	want("ID can be read", try_rdmsr(0x802, &value), 1);
	want("ID", value, 0);
}

/* Reserved bits, and ones in every field that does nothing at once. */
static void write_msrs(void)
{
	uint32_t msr;

	for (msr = MSR_X2APIC; msr < MSR_X2APIC + 0x100; msr++) {
		if (msr == MSR_X2APIC + (APIC_ICR >> 4))
			continue;
		try_wrmsr(msr, 1ULL << 32);
		note2("bit 32 set", msr, fault.vector);
	}
	for (msr = MSR_X2APIC; msr < MSR_X2APIC + 0x30; msr++) {
		if (msr == MSR_X2APIC + (APIC_SVR >> 4))
			continue;
		try_wrmsr(msr, 0);
		note2("zero", msr, fault.vector);
	}
	want("EOI of a value", try_wrmsr(0x80b, 1ULL << 32), 0);
	want("ID can be written", try_wrmsr(0x802, 0), 0);
	want("EOI of zero", try_wrmsr(0x80b, 0), 1);
	try_wrmsr(0x80b, 1);
	note_fault("EOI of one");
	try_wrmsr(0x808, 0x100);
	note_fault("TPR of 0x100");
	look("at the end");
}

static void read_mmio(void)
{
	unsigned int reg;

	for (reg = 0; reg < 0x400; reg += 0x10)
		if (reg != APIC_TMCCT)
			note2("reads as", reg, apic_read(reg));
}

static void illegal_vectors(void)
{
	unsigned int v;

	for (v = 0; v < 0x20; v++) {
		if (setup.x2apic) {
			try_wrmsr(0x83f, v);
			note_fault("a low vector");
		} else {
			self_ipi(v);
		}
		look("sent");
		apic_write(APIC_ESR, 0);
		note("ESR", apic_read(APIC_ESR));
	}
}

static void software_disabled(void)
{
	self_ipi(0x41);
	apic_write(APIC_SVR, 0xff);
	look("disabled");
	self_ipi(0x42);
	irqs_on();
	irqs_off();
	note("taken while disabled", irqs);
	look("later");
	apic_write(APIC_SVR, 0x1ff);
	irqs_on();
	self_ipi(0x43);
	irqs_off();
	note("taken when enabled", irqs);
	look("at the end");
}

/* ---- modes ---- */

static void modes(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	note("APIC base", base);
	self_ipi(0x41);
	try_wrmsr(MSR_APIC_BASE, base & ~(1ULL << 10));
	want_fault("x2APIC to xAPIC", 13, 0);
	try_wrmsr(MSR_APIC_BASE, (base & ~(1ULL << 11)) | 1ULL << 10);
	want_fault("x2APIC without enable", 13, 0);
	try_wrmsr(MSR_APIC_BASE, base | 1);
	want_fault("a reserved bit", 13, 0);
	try_wrmsr(MSR_APIC_BASE, base & ~(3ULL << 10));
	want_fault("x2APIC to disabled", NO_FAULT, 0);
	want("x2APIC registers are gone", try_wrmsr(0x80b, 0), 0);
	irqs_on();
	irqs_off();
	note("taken while disabled", irqs);
	try_wrmsr(MSR_APIC_BASE, (base & ~(1ULL << 10)) | 1ULL << 11);
	want_fault("disabled to xAPIC", NO_FAULT, 0);
	setup.x2apic = false;
	apic_write(APIC_SVR, 0x1ff);
	on_trap[0x51] = irq_look;
	irqs_on();
	self_ipi(0x51);
	irqs_off();
	want("x2APIC registers in xAPIC mode", try_wrmsr(0x80b, 0), 0);
	try_wrmsr(MSR_APIC_BASE, base);
	want_fault("xAPIC to x2APIC", NO_FAULT, 0);
	setup.x2apic = true;
	on_trap[0x61] = irq_look;
	irqs_on();
	self_ipi(0x61);
	irqs_off();
	note("APIC base at the end", rdmsr(MSR_APIC_BASE));
}

/* ---- interrupts of other kinds ---- */

static void on_nmi(struct frame *frame)
{
	irqs++;
	note("NMI", frame->vector);
}

static void icr(void)
{
	on_trap[2] = on_nmi;
	apic_write(APIC_ICR, 0x40400);		/* NMI, self */
	want("taken", irqs, 1);
	apic_write(APIC_ICR, 0x40041);
	apic_write(APIC_ICR, 0x80042);		/* all, this one included */
	apic_write(APIC_ICR, 0xc0043);		/* all others: none */
	apic_write(APIC_ICR, 0x4c044);		/* asserted, level */
	look("sent");
	irqs_on();
	irqs_off();
	if (!setup.x2apic) {
		apic_write(APIC_ICR2, 0);
		apic_write(APIC_ICR, 0x45);	/* by physical id */
		apic_write(APIC_ICR2, 7 << 24);
		apic_write(APIC_ICR, 0x46);	/* of nobody */
	} else {
		wrmsr(0x830, 0x45);
		wrmsr(0x830, 0x46 | 7ULL << 32);
	}
	irqs_on();
	irqs_off();
	note("ICR", apic_read(APIC_ICR));
	look("at the end");
}

/* ---- the timer: its order and count, no times ---- */

static void timer_once(unsigned int vector)
{
	unsigned int before = irqs;

	apic_write(APIC_LVTT, vector);
	apic_write(APIC_TMICT, 100000);
	wait_irqs(before + 1);
	irqs_on();
	spin();
	irqs_off();
	want("one-shot", irqs - before, 1);
	want("its count at the end", apic_read(APIC_TMCCT), 0);
}

static void timer(void)
{
	apic_write(APIC_TDCR, 0xb);
	on_trap[0x55] = irq_look;
	timer_once(0x55);
	timer_once(0x66);
	apic_write(APIC_LVTT, 0x10055);		/* masked */
	apic_write(APIC_TMICT, 1000);
	irqs_on();
	spin();
	irqs_off();
	want("masked", irqs, 2);
	apic_write(APIC_LVTT, 0x55);		/* KVM has kept it */
	irqs_on();
	irqs_off();
	note("unmasked", irqs);
	irqs = 2;
	apic_write(APIC_TMICT, 0xffffffff);
	apic_write(APIC_TMICT, 0);
	spin();
	want("stopped", apic_bit(APIC_IRR, 0x55), 0);
	apic_write(APIC_TMICT, 1000);
	spin();
	want("with interrupts off", apic_bit(APIC_IRR, 0x55), 1);
	self_ipi(0x54);
	self_ipi(0x61);
	irqs_on();
	irqs_off();
	want("in order", irqs, 5);
}

/* More than three may come before the timer is stopped: that is chance. */
static void tick(struct frame *frame)
{
	if (irqs < 3)
		irq_keep(frame);
	eoi();
}

static void timer_periodic(void)
{
	apic_write(APIC_TDCR, 0xb);
	on_trap[0x55] = tick;
	apic_write(APIC_LVTT, 0x20055);
	apic_write(APIC_TMICT, 1000000);
	wait_irqs(3);
	apic_write(APIC_LVTT, 0x30055);
	apic_write(APIC_TMICT, 0);
	irqs_on();
	irqs_off();
	spin();
	want("stopped", apic_bit(APIC_IRR, 0x55), 0);
}

static void timer_deadline(void)
{
	apic_write(APIC_LVTT, 0x40055);
	wrmsr(MSR_DEADLINE, rdtsc() + 1000000);
	wait_irqs(1);
	want("disarmed by itself", rdmsr(MSR_DEADLINE), 0);
	irqs_on();
	wrmsr(MSR_DEADLINE, 1);			/* in the past */
	spin();
	irqs_off();
	want("in the past", irqs, 2);
	wrmsr(MSR_DEADLINE, rdtsc() + 10000000000ULL);
	note("armed", rdmsr(MSR_DEADLINE) != 0);
	wrmsr(MSR_DEADLINE, 0);
	spin();
	want("disarmed", apic_bit(APIC_IRR, 0x55), 0);
	apic_write(APIC_LVTT, 0x55);		/* one-shot: the deadline is ignored */
	wrmsr(MSR_DEADLINE, 1);
	spin();
	want("in another mode", apic_bit(APIC_IRR, 0x55), 0);
	look("at the end");
}

const struct scenario apic_scenarios[] = {
	{ "x2APIC registers read", read_msrs, IN_X2APIC | COUNTED },
	{ "x2APIC registers written", write_msrs, IN_X2APIC | COUNTED },
	{ "xAPIC registers read", read_mmio, IN_XAPIC | COUNTED },
	{ "illegal vectors", illegal_vectors, IN_X2APIC | IN_XAPIC | COUNTED },
	{ "software disabled", software_disabled, IN_X2APIC | IN_XAPIC | COUNTED },
	{ "modes", modes, IN_X2APIC | COUNTED },
	{ "ICR", icr, IN_X2APIC | IN_XAPIC | COUNTED },
	{ "timer", timer, IN_X2APIC | IN_XAPIC },
	{ "timer, periodic", timer_periodic, IN_X2APIC | IN_XAPIC },
	{ "timer, deadline", timer_deadline, IN_X2APIC | IN_XAPIC },
	{}
};
