#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The guest is suspended under a verified load, and wakes up to a host that has
# forgotten it: no request fails, none is lost.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"
. "$(dirname "$0")/../lib/load.sh"
. "$(dirname "$0")/../lib/sleep.sh"

export DM_DISABLE_UDEV=1
VM=sleeper

cleanup()
{
	[ "$(vmm_status)" != suspended ] || wake_up
	guest 'echo 1 > /sys/devices/system/cpu/cpu1/online'
	host_clear
}

stack_clear()
{
	[ ! -e /dev/mapper/still ] || dmsetup remove still
}

prepare()
{
	host_clear
	only
	null_up n0 irqmode=2 completion_nsec=2000000 cache_size=160
	null_up n1
	core_up io0 0
	iocorectl disk create d0 --path /dev/n0
	iocorectl disk create d1 --path /dev/n1 --replay-timeout 0
	vm_up $VM VCPUS=2 MEM=512M
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	expect_eq "device" "$(attach_wait d1 $VM)" iocb
	sleep_states
}

# ioca and iocb are as before, and nobody waited for a time-out.
disks_are_fine()
{
	expect_eq "state" "$(guest cat /sys/block/ioca/iocore/state)" live
	expect_eq "state of the disk that waits for no host" \
		"$(guest cat /sys/block/iocb/iocore/state)" live
	guest_is_fine
	! guest 'dmesg | grep "no completion yet"'
}

falls_asleep()
{
	needs deep
	load_until_told
	fall_asleep
}

nothing_in_the_host()
{
	needs deep
	expect_eq "status" "$(vmm_status)" suspended
	expect_eq "pages pinned" "$(pins)" 0
	expect_eq "in flight" "$(disk_stat d0 in_flight)" 0
	expect_eq "vCPUs" "$(vm_stat vcpus $VM)" ""
}

# Another attachment of the same disk waits for it.
load_goes_on()
{
	local before

	needs deep
	iocorectl detach d0
	iocorectl attach --vm "$(vm_pid $VM)" --slot 0 d0
	before=$(disk_stat d0 writes)
	wake_up
	slept
	wait_for 30 more_writes $((before + 100))
	load_ended
	disks_are_fine
	verify iocb
}

more_writes()
{
	[ "$(disk_stat d0 writes)" -gt "$1" ]
}

# No CPU comes back that would tell the driver.
one_cpu()
{
	local before

	needs deep
	guest 'echo 0 > /sys/devices/system/cpu/cpu1/online'
	load_until_told
	nap
	load_ended
	before=$(guest cat /sys/block/ioca/iocore/notifications)
	fio_guest ioca --rw=randread --bs=4k --size=4m --iodepth=1 --number_ios=50
	expect_ge "notifications" \
		"$(($(guest cat /sys/block/ioca/iocore/notifications) - before))" 10
	disks_are_fine
	guest 'echo 1 > /sys/devices/system/cpu/cpu1/online'
}

direct_again()
{
	needs deep
	[ -e /sys/module/iocore/parameters/direct_period_ms ] &&
		grep -qw kvm_direct_raise /proc/kallsyms || skip "this KVM has no direct notifications"
	patience
	allow
	becomes direct 0
	becomes direct 1
	nap
	becomes direct 0
	becomes direct 1
	verify
	watchdog_is_calm
	disks_are_fine
	deny
}

# As far as its clocks: no device of QEMU's machine would wake it.
idles()
{
	needs freeze
	guest 'echo platform > /sys/power/pm_test' || skip "the guest's kernel has no pm_test"
	guest 'echo 1 > /sys/module/suspend/parameters/pm_test_delay'
	load_until_told
	suspend freeze
	slept
	guest 'echo none > /sys/power/pm_test'
	load_ended
	disks_are_fine
}

# An image of the guest is written to a disk of iocore's, read back, and run.
hibernates()
{
	local reads writes

	needs disk
	reads=$(disk_stat d1 read_bytes)
	writes=$(disk_stat d1 write_bytes)
	guest 'echo 1 > /sys/power/pm_debug_messages
		mkswap /dev/iocb && swapon /dev/iocb &&
		cat /sys/block/iocb/dev > /sys/power/resume &&
		echo 0 > /sys/power/image_size &&
		echo test_resume > /sys/power/disk'
	load_until_told
	suspend disk
	wait_for 120 said_so
	if [ "$(kernel)" != 6.12 ] && guest 'dmesg | grep "Image not found (code -16)"'; then
		# no swapoff: to 6.1 the image's slots are in use for ever
		load_ended
		disks_are_fine
		skip "this kernel does not read an image from a swap device in use"
	fi
	slept
	load_ended
	guest swapoff /dev/iocb
	disks_are_fine
	guest 'dmesg | grep "Hibernation image restored successfully"'
	writes=$(($(disk_stat d1 write_bytes) - writes))
	reads=$(($(disk_stat d1 read_bytes) - reads))
	note "image: $writes bytes written, $reads read"
	expect_ge "bytes written" $writes $((4 << 20))
	expect_ge "bytes read" $reads $((4 << 20))
}

waiter_ended()
{
	guest '[ -s /tmp/still.rc ]'
}

# The disk is as before, in a guest that stays awake.
backend_stands_still()
{
	needs deep
	null_up n2
	dmsetup create still --table "0 $(blockdev --getsz /dev/n2) linear /dev/n2 0"
	wait_for 10 test -b /dev/mapper/still
	iocorectl disk create d2 --path /dev/mapper/still
	expect_eq "device" "$(attach_wait d2 $VM)" iocc
	dmsetup suspend --nolockfs --noflush still
	guest "setsid sh -c 'fio --name=s --filename=/dev/iocc --allow_file_create=0 --rw=randwrite \
			--bs=4k --size=1m --number_ios=8 --iodepth=8 --ioengine=libaio --direct=1 \
			--thread > /tmp/still.log 2>&1; echo \$? > /tmp/still.rc' \
			< /dev/null > /dev/null 2>&1 &
		sleep 2"
	suspend mem
	slept 1
	guest 'dmesg | grep "no suspend"'
	! waiter_ended
	dmsetup resume still
	wait_for 30 waiter_ended
	expect_eq "fio's exit code" "$(guest cat /tmp/still.rc)" 0
	verify
	disks_are_fine
	iocorectl detach d2
	iocorectl disk delete d2
	dmsetup remove still
}

tap_begin
need_iocore
tap_setup prepare
tap_point "suspend: to RAM, under load" falls_asleep
tap_point "suspend: a suspended guest has nothing in the host" nothing_in_the_host
tap_point "suspend: it wakes to a disk that was attached anew, and the load goes on" load_goes_on
tap_point "suspend: a guest with one CPU hears again" one_cpu
tap_point "suspend: direct notifications are set up again" direct_again
tap_point "suspend: to idle, under load" idles
tap_long_point "hibernation: an image on the disk is written, and restored" hibernates
tap_long_point "suspend: not while a backend stands still" backend_stands_still
L2=$VM l2-kill
tap_end
