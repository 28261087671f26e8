# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# replay.sh - disks that leave a guest and come back, for the tests in L1
#
# The disks are d0 and d1, the guest is $VM.

. "$(dirname "${BASH_SOURCE[0]}")/load.sh"

# ---- the host's side ----

make_disks()
{
	core_up io0
	iocorectl disk create d0 --path /dev/n0 --serial REPLAY-0
	iocorectl disk create d1 --path /dev/n1 --serial REPLAY-1
}

attach_to()
{
	iocorectl attach --vm "$(vm_pid $VM)" --slot "$1" "$2"
}

leave()
{
	iocorectl detach --keep "$1"
}

come_back()
{
	iocorectl attach --vm "$(vm_pid $VM)" "$1"
}

# ---- the guest's side ----

state_is()
{
	[ "$(guest "cat /sys/block/$1/iocore/state")" = "$2" ]
}

all_is_fine()
{
	expect_eq "state" "$(guest cat /sys/block/ioca/iocore/state)" live
	guest_is_fine ioca
	host_settles
}

host_settles()
{
	local d

	for d in "$SYS"/disks/*/; do
		wait_for 10 grep -qx 0 "$d/in_flight"
	done
}

host_version()
{
	cat /sys/module/iocore/version
}

# The host's module leaves, and the other build of it comes.
exchange_module()
{
	local was next=host

	was=$(host_version)
	[ "$was" = next ] || next=host-next
	module_down iocore
	[ $((RANDOM % 2)) -eq 0 ] || sleep 1
	insmod "/iocore/build/$next/iocore.ko"
	[ "$(host_version)" != "$was" ] || fail "version $was came again"
}

# The build that all tests use.
usual_module()
{
	[ "$(host_version)" = next ] || return 0
	host_clear
	module_down iocore
	insmod /iocore/build/host/iocore.ko
}

# ---- setup ----

prepare()
{
	host_clear
	usual_module
	null_up n0 irqmode=2 completion_nsec=2000000 cache_size=160
	null_up n1
	make_disks
	vm_up $VM VCPUS=2
	attach_to 0 d0 > /dev/null
	wait_for 15 guest_has ioca
	guest 'dmesg -c > /dev/null'
}
