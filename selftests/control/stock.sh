#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest with the driver on stock KVM. Ends with the patched modules loaded.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

cleanup()
{
	L2=stock l2-kill
	local m

	for m in kvm_amd kvm_intel kvm; do
		[ ! -d /sys/module/$m ] || (module_down $m)
	done
	modules_up
}

prepare()
{
	local g

	[ ! -d $CFG ] || host_clear
	for g in /run/l2/*/; do
		[ ! -d "$g" ] || L2=$(basename "$g") l2-kill
	done
	[ ! -d /sys/module/iocore ] || module_down iocore
	[ ! -d /sys/module/kvm_amd ] || module_down kvm_amd
	[ ! -d /sys/module/kvm_intel ] || module_down kvm_intel
	module_down kvm
	LAB_STOCK_KVM=1 l1-modules
	vm_up stock NO_IOCORE_BLK=1 MEM=512M
}

declines()
{
	VM=stock guest 'dmesg -c > /dev/null
		! insmod /lib/iocore_blk.ko
		dmesg | grep iocore_blk | grep -v taint > /tmp/said
		grep -q "iocore_blk: not loaded: the host has no iocore" /tmp/said || exit 1
		! grep -v "not loaded: the host has no iocore" /tmp/said'
}

tool_declines()
{
	expect_rc 3 iocorectl check
	expect_rc 3 iocorectl disk list
}

tap_begin
tap_setup prepare
tap_point "on stock KVM the driver declines with one line" declines
tap_point "iocorectl says that the host is unsupported" tool_declines
tap_end
