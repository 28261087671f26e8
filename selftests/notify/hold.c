// SPDX-License-Identifier: GPL-2.0-only
/*
 * hold.c - a guest that keeps its CPU from the host, by keeping interrupts off
 */
#define _GNU_SOURCE
#include "hostile.h"

static unsigned int escapes_allowed(void)
{
	unsigned int n = 8;
	FILE *file = fopen(PARAMS "/direct_escapes", "r");

	if (file) {
		if (fscanf(file, "%u", &n) != 1)
			n = 8;
		fclose(file);
	}
	return n;
}

static void expect_revoked(struct vm *vm)
{
	/* Escapes have to come faster than they are forgiven. */
	put_text(PARAMS, "direct_period_ms", "20");
	scenario_check(vcpu_reaches(vm, "escapes", 1, LONG), "an NMI gets its CPU back");
	scenario_check(vcpu_becomes(vm, "inject", LONG), "the host tires of it");
	put_text(PARAMS, "direct_period_ms", "100");
	scenario_check(vcpu_number(vm, "escapes") >= escapes_allowed(),
		       "not before as many escapes as are allowed");
}

static void test_cli(void)
{
	struct vm vm;

	scenario_begin("interrupts off for good");
	vm_begin_direct(&vm, DISK, false);
	vm_start(&vm, g_hold, NULL);
	expect_revoked(&vm);
	scenario_check(reaches(&vm_shared(&vm)->spins, vm_shared(&vm)->spins + 1, LONG),
		       "it may still run");
	scenario_check(vm_stop(&vm), "it ends when it wants to");
	scenario_check(vm_direct(&vm, G_SHADOW, G_SHADOW) == -EPERM, "it is not let in again");
	scenario_still_serves(&vm);
	scenario_end(&vm, REVOKED);
}

static void test_cli_moment(void)
{
	struct vm vm;

	scenario_begin("interrupts off for a moment");
	put_text(PARAMS, "direct_escapes", "1000");
	vm_begin_direct(&vm, DISK, false);
	vm_start(&vm, g_hold, NULL);
	scenario_check(vcpu_reaches(&vm, "escapes", 3, LONG), "an NMI gets its CPU back");
	scenario_check(vm_stop(&vm), "it goes on");
	vm_spin(&vm);
	scenario_serves(&vm, 20, "its notifications come");
	scenario_check(vcpu_says(&vm, "mode", "direct"), "keeps direct notifications");
	vm_stop(&vm);
	scenario_end(&vm, ANY);
	put_text(PARAMS, "direct_escapes", "8");
}

/* HLT leaves the guest, so the host has the CPU anyhow. */
static void test_halt(void)
{
	uint64_t spins;
	struct vm vm;

	scenario_begin("HLT with interrupts off");
	vm_begin_direct(&vm, DISK, false);
	spins = vm_shared(&vm)->spins;
	vm_start(&vm, g_hold_halted, NULL);
	vm_submit(&vm);
	scenario_check(vm_completes(&vm, LONG), "a read completes");
	sleep_ms(200);
	scenario_check(vm_shared(&vm)->spins == spins, "nothing wakes it");
	scenario_check(vm_kicks_out(&vm, LONG), "a signal does");
	scenario_end(&vm, KEPT);
}

static void test_halt_inside(void)
{
	struct vm vm;

	scenario_begin("HLT with interrupts off, not leaving the guest");
	vm_begin_direct(&vm, DISK, true);
	vm_start(&vm, g_hold_halted, NULL);
	expect_revoked(&vm);
	vm_shared(&vm)->stop = 1;
	scenario_check(vm_kicks_out(&vm, LONG), "a signal gets it out");
	scenario_end(&vm, REVOKED);
}

/* A halted guest with interrupts on is no prisoner and no jailer. */
static void test_halt_well(bool inside)
{
	struct vm vm;

	scenario_begin(inside ? "HLT, not leaving the guest" : "HLT");
	vm_begin_direct(&vm, DISK, inside);
	vm_start(&vm, g_halt, NULL);
	scenario_serves(&vm, 50, "each notification wakes it");
	vm_shared(&vm)->stop = 1;
	vm_submit(&vm);
	scenario_check(vm_ends(&vm, LONG), "it ends");
	scenario_end(&vm, KEPT);
}

static void child_holds(int ready)
{
	struct vm vm;

	vm_begin_direct(&vm, DISK, false);
	vm_start(&vm, g_hold, NULL);
	if (!vcpu_reaches(&vm, "direct_entries", 1, LONG) || write(ready, "x", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static bool dies(pid_t pid, unsigned int ms)
{
	uint64_t until = now_ns() + ms * 1000000ULL;

	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, WNOHANG) != pid) {
		if (now_ns() > until)
			return false;
		usleep(1000);
	}
	return true;
}

static bool forgotten(pid_t pid)
{
	char path[64];
	int i;

	for (i = 0; i < LONG / 10; i++) {
		snprintf(path, sizeof(path), SYSFS "/vms/%d-0", pid);
		if (access(path, F_OK))
			return true;
		sleep_ms(10);
	}
	return false;
}

static void test_kill(void)
{
	struct vm vm;
	int ready[2];
	char byte;
	pid_t pid;

	scenario_begin("kill -9 with interrupts off");
	if (pipe(ready))
		tap_bail("pipe");
	pid = fork();
	if (!pid) {
		close(ready[0]);
		child_holds(ready[1]);
	}
	close(ready[1]);
	scenario_check(read(ready[0], &byte, 1) == 1, "it holds its CPU");
	close(ready[0]);
	scenario_check(dies(pid, LONG), "its VMM dies");
	scenario_check(forgotten(pid), "the host forgets the VM");
	log_mark();

	vm_begin_direct(&vm, DISK, false);
	scenario_still_serves(&vm);
	scenario_end(&vm, KEPT);
}

int main(void)
{
	hostile_begin();
	test_cli();
	test_cli_moment();
	test_halt();
	test_halt_inside();
	test_halt_well(false);
	test_halt_well(true);
	test_kill();
	return hostile_end();
}
