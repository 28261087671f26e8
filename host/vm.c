// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm.c - the VMs and what is attached to them
 *
 * Closing an attachment, by detach or by the end of its VM:
 *
 *  1. Under vm->lock set att->closing and take its queues out. No queue can be
 *     created any more, and nobody else will close it. vm->closers keeps the
 *     struct kvm alive, because the end of the VM waits for it.
 *  2. Without vm->lock, destroy the queues: each leaves its core and waits for
 *     what is in flight. Then wait for those who took a queue out before us.
 *  3. Stop the disk threads: they have nothing to do, and nothing can come.
 *  4. Only now empty the slot. The guest takes an empty slot as the promise
 *     that none of its memory is touched any more, also where the slot is kept
 *     for the disk to come back. Release the disk.
 *  5. Tell the guest to look, then let go of the VM: after vm->closers has
 *     dropped, the struct kvm may be gone.
 *
 * Locks: iocore_vms_lock is outside of vm->lock; iocore_config_lock is not
 * taken under either of them.
 */
#include <linux/hashtable.h>
#include <linux/kvm_pv_backend.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/pid.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "iocore.h"
#include "trace.h"

static DEFINE_HASHTABLE(iocore_vms, 6);
static DEFINE_MUTEX(iocore_vms_lock);
static bool iocore_exiting;
static atomic64_t iocore_epoch;

/* An epoch must not come again when the module is loaded anew. */
void iocore_vm_init(void)
{
	atomic64_set(&iocore_epoch, get_random_u64());
}

/* ---- the table ----------------------------------------------------------- */

struct iocore_vm *iocore_vm_find(struct kvm *kvm)
{
	struct iocore_vm *vm;

	hash_for_each_possible_rcu(iocore_vms, vm, node, (unsigned long)kvm,
				   lockdep_is_held(&iocore_vms_lock))
		if (vm->kvm == kvm)
			return vm;
	return NULL;
}

void iocore_vm_put(struct iocore_vm *vm)
{
	kobject_put(&vm->kobj);
}

int iocore_vm_lock(struct iocore_vm *vm)
{
	int ret;

	ret = mutex_lock_killable(&vm->lock);
	if (ret)
		return ret;
	if (vm->dead) {
		mutex_unlock(&vm->lock);
		return -ENODEV;
	}
	return 0;
}

/* The process that made the VM, also where another one does the attaching. */
static pid_t iocore_vm_pid(struct kvm *kvm)
{
	pid_t pid = kvm->userspace_pid;
	struct task_struct *task;

	if (current->mm == kvm->mm)
		return task_tgid_nr(current);

	rcu_read_lock();
	task = pid_task(find_pid_ns(pid, &init_pid_ns), PIDTYPE_PID);
	if (task)
		pid = task_tgid_nr(task);
	rcu_read_unlock();
	return pid;
}

static bool iocore_vm_nr_taken(pid_t pid, unsigned int nr)
{
	struct iocore_vm *vm;
	int bkt;

	hash_for_each(iocore_vms, bkt, vm, node)
		if (vm->pid == pid && vm->nr == nr)
			return true;
	return false;
}

static struct iocore_vm *iocore_vm_create(struct kvm *kvm)
{
	struct iocore_vm *vm;
	int ret;

	lockdep_assert_held(&iocore_vms_lock);

	vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	if (!vm)
		return ERR_PTR(-ENOMEM);

	vm->kvm = kvm;
	vm->id = atomic64_inc_return(&iocore_epoch);
	vm->pid = iocore_vm_pid(kvm);
	while (iocore_vm_nr_taken(vm->pid, vm->nr))
		vm->nr++;
	mutex_init(&vm->lock);
	spin_lock_init(&vm->kept_lock);
	xa_init(&vm->vcpus);
	init_waitqueue_head(&vm->closed);
	iocore_direct_vm_init(vm);

	ret = iocore_sysfs_add_vm(vm);
	if (ret)
		return ERR_PTR(ret);

