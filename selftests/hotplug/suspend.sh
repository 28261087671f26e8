#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The host is suspended while a guest does I/O: tasks and devices stand still, CPU
# 1 goes and comes. That is all of a suspend but the firmware's part: pm_test.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"
. "$(dirname "$0")/../lib/load.sh"

export VM=awake
POWER=/sys/power

cleanup()
{
	echo none > $POWER/pm_test
	echo 1 > /sys/devices/system/cpu/cpu1/online
	host_clear
}

need_suspend()
{
	grep -qw mem $POWER/state 2> /dev/null || tap_skip_all "the host's kernel has no suspend"
	grep -qw deep $POWER/mem_sleep || tap_skip_all "the host's machine has no suspend to RAM"
	grep -qw processors $POWER/pm_test 2> /dev/null ||
		tap_skip_all "the host's kernel has no CONFIG_PM_SLEEP_DEBUG"
}

# pin CPU: the vCPU's thread
pin()
{
	local t

	for t in /proc/"$(vm_pid $VM)"/task/*; do
		[[ $(cat "$t/comm") != CPU* ]] || taskset -pc "$1" "${t##*/}" > /dev/null
	done
}

prepare()
{
	host_clear
	only
	null_up n0 irqmode=2 completion_nsec=2000000
	core_up io1 1
	iocorectl disk create d0 --path /dev/n0 --core io1
	vm_up $VM MEM=512M
	pin 0
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	echo 1 > /sys/module/suspend/parameters/pm_test_delay
	echo deep > $POWER/mem_sleep
	echo processors > $POWER/pm_test
}

times_cpu1_went()
{
	dmesg | grep -c 'CPU 1 is now offline' || true
}

# Writes to /sys/power/state fail if any task, device or CPU refuses.
suspend()
{
	local before

	before=$(times_cpu1_went)
	echo mem > $POWER/state || fail "no suspend: $(dmesg | tail -n 5)"
	expect_eq "CPUs online" "$(cat /sys/devices/system/cpu/online)" 0-1
	expect_eq "times CPU 1 went" $(($(times_cpu1_went) - before)) 1
}

core_task()
{
	pgrep -x "iocore/$1"
}

more_writes()
{
	[ "$(disk_stat d0 writes)" -gt "$1" ]
}

load_goes_on()
{
	local before

	before=$(disk_stat d0 writes)
	wait_for 30 more_writes $((before + 100))
	load_ended
	guest_is_fine
	expect_eq "state" "$(guest cat /sys/block/ioca/iocore/state)" live
}

# The scheduler took IOCore elsewhere when its CPU went.
iocores_cpu()
{
	load_until_told
	suspend
	suspend
	load_goes_on
	expect_eq "IOCore's CPUs" "$(taskset -pc "$(core_task io1)" | sed 's/.*: //')" 1
	expect_eq "IOCore's CPU" "$(ps -o psr= -p "$(core_task io1)" | tr -d ' ')" 1
}

core_sleeps()
{
	[ "$(ps -o state= -p "$(core_task "$1")")" = S ]
}

iocore_sleeps()
{
	wait_for 10 core_sleeps io1
	suspend
	verify
	load_until_told
	load_goes_on
}

# The vCPU's CPU goes, and the direct vectors with it.
direct_vcpu()
{
	local before

	grep -qw svm /proc/cpuinfo && grep -qw kvm_direct_raise /proc/kallsyms ||
		skip "no direct notifications here"
	patience
	iocorectl detach d0
	core_up io0 0 1000000
	iocorectl disk set d0 --core io0
	iocorectl core del io1
	pin 1
	wait_for 15 guest_lacks ioca
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	allow
	becomes direct
	load_until_told
	suspend
	load_goes_on
	becomes direct
	before=$(($(entered direct)))
	verify
	expect_ge "direct entries afterwards" $(($(entered direct) - before)) 1
	watchdog_is_calm
}

tap_begin
need_long
need_iocore
need_suspend
tap_setup prepare
tap_point "host suspend: the CPU of IOCore goes and comes under load, and it is there again" iocores_cpu
tap_point "host suspend: an IOCore that sleeps is woken as before" iocore_sleeps
tap_point "host suspend: direct notifications go on, the vCPU's CPU went and came" direct_vcpu
tap_end
