// SPDX-License-Identifier: GPL-2.0-only
/*
 * notify.c - telling a vCPU that completions wait
 *
 * Shared memory is the truth, the interrupt a hint: the pending bit is set
 * first, then the vector is raised, every time; KVM coalesces what is already
 * pending.
 */
#include <linux/kvm_pv_backend.h>
#include <linux/slab.h>

#include "iocore.h"
#include "trace.h"

static int inject_raise(struct iocore_vcpu *iv)
{
	return kvm_pv_inject(iv->vcpu, iv->vector);
}

const struct iocore_notifier_ops iocore_notify_inject = {
	.name	= "inject",
	.raise	= inject_raise,
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
