# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the lab's scripts on the machine's side share. Source it; it runs nothing.

LAB=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
REPO=$(readlink -f "$LAB/../..")
BUILD=$REPO/build
ROOT=$BUILD/root

say()
{
	printf 'lab: %s\n' "$*"
}

die()
{
	printf 'lab: error: %s\n' "$*" >&2
	exit 1
}

need_uid0()
{
	[ "$(id -u)" -eq 0 ] || die "the lab needs root (chroot, mount): run it as root"
}

# The machine's own Debian mirror, not its security one; nothing if it has none.
own_mirror()
{
	# shellcheck disable=SC2016
	apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
		sed -n 's/^Debian|//p' | grep -v security | sort | uniq -c | sort -rn |
		awk 'NR == 1 { print $2 }'
}

# Hash of the given files' contents and names; absent files count as absent.
hash_of()
{
	local f

	for f in "$@"; do
		printf '%s\n' "${f#"$REPO"/}"
		[ ! -e "$f" ] || sha256sum < "$f"
	done | sha256sum | cut -c1-32
}

is_done()
{
	[ -e "$BUILD/.stamp-$1" ] && [ "$(cat "$BUILD/.stamp-$1")" = "$2" ]
}

mark_done()
{
	printf '%s\n' "$2" > "$BUILD/.stamp-$1"
}

# Run under an exclusive lock, so that two builds at once do not collide.
locked()
{
	local name=$1

	shift
	mkdir -p "$BUILD"
	(
		flock 9
		"$@"
	) 9> "$BUILD/.lock-$name"
}

root_version()
{
	cat "$BUILD/.stamp-root" 2>/dev/null || echo none
}

# The newest kernel of the tool root: L1 and L2 both run it.
kver()
{
	local v

	v=$(find "$ROOT/lib/modules" -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null |
		sort -V | tail -n 1)
	[ -n "$v" ] || die "no kernel in $ROOT: run 'make root'"
	printf '%s\n' "$v"
}

# Run a command in the tool root, the repository at /iocore and the working
# directory. The shell is replaced at each step, so that the process that the caller
# started is, in the end, the command itself.
#
# ROOT_LAYER names a directory that is laid over the root, read-only, with a /tmp of
# its own: another kernel of build/kernels, whose Makefiles know absolute paths. With
# ROOT_SCRATCH the root may be written to, and all that is gone with the command.
in_root()
{
	# shellcheck disable=SC2016
	exec_or_run unshare --mount --propagation private sh -ec '
		root=$1 repo=$2 lower=$3 scratch=$4
		shift 4
		mkdir -p "$root/iocore"
		if [ -n "$scratch" ]; then
			mkdir -p "$scratch"
			mount -t tmpfs scratch "$scratch"
			mkdir "$scratch/upper" "$scratch/work"
			mount -t overlay -o "lowerdir=$lower$root" \
				-o "upperdir=$scratch/upper,workdir=$scratch/work" overlay "$root"
		elif [ -n "$lower" ]; then
			mount -t overlay -o "lowerdir=$lower$root" overlay "$root"
			mount -t tmpfs tmp "$root/tmp"
		fi
		mount --rbind "$repo" "$root/iocore"
		mount -t proc proc "$root/proc" 2>/dev/null ||
			mount --rbind /proc "$root/proc"
		mount --rbind /dev "$root/dev"
		exec chroot "$root" /usr/bin/env -i -C /iocore \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin \
			HOME=/root LC_ALL=C.UTF-8 TERM="${TERM:-dumb}" "$@"
	' sh "$ROOT" "$REPO" "${ROOT_LAYER:+$ROOT_LAYER:}" \
		"${ROOT_SCRATCH:+$BUILD/scratch}" "$@"
}

exec_or_run()
{
	if [ -n "${LAB_EXEC:-}" ]; then
		exec "$@"
	fi
	"$@"
}
