#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the guest was told to be durable is: dm's log-writes stands under the disk,
# and its log is replayed flush by flush.

HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../lib/tap.sh"
. "$HERE/../lib/vm.sh"
. "$HERE/stack.sh"

# Threads, generations, writes of each, 4 KiB blocks of a thread's region, seed.
CYCLES=${IOCORE_CYCLES:-$(cycles 4 100)}
SMALL=2:$((CYCLES * 4)):8:512:1

cleanup()
{
	host_clear
	stack_down
	null_clear
}

prepare()
{
	host_clear
	dm_modules || skip "device mapper lacks a target"
	core_up io0
	vm_up
	null_up log size=1024
	null_up disk size=64
}

# disk_up [ARG...]: what the guest has as ioca is logged
disk_up()
{
	wiped /dev/disk
	wiped /dev/log
	log_up lw /dev/disk /dev/log
	iocorectl disk create d0 --path /dev/mapper/lw "$@"
	expect_eq "device" "$(attach_wait d0)" ioca
}

disk_down()
{
	iocorectl detach d0
	VM=l2 wait_for 15 guest_lacks ioca
	iocorectl disk delete d0
	log_down lw
}

logged()
{
	"$HERE/durable-check" count /dev/log | sed -n "s/^$1=//p"
}

# durable PLAN SYNC: what the log has of it
durable()
{
	disk_up
	guest "durable-write /dev/ioca $1 $2" > /tmp/acks
	log_mark lw acked
	disk_down
	note "$2: $("$HERE/durable-check" count /dev/log | tr '\n' ' ')"
	note "$("$HERE/durable-check" log /dev/log "$1")"
	"$HERE/durable-check" log /dev/log "$1"
}

by_flush()
{
	durable "$1" flush
	expect_ge "acknowledged" "$(grep -c '^ack' /tmp/acks)" 1
	expect_ge "flushes" "$(logged flushes)" $((CYCLES * 2))
}

by_fua()
{
	durable "$SMALL" fua
	expect_ge "FUA writes or flushes" $(($(logged fuas) + $(logged flushes))) $((CYCLES * 4))
}

mixed()
{
	durable "$SMALL" mixed
}

# found_out PLAN: the check says of the log that an acknowledged generation is missing
found_out()
{
	expect_refusal 1 'but [0-9]+ was acknowledged' "$HERE/durable-check" log /dev/log "$1"
}

# A disk whose flushes nobody sends on must be found out.
checker_fails()
{
	disk_up
	guest "durable-write /dev/ioca $SMALL none" > /tmp/acks
	log_mark lw acked
	disk_down
	found_out "$SMALL"
}

# A guest that takes the disk for one without a cache sends no flush at all.
silent_guest()
{
	disk_up
	guest 'echo "write through" > /sys/block/ioca/queue/write_cache'
	guest "durable-write /dev/ioca $SMALL flush" > /tmp/acks
	log_mark lw acked
	disk_down
	expect_eq "flushes" "$(logged flushes)" 0
	found_out "$SMALL"
}

tap_begin
need_iocore
tap_setup prepare
tap_point "FLUSH: what was flushed is durable in every state of the disk" by_flush "$SMALL"
tap_point "FLUSH: deep queues of four writers at once" by_flush "4:$((CYCLES * 2)):32:1024:2"
tap_point "FUA: each write is durable when it ends" by_fua
tap_long_point "FUA and FLUSH by turns" mixed
tap_long_point "the check finds a generation that nobody flushed" checker_fails
tap_point "the check finds a guest that sends no FLUSH" silent_guest
tap_end
