# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# replay.sh - disks that leave a guest and come back, for the tests in L1
#
# The disks are d0 and d1, the guest is $VM.

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

# Random writes of mixed sizes, flushes among them, all read back. LOAD is the
# engine, if it is to be another.
load_until_told()
{
	guest "rm -f /tmp/load.rc /tmp/load.stop
		setsid sh -c 'rc=0
			until [ -e /tmp/load.stop ] || [ \$rc -ne 0 ]; do
				fio --name=l --filename=/dev/${1:-ioca} --allow_file_create=0 \
					--rw=randwrite --bsrange=512-32k --size=4m --iodepth=16 --numjobs=2 \
					--offset_increment=4m ${LOAD:---ioengine=libaio} --direct=1 \
					--fsync=64 --thread --verify=crc32c --verify_fatal=1 \
					--verify_backlog=64 > /tmp/load.log 2>&1
				rc=\$?
			done
			echo \$rc > /tmp/load.rc' < /dev/null > /dev/null 2>&1 &
		sleep 1"
}

load_ended()
{
	guest 'touch /tmp/load.stop'
	wait_for 60 guest '[ -s /tmp/load.rc ]'
	guest '[ $(cat /tmp/load.rc) = 0 ] || tail -n 30 /tmp/load.log'
	expect_eq "fio's exit code" "$(guest cat /tmp/load.rc)" 0
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

# The host's module leaves, and another load of it comes.
exchange_module()
{
	module_down iocore
	[ $((RANDOM % 2)) -eq 0 ] || sleep 1
	insmod /iocore/build/host/iocore.ko
}

# ---- setup ----

prepare()
{
	host_clear
	null_up n0 irqmode=2 completion_nsec=2000000 cache_size=8
	null_up n1
	make_disks
	vm_up $VM VCPUS=2
	attach_to 0 d0 > /dev/null
	wait_for 15 guest_has ioca
	guest 'dmesg -c > /dev/null'
}
