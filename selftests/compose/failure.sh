#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What is beneath a disk fails, and nothing stands in for it: the guest gets an
# error for what was lost and for nothing else, nobody hangs, and the disk is
# of use again when its backend is.

. "$(dirname "$0")/stack.sh"

SIZE=131072

prepare()
{
	host_clear
	null_up n0 size=64
	dm f0 0 $SIZE linear /dev/n0 0
	core_up io0
	vm_up
	stack_attach /dev/mapper/f0
	verify
}

# read_at SECTOR COUNT
read_at()
{
	guest "echo 3 > /proc/sys/vm/drop_caches
		dd if=/dev/ioca of=/dev/null bs=4k skip=$(($1 / 8)) count=$(($2 / 8)) 2>&1"
}

# One bad block of many.
bad_block()
{
	local before

	before=$(disk_stat s errors)
	echo "+4096-4103" > $NULLB/n0/badblocks
	expect_refusal 1 "I/O error|Input/output" read_at 4096 8
	expect_ge "errors counted" "$(disk_stat s errors)" $((before + 1))
	read_at 2048 512
	read_at 8192 512
	echo "-4096-4103" > $NULLB/n0/badblocks
	read_at 4096 8
}

# fio's end is one with an error, and it is its end.
ends_with_error()
{
	wait_for 60 guest '[ -s /tmp/load.rc ]'
	expect_ge "fio's exit code" "$(guest cat /tmp/load.rc)" 1
	guest 'grep -qiE "Input/output error|Remote I/O|err= *(5|121)" /tmp/load.log'
}

whole_backend()
{
	load_until_told
	dm_swap f0 0 $SIZE error
	ends_with_error
	expect_rc 1 read_at 0 8
	expect_eq "in flight" "$(disk_stat s in_flight)" 0
}

usable_again()
{
	dm_swap f0 0 $SIZE linear /dev/n0 0
	verify
	host_reads_it /dev/mapper/f0
	expect_eq "bad completions" "$(guest cat /sys/block/ioca/iocore/bad_completions)" 0
}

stands_still()
{
	[ "$(disk_stat s in_flight)" -ge 1 ]
}

# A stall is no failure: what waits is done when it is over.
stall()
{
	local errors

	errors=$(disk_stat s errors)
	load_until_told
	dmsetup suspend --nolockfs --noflush f0
	wait_for 15 stands_still
	sleep 2
	expect_ge "in flight while it stands still" "$(disk_stat s in_flight)" 1
	dmsetup resume f0
	load_ended
	expect_eq "errors" "$(disk_stat s errors)" "$errors"
}

# The file system on it goes read-only or not, but the guest lives, and what was
# synced before is there after.
under_a_file_system()
{
	guest 'set -e
		mkfs.ext4 -q -F /dev/ioca
		mkdir -p /mnt/f
		mount -t ext4 /dev/ioca /mnt/f
		dd if=/dev/urandom of=/mnt/f/kept bs=64k count=16 2> /dev/null
		sync
		md5sum < /mnt/f/kept > /tmp/kept'
	dm_swap f0 0 $SIZE error
	expect_rc 1 guest 'dd if=/dev/zero of=/mnt/f/lost bs=64k count=16 conv=fsync'
	guest 'umount /mnt/f'
	dm_swap f0 0 $SIZE linear /dev/n0 0
	ext4_sound /dev/ioca guest
	guest 'set -e
		mount -t ext4 /dev/ioca /mnt/f
		md5sum < /mnt/f/kept | cmp - /tmp/kept
		umount /mnt/f'
}

pulled_out()
{
	stack_detach
	dmsetup remove f0
	pins > /tmp/pins
	stack_attach /dev/n0
	load_until_told
	rmdir $NULLB/n0
	ends_with_error
	stack_detach
	host_is_fine "$(cat /tmp/pins)"
}

# ---- a network disk ----

# One of two connections dies: what it was to answer is sent again by the other.
nbd_one_of_two()
{
	local server

	nbd_server_up "$(file_up nbd.img 32)"
	nbd_connect nbd0 -connections 2 -timeout 10
	stack_attach /dev/nbd0
	server=$(cat /tmp/nbd.pid)
	expect_eq "connections" "$(pgrep -cP "$server")" 2
	load_until_told
	kill -9 "$(pgrep -P "$server" | head -n 1)"
	stack_load_ended
	expect_eq "connections" "$(pgrep -cP "$server")" 1
	stack_is_fine
	host_reads_it /run/files/nbd.img
	stack_detach
	nbd-client -d /dev/nbd0
	nbd_server_kill
}

# The server dies with what it was sent. New requests fail at once, and those that
# it owes an answer when nbd's time-out is over: nobody above nbd ends them.
nbd_dies()
{
	nbd_server_up /run/files/nbd.img
	nbd_connect nbd0 -timeout 10
	stack_attach /dev/nbd0 --serial NBD
	verify
	load_until_told
	nbd_server_kill
	ends_with_error
	expect_rc 1 read_at 0 8
	expect_eq "in flight" "$(disk_stat s in_flight)" 0
}

# nbd takes no new connection for a device that is open, so the server's next life is
# another device. The guest keeps its disk, and waits for it meanwhile.
nbd_is_back()
{
	local device

	device=$(guest 'cat /sys/block/ioca/diskseq')
	nbd_server_up /run/files/nbd.img
	nbd_connect nbd1 -timeout 10
	iocorectl detach --keep s
	iocorectl disk delete s
	nbd-client -d /dev/nbd0
	load_of_a_held_disk
	iocorectl disk create s --path /dev/nbd1 --serial NBD --core io0
	expect_eq "device" "$(attach_wait s)" ioca
	load_ended
	host_reads_it /run/files/nbd.img
	expect_eq "the guest's disk" "$(guest 'cat /sys/block/ioca/diskseq')" "$device"
	expect_eq "bad completions" "$(guest cat /sys/block/ioca/iocore/bad_completions)" 0
	stack_detach
	nbd-client -d /dev/nbd1
	nbd_server_kill
}

# Without nbd's time-out what it is owed waits for the admin.
nbd_given_up()
{
	nbd_up /run/files/nbd.img
	stack_attach /dev/nbd0
	load_until_told
	nbd_server_kill
	sleep 2
	note "in flight without a server: $(disk_stat s in_flight)"
	nbd-client -d /dev/nbd0
	ends_with_error
	expect_eq "in flight" "$(disk_stat s in_flight)" 0
	stack_detach
}

tap_begin
need_parts dm-mod null_blk nbd
tap_setup prepare
tap_point "a bad block: an error there and nowhere else" bad_block
tap_point "the whole backend fails under load: errors, and no hang" whole_backend
tap_point "the backend is back: the disk is of use again" usable_again
tap_point "the backend stands still for a while: no error" stall
tap_point "a backend fails beneath a mounted ext4: fsck is clean, what was synced is kept" under_a_file_system
tap_point "the device is pulled out under load: errors, and the disk can go" pulled_out
tap_point "NBD: one of two connections dies under load: no error" nbd_one_of_two
tap_point "NBD: its server dies under load: each request ends with an error" nbd_dies
tap_point "NBD: its server is back: so is the disk, the guest goes on" nbd_is_back
tap_point "NBD without a time-out: its server dies, and its disconnection ends all" nbd_given_up
tap_end
