#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The vCPU moves between CPUs under load. On IOCore's CPU notifications can't be
# direct, which is counted, and back on the other they are again.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"

export VM=halts

prepare()
{
	host_clear
	only $VM
	null_up n0
	core_up io0 0 1000000
	iocorectl disk create d0 --path /dev/n0 --core io0
	vm_up $VM MEM=512M
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	allow
	becomes direct
}

vcpu_thread()
{
	local t

	for t in /proc/"$(vm_pid $VM)"/task/*; do
		[[ $(cat "$t/comm") != CPU* ]] || echo "${t##*/}"
	done
}

move_to()
{
	taskset -pc "$1" "$(vcpu_thread)" > /dev/null
}

beside_iocore()
{
	local refused direct

	trap 'move_to 1' EXIT
	move_to 0
	refused=$(entered physical-CPU)
	direct=$(entered direct)
	verify
	refused=$(($(entered physical-CPU) - refused))
	direct=$(($(entered direct) - direct))
	move_to 1
	note "entries on IOCore's CPU: $refused refused, $direct direct"
	expect_ge "entries refused for the CPU" "$refused" 10
	expect_eq "direct entries" "$direct" 0
	guest_is_fine
}

back()
{
	local before

	before=$(entered direct)
	verify
	expect_ge "direct entries" $(($(entered direct) - before)) 1
	guest_is_fine
}

refused_more_than()
{
	[ "$(entered physical-CPU)" -gt "$1" ]
}

in_a_loop()
{
	local i refused

	refused=$(entered physical-CPU)
	load "$(cycles 5 20)"
	for i in $(seq "$(cycles 20 100)"); do
		move_to $((i % 2))
		sleep 0.1
	done
	move_to 0
	wait_for 5 refused_more_than "$refused"
	move_to 1
	loaded
	note "$(mix)"
	expect_ge "entries refused for the CPU" $(($(entered physical-CPU) - refused)) 1
	watchdog_is_calm
	expect_eq "requests in flight" "$(disk_stat d0 in_flight)" 0
	guest_is_fine
}

# Wherever the scheduler likes.
anywhere()
{
	load 6
	taskset -pc 0,1 "$(vcpu_thread)" > /dev/null
	loaded
	move_to 1
	guest_is_fine
}

tap_begin
need_direct
tap_setup prepare
tap_point "on IOCore's CPU notifications are not direct" beside_iocore
tap_point "back on its own CPU they are" back
tap_point "many moves under load" in_a_loop
tap_long_point "on any CPU" anywhere
tap_end
