// SPDX-License-Identifier: GPL-2.0-only
/*
 * negotiate.c - older and newer guests, and VMs that cannot be served
 */
#include <linux/iocore_ring.h>

#include "../lib/tap.h"
#include "minivm.h"

#define ARG	0x100000

static struct iocore_identify *identify_arg(struct minivm *vm)
{
	return (void *)(vm->ram + ARG);
}

static int identify(struct minivm *vm, uint32_t version, uint64_t features, uint32_t size)
{
	*identify_arg(vm) = (struct iocore_identify) {
		.version = version, .features = features,
	};
	return minivm_hypercall(vm, IOCORE_HC, IOCORE_HC_IDENTIFY, ARG, size);
}

static void expect(int got, int want, const char *what)
{
	tap_check(got == want, "%s gives %d", what, want);
	if (got != want)
		printf("# got %d\n", got);
}

static void test_older(struct minivm *vm)
{
	const struct iocore_identify *id = identify_arg(vm);

	expect(identify(vm, 0, 5, sizeof(*id)), -EINVAL, "a guest that knows no version");
	tap_check(!id->version && id->features == 5 && !id->max_disks && !id->max_depth,
		  "a refusal leaves the structure alone");
}

static void test_newer(struct minivm *vm)
{
	struct iocore_identify *id = identify_arg(vm);

	expect(identify(vm, 99, ~0ULL, sizeof(*id)), 0, "version 99 with all features");
	tap_check(id->version == IOCORE_RING_VERSION, "it is to use version %u",
		  IOCORE_RING_VERSION);
	tap_check(id->features == (IOCORE_F_DIRECT | IOCORE_F_POLL | IOCORE_F_REPLAY |
				   IOCORE_F_QUEUE_POLL | IOCORE_F_CACHE),
		  "it is told of no feature that the host does not know");
	tap_check(id->max_disks == IOCORE_MAX_DISKS && id->max_depth >= IOCORE_MIN_DEPTH &&
		  id->max_depth <= IOCORE_MAX_DEPTH, "the limits make sense");

	memset(id + 1, 0, 64);
	expect(identify(vm, 99, 0, sizeof(*id) + 64), 0, "a longer structure with a zero tail");
	memset(id + 1, 1, 64);
	expect(identify(vm, 99, 0, sizeof(*id) + 64), -EINVAL, "a tail that is not zero");
	memset(id + 1, 0, 64);
}

static void test_user(struct minivm *vm)
{
	expect(minivm_hypercall_at(vm, 3, IOCORE_HC, IOCORE_HC_IDENTIFY, ARG,
				   sizeof(struct iocore_identify), 0),
	       -EPERM, "the guest's user space");
}

static void test_dirty_ring(void)
{
	struct minivm vm;

	if (minivm_make(&vm, KVM_CAP_DIRTY_LOG_RING, 65536)) {
		tap_check(true, "a VM with the dirty ring # SKIP KVM has none");
		return;
	}
	expect(identify(&vm, IOCORE_RING_VERSION, 0, sizeof(struct iocore_identify)),
	       -EOPNOTSUPP, "a VM with the dirty ring");
	tap_check(!identify_arg(&vm)->max_disks, "it is promised nothing");
	minivm_end(&vm);
}

int main(void)
{
	struct minivm vm;

	if (access("/dev/iocore", F_OK))
		tap_skip_all("iocore.ko is not loaded");
	tap_begin();
	if (minivm_make(&vm, 0, 0))
		tap_bail("a VM");
	test_older(&vm);
	test_newer(&vm);
	expect(identify(&vm, IOCORE_RING_VERSION, 0, sizeof(struct iocore_identify)), 0,
	       "this version");
	test_user(&vm);
	minivm_end(&vm);
	test_dirty_ring();
	return tap_end();
}
