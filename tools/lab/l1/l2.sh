# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# What the l2-* scripts and the tests share. L2 names the guest; several can run at
# once. A process is dear in an emulated machine, so these do without where they can.

L2=${L2:-l2}
L2_DIR=/run/l2/$L2
L2_PORTS=4
# In memory, as QEMU writes it letter by letter; init copies it into the run's folder.
L2_LOG=/run/l2/$L2-console.log

l2_die()
{
	echo "${0##*/}: $*" >&2
	exit 1
}

# The VMM's, dead or alive; in $REPLY.
l2_read_pid()
{
	REPLY=
	{ read -r REPLY < "/run/l2/$L2/pid"; } 2> /dev/null
}

l2_pid()
{
	l2_read_pid && echo "$REPLY"
}

# In $REPLY is its pid then.
l2_alive()
{
	local stat

	l2_read_pid && { read -r stat < "/proc/$REPLY/stat"; } 2> /dev/null || return 1
	stat=${stat##*) }
	[ "${stat%% *}" != Z ]
}

# Wait for the VMM to be gone, all its threads: the last of them ends the VM.
# $1: tries of 0.1 s.
l2_wait_gone()
{
	local i pid tasks

	pid=$(l2_pid)
	for ((i = 0; i < $1; i++)); do
		tasks=("/proc/$pid/task/"*)
		l2_alive || [ ${#tasks[@]} -gt 1 ] || return 0
		sleep 0.1
	done
	return 1
}

# ---- commands in the guest ----

# l2_quote WORD...: as text for the guest's shell, in $REPLY
l2_quote()
{
	local word

	REPLY=
	for word; do
		REPLY+="'${word//\'/\'\\\'\'}' "
	done
}

# A free channel of those in $dir, in $channel. Its lock lasts as long as descriptor $lock.
l2_take_channel()
{
	local tries

	for ((tries = 0; tries < limit * 5; tries++)); do
		for ((channel = 1; channel <= L2_PORTS; channel++)); do
			exec {lock}> "$dir/p$channel.lock"
			if flock -n "$lock" && ! [ -e "$dir/p$channel.stuck" ]; then
				return 0
			fi
			exec {lock}>&-
		done
		l2_alive || return 1
		sleep 0.2
	done
	return 1
}

# Copy the reply to stdout until its end mark, "\001ID RC".
l2_copy_reply()
{
	local line part='' deadline=$((SECONDS + limit)) mark=$'\001'"$id "

	while :; do
		line=
		if IFS= read -r -t 1 line <&"$reply"; then
			line=$part$line
			part=
			case $line in
			*"$mark"*)
				printf '%s' "${line%%"$mark"*}"
				return "${line##*"$mark"}"
				;;
			esac
			printf '%s\n' "$line"
			continue
		fi
		part+=$line
		l2_alive || return 125
		if [ $SECONDS -ge $deadline ]; then
			: > "$dir/p$channel.stuck"
			return 124
		fi
	done
}

# l2_run SECONDS TEXT: shell text, in the guest. What it prints comes on stdout, its
# exit code is the function's; or 124 time-out, 125 no such guest or it died.
l2_run()
{
	local limit=$1 dir=/run/l2/$L2 id=$BASHPID.$RANDOM rc=0 channel lock reply

	l2_alive || { echo "l2-run: guest $L2 is not running" >&2; return 125; }
	l2_take_channel || { echo "l2-run: no free channel to $L2" >&2; return 125; }
	exec {reply}<> "$dir/p$channel.out"
	# An earlier user of the channel may have left without its reply's end.
	while read -r -t 0 <&"$reply"; do
		IFS= read -r -t 0.01 -n 4096 _ <&"$reply" || :
	done
	printf '%s\n' "$id" "$2" "$id" > "$dir/p$channel.in"
	l2_copy_reply || rc=$?
	exec {reply}>&- {lock}>&-
	return $rc
}
