// SPDX-License-Identifier: GPL-2.0-only
/*
 * control.c - what a guest asks for by hypercall
 *
 * A call's structure is copied once and judged as a copy. The vCPU holds
 * kvm->srcu: nothing here may wait for a change of the memslots.
 */
#include <linux/kvm_para.h>
#include <linux/kvm_pv_backend.h>
#include <linux/nospec.h>

#include "iocore.h"
#include "trace.h"

#define CHECK_FIELD(type, field, off) \
	static_assert(offsetof(struct type, field) == (off))

static_assert(sizeof(struct iocore_identify) == 24);
CHECK_FIELD(iocore_identify, version, 0);
CHECK_FIELD(iocore_identify, features, 8);
CHECK_FIELD(iocore_identify, max_disks, 16);
CHECK_FIELD(iocore_identify, max_depth, 20);

static_assert(sizeof(struct iocore_vcpu_notify) == 16);
CHECK_FIELD(iocore_vcpu_notify, gpa, 0);
CHECK_FIELD(iocore_vcpu_notify, vector, 8);

static_assert(sizeof(struct iocore_disk_info) == 112);
CHECK_FIELD(iocore_disk_info, slot, 0);
CHECK_FIELD(iocore_disk_info, flags, 4);
CHECK_FIELD(iocore_disk_info, epoch, 8);
CHECK_FIELD(iocore_disk_info, capacity, 16);
CHECK_FIELD(iocore_disk_info, logical_block, 24);
CHECK_FIELD(iocore_disk_info, physical_block, 28);
CHECK_FIELD(iocore_disk_info, io_opt, 32);
CHECK_FIELD(iocore_disk_info, dma_align, 36);
CHECK_FIELD(iocore_disk_info, max_bytes, 40);
CHECK_FIELD(iocore_disk_info, max_segs, 44);
CHECK_FIELD(iocore_disk_info, max_queues, 48);
CHECK_FIELD(iocore_disk_info, max_depth, 52);
CHECK_FIELD(iocore_disk_info, serial, 56);
CHECK_FIELD(iocore_disk_info, max_discard, IOCORE_DISK_INFO_SIZE_0);
CHECK_FIELD(iocore_disk_info, discard_granularity, 92);
CHECK_FIELD(iocore_disk_info, max_write_zeroes, 96);
CHECK_FIELD(iocore_disk_info, io_min, 100);
CHECK_FIELD(iocore_disk_info, replay_timeout, 104);
CHECK_FIELD(iocore_disk_info, align_offset, 108);

static_assert(sizeof(struct iocore_queue_create) == 40);
CHECK_FIELD(iocore_queue_create, slot, 0);
CHECK_FIELD(iocore_queue_create, queue, 4);
CHECK_FIELD(iocore_queue_create, epoch, 8);
CHECK_FIELD(iocore_queue_create, gpa, 16);
CHECK_FIELD(iocore_queue_create, depth, 24);
CHECK_FIELD(iocore_queue_create, vcpu, 28);
CHECK_FIELD(iocore_queue_create, notify_bit, 32);
CHECK_FIELD(iocore_queue_create, flags, 36);

static_assert(sizeof(struct iocore_direct) == 16);
CHECK_FIELD(iocore_direct, gpa, 0);
CHECK_FIELD(iocore_direct, gva, 8);

static_assert(sizeof(struct iocore_cache) == 16);
CHECK_FIELD(iocore_cache, slot, 0);
CHECK_FIELD(iocore_cache, flags, 4);
CHECK_FIELD(iocore_cache, epoch, 8);

union iocore_args {
	struct iocore_identify identify;
	struct iocore_vcpu_notify notify;
	struct iocore_disk_info info;
	struct iocore_queue_create create;
	struct iocore_direct direct;
	struct iocore_cache cache;
};

/**
 * struct iocore_call - a sub-call that has a structure
 * @size:	of the structure
 * @old_size:	that it had in an earlier version of the protocol, or 0
 * @reply:	the structure goes back to the guest
 * @fn:		under vm->lock
 */
struct iocore_call {
	size_t size;
	size_t old_size;
	bool reply;
	long (*fn)(struct iocore_vm *vm, struct kvm_vcpu *vcpu,
		   union iocore_args *args);
};

/* ---- sub-calls with a structure ---------------------------------------------- */

static long iocore_call_identify(struct iocore_vm *vm, struct kvm_vcpu *vcpu,
				 union iocore_args *args)
{
	struct iocore_identify *id = &args->identify;

	if (id->pad || id->version < IOCORE_RING_VERSION)
		return -EINVAL;

