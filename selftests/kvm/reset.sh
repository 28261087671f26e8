#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A VM starts anew with reads and writes in flight: whoever owns the memory then
# finds it untouched.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

export DM_DISABLE_UDEV=1
HERE=$(cd "$(dirname "$0")" && pwd)

stack_clear()
{
	if [ -e /dev/mapper/held ]; then
		dmsetup resume held
		dmsetup remove held
	fi
}

prepare()
{
	host_clear
	null_up n0 irqmode=2 completion_nsec=50000000
	dmsetup create held --table "0 $(blockdev --getsz /dev/n0) linear /dev/n0 0"
	core_up io0
	iocorectl disk create d0 --path /dev/mapper/held
}

# The disk holds what it gets until the reset waits for it.
reset()
{
	dd if=/dev/zero of=/dev/mapper/held bs=1M count=1 oflag=direct status=none
	dmsetup suspend --nolockfs held
	timeout -k 10 600 "$HERE/reset" "$1" d0 held
}

tap_begin
need_iocore
tap_setup prepare
tap_point "a reset by the VMM with requests in flight" reset user-space
tap_point "a triple fault with requests in flight" reset triple-fault
tap_point "a reset by the guest with requests in flight" reset guest
tap_end
