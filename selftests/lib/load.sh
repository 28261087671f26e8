# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# load.sh - verifying fio in the guest $VM while something happens, for the tests in L1
#
# It goes on for as long as what happens takes, on a slow machine too.

# load_until_told [DEVICE]: random writes of mixed sizes, flushes among them, all
# read back, of which some have ended. LOAD is the engine, BSRANGE the sizes, if they
# are to be others.
load_until_told()
{
	local before

	before=$(guest_writes "${1:-ioca}")
	load_of_a_held_disk "$@"
	wait_for 30 load_writes "${1:-ioca}" "$before"
	guest '[ ! -s /tmp/load.rc ] || { tail -n 30 /tmp/load.log; exit 1; }'
}

guest_writes()
{
	guest "awk '{ print \$5 }' /sys/block/$1/stat"
}

# load_writes DEVICE BEFORE: it has begun, or has ended in an error
load_writes()
{
	guest '[ -s /tmp/load.rc ]' || [ "$(guest_writes "$1")" -gt "$2" ]
}

# load_goes_on [DEVICE]: more of its writes end than were in flight
load_goes_on()
{
	wait_for 30 load_writes "${1:-ioca}" $(($(guest_writes "${1:-ioca}") + 32))
}

# The load of load_until_told, where no write ends for now.
load_of_a_held_disk()
{
	guest "rm -f /tmp/load.rc /tmp/load.stop
		setsid sh -c 'rc=0
			until [ -e /tmp/load.stop ] || [ \$rc -ne 0 ]; do
				fio --name=l --filename=/dev/${1:-ioca} --allow_file_create=0 \
					--rw=randwrite --bsrange=${BSRANGE:-512-32k} --size=4m --iodepth=16 --numjobs=2 \
					--offset_increment=4m ${LOAD:---ioengine=libaio} --direct=1 \
					--fsync=64 --thread --verify=crc32c --verify_fatal=1 \
					--verify_backlog=64 > /tmp/load.log 2>&1
				rc=\$?
			done
			echo \$rc > /tmp/load.rc' < /dev/null > /dev/null 2>&1 &
		sleep 1"
}

load_ended()
{
	guest 'touch /tmp/load.stop'
	wait_for 60 guest '[ -s /tmp/load.rc ]'
	guest '[ $(cat /tmp/load.rc) = 0 ] || tail -n 30 /tmp/load.log'
	expect_eq "fio's exit code" "$(guest cat /tmp/load.rc)" 0
}
