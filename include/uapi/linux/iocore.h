/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * iocore.h - the ioctls of /dev/iocore
 *
 * IOCores and disks are made through configfs (see Documentation/admin-guide.md);
 * these calls bind a disk to a running VM. Each structure begins with its size
 * and flags: a longer structure than the kernel knows is accepted if the rest
 * is zero (else -E2BIG), unknown flags are -EINVAL.
 */
#ifndef _UAPI_LINUX_IOCORE_H
#define _UAPI_LINUX_IOCORE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IOCORE_API_VERSION	1
#define IOCORE_NAME_LEN		64

/**
 * struct iocore_features - IOCORE_GET_FEATURES
 * @len:	in: sizeof(struct)
 * @flags:	in: zero
 * @version:	out: IOCORE_API_VERSION
 * @ring_version: out: IOCORE_RING_VERSION
 * @features:	out: none yet
 */
struct iocore_features {
	__u32 len;
	__u32 flags;
	__u32 version;
	__u32 ring_version;
	__u64 features;
};

/** enum iocore_notifier - how a VM hears of completions */
enum iocore_notifier {
	IOCORE_NOTIFIER_DISK	= 0,	/* as configured for the disk */
	IOCORE_NOTIFIER_AUTO	= 1,	/* direct where it is possible, else inject */
	IOCORE_NOTIFIER_INJECT	= 2,	/* through KVM's local APIC */
	IOCORE_NOTIFIER_DIRECT	= 3,	/* as auto, but refuse to attach if impossible */
	IOCORE_NOTIFIER_NONE	= 4,	/* not at all: the guest polls */
};

/**
 * struct iocore_attach - IOCORE_ATTACH: bind a disk to a VM
 * @len:	in: sizeof(struct)
 * @flags:	in: zero
 * @vm_fd:	in: a KVM VM file descriptor
 * @slot:	in: the slot wanted, or -1 for the first free one; out: the slot
 * @disk:	in: name of an enabled disk, zero terminated
 * @notifier:	in: enum iocore_notifier
 * @pad:	zero
 *
 * A structure that ends after @disk is accepted. The binding ends with the VM.
 * Errors: -EPERM IOCORE_NOTIFIER_DIRECT, but the VM has not been allowed it;
 * -EOPNOTSUPP IOCORE_NOTIFIER_DIRECT, but the host or VM can't, or the VM uses
 * the dirty ring, or SEV/TDX; -EBADF not a VM; -ENOENT no such disk; -ENODEV disk
 * not enabled; -EBUSY the disk is attached for writing, or slot taken; -ENOSPC no
 * slot free.
 */
struct iocore_attach {
	__u32 len;
	__u32 flags;
	__s32 vm_fd;
	__s32 slot;
	char  disk[IOCORE_NAME_LEN];
	__u32 notifier;
	__u32 pad;
};

/**
 * struct iocore_detach - IOCORE_DETACH: end a binding
 * @len:	in: sizeof(struct)
 * @flags:	in: IOCORE_DETACH_KEEP or 0
 * @vm_pid:	in: pid of the VM's process in the caller's pid namespace, or 0
 *		where the disk has one binding only
 * @pad:	zero
 * @disk:	in: name
 *
 * Returns when no I/O of the binding is in flight. With IOCORE_DETACH_KEEP the
 * guest keeps the disk, waits for it to be attached again (which finds the same
 * slot) and then submits again what was in flight; it gives up after the disk's
 * replay_timeout. Without, a slot that was kept is given up. -ENOENT: neither
 * attached nor kept; -ENOTUNIQ: attached to several VMs and @vm_pid is 0;
 * -EOPNOTSUPP IOCORE_DETACH_KEEP, but replay_timeout is 0 or the guest does not
 * know IOCORE_F_REPLAY.
 */
struct iocore_detach {
	__u32 len;
	__u32 flags;
	__s32 vm_pid;
	__u32 pad;
	char  disk[IOCORE_NAME_LEN];
};

#define IOCORE_DETACH_KEEP	(1U << 0)

/**
 * struct iocore_allow - IOCORE_ALLOW: what a VM may do
 * @len:	in: sizeof(struct)
 * @flags:	in: IOCORE_ALLOW_DIRECT or 0: the new set of privileges
 * @vm_fd:	in: a KVM VM file descriptor
 * @pad:	zero
 *
 * Direct mode lets a guest take its notifications on the physical CPU without
 * an exit; see Documentation/threat-model.md. Taking it away acts at once. -EBADF
 * not a VM; -EOPNOTSUPP this host or VM can't have direct mode.
 */
struct iocore_allow {
	__u32 len;
	__u32 flags;
	__s32 vm_fd;
	__u32 pad;
};

#define IOCORE_ALLOW_DIRECT	(1U << 0)

/**
 * struct iocore_queue_move - IOCORE_QUEUE_MOVE: have another IOCore poll a queue
 * @len:	in: sizeof(struct)
 * @flags:	in: zero
 * @vm_pid:	in: as in struct iocore_detach
 * @queue:	in: number, or -1 for all queues of the binding
 * @disk:	in: name
 * @core:	in: name of an enabled IOCore
 *
 * While it works: no request is lost or waits. It holds until the guest creates the queue
 * anew. -ENOENT: not attached, or no such queue; -ENODEV: no such IOCore, or not
 * enabled; -ENOTUNIQ as for IOCORE_DETACH.
 */
struct iocore_queue_move {
	__u32 len;
	__u32 flags;
	__s32 vm_pid;
	__s32 queue;
	char  disk[IOCORE_NAME_LEN];
	char  core[IOCORE_NAME_LEN];
};

#define IOCORE_IOC		0xB9
#define IOCORE_GET_FEATURES	_IOWR(IOCORE_IOC, 0, struct iocore_features)
#define IOCORE_ATTACH		_IOWR(IOCORE_IOC, 1, struct iocore_attach)
#define IOCORE_DETACH		_IOW(IOCORE_IOC, 2, struct iocore_detach)
#define IOCORE_ALLOW		_IOW(IOCORE_IOC, 3, struct iocore_allow)
#define IOCORE_QUEUE_MOVE	_IOW(IOCORE_IOC, 4, struct iocore_queue_move)

#endif /* _UAPI_LINUX_IOCORE_H */