	hash_add_rcu(iocore_vms, &vm->node, (unsigned long)kvm);
	return vm;
}

struct iocore_vm *iocore_vm_get(struct kvm *kvm)
{
	struct iocore_vm *vm;

	rcu_read_lock();
	vm = iocore_vm_find(kvm);
	if (vm && !kobject_get_unless_zero(&vm->kobj))
		vm = NULL;
	rcu_read_unlock();
	return vm;
}

struct iocore_vm *iocore_vm_get_or_create(struct kvm *kvm)
{
	struct iocore_vm *vm = iocore_vm_get(kvm);

	/* One VM's calls do not wait for another VM. */
	if (vm)
		return vm;

	mutex_lock(&iocore_vms_lock);
	if (iocore_exiting)
		vm = ERR_PTR(-ENODEV);
	else
		vm = iocore_vm_find(kvm) ?: iocore_vm_create(kvm);
	if (!IS_ERR(vm))
		kobject_get(&vm->kobj);
	mutex_unlock(&iocore_vms_lock);
	return vm;
}

/* ---- queues --------------------------------------------------------------- */

struct iocore_attachment *iocore_vm_slot(struct iocore_vm *vm, u32 slot)
{
	struct iocore_attachment *att;

	if (slot >= IOCORE_MAX_DISKS)
		return NULL;
	slot = array_index_nospec(slot, IOCORE_MAX_DISKS);
	att = rcu_dereference_protected(vm->slots[slot],
					lockdep_is_held(&vm->lock));
	return att && !att->closing ? att : NULL;
}

/* -ENOENT and -EAGAIN promise an empty slot, and I/O may still be in flight. */
int iocore_vm_slot_empty(struct iocore_vm *vm, u32 slot)
{
	lockdep_assert_held(&vm->lock);
	if (slot >= IOCORE_MAX_DISKS)
		return -ENOENT;
	slot = array_index_nospec(slot, IOCORE_MAX_DISKS);
	if (rcu_access_pointer(vm->slots[slot]))
		return -EBUSY;
	return vm->kept[slot] && vm->features & IOCORE_F_REPLAY ? -EAGAIN : -ENOENT;
}

/*
 * Queues on their way out: taken from att->queues under vm->lock, destroyed
 * without it. att->draining keeps the attachment until the last is gone.
 */
struct iocore_doomed {
	struct iocore_attachment *att;
	unsigned int nr;
	struct iocore_queue *queues[IOCORE_MAX_QUEUES];
};

static void iocore_doom(struct iocore_doomed *doomed,
			struct iocore_attachment *att, u32 first, u32 nr)
{
	lockdep_assert_held(&att->vm->lock);

	doomed->att = att;
	doomed->nr = 0;
	atomic_inc(&att->draining);
	for (; nr; nr--, first++) {
		if (!att->queues[first])
			continue;
		iocore_sysfs_del_queue(att->queues[first]);
		doomed->queues[doomed->nr++] = att->queues[first];
		att->queues[first] = NULL;
		RCU_INIT_POINTER(att->cores[first], NULL);
	}
}

/* The attachment may be gone on return. */
static void iocore_doomed_destroy(struct iocore_doomed *doomed)
{
	struct iocore_vm *vm = doomed->att->vm;
	unsigned int i;

	for (i = 0; i < doomed->nr; i++)
		iocore_queue_destroy(doomed->queues[i]);
	atomic_dec_return_release(&doomed->att->draining);
	wake_up_all(&vm->closed);
}

int iocore_vm_drop_queue(struct iocore_vm *vm, u32 slot, u32 nr)
{
	struct iocore_attachment *att;
	struct iocore_doomed doomed;
	int ret;

	ret = iocore_vm_lock(vm);
	if (ret)
		return ret;
	att = iocore_vm_slot(vm, slot);
	if (!att || nr >= IOCORE_MAX_QUEUES)
		goto err_unlock;
	nr = array_index_nospec(nr, IOCORE_MAX_QUEUES);
	if (!att->queues[nr])
		goto err_unlock;
	iocore_doom(&doomed, att, nr, 1);
	mutex_unlock(&vm->lock);

	iocore_doomed_destroy(&doomed);
	return 0;

err_unlock:
	mutex_unlock(&vm->lock);
	return -ENOENT;
}

