# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# guest_tools.sh - the whole tool root in a guest, which by itself has busybox
#
#	guest_tools IOCORE [NAME]	the guest has the tools, whatever went before
#	tool COMMAND ARG...		runs COMMAND of them in the guest $VM
#	tool_sh TEXT			the same for a line of bash
#	guest_tools_down [NAME]		unmounted and detached
#
# L1's own root image, which stays read-only, is a disk of the guest, in slot 15
# (/dev/iocp), so that tests find ioca and the next ones free. The guest mounts it
# at /tools, with its own /dev, /proc, /sys, /tmp and /mnt in it; modprobe works.
# host_clear() takes the disk away as any other: call guest_tools() after it.

GUEST_TOOLS_DISK=tools
GUEST_TOOLS_SLOT=15
GUEST_TOOLS_DEV=iocp

# The device that L1's root is made of.
tools_image()
{
	local dev

	for dev in /dev/vd?; do
		if [ "$(blkid -p -s LABEL -o value "$dev")" = l1 ]; then
			echo "$dev"
			return
		fi
	done
	fail "L1's root image is on no device"
}

tools_mounted()
{
	guest 'dd if=/dev/'$GUEST_TOOLS_DEV' of=/dev/null bs=4k count=1 iflag=direct 2> /dev/null &&
		chroot /tools /bin/true' > /dev/null 2>&1
}

tools_umount()
{
	guest 'for d in dev proc sys tmp mnt; do
			umount -l /tools/$d
		done
		umount -l /tools
		true' > /dev/null 2>&1
}

tools_mount()
{
	guest 'set -e
		mkdir -p /tools /mnt
		mount -t ext4 -o ro /dev/'$GUEST_TOOLS_DEV' /tools
		for d in dev proc sys tmp mnt; do
			mount -o rbind /$d /tools/$d
		done'
}

# guest_tools IOCORE [NAME]: IOCORE must exist
guest_tools()
{
	local VM=${2:-${VM:-l2}}

	if [ ! -d "$CFG/disks/$GUEST_TOOLS_DISK" ]; then
		iocorectl disk create $GUEST_TOOLS_DISK --path "$(tools_image)" --core "$1" --readonly
	elif tools_mounted; then
		return
	fi
	tools_umount
	if [ ! -e "$SYS/vms/$(vm_pid "$VM")-0/disks/$GUEST_TOOLS_DISK" ]; then
		wait_for 15 guest_lacks $GUEST_TOOLS_DEV
		iocorectl attach --vm "$(vm_pid "$VM")" --slot $GUEST_TOOLS_SLOT $GUEST_TOOLS_DISK
	fi
	wait_for 15 guest_has $GUEST_TOOLS_DEV
	tools_mount
}

guest_tools_down()
{
	local VM=${1:-${VM:-l2}}

	tools_umount
	iocorectl detach --vm "$(vm_pid "$VM")" $GUEST_TOOLS_DISK
	iocorectl disk delete $GUEST_TOOLS_DISK
}

# tool COMMAND ARG...: its words as they are, its exit code is ours
tool()
{
	l2_quote chroot /tools /usr/bin/env PATH=/usr/sbin:/usr/bin LC_ALL=C "$@"
	guest "$REPLY"
}

tool_sh()
{
	tool bash -c "$*"
}
