#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The tools that people look at disks with, in the guest and on the host, agree on how
# many requests there were, and on what they cost.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/guest_tools.sh"

READS=512
TOP=/tmp/top.json

prepare()
{
	host_clear
	null_up n0
	core_up io0 0 100000
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

# ---- iocorectl ----

# top_up: reports from now on, until top_down; the counters of the first are those of
# the time before.
top_up()
{
	: > $TOP
	iocorectl -o json top -i 1 -n 600 >> $TOP &
	TOP_PID=$!
	trap 'kill $TOP_PID' EXIT
	wait_for 30 reported 1
}

reports()
{
	grep -o '"interval_s"' $TOP | wc -l
}

reported()
{
	[ "$(reports)" -ge "$1" ]
}

# The interval of the last report, but not that of the one before, is over in which it
# is called.
top_down()
{
	wait_for 30 reported $(($(reports) + 3))
	kill $TOP_PID
	wait $TOP_PID || true
	trap - EXIT
}

# of_top EXPRESSION: of all the reports; grown() is what a counter of a row came to,
# busy() the duty cycles of io0
of_top()
{
	python3 - $TOP "$1" <<- 'END'
		import json, sys

		text, reports, at = open(sys.argv[1]).read(), [], 0
		while "{" in text[at:]:
		    try:
		        report, at = json.JSONDecoder().raw_decode(text, text.index("{", at))
		    except ValueError:
		        break		# cut off
		    reports.append(report)

		def rows(kind, name):
		    return [(row, report["interval_s"]) for report in reports
		            for row in report[kind] if name in ("", row["name"]) and "rates" in row]

		def grown(kind, name, key):
		    return round(sum(row["rates"].get(key, 0) * s for row, s in rows(kind, name)))

		def busy():
		    return [row["busy"] for row, s in rows("cores", "io0")]

		# Over the intervals in which there was any I/O.
		def exits_per_io():
		    vms = [row["rates"] for row, s in rows("vms", "") if row["rates"]["completions"]]
		    for rates in vms:
		        want = rates["exits"] / rates["completions"]
		        assert abs(rates["exits_per_io"] - want) <= 1e-6 * want, rates
		    return sum(r["exits"] for r in vms) / sum(r["completions"] for r in vms)

		print(eval(sys.argv[2]))
	END
}

# What all intervals came to together is what was read, however they fell.
top_agrees()
{
	local reads0 n

	reads0=$(disk_stat d0 reads)
	top_up
	reads
	reads
	top_down
	n=$(($(disk_stat d0 reads) - reads0))
	expect_ge "reads" $n $((READS * 2))
	expect_eq "reads of the disk" "$(of_top 'grown("disks", "d0", "reads")')" $n
	expect_eq "bytes of the disk" "$(of_top 'grown("disks", "d0", "read_bytes")')" \
		$((READS * 2 * 4096))
	expect_le "reads of the other disk" "$(of_top 'grown("disks", "tools", "reads")')" $((n / 10))
	expect_ge "requests of the IOCore" "$(of_top 'grown("cores", "io0", "requests")')" $n
	expect_ge "completions of the VM" "$(of_top 'grown("vms", "", "completions")')" $n
	note "duty cycles: $(of_top '[round(b, 4) for b in busy()]')"
	expect_eq "is between 0 and 1" "$(of_top \
		'0 <= grown("cores", "io0", "busy_ns") <= grown("cores", "io0", "total_ns")')" True
	expect_eq "is higher under load" "$(of_top 'max(busy()) > 2 * busy()[-1]')" True
	expect_eq "is something for each read" \
		"$(of_top 'grown("cores", "io0", "busy_ns") > 100 * '$n)" True
	iocorectl top -n 1 > /tmp/top.txt
	grep -E '^io0 ' /tmp/top.txt
	grep -E '^d0 ' /tmp/top.txt
	grep -E "^$(vm_pid)-0 " /tmp/top.txt
}

# The rows of d0 in the tables: queues, a line a kind of request, the histogram.
stat_counts()
{
	iocorectl stat --queues --latency > /tmp/stat.txt
	awk '$2 == "d0" && NF == 9 { requests += $5; completions += $6; flight += $7 }
		$1 == "d0" && $2 == "read" { reads = $3 }
		$1 == "d0" && NF == 6 && $2 ~ /^[0-9]+$/ { sum += $3 }
		END { print requests + 0, completions + 0, flight + 0, reads + 0, sum + 0 }' \
		/tmp/stat.txt
}

stat_agrees()
{
	local requests completions flight reads sum n=$((READS))
	local requests0 completions0 reads0 sum0

	read -r requests0 completions0 _ reads0 sum0 <<< "$(stat_counts)"
	reads
	read -r requests completions flight reads sum <<< "$(stat_counts)"
	note "$(grep -A1 -E 'KIND|MEAN' /tmp/stat.txt)"
	expect_eq "requests of the queues" $((requests - requests0)) $n
	expect_eq "completions of the queues" $((completions - completions0)) $n
	expect_eq "requests in flight" "$flight" 0
	expect_eq "reads timed" $((reads - reads0)) $n
	expect_eq "reads in the histogram" $((sum - sum0)) $n
	expect_eq "reads of all" "$sum" "$(disk_stat d0 reads)"
}

# core_idles US: the disk on an IOCore that falls asleep so soon
core_idles()
{
	host_clear
	null_up n0
	core_up io0 0 "$1"
	iocorectl disk create d0 --path /dev/n0 --core io0
	wait_for 15 guest_lacks ioca
	expect_eq "device" "$(attach_wait d0)" ioca
}

# measured: exits per I/O at queue depth 1, of which are kicks
measured()
{
	local ratio

	top_up
	# Time for an IOCore without work to fall asleep.
	fio_guest ioca --rw=randread --bs=4k --size=64m --number_ios=400 --iodepth=1 \
		--thinktime=2000 > /tmp/fio.log
	top_down
	KICKS=$(of_top 'grown("vms", "", "kicks")')
	ratio=$(of_top 'exits_per_io()')
	note "exits per I/O $ratio, kicks $KICKS"
	expect_eq "exits are at least the kicks" \
		"$(of_top 'grown("vms", "", "exits") >= max(1, grown("vms", "", "kicks"))')" True
}

# A kick is an exit: there is one for most requests where each finds IOCore asleep.
exits_per_io()
{
	tools_umount
	core_idles 1000000
	measured
	expect_le "kicks of an IOCore that is awake" "$KICKS" 40
	core_idles 0
	measured
	expect_ge "kicks of an IOCore that sleeps" "$KICKS" 200
}

tap_begin
need_iocore
tap_setup prepare
tap_point "iostat in the guest sees what the host served" iostat_agrees
tap_point "blktrace in the guest sees each request" blktrace_agrees
tap_point "bpftrace in the guest sees each request" bpftrace_agrees
tap_point "trace points of host and guest see each request" trace_points
tap_point "top: the rates of each disk, and the IOCore's duty cycle" top_agrees
tap_point "stat: queues and histograms of latency count each request" stat_agrees
tap_point "top: exits per I/O, and kicks among them where each request wakes IOCore" exits_per_io
tap_end
