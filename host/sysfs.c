// SPDX-License-Identifier: GPL-2.0-only
/*
 * sysfs.c - counters under /sys/kernel/iocore, one value a file
 *
 * The kobject of a core or a disk holds its configfs item, whose release frees
 * the object. The kobject of a VM is what the VM lives by.
 */
#include <linux/kobject.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "iocore.h"

static struct kobject *iocore_root;
static struct kobject *iocore_cores_dir;
static struct kobject *iocore_disks_dir;
static struct kobject *iocore_vms_dir;

/* A read-only file of a @_kind; the expression @_value calls the object obj. */
#define IOCORE_FILE(_kind, _name, _fmt, _value)				\
static ssize_t _kind##_##_name##_show(struct kobject *kobj,		\
				      struct kobj_attribute *attr,	\
				      char *buf)			\
{									\
	struct iocore_##_kind *obj =					\
		container_of(kobj, struct iocore_##_kind, kobj);	\
									\
	return sysfs_emit(buf, _fmt "\n", _value);			\
}									\
static struct kobj_attribute _kind##_attr_##_name =			\
	__ATTR(_name, 0444, _kind##_##_name##_show, NULL)

/* ---- cores/NAME -------------------------------------------------------------- */

IOCORE_FILE(core, cpu, "%u", READ_ONCE(obj->cpu));
IOCORE_FILE(core, busy_ns, "%llu", READ_ONCE(obj->busy_ns));
IOCORE_FILE(core, total_ns, "%llu",
	    READ_ONCE(obj->enabled) ? iocore_core_total_ns(obj) : 0);
IOCORE_FILE(core, turns, "%llu", READ_ONCE(obj->turns));
IOCORE_FILE(core, requests, "%llu", READ_ONCE(obj->requests));
IOCORE_FILE(core, sleeps, "%llu", READ_ONCE(obj->sleeps));
IOCORE_FILE(core, wakeups, "%lld", atomic64_read(&obj->wakeups));

static struct attribute *core_attrs[] = {
	&core_attr_cpu.attr,
	&core_attr_busy_ns.attr,
	&core_attr_total_ns.attr,
	&core_attr_turns.attr,
	&core_attr_requests.attr,
	&core_attr_sleeps.attr,
	&core_attr_wakeups.attr,
	NULL,
};
ATTRIBUTE_GROUPS(core);

static void core_release(struct kobject *kobj)
{
	struct iocore_core *core = container_of(kobj, struct iocore_core, kobj);

	config_item_put(&core->group.cg_item);
}

static const struct kobj_type core_ktype = {
	.release	= core_release,
	.sysfs_ops	= &kobj_sysfs_ops,
	.default_groups	= core_groups,
};

int iocore_sysfs_add_core(struct iocore_core *core)
{
	int ret;

	config_item_get(&core->group.cg_item);
	ret = kobject_init_and_add(&core->kobj, &core_ktype, iocore_cores_dir,
				   "%s", iocore_core_name(core));
	if (ret)
		kobject_put(&core->kobj);
	return ret;
}

void iocore_sysfs_del_core(struct iocore_core *core)
{
	kobject_del(&core->kobj);
	kobject_put(&core->kobj);
}

/* ---- disks/NAME -------------------------------------------------------------- */

/* The counters exist, and begin at zero, while the disk is enabled. */
static struct iocore_disk_stats iocore_disk_stats_get(struct iocore_disk *disk)
{
	struct iocore_disk_stats sum = {};

	mutex_lock(&iocore_config_lock);
	if (disk->enabled)
		iocore_disk_stats_sum(disk, &sum);
	mutex_unlock(&iocore_config_lock);
	return sum;
}

IOCORE_FILE(disk, reads, "%llu", iocore_disk_stats_get(obj).reads);
IOCORE_FILE(disk, writes, "%llu", iocore_disk_stats_get(obj).writes);
IOCORE_FILE(disk, flushes, "%llu", iocore_disk_stats_get(obj).flushes);
IOCORE_FILE(disk, read_bytes, "%llu", iocore_disk_stats_get(obj).read_bytes);
IOCORE_FILE(disk, write_bytes, "%llu", iocore_disk_stats_get(obj).write_bytes);
IOCORE_FILE(disk, discards, "%llu", iocore_disk_stats_get(obj).discards);
IOCORE_FILE(disk, discard_bytes, "%llu", iocore_disk_stats_get(obj).discard_bytes);
IOCORE_FILE(disk, write_zeroes, "%llu", iocore_disk_stats_get(obj).write_zeroes);
IOCORE_FILE(disk, errors, "%llu", iocore_disk_stats_get(obj).errors);
IOCORE_FILE(disk, in_flight, "%d", atomic_read(&obj->in_flight));
IOCORE_FILE(disk, capacity, "%llu", READ_ONCE(obj->lim.capacity));
IOCORE_FILE(disk, readonly, "%d", READ_ONCE(obj->readonly));

static ssize_t disk_path_show(struct kobject *kobj, struct kobj_attribute *attr,
			      char *buf)
{
	return iocore_backend_path(container_of(kobj, struct iocore_disk, kobj), buf);
}

static struct kobj_attribute disk_attr_path =
	__ATTR(path, 0444, disk_path_show, NULL);

static ssize_t disk_latency_emit(struct kobject *kobj, enum iocore_latency which,
				 char *buf)
{
	struct iocore_disk *disk = container_of(kobj, struct iocore_disk, kobj);
	struct iocore_disk_stats *sum;
	int i, at = 0;

	sum = kmalloc(sizeof(*sum), GFP_KERNEL);
	if (!sum)
		return -ENOMEM;
	*sum = iocore_disk_stats_get(disk);
	for (i = 0; i < IOCORE_LATENCY_ENTRIES; i++)
		at += sysfs_emit_at(buf, at, "%s%llu", i ? " " : "", sum->latency[which][i]);
	kfree(sum);
	return at + sysfs_emit_at(buf, at, "\n");
}

#define IOCORE_LATENCY_FILE(_name, _which)				\
static ssize_t disk_##_name##_show(struct kobject *kobj,		\
				   struct kobj_attribute *attr,		\
				   char *buf)				\
{									\
	return disk_latency_emit(kobj, _which, buf);			\
}									\
static struct kobj_attribute disk_attr_##_name =			\
	__ATTR(_name, 0444, disk_##_name##_show, NULL)

IOCORE_LATENCY_FILE(latency_read, IOCORE_LATENCY_READ);
IOCORE_LATENCY_FILE(latency_write, IOCORE_LATENCY_WRITE);
IOCORE_LATENCY_FILE(latency_flush, IOCORE_LATENCY_FLUSH);
IOCORE_LATENCY_FILE(latency_discard, IOCORE_LATENCY_DISCARD);

static struct attribute *disk_attrs[] = {
	&disk_attr_reads.attr,
	&disk_attr_writes.attr,
	&disk_attr_flushes.attr,
	&disk_attr_read_bytes.attr,
	&disk_attr_write_bytes.attr,
	&disk_attr_discards.attr,
	&disk_attr_discard_bytes.attr,
	&disk_attr_write_zeroes.attr,
	&disk_attr_latency_read.attr,
	&disk_attr_latency_write.attr,
	&disk_attr_latency_flush.attr,
	&disk_attr_latency_discard.attr,
	&disk_attr_errors.attr,
	&disk_attr_in_flight.attr,
	&disk_attr_capacity.attr,
	&disk_attr_readonly.attr,
	&disk_attr_path.attr,
	NULL,
};
ATTRIBUTE_GROUPS(disk);

static void disk_release(struct kobject *kobj)
{
	struct iocore_disk *disk = container_of(kobj, struct iocore_disk, kobj);

	config_item_put(&disk->group.cg_item);
}

static const struct kobj_type disk_ktype = {
	.release	= disk_release,
	.sysfs_ops	= &kobj_sysfs_ops,
	.default_groups	= disk_groups,
};

int iocore_sysfs_add_disk(struct iocore_disk *disk)
{
	int ret;

	config_item_get(&disk->group.cg_item);
	ret = kobject_init_and_add(&disk->kobj, &disk_ktype, iocore_disks_dir,
				   "%s", iocore_disk_name(disk));
	if (ret)
		kobject_put(&disk->kobj);
	return ret;
}

void iocore_sysfs_del_disk(struct iocore_disk *disk)
{
	kobject_del(&disk->kobj);
	kobject_put(&disk->kobj);
}

/* ---- vms/PID-N --------------------------------------------------------------- */

#define VM_STAT(_name)	atomic64_read(&obj->stats._name)

IOCORE_FILE(vm, pid, "%d", obj->pid);
IOCORE_FILE(vm, kicks, "%lld", VM_STAT(kicks));
IOCORE_FILE(vm, notifications_direct, "%lld", VM_STAT(notifications_direct));
IOCORE_FILE(vm, notifications_repended, "%lld",
	    VM_STAT(notifications_repended));
IOCORE_FILE(vm, notifications_injected, "%lld",
	    VM_STAT(notifications_injected));
IOCORE_FILE(vm, notifications_suppressed, "%lld",
	    VM_STAT(notifications_suppressed));
IOCORE_FILE(vm, direct_allowed, "%d", READ_ONCE(obj->direct_allowed));
IOCORE_FILE(vm, direct_revoked, "%lld", VM_STAT(direct_revoked));
IOCORE_FILE(vm, bad_control, "%lld", VM_STAT(bad_control));
IOCORE_FILE(vm, bad_descriptor, "%lld", VM_STAT(bad_descriptor));
IOCORE_FILE(vm, bad_ring, "%lld", VM_STAT(bad_ring));

/* It lives no longer than KVM's VM does: see iocore_sysfs_del_vm(). */
static u64 vm_exits(struct iocore_vm *vm)
{
	struct kvm_vcpu *vcpu;
	unsigned long i;
	u64 sum = 0;

	kvm_for_each_vcpu(i, vcpu, vm->kvm)
		sum += READ_ONCE(vcpu->stat.exits);
	return sum;
}

IOCORE_FILE(vm, exits, "%llu", vm_exits(obj));

static u64 entries_normal(const struct kvm_direct_stats *stats)
{
	u64 sum = 0;
	int i;

	for (i = KVM_DIRECT_OK + 1; i < KVM_DIRECT_REASONS; i++)
		sum += stats->entries[i];
	return sum;
}

static u64 sum_injected(const struct kvm_direct_stats *stats)
{
	u64 sum = 0;
	int i;

	for (i = 0; i < KVM_DIRECT_REASONS; i++)
		sum += stats->injected[i];
	return sum;
}

static int vcpu_emit(struct iocore_vm *vm, struct iocore_vcpu *iv, char *buf, int at)
{
	struct kvm_direct_stats stats = {};
	const char *reason, *more;

	kvm_direct_read_stats(iv->vcpu, &stats);
	reason = iocore_direct_reason(vm, iv, &stats, &more);
	return sysfs_emit_at(buf, at,
			     "vcpu=%u mode=%s reason=\"%s%s\" sent=%llu repended=%llu injected=%llu direct_entries=%llu normal_entries=%llu probes=%llu escapes=%llu\n",
			     iv->vcpu->vcpu_id, READ_ONCE(iv->direct) ? "direct" : "inject",
			     reason, more, stats.sent, stats.repended, sum_injected(&stats),
			     stats.entries[KVM_DIRECT_OK], entries_normal(&stats),
			     stats.probes, stats.escapes);
}

/* No line is cut off: what does not fit into a page is left out. */
static ssize_t vm_vcpus_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *buf)
{
	struct iocore_vm *vm = container_of(kobj, struct iocore_vm, kobj);
	struct iocore_vcpu *iv;
	unsigned long id;
	int at = 0, len;

	rcu_read_lock();
	xa_for_each(&vm->vcpus, id, iv) {
		len = vcpu_emit(vm, iv, buf, at);
		if (at + len >= PAGE_SIZE - 1)
			break;
		at += len;
	}
	rcu_read_unlock();
	return at;
}

static struct kobj_attribute vm_attr_vcpus =
	__ATTR(vcpus, 0444, vm_vcpus_show, NULL);

/* A name of one word. */
static int reason_emit(char *buf, int at, int reason, u64 entries, u64 injected)
{
	char name[48];

	strscpy(name, kvm_direct_reason_name(reason));
	strreplace(name, ' ', '-');
	return sysfs_emit_at(buf, at, "%s %llu %llu\n", name, entries, injected);
}

static ssize_t vm_direct_reasons_show(struct kobject *kobj,
				      struct kobj_attribute *attr, char *buf)
{
	struct iocore_vm *vm = container_of(kobj, struct iocore_vm, kobj);
	u64 entries[KVM_DIRECT_REASONS] = {}, injected[KVM_DIRECT_REASONS] = {};
	struct iocore_vcpu *iv;
	unsigned long id;
	int i, at = 0;

	rcu_read_lock();
	xa_for_each(&vm->vcpus, id, iv) {
		struct kvm_direct_stats stats = {};

		kvm_direct_read_stats(iv->vcpu, &stats);
		for (i = 0; i < KVM_DIRECT_REASONS; i++) {
			entries[i] += stats.entries[i];
			injected[i] += stats.injected[i];
		}
	}
	rcu_read_unlock();
	for (i = 0; i < KVM_DIRECT_REASONS; i++)
		at += reason_emit(buf, at, i, entries[i], injected[i]);
	return at;
}

static struct kobj_attribute vm_attr_direct_reasons =
	__ATTR(direct_reasons, 0444, vm_direct_reasons_show, NULL);

static ssize_t vm_kept_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return iocore_kept_emit(container_of(kobj, struct iocore_vm, kobj), buf);
}

