#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# File systems in the guest under stress: many small files, renames, unlinks and
# syncs from several sides, then the checker has nothing to say.

. "$(dirname "$0")/stack.sh"

# Hundreds of processes are slow on an emulated CPU.
export GUEST_TIMEOUT=900
# Operations of each stressor; a soak asks for more.
OPS=${IOCORE_FS_OPS:-60}

prepare()
{
	host_clear
	null_up n0 size=384
	core_up io0
	vm_up
	guest_tools io0
	stack_attach /dev/n0
	guest 'mkdir -p /mnt/s'
	tool modprobe xfs
}

# Trees of small files from three sides, each synced, moved and half removed;
# the sums of what stays go to /tmp/sums.
trees()
{
	tool_sh 'set -eu
		cd /mnt/s
		side()
		{
			local d f

			for d in 1 2 3 4; do
				mkdir -p $1/$d
				for f in $(seq 40); do
					head -c $((f * 97)) /dev/urandom > $1/$d/$f
				done
				sync -f $1/$d
				mv $1/$d $1/moved$d
				for f in $(seq 2 2 40); do
					rm $1/moved$d/$f
				done
				ln $1/moved$d/1 $1/link$d
				truncate -s 1M $1/moved$d/3
			done
		}
		for s in a b c; do
			side $s &
			p="${p:-} $!"
		done
		for q in $p; do
			wait $q
		done
		find . -type f | sort | xargs sha256sum > /tmp/sums
		test $(wc -l < /tmp/sums) -eq 252'
}

stress()
{
	tool stress-ng --temp-path /mnt/s --hdd 1 --hdd-ops "$OPS" --hdd-bytes 4m \
		--hdd-opts fsync,rd-rnd,wr-rnd \
		--dir 1 --dir-ops "$OPS" --rename 1 --rename-ops $((OPS * 10)) \
		--metrics-brief --timeout 600
}

# The sums again, after everything was read from the disk anew.
remount()
{
	tool_sh "set -e
		umount /mnt/s
		mount -t $1 /dev/ioca /mnt/s
		cd /mnt/s
		sha256sum -c --quiet /tmp/sums
		cd /
		umount /mnt/s"
}

fs_stress()
{
	tool_sh "$2 && mount -t $1 /dev/ioca /mnt/s"
	trees
	stress
	remount "$1"
	stack_is_fine
}

ext4_clean()
{
	tool e2fsck -fn /dev/ioca
	e2fsck -fn /dev/n0
}

xfs_clean()
{
	tool xfs_repair -n /dev/ioca
}

# A crash: the machine that used the file system goes without a word.
crash()
{
	tool_sh 'set -e
		mkfs.ext4 -q -F /dev/ioca
		mount -t ext4 /dev/ioca /mnt/s
		mkdir /mnt/s/d
		for i in $(seq 100); do echo $i > /mnt/s/d/$i; done
		sync
		for i in $(seq 100 200); do echo $i > /mnt/s/d/$i; done'
	l2-kill
	wait_for 15 iocorectl disk delete s
	ext4_replayed /dev/n0
	mkdir -p /run/stack
	mount -t ext4 -o ro /dev/n0 /run/stack
	expect_ge "files" "$(ls /run/stack/d | wc -l)" 100
	expect_eq "the last that was synced" "$(cat /run/stack/d/100)" 100
	umount /run/stack
}

tap_begin
need_parts null_blk
tap_setup prepare
tap_point "ext4: stress, and all files are whole" fs_stress ext4 "mkfs.ext4 -q -F /dev/ioca"
tap_point "ext4: e2fsck finds nothing, in the guest and on the host" ext4_clean
tap_point "xfs: stress, and all files are whole" fs_stress xfs "mkfs.xfs -q -f /dev/ioca"
tap_point "xfs: xfs_repair finds nothing" xfs_clean
tap_point "ext4: the VMM is killed, what was synced is there, ext4 is sound" crash
tap_end
