#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Without a backend the patched KVM is stock KVM: a guest gets the same results,
# and its hypercalls, CPUIDs and self IPIs cost the same exits. With one, all is
# the same but the backend's own hypercall. Ends with the patched modules loaded.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

PROBE=$(cd "$(dirname "$0")" && pwd)/probe
ENOSYS=-1000
EPERM=-1
HC=0x10c0

unload()
{
	[ ! -d /sys/module/iocore ] || module_down iocore
	[ ! -d /sys/module/kvm_amd ] || module_down kvm_amd
	[ ! -d /sys/module/kvm_intel ] || module_down kvm_intel
	[ ! -d /sys/module/kvm ] || module_down kvm
}

cleanup()
{
	unload
	modules_up
	rm -f /tmp/probe.*
}

prepare()
{
	local g

	[ ! -d "$CFG" ] || host_clear
	for g in /run/l2/*/; do
		[ ! -d "$g" ] || L2=$(basename "$g") l2-kill
	done
	unload
}

# probe NAME: an answer that came twice; an exit that the host had is not in both
probe()
{
	local file=/tmp/probe.$1

	"$PROBE" > "$file"
	for _ in 1 2 3 4 5; do
		mv "$file" "$file.before"
		"$PROBE" > "$file"
		! cmp -s "$file" "$file.before" || return 0
	done
	fail "no answer came twice"
}

patched()
{
	LAB_NO_IOCORE=1 l1-modules
	grep -qw kvm_pv_backend_register /proc/kallsyms || fail "this KVM is not patched"
	probe patched
}

stock()
{
	unload
	LAB_STOCK_KVM=1 l1-modules
	! grep -qw kvm_pv_backend_register /proc/kallsyms || fail "this KVM is not stock"
	probe stock
}

registered()
{
	unload
	modules_up
	[ -e /dev/iocore ] || skip "iocore.ko is not built"
	probe registered
}

# call CPL NR RESULT
says()
{
	grep -qx "call $1 $2 $3" "/tmp/probe.${4:-patched}" ||
		fail "CPL $1, hypercall $2: $(grep "^call $1 $2 " "/tmp/probe.${4:-patched}")"
}

results()
{
	local nr

	for nr in 0x1000 0x10bf $HC 0x10c1 0x80000000 0xffffffff; do
		says 0 "$nr" $ENOSYS
		says 3 "$nr" $EPERM
	done
	says 0 0x1 0
	expect_eq "sub-calls that are answered" \
		"$(grep '^iocore' /tmp/probe.patched | grep -vc -- " $ENOSYS\$")" 0
}

# same OPTION PATTERN A B: the lines of both probes that grep selects
same()
{
	grep "$1" "$2" "/tmp/probe.$3" > /tmp/probe.a
	grep "$1" "$2" "/tmp/probe.$4" > /tmp/probe.b
	diff /tmp/probe.a /tmp/probe.b
}

same_results()
{
	same -v '^cost' stock patched
}

# cost WHAT COUNTER=N: of 1000 times WHAT; its OUT is one exit more
counter()
{
	sed -n "s/^cost $1 .*\b$2=\([0-9]*\).*/\1/p" "/tmp/probe.$3"
}

exits_are_exact()
{
	local what

	for what in hypercall unknown_hypercall iocore_hypercall; do
		expect_eq "exits of 1000 times $what" "$(counter $what exits patched)" 1001
		expect_eq "hypercalls of $what" "$(counter $what hypercalls patched)" 1000
	done
	expect_eq "exits of 1000 CPUIDs" "$(counter cpuid exits patched)" 1001
	expect_eq "self IPIs handled" "$(counter self_ipi handled patched)" 1000
	expect_ge "exits of 1000 self IPIs" "$(counter self_ipi exits patched)" 1
}

same_exits()
{
	same -e '^cost' stock patched
}

# With the backend: only its own number is answered, and only at CPL 0.
only_its_own()
{
	local own="^call 0 $HC \|^iocore \|^cost iocore_hypercall "

	[ -s /tmp/probe.registered ] || skip "iocore.ko is not built"
	same -v "$own" stock registered
	says 3 $HC $EPERM registered
	! grep -qx "call 0 $HC $ENOSYS" /tmp/probe.registered || fail "the backend is not called"
	expect_eq "exits of 1000 calls of iocore" \
		"$(counter iocore_hypercall exits registered)" 1001
}

tap_begin
tap_setup prepare
tap_setup patched
tap_point "no backend: hypercalls are refused as always" results
tap_point "no backend: one exit a hypercall, one a CPUID" exits_are_exact
tap_setup stock
tap_point "stock KVM gives the same results" same_results
tap_point "stock KVM exits as often, by each counter" same_exits
tap_setup registered
tap_point "a backend changes nothing but its own hypercall" only_its_own
tap_end