static struct kobj_attribute vm_attr_kept =
	__ATTR(kept, 0444, vm_kept_show, NULL);

static struct attribute *vm_attrs[] = {
	&vm_attr_pid.attr,
	&vm_attr_kicks.attr,
	&vm_attr_exits.attr,
	&vm_attr_notifications_direct.attr,
	&vm_attr_notifications_repended.attr,
	&vm_attr_notifications_injected.attr,
	&vm_attr_notifications_suppressed.attr,
	&vm_attr_direct_allowed.attr,
	&vm_attr_direct_revoked.attr,
	&vm_attr_direct_reasons.attr,
	&vm_attr_vcpus.attr,
	&vm_attr_kept.attr,
	&vm_attr_bad_control.attr,
	&vm_attr_bad_descriptor.attr,
	&vm_attr_bad_ring.attr,
	NULL,
};
ATTRIBUTE_GROUPS(vm);

/* A kick may have found it a moment ago. */
static void vm_release(struct kobject *kobj)
{
	struct iocore_vm *vm = container_of(kobj, struct iocore_vm, kobj);

	kfree_rcu(vm, rcu);
}

static const struct kobj_type vm_ktype = {
	.release	= vm_release,
	.sysfs_ops	= &kobj_sysfs_ops,
	.default_groups	= vm_groups,
};

