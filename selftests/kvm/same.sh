#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A VM that did not opt in to anything sees the patched KVM as it sees stock KVM,
# byte for byte: one program makes a transcript on each, exits included. What it
# expects of any KVM holds too. Ends with the patched modules loaded.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

SAME=$(cd "$(dirname "$0")" && pwd)/same
TRANSCRIPTS=${OUT:-/tmp}/same

unload()
{
	[ ! -d /sys/module/iocore ] || module_down iocore
	[ ! -d /sys/module/kvm_amd ] || module_down kvm_amd
	[ ! -d /sys/module/kvm_intel ] || module_down kvm_intel
	[ ! -d /sys/module/kvm ] || module_down kvm
}

cleanup()
{
	[ ! -d "$CFG" ] || host_clear
	unload
	modules_up
}

prepare()
{
	local g

	[ ! -d "$CFG" ] || host_clear
	for g in /run/l2/*/; do
		[ ! -d "$g" ] || L2=$(basename "$g") l2-kill
	done
	mkdir -p "$TRANSCRIPTS"
	unload
}

# once FILE ARG...: made to the end, good or bad
once()
{
	local file=$1

	shift
	"$SAME" "$@" > "$file" || [ $? -eq 1 ] || fail "the program: $(tail -n 3 "$file")"
	tail -n 1 "$file" | grep -q 'expectations$' || fail "the transcript has no end"
}

# transcript NAME LIKE ARG...: one as LIKE, a name, or else one that came twice, as what
# a CPU that stood still or an emulator's fault has left in a transcript does not. So
# of two that are to be the same each needs to be made once.
transcript()
{
	local file=$TRANSCRIPTS/$1 i before

	for i in 1 2 3 4 5 6; do
		once "$file" "${@:3}"
		for before in "$TRANSCRIPTS/$2" "$file".[0-9]; do
			! cmp -s "$file" "$before" || return 0
		done
		[ $i -eq 1 ] || note "$1 differed: $(diff "$file" "$file.1" | head -n 6)"
		mv "$file" "$file.$i"
	done
	fail "no transcript came twice"
}

stock_kvm()
{
	unload
	LAB_STOCK_KVM=1 l1-modules
	! grep -qw kvm_pv_backend_register /proc/kallsyms || fail "this KVM is not stock"
}

stock()
{
	stock_kvm
	once $TRANSCRIPTS/stock
}

patched()
{
	unload
	LAB_NO_IOCORE=1 l1-modules
	grep -qw kvm_pv_backend_register /proc/kallsyms || fail "this KVM is not patched"
	transcript patched stock
}

loaded()
{
	unload
	modules_up
	[ -e /dev/iocore ] || fail "iocore.ko is not loaded"
	transcript loaded stock
}

expected()
{
	! grep '^BAD' "$TRANSCRIPTS/$1" || exit 1
	expect_ge "expectations" "$(sed -n 's/ expectations$//p' "$TRANSCRIPTS/$1")" 500
}

# With iocore.ko a disk for the VM, made by name only.
direct_disk()
{
	null_up n0 size=16
	core_up io0
	iocorectl disk create d0 --path /dev/n0 --core io0
}

same()
{
	diff "$TRANSCRIPTS/$1" "$TRANSCRIPTS/$2"
}

patched_is_stock()
{
	same stock patched && return
	stock_kvm
	transcript stock patched
	same stock patched
}

# The same scenarios in a guest that has set direct mode up, where it can.
direct()
{
	grep -qw kvm_direct_enable /proc/kallsyms ||
		skip "this KVM has no direct mode"
	once $TRANSCRIPTS/common --common
	direct_disk
	transcript direct common --direct d0
	same common direct || transcript common direct --common
	same common direct
	expected direct
}

tap_begin
tap_setup prepare
tap_setup stock
tap_setup patched
tap_point "the patched KVM gives the same transcript" patched_is_stock
tap_point "stock KVM does what is expected of it" expected stock
tap_setup loaded
tap_point "with iocore.ko, which is not for this VM, too" same stock loaded
tap_point "in direct mode a guest sees the same" direct
tap_end
