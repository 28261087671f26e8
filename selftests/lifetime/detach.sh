#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A disk is taken away under load: every request ends, once, and all goes on.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/load.sh"

prepare()
{
	host_clear
	null_up n0
	null_up n1 irqmode=2 completion_nsec=20000000
	null_up n2
	core_up io0
	iocorectl disk create fast --path /dev/n0
	iocorectl disk create slow --path /dev/n1
	iocorectl disk create other --path /dev/n2
	vm_up
	expect_eq "device" "$(attach_wait other)" ioca
}

# reads_more DISK N
reads_more()
{
	[ "$(disk_stat "$1" reads)" -gt "$2" ]
}

# under_load DISK DEPTH: detach while fio runs; fio ends, and so does every request
under_load()
{
	local fio before

	expect_eq "device" "$(attach_wait "$1")" iocb
	before=$(disk_stat "$1" reads)
	fio_guest iocb --rw=randrw --bsrange=512-128k --size=64m --iodepth="$2" --time_based \
		--runtime=200 > /tmp/fio.log 2>&1 &
	fio=$!
	wait_for 60 reads_more "$1" $((before + 100))
	timeout 150 iocorectl detach "$1"
	expect_eq "in flight after detach" "$(disk_stat "$1" in_flight)" 0
	if wait $fio; then
		fail "fio did not notice"
	fi
	grep -aE 'error|err=' /tmp/fio.log | head -n 3
	wait_for 15 guest_lacks iocb
	guest 'dmesg | grep -c "completion of tag" | grep -qx 0'
}

# The writer of a verified run dies with the disk; what it wrote stays right.
again_and_verify()
{
	expect_eq "device" "$(attach_wait "$1")" iocb
	fio_guest iocb --rw=randwrite --bsrange=512-64k --size=4m --iodepth=8 \
		--verify=crc32c --do_verify=1 --verify_fatal=1
	expect_eq "bad completions" "$(guest cat /sys/block/iocb/iocore/bad_completions)" 0
	iocorectl detach "$1"
	wait_for 15 guest_lacks iocb
}

mounted()
{
	expect_eq "device" "$(attach_wait fast)" iocb
	guest 'mkfs.ext4 -q -F /dev/iocb; mkdir -p /mnt/d; mount -t ext4 /dev/iocb /mnt/d
		echo hello > /mnt/d/x; sync'
	iocorectl detach fast
	wait_for 30 guest '! grep -qw iocb /proc/partitions'
	guest 'umount /mnt/d; true'
	guest 'grep -c "" /proc/uptime'
}

# beside_load COMMAND...: while another disk of the VM works
beside_load()
{
	load_until_told ioca
	"$@"
	guest '[ ! -e /tmp/load.rc ]'
	load_ended
	expect_eq "errors" "$(disk_stat other errors)" 0
	expect_eq "bad completions" "$(guest cat /sys/block/ioca/iocore/bad_completions)" 0
}

many_times()
{
	local i

	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		iocorectl attach --vm "$(vm_pid)" fast > /dev/null
		[ $((i % 3)) -eq 0 ] || sleep 0.3
		iocorectl detach fast
	done
	expect_eq "device" "$(attach_wait fast)" iocb
	iocorectl detach fast
	wait_for 15 guest_lacks iocb
}

# Two administrators who do not talk to each other.
two_admins()
{
	local pid i a b

	pid=$(vm_pid)
	for a in 1 2; do
		(
			for i in 1 2 3 4 5 6 7 8 9 10; do
				iocorectl attach --vm "$pid" fast
				iocorectl detach fast
			done > /tmp/admin$a.log 2>&1
			true
		) &
	done
	wait
	b=$(grep -hvE 'busy|attached already|not attached|slot|taken' /tmp/admin*.log || true)
	expect_eq "other errors" "$b" ""
	iocorectl detach fast 2>/dev/null || true
	wait_for 20 guest_lacks iocb
	again_and_verify fast
}

other_untouched()
{
	fio_guest ioca --rw=randwrite --bsrange=512-64k --size=4m --iodepth=8 \
		--verify=crc32c --do_verify=1 --verify_fatal=1
	expect_eq "errors" "$(disk_stat other errors)" 0
}

tap_begin
need_iocore
tap_setup prepare
tap_point "detach under load, fast disk" under_load fast 16
tap_point "attached again it verifies" again_and_verify fast
tap_point "detach under load, slow disk, deep queue" under_load slow 64
tap_point "attached again it verifies" again_and_verify fast
tap_point "detach under a mounted file system" mounted
tap_point "fifteen times attached and detached beside a disk that works" beside_load many_times
tap_point "two administrators at once, beside a disk that works" beside_load two_admins
tap_point "the other disk is as good as ever" other_untouched
tap_end
