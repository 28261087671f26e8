#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Poll queues: polling I/O of io_uring finds its completions in queues of its own,
# without an interrupt, while other I/O is notified as ever.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"
. "$(dirname "$0")/../lib/load.sh"

export VM=smp
IOC=/sys/block/ioca/iocore

cleanup()
{
	guest 'kill -KILL $(pidof fio) 2> /dev/null; echo 0 > /sys/module/iocore_blk/parameters/poll_queues'
	host_clear
}

# The module parameter holds for disks that come afterwards.
prepare()
{
	host_clear
	null_up n0
	core_up io0 0 100000
	iocorectl disk create d0 --path /dev/n0 --core io0
	vm_up $VM VCPUS=2 MEM=512M
	guest 'echo 1 > /sys/module/iocore_blk/parameters/poll_queues'
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
}

has_poll_queue()
{
	expect_eq "queues" "$(guest 'ls /sys/block/ioca/mq | wc -l')" 3
	expect_eq "io_poll" "$(guest cat /sys/block/ioca/queue/io_poll)" 1
	expect_eq "CPUs of the poll queue" "$(guest cat /sys/block/ioca/mq/2/cpu_list)" "0, 1"
}

# hipri FIO ARG...: polling I/O
hipri()
{
	fio_guest ioca --ioengine=io_uring --hipri=1 --bs=4k "$@"
}

# Interrupts of our vectors, all CPUs; notifications; completions found by polling.
counts()
{
	guest "grep -w 'iocore-[0-9]*' /proc/interrupts |
		awk '{ n += \$2 + \$3 } END { print n + 0 }'
		cat $IOC/notifications $IOC/reaped" | tr '\n' ' '
}

without_interrupt()
{
	local i0 n0 p0 i1 n1 p1 r0 r1

	read -r i0 n0 p0 <<< "$(counts)"
	r0=$(disk_stat d0 reads)
	hipri --rw=randread --size=16m --number_ios="$2" --iodepth="$1" --cpus_allowed=0
	read -r i1 n1 p1 <<< "$(counts)"
	r1=$(disk_stat d0 reads)
	note "reads $((r1 - r0)) reaped $((p1 - p0)) notifications $((n1 - n0))"
	expect_ge "completions by polling" $((p1 - p0)) "$2"
	# what else reads the disk when it is opened: a page or two
	expect_le "notifications" $((n1 - n0)) 8
	expect_le "interrupts" $((i1 - i0)) 8
}

verifies()
{
	hipri --rw=randwrite --size=2m --iodepth=8 --verify=crc32c --do_verify=1 --verify_fatal=1
}

# Both at once, from both CPUs; the other I/O is notified.
beside_other_io()
{
	local n0 p0 n1 p1

	read -r _ n0 p0 <<< "$(counts)"
	L2=$VM l2-run -t 600 fio --filename=/dev/ioca --direct=1 --thread --bs=4k --size=2m \
		--rw=randwrite --iodepth=8 --verify=crc32c --do_verify=1 --verify_fatal=1 \
		--name=poll --ioengine=io_uring --hipri=1 --cpus_allowed=0 \
		--name=irq --ioengine=libaio --offset=16m --cpus_allowed=1
	read -r _ n1 p1 <<< "$(counts)"
	expect_ge "completions by polling" $((p1 - p0)) 512
	expect_ge "notifications" $((n1 - n0)) 8
	expect_eq "bad completions" "$(guest cat $IOC/bad_completions)" 0
}

# I/O that does not poll never gets into the queue.
not_for_others()
{
	local p0 p1

	read -r _ _ p0 <<< "$(counts)"
	fio_guest ioca --rw=randread --bs=4k --size=16m --number_ios=500 --iodepth=4
	read -r _ _ p1 <<< "$(counts)"
	expect_eq "completions by polling" "$p1" "$p0"
}

