#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A disk on stripes, on a file, on a loop device, on a network disk and on the
# nvme driver: the guest verifies, the host finds its data where they belong.

. "$(dirname "$0")/stack.sh"

prepare()
{
	host_clear
	nvme_up
	for n in n0 n1 n2 n3; do
		null_up $n size=64
	done
	core_up io0
	vm_up
}

# works_on PATH [PATH OF THE DATA]
works_on()
{
	stack_attach "$1"
	verify ioca --bsrange="$(guest cat /sys/block/ioca/queue/logical_block_size)-256k" \
		--size=8m --iodepth=16
	host_reads_it "${2:-$1}"
	stack_is_fine
	stack_detach
}

# Each of the legs has its half of what was moved.
halves()
{
	local a b

	a=$(moved "$1")
	b=$(moved "$2")
	note "sectors moved: $a and $b"
	expect_ge "sectors of $1" "$a" $(((a + b) * 2 / 5))
	expect_ge "sectors of $2" "$b" $(((a + b) * 2 / 5))
	expect_ge "sectors in all" $((a + b)) $((16 << 11))
}

md_stripe()
{
	mdadm --create /dev/md0 --run --level=0 --chunk=16 --raid-devices=2 /dev/n0 /dev/n1 \
		< /dev/null
	works_on /dev/md0
	halves n0 n1
	mdadm --stop /dev/md0
}

lvm_stripe()
{
	lvm_up /dev/n2 /dev/n3
	lvcreate -q -y -Wn -Zn -i 2 -I 16 -L 64M -n stripe vg
	works_on /dev/vg/stripe
	halves n2 n3
	vgremove -q -f -y vg
}

on_loop()
{
	local file loop

	file=$(file_up loop.img 32)
	loop=$(losetup --direct-io=on --show -f "$file")
	works_on "$loop" "$file"
	losetup -d "$loop"
}

on_nbd()
{
	nbd_up "$(file_up nbd.img 32)"
	works_on /dev/nbd0 /run/files/nbd.img
	nbd-client -d /dev/nbd0
	nbd_server_kill
}

# All of it at once: a file system in the file of a loop device, beneath
# encryption, beneath LVM's linear volume.
pile()
{
	head -c 32 /dev/urandom > /tmp/pile.key
	cryptsetup open -q --type plain --cipher aes-xts-plain64 --key-size 256 \
		--key-file /tmp/pile.key /dev/n0 pile0
	mkfs.ext4 -q /dev/mapper/pile0
	mkdir -p /run/stack
	mount /dev/mapper/pile0 /run/stack
	dd if=/dev/zero of=/run/stack/f bs=1M count=32 conv=fsync status=none
	dm pile1 0 $((32 << 11)) linear "$(losetup --show -f /run/stack/f)" 0
	works_on /dev/mapper/pile1 /run/stack/f
}

tap_begin
need_parts raid0 dm-crypt nbd loop null_blk
tap_setup prepare
tap_point "md raid0: the guest verifies, both legs have their half" md_stripe
tap_point "LVM stripe: the guest verifies, both legs have their half" lvm_stripe
tap_point "ext4 file: the guest verifies, the file has the data" \
	works_on "$(file_up plain.img 32 2> /dev/null)"
tap_point "loop device on ext4: the guest verifies, the file has the data" on_loop
tap_point "NBD: the guest verifies, the server's file has the data" on_nbd
tap_point "nvme: the guest verifies, the partition has the data" works_on /dev/nvme0n1p1
tap_point "dm-linear on loop on ext4 on dm-crypt: the guest verifies" pile
tap_end
