# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# ctl.sh - TAP for tests of iocorectl, and a host of plain files below $TREE
#
# fake_host makes a host without cores and disks, and iocorectl then believes it:
# see fakehost.c. The VM in it is this shell's process.

CTL=${1:-${IOCORECTL:-iocorectl}}
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TREE=$(mktemp -d) || exit 1
BG=
trap 'rm -rf "$TREE"; [ -z "$BG" ] || kill "$BG" 2>/dev/null' EXIT
OUT=$TREE/out ERR=$TREE/err
CONFIG=$TREE/sys/kernel/config/iocore
STATS=$TREE/sys/kernel/iocore
PRELOAD=
n=0
failed=0

result()	# RC NAME
{
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		failed=$((failed + 1))
		echo "not ok $n - $2"
		sed 's/^/# /' "$OUT" "$ERR"
	fi
}

ctl()
{
	FAKE_TREE=$TREE LD_PRELOAD=$PRELOAD "$CTL" "$@"
}

expect()	# NAME CODE TEXT ARGS...: TEXT is a pattern in stdout or stderr
{
	local name=$1 code=$2 text=$3 rc
	shift 3

	ctl "$@" >"$OUT" 2>"$ERR" </dev/null
	rc=$?
	cat "$OUT" "$ERR" | grep -qE -- "$text"
	result $((rc != code || $? != 0)) "$name: exit $code"
}

# expect_silent NAME ARGS...: it succeeds and prints nothing
expect_silent()
{
	local name=$1 rc
	shift

	ctl "$@" >"$OUT" 2>"$ERR" </dev/null
	rc=$?
	[ $rc -eq 0 ] && [ ! -s "$OUT" ] && [ ! -s "$ERR" ]
	result $? "$name: nothing to say"
}

# expect_file NAME FILE TEXT: what a file below the tree holds
expect_file()
{
	: >"$OUT"
	echo "$2: '$(cat "$TREE/$2")' instead of '$3'" >"$ERR"
	[ "$(cat "$TREE/$2")" = "$3" ]
	result $? "$1"
}

expect_json()	# NAME CODE EXPRESSION ARGS...: a Python expression over document d
{
	local name=$1 code=$2 expression=$3 rc
	shift 3

	ctl "$@" >"$OUT" 2>"$ERR" </dev/null
	rc=$?
	[ "$rc" -eq "$code" ] && python3 - "$OUT" "$expression" 2>>"$ERR" <<-'EOF'
	import json, sys
	for line in open(sys.argv[1]):
	    d = json.loads(line)
	    assert d["version"] == 1, d
	    assert eval("(" + sys.argv[2] + ")"), d
	EOF
	result $? "$name: JSON, exit $code"
}

value()		# PATH VALUE
{
	mkdir -p "$TREE/$(dirname "$1")"
	printf '%s\n' "$2" >"$TREE/$1"
}

fake_host()
{
	gcc -shared -fPIC -Wall -Wextra -Werror -D_GNU_SOURCE -I"$HERE/../../include/uapi" \
		-o "$TREE/fakehost.so" "$HERE/fakehost.c" -ldl || exit 1
	PRELOAD=$TREE/fakehost.so
	mkdir -p "$CONFIG/cores" "$CONFIG/disks" "$STATS/cores" "$STATS/disks" "$TREE/fail"
	mkdir -p "$STATS/vms/77-0/disks" "$STATS/vms/77-0/notifiers"
	mkdir -p "$TREE/dev" "$TREE/sys/module/iocore" "$TREE/proc/$$/fd"
	: >"$TREE/dev/iocore"
	ln -sfn anon_inode:kvm-vm "$TREE/proc/$$/fd/0"
	value "sys/kernel/iocore/vms/77-0/pid" $$
	value "sys/kernel/iocore/vms/77-0/direct_allowed" 0
	value proc/sys/kernel/random/boot_id "4a2f"
	cat "/proc/$$/stat" >"$TREE/proc/$$/stat"
}

done_testing()
{
	echo "1..$n"
	[ "$failed" -eq 0 ]
}
