#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# How a request ended, from the backend to the guest's program: each kind of
# error that a backend has arrives as itself, for reads and for writes, and the
# disk works afterwards. What passes by itself is no error at all.

HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../lib/tap.sh"
. "$HERE/../lib/vm.sh"
. "$HERE/stack.sh"

# Errors as the guest's programs see them.
EIO=5
ENODEV=19
ENOSPC=28
EBADE=52
ENODATA=61
ENOLINK=67
EILSEQ=84
ETIMEDOUT=110
EREMOTEIO=121

# IOCORE_S_NOTSUPP
NOTSUPP=3

# Commands of SCSI
READ=0x28
WRITE=0x2a
SYNC=0x35
UNMAP=0x42
DEBUG=/sys/kernel/debug/scsi_debug

cleanup()
{
	guest 'dmesg -n 7'
	host_clear
	umount /run/small
	stack_down
	rmmod scsi_debug
	null_clear
}

scsi_disk()
{
	basename /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/*
}

scsi_here()
{
	[ -b "/dev/$(scsi_disk)" ]
}

scsi_up()
{
	modprobe sd_mod
	modprobe scsi_debug dev_size_mb=16 max_luns=1 delay=0 lbpu=1 ||
		skip "there is no scsi_debug"
	wait_for 10 scsi_here
	echo 2 > "/sys/block/$(scsi_disk)/queue/nomerges"
}

prepare()
{
	host_clear
	core_up io0
	vm_up
	scsi_up
	iocorectl disk create d --path "/dev/$(scsi_disk)" --core io0
	expect_eq "device" "$(attach_wait d)" ioca
	guest 'echo 2 > /sys/block/ioca/queue/nomerges'
	quiet_console
}

# inject COUNT HOST STATUS KEY ASC ASCQ COMMAND...: the next COUNT of these fail
# with that; a COUNT of "all" is every one. sd takes a KEY of 0 for no error, and
# sends again for ever.
inject()
{
	local count=$1 host=$2 status=$3 key=$4 asc=$5 ascq=$6 c

	[ "$count" != all ] || count=-1
	shift 6
	for c; do
		echo "2 $((-count)) $c $host 0 $status $key $asc $ascq" > $DEBUG/*/error
	done
}

inject_off()
{
	local type c _

	while read -r type _ c _; do
		[ "$type" = Type ] || echo "- $type $c" > $DEBUG/*/error
	done <<< "$(cat $DEBUG/*/error)"
}

# in_guest TEXT: in one line
in_guest()
{
	guest "$1" | tr -d '\r' | tr '\n' ' '
}

rw()
{
	in_guest "blocks read /dev/${1:-ioca} 0 8; blocks write /dev/${1:-ioca} 0 8"
}

# All is as before: nothing fails, nothing is left, no completion came twice.
works()
{
	local dev=${2:-ioca}

	expect_eq "afterwards" "$(rw "$dev")" "0 0-7 0 0-7 "
	expect_eq "in flight" "$(disk_stat "$1" in_flight)" 0
	expect_eq "bad completions" "$(guest cat "/sys/block/$dev/iocore/bad_completions")" 0
	guest_log_is_clean
}

# ends_with ERRNO HOST STATUS KEY ASC ASCQ: all reads and writes, while SCSI says so
ends_with()
{
	local want=$1 before

	shift
	before=$(disk_stat d errors)
	inject all "$@" $READ $WRITE
	expect_eq "reads and writes" "$(rw)" "$want 0-7 $want 0-7 "
	expect_eq "errors counted" $(($(disk_stat d errors) - before)) 16
	inject_off
	works d
}

