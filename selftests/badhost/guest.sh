#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest on a host that is older, newer or other than it should be, or that does
# wrong whatever it can: iocore_badhost.ko in iocore.ko's place. Each time the driver
# says what is wrong, takes no disk or fails it, lets no user wait, does not fill the
# log and can be unloaded. In the end a disk of iocore.ko works in that guest.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

export VM=badhost
DEBUG=/sys/kernel/debug/iocore_badhost
LINES_MAX=400
# and the driver's limits let through more, the longer it takes
LINES_PER_S=8

prepare()
{
	host_clear
	vm_up $VM NO_IOCORE_BLK=1 MEM=512M
	# the console is slow: said() looks at the log instead
	guest 'dmesg -n 1'
	module_down iocore
	insmod /iocore/build/selftests/badhost/iocore_badhost.ko
}

# scenario NAME [TEXT]: from here on; TEXT runs in the guest, without the driver so far
scenario()
{
	echo "$1" > $DEBUG/scenario
	STARTED=$SECONDS
	guest "grep -q '^iocore_blk ' /proc/modules && rmmod iocore_blk
		dmesg -c > /dev/null
		${2:-insmod /lib/iocore_blk.ko}"
}

phase()
{
	echo "$1" > $DEBUG/phase
}

# call NAME: how often the guest made it
call()
{
	local n

	case $1 in
	create) n=5 ;;
	destroy) n=6 ;;
	cache) n=9 ;;
	esac
	cut -d' ' -f$n $DEBUG/calls
}

# The driver's lines in the guest's log since the scenario was chosen.
said()
{
	guest dmesg > /tmp/dmesg
	! grep -E "$KERNEL_COMPLAINTS" /tmp/dmesg || fail "the guest's kernel complains"
	grep -E 'iocore_blk:|ioc[a-z]' /tmp/dmesg | grep -v taint > /tmp/said || true
	cat /tmp/said
	expect_le "lines of the guest's log" "$(wc -l < /tmp/said)" \
		$((LINES_MAX + LINES_PER_S * (SECONDS - STARTED)))
}

says()
{
	grep -qE -- "$1" /tmp/said || fail "the driver does not say '$1'"
}

# The kernel uses the driver while it looks for the partitions of a new disk, which
# some hosts have every moment.
unload()
{
	wait_for 60 guest 'rmmod iocore_blk'
	guest '! ls /sys/block | grep -q "^ioc"'
	said
}

# In the guest: zeroes from a disk's beginning to its end, and an error at once.
READS='reads()
{
	dd if=/dev/$1 bs=64k iflag=direct 2> /dev/null | cmp -s -n 262144 - /dev/zero
}
'
FAILS='fails()
{
	[ ! -b /dev/$1 ] || ! dd if=/dev/$1 of=/dev/null bs=4k count=1 skip=8 iflag=direct 2> /dev/null
}
'

# reads DEVICE...
reads()
{
	guest "$READS
		for d in $*; do
			reads \$d || { echo \$d; exit 1; }
		done" || fail "it can't be read"
}

# fails DEVICE...: or is gone
fails()
{
	GUEST_TIMEOUT=60 guest "$FAILS
		for d in $*; do
			fails \$d || { echo \$d; exit 1; }
		done" || fail "it can be read, or waits"
}

device()
{
	local letters=abcdefghijklmnopqrstuvwxyz

	echo "ioc${letters:$1:1}"
}

# each_slot FUNCTION: with the number, the device and the name of the case
each_slot()
{
	local nr name

	while read -r nr name <&9; do
		"$1" "$nr" "$(device "$nr")" "$name"
	done 9< $DEBUG/slots
}

# ---- hosts that won't do ----

declines()
{
	scenario "$1" '! insmod /lib/iocore_blk.ko 2> /dev/null &&
		! grep -q "^iocore_blk " /proc/modules'
	said
	says "$2"
	expect_le "lines" "$(wc -l < /tmp/said)" 8
}

# ---- hosts that do ----

serves()
{
	scenario "$1"
	reads ioca
	said
	says 'ioca: 512 sectors'
	unload
}

serves_old()
{
	serves "$1"
	expect_eq "lines about nonsense" "$(grep -c makes /tmp/said)" 0
}

