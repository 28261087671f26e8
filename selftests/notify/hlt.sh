#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# HLT leaves the guest: a notification finds the vCPU asleep in the host, wakes
# it and is injected. What is correct, and counted.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"

export VM=halts

prepare()
{
	host_clear
	only $VM
	null_up n0
	# Slow enough that guest and host have both stopped polling by then.
	null_up n1 irqmode=2 completion_nsec=20000000
	core_up io0 0 1000000
	iocorectl disk create d0 --path /dev/n0 --core io0
	iocorectl disk create d1 --path /dev/n1 --core io0
	vm_up $VM CPU_PM=off MEM=512M
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	expect_eq "slow device" "$(attach_wait d1 $VM)" iocb
	allow
	becomes direct
}

others()
{
	echo $(($(vm_stat notifications_repended $VM) + $(vm_stat notifications_injected $VM)))
}

# One at a time the vCPU sleeps at each completion.
asleep()
{
	local before after not_direct

	before=$(delivered)
	not_direct=$(others)
	verify iocb --iodepth=1 --bs=4k --bsrange=4k-4k --size=512k
	after=$(delivered)
	not_direct=$(($(others) - not_direct))
	note "$(mix)"
	expect_ge "notifications" $((after - before)) 200
	expect_ge "of them, no direct ones" $not_direct $(((after - before) / 2))
	guest_is_fine
}

vcpu_counts_them()
{
	expect_ge "the vCPU's own count" $(($(vcpu repended) + $(vcpu injected))) 100
	note "$(vm_stat direct_reasons $VM)"
}

# A guest that computes does not halt, and then they are direct.
awake()
{
	local before direct

	trap 'guest touch /tmp/rest' EXIT
	guest 'rm -f /tmp/rest; setsid sh -c "while [ ! -e /tmp/rest ]; do :; done" < /dev/null > /dev/null 2>&1 &'
	before=$(vm_stat notifications_direct $VM)
	verify ioca --iodepth=1 --bs=4k --bsrange=4k-4k --size=2m
	guest touch /tmp/rest
	direct=$(($(vm_stat notifications_direct $VM) - before))
	note "$direct direct ones while the guest computes"
	expect_ge "direct notifications" $direct 100
}

deep()
{
	verify ioca --iodepth=32 --numjobs=2 --offset_increment=16m
	guest_is_fine
}

# Asleep means that the guest holds no CPU: the watchdog has nothing to do.
no_escapes()
{
	local before

	before=$(vcpu probes)
	sleep 2
	note "$(($(vcpu probes) - before)) probes of an idle guest in two seconds"
	watchdog_is_calm
}

tap_begin
need_direct
tap_setup prepare
tap_point "a guest that sleeps at each completion is woken, and verifies" asleep
tap_point "the fallback is counted" vcpu_counts_them
tap_point "a guest that computes gets direct ones" awake
tap_point "many requests of two jobs verify" deep
tap_point "a guest that sleeps needs no escape" no_escapes
tap_end
