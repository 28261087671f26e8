#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Several disk threads of one disk.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

export VM=smp

prepare()
{
	host_clear
	null_up n0
	core_up io0
	iocorectl disk create d --path /dev/n0 --threads 2
	vm_up smp VCPUS=2 MEM=512M
	expect_eq "device" "$(attach_wait d smp)" ioca
}

# The disk threads of the VM, a TID each.
tids()
{
	grep -l "^iocore-0-" /proc/"$(vm_pid smp)"/task/*/comm | sed 's,.*/task/,,; s,/comm,,'
}

# Voluntary context switches so far: a thread that served requests has slept between.
switches()
{
	awk '/^voluntary/ { print $2 }' "/proc/$(vm_pid smp)/task/$1/status"
}

some()
{
	fio_guest ioca --rw=randwrite --bs=4k --size=1m --iodepth=1 --cpus_allowed="$1" \
		--verify=crc32c --do_verify=1 --verify_fatal=1 > /dev/null
}

one_each()
{
	local cpu tid served=""

	expect_eq "disk threads" "$(tids | wc -l)" 2
	for cpu in 0 1; do
		declare -A before=()
		for tid in $(tids); do
			before[$tid]=$(switches "$tid")
		done
		some $cpu
		for tid in $(tids); do
			[ $(($(switches "$tid") - before[$tid])) -lt 100 ] || served+=" $tid"
		done
	done
	expect_eq "threads that served a vCPU each" \
		"$(tr ' ' '\n' <<< "$served" | grep -c .)" 2
	expect_eq "of them different" "$(tr ' ' '\n' <<< "$served" | grep . | sort -u | wc -l)" 2
}

at_once()
{
	fio_guest ioca --rw=randrw --bsrange=512-64k --size=6m --iodepth=16 --numjobs=2 \
		--offset_increment=16m --cpus_allowed=0,1 --cpus_allowed_policy=split \
		--verify=crc32c --do_verify=1 --verify_fatal=1
	expect_eq "errors" "$(disk_stat d errors)" 0
}

only_disabled()
{
	if bash -c "echo 3 > $CFG/disks/d/threads" 2> /dev/null; then
		fail "changed while enabled"
	fi
	iocorectl detach d
	echo 0 > "$CFG/disks/d/enable"
	if bash -c "echo 17 > $CFG/disks/d/threads" 2> /dev/null; then
		fail "seventeen threads"
	fi
	if bash -c "echo 0 > $CFG/disks/d/threads" 2> /dev/null; then
		fail "no thread at all"
	fi
	echo 16 > "$CFG/disks/d/threads"
	echo 1 > "$CFG/disks/d/enable"
	expect_eq "device" "$(attach_wait d smp)" ioca
	expect_eq "disk threads for two queues" "$(tids | wc -l)" 2
	at_once
}

killed()
{
	local vm

	vm=$SYS/vms/$(vm_pid smp)-0
	fio_guest ioca --rw=randrw --bs=4k --size=16m --iodepth=32 --numjobs=2 --time_based \
		--runtime=60 > /dev/null 2>&1 &
	sleep 3
	L2=smp l2-kill
	wait_for 20 test ! -e "$vm"
	expect_eq "in flight" "$(disk_stat d in_flight)" 0
	iocorectl disk delete d
}

tap_begin
need_iocore
tap_setup prepare
tap_point "two threads serve two queues, each its own" one_each
tap_point "both at once verify" at_once
tap_point "the number of threads is set before a disk is enabled" only_disabled
tap_point "all threads end with their VM" killed
tap_end
