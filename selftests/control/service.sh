#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The service under a running systemd: it loads the module, restores what was saved
# when the host starts, before the guests do, and saves when it stops, after them.
#
# That systemd is the first process of a PID namespace, with its own /run, /tmp and
# cgroups, on L1's kernel and devices; everything is installed as by make install.
# Of what Debian starts besides, only the journal is left.

. "$(dirname "$0")/../lib/tap.sh"
. "$(dirname "$0")/../lib/vm.sh"

STATE=/etc/iocore/config.json
SEEN=/run/service-seen
MODULES=/run/service-modules
CGROUP=/sys/fs/cgroup/service
RELEASE=$(uname -r)

# ---- a systemd ----

# depmod for the few modules of ours, as the whole tree takes minutes here.
installs()
{
	/iocore/tools/lab/install / /usr
	mkdir -p "$MODULES/lib/modules/$RELEASE" $SEEN
	cp -r "/lib/modules/$RELEASE/updates" "$MODULES/lib/modules/$RELEASE/"
	touch "$MODULES/lib/modules/$RELEASE"/modules.{order,builtin,builtin.modinfo}
	depmod -b "$MODULES" "$RELEASE"
}

# masks NAME...: of the units and generators of the distribution
masks()
{
	local f

	mkdir -p /run/systemd/system /run/systemd/system-generators
	for f in /usr/lib/systemd/system-generators/*; do
		ln -s /dev/null "/run/systemd/system-generators/${f##*/}"
	done
	for f in {/usr/lib,/etc}/systemd/system/*.wants/*; do
		case ${f##*/} in
		systemd-journald* | sys-kernel-config.mount | iocore.service) ;;
		*) ln -sf /dev/null "/run/systemd/system/${f##*/}" ;;
		esac
	done
}

# A stand-in for whoever starts guests: it notes which disks there are.
guests_unit()
{
	cat <<-END
	[Service]
	Type=oneshot
	RemainAfterExit=yes
	ExecStart=/bin/sh -c 'ls $CFG/disks > $SEEN/start'
	ExecStop=/bin/sh -c 'ls $CFG/disks > $SEEN/stop'
	END
}

# In the new namespaces.
first_process()
{
	mount -t proc proc /proc
	mount -t cgroup2 cgroup2 /sys/fs/cgroup
	mount --bind "$MODULES/lib/modules/$RELEASE" "/lib/modules/$RELEASE"
	mkdir -p /mnt/seen
	mount --bind $SEEN /mnt/seen
	mount -t tmpfs run /run
	mount -t tmpfs tmp /tmp
	mkdir -p $SEEN /run/systemd/system/multi-user.target.wants
	mount --move /mnt/seen $SEEN
	masks
	guests_unit > /run/systemd/system/libvirtd.service
	ln -s ../libvirtd.service /run/systemd/system/multi-user.target.wants/
	exec env -i PATH="$PATH" LC_ALL=C.UTF-8 container=lab /usr/lib/systemd/systemd \
		--system --unit=multi-user.target --show-status=no --log-target=journal
}

boots()
{
	mkdir -p $CGROUP
	export -f first_process masks guests_unit
	export MODULES RELEASE SEEN CFG
	(
		echo $BASHPID > $CGROUP/cgroup.procs
		exec unshare --fork --kill-child --pid --mount --cgroup --propagation private \
			bash -euc first_process
	) < /dev/null > "$OUT/systemd.log" 2>&1 &
	echo $! > /run/service.pid
	wait_for 60 running
}

# The first process there; nothing if there is none.
systemd_pid()
{
	pgrep -P "$(cat /run/service.pid)"
}

in_systemd()
{
	nsenter -t "$(systemd_pid)" --mount --pid --cgroup "$@"
}

ctl()
{
	in_systemd systemctl --no-pager "$@"
}

# All jobs of the boot have ended, whether well or not.
running()
{
	case $(ctl is-system-running) in
	running | degraded) ;;
	*) return 1 ;;
	esac
}

shuts_down()
{
	ctl exit || true
	wait_for 60 ended
}

ended()
{
	! systemd_pid
}

# ---- what the points claim ----

