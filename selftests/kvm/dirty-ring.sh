#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A VM that logs to dirty rings cannot be served; the tool and the log say why.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

QEMU=

cleanup()
{
	[ -z "$QEMU" ] || kill -9 "$QEMU"
	rm -f /tmp/ring.pid
	host_clear
}

# Stopped before its first instruction: the VM is there, no guest runs.
vmm()
{
	qemu-system-x86_64 -nodefaults -no-user-config -display none -S -m 64M -M q35 \
		-accel "kvm$1" -daemonize -pidfile /tmp/ring.pid
	cat /tmp/ring.pid
}

prepare()
{
	host_clear
	null_up n0 size=16
	core_up io0
	iocorectl disk create d0 --path /dev/n0 --core io0
}

refused()
{
	QEMU=$(vmm ,dirty-ring-size=4096)
	trap 'kill -9 "$QEMU"' EXIT
	expect_refusal 1 "cannot attach d0 to VM $QEMU: .*dirty ring" \
		iocorectl attach --vm "$QEMU" d0
	dmesg | grep "VM of process $QEMU cannot be served: dirty ring"
	expect_eq "VMs known" "$(vm_names)" ""
}

# The same VM without the ring is served: it is the ring that was refused.
accepted()
{
	QEMU=$(vmm '')
	trap 'kill -9 "$QEMU"' EXIT
	iocorectl attach --vm "$QEMU" d0
	iocorectl detach d0
}

tap_begin
need_iocore
tap_setup prepare
tap_point "QEMU with a dirty ring is refused, with the reason" refused
tap_point "QEMU without is not" accepted
tap_end
