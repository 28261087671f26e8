#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What bash completes of iocorectl, and that it knows every command and option
# that the program knows. TAP.
#
# usage: completion.sh [IOCORECTL]

# shellcheck source=selftests/unit/ctl.sh
. "$(dirname "$0")/ctl.sh"
# shellcheck source=tools/completion/iocorectl
. "$HERE/../../tools/completion/iocorectl"

# completed LINE: what the last word of it may become, sorted, on one line
completed()
{
	local line=$1

	read -ra COMP_WORDS <<<"$line"
	[ "${line% }" = "$line" ] || COMP_WORDS+=("")
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMPREPLY=()
	_iocorectl 2>/dev/null
	printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' ' | sed 's/^ *//; s/ *$//'
}

# becomes LINE WORDS
becomes()
{
	local got

	got=$(completed "$1")
	echo "'$1' became '$got'" >"$ERR"
	: >"$OUT"
	[ "$got" = "$2" ]
	result $? "'${1//$TREE/TREE}' becomes '${2//$TREE/TREE}'"
}

make_tree()
{
	mkdir -p "$CONFIG/cores/io0" "$CONFIG/cores/io1" "$CONFIG/disks/data" "$CONFIG/disks/root"
	mkdir -p "$STATS/vms/77-0" "$TREE/proc/77/fd" "$TREE/proc/8/fd"
	ln -s anon_inode:kvm-vm "$TREE/proc/77/fd/9"
	ln -s /dev/null "$TREE/proc/8/fd/0"
	: >"$TREE/a-file"
}

words()
{
	local at="iocorectl --sysroot $TREE"

	becomes "iocorectl de" "deny detach"
	becomes "iocorectl core " "add del list"
	becomes "iocorectl disk re" "rescan"
	becomes "iocorectl -o " "json text"
	becomes "iocorectl -o json dis" "disk"
	becomes "iocorectl nosuch " ""
	becomes "$at core del " "io0 io1"
	becomes "$at core del io0 " ""
	becomes "$at disk move d" "data"
	becomes "$at disk create x --core " "io0 io1"
	becomes "$at disk create x --write-cache " "back through"
	becomes "$at attach --vm " "77"
	becomes "$at attach --vm 77 " "data root"
	becomes "$at attach --vm 77 data --not" "--notifier"
	becomes "$at attach data --notifier i" "inject"
	becomes "$at detach --k" "--keep"
	becomes "$at queue move --queue 1 " "data root"
	becomes "$at queue move data " "io0 io1"
	becomes "$at allow --vm 77 " "direct"
	becomes "$at stat " "77-0 data io0 io1 root"
	becomes "$at stat --queues r" "root"
	becomes "$at restore $TREE/a-" "$TREE/a-file"
	becomes "$at disk create x --path $TREE/a-" "$TREE/a-file"
}

# Each command of the program's help, and each long option in its line.
complete_help()
{
	local line command option

	ctl --help | sed -n 's/^  \([a-z][^ ]*\( [a-z]*\)\?\)\(.*\)/\1|\3/p' >"$TREE/commands"
	while IFS='|' read -r command line; do
		[[ $(completed "iocorectl ${command% *} ") == *"${command#* }"* ||
			$(completed "iocorectl $command") == *"$command"* ]] ||
			echo "command $command"
		for option in $(grep -oE -- '--[a-z-]+' <<<"$line"); do
			[[ " $(completed "iocorectl $command --") " == *" $option "* ]] ||
				echo "option $option of $command"
		done
	done <"$TREE/commands"
	[ "$(wc -l <"$TREE/commands")" -ge 15 ] || echo "the help is not understood"
}

make_tree
words
complete_help >"$OUT" 2>"$ERR"
[ ! -s "$OUT" ]
result $? "every command and option in the help is completed"
done_testing
