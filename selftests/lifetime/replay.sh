#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The host's side of a disk leaves and comes back under a verified load: no
# request fails, none is lost, none ends twice.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"
. "$(dirname "$0")/../lib/replay.sh"
. "$(dirname "$0")/../lib/leak.sh"

RETURNS=${IOCORE_CYCLES:-$(cycles 5 100)}
RELOADS=${IOCORE_CYCLES:-$(cycles 2 20)}
VM=replay
EVENTS=/sys/kernel/tracing/events/iocore_blk

# sum_of EVENT PATTERN: hits of the lines of its histogram that match
sum_of()
{
	guest "cat $EVENTS/$1/hist" | grep -E "$2" |
		awk '{ sub(/.*hitcount: */, ""); n += $1 } END { print n + 0 }'
}

# Whoever opens the disk waits until its partitions have been looked for. A first
# request makes the entries of the histograms: while one vCPU, preempted, is in the
# middle of making an entry, events of another are dropped.
count_requests()
{
	guest ": < /dev/ioca
		[ -d $EVENTS ] || mount -t tracefs t /sys/kernel/tracing
		echo 'hist:keys=slot' > $EVENTS/iocore_blk_submit/trigger
		echo 'hist:keys=status' > $EVENTS/iocore_blk_complete/trigger
		dd if=/dev/ioca of=/dev/null bs=4k count=1 iflag=direct 2> /dev/null"
}

stop_counting()
{
	guest "echo '!hist:keys=slot' > $EVENTS/iocore_blk_submit/trigger
		echo '!hist:keys=status' > $EVENTS/iocore_blk_complete/trigger"
}

# Each submission either ended once, or was submitted again. 8 is GONE.
requests_add_up()
{
	local sent ended again

	note "dropped: $(guest "cat $EVENTS/iocore_blk_submit/hist $EVENTS/iocore_blk_complete/hist" |
		awk '$1 == "Dropped:" { print $2 }' | tr '\n' ' ')"
	sent=$(sum_of iocore_blk_submit hitcount)
	ended=$(($(sum_of iocore_blk_complete 'hitcount') -
		$(sum_of iocore_blk_complete 'status: +8 ')))
	again=$(($(guest "cat /sys/block/ioca/iocore/replayed") - $1))
	stop_counting
	note "$sent submitted, $ended ended, $again submitted again"
	expect_ge "submissions" "$sent" 100
	expect_eq "submissions" "$sent" $((ended + again))
}

replayed()
{
	guest cat /sys/block/ioca/iocore/replayed
}

keep_and_attach()
{
	local i before

	leave d0
	come_back d0
	wait_for 20 state_is ioca live
	leak_mark
	before=$(replayed)
	count_requests
	load_until_told
	# Until some came back with a request in flight.
	for ((i = 0; i < RETURNS || (i < RETURNS + 20 && $(replayed) == before); i++)); do
		leave d0
		[ $((i % 2)) -eq 0 ] || sleep 0.$((RANDOM % 10))
		come_back d0
		sleep 0.$((RANDOM % 10))
	done
	load_ended
	wait_for 20 state_is ioca live
	expect_ge "requests submitted again" \
		$(($(replayed) - before)) 1
	requests_add_up "$before"
	all_is_fine
	leak_check
}

# Neither the block layer's time-out nor the guest's patience ends the wait.
waits_longer_than_requests_may()
{
	guest 'echo 1000 > /sys/block/ioca/queue/io_timeout'
	load_until_told
	leave d0
	wait_for 10 state_is ioca waiting
	sleep 5
	guest '[ ! -e /tmp/load.rc ]'
	come_back d0
	wait_for 10 state_is ioca live
	load_ended
	guest 'echo 30000 > /sys/block/ioca/queue/io_timeout'
	all_is_fine
}

# The CPU can't go before its requests have ended, and they end by the return.
cpu_leaves_meanwhile()
{
	load_until_told
	leave d0
	wait_for 10 state_is ioca waiting
	guest 'rm -f /tmp/cpu.rc; setsid sh -c "echo 0 > /sys/devices/system/cpu/cpu1/online
			echo \$? > /tmp/cpu.rc" < /dev/null > /dev/null 2>&1 & sleep 1'
	come_back d0
	wait_for 20 guest 'grep -qx 0 /tmp/cpu.rc'
	wait_for 10 state_is ioca live
	leave d0
	wait_for 10 state_is ioca waiting
	guest 'echo 1 > /sys/devices/system/cpu/cpu1/online'
	come_back d0
	load_ended
	all_is_fine
}

driver_again()
{
	guest "rmmod iocore_blk; insmod /lib/iocore_blk.ko $*"
	wait_for 15 guest_has ioca
}

# Those who poll find nothing for a while, and then what was submitted again.
polling_waits()
{
	local i

	driver_again poll_queues=1
	LOAD="--ioengine=io_uring --hipri=1" load_until_told
	for i in 1 2 3; do
		leave d0
		wait_for 10 state_is ioca waiting
		come_back d0
		wait_for 10 state_is ioca live
	done
	load_ended
	expect_ge "completions that polling found" "$(guest cat /sys/block/ioca/iocore/reaped)" 10
	all_is_fine
	driver_again
}

# ---- files on the second disk, iocb ----

