#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The driver in a guest of a patched KVM without iocore.ko, and the tool beside
# it; then iocore.ko comes. control/stock.sh does the same on stock KVM.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

export VM=nohost

cleanup()
{
	L2=$VM l2-kill
	[ -e /dev/iocore ] || modules_up
	host_clear
}

prepare()
{
	local g

	host_clear
	for g in /run/l2/*/; do
		[ ! -d "$g" ] || L2=$(basename "$g") l2-kill
	done
	module_down iocore
	vm_up $VM NO_IOCORE_BLK=1 MEM=512M
}

# The guest's insmod calls finit_module, and after a failure init_module: so one
# line each. What the loader says of modules from elsewhere is not the driver's.
driver_declines()
{
	guest 'dmesg -c > /dev/null
		out=$(insmod /lib/iocore_blk.ko 2>&1) && { echo "it loads"; exit 1; }
		echo "$out" | grep -q "No such device" || { echo "$out"; exit 1; }
		dmesg | grep "iocore_blk: " | grep -v "taint" > /tmp/said
		cat /tmp/said
		[ "$(wc -l < /tmp/said)" -le 2 ] || exit 1
		[ "$(sed "s/.*iocore_blk/iocore_blk/" /tmp/said | sort -u)" = \
			"iocore_blk: not loaded: the host has no iocore" ] || exit 1
		[ ! -d /sys/module/iocore_blk ]'
}

tool_declines()
{
	expect_refusal 3 "iocore is not loaded" iocorectl check
	expect_refusal 3 "iocore module is not loaded" \
		iocorectl attach --vm "$(vm_pid $VM)" none
}

# The VM is older than the module, and still can be served.
host_comes()
{
	insmod /iocore/build/host/iocore.ko
	null_up n0 size=16
	core_up io0
	iocorectl disk create d0 --path /dev/n0 --core io0
	guest insmod /lib/iocore_blk.ko
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	guest 'dd if=/dev/ioca of=/dev/null bs=64k count=16 iflag=direct'
	expect_eq "errors" "$(disk_stat d0 errors)" 0
}

tap_begin
need_iocore
tap_setup prepare
tap_point "without iocore.ko the driver declines with ENODEV and one line" driver_declines
tap_point "without iocore.ko the tool says so and exits with 3" tool_declines
tap_point "iocore.ko serves a VM that was there before it" host_comes
tap_end
