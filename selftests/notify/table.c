// SPDX-License-Identifier: GPL-2.0-only
/*
 * table.c - a guest that will not have the host's IDT: writes to it, LIDT,
 * another page in its place, or none
 */
#define _GNU_SOURCE
#include "hostile.h"

#define SHADOW_PTE	(G_PT_SHADOW + (G_SHADOW >> 12 & 511) * 8)

static void set_own(struct vm *vm, uint16_t limit, uint64_t base)
{
	uint8_t *own = vm_at(vm, G_SHARED + offsetof(struct shared, own));

	memcpy(own, &limit, 2);
	memcpy(own + 2, &base, 8);
}

static void test_scribble(void)
{
	struct vm vm;

	scenario_begin("writes to the shadow IDT");
	vm_begin_direct(&vm, DISK, false);
	vm_start(&vm, g_scribble, NULL);
	scenario_check(reaches(&vm_shared(&vm)->step, 1, LONG), "are carried out");
	scenario_check(!vm_shared(&vm)->changed, "have no effect");
	scenario_serves(&vm, 20, "its notifications come");
	scenario_check(vcpu_says(&vm, "mode", "direct"), "keeps direct notifications");
	scenario_check(vm_stop(&vm), "it ends");
	scenario_end(&vm, KEPT);
}

static void test_lidt(void)
{
	uint64_t sent, injected;
	struct vm vm;

	scenario_begin("LIDT of another table, and back");
	vm_begin_direct(&vm, DISK, false);
	fill_idt(&vm, G_FORGED);
	set_own(&vm, 0xfff, G_FORGED);
	vm_start(&vm, g_lidt, NULL);
	scenario_check(reaches(&vm_shared(&vm)->step, 1, LONG), "it has another table");
	sent = vcpu_number(&vm, "sent");
	injected = vcpu_number(&vm, "injected");
	scenario_serves(&vm, 20, "its notifications come by the other table");
	scenario_check(vcpu_number(&vm, "sent") == sent, "none of them directly");
	scenario_check(vcpu_number(&vm, "injected") > injected, "which is counted");
	vm_shared(&vm)->stop = 1;
	scenario_check(reaches(&vm_shared(&vm)->step, 2, LONG), "it has its own again");
	scenario_serves(&vm, 20, "its notifications come by its own table");
	scenario_check(vcpu_becomes(&vm, "direct", LONG), "directly");
	scenario_check(vm_stop(&vm), "it ends");
	scenario_end(&vm, KEPT);
}

static void test_sidt(void)
{
	struct kvm_regs regs = { .rbp = 1000 };
	const uint8_t *saved;
	uint16_t limit;
	uint64_t base;
	struct vm vm;

	scenario_begin("SIDT");
	vm_begin_direct(&vm, DISK, false);
	vm_do(&vm, g_sidt, &regs);
	saved = vm_at(&vm, G_SHARED + offsetof(struct shared, saved));
	memcpy(&limit, saved, 2);
	memcpy(&base, saved + 2, 8);
	scenario_check(limit == 0xfff && base == G_IDT, "gives the guest's own table");
	scenario_still_serves(&vm);
	scenario_end(&vm, KEPT);
}

/* The guest takes the host's interrupts by @handler until it has lost direct mode. */
static bool steals(struct vm *vm, const uint8_t *handler)
{
	struct kvm_regs regs = {
		.rdi = SHADOW_PTE, .rbx = G_FORGED | 3, .rsi = G_SHADOW, .r8 = G_SHADOW | 3,
	};
	unsigned int i;

	vm_begin_direct(vm, DISK, false);
	for (i = 0; i < 256; i++)
		put_gate(vm, G_FORGED, i, guest_addr(handler), true);
	vm_start(vm, g_remap, &regs);
	return vcpu_becomes(vm, "inject", LONG);
}

/*
 * Every vector has a gate: host interrupts do not leave the guest. At the latest
 * the watchdog does it. It may come before the first interrupt: then once more.
 */
static void test_forged(const char *what, const uint8_t *handler)
{
	unsigned int tries = 20;
	struct vm vm;
	bool tired;

	scenario_begin(what);
	for (;;) {
		tired = steals(&vm, handler);
		if (!tired || vm_shared(&vm)->stolen || !--tries)
			break;
		vm_finish(&vm);
		log_mark();
	}
	scenario_check(tired, "the host tires of it");
	printf("# the guest stole %llu interrupts\n",
	       (unsigned long long)vm_shared(&vm)->stolen);
	scenario_check(vm_shared(&vm)->stolen, "the host's interrupts were stolen");
	scenario_check(bystanders_go_on(), "and given back while the guest runs");
	scenario_check(vm_stop(&vm), "it ends when it wants to");
	scenario_still_serves(&vm);
	scenario_end(&vm, REVOKED);
}

/*
 * As before, but it leaves the guest so often that no watchdog wakes. What it
 * steals has to be given back all the same.
 */
