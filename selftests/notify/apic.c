// SPDX-License-Identifier: GPL-2.0-only
/*
 * apic.c - a guest that plays with the local APIC, part of which is the host's
 */
#define _GNU_SOURCE
#include "hostile.h"

#define EOIS	1000000
#define IPIS	300
#define MODES	20

static void test_eoi_storm(void)
{
	struct kvm_regs regs = { .rbp = EOIS };
	struct vm vm;

	scenario_begin("a million EOIs, nothing in service");
	vm_begin_direct(&vm, DISK, false);
	vm_start_flags(&vm, g_eois, &regs, 0x200);
	scenario_check(vm_ends(&vm, LONG * 6) && vm.exit == KVM_EXIT_IO, "it ends");
	scenario_still_serves(&vm);
	scenario_check(vcpu_says(&vm, "mode", "direct"), "keeps direct notifications");
	scenario_end(&vm, KEPT);
}

static void test_eoi_storm_in_service(void)
{
	struct vm vm;

	scenario_begin("a thousand EOIs a notification");
	vm_begin_direct(&vm, DISK, false);
	vm_shared(&vm)->storm = 1000;
	vm_spin(&vm);
	scenario_serves(&vm, 50, "its notifications come");
	scenario_check(vm_stop(&vm), "it ends");
	scenario_still_serves(&vm);
	scenario_check(vcpu_says(&vm, "mode", "direct"), "keeps direct notifications");
	scenario_end(&vm, KEPT);
}

static void test_priority(void)
{
	struct kvm_regs regs = { .rbp = 0xf0 };
	volatile struct shared *shared;
	uint64_t irqs;
	struct vm vm;

	scenario_begin("task priority 15");
	vm_begin_direct(&vm, DISK, false);
	shared = vm_shared(&vm);
	vm_start(&vm, g_priority, &regs);
	scenario_check(reaches(&shared->step, 1, LONG), "is accepted");
	irqs = shared->irqs;
	vm_submit(&vm);
	scenario_check(vm_completes(&vm, LONG), "a read completes");
	scenario_check(bystanders_go_on(), "it masks no interrupt of the host");
	scenario_check(shared->irqs == irqs, "it masks notifications");
	shared->stop = 1;
	scenario_check(reaches(&shared->step, 2, LONG), "and ends");
	scenario_check(reaches(&shared->irqs, irqs + 1, LONG), "the notification was kept");
	scenario_check(vm_stop(&vm), "it ends");
	scenario_still_serves(&vm);
	scenario_end(&vm, KEPT);
}

static void test_ipis(const char *what, const uint8_t *label)
{
	struct kvm_regs regs = { .rbp = IPIS };
	struct vm vm;

	scenario_begin(what);
	vm_begin_direct(&vm, DISK, false);
	vm_start(&vm, label, &regs);
	scenario_check(vm_ends(&vm, LONG * 3) && vm.exit == KVM_EXIT_IO, "it ends");
	scenario_check(vm_shared(&vm)->others == IPIS, "each is taken, once");
	if (vm_shared(&vm)->others != IPIS)
		printf("# %llu of %u\n", (unsigned long long)vm_shared(&vm)->others, IPIS);
	scenario_still_serves(&vm);
	scenario_check(vcpu_says(&vm, "mode", "direct"), "keeps direct notifications");
	scenario_end(&vm, KEPT);
}

static void test_modes(void)
{
	struct kvm_regs regs = { .rbp = MODES };
	unsigned int reads = 0;
	struct vm vm;

	scenario_begin("APIC off, xAPIC, x2APIC, over and over");
	vm_begin_direct(&vm, DISK, false);
	vm_start(&vm, g_apic_modes, &regs);
	while (!__atomic_load_n(&vm.done, __ATOMIC_ACQUIRE) && reads < 10000) {
		vm_submit(&vm);
		if (!vm_completes(&vm, LONG))
			break;
		reads++;
	}
	printf("# %u reads meanwhile\n", reads);
	scenario_check(vm_ends(&vm, LONG) && vm.exit == KVM_EXIT_IO, "it ends");
	scenario_still_serves(&vm);
	scenario_check(vcpu_becomes(&vm, "direct", LONG), "keeps direct notifications");
	scenario_end(&vm, KEPT);
}

static void test_off(void)
{
	uint64_t irqs;
	struct vm vm;

	scenario_begin("APIC off");
	vm_begin_direct(&vm, DISK, false);
	vm_start(&vm, g_apic_off, NULL);
	scenario_check(reaches(&vm_shared(&vm)->step, 1, LONG), "is accepted");
	irqs = vm_shared(&vm)->irqs;
	vm_submit(&vm);
	scenario_check(vm_completes(&vm, LONG), "a read completes");
	scenario_check(bystanders_go_on(), "it masks no interrupt of the host");
	scenario_check(vm_shared(&vm)->irqs == irqs, "no notification comes");
	scenario_check(vm_stop(&vm), "it ends");
	scenario_end(&vm, KEPT);
}

int main(void)
{
	hostile_begin();
	test_eoi_storm();
	test_eoi_storm_in_service();
	test_priority();
	test_ipis("self IPIs", g_self_ipis);
	test_ipis("IPIs to itself", g_icr_self);
	test_modes();
	test_off();
	return hostile_end();
}
