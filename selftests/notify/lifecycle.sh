#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Whatever ends while notifications are direct: the driver, the guest's kernel,
# the VMM, the disk, iocore.ko. Another VM works all the time, and the host is
# looked at after each.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"
. "$(dirname "$0")/../lib/load.sh"

HERE=$(cd "$(dirname "$0")" && pwd)
export VM=boots
KERNEL=/iocore/build/vmlinuz
INITRD=/iocore/build/l2.cpio

prepare()
{
	host_clear
	only halts
	null_up n0
	null_up n1
	null_up n2 size=96
	cat $KERNEL $INITRD > /dev/n2
	core_up io0 0 1000000
	iocorectl disk create d0 --path /dev/n0 --core io0
	iocorectl disk create other --path /dev/n1 --core io0
	iocorectl disk create kernel --path /dev/n2 --core io0 --readonly
	vm_up halts MEM=512M
	L2=boots l2-kill
	L2=boots CPU_PM=off MEM=768M l2-start -action reboot=reset
	expect_eq "device" "$(attach_wait other halts)" ioca
	expect_eq "device" "$(attach_wait d0 boots)" ioca
	allow boots
	becomes direct
}

# Afterwards: the other VM has seen nothing, and nothing is left over.
others_are_fine()
{
	VM=halts verify ioca --size=1m
	VM=halts guest_is_fine
	expect_eq "requests in flight" "$(disk_stat d0 in_flight)" 0
}

again_direct()
{
	becomes direct
	verify
	guest_is_fine
	others_are_fine
}

driver()
{
	local n

	n=$(cycles 2 5)
	for _ in $(seq "$n"); do
		guest 'rmmod iocore_blk'
		guest 'insmod /lib/iocore_blk.ko'
		wait_for 15 guest_has ioca
		becomes direct
		verify ioca --size=1m
	done
	again_direct
}

driver_leaves_nothing()
{
	local left

	VM=halts load_until_told
	guest 'rmmod iocore_blk'
	VM=halts load_ended
	note "$(vm_stat vcpus $VM)"
	expect_eq "vCPU 0" "$(vcpu mode 0)" ""
	iocorectl detach --vm "$(vm_pid halts)" other
	wait_for 10 eval '[ "$(disk_stat other in_flight)" = 0 ]'
	left=$(pins)
	guest 'insmod /lib/iocore_blk.ko'
	expect_eq "device" "$(attach_wait other halts)" ioca
	wait_for 15 guest_has ioca
	# The other guest's driver has its pages still.
	note "$left pages pinned with the driver gone"
	again_direct
}

detached()
{
	load_until_told
	iocorectl detach d0
	wait_for 20 guest_lacks ioca
	others_are_fine
	wait_for 60 guest '[ -s /tmp/load.rc ]'
	guest '[ $(cat /tmp/load.rc) != 0 ] && dmesg -c > /dev/null'
	expect_eq "device" "$(attach_wait d0 boots)" ioca
	again_direct
}

# The next kernel of the same VMM: it may, and sets all up anew.
comes_back()
{
	wait_for 120 vm_booted "$1" boots
	expect_eq "pid" "$(vm_pid boots)" "$2"
	wait_for 20 guest_has ioca
	again_direct
}

reboots()
{
	local pid n

	pid=$(vm_pid boots)
	n=$(vm_boots boots)
	load_until_told
	L2=boots l2-run -t 3 -c '(sleep 0.3; reboot -f) > /dev/null 2>&1 &' || true
	comes_back $((n + 1)) "$pid"
}

reset()
{
	local pid n

	pid=$(vm_pid boots)
	n=$(vm_boots boots)
	load_until_told
	"$HERE/../kvm/qmp" /run/l2/boots/qmp system_reset
	comes_back $((n + 1)) "$pid"
}

# The panic is what the test asks for: it is taken out of the guest's log.
crashes()
{
	local pid n

	pid=$(vm_pid boots)
	n=$(vm_boots boots)
	load_until_told
	L2=boots l2-run -t 3 -c '(sleep 0.3; echo c > /proc/sysrq-trigger) > /dev/null 2>&1 &' || true
	wait_for 120 vm_booted $((n + 1)) boots
	sed '/sysrq\|Kernel panic\|Call Trace\|Oops/d' /run/l2/boots-console.log > /tmp/crash.log
	cat /tmp/crash.log > /run/l2/boots-console.log	# QEMU has this file open
	comes_back $((n + 1)) "$pid"
}

guest_put()
{
	{
		echo "base64 -d << END | gunzip > $2"
		gzip -9 < "$1" | base64
		echo END
		echo "chmod 755 $2"
	} | L2=boots l2-run -s
}

kexec()
{
	local pid n

	guest 'grep -qs . /sys/kernel/kexec_loaded' || skip "the guest's kernel has no kexec"
	pid=$(vm_pid boots)
	n=$(vm_boots boots)
	guest_put "$HERE/kexec" /bin/kexec
	expect_eq "device" "$(attach_wait kernel boots)" iocb
	load_until_told
	guest "setsid /bin/kexec /dev/iocb $(stat -c %s $KERNEL) $(stat -c %s $INITRD) \
		> /dev/console 2>&1 < /dev/null &"
	comes_back $((n + 1)) "$pid"
	iocorectl detach kernel
}

unload_is_refused()
{
	if rmmod iocore; then fail "it is gone"; fi
	verify ioca --size=1m
	others_are_fine
}

no_vm()
{
	! ls -d "$SYS"/vms/"$1"-* 2> /dev/null
}

killed()
{
	local pid

	pid=$(vm_pid boots)
	load_until_told
	L2=boots l2-kill
	wait_for 20 no_vm "$pid"
	others_are_fine
}

# With all VMs gone all of it goes, the vectors of the host among it.
unload()
{
	L2=halts l2-kill
	host_clear
	wait_for 10 no_vms
	host_is_fine
	module_down iocore
	if grep kvm-direct /proc/interrupts; then fail "vectors are left"; fi
	modules_up || insmod /iocore/build/host/iocore.ko
	[ -e /dev/iocore ]
}

tap_begin
need_direct
tap_setup prepare
tap_point "the guest's driver unloads and loads again and again" driver
tap_point "a driver that is gone leaves nothing" driver_leaves_nothing
tap_point "the disk is detached under load" detached
tap_long_point "reboot under load" reboots
tap_long_point "a reset by the VMM under load" reset
tap_point "a crash under load" crashes
tap_point "kexec under load" kexec
tap_point "iocore.ko stays while it is needed" unload_is_refused
tap_point "kill -9 of the VMM under load" killed
tap_point "iocore.ko goes, and comes" unload
tap_end
