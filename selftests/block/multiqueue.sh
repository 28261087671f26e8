#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest with two vCPUs: a queue for each, used by each; and requests of many
# segments, which go by table.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

export VM=smp

prepare()
{
	host_clear
	null_up n0 max_sectors=2048
	core_up io0
	iocorectl disk create d0 --path /dev/n0 --core io0
	vm_up smp VCPUS=2 MEM=512M
	expect_eq "device" "$(attach_wait d0 smp)" ioca
}

two_queues()
{
	expect_eq "queues" "$(guest 'ls /sys/block/ioca/mq | wc -l')" 2
}

both_work()
{
	local cpu

	for cpu in 0 1; do
		fio_guest ioca --rw=randwrite --bs=4k --size=2m --iodepth=16 --cpus_allowed=$cpu \
			--offset=$((cpu * 16))m --verify=crc32c --do_verify=1 --verify_fatal=1
	done
}

# Both vCPUs got interrupts of their own.
both_notified()
{
	guest 'grep -i iocore /proc/interrupts' | tee /dev/stderr | awk '
		{ for (i = 2; i <= 3; i++) n[i] += $i }
		END { exit !(n[2] > 0 && n[3] > 0) }'
}

at_once()
{
	fio_guest ioca --rw=randwrite --bsrange=512-64k --size=6m --iodepth=16 --numjobs=2 \
		--offset_increment=16m --cpus_allowed=0,1 --cpus_allowed_policy=split \
		--verify=crc32c --do_verify=1 --verify_fatal=1
	expect_eq "bad completions" "$(guest cat /sys/block/ioca/iocore/bad_completions)" 0
}

# 1 MiB of separate pages is a request of up to 256 segments.
large_requests()
{
	local w0 b0 writes bytes

	w0=$(disk_stat d0 writes)
	b0=$(disk_stat d0 write_bytes)
	fio_guest ioca --rw=write --bs=1m --size=32m --iodepth=4 --verify=crc32c --do_verify=1 \
		--verify_fatal=1
	writes=$(($(disk_stat d0 writes) - w0))
	bytes=$(($(disk_stat d0 write_bytes) - b0))
	expect_ge "bytes" $bytes $((32 << 20))
	expect_ge "mean request" $((bytes / writes)) $((256 << 10))
}

tap_begin
need_iocore
tap_setup prepare
tap_point "a hardware queue for each vCPU" two_queues
tap_point "each vCPU's queue verifies" both_work
tap_point "each vCPU is notified" both_notified
tap_point "both at once verify" at_once
tap_point "large requests by segment table verify" large_requests
tap_end
