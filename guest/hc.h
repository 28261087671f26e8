/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control calls, guest to host
 */
#ifndef _IOCORE_GUEST_HC_H
#define _IOCORE_GUEST_HC_H

#include <linux/errno.h>
#include <linux/types.h>
#include <linux/iocore_ring.h>
#include <uapi/linux/kvm_para.h>

/* Nobody is there, or nobody who knows this guest: no memory of it is in use. */
static inline bool iocore_hc_lost(int ret)
{
	return ret == -KVM_ENOSYS || ret == -ESTALE;
}

int iocore_hc_identify(struct iocore_identify *id);
int iocore_hc_reset(void);
int iocore_hc_vcpu_notify(u64 gpa, u32 vector);
int iocore_hc_direct(u64 gpa, u64 gva);
int iocore_hc_disk_get(u32 slot, struct iocore_disk_info *info);
int iocore_hc_cache(u32 slot, u64 epoch, bool write_back);
int iocore_hc_queue_create(const struct iocore_queue_create *create);
int iocore_hc_queue_destroy(u32 slot, u32 queue);
int iocore_hc_kick(u32 slot, u32 queue);

#endif /* _IOCORE_GUEST_HC_H */
