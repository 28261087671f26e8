#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Unloading is refused while something depends on the module, and leaves
# nothing behind when it is not.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

prepare()
{
	host_clear
	null_up n0
	vm_up
}

refused_with_core()
{
	core_up io0
	expect_rc 1 rmmod iocore
}

refused_while_attached()
{
	iocorectl disk create d0 --path /dev/n0
	expect_eq "device" "$(attach_wait d0)" ioca
	expect_rc 1 rmmod iocore
	fio_guest ioca --rw=randwrite --bs=4k --size=1m --verify=crc32c --do_verify=1
}

# A guest with the driver but without a disk does not keep the module.
unloads_under_a_guest()
{
	host_clear
	wait_for 15 guest_lacks ioca
	module_down iocore
	[ ! -e /sys/kernel/iocore ]
	[ ! -e /dev/iocore ]
	expect_eq "threads" "$(iocore_threads)" ""
	guest true
}

# A guest that comes up now finds no iocore, says so, and loads nothing. The
# line comes twice, since busybox tries both system calls that load a module.
driver_declines()
{
	guest 'rmmod iocore_blk
		dmesg -c > /dev/null
		! insmod /lib/iocore_blk.ko 2>/tmp/err
		cat /tmp/err
		dmesg | grep iocore_blk | grep -v taint > /tmp/said
		grep -q "iocore_blk: not loaded: the host has no iocore" /tmp/said || exit 1
		! grep -v "not loaded: the host has no iocore" /tmp/said || exit 1
		! lsmod | grep -q iocore_blk'
}

loads_again()
{
	insmod /iocore/build/host/iocore.ko
	null_up n0
	core_up io0
	iocorectl disk create d0 --path /dev/n0
	guest 'insmod /lib/iocore_blk.ko'
	expect_eq "device" "$(attach_wait d0)" ioca
	fio_guest ioca --rw=randwrite --bs=4k --size=1m --verify=crc32c --do_verify=1
	host_clear
}

load_loop()
{
	local i

	for i in 1 2 3 4 5 6 7 8 9 10; do
		module_down iocore
		insmod /iocore/build/host/iocore.ko
	done
}

tap_begin
need_iocore
tap_setup prepare
tap_point "unloading is refused while a core exists" refused_with_core
tap_point "unloading is refused while a disk is attached" refused_while_attached
tap_point "it unloads under a guest without a disk" unloads_under_a_guest
tap_point "on a host without iocore the driver declines with one line" driver_declines
tap_point "loaded again, it serves the same guest" loads_again
tap_point "ten times unloaded and loaded" load_loop
tap_end
