#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# vCPUs go and come in the guest under load: requests keep ending, and each queue
# is with its vCPU again afterwards.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"

export VM=smp
CPU=/sys/devices/system/cpu/cpu

cleanup()
{
	guest "echo 1 > ${CPU}1/online"
	host_clear
}

prepare()
{
	host_clear
	null_up n0
	core_up io0 0 100000
	iocorectl disk create d0 --path /dev/n0 --core io0
	vm_up $VM VCPUS=2 MEM=512M
	guest "echo 1 > ${CPU}1/online"
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
}

# irqs CPU: interrupts that this vCPU got from the host
irqs()
{
	guest "awk '\$NF == \"iocore-$1\" { n += \$2 + \$3 } END { print n + 0 }' /proc/interrupts"
}

goes_and_comes()
{
	load 8
	for _ in 1 2 3 4; do
		guest "echo 0 > ${CPU}1/online"
		sleep 0.5
		guest "echo 1 > ${CPU}1/online"
		sleep 0.5
	done
	loaded
	guest_is_fine
}

# The load was on the CPU that goes; the scheduler moves it away.
while_away()
{
	local writes

	guest "echo 0 > ${CPU}1/online"
	writes=$(disk_stat d0 writes)
	verify
	expect_ge "writes" $(($(disk_stat d0 writes) - writes)) 8
	expect_eq "CPUs online" "$(guest cat /sys/devices/system/cpu/online)" 0
	guest_is_fine
}

# Its queue notifies it again, and nobody else.
mapping_recovers()
{
	local before0 before1

	guest "echo 1 > ${CPU}1/online"
	expect_eq "queues of this CPU alone" \
		"$(guest 'cat /sys/block/ioca/mq/*/cpu_list' | grep -cx 1)" 1
	expect_eq "notifier" "$(guest "grep -c polled /sys/block/ioca/iocore/notifier")" 0
	before0=$(irqs 0)
	before1=$(irqs 1)
	verify ioca --cpus_allowed=1
	note "interrupts of CPU 0: $(($(irqs 0) - before0)), of CPU 1: $(($(irqs 1) - before1))"
	expect_ge "interrupts of CPU 1" $(($(irqs 1) - before1)) 8
}

# A disk that comes while a vCPU is away has a queue less, which both then use.
attach_while_away()
{
	guest "echo 0 > ${CPU}1/online"
	iocorectl detach d0
	wait_for 15 guest_lacks ioca
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	expect_eq "queues" "$(guest 'ls /sys/block/ioca/mq | wc -l')" 1
	verify
	guest "echo 1 > ${CPU}1/online"
	verify ioca --cpus_allowed=0
	verify ioca --cpus_allowed=1
	guest_is_fine
}

with_both_again()
{
	iocorectl detach d0
	wait_for 15 guest_lacks ioca
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	expect_eq "queues" "$(guest 'ls /sys/block/ioca/mq | wc -l')" 2
	verify ioca --cpus_allowed=0
	verify ioca --cpus_allowed=1
}

polling_io()
{
	iocorectl detach d0
	wait_for 15 guest_lacks ioca
	guest 'echo 1 > /sys/module/iocore_blk/parameters/poll_queues'
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	guest 'echo 0 > /sys/module/iocore_blk/parameters/poll_queues'
	expect_eq "io_poll" "$(guest cat /sys/block/ioca/queue/io_poll)" 1
	guest "setsid sh -c 'fio --name=l --filename=/dev/ioca --rw=randwrite --bs=4k --size=4m \
		--ioengine=io_uring --hipri=1 --iodepth=8 --direct=1 --thread --time_based \
		--runtime=6 --verify=crc32c --verify_fatal=1 > /tmp/load.log 2>&1
		echo \$? > /tmp/load.rc' < /dev/null > /dev/null 2>&1 & rm -f /tmp/load.rc; sleep 1"
	for _ in 1 2 3; do
		guest "echo 0 > ${CPU}1/online"
		sleep 0.5
		guest "echo 1 > ${CPU}1/online"
		sleep 0.5
	done
	loaded
	guest_is_fine
}

tap_begin
need_iocore
tap_setup prepare
tap_point "a vCPU goes and comes four times under load" goes_and_comes
tap_point "while a vCPU is away the others' requests end" while_away
tap_point "a vCPU that is back has its queue and its interrupts" mapping_recovers
tap_point "a disk attached while a vCPU is away serves it when it is back" attach_while_away
tap_point "attached anew, the disk has a queue for each vCPU" with_both_again
tap_point "a vCPU goes and comes while I/O polls" polling_io
tap_end
