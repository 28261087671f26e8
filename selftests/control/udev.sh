#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The udev rules that come with iocorectl: a guest's disks by their serial number,
# and a host's disks that hear of a backend that grows.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/guest_tools.sh"

RULES=/iocore/tools/udev
IMAGE=/run/udev-test.img

prepare()
{
	host_clear
	null_up n0 size=64
	null_up n1 size=16
	vm_up
	core_up io0
	iocorectl disk create d0 --path /dev/n0 --serial "SER-0+x"
	iocorectl disk create d1 --path /dev/n1 --core io0 --serial "../SER"
	expect_eq "device" "$(attach_wait d0)" ioca
	expect_eq "device" "$(attach_wait d1)" iocb
	guest_tools io0
}

# links DEVICE: what udev would link to it, were it told of it in the guest
links()
{
	guest "mount -t tmpfs run /tools/run 2> /dev/null
		mkdir -p /tools/run/udev/rules.d
		echo $(base64 -w0 < $RULES/60-iocore-guest.rules) | base64 -d \
			> /tools/run/udev/rules.d/60-iocore-guest.rules"
	tool udevadm test --action=add "/sys/class/block/$1" 2>&1 | tee /tmp/udev-test |
		grep -oE 'disk/by-(id/iocore-|uuid/|label/)[^ ]*' | tr -d "\"':," | sort -u
}

by_serial()
{
	expect_eq "serial" "$(guest cat /sys/block/ioca/serial)" "SER-0+x"
	expect_eq "link" "$(links ioca)" "disk/by-id/iocore-SER-0+x"
}

# What names a path is no name.
bad_serial()
{
	expect_eq "serial" "$(guest cat /sys/block/iocb/serial)" "../SER"
	expect_eq "links by id" "$(links iocb | grep by-id || true)" ""
}

by_content()
{
	local uuid=0a1b2c3d-1111-2222-3333-444455556666

	tool mkfs.ext4 -q -U $uuid -L label1 /dev/ioca
	links ioca > /tmp/links
	cat /tmp/links
	grep -qx "disk/by-uuid/$uuid" /tmp/links
	grep -qx "disk/by-label/label1" /tmp/links
}

udevd_up()
{
	mkdir -p /run/udev/rules.d
	sed 's,@SBINDIR@,/iocore/build/tools,' $RULES/60-iocore-host.rules.in \
		> /run/udev/rules.d/60-iocore-host.rules
	/usr/lib/systemd/systemd-udevd --daemon
	udevadm control --ping
}

udevd_down()
{
	udevadm control --exit
	rm -f /run/udev/rules.d/60-iocore-host.rules
}

capacity_is()
{
	[ "$(disk_stat grows capacity)" = "$1" ] && [ "$(guest cat /sys/block/iocc/size)" = "$1" ]
}

grows()
{
	local loop

	modprobe loop
	truncate -s 16M $IMAGE
	loop=$(losetup --show -f $IMAGE)
	iocorectl disk create grows --path "$loop"
	expect_eq "device" "$(attach_wait grows)" iocc
	[ -e $CFG/disks/grows/rescan ] || skip "this module has no rescan"
	udevd_up
	truncate -s 24M $IMAGE
	losetup -c "$loop"
	wait_for 20 capacity_is 49152
	udevd_down
	iocorectl detach grows
	iocorectl disk delete grows
	losetup -d "$loop"
	rm -f $IMAGE
}

cleanup()
{
	udevd_down
	guest_tools_down
	host_clear
}

tap_begin
need_iocore
tap_setup prepare
tap_point "a disk with a serial number has a link by it" by_serial
tap_point "a serial number with a slash makes no link" bad_serial
tap_point "a file system has links by its UUID and label" by_content
tap_point "a backend that grows is seen by the guest" grows
tap_end
