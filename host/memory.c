// SPDX-License-Identifier: GPL-2.0-only
/*
 * memory.c - guest memory: gpa -> memslot -> hva -> pages
 *
 * Ring and notification pages are pinned and mapped for as long as they are
 * registered. Data pages are pinned by the backend for the length of one I/O;
 * here they become an iov_iter over the VM's user addresses.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/kvm_pv_backend.h>

#include "iocore.h"

int iocore_map_guest(struct kvm *kvm, gfn_t gfn, unsigned int npages,
		     struct page **pages, void **kaddr)
{
	unsigned int i;
	int err = -EFAULT;

	for (i = 0; i < npages; i++) {
		unsigned long hva = gfn_to_hva(kvm, gfn + i);

		if (kvm_is_error_hva(hva))
			goto unpin;
		if (pin_user_pages_fast(hva, 1, FOLL_WRITE | FOLL_LONGTERM, &pages[i]) != 1)
			goto unpin;
	}
	*kaddr = vmap(pages, npages, VM_MAP, PAGE_KERNEL);
	if (*kaddr)
		return 0;
	err = -ENOMEM;
unpin:
	unpin_user_pages(pages, i);
	return err;
}

void iocore_unmap_guest(unsigned int npages, struct page **pages, void *kaddr)
{
	vunmap(kaddr);
	unpin_user_pages_dirty_lock(pages, npages, true);
}

/*
 * Walk the segments; with @iov fill it, without only count its entries.
 * Neighbours in user memory share an entry. Both walks must see one set of
 * memslots, or the second could find more entries than the first.
 */
static int segs_to_iov(struct kvm_memslots *slots, const struct iocore_seg *segs,
		       unsigned int nr, bool to_guest, struct iovec *iov)
{
	unsigned long last_end = 0;
	unsigned int i;
	int n = 0;

	for (i = 0; i < nr; i++) {
		gpa_t gpa = segs[i].gpa;
		u32 left = segs[i].len;

		while (left) {
			struct kvm_memory_slot *slot = __gfn_to_memslot(slots, gpa_to_gfn(gpa));
			unsigned long hva;
			gpa_t end;
			u32 len;

			if (!slot || slot->flags & KVM_MEMSLOT_INVALID ||
			    (to_guest && slot->flags & KVM_MEM_READONLY))
				return -EFAULT;
			end = gfn_to_gpa(slot->base_gfn + slot->npages);
			len = min_t(gpa_t, left, end - gpa);
			hva = __gfn_to_hva_memslot(slot, gpa_to_gfn(gpa)) + offset_in_page(gpa);
			if (n && hva == last_end) {
				if (iov)
					iov[n - 1].iov_len += len;
			} else {
				if (iov)
					iov[n] = (struct iovec){ (void __user *)hva, len };
				n++;
			}
			last_end = hva + len;
			gpa += len;
			left -= len;
		}
	}
	return n;
}

static enum iocore_status req_get_segs(struct iocore_req *req)
{
	struct kvm *kvm = req->queue->att->vm->kvm;
	size_t bytes = req->sqe.nr_segs * sizeof(*req->segs);

	if (!(req->sqe.flags & IOCORE_SQE_TABLE)) {
		req->segs = req->sqe.seg;
	} else {
		req->segs = kmalloc(bytes, GFP_KERNEL_ACCOUNT);
		if (!req->segs)
			return IOCORE_S_AGAIN;
		if (kvm_read_guest(kvm, req->sqe.table_gpa, req->segs, bytes))
			return IOCORE_S_FAULT;
	}
	return iocore_segs_validate(req->segs, req->sqe.nr_segs, req->sqe.len,
				    &req->queue->lim);
}

static enum iocore_status req_map(struct iocore_req *req)
{
	bool to_guest = req->sqe.opcode == IOCORE_OP_READ;
	struct kvm_memslots *slots = kvm_memslots(req->queue->att->vm->kvm);
	enum iocore_status status;
	int n;

	status = req_get_segs(req);
	if (status != IOCORE_S_OK)
		return status;

	n = segs_to_iov(slots, req->segs, req->sqe.nr_segs, to_guest, NULL);
	if (n < 0)
		return IOCORE_S_FAULT;
	req->iov = req->inline_iov;
	if (n > ARRAY_SIZE(req->inline_iov))
		req->iov = kmalloc_array(n, sizeof(*req->iov), GFP_KERNEL_ACCOUNT);
	if (!req->iov)
		return IOCORE_S_AGAIN;
	segs_to_iov(slots, req->segs, req->sqe.nr_segs, to_guest, req->iov);
	iov_iter_init(&req->iter, to_guest ? ITER_DEST : ITER_SOURCE, req->iov, n, req->sqe.len);
	return IOCORE_S_OK;
}

void iocore_req_unmap(struct iocore_req *req)
{
	if (req->iov != req->inline_iov)
		kfree(req->iov);
	if (req->segs != req->sqe.seg)
		kfree(req->segs);
	req->iov = NULL;
	req->segs = NULL;
}

/* What is refused keeps no segments: nobody may walk what was not validated. */
enum iocore_status iocore_req_map(struct iocore_req *req)
{
	enum iocore_status status = req_map(req);

	if (status != IOCORE_S_OK)
		iocore_req_unmap(req);
	return status;
}

/*
 * A write that comes before logging is switched on is in the copy that follows
 * the switch; so a logging count of zero, read after the write, means that there
 * is nothing to log.
 */
static bool dirty_logging(struct kvm *kvm)
{
	return atomic_read(&kvm->nr_memslots_dirty_logging);
}

void iocore_mark_dirty(struct kvm *kvm, gfn_t gfn)
{
	int idx;

	if (!dirty_logging(kvm))
		return;
	idx = srcu_read_lock(&kvm->srcu);
	kvm_pv_mark_dirty(kvm, gfn);
	srcu_read_unlock(&kvm->srcu, idx);
}

void iocore_req_mark_dirty(struct iocore_req *req)
{
	struct kvm *kvm = req->queue->att->vm->kvm;
	unsigned int i;
	gfn_t gfn;
	int idx;

	if (!req->segs || !dirty_logging(kvm))
		return;
	idx = srcu_read_lock(&kvm->srcu);
	for (i = 0; i < req->sqe.nr_segs; i++) {
		gpa_t last = req->segs[i].gpa + req->segs[i].len - 1;

		for (gfn = gpa_to_gfn(req->segs[i].gpa); gfn <= gpa_to_gfn(last); gfn++)
			kvm_pv_mark_dirty(kvm, gfn);
	}
	srcu_read_unlock(&kvm->srcu, idx);
}

void iocore_queue_mark_dirty(struct iocore_queue *q, u32 cq_index)
{
	struct kvm *kvm = q->att->vm->kvm;
	size_t cq_offset = IOCORE_PAGE_SIZE +
		ALIGN(q->ring.depth * sizeof(struct iocore_sqe), IOCORE_PAGE_SIZE);

	if (!dirty_logging(kvm))
		return;
	cq_offset += (cq_index & q->ring.mask) * sizeof(struct iocore_cqe);
	iocore_mark_dirty(kvm, q->gfn);
	iocore_mark_dirty(kvm, q->gfn + (cq_offset >> PAGE_SHIFT));
}