# What was in flight in the poll queue is submitted again, and found by polling.
replay_while_polling()
{
	local p0

	LOAD="--ioengine=io_uring --hipri=1" load_until_told
	for _ in 1 2; do
		iocorectl detach --keep d0
		wait_for 15 guest "grep -qx waiting $IOC/state"
		iocorectl attach --vm "$(vm_pid $VM)" d0
		wait_for 15 guest "grep -qx live $IOC/state"
		load_goes_on
	done
	load_ended
	guest_is_fine
	read -r _ _ p0 <<< "$(counts)"
	verifies
	expect_ge "completions by polling" $(($(guest cat $IOC/reaped) - p0)) 512
}

# poll_until_it_ends: polling fio in the background, of which some I/O has ended. It
# writes too: a disk that is gone has no sectors, so that its reads are at the end of
# the file and no error, which fio goes on after; a write there fails.
poll_until_it_ends()
{
	guest "setsid fio --name=l --filename=/dev/ioca --allow_file_create=0 --ioengine=io_uring \
		--hipri=1 --direct=1 --rw=randrw --bs=4k --iodepth=8 --time_based --runtime=1d \
		--thread > /tmp/poll.log 2>&1 < /dev/null &"
	wait_for 20 polls "$(disk_stat d0 reads)"
}

polls()
{
	[ "$(disk_stat d0 reads)" -ge $(($1 + 100)) ]
}

fio_fails()
{
	wait_for 30 guest '! pidof fio'
	guest 'grep -E "err= *[1-9]" /tmp/poll.log' ||
		fail "fio did not notice: $(guest cat /tmp/poll.log)"
}

detach_while_polling()
{
	poll_until_it_ends
	iocorectl detach d0
	wait_for 30 guest_lacks ioca
	fio_fails
	expect_eq "in flight" "$(disk_stat d0 in_flight)" 0
}

# fio stands still, with I/O that has ended but that it has not looked for.
left_unpolled()
{
	guest 'kill -CONT $(pidof fio); usleep 100000; kill -STOP $(pidof fio); usleep 500000
		[ $(awk "{ print \$1 + \$2 }" /sys/block/ioca/inflight) -ge 1 ]'
}

# What nobody polls for ends as well, or the old disk would keep its slot for ever. The
# next one there has gone too before fio looks again, as fio may open it anew. A time-out
# of the requests would find what has ended, too late: there is none.
detach_unpolled()
{
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	guest 'echo 86400000 > /sys/block/ioca/queue/io_timeout'
	poll_until_it_ends
	wait_for 30 left_unpolled
	iocorectl detach d0
	wait_for 30 guest_lacks ioca
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	verifies
	iocorectl detach d0
	wait_for 30 guest_lacks ioca
	guest 'kill -CONT $(pidof fio)'
	fio_fails
}

without_parameter()
{
	guest 'echo 0 > /sys/module/iocore_blk/parameters/poll_queues'
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	expect_eq "queues" "$(guest 'ls /sys/block/ioca/mq | wc -l')" 2
	expect_eq "io_poll" "$(guest cat /sys/block/ioca/queue/io_poll)" 0
	verify_plain
}

verify_plain()
{
	fio_guest ioca --rw=randwrite --bs=4k --size=2m --iodepth=8 --verify=crc32c \
		--do_verify=1 --verify_fatal=1
}

tap_begin
need_iocore
tap_setup prepare
tap_point "poll_queues=1: a queue for polling beside those of the vCPUs" has_poll_queue
tap_point "polling I/O at depth 1 completes without an interrupt" without_interrupt 1 500
tap_point "polling I/O at depth 16 completes without an interrupt" without_interrupt 16 4000
tap_point "polling I/O verifies" verifies
tap_point "polling and notified I/O at once verify" beside_other_io
tap_point "I/O that does not poll does not use the poll queue" not_for_others
tap_point "a polled disk leaves and comes back under load" replay_while_polling
tap_point "a disk goes while it is polled" detach_while_polling
tap_point "a disk goes while nobody polls for what is in flight" detach_unpolled
tap_point "poll_queues=0: no queue for polling" without_parameter
tap_end