# One request of many: the others do not share its fate.
one_of_many()
{
	local before

	before=$(disk_stat d errors)
	inject 1 0 2 3 0x11 0 $READ
	expect_eq "blocks that could not be read" \
		"$(guest 'blocks read /dev/ioca 0 64 | awk -v e='$ENODATA' \
			"\$1 { split(\$2, r, \"-\"); n += r[2] - r[1] + 1; if (\$1 != e) n += 1000 }
			END { print n + 0 }"' | tr -d '\r')" 1
	expect_eq "errors counted" $(($(disk_stat d errors) - before)) 1
	inject_off
	works d
}

# fsync() says what the flush met.
flush()
{
	inject all 0 0x18 0xb 0 0 $SYNC
	expect_refusal 1 "Invalid exchange|error 52" \
		guest 'dd if=/dev/zero of=/dev/ioca bs=4k count=1 conv=fsync'
	inject_off
	guest 'dd if=/dev/zero of=/dev/ioca bs=4k count=1 conv=fsync'
	works d
}

discard()
{
	inject all 0 0x18 0xb 0 0 $UNMAP
	expect_refusal 1 "Invalid exchange|error 52" guest 'blkdiscard -l 65536 /dev/ioca'
	inject_off
	guest 'blkdiscard -l 65536 /dev/ioca'
	works d
}

# passes HOST STATUS: SCSI sends it again, and so none of it is seen
passes()
{
	local before

	before=$(disk_stat d errors)
	inject 3 "$@" 0xb 0 0 $READ $WRITE
	works d
	expect_eq "errors counted" "$(disk_stat d errors)" "$before"
	inject_off
}

# Commands that never end: SCSI gives them up, and sends them again.
lost_commands()
{
	local before timeout

	before=$(disk_stat d errors)
	timeout=/sys/block/$(scsi_disk)/device/timeout
	echo 1 > "$timeout"
	echo "0 -1 $READ" > $DEBUG/*/error
	echo "0 -1 $WRITE" > $DEBUG/*/error
	works d
	expect_eq "errors counted" "$(disk_stat d errors)" "$before"
	echo 30 > "$timeout"
	inject_off
}

# statuses_of COMMAND: of the completions that it has, good or bad
statuses_of()
{
	local tracing=/sys/kernel/tracing event

	event=$tracing/events/iocore_blk/iocore_blk_complete/enable
	in_guest "[ -e $event ] || mount -t tracefs none $tracing
		echo > $tracing/trace; echo 1 > $event
		$1 > /dev/null 2>&1
		echo 0 > $event; sed -n 's/.*iocore_blk_complete:.* status=//p' $tracing/trace"
}

# A table that discards becomes one that does not.
not_supported()
{
	null_up yes size=16 discard=1
	null_up no size=16
	map_up dm "0 $(sectors /dev/yes) linear /dev/yes 0"
	iocorectl disk create dm --path /dev/mapper/dm
	expect_eq "device" "$(attach_wait dm)" iocb
	map_to dm "0 $(sectors /dev/no) linear /dev/no 0"
	expect_eq "statuses" "$(statuses_of 'blkdiscard -l 65536 /dev/iocb')" "$NOTSUPP "
	expect_eq "errors counted" "$(disk_stat dm errors)" 1
	works dm iocb
	iocorectl detach dm
	wait_for 15 guest_lacks iocb
	iocorectl disk delete dm
	stack_down
}

# A file system that found itself broken shuts down, and so does the file on it.
shut_down()
{
	null_up fs size=24
	mkfs.ext4 -q -F -O ^has_journal /dev/fs
	mkdir -p /run/small
	mount -o errors=remount-ro /dev/fs /run/small
	fallocate -l 8M /run/small/f
	iocorectl disk create file --path /run/small/f
	expect_eq "device" "$(attach_wait file)" iocb
	works file iocb
	echo 1 > /sys/fs/ext4/fs/trigger_fs_error
	expect_eq "reads and writes" "$(rw iocb)" "$EIO 0-7 $EIO 0-7 "
	expect_eq "in flight" "$(disk_stat file in_flight)" 0
	iocorectl detach file
	wait_for 15 guest_lacks iocb
	guest_log_is_clean
	iocorectl disk delete file
	umount /run/small
	rmdir $NULLB/fs
}

# writes_block ARG...: of fio, to the disk iocb
writes_block()
{
	fio_guest iocb --ioengine=psync --rw=write --bs=4k --size=4k "$@"
}

# A page of the file could not be written back. A durable write is the first to meet
# that error, and it is not the one to whom it belongs: the next fsync() has it too.
lost_page()
{
	null_up fs size=24 cache_size=32 fua=0
	map_up dm "0 $(sectors /dev/fs) linear /dev/fs 0"
	mkfs.ext4 -q -F -O ^has_journal /dev/mapper/dm
	mkdir -p /run/small
	mount -o errors=continue /dev/mapper/dm /run/small
	dd if=/dev/zero of=/run/small/f bs=1M count=8 conv=fsync status=none
	sync -f /run/small
	iocorectl disk create file --path /run/small/f
	expect_eq "device" "$(attach_wait file)" iocb
	works file iocb
	dd if=/dev/zero of=/run/small/f bs=4k seek=1000 count=1 conv=notrunc status=none
	map_under dm "0 $(sectors /dev/fs) error"
	! sync -d /run/small/f || fail "the page was written"
	map_under dm "0 $(sectors /dev/fs) linear /dev/fs 0"
	expect_refusal 1 "Input/output error" writes_block --sync=dsync
	expect_refusal 1 "Input/output error" writes_block --end_fsync=1
	writes_block --sync=dsync
	writes_block --end_fsync=1
	works file iocb
	iocorectl detach file
	wait_for 15 guest_lacks iocb
	iocorectl disk delete file
	umount /run/small
	stack_down
	rmdir $NULLB/fs
}

# Eight reads: the first is lost, and holds up the others, until the device goes.
# When it is given up, none has anywhere to go.
offline()
{
	local dev

	dev=/sys/block/$(scsi_disk)/device
	echo 1 > "$dev/queue_depth"
	echo 20 > "$dev/timeout"
	echo "0 -1 $READ" > $DEBUG/*/error
	guest "rm -f /tmp/read.*
		setsid sh -c 'blocks read /dev/ioca 0 8 > /tmp/read.log
			: > /tmp/read.end' < /dev/null > /dev/null 2>&1 &"
	wait_for 10 eight_in_flight
	echo 1 > "$dev/delete"
	wait_for 60 guest '[ -e /tmp/read.end ]'
	expect_eq "reads" "$(in_guest 'cat /tmp/read.log')" "$ENODEV 0-7 "
	expect_eq "in flight" "$(disk_stat d in_flight)" 0
	iocorectl detach d
	wait_for 15 guest_lacks ioca
	guest_log_is_clean
	iocorectl disk delete d
}

eight_in_flight()
{
	[ "$(disk_stat d in_flight)" -eq 8 ]
}

tap_begin
need_iocore
tap_setup prepare
tap_point "IOERR: a target that does not answer is EIO" ends_with $EIO 1 0 0xb 0 0
tap_point "MEDIUM: a block that can't be read is ENODATA" ends_with $ENODATA 0 2 3 0x11 0
tap_point "MEDIUM: one request of many, and no other" one_of_many
tap_point "TARGET: a hardware error is EREMOTEIO" ends_with $EREMOTEIO 0 2 4 0x44 0
tap_point "TRANSPORT: a link that is down is ENOLINK" ends_with $ENOLINK 0x0f 0 0xb 0 0
tap_point "RESERVED: another's reservation is EBADE" ends_with $EBADE 0 0x18 0xb 0 0
tap_point "PROTECTION: a wrong guard is EILSEQ" ends_with $EILSEQ 0 2 0xb 0x10 1
tap_point "NOSPC: an exhausted thin target is ENOSPC" ends_with $ENOSPC 0 2 7 0x27 7
tap_point "TARGET: write protection is EREMOTEIO" ends_with $EREMOTEIO 0 2 7 0x27 0
tap_point "TIMEOUT: a duration limit that passed is ETIMEDOUT" ends_with $ETIMEDOUT 0 2 0xb 0x2e 1
tap_point "IOERR: a file system that shut down is EIO" shut_down
tap_point "NOTSUPP: a discard that the new table can't is no I/O error" not_supported
tap_point "a flush that fails: fsync() says why" flush
tap_point "a page of a file that is lost: a durable write and the next flush fail" lost_page
tap_point "a discard that fails: its caller is told why" discard
tap_point "a busy target: sent again, no error" passes 0 8
tap_point "a disrupted link: sent again, no error" passes 0x0c 0
tap_point "commands that are lost: given up, sent again, no error" lost_commands
tap_point "OFFLINE: a device that goes is ENODEV" offline
tap_end
