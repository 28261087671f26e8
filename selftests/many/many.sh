#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Many disks of many VMs on two IOCores of one host, on a CPU each: each VM writes a pattern of
# its own to each of its disks, all at once, and reads it back.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

VMS=$(cycles 2 8)
EACH=$(cycles 4 8)
# All of them share one emulated CPU, with io1.
export GUEST_TIMEOUT=900

names()
{
	seq -f "many%g" "$VMS"
}

# disks VM: the names of its disks
disks()
{
	seq -f "$1-%g" $EACH
}

prepare()
{
	local vm d n=0 g

	host_clear
	for g in /run/l2/*/; do
		[ ! -d "$g" ] || L2=$(basename "$g") l2-kill
	done
	core_up io0 0
	core_up io1 1
	null_up shared size=8
	dd if=/dev/urandom of=/dev/shared bs=1M count=8 oflag=direct status=none
	iocorectl disk create shared --path /dev/shared --core io0 --readonly
	for vm in $(names); do
		for d in $(disks "$vm"); do
			null_up "$d" size=8
			iocorectl disk create "$d" --path "/dev/$d" --core io$((n++ % 2)) --serial "$d"
		done
	done
}

start()
{
	local vm d

	for vm in $(names); do
		vm_up "$vm" MEM=256M
		for d in $(disks "$vm"); do
			attach "$d" "$vm" > /dev/null
		done
	done
	for vm in $(names); do
		for d in $(disks "$vm"); do
			VM=$vm wait_for 30 guest "grep -qx $d /sys/block/ioc*/serial"
		done
	done
	expect_eq "disks attached" "$(ls -d "$SYS"/vms/*/disks/* | wc -l)" $((VMS * EACH))
}

# The pattern names VM and disk, so that a block of another's is seen.
verify_all()
{
	local vm

	for vm in "$@"; do
		VM=$vm guest "cat > /tmp/many.fio << END
			[global]
			rw=randwrite
			bsrange=512-32k
			size=2m
			iodepth=4
			ioengine=libaio
			direct=1
			thread
			verify=pattern
			do_verify=1
			verify_fatal=1
END
			for s in /sys/block/ioc*/serial; do
				d=\${s#/sys/block/}; d=\${d%%/*}; n=\$(cat \$s)
				printf '[%s]\nfilename=/dev/%s\nverify_pattern=\"%s\"%%o\n' \$n \$d \$n
			done >> /tmp/many.fio
			fio /tmp/many.fio > /tmp/many.log 2>&1 || { tail -n 5 /tmp/many.log; exit 1; }" &
	done
	for vm in "$@"; do
		wait -n || fail "a VM's data is not what it wrote"
	done
}

all_at_once()
{
	# shellcheck disable=SC2046
	verify_all $(names)
}

# Each did what its VM asked for, and nothing is in flight.
each_served()
{
	local vm d

	for vm in $(names); do
		for d in $(disks "$vm"); do
			expect_ge "bytes written to $d" "$(disk_stat "$d" write_bytes)" $((2 << 20))
			expect_eq "errors of $d" "$(disk_stat "$d" errors)" 0
			expect_eq "in flight on $d" "$(disk_stat "$d" in_flight)" 0
		done
	done
}

both_cores()
{
	local c

	for c in io0 io1; do
		expect_ge "requests of $c" "$(cat "$SYS/cores/$c/requests")" $((VMS * EACH * 15))
	done
}

shared_readonly()
{
	local sum vm dev

	sum=$(md5sum < /dev/shared)
	for vm in $(names); do
		dev=$(attach_wait shared "$vm")
		expect_eq "md5 in $vm" "$(VM=$vm guest "md5sum < /dev/$dev")" "$sum"
		if VM=$vm guest "dd if=/dev/zero of=/dev/$dev bs=4k count=1 2>/dev/null"; then
			fail "$vm could write to it"
		fi
	done
	for vm in $(names); do
		iocorectl detach --vm "$(vm_pid "$vm")" shared
	done
	expect_eq "its content" "$(md5sum < /dev/shared)" "$sum"
}

# has_written DISK BEFORE
has_written()
{
	[ "$(disk_stat "$1" writes)" -gt "$2" ]
}

# One VM ends in the middle of the others' work.
one_killed()
{
	local others pid d writes

	others=$(names | tail -n +2)
	pid=$(vm_pid many1)
	d=$(disks many2 | head -n 1)
	writes=$(disk_stat "$d" writes)
	verify_all $others &
	wait_for 60 has_written "$d" "$writes"
	L2=many1 l2-kill
	wait $! || fail "the others suffered"
	wait_for 20 eval '! ls -d '"$SYS/vms/$pid"'-*'
}

nothing_left()
{
	local vm

	for vm in $(names); do
		L2=$vm l2-kill
	done
	wait_for 10 no_vms
	expect_eq "pages pinned" "$(pins)" 0
	host_clear
	expect_eq "threads" "$(iocore_threads)" ""
}

tap_begin
need_iocore
tap_setup prepare
tap_setup start
tap_point "$VMS VMs verify $((VMS * EACH)) disks at once" all_at_once
tap_point "each disk was served to the end" each_served
tap_point "both IOCores worked" both_cores
tap_point "one read-only disk in $VMS VMs at once" shared_readonly
tap_point "a VM is killed while the others verify" one_killed
tap_point "nothing is left of $VMS VMs" nothing_left
tap_end
