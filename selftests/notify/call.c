// SPDX-License-Identifier: GPL-2.0-only
/*
 * call.c - the call that sets direct notifications up, with arguments of all kinds
 */
#define _GNU_SOURCE
#include "hostile.h"

#define ELSEWHERE	(G_SHADOW + 0x1000)	/* mapped to what a test says */
#define BEYOND		0x2000000		/* the end of memory */
#define APIC		0xfee00000ULL
#define SECOND		(G_SHADOW + 0x2000)
#define SECOND_NOTIFY	0x41000

static void expect(long got, long want, const char *what)
{
	scenario_check(got == want, what);
	if (got != want)
		printf("# got %ld, not %ld\n", got, want);
}

static void expect_refusal(long got, const char *what)
{
	scenario_check(got == -EINVAL || got == -EFAULT, what);
	if (got != -EINVAL && got != -EFAULT)
		printf("# got %ld\n", got);
}

static void map_elsewhere(struct vm *vm, uint64_t gpa)
{
	uint64_t *pt = vm_at(vm, G_PT_SHADOW);

	pt[ELSEWHERE >> 12 & 511] = gpa | 3;
}

static long direct_elsewhere(struct vm *vm, uint64_t gpa)
{
	map_elsewhere(vm, gpa);
	return vm_direct(vm, gpa, ELSEWHERE);
}

static void test_order(void)
{
	struct vm vm;

	scenario_begin("set-up in the wrong order");
	vm_boot(&vm, false);
	vm_attach(&vm, DISK);
	vm_identify(&vm);
	expect(vm_notify(&vm, G_NOTIFY, G_VECTOR), 0, "a notification page");
	expect(vm_direct(&vm, G_SHADOW, G_SHADOW), -EPERM, "not allowed");
	expect(vm_allow(&vm, true), 0, "allowed by the host");
	expect(vm_notify(&vm, 0, G_VECTOR), 0, "no notification page any more");
	expect(vm_direct(&vm, G_SHADOW, G_SHADOW), -ENOENT, "without one");
	expect(vm_notify(&vm, G_NOTIFY, G_VECTOR), 0, "a notification page again");
	expect(vm_direct(&vm, G_SHADOW, G_SHADOW), 0, "all is well");
	expect(vm_queue(&vm), 0, "a queue");
	scenario_still_serves(&vm);
	expect(vm_notify(&vm, G_NOTIFY, G_VECTOR), 0, "another notification page");
	scenario_still_serves(&vm);
	scenario_end(&vm, KEPT);
}

static void test_addresses(void)
{
	struct vm vm;

	scenario_begin("addresses");
	vm_begin(&vm, DISK, false);
	vm_allow(&vm, true);
	expect(vm_direct(&vm, G_SHADOW + 8, G_SHADOW + 8), -EINVAL, "not a page");
	expect(vm_direct(&vm, G_SHADOW, G_SHADOW + 8), -EINVAL, "not mapped at a page");
	expect(vm_direct(&vm, G_SHADOW, G_DATA), -EINVAL, "not mapped there");
	expect(vm_direct(&vm, G_SHADOW, G_NOWHERE), -EINVAL, "nothing mapped there");
	expect_refusal(vm_direct(&vm, G_SHADOW, 1ULL << 63), "not a linear address");
	expect_refusal(vm_direct(&vm, G_SHADOW, ~0xfffULL), "the last page");
	expect_refusal(vm_direct(&vm, ~0xfffULL, G_SHADOW), "the last page of all");
	expect_refusal(direct_elsewhere(&vm, APIC), "the local APIC's page");
	expect_refusal(direct_elsewhere(&vm, BEYOND), "beyond memory");
	expect_refusal(direct_elsewhere(&vm, 1ULL << 40), "far beyond memory");
	expect(vm_call(&vm, IOCORE_HC_DIRECT, G_ARG, 8), -EINVAL, "half a structure");
	expect_refusal(vm_call(&vm, IOCORE_HC_DIRECT, BEYOND, 16), "a structure beyond memory");
	expect(vm_direct(&vm, 0, 0), 0, "an end before the beginning");
	scenario_still_serves(&vm);
	scenario_check(vcpu_says(&vm, "mode", "inject"), "none was accepted");
	scenario_end(&vm, KEPT);
}