	id->version = IOCORE_RING_VERSION;
	id->features &= IOCORE_F_DIRECT | IOCORE_F_POLL | IOCORE_F_REPLAY |
			IOCORE_F_QUEUE_POLL | IOCORE_F_CACHE;
	WRITE_ONCE(vm->features, id->features);
	vm->identified = true;
	id->max_disks = IOCORE_MAX_DISKS;
	id->max_depth = IOCORE_HOST_DEPTH;
	return 0;
}

static long iocore_call_vcpu_notify(struct iocore_vm *vm, struct kvm_vcpu *vcpu,
				    union iocore_args *args)
{
	const struct iocore_vcpu_notify *n = &args->notify;

	if (n->pad || !IS_ALIGNED(n->gpa, IOCORE_PAGE_SIZE))
		return -EINVAL;
	if (n->gpa && (n->vector < 32 || n->vector > 255))
		return -EINVAL;
	return iocore_vcpu_register(vm, vcpu, n->gpa, n->vector);
}

/* The guest may choose write through where the administrator did not. */
static bool iocore_cache_switchable(const struct iocore_disk *disk)
{
	return disk->write_cache && !disk->write_through;
}

static u32 iocore_disk_flags(const struct iocore_attachment *att)
{
	const struct iocore_disk *disk = att->disk;
	u32 flags = IOCORE_DISK_FUA;

	if (disk->readonly)
		flags |= IOCORE_DISK_READONLY;
	if (disk->write_cache && !att->write_through)
		flags |= IOCORE_DISK_FLUSH;
	if (iocore_notifier_polled(att))
		flags |= IOCORE_DISK_POLL;
	if (disk->unmap)
		flags |= IOCORE_DISK_UNMAP;
	if (iocore_cache_switchable(disk))
		flags |= IOCORE_DISK_CACHE;
	return flags;
}

static long iocore_call_disk_get(struct iocore_vm *vm, struct kvm_vcpu *vcpu,
				 union iocore_args *args)
{
	struct iocore_disk_info *info = &args->info;
	const struct iocore_attachment *att;
	const struct iocore_disk *disk;
	u32 slot = info->slot;

	if (!vm->identified)
		return -ESTALE;
	att = iocore_vm_slot(vm, slot);
	if (!att)
		return iocore_vm_slot_empty(vm, slot);
	disk = att->disk;

	*info = (struct iocore_disk_info) {
		.slot		= slot,
		.flags		= iocore_disk_flags(att),
		.epoch		= att->epoch,
		.capacity	= READ_ONCE(disk->lim.capacity),
		.logical_block	= disk->lim.logical_block,
		.physical_block	= disk->physical_block,
		.io_opt		= disk->io_opt,
		.dma_align	= disk->lim.dma_align,
		.max_bytes	= min_t(u32, disk->lim.max_bytes, IOCORE_MAX_BYTES),
		.max_segs	= min_t(u32, disk->lim.max_segs, IOCORE_MAX_SEGS),
		.max_queues	= disk->max_queues,
		.max_depth	= IOCORE_HOST_DEPTH,
		.max_discard	= disk->lim.max_discard,
		.discard_granularity = disk->discard_granularity,
		.max_write_zeroes = disk->lim.max_write_zeroes,
		.io_min		= disk->io_min,
		.replay_timeout	= disk->replay_timeout,
		.align_offset	= disk->align_offset,
	};
	memcpy(info->serial, disk->serial, IOCORE_SERIAL_LEN);
	return 0;
}

static bool iocore_queue_flags_ok(struct iocore_vm *vm, const struct iocore_queue_create *p)
{
	if (!(p->flags & IOCORE_QUEUE_POLL))
		return !p->flags && p->notify_bit < IOCORE_NOTIFY_BITS;
	return p->flags == IOCORE_QUEUE_POLL && !p->vcpu && !p->notify_bit &&
	       vm->features & IOCORE_F_QUEUE_POLL;
}

static bool iocore_queue_params_ok(struct iocore_vm *vm, const struct iocore_queue_create *p)
{
	return iocore_queue_flags_ok(vm, p) && p->queue < IOCORE_MAX_QUEUES &&
	       IS_ALIGNED(p->gpa, IOCORE_PAGE_SIZE) &&
	       p->depth <= IOCORE_HOST_DEPTH && iocore_ring_depth_ok(p->depth);
}

static long iocore_call_queue_create(struct iocore_vm *vm, struct kvm_vcpu *vcpu,
				     union iocore_args *args)
{
	struct iocore_queue_create *p = &args->create;
	struct iocore_attachment *att;

	if (!iocore_queue_params_ok(vm, p))
		return -EINVAL;
	att = iocore_vm_slot(vm, p->slot);
	if (!att)
		return -ENOENT;
	if (att->epoch != p->epoch)
		return -ESTALE;
	p->queue = array_index_nospec(p->queue, IOCORE_MAX_QUEUES);
	if (att->queues[p->queue])
		return -EEXIST;
	return iocore_queue_create(att, p);
}

