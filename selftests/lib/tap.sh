# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# tap.sh - test points as TAP 13, each with a look at the kernels' logs
#
#	tap_begin
#	tap_setup prepare			failing, it ends the script
#	tap_point "what must hold" function ARG...
#	tap_end
#
# A point runs in a subshell with `set -eu`: the first command that fails fails
# it. Its output is shown as TAP comments if it did. In a point, fail MESSAGE
# ends it, skip REASON skips it, note TEXT adds a comment in any case. After each
# point the logs of both kernels are read: a warning, an oops, a lockup, a leak in
# either fails the point.

TAP_N=0
TAP_FAILED=0
TAP_LOG=$(mktemp)
TAP_NOTES=$(mktemp)

# What no kernel says when all is well.
KERNEL_COMPLAINTS='WARNING: |BUG: |BUG at|Oops|general protection fault|Call Trace:|KASAN|KFENCE'
KERNEL_COMPLAINTS+='|UBSAN|kmemleak|[Ll]eaked|soft lockup|hard LOCKUP|detected stall|self-detected'
KERNEL_COMPLAINTS+='|blocked for more than|hung_task|possible recursive locking|possible circular'
KERNEL_COMPLAINTS+='|inconsistent lock state|suspicious RCU|refcount_t|Kernel panic|Unable to handle'
KERNEL_COMPLAINTS+='|corruption|Bad page|scheduling while atomic|sleeping function called'
KERNEL_COMPLAINTS+='|invalid opcode|double fault|No irq handler|unregister_netdevice'

tap_begin()
{
	echo "TAP version 13"
	trap 'tap_cleanup' EXIT
	logs_mark
	logs_forget
}

tap_cleanup()
{
	rm -f "$TAP_LOG" "$TAP_NOTES"
	if declare -F cleanup > /dev/null; then
		cleanup > /dev/null 2>&1
	fi
}

# ---- the kernels' logs ----

# The length of each guest's log: at the mark, and now.
declare -A LOG_SIZE LOG_NOW

# From here on a complaint belongs to the next point. The host's log is marked
# by a line in it; a guest's, which outlives the guest, by its length. A mark that has
# left the host's log is a complaint itself: nobody knows what went with it.
logs_mark()
{
	local f size

	LOGS_MARK="selftest $$.$TAP_N.$RANDOM"
	echo "$LOGS_MARK" > /dev/kmsg
	LOG_NOW=()
	while read -r size f; do
		[ -z "$f" ] || LOG_NOW[$f]=$size
	done <<< "$(stat -c '%s %n' /run/l2/*-console.log 2>/dev/null)"
}

guest_complaints()
{
	local from=${LOG_SIZE[$1]:-0} name=${1##*/}

	[ "$2" -ne "$from" ] || return 0
	[ "$2" -gt "$from" ] || from=0
	tail -c +$((from + 1)) "$1" | head -c $(($2 - from)) | grep -aE "$KERNEL_COMPLAINTS" |
		sed "s/^/${name%-console.log}: /"
}

# host_complaints FROM [TO]: in the host's log, from one mark to the other or its end.
# That a CPU without a tick was not looked at for three seconds says that the machine
# is slow, and no more.
host_complaints()
{
	dmesg | awk -v from="$1" -v to="${2:-}" -v bad="$KERNEL_COMPLAINTS" '
		to != "" && index($0, to) { exit }
		/WARNING: |BUG: |Oops/ { slow = / sched_tick_remote/ }
		/end trace/ { slow = 0 }
		found && !slow && $0 ~ bad { print "host: " $0 }
		index($0, from) { found = 1 }
		END {
			if (!found)
				print "host: the mark is gone from the log: the log overflowed"
		}'
}

# logs_complaints MARK: from that mark to the latest
logs_complaints()
{
	local f

	host_complaints "$1" "$LOGS_MARK"
	for f in "${!LOG_NOW[@]}"; do
		guest_complaints "$f" "${LOG_NOW[$f]}"
	done
}

logs_forget()
{
	local f

	LOG_SIZE=()
	for f in "${!LOG_NOW[@]}"; do
		LOG_SIZE[$f]=${LOG_NOW[$f]}
	done
}

# ---- points ----

fail()
{
	echo "$*"
	exit 1
}

skip()
{
	echo "$*"
	exit 4
}

# A comment of the stream, whether the point holds or not.
note()
{
	printf '%s\n' "$*" >> "$TAP_NOTES"
}

tap_comment()
{
	tr -d '\r\001' | sed 's/^/# /'
}

# tap_result RC NAME
tap_result()
{
	local complaints mark=$LOGS_MARK

	TAP_N=$((TAP_N + 1))
	logs_mark
	complaints=$(logs_complaints "$mark")
	logs_forget
	if [ -n "$complaints" ]; then
		TAP_FAILED=$((TAP_FAILED + 1))
		echo "not ok $TAP_N - $2"
		echo "# a kernel complains:"
		printf '%s\n' "$complaints" | head -n 40 | tap_comment
		[ "$1" -eq 0 ] || tail -n 40 "$TAP_LOG" | tap_comment
		return 1
	fi
	case $1 in
	0) echo "ok $TAP_N - $2" ;;
	4) echo "ok $TAP_N - $2 # SKIP $(tail -n 1 "$TAP_LOG")" ;;
	*)
		TAP_FAILED=$((TAP_FAILED + 1))
		echo "not ok $TAP_N - $2"
		tail -n 60 "$TAP_LOG" | tap_comment
		[ "$1" -eq 1 ] || echo "# exit code $1"
		return 1
		;;
	esac
}

