#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# iocorectl on a host with iocore and a running VM: make, attach, look, detach,
# delete, and the errors in between. Runs in L1. TAP.

# shellcheck source=selftests/lib/vm.sh
. "$(dirname "$0")/../lib/vm.sh"

n=0
failed=0
text=

# expect NAME CODE PATTERN COMMAND...: exit code, and a pattern in all it prints
expect()
{
	local name=$1 code=$2 pattern=$3 rc
	shift 3

	text=$("$@" 2>&1 < /dev/null)
	rc=$?
	n=$((n + 1))
	if [ "$rc" -eq "$code" ] && grep -qE -- "$pattern" <<< "$text"; then
		echo "ok $n - $name"
		return
	fi
	failed=$((failed + 1))
	echo "not ok $n - $name"
	printf 'exit %s, wanted %s and /%s/\n%s\n' "$rc" "$code" "$pattern" "$text" | sed 's/^/# /'
}

finish()
{
	iocorectl detach d0
	iocorectl detach d1
	iocorectl disk delete d0
	iocorectl disk delete d1
	iocorectl core del io0
	rm -f "$image"
} > /dev/null 2>&1

[ -e /sys/module/iocore ] || { echo "1..0 # SKIP iocore is not loaded"; exit 4; }
config=/sys/kernel/config/iocore
image=/var/tmp/iocorectl-host.img
trap finish EXIT
truncate -s 16M "$image" || exit 1
host_clear
vm_up > /dev/null || { echo "Bail out! no guest"; exit 1; }
vm=$(vm_pid)

expect "check: no core yet" 3 "fail +core" iocorectl check
expect "disk without a core" 1 "no such IOCore" iocorectl disk create d0 --path /dev/nvme0n1
expect "it left nothing" 0 "^0$" sh -c "ls $config/disks | wc -l"
expect "core on no CPU" 1 "online" iocorectl core add io0 --cpu 9999
expect "it left nothing" 0 "^0$" sh -c "ls $config/cores | wc -l"
expect "core" 0 "" iocorectl core add io0 --cpu 0 --idle-us 70
expect "core again" 1 "exists" iocorectl core add io0 --cpu 0
expect "core list" 0 "^io0 +0 +70 +yes" iocorectl core list
expect "check: ready" 0 "is ready" iocorectl check
expect "disk of no path" 1 "does not exist" iocorectl disk create d0 --path /nowhere
expect "disk of a character device" 1 "not a block device" iocorectl disk create d0 --path /dev/null
expect "disk of no core" 1 "no such IOCore" iocorectl disk create d0 --path /dev/nvme0n1 --core io9
expect "they left nothing" 0 "^0$" sh -c "ls $config/disks | wc -l"
expect "disk" 0 "" iocorectl disk create d0 --path /dev/nvme0n1 --serial S0 --core io0
expect "same backing device" 1 "in use" iocorectl disk create d1 --path /dev/nvme0n1
expect "disk of a file" 0 "" iocorectl disk create d1 --path "$image" --readonly
expect "disk list" 0 "^d1 +16.0M +yes +yes +0 +- +d1 +$image" iocorectl disk list
expect "attach to no process" 1 "no process" iocorectl attach --vm 4000000 d0
expect "attach to no VM" 1 "runs no VM" iocorectl attach --vm 1 d0
expect "attach no disk" 1 "no such disk" iocorectl attach --vm "$vm" dx
expect "attach" 0 "slot 0 .*/dev/ioca" iocorectl attach --vm "$vm" d0
expect "attach again" 1 "attached already" iocorectl attach --vm "$vm" d0
expect "attach to a slot that is taken" 1 "slot is taken" iocorectl attach --vm "$vm" d1 --slot 0
expect "attach to a slot" 0 '"slot":27,"guest_device":"/dev/iocab"' \
	iocorectl -o json attach --vm "$vm" d1 --slot 27
expect "vm list" 0 "$vm +(d0:0 d1:27|d1:27 d0:0)" iocorectl vm list
expect "overview" 0 "^d0 +1.0G +no +yes +1 +io0 +S0" iocorectl
expect "stat" 0 "^d0 +[0-9]+" iocorectl stat
expect "rates" 0 '"rates".*"interval_s":[1-9]' iocorectl -o json stat -i 1 -n 1
expect "delete what is attached" 1 "in use: it is attached" iocorectl disk delete d0
expect "delete a core in use" 1 "in use: disks are served" iocorectl core del io0
expect "detach, wrong VM" 1 "not attached" iocorectl detach --vm 1 d0
expect "detach" 0 "" iocorectl detach d0
expect "detach again" 1 "is not attached" iocorectl detach d0
expect "detach of what waits" 1 "is not attached" iocorectl detach --keep d0
expect "detach of a VM" 0 '"detached"' iocorectl -o json detach --vm "$vm" d1
expect "delete disk" 0 "" iocorectl disk delete d0
expect "delete disk" 0 "" iocorectl disk delete d1
expect "delete core" 0 "" iocorectl core del io0
expect "nothing is left" 0 "No cores" iocorectl
echo "1..$n"
[ "$failed" -eq 0 ]
