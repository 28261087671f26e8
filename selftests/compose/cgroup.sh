#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# cgroup v2 and a VM's disks: io.max, io.weight and cpu.max of the slice that the
# VMM is in hold for its disks, as their threads are its threads. The rate is
# the feature here, so rates are compared: within 10 % of what was asked.
#
# What is asked is a part of what the machine was measured to do. A machine that has
# other things to do may fall behind even so, and then nothing can be said of
# the window; so a limit holds if the mean does not exceed it, and enough windows come
# up to it. Rates are counted on the host, by io.stat.
#
# Without --long one io.max and one cpu.max are set for a moment, and may not be
# exceeded; nothing is asked of a machine but that it does more without them.

. "$(dirname "$0")/stack.sh"

A=$CG/vmA.slice
B=$CG/vmB.slice
# Length of a window, how many must come up to what was asked, and of how many.
WINDOW=${IOCORE_WINDOW:-4}
WINDOWS=${IOCORE_WINDOWS:-2}
TRIES=$((WINDOWS * 8))
LIMIT=10
# Where points leave what was measured for later ones.
MEASURED=/tmp/cgroup.measured
LATE=/tmp/cgroup.late

prepare()
{
	host_clear
	null_up n0 size=64
	core_up io0
	vm_up
	stack_attach /dev/n0
	echo "+io +cpu" > $CG/cgroup.subtree_control
	mkdir -p $A $B
	vm_pid > $A/cgroup.procs
}

# The disk's thread of the VM $VM, as pid/task/tid under /proc
disk_thread()
{
	local t

	for t in "/proc/$(vm_pid "${VM:-l2}")"/task/*; do
		case $(cat "$t/comm") in
		iocore-*) echo "$t" ;;
		esac
	done | head -n 1
}

dev_of()
{
	cat "/sys/class/block/$1/dev"
}

thread_is_there()
{
	verify
	expect_eq "the disk thread's cgroup" "$(cut -d: -f3 "$(disk_thread)/cgroup")" /vmA.slice
}

# ---- load ----

# press FIO-ARG...: the guest $VM does what it can, until the point ends
press()
{
	trap press_end EXIT
	L2=${VM:-l2} l2-run -t 900 fio --filename=/dev/ioca --ioengine=libaio --direct=1 --thread \
		--size=16m --time_based --runtime=800 "$@" > /dev/null 2>&1 &
	wait_for 60 presses "$(disk_reads)"
}

disk_reads()
{
	cat $SYS/disks/*/reads | awk '{ n += $1 } END { print n + 0 }'
}

presses()
{
	[ "$(disk_reads)" -ge $(($1 + 200)) ]
}

press_end()
{
	local v

	for v in l2 second; do
		[ ! -e /run/l2/$v ] || L2=$v l2-run -t 60 -c 'killall fio' || true
	done
	wait
}

# both_ways BS: reads and writes at random, each with a depth of its own
both_ways()
{
	press --bs="$1" --iodepth=32 --name=r --rw=randread --name=w --rw=randwrite
}

# ---- counting ----

# charged KEY SLICE DEVICE: of io.stat
charged()
{
	sed -n "s/^$(dev_of "$3") .*\b$1=\([0-9]*\).*/\1/p" "$2/io.stat" | grep . || echo 0
}

usage()
{
	awk '$1 == "usage_usec" { print $2 }' "$1/cpu.stat"
}

# What counts leaves its numbers in C, and starts no process, which takes long here.
# count_io MAJ:MIN SLICE KEY...
count_io()
{
	local dev=$1 line k

	C=()
	while read -r line; do
		[[ $line == "$dev "* ]] || continue
		for k in "${@:3}"; do
			[[ $line =~ \ $k=([0-9]+) ]]
			C+=("${BASH_REMATCH[1]}")
		done
	done < "$2/io.stat"
}

count_both()
{
	local a

	count_io "$1" $A rios
	a=${C[0]}
	count_io "$1" $B rios
	C=("$a" "${C[0]}")
}