# Each is named by its sum only when it is synced.
files_begin()
{
	attach_to 1 d1 > /dev/null
	wait_for 15 guest_has iocb
	guest 'mkfs.ext4 -q -F /dev/iocb && mkdir -p /mnt/d1 && mount -t ext4 /dev/iocb /mnt/d1'
	guest "rm -f /tmp/files.*
		: > /tmp/files.sums
		setsid sh -c 'n=0; rc=0
			until [ -e /tmp/files.stop ] || [ \$rc -ne 0 ]; do
				f=/mnt/d1/\$((n % 40)); n=\$((n + 1))
				dd if=/dev/urandom of=/tmp/files.new bs=16k count=4 &&
					dd if=/tmp/files.new of=\$f bs=64k conv=fsync || rc=1
				sed -i \"\\|  \$f\$|d\" /tmp/files.sums
				md5sum < /tmp/files.new | sed \"s|-\$|\$f|\" >> /tmp/files.sums
				echo \$n > /tmp/files.t
				mv /tmp/files.t /tmp/files.n
			done
			echo \$rc > /tmp/files.rc' < /dev/null > /tmp/files.log 2>&1 &"
	more_files 2
}

files_are()
{
	guest "[ -s /tmp/files.rc ] || [ \$(cat /tmp/files.n) -ge $1 ]"
}

# more_files N: so many more are synced
more_files()
{
	wait_for 30 files_are $(($(guest 'cat /tmp/files.n 2> /dev/null || echo 0') + $1))
}

# Without a journal to be replayed the filesystem is whole, and the disk has every sum.
files_end()
{
	guest 'touch /tmp/files.stop'
	wait_for 60 guest '[ -s /tmp/files.rc ]'
	guest 'cat /tmp/files.log'
	expect_eq "the writer's exit code" "$(guest cat /tmp/files.rc)" 0
	note "$(guest cat /tmp/files.n) files written and synced"
	guest 'umount /mnt/d1; e2fsck -p /dev/iocb && e2fsck -fn /dev/iocb &&
		mount -t ext4 -o ro /dev/iocb /mnt/d1 && md5sum -c /tmp/files.sums'
	expect_ge "sums" "$(guest 'grep -c . /tmp/files.sums')" 2
	guest 'umount /mnt/d1; ! dmesg | grep -iE "ext4-fs (error|warning)|remounting"'
	iocorectl detach d1
	wait_for 15 guest_lacks iocb
}

# ---- the host's module ----

reload_once()
{
	iocorectl save /tmp/replay.json
	iocorectl clear --keep
	exchange_module
	iocorectl restore /tmp/replay.json
}

# reload_round TIMES: old and new take turns, until some request was in flight.
reload_round()
{
	local i before

	files_begin
	before=$(replayed)
	load_until_told
	for ((i = 0; i < $1 || (i < $1 + 10 && $(replayed) == before); i++)); do
		reload_once
		more_files 1
	done
	wait_for 20 state_is ioca live
	load_ended
	expect_ge "requests submitted again" $(($(replayed) - before)) 1
	files_end
	all_is_fine
}

# null_blk has an object for each page that was ever written: none is new after this.
fill_backends()
{
	local d

	for d in n0 n1; do
		dd if=/dev/zero of=/dev/$d bs=1M oflag=direct status=none \
			count=$(($(blockdev --getsize64 /dev/$d) >> 20))
	done
}

reload_host()
{
	reload_once
	wait_for 20 state_is ioca live
	[ "$RELOADS" -lt $LEAK_CYCLES ] || fill_backends
	leak_mark
	if [ "$RELOADS" -lt $LEAK_CYCLES ]; then
		reload_round "$RELOADS"
	else
		reload_round $((RELOADS / 2))
		leak_half
		reload_round $((RELOADS / 2))
	fi
	note "versions: $(host_version) at the end"
	guest 'dmesg | grep -q "the host knows this guest again"'
	leak_check "$RELOADS"
}

# Notifications come again: not only those who look find the completions.
notified_again()
{
	local before

	before=$(guest cat /sys/block/ioca/iocore/notifications)
	fio_guest ioca --rw=randread --bs=4k --size=4m --iodepth=1 --number_ios=50
	expect_ge "notifications" \
		"$(($(guest cat /sys/block/ioca/iocore/notifications) - before))" 10
}

# A guest that had no disk when the host was replaced.
reload_without_disks()
{
	iocorectl detach d0
	wait_for 15 guest_lacks ioca
	iocorectl clear
	exchange_module
	make_disks
	sleep 3
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	verify ioca
	all_is_fine
}

cleanup()
{
	host_clear
	(usual_module)
}

tap_begin
need_iocore
tap_setup prepare
tap_point "replay: detached to come back and attached under load, $RETURNS times" keep_and_attach
tap_point "replay: a wait is no time-out" waits_longer_than_requests_may
tap_point "replay: a CPU goes and comes while the disk waits" cpu_leaves_meanwhile
tap_point "replay: polling I/O waits" polling_waits
tap_point "replay: host module exchanged for another build under load and files, $RELOADS times" reload_host
tap_point "replay: the host notifies again" notified_again
tap_point "replay: host module reloaded under a guest without disks" reload_without_disks
tap_end
