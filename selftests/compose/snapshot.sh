#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Snapshots of a disk that a guest is writing to, by LVM (dm-snapshot) and by
# dm-thin: each is of one moment, and going back to it brings that moment back.
# What the guest discards, a thin pool has again.

. "$(dirname "$0")/stack.sh"

THIN=131072

prepare()
{
	host_clear
	null_up n0 size=64
	null_up n1 size=64
	null_up n2 size=8
	null_up n3 size=96
	core_up io0
	vm_up
}

# What the guest knows of its past: noise at 30 MiB that stands still.
past_up()
{
	guest 'dd if=/dev/urandom of=/dev/ioca bs=1M seek=30 count=2 conv=fsync 2> /dev/null'
	content 30 2 > /tmp/past
}

counted_on()
{
	[ "$(counter)" -gt "$1" ]
}

# during COMMAND...: under a verifying load and a counting writer
during()
{
	local low high

	load_until_told
	counter_start
	low=$(counter)
	"$@"
	high=$(counter)
	echo "$low $high" > /tmp/counts
	wait_for 20 counted_on "$high"
	counter_stop
	stack_load_ended
	# The past is gone from the disk.
	guest 'dd if=/dev/zero of=/dev/ioca bs=1M seek=30 count=2 conv=fsync 2> /dev/null'
	stack_is_fine
}

# of_its_moment PATH: the image that was taken in during()
of_its_moment()
{
	local low high

	read -r low high < /tmp/counts
	one_moment "$1" "$low" "$high"
	expect_eq "the past" "$(dd if="$1" bs=1M skip=30 count=2 iflag=direct status=none |
		md5sum)" "$(cat /tmp/past)"
}

# back_to PATH: the guest has that moment's disk, and works on it
back_to()
{
	local a

	a=$(counted "$1" $COUNT_A)
	stack_attach "$1"
	expect_eq "the past" "$(content 30 2)" "$(cat /tmp/past)"
	expect_eq "count" "$(guest "dd if=/dev/ioca bs=1M skip=$COUNT_A count=1 2> /dev/null |
		head -c 512 | tr -d ' \n'")" "$a"
	verify
	stack_is_fine
}

# ---- LVM ----

lvm_disk()
{
	lvm_up /dev/n0 /dev/n1
	lvcreate -q -y -Wn -Zn -L 48M -n orig vg /dev/n0
	stack_attach /dev/vg/orig
	past_up
}

lvm_snapshot()
{
	during lvcreate -q -y -s -L 48M -n snap vg/orig /dev/n1
	of_its_moment /dev/vg/snap
}

lvm_rollback()
{
	stack_detach
	lvconvert -q -y --merge vg/snap
	expect_eq "snapshots" "$(lvs --noheadings -o lv_name vg | tr -d ' ')" orig
	back_to /dev/vg/orig
	stack_detach
}

# ---- dm-thin ----

thin_disk()
{
	# Blocks of 64 KiB. The metadata of a new pool is zeroes.
	dm pool 0 $((96 << 11)) thin-pool /dev/n2 /dev/n3 128 0 1 skip_block_zeroing
	dmsetup message pool 0 "create_thin 0"
	dm t0 0 $THIN thin /dev/mapper/pool 0
	stack_attach /dev/mapper/t0
	past_up
}

thin_take()
{
	dmsetup suspend --nolockfs t0
	dmsetup message pool 0 "create_snap 1 0"
	dmsetup resume t0
}

thin_snapshot()
{
	during thin_take
	dm t1 0 $THIN thin /dev/mapper/pool 1
	of_its_moment /dev/mapper/t1
}

thin_rollback()
{
	stack_detach
	dmsetup remove t0
	dmsetup message pool 0 "delete 0"
	back_to /dev/mapper/t1
}

thin_used()
{
	dmsetup status pool | awk '{ sub("/.*", "", $6); print $6 }'
}

thin_discard()
{
	local before full after

	[ "$(guest cat /sys/block/ioca/queue/discard_max_bytes)" -gt 0 ] ||
		skip "the disk has no discard"
	before=$(thin_used)
	guest 'dd if=/dev/urandom of=/dev/ioca bs=1M seek=40 count=8 conv=fsync 2> /dev/null'
	full=$(thin_used)
	expect_eq "blocks taken" $((full - before)) 128
	guest "blkdiscard -o $((40 << 20)) -l $((8 << 20)) /dev/ioca"
	after=$(thin_used)
	expect_eq "blocks given back" $((full - after)) 128
	guest 'echo 3 > /proc/sys/vm/drop_caches
		dd if=/dev/ioca bs=1M skip=40 count=8 2> /dev/null | cmp -n 8388608 - /dev/zero'
	stack_is_fine
}

thin_whole()
{
	stack_detach
	dmsetup remove t1
	dmsetup remove pool
	thin_check /dev/n2
}

tap_begin
need_parts dm-snapshot dm-thin-pool null_blk
tap_setup prepare
tap_setup lvm_disk
tap_point "dm-snapshot: a snapshot under load is of one moment" lvm_snapshot
tap_point "dm-snapshot: merged back, the guest has that moment's disk" lvm_rollback
tap_setup thin_disk
tap_point "dm-thin: a snapshot under load is of one moment" thin_snapshot
tap_point "dm-thin: the guest goes on with the snapshot" thin_rollback
tap_point "dm-thin: what the guest discards the pool has again" thin_discard
tap_point "dm-thin: the pool's metadata are whole" thin_whole
tap_end
