// SPDX-License-Identifier: GPL-2.0-only
/*
 * kept.c - slots that wait for their disk
 *
 * A disk that was detached to come back leaves its name in its slot. The guest
 * hears -EAGAIN and keeps the disk; whoever attaches the disk by name finds the
 * same slot. The promise ends when anything is attached to the slot, or the disk
 * to another slot of the VM, when the disk is detached for good, and with a guest
 * that starts from nothing.
 */
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "iocore.h"

void iocore_kept_set(struct iocore_vm *vm, unsigned int slot, char *disk)
{
	lockdep_assert_held(&vm->lock);
	spin_lock(&vm->kept_lock);
	swap(vm->kept[slot], disk);
	spin_unlock(&vm->kept_lock);
	kfree(disk);
}

int iocore_kept_find(struct iocore_vm *vm, const char *disk)
{
	int slot, found = -ENOENT;

	spin_lock(&vm->kept_lock);
	for (slot = 0; slot < IOCORE_MAX_DISKS && found < 0; slot++)
		if (vm->kept[slot] && !strcmp(vm->kept[slot], disk))
			found = slot;
	spin_unlock(&vm->kept_lock);
	return found;
}

void iocore_kept_taken(struct iocore_vm *vm, unsigned int slot, const char *disk)
{
	int before = iocore_kept_find(vm, disk);

	if (before >= 0)
		iocore_kept_set(vm, before, NULL);
	iocore_kept_set(vm, slot, NULL);
}

void iocore_kept_drop(struct iocore_vm *vm)
{
	unsigned int slot;

	for (slot = 0; slot < IOCORE_MAX_DISKS; slot++)
		iocore_kept_set(vm, slot, NULL);
}

/* No line is cut off: what does not fit into a page is left out. */
ssize_t iocore_kept_emit(struct iocore_vm *vm, char *buf)
{
	int slot, at = 0;

	spin_lock(&vm->kept_lock);
	for (slot = 0; slot < IOCORE_MAX_DISKS; slot++) {
		if (!vm->kept[slot])
			continue;
		if (at + strlen(vm->kept[slot]) + sizeof("255 ") + 1 >= PAGE_SIZE)
			break;
		at += sysfs_emit_at(buf, at, "%d %s\n", slot, vm->kept[slot]);
	}
	spin_unlock(&vm->kept_lock);
	return at;
}
