# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the l2-* scripts share. L2 names the guest; several can run at once.

L2=${L2:-l2}
L2_DIR=/run/l2/$L2
L2_PORTS=4
L2_LOG=${RUN:-/tmp}/$L2-console.log

l2_die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

l2_pid()
{
	cat "$L2_DIR/pid" 2>/dev/null
}

l2_alive()
{
	local pid

	pid=$(l2_pid) && [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null &&
		[ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -c1)" != Z ]
}

# Wait for the VMM to be gone, all its threads: the last of them ends the VM.
# $1: tries of 0.1 s.
l2_wait_gone()
{
	local i pid tasks

	pid=$(l2_pid)
	for ((i = 0; i < $1; i++)); do
		tasks=("/proc/$pid/task/"*)
		l2_alive || [ ${#tasks[@]} -gt 1 ] || return 0
		sleep 0.1
	done
	return 1
}
