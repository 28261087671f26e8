# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# sleep.sh - suspend the guest $VM, for the tests in L1
#
# A guest that falls asleep loses what it is told meanwhile. So nobody talks to it
# then: its console says when it is back.

SLEEP_MARK=/run/sleep-mark
SLEEP_STATES=/run/sleep-states
QMP="$(cd "$(dirname "${BASH_SOURCE[0]}")/../kvm" && pwd)/qmp"

# sleep_states: what the guest can, for needs, which may be asked of one that sleeps
sleep_states()
{
	guest 'cat /sys/power/state /sys/power/mem_sleep' > $SLEEP_STATES
}

# needs STATE: a word of /sys/power/state or mem_sleep, or the point is skipped
needs()
{
	grep -qw "$1" $SLEEP_STATES || skip "kernel and machine of the guest can't: $1"
}

# suspend STATE: begins it; it ends when the guest is awake again, see slept
suspend()
{
	echo "suspend $RANDOM$RANDOM" > $SLEEP_MARK
	guest "setsid sh -c 'sleep 1; echo $1 > /sys/power/state
		rc=\$?
		l2-agents --anew
		echo \"$(cat $SLEEP_MARK) ended: \$rc\" > /dev/console' < /dev/null > /dev/null 2>&1 &"
}

vmm_status()
{
	"$QMP" "/run/l2/$VM/qmp" query-status | sed -n 's/.*"status": "\([^"]*\)".*/\1/p'
}

vmm_is()
{
	[ "$(vmm_status)" = "$1" ]
}

# To RAM. The VMM says when it is. Only the first such sleep of QEMU's machine
# lasts: from later ones it may wake by itself.
fall_asleep()
{
	guest 'echo deep > /sys/power/mem_sleep'
	suspend mem
	wait_for 60 vmm_is suspended
}

said_so()
{
	grep -qa "$(cat $SLEEP_MARK) ended: " "/run/l2/$VM-console.log"
}

asleep_or_back()
{
	said_so || vmm_is suspended
}

# To RAM and back, by whomever it is woken.
nap()
{
	guest 'echo deep > /sys/power/mem_sleep'
	suspend mem
	wait_for 60 asleep_or_back
	said_so || wake_up
	slept
}

wake_up()
{
	"$QMP" "/run/l2/$VM/qmp" system_wakeup
}

# slept [RC]: the kernel's word that it is back, and how it went
slept()
{
	local said rc=${1:-0}

	said=$(cat $SLEEP_MARK)
	wait_for 120 said_so
	expect_eq "exit code of the suspend" \
		"$(grep -ao "$said ended: [0-9]*" "/run/l2/$VM-console.log")" "$said ended: $rc"
}
