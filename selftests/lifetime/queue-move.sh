#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Queues of one disk polled by several IOCores, and moved from one to the other
# while they work: io1 on the CPU of the vCPUs, the others on CPU 0.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/load.sh"

export VM=smp

prepare()
{
	host_clear
	null_up n0
	core_up io0
	core_up io1 1
	core_up io2 0 0
	iocorectl disk create d --path /dev/n0 --core io0,io1
	vm_up smp VCPUS=2 MEM=512M
	expect_eq "device" "$(attach_wait d smp)" ioca
}

# polled_by QUEUE: the name of its IOCore
polled_by()
{
	sed -n 's/^core //p' "$SYS/vms/$(vm_pid smp)-0/queues/0-$1"
}

core_requests()
{
	cat "$SYS/cores/$1/requests"
}

requests()
{
	sed -n 's/^requests //p' "$SYS/vms/$(vm_pid smp)-0/queues/0-$1"
}

# some CPU: verified requests from one vCPU
some()
{
	fio_guest ioca --rw=randwrite --bs=4k --size=1m --iodepth=8 --cpus_allowed="$1" \
		--verify=crc32c --do_verify=1 --verify_fatal=1 > /dev/null
}

divided()
{
	local a b

	expect_eq "queue 0" "$(polled_by 0)" io0
	expect_eq "queue 1" "$(polled_by 1)" io1
	a=$(core_requests io0)
	b=$(core_requests io1)
	some 0
	expect_ge "requests taken by io0" $(($(core_requests io0) - a)) 512
	expect_eq "requests taken by io1" $(($(core_requests io1) - b)) 0
	some 1
	expect_ge "requests taken by io1" $(($(core_requests io1) - b)) 512
}

# cpus_of CORE: where its thread may run
cpus_of()
{
	taskset -cp "$(pgrep -x "iocore/$1")" | sed 's/.*: //'
}

# more_requests CORE N
more_requests()
{
	[ "$(core_requests "$1")" -ge "$2" ]
}

# One load, whose halves are on a vCPU each: while it goes on both take requests,
# and again after each has seen the other at work.
on_two_cpus()
{
	local i a b

	expect_eq "CPUs of io0" "$(cpus_of io0)" 0
	expect_eq "CPUs of io1" "$(cpus_of io1)" 1
	LOAD="--ioengine=libaio --cpus_allowed=0,1 --cpus_allowed_policy=split" load_until_told
	for i in 1 2 3; do
		a=$(core_requests io0)
		b=$(core_requests io1)
		wait_for 30 more_requests io0 $((a + 50))
		wait_for 30 more_requests io1 $((b + 50))
	done
	guest '[ ! -e /tmp/load.rc ]'
	load_ended
	expect_eq "errors" "$(disk_stat d errors)" 0
}

# In use by the disk, by a queue that was moved to it, by nobody.
held()
{
	if rmdir "$CFG/cores/io1" 2> /dev/null; then
		fail "an IOCore of the disk was removed"
	fi
	iocorectl queue move --queue 1 d io2
	if rmdir "$CFG/cores/io2" 2> /dev/null; then
		fail "the IOCore of a queue was removed"
	fi
	iocorectl queue move --queue 1 d io1
	iocorectl core del io2
	core_up io2 0 0
}

# Each is asleep when the queue comes: nobody kicks, it must be woken or be kicked.
asleep()
{
	local i to=io0

	for i in 1 2 3 4 5 6; do
		iocorectl queue move --queue 0 d $to
		expect_eq "queue 0" "$(polled_by 0)" $to
		some 0
		[ $to = io0 ] && to=io2 || to=io0
	done
}

fifty_times()
{
	local i cores=(io1 io2 io0) sum0 sum1 q0 q1

	sum0=$(($(core_requests io0) + $(core_requests io1) + $(core_requests io2)))
	q0=$(($(requests 0) + $(requests 1)))
	load_until_told
	for ((i = 0; i < 50; i++)); do
		iocorectl queue move d "${cores[i % 3]}"
	done
	guest '[ ! -e /tmp/load.rc ]'
	load_ended
	sum1=$(($(core_requests io0) + $(core_requests io1) + $(core_requests io2)))
	q1=$(($(requests 0) + $(requests 1)))
	note "$((q1 - q0)) requests"
	expect_eq "requests, by IOCore and by queue" $((sum1 - sum0)) $((q1 - q0))
	expect_eq "errors" "$(disk_stat d errors)" 0
	expect_eq "bad rings" "$(vm_stat bad_ring smp)" 0
	expect_eq "bad completions" "$(guest cat /sys/block/ioca/iocore/bad_completions)" 0
}

refused()
{
	expect_refusal 1 nosuch iocorectl queue move d nosuch
	expect_refusal 1 nosuch iocorectl queue move nosuch io0
	expect_refusal 1 queue iocorectl queue move --queue 2 d io0
	some 0
	some 1
}

# What was moved is given back with the queue.
detached()
{
	iocorectl queue move d io2
	iocorectl detach d
	iocorectl core del io2
	expect_eq "device" "$(attach_wait d smp)" ioca
	expect_eq "queue 0" "$(polled_by 0)" io0
	some 0
}

tap_begin
need_iocore
tap_setup prepare
tap_point "queues are divided among the IOCores of the list" divided
tap_point "IOCores on two CPUs serve one disk at once" on_two_cpus
tap_point "an IOCore that polls a queue stays" held
tap_point "a queue that joins a sleeping IOCore is served" asleep
tap_point "fifty moves under verified load lose nothing" fifty_times
tap_point "what can't be moved is refused" refused
tap_point "a detached disk gives its IOCores back" detached
tap_end
