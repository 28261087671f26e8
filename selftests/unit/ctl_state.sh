#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# iocorectl save, restore and clear over a host of plain files. TAP.
#
# usage: ctl_state.sh [IOCORECTL]

# shellcheck source=selftests/unit/ctl.sh
. "$(dirname "$0")/ctl.sh"

FILE=$TREE/state.json
DISKS=sys/kernel/config/iocore/disks
VM=sys/kernel/iocore/vms/77-0

# refused NAME PATTERN DOCUMENT: restore says PATTERN and does nothing
refused()
{
	local before

	printf '%s' "$3" >"$TREE/bad.json"
	before=$(cd "$TREE" && find sys ioctl.log | sort; cat "$TREE/ioctl.log")
	expect "$1" 1 "$2" --sysroot "$TREE" restore "$TREE/bad.json"
	[ "$before" = "$(cd "$TREE" && find sys ioctl.log | sort; cat "$TREE/ioctl.log")" ]
	result $? "$1: nothing was done"
}

refusals()
{
	local good='{"iocore_state":1,"cores":[{"name":"a","cpu":1,"enabled":true}]'

	refused "empty file" "ends too early" ''
	refused "no JSON" "line 2: not JSON" $'{\n "iocore_state": nonsense }'
	refused "cut off" "ends too early" "$good"
	refused "two documents" "more follows" "$good} {}"
	refused "an array" "not hold a JSON object" '[]'
	refused "no version" "no saved state" '{"cores":[]}'
	refused "newer version" "version 2, this program knows 1" '{"iocore_state":2}'
	refused "version of a text" "no saved state" '{"iocore_state":"1"}'
	refused "unknown key" "key 'frob' is not known" "$good,\"frob\":1}"
	refused "unknown key of a core" "cores\[0\]: the key 'speed'" \
		'{"iocore_state":1,"cores":[{"name":"a","cpu":1,"speed":2}]}'
	refused "unknown key of a disk" "disks\[0\]: the key 'x'" "$good,\"disks\":[{\"name\":\"d\",\"x\":1}]}"
	refused "name that leads away" "name can't be" '{"iocore_state":1,"cores":[{"name":"../a"}]}'
	refused "name with a zero" "not a text" '{"iocore_state":1,"cores":[{"name":"a\u0000b"}]}'
	refused "nameless" "'name' is missing" '{"iocore_state":1,"cores":[{"cpu":1}]}'
	refused "same name twice" "name is that of another" '{"iocore_state":1,"cores":[{"name":"a"},{"name":"a"}]}'
	refused "cpu a text" "cpu is not a number" '{"iocore_state":1,"cores":[{"name":"a","cpu":"1"}]}'
	refused "cpu too high" "cpu is not a number" '{"iocore_state":1,"cores":[{"name":"a","cpu":4294967296}]}'
	refused "enabled core without cpu" "'cpu' is missing" '{"iocore_state":1,"cores":[{"name":"a","enabled":true}]}'
	refused "cores no array" "not an array" '{"iocore_state":1,"cores":{}}'
	refused "core no object" "cores\[0\] is not an object" '{"iocore_state":1,"cores":[1]}'
	refused "relative path" "path can't be 'dev'" "$good,\"disks\":[{\"name\":\"d\",\"path\":\"dev\"}]}"
	refused "path with a line end" "path can't be" "$good,\"disks\":[{\"name\":\"d\",\"path\":\"/a\\nb\"}]}"
	refused "enabled disk, empty path" "'path' is empty" \
		"$good,\"disks\":[{\"name\":\"d\",\"path\":\"\",\"enabled\":true}]}"
	refused "readonly a number" "neither true nor false" "$good,\"disks\":[{\"name\":\"d\",\"readonly\":1}]}"
	refused "write cache" "write_cache can't be" "$good,\"disks\":[{\"name\":\"d\",\"write_cache\":\"x\"}]}"
	refused "slot too high" "slot is not a number" \
		"$good,\"vms\":[{\"pid\":1,\"start_time\":1,\"attachments\":[{\"disk\":\"d\",\"slot\":256}]}]}"
	refused "slot missing" "'slot' is missing" \
		"$good,\"vms\":[{\"pid\":1,\"start_time\":1,\"attachments\":[{\"disk\":\"d\"}]}]}"
	refused "pid zero" "pid is not a number" "$good,\"vms\":[{\"pid\":0,\"start_time\":1}]}"
	refused "start missing" "'start_time' is missing" "$good,\"vms\":[{\"pid\":1}]}"
	expect "no file" 1 "No such file" --sysroot "$TREE" restore "$TREE/none"
	expect_silent "no file, --try" --sysroot "$TREE" restore --try "$TREE/none"
	expect "two files" 2 "too many" --sysroot "$TREE" restore a b
	expect "save to two files" 2 "too many" --sysroot "$TREE" save a b
	expect "clear a name" 2 "too many" --sysroot "$TREE" clear a
	echo '{"iocore_state":1}' >"$TREE/empty.json"
	expect "restore without a host" 3 "not loaded" --sysroot "$TREE/none" restore "$TREE/empty.json"
	expect "save without a host" 3 "not loaded" --sysroot "$TREE/none" save
	expect "clear without a host" 3 "not loaded" --sysroot "$TREE/none" clear
}

