#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# iocorectl stat and top over counters in plain files, which a process moves. TAP.
#
# usage: ctl_stat.sh [IOCORECTL]

# shellcheck source=selftests/unit/ctl.sh
. "$(dirname "$0")/ctl.sh"

SYS=sys/kernel/iocore

# histogram ENTRY COUNT...: a line of 24 counts, zero where not named
histogram()
{
	local counts i

	for ((i = 0; i < 24; i++)); do counts[i]=0; done
	while [ $# -gt 0 ]; do
		counts[$1]=$2
		shift 2
	done
	echo "${counts[*]}"
}

make_tree()
{
	local name

	for name in io0:0 io1:1; do
		value $SYS/cores/${name%:*}/cpu ${name#*:}
		value $SYS/cores/${name%:*}/busy_ns 0
		value $SYS/cores/${name%:*}/total_ns 1000
		value $SYS/cores/${name%:*}/requests 0
	done
	for name in d0 d1; do
		for f in reads writes flushes discards write_zeroes read_bytes write_bytes \
			discard_bytes errors in_flight; do
			value $SYS/disks/$name/$f 0
		done
		value $SYS/disks/$name/capacity 2048
		for f in read write flush discard; do
			value $SYS/disks/$name/latency_$f "$(histogram)"
		done
	done
	value $SYS/disks/d1/discards 7
	value $SYS/disks/d1/discard_bytes 1048576
	value $SYS/disks/d1/latency_read "$(histogram 4 90 7 10)"
	value $SYS/disks/d1/latency_discard "$(histogram 0 1)"
	value $SYS/vms/77-0/pid 77
	value $SYS/vms/77-0/exits 500
	value $SYS/vms/77-0/disks/d1 2
	value $SYS/vms/77-0/queues/2-0 "core io1
requests 12
completions 10
in_flight 2
notified 3
suppressed 7"
}

totals()
{
	expect "discards" 0 "^d1 .* 7 +0 +1\.0M +0 +0$" "$@" stat d1
	expect "exits" 0 "EXITS.*" "$@" stat 77-0
	expect_json "exits" 0 'd["vms"][0]["exits"] == 500 and d["vms"][0]["completions"] == 10' "$@" -o json stat
	expect "queues" 0 "^77-0 +d1 +0 +io1 +12 +10 +2 +3 +7$" "$@" stat --queues
	expect_json "queues" 0 'd["vms"][0]["queues"] == [{"name": "2-0", "disk": "d1", "slot": 2, "queue": 0,
		"core": "io1", "requests": 12, "completions": 10, "in_flight": 2, "notified": 3, "suppressed": 7}]' \
		"$@" -o json stat
	ctl "$@" stat | grep -q "QUEUE"
	result $((! $?)) "no queues unless asked"
	# 90 of 8..16 us and 10 of 64..128: the mean of the middles, and where 50 and 99 % are.
	expect "latency" 0 "^d1 +read +100 +20\.4 +12\.4 +16\.0 +121\.6$" "$@" stat --latency
	expect "histogram" 0 "^d1 +64 +10 +0 +0 +0$" "$@" stat --latency
	expect "histogram, below a microsecond" 0 "^d1 +0 +0 +0 +0 +1$" "$@" stat --latency
	expect_json "latency" 0 '(lambda r: r["count"] == 100 and abs(r["p99_us"] - 121.6) < 1e-6 and
		r["mean_us"] == 20.4 and len(r["counts"]) == 24 and r["counts"][4] == 90)(d["disks"][1]["latency"]["read"])' \
		"$@" -o json stat
	expect_json "latency of no request" 0 'd["disks"][0]["latency"]["write"] == {"count": 0, "counts": [0] * 24}' \
		"$@" -o json stat
	rm "$TREE/$SYS"/disks/d0/latency_*
	expect_json "a module without histograms" 0 'd["disks"][0]["latency"] == {}' "$@" -o json stat
}

# later: the same counters when 30 requests more were done
later()
{
	value $SYS/disks/d1/reads 20
	value $SYS/disks/d1/writes 10
	value $SYS/disks/d1/read_bytes 1048576
	value $SYS/disks/d1/latency_read "$(histogram 4 90 7 10 11 20)"
	value $SYS/disks/d1/in_flight 5
	value $SYS/cores/io1/busy_ns 250
	value $SYS/cores/io1/total_ns 2000
	value $SYS/cores/io1/requests 30
	value $SYS/vms/77-0/exits 515
	value $SYS/vms/77-0/queues/2-0 "core io1
requests 45
completions 40
in_flight 5
notified 4
suppressed 36"
}

# Both are there, and a link says which is now: all counters move at once.
make_both()
{
	rm -rf "${TREE:?}/sys" "$TREE/then" "$TREE/now"
	make_tree
	cp -r "$TREE/$SYS" "$TREE/then"
	later
	mv "$TREE/$SYS" "$TREE/now"
	ln -s "$TREE/then" "$TREE/$SYS"
	ln -s "$TREE/now" "$TREE/link"
}

# moving COMMAND...: they move between two samples of it, 4 seconds apart
moving()
{
	make_both
	(sleep 2; mv -T "$TREE/link" "$TREE/$SYS") &
	BG=$!
	"$@"
	wait $BG
	BG=
}

rates()
{
	# shellcheck disable=SC2016
	moving expect_json "rates" 0 '(lambda v, k: abs(v["exits_per_io"] - 0.5) < 1e-6 and
		6 < v["completions"] <= 7.5 and 7 < k["requests"] <= 8.25 and k["notified"] <= 0.25)(
		d["vms"][0]["rates"], d["vms"][0]["queues"][0]["rates"])' "$@" -o json stat -i 4 -n 1
	moving expect "latency of an interval" 0 "^d1 +read +20 +1536\.0 " "$@" stat -i 4 -n 1 --latency
	moving expect "rates of queues" 0 "^77-0 +d1 +0 +io1 +[78]\.[0-9] +[67]\.[0-9] " "$@" stat -i 4 -n 1 --queues
}

tops()
{
	expect "a name" 2 "too many" "$@" top d0
	expect "interval" 2 "number of 1 to" "$@" top -i 0
	expect "no module" 3 "not loaded" --sysroot "$TREE/none" top -i 4 -n 1
	moving expect "disk" 0 "^d1 +77-0 +[67]\.[0-9] +[0-9.]+[KM] +0 +1536\.0 +2037\.8 +5 +0\.0$" "$@" top -i 4 -n 1
	moving expect "VM" 0 "^77-0 +[67]\.[0-9] +3\.[0-9] +0\.500 " "$@" top -i 4 -n 1
	moving expect "core" 0 "^io1 +1 +25\.0% +" "$@" top -i 4 -n 1
	moving expect_json "busiest first" 0 'd["disks"][0]["name"] == "d1" and d["cores"][0]["name"] == "io1" and
		d["disks"][0]["vms"] == "77-0"' "$@" -o json top -i 4 -n 1
	expect "two reports" 0 "over 1\.[0-9] s" "$@" top -n 2
	[ "$(grep -c '^iocore ' "$OUT")" -eq 2 ] && ! grep -q $'\033' "$OUT"
	result $? "plain text where there is no terminal"
	script -qec "$CTL $* top -n 1" /dev/null </dev/null >"$OUT" 2>"$ERR"
	grep -q $'^\033\\[H' "$OUT"
	result $? "a terminal is cleared"
	timeout 10 "$CTL" "$@" top >/dev/full 2>"$ERR"
	result $(($? != 1)) "it ends when nobody reads"
}

make_tree
for part in totals rates tops; do
	$part --sysroot "$TREE"
done
done_testing
