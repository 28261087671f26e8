#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# iocorectl over a host of plain files: what disks, attachments and queues can be
# told. TAP.
#
# usage: ctl_disk.sh [IOCORECTL]

# shellcheck source=selftests/unit/ctl.sh
. "$(dirname "$0")/ctl.sh"

DISKS=sys/kernel/config/iocore/disks

usage_tests()
{
	expect "core list with a hole" 2 "commas between" disk create d --path /a --core a,,b
	expect "core list with a path" 2 "commas between" disk create d --path /a --core ../a
	expect "no thread" 2 "number of 1 to 16" disk create d --path /a --threads 0
	expect "too many threads" 2 "number of 1 to 16" disk create d --path /a --threads 17
	expect "no queue" 2 "number of 1 to 64" disk create d --path /a --queues 0
	expect "too many queues" 2 "number of 1 to 64" disk set d --queues 65
	expect "write cache of neither kind" 2 "back or through" disk set d --write-cache both
	expect "replay time-out negative" 2 "takes a number" disk set d --replay-timeout -1
	expect "set nothing" 2 "what to set is missing" disk set d
	expect "set the path" 2 "unrecognized option" disk set d --path /a
	expect "move without a path" 2 "--path is missing" disk move d
	expect "rescan of two things" 2 "exclude each other" disk rescan d --path /a
	expect "rescan of nothing" 2 "name is missing" disk rescan
	expect "queue move without a core" 2 "a disk and of a core" queue move d
	expect "queue move, three names" 2 "too many" queue move d a b
	expect "queue move, wrong core" 2 "not a name" queue move d .a
	expect "queue move, wrong disk" 2 "not a name" queue move .d a
	expect "queue number too high" 2 "number of 0 to 63" queue move --queue 64 d a
}

create_tests()
{
	expect_silent "core" "$@" core add io0 --cpu 0
	expect_silent "disk with all options" "$@" disk create d0 --path /dev/a --core io0,io1 \
		--threads 4 --queues 8 --write-cache through --replay-timeout 0 --notifier none
	expect_file "its cores" $DISKS/d0/core io0,io1
	expect_file "its threads" $DISKS/d0/threads 4
	expect_file "its queues" $DISKS/d0/queues 8
	expect_file "its write cache" $DISKS/d0/write_cache through
	expect_file "its replay time-out" $DISKS/d0/replay_timeout 0
	expect_file "it is enabled" $DISKS/d0/enable 1
	expect_json "disk list" 0 'd["disks"][0]["threads"] == 4 and d["disks"][0]["write_cache"] == "through"' \
		"$@" -o json disk list
	echo 19 >"$TREE/fail/enable"
	expect "a disk that can't be enabled" 1 "no such IOCore" "$@" disk create d9 --path /dev/a
	rm "$TREE/fail/enable"
	[ ! -e "$TREE/$DISKS/d9" ]
	result $? "it leaves nothing"
}

# What a running disk can't have changed is set while it is disabled.
set_tests()
{
	expect_silent "set while enabled" "$@" disk set d0 --threads 2 --core io0 --serial S1
	expect_file "threads are set" $DISKS/d0/threads 2
	expect_file "it is enabled again" $DISKS/d0/enable 1
	echo 22 >"$TREE/fail/queues"
	expect "a value that is refused" 1 "cannot set queues to '7'" "$@" disk set d0 --threads 3 --queues 7
	rm "$TREE/fail/queues"
	expect_file "leaves the others as they were" $DISKS/d0/threads 2
	expect_file "leaves it enabled" $DISKS/d0/enable 1
	echo 16 >"$TREE/fail/enable"
	expect "set while attached" 1 "in use: it is attached" "$@" disk set d0 --threads 3
	rm "$TREE/fail/enable"
	expect_file "changes nothing" $DISKS/d0/threads 2
	expect "set of no disk" 1 "no disk is called dx" "$@" disk set dx --threads 3
	rm "$TREE/$DISKS/d0/threads"
	expect "an attribute that the module lacks" 1 "does not know 'threads'" "$@" disk set d0 --threads 3
	value $DISKS/d0/threads 2
	expect_file "leaves it enabled" $DISKS/d0/enable 1
}

