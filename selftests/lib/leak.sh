# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# leak.sh - what the host holds, before and after
#
#	leak_mark [NAME]		what is held now
#	leak_half [NAME]		half of the cycles are done: as much as at the mark
#	leak_check [CYCLES [NAME]]	no more than at the mark; fails with what is
#
# Exact: pinned pages, references to the modules, threads, VMs, attachments, open
# backends, pages of guests mapped into the kernel, per-CPU memory of a size. With
# CYCLES, the number of times that something was done since the mark, and at least
# LEAK_CYCLES, slab caches are compared too, those of the guest $LEAK_GUEST besides, if
# one is named. Other users of a cache come and go, which they rarely do twice alike: so
# a cache leaks if in each half of the cycles it grew by four objects for every five.
#
# The mark is to be set when everything was done once: what is kept for good, such
# as a thread pool or a cache filled, is no leak.

LEAK_CYCLES=20
LEAK_DIR=${LEAK_DIR:-/tmp/leak}
LEAK_GUEST=${LEAK_GUEST:-}

leak_modules()
{
	awk '$1 ~ /^(iocore|kvm|kvm_amd|kvm_intel|null_blk)$/ { print "module_" $1, $3 }' /proc/modules
}

leak_threads()
{
	# The name of a disk thread ends with a pid.
	iocore_threads | sed 's/-[0-9]*$//' | sort | uniq -c | awk '{ print "thread_" $2, $1 }'
}

# Mappings of guest memory and tables that iocore made.
leak_vmalloc()
{
	awk '/iocore|\[iocore\]/ { n++; size += $2 } END { print "vmalloc_areas", n + 0
		print "vmalloc_bytes", size + 0 }' /proc/vmallocinfo
}

leak_attachments()
{
	local f n=0 flight=0

	for f in "$SYS"/vms/*/disks/*; do
		[ ! -e "$f" ] || n=$((n + 1))
	done
	echo "attachments $n"
	for f in "$SYS"/disks/*/in_flight; do
		[ ! -e "$f" ] || flight=$((flight + $(cat "$f")))
	done
	echo "in_flight $flight"
}

# Everything whose number must be the same.
leak_exact()
{
	echo "pinned_pages $(pins)"
	echo "vms $(vm_names | grep -c .)"
	leak_attachments
	leak_modules
	leak_threads
	leak_vmalloc
}

# What is freed by RCU, and what caches keep for later, is gone after this.
LEAK_SETTLE='sync
	echo 3 > /proc/sys/vm/drop_caches
	for c in /sys/kernel/slab/*; do
		[ -h "$c" ] || echo 1 > "$c/shrink" || true
	done 2> /dev/null
	true'

# Objects in use of each cache, but those of files that were looked at, and of areas
# that are unmapped when there are many.
LEAK_SLABS='awk "NR > 2 && \$1 !~ /dentry|inode|radix_tree_node|buffer_head|vmap_area|^9p/ { print \$1, \$2 }" \
	/proc/slabinfo'

leak_slabs()
{
	eval "$LEAK_SETTLE"
	eval "$LEAK_SLABS"
	[ -z "$LEAK_GUEST" ] ||
		VM=$LEAK_GUEST guest "$LEAK_SETTLE; $LEAK_SLABS" | tr -d '\r' | sed 's/^/guest:/'
}

# leak_record FILE: the least of two looks
leak_record()
{
	local i

	for i in 1 2; do
		leak_slabs > "$LEAK_DIR/look.$i"
	done
	awk '!($1 in n) || $2 < n[$1] { n[$1] = $2 } END { for (c in n) print c, n[c] }' \
		"$LEAK_DIR"/look.? > "$1"
	grep -q '^kmalloc-' "$1" || fail "no slab caches of the host"
	[ -z "$LEAK_GUEST" ] || grep -q '^guest:kmalloc-' "$1" || fail "no slab caches of the guest"
}

leak_mark()
{
	local mark=$LEAK_DIR/${1:-mark}

	mkdir -p "$LEAK_DIR"
	rm -f "$mark".*
	eval "$LEAK_SETTLE"
	leak_exact > "$mark.exact"
	# What was ended just before may be about to go.
	until sleep 1; leak_same "$mark.exact"; do
		mv "$LEAK_DIR/now.exact" "$mark.exact"
	done
	leak_record "$mark.slabs"
}

# same FILE: the exact numbers differ in nothing
leak_same()
{
	leak_exact > "$LEAK_DIR/now.exact"
	diff "$1" "$LEAK_DIR/now.exact" > "$LEAK_DIR/diff"
}

# leak_exactly FILE
leak_exactly()
{
	[ -s "$1" ] || fail "leak_check without leak_mark"
	# The last reference of something just ended may be about to go.
	(wait_for "${LEAK_WAIT:-10}" leak_same "$1") > /dev/null || {
		sed -n 's/^< /was: /p; s/^> /is: /p' "$LEAK_DIR/diff"
		fail "the host holds other than before"
	}
}

leak_half()
{
	local mark=$LEAK_DIR/${1:-mark}

	leak_exactly "$mark.exact"
	leak_record "$mark.half"
}

# leak_growth MARK LEAST: caches that grew by so much in each half
leak_growth()
{
	awk -v least="$2" '
		FNR == 1 { file++ }
		{ n[file, $1] = $2; cache[$1] }
		END {
			for (c in cache) {
				a = n[2, c] - n[1, c]
				b = n[3, c] - n[2, c]
				if (a >= least && b >= least)
					print c ": " a " and " b " objects more"
			}
		}' "$1.slabs" "$1.half" "$1.now"
}

leak_check()
{
	local mark=$LEAK_DIR/${2:-mark} cycles=${1:-0} grown

	leak_exactly "$mark.exact"
	[ "$cycles" -ge $LEAK_CYCLES ] || return 0
	[ -s "$mark.half" ] || fail "leak_check of cycles without leak_half"
	for _ in 1 2; do
		leak_record "$mark.now"
		grown=$(leak_growth "$mark" $((cycles * 2 / 5)))
		[ -n "$grown" ] || break
	done
	[ -z "$grown" ] || fail "after $cycles cycles: $grown"
	grown=$(leak_growth "$mark" $((cycles / 10 + 1)))
	[ -z "$grown" ] || note "grew, but not by an object a cycle: $grown"
}
