// SPDX-License-Identifier: GPL-2.0-only
/*
 * direct.c - notifications that a vCPU takes without an exit
 *
 * Direct mode lets a guest own its physical CPU's interrupt flag, so it is a
 * privilege of the VM, given and taken by the administrator; the vectors of
 * the host exist while any VM has it. Its guest sets it up for each vCPU, and
 * keeps it only as long as
 *
 *	1. the VM has the privilege,
 *	2. a disk is attached whose notifier uses it, so that an IOCore runs, and
 *	3. the vCPU's notification page is registered.
 *
 * All three change under vm->lock, and whoever ends one of them ends direct
 * mode under the same lock.
 *
 * The watchdog: a timer interrupt on any IOCore's CPU takes a round over all
 * vCPUs that are set up, every quarter of a period. watch_lock is held for a
 * round, so that one IOCore does it, and a vCPU that has left the list is not
 * being looked at any more. Revoking is ended by a work of the VM, which takes
 * vm->lock as everybody else does.
 */
#include <linux/kvm_direct.h>
#include <linux/module.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "iocore.h"
#include "trace.h"

/* rounds of the watchdog in a period */
#define DIRECT_ROUNDS		4
#define DIRECT_PERIOD_MAX	1000
#define DIRECT_ESCAPES_MAX	1000

static unsigned int direct_period_ms = 20;
static unsigned int direct_escapes = 8;

static int set_period(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, DIRECT_PERIOD_MAX);
}

static int set_escapes(const char *val, const struct kernel_param *kp)
{
	return param_set_uint_minmax(val, kp, 1, DIRECT_ESCAPES_MAX);
}

static const struct kernel_param_ops period_ops = {
	.set	= set_period,
	.get	= param_get_uint,
};

static const struct kernel_param_ops escapes_ops = {
	.set	= set_escapes,
	.get	= param_get_uint,
};

module_param_cb(direct_period_ms, &period_ops, &direct_period_ms, 0644);
MODULE_PARM_DESC(direct_period_ms,
		 "A vCPU in direct mode that causes no exit for so long is kicked, after twice as long by NMI (1..1000, default 20)");
module_param_cb(direct_escapes, &escapes_ops, &direct_escapes, 0644);
MODULE_PARM_DESC(direct_escapes,
		 "NMIs after which a vCPU loses direct mode; one is forgiven each second (1..1000, default 8)");

/* ---- the host's vectors --------------------------------------------------- */

/* Where IOCores run, and how many; written under iocore_config_lock. */
static struct cpumask reserved_cpus;
static DEFINE_PER_CPU(unsigned int, reserved_by);

void iocore_direct_reserve(unsigned int cpu)
{
	lockdep_assert_held(&iocore_config_lock);
	if (!per_cpu(reserved_by, cpu)++)
		cpumask_set_cpu(cpu, &reserved_cpus);
}

void iocore_direct_unreserve(unsigned int cpu)
{
	lockdep_assert_held(&iocore_config_lock);
	if (!--per_cpu(reserved_by, cpu))
		cpumask_clear_cpu(cpu, &reserved_cpus);
}

bool iocore_direct_reserved(unsigned int cpu)
{
	return cpumask_test_cpu(cpu, &reserved_cpus);
}

/*
 * VMs with the privilege use the vectors. The last of them may end in a
 * callback of KVM, where the vectors can't be given back: a work does it.
 */
static DEFINE_MUTEX(vectors_lock);
static bool vectors_held;		/* under vectors_lock */
static atomic_t vectors_users;		/* grows under vectors_lock */

static void vectors_put(struct work_struct *work)
{
	mutex_lock(&vectors_lock);
	if (vectors_held && !atomic_read(&vectors_users)) {
		kvm_direct_put();
		vectors_held = false;
	}
	mutex_unlock(&vectors_lock);
}

static DECLARE_WORK(vectors_work, vectors_put);

static int vectors_use(void)
{
	int ret = 0;

	mutex_lock(&vectors_lock);
	if (!vectors_held)
		ret = kvm_direct_get(&reserved_cpus);
	if (!ret) {
		vectors_held = true;
		atomic_inc(&vectors_users);
	}
	mutex_unlock(&vectors_lock);
	return ret;
}

static void vectors_unuse(void)
{
	if (atomic_dec_and_test(&vectors_users))
		schedule_work(&vectors_work);
}

void iocore_direct_exit(void)
{
	flush_work(&vectors_work);
}

/* ---- the watchdog --------------------------------------------------------- */

static DEFINE_RAW_SPINLOCK(watch_lock);
static LIST_HEAD(watched);		/* under watch_lock */
static unsigned int nr_watched;		/* written under watch_lock */
static u64 next_round;			/* ktime_get_ns(), written under watch_lock */

