# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# direct.sh - guests with direct notifications, for the tests in L1
#
# A guest is named, or is $VM. On CPU 0 is IOCore, on CPU 1 are the vCPUs.

# Direct notifications need a host that has them: nothing else is an excuse.
need_direct()
{
	need_iocore
	grep -qw kvm_direct_raise /proc/kallsyms || tap_skip_all "this KVM has no direct notifications"
	grep -qw svm /proc/cpuinfo || tap_skip_all "direct notifications need SVM"
	patience
}

# An emulated CPU may stand still for longer than a real guest would dare; without
# patience the watchdog takes that for malice.
patience()
{
	echo 1000 > /sys/module/iocore/parameters/direct_period_ms
	echo 1000 > /sys/module/iocore/parameters/direct_escapes
}

# Escapes happen where CPUs stand still. A guest that takes the host's interrupts,
# or whose shadow is not in its place, is not let off by any patience.
watchdog_is_calm()
{
	note "escapes of ${1:-$VM}: $(vcpu escapes 0 "${1:-$VM}")"
	expect_eq "revocations" "$(vm_stat direct_revoked "${1:-$VM}")" 0
}

allow()
{
	iocorectl allow --vm "$(vm_pid "${1:-$VM}")" direct
}

deny()
{
	iocorectl deny --vm "$(vm_pid "${1:-$VM}")" direct
}

# only NAME...: every other guest is ended
only()
{
	local g

	for g in /run/l2/*/; do
		[ -d "$g" ] || continue
		g=$(basename "$g")
		[[ " $* " == *" $g "* ]] || L2=$g l2-kill
	done
}

# fresh NAME VAR=VALUE...: a guest just booted
fresh()
{
	L2=$1 l2-kill
	vm_up "$@"
}

# vcpu KEY [N [NAME]]: what the host says of vCPU N
vcpu()
{
	vm_stat vcpus "${3:-$VM}" | sed -n "s/^vcpu=${2:-0} .*\b$1=\(\"[^\"]*\"\|[^ ]*\).*/\1/p" |
		tr -d '"'
}

# vcpu_is MODE [N [NAME]]
vcpu_is()
{
	[ "$(vcpu mode "${2:-0}" "${3:-$VM}")" = "$1" ]
}

# becomes MODE [N [NAME]]: the guest hears by an event that it may
becomes()
{
	wait_for 15 vcpu_is "$@"
}

# entered REASON [NAME]: entries for REASON, a word of direct_reasons
entered()
{
	vm_stat direct_reasons "${2:-$VM}" | awk -v r="$1" '$1 == r { print $2 }'
}

# Sums of both ways by which a notification reaches the guest.
delivered()
{
	echo $(($(vm_stat notifications_direct "${1:-$VM}") +
		$(vm_stat notifications_repended "${1:-$VM}") +
		$(vm_stat notifications_injected "${1:-$VM}")))
}

# mix [NAME]: by which way they came
mix()
{
	local n

	for n in direct repended injected suppressed; do
		printf '%s %s ' $n "$(vm_stat notifications_$n "${1:-$VM}")"
	done
	echo
	vm_stat vcpus "${1:-$VM}"
}

# kvm_stat COUNTER: KVM's, of the guest's vCPUs
kvm_stat()
{
	cat /sys/kernel/debug/kvm/"$(vm_pid "$VM")"-*/"$1"
}

# verify [DEVICE [FIO ARG...]]: random writes of mixed sizes, read back
verify()
{
	local dev=${1:-ioca}

	[ $# -eq 0 ] || shift
	fio_guest "$dev" --rw=randwrite --bsrange=512-64k --size=4m --iodepth=8 \
		--verify=crc32c --do_verify=1 --verify_fatal=1 "$@"
}

# load [SECONDS]: verifying fio in the guest's background; loaded waits for it
load()
{
	guest "rm -f /tmp/load.rc
		setsid sh -c 'fio --name=l --filename=/dev/${DEV:-ioca} --allow_file_create=0 \
			--rw=randwrite --bsrange=${BSRANGE:-512-16k} \
			--size=4m --iodepth=8 --ioengine=libaio --direct=1 --thread --time_based \
			--runtime=${1:-6} --verify=crc32c --verify_fatal=1 \
			> /tmp/load.log 2>&1; echo \$? > /tmp/load.rc' < /dev/null > /dev/null 2>&1 &
		sleep 1"
}

loaded()
{
	wait_for 90 guest '[ -s /tmp/load.rc ]'
	expect_eq "fio's exit code" "$(guest cat /tmp/load.rc)" 0
	! guest 'grep -E "verify:|err= *[1-9]" /tmp/load.log'
}

# The host after something went wrong or away: no page, no request left.
host_is_fine()
{
	expect_eq "pages pinned" "$(pins)" "${1:-0}"
	for d in "$SYS"/disks/*/; do
		[ ! -d "$d" ] || expect_eq "in flight on $d" "$(cat "$d/in_flight")" 0
	done
}

guest_is_fine()
{
	expect_eq "bad completions" \
		"$(guest "cat /sys/block/${1:-ioca}/iocore/bad_completions")" 0
	! guest 'dmesg | grep -iE "I/O error|timed out|timeout"'
}
