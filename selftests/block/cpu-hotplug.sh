#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# vCPUs go and come in the guest under load: requests keep ending, and each queue
# is with its vCPU again afterwards.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"
. "$(dirname "$0")/../lib/load.sh"

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

# under_load TIMES: it goes and comes, and writes end both times
under_load()
{
	local i

	load_until_told
	for ((i = 0; i < $1; i++)); do
		guest "echo 0 > ${CPU}1/online"
		load_goes_on
		guest "echo 1 > ${CPU}1/online"
		load_goes_on
	done
	load_ended
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
	LOAD="--ioengine=io_uring --hipri=1"
	under_load 3
}

tap_begin
need_iocore
tap_setup prepare
tap_point "a vCPU goes and comes four times under load" under_load 4
tap_point "while a vCPU is away the others' requests end" while_away
tap_point "a vCPU that is back has its queue and its interrupts" mapping_recovers
tap_point "a disk attached while a vCPU is away serves it when it is back" attach_while_away
tap_point "attached anew, the disk has a queue for each vCPU" with_both_again
tap_point "a vCPU goes and comes while I/O polls" polling_io
tap_end
