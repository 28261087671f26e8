// SPDX-License-Identifier: GPL-2.0-only
/*
 * notify.c - telling a vCPU that completions wait
 *
 * Shared memory is the truth, the interrupt a hint: the pending bit is set
 * first, then the vector is raised, every time; KVM coalesces what is already
 * pending.
 *
 * Where raising costs exits, completions gather by commands in flight (as in
 * vIC, ATC 2011): a notification waits until as many CQEs are unannounced as
 * requests are still in flight, so never at a queue depth of one, and about
 * half a queue at a time when it is busy. The last request in flight always
 * announces itself and all before it. A request that is slower than the ring's
 * own pace does not hold up the others: IOCore delivers what is overdue, and
 * while it sleeps nothing is held back.
 */
#include <linux/kvm_pv_backend.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>

#include "iocore.h"
#include "trace.h"

/* A notification is held no longer than this after the latest CQE, in ns. */
#define IOCORE_HOLD_MAX		NSEC_PER_MSEC
/* ... or than this many times the usual gap between CQEs */
#define IOCORE_HOLD_GAPS	2
/* weight of the past in the average gap */
#define IOCORE_GAP_WEIGHT	8

static int inject_raise(struct iocore_vcpu *iv)
{
	return kvm_pv_inject(iv->vcpu, iv->vector);
}

const struct iocore_notifier_ops iocore_notify_inject = {
	.name		= "inject",
	.coalesce	= true,
	.raise		= inject_raise,
};

static void vcpu_raise(struct iocore_vm *vm, struct iocore_vcpu *iv,
		       const struct iocore_notifier_ops *notifier)
{
	int ret;

	iocore_mark_dirty(vm->kvm, iv->gfn);
	ret = notifier->raise(iv);
	atomic64_inc(&vm->stats.notifications_injected);
	trace_iocore_notify(vm->pid, iv->vcpu->vcpu_id, iv->vector, ret);
}

void iocore_notify_queue(struct iocore_queue *q)
{
	struct iocore_vm *vm = q->att->vm;
	struct iocore_vcpu *iv;

	rcu_read_lock();
	iv = xa_load(&vm->vcpus, q->vcpu_id);
	if (iv) {
		set_bit(q->notify_bit, (unsigned long *)iv->page->pending);
		smp_mb__after_atomic();	/* the bit before the vector */
		vcpu_raise(vm, iv, q->notifier);
	}
	rcu_read_unlock();
}

static void post_clock(struct iocore_queue *q)
{
	u64 now = local_clock();
	u64 gap = min_t(u64, max_t(s64, now - q->last_post, 0), IOCORE_HOLD_MAX);

	q->post_gap = (q->post_gap * (IOCORE_GAP_WEIGHT - 1) + gap) / IOCORE_GAP_WEIGHT;
	WRITE_ONCE(q->last_post, now);
}

bool iocore_notify_now(struct iocore_queue *q, bool crossed)
{
	u32 tail = iocore_ring_cq_tail(&q->ring);
	u32 in_flight = READ_ONCE(q->ring.sq_head) - tail;

	lockdep_assert_held(&q->cq_lock);
	post_clock(q);
	if (!crossed && !q->due)
		return false;
	if (q->notifier->coalesce && tail - q->notified < in_flight) {
		WRITE_ONCE(q->due, true);
		smp_mb();	/* pairs with the one in core_sleep() */
		if (!READ_ONCE(q->core->asleep))
			return false;
	}
	WRITE_ONCE(q->due, false);
	q->notified = tail;
	return true;
}

void iocore_notify_overdue(struct iocore_queue *q, u64 now)
{
	unsigned long flags;
	bool deliver;
	u64 hold;

	if (!READ_ONCE(q->due))
		return;
	spin_lock_irqsave(&q->cq_lock, flags);
	hold = min_t(u64, q->post_gap * IOCORE_HOLD_GAPS, IOCORE_HOLD_MAX);
	deliver = q->due && (s64)(now - q->last_post) >= (s64)hold;
	if (deliver) {
		WRITE_ONCE(q->due, false);
		q->notified = iocore_ring_cq_tail(&q->ring);
	}
	spin_unlock_irqrestore(&q->cq_lock, flags);
	if (deliver)
		iocore_notify_queue(q);
}

void iocore_notify_event(struct iocore_vm *vm, u32 events)
{
	struct iocore_vcpu *iv;
	unsigned long id = 0;

	rcu_read_lock();
	iv = xa_find(&vm->vcpus, &id, ULONG_MAX, XA_PRESENT);
	if (iv) {
		atomic_or(events, (atomic_t *)&iv->page->events);
		smp_mb__after_atomic();	/* the event before the vector */
		vcpu_raise(vm, iv, &iocore_notify_inject);
	}
	rcu_read_unlock();
}

/* After this no completion uses the page. */
static void vcpu_withdraw(struct iocore_vm *vm, unsigned long id)
{
	struct iocore_vcpu *iv = xa_erase(&vm->vcpus, id);

	if (!iv)
		return;
	synchronize_rcu();
	iocore_unmap_guest(1, &iv->pinned, iv->page);
	kfree(iv);
}

int iocore_vcpu_register(struct iocore_vm *vm, struct kvm_vcpu *vcpu, u64 gpa, u32 vector)
{
	struct iocore_vcpu *iv;
	void *page;
	int err;

	lockdep_assert_held(&vm->lock);
	if (!gpa) {
		vcpu_withdraw(vm, vcpu->vcpu_id);
		return 0;
	}
	if (!PAGE_ALIGNED(gpa) || vector < 32 || vector > 255)
		return -EINVAL;
	iv = kzalloc(sizeof(*iv), GFP_KERNEL_ACCOUNT);
	if (!iv)
		return -ENOMEM;
	iv->vcpu = vcpu;
	iv->vector = vector;
	iv->gfn = gpa_to_gfn(gpa);
	err = iocore_map_guest(vm->kvm, iv->gfn, 1, &iv->pinned, &page);
	if (err)
		goto free;
	iv->page = page;
	vcpu_withdraw(vm, vcpu->vcpu_id);
	err = xa_err(xa_store(&vm->vcpus, vcpu->vcpu_id, iv, GFP_KERNEL_ACCOUNT));
	if (err)
		goto unmap;
	return 0;
unmap:
	iocore_unmap_guest(1, &iv->pinned, page);
free:
	kfree(iv);
	return err;
}

void iocore_vcpus_drop(struct iocore_vm *vm)
{
	unsigned long id;
	void *iv;

	xa_for_each(&vm->vcpus, id, iv)
		vcpu_withdraw(vm, id);
}
