# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# others.sh - tests of other collections under a kernel other than the lab's
#
# A test names the Debian suite in SUITE, a collection in COLLECTION, the names of
# its tests in TESTS, and sources this. Each of them runs as it is, in guests of
# that kernel; its points become points of one stream, with the kernel and the
# test's name before theirs.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"

export L2_KERNEL=$SUITE
export IOCORE_CYCLES=${IOCORE_CYCLES:-5}
OTHERS=$(cd "$(dirname "$0")/../$COLLECTION" && pwd)
# Seconds for each of them, by far more than it needs.
EACH=${IOCORE_EACH:-1200}
COUNTS=$(mktemp)

cleanup()
{
	only
	rm -f "$COUNTS"
}

prepare()
{
	[ -e "/iocore/build/kernels/$SUITE/release" ] ||
		fail "the lab was not started with --kernel $SUITE"
	host_clear
	only
}

# From one stream to ours: renumber PREFIX. What it left out by dying is a failure.
renumber()
{
	awk -v prefix="$1" -v n="$TAP_N" -v counts="$COUNTS" '
		function point(result, text)
		{
			print result " " ++n " - " prefix text
			if (result == "not ok")
				failed++
			fflush()
		}
		/^TAP version/ { next }
		/^1\.\.0/ {
			whole = 1
			sub(/^1\.\.0 */, "")
			point("ok", "the whole test " $0)
			next
		}
		/^1\.\.[0-9]+$/ {
			whole = substr($0, 4) == seen
			next
		}
		/^(not )?ok [0-9]+ - / {
			result = /^not/ ? "not ok" : "ok"
			sub(/^(not )?ok [0-9]+ - /, "")
			seen++
			point(result, $0)
			next
		}
		{ print /^#/ ? $0 : "# " $0; fflush() }
		END {
			if (!whole)
				point("not ok", "the test ended before its plan")
			print n, failed + 0 > counts
		}'
}

# run_other TEST: its exit code says nothing that its points do not.
run_other()
{
	local failed start=$SECONDS

	echo "# $COLLECTION/$1.sh under $(kernel)"
	timeout -k 10 "$EACH" "$OTHERS/$1.sh" < /dev/null 2>&1 |
		renumber "$(kernel): $COLLECTION/$1: "
	read -r TAP_N failed < "$COUNTS"
	TAP_FAILED=$((TAP_FAILED + failed))
	echo "# $COLLECTION/$1.sh took $((SECONDS - start)) s"
	logs_mark
}

tap_begin
need_long
need_iocore
tap_setup prepare
for t in $TESTS; do
	run_other "$t"
done
tap_end
