#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Very many completions, and none is lost: fio, the guest's kernel and the host
# count the same. IOCORE_COMPLETIONS says how many, 15000 if it is not set.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/direct.sh"

export VM=direct
TOTAL=${IOCORE_COMPLETIONS:-15000}
export GUEST_TIMEOUT=$((TOTAL / 100 + 300))

prepare()
{
	host_clear
	only $VM
	null_up n0 size=64
	core_up io0 0 1000000
	iocorectl disk create d0 --path /dev/n0 --core io0
}

# guest_with CPU_PM: HLT stays in the guest or leaves it
guest_with()
{
	fresh $VM CPU_PM="$1" MEM=512M
	expect_eq "device" "$(attach_wait d0 $VM)" ioca
	allow
	becomes direct
}

guest_reads()
{
	guest "awk '{ print \$1 }' /sys/block/ioca/stat"
}

# reads JOBS DEPTH N: N reads; how many fio, the guest's kernel and the host saw
reads()
{
	local guest0 host0 fio errors

	guest0=$(guest_reads)
	host0=$(disk_stat d0 reads)
	fio_guest ioca --rw=randread --bs=4k --size=32m --norandommap --io_size=$(($3 / $1 * 4))k \
		--numjobs="$1" --iodepth="$2" --group_reporting --output-format=json \
		> /tmp/million.json
	read -r fio errors <<< "$(python3 -c 'import json, sys
text = open("/tmp/million.json").read()
job = json.loads(text[text.index("{"):])["jobs"][0]
print(job["read"]["total_ios"], job["error"])')"
	expect_eq "fio's error" "$errors" 0
	expect_eq "reads that fio issued" "$fio" $(($3 / $1 * $1))
	expect_eq "reads of the guest's kernel" $(($(guest_reads) - guest0)) "$fio"
	expect_eq "reads of the host" $(($(disk_stat d0 reads) - host0)) "$fio"
}

# leg JOBS DEPTH PERCENT
leg()
{
	reads "$1" "$2" $((TOTAL * $3 / 100))
	note "$(mix)"
	expect_eq "requests in flight" "$(disk_stat d0 in_flight)" 0
	expect_eq "errors" "$(disk_stat d0 errors)" 0
	expect_eq "in flight in the guest" "$(guest "awk '{ print \$9 }' /sys/block/ioca/stat")" 0
	guest_is_fine
}

ways()
{
	note "$(vm_stat direct_reasons $VM)"
	expect_ge "direct notifications" "$(vm_stat notifications_direct $VM)" 1
	watchdog_is_calm
}

tap_begin
need_direct
tap_setup prepare
tap_setup guest_with on
tap_point "$((TOTAL * 30 / 100)) reads one by one, HLT in the guest" leg 1 1 30
tap_point "$((TOTAL * 30 / 100)) reads 16 at a time, HLT in the guest" leg 1 16 30
tap_point "$((TOTAL * 15 / 100)) reads of 4 jobs 32 at a time, HLT in the guest" leg 4 32 15
tap_point "most of them without an exit" ways
tap_setup guest_with off
tap_point "$((TOTAL * 10 / 100)) reads one by one, HLT leaves the guest" leg 1 1 10
tap_point "$((TOTAL * 15 / 100)) reads of 4 jobs 8 at a time, HLT leaves the guest" leg 4 8 15
tap_point "some of them without an exit" ways
tap_end
