#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# kill -9 of the VMM in the middle of I/O, again and again. Afterwards nothing is
# left: no thread, no page, no reference; all modules unload.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

prepare()
{
	local g

	host_clear
	for g in /run/l2/*/; do
		[ ! -d "$g" ] || L2=$(basename "$g") l2-kill
	done
	file_up kill.img 64
	null_up n0
	null_up n1 irqmode=2 completion_nsec=50000000
	core_up io0
	iocorectl disk create fast --path /dev/n0
	iocorectl disk create slow --path /dev/n1
	iocorectl disk create nvme --path /dev/nvme0n1p1
	iocorectl disk create file --path /run/files/kill.img
	wait_for 10 unpinned
}

# All four disks at once.
load()
{
	guest 'setsid fio --rw=randrw --bsrange=512-256k --size=48m --ioengine=libaio --direct=1 \
		--iodepth=32 --time_based --runtime=60 --thread \
		--name=a --filename=/dev/ioca --name=b --filename=/dev/iocb \
		--name=c --filename=/dev/iocc --name=d --filename=/dev/iocd \
		> /dev/null 2>&1 < /dev/null &'
}

test_more()
{
	[ "$(disk_stat slow reads)" -gt $(($1 + 16)) ]
}

in_the_middle()
{
	[ $(($(disk_stat slow in_flight) + $(disk_stat fast in_flight))) -ge 1 ]
}

unpinned()
{
	[ "$(pins)" -eq 0 ]
}

settled()
{
	[ -z "$(vm_names)" ] && [ -z "$(iocore_threads | grep -v '^iocore/io0$')" ]
}

kill_once()
{
	local d before

	vm_up
	for d in fast slow nvme file; do
		attach $d > /dev/null
	done
	for d in ioca iocb iocc iocd; do
		wait_for 15 guest_has $d
	done
	before=$(disk_stat slow reads)
	load
	wait_for 30 test_more "$before"
	sleep 0.$((RANDOM % 10))
	wait_for 10 in_the_middle
	l2-kill
	wait_for 20 settled
	for d in fast slow nvme file; do
		expect_eq "in flight on $d" "$(disk_stat $d in_flight)" 0
	done
	expect_eq "pages pinned" "$(pins)" 0
}

still_serves()
{
	vm_up
	expect_eq "device" "$(attach_wait nvme)" ioca
	fio_guest ioca --rw=randwrite --bsrange=512-64k --size=4m --iodepth=8 \
		--verify=crc32c --do_verify=1 --verify_fatal=1
	l2-stop
}

unload()
{
	host_clear
	expect_eq "threads" "$(iocore_threads)" ""
	expect_eq "pages pinned" "$(pins)" 0
	module_down iocore
	[ ! -d /sys/module/kvm_amd ] || module_down kvm_amd
	[ ! -d /sys/module/kvm_intel ] || module_down kvm_intel
	module_down kvm
}

load_again()
{
	modules_up
	[ -e /dev/iocore ]
}

tap_begin
need_iocore
tap_setup prepare
for n in $(seq "$(cycles 2 20)"); do
	tap_point "kill -9 in the middle of I/O, time $n" kill_once
done
tap_point "the host serves a new guest" still_serves
tap_point "iocore, and then kvm, unload" unload
tap_point "and load again" load_again
tap_end
