#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# ext4 in the guest over a disk whose writes are logged. At every mark, and at
# flushes between them, the disk is made what it was then: the file system is sound
# when its journal is replayed, and every file that was synced is there and whole.

HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../lib/tap.sh"
. "$HERE/../lib/vm.sh"
. "$HERE/../lib/fsck.sh"
. "$HERE/stack.sh"

ROUNDS=${IOCORE_CYCLES:-$(cycles 3 30)}
STATES=$(cycles 4 60)
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
	log_up lw /dev/disk /dev/log
	iocorectl disk create d0 --path /dev/mapper/lw
	expect_eq "device" "$(attach_wait d0)" ioca
	mkdir -p $MNT
}

make_fs()
{
	guest 'mkfs.ext4 -q -F -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 /dev/ioca &&
		mkdir -p /mnt/d && mount -t ext4 /dev/ioca /mnt/d && sync'
	log_mark lw mkfs
}

# Files synced each by itself and then renamed, and others that nobody synced. The
# last fsync commits the journal, and the renames with it. The sums are of what was
# synced.
round()
{
	guest "set -e
		cd /mnt/d
		mkdir -p r$1
		for i in 1 2 3 4 5 6; do
			dd if=/dev/urandom of=r$1/new bs=4k count=\$((i * 3)) conv=fsync 2>/dev/null
			mv r$1/new r$1/f\$i
			dd if=/dev/urandom of=r$1/loose\$i bs=4k count=8 2>/dev/null
		done
		dd if=/dev/urandom of=same bs=4k count=$((5 + $1)) conv=fsync 2>/dev/null
		md5sum r$1/f? same" | tr -d '\r' > "/tmp/sums.$1"
	expect_eq "files" "$(wc -l < "/tmp/sums.$1")" 7
	log_mark lw "round$1"
}

all_rounds()
{
	local r

	for r in $(seq "$ROUNDS"); do
		round "$r"
	done
	guest 'umount /mnt/d'
	iocorectl detach d0
	wait_for 15 guest_lacks ioca
	iocorectl disk delete d0
	log_down lw
	note "$("$HERE/durable-check" count /dev/log | tr '\n' ' ')"
}

# state UNTIL: /dev/again is the disk of that time
state()
{
	wiped /dev/again
	"$HERE/durable-check" image /dev/log /dev/again "$1"
	blockdev --flushbufs /dev/again
}

# The journal is replayed, and then e2fsck finds nothing.
sound()
{
	ext4_sound /dev/again
}

# Earlier rounds' files too; `same` is that of the round, or of a later one.
files_whole()
{
	local r

	mount -t ext4 -o ro /dev/again $MNT
	for r in $(seq "$1"); do
		grep -v ' same$' "/tmp/sums.$r" > /tmp/sums.check
		[ "$r" -ne "$1" ] || cp "/tmp/sums.$r" /tmp/sums.check
		(cd $MNT && md5sum --quiet -c /tmp/sums.check)
	done
	umount $MNT
}

at_marks()
{
	local r

	for r in $(seq "$ROUNDS"); do
		state "round$r"
		sound
		files_whole "$r"
	done
}

# States of the log after the file system was made and until the end.
between()
{
	local total first i n

	total=$("$HERE/durable-check" count /dev/log | sed -n 's/^states=//p')
	first=$("$HERE/durable-check" count /dev/log mkfs | sed -n 's/^states=//p')
	expect_ge "states" $((total - first)) "$STATES"
	for i in $(seq "$STATES"); do
		n=$((first + i * (total - first) / STATES))
		state "$n"
		sound
	done
	note "$STATES of $((total - first)) states looked at"
}

# The disk as it was before the last round cannot have its files.
old_state()
{
	state mkfs
	sound
	mount -t ext4 -o ro /dev/again $MNT
	if (cd $MNT && md5sum --quiet -c "/tmp/sums.$ROUNDS"); then
		fail "the files were there before they were written"
	fi
	umount $MNT
}

tap_begin
need_iocore
tap_setup prepare
tap_point "ext4 is made on a disk whose writes are logged" make_fs
tap_point "files are written, synced and renamed" all_rounds
tap_point "FLUSH: at every mark ext4 is sound and each synced file whole" at_marks
tap_point "FLUSH: after flushes between the marks ext4 is sound" between
tap_point "an older state lacks the files" old_state
tap_end
