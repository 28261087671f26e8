#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A greedy VM fills two deep queues of the IOCore that a modest VM uses one
# request at a time. What the greedy one gets while the modest one waits is
# bounded by the batches of IOCore, not by how much it asks for.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

DEPTH=128
READS=400
# IOCORE_BATCH: what IOCore takes from one queue before it looks at the next.
BATCH=32
TRACING=/sys/kernel/tracing

prepare()
{
	host_clear
	null_up n0
	null_up n1
	null_up n2
	core_up io0
	iocorectl disk create g0 --path /dev/n0 --core io0
	iocorectl disk create g1 --path /dev/n1 --core io0
	iocorectl disk create m0 --path /dev/n2 --core io0
	vm_up l2
	vm_up modest MEM=256M
	expect_eq "device" "$(attach_wait g0)" ioca
	expect_eq "device" "$(attach_wait g1)" iocb
	expect_eq "device" "$(attach_wait m0 modest)" ioca
}

greedy()
{
	guest "setsid fio --rw=randread --bs=4k --size=64m --ioengine=libaio --direct=1 --thread \
		--iodepth=$DEPTH --time_based --runtime=1200 --name=a --filename=/dev/ioca \
		--name=b --filename=/dev/iocb > /dev/null 2>&1 < /dev/null &"
	wait_for 30 eval "[ \$(disk_stat g1 reads) -gt $((DEPTH * 4)) ]"
}

greedy_reads()
{
	echo $(($(disk_stat g0 reads) + $(disk_stat g1 reads)))
}

modest_reads()
{
	VM=modest fio_guest ioca --rw=randread --bs=4k --size=64m --iodepth=1 \
		--io_size=$((READS * 4))k > /tmp/modest.log
}

modest_has_read()
{
	[ "$(disk_stat m0 reads)" -gt "$1" ]
}

# From its first read on, as its fio takes time to begin.
served()
{
	local before after from mine

	greedy
	from=$(disk_stat m0 reads)
	modest_reads &
	wait_for 60 modest_has_read "$from"
	before=$(greedy_reads)
	mine=$(disk_stat m0 reads)
	# Its fio takes time to end, too.
	wait_for 60 modest_has_read $((from + READS - 1))
	after=$(greedy_reads)
	wait $!
	expect_eq "reads of the modest VM" $(($(disk_stat m0 reads) - from)) $READS
	mine=$(($(disk_stat m0 reads) - mine))
	expect_ge "reads that were watched" $mine $((READS / 2))
	note "$(((after - before) / mine)) reads of the greedy VM for each of the modest one"
	expect_ge "reads of the greedy VM meanwhile" $((after - before)) $mine
	expect_le "of them, for each of the modest one" $(((after - before) / mine)) $((4 * BATCH))
	guest 'killall fio; while pidof fio > /dev/null; do sleep 0.1; done'
}

# hold: IOCore's CPU is kept from it until CPU 1 has nothing left to do: by then the
# guests have filled their rings. The scheduler gives the CPU back after a second.
hold()
{
	chrt -f 50 taskset -c 0 bash -c '
		idle() { while read -r cpu _ _ _ n _; do [ $cpu != cpu1 ] || break; done < /proc/stat; }
		idle
		from=$n
		end=$((${EPOCHREALTIME/./} + 700000))
		while [ ${EPOCHREALTIME/./} -lt $end ] && [ $((n - from)) -lt 2 ]; do
			idle
		done
		[ $((n - from)) -lt 2 ] || echo released > '$TRACING'/trace_marker'
}

# Requests of the greedy VM that IOCore took, from when it was released until it took
# one of the modest VM; none if it was released too early, or took none of that
taken_before()
{
	sed -n '/released/,$p' $TRACING/per_cpu/cpu0/trace |
		awk -v greedy="vm=$(vm_pid l2) " -v modest="vm=$(vm_pid modest) " '
			index($0, modest) { print n + 0; exit }
			index($0, greedy) { n++ }'
}

waits_for_one_batch()
{
	local i n=() taken median

	greedy
	VM=modest guest "setsid fio --rw=randread --bs=4k --size=64m --ioengine=libaio --direct=1 \
		--iodepth=1 --time_based --runtime=1200 --name=m --filename=/dev/ioca \
		> /dev/null 2>&1 < /dev/null &"
	wait_for 60 modest_has_read "$(disk_stat m0 reads)"
	for ((i = 0; i < 60 && ${#n[@]} < 11; i++)); do
		echo > $TRACING/trace
		echo 1 > $TRACING/events/iocore/iocore_submit/enable
		hold
		wait_for 30 modest_has_read $(($(disk_stat m0 reads) + 1))
		echo 0 > $TRACING/events/iocore/iocore_submit/enable
		taken=$(taken_before)
		[ -z "$taken" ] || n+=("$taken")
	done
	guest 'killall fio'
	VM=modest guest 'killall fio'
	note "taken of the greedy VM before one of the modest: ${n[*]}, of $i rounds"
	expect_eq "rounds in which the rings were full" ${#n[@]} 11
	# Once in a while the modest VM has not asked again yet.
	median=$(printf '%s\n' "${n[@]}" | sort -n | sed -n 6p)
	expect_ge "taken before, as its queues were full" "$median" $((BATCH + 1))
	expect_le "taken before" "$median" $((2 * BATCH))
}

tap_begin
need_iocore
tap_setup prepare
tap_point "a modest VM is served beside a greedy one" served
tap_point "its request waits for one batch of each of the greedy queues" waits_for_one_batch
tap_end
