#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What a guest asks of a disk is what its backend does: discard, zeroes, FUA,
# write through, limits, size, errors. Backends are a file, null_blk and a SCSI
# disk; that bios carry what they must is read from the block trace points.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/guest_tools.sh"

TRACE=/sys/kernel/tracing
# Nobody answers for udev here: dmsetup makes its nodes itself.
export DM_DISABLE_UDEV=1
MIB=$((1 << 20))
# Segments of a request that the protocol has room for.
SEGMENTS=256

prepare()
{
	host_clear
	nvme_up
	core_up io0
	vm_up
	guest_tools io0
}

cleanup()
{
	echo 0 > $TRACE/events/block/block_bio_queue/enable
	host_clear
	umount /run/small
	dmsetup remove shifted
	rmmod scsi_debug
}

# disk_add NAME PATH [ATTRIBUTE=VALUE...]: prints the guest's device
disk_add()
{
	local dir=$CFG/disks/$1 a

	mkdir "$dir"
	for a in "path=$2" "${@:3}" enable=1; do
		echo "${a#*=}" > "$dir/${a%%=*}"
	done
	attach_wait "$1"
}

disk_del()
{
	local dev=$2

	iocorectl detach "$1"
	wait_for 15 guest_lacks "$dev"
	iocorectl disk delete "$1"
}

# set_refused ERROR ATTRIBUTE VALUE: of disk d
set_refused()
{
	local out

	if out=$( { echo "$3" > "$CFG/disks/d/$2"; } 2>&1); then
		fail "$2 may be '$3'"
	fi
	[[ $out == *"$1"* ]] || fail "$2 '$3': $out, not $1"
}

random_file()
{
	dd if=/dev/urandom of="$1" bs=1M count="$2" conv=fsync status=none
}

# bytes PATH OFFSET_MIB MIB: a sum of that part, past the host's page cache
bytes()
{
	dd if="$1" bs=1M skip="$2" count="$3" iflag=direct status=none | md5sum
}

zeroes()
{
	head -c $(($1 * MIB)) /dev/zero | md5sum
}

expect_zero()
{
	expect_eq "MiB $2 to $(($2 + $3)) of $1" "$(bytes "$1" "$2" "$3")" "$(zeroes "$3")"
}

# KiB that a file holds
space()
{
	echo $(($(stat -c %b "$1") / 2))
}

# ---- bios of a device, by the block layer's trace points ----

bios_watch()
{
	local dev

	dev=$(lsblk -ndo MAJ:MIN "$1" | tr -d ' ')
	echo "dev == $(((${dev%:*} << 20) | ${dev#*:}))" > $TRACE/events/block/block_bio_queue/filter
	echo > $TRACE/trace
	echo 1 > $TRACE/events/block/block_bio_queue/enable
}

# bios RWBS: how many of this kind came since
bios()
{
	echo 0 > $TRACE/events/block/block_bio_queue/enable
	grep -cE "block_bio_queue: [0-9,]+ $1 " $TRACE/trace || true
}

# guest_writes DEVICE COUNT [FLAG]: of 4 KiB
guest_writes()
{
	tool dd if=/dev/zero of="/dev/$1" bs=4k count="$2" oflag="direct${3:+,$3}" status=none
}

# ---- points ----

attributes()
{
	mkdir "$CFG/disks/d"
	set_refused "Invalid" queues 0
	set_refused "Invalid" queues 65
	set_refused "Invalid" write_cache sideways
	set_refused "Invalid" rescan 0
	set_refused "No such device" rescan 1
	null_up n0
	echo /dev/n0 > "$CFG/disks/d/path"
	echo 3 > "$CFG/disks/d/queues"
	echo through > "$CFG/disks/d/write_cache"
	echo 1 > "$CFG/disks/d/enable"
	set_refused "busy" queues 4
	set_refused "busy" write_cache back
	expect_eq "queues" "$(cat "$CFG/disks/d/queues")" 3
	expect_eq "write_cache" "$(cat "$CFG/disks/d/write_cache")" through
	rmdir "$CFG/disks/d"
	null_clear
}

