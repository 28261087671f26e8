#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Submission makes no exits while IOCore is awake, and no request is lost when
# it sleeps.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

prepare()
{
	host_clear
	null_up n0 memory_backed=0 size=1024
	vm_up
}

# with_core IDLE_US: one disk on a core that idles so long
with_core()
{
	local c

	if [ -d $CFG/disks/d0 ]; then
		[ ! -e "$SYS/vms/$(vm_pid)-0/disks/d0" ] || iocorectl detach d0
		iocorectl disk delete d0
	fi
	for c in $CFG/cores/*/; do
		[ ! -d "$c" ] || iocorectl core del "$(basename "$c")"
	done
	core_up io0 0 "$1"
	iocorectl disk create d0 --path /dev/n0 --core io0
	attach_wait d0
}

counters()
{
	echo "$(guest cat /sys/block/ioca/iocore/kicks) $(vm_stat kicks)" \
		"$(disk_stat d0 reads) $(cat $SYS/cores/io0/sleeps)"
}

# kicks_at QD REQUESTS: fio reads at this depth; one kick in a thousand at most, and
# each time that IOCore fell asleep, or was, a kick for each request until it is up.
kicks_at()
{
	local g0 k0 r0 s0 g1 k1 r1 s1 limit

	read -r g0 k0 r0 s0 <<< "$(counters)"
	fio_guest ioca --rw=randread --bs=4k --number_ios="$2" --size=1g --iodepth="$1"
	read -r g1 k1 r1 s1 <<< "$(counters)"
	limit=$(((r1 - r0) / 1000 + (s1 - s0 + 1) * $1))
	note "$((r1 - r0)) requests, $((g1 - g0)) kicks, $((s1 - s0)) sleeps"
	expect_ge "requests" $((r1 - r0)) "$2"
	expect_le "guest's kicks" $((g1 - g0)) $limit
	expect_le "host's kicks" $((k1 - k0)) $limit
}

awake()
{
	with_core 1000000
	kicks_at "$1" "$2"
}

# idle_us=0: IOCore sleeps whenever its rings are empty, so each request races
# with its going to sleep.
sleepy()
{
	local k0 r0 s0 k1 r1 s1

	with_core 0
	read -r _ k0 r0 s0 <<< "$(counters)"
	fio_guest ioca --rw=randread --bs=4k --number_ios="$2" --size=1g --iodepth="$1"
	read -r _ k1 r1 s1 <<< "$(counters)"
	expect_ge "requests" $((r1 - r0)) "$2"
	expect_ge "sleeps" $((s1 - s0)) 10
	expect_ge "kicks" $((k1 - k0)) 10
}

core_slept()
{
	[ "$(cat $SYS/cores/io0/sleeps)" -ge 1 ]
}

# An idle IOCore takes no CPU time.
sleeps_when_idle()
{
	local tid t0 t1

	with_core 1000
	wait_for 5 core_slept
	sleep 1
	tid=$(pgrep -x 'iocore/io0')
	t0=$(awk '{ print $14 + $15 }' "/proc/$tid/stat")
	sleep 2
	t1=$(awk '{ print $14 + $15 }' "/proc/$tid/stat")
	expect_le "ticks in two idle seconds" $((t1 - t0)) 5
}

# One request at a time, each finding IOCore asleep.
wakes_up()
{
	local w0

	w0=$(cat $SYS/cores/io0/wakeups)
	fio_guest ioca --rw=randread --bs=4k --number_ios=40 --size=1g --thinktime=100000
	expect_ge "wake-ups" $(($(cat $SYS/cores/io0/wakeups) - w0)) 20
}

tap_begin
need_iocore
tap_setup prepare
tap_point "queue depth 1: no kicks while IOCore is awake" awake 1 4000
tap_point "queue depth 16: no kicks while IOCore is awake" kicks_at 16 16000
tap_point "an idle IOCore sleeps" sleeps_when_idle
tap_point "a request wakes it" wakes_up
tap_point "idle_us=0, queue depth 1: every request completes" sleepy 1 1000
tap_point "idle_us=0, queue depth 16: every request completes" sleepy 16 3000
tap_end
