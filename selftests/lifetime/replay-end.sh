#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Disks that leave and do not come back, or as something else: their I/O ends,
# and they go. What waits does not keep a driver or a kernel from leaving.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"
. "$(dirname "$0")/../lib/replay.sh"

VM=replay
# Seconds, of which the default is 60.
TIMEOUT=20
# One fio, which only an error ends: a next one might not find the disk any more.
LOAD="--ioengine=libaio --time_based --runtime=900"

# set_timeout DISK SECONDS, while it is not attached
set_timeout()
{
	echo "$2" > "$CFG/disks/$1/replay_timeout"
}

# The load ends in EIO, and the disk goes.
load_failed()
{
	wait_for 30 guest '[ -s /tmp/load.rc ]'
	guest 'grep -m 1 -E "error=Input/output error|err= *5" /tmp/load.log'
	wait_for 15 guest_lacks ioca
}

# stamp TEXT: when the guest's kernel said so, in whole seconds of its clock
stamp()
{
	guest dmesg | sed -n "s/^\[ *\([0-9]*\)\.[0-9]*\] .*$1.*/\1/p" | tail -n 1
}

# Not before what was asked for, and not as late as if nothing had been.
expires()
{
	local waited

	iocorectl detach d0
	wait_for 15 guest_lacks ioca
	set_timeout d0 $TIMEOUT
	attach_wait d0 $VM
	load_until_told
	leave d0
	wait_for 10 state_is ioca waiting
	guest '[ ! -e /tmp/load.rc ]'
	load_failed
	waited=$(($(stamp 'ioca: has not come back in time') - $(stamp 'ioca: has left')))
	note "$waited s"
	# The wait may have begun a moment before the line was written.
	expect_ge "seconds waited" $((waited + 1)) $TIMEOUT
	expect_le "seconds waited" $waited 50
	come_back d0
	wait_for 15 guest_has ioca
	verify ioca
	iocorectl detach d0
	set_timeout d0 60
	wait_for 15 guest_lacks ioca
}

given_up()
{
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	load_until_told
	leave d0
	wait_for 10 state_is ioca waiting
	iocorectl detach d0
	load_failed
}

another_serial()
{
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	load_until_told
	leave d0
	wait_for 10 state_is ioca waiting
	attach_to 0 d1
	wait_for 30 guest '[ -s /tmp/load.rc ]'
	guest 'dmesg | grep -q "ioca: another disk is in its slot, with another serial"'
	wait_for 20 guest 'grep -qx REPLAY-1 /sys/block/ioca/serial'
	expect_eq "writes to the other disk" "$(disk_stat d1 writes)" 0
	verify ioca
	iocorectl detach d1
	wait_for 15 guest_lacks ioca
}

driver_unloads_meanwhile()
{
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	leave d0
	wait_for 10 state_is ioca waiting
	guest 'rmmod iocore_blk && insmod /lib/iocore_blk.ko'
	come_back d0
	wait_for 15 guest_has ioca
	verify ioca
}

# The next kernel knows nothing of what the one before it waited for.
guest_reboots_meanwhile()
{
	local pid

	pid=$(vm_pid $VM)
	load_until_told
	leave d0
	wait_for 10 state_is ioca waiting
	L2=$VM l2-run -t 3 -c '(sleep 0.3; reboot -f) > /dev/null 2>&1 &' || true
	wait_for 90 vm_booted 2 $VM
	expect_eq "pid" "$(vm_pid $VM)" "$pid"
	guest_lacks ioca
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	verify ioca
	host_settles
}

boots_up()
{
	L2=$VM l2-kill
	L2=$VM CPU_PM=off VCPUS=2 l2-start -action reboot=reset
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
}

tap_begin
need_iocore
tap_setup prepare
tap_point "replay: when the time is over I/O fails and the disk goes" expires
tap_point "replay: a disk that is given up fails at once" given_up
tap_point "replay: a disk of another serial is refused" another_serial
tap_point "replay: the driver is unloaded while its disk waits" driver_unloads_meanwhile
L2=$VM l2-kill
VM=boots
tap_setup boots_up
tap_point "replay: the guest reboots while its disk waits" guest_reboots_meanwhile
L2=$VM l2-kill
tap_end
