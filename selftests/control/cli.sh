#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# iocorectl: exit codes, and errors that say what is wrong.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

prepare()
{
	host_clear
	null_up n0 size=16
	null_up n1 size=16
	core_up io0
}

usage_errors()
{
	expect_rc 2 iocorectl nosuch
	expect_rc 2 iocorectl disk nosuch
	expect_rc 2 iocorectl disk create
	expect_rc 2 iocorectl disk create x
	expect_rc 2 iocorectl disk create x --path /dev/n0 --nosuch
	expect_rc 2 iocorectl core add x
	expect_rc 2 iocorectl core add x --cpu many
	expect_rc 2 iocorectl core add x --cpu 0 --idle-us 99999999
	expect_rc 2 iocorectl attach d0
	expect_rc 2 iocorectl attach d0 --vm zero
	expect_rc 2 iocorectl detach
	[ ! -e $CFG/disks/x ]
	[ ! -e $CFG/cores/x ]
}

help_is_no_error()
{
	expect_rc 0 iocorectl --help
	expect_rc 0 iocorectl --version
}

check_host()
{
	expect_rc 0 iocorectl check
}

missing_path()
{
	expect_refusal 1 'no such' iocorectl disk create dx --path /no/such/path
	[ ! -e $CFG/disks/dx ] || fail "the disk was left behind"
}

wrong_path()
{
	expect_refusal 1 . iocorectl disk create dx --path /dev/null
	expect_refusal 1 . iocorectl disk create dx --path /run
	[ ! -e $CFG/disks/dx ]
}

no_such_cpu()
{
	expect_refusal 1 . iocorectl core add iox --cpu 999
	[ ! -e $CFG/cores/iox ]
}

same_backend_twice()
{
	iocorectl disk create da --path /dev/n0
	expect_refusal 1 'in use|busy' iocorectl disk create db --path /dev/n0
	[ ! -e $CFG/disks/db ] || fail "the disk was left behind"
	iocorectl disk delete da
}

same_backend_readonly()
{
	iocorectl disk create da --path /dev/n0 --readonly
	iocorectl disk create db --path /dev/n0 --readonly
	expect_refusal 1 'in use|busy' iocorectl disk create dc --path /dev/n0
	iocorectl disk delete da
	iocorectl disk delete db
}

same_name_twice()
{
	iocorectl disk create da --path /dev/n0
	expect_rc 1 iocorectl disk create da --path /dev/n1
	expect_rc 1 iocorectl core add io0 --cpu 1
	expect_eq "path" "$(cat $CFG/disks/da/path)" /dev/n0
	iocorectl disk delete da
}

wrong_vm()
{
	iocorectl disk create da --path /dev/n0
	expect_refusal 1 'no VM' iocorectl attach da --vm $$
	expect_refusal 1 'no process' iocorectl attach da --vm 999999
	expect_refusal 1 'not attached' iocorectl detach da
	expect_rc 1 iocorectl detach nosuch
	iocorectl disk delete da
	expect_rc 1 iocorectl disk delete da
}

core_in_use()
{
	iocorectl disk create da --path /dev/n0
	expect_refusal 1 'disk|busy|use' iocorectl core del io0
	iocorectl disk delete da
}

json()
{
	iocorectl disk create da --path /dev/n0 --serial S1
	iocorectl disk list -o json | tee /tmp/disks.json
	grep -q '"version":1' /tmp/disks.json
	grep -q '"serial":"S1"' /tmp/disks.json
	expect_rc 1 iocorectl -o json disk delete nosuch > /tmp/error.json
	iocorectl disk delete da
}

needs()
{
	[ -e "$CFG/disks/da/$1" ] || { iocorectl disk delete da; skip "this module has no $1"; }
}

disk_options()
{
	iocorectl disk create da --path /dev/n0
	needs threads
	needs replay_timeout
	iocorectl disk set da --threads 2 --queues 4 --replay-timeout 5 --core io0
	expect_eq "threads" "$(cat $CFG/disks/da/threads)" 2
	expect_eq "queues" "$(cat $CFG/disks/da/queues)" 4
	expect_eq "replay_timeout" "$(cat $CFG/disks/da/replay_timeout)" 5
	expect_eq "enabled" "$(cat $CFG/disks/da/enable)" 1
	expect_refusal 1 'no such IOCore' iocorectl disk set da --threads 3 --core io9
	expect_eq "threads" "$(cat $CFG/disks/da/threads)" 2
	expect_eq "core" "$(cat $CFG/disks/da/core)" io0
	expect_eq "enabled" "$(cat $CFG/disks/da/enable)" 1
	iocorectl disk delete da
}

disk_moves()
{
	iocorectl disk create da --path /dev/n0
	needs replay_timeout
	expect_refusal 1 "not a block device" iocorectl disk move da --path /dev/zero
	null_up n3 size=8
	expect_refusal 1 "smaller" iocorectl disk move da --path /dev/n3
	expect_refusal 1 'does not exist' iocorectl disk move da --path /dev/nowhere
	expect_eq "path" "$(cat $CFG/disks/da/path)" /dev/n0
	iocorectl disk move da --path /dev/n1
	expect_eq "path" "$(cat $CFG/disks/da/path)" /dev/n1
	iocorectl disk create db --path /dev/n0
	iocorectl disk delete db
	iocorectl disk delete da
}

disk_rescans()
{
	local file=/run/cli.img

	truncate -s 8M $file
	iocorectl disk create da --path $file
	needs rescan
	truncate -s 16M $file
	ln -sf $file /run/cli-link
	iocorectl disk rescan --path /run/cli-link
	expect_eq "capacity" "$(disk_stat da capacity)" 32768
	truncate -s 24M $file
	iocorectl disk rescan da
	expect_eq "capacity" "$(disk_stat da capacity)" 49152
	iocorectl disk delete da
	rm -f $file /run/cli-link
}

clears()
{
	iocorectl disk create da --path /dev/n0
	iocorectl disk create db --path /dev/n1
	iocorectl clear > /tmp/said
	grep -q "deleted disk db" /tmp/said
	expect_eq "cores" "$(ls $CFG/cores)" ""
	expect_eq "said" "$(iocorectl clear)" ""
	core_up io0
}

nothing_left()
{
	iocorectl core del io0
	expect_eq "disks" "$(ls $CFG/disks)" ""
	expect_eq "cores" "$(ls $CFG/cores)" ""
	expect_eq "threads" "$(iocore_threads)" ""
}

tap_begin
need_iocore
tap_setup prepare
tap_point "wrong usage exits with 2 and changes nothing" usage_errors
tap_point "help and version exit with 0" help_is_no_error
tap_point "check finds the host ready" check_host
tap_point "a missing backing path" missing_path
tap_point "a backing path of the wrong kind" wrong_path
tap_point "a CPU that does not exist" no_such_cpu
tap_point "two writing disks on one backend" same_backend_twice
tap_point "two read-only disks on one backend" same_backend_readonly
tap_point "a name that is taken" same_name_twice
tap_point "what is no VM, and no disk" wrong_vm
tap_point "a core that serves a disk stays" core_in_use
tap_point "JSON has its version" json
tap_point "disks take options, and keep the old ones when one is refused" disk_options
tap_point "a disk moves to another backend" disk_moves
tap_point "a disk reads its size anew, by its name and by its path" disk_rescans
tap_point "clear takes all away" clears
tap_point "and nothing is left" nothing_left
tap_end
