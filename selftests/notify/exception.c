// SPDX-License-Identifier: GPL-2.0-only
/*
 * exception.c - exceptions of the guest's own among those that the host uses
 */
#define _GNU_SOURCE
#include "hostile.h"

#define TIMES	1000
#define NP	11
#define DF	8
#define UD	6

static void test_times(const char *what, const uint8_t *label, unsigned int vector, uint64_t error)
{
	struct kvm_regs regs = { .rbp = TIMES };
	volatile struct shared *shared;
	struct vm vm;

	scenario_begin(what);
	vm_begin(&vm, DISK, false);
	put_gate(&vm, G_IDT, G_ABSENT, guest_addr(g_other), false);
	scenario_check(!vm_go_direct(&vm), "direct notifications");
	shared = vm_shared(&vm);
	shared->skip = 2;
	vm_start_flags(&vm, label, &regs, 0x200);
	scenario_check(vm_ends(&vm, LONG * 3) && vm.exit == KVM_EXIT_IO, "it ends");
	scenario_check(shared->counts[vector] == TIMES, "each reaches the guest, once");
	if (shared->counts[vector] != TIMES)
		printf("# %llu of %u\n", (unsigned long long)shared->counts[vector], TIMES);
	scenario_check(shared->error == error, "with its error code");
	if (shared->error != error)
		printf("# %#llx instead of %#llx\n", (unsigned long long)shared->error,
		       (unsigned long long)error);
	scenario_still_serves(&vm);
	scenario_check(vcpu_says(&vm, "mode", "direct"), "keeps direct notifications");
	scenario_end(&vm, KEPT);
}

/*
 * Only INT with the host's number of the direct vector may reach another handler:
 * that of notifications, which may come without a reason.
 */
static void test_ints(void)
{
	unsigned int i, wrong = 0, missing = 0;
	volatile struct shared *shared;
	uint64_t irqs;
	struct vm vm;

	scenario_begin("INT with every vector");
	vm_begin_direct(&vm, DISK, false);
	shared = vm_shared(&vm);
	irqs = shared->irqs;
	vm_do(&vm, g_ints, NULL);
	irqs = shared->irqs - irqs;
	for (i = 32; i < 256; i++) {
		if (i == G_VECTOR || i == G_VECTOR_A || i == G_VECTOR_B)
			continue;
		wrong += shared->counts[i] > 1;
		missing += !shared->counts[i];
		if (shared->counts[i] != 1)
			printf("# vector %#x: %llu times\n", i,
			       (unsigned long long)shared->counts[i]);
	}
	printf("# %llu as notifications\n", (unsigned long long)irqs);
	scenario_check(!wrong && shared->others == 2, "none reaches its handler twice");
	scenario_check(missing <= 1 && irqs == 1 + missing,
		       "each reaches its handler, one perhaps that of notifications");
	scenario_still_serves(&vm);
	scenario_end(&vm, KEPT);
}

/* #NP, whose gate is absent as well, is a double fault. */
static void test_np_of_np(void)
{
	struct vm vm;
	long ret;

	scenario_begin("no gate for #NP");
	vm_begin(&vm, DISK, false);
	put_gate(&vm, G_IDT, G_ABSENT, guest_addr(g_other), false);
	put_gate(&vm, G_IDT, NP, guest_addr(g_other), false);
	put_gate(&vm, G_IDT, DF, guest_addr(g_double), true);
	ret = vm_go_direct(&vm);
	scenario_check(!ret || ret == -EINVAL, "allowed or refused");
	vm_start(&vm, g_once_absent, NULL);
	scenario_check(vm_ends(&vm, LONG) && vm.exit == KVM_EXIT_IO &&
		       vm_shared(&vm)->counts[DF] == 1, "its #NP is a double fault");
	scenario_still_serves(&vm);
	scenario_end(&vm, KEPT);
}

/* The handler of #NP faults itself, when its stack is pushed to. */
static void test_no_stack(bool ist)
{
	struct kvm_regs regs = { .rsp = G_NOWHERE };
	uint64_t spins;
	struct vm vm;

	scenario_begin(ist ? "no stack, but one for double faults" : "no stack");
	vm_begin(&vm, DISK, false);
	if (ist)
		put_gate_ist(&vm, G_IDT, DF, guest_addr(g_double));
	scenario_check(!vm_go_direct(&vm), "direct notifications");
	vm_start(&vm, g_spin, &regs);
	scenario_check(bystanders_go_on(), "the host's interrupts need no stack of it");
	spins = vm_shared(&vm)->spins;
	scenario_check(reaches(&vm_shared(&vm)->spins, spins + 1, LONG), "the guest goes on");
	vm_submit(&vm);
	scenario_check(vm_ends(&vm, LONG), "a notification ends it");
	if (ist)
		scenario_check(vm.exit == KVM_EXIT_IO && vm_shared(&vm)->counts[DF] == 1,
			       "by a double fault");
	else
		scenario_check(vm.exit == KVM_EXIT_SHUTDOWN, "by a triple fault");
	if (ist)
		scenario_still_serves(&vm);
	scenario_end(&vm, KEPT);
}

int main(void)
{
	hostile_begin();
	test_times("loads of an absent segment", g_segment, NP, 0x18);
	test_times("INT through an absent gate", g_int_absent, NP, G_ABSENT * 8 + 2);
	test_times("invalid opcodes", g_invalid, UD, 0);
	test_ints();
	test_np_of_np();
	test_no_stack(false);
	test_no_stack(true);
	return hostile_end();
}
