#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A disk moves to another backend under load; whatever fails leaves it as it was.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/load.sh"

PATH_FILE=$CFG/disks/d/path
MOVES=$(cycles 6 30)
# The lab has no udev: the device nodes are made by dmsetup.
export DM_DISABLE_UDEV=1

# dm_up NAME DEVICE: a linear map, another way to the same content
dm_up()
{
	echo "0 $(blockdev --getsz "$2") linear $2 0" | dmsetup create "$1"
	wait_for 10 test -b "/dev/mapper/$1"
}

# Called by host_clear() before the devices below go.
stack_clear()
{
	local name

	for name in way1 way2 slow straight both second; do
		! dmsetup info "$name" > /dev/null 2>&1 || dmsetup remove "$name"
	done
	! mountpoint -q /run/below || umount /run/below
}

prepare()
{
	host_clear
	modprobe dm-mod
	null_up n0 size=64
	null_up small size=32
	null_up plain size=64
	null_up cached size=64 cache_size=80
	null_up cached2 size=64 cache_size=80
	null_up dead size=64
	null_up leg0 size=16 irqmode=2 completion_nsec=2000000
	null_up leg1 size=16
	null_up big size=64 blocksize=4096
	dm_up way1 /dev/n0
	dm_up way2 /dev/n0
	core_up io0
	iocorectl disk create d --path /dev/mapper/way1
	vm_up
	expect_eq "device" "$(attach_wait d)" ioca
}

# to PATH: 0, or what went wrong
to()
{
	bash -c "echo '$1' > '$PATH_FILE'"
}

# dm_stat NAME: what the kernel counts of a map
dm_stat()
{
	cat "/sys/dev/block/$(dmsetup info -c --noheadings --separator : -o major,minor "$1")/stat"
}

# What went through a map, in sectors.
sectors()
{
	dm_stat "$1" | awk '{ print $3 + $7 }'
}

more_sectors()
{
	[ "$(sectors "$1")" -gt "$2" ]
}

# leave_for DISK LEFT NEXT: when the move has ended nothing is inside what was left
leave_for()
{
	iocorectl disk move "$1" --path "/dev/mapper/$3"
	eval "left_$2=$(sectors "$2")"
	expect_eq "in flight in $2, which was left" "$(dm_stat "$2" | awk '{ print $9 }')" 0
}

# still NAME: what was left stands as it did then
still()
{
	local then=left_$1

	expect_eq "sectors of $1, which was left" "$(sectors "$1")" "${!then}"
}

# A request is inside the backend.
inside()
{
	[ "$(disk_stat d in_flight)" -ge 1 ]
}

verify_while_moving()
{
	local i ways=(way1 way2) from to

	load_until_told
	for ((i = 0; i < MOVES; i++)); do
		from=${ways[i % 2]}
		to=${ways[(i + 1) % 2]}
		[ $i -eq 0 ] || still "$to"
		leave_for d "$from" "$to"
		wait_for 30 more_sectors "$to" $(($(sectors "$to") + 64))
		still "$from"
	done
	load_ended
	still "$from"
	expect_eq "errors" "$(disk_stat d errors)" 0
	[ "$(<"$PATH_FILE")" = /dev/mapper/way1 ] || to /dev/mapper/way1
}

# From a mirror to its second leg: two media with the same content, until the move.
# Then the first leg, from which the mirror reads, is wiped: whoever still reads
# there is found out.
other_medium()
{
	modprobe dm-mirror || skip "there is no dm-mirror"
	dmsetup create both --table "0 $(blockdev --getsz /dev/leg0) mirror core 2 64 nosync \
		2 /dev/leg0 0 /dev/leg1 0"
	wait_for 10 test -b /dev/mapper/both
	dm_up second /dev/leg1
	v_up /dev/mapper/both
	load_until_told iocb
	leave_for v both second
	dd if=/dev/urandom of=/dev/leg0 bs=64k count=128 oflag=direct status=none
	wait_for 30 more_sectors second $(($(sectors second) + 64))
	load_ended
	still both
	expect_eq "errors" "$(disk_stat v errors)" 0
	v_down
	dmsetup remove both
	dmsetup remove second
}

# refused PATH: the write fails, and the disk works where it was
refused()
{
	local before

	before=$(<"$PATH_FILE")
	if to "$1" 2> /tmp/move.err; then
		fail "moved to $1"
	fi
	note "$1: $(tail -n 1 /tmp/move.err)"
	expect_eq "path" "$(<"$PATH_FILE")" "$before"
	fio_guest ioca --rw=randwrite --bs=4k --size=64k --verify=crc32c --do_verify=1 \
		--verify_fatal=1 > /dev/null
	expect_eq "errors" "$(disk_stat d errors)" 0
}

failures()
{
	refused /dev/small
	refused /dev/nosuch
	refused /dev/null
	refused /dev/big
	refused "$(<"$PATH_FILE")"
	# The disk was opened without a cache, so its guest sends no flush.
	refused /dev/cached
}

