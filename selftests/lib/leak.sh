# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# leak.sh - what the host holds, before and after
#
#	leak_mark [NAME]		what is held now
#	leak_check [CYCLES [NAME]]	no more than at the mark; fails with what is
#
# Exact: pinned pages, references to the modules, threads, VMs, attachments, open
# backends, pages of guests mapped into the kernel, per-CPU memory of a size. With
# CYCLES, the number of times that something was done since the mark, and at least ten,
# slab caches are compared too: other users of a cache come and go, so a cache counts as leaking
# if it grew by an object for every cycle, and by LEAK_NOISE besides.
#
# The mark is to be set when everything was done once: what is kept for good, such
# as a thread pool or a cache filled, is no leak.

LEAK_NOISE=${LEAK_NOISE:-100}
LEAK_DIR=${LEAK_DIR:-/tmp/leak}

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
leak_settle()
{
	local c

	sync
	echo 3 > /proc/sys/vm/drop_caches
	for c in /sys/kernel/slab/*/shrink; do
		[ ! -w "$c" ] || echo 1 > "$c" 2>/dev/null || true
	done
}

# Objects in use of each cache that iocore's own allocations can be in.
leak_slabs()
{
	awk 'NR > 2 && $1 ~ /^(kmalloc|bio-|iocore|kvm|task_struct|files_cache|mm_struct|filp|biovec)/ \
		{ print $1, $2 }' /proc/slabinfo
}

leak_mark()
{
	mkdir -p "$LEAK_DIR"
	leak_settle
	leak_exact > "$LEAK_DIR/${1:-mark}.exact"
	# What was ended just before may be about to go.
	until sleep 1; leak_same "$LEAK_DIR/${1:-mark}.exact"; do
		mv "$LEAK_DIR/now.exact" "$LEAK_DIR/${1:-mark}.exact"
	done
	leak_slabs > "$LEAK_DIR/${1:-mark}.slabs"
}

# same FILE: the exact numbers differ in nothing
leak_same()
{
	leak_exact > "$LEAK_DIR/now.exact"
	diff "$1" "$LEAK_DIR/now.exact" > "$LEAK_DIR/diff"
}

# leak_grown FILE CYCLES: caches that grew with the cycles
leak_grown()
{
	leak_slabs > "$LEAK_DIR/now.slabs"
	awk -v cycles="$2" -v noise="$LEAK_NOISE" '
		NR == FNR { was[$1] = $2; next }
		$2 - was[$1] > cycles + noise {
			print $1 ": " $2 - was[$1] " objects more"
		}' "$1" "$LEAK_DIR/now.slabs"
}

leak_check()
{
	local mark=$LEAK_DIR/${2:-mark} grown

	[ -s "$mark.exact" ] || fail "leak_check without leak_mark"
	# The last reference of something just ended may be about to go.
	(wait_for "${LEAK_WAIT:-10}" leak_same "$mark.exact") > /dev/null || {
		sed -n 's/^< /was: /p; s/^> /is: /p' "$LEAK_DIR/diff"
		fail "the host holds other than before"
	}
	[ "${1:-0}" -ge 10 ] || return 0
	for _ in 1 2 3 4 5; do
		leak_settle
		grown=$(leak_grown "$mark.slabs" "$1")
		[ -n "$grown" ] || return 0
		sleep 1
	done
	fail "after $1 cycles: $grown"
}