/* On error the vm is gone. */
int iocore_sysfs_add_vm(struct iocore_vm *vm)
{
	int ret;

	ret = kobject_init_and_add(&vm->kobj, &vm_ktype, iocore_vms_dir,
				   "%d-%u", vm->pid, vm->nr);
	if (ret)
		goto err_put;

	ret = -ENOMEM;
	vm->disks = kobject_create_and_add("disks", &vm->kobj);
	if (!vm->disks)
		goto err_put;
	vm->notifiers = kobject_create_and_add("notifiers", &vm->kobj);
	if (!vm->notifiers)
		goto err_disks;
	vm->queues = kobject_create_and_add("queues", &vm->kobj);
	if (!vm->queues)
		goto err_notifiers;
	return 0;

err_notifiers:
	kobject_put(vm->notifiers);
err_disks:
	kobject_put(vm->disks);
err_put:
	kobject_put(&vm->kobj);
	return ret;
}

/* The caller's reference to the vm stays. */
void iocore_sysfs_del_vm(struct iocore_vm *vm)
{
	kobject_put(vm->queues);
	kobject_put(vm->notifiers);
	kobject_put(vm->disks);
	kobject_del(&vm->kobj);
}

static ssize_t attachment_slot_show(struct kobject *kobj,
				    struct kobj_attribute *attr, char *buf)
{
	struct iocore_attachment *att =
		container_of(attr, struct iocore_attachment, attr);