/* Pages that have a use already. Any answer will do. */
static void test_used(void)
{
	static const uint32_t used[] = { G_NOTIFY, G_RING, VM_CQ, G_IDT, G_PT_SHADOW };
	unsigned int i;
	struct vm vm;
	long ret;

	scenario_begin("pages in use");
	vm_begin(&vm, DISK, false);
	vm_allow(&vm, true);
	for (i = 0; i < sizeof(used) / sizeof(used[0]); i++) {
		ret = vm_direct(&vm, used[i], used[i]);
		printf("# %#x gives %ld\n", used[i], ret);
		vm_spin(&vm);
		vm_submit(&vm);
		vm_completes(&vm, 100);
		vm_shared(&vm)->stop = 1;
		if (!vm_ends(&vm, 1000))
			vm_kicks_out(&vm, LONG);
		if (ret)
			continue;
		if (vm_direct(&vm, 0, 0))
			break;
	}
	scenario_check(bystanders_go_on(), "whatever the answer");
	scenario_end(&vm, ANY);
}

static void test_again(void)
{
	struct vm vm;
	int i;

	scenario_begin("over and over");
	vm_begin_direct(&vm, DISK, false);
	expect(vm_direct(&vm, G_SHADOW, G_SHADOW), 0, "twice");
	scenario_still_serves(&vm);
	memset(vm_at(&vm, G_SHADOW), 0x5a, 4096);
	expect(vm_direct(&vm, SECOND, SECOND), 0, "another page");
	scenario_still_serves(&vm);
	for (i = 0; i < 100; i++)
		if (vm_direct(&vm, i & 1 ? G_SHADOW : SECOND, i & 1 ? G_SHADOW : SECOND))
			break;
	expect(i, 100, "a hundred times, in turns");
	scenario_still_serves(&vm);
	expect(vm_direct(&vm, 0, 0), 0, "ended");
	expect(vm_direct(&vm, 0, 0), 0, "ended twice");
	scenario_still_serves(&vm);
	scenario_check(vcpu_says(&vm, "mode", "inject"), "injected now");
	scenario_end(&vm, KEPT);
}

static void set_idt(struct vm *vm, uint64_t base, uint16_t limit)
{
	struct kvm_sregs s;

	if (ioctl(vm->mini.vcpu, KVM_GET_SREGS, &s))
		tap_bail("the vCPU's registers");
	s.idt = (struct kvm_dtable){ .base = base, .limit = limit };
	if (ioctl(vm->mini.vcpu, KVM_SET_SREGS, &s))
		tap_bail("the vCPU's IDT");
}

static void set_gate_type(struct vm *vm, uint8_t type)
{
	((uint8_t *)vm_at(vm, G_IDT + G_VECTOR * 16))[5] = type;
}

static void test_idt(void)
{
	struct vm vm;

	scenario_begin("the guest's IDT");
	vm_begin(&vm, DISK, false);
	vm_allow(&vm, true);
	set_idt(&vm, G_IDT, 0x7ff);
	expect(vm_direct(&vm, G_SHADOW, G_SHADOW), -EINVAL, "half a table");
	set_idt(&vm, G_NOWHERE, 0xfff);
	expect_refusal(vm_direct(&vm, G_SHADOW, G_SHADOW), "no table");
	set_idt(&vm, G_IDT, 0xfff);
	set_gate_type(&vm, 0x0e);
	expect(vm_direct(&vm, G_SHADOW, G_SHADOW), -EINVAL, "an absent gate");
	set_gate_type(&vm, 0x8f);
	expect(vm_direct(&vm, G_SHADOW, G_SHADOW), -EINVAL, "a trap gate");
	set_gate_type(&vm, 0x8c);
	expect(vm_direct(&vm, G_SHADOW, G_SHADOW), -EINVAL, "a call gate");
	set_gate_type(&vm, 0x8e);
	expect(vm_direct(&vm, G_SHADOW, G_SHADOW), 0, "a good table");
	scenario_still_serves(&vm);
	scenario_end(&vm, KEPT);
}

