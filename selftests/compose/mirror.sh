#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A disk on mirrors, of md and of device-mapper: a leg goes under the load of a
# guest, which sees nothing of it, and comes back.

. "$(dirname "$0")/stack.sh"

prepare()
{
	host_clear
	for n in n0 n1 n2 n3; do
		null_up $n size=64
	done
	core_up io0
	vm_up
}

# ---- md ----

md_up()
{
	mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --assume-clean \
		--bitmap=internal /dev/n0 /dev/n1 < /dev/null
	stack_attach /dev/md0
}

md_state()
{
	grep -qF "[$1]" /proc/mdstat
}

md_whole()
{
	wait_for 60 md_state UU
	mdadm --wait /dev/md0 || true
}

leg_failed()
{
	load_until_told
	mdadm --fail /dev/md0 /dev/n1
	md_state U_
	wait_for 10 mdadm --remove /dev/md0 /dev/n1
	# what the leg has to catch up with
	load_goes_on
	mdadm --re-add /dev/md0 /dev/n1
	md_whole
	stack_load_ended
	stack_is_fine
}

# Not said by mdadm: the device is gone from the machine.
leg_pulled()
{
	load_until_told
	rmdir $NULLB/n0
	wait_for 20 md_state _U
	stack_load_ended
	stack_is_fine
	load_until_told
	null_up n0 size=64
	wait_for 20 md_drop
	mdadm --add /dev/md0 /dev/n0
	md_whole
	load_ended
	stack_is_fine
}

# The legs that are no more; md lets go of them in its own time.
md_drop()
{
	mdadm /dev/md0 --remove detached --remove failed
	! grep -F '(F)' /proc/mdstat
}

data_offset()
{
	mdadm --examine "$1" | sed -n 's/^ *Data Offset : \([0-9]*\) sectors/\1/p'
}

# From where the data begin to the end, byte for byte.
md_legs_same()
{
	local a b

	host_reads_it /dev/md0
	stack_detach
	mdadm --stop /dev/md0
	a=$(data_offset /dev/n0)
	b=$(data_offset /dev/n1)
	cmp -i $((a * 512)):$((b * 512)) -n $((48 << 20)) /dev/n0 /dev/n1
	expect_ge "noise in a leg" "$(dd if=/dev/n0 bs=512 skip="$a" count=20480 status=none |
		gzip -1 | wc -c)" $((1 << 20))
}

# ---- device-mapper ----

# leg N DEVICE: 4 MiB of metadata, then the data
leg()
{
	dm "m$1" 0 8192 linear "$2" 0
	dm "d$1" 0 98304 linear "$2" 8192
}

raid_up()
{
	leg 0 /dev/n2
	leg 1 /dev/n3
	dm mirror 0 98304 raid raid1 3 0 region_size 1024 \
		2 /dev/mapper/m0 /dev/mapper/d0 /dev/mapper/m1 /dev/mapper/d1
	wait_for 60 raid_state AA
	stack_attach /dev/mapper/mirror
}

# The health of the legs, and whether all is in sync.
raid_state()
{
	dmsetup status mirror | grep -qE " raid1 2 $1 ([0-9]+)/\1 "
}

raid_lost()
{
	dmsetup status mirror | grep -qE " raid1 2 AD "
}

raid_leg_fails()
{
	load_until_told
	dm_swap m1 0 8192 error
	dm_swap d1 0 98304 error
	wait_for 20 raid_lost
	stack_load_ended
	stack_is_fine
}

raid_leg_returns()
{
	load_until_told
	dm_swap m1 0 8192 linear /dev/n3 0
	dm_swap d1 0 98304 linear /dev/n3 8192
	dmsetup suspend mirror
	dmsetup resume mirror
	wait_for 60 raid_state AA
	stack_load_ended
	stack_is_fine
}

raid_legs_same()
{
	host_reads_it /dev/mapper/mirror
	stack_detach
	dmsetup remove mirror
	cmp /dev/mapper/d0 /dev/mapper/d1
}

tap_begin
need_parts raid1 dm-raid null_blk
tap_setup prepare
tap_setup md_up
tap_point "md raid1: a leg fails and is added again under load, no error" leg_failed
tap_point "md raid1: a leg is pulled out and a new one resynced under load" leg_pulled
tap_point "md raid1: both legs have the same data" md_legs_same
tap_setup raid_up
tap_point "dm-raid: a leg fails under load, no error" raid_leg_fails
tap_point "dm-raid: it comes back under load and is resynced" raid_leg_returns
tap_point "dm-raid: both legs have the same data" raid_legs_same
tap_end
