#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest with more vCPUs than the host allows queues: they share.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"
. "$(dirname "$0")/../lib/load.sh"

export VM=four
CPU=/sys/devices/system/cpu/cpu

cleanup()
{
	host_clear
	L2=$VM l2-stop
}

prepare()
{
	host_clear
	null_up n0
	core_up io0 0 100000
	iocorectl disk create d0 --path /dev/n0 --core io0 --queues 2
	vm_up $VM VCPUS=4 MEM=512M
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
}

queues()
{
	guest 'ls /sys/block/ioca/mq | wc -l'
}

# Every vCPU has a queue, and each queue two vCPUs.
two_of_four()
{
	expect_eq "vCPUs" "$(guest nproc)" 4
	expect_eq "queues" "$(queues)" 2
	guest 'for q in 0 1; do tr "," "\n" < /sys/block/ioca/mq/$q/cpu_list | wc -w; done' |
		while read -r n; do
			expect_eq "vCPUs of a queue" "$n" 2
		done
}

# irqs: interrupts of each vCPU from the host, in a line
irqs()
{
	guest "grep -w 'iocore-[0-9]*' /proc/interrupts | awk '{
			for (i = 2; i <= 5; i++) n[i] += \$i
		} END { print n[2], n[3], n[4], n[5] }'"
}

each_works()
{
	local cpu

	for cpu in 0 1 2 3; do
		fio_guest ioca --rw=randwrite --bs=4k --size=512k --iodepth=8 --cpus_allowed=$cpu \
			--offset=$((cpu * 16))m --verify=crc32c --do_verify=1 --verify_fatal=1
	done
}

# Two vCPUs hear of the two queues, the others of none.
two_notified()
{
	note "$(irqs)"
	expect_eq "vCPUs that are notified" \
		"$(irqs | tr ' ' '\n' | awk '$1 >= 8 { n++ } END { print n + 0 }')" 2
	expect_eq "notifier" "$(guest 'wc -l < /sys/block/ioca/iocore/notifier')" 2
}

all_at_once()
{
	fio_guest ioca --rw=randwrite --bsrange=512-64k --size=1m --iodepth=16 --numjobs=4 \
		--offset_increment=16m --cpus_allowed=0-3 --cpus_allowed_policy=split \
		--verify=crc32c --do_verify=1 --verify_fatal=1
	expect_eq "bad completions" "$(guest cat /sys/block/ioca/iocore/bad_completions)" 0
}

# Of the queue that is not CPU 0's, its first CPU hears. While that is away, the
# other goes on with the queue, which the guest has to look at by itself.
home_goes()
{
	local cpus home other

	cpus=$(guest 'cat /sys/block/ioca/mq/*/cpu_list' | grep -v '^0,')
	home=${cpus%%,*}
	other=${cpus##*, }
	load_until_told
	guest "echo 0 > $CPU$home/online"
	expect_eq "notifier" "$(guest "grep 'cpu $home' /sys/block/ioca/iocore/notifier")" \
		"cpu $home polled"
	fio_guest ioca --rw=randwrite --bs=4k --size=256k --offset=64m --iodepth=8 \
		--cpus_allowed="$other" --verify=crc32c --do_verify=1 --verify_fatal=1
	load_goes_on
	load_ended
	guest "echo 1 > $CPU$home/online"
	expect_eq "polled CPUs" "$(guest 'grep -c polled /sys/block/ioca/iocore/notifier')" 0
	fio_guest ioca --rw=randwrite --bs=4k --size=1m --offset=64m --iodepth=8 \
		--cpus_allowed="$other" --verify=crc32c --do_verify=1 --verify_fatal=1
	guest_is_fine
}

# again QUEUES: the same disk, with so many allowed
again()
{
	iocorectl detach d0
	VM=$VM wait_for 15 guest_lacks ioca
	iocorectl disk delete d0
	iocorectl disk create d0 --path /dev/n0 --core io0 --queues "$1"
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
}

one_for_all()
{
	again 1
	expect_eq "queues" "$(queues)" 1
	all_at_once
}

# Of three queues one is for polling: two are left for four vCPUs.
with_poll_queue()
{
	guest 'echo 1 > /sys/module/iocore_blk/parameters/poll_queues'
	again 3
	guest 'echo 0 > /sys/module/iocore_blk/parameters/poll_queues'
	expect_eq "queues" "$(queues)" 3
	expect_eq "io_poll" "$(guest cat /sys/block/ioca/queue/io_poll)" 1
	all_at_once
}

# The one queue that is allowed can't be for polling alone.
none_left_to_poll()
{
	guest 'echo 1 > /sys/module/iocore_blk/parameters/poll_queues'
	again 1
	guest 'echo 0 > /sys/module/iocore_blk/parameters/poll_queues'
	expect_eq "queues" "$(queues)" 1
	expect_eq "io_poll" "$(guest cat /sys/block/ioca/queue/io_poll)" 0
	all_at_once
}

tap_begin
need_iocore
tap_setup prepare
tap_point "four vCPUs share the two queues that the host allows" two_of_four
tap_point "each vCPU's I/O verifies" each_works
tap_point "two vCPUs hear of the two queues" two_notified
tap_point "all four at once verify" all_at_once
tap_point "the vCPU that hears of a shared queue goes and comes" home_goes
tap_point "four vCPUs share one queue" one_for_all
tap_point "with a poll queue, four vCPUs share what is left" with_poll_queue
tap_point "no poll queue where only one queue is allowed" none_left_to_poll
tap_end
