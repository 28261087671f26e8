#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Disks that come and go leave nothing behind; and what is left behind is found.

HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/../lib/tap.sh"
. "$HERE/../lib/vm.sh"
. "$HERE/../lib/leak.sh"

CYCLES=${IOCORE_CYCLES:-$(cycles 3 100)}
VM=l2
[ "$CYCLES" -lt $LEAK_CYCLES ] || LEAK_GUEST=$VM

prepare()
{
	host_clear
	null_up n0
	# null_blk keeps memory for each page that was ever written.
	dd if=/dev/zero of=/dev/n0 bs=1M oflag=direct status=none || true
	mkfs.ext4 -q -E nodiscard /dev/n0
	blockdev --flushbufs /dev/n0
	core_up io0
	iocorectl disk create d0 --path /dev/n0
	vm_up
	guest 'mkdir -p /mnt/c; rm -f /tmp/sum'
	cycle
	leak_mark
}

# The file of the cycle before is whole, a new one is written and verified, and the
# file system has no fault.
cycle()
{
	expect_eq "device" "$(attach_wait d0)" ioca
	guest 'mount -t ext4 /dev/ioca /mnt/c && { [ ! -e /tmp/sum ] || md5sum -c /tmp/sum; }'
	l2-run fio --name=t --filename=/mnt/c/file --ioengine=libaio --direct=1 --thread \
		--rw=randwrite --bsrange=512-64k --size=512k --iodepth=16 \
		--verify=crc32c --do_verify=1 --verify_fatal=1
	guest 'md5sum /mnt/c/file > /tmp/sum && umount /mnt/c && e2fsck -fn /dev/ioca'
	iocorectl detach d0
	wait_for 15 guest_lacks ioca
}

cycle_all()
{
	local i

	for i in $(seq "$CYCLES"); do
		cycle
		[ "$i" -ne $((CYCLES / 2)) ] || leak_half
	done
	leak_check "$CYCLES"
}

# An attachment that stays: queues, threads, pages and all.
finds_attachment()
{
	expect_eq "device" "$(attach_wait d0)" ioca
	LEAK_WAIT=1 expect_refusal 1 'attachments 1' leak_check
	iocorectl detach d0
	wait_for 15 guest_lacks ioca
}

finds_reference()
{
	exec 9< /dev/iocore
	LEAK_WAIT=1 expect_refusal 1 'module_iocore' leak_check
	exec 9<&-
	leak_check
}

# processes COUNT: that stay, an object each of several caches
processes()
{
	local i

	for i in $(seq "$1"); do
		sleep 1000 &
	done
}

# One object a cycle is a leak. As many in one half of the cycles, and none in the
# other, are another user's. The kernel counts the slab that a CPU has at hand as
# full: hence more cycles than the fewest.
finds_objects()
{
	local n=$((LEAK_CYCLES * 4))

	leak_mark slabs
	processes $((n / 2))
	leak_half slabs
	if leak_check $n slabs | grep 'task_struct: .*objects more'; then
		fail "what grew once was taken for a leak"
	fi
	processes $((n / 2))
	expect_refusal 1 'task_struct: .*objects more' leak_check $n slabs
	# shellcheck disable=SC2046
	kill $(jobs -p)
}

tap_begin
need_iocore
tap_setup prepare
tap_point "$CYCLES attachments, each with verified files and fsck, leave nothing behind" cycle_all
tap_point "the check finds an attachment left behind" finds_attachment
tap_point "the check finds a reference to the module" finds_reference
tap_point "the check finds a cache that grew by an object a cycle, not one that grew once" \
	finds_objects
tap_end
