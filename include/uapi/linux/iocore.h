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

/**
 * struct iocore_attach - IOCORE_ATTACH: bind a disk to a VM
 * @len:	in: sizeof(struct)
 * @flags:	in: zero
 * @vm_fd:	in: a KVM VM file descriptor
 * @slot:	in: the slot wanted, or -1 for the first free one; out: the slot
 * @disk:	in: name of an enabled disk, zero terminated
 *
 * The binding ends with the VM. Errors: -EBADF not a VM; -ENOENT no such disk;
 * -ENODEV disk not enabled; -EBUSY the disk is attached for writing, or slot taken;
 * -ENOSPC no slot free; -EOPNOTSUPP VM uses the dirty ring, or SEV/TDX.
 */
struct iocore_attach {
	__u32 len;
	__u32 flags;
	__s32 vm_fd;
	__s32 slot;
	char  disk[IOCORE_NAME_LEN];
};

/**
 * struct iocore_detach - IOCORE_DETACH: end a binding
 * @len:	in: sizeof(struct)
 * @flags:	in: zero
 * @vm_pid:	in: pid of the VM's process in the caller's pid namespace, or 0
 *		where the disk has one binding only
 * @pad:	zero
 * @disk:	in: name
 *
 * Returns when no I/O of the binding is in flight. -ENOENT: not attached; -ENOTUNIQ:
 * attached to several VMs and @vm_pid is 0.
 */
struct iocore_detach {
	__u32 len;
	__u32 flags;
	__s32 vm_pid;
	__u32 pad;
	char  disk[IOCORE_NAME_LEN];
};

#define IOCORE_IOC		0xB9
#define IOCORE_GET_FEATURES	_IOWR(IOCORE_IOC, 0, struct iocore_features)
#define IOCORE_ATTACH		_IOWR(IOCORE_IOC, 1, struct iocore_attach)
#define IOCORE_DETACH		_IOW(IOCORE_IOC, 2, struct iocore_detach)

#endif /* _UAPI_LINUX_IOCORE_H */
