/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * guest.h - what a bare guest does with direct notifications, well or ill
 *
 * 64-bit code at CPL 0 that reaches memory at its physical addresses. Everything
 * below G_RING is 4 KiB mapped, and so are the 2 MiB around G_SHADOW; the shadow
 * IDT lies in the second memslot, apart from all else. A routine ends with an
 * OUT. Counters are in struct shared, which the VM's program reads.
 */
#ifndef _SELFTESTS_NOTIFY_GUEST_H
#define _SELFTESTS_NOTIFY_GUEST_H

#include <stdint.h>

#define G_GDT		0x11000
#define G_IDT		0x12000
#define G_FORGED	0x13000
#define G_TSS		0x14000
#define G_STACK		0x16000
#define G_IST		0x17000
#define G_TEXT		0x18000
#define G_PML4		0x1c000
#define G_PDPT		0x1d000
#define G_PD		0x1e000
#define G_PT_LOW	0x1f000
#define G_ARG		0x20000
#define G_PT_SHADOW	0x21000
#define G_SHARED	0x22000
#define G_NOTIFY	0x40000
#define G_RING		0x50000
#define G_DATA		0x100000
#define G_SHADOW	0x900000
#define G_NOWHERE	0x40000000	/* mapped to nothing */

#define G_VECTOR	0x40		/* of the notifications */
#define G_VECTOR_A	0x41		/* end with an EOI, too */
#define G_VECTOR_B	0x42
#define G_ABSENT	0x77		/* test_absent_gate() takes it away */

/**
 * struct shared - between the guest and its program
 * @stop:	the program: go on to the next step, or end
 * @irqs:	notifications taken
 * @others:	interrupts of G_VECTOR_A and G_VECTOR_B
 * @spins:	grows while the guest runs
 * @stolen:	vectors that a forged IDT has taken
 * @error:	error code of the latest exception
 * @skip:	length of the instruction that faults
 * @storm:	EOIs at each notification, besides the right one
 * @changed:	words of the shadow IDT that a write did change
 * @step:	what the guest has reached
 * @own:	operand of LIDT: an IDT of the guest's own
 * @saved:	of SIDT and LIDT
 * @counts:	of each vector's entries
 */
struct shared {
	uint64_t stop;
	uint64_t irqs;
	uint64_t others;
	uint64_t spins;
	uint64_t stolen;
	uint64_t error;
	uint64_t skip;
	uint64_t storm;
	uint64_t changed;
	uint64_t step;
	uint8_t own[16];
	uint8_t saved[16];
	uint8_t pad[0x90];
	uint64_t counts[256];
};

#define G_XSTR(x)	#x
#define G_STR(x)	G_XSTR(x)
#define G_AT(off)	G_STR(G_SHARED) "+" G_STR(off)
#define S_STOP		G_AT(0x00)
#define S_IRQS		G_AT(0x08)
#define S_OTHERS	G_AT(0x10)
#define S_SPINS		G_AT(0x18)
#define S_STOLEN	G_AT(0x20)
#define S_ERROR		G_AT(0x28)
#define S_SKIP		G_AT(0x30)
#define S_STORM		G_AT(0x38)
#define S_CHANGED	G_AT(0x40)
#define S_STEP		G_AT(0x48)
#define S_OWN		G_AT(0x50)
#define S_SAVED		G_AT(0x60)
#define S_COUNTS	G_AT(0x100)

#define G_EOI		"mov $0x80b, %ecx\n xor %eax, %eax\n xor %edx, %edx\n wrmsr\n"
#define G_OUT		"out %al, $0x80\n"
/* Until the program has raised @stop to @n. */
#define G_SPIN(n)	"81: incq " S_SPINS "\n cmpq $" G_STR(n) ", " S_STOP "\n jb 81b\n"
#define G_SAVE		"push %rax\n push %rcx\n push %rdx\n"
#define G_RESTORE	"pop %rdx\n pop %rcx\n pop %rax\n"

extern const uint8_t g_text[], g_text_end[];
/* 256 stubs, 16 bytes apart: count the vector, skip what faulted. */
extern const uint8_t g_stubs[];
/* Handlers: a notification, another interrupt, a thief with and without EOI, #DF. */
extern const uint8_t g_notified[], g_other[], g_thief[], g_keeper[], g_double[];

extern const uint8_t g_init[], g_call[], g_spin[], g_hold[], g_hold_halted[], g_halt[];
extern const uint8_t g_lidt[], g_sidt[], g_scribble[], g_remap[], g_remap_exit[], g_triple[];
extern const uint8_t g_eois[];
extern const uint8_t g_segment[], g_int_absent[], g_ints[], g_invalid[], g_once_absent[];
extern const uint8_t g_priority[], g_apic_modes[], g_self_ipis[], g_icr_self[];
extern const uint8_t g_apic_off[];