/* Watched on return: the vCPU has not entered the guest before. */
static void watch_add(struct iocore_vcpu *iv)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&watch_lock, flags);
	list_add_tail(&iv->watch, &watched);
	WRITE_ONCE(nr_watched, nr_watched + 1);
	raw_spin_unlock_irqrestore(&watch_lock, flags);
	iocore_core_watch_all();
}

static void watch_del(struct iocore_vcpu *iv)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&watch_lock, flags);
	list_del_init(&iv->watch);
	WRITE_ONCE(nr_watched, nr_watched - 1);
	raw_spin_unlock_irqrestore(&watch_lock, flags);
}

/* It is watched until the work, which can't run at once, has got it out. */
static void watch_all(u64 now, u64 period)
{
	unsigned int limit = READ_ONCE(direct_escapes);
	struct iocore_vcpu *iv;

	lockdep_assert_held(&watch_lock);
	list_for_each_entry(iv, &watched, watch) {
		if (kvm_direct_watch(iv->vcpu, now, period, limit))
			queue_work(system_unbound_wq, &iv->vm->direct_work);
	}
}

/*
 * An IOCore's timer comes a little early or late: half of the time after the
 * previous round is time for the next.
 */
u64 iocore_direct_watch(void)
{
	u64 period = (u64)READ_ONCE(direct_period_ms) * NSEC_PER_MSEC;
	u64 delay = period / DIRECT_ROUNDS;
	u64 now = ktime_get_ns();
	unsigned long flags;

	if (!READ_ONCE(nr_watched))
		return 0;
	if (now < READ_ONCE(next_round))
		return delay;

	raw_spin_lock_irqsave(&watch_lock, flags);
	if (now >= next_round) {
		WRITE_ONCE(next_round, now + delay / 2);
		watch_all(now, period);
	}
	raw_spin_unlock_irqrestore(&watch_lock, flags);
	return delay;
}

/* ---- one vCPU -------------------------------------------------------------- */

static int direct_permitted(struct iocore_vm *vm)
{
	lockdep_assert_held(&vm->lock);
	if (!kvm_direct_supported(vm->kvm, NULL))
		return -EOPNOTSUPP;
	return vm->direct_allowed && vm->direct_disks ? 0 : -EPERM;
}

int iocore_direct_enable(struct iocore_vcpu *iv, u64 gpa, u64 gva)
{
	struct iocore_vm *vm = iv->vm;
	int ret;

	lockdep_assert_held(&vm->lock);
	iocore_direct_disable(iv);
	ret = direct_permitted(vm);
	if (!ret)
		ret = kvm_direct_enable(iv->vcpu, gpa, gva, iv->vector);
	trace_iocore_direct(vm->pid, iv->vcpu->vcpu_id, IOCORE_DIRECT_ENABLE, ret);
	if (ret)
		return ret;

	iv->direct_set_up = true;
	WRITE_ONCE(iv->direct, true);
	watch_add(iv);
	return 0;
}

/* KVM does not forget it, and does not let the vCPU be set up again. */
static bool is_revoked(struct iocore_vcpu *iv)
{
	struct kvm_direct_stats stats;

	kvm_direct_read_stats(iv->vcpu, &stats);
	return stats.revoked;
}

static void report_revoked(struct iocore_vcpu *iv)
{
	struct iocore_vm *vm = iv->vm;

	atomic64_inc(&vm->stats.direct_revoked);
	trace_iocore_direct(vm->pid, iv->vcpu->vcpu_id, IOCORE_DIRECT_REVOKE, 0);
	pr_warn("iocore: VM of process %d: vCPU %u kept its CPU or took the host's interrupts and lost direct mode\n",
		vm->pid, iv->vcpu->vcpu_id);
}

/* A notification that is being raised meanwhile finds -ENODEV, and injects. */
void iocore_direct_disable(struct iocore_vcpu *iv)
{
	lockdep_assert_held(&iv->vm->lock);
	if (!iv->direct_set_up)
		return;
	iv->direct_set_up = false;
	kvm_direct_disable(iv->vcpu);
	watch_del(iv);
	if (is_revoked(iv))
		report_revoked(iv);
	WRITE_ONCE(iv->direct, false);
	trace_iocore_direct(iv->vm->pid, iv->vcpu->vcpu_id, IOCORE_DIRECT_DISABLE, 0);
}

int iocore_direct_raise(struct iocore_vcpu *iv)
{
	int ret;

	if (!READ_ONCE(iv->direct))
		return -ENODEV;
	ret = kvm_direct_raise(iv->vcpu);
	if (ret < 0)
		return ret;
	return ret ? IOCORE_NOTIFY_REPENDED : IOCORE_NOTIFY_DIRECT;
}

