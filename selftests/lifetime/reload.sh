#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The module is unloaded and loaded while VMs are in the middle of control calls.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

STORM=$(dirname "$0")/storm
LOG=/tmp/storm.log

# The words of the last line: served N absent N wrong N
count()
{
	tail -n 1 "$LOG" | grep -oE "$1 [0-9]+" | grep -oE '[0-9]+$'
}

in_the_storm()
{
	local storm i=0 end

	"$STORM" 2 1200 > "$LOG" 2>&1 &
	storm=$!
	end=$((SECONDS + $(cycles 8 60)))
	while [ $SECONDS -lt $end ] || [ $i -lt 5 ]; do
		# A VM's call may hold the module for a moment.
		module_down iocore
		insmod /iocore/build/host/iocore.ko
		i=$((i + 1))
	done
	kill $storm
	wait $storm || note "$(head -n 3 "$LOG")"
	note "$i times; $(tail -n 1 "$LOG")"
	expect_eq "wrong answers" "$(count wrong)" 0
	expect_ge "answers of a host with iocore" "$(count served)" 10
	expect_ge "answers of a host without" "$(count absent)" 10
}

nothing_left()
{
	local before

	before=$(pins)
	"$STORM" 2 3 > "$LOG"
	expect_eq "answers of a host without" "$(count absent)" 0
	expect_eq "VMs" "$(vm_names)" ""
	expect_eq "pinned pages" "$(pins)" "$before"
}

# All that is in flight and nobody's disk: the guests' pages go back at the unload.
unpinned_by_unload()
{
	local storm before

	modprobe kvm
	before=$(pins)
	"$STORM" 2 6 > "$LOG" 2>&1 &
	storm=$!
	sleep 2
	module_down iocore
	expect_eq "pinned pages" "$(pins)" "$before"
	wait $storm || note "$(head -n 3 "$LOG")"
	expect_eq "wrong answers" "$(count wrong)" 0
	insmod /iocore/build/host/iocore.ko
}

prepare()
{
	host_clear
	l2-kill > /dev/null 2>&1 || true
	L2=smp l2-kill > /dev/null 2>&1 || true
	wait_for 20 no_vms
}

tap_begin
need_iocore
tap_setup prepare
tap_point "reload: unloaded and loaded under a storm of control calls" in_the_storm
tap_point "reload: VMs that end leave no page pinned" nothing_left
tap_point "reload: an unload gives the guests' pages back" unpinned_by_unload
tap_end
