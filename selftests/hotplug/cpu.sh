#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# CPUs go and come under load: the host's, on which the vCPU runs, and the
# guest's own. IOCore's CPU stays.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"

export VM=smp
CPU1=/sys/devices/system/cpu/cpu1/online

cleanup()
{
	echo 1 > $CPU1
	host_clear
}

prepare()
{
	host_clear
	only
	null_up n0
	core_up io0 0 1000000
	iocorectl disk create d0 --path /dev/n0 --core io0
	vm_up $VM VCPUS=2 MEM=512M
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	allow
	becomes direct 0
	becomes direct 1
}

# The vCPUs have no other CPU: the scheduler takes them where it may.
pin_back()
{
	local t

	for t in /proc/"$(vm_pid $VM)"/task/*; do
		[[ $(cat "$t/comm") != CPU* ]] || taskset -pc 1 "${t##*/}" > /dev/null
	done
}

host_cpu()
{
	local before

	load 10
	for _ in 1 2 3; do
		echo 0 > $CPU1 || fail "CPU 1 does not go: $(dmesg | tail -n 3)"
		sleep 1
		echo 1 > $CPU1
		pin_back
		sleep 1
	done
	loaded
	guest_is_fine
	before=$(($(entered direct)))
	verify
	expect_ge "direct entries afterwards" $(($(entered direct) - before)) 1
}

iocores_cpu()
{
	core_up io1 1
	! echo 0 > $CPU1 || { echo 1 > $CPU1; fail "IOCore's CPU went away"; }
	verify
	iocorectl core del io1
	echo 0 > $CPU1
	echo 1 > $CPU1
	pin_back
	verify
}

guest_cpu()
{
	load 10
	for _ in 1 2 3; do
		guest 'echo 0 > /sys/devices/system/cpu/cpu1/online'
		sleep 0.5
		guest 'echo 1 > /sys/devices/system/cpu/cpu1/online'
		sleep 0.5
	done
	loaded
	guest_is_fine
	becomes direct 0
	becomes direct 1
	verify ioca --cpus_allowed=1
}

# What an offline CPU had is given back.
guest_cpu_stays_away()
{
	guest 'echo 0 > /sys/devices/system/cpu/cpu1/online'
	verify
	note "$(vm_stat vcpus $VM)"
	expect_eq "vCPU 1" "$(vcpu mode 1)" ""
	guest 'echo 1 > /sys/devices/system/cpu/cpu1/online'
	becomes direct 1
	verify ioca --cpus_allowed=1
}

tap_begin
need_direct
tap_setup prepare
tap_point "the host's CPU goes and comes three times under load" host_cpu
tap_point "IOCore's CPU can't go" iocores_cpu
tap_point "the guest's CPU goes and comes three times under load" guest_cpu
tap_point "the guest's CPU that is away has no direct notifications" guest_cpu_stays_away
tap_end
