#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A disk on dm-crypt: the guest has its data, the device beneath has not.

. "$(dirname "$0")/stack.sh"

KEY=/tmp/crypt.key
TEXT=in-the-clear-for-all-to-see

format()
{
	cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
		--sector-size 4096 --key-file $KEY "$1"
}

prepare()
{
	host_clear
	null_up n0
	head -c 32 /dev/urandom > $KEY
	format /dev/n0
	cryptsetup open --key-file $KEY /dev/n0 c0
	core_up io0
	vm_up
	stack_attach /dev/mapper/c0
}

verifies()
{
	expect_eq "logical block" "$(guest cat /sys/block/ioca/queue/logical_block_size)" 4096
	fio_guest ioca --rw=randwrite --bsrange=4k-256k --size=8m --iodepth=16 \
		--verify=crc32c --verify_fatal=1
	stack_is_fine
}

# times DEVICE: how often the text stands there
times()
{
	dd if="$1" bs=1M iflag=direct status=none | grep -aoF $TEXT | wc -l
}

no_plaintext()
{
	guest "yes $TEXT | head -c 1048576 > /tmp/x
		dd if=/tmp/x of=/dev/ioca bs=1M seek=12 conv=fsync 2> /dev/null"
	expect_ge "in the clear above dm-crypt" "$(times /dev/mapper/c0)" 30000
	expect_eq "in the clear beneath" "$(times /dev/n0)" 0
}

key_opens()
{
	local sum

	sum=$(content 12 1)
	stack_detach
	cryptsetup close c0
	head -c 32 /dev/urandom > $KEY.wrong
	expect_rc 2 cryptsetup open --key-file $KEY.wrong /dev/n0 c0
	cryptsetup open --key-file $KEY /dev/n0 c0
	stack_attach /dev/mapper/c0
	expect_eq "md5" "$(content 12 1)" "$sum"
}

waits_for_it()
{
	[ "$(disk_stat s in_flight)" -ge 1 ]
}

# A second layer, with the key in use changed under load.
rekey_under_load()
{
	head -c 32 /dev/urandom > $KEY.new
	BSRANGE=4k-32k load_until_told
	cryptsetup luksChangeKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 \
		--key-file $KEY /dev/n0 $KEY.new
	load_goes_on
	dmsetup suspend c0
	wait_for 15 waits_for_it
	dmsetup resume c0
	stack_load_ended
	stack_is_fine
}

tap_begin
need_parts dm-crypt null_blk
tap_setup prepare
tap_point "dm-crypt: the guest's fio verifies" verifies
tap_point "dm-crypt: the device beneath has none of the plain text" no_plaintext
tap_point "dm-crypt: only the key brings the data back" key_opens
tap_point "dm-crypt: suspended and its key changed under load, no error" rekey_under_load
tap_end