static bool iocore_vm_settled(struct iocore_vm *vm)
{
	struct iocore_attachment *att;
	bool settled = true;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < IOCORE_MAX_DISKS && settled; i++) {
		att = rcu_dereference(vm->slots[i]);
		if (att && (READ_ONCE(att->closing) ||
			    atomic_read_acquire(&att->draining)))
			settled = false;
	}
	rcu_read_unlock();
	return settled;
}

static int iocore_reset_slot(struct iocore_vm *vm, unsigned int slot)
{
	struct iocore_attachment *att;
	struct iocore_doomed doomed;
	int ret;

	ret = iocore_vm_lock(vm);
	if (ret)
		return ret;
	att = iocore_vm_slot(vm, slot);
	if (att)
		iocore_doom(&doomed, att, 0, IOCORE_MAX_QUEUES);
	mutex_unlock(&vm->lock);

	if (att)
		iocore_doomed_destroy(&doomed);
	return 0;
}

/*
 * On return nothing that the guest gave before the call is used any more,
 * whoever was taking it away, and no slot is kept for it. A wait is cut short
 * only by a fatal signal, and then the guest does not run again.
 */
void iocore_vm_reset(struct iocore_vm *vm)
{
	unsigned int slot;

	for (slot = 0; slot < IOCORE_MAX_DISKS; slot++)
		if (iocore_reset_slot(vm, slot))
			return;
	if (wait_event_killable(vm->closed, iocore_vm_settled(vm)))
		return;

	if (iocore_vm_lock(vm))
		return;
	iocore_vcpus_drop(vm);
	iocore_kept_drop(vm);
	mutex_unlock(&vm->lock);
}

/*
 * User space made the VM as after power-on: what runs next has given nothing,
 * and has negotiated nothing. Once per vCPU; the first finds something to do.
 */
void iocore_vm_user_reset(struct kvm *kvm)
{
	struct iocore_vm *vm = iocore_vm_get(kvm);

	if (!vm)
		return;
	iocore_vm_reset(vm);
	if (!iocore_vm_lock(vm)) {
		WRITE_ONCE(vm->features, 0);
		vm->identified = false;
		mutex_unlock(&vm->lock);
	}
	iocore_vm_put(vm);
}

/* ---- attach ---------------------------------------------------------------- */

static bool iocore_vm_has_disk(struct iocore_vm *vm, const struct iocore_disk *disk)
{
	struct iocore_attachment *att;
	unsigned int i;

	for (i = 0; i < IOCORE_MAX_DISKS; i++) {
		att = rcu_dereference_protected(vm->slots[i],
						lockdep_is_held(&vm->lock));
		if (att && att->disk == disk)
			return true;
	}
	return false;
}

/* The same, for whoever does not hold vm->lock. */
static bool iocore_vm_uses_disk(struct iocore_vm *vm, const struct iocore_disk *disk)
{
	struct iocore_attachment *att;
	bool uses = false;
	unsigned int i;

	rcu_read_lock();
	for (i = 0; i < IOCORE_MAX_DISKS && !uses; i++) {
		att = rcu_dereference(vm->slots[i]);
		uses = att && att->disk == disk;
	}
	rcu_read_unlock();
	return uses;
}

/* The slot asked for, or that which waits for the disk, or the first free one. */
static int iocore_vm_pick_slot(struct iocore_vm *vm, int slot, const char *disk)
{
	if (slot >= 0)
		return rcu_access_pointer(vm->slots[slot]) ? -EBUSY : slot;

	slot = iocore_kept_find(vm, disk);
	if (slot >= 0)
		return slot;
	for (slot = 0; slot < IOCORE_MAX_DISKS; slot++)
		if (!rcu_access_pointer(vm->slots[slot]) && !vm->kept[slot])
			return slot;
	return -ENOSPC;
}