static long iocore_call_direct(struct iocore_vm *vm, struct kvm_vcpu *vcpu,
			       union iocore_args *args)
{
	const struct iocore_direct *d = &args->direct;
	struct iocore_vcpu *iv;

	if (!IS_ALIGNED(d->gpa, IOCORE_PAGE_SIZE) || !IS_ALIGNED(d->gva, IOCORE_PAGE_SIZE))
		return -EINVAL;
	iv = xa_load(&vm->vcpus, vcpu->vcpu_id);
	if (!iv)
		return -ENOENT;
	if (d->gpa)
		return iocore_direct_enable(iv, d->gpa, d->gva);
	iocore_direct_disable(iv);
	return 0;
}

/*
 * From the store on, what the guest submits is durable when it ends; the flush
 * makes durable what ended before. What is between is the guest's to flush.
 */
static int iocore_write_through(struct iocore_attachment *att)
{
	int err;

	if (att->write_through)
		return 0;
	WRITE_ONCE(att->write_through, true);
	smp_mb();	/* the store before the flush looks at what was written */
	err = -EBUSY;
	if (iocore_gate_enter(&att->disk->gate)) {
		err = att->disk->ops->sync(att->disk) ? -EIO : 0;
		if (err)
			WRITE_ONCE(att->disk->flush_error, err);
		iocore_gate_leave(&att->disk->gate);
	}
	if (err)
		WRITE_ONCE(att->write_through, false);
	return err;
}

static long iocore_call_cache(struct iocore_vm *vm, struct kvm_vcpu *vcpu,
			      union iocore_args *args)
{
	const struct iocore_cache *c = &args->cache;
	struct iocore_attachment *att;

	if (c->flags & ~IOCORE_DISK_FLUSH)
		return -EINVAL;
	att = iocore_vm_slot(vm, c->slot);
	if (!att)
		return -ENOENT;
	if (att->epoch != c->epoch)
		return -ESTALE;
	if (!iocore_cache_switchable(att->disk))
		return -EOPNOTSUPP;
	if (!c->flags)
		return iocore_write_through(att);
	WRITE_ONCE(att->write_through, false);
	return 0;
}

static const struct iocore_call iocore_calls[] = {
	[IOCORE_HC_IDENTIFY]	 = { .size = sizeof(struct iocore_identify),
				     .reply = true,
				     .fn = iocore_call_identify },
	[IOCORE_HC_VCPU_NOTIFY]	 = { .size = sizeof(struct iocore_vcpu_notify),
				     .fn = iocore_call_vcpu_notify },
	[IOCORE_HC_DISK_GET]	 = { .size = sizeof(struct iocore_disk_info),
				     .old_size = IOCORE_DISK_INFO_SIZE_0,
				     .reply = true,
				     .fn = iocore_call_disk_get },
	[IOCORE_HC_QUEUE_CREATE] = { .size = sizeof(struct iocore_queue_create),
				     .fn = iocore_call_queue_create },
	[IOCORE_HC_DIRECT]	 = { .size = sizeof(struct iocore_direct),
				     .fn = iocore_call_direct },
	[IOCORE_HC_CACHE]	 = { .size = sizeof(struct iocore_cache),
				     .fn = iocore_call_cache },
};

/* What a newer guest says beyond what we know must be zero. */
static long iocore_check_tail(struct kvm *kvm, gpa_t gpa, size_t len)
{
	u8 chunk[64];

	while (len) {
		size_t n = min(len, sizeof(chunk));

		if (kvm_read_guest(kvm, gpa, chunk, n))
			return -EFAULT;
		if (memchr_inv(chunk, 0, n))
			return -EINVAL;
		gpa += n;
		len -= n;
	}
	return 0;
}

static long iocore_read_args(struct kvm *kvm, u64 gpa, u64 size,
			     const struct iocore_call *call,
			     union iocore_args *args)
{
	if (!IS_ALIGNED(gpa, 8) || size > PAGE_SIZE - offset_in_page(gpa) ||
	    (size < call->size && (!size || size != call->old_size)))
		return -EINVAL;
	if (kvm_read_guest(kvm, gpa, args, min(size, call->size)))
		return -EFAULT;
	if (size <= call->size)
		return 0;
	return iocore_check_tail(kvm, gpa + call->size, size - call->size);
}

