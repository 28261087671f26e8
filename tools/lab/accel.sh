# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Which accelerator L1 runs on: KVM where it offers L1 a virtualization
# extension for real, else TCG with its emulated SVM.

# A /dev/kvm alone proves nothing: the CPU must show the extension, and the
# module must hand it on.
has_nested_kvm()
{
	local flag module

	[ -c /dev/kvm ] && [ -w /dev/kvm ] || return 1
	for flag in svm vmx; do
		grep -m1 '^flags' /proc/cpuinfo | grep -qw "$flag" || continue
		module=kvm_amd
		[ "$flag" = svm ] || module=kvm_intel
		grep -qs '^[Y1]' "/sys/module/$module/parameters/nested" && return 0
	done
	return 1
}

accelerator()
{
	case ${LAB_ACCEL:-} in
	kvm | tcg) echo "$LAB_ACCEL" ;;
	*) if has_nested_kvm; then echo kvm; else echo tcg; fi ;;
	esac
}

accel_args()
{
	if [ "$1" = kvm ]; then
		echo "-accel kvm -cpu host,+x2apic"
	else
		echo "-accel tcg,thread=multi -cpu max,+svm,+npt,+x2apic"
	fi
}