/* The guest can use the attachment from here on. */
static int iocore_publish(struct iocore_vm *vm, struct iocore_attachment *att,
			  int slot)
{
	int ret;

	ret = iocore_vm_lock(vm);
	if (ret)
		return ret;

	if (iocore_vm_has_disk(vm, att->disk)) {
		ret = -EBUSY;
		goto out_unlock;
	}
	ret = iocore_direct_check_attach(att);
	if (ret)
		goto out_unlock;
	ret = iocore_vm_pick_slot(vm, slot, iocore_disk_name(att->disk));
	if (ret < 0)
		goto out_unlock;

	slot = ret;
	att->slot = slot;
	ret = iocore_sysfs_add_attachment(att);
	if (ret)
		goto out_unlock;

	iocore_direct_disk_added(att);
	iocore_kept_taken(vm, slot, iocore_disk_name(att->disk));
	/* Another guest has nothing to do with what the one before may have lost. */
	if (att->disk->flush_vm != vm->id) {
		att->disk->flush_vm = vm->id;
		WRITE_ONCE(att->disk->flush_error, 0);
	}
	rcu_assign_pointer(vm->slots[slot], att);
	ret = slot;

out_unlock:
	mutex_unlock(&vm->lock);
	return ret;
}

static struct iocore_attachment *iocore_attachment_alloc(struct iocore_vm *vm)
{
	struct iocore_attachment *att;

	att = kzalloc(sizeof(*att), GFP_KERNEL_ACCOUNT);
	if (!att)
		return NULL;
	att->vm = vm;
	att->epoch = atomic64_inc_return(&iocore_epoch);
	return att;
}

static int iocore_vm_attach(struct iocore_vm *vm, const char *disk, int slot,
			    unsigned int notifier)
{
	struct iocore_attachment *att;
	u32 events = IOCORE_EVENT_DISKS;
	int ret;

	att = iocore_attachment_alloc(vm);
	if (!att)
		return -ENOMEM;

	ret = -ENODEV;
	if (!try_module_get(THIS_MODULE))
		goto err_free;

	att->disk = iocore_disk_get(disk);
	if (IS_ERR(att->disk)) {
		ret = PTR_ERR(att->disk);
		goto err_module;
	}
	att->notifier = notifier == IOCORE_NOTIFIER_DISK ? att->disk->notifier : notifier;
	att->write_through = att->disk->write_through;

	if (iocore_notifier_is_direct(att->notifier))
		events |= IOCORE_EVENT_DIRECT;
	ret = iocore_publish(vm, att, slot);
	if (ret < 0)
		goto err_disk;

	/* Now that it is published, it may be gone at any time. */
	iocore_notify_event(vm, events);
	return ret;

err_disk:
	iocore_disk_put(att->disk);
err_module:
	module_put(THIS_MODULE);
err_free:
	kfree(att);
	return ret;
}

/* The caller's reference to the VM's file keeps the struct kvm. */
int iocore_attach(struct kvm *kvm, const char *disk, int slot, unsigned int notifier)
{
	struct iocore_vm *vm;
	const char *why;
	int ret;

	if (slot < -1 || slot >= IOCORE_MAX_DISKS)
		return -EINVAL;
	if (!kvm_pv_supported(kvm, &why)) {
		pr_info_ratelimited("iocore: VM of process %d cannot be served: %s\n",
				    iocore_vm_pid(kvm), why);
		return -EOPNOTSUPP;
	}

	vm = iocore_vm_get_or_create(kvm);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	ret = iocore_vm_attach(vm, disk, slot, notifier);
	iocore_vm_put(vm);
	return ret;
}

/*
 * No vm->lock here: one VM's calls must not keep all others from beginning and
 * ending. A VM that stays in the table has its struct kvm.
 */
