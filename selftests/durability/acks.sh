#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The VMM is killed in the middle of I/O: what the guest had heard to be done by
# then is on the disk, whether flushed or not.

HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../lib/tap.sh"
. "$HERE/../lib/vm.sh"
. "$HERE/../lib/leak.sh"

CYCLES=${IOCORE_CYCLES:-$(cycles 1 20)}
PLAN=4:1000000:16:512:3

prepare()
{
	host_clear
	null_up disk size=64
	# null_blk keeps memory for each page that was ever written.
	dd if=/dev/zero of=/dev/disk bs=1M oflag=direct status=none || true
	core_up io0
	iocorectl disk create d0 --path /dev/disk
	L2=l2 l2-kill
	rm -f /tmp/acks
	leak_mark
}

acked()
{
	[ "$(grep -c '^ack' "/tmp/acks.$1")" -ge 20 ]
}

nobody()
{
	[ -z "$(vm_names)" ]
}

# Each guest goes on with generations that no earlier one has tried.
kill_once()
{
	local pid

	vm_up
	expect_eq "device" "$(attach_wait d0)" ioca
	guest "durable-write /dev/ioca $PLAN flush $(($1 * 1000000 + 1))" > "/tmp/acks.$1" 2>&1 &
	pid=$!
	wait_for 60 acked "$1"
	sleep 0.$((RANDOM % 10))
	l2-kill
	wait $pid || true
	wait_for 20 nobody
	grep '^ack' "/tmp/acks.$1" >> /tmp/acks
	blockdev --flushbufs /dev/disk
	note "$("$HERE/durable-check" acks /dev/disk "$PLAN" "/tmp/acks.$1")"
	"$HERE/durable-check" acks /dev/disk "$PLAN" "/tmp/acks.$1"
}

# A block that the disk lost must be found missing.
finds_loss()
{
	local last=$((CYCLES - 1))

	dd if=/dev/zero of=/dev/disk bs=1M count=1 oflag=direct conv=notrunc status=none
	expect_refusal 1 'but [0-9]+ was acknowledged' \
		"$HERE/durable-check" acks /dev/disk "$PLAN" "/tmp/acks.$last"
}

tap_begin
need_iocore
tap_setup prepare
for n in $(seq 0 $((CYCLES - 1))); do
	tap_point "VMM killed under load, time $((n + 1)): what was acknowledged is there" kill_once "$n"
done
tap_point "the check finds a block that is lost" finds_loss
tap_point "after $CYCLES killed VMMs nothing is left of them" leak_check "$CYCLES"
tap_end