populate()
{
	expect_silent "core" "$@" core add io0 --cpu 2 --idle-us 70
	expect_silent "core" "$@" core add io1 --cpu 3
	expect_silent "disk" "$@" disk create d0 --path /dev/a --core io0,io1 --threads 2 --serial 'S"0'
	expect_silent "disk" "$@" disk create d1 --path '/with "quote' --readonly --write-cache through
	expect_json "allow" 0 '"allowed" in d' "$@" -o json allow --vm $$ direct
	expect "attach" 0 "slot 7" "$@" attach --vm $$ --slot 7 --notifier inject d0
	value $VM/kept "9 d1"
}

save_tests()
{
	expect_silent "save" "$@" save "$FILE"
	cp "$FILE" "$TREE/first.json"
	expect_silent "save over it" "$@" save "$FILE"
	cmp "$FILE" "$TREE/first.json" >"$ERR"
	result $? "saves the same"
	[ "$(stat -c %a "$FILE")" = 600 ] && ! ls "$FILE".?* 2>/dev/null
	result $? "no one else reads it, nothing is left beside it"
	python3 - "$FILE" $$ >"$OUT" 2>"$ERR" <<-'EOF'
	import json, sys
	d = json.load(open(sys.argv[1]))
	assert d["iocore_state"] == 1 and d["boot_id"] == "4a2f"
	assert d["cores"][0] == {"name": "io0", "cpu": 2, "idle_us": 70, "enabled": True}
	assert d["disks"][0]["core"] == "io0,io1" and d["disks"][0]["threads"] == 2
	assert d["disks"][1]["path"] == '/with "quote' and d["disks"][1]["readonly"] is True
	vm, = d["vms"]
	assert vm["pid"] == int(sys.argv[2]) and vm["direct_allowed"] is True
	assert vm["attachments"] == [{"disk": "d0", "slot": 7, "notifier": "inject"},
	                             {"disk": "d1", "slot": 9, "kept": True}]
	EOF
	result $? "the document"
	ctl "$@" save | cmp - "$FILE" >"$ERR"
	result $? "save to stdout is the same"
	expect "save where it can't be" 1 "cannot write /none/x" "$@" save /none/x
	printf keep >"$TREE/sub"
	expect "save into no folder" 1 "cannot write" "$@" save "$TREE/sub/x"
}