# count_usage SLICE: microseconds of CPU
count_usage()
{
	local key value

	while read -r key value; do
		[ "$key" != usage_usec ] || C=("$value")
	done < "$1/cpu.stat"
}

# count_thread THREAD: the same
count_thread()
{
	local ns rest

	read -r ns rest < "$1/schedstat"
	C=($((ns / 1000)))
}

# sample COMMAND...: what COMMAND counts, in S after the time in microseconds. A
# machine that stood still meanwhile is asked again, as long as that is not its way.
sample()
{
	local i t

	for ((i = 0; i < 20; i++)); do
		t=${EPOCHREALTIME/[.,]/}
		"$@"
		S=("${EPOCHREALTIME/[.,]/}" "${C[@]}")
		[ $((S[0] - t)) -gt $((WINDOW * 20000)) ] || break
	done
}

# A window. In LATE a line of how long the machine stood still in it, in microseconds.
doze()
{
	local fd t now end late=0

	[ -p "$LATE.fifo" ] || mkfifo "$LATE.fifo"
	exec {fd}<> "$LATE.fifo"
	t=${EPOCHREALTIME/[.,]/}
	end=$((t + WINDOW * 1000000))
	while [ "$t" -lt $end ]; do
		read -rt 0.05 -u "$fd" || true
		now=${EPOCHREALTIME/[.,]/}
		[ $((now - t)) -lt 100000 ] || late=$((late + now - t - 50000))
		t=$now
	done
	exec {fd}>&-
	echo $late >> $LATE
}

