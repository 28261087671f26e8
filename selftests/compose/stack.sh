# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# stack.sh - what stands between an iocore disk and null_blk, for these tests
#
# The guest's disk is "s", /dev/ioca. A load goes on for as long as what happens
# beneath it takes; a soak sets IOCORE_SECONDS, for which it goes on after that.

LIB=$(dirname "${BASH_SOURCE[0]}")/../lib
# shellcheck source=selftests/lib/tap.sh
. "$LIB/tap.sh"
# shellcheck source=selftests/lib/vm.sh
. "$LIB/vm.sh"
# shellcheck source=selftests/lib/direct.sh
. "$LIB/direct.sh"
# shellcheck source=selftests/lib/load.sh
. "$LIB/load.sh"
# shellcheck source=selftests/lib/fsck.sh
. "$LIB/fsck.sh"
# shellcheck source=selftests/lib/guest_tools.sh
. "$LIB/guest_tools.sh"

CG=/sys/fs/cgroup
# Nobody answers for udev here: the tools make their nodes themselves.
export DM_DISABLE_UDEV=1
export LVM_SYSTEM_DIR=/tmp/lvm LVM_SUPPRESS_FD_WARNINGS=1

need_parts()
{
	local p

	need_iocore
	for p; do
		modprobe "$p" || tap_skip_all "this kernel has no $p"
	done
}

# ---- the guest's disk ----

# stack_attach PATH [OPTION...]: options are those of "disk create". What the guest
# says of errors from now on is of this disk.
stack_attach()
{
	local path=$1

	shift
	guest 'dmesg -c > /dev/null'
	iocorectl disk create s --path "$path" --core io0 "$@"
	expect_eq "device" "$(attach_wait s)" ioca
}

stack_detach()
{
	iocorectl detach s
	wait_for 15 guest_lacks ioca
	iocorectl disk delete s
}

stack_is_fine()
{
	expect_eq "errors" "$(disk_stat s errors)" 0
	expect_eq "in flight" "$(disk_stat s in_flight)" 0
	guest_is_fine
}

# What happened is over, and the load of load_until_told goes on.
stack_load_ended()
{
	load_goes_on
	sleep "${IOCORE_SECONDS:-0}"
	load_ended
}

