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

cleanup()
{
	only
}

prepare()
{
	[ -e "/iocore/build/kernels/$SUITE/release" ] ||
		fail "the lab was not started with --kernel $SUITE"
	host_clear
	only
}

# other_point RESULT TEXT: of the test that runs
other_point()
{
	TAP_N=$((TAP_N + 1))
	[ "$1" = ok ] || TAP_FAILED=$((TAP_FAILED + 1))
	echo "$1 $TAP_N - $(kernel): $COLLECTION/$t: $2"
}

# A stream into ours, by lastpipe in this shell. What it left out by dying is a
# failure.
renumber()
{
	local line seen=0 whole=

	while IFS= read -r line; do
		case $line in
		"TAP version"*) ;;
		"1..0 "*)
			whole=y
			other_point ok "the whole test ${line#1..0 }"
			;;
		1..*) [ "${line#1..}" != "$seen" ] || whole=y ;;
		"ok "*" - "*)
			seen=$((seen + 1))
			other_point ok "${line#ok * - }"
			;;
		"not ok "*" - "*)
			seen=$((seen + 1))
			other_point "not ok" "${line#not ok * - }"
			;;
		"#"*) printf '%s\n' "$line" ;;
		*) printf '# %s\n' "$line" ;;
		esac
	done
	[ -n "$whole" ] || other_point "not ok" "the test ended before its plan"
}

# run_other TEST: its exit code says nothing that its points do not.
run_other()
{
	local start=$SECONDS

	timeout -k 10 "$EACH" "$OTHERS/$1.sh" < /dev/null 2>&1 | renumber
	echo "# $(kernel): $COLLECTION/$1 took $((SECONDS - start)) s"
	logs_mark
	logs_forget
}

shopt -s lastpipe
tap_begin
need_long
need_iocore
tap_setup prepare
for t in $TESTS; do
	run_other "$t"
done
tap_end
