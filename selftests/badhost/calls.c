// SPDX-License-Identifier: GPL-2.0-only
/*
 * calls.c - the control calls, answered as the scenario says
 *
 * This is a test: of what the guest asks only that is checked which would hurt
 * this host.
 */
#include <linux/kvm_pv_backend.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/string.h>
#include <uapi/linux/kvm_para.h>

#include "badhost.h"

#define EPOCH		100

unsigned int badhost_slots(void)
{
	const struct badhost_case *c = badhost.scenario->slots;
	unsigned int n = 0;

	while (c && n < BADHOST_SLOTS && c[n].name)
		n++;
	return n;
}

void badhost_forget(void)
{
	memset(badhost.vcpus, 0, sizeof(badhost.vcpus));
	memset(badhost.queues, 0, sizeof(badhost.queues));
}

static const struct badhost_case *slot_case(u64 slot)
{
	unsigned int n = badhost_slots();

	return slot < n ? &badhost.scenario->slots[array_index_nospec(slot, n)] : NULL;
}

static struct badhost_queue *find_queue(u64 slot, u64 nr)
{
	if (!slot_case(slot) || nr >= BADHOST_QUEUES)
		return NULL;
	return &badhost.queues[array_index_nospec(slot, BADHOST_SLOTS)]
			      [array_index_nospec(nr, BADHOST_QUEUES)];
}

/* ---- calls with a structure ---- */

static long identify(struct kvm *kvm, u64 gpa)
{
	const struct badhost_scenario *s = badhost.scenario;
	struct iocore_identify id;

	if (kvm_read_guest(kvm, gpa, &id, sizeof(id)))
		return -EFAULT;
	if (s->version && badhost.phase >= s->from)
		id.version = s->version;
	id.features = (id.features & s->features) | s->feature_bits;
	id.max_disks = s->max_disks ?: IOCORE_MAX_DISKS;
	id.max_depth = s->max_depth ?: 256;
	if (s->no_slots) {
		id.max_disks = 0;
		id.max_depth = 0;
	}
	return kvm_write_guest(kvm, gpa, &id, sizeof(id)) ? -EFAULT : 0;
}

static long vcpu_notify(struct kvm_vcpu *vcpu, u64 gpa)
{
	struct iocore_vcpu_notify arg;
	struct badhost_vcpu *v;

	if (vcpu->vcpu_id >= BADHOST_VCPUS)
		return -ENOENT;
	if (kvm_read_guest(vcpu->kvm, gpa, &arg, sizeof(arg)))
		return -EFAULT;
	v = &badhost.vcpus[array_index_nospec(vcpu->vcpu_id, BADHOST_VCPUS)];
	v->vcpu = arg.gpa ? vcpu : NULL;
	v->gpa = arg.gpa;
	v->vector = arg.vector;
	return 0;
}

static void set_field(struct iocore_disk_info *info, const struct badhost_field *f)
{
	void *field = (void *)info + f->offset;

	switch (f->offset) {
	case offsetof(struct iocore_disk_info, serial):
		memset(field, (u8)f->value, IOCORE_SERIAL_LEN);
		break;
	case offsetof(struct iocore_disk_info, epoch):
	case offsetof(struct iocore_disk_info, capacity):
		*(u64 *)field = f->value;
		break;
	default:
		*(u32 *)field = f->value;
	}
}

static void describe(const struct badhost_case *c, struct iocore_disk_info *info)
{
	unsigned int i;

	*info = (struct iocore_disk_info) {
		.slot		= info->slot,
		.flags		= IOCORE_DISK_FLUSH | IOCORE_DISK_FUA | IOCORE_DISK_CACHE,
		.epoch		= EPOCH,
		.capacity	= BADHOST_SECTORS,
		.logical_block	= 512,
		.physical_block	= 512,
		.dma_align	= 511,
		.max_bytes	= IOCORE_MAX_BYTES,
		.max_segs	= 64,
		.max_queues	= BADHOST_QUEUES,
		.max_depth	= 16,
		.replay_timeout	= 1,
	};
	snprintf(info->serial, IOCORE_SERIAL_LEN, "bad-%u", info->slot);
	if (badhost.phase >= c->from) {
		for (i = 0; i < BADHOST_FIELDS && c->field[i].set; i++)
			set_field(info, &c->field[i]);
	}
	if (c->epoch_moves)
		info->epoch = EPOCH + ++badhost.count;
	if (c->capacity_moves)
		info->capacity = BADHOST_SECTORS + (++badhost.count & 1023);
}