asm(".pushsection .rodata\n"
	".code64\n"
	".balign 16\n"
	"g_text:\n"
	"g_stubs:\n"
	".set .Lvector, 0\n"
	".rept 256\n"
	".balign 16\n"
	".if (.Lvector > 31) || !((0x227d00 >> (.Lvector & 31)) & 1)\n"	/* no error code */
	"	pushq	$0\n"
	".endif\n"
	"	pushq	$.Lvector\n"
	"	jmp	.Lcommon\n"
	".set .Lvector, .Lvector + 1\n"
	".endr\n"
	".balign 16\n"
	".Lcommon:\n"			/* vector, error code, RIP, ... */
	"	push	%rax\n"
	"	mov	8(%rsp), %rax\n"
	"	lock incq " S_COUNTS "(, %rax, 8)\n"
	"	cmp	$32, %rax\n"
	"	jae	1f\n"
	"	mov	16(%rsp), %rax\n"
	"	mov	%rax, " S_ERROR "\n"
	"	mov	" S_SKIP ", %rax\n"
	"	add	%rax, 24(%rsp)\n"
	"1:	pop	%rax\n"
	"	add	$16, %rsp\n"
	"	iretq\n"

	"g_notified:\n" G_SAVE
	"	push	%r8\n"
	"	lock incq " S_IRQS "\n"
	"	movq	$0, " G_STR(G_NOTIFY) "\n"
	"	mov	" S_STORM ", %r8\n"
	"1:	" G_EOI
	"	sub	$1, %r8\n"
	"	jns	1b\n"
	"	pop	%r8\n" G_RESTORE
	"	iretq\n"
	"g_other:\n" G_SAVE
	"	lock incq " S_OTHERS "\n" G_EOI G_RESTORE
	"	iretq\n"
	"g_thief:\n" G_SAVE
	"	lock incq " S_STOLEN "\n" G_EOI G_RESTORE
	"	iretq\n"
	"g_keeper:\n"
	"	lock incq " S_STOLEN "\n"
	"	iretq\n"
	"g_double:\n"			/* EOI, as an interrupt may be in service */
	"	lock incq " S_COUNTS "+64\n" G_EOI G_OUT

	"g_init:\n"			/* software-enable the local APIC */
	"	mov	$0x80f, %ecx\n"
	"	mov	$0x1ff, %eax\n"
	"	xor	%edx, %edx\n"
	"	wrmsr\n" G_OUT
	"g_call:\n"
	"	vmmcall\n" G_OUT
	"g_spin:\n"
	"	sti\n" G_SPIN(1)
	"	cli\n" G_OUT

	/* Interrupts off, for good. */
	"g_hold:\n"
	"	cli\n" G_SPIN(1)
	"	sti\n"
	"	nop\n"
	"	cli\n" G_OUT
	"g_hold_halted:\n"
	"	cli\n"
	"1:	hlt\n"
	"	incq	" S_SPINS "\n"
	"	cmpq	$0, " S_STOP "\n"
	"	je	1b\n" G_OUT
	"g_halt:\n"			/* and wait for interrupts as one should */
	"1:	sti\n"
	"	hlt\n"
	"	cli\n"
	"	incq	" S_SPINS "\n"
	"	cmpq	$0, " S_STOP "\n"
	"	je	1b\n" G_OUT

	/* The IDT. */
	"g_lidt:\n"
	"	sidt	" S_SAVED "\n"
	"	lidt	" S_OWN "\n"
	"	movq	$1, " S_STEP "\n"
	"	sti\n" G_SPIN(1)
	"	cli\n"
	"	lidt	" S_SAVED "\n"
	"	movq	$2, " S_STEP "\n"
	"	sti\n" G_SPIN(2)
	"	cli\n" G_OUT
	"g_sidt:\n"
	"1:	sidt	" S_SAVED "\n"
	"	dec	%rbp\n"
	"	jnz	1b\n" G_OUT
	"g_scribble:\n"			/* words, then bytes by a string instruction */
	"	mov	$" G_STR(G_SHADOW) ", %rdi\n"
	"	mov	$512, %ecx\n"
	"1:	mov	(%rdi), %rax\n"
	"	mov	%rax, %rdx\n"
	"	not	%rdx\n"
	"	mov	%rdx, (%rdi)\n"
	"	cmp	(%rdi), %rax\n"
	"	je	2f\n"
	"	incq	" S_CHANGED "\n"
	"2:	add	$8, %rdi\n"
	"	dec	%ecx\n"
	"	jnz	1b\n"
	"	mov	$" G_STR(G_SHADOW) ", %rdi\n"
	"	mov	%rdi, %rsi\n"
	"	mov	$64, %ecx\n"
	"	mov	(%rsi), %rbx\n"
	"	mov	%ebx, %eax\n"
	"	not	%eax\n"
	"	rep stosb\n"
	"	cmp	(%rsi), %rbx\n"
	"	je	3f\n"
	"	incq	" S_CHANGED "\n"
	"3:	movq	$1, " S_STEP "\n"
	"	jmp	g_spin\n"
	"g_remap:\n"			/* (%rdi) = %rbx maps %rsi anew; %r8 as before */
	"	mov	%rbx, (%rdi)\n"
	"	invlpg	(%rsi)\n"
	"	movq	$1, " S_STEP "\n"
	"	sti\n" G_SPIN(1)
	"	cli\n"
	"	mov	%r8, (%rdi)\n"
	"	invlpg	(%rsi)\n" G_OUT
	"g_remap_exit:\n"		/* the same, leaving the guest all the time */
	"	mov	%rbx, (%rdi)\n"
	"	invlpg	(%rsi)\n"
	"	mov	%rsi, %r9\n"
	"	sti\n"
	"1:	mov	$10000, %r10d\n"
	"2:	incq	" S_SPINS "\n"
	"	dec	%r10d\n"
	"	jnz	2b\n"
	"	xor	%eax, %eax\n"
	"	xor	%ecx, %ecx\n"
	"	cpuid\n"
	"	cmpq	$0, " S_STOP "\n"
	"	je	1b\n"
	"	cli\n"
	"	mov	%r8, (%rdi)\n"
	"	invlpg	(%r9)\n" G_OUT
	"g_triple:\n"
	"	lidt	" S_OWN "\n"
	"	ud2\n" G_OUT

	/* Exceptions, %rbp times. */
	"g_segment:\n"
	"	mov	$0x18, %eax\n"
	"1:	.byte	0x8e, 0xd8\n"		/* mov %eax, %ds */
	"	dec	%rbp\n"
	"	jnz	1b\n" G_OUT
	"g_int_absent:\n"		/* the NOP of two bytes is skipped, or INT */
	"1:	.byte	0xcd, 0x77, 0x66, 0x90\n"
	"	dec	%rbp\n"
	"	jnz	1b\n" G_OUT
	"g_once_absent:\n"
	"	.byte	0xcd, 0x77\n" G_OUT
	"g_invalid:\n"
	"1:	ud2\n"
	"	dec	%rbp\n"
	"	jnz	1b\n" G_OUT
	"g_ints:\n"
	".set .Lvector, 32\n"
	".rept 224\n"
	"	.byte	0xcd, .Lvector\n"
	".set .Lvector, .Lvector + 1\n"
	".endr\n" G_OUT

	/* The local APIC. */
	"g_eois:\n"			/* with interrupts as they are */
	"1:	" G_EOI
	"	dec	%rbp\n"
	"	jnz	1b\n" G_OUT
	"g_priority:\n"			/* %rbp is the highest, then 0 */
	"	mov	$0x808, %ecx\n"
	"	mov	%ebp, %eax\n"
	"	xor	%edx, %edx\n"
	"	wrmsr\n"
	"	sti\n"
	"	movq	$1, " S_STEP "\n" G_SPIN(1)
	"	xor	%eax, %eax\n"
	"	wrmsr\n"
	"	movq	$2, " S_STEP "\n" G_SPIN(2)
	"	cli\n" G_OUT
	"g_apic_modes:\n"		/* off, xAPIC, x2APIC, %rbp times */
	"1:	mov	$0x1b, %ecx\n"
	"	rdmsr\n"
	"	and	$~0xc00, %eax\n"
	"	wrmsr\n"
	"	or	$0x800, %eax\n"
	"	wrmsr\n"
	"	or	$0x400, %eax\n"
	"	wrmsr\n"
	"	mov	$0x80f, %ecx\n"
	"	mov	$0x1ff, %eax\n"
	"	xor	%edx, %edx\n"
	"	wrmsr\n"
	"	sti\n"
	"	mov	$2000, %ecx\n"
	"2:	incq	" S_SPINS "\n"
	"	dec	%ecx\n"
	"	jnz	2b\n"
	"	cli\n"
	"	dec	%rbp\n"
	"	jnz	1b\n" G_OUT
	"g_apic_off:\n"			/* and stay so */
	"	mov	$0x1b, %ecx\n"
	"	rdmsr\n"
	"	and	$~0xc00, %eax\n"
	"	wrmsr\n"
	"	movq	$1, " S_STEP "\n"
	"	sti\n" G_SPIN(1)
	"	cli\n" G_OUT
	"g_self_ipis:\n"
	"	sti\n"
	"1:	mov	$0x83f, %ecx\n"
	"	mov	$" G_STR(G_VECTOR_A) ", %eax\n"
	"	xor	%edx, %edx\n"
	"	wrmsr\n"
	"	dec	%rbp\n"
	"	jnz	1b\n"
	"	nop\n"
	"	cli\n" G_OUT
	"g_icr_self:\n"
	"	sti\n"
	"1:	mov	$0x830, %ecx\n"
	"	mov	$0x40000+" G_STR(G_VECTOR_B) ", %eax\n"
	"	xor	%edx, %edx\n"
	"	wrmsr\n"
	"	dec	%rbp\n"
	"	jnz	1b\n"
	"	nop\n"
	"	cli\n" G_OUT
	"g_text_end:\n"
	".popsection\n");

#endif /* _SELFTESTS_NOTIFY_GUEST_H */
