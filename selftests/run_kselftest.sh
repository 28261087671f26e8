#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Run installed tests. The TAP stream of each is also written to a file
# COLLECTION-TEST.tap, which always has a plan and an end: what a test left out
# by dying, is added as a failure.
#
# usage: run_kselftest.sh [-o SECONDS] [-d DIR] [-l | -c COLLECTION... | -t COLLECTION:TEST...]
#   -c, -t  what to run; default: all. May be repeated
#   -l      list the tests
#   -o      time-out of each test, instead of what `settings` beside it says
#   -d      where the files go (default: $OUT, else the current directory)

set -u
BASE=$(cd "$(dirname "$0")" && pwd)
LIST=$BASE/kselftest-list.txt
DEFAULT_TIMEOUT=45
logs=${OUT:-.}
override=
wanted=()
failed=0
n=0

usage()
{
	sed -n '7,11s/^# \{0,1\}//p' "$0"
	exit "$1"
}

parse()
{
	local opt

	while getopts "c:t:o:d:lh" opt; do
		case $opt in
		c) wanted+=("^$OPTARG:") ;;
		t) wanted+=("^$OPTARG\$") ;;
		o) override=$OPTARG ;;
		d) logs=$OPTARG ;;
		l) cat "$LIST"; exit 0 ;;
		h) usage 0 ;;
		*) usage 2 ;;
		esac
	done
}

selected()
{
	if [ ${#wanted[@]} -eq 0 ]; then
		cat "$LIST"
	else
		grep -E "$(IFS='|'; echo "${wanted[*]}")" "$LIST"
	fi
}

timeout_of()
{
	local t=$DEFAULT_TIMEOUT

	if [ -n "$override" ]; then
		t=$override
	elif [ -r "$BASE/$1/settings" ]; then
		t=$(sed -n "s/^timeout=//p" "$BASE/$1/settings" | tail -n 1)
		t=${t:-$DEFAULT_TIMEOUT}
	fi
	echo "$t"
}

# add_failure FILE MESSAGE: a last point, and a plan that counts it
add_failure()
{
	local points

	points=$(grep -cE '^(not )?ok( |$)' "$1")
	sed -i '/^1\.\./d' "$1"
	printf 'not ok %d - %s\n1..%d\n' $((points + 1)) "$2" $((points + 1)) | tee -a "$1"
}

# What the stream says about itself: empty if it is whole.
defect()
{
	local plan points

	plan=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$1" | tail -n 1)
	points=$(grep -cE '^(not )?ok( |$)' "$1")
	if grep -q '^Bail out!' "$1"; then
		grep -m1 '^Bail out!' "$1"
	elif [ -z "$plan" ]; then
		echo "ended without a plan"
	elif [ "$plan" -ne "$points" ]; then
		echo "planned $plan points, had $points"
	fi
}

# Complaints of this machine's kernel since the mark, of which no point tells:
# those of tests in C, and those that came late.
log_defect()
{
	local complaint

	grep -q '^# a kernel complains' "$2" && return
	complaint=$(host_complaints "$1" | head -n 1)
	[ -z "$complaint" ] || echo "the kernel complains: $complaint"
}

run_test()
{
	local dir=$1 test=$2 tap=$logs/$1-${2%.*}.tap rc limit why= mark

	limit=$(timeout_of "$dir")
	mark="kselftest $dir:$test $RANDOM"
	echo "$mark" > /dev/kmsg
	echo "# selftests: $dir: $test"
	(
		cd "$BASE/$dir" || exit 1
		exec timeout -k 10 "$limit" "./$test"
	) < /dev/null 2>&1 | tee "$tap"
	rc=${PIPESTATUS[0]}
	if [ "$rc" -eq 124 ] || [ "$rc" -eq 137 ]; then
		why="time-out after $limit s"
	else
		why=$(defect "$tap")
		if [ -z "$why" ] && [ "$rc" -ne 0 ] && [ "$rc" -ne 4 ] &&
		   ! grep -q '^not ok' "$tap"; then
			why="exit code $rc"
		fi
		[ -n "$why" ] || why=$(log_defect "$mark" "$tap")
	fi
	[ -z "$why" ] || add_failure "$tap" "$dir: $test: $why"
	echo "# end" >> "$tap"

	n=$((n + 1))
	if [ -n "$why" ] || grep -q '^not ok' "$tap"; then
		failed=$((failed + 1))
		echo "# not ok $n selftests: $dir: $test"
	elif [ "$rc" -eq 4 ]; then
		echo "# ok $n selftests: $dir: $test # SKIP"
	else
		echo "# ok $n selftests: $dir: $test"
	fi
}

# shellcheck source=selftests/lib/tap.sh
. "$BASE/lib/tap.sh"
rm -f "$TAP_LOG" "$TAP_NOTES"
parse "$@"
mkdir -p "$logs"
for line in $(selected); do
	run_test "${line%%:*}" "${line#*:}"
done
[ $n -gt 0 ] || { echo "no such test"; exit 2; }
[ $failed -eq 0 ]