	return sysfs_emit(buf, "%u\n", att->slot);
}

static ssize_t attachment_notifier_show(struct kobject *kobj,
					struct kobj_attribute *attr, char *buf)
{
	struct iocore_attachment *att =
		container_of(attr, struct iocore_attachment, notifier_attr);

	return sysfs_emit(buf, "%s\n", iocore_notifier_name(att->notifier));
}

/* The name is the disk's, which stays as long as it is attached. */
static void attachment_attr_init(struct iocore_attachment *att,
				 struct kobj_attribute *attr,
				 ssize_t (*show)(struct kobject *kobj,
						 struct kobj_attribute *attr,
						 char *buf))
{
	sysfs_attr_init(&attr->attr);
	attr->attr.name = iocore_disk_name(att->disk);
	attr->attr.mode = 0444;
	attr->show = show;
}

int iocore_sysfs_add_attachment(struct iocore_attachment *att)
{
	int ret;

	attachment_attr_init(att, &att->attr, attachment_slot_show);
	attachment_attr_init(att, &att->notifier_attr, attachment_notifier_show);
	ret = sysfs_create_file(att->vm->disks, &att->attr.attr);
	if (ret)
		return ret;
	ret = sysfs_create_file(att->vm->notifiers, &att->notifier_attr.attr);
	if (ret)
		sysfs_remove_file(att->vm->disks, &att->attr.attr);
	return ret;
}

