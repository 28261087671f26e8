#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The VMM is killed in the middle of I/O: what the guest had heard to be done by
# then is on the disk, whether flushed or not. On a second disk is ext4: its journal
# is replayed, and it is sound, and each file that was synced is there and whole.

HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../lib/tap.sh"
. "$HERE/../lib/vm.sh"
. "$HERE/../lib/leak.sh"
. "$HERE/../lib/fsck.sh"

CYCLES=${IOCORE_CYCLES:-$(cycles 1 20)}
PLAN=4:1000000:16:512:3
MNT=/run/acks

cleanup()
{
	mountpoint -q $MNT && umount $MNT
	host_clear
}

# filled NAME: null_blk keeps memory for each page that was ever written.
filled()
{
	null_up "$1" size=64
	dd if=/dev/zero of="/dev/$1" bs=1M oflag=direct status=none || true
}

prepare()
{
	host_clear
	filled disk
	filled fs
	mkfs.ext4 -q -F -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 /dev/fs
	mkdir -p $MNT
	mount -t ext4 /dev/fs $MNT
	umount $MNT
	core_up io0
	iocorectl disk create d0 --path /dev/disk
	L2=l2 l2-kill
	rm -f /tmp/acks /tmp/synced.*
	leak_mark
}

acked()
{
	[ "$(grep -c '^ack' "/tmp/acks.$1")" -ge 20 ] && [ "$(synced "$1" | wc -l)" -ge 2 ]
}

nobody()
{
	[ -z "$(vm_names)" ]
}

# Files synced, renamed and kept, of which it tells, and others that come and go.
# Those of the time before go as well.
files_start()
{
	guest 'set -e
		mkdir -p /mnt/a
		mount -t ext4 -o errors=continue /dev/iocb /mnt/a
		cd /mnt/a
		rm -rf kept
		mkdir kept
		n=0
		while :; do
			n=$((n + 1))
			dd if=/dev/urandom of=new bs=4k count=$((n % 8 + 1)) conv=fsync 2> /dev/null
			sum=$(md5sum < new)
			mv new kept/$n
			sync
			echo "synced ${sum%% *}  kept/$n done"
			dd if=/dev/urandom of=loose$((n % 32)) bs=4k count=8 2> /dev/null
			rm -f loose$((n * 7 % 32))
		done' > "/tmp/files.$1" 2>&1 &
}

# synced TIME: a line for each file, as md5sum has it
synced()
{
	tr -d '\r' < "/tmp/files.$1" | sed -n 's/^synced \(.*\) done$/\1/p'
}

# Each guest goes on with generations that no earlier one has tried.
kill_once()
{
	local pids n=$1

	vm_up
	iocorectl disk create d1 --path /dev/fs
	expect_eq "device" "$(attach_wait d0)" ioca
	expect_eq "device" "$(attach_wait d1)" iocb
	guest "durable-write /dev/ioca $PLAN flush $((n * 1000000 + 1))" > "/tmp/acks.$n" 2>&1 &
	pids=$!
	files_start "$n"
	pids+=" $!"
	wait_for 60 acked "$n"
	sleep 0.$((RANDOM % 10))
	l2-kill
	# shellcheck disable=SC2086
	wait $pids || true
	wait_for 20 nobody
	iocorectl disk delete d1
	blockdev --flushbufs /dev/disk /dev/fs
	note "$("$HERE/durable-check" acks /dev/disk "$PLAN" "/tmp/acks.$n")"
	"$HERE/durable-check" acks /dev/disk "$PLAN" "/tmp/acks.$n"
	ext4_replayed /dev/fs
	note "$(head -n 2 /tmp/fsck.log)"
	synced "$n" > /tmp/synced
	note "files synced: $(wc -l < /tmp/synced)"
	synced_are_whole
	[ $((n + 1)) -ne $((CYCLES / 2)) ] || leak_half
}

synced_are_whole()
{
	local rc=0

	mount -t ext4 -o ro /dev/fs $MNT
	(cd $MNT && md5sum --quiet -c /tmp/synced) || rc=$?
	umount $MNT
	[ $rc -eq 0 ] || fail "what was synced is not there"
}

# A block that the disk lost must be found missing.
finds_loss()
{
	local last=$((CYCLES - 1))

	dd if=/dev/zero of=/dev/disk bs=1M count=1 oflag=direct conv=notrunc status=none
	expect_refusal 1 'but [0-9]+ was acknowledged' \
		"$HERE/durable-check" acks /dev/disk "$PLAN" "/tmp/acks.$last"
}

# A synced file that is missing, and a directory that leads to no inode.
finds_lost_files()
{
	local file

	file=$(awk 'NR == 1 { print $2 }' /tmp/synced)
	debugfs -w -R "rm /$file" /dev/fs
	expect_refusal 1 "$file: FAILED" synced_are_whole
	debugfs -w -R 'clri /kept' /dev/fs
	expect_refusal 1 'unused inode' ext4_sound /dev/fs
}

tap_begin
need_iocore
tap_setup prepare
for n in $(seq 0 $((CYCLES - 1))); do
	tap_point "VMM killed under load, time $((n + 1)): what was acknowledged is there, ext4 is sound" \
		kill_once "$n"
done
tap_point "after $CYCLES killed VMMs nothing is left of them" leak_check "$CYCLES"
tap_point "the check finds a block that is lost" finds_loss
tap_point "the check finds a synced file that is lost, and ext4 that is not sound" finds_lost_files
tap_end
