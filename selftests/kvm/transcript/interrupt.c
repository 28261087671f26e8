// SPDX-License-Identifier: GPL-2.0-only
/*
 * interrupt.c - interrupts by priority, and their ends
 */
#include "guest.h"

static void send(const uint8_t *vectors, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		self_ipi(vectors[i]);
}

static void self_ipis(void)
{
	static const uint8_t vectors[] = { 0x20, 0x31, 0x5f, 0x72, 0x80, 0xb3, 0xec, 0xff };
	unsigned int i;

	for (i = 0; i < sizeof(vectors); i++) {
		on_trap[vectors[i]] = irq_look;
		irqs_on();
		self_ipi(vectors[i]);
		irqs_off();
		want("taken at once", irqs, i + 1);
	}
	look("at the end");
}

static void masked(void)
{
	static const uint8_t vectors[] = { 0x31, 0x62, 0x63, 0xa4, 0xf5, 0x62 };
	unsigned int i;

	send(vectors, sizeof(vectors));
	want("taken with interrupts off", irqs, 0);
	for (i = 0; i < sizeof(vectors); i++)
		want("pending", apic_bit(APIC_IRR, vectors[i]), 1);
	look("all pending");
	irqs_on();
	irqs_off();
	want("taken", irqs, 5);
	look("at the end");
}

/* ---- nesting ---- */

static void leave(struct frame *frame)
{
	irqs_off();
	note("leaves", frame->vector);
	eoi();
}

static void nest_low(struct frame *frame)
{
	irq_keep(frame);
	irqs_on();
	self_ipi(0x42);		/* of the same class: waits */
	want("of the same class", irqs, 1);
	self_ipi(0x31);		/* lower: waits */
	want("lower", irqs, 1);
	self_ipi(0x81);		/* higher: taken here */
	want("higher, and one between", irqs, 3);
	look("in the lower handler");
	leave(frame);
}

static void nest_high(struct frame *frame)
{
	irq_keep(frame);
	look("in the higher handler");
	irqs_on();
	self_ipi(0x71);
	want("between the two", irqs, 2);
	leave(frame);
}

static void nested(void)
{
	on_trap[0x41] = nest_low;
	on_trap[0x81] = nest_high;
	irqs_on();
	self_ipi(0x41);
	irqs_off();
	want("taken", irqs, 5);
	look("at the end");
}

/* Handlers that return and end later: each EOI is for the highest. */
static void eoi_order(void)
{
	static const uint8_t vectors[] = { 0x31, 0x61, 0x62, 0x91, 0xf1 };
	unsigned int i;

	for (i = 0; i < sizeof(vectors); i++)
		on_trap[vectors[i]] = irq_keep;
	for (i = 0; i < sizeof(vectors); i++) {
		irqs_on();
		self_ipi(vectors[i]);
		irqs_off();
		look("kept");
	}
	/* 0x62 waits: its class is in service until 0x61 has ended. */
	want("taken", irqs, 4);
	want("0x62 pending", apic_bit(APIC_IRR, 0x62), 1);
	want("priority", apic_read(APIC_PPR), 0xf0);
	for (i = 0; i < 5; i++) {
		eoi();
		irqs_on();
		irqs_off();
		look("after an EOI");
	}
	want("taken in all", irqs, 5);
	want("priority at the end", apic_read(APIC_PPR), 0);
}

static void same_vector(void)
{
	on_trap[0x55] = irq_keep;
	irqs_on();
	self_ipi(0x55);
	self_ipi(0x55);
	self_ipi(0x55);
	irqs_off();
	want("taken", irqs, 1);
	want("in service", apic_bit(APIC_ISR, 0x55), 1);
	want("pending", apic_bit(APIC_IRR, 0x55), 1);
	eoi();
	irqs_on();
	irqs_off();
	want("taken after the EOI", irqs, 2);
	eoi();
	look("at the end");
}

static void task_priority(void)
{
	unsigned int class;

	for (class = 0; class < 16; class++) {
		write_cr8(class);
		want("TPR by CR8", apic_read(APIC_TPR), class << 4);
		want("PPR by CR8", apic_read(APIC_PPR), class << 4);
	}
	apic_write(APIC_TPR, 0x57);
	want("CR8 by TPR", read_cr8(), 5);
	note("PPR of TPR 0x57", apic_read(APIC_PPR));
	irqs_on();
	self_ipi(0x5f);
	want("taken, of the same class", irqs, 0);
	self_ipi(0x60);
	want("taken, of the next", irqs, 1);
	self_ipi(0x21);
	look("masked");
	write_cr8(2);
	want("taken with CR8 = 2", irqs, 2);
	write_cr8(1);
	want("taken with CR8 = 1", irqs, 3);
	write_cr8(0);
	irqs_off();
	look("at the end");
}