void iocore_sysfs_del_attachment(struct iocore_attachment *att)
{
	sysfs_remove_file(att->vm->notifiers, &att->notifier_attr.attr);
	sysfs_remove_file(att->vm->disks, &att->attr.attr);
}

/* RCU keeps the core and its name: a queue may move to another. */
static ssize_t queue_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct iocore_queue *q = container_of(attr, struct iocore_queue, attr);
	u64 requests, completions;
	int at;

	rcu_read_lock();
	at = sysfs_emit(buf, "core %s\n", iocore_core_name(READ_ONCE(q->core)));
	rcu_read_unlock();

	completions = READ_ONCE(q->stats.completions);
	smp_rmb();	/* what is completed was requested */
	requests = READ_ONCE(q->stats.requests);
	return at + sysfs_emit_at(buf, at,
				  "requests %llu\ncompletions %llu\nin_flight %lld\nnotified %llu\nsuppressed %llu\n",
				  requests, completions,
				  max_t(s64, requests - completions, 0),
				  READ_ONCE(q->stats.notified),
				  READ_ONCE(q->stats.suppressed));
}

/* Without memory for the file the queue works all the same. */
void iocore_sysfs_add_queue(struct iocore_queue *q)
{
	struct iocore_vm *vm = q->att->vm;

	lockdep_assert_held(&vm->lock);
	snprintf(q->name, sizeof(q->name), "%u-%u", q->att->slot, q->nr);
	sysfs_attr_init(&q->attr.attr);
	q->attr.attr.name = q->name;
	q->attr.attr.mode = 0444;
	q->attr.show = queue_show;
	if (sysfs_create_file(vm->queues, &q->attr.attr))
		q->attr.attr.name = NULL;
}

void iocore_sysfs_del_queue(struct iocore_queue *q)
{
	lockdep_assert_held(&q->att->vm->lock);
	if (q->attr.attr.name)
		sysfs_remove_file(q->att->vm->queues, &q->attr.attr);
}

/* ---- the directories --------------------------------------------------------- */

int iocore_sysfs_init(void)
{
	iocore_root = kobject_create_and_add("iocore", kernel_kobj);
	if (!iocore_root)
		return -ENOMEM;

	iocore_cores_dir = kobject_create_and_add("cores", iocore_root);
	if (!iocore_cores_dir)
		goto err_root;
	iocore_disks_dir = kobject_create_and_add("disks", iocore_root);
	if (!iocore_disks_dir)
		goto err_cores;
	iocore_vms_dir = kobject_create_and_add("vms", iocore_root);
	if (!iocore_vms_dir)
		goto err_disks;
	return 0;

err_disks:
	kobject_put(iocore_disks_dir);
err_cores:
	kobject_put(iocore_cores_dir);
err_root:
	kobject_put(iocore_root);
	return -ENOMEM;
}

void iocore_sysfs_exit(void)
{
	kobject_put(iocore_vms_dir);
	kobject_put(iocore_disks_dir);
	kobject_put(iocore_cores_dir);
	kobject_put(iocore_root);
}