move_tests()
{
	expect_silent "move" "$@" disk move d0 --path /dev/b
	expect_file "to the new path" $DISKS/d0/path /dev/b
	expect "move of no disk" 1 "no disk is called dx" "$@" disk move dx --path /dev/b
	echo 28 >"$TREE/fail/path"
	expect "move to a smaller one" 1 "smaller than the old" "$@" disk move d0 --path /dev/c
	echo 95 >"$TREE/fail/path"
	expect "move to a lesser one" 1 "lacks what the guests" "$@" disk move d0 --path /dev/c
	echo 2 >"$TREE/fail/path"
	expect "move to nowhere" 1 "new path does not exist" "$@" disk move d0 --path /dev/c
	rm "$TREE/fail/path"
	expect_silent "a relative path" "$@" disk move d0 --path relative
	expect_file "is made absolute" $DISKS/d0/path "$PWD/relative"
}

rescan_tests()
{
	expect_silent "rescan" "$@" disk rescan d0
	expect_file "reaches the kernel" $DISKS/d0/rescan 1
	: >"$TREE/backing"
	ln -s backing "$TREE/other-name"
	value $DISKS/d0/path "$TREE/backing"
	value $DISKS/d0/rescan ""
	expect_silent "rescan by another name" "$@" disk rescan --path "$TREE/other-name"
	expect_file "finds the disk" $DISKS/d0/rescan 1
	value $DISKS/d0/rescan ""
	expect_silent "rescan of what no disk stands on" "$@" disk rescan --path /dev/null
	expect_file "leaves the disk" $DISKS/d0/rescan ""
	expect "rescan of no path" 1 "No such file" "$@" disk rescan --path "$TREE/none"
}

attach_tests()
{
	expect "attach" 0 "d0 is in slot 5 of VM $$: /dev/iocf" "$@" attach --vm $$ d0
	expect "vm list" 0 "d0:5" "$@" vm list
	expect_silent "detach, keep" "$@" detach --keep d0
	expect_json "detach, keep" 0 'd["kept"] == {"disk": "d0"}' "$@" -o json detach --keep --vm $$ d0
	tail -n 1 "$TREE/ioctl.log" | grep -q "^detach d0 $$ 1"
	result $? "the kernel is told to keep"
	value sys/kernel/iocore/vms/77-0/kept "3 d0"
	expect_json "a kept slot" 0 'd["vms"][0]["kept"] == {"d0": 3}' "$@" -o json vm list
	expect "a kept slot" 0 "KEPT.*" "$@" vm list
	echo 95 >"$TREE/fail/detach"
	expect "a guest that can't wait" 1 "guest can't wait" "$@" detach --keep d0
	echo 22 >"$TREE/fail/detach"
	expect "a module that can't keep" 1 "does not know how" "$@" detach --keep d0
	rm "$TREE/fail/detach" "$STATS/vms/77-0/kept"
	expect_silent "move all queues" "$@" queue move d0 io1
	expect_silent "move a queue" "$@" queue move --vm $$ --queue 3 d0 io1
	tail -n 1 "$TREE/ioctl.log" | grep -q "^move d0 io1 $$ 3"
	result $? "the kernel is told which"
	echo 19 >"$TREE/fail/move"
	expect "move to no core" 1 "no IOCore io9 is enabled" "$@" queue move d0 io9
	echo 2 >"$TREE/fail/move"
	expect "move of no queue" 1 "has no queue 9" "$@" queue move --queue 9 d0 io1
	echo 76 >"$TREE/fail/move"
	expect "move of which VM's" 1 "several VMs" "$@" queue move d0 io1
	echo 25 >"$TREE/fail/move"
	expect "a module without moves" 3 "can't move queues" "$@" queue move d0 io1
	rm "$TREE/fail/move"
}

fake_host
usage_tests
for part in create set move rescan attach; do
	${part}_tests --sysroot "$TREE"
done
done_testing