taken()
{
	iocorectl disk create other --path /dev/plain
	refused /dev/plain
	iocorectl disk delete other
}

# The old way is free as soon as the disk has left it.
released()
{
	to /dev/mapper/way2
	dmsetup remove way1
	dm_up way1 /dev/n0
	to /dev/mapper/way1
	dmsetup remove way2
	dm_up way2 /dev/n0
}

# A way that holds what it gets: the mover waits, and gives up when he is told to.
interrupted()
{
	local mover fio

	dmsetup suspend way1
	fio_guest ioca --rw=randwrite --bs=4k --size=1m --iodepth=8 --verify=crc32c \
		--do_verify=1 --verify_fatal=1 > /tmp/fio.log 2>&1 &
	fio=$!
	wait_for 30 inside
	bash -c "echo /dev/mapper/way2 > $PATH_FILE" 2> /dev/null &
	mover=$!
	wait_for 15 grep -q gate "/proc/$mover/wchan"
	if to /dev/mapper/way2 2> /dev/null; then
		fail "a second mover got through"
	fi
	kill -9 $mover
	wait $mover 2> /dev/null || true
	expect_eq "path" "$(<"$PATH_FILE")" /dev/mapper/way1
	dmsetup resume way1
	wait $fio || fail "fio: $(grep -aE 'verify|err' /tmp/fio.log | head -n 3)"
}

# The same, and nobody tells him: others may have the disk too, and wait with it.
gives_up()
{
	local fio

	dmsetup suspend way1
	fio_guest ioca --rw=randwrite --bs=4k --size=1m --iodepth=8 --verify=crc32c \
		--do_verify=1 --verify_fatal=1 > /tmp/fio.log 2>&1 &
	fio=$!
	wait_for 30 inside
	if to /dev/mapper/way2 2> /tmp/move.err; then
		fail "moved away from requests that had not ended"
	fi
	grep -i 'timed out' /tmp/move.err
	expect_eq "path" "$(<"$PATH_FILE")" /dev/mapper/way1
	dmsetup resume way1
	wait $fio || fail "fio: $(grep -aE 'verify|err' /tmp/fio.log | head -n 3)"
	expect_eq "errors" "$(disk_stat d errors)" 0
}

# Requests are inside and others wait at the gate, and the VM dies.
killed()
{
	local mover vm

	vm=$SYS/vms/$(vm_pid)-0
	dmsetup suspend way1
	fio_guest ioca --rw=randwrite --bs=4k --size=1m --iodepth=32 > /dev/null 2>&1 &
	wait_for 30 inside
	bash -c "echo /dev/mapper/way2 > $PATH_FILE" 2> /dev/null &
	mover=$!
	sleep 1
	kill -9 "$(vm_pid)"
	sleep 1
	dmsetup resume way1
	wait $mover || fail "the move did not end well"
	l2-kill
	wait_for 20 test ! -e "$vm"
	expect_eq "path" "$(<"$PATH_FILE")" /dev/mapper/way2
	expect_eq "in flight" "$(disk_stat d in_flight)" 0
	vm_up
	expect_eq "device" "$(attach_wait d)" ioca
	fio_guest ioca --rw=randwrite --bs=4k --size=1m --verify=crc32c --do_verify=1 \
		--verify_fatal=1 > /dev/null
}

# A request of disk v has been carried out.
writing()
{
	[ "$(disk_stat v writes)" -ge 1 ]
}

# A request of disk v has failed.
failing()
{
	[ "$(disk_stat v errors)" -ge 1 ]
}

# What stands below is removed under load: requests fail and none hangs, also those
# that come later; and a move brings the disk back.
vanished()
{
	local fio

	iocorectl disk create v --path /dev/dead
	expect_eq "device" "$(attach_wait v)" iocb
	fio_guest iocb --rw=randwrite --bs=4k --size=8m --iodepth=16 --time_based \
		--runtime=120 > /tmp/fio.log 2>&1 &
	fio=$!
	wait_for 30 writing
	rmdir "$NULLB/dead"
	wait_for 30 failing
	if wait $fio; then
		fail "fio did not notice"
	fi
	if fio_guest iocb --rw=randwrite --bs=4k --size=1m > /tmp/fio.log 2>&1; then
		fail "writes to what is gone succeeded"
	fi
	expect_eq "in flight" "$(disk_stat v in_flight)" 0
	expect_eq "said in the log" "$(dmesg | grep -c 'iocore: disk v: dead was removed')" 1
	echo /dev/plain > "$CFG/disks/v/path"
	fio_guest iocb --rw=randwrite --bs=4k --size=1m --verify=crc32c --do_verify=1 \
		--verify_fatal=1 > /dev/null
	iocorectl detach v
	wait_for 15 guest_lacks iocb
	iocorectl disk delete v
}

