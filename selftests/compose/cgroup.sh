#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# cgroup v2 and a VM's disks: io.max and cpu.max of the slice that the VMM is in
# hold for its disks, as their threads are its threads. The rate is
# the feature here, so rates are compared: within 10 % of what was asked.

. "$(dirname "$0")/stack.sh"

A=$CG/vmA.slice
# Length of a window, and how many.
WINDOW=${IOCORE_SECONDS:-4}
WINDOWS=${IOCORE_WINDOWS:-2}
LIMIT=10

prepare()
{
	host_clear
	null_up n0 size=64
	core_up io0
	vm_up
	stack_attach /dev/n0
	echo "+io +cpu" > $CG/cgroup.subtree_control
	mkdir -p $A
	vm_pid > $A/cgroup.procs
}

# The disk's thread of the VM $VM, as pid/task/tid under /proc
disk_thread()
{
	local t

	for t in "/proc/$(vm_pid "${VM:-l2}")"/task/*; do
		case $(cat "$t/comm") in
		iocore-*) echo "$t" ;;
		esac
	done | head -n 1
}

dev_of()
{
	cat "/sys/class/block/$1/dev"
}

thread_is_there()
{
	verify
	expect_eq "the disk thread's cgroup" "$(cut -d: -f3 "$(disk_thread)/cgroup")" /vmA.slice
}

# rates BS: a window of the guest's fio; IOPS and bytes/s of reads, then of writes
rates()
{
	L2=${VM:-l2} l2-run -t 120 fio --filename=/dev/ioca --ioengine=libaio --direct=1 --thread \
		--iodepth=8 --bs="$1" --size=16m --time_based --runtime="$WINDOW" \
		--output-format=json --name=r --rw=randread --name=w --rw=randwrite |
		python3 -c '
import json, sys
r, w = json.load(sys.stdin)["jobs"]
print(int(r["read"]["iops"]), r["read"]["bw_bytes"], int(w["write"]["iops"]), w["write"]["bw_bytes"])'
}

io_max()
{
	echo "$(dev_of "$1") $2" > $A/io.max
}

# limit_iops DEVICE: both directions have limits of their own
limit_iops()
{
	local riops wiops n

	io_max "$1" "riops=400 wiops=200"
	for ((n = 0; n < WINDOWS; n++)); do
		read -r riops _ wiops _ <<< "$(rates 4k)"
		expect_near "reads/s" "$riops" 400 $LIMIT
		expect_near "writes/s" "$wiops" 200 $LIMIT
	done
	io_max "$1" "riops=max wiops=max"
}

limit_bps()
{
	local rbps wbps n

	io_max "$1" "rbps=8388608 wbps=4194304"
	for ((n = 0; n < WINDOWS; n++)); do
		read -r _ rbps _ wbps <<< "$(rates 16k)"
		expect_near "bytes read/s" "$rbps" 8388608 $LIMIT
		expect_near "bytes written/s" "$wbps" 4194304 $LIMIT
	done
	io_max "$1" "rbps=max wbps=max"
}

# Without a limit it is far beyond: the limit was what held it.
no_limit()
{
	local riops wiops

	WINDOW=2
	read -r riops _ wiops _ <<< "$(rates 4k)"
	note "$riops reads/s and $wiops writes/s"
	expect_ge "reads/s" "$riops" 800
	expect_ge "writes/s" "$wiops" 400
}

# charged KEY SLICE DEVICE: of io.stat
charged()
{
	sed -n "s/^$(dev_of "$3") .*\b$1=\([0-9]*\).*/\1/p" "$2/io.stat" | grep . || echo 0
}

io_is_charged()
{
	local reads bytes

	reads=$(charged rios $A n0)
	bytes=$(charged rbytes $A n0)
	guest 'dd if=/dev/ioca of=/dev/null bs=64k count=64 iflag=direct 2> /dev/null'
	expect_ge "reads charged" $(($(charged rios $A n0) - reads)) 64
	expect_eq "bytes charged" $(($(charged rbytes $A n0) - bytes)) $((4 << 20))
}

on_a_file()
{
	stack_detach
	stack_attach "$(file_up throttled.img 32)"
	limit_iops nvme0n1
	stack_detach
	stack_attach /dev/n0
}

# ---- CPU ----

usage()
{
	awk '$1 == "usage_usec" { print $2 }' "$1/cpu.stat"
}

# ran THREAD: microseconds of CPU that it had
ran()
{
	awk '{ print int($1 / 1000) }' "$1/schedstat"
}

# press SECONDS [BS]: reads with all that the guest has, in the background
press()
{
	L2=${VM:-l2} l2-run -t 120 fio --name=p --filename=/dev/ioca --ioengine=libaio --direct=1 \
		--thread --iodepth=32 --bs="${2:-4k}" --rw=randread --size=16m --time_based \
		--runtime="$1" > /dev/null &
	sleep 1
}

# cpu_window SLICE PERCENT: what SLICE used in a window, against PERCENT of one CPU
cpu_window()
{
	local from used start

	start=$(date +%s%6N)
	from=$(usage "$1")
	sleep "$WINDOW"
	used=$(($(usage "$1") - from))
	expect_near "CPU of ${1#"$CG"/}, in 1/10000" \
		$((used * 10000 / ($(date +%s%6N) - start))) $(($2 * 100)) $LIMIT
}

cpu_of_all()
{
	local n disk

	disk=$(ran "$(disk_thread)")
	echo "50000 100000" > $A/cpu.max
	press $((WINDOW * WINDOWS + 2))
	for ((n = 0; n < WINDOWS; n++)); do
		cpu_window $A 50
	done
	echo "max 100000" > $A/cpu.max
	wait
	note "of which the disk thread had $(($(ran "$(disk_thread)") - disk)) us"
}

# The disk thread alone in a threaded cgroup below the slice: exactly its time is
# charged there, and it has no more than it may. Long reads keep it busy: it is
# null_blk's copying that it does.
cpu_of_the_thread()
{
	local n thread from disk

	thread=$(disk_thread)
	echo +cpu > $A/cgroup.subtree_control
	mkdir $A/disk
	echo threaded > $A/disk/cgroup.type
	echo "${thread##*/}" > $A/disk/cgroup.threads
	echo "5000 50000" > $A/disk/cpu.max
	from=$(usage $A/disk)
	disk=$(ran "$thread")
	press $((WINDOW * WINDOWS + 2)) 256k
	for ((n = 0; n < WINDOWS; n++)); do
		cpu_window $A/disk 10
	done
	echo "max 100000" > $A/disk/cpu.max
	wait
	expect_near "us charged" $(($(usage $A/disk) - from)) $(($(ran "$thread") - disk)) $LIMIT
	echo "${thread##*/}" > $A/cgroup.threads
	rmdir $A/disk
	stack_is_fine
}

tap_begin
need_long
need_parts null_blk
grep -qw io $CG/cgroup.controllers || tap_skip_all "there is no cgroup v2 with an io controller"
tap_setup prepare
tap_point "the disk thread is in the VMM's cgroup" thread_is_there
tap_point "io.stat: what the guest reads is charged to the VM" io_is_charged
tap_point "io.max: riops and wiops hold" limit_iops n0
tap_point "io.max: rbps and wbps hold" limit_bps n0
tap_point "io.max: without it the disk is faster" no_limit
tap_point "io.max: riops and wiops hold for a file" on_a_file
tap_point "cpu.max: the VM with its disk thread has what it may" cpu_of_all
tap_point "cpu.max: the disk thread's time is charged, and held" cpu_of_the_thread
tap_end