static long iocore_call(struct iocore_vm *vm, struct kvm_vcpu *vcpu,
			const struct iocore_call *call, u64 gpa, u64 size)
{
	union iocore_args args = {};
	long ret;

	ret = iocore_read_args(vcpu->kvm, gpa, size, call, &args);
	if (ret)
		return ret;

	ret = iocore_vm_lock(vm);
	if (ret)
		return ret;
	ret = call->fn(vm, vcpu, &args);
	mutex_unlock(&vm->lock);
	if (ret || !call->reply)
		return ret;

	if (kvm_write_guest(vcpu->kvm, gpa, &args, min(size, call->size)))
		return -EFAULT;
	return 0;
}

/* ---- dispatch ------------------------------------------------------------------ */

static long iocore_control(struct iocore_vm *vm, struct kvm_vcpu *vcpu,
			   u64 nr, u64 a1, u64 a2, u64 a3)
{
	if (a3)
		return -EINVAL;

	if (nr == IOCORE_HC_RESET) {
		if (a1 || a2)
			return -EINVAL;
		iocore_vm_reset(vm);
		return 0;
	}
	if (nr == IOCORE_HC_QUEUE_DESTROY) {
		if (a1 >= IOCORE_MAX_DISKS || a2 >= IOCORE_MAX_QUEUES)
			return -ENOENT;
		return iocore_vm_drop_queue(vm, a1, a2);
	}

	if (nr >= ARRAY_SIZE(iocore_calls))
		return -EINVAL;
	nr = array_index_nospec(nr, ARRAY_SIZE(iocore_calls));
	if (!iocore_calls[nr].fn)
		return -EINVAL;
	return iocore_call(vm, vcpu, &iocore_calls[nr], a1, a2);
}

/*
 * An empty slot is an answer, as is a privilege that was not given; so is that
 * a guest is not known; and a fatal signal is nobody's fault.
 */
static bool iocore_is_refusal(u64 nr, long ret)
{
	if (!ret || ret == -EINTR || ret == -ENODEV)
		return false;
	if (nr == IOCORE_HC_DIRECT)
		return ret != -EPERM && ret != -EOPNOTSUPP && ret != -ENOENT &&
		       ret != -ENOMEM;
	return nr != IOCORE_HC_DISK_GET || (ret != -ENOENT && ret != -EBUSY &&
					    ret != -EAGAIN && ret != -ESTALE);
}

static void iocore_refused(struct iocore_vm *vm, const char *what, u64 value)
{
	atomic64_inc(&vm->stats.bad_control);
	trace_iocore_bad(what, value);
}

/*
 * The one call on the way of a request: no lock, no sleep. An IOCore stays for a
 * grace period after the queue or its attachment has gone.
 */
static long iocore_kick(struct kvm *kvm, u64 slot, u64 queue, u64 a3)
{
	struct iocore_attachment *att = NULL;
	struct iocore_core *core;
	struct iocore_vm *vm;
	long ret = -ENOENT;

	rcu_read_lock();
	vm = iocore_vm_find(kvm);
	if (!vm)
		goto out_unlock;

	atomic64_inc(&vm->stats.kicks);
	if (!a3 && slot < IOCORE_MAX_DISKS && queue < IOCORE_MAX_QUEUES) {
		slot = array_index_nospec(slot, IOCORE_MAX_DISKS);
		att = rcu_dereference(vm->slots[slot]);
	}
	if (att) {
		trace_iocore_kick(vm->pid, slot, queue);
		queue = array_index_nospec(queue, IOCORE_MAX_QUEUES);
		core = rcu_dereference(att->cores[queue]);
		/* A queue may go at the same time: nothing to wake is no fault. */
		if (core)
			iocore_core_wake(core);
		ret = 0;
	} else {
		iocore_refused(vm, "kick", slot);
	}

out_unlock:
	rcu_read_unlock();
	return ret;
}

long iocore_hypercall(struct kvm_vcpu *vcpu, unsigned long a0, unsigned long a1,
		      unsigned long a2, unsigned long a3)
{
	struct kvm *kvm = vcpu->kvm;
	struct iocore_vm *vm;
	const char *why;
	long ret;

	if (a0 == IOCORE_HC_KICK)
		return iocore_kick(kvm, a1, a2, a3);

	if (!kvm_pv_supported(kvm, &why))
		return -EOPNOTSUPP;
	vm = iocore_vm_get_or_create(kvm);
	if (IS_ERR(vm))
		return PTR_ERR(vm) == -ENODEV ? -KVM_ENOSYS : PTR_ERR(vm);

	ret = iocore_control(vm, vcpu, a0, a1, a2, a3);
	trace_iocore_control(vm->pid, a0, ret);
	if (iocore_is_refusal(a0, ret))
		iocore_refused(vm, "control", a0);
	iocore_vm_put(vm);

	/* The module is being unloaded: from now on there is no iocore. */
	return ret == -ENODEV ? -KVM_ENOSYS : ret;
}