file_discard()
{
	local f=/run/files/a.img before

	random_file $f 32
	cp $f /tmp/a
	before=$(space $f)
	expect_eq "device" "$(disk_add d $f)" ioca
	tool blkdiscard -o $((4 * MIB)) -l $((8 * MIB)) /dev/ioca
	expect_le "KiB after the discard" "$(space $f)" $((before - 8 * 1024))
	expect_eq "size" "$(stat -c %s $f)" $((32 * MIB))
	expect_eq "what is before" "$(bytes $f 0 4)" "$(bytes /tmp/a 0 4)"
	expect_eq "what is after" "$(bytes $f 12 20)" "$(bytes /tmp/a 12 20)"
	expect_eq "bytes counted" "$(disk_stat d discard_bytes)" $((8 * MIB))
	expect_ge "discards counted" "$(disk_stat d discards)" 1
}

file_zeroes_keep()
{
	local f=/run/files/a.img before

	before=$(space $f)
	tool blkdiscard -z -o $((16 * MIB)) -l $((4 * MIB)) /dev/ioca
	expect_zero $f 16 4
	expect_eq "what is before" "$(bytes $f 12 4)" "$(bytes /tmp/a 12 4)"
	expect_eq "what is after" "$(bytes $f 20 12)" "$(bytes /tmp/a 20 12)"
	expect_ge "KiB" "$(space $f)" "$before"
	expect_ge "counted" "$(disk_stat d write_zeroes)" 1
}

file_zeroes_unmap()
{
	local f=/run/files/a.img before

	before=$(space $f)
	tool fallocate -p -o $((24 * MIB)) -l $((8 * MIB)) /dev/ioca
	expect_zero $f 24 8
	expect_eq "what is before" "$(bytes $f 20 4)" "$(bytes /tmp/a 20 4)"
	expect_le "KiB" "$(space $f)" $((before - 8 * 1024))
	expect_eq "size" "$(stat -c %s $f)" $((32 * MIB))
	expect_eq "errors" "$(disk_stat d errors)" 0
	disk_del d ioca
}

# The queue takes the new size from the next turn on, the guest by an event.
file_grows()
{
	local f=/run/files/a.img

	random_file $f 32
	expect_eq "device" "$(disk_add d $f)" ioca
	truncate -s $((48 * MIB)) $f
	expect_eq "before the rescan" "$(guest blockdev --getsize64 /dev/ioca)" $((32 * MIB))
	echo 1 > "$CFG/disks/d/rescan"
	expect_eq "capacity" "$(disk_stat d capacity)" $((48 * 2048))
	wait_for 15 guest "[ \$(blockdev --getsize64 /dev/ioca) = $((48 * MIB)) ]"
	tool dd if=/dev/urandom of=/dev/ioca bs=1M seek=40 count=8 oflag=direct status=none
	tool_sh 'dd if=/dev/ioca bs=1M skip=40 count=8 iflag=direct status=none | md5sum' > /tmp/sum
	expect_eq "what is new" "$(bytes $f 40 8)" "$(cat /tmp/sum)"
	expect_eq "errors" "$(disk_stat d errors)" 0
}

file_shrinks()
{
	local f=/run/files/a.img

	truncate -s $((24 * MIB)) $f
	expect_refusal 1 "Input/output error" \
		tool dd if=/dev/zero of=/dev/ioca bs=4k seek=10000 count=1 oflag=direct
	expect_eq "size of the file" "$(stat -c %s $f)" $((24 * MIB))
	echo 1 > "$CFG/disks/d/rescan"
	wait_for 15 guest "[ \$(blockdev --getsize64 /dev/ioca) = $((24 * MIB)) ]"
	guest_writes ioca 4
	expect_eq "size of the file" "$(stat -c %s $f)" $((24 * MIB))
	disk_del d ioca
}

# tmpfs knows holes, but not ranges of zeroes.
file_without_zero_range()
{
	local f=/run/small/z.img

	mkdir -p /run/small
	mount -t tmpfs -o size=8m none /run/small
	random_file $f 4
	cp $f /tmp/z
	expect_eq "device" "$(disk_add d $f)" ioca
	tool blkdiscard -z -o $MIB -l $MIB /dev/ioca
	expect_zero $f 1 1
	expect_eq "what is before" "$(bytes $f 0 1)" "$(bytes /tmp/z 0 1)"
	expect_eq "what is after" "$(bytes $f 2 2)" "$(bytes /tmp/z 2 2)"
	expect_eq "KiB" "$(space $f)" 4096
	disk_del d ioca
}

