#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Each notifier, chosen for a disk or for an attachment, serves; the tool says
# which it is and why.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"

export VM=direct

prepare()
{
	host_clear
	only $VM
	null_up n0
	core_up io0 0 1000000
	iocorectl disk create d0 --path /dev/n0 --core io0
	vm_up $VM CPU_PM=on MEM=512M
	deny || true
}

# attach_as NOTIFIER
attach_as()
{
	iocorectl attach --vm "$(vm_pid $VM)" d0 --notifier "$1"
	wait_for 15 guest_has ioca
}

gone()
{
	iocorectl detach d0
	wait_for 15 guest_lacks ioca
}

# total COUNTER
total()
{
	vm_stat "notifications_$1" $VM
}

refused_without_privilege()
{
	expect_refusal 1 'allow' iocorectl attach --vm "$(vm_pid $VM)" d0 --notifier direct
	expect_refusal 2 'auto' iocorectl attach --vm "$(vm_pid $VM)" d0 --notifier sometimes
	guest_lacks ioca
}

inject()
{
	local direct injected

	allow
	attach_as inject
	direct=$(total direct)
	injected=$(total injected)
	verify
	expect_eq "direct notifications" $(($(total direct) - direct)) 0
	expect_ge "injected notifications" $(($(total injected) - injected)) 10
	vcpu_is inject
	note "$(vcpu reason)"
	expect_eq "the guest's word" "$(guest cat /sys/block/ioca/iocore/notifier)" \
		"cpu 0 injected"
	guest_is_fine
	gone
}

direct()
{
	local before

	attach_as direct
	becomes direct
	before=$(total direct)
	verify
	expect_ge "direct notifications" $(($(total direct) - before)) 10
	guest_is_fine
	gone
}

auto()
{
	local before

	deny
	attach_as auto
	verify
	vcpu_is inject
	expect_eq "reason" "$(vcpu reason)" "not allowed"
	allow
	becomes direct
	before=$(total direct)
	verify
	expect_ge "direct notifications" $(($(total direct) - before)) 10
	guest_is_fine
	gone
}

# The guest looks by itself.
none()
{
	local n sum

	attach_as none
	sleep 0.5
	sum=$(delivered)
	verify
	fio_guest ioca --rw=randread --bs=4k --size=2m --iodepth=1
	n=$(($(delivered) - sum))
	expect_eq "notifications" $n 0
	expect_eq "the guest's word" "$(guest cat /sys/block/ioca/iocore/notifier)" "cpu 0 polled"
	guest_is_fine
}

# Nothing in flight: nothing to look for.
polls_only_under_load()
{
	local idle0 idle1 all0 all1

	read -r idle0 all0 idle1 all1 <<< "$(guest 'ticks() {
			awk "/^cpu /{ s = 0; for (i = 2; i <= NF; i++) s += \$i
				print \$5 + \$6, s }" /proc/stat; }
		echo $(ticks; sleep 6; ticks)' | tr -d '\r')"
	note "idle: $((idle1 - idle0)) of $((all1 - all0)) ticks"
	expect_ge "per cent idle" $(((idle1 - idle0) * 100 / (all1 - all0))) 50
	gone
}

of_the_disk()
{
	iocorectl disk set d0 --notifier none
	iocorectl attach --vm "$(vm_pid $VM)" d0
	wait_for 15 guest_has ioca
	expect_eq "the guest's word" "$(guest cat /sys/block/ioca/iocore/notifier)" "cpu 0 polled"
	expect_refusal 1 'busy|attached|in use' iocorectl disk set d0 --notifier auto
	gone
	iocorectl disk set d0 --notifier auto
}

tool_says()
{
	attach_as auto
	becomes direct
	iocorectl stat > /tmp/stat.txt
	grep -q direct /tmp/stat.txt || fail "$(cat /tmp/stat.txt)"
	iocorectl -o json stat | python3 -c 'import json, sys
text = json.dumps(json.load(sys.stdin))
assert "\"direct\"" in text, text
assert "notifications_direct" in text, text'
	deny
	becomes inject
	iocorectl stat > /tmp/stat.txt
	grep -q 'not allowed' /tmp/stat.txt || fail "$(cat /tmp/stat.txt)"
	iocorectl check > /tmp/check.txt || true
	grep -i direct /tmp/check.txt || fail "$(cat /tmp/check.txt)"
	gone
}

tap_begin
need_direct
tap_setup prepare
tap_point "direct is refused to a VM that may not" refused_without_privilege
tap_point "inject verifies, and nothing is direct" inject
tap_point "direct verifies" direct
tap_point "auto verifies, without and with the privilege" auto
tap_point "none verifies, and there is no notification" none
tap_point "none does not poll an idle disk" polls_only_under_load
tap_point "a disk's own notifier" of_the_disk
tap_point "iocorectl says which, and why" tool_says
tap_end