# v_up PATH, v_down: disk v, iocb in the guest
v_up()
{
	iocorectl disk create v --path "$1"
	expect_eq "device" "$(attach_wait v)" iocb
	v_writes
}

v_down()
{
	iocorectl detach v
	wait_for 15 guest_lacks iocb
	iocorectl disk delete v
}

v_to()
{
	echo "$1" > "$CFG/disks/v/path"
}

# v_writes [DD ARG]: and reads
v_writes()
{
	guest "dd if=/dev/zero of=/dev/iocb bs=4k count=4 oflag=direct $*" &&
		guest "dd if=/dev/iocb of=/dev/null bs=4k count=4 iflag=direct"
}

v_state()
{
	guest "grep -qx $1 /sys/block/iocb/iocore/state"
}

# The guest's next fsync says that something may be lost, and only that one.
v_told_once()
{
	! v_writes conv=fsync || fail "the guest was not told"
	v_writes conv=fsync
}

# The delayed flushes of the map, so far.
slow_flushes()
{
	dmsetup status slow | awk '{ print $NF }'
}

flush_waits()
{
	[ "$(slow_flushes)" -ge 1 ]
}

# A flush of the old backend that does not end: it is the mover's trouble alone.
# While the guest has the disk it reads and writes, and it can lose it.
flush_hangs()
{
	local mover sectors

	modprobe dm-delay || skip "there is no dm-delay"
	sectors=$(blockdev --getsz /dev/cached)
	dm_up straight /dev/cached
	echo "0 $sectors delay /dev/cached 0 0 /dev/cached 0 0 /dev/cached 0 900000" |
		dmsetup create slow
	wait_for 10 test -b /dev/mapper/slow
	v_up /dev/mapper/slow
	bash -c "echo /dev/mapper/straight > $CFG/disks/v/path" &
	mover=$!
	wait_for 20 flush_waits
	GUEST_TIMEOUT=60 v_writes
	iocorectl detach v
	wait_for 15 guest_lacks iocb
	kill -0 $mover || fail "the mover did not wait for the flush"
	echo "0 $sectors linear /dev/cached 0" | dmsetup reload slow
	dmsetup resume slow
	wait $mover || fail "the move did not end well"
	expect_eq "path" "$(<"$CFG/disks/v/path")" /dev/mapper/straight
	iocorectl disk delete v
	dmsetup remove slow
	dmsetup remove straight
}

flushes()
{
	awk '{ print $16 }' "/sys/block/$1/stat"
}

# The guest sends no flush: the one that the new backend gets is the mover's.
next_is_flushed()
{
	local before

	v_up /dev/cached
	before=$(flushes cached2)
	v_to /dev/cached2
	expect_ge "flushes of the new backend" $(($(flushes cached2) - before)) 1
	v_down
}

# What is lost with a device is the guest's to hear, also if the disk is taken from
# it for a while and is disabled meanwhile.
told_later()
{
	null_up dying size=64 cache_size=80
	v_up /dev/dying
	rmdir "$NULLB/dying"
	v_to /dev/cached
	iocorectl detach --keep v
	wait_for 15 v_state waiting
	echo 0 > "$CFG/disks/v/enable"
	echo 1 > "$CFG/disks/v/enable"
	iocorectl attach --vm "$(vm_pid)" v
	wait_for 15 v_state live
	v_told_once
	v_down
}

# The same of a file, which goes with what its filesystem is on.
file_vanished()
{
	null_up below size=96
	null_up wide size=64 discard=1
	mkfs.ext4 -q -F /dev/below
	mkdir -p /run/below
	mount /dev/below /run/below
	fallocate -l 64M /run/below/f
	v_up /run/below/f
	rmdir "$NULLB/below"
	if v_writes; then
		fail "writes to what is gone succeeded"
	fi
	v_to /dev/wide
	expect_eq "path" "$(<"$CFG/disks/v/path")" /dev/wide
	v_told_once
	v_down
	umount /run/below
}

tap_begin
need_iocore
tap_setup prepare
tap_point "moves under verified load lose nothing, and what was left is left" verify_while_moving
tap_point "a move under verified load to another medium with the same content" other_medium
tap_point "a backend that can't serve is refused" failures
tap_point "a backend that another disk uses is refused" taken
tap_point "the backend that was left is free" released
tap_point "a mover that is killed leaves the disk whole" interrupted
tap_long_point "a mover does not wait for ever" gives_up
tap_point "a VM that is killed during a move" killed
tap_point "a removed device fails requests, and can be moved from" vanished
tap_point "so can a file whose device was removed: the guest's next flush fails" file_vanished
tap_point "a lost flush is told also after detach --keep and disable" told_later
tap_point "a flush of the old backend that hangs holds up the mover alone" flush_hangs
tap_point "the new backend is flushed" next_is_flushed
tap_end