out_of_space()
{
	truncate -s 64M /run/small/z.img
	expect_eq "device" "$(disk_add d /run/small/z.img)" ioca
	expect_refusal 1 "No space left" tool dd if=/dev/zero of=/dev/ioca bs=1M count=32 oflag=direct
	expect_ge "errors" "$(disk_stat d errors)" 1
	disk_del d ioca
	umount /run/small
}

bdev_discard()
{
	null_up n0 discard=1 cache_size=160
	dd if=/dev/urandom of=/dev/n0 bs=1M count=16 oflag=direct status=none
	bytes /dev/n0 8 8 > /tmp/rest
	expect_eq "device" "$(disk_add d /dev/n0)" ioca
	bios_watch /dev/n0
	tool blkdiscard -l $((8 * MIB)) /dev/ioca
	expect_ge "discards of the device" "$(bios 'DS?')" 1
	expect_zero /dev/n0 0 8
	expect_eq "what is after" "$(bytes /dev/n0 8 8)" "$(cat /tmp/rest)"
	expect_eq "bytes counted" "$(disk_stat d discard_bytes)" $((8 * MIB))
}

# null_blk must be sent pages of zeroes.
bdev_zeroes_by_pages()
{
	tool blkdiscard -z -o $((12 * MIB)) -l $((4 * MIB)) /dev/ioca
	expect_zero /dev/n0 12 4
	expect_ge "counted" "$(disk_stat d write_zeroes)" 1
	expect_eq "errors" "$(disk_stat d errors)" 0
}

fua()
{
	expect_eq "fua of the guest's disk" "$(guest cat /sys/block/ioca/queue/fua)" 1
	bios_watch /dev/n0
	guest_writes ioca 8
	expect_eq "FUA of plain writes" "$(bios WFS)" 0
	bios_watch /dev/n0
	guest_writes ioca 8 dsync
	expect_eq "FUA of synchronous writes" "$(bios WFS)" 8
}

cache_switched_by_guest()
{
	local type=/sys/block/ioca/iocore/cache_type

	expect_eq "cache" "$(guest cat $type)" "write back"
	bios_watch /dev/n0
	guest "echo 'write through' > $type"
	expect_ge "flushes at the switch" "$(bios FWS)" 1
	expect_eq "cache" "$(guest cat $type)" "write through"
	bios_watch /dev/n0
	guest_writes ioca 8
	expect_eq "FUA when written through" "$(bios WFS)" 8
	guest "echo 'write back' > $type"
	bios_watch /dev/n0
	guest_writes ioca 8
	expect_eq "FUA when written back" "$(bios WFS)" 0
	disk_del d ioca
}

cache_through()
{
	expect_eq "device" "$(disk_add d /dev/n0 write_cache=through)" ioca
	expect_eq "cache" "$(guest cat /sys/block/ioca/iocore/cache_type)" "write through"
	bios_watch /dev/n0
	guest_writes ioca 8
	expect_eq "FUA of plain writes" "$(bios WFS)" 8
	bios_watch /dev/n0
	tool blkdiscard -z -l $MIB /dev/ioca
	expect_ge "flushes behind zeroes" "$(bios FWS)" 1
	if guest "echo 'write back' > /sys/block/ioca/iocore/cache_type"; then
		fail "the guest may override the administrator"
	fi
	disk_del d ioca
}

# Without a volatile cache FUA means nothing.
no_cache()
{
	null_up n1
	expect_eq "device" "$(disk_add d /dev/n1)" ioca
	expect_eq "cache" "$(guest cat /sys/block/ioca/iocore/cache_type)" "write through"
	bios_watch /dev/n1
	guest_writes ioca 8 dsync
	expect_eq "FUA" "$(bios WFS)" 0
	disk_del d ioca
}

readonly_refuses()
{
	local sum

	sum=$(bytes /dev/n0 0 16)
	expect_eq "device" "$(disk_add d /dev/n0 readonly=1)" ioca
	expect_eq "ro" "$(guest cat /sys/block/ioca/ro)" 1
	expect_rc 1 tool blkdiscard /dev/ioca
	expect_rc 1 tool blkdiscard -z /dev/ioca
	expect_eq "content" "$(bytes /dev/n0 0 16)" "$sum"
	disk_del d ioca
}

