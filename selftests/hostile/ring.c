// SPDX-License-Identifier: GPL-2.0-only
/*
 * ring.c - just enough of a driver to be able to misuse a ring
 */
#include <linux/delay.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/kvm_para.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "hostile.h"

/* No completion crosses this index: the ring is polled. */
#define NEVER_NOTIFY	0x80000000U

static size_t sq_bytes(u32 depth)
{
	return PAGE_ALIGN(depth * sizeof(struct iocore_sqe));
}

size_t hostile_ring_bytes(u32 depth)
{
	return PAGE_SIZE + sq_bytes(depth) + PAGE_ALIGN(depth * sizeof(struct iocore_cqe));
}

int hostile_info(struct hostile *h, u32 slot, struct iocore_disk_info *info)
{
	memset(info, 0, sizeof(*info));
	info->slot = slot;
	hostile_call_arg(h, "info", IOCORE_HC_DISK_GET, info, sizeof(*info), 0);
	return h->failed ? -ENOENT : 0;
}

bool hostile_ring_open(struct hostile *h, struct hostile_ring *r, u32 slot, u32 depth)
{
	struct iocore_queue_create create;
	struct iocore_disk_info info;

	memset(r, 0, sizeof(*r));
	if (hostile_info(h, slot, &info))
		return false;
	r->bytes = hostile_ring_bytes(depth);
	r->area = alloc_pages_exact(r->bytes, GFP_KERNEL | __GFP_ZERO);
	if (!r->area) {
		hostile_fail(h, "no memory for a ring");
		return false;
	}
	r->hdr = r->area;
	r->sq = r->area + PAGE_SIZE;
	r->cq = r->area + PAGE_SIZE + sq_bytes(depth);
	r->slot = slot;
	r->depth = depth;
	r->hdr->cq_event = NEVER_NOTIFY;

	create = (struct iocore_queue_create) {
		.slot = slot,
		.epoch = info.epoch,
		.gpa = virt_to_phys(r->area),
		.depth = depth,
	};
	hostile_call_arg(h, "open", IOCORE_HC_QUEUE_CREATE, &create, sizeof(create), 0);
	if (h->failed)
		hostile_ring_free(r);
	return !h->failed;
}

void hostile_ring_free(struct hostile_ring *r)
{
	free_pages_exact(r->area, r->bytes);
	r->area = NULL;
}

/* Where the host does not let go, its memory is leaked, not reused. */
void hostile_ring_close(struct hostile *h, struct hostile_ring *r)
{
	long ret = kvm_hypercall4(IOCORE_HC, IOCORE_HC_QUEUE_DESTROY, r->slot, r->queue, 0);

	if (ret)
		hostile_fail(h, "the queue could not be destroyed (%ld)", ret);
	else
		hostile_ring_free(r);
}

void hostile_ring_push(struct hostile_ring *r, const struct iocore_sqe *sqe)
{
	r->sq[r->sq_tail++ & (r->depth - 1)] = *sqe;
}

void hostile_ring_publish(struct hostile_ring *r)
{
	virt_store_release(&r->hdr->sq_tail, r->sq_tail);	/* A, pairs with B */
	virt_mb();						/* K, pairs with L */
	if (READ_ONCE(r->hdr->flags) & IOCORE_RING_NEED_KICK)
		kvm_hypercall4(IOCORE_HC, IOCORE_HC_KICK, r->slot, r->queue, 0);
}

bool hostile_ring_next(struct hostile_ring *r, struct iocore_cqe *cqe)
{
	unsigned long end = jiffies + HOSTILE_WAIT;

	while (time_before(jiffies, end)) {
		/* F, pairs with E */
		if (virt_load_acquire(&r->hdr->cq_tail) != r->cq_head) {
			*cqe = r->cq[r->cq_head++ & (r->depth - 1)];
			virt_store_release(&r->hdr->cq_head, r->cq_head);	/* G */
			return true;
		}
		if (READ_ONCE(r->hdr->flags) & IOCORE_RING_BROKEN)
			return false;
		usleep_range(100, 1000);
	}
	return false;
}

bool hostile_ring_wait_broken(struct hostile_ring *r)
{
	unsigned long end = jiffies + HOSTILE_WAIT;

	while (time_before(jiffies, end)) {
		if (READ_ONCE(r->hdr->flags) & IOCORE_RING_BROKEN)
			return true;
		usleep_range(100, 1000);
	}
	return false;
}

void hostile_submit(struct hostile *h, struct hostile_ring *r, const char *what,
		    const struct iocore_sqe *sqe, u16 want)
{
	struct iocore_cqe cqe;

	if (h->failed)
		return;
	if (want != IOCORE_S_OK)
		h->descriptor++;
	hostile_ring_push(r, sqe);
	hostile_ring_publish(r);
	if (!hostile_ring_next(r, &cqe))
		hostile_fail(h, "%s: no completion (flags %#x)", what, r->hdr->flags);
	else if (cqe.tag != sqe->tag)
		hostile_fail(h, "%s: completion of tag %u, not %u", what, cqe.tag, sqe->tag);
	else if (cqe.status != want)
		hostile_fail(h, "%s: status %u, not %u", what, cqe.status, want);
	else if (cqe.pad[0] | cqe.pad[1] | cqe.pad[2])
		hostile_fail(h, "%s: the padding of the completion is not zero", what);
}

struct iocore_sqe hostile_sqe(u8 opcode, u16 tag, u64 sector, u32 len)
{
	struct iocore_sqe sqe = { .opcode = opcode, .tag = tag };

	if (opcode == IOCORE_OP_FLUSH)
		return sqe;
	sqe.nr_segs = 1;
	sqe.sector = sector;
	sqe.len = len;
	sqe.seg[0].gpa = virt_to_phys(hostile_data);
	sqe.seg[0].len = len;
	return sqe;
}
