#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The write cache: the guest sees whether there is one, switches it where the host
# allows, and flushes reach the backend, or are not needed, accordingly.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"
. "$(dirname "$0")/../lib/load.sh"

export VM=l2
TYPE=/sys/block/ioca/iocore/cache_type
BACK="write back"
THROUGH="write through"

# n0 has a volatile cache and no FUA: what has to be durable takes flushes, which
# it counts. n1 has no cache.
prepare()
{
	host_clear
	null_up n0 cache_size=160 fua=0
	null_up n1 size=32
	core_up io0 0 100000
	iocorectl disk create d0 --path /dev/n0 --core io0
	iocorectl disk create through --path /dev/n1 --core io0
	vm_up
	expect_eq "device" "$(attach_wait d0)" ioca
}

# is TYPE: the block layer is not told, so that no flush is lost on its way
is()
{
	expect_eq "cache_type" "$(guest cat $TYPE)" "$1"
	expect_eq "queue/write_cache" "$(guest cat /sys/block/ioca/queue/write_cache)" "$BACK"
}

become()
{
	guest "echo $1 > $TYPE"
	is "$1"
}

backend_flushes()
{
	awk '{ print $16 }' /sys/block/n0/stat
}

# Those that the guest's block layer has sent its disk.
guest_flushes()
{
	guest awk "'{ print \$16 }'" /sys/block/ioca/stat
}

# writes: 32 writes with an fsync after each but the last
writes()
{
	fio_guest ioca --ioengine=psync --rw=randwrite --bs=4k --size=1m --number_ios=32 --fsync=1
}

flushed()
{
	local f0 b0

	is "$BACK"
	f0=$(disk_stat d0 flushes)
	b0=$(backend_flushes)
	writes
	expect_ge "flushes of the guest" $(($(disk_stat d0 flushes) - f0)) 31
	expect_ge "flushes of the backend" $(($(backend_flushes) - b0)) 31
}

# O_DSYNC writes: each has FUA, and the kernel sends a flush behind it as well. The
# backend flushes for either.
fua()
{
	local f0 b0 guest_flushes flushes

	expect_eq "queue/fua" "$(guest cat /sys/block/ioca/queue/fua)" 1
	f0=$(disk_stat d0 flushes)
	b0=$(backend_flushes)
	fio_guest ioca --ioengine=psync --sync=dsync --rw=randwrite --bs=4k --size=1m \
		--number_ios=32
	guest_flushes=$(($(disk_stat d0 flushes) - f0))
	flushes=$(($(backend_flushes) - b0))
	note "flushes of the guest $guest_flushes, of the backend $flushes"
	expect_ge "flushes of the backend that are not the guest's" \
		$((flushes - guest_flushes)) 32
}

# What was written before is durable when the switch has been made.
to_through()
{
	local b0

	guest 'dd if=/dev/zero of=/dev/ioca bs=4k count=4 oflag=direct'
	b0=$(backend_flushes)
	become "$THROUGH"
	expect_ge "flushes of the backend" $(($(backend_flushes) - b0)) 1
}

# Each write is durable by itself: the guest's flushes end there, and well; the
# backend has all of its own.
written_through()
{
	local f0 b0 g0

	is "$THROUGH"
	f0=$(disk_stat d0 flushes)
	b0=$(backend_flushes)
	g0=$(guest_flushes)
	writes
	guest 'dd if=/dev/zero of=/dev/ioca bs=4k count=1 conv=fsync'
	expect_ge "flushes in the guest" $(($(guest_flushes) - g0)) 32
	expect_eq "flushes of the guest" "$(disk_stat d0 flushes)" "$f0"
	expect_ge "flushes of the backend" $(($(backend_flushes) - b0)) 32
}

# to_back: without fsync no flush any more
to_back()
{
	local b0

	become "$BACK"
	b0=$(backend_flushes)
	fio_guest ioca --rw=randwrite --bs=4k --size=1m --number_ios=32
	expect_le "flushes of the backend" $(($(backend_flushes) - b0)) 2
	flushed
}

under_load()
{
	load_until_told
	for _ in 1 2 3 4 5 6 7 8; do
		guest "echo $THROUGH > $TYPE; echo $BACK > $TYPE"
	done
	load_goes_on
	load_ended
	is "$BACK"
	guest_is_fine
	flushed
}

nonsense()
{
	! guest "echo never > $TYPE" || fail "a word that means nothing was taken"
	is "$BACK"
}

# comes_back: the disk leaves, kept, and is attached again
comes_back()
{
	iocorectl detach --keep d0
	wait_for 15 guest "grep -qx waiting /sys/block/ioca/iocore/state"
	iocorectl attach --vm "$(vm_pid)" d0
	wait_for 15 guest "grep -qx live /sys/block/ioca/iocore/state"
}

# The host comes back in write back; the guest has promised its users otherwise.
replayed()
{
	become "$THROUGH"
	comes_back
	written_through
	become "$BACK"
	comes_back
	flushed
}

# A switch lasts as long as the attachment.
attached_anew()
{
	become "$THROUGH"
	iocorectl detach d0
	wait_for 15 guest_lacks ioca
	expect_eq "device" "$(attach_wait d0)" ioca
	flushed
}

# A disk that the host has configured so.
configured()
{
	iocorectl detach d0
	wait_for 15 guest_lacks ioca
	iocorectl disk set d0 --write-cache through
	expect_eq "device" "$(attach_wait d0)" ioca
	written_through
}

no_cache()
{
	iocorectl detach d0
	wait_for 15 guest_lacks ioca
	expect_eq "device" "$(attach_wait through)" ioca
	is "$THROUGH"
	! guest "echo $BACK > $TYPE" || fail "a cache that is not there was switched on"
	is "$THROUGH"
}

tap_begin
need_iocore
tap_setup prepare
tap_point "write back: flushes reach the backend" flushed
tap_point "FUA: each such write is made durable by itself" fua
tap_point "switching to write through makes durable what was written" to_through
tap_point "write through: each write is durable, flushes end in the guest" written_through
tap_point "back to write back" to_back
tap_point "eight switches and back under load verify" under_load
tap_point "a mode that does not exist is refused" nonsense
tap_point "the mode stays when the disk leaves and comes back" replayed
tap_point "a switch ends with the attachment" attached_anew
tap_point "a disk that the host has made write through" configured
tap_point "a disk without a cache is write through, and stays so" no_cache
tap_end
