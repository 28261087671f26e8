#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A backend that fails: exactly the requests that it failed fail in the guest, each
# ends once, nothing hangs, and afterwards all is as before.

HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../lib/tap.sh"
. "$HERE/../lib/vm.sh"
. "$HERE/../lib/leak.sh"
. "$HERE/stack.sh"

# Errors as the guest's programs see them.
EIO=5
ENODATA=61
ETIMEDOUT=110
# EIO, ENXIO, ENODEV
GONE='5|6|19'
STORM_BLOCKS=512
# That fail, for the leak check.
REQUESTS=2048

cleanup()
{
	guest 'dmesg -n 7; touch /tmp/stop; umount -l /mnt/f'
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
	null_up disk size=64
	echo 2 > /sys/block/disk/queue/nomerges
	map_up dm "$(linear)"
	iocorectl disk create d0 --path /dev/mapper/dm
	expect_eq "device" "$(attach_wait d0)" ioca
	guest 'echo 2 > /sys/block/ioca/queue/nomerges'
	quiet_console
	leak_mark
}

linear()
{
	echo "0 $(sectors /dev/disk) linear /dev/disk 0"
}

# bad_blocks FIRST LAST: the table with these blocks of 4 KiB in error
bad_blocks()
{
	local from=$(($1 * 8)) to=$((($2 + 1) * 8))

	echo "0 $from linear /dev/disk 0"
	echo "$from $((to - from)) error"
	echo "$to $(($(sectors /dev/disk) - to)) linear /dev/disk $to"
}

# ends_with TEXT read|write FROM COUNT: how blocks of the guest's disk ended
ends_with()
{
	local want=$1

	shift
	expect_eq "$1" "$(guest "blocks $1 /dev/ioca $2 $3" | tr -d '\r' | tr '\n' ' ')" "$want "
}

# All went well, and all has ended.
calm()
{
	expect_eq "in flight" "$(disk_stat d0 in_flight)" 0
	expect_eq "bad completions" "$(guest cat /sys/block/ioca/iocore/bad_completions)" 0
	expect_eq "in flight in the guest" \
		"$(guest "awk '{ print \$1 + \$2 }' /sys/block/ioca/inflight")" 0
	guest_log_is_clean
}

exact_errors()
{
	local before

	ends_with "0 0-511" write 0 512
	before=$(disk_stat d0 errors)
	map_to dm "$(bad_blocks 256 258)"
	ends_with "0 0-255 $EIO 256-258 0 259-511" write 0 512
	ends_with "0 0-255 $EIO 256-258 0 259-511" read 0 512
	expect_eq "errors counted" $(($(disk_stat d0 errors) - before)) 6
	calm
	map_to dm "$(linear)"
	ends_with "0 0-511" read 0 512
	calm
}

# A request that touches a bad block fails as a whole.
one_large()
{
	map_to dm "$(bad_blocks 300 300)"
	guest '! dd if=/dev/ioca of=/dev/null bs=64k skip=18 count=1 iflag=direct 2>/dev/null'
	guest 'dd if=/dev/ioca of=/dev/null bs=64k skip=19 count=1 iflag=direct 2>/dev/null'
	map_to dm "$(linear)"
	calm
}

bad_sectors()
{
	local before

	before=$(disk_stat d0 errors)
	echo "+1024-1031" > $NULLB/disk/badblocks
	echo "+2048-2063" > $NULLB/disk/badblocks
	ends_with "0 0-127 $EIO 128-128 0 129-255 $EIO 256-257 0 258-511" read 0 512
	ends_with "0 0-127 $EIO 128-128 0 129-255 $EIO 256-257 0 258-511" write 0 512
	expect_eq "errors counted" $(($(disk_stat d0 errors) - before)) 6
	echo "-0-131071" > $NULLB/disk/badblocks
	ends_with "0 0-511" write 0 512
	calm
}

# Blocks that go bad and are well again under load.
bad_sectors_come_and_go()
{
	local i before

	storm_start
	for i in $(seq "$(cycles 2 30)"); do
		before=$(disk_stat d0 errors)
		echo "+8-2047" > $NULLB/disk/badblocks
		wait_for 30 errors_since "$before" 5
		echo "-0-131071" > $NULLB/disk/badblocks
	done
	storm_ends
	expect_ge "errors in the guest" "$(storm_says "errno $EIO")" "$(cycles 10 150)"
	calm
}

