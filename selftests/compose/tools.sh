#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The host's whole root image is a read-only disk of the guest, which runs its
# programs from there: what selftests/lib/guest_tools.sh promises.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/guest_tools.sh"

PROGRAMS="iostat blktrace bpftrace mkfs.xfs xfs_repair stress-ng blkdiscard fio"

prepare()
{
	host_clear
	core_up io0
	vm_up
	guest_tools io0
}

programs()
{
	local p

	for p in $PROGRAMS; do
		tool sh -c "command -v $p" || fail "the guest lacks $p"
	done
	expect_eq "a quoted word" "$(tool echo "a  'b")" "a  'b"
	expect_rc 7 tool bash -c 'exit 7'
	expect_eq "several lines" "$(tool_sh 'a="1 2"
		echo "$a"')" "1 2"
}

# The largest program, read through iocore, is what the host has.
content()
{
	local file=/usr/bin/qemu-system-x86_64

	guest 'echo 3 > /proc/sys/vm/drop_caches'
	expect_eq "sha256" "$(tool sha256sum $file)" "$(sha256sum $file)"
	expect_ge "bytes read" "$(disk_stat tools read_bytes)" $(($(stat -c %b $file) * 512))
	expect_eq "errors" "$(disk_stat tools errors)" 0
}

modules()
{
	tool modprobe xfs
	guest 'grep -w xfs /proc/filesystems'
}

# After a host_clear() the guest's mount is dead, and is made anew.
again()
{
	host_clear
	core_up io0
	guest_tools io0
	tool iostat -V
	guest_tools_down
	wait_for 15 guest_lacks iocp
}

tap_begin
need_iocore
tap_setup prepare
tap_point "the guest runs the host's programs" programs
tap_point "a program of many MiB is read as it is" content
tap_point "the guest loads the host's modules" modules
tap_point "the disk goes under the mount, and comes again" again
tap_end