says_nonsense()
{
	says "slot $1: the host's ${3%% *} makes no sense, disk refused"
	says "slot $1: can't use the disk"
}

refuses_nonsense()
{
	scenario nonsense
	said
	each_slot says_nonsense
	expect_eq "disks" "$(guest 'ls /sys/block | grep -c "^ioc" || true')" 0
	expect_eq "queues made" "$(call create)" 0
	unload
}

# The devices of all slots.
devices()
{
	local nr name

	while read -r nr name; do
		device "$nr"
	done < $DEBUG/slots
}

uses_odd()
{
	scenario odd
	reads $(devices)
	expect_eq "serial" "$(guest cat /sys/block/iocm/serial)" '????????????????????????????????'
	expect_eq "queue size" "$(guest cat /sys/block/iock/mq/0/nr_tags)" 4
	expect_eq "alignment of what makes no sense" \
		"$(guest 'cat /sys/block/iocu/alignment_offset /sys/block/iocv/alignment_offset' |
			tr '\n' ' ')" '0 0 '
	said
	unload
}

# Without replay: disks come and go. Users see errors at most.
comes_and_goes()
{
	scenario "$1"
	sleep 3
	reads ioca
	said
	unload
}

# ---- what it answers ----

answers()
{
	scenario calls
	reads ioca
	said
	says 'slot 1: the host does not tell \(-3999\)'
	says 'slot 2: the host does not tell \(-5\)'
	says "slot 5: can't use the disk \(-3999\)"
	says "slot 6: can't use the disk \(-5\)"
	says 'slot 6 queue 0: the host did not give it back, its memory is lost'
	says "slot 7: can't use the disk \(-16\)"
	expect_eq "disks" "$(guest 'ls /sys/block | grep "^ioc"')" ioca
	unload
}

tells_nothing()
{
	scenario get-unknown
	said
	says 'the host does not tell \(-3999\)'
	expect_eq "disks" "$(guest 'ls /sys/block | grep -c "^ioc" || true')" 0
	unload
}

keeps_queues()
{
	scenario keeps
	reads ioca
	unload
	says 'slot 0 queue 0: the host did not give it back, its memory is lost'
}

# ---- what its rings do ----

bad()
{
	guest cat "/sys/block/$1/iocore/bad_completions"
}

# A line for each disk: its name, whether it can be read, completions refused.
look()
{
	guest "$READS
		for d in $*; do
			r=fails
			! reads \$d || r=reads
			echo \$d \$r \$(cat /sys/block/\$d/iocore/bad_completions)
		done" | tee /tmp/look
}

# looks DEVICE PATTERN
looks()
{
	grep -qxE "$1 $2" /tmp/look || fail "$1 is not as it should be: $2"
}

ring()
{
	note "$2, $3"
	case $3 in
	"cq_tail is wild" | "sq_head is wild" | "the host stopped the ring")
		looks "$2" 'fails 0'
		says "slot $1: $3, the disk fails"
		;;
	tag*) looks "$2" 'reads [1-9][0-9]*' ;;
	status*) looks "$2" 'fails 0' ;;
	*) looks "$2" 'reads 0' ;;
	esac
}

rings()
{
	scenario rings
	guest 'for i in 1 2 3; do dd if=/dev/iocc of=/dev/null bs=4k iflag=direct; done || true'
	look $(devices)
	said
	each_slot ring
	unload
}

# cache_stays: a switch that the host refuses is none
cache_stays()
{
	local attr=/sys/block/iocm/iocore/cache_type

	scenario rings
	expect_rc 1 guest "echo 'write through' > $attr"
	expect_ge "calls" "$(call cache)" 1
	expect_eq "cache" "$(guest cat $attr)" "write back"
	unload
}

# ---- disks and hosts that leave ----

provoke()
{
	guest 'dd if=/dev/ioca of=/dev/null bs=4k count=1 iflag=direct 2> /dev/null || true'
}

has_said()
{
	said
	grep -qE -- "$1" /tmp/said
}

left()
{
	[ "$3" = plain ] || wait_for 15 has_said "($2|slot $1): .*${3#*: }"
}

