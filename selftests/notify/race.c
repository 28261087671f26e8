// SPDX-License-Identifier: GPL-2.0-only
/*
 * race.c - what notifications need is taken down while they are on their way
 */
#define _GNU_SOURCE
#include "hostile.h"

#define LOOPS	50

static struct vm vm;
static bool stop;

/* As fast as they complete; the ring may vanish at any time. */
static void *submit_thread(void *arg)
{
	pin_to(HOST_CPU);
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		vm_submit(&vm);
		vm_completes(&vm, 5);
	}
	return arg;
}

static void *allow_thread(void *arg)
{
	bool on = false;

	pin_to(HOST_CPU);
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		vm_allow(&vm, on);
		on = !on;
		usleep(3000);
	}
	vm_allow(&vm, true);
	return arg;
}

static pthread_t begin(void *(*function)(void *arg))
{
	pthread_t thread;

	stop = false;
	if (pthread_create(&thread, NULL, function, NULL))
		tap_bail("a thread");
	return thread;
}

static void end(pthread_t thread)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
}

static bool runs_a_while(void)
{
	vm_spin(&vm);
	usleep(2000);
	return vm_stop(&vm);
}

static long all_again(void)
{
	long ret = vm_call(&vm, IOCORE_HC_RESET, 0, 0);

	if (!ret)
		ret = vm_identify(&vm);
	if (!ret)
		ret = vm_notify(&vm, G_NOTIFY, G_VECTOR);
	if (!ret)
		ret = vm_queue(&vm);
	if (!ret)
		ret = vm_go_direct(&vm);
	return ret;
}

static long direct_again(void)
{
	return vm_direct(&vm, 0, 0) ?: vm_direct(&vm, G_SHADOW, G_SHADOW);
}

static long notify_again(void)
{
	return vm_notify(&vm, 0, G_VECTOR) ?: vm_notify(&vm, G_NOTIFY, G_VECTOR) ?:
	       vm_direct(&vm, G_SHADOW, G_SHADOW);
}

static long queue_again(void)
{
	return vm_call(&vm, IOCORE_HC_QUEUE_DESTROY, 0, 0) ?: vm_queue(&vm);
}

/* Whatever the race did to the ring, a reset leaves all of it behind. */
static void test_take_down(const char *what, long (*again)(void))
{
	unsigned int i;
	pthread_t thread;
	long ret = 0;

	scenario_begin(what);
	vm_begin_direct(&vm, DISK, false);
	thread = begin(submit_thread);
	for (i = 0; i < LOOPS && !ret; i++) {
		if (!runs_a_while())
			break;
		ret = again();
	}
	end(thread);
	if (ret)
		printf("# loop %u gives %ld\n", i, ret);
	scenario_check(i == LOOPS && !ret, "every time");
	scenario_check(!all_again(), "a reset brings it back");
	scenario_still_serves(&vm);
	scenario_end(&vm, KEPT);
}

/* -EPERM is right while the privilege is away. */
static void test_allow(void)
{
	unsigned int i, allowed = 0;
	pthread_t thread;
	long ret = 0;

	scenario_begin("the privilege comes and goes");
	vm_begin_direct(&vm, DISK, false);
	thread = begin(allow_thread);
	for (i = 0; i < LOOPS; i++) {
		ret = vm_direct(&vm, G_SHADOW, G_SHADOW);
		allowed += !ret;
		if (ret && ret != -EPERM)
			break;
		vm_spin(&vm);
		if (vm_reads(&vm, 3, LONG) != 3 || !vm_stop(&vm))
			break;
	}
	end(thread);
	printf("# allowed %u times, the last answer %ld\n", allowed, ret);
	scenario_check(i == LOOPS, "every notification came");
	scenario_check(!vm_go_direct(&vm), "in the end it is allowed");
	scenario_still_serves(&vm);
	scenario_end(&vm, KEPT);
}

/* The vCPU leaves the CPU for which its interrupts were meant. */
static void test_move(void)
{
	unsigned int i, taken = 0;
	cpu_set_t set;

	scenario_begin("the vCPU moves between CPUs");
	vm_begin_direct(&vm, DISK, false);
	vm_spin(&vm);
	for (i = 0; i < LOOPS; i++) {
		CPU_ZERO(&set);
		CPU_SET(i & 1 ? VM_CPU : HOST_CPU, &set);
		pthread_setaffinity_np(vm.thread, sizeof(set), &set);
		taken += vm_reads(&vm, 3, LONG);
	}
	scenario_check(taken == 3 * LOOPS, "every notification came");
	scenario_check(vm_stop(&vm), "it ends");
	scenario_end(&vm, KEPT);
}

int main(void)
{
	hostile_begin();
	test_take_down("direct notifications ended and begun", direct_again);
	test_take_down("the notification page withdrawn and given", notify_again);
	test_take_down("the queue destroyed and created", queue_again);
	test_take_down("resets", all_again);
	test_allow();
	test_move();
	return hostile_end();
}