static void test_forged_exits(const char *what, const uint8_t *handler)
{
	struct kvm_regs regs = {
		.rdi = SHADOW_PTE, .rbx = G_FORGED | 3, .rsi = G_SHADOW, .r8 = G_SHADOW | 3,
	};
	struct vm vm;
	unsigned int i;

	scenario_begin(what);
	vm_begin_direct(&vm, DISK, false);
	for (i = 0; i < 256; i++)
		put_gate(&vm, G_FORGED, i, guest_addr(handler), true);
	vm_start(&vm, g_remap_exit, &regs);
	sleep_ms(500);
	scenario_check(vcpu_becomes(&vm, "inject", LONG), "the host tires of it");
	scenario_check(bystanders_go_on(), "what it stole is given back");
	printf("# the guest stole %llu interrupts\n",
	       (unsigned long long)vm_shared(&vm)->stolen);
	scenario_check(vm_stop(&vm), "it ends when it wants to");
	scenario_end(&vm, REVOKED);
}

/* Nothing is there when an interrupt comes: a triple fault. */
static void test_unmapped(void)
{
	struct kvm_regs regs = {
		.rdi = SHADOW_PTE, .rbx = 0, .rsi = G_SHADOW, .r8 = G_SHADOW | 3,
	};
	struct vm vm;

	scenario_begin("no page where the shadow IDT was");
	vm_begin_direct(&vm, DISK, false);
	vm_start(&vm, g_remap, &regs);
	vm_submit(&vm);
	scenario_check(vm_ends(&vm, LONG) && vm.exit == KVM_EXIT_SHUTDOWN, "shuts the VM down");
	scenario_end(&vm, ANY);
}

static void set_slot_1(struct vm *vm, bool there)
{
	struct kvm_userspace_memory_region region = {
		.slot = 1, .guest_phys_addr = MINIVM_SLOT,
		.memory_size = there ? MINIVM_SLOT : 0,
		.userspace_addr = (uintptr_t)vm->mini.ram + MINIVM_SLOT,
	};

	if (ioctl(vm->mini.fd, KVM_SET_USER_MEMORY_REGION, &region))
		tap_bail("KVM_SET_USER_MEMORY_REGION");
}

static void test_slot_removed(void)
{
	unsigned int i;
	struct vm vm;

	scenario_begin("the page's memory slot removed");
	vm_begin_direct(&vm, DISK, false);
	vm_spin(&vm);
	scenario_serves(&vm, 5, "its notifications come before");
	set_slot_1(&vm, false);
	for (i = 0; i < 10; i++) {
		vm_submit(&vm);
		if (!vm_completes(&vm, LONG))
			break;
		sleep_ms(10);
	}
	scenario_check(i == 10, "the VM's reads complete");
	set_slot_1(&vm, true);
	scenario_check(vm_kicks_out(&vm, LONG), "the VM can be stopped");
	printf("# it ended with exit %d\n", vm.exit);
	scenario_end(&vm, ANY);
}

static void test_slot_removed_stopped(void)
{
	struct vm vm;

	scenario_begin("the page's memory slot removed and put back, no vCPU running");
	vm_begin_direct(&vm, DISK, false);
	set_slot_1(&vm, false);
	set_slot_1(&vm, true);
	scenario_still_serves(&vm);
	scenario_end(&vm, KEPT);
}

static bool has_queue(const struct vm *vm)
{
	char pattern[192];
	glob_t found;
	bool has;

	snprintf(pattern, sizeof(pattern), "%s/queues/*", vm->dir);
	has = !glob(pattern, 0, NULL, &found);
	globfree(&found);
	return has;
}

/* Where KVM makes INIT of it, a reset by user space that follows is not seen. */
static void test_triple_fault(void)
{
	struct vm vm;

	scenario_begin("triple fault");
	vm_begin_direct(&vm, DISK, false);
	vm_spin(&vm);
	scenario_serves(&vm, 5, "its notifications come before");
	vm_stop(&vm);
	set_own(&vm, 0, 0);
	scenario_check(has_queue(&vm), "it has a queue before");
	vm_start(&vm, g_triple, NULL);
	scenario_check(vm_ends(&vm, LONG) && vm.exit == KVM_EXIT_SHUTDOWN, "shuts the VM down");
	scenario_check(!has_queue(&vm), "it has none after");
	scenario_end(&vm, KEPT);
}

int main(void)
{
	hostile_begin();
	test_scribble();
	test_lidt();
	test_sidt();
	test_triple_fault();
	test_slot_removed_stopped();
	test_slot_removed();
	test_unmapped();
	test_forged("a forged IDT that ends interrupts", g_thief);
	test_forged_exits("a forged IDT that ends interrupts, and exits", g_thief);
	test_forged("a forged IDT that does not end interrupts", g_keeper);
	test_forged_exits("a forged IDT that does not end interrupts, and exits", g_keeper);
	return hostile_end();
}