leave()
{
	scenario leaves
	expect_eq "disks" "$(guest 'ls /sys/block | grep -c "^ioc"')" 10
	phase 1
	provoke
	each_slot left
	reads ioca
	said
	unload
}

# half: what the host has made of a disk that can't come back is asked for again. The
# only vCPU hears of queue 0 before it asks for another, which is one for polling I/O.
half()
{
	scenario half 'insmod /lib/iocore_blk.ko poll_queues=1'
	reads ioca
	expect_eq "queues given back" "$(call destroy)" 0
	phase 1
	provoke
	wait_for 15 has_said 'ioca: detached by the host'
	fails ioca
	expect_ge "queues given back" "$(call destroy)" 1
	unload
	! grep -q 'memory is lost' /tmp/said || fail "a queue was not given back"
}

# host_lost SCENARIO PATTERN: a disk waits as long as it said, then its users go on
host_lost()
{
	scenario "$1"
	phase 1
	provoke
	wait_for 15 has_said "$2"
	wait_for 15 has_said 'ioca: has not come back in time'
	fails ioca
	said
	unload
}

# ---- and then ----

# The driver stays loaded while its host leaves and another comes.
honest_again()
{
	scenario good
	module_down iocore_badhost
	provoke
	insmod /iocore/build/host/iocore.ko
	null_up n0
	core_up io0
	iocorectl disk create d0 --path /dev/n0
	iocorectl attach --vm "$(vm_pid $VM)" --slot 3 d0
	wait_for 20 guest_has iocd
	fio_guest iocd --rw=randwrite --bsrange=512-64k --size=2m --iodepth=8 \
		--verify=crc32c --do_verify=1 --verify_fatal=1
	expect_eq "bad completions" "$(bad iocd)" 0
	said
	iocorectl detach d0
	wait_for 15 guest_lacks iocd
	unload
}

cleanup()
{
	L2=$VM l2-kill
	! lsmod | grep -q iocore_badhost || (module_down iocore_badhost)
	[ -e /dev/iocore ] || insmod /iocore/build/host/iocore.ko
	host_clear
}

tap_begin
need_iocore
[ -e /iocore/build/selftests/badhost/iocore_badhost.ko ] || tap_skip_all "iocore_badhost.ko is not built"
tap_setup prepare
tap_point "a good host, to begin with" serves good
tap_point "a newer protocol" declines version 'another ring version'
tap_point "no protocol" declines version-none "no longer speaks this driver's ring version"
tap_point "features that nobody asked for" declines features 'features that were not offered'
tap_point "queues without entries" declines no-depth 'queues are too short'
tap_point "an unknown error" declines identify-unknown 'no usable answer'
tap_point "an answer that is no errno" declines identify-more 'no usable answer'
tap_point "a host that can't" declines identify-unserved "can't serve this VM"
tap_point "a host that refuses" declines identify-refused 'refuses this VM'
tap_point "a host that does not reset" declines reset-unknown 'does not reset \(-3999\)'
tap_point "a host that notifies nobody" declines notify-unknown "can't be notified"
tap_point "the first version of the protocol" serves_old old
tap_point "the first version, which takes no longer structure" serves_old old-strict
tap_point "slots and depth without end" serves large
tap_point "disks that make no sense are refused, and named" refuses_nonsense
tap_point "disks that are merely odd are used" uses_odd
tap_point "unknown answers about slots and queues" answers
tap_point "an unknown answer about every slot" tells_nothing
tap_point "direct mode that fails" serves direct
tap_point "wild indices, tags, statuses and pending bits" rings
tap_point "a write cache that can't be switched" cache_stays
tap_point "a host that keeps the queues" keeps_queues
tap_point "disks that change without end, and can't come back" comes_and_goes moves
tap_point "disks that change without end, and can" comes_and_goes moves-back
tap_point "a storm of events" comes_and_goes storm
tap_point "disks that leave, or come back as others" leave
tap_point "a disk that comes back in part" half
tap_point "a host that leaves" host_lost host-leaves 'the host has left'
tap_point "a host that comes back as another" host_lost host-forgets "a host that won't do"
tap_point "a disk of iocore in the same guest" honest_again
tap_end