/* Each class in service with each task priority. */
static void processor_priority(void)
{
	unsigned int isr, tpr, vector;

	for (isr = 2; isr < 16; isr++) {
		vector = isr << 4 | 1;
		on_trap[vector] = irq_keep;
		irqs_on();
		self_ipi(vector);
		irqs_off();
		for (tpr = 0; tpr < 16; tpr++) {
			write_cr8(tpr);
			want("PPR", apic_read(APIC_PPR), (tpr > isr ? tpr : isr) << 4);
		}
		write_cr8(0);
		eoi();
	}
	want("taken", irqs, 14);
	look("at the end");
}

/* TCG lets this pass where CR8 is not intercepted. */
static void task_priority_reserved(void)
{
	TRY("mov %0, %%cr8", : : "r"(0x10UL) : "memory");
	note_fault("CR8 = 0x10");
	want("CR8 after it", read_cr8(), 0);
}

/* A handler that lowers and raises the priority itself. */
static void priority_handler(struct frame *frame)
{
	irq_keep(frame);
	write_cr8(0xf);
	note("PPR raised", apic_read(APIC_PPR));
	self_ipi(0xa1);
	irqs_on();
	want("masked by CR8", irqs, 1);
	write_cr8(0);
	irqs_off();
	want("taken inside", irqs, 2);
	note("PPR lowered", apic_read(APIC_PPR));
	eoi();
}

static void task_priority_inside(void)
{
	on_trap[0x51] = priority_handler;
	irqs_on();
	self_ipi(0x51);
	irqs_off();
	look("at the end");
}

static void spurious_eoi(void)
{
	unsigned int i;

	for (i = 0; i < 3; i++) {
		eoi();
		look("after an EOI of nothing");
	}
	self_ipi(0x44);
	eoi();
	want("pending after an EOI", apic_bit(APIC_IRR, 0x44), 1);
	irqs_on();
	irqs_off();
	want("taken", irqs, 1);
	for (i = 0; i < 1000; i++)
		eoi();
	self_ipi(0x45);
	for (i = 0; i < 1000; i++)
		eoi();
	irqs_on();
	irqs_off();
	want("taken in a storm", irqs, 2);
	look("at the end");
}

static void count_only(struct frame *frame)
{
	(void)frame;
	irqs++;
	eoi();
}

static void many(void)
{
	unsigned int i;

	on_trap[0x61] = count_only;
	irqs_on();
	for (i = 0; i < 1000; i++)
		self_ipi(0x61);
	irqs_off();
	want("taken", irqs, 1000);
}

/* All vectors at once: from the highest to the lowest. */
static void all_vectors(void)
{
	unsigned int v;

	for (v = 0x20; v < 0x100; v++)
		if (v != VECTOR_DIRECT)
			self_ipi(v);
	irqs_on();
	irqs_off();
	want("taken", irqs, 0x100 - 0x20 - 1);
	look("at the end");
}

static void sti_shadow(void)
{
	uint64_t reached = 0;

	self_ipi(0x33);
	asm volatile("sti; cli" : : : "memory");
	want("taken between STI and CLI", irqs, 0);
	asm volatile("sti; inc %0; cli" : "+r"(reached) : : "memory");
	want("taken after the shadow", irqs, 1);
	self_ipi(0x34);
	asm volatile("pushf; orq $0x200, (%%rsp); popf; cli" : : : "memory");
	want("taken after POPF", irqs, 2);
	self_ipi(0x35);
	asm volatile("mov %%ss, %%eax; sti; mov %%eax, %%ss; cli" : : : "eax", "memory");
	note("taken around a move to SS", irqs);
	irqs_on();
	irqs_off();
	want("taken in the end", irqs, 3);
}

static void halt(void)
{
	self_ipi(0x33);
	wait_irqs(1);
	host(HOST_MSI_LATER, 0x41);
	wait_irqs(2);
	host(HOST_IRQFD_LATER, 0x52);
	wait_irqs(3);
	look("at the end");
}

/* A pending interrupt wakes a halted CPU only if its priority is high enough. */
static void halt_masked(void)
{
	write_cr8(5);
	self_ipi(0x51);
	host(HOST_MSI_LATER, 0x61);
	wait_irqs(1);
	want("the lower one waits", apic_bit(APIC_IRR, 0x51), 1);
	write_cr8(0);
	wait_irqs(2);
}

static void message(void)
{
	host(HOST_MSI, 0x43);
	want("pending", apic_bit(APIC_IRR, 0x43), 1);
	host(HOST_MSI, 0x93);
	host(HOST_MSI, 0x43);
	look("pending");
	irqs_on();
	irqs_off();
	want("taken", irqs, 2);
	irqs_on();
	host(HOST_MSI, 0x44);
	irqs_off();
	want("taken with interrupts on", irqs, 3);
	look("at the end");
}

/* ---- level-triggered ---- */

static void ioapic_write(unsigned int reg, uint32_t value)
{
	asm volatile("movl %0, (%1)" : : "a"(reg), "d"(IOAPIC_BASE) : "memory");
	asm volatile("movl %0, (%1)" : : "a"(value), "d"(IOAPIC_BASE + 0x10) : "memory");
}

static uint32_t ioapic_read(unsigned int reg)
{
	uint32_t value;

	asm volatile("movl %0, (%1)" : : "a"(reg), "d"(IOAPIC_BASE) : "memory");
	asm volatile("movl (%1), %0" : "=a"(value) : "d"(IOAPIC_BASE + 0x10) : "memory");
	return value;
}