# What is no counter of the overview.
state()
{
	iocorectl -o json | python3 -c '
import json, sys
d = json.load(sys.stdin)
for row in d["cores"]:
    row.pop("requests", None)
json.dump({"cores": d["cores"], "disks": d["disks"]}, sys.stdout, sort_keys=True, indent=1)'
}

service_is()
{
	expect_eq "iocore.service" "$(ctl is-active iocore.service)" "$1"
}

nothing_there()
{
	expect_eq "disks" "$(ls $CFG/disks)" ""
	expect_eq "cores" "$(ls $CFG/cores)" ""
}

as_before()
{
	state | diff /run/service-state -
}

prepare()
{
	host_clear
	null_up n0
	null_up n1
	rm -rf /etc/iocore
	module_down iocore
	installs
	ln -sf /usr/lib/systemd/system/iocore.service /etc/systemd/system/multi-user.target.wants/
}

first_boot()
{
	boots
	service_is active
	[ -e /dev/iocore ] || fail "the module is not loaded"
	expect_eq "mode" "$(stat -c %a /etc/iocore)" 700
	nothing_there
}

stop_saves()
{
	core_up io0 0 70
	core_up io1 0 1000
	iocorectl disk create d0 --path /dev/n0 --core io0,io1 --threads 2 --serial S0
	iocorectl disk create d1 --path /dev/n1 --core io1 --readonly --replay-timeout 90
	state > /run/service-state
	ctl stop iocore.service
	service_is inactive
	nothing_there
	expect_eq "mode" "$(stat -c %a $STATE)" 600
	cp $STATE /run/service-saved
}

start_restores()
{
	ctl start iocore.service
	service_is active
	as_before
}

again()
{
	ctl start iocore.service
	as_before
	ctl restart iocore.service
	service_is active
	as_before
	cmp $STATE /run/service-saved
}


reboot()
{
	local i

	shuts_down
	expect_eq "seen when the guests ended" "$(cat $SEEN/stop)" d0$'\n'd1
	nothing_there
	module_down iocore
	rm $SEEN/*
	boots
	service_is active
	expect_eq "seen when the guests started" "$(cat $SEEN/start)" d0$'\n'd1
	as_before
}

# Its lines come by the journal, which takes its time.
says_why()
{
	ctl status --lines=20 iocore.service > /run/service-status || true
	grep -qE "iocorectl.*: .*$1" /run/service-status
}

# fails_with PATTERN: the start fails, says why, and the file stays
fails_with()
{
	cp $STATE /run/service-bad
	! ctl start iocore.service || fail "it started"
	service_is failed
	wait_for 10 says_why "$1"
	ctl stop iocore.service
	cmp $STATE /run/service-bad
}

damaged()
{
	ctl stop iocore.service
	head -c 300 /run/service-saved > $STATE
	fails_with 'not JSON|early'
	nothing_there
}

backend_gone()
{
	sed 's,/dev/n0,/dev/nowhere,' /run/service-saved > $STATE
	fails_with 'd0.*does not exist'
	expect_eq "disks" "$(ls $CFG/disks)" d1
}

recovers()
{
	cp /run/service-saved $STATE
	ctl restart iocore.service
	service_is active
	as_before
}

leaves()
{
	shuts_down
	nothing_there
	/iocore/tools/lab/install --remove / /usr
	rm -rf /etc/iocore
	expect_eq "threads" "$(iocore_threads)" ""
}

cleanup()
{
	kill -9 "$(systemd_pid)"
	rm -f /etc/systemd/system/multi-user.target.wants/iocore.service
	/iocore/tools/lab/install --remove / /usr
	rm -rf /etc/iocore /run/service* $CGROUP
	[ -e /dev/iocore ] || insmod /iocore/build/host/iocore.ko
	host_clear
}

tap_begin
need_iocore
tap_setup prepare
tap_point "systemd starts the service, which loads the module" first_boot
tap_point "a stop saves cores and disks, and takes them away" stop_saves
tap_point "a start makes them again" start_restores
tap_point "another start does nothing, a restart changes nothing" again
tap_point "a reboot: there before the guests start, until they have ended" reboot
tap_point "a damaged file: it fails, says why, and makes nothing" damaged
tap_point "a backend that is gone: it fails, says which, and keeps the file" backend_gone
tap_point "with the cause gone it starts, and finds what is there" recovers
tap_point "after the last shutdown nothing is left" leaves
tap_end