clear_tests()
{
	: >"$TREE/ioctl.log"
	echo 16 >"$TREE/fail/detach"
	expect "clear, a detach fails" 1 "cannot detach d0" "$@" clear --keep
	echo 2 >"$TREE/fail/detach"
	expect_json "clear, a VM ended meanwhile" 0 'd["failed"] == [] and d["cleared"] == []' \
		"$@" -o json clear --keep
	rm "$TREE/fail/detach"
	expect_json "restore after it" 0 'd["failed"] == []' "$@" -o json restore "$FILE"
	value $VM/kept "9 d1"
	: >"$TREE/ioctl.log"
	expect "clear" 0 "kept disk d0 of VM $$" "$@" clear --keep
	expect_file "the kernel was told to keep what was attached" ioctl.log "detach d0 $$ 1"
	[ -z "$(ls "$CONFIG/disks" "$CONFIG/cores" | grep -v :)" ]
	result $? "no disk and no core is left"
	: >"$TREE/ioctl.log"
	expect "clear without --keep" 0 "detached disk d1" "$@" clear
	expect_file "gives up what was kept" ioctl.log "detach d1 $$ 0"
	rm "$TREE/$VM/kept"
	expect_json "clear of nothing" 0 'd["cleared"] == [] and d["failed"] == []' "$@" -o json clear
}

restore_tests()
{
	: >"$TREE/ioctl.log"
	value $VM/direct_allowed 0
	expect "restore" 0 "attached d0 to slot 7" "$@" restore "$FILE"
	grep -q "d1 of VM $$ was detached with --keep" "$OUT"
	result $? "what was kept is not attached, and it says so"
	expect_file "in this order" ioctl.log $'allow 1\nattach d0 7 2'
	value $VM/kept "9 d1"
	ctl "$@" save "$TREE/again.json" && cmp "$FILE" "$TREE/again.json" >"$ERR"
	result $? "what is saved then is the same"
	: >"$TREE/ioctl.log"
	expect_silent "restore again" "$@" restore "$FILE"
	expect_file "does nothing" ioctl.log ""
	expect_json "restore again" 0 'd["restored"] == d["failed"] == d["skipped"] == []' \
		"$@" -o json restore "$FILE"
}

# What is there and differs stays, and the rest is done.
partial_tests()
{
	value $DISKS/d0/path /dev/other
	value $VM/disks/d0 8
	ctl "$@" disk delete d1
	expect "restore beside what differs" 1 "d0 is there with path '/dev/other', not '/dev/a'" "$@" restore "$FILE"
	grep -q "d0 is in slot 8 of VM $$, not 7" "$ERR"
	result $? "and says what is in another slot"
	expect_file "leaves it" $DISKS/d0/path /dev/other
	expect_file "and makes the rest" $DISKS/d1/enable 1
	expect_json "restore beside what differs" 1 \
		'"error" in d or [f["what"] for f in d["failed"]] == ["disk d0", "disk d0 of VM '$$'"]' \
		"$@" -o json restore "$FILE"
	value $DISKS/d0/enable 0
	value $VM/disks/d0 7
	expect "restore over what is disabled" 0 "made disk d0" "$@" restore "$FILE"
	expect_file "sets it" $DISKS/d0/path /dev/a
	expect_file "enables it" $DISKS/d0/enable 1
}

# An attachment goes to the process it was saved of, or to none.
process_tests()
{
	rm "$TREE/$VM/disks/d0" "$TREE/$VM/notifiers/d0"
	: >"$TREE/ioctl.log"
	value proc/sys/kernel/random/boot_id "5b00"
	expect "restore after a boot" 0 "earlier boot" "$@" restore "$FILE"
	value proc/sys/kernel/random/boot_id "4a2f"
	sed "s/\"start_time\":[0-9]*/\"start_time\":1/" "$FILE" >"$TREE/old.json"
	expect "restore, pid used again" 0 "VM $$ has ended" "$@" restore "$TREE/old.json"
	expect_file "neither attaches" ioctl.log ""
	echo 16 >"$TREE/fail/attach"
	expect "restore into a slot that is taken" 1 "cannot attach d0 .*slot is taken" "$@" restore "$FILE"
	rm "$TREE/fail/attach"
	expect "restore again" 0 "attached d0 to slot 7" "$@" restore "$FILE"
}

fake_host
: >"$TREE/ioctl.log"
refusals
for part in populate save_tests clear_tests restore_tests partial_tests process_tests; do
	$part --sysroot "$TREE"
done
done_testing
