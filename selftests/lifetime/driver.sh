#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The guest's driver goes and comes, and so does its kernel.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"
. "$(dirname "$0")/../lib/load.sh"

HERE=$(cd "$(dirname "$0")" && pwd)

prepare()
{
	host_clear
	null_up n0
	core_up io0
	iocorectl disk create d0 --path /dev/n0
	vm_up
	expect_eq "device" "$(attach_wait d0)" ioca
}

writes_begun()
{
	[ "$(disk_stat d0 writes)" -gt 100 ]
}

refused_under_load()
{
	load_until_told
	wait_for 60 writes_begun
	# Between two runs of fio nobody else has the disk open.
	guest 'exec 3< /dev/ioca; ! rmmod iocore_blk'
	load_ended
}

unload_loop()
{
	guest 'for i in 1 2 3 4; do
			rmmod iocore_blk || exit 1
			[ ! -e /sys/block/ioca ] || exit 1
			insmod /lib/iocore_blk.ko || exit 1
			dd if=/dev/ioca of=/dev/null bs=64k count=16 2>/dev/null || exit 1
		done'
	verify
}

# With the driver gone the host holds no page of the guest.
nothing_pinned()
{
	local left

	guest rmmod iocore_blk
	left=$(pins)
	guest insmod /lib/iocore_blk.ko
	expect_eq "pages pinned" "$left" 0
	wait_for 15 guest_has ioca
}

detached_meanwhile()
{
	guest rmmod iocore_blk
	iocorectl detach d0
	iocorectl attach --vm "$(vm_pid)" --slot 3 d0
	guest insmod /lib/iocore_blk.ko
	wait_for 15 guest_has iocd
	iocorectl detach d0
	wait_for 15 guest_lacks iocd
	expect_eq "device" "$(attach_wait d0)" ioca
}

# Reads and writes of a slow disk, until the guest's kernel ends; some are in flight.
start_load()
{
	VM=boots guest 'setsid fio --name=l --filename=/dev/ioca --rw=randrw --bs=4k --direct=1 \
			--ioengine=libaio --iodepth=32 --size=64m --time_based --runtime=1d \
			> /dev/null 2>&1 < /dev/null &'
	READS=$(disk_stat d1 reads)
	WRITES=$(disk_stat d1 writes)
	wait_for 30 both_go_on
	wait_for 10 in_flight
}

both_go_on()
{
	[ "$(disk_stat d1 reads)" -gt $((READS + 32)) ] &&
		[ "$(disk_stat d1 writes)" -gt $((WRITES + 32)) ]
}

in_flight()
{
	[ "$(disk_stat d1 in_flight)" -ge 1 ]
}

# The next kernel in the same VM finds its disk: the Nth, of the same VMM.
comes_back()
{
	wait_for 90 vm_booted "$1" boots
	expect_eq "pid" "$(L2=boots l2-pid)" "$2"
	VM=boots wait_for 20 guest_has ioca
	VM=boots verify
	VM=boots guest_is_fine
	expect_eq "in flight" "$(disk_stat d1 in_flight)" 0
}

reboot()
{
	local pid n

	pid=$(L2=boots l2-pid)
	n=$(vm_boots boots)
	start_load
	L2=boots l2-run -t 3 -c '(sleep 0.3; reboot -f) > /dev/null 2>&1 &' || true
	comes_back $((n + 1)) "$pid"
}

# The guest's kernel knows nothing of this one, and its driver says no goodbye.
hard_reset()
{
	local pid n

	pid=$(L2=boots l2-pid)
	n=$(vm_boots boots)
	start_load
	"$HERE/../kvm/qmp" /run/l2/boots/qmp system_reset
	comes_back $((n + 1)) "$pid"
}

boots_up()
{
	null_up n1 irqmode=2 completion_nsec=20000000
	iocorectl disk create d1 --path /dev/n1
	L2=boots l2-kill
	L2=boots CPU_PM=off MEM=512M l2-start -action reboot=reset
	expect_eq "device" "$(attach_wait d1 boots)" ioca
}

tap_begin
need_iocore
tap_setup prepare
tap_point "unloading the driver is refused while its disk is in use" refused_under_load
tap_point "four times unloaded and loaded" unload_loop
tap_point "a driver that is gone leaves nothing pinned" nothing_pinned
tap_point "disks that change while the driver is away" detached_meanwhile
tap_setup boots_up
tap_point "reboot under load" reboot
tap_point "a reset by the VMM under load" hard_reset
L2=boots l2-kill
tap_end