# The guest writes MIB of noise at MIB, and the host reads the same from PATH.
host_reads_it()
{
	local path=$1 mib=${2:-2} at=${3:-9} sum

	sum=$(guest "dd if=/dev/urandom of=/tmp/x bs=1M count=$mib 2> /dev/null
		dd if=/tmp/x of=/dev/ioca bs=1M seek=$at conv=fsync 2> /dev/null
		md5sum < /tmp/x; rm /tmp/x")
	expect_eq "md5 on $path" "$(dd if="$path" bs=1M skip="$at" count="$mib" iflag=direct \
		status=none | md5sum)" "$sum"
}

# content OFFSET_MIB MIB: md5 of a part of the guest's disk, not of its cache
content()
{
	guest "echo 3 > /proc/sys/vm/drop_caches
		dd if=/dev/ioca bs=1M skip=$1 count=$2 2> /dev/null | md5sum"
}

# ---- a writer that tells when ----

# Counts, by writing first to 16 MiB, then to 20 MiB, each write flushed: an
# image of one moment has the second number equal to the first or one less.
COUNT_A=16
COUNT_B=20

counter_start()
{
	guest "rm -f /tmp/count.*
		setsid sh -c 'n=0
			while [ ! -e /tmp/count.stop ]; do
				n=\$((n + 1))
				for at in $COUNT_A $COUNT_B; do
					printf \"%-511d\\n\" \$n |
						dd of=/dev/ioca bs=1M seek=\$at conv=fsync
				done
				echo \$n > /tmp/count.new
				mv /tmp/count.new /tmp/count.n
			done
			: > /tmp/count.end' < /dev/null > /dev/null 2>&1 &"
	wait_for 20 guest '[ "$(cat /tmp/count.n)" -ge 3 ]'
}

counter()
{
	guest cat /tmp/count.n
}

counter_stop()
{
	guest ': > /tmp/count.stop'
	wait_for 20 guest '[ -e /tmp/count.end ]'
}

# counted PATH MIB
counted()
{
	dd if="$1" bs=1M skip="$2" count=1 iflag=direct status=none | head -c 512 | tr -d ' \n'
}

# one_moment PATH LOW HIGH: PATH is an image of a moment between two counts
one_moment()
{
	local a b

	a=$(counted "$1" $COUNT_A)
	b=$(counted "$1" $COUNT_B)
	note "the image has $a and $b, taken between $2 and $3"
	expect_ge "count" "$a" "$2"
	expect_le "count" "$b" $(($3 + 1))
	expect_le "second number" "$b" "$a"
	expect_le "first number" "$a" $((b + 1))
}

# ---- parts ----

# dm NAME TABLE...: a device-mapper device, /dev/mapper/NAME
dm()
{
	local name=$1

	shift
	dmsetup create "$name" --table "$*"
	test -b "/dev/mapper/$name"
}

# dm_swap NAME TABLE...: what is in flight ends first, what comes waits
dm_swap()
{
	local name=$1

	shift
	dmsetup suspend --nolockfs "$name"
	dmsetup load "$name" --table "$*"
	dmsetup resume "$name"
}

sectors()
{
	blockdev --getsz "$1"
}

lvm_up()
{
	mkdir -p $LVM_SYSTEM_DIR
	cat > $LVM_SYSTEM_DIR/lvm.conf <<- END
		devices {
			use_devicesfile = 0
			types = [ "nullb", 16 ]
			obtain_device_list_from_udev = 0
			external_device_info_source = "none"
			md_component_detection = 0
			filter = [ "a|^/dev/n[0-9]\$|", "r|.*|" ]
		}
		activation {
			udev_sync = 0
			udev_rules = 0
			monitoring = 0
		}
		backup {
			backup = 0
			archive = 0
		}
		global {
			use_lvmpolld = 0
			use_lvmlockd = 0
		}
	END
	vgcreate -q -y vg "$@"
}

# Sectors read and written, of a block device: moved NAME
moved()
{
	awk '{ print $3 + $7 }' "/sys/class/block/$1/stat"
}

# expect_near WHAT GOT WANT [PERCENT]
expect_near()
{
	note "$1: $2, asked $3"
	awk -v g="$2" -v w="$3" -v p="${4:-10}" \
		'BEGIN { exit !(g >= w * (100 - p) / 100 && g <= w * (100 + p) / 100) }' ||
		fail "$1: $2 is not within ${4:-10} % of $3"
}

# On port 10809.
nbd_listens()
{
	grep -qE ':2A39 .* 0A ' /proc/net/tcp /proc/net/tcp6
}

# nbd_server_up FILE
nbd_server_up()
{
	ip link set lo up
	rm -f /tmp/nbd.pid
	cat > /tmp/nbd.conf <<- END
		[generic]
		[e]
		exportname = $1
		flush = true
		fua = true
		trim = true
	END
	nbd-server -C /tmp/nbd.conf -p /tmp/nbd.pid
	wait_for 15 test -s /tmp/nbd.pid
	wait_for 15 nbd_listens
}

# nbd_connect DEVICE [ARG...]: ARGs are those of nbd-client
nbd_connect()
{
	local dev=$1

	shift
	nbd-client "$@" -N e localhost "/dev/$dev"
	test "$(sectors "/dev/$dev")" -gt 0
}

nbd_up()
{
	nbd_server_up "$1"
	nbd_connect nbd0
}

nbd_server_kill()
{
	local p

	for p in $(pidof nbd-server); do
		kill -9 "$p"
	done
	rm -f /tmp/nbd.pid
}

# What is not there need not go: nothing here may end a test.
stack_clear()
{
	(
		set +e
		stack_take_down
	) > /dev/null 2>&1 || true
}

stack_take_down()
{
	local i

	for i in $(dmsetup info -c --noheadings -o name,suspended | sed -n 's/:Suspended$//p'); do
		dmsetup resume "$i"
	done
	umount /run/stack
	[ ! -e $LVM_SYSTEM_DIR ] || vgremove -q -f -y vg
	for i in 1 2 3; do
		[ ! -e /proc/mdstat ] || mdadm --stop --scan
		dmsetup remove_all
		losetup -D
	done
	for i in 0 1; do
		[ ! -s /sys/block/nbd$i/pid ] || nbd-client -d /dev/nbd$i
	done
	nbd_server_kill
	for i in "$CG"/vm*.slice; do
		[ ! -d "$i" ] || cgroup_down "$i"
	done
}

cgroup_down()
{
	local p

	for p in $(cat "$1/cgroup.procs"); do
		echo "$p" > "$CG/cgroup.procs"
	done
	for p in "$1"/*/; do
		[ ! -d "$p" ] || rmdir "$p"
	done
	rmdir "$1"
}
