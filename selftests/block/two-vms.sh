#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# One IOCore serves several VMs and disks at once.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

prepare()
{
	host_clear
	null_up n0
	null_up n1
	null_up n2 size=16
	core_up io0
	iocorectl disk create d0 --path /dev/n0 --core io0
	iocorectl disk create d1 --path /dev/n1 --core io0
	dd if=/dev/urandom of=/dev/n2 bs=1M count=16 oflag=direct status=none
	iocorectl disk create shared --path /dev/n2 --core io0 --readonly
	vm_up
	vm_up smp VCPUS=2 MEM=512M
	expect_eq "device" "$(attach_wait d0)" ioca
	expect_eq "device" "$(attach_wait d1 smp)" ioca
}

verify_in()
{
	VM=$1 fio_guest ioca --rw=randwrite --bsrange=512-64k --size=8m --iodepth=8 \
		--verify=crc32c --do_verify=1 --verify_fatal=1
}

at_once()
{
	local other

	verify_in smp > /tmp/other.log 2>&1 &
	other=$!
	verify_in l2
	wait $other || fail "the other VM: $(cat /tmp/other.log)"
}

# Neither has seen the other's data.
kept_apart()
{
	[ "$(md5sum < /dev/n0)" != "$(md5sum < /dev/n1)" ]
	expect_ge "bytes of d0" "$(disk_stat d0 write_bytes)" $((8 << 20))
	expect_ge "bytes of d1" "$(disk_stat d1 write_bytes)" $((8 << 20))
}

shared_readonly()
{
	local sum vm

	sum=$(md5sum < /dev/n2)
	for vm in l2 smp; do
		expect_eq "device" "$(attach_wait shared $vm)" iocb
		expect_eq "md5 in $vm" "$(VM=$vm guest 'md5sum < /dev/iocb')" "$sum"
	done
}

# Where a disk has two bindings, detach wants to know which.
which_one()
{
	expect_refusal 1 'several|--vm' iocorectl detach shared
	iocorectl detach --vm "$(vm_pid smp)" shared
	VM=smp wait_for 15 guest_lacks iocb
	guest_has iocb
	iocorectl detach shared
}

one_leaves()
{
	verify_in l2 > /tmp/other.log 2>&1 &
	iocorectl detach d1
	VM=smp wait_for 15 guest_lacks ioca
	wait $! || fail "$(cat /tmp/other.log)"
}

tap_begin
need_iocore
tap_setup prepare
tap_point "two VMs verify at once" at_once
tap_point "their data stays apart" kept_apart
tap_point "a read-only disk in both" shared_readonly
tap_point "detach names one of two bindings" which_one
tap_point "a disk leaves one VM while the other works" one_leaves
tap_end
