#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest with two vCPUs, and two guests at once: on one CPU, which they share,
# or one of them beside IOCore, where there are no direct notifications.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"

export VM=smp

prepare()
{
	host_clear
	only smp halts
	null_up n0
	null_up n1
	core_up io0 0 1000000
	iocorectl disk create d0 --path /dev/n0 --core io0
	iocorectl disk create d1 --path /dev/n1 --core io0
	vm_up smp VCPUS=2 MEM=512M
	vm_up halts MEM=512M
	expect_eq "device" "$(attach_wait d0 smp)" ioca
	expect_eq "device" "$(attach_wait d1 halts)" ioca
}

both_vcpus()
{
	allow smp
	becomes direct 0 smp
	becomes direct 1 smp
	expect_eq "the guest's word" "$(guest cat /sys/block/ioca/iocore/notifier)" \
		$'cpu 0 direct\ncpu 1 direct'
}

# Each vCPU's own counters grow.
each_hears()
{
	local cpu before after

	for cpu in 0 1; do
		before=$(($(vcpu sent $cpu) + $(vcpu repended $cpu) + $(vcpu injected $cpu)))
		verify ioca --cpus_allowed=$cpu --size=2m
		after=$(($(vcpu sent $cpu) + $(vcpu repended $cpu) + $(vcpu injected $cpu)))
		expect_ge "notifications of vCPU $cpu" $((after - before)) 10
	done
	note "$(mix)"
}

at_once()
{
	verify ioca --size=3m --numjobs=2 --offset_increment=16m --cpus_allowed=0,1 \
		--cpus_allowed_policy=split
	guest_is_fine
}

# One CPU for both guests: four vCPU threads take turns.
two_guests()
{
	local n

	allow halts
	becomes direct 0 halts
	VM=halts load 8
	VM=smp verify
	VM=smp at_once
	VM=halts loaded
	for n in smp halts; do
		VM=$n guest_is_fine
		expect_ge "direct or re-pended notifications of $n" \
			$(($(vm_stat notifications_direct $n) + $(vm_stat notifications_repended $n))) 1
		watchdog_is_calm $n
		note "$n: $(mix $n)"
	done
}

# vcpu_threads NAME CPU
vcpu_threads()
{
	local t

	for t in /proc/"$(vm_pid "$1")"/task/*; do
		[[ $(cat "$t/comm") != CPU* ]] || taskset -pc "$2" "${t##*/}" > /dev/null
	done
}

# Each guest has a CPU, but only one of them may have direct notifications.
two_cpus()
{
	local before

	vcpu_threads halts 0
	before=$(entered physical-CPU halts)
	VM=halts load 6
	VM=smp verify
	VM=halts loaded
	vcpu_threads halts 1
	note "entries on IOCore's CPU: $(($(entered physical-CPU halts) - before))"
	expect_ge "entries on IOCore's CPU" $(($(entered physical-CPU halts) - before)) 1
	watchdog_is_calm halts
}

# The other guest stays as it is when one ends.
one_ends()
{
	VM=halts load 8
	L2=smp l2-kill
	VM=halts loaded
	VM=halts guest_is_fine
	becomes direct 0 halts
}

tap_begin
need_direct
tap_setup prepare
tap_point "two vCPUs are direct" both_vcpus
tap_point "each vCPU is notified" each_hears
tap_point "both vCPUs at once verify" at_once
tap_point "two guests share a CPU" two_guests
tap_point "two guests on two CPUs, one of them IOCore's" two_cpus
tap_point "a guest ends in the middle of the other's I/O" one_ends
tap_end
