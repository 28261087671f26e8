// SPDX-License-Identifier: GPL-2.0-only
/*
 * notify.c - telling a vCPU that completions wait
 *
 * Shared memory is the truth, the interrupt a hint: the pending bit is set
 * first, then the vector is raised, every time; KVM coalesces what is already
 * pending.
 *
 * A disk's notifier says how. auto and direct take direct mode where the vCPU
 * has it, else they inject; they differ at attach only. none leaves a guest
 * that knows how to poll alone.
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

static bool inject_costly(const struct iocore_vcpu *iv)
{
	return true;
}

static enum iocore_notify_how inject_raise(struct iocore_vcpu *iv)
{
	kvm_pv_inject(iv->vcpu, iv->vector);
	return IOCORE_NOTIFY_INJECTED;
}

static bool auto_costly(const struct iocore_vcpu *iv)
{
	return !READ_ONCE(iv->direct);
}

static enum iocore_notify_how auto_raise(struct iocore_vcpu *iv)
{
	int how = iocore_direct_raise(iv);

	return how < 0 ? inject_raise(iv) : how;
}

static const struct iocore_notifier_ops notifiers[] = {
	[IOCORE_NOTIFIER_AUTO]	 = { .name = "auto", .costly = auto_costly,
				     .raise = auto_raise },
	[IOCORE_NOTIFIER_INJECT] = { .name = "inject", .costly = inject_costly,
				     .raise = inject_raise },
	[IOCORE_NOTIFIER_DIRECT] = { .name = "direct", .costly = auto_costly,
				     .raise = auto_raise },
	[IOCORE_NOTIFIER_NONE]	 = { .name = "none" },
};

const char *iocore_notifier_name(unsigned int notifier)
{
	return notifiers[notifier].name;
}

int iocore_notifier_parse(const char *name)
{
	unsigned int i;

	for (i = IOCORE_NOTIFIER_AUTO; i < ARRAY_SIZE(notifiers); i++)
		if (sysfs_streq(name, notifiers[i].name))
			return i;
	return -EINVAL;
}

bool iocore_notifier_polled(const struct iocore_attachment *att)
{
	return att->notifier == IOCORE_NOTIFIER_NONE &&
	       READ_ONCE(att->vm->features) & IOCORE_F_POLL;
}

const struct iocore_notifier_ops *iocore_notifier_get(const struct iocore_attachment *att)
{
	if (att->notifier == IOCORE_NOTIFIER_NONE && !iocore_notifier_polled(att))
		return &notifiers[IOCORE_NOTIFIER_INJECT];
	return &notifiers[att->notifier];
}

const struct iocore_notifier_ops *iocore_notifier_none(void)
{
	return &notifiers[IOCORE_NOTIFIER_NONE];
}

static void count_how(struct iocore_vm *vm, enum iocore_notify_how how)
{
	switch (how) {
	case IOCORE_NOTIFY_DIRECT:
		atomic64_inc(&vm->stats.notifications_direct);
		break;
	case IOCORE_NOTIFY_REPENDED:
		atomic64_inc(&vm->stats.notifications_repended);
		break;
	case IOCORE_NOTIFY_INJECTED:
		atomic64_inc(&vm->stats.notifications_injected);
		break;
	case IOCORE_NOTIFY_SUPPRESSED:
		atomic64_inc(&vm->stats.notifications_suppressed);
		break;
	}
}

static void vcpu_raise(struct iocore_vm *vm, struct iocore_vcpu *iv,
		       const struct iocore_notifier_ops *notifier)
{
	enum iocore_notify_how how;

	iocore_mark_dirty(vm->kvm, iv->gfn);
	how = notifier->raise(iv);
	count_how(vm, how);
	trace_iocore_notify(vm->pid, iv->vcpu->vcpu_id, iv->vector, how);
}

void iocore_notify_queue(struct iocore_queue *q)
{
	struct iocore_vm *vm = q->att->vm;
	struct iocore_vcpu *iv;

	if (!q->notifier->raise)
		return;
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

static bool raise_costly(struct iocore_queue *q)
{
	const struct iocore_vcpu *iv;
	bool costly;

	rcu_read_lock();
	iv = xa_load(&q->att->vm->vcpus, q->vcpu_id);
	costly = iv && q->notifier->costly(iv);
	rcu_read_unlock();
	return costly;
}

static void suppressed(struct iocore_queue *q, u32 cqes)
{
	struct iocore_vm *vm = q->att->vm;

	if (!cqes)
		return;
	q->stats.suppressed += cqes;
	atomic64_add(cqes, &vm->stats.notifications_suppressed);
	trace_iocore_notify(vm->pid, q->vcpu_id, 0, IOCORE_NOTIFY_SUPPRESSED);
}

/* One notification announces all that were held back before it. */
static void announce(struct iocore_queue *q, u32 tail, u32 spared)
{
	suppressed(q, spared);
	q->held = 0;
	WRITE_ONCE(q->due, false);
	q->notified = tail;
	q->stats.notified++;
}