tap_run()
{
	# Not in a condition, which would switch -e off inside.
	(
		set -eu
		"$@"
	) > "$TAP_LOG" 2>&1
}

tap_point()
{
	local name=$1 start=$SECONDS

	shift
	tap_run "$@"
	tap_result $? "$name"
	[ ! -s "$TAP_NOTES" ] || tap_comment < "$TAP_NOTES"
	: > "$TAP_NOTES"
	[ $((SECONDS - start)) -lt 20 ] || echo "# took $((SECONDS - start)) s"
}

# A point of `selftests/check --long` alone.
tap_long_point()
{
	local name=$1

	shift
	if [ -n "${IOCORE_LONG:-}" ]; then
		tap_point "$name" "$@"
	else
		TAP_N=$((TAP_N + 1))
		echo "ok $TAP_N - $name # SKIP a long test: make soak"
	fi
}

# A script of `selftests/check --long` alone; after tap_begin.
need_long()
{
	[ -n "${IOCORE_LONG:-}" ] || tap_skip_all "a long test: make soak"
}

# cycles SHORT LONG: how often
cycles()
{
	if [ -n "${IOCORE_LONG:-}" ]; then echo "$2"; else echo "$1"; fi
}

tap_setup()
{
	tap_run "$@"
	tap_result $? "setup: $*" || tap_bail "the setup failed"
}

tap_bail()
{
	echo "Bail out! $*"
	exit 1
}

tap_skip_all()
{
	echo "1..0 # SKIP $*"
	exit 4
}

tap_end()
{
	echo "1..$TAP_N"
	[ $TAP_FAILED -eq 0 ]
	exit
}

# ---- claims, for use in points ----

# expect_eq WHAT GOT WANT
expect_eq()
{
	[ "$2" = "$3" ] || fail "$1: '$2' instead of '$3'"
}

# expect_le WHAT GOT LIMIT, integers
expect_le()
{
	[ "$2" -le "$3" ] || fail "$1: $2, which is more than $3"
}

expect_ge()
{
	[ "$2" -ge "$3" ] || fail "$1: $2, which is less than $3"
}

# expect_rc WANT COMMAND...
expect_rc()
{
	local want=$1 rc=0

	shift
	"$@" || rc=$?
	[ $rc -eq "$want" ] || fail "'$*' exited with $rc, not $want"
}

# expect_refusal RC PATTERN COMMAND...: it exits with RC and says PATTERN
expect_refusal()
{
	local want=$1 pattern=$2 rc=0 out

	shift 2
	out=$("$@" 2>&1) || rc=$?
	echo "$out"
	[ $rc -eq "$want" ] || fail "'$*' exited with $rc, not $want"
	printf '%s\n' "$out" | grep -qiE -- "$pattern" || fail "'$*' does not say '$pattern'"
}

# wait_for SECONDS COMMAND...: more than that on a fast machine; an emulated one may
# be several times as slow
wait_for()
{
	local deadline=$((SECONDS + $1 * 6))

	shift
	until "$@" > /dev/null 2>&1; do
		[ $SECONDS -lt $deadline ] || fail "still not so: $*"
		sleep 0.2
	done
}
