#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# fio's crc32c verification: random writes of mixed sizes, then reads, at many
# queue depths, on a block device and on a file.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

export GUEST_TIMEOUT=150

prepare()
{
	host_clear
	file_up verify.img 64
	core_up io0
	iocorectl disk create blk --path /dev/nvme0n1p1 --core io0
	iocorectl disk create file --path /run/files/verify.img --core io0
	vm_up
	expect_eq "device" "$(attach_wait blk)" ioca
	expect_eq "device" "$(attach_wait file)" iocb
}

# verify DEVICE DEPTH MIB: sizes from one block to 1 MiB
verify()
{
	local block errors

	block=$(guest cat "/sys/block/$1/queue/logical_block_size")
	fio_guest "$1" --rw=randwrite --bsrange="$block-1m" --bs_unaligned=0 --size="$3m" \
		--iodepth="$2" --verify=crc32c --do_verify=1 --verify_fatal=1
	errors=$(guest cat "/sys/block/$1/iocore/bad_completions")
	expect_eq "bad completions" "$errors" 0
}

# Small blocks alone give the mix many more requests.
verify_small()
{
	local block

	block=$(guest cat "/sys/block/$1/queue/logical_block_size")
	fio_guest "$1" --rw=randwrite --bsrange="$block-16k" --size=4m \
		--iodepth=32 --verify=crc32c --do_verify=1 --verify_fatal=1
}

# Written to the file through iocore means written to the file.
file_content()
{
	local sum

	sum=$(guest 'dd if=/dev/urandom of=/tmp/x bs=1M count=2 2>/dev/null
		dd if=/tmp/x of=/dev/iocb bs=64k seek=100 conv=fsync 2>/dev/null
		md5sum < /tmp/x')
	expect_eq "md5" "$(dd if=/run/files/verify.img bs=64k skip=100 count=32 status=none |
		md5sum)" "$sum"
}

no_errors()
{
	expect_eq "errors of blk" "$(disk_stat blk errors)" 0
	expect_eq "errors of file" "$(disk_stat file errors)" 0
	expect_eq "bad descriptors" "$(vm_stat bad_descriptor)" 0
	expect_eq "bad rings" "$(vm_stat bad_ring)" 0
	expect_eq "bad control calls" "$(vm_stat bad_control)" 0
}

# Can fio tell at all? A byte changed behind its back must be found.
finds_damage()
{
	fio_guest ioca --rw=write --bs=4k --size=1m --verify=crc32c --do_verify=0
	printf 'damage' | dd of=/dev/nvme0n1p1 bs=1 seek=$((512 * 1024 + 2000)) \
		conv=notrunc,fsync status=none
	if fio_guest ioca --rw=read --bs=4k --size=1m --verify=crc32c; then
		fail "damaged data passed verification"
	fi
}

tap_begin
need_iocore
tap_setup prepare
for depth in 1 8 64; do
	tap_point "NVMe, queue depth $depth, one block to 1 MiB" verify ioca $depth 24
	tap_point "file, queue depth $depth, one block to 1 MiB" verify iocb $depth 24
done
tap_point "NVMe, small blocks" verify_small ioca
tap_point "file, small blocks" verify_small iocb
tap_point "the file on the host has what the guest wrote" file_content
tap_point "damage is found" finds_damage
tap_point "no errors were counted" no_errors
tap_end
