#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The tools that people look at disks with work in the guest, and agree with the
# host on how many requests there were.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/guest_tools.sh"

READS=512

prepare()
{
	host_clear
	null_up n0
	core_up io0
	iocorectl disk create d0 --path /dev/n0 --core io0
	vm_up
	expect_eq "device" "$(attach_wait d0)" ioca
	guest_tools io0
}

# One job, so that no two requests are merged.
reads()
{
	fio_guest ioca --rw=randread --bs=4k --size=64m --iodepth=8 --io_size=$((READS * 4))k \
		--norandommap > /tmp/fio.log
}

# iostat of the time since the disk came: counts, which are not rates.
guest_count()
{
	tool iostat -o JSON -k -d ioca |
		python3 -c 'import json, sys
disk = json.load(sys.stdin)["sysstat"]["hosts"][0]["statistics"][0]["disk"][0]
print(int(disk["kB_read"]))'
}

iostat_agrees()
{
	local guest0 host0

	guest0=$(guest_count)
	host0=$(disk_stat d0 read_bytes)
	reads
	expect_eq "KiB that iostat saw" $(($(guest_count) - guest0)) $((READS * 4))
	expect_eq "KiB that the host served" $((($(disk_stat d0 read_bytes) - host0) / 1024)) \
		$((READS * 4))
	expect_eq "requests in flight" "$(guest "awk '{ print \$9 }' /sys/block/ioca/stat")" 0
}

# Events of one kind, from blkparse's output.
events()
{
	awk -v action="$1" '$6 == action && $7 ~ /R/ { n++ } END { print n + 0 }' /tmp/trace.txt
}

blktrace_agrees()
{
	guest 'grep -qw debugfs /proc/mounts || mount -t debugfs none /sys/kernel/debug'
	tool_sh 'cd /tmp && rm -f t.blktrace.*
		setsid blktrace -d /dev/ioca -o t > /tmp/blktrace.log 2>&1 < /dev/null &
		echo $! > /tmp/blktrace.pid'
	wait_for 15 guest '[ -e /sys/kernel/debug/block/ioca/trace0 ]'
	reads
	guest 'kill -INT $(cat /tmp/blktrace.pid)
		while [ -d /proc/$(cat /tmp/blktrace.pid) ]; do sleep 0.1; done'
	tool blkparse -i /tmp/t > /tmp/trace.txt
	note "$(tail -n 3 /tmp/trace.txt)"
	expect_eq "requests issued" "$(events D)" $READS
	expect_eq "requests completed" "$(events C)" $READS
}

bpftrace_agrees()
{
	local n

	tool_sh 'rm -f /tmp/bpf.ready
		setsid bpftrace -e "
			BEGIN { printf(\"ready\n\"); }
			tracepoint:block:block_rq_complete /args.nr_sector == 8/ { @done = count(); }
		" > /tmp/bpf.log 2>&1 < /dev/null &
		echo $! > /tmp/bpf.pid'
	wait_for 60 guest 'grep -q ready /tmp/bpf.log'
	reads
	guest 'kill -INT $(cat /tmp/bpf.pid)
		while [ -d /proc/$(cat /tmp/bpf.pid) ]; do sleep 0.1; done'
	n=$(guest "sed -n 's/^@done: //p' /tmp/bpf.log")
	[ -n "$n" ] || fail "bpftrace: $(guest cat /tmp/bpf.log)"
	expect_ge "requests completed" "$n" $READS
}

# iocore's own trace points, by name, in host and guest.
trace_points()
{
	local events=/sys/kernel/tracing/events

	guest '[ -d '$events' ] || mount -t tracefs none /sys/kernel/tracing
		echo 1 > '$events'/iocore_blk/enable; echo > /sys/kernel/tracing/trace'
	echo > /sys/kernel/tracing/trace
	echo 1 > $events/iocore/enable
	reads
	echo 0 > $events/iocore/enable
	guest "echo 0 > $events/iocore_blk/enable"
	expect_ge "completions traced in the host" "$(grep -c 'iocore_complete' /sys/kernel/tracing/trace)" $READS
	expect_ge "completions traced in the guest" \
		"$(guest "grep -c 'iocore_blk_complete' /sys/kernel/tracing/trace")" $READS
}

tap_begin
need_iocore
tap_setup prepare
tap_point "iostat in the guest sees what the host served" iostat_agrees
tap_point "blktrace in the guest sees each request" blktrace_agrees
tap_point "bpftrace in the guest sees each request" bpftrace_agrees
tap_point "trace points of host and guest see each request" trace_points
tap_end