/* ---- one VM ---------------------------------------------------------------- */

void iocore_direct_disable_all(struct iocore_vm *vm)
{
	struct iocore_vcpu *iv;
	unsigned long id;

	lockdep_assert_held(&vm->lock);
	xa_for_each(&vm->vcpus, id, iv)
		iocore_direct_disable(iv);
}

/* The vCPUs of which the watchdog's interrupt could only take note. */
static void direct_revoked(struct work_struct *work)
{
	struct iocore_vm *vm = container_of(work, struct iocore_vm, direct_work);
	struct iocore_vcpu *iv;
	unsigned long id;

	mutex_lock(&vm->lock);
	xa_for_each(&vm->vcpus, id, iv)
		if (is_revoked(iv))
			iocore_direct_disable(iv);
	mutex_unlock(&vm->lock);
}

void iocore_direct_disk_added(struct iocore_attachment *att)
{
	lockdep_assert_held(&att->vm->lock);
	if (iocore_notifier_is_direct(att->notifier))
		att->vm->direct_disks++;
}

void iocore_direct_disk_gone(struct iocore_attachment *att)
{
	lockdep_assert_held(&att->vm->lock);
	if (iocore_notifier_is_direct(att->notifier) && !--att->vm->direct_disks)
		iocore_direct_disable_all(att->vm);
}

static int direct_check_host(struct iocore_vm *vm)
{
	const char *why;

	if (kvm_direct_supported(vm->kvm, &why))
		return 0;
	pr_info_ratelimited("iocore: VM of process %d cannot have direct mode: %s\n",
			    vm->pid, why);
	return -EOPNOTSUPP;
}

int iocore_direct_check_attach(struct iocore_attachment *att)
{
	struct iocore_vm *vm = att->vm;
	int ret;

	lockdep_assert_held(&vm->lock);
	if (att->notifier != IOCORE_NOTIFIER_DIRECT)
		return 0;
	ret = direct_check_host(vm);
	if (ret)
		return ret;
	return vm->direct_allowed ? 0 : -EPERM;
}

static void direct_take(struct iocore_vm *vm)
{
	bool allowed;

	mutex_lock(&vm->lock);
	allowed = vm->direct_allowed;
	vm->direct_allowed = false;
	iocore_direct_disable_all(vm);
	mutex_unlock(&vm->lock);
	if (allowed)
		vectors_unuse();
}

static int direct_grant(struct iocore_vm *vm)
{
	bool allowed;
	int ret;

	ret = direct_check_host(vm);
	if (ret)
		return ret;
	ret = vectors_use();
	if (ret)
		return ret;
	ret = iocore_vm_lock(vm);
	if (ret) {
		vectors_unuse();
		return ret;
	}
	allowed = vm->direct_allowed;
	vm->direct_allowed = true;
	mutex_unlock(&vm->lock);

	if (allowed)
		vectors_unuse();
	else
		iocore_notify_event(vm, IOCORE_EVENT_DIRECT);
	return 0;
}

int iocore_direct_allow(struct kvm *kvm)
{
	struct iocore_vm *vm = iocore_vm_get_or_create(kvm);
	int ret;

	if (IS_ERR(vm))
		return PTR_ERR(vm);
	ret = direct_grant(vm);
	iocore_vm_put(vm);
	return ret;
}

void iocore_direct_deny(struct kvm *kvm)
{
	struct iocore_vm *vm = iocore_vm_get(kvm);

	if (!vm)
		return;
	direct_take(vm);
	iocore_vm_put(vm);
}

void iocore_direct_vm_init(struct iocore_vm *vm)
{
	INIT_WORK(&vm->direct_work, direct_revoked);
}

/* It is dead and can't be given the privilege again, so nothing queues the work. */
void iocore_direct_vm_exit(struct iocore_vm *vm)
{
	direct_take(vm);
	cancel_work_sync(&vm->direct_work);
}

/* ---- what became of it ------------------------------------------------------ */

const char *iocore_direct_reason(struct iocore_vm *vm, const struct iocore_vcpu *iv,
				 const struct kvm_direct_stats *stats, const char **more)
{
	*more = "";
	if (READ_ONCE(iv->direct))
		return kvm_direct_reason_name(stats->last);
	if (!kvm_direct_supported(vm->kvm, more))
		return "not supported: ";
	if (!READ_ONCE(vm->direct_allowed))
		return "not allowed";
	if (!READ_ONCE(vm->direct_disks))
		return "no disk has the notifier auto or direct";
	if (stats->revoked)
		return "revoked";
	if (!stats->enabled)
		return "guest has not set it up";
	return kvm_direct_reason_name(stats->last);
}