# rates COMMAND...: what COMMAND counts, per second, over a window
rates()
{
	local from i us

	sample "$@"
	from=("${S[@]}")
	doze
	sample "$@"
	us=$((S[0] - from[0]))
	for ((i = 1; i < ${#S[@]}; i++)); do
		printf '%d ' $(((S[i] - from[i]) * 1000000 / us))
	done
	echo
}

# compare GOT WANT: above, below or near
compare()
{
	if [ $(($1 * 100)) -gt $(($2 * (100 + LIMIT))) ]; then
		echo above
	elif [ $(($1 * 100)) -lt $(($2 * (100 - LIMIT))) ]; then
		echo below
	else
		echo near
	fi
}

# sum_of N...
sum_of()
{
	local n all=0

	for n; do
		all=$((all + n))
	done
	echo $all
}

# parts_of N...: in 1/1000 of their sum
parts_of()
{
	local n all

	all=$(sum_of "$@")
	for n; do
		echo -n "$((all ? n * 1000 / all : 0)) "
	done
}

# near WANT... -- GOT...: each
near()
{
	local want=()

	while [ "$1" != -- ]; do
		want+=("$1")
		shift
	done
	shift
	while [ $# -gt 0 ]; do
		[ "$(compare "$1" "${want[0]}")" = near ] || return
		want=("${want[@]:1}")
		shift
	done
}

# as_rates, as_parts: a window's rates in GOT are near those ASKED, or have their ratio
as_rates()
{
	near "${ASKED[@]}" -- "${GOT[@]}"
}

as_parts()
{
	# shellcheck disable=SC2046
	near $(parts_of "${ASKED[@]}") -- $(parts_of "${GOT[@]}")
}

# windows HOW WHAT WANT... -- COMMAND...: the rates of what COMMAND counts in windows, until
# enough of them are HOW it was asked. In RATE are the means of all, in ASKED
# what was asked.
windows()
{
	local how=$1 what=$2 n good=0 sum=() i

	shift 2
	ASKED=()
	while [ "$1" != -- ]; do
		ASKED+=("$1")
		shift
	done
	shift
	: > $LATE
	for ((n = 0; n < TRIES && good < WINDOWS; n++)); do
		read -ra GOT <<< "$(rates "$@")"
		note "$what: ${GOT[*]}, asked ${ASKED[*]}"
		for i in "${!ASKED[@]}"; do
			sum[i]=$((${sum[i]:-0} + GOT[i]))
		done
		! "$how" || good=$((good + 1))
	done
	for i in "${!ASKED[@]}"; do
		RATE[i]=$((sum[i] / n))
	done
	[ $good -ge "$WINDOWS" ] || excused $n
	expect_ge "$what: windows that are what was asked" $good "$WINDOWS"
}

# The block layer gives nothing for the time that a machine stood still. Where that
# was a tenth of it, too little says nothing; too much does.
excused()
{
	local late i

	late=$(awk '{ n += $1 } END { print int(n / 1000) }' $LATE)
	note "stood still for $late ms of $1 windows"
	for i in "${!ASKED[@]}"; do
		[ "$(compare "${RATE[i]}" "${ASKED[i]}")" != above ] || return 0
	done
	[ "$late" -lt $(($1 * WINDOW * 100)) ] ||
		skip "the machine stood still for $late ms of $1 windows of $WINDOW s"
}

# holds WHAT WANT... -- COMMAND...: these are limits. A window may make up for a machine
# that stood still before it, but not all of them together.
holds()
{
	local i

	windows as_rates "$@"
	for i in "${!ASKED[@]}"; do
		[ "$(compare "${RATE[i]}" "${ASKED[i]}")" != above ] ||
			fail "$1: ${RATE[i]} in the mean is above ${ASKED[i]}"
	done
}

# shares WHAT WANT... -- COMMAND...: these are parts of a whole. What one does not want,
# as it came to nothing in a window, another may have: only the whole is a limit.
shares()
{
	local rate asked

	windows as_parts "$@"
	rate=$(sum_of "${RATE[@]}")
	asked=$(sum_of "${ASKED[@]}")
	[ "$(compare "$rate" "$asked")" != above ] || fail "$1: $rate in the mean is above $asked"
}

# ---- I/O ----

io_is_charged()
{
	local reads bytes

	reads=$(charged rios $A n0)
	bytes=$(charged rbytes $A n0)
	guest 'dd if=/dev/ioca of=/dev/null bs=64k count=64 iflag=direct 2> /dev/null'
	expect_ge "reads charged" $(($(charged rios $A n0) - reads)) 64
	expect_eq "bytes charged" $(($(charged rbytes $A n0) - bytes)) $((4 << 20))
}

# Without a limit. The limits to come are a sixth of it, an eighth for writes.
measure()
{
	local r w

	both_ways 4k
	read -r r w <<< "$(rates count_io "$(dev_of n0)" $A rios wios)"
	note "$r reads/s and $w writes/s without a limit"
	echo "$((r / 6)) $((w / 8))" > $MEASURED
	expect_ge "reads/s" "$r" 60
	expect_ge "writes/s" "$w" 80
}

# io_max DEVICE TEXT: until the point ends
io_max()
{
	echo "$(dev_of "$1") $2" > $A/io.max
	sleep 1
}

no_max()
{
	echo "$(dev_of "$1") rbps=max wbps=max riops=max wiops=max" > $A/io.max
}

# limit_iops DEVICE: both directions have limits of their own
limit_iops()
{
	local r w

	read -r r w < $MEASURED
	both_ways 4k
	io_max "$1" "riops=$r wiops=$w"
	holds "reads/s, writes/s" "$r" "$w" -- \
		count_io "$(dev_of "$1")" $A rios wios
	no_max "$1"
}

limit_bps()
{
	local r w

	read -r r w < $MEASURED
	r=$((r * 8192))
	w=$((w * 8192))
	both_ways 8k
	io_max "$1" "rbps=$r wbps=$w"
	holds "bytes read/s, written/s" "$r" "$w" -- \
		count_io "$(dev_of "$1")" $A rbytes wbytes
	no_max "$1"
}

# Without limits it is far beyond them: they were what held it.
no_limit()
{
	local riops wiops r w

	read -r r w < $MEASURED
	both_ways 4k
	read -r riops wiops <<< "$(rates count_io "$(dev_of n0)" $A rios wios)"
	note "$riops reads/s and $wiops writes/s"
	expect_ge "reads/s" "$riops" $((r * 2))
	expect_ge "writes/s" "$wiops" $((w * 2))
}

on_a_file()
{
	local r w

	stack_detach
	stack_attach "$(file_up throttled.img 32)"
	both_ways 4k
	read -r r w <<< "$(rates count_io "$(dev_of nvme0n1)" $A rios wios)"
	note "$r reads/s and $w writes/s without a limit"
	press_end
	echo "$((r / 6)) $((w / 8))" > $MEASURED
	limit_iops nvme0n1
}

back_to_the_device()
{
	stack_detach
	stack_attach /dev/n0
}

# ---- CPU ----

# ran THREAD: microseconds of CPU that it had
ran()
{
	awk '{ print int($1 / 1000) }' "$1/schedstat"
}

cpu_of_all()
{
	local disk

	disk=$(ran "$(disk_thread)")
	press --name=p --iodepth=32 --bs=4k --rw=randread
	echo "20000 100000" > $A/cpu.max
	sleep 1
	holds "us of CPU/s" 200000 -- count_usage $A
	echo "max 100000" > $A/cpu.max
	note "of which the disk thread had $(($(ran "$(disk_thread)") - disk)) us"
}

# thread_alone THREAD: in a threaded cgroup below the slice
thread_alone()
{
	echo +cpu > $A/cgroup.subtree_control
	mkdir -p $A/disk
	echo threaded > $A/disk/cgroup.type
	echo "${1##*/}" > $A/disk/cgroup.threads
}

# Exactly the thread's time is charged to its cgroup, and it has no more than it
# may, which is a third of what it would. Long reads keep it busy: it is null_blk's
# copying that it does.
cpu_of_the_thread()
{
	local thread from disk want

	thread=$(disk_thread)
	thread_alone "$thread"
	press --name=p --iodepth=32 --bs=256k --rw=randread
	want=$(($(rates count_thread "$thread") / 3000))
	[ "$want" -ge 10 ] || skip "the thread has too little to do on this machine to be held"
	from=$(usage $A/disk)
	disk=$(ran "$thread")
	echo "$((want * 100)) 100000" > $A/disk/cpu.max
	sleep 1
	holds "us of CPU/s" $((want * 1000)) -- count_usage $A/disk
	echo "max 100000" > $A/disk/cpu.max
	press_end
	expect_near "us charged" $(($(usage $A/disk) - from)) $(($(ran "$thread") - disk)) $LIMIT
	stack_is_fine
}

# ---- weights ----

press_both()
{
	VM=l2 press --name=p --iodepth=64 --bs=4k --rw=randread
	VM=second press --name=p --iodepth=64 --bs=4k --rw=randread
	wait_for 60 both_read
}

both_read()
{
	[ "$(charged rios $A n0)" -ge 200 ] && [ "$(charged rios $B n0)" -ge 200 ]
}

# Both VMs read one device, each by a disk of its own.
weights_prepare()
{
	stack_detach
	iocorectl disk create wa --path /dev/n0 --core io0 --readonly
	iocorectl disk create wb --path /dev/n0 --core io0 --readonly
	vm_up second MEM=256M
	vm_pid second > $B/cgroup.procs
	expect_eq "device" "$(attach_wait wa)" ioca
	expect_eq "device" "$(attach_wait wb second)" ioca
}

# The device's model says that it can do a sixth of what both do together, and
# no more is let through: so it is the device that they have to share.
govern()
{
	local dev

	dev=$(dev_of n0)
	echo "$dev ctrl=user model=linear rbps=1000000000 rseqiops=$1 rrandiops=$1" \
		"wbps=1000000000 wseqiops=$1 wrandiops=$1" > $CG/io.cost.model
	echo "$dev enable=1 ctrl=user min=100.00 max=100.00" > $CG/io.cost.qos
}

ungoverned()
{
	echo "$(dev_of n0) enable=0" > $CG/io.cost.qos
}

# weights A B: to each its part of the whole, and the whole is no more than there is
weights()
{
	local both all

	ungoverned
	press_both
	read -ra both <<< "$(rates count_both "$(dev_of n0)")"
	note "reads/s with nobody to govern them: ${both[*]}"
	all=$(((both[0] + both[1]) / 6))
	echo "default $1" > $A/io.weight
	echo "default $2" > $B/io.weight
	govern $all
	sleep 2
	shares "reads/s with weights $1 and $2" $((all * $1 / ($1 + $2))) \
		$((all * $2 / ($1 + $2))) -- count_both "$(dev_of n0)"
}

weights_end()
{
	ungoverned
	host_clear
	L2=second l2-kill
}

# ---- the short form ----

# allowed FILE TEXT RATE SLACK COMMAND...: with TEXT in the slice's FILE, no more of what
# COMMAND counts than RATE per second, SLACK besides, and something. A standstill of
# the whole machine is charged as CPU time, and paid back in the windows that follow:
# so it is looked at for as long as that takes, where a limit that does not hold never
# gets there.
allowed()
{
	local file=$A/$1 text=$2 rate=$3 slack=$4 start from us got _

	shift 4
	# The limit is older than the first count, and its time begins before both.
	start=${EPOCHREALTIME/[.,]/}
	echo "$text" > "$file"
	"$@"
	from=${C[0]}
	for _ in {1..20}; do
		doze
		"$@"
		us=$((${EPOCHREALTIME/[.,]/} - start))
		got=$((C[0] - from))
		note "$1 ${*:2}: $got in $us us, allowed $rate/s"
		[ $got -lt 1 ] || [ $got -gt $((rate * us / 1000000 * (100 + LIMIT) / 100 + slack)) ] ||
			return 0
	done
	fail "the limit does not hold"
}

# faster RATE COMMAND...: a window has more than that
faster()
{
	local got

	got=$(rates "${@:2}")
	[ "${got%% *}" -gt "$1" ]
}

short_io_max()
{
	local dev r

	dev=$(dev_of n0)
	press --name=r --rw=randread --bs=4k --iodepth=32
	wait_for 20 faster 60 count_io "$dev" $A rios
	read -r r <<< "$(rates count_io "$dev" $A rios)"
	note "$r reads/s without a limit"
	r=$((r / 12 + 5))
	allowed io.max "$dev riops=$r" $r 32 count_io "$dev" $A rios
	no_max n0
	wait_for 20 faster $((r * 2)) count_io "$dev" $A rios
}

# A fifth of a CPU; more than one period's worth is never saved up.
short_cpu_max()
{
	press --name=r --rw=randread --bs=4k --iodepth=32
	wait_for 20 faster 400000 count_usage $A
	allowed cpu.max "20000 100000" 200000 40000 count_usage $A
	echo "max 100000" > $A/cpu.max
	wait_for 20 faster 400000 count_usage $A
	press_end
	stack_is_fine
}

in_short()
{
	WINDOW=2
	tap_point "io.max: the VM's disk does no more than it may, and more without" short_io_max
	tap_point "cpu.max: the VM with its disk thread has no more than it may" short_cpu_max
}

in_full()
{
	tap_setup measure
	tap_point "io.max: riops and wiops hold" limit_iops n0
	tap_point "io.max: rbps and wbps hold" limit_bps n0
	tap_point "io.max: without it the disk is faster" no_limit
	tap_point "io.max: riops and wiops hold for a file" on_a_file
	tap_setup back_to_the_device
	tap_point "cpu.max: the VM with its disk thread has what it may" cpu_of_all
	tap_point "cpu.max: the disk thread's time is charged, and held" cpu_of_the_thread
	tap_setup weights_prepare
	tap_point "io.weight: 100 to 300 gives shares of a quarter and three" weights 100 300
	tap_point "io.weight: 200 to 100 gives shares of two thirds and one" weights 200 100
	tap_setup weights_end
}

tap_begin
need_parts null_blk
grep -qw io $CG/cgroup.controllers || tap_skip_all "there is no cgroup v2 with an io controller"
tap_setup prepare
tap_point "the disk thread is in the VMM's cgroup" thread_is_there
tap_point "io.stat: what the guest reads is charged to the VM" io_is_charged
if [ -n "${IOCORE_LONG:-}" ]; then in_full; else in_short; fi
tap_end