void iocore_vms_notify_disk(const struct iocore_disk *disk)
{
	struct iocore_vm *vm;
	int bkt;

	mutex_lock(&iocore_vms_lock);
	hash_for_each(iocore_vms, bkt, vm, node)
		if (iocore_vm_uses_disk(vm, disk))
			iocore_notify_event(vm, IOCORE_EVENT_DISKS);
	mutex_unlock(&iocore_vms_lock);
}

/* ---- detach ---------------------------------------------------------------- */

/* Steps 2 to 5 of the head of this file. */
static void iocore_close(struct iocore_vm *vm, struct iocore_attachment *att,
			 struct iocore_doomed *doomed)
{
	struct iocore_disk *disk = att->disk;

	iocore_doomed_destroy(doomed);
	wait_event(vm->closed, !atomic_read_acquire(&att->draining));

	iocore_threads_stop(att);

	iocore_sysfs_del_attachment(att);
	mutex_lock(&vm->lock);
	iocore_direct_disk_gone(att);
	RCU_INIT_POINTER(vm->slots[att->slot], NULL);
	iocore_kept_set(vm, att->slot, att->keep);
	mutex_unlock(&vm->lock);
	kfree_rcu(att, rcu);
	iocore_disk_put(disk);
	wake_up_all(&vm->closed);

	iocore_notify_event(vm, IOCORE_EVENT_DISKS);
	atomic_dec_return_release(&vm->closers);
	wake_up_all(&vm->closed);
	module_put(THIS_MODULE);
}

/* Is the slot to be kept, and can it be? */
static int iocore_promise(struct iocore_attachment *att, bool keep)
{
	lockdep_assert_held(&att->vm->lock);
	if (!keep)
		return 0;
	if (!att->disk->replay_timeout || !(att->vm->features & IOCORE_F_REPLAY))
		return -EOPNOTSUPP;
	att->keep = kstrdup(iocore_disk_name(att->disk), GFP_KERNEL_ACCOUNT);
	return att->keep ? 0 : -ENOMEM;
}

int iocore_close_slot(struct iocore_vm *vm, unsigned int slot, const char *disk,
		      bool keep)
{
	struct iocore_attachment *att;
	struct iocore_doomed doomed;
	bool closing;
	int ret;

	mutex_lock(&vm->lock);
	att = rcu_dereference_protected(vm->slots[slot],
					lockdep_is_held(&vm->lock));
	if (att && disk && strcmp(iocore_disk_name(att->disk), disk))
		att = NULL;
	closing = att && att->closing;
	if (!att || closing) {
		mutex_unlock(&vm->lock);
		if (closing)
			wait_event_killable(vm->closed,
					    !atomic_read(&vm->closers));
		return -ENOENT;
	}
	ret = iocore_promise(att, keep);
	if (ret) {
		mutex_unlock(&vm->lock);
		return ret;
	}
	WRITE_ONCE(att->closing, true);
	atomic_inc(&vm->closers);
	iocore_doom(&doomed, att, 0, IOCORE_MAX_QUEUES);
	mutex_unlock(&vm->lock);

	iocore_close(vm, att, &doomed);
	return 0;
}

/* The slot that holds the disk, or -ENOENT. */
static int iocore_vm_find_disk(struct iocore_vm *vm, const char *disk)
{
	struct iocore_attachment *att;
	int slot, ret = -ENOENT;

	rcu_read_lock();
	for (slot = 0; slot < IOCORE_MAX_DISKS && ret < 0; slot++) {
		att = rcu_dereference(vm->slots[slot]);
		if (att && !strcmp(iocore_disk_name(att->disk), disk))
			ret = slot;
	}
	rcu_read_unlock();
	return ret;
}

struct iocore_vm *iocore_find_binding(pid_t tgid, const char *disk, int *slot)
{
	struct iocore_vm *vm, *found = NULL;
	int bkt, nr;

