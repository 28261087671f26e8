#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# make install below a DESTDIR: what is there, that systemd, udev, man and bash
# take it, and that make uninstall takes all of it away. TAP.
#
# usage: install.sh

cd "$(dirname "$0")/../.." || exit 1
BUILT=$PWD/build/check/install
LOG=$(mktemp) || exit 1
trap 'rm -rf "$LOG" "$BUILT"' EXIT
n=0
failed=0

point()		# NAME COMMAND...
{
	local name=$1 rc=0
	shift

	"$@" >"$LOG" 2>&1 || rc=$?
	n=$((n + 1))
	case $rc in
	0) echo "ok $n - $name" ;;
	4) echo "ok $n - $name # SKIP $(tail -n 1 "$LOG")" ;;
	*)
		failed=$((failed + 1))
		echo "not ok $n - $name"
		sed 's/^/# /' "$LOG"
		;;
	esac
}

in_root()
{
	tools/lab/in-root "$@"
}

wanted()
{
	local kver

	kver=$(. tools/lab/lib.sh && kver)
	sort <<-END
	/lib/modules/$kver/updates/iocore/iocore.ko
	/lib/modules/$kver/updates/iocore/iocore_blk.ko
	/lib/modules/$kver/updates/iocore/kvm-amd.ko
	/lib/modules/$kver/updates/iocore/kvm-intel.ko
	/lib/modules/$kver/updates/iocore/kvm.ko
	/usr/include/linux/iocore.h
	/usr/include/linux/iocore_ring.h
	/usr/lib/systemd/system/iocore.service
	/usr/lib/udev/rules.d/60-iocore-guest.rules
	/usr/lib/udev/rules.d/60-iocore-host.rules
	/usr/sbin/iocorectl
	/usr/share/bash-completion/completions/iocorectl
	/usr/share/man/man8/iocorectl.8
	END
}

installed()
{
	(cd "$BUILT" && find . ! -type d | sed 's/^\.//' | sort)
}

# The sources under /usr/src are what DKMS builds: another test does that.
complete_list()
{
	tools/lab/install "$BUILT" /usr && diff <(wanted) <(installed | grep -v '^/usr/src/iocore-')
}

modes()
{
	[ -x "$BUILT/usr/sbin/iocorectl" ] &&
		! find "$BUILT" -type f -perm /022 | grep . &&
		! find "$BUILT" -type f ! -path '*/sbin/*' ! -name dkms-check -perm /111 | grep .
}

no_placeholder()
{
	! grep -rIlE '@[A-Z]+@|/iocore/build' "$BUILT"
}

# ExecStart must be there for systemd-analyze, so it looks at the unit in its root.
unit_verifies()
{
	in_root systemd-analyze verify --man=no --root=/iocore/build/check/install --recursive-errors=no \
		/usr/lib/systemd/system/iocore.service || return
	! grep -i iocore "$LOG"
}

rules_verify()
{
	in_root udevadm verify --no-summary /iocore/build/check/install/usr/lib/udev/rules.d/60-iocore-host.rules \
		/iocore/build/check/install/usr/lib/udev/rules.d/60-iocore-guest.rules
}

page_is_clean()
{
	in_root mandoc -T lint -W warning /iocore/build/check/install/usr/share/man/man8/iocorectl.8
}

program_runs()
{
	in_root /iocore/build/check/install/usr/sbin/iocorectl --version
}

elsewhere()
{
	tools/lab/install --list / /opt/x | grep -qx /opt/x/sbin/iocorectl &&
		tools/lab/install "$BUILT" /opt/x &&
		grep -q '^ExecStart=/opt/x/sbin/iocorectl' "$BUILT/opt/x/lib/systemd/system/iocore.service" &&
		tools/lab/install --remove "$BUILT" /opt/x
	! find "$BUILT/opt" -type f | grep .
}

removed()
{
	tools/lab/install "$BUILT" /usr || return
	: >"$BUILT/usr/sbin/other"
	tools/lab/install --remove "$BUILT" /usr
	[ "$(installed)" = /usr/sbin/other ]
}

rm -rf "$BUILT"
mkdir -p "$BUILT"
point "install puts these files and no others" complete_list
point "none is writable by others, only the program is executable" modes
point "paths are filled in" no_placeholder
point "systemd takes the unit" unit_verifies
point "udev takes the rules" rules_verify
point "the manual page is clean" page_is_clean
point "the program runs" program_runs
point "another PREFIX" elsewhere
point "uninstall takes away what was installed, and no more" removed
echo "1..$n"
[ "$failed" -eq 0 ]
