#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# ext4 in the guest: made, used, checked, and still whole after a detach.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

prepare()
{
	host_clear
	nvme_up
	core_up io0
	iocorectl disk create fs --path /dev/nvme0n1p1 --core io0
	vm_up
	expect_eq "device" "$(attach_wait fs)" ioca
}

make_fs()
{
	guest 'mkfs.ext4 -q -F /dev/ioca && mkdir -p /mnt/t && mount -t ext4 /dev/ioca /mnt/t'
}

use_fs()
{
	guest 'set -e
		cd /mnt/t
		for i in 1 2 3 4 5 6 7 8; do
			mkdir d$i
			dd if=/dev/urandom of=d$i/big bs=256k count=8 2>/dev/null
			for j in 1 2 3 4 5 6 7 8 9; do echo $i $j > d$i/small$j; done
		done
		rm -r d3 d5
		sync
		find . -type f | sort | xargs md5sum > /tmp/sums
		wc -l < /tmp/sums'
}

in_use()
{
	expect_refusal 1 . iocorectl disk delete fs
}

check_fs()
{
	guest 'umount /mnt/t && e2fsck -fn /dev/ioca'
}

host_sees_fs()
{
	e2fsck -fn /dev/nvme0n1p1
}

after_detach()
{
	iocorectl detach fs
	wait_for 15 guest_lacks ioca
	expect_eq "device" "$(attach_wait fs)" ioca
	guest 'mount -t ext4 /dev/ioca /mnt/t && cd /mnt/t && md5sum -c /tmp/sums > /tmp/out ||
		{ grep -v OK /tmp/out; exit 1; }'
	guest 'umount /mnt/t && e2fsck -fn /dev/ioca'
}

tap_begin
need_iocore
tap_setup prepare
tap_point "mkfs and mount" make_fs
tap_point "files are written and read" use_fs
tap_point "a disk that is attached cannot be deleted" in_use
tap_point "umount, and e2fsck finds nothing" check_fs
tap_point "e2fsck on the host finds nothing" host_sees_fs
tap_point "every file is whole after detach and attach" after_detach
tap_end