scsi_disk()
{
	basename /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/*
}

scsi_here()
{
	[ -b "/dev/$(scsi_disk)" ]
}

# A SCSI disk that cannot read block 256 says why, and so does the guest's.
medium_error()
{
	modprobe sd_mod
	modprobe scsi_debug dev_size_mb=64 max_luns=1 delay=0 opts=2 \
		medium_error_start=2048 medium_error_count=8 || skip "there is no scsi_debug"
	wait_for 10 scsi_here
	echo 2 > "/sys/block/$(scsi_disk)/queue/nomerges"
	iocorectl disk create scsi --path "/dev/$(scsi_disk)"
	expect_eq "device" "$(attach_wait scsi)" iocb
	guest 'echo 2 > /sys/block/iocb/queue/nomerges'
	expect_eq "reads" "$(guest 'blocks read /dev/iocb 254 4' | tr -d '\r' | tr '\n' ' ')" \
		"0 254-255 $ENODATA 256-256 0 257-257 "
	expect_eq "writes" "$(guest 'blocks write /dev/iocb 0 250' | tr -d '\r')" "0 0-249"
	iocorectl detach scsi
	wait_for 15 guest_lacks iocb
	iocorectl disk delete scsi
	wait_for 10 rmmod scsi_debug
}

# ---- under load ----

# storm_start [DEVICE DISK]: of STORM_BLOCKS
storm_start()
{
	guest "rm -f /tmp/stop /tmp/storm.*
		setsid sh -c 'blocks storm /dev/${1:-ioca} $STORM_BLOCKS /tmp/stop > /tmp/storm.log 2>&1
			echo \$? > /tmp/storm.rc' < /dev/null > /dev/null 2>&1 &"
	wait_for 20 storm_runs "${2:-d0}" "$(disk_stat "${2:-d0}" writes)"
}

storm_runs()
{
	[ $(($(disk_stat "$1" writes) - $2)) -gt $((STORM_BLOCKS + 200)) ]
}

storm_stop()
{
	guest 'touch /tmp/stop'
	wait_for 60 guest '[ -s /tmp/storm.rc ]'
	guest cat /tmp/storm.log | tr -d '\r' > /tmp/storm.log
	cat /tmp/storm.log
	note "$(grep -E '^[a-z]+ [0-9 ]+$' /tmp/storm.log | tr '\n' ' ')"
}

storm_says()
{
	sed -n "s/^$1 //p" /tmp/storm.log
}

storm_ends()
{
	storm_stop
	expect_eq "blocks with wrong content" "$(storm_says damaged)" 0
	expect_eq "blocks unread" "$(storm_says unread)" 0
	expect_eq "exit code" "$(guest cat /tmp/storm.rc)" 0
}

# errors_since BEFORE COUNT [DISK]
errors_since()
{
	[ $(($(disk_stat "${3:-d0}" errors) - $1)) -ge "$2" ]
}

interval_errors()
{
	local before

	before=$(disk_stat d0 errors)
	storm_start
	map_to dm "0 $(sectors /dev/disk) flakey /dev/disk 0 1 1"
	wait_for "$(cycles 60 1200)" errors_since "$before" "$(cycles 60 1000)"
	map_to dm "$(linear)"
	storm_ends
	expect_ge "errors in the guest" "$(storm_says "errno $EIO")" "$(cycles 60 1000)"
	calm
}

# Errors that come and go with the table, again and again.
table_errors()
{
	local i before

	storm_start
	for i in $(seq "$(cycles 2 30)"); do
		before=$(disk_stat d0 errors)
		map_to dm "$(bad_blocks 1 255)"
		wait_for 30 errors_since "$before" 5
		map_to dm "$(linear)"
	done
	storm_ends
	calm
}

# Can the storm tell at all?
lying_disk()
{
	storm_start
	map_to dm "0 $(sectors /dev/disk) flakey /dev/disk 0 0 1000 1 drop_writes"
	wait_for 20 storm_runs d0 "$(disk_stat d0 writes)"
	map_to dm "$(linear)"
	storm_stop
	expect_ge "blocks with wrong content" "$(storm_says damaged)" 1
	expect_eq "exit code" "$(guest cat /tmp/storm.rc)" 1
}

waits()
{
	[ "$(disk_stat d0 in_flight)" -ge 1 ]
}

# Longer than the guest's own time-out, if it is long: nothing fails.
stall()
{
	storm_start
	dmsetup suspend --noudevsync dm
	wait_for 10 waits
	sleep "$(cycles 2 45)"
	expect_ge "in flight" "$(disk_stat d0 in_flight)" 1
	dmsetup resume --noudevsync dm
	storm_ends
	expect_eq "errors in the guest" "$(grep -c errno /tmp/storm.log)" 0
	calm
}

# onto NAME: the table that leads there
onto()
{
	echo "0 $(sectors /dev/disk) linear /dev/$1 0"
}

# null_blk takes four seconds for a request, and is given a tenth of one.
timeouts()
{
	local before

	null_up late size=64 irqmode=2 completion_nsec=4000000000
	echo 100 > /sys/block/late/queue/io_timeout
	echo 2 > /sys/block/late/queue/nomerges
	before=$(disk_stat d0 errors)
	map_to dm "$(onto late)"
	ends_with "$ETIMEDOUT 0-7" write 0 8
	expect_eq "errors counted" $(($(disk_stat d0 errors) - before)) 8
	echo 30000 > /sys/block/late/queue/io_timeout
	ends_with "0 0-7" write 0 8
	map_to dm "$(linear)"
	calm
	rmdir $NULLB/late
}

# Half a second for a request, and a fifth of it is given: those that are under
# way whenever the block layer looks fail, the others do not.
timeouts_under_load()
{
	local STORM_BLOCKS=128

	null_up late size=64 irqmode=2 completion_nsec=500000000
	echo 2 > /sys/block/late/queue/nomerges
	iocorectl disk create late --path /dev/late
	expect_eq "device" "$(attach_wait late)" iocb
	guest 'echo 2 > /sys/block/iocb/queue/nomerges'
	storm_start iocb late
	echo 100 > /sys/block/late/queue/io_timeout
	wait_for "$(cycles 60 600)" errors_since 0 "$(cycles 20 500)" late
	echo 30000 > /sys/block/late/queue/io_timeout
	storm_ends
	expect_ge "time-outs in the guest" "$(storm_says "errno $ETIMEDOUT")" "$(cycles 20 500)"
	expect_eq "other errors in the guest" "$(grep -c '^errno' /tmp/storm.log)" 1
	expect_eq "in flight" "$(disk_stat late in_flight)" 0
	expect_eq "bad completions" "$(guest cat /sys/block/iocb/iocore/bad_completions)" 0
	iocorectl detach late
	wait_for 15 guest_lacks iocb
	iocorectl disk delete late
	rmdir $NULLB/late
	guest_log_is_clean
}

# ---- a file system ----

# Whatever ext4 was told of its writes, what it made of it is a file system, and
# what had been synced before is there.
fsck_after()
{
	guest 'umount /mnt/f || exit 1
		e2fsck -p /dev/ioca > /tmp/fsck 2>&1; [ $? -le 1 ] || { cat /tmp/fsck; exit 1; }
		e2fsck -fn /dev/ioca > /tmp/fsck 2>&1 || { cat /tmp/fsck; exit 1; }
		mount -t ext4 /dev/ioca /mnt/f
		md5sum -c /tmp/sums > /tmp/check 2>&1 || { cat /tmp/check; exit 1; }
		umount /mnt/f'
}

# tree_start: synced files, then others without an end in the guest's background
tree_start()
{
	guest 'set -e
		mkdir -p /mnt/f
		mkfs.ext4 -q -F /dev/ioca
		mount -t ext4 -o errors=continue /dev/ioca /mnt/f
		mkdir /mnt/f/kept
		for i in 1 2 3 4 5 6 7 8; do
			dd if=/dev/urandom of=/mnt/f/kept/$i bs=4k count=$((i * 16)) 2> /dev/null
		done
		sync
		md5sum /mnt/f/kept/* > /tmp/sums
		rm -f /tmp/stop /tmp/tree.*
		setsid sh -c "n=0
			while [ ! -e /tmp/stop ]; do
				n=\$((n + 1))
				dd if=/dev/urandom of=/mnt/f/\$((n % 32)) bs=4k count=16 conv=fsync
				rm -f /mnt/f/\$((n * 7 % 32))
				sleep 0.1
			done
			: > /tmp/tree.end" < /dev/null > /dev/null 2>&1 &'
}

tree_stop()
{
	guest 'touch /tmp/stop'
	wait_for 60 guest '[ -e /tmp/tree.end ]'
}

# under_ext4 FAULT...: commands that begin and end one
under_ext4()
{
	local before

	before=$(disk_stat d0 errors)
	tree_start
	"$1"
	wait_for 60 errors_since "$before" 1
	"$2"
	tree_stop
	fsck_after
	calm
}

flakey_on()
{
	map_to dm "0 $(sectors /dev/disk) flakey /dev/disk 0 1 1"
}

flakey_off()
{
	map_to dm "$(linear)"
}

bad_on()
{
	echo "+2048-131071" > $NULLB/disk/badblocks
}

bad_off()
{
	echo "-0-131071" > $NULLB/disk/badblocks
}

# ---- a disk that goes ----

# Everything fails, nothing hangs, and detach works as ever.
gone_ends()
{
	storm_stop
	expect_eq "blocks with wrong content" "$(storm_says damaged)" 0
	expect_eq "blocks unread" "$(storm_says unread)" $STORM_BLOCKS
	grep -E "^errno ($GONE) " /tmp/storm.log
	expect_eq "in flight" "$(disk_stat "$1" in_flight)" 0
	expect_eq "bad completions" "$(guest cat /sys/block/iocb/iocore/bad_completions)" 0
	guest_log_is_clean
	timeout 150 iocorectl detach "$1"
	wait_for 15 guest_lacks iocb
	iocorectl disk delete "$1"
}

works_again()
{
	iocorectl disk create "$1" --path "$2"
	expect_eq "device" "$(attach_wait "$1")" iocb
	expect_eq "anew" "$(guest "blocks write /dev/iocb 0 256" | tr -d '\r')" "0 0-255"
	iocorectl detach "$1"
	wait_for 15 guest_lacks iocb
	iocorectl disk delete "$1"
}

null_removed()
{
	null_up gone size=64 irqmode=2 completion_nsec=2000000
	iocorectl disk create gone --path /dev/gone
	expect_eq "device" "$(attach_wait gone)" iocb
	storm_start iocb gone
	echo 0 > $NULLB/gone/power
	gone_ends gone
	rmdir $NULLB/gone
	null_up gone size=64
	works_again gone /dev/gone
	rmdir $NULLB/gone
}

nvme_here()
{
	[ -b /dev/nvme0n1 ]
}

nvme_removed()
{
	[ -b /dev/nvme0n1 ] || skip "there is no NVMe disk"
	iocorectl disk create nvme --path /dev/nvme0n1
	expect_eq "device" "$(attach_wait nvme)" iocb
	storm_start iocb nvme
	echo 1 > /sys/class/nvme/nvme0/device/remove
	gone_ends nvme
	echo 1 > /sys/bus/pci/rescan
	wait_for 20 nvme_here
	works_again nvme /dev/nvme0n1
}

# The disk that had all the faults, at the end: as good as new.
as_before()
{
	storm_start
	sleep 1
	storm_ends
	expect_eq "errors in the guest" "$(grep -c errno /tmp/storm.log)" 0
	leak_check
}

# all_fail: four kinds: reads and writes that the table fails, and null_blk
all_fail()
{
	local blocks=$((REQUESTS / 8))

	map_to dm "0 $(sectors /dev/disk) error"
	ends_with "$EIO 0-$((blocks - 1))" write 0 $blocks
	ends_with "$EIO 0-$((blocks - 1))" read 0 $blocks
	map_to dm "$(linear)"
	echo "+0-131071" > $NULLB/disk/badblocks
	ends_with "$EIO 0-$((blocks - 1))" write 0 $blocks
	ends_with "$EIO 0-$((blocks - 1))" read 0 $blocks
	echo "-0-131071" > $NULLB/disk/badblocks
}

# An object for each read or write, in the host or in the guest, would be found.
requests_leak_nothing()
{
	local LEAK_GUEST=l2 before

	before=$(disk_stat d0 errors)
	leak_mark requests
	all_fail
	leak_half requests
	all_fail
	expect_eq "errors counted" $(($(disk_stat d0 errors) - before)) $REQUESTS
	leak_check $((REQUESTS / 4)) requests
	calm
}

tap_begin
need_iocore
tap_setup prepare
tap_point "errors: the requests that the backend failed, and no other" exact_errors
tap_point "errors: a request with one bad block in it" one_large
tap_point "bad sectors of null_blk: these requests, and no other" bad_sectors
tap_point "a medium error of a SCSI disk: this block, and its errno" medium_error
tap_point "errors in intervals under load (dm-flakey): what was acknowledged is there" interval_errors
tap_point "bad sectors of null_blk that come and go under load: what was acknowledged is there" \
	bad_sectors_come_and_go
tap_point "errors that come and go under load: what was acknowledged is there" table_errors
tap_point "a backend that drops writes is found out" lying_disk
tap_point "a backend that stalls: all waits, nothing fails" stall
tap_point "a backend that times out: all of its requests fail, once, with ETIMEDOUT" timeouts
tap_point "time-outs of null_blk in intervals under load: what was acknowledged is there" \
	timeouts_under_load
tap_point "ext4 on errors in intervals (dm-flakey): fsck is clean, what was synced is there" \
	under_ext4 flakey_on flakey_off
tap_point "ext4 on bad sectors of null_blk: fsck is clean, what was synced is there" \
	under_ext4 bad_on bad_off
tap_point "a null_blk disk removed under load" null_removed
tap_long_point "an NVMe disk removed under load" nvme_removed
tap_point "$REQUESTS requests that failed leave nothing behind, in the host and in the guest" \
	requests_leak_nothing
tap_point "after all faults: no error, nothing left behind" as_before
tap_end
