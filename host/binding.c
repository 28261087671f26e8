// SPDX-License-Identifier: GPL-2.0-only
/*
 * binding.c - what the administrator does to a disk of a VM, named by both
 */
#include "iocore.h"

/* ---- detach ------------------------------------------------------------------ */

/* A slot that is kept for a disk stays so, or is given up. */
static int iocore_close_kept(struct iocore_vm *vm, const char *disk, bool keep)
{
	int slot;

	mutex_lock(&vm->lock);
	slot = iocore_kept_find(vm, disk);
	if (slot >= 0 && !keep)
		iocore_kept_set(vm, slot, NULL);
	mutex_unlock(&vm->lock);
	if (slot < 0)
		return slot;
	if (!keep)
		iocore_notify_event(vm, IOCORE_EVENT_DISKS);
	return 0;
}

int iocore_detach(pid_t tgid, const char *disk, bool keep)
{
	struct iocore_vm *vm;
	int slot, ret = -ENOENT;

	vm = iocore_find_binding(tgid, disk, &slot);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	if (slot >= 0)
		ret = iocore_close_slot(vm, slot, disk, keep);
	/* Whoever closed it before us may have kept the slot. */
	if (ret == -ENOENT)
		ret = iocore_close_kept(vm, disk, keep);
	iocore_vm_put(vm);
	return ret;
}

/* ---- another core for its queues --------------------------------------------- */

static int iocore_move_queue(struct iocore_vm *vm, unsigned int slot, const char *disk,
			     unsigned int nr, const char *name)
{
	struct iocore_core *core, *unused;
	struct iocore_attachment *att;
	int ret;

	core = iocore_core_get(name);
	if (IS_ERR(core))
		return PTR_ERR(core);
	unused = core;
	ret = iocore_vm_lock(vm);
	if (ret) {
		/* -ENODEV is about the core. */
		ret = ret == -ENODEV ? -ENOENT : ret;
		goto out_put;
	}

	ret = -ENOENT;
	att = iocore_vm_slot(vm, slot);
	if (att && !strcmp(iocore_disk_name(att->disk), disk) && att->queues[nr]) {
		unused = iocore_queue_move(att->queues[nr], core);
		ret = 0;
	}
	mutex_unlock(&vm->lock);

out_put:
	if (unused)
		iocore_core_put(unused);
	return ret;
}

int iocore_move_queues(pid_t tgid, const char *disk, int queue, const char *core)
{
	struct iocore_vm *vm;
	int slot, nr, ret = -ENOENT;

	if (queue >= IOCORE_MAX_QUEUES)
		return -ENOENT;
	vm = iocore_find_binding(tgid, disk, &slot);
	if (IS_ERR(vm))
		return PTR_ERR(vm);
	if (slot < 0)
		goto out_put;
	if (queue >= 0) {
		ret = iocore_move_queue(vm, slot, disk, queue, core);
		goto out_put;
	}
	for (nr = 0; nr < IOCORE_MAX_QUEUES; nr++) {
		ret = iocore_move_queue(vm, slot, disk, nr, core);
		if (ret && ret != -ENOENT)
			goto out_put;
	}
	ret = 0;

out_put:
	iocore_vm_put(vm);
	return ret;
}
