#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the guest was told to be durable is: dm's log-writes stands under the disk,
# and its log is replayed flush by flush.

HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../lib/tap.sh"
. "$HERE/../lib/vm.sh"
. "$HERE/stack.sh"

export GUEST_TIMEOUT=3600

# Threads, generations, writes of each, 4 KiB blocks of a thread's region, seed.
CYCLES=${IOCORE_CYCLES:-$(cycles 4 100)}
SMALL=2:$((CYCLES * 4)):8:512:1
SMALL_WRITES=$((2 * CYCLES * 4 * 8))
MNT=/run/durable

cleanup()
{
	mountpoint -q $MNT && umount $MNT
	host_clear
	stack_down
	null_clear
}

prepare()
{
	host_clear
	dm_modules || skip "device mapper lacks a target"
	core_up io0
	vm_up
	null_up log size=1024
	null_up disk size=64
	null_up again size=64
	mkdir -p $MNT
}

# What a point that failed has left.
tidy()
{
	! mountpoint -q $MNT || umount $MNT
	[ ! -d $CFG/disks/d0 ] || iocorectl detach d0 || true
	[ ! -d $CFG/disks/d0 ] || iocorectl disk delete d0
	! dmsetup info lw > /dev/null 2>&1 || log_down lw
	wiped /dev/disk
	dd if=/dev/zero of=/dev/log bs=1M count=1 oflag=direct status=none
	blockdev --flushbufs /dev/log
}

# disk_up [ARG...]: what the guest has as ioca is logged
disk_up()
{
	tidy
	log_up lw /dev/disk /dev/log
	iocorectl disk create d0 --path /dev/mapper/lw "$@"
	expect_eq "device" "$(attach_wait d0)" ioca
}

disk_down()
{
	iocorectl detach d0
	VM=l2 wait_for 15 guest_lacks ioca
	iocorectl disk delete d0
	log_down lw
}

logged()
{
	"$HERE/durable-check" count /dev/log | sed -n "s/^$1=//p"
}

# write_and_check PLAN SYNC: on the disk that is up; what the log has of it
write_and_check()
{
	guest "durable-write /dev/ioca $1 $2" > /tmp/acks
	log_mark lw acked
	disk_down
	note "$2: $("$HERE/durable-check" count /dev/log | tr '\n' ' ')"
	note "$("$HERE/durable-check" log /dev/log "$1")"
	"$HERE/durable-check" log /dev/log "$1"
}

by_flush()
{
	disk_up
	write_and_check "$1" flush
	expect_ge "acknowledged" "$(grep -c '^ack' /tmp/acks)" 1
	expect_ge "flushes" "$(logged flushes)" $((CYCLES * 2))
}

by_fua()
{
	disk_up
	expect_eq "FUA of the guest's disk" "$(guest cat /sys/block/ioca/queue/fua)" 1
	write_and_check "$SMALL" fua
	expect_ge "FUA writes" "$(logged fuas)" $SMALL_WRITES
}

mixed()
{
	disk_up
	write_and_check "$SMALL" mixed
}

# The guest sends no flush and no FUA, and need not: every end of a write says it.
write_through()
{
	disk_up --write-cache through
	expect_eq "cache" "$(guest cat /sys/block/ioca/iocore/cache_type)" "write through"
	write_and_check "$SMALL" none
}

switched()
{
	disk_up
	expect_eq "cache" "$(guest cat /sys/block/ioca/iocore/cache_type)" "write back"
	guest 'echo "write through" > /sys/block/ioca/iocore/cache_type'
	write_and_check "$SMALL" none
}

# file_durable SYNC [ARG...]: a file on ext4, which is on the logged device: what it
# was at the mark, its file system's journal replayed
file_durable()
{
	local sync=$1

	shift
	tidy
	log_up lw /dev/disk /dev/log
	mkfs.ext4 -q -E nodiscard /dev/mapper/lw
	mount -t ext4 /dev/mapper/lw $MNT
	dd if=/dev/zero of=$MNT/image bs=1M count=16 conv=fsync status=none
	iocorectl disk create d0 --path $MNT/image "$@"
	expect_eq "device" "$(attach_wait d0)" ioca
	guest "durable-write /dev/ioca $SMALL $sync" > /tmp/acks
	log_mark lw acked
	iocorectl detach d0
	wait_for 15 guest_lacks ioca
	iocorectl disk delete d0
	umount $MNT
	log_down lw
	wiped /dev/again
	"$HERE/durable-check" image /dev/log /dev/again acked
	mount -t ext4 /dev/again $MNT
	note "$("$HERE/durable-check" acks $MNT/image "$SMALL" /tmp/acks)"
	"$HERE/durable-check" acks $MNT/image "$SMALL" /tmp/acks
	umount $MNT
}

# found_out PLAN: the check says of the log that an acknowledged generation is missing
found_out()
{
	expect_refusal 1 'but [0-9]+ was acknowledged' "$HERE/durable-check" log /dev/log "$1"
}

# A disk whose flushes nobody sends on must be found out.
checker_fails()
{
	disk_up
	guest "durable-write /dev/ioca $SMALL none" > /tmp/acks
	log_mark lw acked
	disk_down
	found_out "$SMALL"
}

# A guest that takes the disk for one without a cache sends no flush at all.
silent_guest()
{
	disk_up
	guest 'echo "write through" > /sys/block/ioca/queue/write_cache'
	guest "durable-write /dev/ioca $SMALL flush" > /tmp/acks
	log_mark lw acked
	disk_down
	expect_eq "flushes" "$(logged flushes)" 0
	found_out "$SMALL"
}

tap_begin
need_iocore
tap_setup prepare
tap_point "FLUSH: what was flushed is durable in every state of the disk" by_flush "$SMALL"
tap_point "FLUSH: deep queues of four writers at once" by_flush "4:$((CYCLES * 2)):32:1024:2"
tap_point "FUA: each write is durable when it ends" by_fua
tap_point "write through from the start: durable without a flush" write_through
tap_point "write through by the guest's choice: durable without a flush" switched
tap_point "FLUSH of a file on ext4: durable" file_durable flush
tap_long_point "FUA of a file on ext4: durable" file_durable fua
tap_long_point "write through of a file on ext4: durable" file_durable none --write-cache through
tap_long_point "FUA and FLUSH by turns" mixed
tap_long_point "the check finds a generation that nobody flushed" checker_fails
tap_point "the check finds a guest that sends no FLUSH" silent_guest
tap_end