static void test_32_bit(void)
{
	struct iocore_vcpu_notify *notify;
	struct iocore_direct *direct;
	struct minivm *mini;
	struct vm vm = {};

	scenario_begin("a 32-bit guest");
	mini = &vm.mini;
	if (minivm_make(mini, 0, 0))
		tap_bail("a VM");
	vm_attach(&vm, DISK);
	vm_allow(&vm, true);
	notify = vm_at(&vm, G_ARG);
	*notify = (struct iocore_vcpu_notify){ .gpa = G_NOTIFY, .vector = G_VECTOR };
	expect(minivm_hypercall(mini, IOCORE_HC, IOCORE_HC_VCPU_NOTIFY, G_ARG, sizeof(*notify)),
	       0, "a notification page");
	direct = vm_at(&vm, G_ARG);
	*direct = (struct iocore_direct){ .gpa = G_SHADOW, .gva = G_SHADOW };
	expect(minivm_hypercall(mini, IOCORE_HC, IOCORE_HC_DIRECT, G_ARG, sizeof(*direct)),
	       -EINVAL, "is refused");
	scenario_end(&vm, KEPT);
}

/* A second vCPU of the same VM, in the same memory. Not at the same time. */
static void second_vcpu(struct vm *vm, const struct vm *first)
{
	struct kvm_mp_state state = { .mp_state = KVM_MP_STATE_RUNNABLE };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	struct kvm_sregs s;

	*vm = *first;
	vm->mini.vcpu = ioctl(vm->mini.fd, KVM_CREATE_VCPU, 1);
	vm->mini.run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
			    MAP_SHARED, vm->mini.vcpu, 0);
	if (vm->mini.vcpu < 0 || vm->mini.run == MAP_FAILED ||
	    minivm_set_cpuid(kvm, vm->mini.vcpu) ||
	    ioctl(vm->mini.vcpu, KVM_SET_MP_STATE, &state) ||
	    ioctl(vm->mini.vcpu, KVM_GET_SREGS, &s))
		tap_bail("a second vCPU");
	close(kvm);
	set_long_mode(&s);
	if (ioctl(vm->mini.vcpu, KVM_SET_SREGS, &s))
		tap_bail("64-bit mode");
	vm_do(vm, g_init, NULL);
}

static void test_another_vcpu(void)
{
	struct vm vm, second;

	scenario_begin("the page of another vCPU");
	vm_begin_direct(&vm, DISK, false);
	second_vcpu(&second, &vm);
	expect(vm_notify(&second, SECOND_NOTIFY, G_VECTOR), 0, "a second notification page");
	expect(vm_direct(&second, G_SHADOW, G_SHADOW), -EBUSY, "the first one's page");
	scenario_still_serves(&vm);
	expect(vm_direct(&second, SECOND, SECOND), 0, "a page of its own");
	scenario_still_serves(&vm);
	expect(vm_direct(&second, 0, 0), 0, "its end");
	scenario_still_serves(&vm);
	close(second.mini.vcpu);
	munmap(second.mini.run, 4096);
	scenario_end(&vm, KEPT);
}

static void test_denied(void)
{
	struct vm vm;

	scenario_begin("the privilege taken away");
	vm_begin_direct(&vm, DISK, false);
	vm_spin(&vm);
	scenario_serves(&vm, 10, "its notifications come");
	scenario_check(vcpu_becomes(&vm, "direct", LONG), "directly");
	expect(vm_allow(&vm, false), 0, "taken away");
	scenario_serves(&vm, 10, "its notifications still come");
	scenario_check(vcpu_says(&vm, "mode", "inject"), "injected");
	vm_stop(&vm);
	expect(vm_direct(&vm, G_SHADOW, G_SHADOW), -EPERM, "it does not get them back");
	expect(vm_go_direct(&vm), 0, "unless it is allowed again");
	scenario_still_serves(&vm);
	scenario_end(&vm, KEPT);
}

/* The watchdog needs an IOCore: without a disk there is no direct mode. */
static void test_detached(void)
{
	struct vm vm;

	scenario_begin("the only disk detached");
	vm_begin_direct(&vm, DISK, false);
	vm_spin(&vm);
	scenario_serves(&vm, 10, "its notifications come");
	if (disk_detach(iocore_dev, getpid(), DISK))
		tap_bail("detaching");
	sleep_ms(50);
	scenario_check(vm_shared(&vm)->spins > 0 && bystanders_go_on(), "the host goes on");
	scenario_check(vm_stop(&vm), "the guest, too");
	vm.disk = NULL;
	scenario_end(&vm, KEPT);
}

int main(void)
{
	hostile_begin();
	test_order();
	test_addresses();
	test_used();
	test_again();
	test_idt();
	test_32_bit();
	test_another_vcpu();
	test_denied();
	test_detached();
	return hostile_end();
}
