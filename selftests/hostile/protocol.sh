#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest breaks the protocol in every way that iocore_hostile.ko knows. Each
# must be refused as it says, be counted where it says, leave the other VM's
# verified I/O alone, and never fill the host's log.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

export VM=evil
RAM_MIB=512
DEBUG=/sys/kernel/debug/iocore_hostile

prepare()
{
	host_clear
	null_up n0 size=64 discard=1 cache_size=80 max_sectors=2048
	null_up n1 size=16 discard=1
	null_up n2 size=64 irqmode=2 completion_nsec=30000000 hw_queue_depth=16
	null_up n3 size=64
	core_up io0
	iocorectl disk create disk --path /dev/n0
	iocorectl disk create ro --path /dev/n1 --readonly
	iocorectl disk create slow --path /dev/n2
	iocorectl disk create victim --path /dev/n3
	vm_up victim MEM=512M
	vm_up evil NO_IOCORE_BLK=1 MEM=${RAM_MIB}M
	attach disk evil
	attach ro evil
	attach slow evil
	expect_eq "device" "$(attach_wait victim victim)" ioca
	guest "[ -e $DEBUG/run ] || insmod /lib/iocore_hostile.ko ram=$((RAM_MIB << 20))"
	pins > /tmp/pins
	dmesg | wc -l > /tmp/dmesg-lines
}

# The other VM writes and verifies for as long as /run/go exists in it.
victim_start()
{
	VM=victim guest 'cat > /tmp/loop.sh <<-"END"
		n=0
		while [ -e /run/go ]; do
			fio --name=v --filename=/dev/ioca --ioengine=libaio --direct=1 --thread \
				--rw=randwrite --bsrange=512-64k --size=1m --iodepth=4 \
				--randseed=$n --verify=crc32c --do_verify=1 --verify_fatal=1 \
				--rate_iops=50 > /tmp/fio.log 2>&1 || { echo failed > /run/result; exit 1; }
			n=$((n + 1))
			echo $n > /run/rounds
		done
		echo fine > /run/result
	END
	rm -f /run/result; : > /run/go
	setsid sh /tmp/loop.sh > /dev/null 2>&1 < /dev/null & '
}

victim_end()
{
	VM=victim guest 'rm -f /run/go; i=0
		while [ ! -e /run/result ] && [ $i -lt 100 ]; do sleep 1; i=$((i + 1)); done
		cat /run/rounds /run/result
		grep -qx fine /run/result || { cat /tmp/fio.log; exit 1; }'
}

bad_counters()
{
	local dir=$SYS/vms/$EVIL_PID-0

	echo "$(<"$dir/bad_control") $(<"$dir/bad_descriptor") $(<"$dir/bad_ring")"
}

# Did each counter move by just what the guest says it must have?
misbehave()
{
	local c0 d0 r0 c1 d1 r1 said

	read -r c0 d0 r0 <<< "$(bad_counters)"
	said=$(GUEST_TIMEOUT=300 guest "echo $1 > $DEBUG/run; cat $DEBUG/run")
	read -r c1 d1 r1 <<< "$(bad_counters)"
	echo "$said"
	echo "counted control=$((c1 - c0)) descriptor=$((d1 - d0)) ring=$((r1 - r0))"
	case $said in
	"ok control=$((c1 - c0)) descriptor=$((d1 - d0)) ring=$((r1 - r0)) "*) ;;
	ok\ *) fail "the host's counters did not move by this" ;;
	*) fail "the guest did not get what it must get" ;;
	esac
}

victim_counters()
{
	expect_eq "bad control calls" "$(vm_stat bad_control victim)" 0
	expect_eq "bad descriptors" "$(vm_stat bad_descriptor victim)" 0
	expect_eq "bad rings" "$(vm_stat bad_ring victim)" 0
	expect_eq "errors" "$(disk_stat victim errors)" 0
}

log_not_flooded()
{
	expect_le "lines in the host's log" $(($(dmesg | wc -l) - $(cat /tmp/dmesg-lines))) \
		$((2 * TAP_N + 40))
}

# The honest driver works in the VM that misbehaved.
honest_again()
{
	guest 'rmmod iocore_hostile; insmod /lib/iocore_blk.ko'
	wait_for 15 guest_has ioca
	fio_guest ioca --rw=randwrite --bsrange=512-64k --size=4m --iodepth=8 \
		--verify=crc32c --do_verify=1 --verify_fatal=1
}

nothing_pinned()
{
	local d

	for d in disk ro slow; do
		iocorectl detach $d
	done
	wait_for 15 guest_lacks ioca
	guest rmmod iocore_blk
	iocorectl detach victim
	VM=victim wait_for 15 guest_lacks ioca
	L2=evil l2-kill
	L2=victim l2-kill
	wait_for 10 no_vms
	expect_eq "pages pinned" "$(pins)" 0
}

tap_begin
need_iocore
tap_setup prepare
tap_setup victim_start
EVIL_PID=$(vm_pid evil)
for c in $(guest cat $DEBUG/list); do
	tap_point "$c" misbehave "$c"
done
tap_point "the other VM's data is as it wrote it" victim_end
tap_point "the other VM is not blamed" victim_counters
tap_point "the host's log was not flooded" log_not_flooded
tap_point "the honest driver works in the same VM" honest_again
tap_point "no page stays pinned" nothing_pinned
tap_end