small_requests()
{
	null_up n2 max_sectors=64
	expect_eq "device" "$(disk_add d /dev/n2)" ioca
	expect_eq "KiB" "$(guest cat /sys/block/ioca/queue/max_hw_sectors_kb)" 32
	fio_guest ioca --rw=randwrite --bs=128k --size=4m --iodepth=8 --verify=crc32c \
		--do_verify=1 --verify_fatal=1
	expect_le "bytes a write" $(($(disk_stat d write_bytes) / $(disk_stat d writes))) 32768
	disk_del d ioca
}

bad_block()
{
	null_up n3
	echo "+8192-8199" > "$NULLB/n3/badblocks"
	expect_eq "device" "$(disk_add d /dev/n3)" ioca
	expect_refusal 1 "Input/output error" \
		tool dd if=/dev/ioca of=/dev/null bs=4k skip=1024 count=1 iflag=direct
	tool dd if=/dev/ioca of=/dev/null bs=4k skip=1025 count=1 iflag=direct
	expect_eq "errors" "$(disk_stat d errors)" 1
	disk_del d ioca
}

scsi_up()
{
	modprobe sd_mod && modprobe scsi_debug dev_size_mb=64 physblk_exp=3 opt_blks=64 lbpu=1 lbpws=1 \
		unmap_granularity=8 opts=2 "$@" || skip "scsi_debug can't be loaded"
	wait_for 20 scsi_ready
}

scsi_ready()
{
	[ -b "$(scsi_dev)" ]
}

