# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# fsck.sh - ext4 after a crash or an error of its disk, for the tests in L1

# ext4_sound DEVICE [RUN...]: what it needs is the replay of its journal, which
# e2fsck -p does, besides repairs that are safe; after that e2fsck finds nothing. RUN
# is put before the command, such as guest.
ext4_sound()
{
	local dev=$1 rc=0

	shift
	"$@" e2fsck -p "$dev" > /tmp/fsck.log 2>&1 || rc=$?
	[ $rc -le 1 ] || fail "e2fsck -p exits with $rc: $(cat /tmp/fsck.log)"
	"$@" e2fsck -fn "$dev" > /tmp/fsck.after 2>&1 ||
		fail "after $(cat /tmp/fsck.log) e2fsck finds: $(cat /tmp/fsck.after)"
}

# ext4_replayed DEVICE [RUN...]: the same, and its journal was all: it was replayed, no
# error was noted in it, nothing was to be repaired.
ext4_replayed()
{
	ext4_sound "$@"
	grep -q 'recovering journal' /tmp/fsck.log ||
		fail "no journal was replayed: $(cat /tmp/fsck.log)"
	grep -q ': clean,' /tmp/fsck.log || fail "more than a replay: $(cat /tmp/fsck.log)"
}