bool iocore_notify_now(struct iocore_queue *q, bool crossed)
{
	u32 tail = iocore_ring_cq_tail(&q->ring);
	u32 in_flight = READ_ONCE(q->ring.sq_head) - tail;

	lockdep_assert_held(&q->cq_lock);
	post_clock(q);
	if (!q->notifier->raise || (!crossed && !q->due)) {
		suppressed(q, 1);
		return false;
	}
	if (tail - q->notified < in_flight && raise_costly(q)) {
		WRITE_ONCE(q->due, true);
		smp_mb();	/* pairs with the one in core_sleep() */
		if (!READ_ONCE(q->core->asleep)) {
			q->held++;
			return false;
		}
	}
	announce(q, tail, q->held);
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
	if (deliver)
		announce(q, iocore_ring_cq_tail(&q->ring), q->held ? q->held - 1 : 0);
	spin_unlock_irqrestore(&q->cq_lock, flags);
	if (deliver)
		iocore_notify_queue(q);
}

void iocore_notify_event(struct iocore_vm *vm, u32 events)
{
	struct iocore_vcpu *iv;
	unsigned long id = 0;

	if (!READ_ONCE(vm->direct_allowed) ||
	    !(READ_ONCE(vm->features) & IOCORE_F_DIRECT))
		events &= ~IOCORE_EVENT_DIRECT;
	if (!events)
		return;
	rcu_read_lock();
	iv = xa_find(&vm->vcpus, &id, ULONG_MAX, XA_PRESENT);
	if (iv) {
		atomic_or(events, (atomic_t *)&iv->page->events);
		smp_mb__after_atomic();	/* the event before the vector */
		vcpu_raise(vm, iv, &notifiers[IOCORE_NOTIFIER_INJECT]);
	}
	rcu_read_unlock();
}

/*
 * It is not among the VM's any more. After this no completion uses the page, and
 * the vCPU is not in direct mode by it.
 */
static void vcpu_retire(struct iocore_vcpu *iv)
{
	if (!iv)
		return;
	iocore_direct_disable(iv);
	synchronize_rcu();
	iocore_unmap_guest(1, &iv->pinned, iv->page);
	kfree(iv);
}

int iocore_vcpu_register(struct iocore_vm *vm, struct kvm_vcpu *vcpu, u64 gpa, u32 vector)
{
	struct iocore_vcpu *iv, *old;
	void *page;
	int err;

	lockdep_assert_held(&vm->lock);
	if (!gpa) {
		vcpu_retire(xa_erase(&vm->vcpus, vcpu->vcpu_id));
		return 0;
	}
	if (!PAGE_ALIGNED(gpa) || vector < 32 || vector > 255)
		return -EINVAL;
	iv = kzalloc(sizeof(*iv), GFP_KERNEL_ACCOUNT);
	if (!iv)
		return -ENOMEM;
	INIT_LIST_HEAD(&iv->watch);
	iv->vm = vm;
	iv->vcpu = vcpu;
	iv->vector = vector;
	iv->gfn = gpa_to_gfn(gpa);
	err = iocore_map_guest(vm->kvm, iv->gfn, 1, &iv->pinned, &page);
	if (err)
		goto free;
	iv->page = page;
	/* At no time is there none: what completes is announced in the one or the other. */
	old = xa_store(&vm->vcpus, vcpu->vcpu_id, iv, GFP_KERNEL_ACCOUNT);
	err = xa_err(old);
	if (err)
		goto unmap;
	vcpu_retire(old);
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
		vcpu_retire(xa_erase(&vm->vcpus, id));
}
