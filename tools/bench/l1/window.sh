# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Runs in L1. Counters read at the start and at the end of a measured window.
#
# Exits come from a histogram of KVM's exit trace point, kept by the kernel in a
# tracing instance of its own: every exit is counted, none is sampled or stored.
# I/Os come from the backend's own count on this side. Nothing here starts a
# process or talks to the guest while a window is open.

TRACE=/sys/kernel/tracing/instances/iocore-bench
EXIT_EVENT=$TRACE/events/kvm/kvm_exit

exits_start()
{
	mkdir -p "$TRACE"
	echo 'hist:keys=exit_reason:size=256' > "$EXIT_EVENT/trigger" || return 1
	[ -e "$EXIT_EVENT/hist" ]
}

exits_stop()
{
	[ -e "$TRACE" ] || return 0
	echo '!hist:keys=exit_reason:size=256' > "$EXIT_EVENT/trigger"
	rmdir "$TRACE"
}

# Sleep without a child process: nothing ever writes to this descriptor.
nap_fd=
nap()
{
	local pipe

	if [ -z "$nap_fd" ]; then
		pipe=$(mktemp -u)
		mkfifo "$pipe"
		exec {nap_fd}<> "$pipe"
		rm -f "$pipe"
	fi
	read -r -t "$1" -u "$nap_fd" || true
}

# $1: block device. Sets ios: requests done so far, merged ones counted.
count_ios()
{
	local s

	read -ra s < "/sys/block/$1/stat"
	ios=$((s[0] + s[1] + s[4] + s[5]))
}

# $1: a counter's file; prints nothing, sets value (0 where there is none)
read_counter()
{
	value=0
	[ ! -e "$1" ] || read -r value < "$1"
}

# $1: block device, $2: variable to hold the snapshot. The order is the same at
# both ends of a window, so what happens while it is taken is not counted twice.
snapshot()
{
	local now lines kicks sleeps n notified=

	now=${EPOCHREALTIME/./}
	count_ios "$1"
	read_counter "${VM_STAT:-/none}/kicks"
	kicks=$value
	read_counter "${CORE_STAT:-/none}/sleeps"
	sleeps=$value
	for n in direct repended injected; do
		read_counter "${VM_STAT:-/none}/notifications_$n"
		notified+=" $value"
	done
	mapfile -t lines < "$EXIT_EVENT/hist"
	printf -v "$2" '%s\n' "us $now" "ios $ios" "kicks $kicks" "sleeps $sleeps" \
		"notified$notified" "${lines[@]}"
}

# Wait until the load, process $2, does I/O on $1.
wait_for_load()
{
	local first tries

	count_ios "$1"
	first=$ios
	for ((tries = 0; tries < 1500; tries++)); do
		count_ios "$1"
		[ $((ios - first)) -lt 4 ] || return 0
		kill -0 "$2" 2>/dev/null || return 1
		nap 0.02
	done
	return 1
}

# $1: block device, $2: how many I/Os to wait for, $3: process of the load, which
# ends by itself after CLAIM_LIMIT seconds
wait_for_ios()
{
	local goal deadline=$((SECONDS + CLAIM_LIMIT - 3))

	count_ios "$1"
	goal=$((ios + $2))
	while [ "$ios" -lt "$goal" ] && [ $SECONDS -lt $deadline ] && kill -0 "$3" 2>/dev/null; do
		nap 0.5
		count_ios "$1"
	done
}

# Measure the load of process $2 on $1 into $3.before and $3.after; 1 if the load
# was not there all the time. $4: I/Os that the window is to hold; for 0 it lasts
# as long as every other.
measure_load()
{
	local before after

	wait_for_load "$1" "$2" || return 1
	nap "$SETTLE"
	snapshot "$1" before
	if [ "$4" -gt 0 ]; then
		wait_for_ios "$1" "$4" "$2"
	else
		nap "$WINDOW"
	fi
	snapshot "$1" after
	kill -0 "$2" 2>/dev/null || return 1
	printf '%s' "$before" > "$3.before"
	printf '%s' "$after" > "$3.after"
}

# The same for $3 seconds, whatever the guest does.
measure_plain()
{
	local before after

	snapshot "$1" before
	nap "$3"
	snapshot "$1" after
	printf '%s' "$before" > "$2.before"
	printf '%s' "$after" > "$2.after"
}
