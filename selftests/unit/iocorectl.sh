#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# iocorectl without a host module: usage, exit codes, output, and what it does
# with a tree of plain files below --sysroot. TAP.
#
# usage: iocorectl.sh [IOCORECTL]

# shellcheck source=selftests/unit/ctl.sh
. "$(dirname "$0")/ctl.sh"

usage_tests()
{
	local long

	long=$(printf 'x%.0s' {1..64})
	expect "help" 0 "Usage: iocorectl" --help
	expect "help of a command" 0 "attach --vm PID" attach --help
	expect "help of an object" 0 "core add NAME" core --help
	expect "version" 0 "^iocorectl [0-9]" --version
	expect "unknown command" 2 "no command 'frob'" frob
	expect "unknown verb" 2 "no command 'frob'" core frob
	expect "object without verb" 2 "missing" disk
	expect "unknown option" 2 "unrecognized option" core list --frob
	expect "unknown output" 2 "text or json" -o xml check
	expect "option without value" 2 "requires an argument" core add a --cpu
	expect "core without cpu" 2 "--cpu is missing" core add a
	expect "cpu no number" 2 "takes a number" core add a --cpu 1x
	expect "cpu negative" 2 "takes a number" core add a --cpu -1
	expect "idle too long" 2 "takes a number of 0 to 1000000" core add a --cpu 1 --idle-us 1000001
	expect "core without name" 2 "name is missing" core add --cpu 1
	expect "two names" 2 "too many" core del a b
	expect "name with slash" 2 "not a name" core del ../a
	expect "name with dot in front" 2 "not a name" core del .a
	expect "empty name" 2 "not a name" core del ""
	expect "name too long" 2 "not a name" disk delete "$long"
	expect "disk without path" 2 "--path is missing" disk create d
	expect "serial too long" 2 "serial takes 1 to 32" disk create d --path /dev/null --serial "$long"
	expect "serial with space" 2 "serial takes printable" disk create d --path /dev/null --serial "a b"
	expect "attach without vm" 2 "--vm is missing" attach d
	expect "attach, pid 0" 2 "takes a number" attach --vm 0 d
	expect "attach, slot too high" 2 "number of 0 to 255" attach --vm 1 d --slot 256
	expect "count without interval" 2 "needs --interval" stat -n 1
	expect "list with an argument" 2 "too many" core list a
	expect_json "usage error" 2 '"number" in d["error"]' -o json core add a --cpu x
}

# A host without iocore: every command that needs it says so.
unsupported_tests()
{
	local root="--sysroot $TREE/empty"

	mkdir "$TREE/empty"
	# shellcheck disable=SC2086
	{
	expect "overview, no module" 3 "module is not loaded" $root
	expect "core add, no module" 3 "module is not loaded" $root core add a --cpu 0
	expect "disk list, no module" 3 "module is not loaded" $root disk list
	expect "vm list, no module" 3 "module is not loaded" $root vm list
	expect "attach, no module" 3 "module is not loaded" $root attach --vm $$ d
	expect "detach, no module" 3 "module is not loaded" $root detach d
	expect "stat, no module" 3 "module is not loaded" $root stat
	expect "check, no module" 3 "not ready" $root check
	expect_json "check, no module" 3 'not d["ready"] and len(d["checks"]) == 10' $root check -o json
	expect_json "stat, no module" 3 '"not loaded" in d["error"]' $root -o json stat
	}
	mkdir -p "$TREE/half/sys/module/iocore"
	expect "no configfs" 3 "is configfs mounted" --sysroot "$TREE/half" core list
}

