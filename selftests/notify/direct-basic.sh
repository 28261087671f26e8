#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest that may: its notifications come without an exit. The privilege goes
# and comes back while it runs, and nobody notices but the counters.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"

export VM=direct

prepare()
{
	host_clear
	only $VM
	null_up n0
	core_up io0 0 1000000
	iocorectl disk create d0 --path /dev/n0 --core io0
	fresh $VM CPU_PM=on MEM=512M
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
}

not_yet()
{
	vcpu_is inject
	expect_eq "reason" "$(vcpu reason)" "not allowed"
	expect_eq "privilege" "$(vm_stat direct_allowed $VM)" 0
	verify
	expect_eq "direct notifications" "$(vm_stat notifications_direct $VM)" 0
	expect_ge "injected notifications" "$(vm_stat notifications_injected $VM)" 1
}

allowed()
{
	allow
	becomes direct
	expect_eq "privilege" "$(vm_stat direct_allowed $VM)" 1
	expect_eq "the guest's word" "$(guest cat /sys/block/ioca/iocore/notifier)" "cpu 0 direct"
}

is_used()
{
	local direct repended injected

	direct=$(vm_stat notifications_direct $VM)
	repended=$(vm_stat notifications_repended $VM)
	injected=$(vm_stat notifications_injected $VM)
	verify
	fio_guest ioca --rw=randread --bs=4k --size=4m --iodepth=1 --number_ios=400
	direct=$(($(vm_stat notifications_direct $VM) - direct))
	repended=$(($(vm_stat notifications_repended $VM) - repended))
	injected=$(($(vm_stat notifications_injected $VM) - injected))
	note "direct $direct, re-pended $repended, injected $injected"
	expect_ge "direct notifications" $direct 1
	expect_ge "direct or re-pended ones" $((direct + repended)) 100
	expect_le "injected notifications" $injected $(((direct + repended) / 4))
	guest_is_fine
}

# The guest counts them as interrupts of its own.
guest_counts()
{
	local before after

	before=$(guest 'grep iocore /proc/interrupts' | awk '{ n += $2 } END { print n }')
	fio_guest ioca --rw=randread --bs=4k --size=4m --iodepth=1
	after=$(guest 'grep iocore /proc/interrupts' | awk '{ n += $2 } END { print n }')
	expect_ge "interrupts of 1024 reads" $((after - before)) 900
}

# kicks_of N: exits for interrupts of the host that N reads cost, one at a time,
# but the timer's, which are the more the longer it takes
kicks_of()
{
	local before

	before=$(($(kvm_stat irq_exits) - $(timer_interrupts)))
	fio_guest ioca --rw=randread --bs=4k --size=32m --norandommap --number_ios="$1" \
		--iodepth=1 > /dev/null
	echo $(($(kvm_stat irq_exits) - $(timer_interrupts) - before))
}

# Of the host, on the guest's CPU.
timer_interrupts()
{
	awk '$1 == "LOC:" { print $3 }' /proc/interrupts
}

# Of one binary, with and without, by turns.
exits_are_saved()
{
	local direct=0 injected=0 n=1000

	for _ in 1 2 3; do
		becomes direct
		direct=$((direct + $(kicks_of $n)))
		deny
		becomes inject
		injected=$((injected + $(kicks_of $n)))
		allow
	done
	note "kicks of $((3 * n)) reads: direct $direct, injected $injected"
	expect_ge "exits that $((3 * n)) direct reads save" $((injected - direct)) $((n * 3 / 4))
}

back_and_forth()
{
	load 8
	for _ in 1 2 3 4 5; do
		deny
		vcpu_is inject
		expect_eq "reason" "$(vcpu reason)" "not allowed"
		sleep 0.3
		allow
		becomes direct
		sleep 0.3
	done
	loaded
	guest_is_fine
	expect_eq "requests in flight" "$(disk_stat d0 in_flight)" 0
}

no_nonsense()
{
	watchdog_is_calm
	expect_eq "bad rings" "$(vm_stat bad_ring $VM)" 0
	note "$(mix)"
	note "$(vm_stat direct_reasons $VM)"
}

host_log()
{
	! dmesg | grep -E "VM of process $(vm_pid $VM):.*(lost|cannot have) direct mode"
}

tap_begin
need_direct
tap_setup prepare
tap_point "without the privilege notifications are injected" not_yet
tap_point "allowed, the guest sets direct notifications up" allowed
tap_point "data verify, most notifications are direct" is_used
tap_point "the guest's /proc/interrupts counts them" guest_counts
tap_point "direct notifications save exits" exits_are_saved
tap_point "the privilege goes and comes five times under load" back_and_forth
tap_point "no revocation, no broken ring" no_nonsense
tap_point "nothing in the host's log" host_log
tap_end
