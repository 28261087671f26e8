#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# QEMU migrates a guest while iocore reads into its memory. What came in after
# QEMU had already sent those pages must be in the memory at the destination.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

HERE=$(cd "$(dirname "$0")" && pwd)
SOCK=/tmp/migrate.sock
MIB=16
# ask() waits for long.
export GUEST_TIMEOUT=300

cleanup()
{
	L2=src l2-kill
	L2=dst l2-kill
	rm -f $SOCK /tmp/migrate.*
	host_clear
}

qmp()
{
	"$HERE/qmp" "/run/l2/$1/qmp" "${@:2}"
}

# guest_put FILE PATH: in guest $VM
guest_put()
{
	{
		echo "base64 -d << END | gunzip > $2"
		gzip -9 < "$1" | base64
		echo END
		echo "chmod 755 $2"
	} | L2=$VM l2-run -s
}

# The reader's answer to a command. GUEST is asked, not $VM, to tell them apart.
ask()
{
	VM=$1 guest "n=\$(wc -l < /run/out); echo '$2' > /run/in; i=0
		until [ \$(wc -l < /run/out) -gt \$n ]; do
			i=\$((i + 1)); [ \$i -lt 2400 ] || exit 1; usleep 100000
		done
		tail -n 1 /run/out"
}

migration()
{
	qmp src query-migrate |
		python3 -c 'import json, sys; m = json.load(sys.stdin)
print(m.get("status"), m.get("ram", {}).get("dirty-sync-count", 0))'
}

# rounds N: QEMU has fetched the dirty log N times and is still at it
rounds()
{
	local status count

	read -r status count <<< "$(migration)"
	[ "$status" = active ] && [ "$count" -ge "$1" ]
}

completed()
{
	[ "$(migration | cut -d' ' -f1)" = completed ]
}

prepare()
{
	local g

	host_clear
	for g in /run/l2/*/; do
		[ ! -d "$g" ] || L2=$(basename "$g") l2-kill
	done
	null_up n0 size=64
	dd if=/dev/urandom of=/dev/n0 bs=1M count=64 oflag=direct status=none
	core_up io0
	iocorectl disk create d0 --path /dev/n0 --core io0
	vm_up src MEM=512M CPU_PM=off
	expect_eq "device" "$(attach_wait d0 src)" ioca
	VM=src guest_put "$HERE/reader" /bin/reader
	VM=src guest "mkfifo /run/in; : > /run/out
		setsid /bin/reader /dev/ioca $MIB /run/in > /run/out 2>&1 < /dev/null &"
	expect_eq "read" "$(ask src 'read 0')" "done"
}

# Memory that changes all the time keeps the migration from its end: always the same
# memory, so that a round does not become a long one.
busy()
{
	VM=src guest 'dd if=/dev/urandom of=/dev/shm/a bs=1M count=16 2>/dev/null
		cp /dev/shm/a /dev/shm/b
		: > /run/busy
		setsid sh -c "while [ -e /run/busy ]; do
				dd if=/dev/shm/a of=/dev/shm/b bs=1M conv=notrunc 2> /dev/null
			done" \
			> /dev/null 2>&1 < /dev/null &'
}

begin()
{
	busy
	MEM=512M CPU_PM=off L2=dst setsid l2-start \
		-incoming "unix:$SOCK" > /tmp/migrate.dst 2>&1 &
	(wait_for 60 test -S $SOCK) || fail "$(cat /tmp/migrate.dst /run/l2/dst/qemu.log)"
	qmp src migrate-set-parameters '{"max-bandwidth": 12000000, "downtime-limit": 1}'
	qmp src migrate "{\"uri\": \"unix:$SOCK\"}"
}

# By its third round QEMU has sent every page of the buffer.
reads()
{
	local before after

	wait_for 60 rounds 2
	# A round takes longer than a CPU stands still, so that none finds nothing.
	qmp src migrate-set-parameters '{"max-bandwidth": 4000000}'
	wait_for 60 rounds 3
	before=$(ask src sum)
	expect_eq "read" "$(ask src 'read 12345')" "done"
	wait_for 60 rounds 5
	expect_eq "read" "$(ask src 'read 77777')" "done"
	rounds 5 || fail "the migration ended before the reads: $(migration)"
	after=$(ask src sum)
	[ "$after" != "$before" ] || fail "the buffer did not change"
	echo "$after" > /tmp/migrate.sum
}

arrives()
{
	expect_eq "close" "$(ask src close)" "done"
	iocorectl detach d0
	VM=src guest 'rm /run/busy'
	qmp src migrate-set-parameters '{"max-bandwidth": 50000000, "downtime-limit": 2000}'
	wait_for 90 completed
	# What l2-start waits for was said in the guest's former life.
	echo "iocore-agent: ready" >> /run/l2/dst-console.log
	VM=dst wait_for 30 guest true
	expect_eq "sum of the buffer at the destination" "$(ask dst sum)" "$(cat /tmp/migrate.sum)"
}

tap_begin
need_iocore
tap_setup prepare
tap_setup begin
tap_point "reads while the memory is being sent" reads
tap_point "the destination has what was read" arrives
tap_end
