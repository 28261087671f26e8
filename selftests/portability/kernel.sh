# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# kernel.sh - what the guest driver must do under a kernel other than the lab's
#
# A test names the Debian suite in SUITE and sources this. The lab has its kernel,
# and the driver built for it, at hand: tools/lab/run --kernel SUITE.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"

export VM=$SUITE
export L2_KERNEL=$SUITE
RELEASE=$(kernel_release 2>/dev/null)
QUEUE=/sys/block/ioca/queue
IOC=/sys/block/ioca/iocore

prepare()
{
	host_clear
	[ -n "$RELEASE" ] || fail "the lab was not started with --kernel $SUITE"
	only "$VM"
	null_up n0 size=64 discard=1 cache_size=80
	core_up io0 0 100000
	iocorectl disk create d0 --path /dev/n0 --core io0 --serial PORT-0001
	vm_up "$VM" VCPUS=2 MEM=512M
	expect_eq "device" "$(attach_wait d0 "$VM")" ioca
}

negotiated()
{
	expect_eq "release" "$(guest uname -r)" "$RELEASE"
	expect_eq "serial" "$(guest cat /sys/block/ioca/serial)" PORT-0001
	expect_eq "bytes" "$(guest blockdev --getsize64 /dev/ioca)" $((64 << 20))
}

limits()
{
	expect_eq "logical block" "$(guest cat $QUEUE/logical_block_size)" 512
	expect_eq "rotational" "$(guest cat $QUEUE/rotational)" 0
	expect_le "largest request, KiB" "$(guest cat $QUEUE/max_hw_sectors_kb)" 1024
	expect_ge "largest request, KiB" "$(guest cat $QUEUE/max_hw_sectors_kb)" 64
	expect_le "segments" "$(guest cat $QUEUE/max_segments)" 256
	expect_ge "segments" "$(guest cat $QUEUE/max_segments)" 16
	guest "grep -F '[none]' $QUEUE/scheduler"
}

each_queue()
{
	local cpu

	expect_eq "queues" "$(guest 'ls /sys/block/ioca/mq | wc -l')" 2
	for cpu in 0 1; do
		verify ioca --size=2m --offset=$((cpu * 16))m --cpus_allowed=$cpu
	done
	guest 'grep iocore- /proc/interrupts' | awk '
		{ for (i = 2; i <= 3; i++) n[i] += $i }
		END { exit !(n[2] > 0 && n[3] > 0) }'
	expect_ge "injected notifications" "$(vm_stat notifications_injected "$VM")" 1
	guest_is_fine
}

# Many at once: lists of requests, for one tail store each, and for both queues.
batches()
{
	fio_guest ioca --rw=randwrite --bsrange=512-64k --size=4m --iodepth=32 \
		--iodepth_batch_submit=16 --iodepth_batch_complete_max=16 --numjobs=2 \
		--offset_increment=16m --cpus_allowed=0,1 --cpus_allowed_policy=split \
		--verify=crc32c --do_verify=1 --verify_fatal=1
	guest_is_fine
}

flushes()
{
	local before

	expect_eq "write cache" "$(guest cat $QUEUE/write_cache)" "write back"
	before=$(disk_stat d0 flushes)
	fio_guest ioca --ioengine=psync --rw=write --bs=4k --size=128k --fsync=4
	expect_ge "flushes" $(($(disk_stat d0 flushes) - before)) 7
}

cache_type()
{
	local before

	guest "echo write through > $IOC/cache_type"
	expect_eq "cache type" "$(guest cat $IOC/cache_type)" "write through"
	before=$(disk_stat d0 flushes)
	fio_guest ioca --ioengine=psync --rw=write --bs=4k --size=128k --fsync=4
	expect_eq "flushes in write through" "$(disk_stat d0 flushes)" "$before"
	guest "echo write back > $IOC/cache_type"
	flushes
}

discards()
{
	expect_ge "discard granularity" "$(guest cat $QUEUE/discard_granularity)" 512
	expect_ge "discard limit" "$(guest cat $QUEUE/discard_max_bytes)" 4096
	guest 'dd if=/dev/urandom of=/dev/ioca bs=64k count=4 oflag=direct 2>/dev/null
		blkdiscard -o 65536 -l 131072 /dev/ioca'
	expect_eq "discarded" "$(dd if=/dev/n0 bs=64k skip=1 count=2 iflag=direct status=none |
		tr -d '\0' | wc -c)" 0
	expect_ge "beside it" "$(dd if=/dev/n0 bs=64k count=1 iflag=direct status=none |
		tr -d '\0' | wc -c)" 60000
}

