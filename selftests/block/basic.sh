#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A disk comes into a running guest, is what it says it is, and goes again.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

# Segments of a request that the protocol has room for.
SEGMENTS=256

prepare()
{
	host_clear
	nvme_up
	null_up n0 size=64
	null_up n1 size=32 blocksize=4096
	core_up io0
	iocorectl disk create d0 --path /dev/n0 --core io0 --serial NULL-0001
	iocorectl disk create d1 --path /dev/nvme0n1p1 --core io0
	iocorectl disk create ro --path /dev/n1 --core io0 --readonly
	vm_up
}

attach_while_running()
{
	guest_lacks ioca
	expect_eq "device" "$(attach d0)" ioca
	wait_for 15 guest_has ioca
}

capacity()
{
	expect_eq "bytes" "$(guest blockdev --getsize64 /dev/ioca)" $((64 << 20))
	expect_eq "sectors on the host" "$(disk_stat d0 capacity)" $((64 << 11))
}

serial()
{
	expect_eq "serial" "$(guest cat /sys/block/ioca/serial)" NULL-0001
}

limits()
{
	local q=/sys/block/ioca/queue segs

	segs=$(cat /sys/block/n0/queue/max_segments)
	expect_le "segments of the device" "$segs" $((SEGMENTS - 1))
	expect_eq "logical block" "$(guest cat $q/logical_block_size)" 512
	expect_le "largest request, KiB" "$(guest cat $q/max_sectors_kb)" 1024
	expect_eq "segments" "$(guest cat $q/max_segments)" "$segs"
	guest "grep -F '[none]' $q/scheduler"
}

# What one side writes the other reads, at an odd place and to the byte.
guest_to_host()
{
	local sum

	sum=$(guest 'dd if=/dev/urandom of=/tmp/x bs=1k count=5125 2>/dev/null
		dd if=/tmp/x of=/dev/ioca bs=1k seek=777 conv=fsync 2>/dev/null
		md5sum < /tmp/x')
	expect_eq "md5" "$(dd if=/dev/n0 bs=1k skip=777 count=5125 status=none | md5sum)" "$sum"
	expect_ge "writes counted" "$(disk_stat d0 write_bytes)" $((5125 * 1024))
}

host_to_guest()
{
	local sum

	dd if=/dev/urandom of=/tmp/y bs=1M count=4 status=none
	sum=$(md5sum < /tmp/y)
	dd if=/tmp/y of=/dev/n0 bs=1M seek=20 oflag=direct status=none
	expect_eq "md5" "$(guest 'echo 3 > /proc/sys/vm/drop_caches
		dd if=/dev/ioca bs=1M skip=20 count=4 2>/dev/null | md5sum')" "$sum"
	expect_ge "reads counted" "$(disk_stat d0 read_bytes)" $((4 << 20))
}

second_disk_flush()
{
	local before after

	expect_eq "device" "$(attach_wait d1)" iocb
	before=$(disk_stat d1 flushes)
	fio_guest iocb --rw=write --bs=4k --size=256k --fsync=8 > /dev/null
	after=$(disk_stat d1 flushes)
	expect_ge "flushes" $((after - before)) 4
	expect_eq "errors" "$(disk_stat d1 errors)" 0
}

readonly_refuses()
{
	local sum

	sum=$(md5sum < /dev/n1)
	expect_eq "device" "$(attach_wait ro)" iocc
	expect_eq "ro" "$(guest cat /sys/block/iocc/ro)" 1
	expect_eq "logical block" "$(guest cat /sys/block/iocc/queue/logical_block_size)" 4096
	if guest 'dd if=/dev/urandom of=/dev/iocc bs=4k count=8 conv=fsync'; then
		fail "a read-only disk was written to"
	fi
	guest 'dd if=/dev/iocc of=/dev/null bs=4k count=8'
	expect_eq "md5 on the host" "$(md5sum < /dev/n1)" "$sum"
	expect_eq "writes" "$(disk_stat ro writes)" 0
}

beyond_the_end()
{
	if guest 'dd if=/dev/ioca of=/dev/null bs=512 skip=131072 count=1 2>&1 | grep "0+0 records in"'; then
		guest 'dd if=/dev/ioca of=/dev/null bs=512 skip=131071 count=1'
	else
		fail "a read beyond the end gave data"
	fi
}

detach_while_running()
{
	iocorectl detach d0
	wait_for 15 guest_lacks ioca
	guest_has iocb
	expect_refusal 1 "not attached" iocorectl detach d0
}

attach_again()
{
	local sum

	sum=$(dd if=/dev/n0 bs=1M skip=20 count=4 status=none | md5sum)
	iocorectl attach --vm "$(vm_pid)" --slot 5 d0
	wait_for 15 guest_has iocf
	expect_eq "md5" "$(guest 'dd if=/dev/iocf bs=1M skip=20 count=4 2>/dev/null | md5sum')" "$sum"
	expect_refusal 1 busy\|taken\|already iocorectl attach --vm "$(vm_pid)" --slot 5 d0
}

listing()
{
	local pid

	pid=$(vm_pid)
	expect_eq "slot of d0" "$(cat "$SYS/vms/$pid-0/disks/d0")" 5
	iocorectl disk list | grep -w d0
	iocorectl -o json disk list 2>/dev/null | grep -q '"d0"' ||
		iocorectl disk list -o json | grep -q '"d0"'
	iocorectl stat
}

detach_all()
{
	iocorectl detach d0
	iocorectl detach d1
	iocorectl detach ro
	wait_for 15 guest '! ls /sys/block | grep -q ^ioc'
	expect_eq "in flight" "$(disk_stat d0 in_flight)" 0
}

tap_begin
need_iocore
tap_setup prepare
tap_point "a disk appears in a running guest as /dev/ioca" attach_while_running
tap_point "capacity" capacity
tap_point "serial number" serial
tap_point "queue limits" limits
tap_point "what the guest writes is on the host's device" guest_to_host
tap_point "what the host wrote the guest reads" host_to_guest
tap_point "reads end where the disk ends" beyond_the_end
tap_point "a second disk, and flushes that reach the backend" second_disk_flush
tap_point "a read-only disk refuses writes" readonly_refuses
tap_point "a disk goes while the guest runs, the other stays" detach_while_running
tap_point "it comes again, in the slot that was asked for" attach_again
tap_point "listings name it" listing
tap_point "all disks go" detach_all
tap_end
