# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# stack.sh - device-mapper targets under a disk of iocore, in L1
#
# Sizes are in MiB. What dm makes is /dev/mapper/NAME.

dm_modules()
{
	local m

	for m in dm-mod dm-log-writes dm-flakey dm-delay; do
		modprobe "$m" || return
	done
}

# sectors DEVICE
sectors()
{
	blockdev --getsz "$1"
}

# log_up NAME DISK LOG: everything written to NAME goes to DISK, and into LOG
log_up()
{
	dmsetup create "$1" --noudevsync --table "0 $(sectors "$2") log-writes $2 $3"
	dmsetup mknodes
}

log_mark()
{
	dmsetup message "$1" 0 mark "$2"
}

# The log is whole when the target is gone.
log_down()
{
	dmsetup remove --noudevsync "$1"
}

# map_up NAME TABLE-LINE...
map_up()
{
	local name=$1

	shift
	printf '%s\n' "$@" | dmsetup create "$name" --noudevsync
	dmsetup mknodes
}

# map_to NAME TABLE-LINE...: from now on; requests under way end under the old table
map_to()
{
	local name=$1

	shift
	printf '%s\n' "$@" | dmsetup reload "$name"
	dmsetup resume --noudevsync "$name"
}

# wiped DEVICE: zeroes, and no page of it in the cache
wiped()
{
	blkdiscard -z "$1" 2>/dev/null || dd if=/dev/zero of="$1" bs=1M oflag=direct status=none || true
	blockdev --flushbufs "$1"
}

# map_under NAME TABLE-LINE: the same, and a filesystem on it writes nothing back first
map_under()
{
	echo "$2" | dmsetup reload "$1"
	dmsetup resume --noudevsync --nolockfs "$1"
}

stack_down()
{
	dmsetup remove_all --force --noudevsync
}

# ---- a guest with many errors ----

# A line of its console is slow, and there is one for each error: the log is read
# instead, from here on.
quiet_console()
{
	guest 'dmesg -n 1; dmesg -c > /dev/null; echo "log begins" > /dev/kmsg'
}

# Since the last look.
guest_log_is_clean()
{
	local log bad

	log=$(guest 'dmesg -c; echo "log begins" > /dev/kmsg')
	[[ $log == *"log begins"* ]] || fail "the guest's log overflowed"
	bad=$(grep -E "$KERNEL_COMPLAINTS" <<< "$log" || true)
	expect_eq "the guest's log" "$bad" ""
}