static long disk_get(struct kvm *kvm, u64 gpa, u64 size)
{
	const struct badhost_scenario *s = badhost.scenario;
	size_t len = s->old ?: sizeof(struct iocore_disk_info);
	struct iocore_disk_info info = {};
	const struct badhost_case *c;

	if (s->storm)
		badhost_event(kvm, IOCORE_EVENT_DISKS | IOCORE_EVENT_DIRECT);
	if (size < len || (s->strict && size > len))
		return -EINVAL;
	if (kvm_read_guest(kvm, gpa, &info, len))
		return -EFAULT;
	c = slot_case(info.slot);
	if (!c)
		return -ENOENT;
	if (c->get && badhost.phase >= c->from)
		return c->get;
	describe(c, &info);
	return kvm_write_guest(kvm, gpa, &info, len) ? -EFAULT : 0;
}

static long queue_create(struct kvm *kvm, u64 gpa)
{
	struct iocore_queue_create arg;
	const struct badhost_case *c;
	struct badhost_queue *q;
	bool half;

	if (kvm_read_guest(kvm, gpa, &arg, sizeof(arg)))
		return -EFAULT;
	c = slot_case(arg.slot);
	q = find_queue(arg.slot, arg.queue);
	if (!q)
		return -ENOENT;
	if (c->create && badhost.phase >= c->create_from)
		return c->create;
	half = c->half && badhost.phase >= c->create_from;
	if (half && arg.queue)
		return -ENOMEM;
	if (!is_power_of_2(arg.depth) || arg.depth > IOCORE_MAX_DEPTH ||
	    arg.vcpu >= BADHOST_VCPUS || arg.notify_bit >= IOCORE_NOTIFY_BITS)
		return -EINVAL;
	*q = (struct badhost_queue) {
		.gpa = arg.gpa,
		.depth = arg.depth,
		.vcpu = arg.vcpu,
		.bit = arg.notify_bit,
		.flags = arg.flags,
	};
	if (!half)
		return badhost_ring_open(kvm, q);
	badhost_ring_stop(kvm, q);
	return 0;
}

static long cache(struct kvm *kvm, u64 gpa)
{
	const struct badhost_case *c;
	struct iocore_cache arg;

	if (kvm_read_guest(kvm, gpa, &arg, sizeof(arg)))
		return -EFAULT;
	c = slot_case(arg.slot);
	return c ? c->cache : -ENOENT;
}

/* ---- the others ---- */

static long queue_destroy(u64 slot, u64 nr)
{
	const struct badhost_case *c = slot_case(slot);
	struct badhost_queue *q = find_queue(slot, nr);

	if (!q || !q->depth)
		return -ENOENT;
	if (c->destroy)
		return c->destroy;
	memset(q, 0, sizeof(*q));
	return 0;
}

static long kick(struct kvm *kvm, u64 slot, u64 nr)
{
	const struct badhost_case *c = slot_case(slot);
	struct badhost_queue *q = find_queue(slot, nr);

	if (!q || !q->depth)
		return -ENOENT;
	badhost_ring_serve(kvm, q, c->fault);
	return c->kick;
}

static long dispatch(struct kvm_vcpu *vcpu, u64 nr, u64 a1, u64 a2)
{
	switch (nr) {
	case IOCORE_HC_IDENTIFY:
		return identify(vcpu->kvm, a1);
	case IOCORE_HC_RESET:
		badhost_forget();
		return 0;
	case IOCORE_HC_VCPU_NOTIFY:
		return vcpu_notify(vcpu, a1);
	case IOCORE_HC_DISK_GET:
		return disk_get(vcpu->kvm, a1, a2);
	case IOCORE_HC_QUEUE_CREATE:
		return queue_create(vcpu->kvm, a1);
	case IOCORE_HC_QUEUE_DESTROY:
		return queue_destroy(a1, a2);
	case IOCORE_HC_KICK:
		return kick(vcpu->kvm, a1, a2);
	case IOCORE_HC_CACHE:
		return cache(vcpu->kvm, a1);
	default:	/* direct mode: done, it says, and covers nothing */
		return 0;
	}
}

long badhost_call(struct kvm_vcpu *vcpu, u64 nr, u64 a1, u64 a2)
{
	const struct badhost_scenario *s = badhost.scenario;

	if (nr >= BADHOST_CALLS)
		return -EINVAL;
	nr = array_index_nospec(nr, BADHOST_CALLS);
	badhost.calls[nr]++;
	if (badhost.event_due) {
		badhost.event_due = false;
		badhost_event(vcpu->kvm, IOCORE_EVENT_DISKS);
	}
	if (s->answer[nr] && badhost.phase >= s->from)
		return s->answer[nr];
	return dispatch(vcpu, nr, a1, a2);
}