	mutex_lock(&iocore_vms_lock);
	hash_for_each(iocore_vms, bkt, vm, node) {
		if (tgid && vm->pid != tgid)
			continue;
		nr = iocore_vm_find_disk(vm, disk);
		if (nr < 0 && iocore_kept_find(vm, disk) < 0)
			continue;
		if (found) {
			found = ERR_PTR(-ENOTUNIQ);
			break;
		}
		found = vm;
		*slot = max(nr, -1);
	}
	if (!IS_ERR_OR_NULL(found))
		kobject_get(&found->kobj);
	mutex_unlock(&iocore_vms_lock);
	return found ?: ERR_PTR(-ENOENT);
}

int iocore_detach_slot(struct kvm *kvm, unsigned int slot)
{
	struct iocore_vm *vm;
	int ret;

	vm = iocore_vm_get_or_create(kvm);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	ret = iocore_close_slot(vm, slot, NULL, false);
	iocore_vm_put(vm);
	return ret;
}

/* ---- the end ---------------------------------------------------------------- */

/* Who sets it is the one who tears the vm down. */
static void iocore_vm_set_dead(struct iocore_vm *vm)
{
	lockdep_assert_held(&iocore_vms_lock);
	mutex_lock(&vm->lock);
	vm->dead = true;
	mutex_unlock(&vm->lock);
}

/* It stays in the table, so that no other VM takes its name in sysfs. */
static void iocore_vm_teardown(struct iocore_vm *vm)
{
	unsigned int slot;

	for (slot = 0; slot < IOCORE_MAX_DISKS; slot++)
		iocore_close_slot(vm, slot, NULL, false);
	wait_event(vm->closed, !atomic_read_acquire(&vm->closers));

	iocore_direct_vm_exit(vm);
	mutex_lock(&vm->lock);
	iocore_vcpus_drop(vm);
	iocore_kept_drop(vm);
	mutex_unlock(&vm->lock);

	iocore_sysfs_del_vm(vm);
}

/* Ends the table's reference. */
static void iocore_vm_forget(struct iocore_vm *vm)
{
	lockdep_assert_held(&iocore_vms_lock);
	hash_del_rcu(&vm->node);
	iocore_vm_put(vm);
}

/* KVM frees the struct kvm after this returns. */
void iocore_vm_destroy(struct kvm *kvm)
{
	struct iocore_vm *vm;

	mutex_lock(&iocore_vms_lock);
	vm = iocore_vm_find(kvm);
	if (vm)
		iocore_vm_set_dead(vm);
	mutex_unlock(&iocore_vms_lock);
	if (!vm)
		return;

	iocore_vm_teardown(vm);
	mutex_lock(&iocore_vms_lock);
	iocore_vm_forget(vm);
	mutex_unlock(&iocore_vms_lock);
}

/*
 * The guest asks, hears that there is no host, and waits for one: by then none of
 * its pages is used any more.
 */
static void iocore_vm_leave(struct iocore_vm *vm)
{
	lockdep_assert_held(&iocore_vms_lock);
	mutex_lock(&vm->lock);
	vm->dead = true;
	iocore_notify_event(vm, IOCORE_EVENT_DISKS);
	iocore_vcpus_drop(vm);
	mutex_unlock(&vm->lock);
}

/*
 * Nothing is attached. iocore_vms_lock is held throughout, so that a VM that
 * ends meanwhile waits in iocore_vm_destroy() until we are done with it. One
 * that is dead already is left to iocore_vm_destroy(), which the caller waits
 * for when he unregisters from KVM.
 */
void iocore_vm_destroy_all(void)
{
	struct hlist_node *next;
	struct iocore_vm *vm;
	int bkt;

	mutex_lock(&iocore_vms_lock);
	iocore_exiting = true;
	hash_for_each_safe(iocore_vms, bkt, next, vm, node) {
		if (vm->dead)
			continue;
		iocore_vm_leave(vm);
		iocore_vm_teardown(vm);
		iocore_vm_forget(vm);
	}
	mutex_unlock(&iocore_vms_lock);
}