/* The device is served by the second interrupt. */
static void level_handler(struct frame *frame)
{
	irq_keep(frame);
	look("in the handler");
	note("remote IRR", ioapic_read(0x10 + 2 * GUEST_PIN) >> 14 & 1);
	if (irqs == 2)
		host(HOST_LINE, 0);
	eoi();
	note("remote IRR after the EOI", ioapic_read(0x10 + 2 * GUEST_PIN) >> 14 & 1);
}

static void level(void)
{
	on_trap[0x63] = level_handler;
	ioapic_write(0x11 + 2 * GUEST_PIN, 0);
	ioapic_write(0x10 + 2 * GUEST_PIN, 0x8063);
	host(HOST_LINE, 1);
	want("trigger mode", apic_bit(APIC_TMR, 0x63), 1);
	irqs_on();
	irqs_off();
	want("taken", irqs, 2);
	look("at the end");
	on_trap[0x63] = irq_eoi;
	ioapic_write(0x10 + 2 * GUEST_PIN, 0x63);
	host(HOST_LINE, 1);
	host(HOST_LINE, 0);
	irqs_on();
	irqs_off();
	want("taken, by the edge", irqs, 3);
	look("after the edge");
}

/* ---- PV EOI ---- */

/*
 * An exit that comes between the injection and the handler takes the shared bit
 * back, and the host's own interrupts may cause one at any time: what is noted
 * is a try without.
 */
#define PV_TRIES	200

static volatile uint64_t pv_word __attribute__((aligned(64)));
static unsigned int pv_set;

static void pv_handler(struct frame *frame)
{
	irq_keep(frame);
	if (__atomic_exchange_n(&pv_word, 0, __ATOMIC_SEQ_CST) & 1)
		pv_set++;
	else
		eoi();
}

/* Raise both, or one twice; the most handlers of a try that found the bit set. */
static unsigned int pv_most(uint32_t first, uint32_t second, unsigned int enough)
{
	unsigned int expected = first == second ? 1 : 2;
	unsigned int i, most = 0;

	for (i = 0; i < PV_TRIES && most < enough; i++) {
		irqs = 0;
		pv_set = 0;
		self_ipi(first);
		self_ipi(second);
		irqs_on();
		irqs_off();
		if (irqs != expected)
			want("taken", irqs, expected);
		if (pv_set > most)
			most = pv_set;
	}
	return most;
}

static void pv_eoi(void)
{
	want("enabled", try_wrmsr(MSR_PV_EOI, (uint64_t)&pv_word | 1), 1);
	on_trap[0x41] = pv_handler;
	on_trap[0x51] = pv_handler;
	want("EOIs by memory, of one", pv_most(0x41, 0x41, 1), 1);
	look("after one");
	/* the lower one is pending when the higher one is injected */
	note("EOIs by memory, of two", pv_most(0x41, 0x51, 2));
	look("after two");
	try_wrmsr(MSR_PV_EOI, 0);
	note("EOIs by memory, disabled", pv_most(0x51, 0x51, 1));
	want("the bit at the end", pv_word, 0);
	look("at the end");
}

const struct scenario interrupt_scenarios[] = {
	{ "self IPIs", self_ipis, IN_X2APIC | IN_XAPIC | COUNTED },
	{ "masked", masked, IN_X2APIC | IN_XAPIC | COUNTED },
	{ "nested handlers", nested, IN_X2APIC | IN_XAPIC | COUNTED },
	{ "order of EOIs", eoi_order, IN_X2APIC | IN_XAPIC | COUNTED },
	{ "the same vector", same_vector, IN_X2APIC | IN_XAPIC | COUNTED },
	{ "task priority", task_priority, IN_X2APIC | IN_XAPIC | COUNTED },
	{ "reserved task priority", task_priority_reserved, IN_X2APIC | COUNTED | NOT_DIRECT },
	{ "processor priority", processor_priority, IN_X2APIC | IN_XAPIC | COUNTED },
	{ "task priority in a handler", task_priority_inside, IN_X2APIC | IN_XAPIC | COUNTED },
	{ "spurious EOI", spurious_eoi, IN_X2APIC | IN_XAPIC | COUNTED },
	{ "many", many, IN_X2APIC | IN_XAPIC | COUNTED },
	{ "all vectors", all_vectors, IN_X2APIC | IN_XAPIC | COUNTED },
	{ "shadow of STI", sti_shadow, IN_X2APIC | IN_XAPIC | COUNTED },
	{ "halt", halt, IN_X2APIC | IN_XAPIC },
	{ "halt, masked", halt_masked, IN_X2APIC | IN_XAPIC },
	{ "messages", message, IN_X2APIC | IN_XAPIC | COUNTED },
	{ "level-triggered", level, IN_X2APIC | IN_XAPIC | COUNTED },
	{ "PV EOI", pv_eoi, IN_X2APIC | IN_XAPIC | NOT_DIRECT },
	{}
};