make_tree()
{
	local config=sys/kernel/config/iocore counters=sys/kernel/iocore

	value $config/cores/io0/cpu 3
	value $config/cores/io0/idle_us 50
	value $config/cores/io0/enable 1
	value $config/disks/d0/path /dev/vg/d0
	value $config/disks/d0/core io0
	value $config/disks/d0/serial 'S"1'
	value $config/disks/d0/readonly 0
	value $config/disks/d0/enable 1
	value $counters/cores/io0/cpu 3
	value $counters/cores/io0/busy_ns 250
	value $counters/cores/io0/total_ns 1000
	value $counters/cores/io0/requests 18446744073709551615
	value $counters/disks/d0/capacity 2048
	value $counters/disks/d0/reads 10
	value $counters/vms/77-1/pid 77
	value $counters/vms/77-1/kicks 5
	value $counters/vms/77-1/disks/d0 0
}

# A counter that moves ten times a second at most.
rates_test()
{
	local file=$TREE/sys/kernel/iocore/disks/d0/reads i

	(for i in {11..40}; do sleep 0.1; echo "$i" >"$file.new"; mv "$file.new" "$file"; done) &
	BG=$!
	expect_json "rates" 0 'd["interval_s"] >= 1 and 0 < d["disks"][0]["rates"]["reads"] < 15' \
		-o json --sysroot "$TREE" stat -i 1 -n 2 d0
	wait "$BG"
	BG=
}

tree_tests()
{
	local config=$TREE/sys/kernel/config/iocore

	make_tree
	set -- --sysroot "$TREE"
	expect "overview" 0 "77-1 +77 +d0:0" "$@"
	expect_json "overview" 0 'len(d["cores"]) == len(d["disks"]) == len(d["vms"]) == 1' -o json "$@"
	expect "core list" 0 "^io0 +3 +50 +yes" "$@" core list
	expect_json "core list" 0 'd["cores"][0]["requests"] == 2**64 - 1' "$@" -o json core list
	expect "disk list" 0 '^d0 +1\.0M +no +yes +1 +io0 +S"1 +/dev/vg/d0' "$@" disk list
	expect_json "disk list" 0 'd["disks"][0]["serial"] == "S\"1" and d["disks"][0]["attached"] == 1' \
		disk list "$@" -o json
	expect_json "vm list" 0 'd["vms"] == [{"name": "77-1", "pid": 77, "disks": {"d0": 0}, "notifiers": {}, "kept": {}, "vcpus": [], "direct_reasons": {}}]' \
		-o json "$@" vm list
	expect "stat" 0 "^io0 +3 +25\.0%" "$@" stat
	expect_json "stat of one" 0 'd["cores"] == [] and d["disks"][0]["reads"] == 10' "$@" -o json stat d0
	expect "stat of none" 1 "is called x" "$@" stat x
	expect "add what exists" 1 "exists already" "$@" core add io0 --cpu 1
	expect "delete what is not there" 1 "no disk is called x" "$@" disk delete x
	rates_test

	# A new directory has no attributes here, so the first value is refused.
	expect "failed core add" 1 "does not know 'cpu'" "$@" core add io5 --cpu 5
	[ ! -e "$config/cores/io5" ]
	result $? "failed core add leaves nothing"
	expect "failed disk create" 1 "does not know 'path'" "$@" disk create d5 --path relative
	[ ! -e "$config/disks/d5" ]
	result $? "failed disk create leaves nothing"
	expect "check" 3 "ok +module +iocore is loaded" "$@" check
	expect "check, nothing kept" 3 "ok +kept +no guest waits" "$@" check
	value sys/kernel/iocore/vms/77-1/kept "4 d0"
	expect "check, a slot kept" 3 "hint +kept +the guest of VM 77-1 waits for disk d0" "$@" check
	rm "$TREE/sys/kernel/iocore/vms/77-1/kept"
	value sys/module/iocore/version 9.9
	expect "check, another version" 3 "hint +module +iocore 9\.9 is loaded, this program is" "$@" check
	rm "$TREE/sys/module/iocore/version"
}

check_tests()
{
	mkdir -p "$TREE/sys/module/iocore"
	tree_tests
	"$CTL" --version >/dev/full 2>"$ERR"
	result $(($? != 1)) "output that can't be written: exit 1"
}

usage_tests
unsupported_tests
check_tests
done_testing