scsi_dev()
{
	echo "/dev/$(basename "$(echo /sys/bus/pseudo/drivers/scsi_debug/adapter0/host*/target*/*/block/*)")"
}

scsi_down()
{
	disk_del d ioca
	wait_for 10 rmmod scsi_debug
}

# device_limit FILE, guest_limit FILE: of the device, of its disk in the guest
device_limit()
{
	cat "/sys/block/$(basename "$(scsi_dev)")/$1"
}

guest_limit()
{
	guest cat "/sys/block/ioca/$1"
}

# Here the device could take more segments than a request has room for; basic.sh has
# one that takes fewer.
scsi_limits()
{
	local q=/sys/block/ioca/queue

	scsi_up opt_xferlen_exp=4
	expect_eq "device" "$(disk_add d "$(scsi_dev)")" ioca
	expect_ge "segments of the device" "$(device_limit queue/max_segments)" $((SEGMENTS + 1))
	expect_eq "segments" "$(guest_limit queue/max_segments)" $SEGMENTS
	expect_eq "minimum I/O of the device" "$(device_limit queue/minimum_io_size)" 8192
	expect_eq "minimum I/O" "$(guest_limit queue/minimum_io_size)" 8192
	expect_eq "alignment" "$(guest_limit alignment_offset)" 0
	expect_eq "logical block" "$(guest cat $q/logical_block_size)" 512
	expect_eq "physical block" "$(guest cat $q/physical_block_size)" 4096
	expect_eq "optimal I/O" "$(guest cat $q/optimal_io_size)" 32768
	expect_eq "discard granularity" "$(guest cat $q/discard_granularity)" 4096
	expect_ge "longest discard" "$(guest cat $q/discard_max_bytes)" $MIB
	expect_ge "longest zeroing" "$(guest cat $q/write_zeroes_max_bytes)" $MIB
}

# mapped MIB COUNT: MiB of that part of the device that have storage. Its map has a
# bit for each 4 KiB.
mapped()
{
	tr ',' '\n' < /sys/bus/pseudo/drivers/scsi_debug/map |
		awk -F- -v from=$(($1 * 256)) -v to=$((($1 + $2) * 256)) '
			NF {
				first = $1 > from ? $1 : from
				end = (NF > 1 ? $2 : $1) + 1
				end = end < to ? end : to
				n += end > first ? end - first : 0
			}
			END { print n / 256 }'
}

# A device that zeroes by itself, both ways: the storage goes only where it may.
scsi_zeroes()
{
	local dev

	dev=$(scsi_dev)
	dd if=/dev/urandom of="$dev" bs=1M seek=8 count=8 oflag=direct status=none
	bytes "$dev" 12 4 > /tmp/rest
	expect_eq "MiB that were written" "$(mapped 8 8)" 8
	bios_watch "$dev"
	tool fallocate -p -o $((8 * MIB)) -l $((2 * MIB)) /dev/ioca
	expect_eq "MiB left where storage may go" "$(mapped 8 2)" 0
	tool blkdiscard -z -o $((10 * MIB)) -l $((2 * MIB)) /dev/ioca
	expect_eq "MiB left where it has to stay" "$(mapped 10 2)" 2
	expect_ge "zeroings of the device" "$(bios 'NS?')" 2
	expect_eq "MiB of what is after" "$(mapped 12 4)" 4
	expect_zero "$dev" 8 4
	expect_eq "what is after" "$(bytes "$dev" 12 4)" "$(cat /tmp/rest)"
}

# Its physical blocks begin at its second sector; those of what begins with that
# sector, at the first.
scsi_alignment()
{
	local dev

	modprobe dm-mod || skip "this kernel has no dm-mod"
	scsi_up lowest_aligned=1
	dev=$(scsi_dev)
	expect_eq "alignment of the device" "$(device_limit alignment_offset)" 512
	expect_eq "device" "$(disk_add d "$dev")" ioca
	expect_eq "alignment" "$(guest_limit alignment_offset)" 512
	disk_del d ioca
	dmsetup create shifted --table "0 65536 linear $dev 1"
	expect_eq "device" "$(disk_add d /dev/mapper/shifted)" ioca
	expect_eq "alignment, one sector on" "$(guest_limit alignment_offset)" 0
	disk_del d ioca
	dmsetup remove shifted
	dmsetup create shifted --table "0 65536 linear $dev 3"
	expect_eq "device" "$(disk_add d /dev/mapper/shifted)" ioca
	expect_eq "alignment, three sectors on" "$(guest_limit alignment_offset)" 3072
	expect_eq "physical block" "$(guest_limit queue/physical_block_size)" 4096
	disk_del d ioca
	dmsetup remove shifted
	wait_for 10 rmmod scsi_debug
}

# Pages of zeroes are sent by a worker, for the VM.
zeroes_charged()
{
	local cg=/sys/fs/cgroup/iocore-semantics dev before after

	mountpoint -q /sys/fs/cgroup || mount -t cgroup2 none /sys/fs/cgroup
	grep -qw io /sys/fs/cgroup/cgroup.controllers || skip "no io controller"
	echo +io > /sys/fs/cgroup/cgroup.subtree_control
	mkdir -p $cg
	vm_pid > $cg/cgroup.procs
	null_up n4
	dev=$(disk_add charged /dev/n4)
	before=$(charged $cg n4)
	tool blkdiscard -z -l $((4 * MIB)) "/dev/$dev"
	after=$(charged $cg n4)
	disk_del charged "$dev"
	vm_pid > /sys/fs/cgroup/cgroup.procs
	rmdir $cg
	expect_ge "bytes" $((after - before)) $((4 * MIB))
}

# charged CGROUP DEVICE: bytes written
charged()
{
	awk -v dev="$(lsblk -ndo MAJ:MIN "/dev/$2" | tr -d ' ')" '
		$1 == dev { for (i = 2; i <= NF; i++) if (sub("^wbytes=", "", $i)) sum += $i }
		END { print sum + 0 }' "$1/io.stat"
}

# scsi_debug can't read the sectors from 0x1234 on.
medium_error()
{
	expect_refusal 1 "No data available" \
		tool dd if=/dev/ioca of=/dev/null bs=512 skip=$((0x1234)) count=1 iflag=direct
	guest 'dmesg | grep -i "critical medium error, dev ioca"'
	scsi_down
}

# Somebody has the device open, so that what was written to the page cache stays there
# when its writer closes it. The guest reads it all the same, and afterwards nothing old
# is left there.
page_cache_of_others()
{
	local dev

	null_up shared size=16
	exec 5< /dev/shared
	random_file /tmp/content 4
	dd if=/tmp/content of=/dev/shared bs=1M conv=notrunc status=none
	dev=$(disk_add d /dev/shared)
	expect_eq "what the guest reads" \
		"$(guest "dd if=/dev/$dev bs=1M count=4 iflag=direct 2>/dev/null | md5sum")" \
		"$(md5sum < /tmp/content)"
	guest "dd if=/dev/zero of=/dev/$dev bs=1M count=4 oflag=direct"
	expect_eq "what the host reads" "$(head -c $((4 * MIB)) /dev/shared | md5sum)" "$(zeroes 4)"
	disk_del d "$dev"
	exec 5<&-
	rmdir "$NULLB/shared"
}

zoned_refused()
{
	null_up nz zoned=1 zone_size=4
	mkdir "$CFG/disks/d"
	echo /dev/nz > "$CFG/disks/d/path"
	set_refused "not supported" enable 1
	expect_eq "enabled" "$(cat "$CFG/disks/d/enable")" 0
	rmdir "$CFG/disks/d"
}

# 32 bytes and no zero behind them
serial()
{
	local id=0123456789abcdef0123456789ABCDEF

	expect_eq "device" "$(disk_add d /dev/n0 serial=$id)" ioca
	expect_eq "serial" "$(guest cat /sys/block/ioca/serial)" $id
}

sum()
{
	local n total=0

	for n in $1; do
		total=$((total + n))
	done
	echo $total
}

histograms()
{
	local k

	fio_guest ioca --rw=randrw --bs=4k --size=1m --iodepth=4 --fsync=16
	tool blkdiscard -l $MIB /dev/ioca
	wait_for 5 grep -qx 0 "$SYS/disks/d/in_flight"
	for k in read:reads write:writes flush:flushes; do
		expect_eq "${k%:*}" "$(sum "$(disk_stat d latency_"${k%:*}")")" \
			"$(disk_stat d "${k#*:}")"
	done
	expect_eq "discard" "$(sum "$(disk_stat d latency_discard)")" \
		$(($(disk_stat d discards) + $(disk_stat d write_zeroes)))
	expect_ge "reads" "$(disk_stat d reads)" 32
	expect_eq "entries" "$(disk_stat d latency_read | wc -w)" 24
}

queue_value()
{
	awk -v key="$2" '$1 == key { print $2 }' "$SYS/vms/$(vm_pid)-0/queues/$1"
}

queue_counters()
{
	local before after

	before=$(queue_value 0-0 requests)
	tool dd if=/dev/ioca of=/dev/null bs=4k count=64 iflag=direct status=none
	after=$(queue_value 0-0 requests)
	expect_ge "requests" $((after - before)) 64
	expect_eq "completions" "$(queue_value 0-0 completions)" "$(queue_value 0-0 requests)"
	expect_eq "in flight" "$(queue_value 0-0 in_flight)" 0
	expect_eq "core" "$(queue_value 0-0 core)" io0
	expect_ge "notified or not needed" \
		$(($(queue_value 0-0 notified) + $(queue_value 0-0 suppressed))) 64
	disk_del d ioca
	[ ! -e "$SYS/vms/$(vm_pid)-0/queues/0-0" ] || fail "the queue is gone, its file is not"
}

tap_begin
need_iocore
tap_setup prepare
tap_point "attributes take what makes sense, while the disk is off" attributes
tap_point "discard: a file gives its storage back" file_discard
tap_point "write zeroes: a file keeps its storage" file_zeroes_keep
tap_point "write zeroes, unmap: a file gives its storage back" file_zeroes_unmap
tap_point "write zeroes: a filesystem that can't is sent zeroes" file_without_zero_range
tap_point "errors: no space left" out_of_space
tap_point "discard: it reaches the device" bdev_discard
tap_point "write zeroes: a device that can't is sent zeroes" bdev_zeroes_by_pages
tap_point "write zeroes: they are charged to the VM's cgroup" zeroes_charged
tap_point "FUA: it reaches the device" fua
tap_point "write cache: the guest switches it" cache_switched_by_guest
tap_point "write cache: through makes each write durable" cache_through
tap_point "write cache: a device without one is not asked for FUA" no_cache
tap_point "read-only: no discard, no zeroes" readonly_refuses
tap_point "limits: the longest request is the device's" small_requests
tap_point "errors: a block that can't be read" bad_block
tap_point "limits: blocks, segments, minimum and optimal I/O, discard granularity" scsi_limits
tap_point "write zeroes: by the device, which keeps its storage or gives it back" scsi_zeroes
tap_point "errors: of the medium" medium_error
tap_point "limits: where the first physical block begins" scsi_alignment
tap_point "what others left in a device's page cache is written first" page_cache_of_others
tap_point "zoned devices are refused" zoned_refused
tap_point "serial number of full length" serial
tap_point "latency histograms count every request" histograms
tap_point "counters of a queue" queue_counters
tap_point "capacity: the running guest sees that the disk has grown" file_grows
tap_point "capacity: the running guest sees that it has shrunk" file_shrinks
tap_end
