# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# vm.sh - guests, backends, cores and disks for the tests, in L1
#
# A guest is left running for the next script, which takes it over; so a
# collection of tests boots few guests. Everything else is taken down between
# scripts: host_clear() brings iocore back to having no disk and no core.

# shellcheck source=tools/lab/l1/l2.sh
. /iocore/tools/lab/l1/l2.sh

SYS=/sys/kernel/iocore
CFG=/sys/kernel/config/iocore
NULLB=/sys/kernel/config/nullb

# ---- guests ----

# kernel: of the guests that are started: 6.12, or that of the suite $L2_KERNEL
kernel()
{
	kernel_release | cut -d. -f1,2
}

kernel_release()
{
	if [ -n "${L2_KERNEL:-}" ]; then
		cat "/iocore/build/kernels/$L2_KERNEL/release"
	else
		uname -r
	fi
}

# vm_up [NAME [VAR=VALUE...]]: take over or start; VARs are l2-start's. HLT exits,
# so that idle guests leave the CPU to the others. What the guest's kernel said to
# an earlier script is forgotten. A guest of another kernel than is asked for in
# L2_KERNEL is not taken over.
vm_up()
{
	local name=${1:-l2}

	[ $# -eq 0 ] || shift
	if [ "$(L2=$name; l2_run 10 'dmesg -c > /dev/null; uname -r' 2>/dev/null)" != \
	     "$(kernel_release)" ]; then
		L2=$name l2-kill
		env L2="$name" CPU_PM=off "$@" l2-start
	fi
}

vm_pid()
{
	local L2=${1:-l2}

	l2_alive && echo "$REPLY"
}

# vm_boots [NAME]: how often its VMM saw a kernel come up
vm_boots()
{
	grep -ac 'iocore-agent: ready' "/run/l2/${1:-l2}-console.log"
}

# vm_booted TIMES [NAME]
vm_booted()
{
	[ "$(vm_boots "${2:-l2}")" -ge "$1" ]
}

# show FILE: as cat does, without a process
show()
{
	local lines

	mapfile -t lines < "$1" || return
	printf '%s\n' "${lines[@]}"
}

# vm_stat COUNTER [NAME]: a counter of the VM under sysfs
vm_stat()
{
	local L2=${2:-l2}

	l2_alive && show "$SYS/vms/$REPLY-0/$1"
}

# guest TEXT: a line of shell in the guest $VM
guest()
{
	local L2=${VM:-l2}

	l2_run "${GUEST_TIMEOUT:-120}" "$*"
}

guest_has()
{
	guest "[ -b /dev/$1 ]"
}

guest_lacks()
{
	guest "[ ! -e /sys/block/$1 ]"
}

# ---- backends ----

# null_up NAME [ATTRIBUTE=VALUE...]: memory backed, 128 MiB: /dev/NAME. A cache_size is
# more than the size: null_blk can lose count of a cache that overflows, and then looks
# for what is left to be flushed for ever, with a CPU.
null_up()
{
	local dir=$NULLB/$1 a

	[ -d "$NULLB" ] || modprobe null_blk nr_devices=0
	mkdir "$dir"
	shift
	for a in memory_backed=1 size=128 submit_queues=1 queue_mode=2 "$@" power=1; do
		echo "${a#*=}" > "$dir/${a%%=*}"
	done
	wait_for 5 test -b "/dev/${dir##*/}"
}

null_clear()
{
	local d

	for d in "$NULLB"/*/; do
		[ ! -d "$d" ] || rmdir "$d"
	done
}

# The NVMe disk: partition 1 for tests as it is, 2 with ext4 at /run/files.
nvme_up()
{
	if [ ! -b /dev/nvme0n1p2 ]; then
		printf ',384M\n,\n' | sfdisk -q /dev/nvme0n1
		wait_for 10 test -b /dev/nvme0n1p2
		mkfs.ext4 -q /dev/nvme0n1p2
	fi
	mkdir -p /run/files
	mountpoint -q /run/files || mount -t ext4 /dev/nvme0n1p2 /run/files
}

# file_up NAME MIB: prints the path of a file of zeroes
file_up()
{
	nvme_up
	fallocate -l "$2M" "/run/files/$1"
	dd if=/dev/zero of="/run/files/$1" bs=1M count="$2" conv=notrunc,fsync status=none
	echo "/run/files/$1"
}

# ---- iocore ----

core_up()
{
	iocorectl core add "$1" --cpu "${2:-0}" --idle-us "${3:-1000}"
}

# attach DISK [NAME]: prints the guest's device name
attach()
{
	local said

	said=$(iocorectl attach --vm "$(vm_pid "${2:-l2}")" "$1") || return
	[[ $said =~ .*(ioc[a-z]+) ]] && echo "${BASH_REMATCH[1]}"
}

# attach_wait DISK [NAME]: the same, once the guest has the device
attach_wait()
{
	local dev

	dev=$(attach "$@")
	VM=${2:-l2} wait_for 15 guest_has "$dev"
	# Who opens it waits until its partitions have been looked for.
	VM=${2:-l2} guest ": < /dev/$dev" > /dev/null 2>&1 || true
	echo "$dev"
}

disk_stat()
{
	show "$SYS/disks/$1/$2"
}

vm_names()
{
	ls "$SYS/vms" 2>/dev/null
}

no_vms()
{
	[ -z "$(vm_names)" ]
}

# Takes down what a collection has put between null_blk and iocore.
stack_clear()
{
	:
}

# Every binding, disk and core, made by whom it may be.
host_clear()
{
	local d vm

	for vm in $(vm_names); do
		for d in "$SYS/vms/$vm/disks"/*; do
			[ ! -e "$d" ] || iocorectl detach --vm "${vm%-*}" "$(basename "$d")"
		done
	done
	for d in "$CFG"/disks/*/; do
		[ ! -d "$d" ] || rmdir "$d"
	done
	for d in "$CFG"/cores/*/; do
		[ ! -d "$d" ] || rmdir "$d"
	done
	stack_clear
	null_clear
	rm -f /run/files/*.img
}

iocore_threads()
{
	ps -eLo comm= | grep -E '^iocore|^ioc-' || true
}

# pins: pages that are pinned now, and not given back. Each CPU keeps a part of
# the counters to itself until it is told to hand it over.
pins()
{
	cat /proc/sys/vm/stat_refresh
	awk '$1 == "nr_foll_pin_acquired" { a = $2 }
	     $1 == "nr_foll_pin_released" { r = $2 }
	     END { print a - r }' /proc/vmstat
}

modules_up()
{
	l1-modules > /dev/null
}

# The guests must be gone. rmmod retries as the last use may just be ending.
module_down()
{
	wait_for 20 rmmod "$1"
}

need_iocore()
{
	[ -e /dev/iocore ] || tap_skip_all "iocore.ko is not loaded"
	command -v iocorectl > /dev/null || tap_skip_all "iocorectl is not built"
}

# fio in the guest: fio_guest DEVICE ARG...
fio_guest()
{
	local L2=${VM:-l2} dev=$1

	shift
	l2_quote fio --name=t --filename="/dev/$dev" --allow_file_create=0 --ioengine=libaio \
		--direct=1 --thread --randrepeat=1 --output-format=normal "$@"
	l2_run "${GUEST_TIMEOUT:-300}" "$REPLY"
}

cleanup()
{
	host_clear
}