filesystem()
{
	guest 'set -e
		mkfs.ext4 -q -F /dev/ioca 32M
		mkdir -p /mnt/t
		mount -t ext4 /dev/ioca /mnt/t
		dd if=/dev/urandom of=/mnt/t/x bs=64k count=64 2>/dev/null
		md5sum < /mnt/t/x > /tmp/sum
		umount /mnt/t
		e2fsck -fn /dev/ioca
		mount -t ext4 /dev/ioca /mnt/t
		md5sum < /mnt/t/x | cmp - /tmp/sum
		umount /mnt/t'
}

direct()
{
	local before

	grep -qw kvm_direct_raise /proc/kallsyms || skip "this KVM has no direct notifications"
	grep -qw svm /proc/cpuinfo || skip "direct notifications need SVM"
	patience
	allow
	becomes direct 0
	becomes direct 1
	expect_eq "the guest's word" "$(guest cat $IOC/notifier)" $'cpu 0 direct\ncpu 1 direct'
	before=$(vm_stat notifications_direct "$VM")
	verify ioca --size=2m
	expect_ge "direct notifications" $(($(vm_stat notifications_direct "$VM") - before)) 10
	deny
	becomes inject 0
	becomes inject 1
	verify ioca --size=1m
	guest_is_fine
	watchdog_is_calm
}

detach_and_attach()
{
	iocorectl detach d0
	wait_for 15 guest_lacks ioca
	expect_eq "device" "$(attach_wait d0 "$VM")" ioca
	verify ioca --size=1m
}

# The driver goes; what it holds of the host goes with it.
unload_and_load()
{
	guest 'rmmod iocore_blk'
	guest_lacks ioca
	expect_eq "in flight" "$(disk_stat d0 in_flight)" 0
	guest 'insmod /lib/iocore_blk.ko poll_queues=1'
	wait_for 15 guest_has ioca
	verify ioca --size=1m
}

# A queue of its own. Kernels since 5.18 poll for io_uring alone.
polling()
{
	local before reaped

	expect_eq "queues" "$(guest 'ls /sys/block/ioca/mq | wc -l')" 3
	before=$(guest cat $IOC/notifications)
	reaped=$(guest cat $IOC/reaped)
	fio_guest ioca --ioengine=io_uring --hipri=1 --rw=randwrite --bs=4k --size=512k \
		--verify=crc32c --do_verify=1 --verify_fatal=1
	expect_ge "completions by polling" $(($(guest cat $IOC/reaped) - reaped)) 256
	expect_le "notifications" $(($(guest cat $IOC/notifications) - before)) 32
	verify ioca --size=1m
	guest_is_fine
}

vm_gone()
{
	! L2=$VM l2-pid
}

# The kernel's last words: the host drops the queues before another owns the memory.
reboots()
{
	local pid trace=/sys/kernel/tracing

	pid=$(vm_pid "$VM")
	echo > $trace/trace
	echo 1 > $trace/events/iocore/iocore_control/enable
	L2=$VM l2-run -t 3 -c '(sleep 0.3; reboot -f) > /dev/null 2>&1 &' || true
	wait_for 60 vm_gone
	echo 0 > $trace/events/iocore/iocore_control/enable
	grep "iocore_control: vm=$pid call=1 result=0" $trace/trace
	host_is_fine
}

tap_begin
need_iocore
tap_setup prepare
tap_point "$RELEASE: the driver loads and has the disk" negotiated
tap_long_point "$RELEASE: the block layer has the limits" limits
tap_point "$RELEASE: each vCPU's queue verifies and is notified" each_queue
tap_long_point "$RELEASE: lists of requests verify" batches
tap_point "$RELEASE: flushes reach the backend" flushes
tap_long_point "$RELEASE: the cache mode is switched" cache_type
tap_long_point "$RELEASE: discards reach the backend" discards
tap_long_point "$RELEASE: ext4" filesystem
tap_long_point "$RELEASE: direct notifications, and back" direct
tap_long_point "$RELEASE: detach and attach" detach_and_attach
tap_point "$RELEASE: the driver unloads and loads" unload_and_load
tap_long_point "$RELEASE: polled I/O" polling
tap_point "$RELEASE: a reboot resets the host's side" reboots
tap_end
