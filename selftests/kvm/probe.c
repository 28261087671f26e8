// SPDX-License-Identifier: GPL-2.0-only
/*
 * probe.c - what this host's KVM does for a guest, as lines to be compared
 *
 *	call CPL NR RESULT		a hypercall
 *	cost WHAT COUNTER=N...		1000 of WHAT, by the vCPU's own counters
 *
 * The guest has no timer and no device, so all of its exits are counted but
 * those that an interrupt of the host caused: these are not its own. Injections
 * are not counted, as such an exit in the middle of one repeats it.
 */
#include <linux/iocore_ring.h>
#include <stdio.h>

#include "minivm.h"
#include "stats.h"

#define TIMES	1000

/* The host's noise, subtracted from exits. */
#define NOISE	"irq_exits"

static const char * const counters[] = {
	"exits", "io_exits", "mmio_exits", "signal_exits", "irq_window_exits",
	"halt_exits", "hypercalls", "insn_emulation",
};

#define NR_COUNTERS	(sizeof(counters) / sizeof(counters[0]))

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void stats_snapshot(const struct stats *stats, uint64_t values[NR_COUNTERS])
{
	unsigned int i;

	for (i = 0; i < NR_COUNTERS; i++)
		values[i] = stats_read(stats, counters[i]);
	values[0] -= stats_read(stats, NOISE);
}

static void cost(struct minivm *vm, const struct stats *stats, const char *what,
		 const uint8_t *label, uint32_t nr, int events)
{
	struct kvm_regs warm = { .rax = nr, .rbp = 1 }, regs = { .rax = nr, .rbp = TIMES };
	uint64_t before[NR_COUNTERS], after[NR_COUNTERS];
	unsigned int i;

	if (minivm_run(vm, label, 0, &warm))
		die(what);
	stats_snapshot(stats, before);
	if (minivm_run(vm, label, 0, &regs))
		die(what);
	stats_snapshot(stats, after);

	printf("cost %s", what);
	for (i = 0; i < NR_COUNTERS; i++)
		printf(" %s=%llu", counters[i], (unsigned long long)(after[i] - before[i]));
	if (events)
		printf(" handled=%llu", (unsigned long long)regs.rsi);
	putchar('\n');
}

static void calls(struct minivm *vm, unsigned int cpl)
{
	/* KVM's own, those around iocore's, the ends; a1 = 99 is no clock type */
	static const uint32_t nrs[] = {
		0, 1, 2, 3, 5, 9, 10, 11, 12, 13, 100, 0xfff, 0x1000, IOCORE_HC - 1,
		IOCORE_HC, IOCORE_HC + 1, 0x8000, 0x7fffffff, 0x80000000, 0xffffffff,
	};
	unsigned int i;

	for (i = 0; i < sizeof(nrs) / sizeof(nrs[0]); i++)
		printf("call %u %#x %d\n", cpl, nrs[i],
		       minivm_hypercall_at(vm, cpl, nrs[i], 0, 99, 0, 0));
}

/* Every sub-call of iocore, with arguments that could be good. */
static void sub_calls(struct minivm *vm)
{
	uint32_t op;

	for (op = 0; op <= IOCORE_HC_KICK + 1; op++)
		printf("iocore %u %d\n", op, minivm_hypercall(vm, IOCORE_HC, op, 0x100000, 24));
}

int main(void)
{
	struct minivm vm;
	struct stats stats;

	if (minivm_make(&vm, 0, 0))
		die("a VM");
	stats_open(&stats, vm.vcpu);
	calls(&vm, 0);
	calls(&vm, 3);
	sub_calls(&vm);
	cost(&vm, &stats, "hypercall", minivm_hypercalls, 1, 0);
	cost(&vm, &stats, "unknown_hypercall", minivm_hypercalls, IOCORE_HC + 1, 0);
	cost(&vm, &stats, "iocore_hypercall", minivm_hypercalls, IOCORE_HC, 0);
	cost(&vm, &stats, "cpuid", minivm_cpuids, 0, 0);
	cost(&vm, &stats, "self_ipi", minivm_ipis, 0, 1);
	minivm_end(&vm);
	return 0;
}
