// SPDX-License-Identifier: GPL-2.0-only
/*
 * The control calls, guest to host
 *
 * A call's structure is passed in a slab object of a power-of-two size, which
 * is naturally aligned and so never crosses a page. Stacks may be vmapped and
 * have no guest physical address of their own to give.
 */
#include <linux/io.h>
#include <linux/kvm_para.h>
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <uapi/linux/kvm_para.h>

#include "hc.h"

/* Returns 0, -errno, or -KVM_ENOSYS where nobody listens. */
static int hc(enum iocore_hc op, u64 a1, u64 a2)
{
	long ret = kvm_hypercall4(IOCORE_HC, op, a1, a2, 0);

	if (ret > 0 || ret < -MAX_ERRNO)
		return -EIO;
	return ret;
}

static int hc_struct(enum iocore_hc op, void *arg, size_t size, gfp_t gfp)
{
	void *buf = kzalloc(roundup_pow_of_two(size), gfp);
	int ret;

	if (!buf)
		return -ENOMEM;
	memcpy(buf, arg, size);
	ret = hc(op, virt_to_phys(buf), size);
	memcpy(arg, buf, size);
	kfree(buf);
	return ret;
}

int iocore_hc_identify(struct iocore_identify *id)
{
	return hc_struct(IOCORE_HC_IDENTIFY, id, sizeof(*id), GFP_KERNEL);
}

int iocore_hc_reset(void)
{
	int ret = hc(IOCORE_HC_RESET, 0, 0);

	return iocore_hc_lost(ret) ? 0 : ret;
}

/* Acts on the calling vCPU; any context. */
int iocore_hc_vcpu_notify(u64 gpa, u32 vector)
{
	struct iocore_vcpu_notify arg = { .gpa = gpa, .vector = vector };

	return hc_struct(IOCORE_HC_VCPU_NOTIFY, &arg, sizeof(arg), GFP_ATOMIC);
}

/*
 * Acts on the calling vCPU. A withdrawal succeeds also if the host has left, or
 * has forgotten the vCPU's notification page: it covers nothing then.
 */
int iocore_hc_direct(u64 gpa, u64 gva)
{
	struct iocore_direct arg = { .gpa = gpa, .gva = gva };
	int ret = hc_struct(IOCORE_HC_DIRECT, &arg, sizeof(arg), GFP_KERNEL);

	if (iocore_hc_lost(ret))
		ret = -ENOENT;
	return ret == -ENOENT && !gpa ? 0 : ret;
}

int iocore_hc_disk_get(u32 slot, struct iocore_disk_info *info)
{
	int ret;

	memset(info, 0, sizeof(*info));
	info->slot = slot;
	ret = hc_struct(IOCORE_HC_DISK_GET, info, sizeof(*info), GFP_KERNEL);
	if (ret == -EINVAL) {
		/* a host that knows the first version alone; the rest stays zero */
		memset(info, 0, sizeof(*info));
		info->slot = slot;
		ret = hc_struct(IOCORE_HC_DISK_GET, info, IOCORE_DISK_INFO_SIZE_0, GFP_KERNEL);
	}
	return ret;
}

int iocore_hc_cache(u32 slot, u64 epoch, bool write_back)
{
	struct iocore_cache arg = {
		.slot = slot,
		.flags = write_back ? IOCORE_DISK_FLUSH : 0,
		.epoch = epoch,
	};
	int ret = hc_struct(IOCORE_HC_CACHE, &arg, sizeof(arg), GFP_KERNEL);

	return iocore_hc_lost(ret) ? -ENOENT : ret;
}

int iocore_hc_queue_create(const struct iocore_queue_create *create)
{
	struct iocore_queue_create arg = *create;

	return hc_struct(IOCORE_HC_QUEUE_CREATE, &arg, sizeof(arg), GFP_KERNEL);
}

int iocore_hc_queue_destroy(u32 slot, u32 queue)
{
	return hc(IOCORE_HC_QUEUE_DESTROY, slot, queue);
}

int iocore_hc_kick(u32 slot, u32 queue)
{
	return hc(IOCORE_HC_KICK, slot, queue);
}
