#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What is saved comes back: over a clear, and over another load of the module,
# with a guest that keeps running.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"

SAVED=/tmp/state.json

# The part of the overview that is no counter.
state()
{
	iocorectl -o json | python3 -c '
import json, sys
d = json.load(sys.stdin)
for row in d["cores"]:
    row.pop("requests", None)
for row in d["vms"]:
    for key in ("vcpus", "direct_reasons", "exits"):
        row.pop(key, None)
d["vms"] = [row for row in d["vms"] if row["disks"] or row["kept"]]
json.dump(d, sys.stdout, sort_keys=True, indent=1)'
}

# A guest whose driver can wait for its host's return keeps its disks meanwhile.
guest_waits()
{
	iocorectl detach --keep d1 && iocorectl attach --vm "$(vm_pid)" --notifier inject d1
}

knows()
{
	[ -e "$CFG/disks/d0/$1" ]
}

prepare()
{
	host_clear
	null_up n0
	null_up n1
	vm_up
	core_up io0 0 70
	core_up io1 0 1000
	iocorectl disk create d0 --path /dev/n0 --core io1 --serial S0
	iocorectl disk create d1 --path /dev/n1 --readonly --notifier inject
	if knows threads; then
		iocorectl disk set d0 --core io1,io0 --threads 2 --queues 8 --replay-timeout 90
	fi
	iocorectl attach --vm "$(vm_pid)" --slot 3 --notifier inject d0
	iocorectl attach --vm "$(vm_pid)" d1
	wait_for 15 guest_has iocd
	wait_for 15 guest_has ioca
	rm -f /tmp/keep
	! guest_waits || echo --keep > /tmp/keep
	state > /tmp/state.before
}

# The guest keeps what it had written, and its devices.
fill()
{
	fio_guest iocd --rw=write --bs=64k --size=4m --verify=crc32c --do_verify=0
}

saves()
{
	iocorectl save $SAVED
	expect_eq "mode" "$(stat -c %a $SAVED)" 600
	python3 -m json.tool $SAVED
	grep -q '"start_time"' $SAVED
}

restore_changes_nothing()
{
	expect_eq "said" "$(iocorectl restore $SAVED 2>&1)" ""
	state > /tmp/state.after
	cmp /tmp/state.before /tmp/state.after
}

clears()
{
	iocorectl clear $(cat /tmp/keep 2>/dev/null)
	expect_eq "disks" "$(ls $CFG/disks)" ""
	expect_eq "cores" "$(ls $CFG/cores)" ""
	expect_eq "threads" "$(iocore_threads)" ""
}

restores()
{
	iocorectl restore $SAVED
	state > /tmp/state.after
	diff /tmp/state.before /tmp/state.after
}

clear_and_restore()
{
	clears
	restores
}

reloads()
{
	clears
	module_down iocore
	insmod /iocore/build/host/iocore.ko
	expect_eq "disks of a fresh module" "$(ls $CFG/disks)" ""
	restores
}

# What is in flight waits for the other module, and ends well.
reloads_under_load()
{
	[ -s /tmp/keep ] || skip "the guest can't wait for its disks"
	DEV=iocd load 10
	reloads
	loaded
	guest_is_fine iocd
	expect_eq "in flight" "$(disk_stat d0 in_flight)" 0
}

# A guest that can't wait looks for disks when its driver is loaded.
verifies()
{
	[ -s /tmp/keep ] || guest 'rmmod iocore_blk; insmod /lib/iocore_blk.ko'
	wait_for 30 guest_has iocd
	wait_for 30 guest_has ioca
	fio_guest iocd --rw=write --bs=64k --size=4m --verify=crc32c --verify_only
	fio_guest iocd --rw=randwrite --bs=4k --size=1m --verify=crc32c --do_verify=1
}

other_process()
{
	sed 's/"start_time": *[0-9]*/"start_time":1/' $SAVED > /tmp/other.json
	iocorectl clear
	iocorectl restore /tmp/other.json | tee /tmp/said
	grep -q "VM $(vm_pid) has ended" /tmp/said
	expect_eq "attached" "$(state | grep -c '"d0": 3')" 0
}

missing_backend()
{
	iocorectl clear
	sed 's,/dev/n0,/dev/nowhere,' $SAVED > /tmp/gone.json
	expect_refusal 1 'd0.*does not exist' iocorectl restore /tmp/gone.json
	[ -e $CFG/disks/d1 ] || fail "the other disk was not made"
	expect_eq "d1" "$(cat "$SYS/vms/$(vm_pid)-0/disks/d1")" 0
}

bad_file()
{
	iocorectl clear
	head -c 300 $SAVED > /tmp/cut.json
	expect_refusal 1 'not JSON|early' iocorectl restore /tmp/cut.json
	expect_eq "cores" "$(ls $CFG/cores)" ""
}

tap_begin
need_iocore
tap_setup prepare
tap_point "the guest writes" fill
tap_point "save writes a document" saves
tap_point "restore of what is there does nothing" restore_changes_nothing
tap_point "clear takes all away, restore brings it back" clear_and_restore
tap_point "so it does over another load of the module" reloads
tap_point "the guest finds its data" verifies
tap_point "and over another under load, with no I/O failed" reloads_under_load
tap_point "another process with the VM's pid gets no disk" other_process
tap_point "a backend that is gone costs its disk only" missing_backend
tap_point "a damaged file does nothing" bad_file
tap_end
