// SPDX-License-Identifier: GPL-2.0-only
/*
 * control.c - bad control calls
 */
#include <linux/io.h>
#include <linux/kvm_para.h>
#include <linux/string.h>
#include <asm/irq_vectors.h>

#include "hostile.h"

static void identify(struct hostile *h, const char *what, u32 version, u32 pad, long want)
{
	struct iocore_identify id = { .version = version, .pad = pad };

	hostile_call_arg(h, what, IOCORE_HC_IDENTIFY, &id, sizeof(id), want);
	if (!want && id.version != IOCORE_RING_VERSION)
		hostile_fail(h, "%s: the host chose version %u", what, id.version);
}

static void case_version_zero(struct hostile *h)
{
	identify(h, "version 0", 0, 0, -EINVAL);
}

/* A newer guest is answered with what the host knows. */
static void case_version_newer(struct hostile *h)
{
	identify(h, "version 99", 99, 0, 0);
	identify(h, "version ~0", ~0U, 0, 0);
}

static void case_features_unknown(struct hostile *h)
{
	struct iocore_identify id = {
		.version = IOCORE_RING_VERSION,
		.features = ~0ULL,
	};

	hostile_call_arg(h, "features", IOCORE_HC_IDENTIFY, &id, sizeof(id), 0);
	if (id.features & ~(IOCORE_F_DIRECT | IOCORE_F_POLL | IOCORE_F_REPLAY |
			    IOCORE_F_QUEUE_POLL | IOCORE_F_CACHE))
		hostile_fail(h, "the host knows features %#llx", id.features);
	if (id.pad || !id.max_disks || id.max_depth < IOCORE_MIN_DEPTH)
		hostile_fail(h, "the answer makes no sense");
}

static void case_padding(struct hostile *h)
{
	struct iocore_vcpu_notify notify = {
		.vector = X86_PLATFORM_IPI_VECTOR, .pad = 1,
	};

	identify(h, "identify", IOCORE_RING_VERSION, 1, -EINVAL);
	hostile_call_arg(h, "notify", IOCORE_HC_VCPU_NOTIFY, &notify, sizeof(notify), -EINVAL);
}

/* What follows the structure that the host knows must be zero. */
static void case_longer_structure(struct hostile *h)
{
	struct {
		struct iocore_identify id;
		u64 more[4];
	} arg = { .id.version = IOCORE_RING_VERSION };

	hostile_call_arg(h, "zero tail", IOCORE_HC_IDENTIFY, &arg, sizeof(arg), 0);
	memset(&arg, 0, sizeof(arg));
	arg.id.version = IOCORE_RING_VERSION;
	arg.more[3] = 1ULL << 63;
	hostile_call_arg(h, "dirty tail", IOCORE_HC_IDENTIFY, &arg, sizeof(arg), -EINVAL);
}

static void case_structure_size(struct hostile *h)
{
	static const u64 sizes[] = { 0, 1, sizeof(struct iocore_identify) - 1, PAGE_SIZE + 1,
				     1ULL << 32, ~0ULL };
	struct iocore_identify *id = hostile_page;
	int i;

	*id = (struct iocore_identify) { .version = IOCORE_RING_VERSION };
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		hostile_call(h, "size", IOCORE_HC_IDENTIFY, virt_to_phys(id), sizes[i], 0,
			     -EINVAL);
}

static void case_structure_place(struct hostile *h)
{
	const u64 page = virt_to_phys(hostile_page), size = sizeof(struct iocore_identify);

	hostile_call(h, "crossing", IOCORE_HC_IDENTIFY, page + PAGE_SIZE - 8, size, 0, -EINVAL);
	hostile_call(h, "unaligned", IOCORE_HC_IDENTIFY, page + 4, size, 0, -EINVAL);
	hostile_call(h, "wild", IOCORE_HC_IDENTIFY, WILD_GPA, size, 0, -EFAULT);
	hostile_call(h, "end of space", IOCORE_HC_IDENTIFY, ~0ULL << 12, size, 0, -EFAULT);
	hostile_call(h, "beyond RAM", IOCORE_HC_IDENTIFY, hostile_ram, size, 0, -EFAULT);
}

static void case_unknown_call(struct hostile *h)
{
	hostile_call(h, "9", 9, 0, 0, 0, -EINVAL);
	hostile_call(h, "wild", 1ULL << 40, 0, 0, 0, -EINVAL);
	hostile_call(h, "largest", ~0ULL, 0, 0, 0, -EINVAL);
}

static void case_surplus_argument(struct hostile *h)
{
	hostile_call(h, "identify", IOCORE_HC_IDENTIFY, virt_to_phys(hostile_page),
		     sizeof(struct iocore_identify), 1, -EINVAL);
	hostile_call(h, "reset", IOCORE_HC_RESET, 1, 0, 0, -EINVAL);
	hostile_call(h, "reset", IOCORE_HC_RESET, 0, 1, 0, -EINVAL);
}

static void notify(struct hostile *h, const char *what, u64 gpa, u32 vector, long want)
{
	struct iocore_vcpu_notify arg = { .gpa = gpa, .vector = vector };

	hostile_call_arg(h, what, IOCORE_HC_VCPU_NOTIFY, &arg, sizeof(arg), want);
}

static void case_notify_page(struct hostile *h)
{
	const u64 good = virt_to_phys(hostile_data);

	notify(h, "exception", good, 14, -EINVAL);
	notify(h, "vector 31", good, 31, -EINVAL);
	notify(h, "vector 256", good, 256, -EINVAL);
	notify(h, "unaligned", good + 64, X86_PLATFORM_IPI_VECTOR, -EINVAL);
	notify(h, "wild", WILD_GPA, X86_PLATFORM_IPI_VECTOR, -EFAULT);
	notify(h, "ROM", ROM_GPA, X86_PLATFORM_IPI_VECTOR, -EFAULT);
	notify(h, "beyond RAM", hostile_ram, X86_PLATFORM_IPI_VECTOR, -EFAULT);
}

static void case_notify_page_again(struct hostile *h)
{
	int i;

	for (i = 0; i < 100 && !h->failed; i++) {
		notify(h, "other page", virt_to_phys(hostile_data), X86_PLATFORM_IPI_VECTOR, 0);
		notify(h, "withdraw", 0, 0, 0);
	}
}

static void case_disk_slot(struct hostile *h)
{
	struct iocore_disk_info info = { .slot = IOCORE_MAX_DISKS - 1 };

	hostile_call_arg(h, "empty", IOCORE_HC_DISK_GET, &info, sizeof(info), -ENOENT);
	info.slot = IOCORE_MAX_DISKS;
	hostile_call_arg(h, "256", IOCORE_HC_DISK_GET, &info, sizeof(info), -ENOENT);
	info.slot = ~0U;
	hostile_call_arg(h, "largest", IOCORE_HC_DISK_GET, &info, sizeof(info), -ENOENT);
}

/* A guest of an earlier version is given what it knows, and no byte more. */
static void case_disk_info_short(struct hostile *h)
{
	struct iocore_disk_info info = { .slot = SLOT_DISK };
	u8 *rest = hostile_page + IOCORE_DISK_INFO_SIZE_0;

	memset(rest, 0x5a, 64);
	hostile_call_arg(h, "short", IOCORE_HC_DISK_GET, &info, IOCORE_DISK_INFO_SIZE_0, 0);
	if (!info.capacity || memchr_inv(rest, 0x5a, 64))
		hostile_fail(h, "a short structure is not answered as one");
	hostile_call_arg(h, "shorter", IOCORE_HC_DISK_GET, &info, IOCORE_DISK_INFO_SIZE_0 - 8,
			 -EINVAL);
	hostile_call_arg(h, "between", IOCORE_HC_DISK_GET, &info, IOCORE_DISK_INFO_SIZE_0 + 8,
			 -EINVAL);
}

static void cache(struct hostile *h, const char *what, u32 slot, u32 flags, u64 epoch, long want)
{
	struct iocore_cache arg = { .slot = slot, .flags = flags, .epoch = epoch };

	hostile_call_arg(h, what, IOCORE_HC_CACHE, &arg, sizeof(arg), want);
}

static void case_cache(struct hostile *h)
{
	struct iocore_disk_info info;

	if (hostile_info(h, SLOT_DISK, &info))
		return;
	cache(h, "unknown flag", SLOT_DISK, 1, info.epoch, -EINVAL);
	cache(h, "no slot", 200, 0, info.epoch, -ENOENT);
	cache(h, "wild slot", ~0U, 0, info.epoch, -ENOENT);
	cache(h, "other epoch", SLOT_DISK, 0, info.epoch + 1, -ESTALE);
	if (!(info.flags & IOCORE_DISK_CACHE)) {
		hostile_fail(h, "the disk's cache can't be switched");
		return;
	}
	cache(h, "through", SLOT_DISK, 0, info.epoch, 0);
	if (!hostile_info(h, SLOT_DISK, &info) && info.flags & IOCORE_DISK_FLUSH)
		hostile_fail(h, "it still writes back");
	cache(h, "back", SLOT_DISK, IOCORE_DISK_FLUSH, info.epoch, 0);
	if (!hostile_info(h, SLOT_DISK, &info) && !(info.flags & IOCORE_DISK_FLUSH))
		hostile_fail(h, "it still writes through");
	if (!hostile_info(h, SLOT_READONLY, &info))
		cache(h, "no cache", SLOT_READONLY, 0, info.epoch, -EOPNOTSUPP);
}

/* A good creation, but for one field. */
#define BAD_QUEUE(h, field, value, want)					\
	do {									\
		struct iocore_queue_create _arg;				\
		struct hostile *_h = (h);					\
										\
		if (!good_queue(_h, &_arg))					\
			break;							\
		_arg.field = (value);						\
		hostile_call_arg(_h, #field " " #value, IOCORE_HC_QUEUE_CREATE,	\
				 &_arg, sizeof(_arg), want);			\
	} while (0)

static bool good_queue(struct hostile *h, struct iocore_queue_create *arg)
{
	struct iocore_disk_info info;

	if (h->failed || hostile_info(h, SLOT_DISK, &info))
		return false;
	*arg = (struct iocore_queue_create) {
		.slot = SLOT_DISK,
		.epoch = info.epoch,
		.gpa = virt_to_phys(hostile_data),
		.depth = 64,
	};
	return true;
}

static void case_queue_address(struct hostile *h)
{
	BAD_QUEUE(h, gpa, WILD_GPA, -EFAULT);
	BAD_QUEUE(h, gpa, ROM_GPA, -EFAULT);
	BAD_QUEUE(h, gpa, 0xfee00000ULL, -EFAULT);
	BAD_QUEUE(h, gpa, ~0ULL << 12, -EINVAL);
	BAD_QUEUE(h, gpa, virt_to_phys(hostile_data) + 512, -EINVAL);
	/* the header is RAM, the rest is not */
	BAD_QUEUE(h, gpa, hostile_ram - PAGE_SIZE, -EFAULT);
}

static void case_queue_depth(struct hostile *h)
{
	BAD_QUEUE(h, depth, 0, -EINVAL);
	BAD_QUEUE(h, depth, 1, -EINVAL);
	BAD_QUEUE(h, depth, 48, -EINVAL);
	BAD_QUEUE(h, depth, IOCORE_MAX_DEPTH * 2, -EINVAL);
	BAD_QUEUE(h, depth, 1U << 31, -EINVAL);
	BAD_QUEUE(h, depth, ~0U, -EINVAL);
}

static void case_queue_names(struct hostile *h)
{
	BAD_QUEUE(h, slot, IOCORE_MAX_DISKS - 1, -ENOENT);
	BAD_QUEUE(h, slot, ~0U, -ENOENT);
	BAD_QUEUE(h, queue, ~0U, -EINVAL);
	BAD_QUEUE(h, queue, 4096, -EINVAL);
	BAD_QUEUE(h, vcpu, 1, -ENOENT);
	BAD_QUEUE(h, vcpu, ~0U, -ENOENT);
	BAD_QUEUE(h, notify_bit, IOCORE_NOTIFY_BITS, -EINVAL);
	BAD_QUEUE(h, notify_bit, ~0U, -EINVAL);
	BAD_QUEUE(h, flags, 2, -EINVAL);
	BAD_QUEUE(h, flags, 1U << 31, -EINVAL);
}

static void case_queue_epoch(struct hostile *h)
{
	BAD_QUEUE(h, epoch, 0, -ESTALE);
	BAD_QUEUE(h, epoch, _arg.epoch + 1, -ESTALE);
}

static void case_queue_twice(struct hostile *h)
{
	struct hostile_ring r;
	struct iocore_sqe sqe = hostile_sqe(IOCORE_OP_READ, 0, 0, 512);

	if (!hostile_ring_open(h, &r, SLOT_DISK, 64))
		return;
	BAD_QUEUE(h, queue, 0, -EEXIST);
	hostile_submit(h, &r, "the first still works", &sqe, IOCORE_S_OK);
	hostile_ring_close(h, &r);
}

/* As many queues as the disk has, all on one area, dropped by one reset. */
static void case_queue_all(struct hostile *h)
{
	struct iocore_queue_create arg, copy;
	struct iocore_disk_info info;
	u32 i;

	if (hostile_info(h, SLOT_DISK, &info) || !good_queue(h, &arg))
		return;
	memset(hostile_data, 0, IOCORE_MAX_BYTES);
	arg.depth = IOCORE_MIN_DEPTH;
	for (i = 0; i < info.max_queues && !h->failed; i++) {
		copy = arg;
		copy.queue = i;
		hostile_call_arg(h, "one of all", IOCORE_HC_QUEUE_CREATE, &copy,
				 sizeof(copy), 0);
	}
	arg.queue = i;
	hostile_call_arg(h, "one too many", IOCORE_HC_QUEUE_CREATE, &arg, sizeof(arg), -EINVAL);
	hostile_call(h, "reset", IOCORE_HC_RESET, 0, 0, 0, 0);
}

static void case_destroy_unknown(struct hostile *h)
{
	hostile_call(h, "no queue", IOCORE_HC_QUEUE_DESTROY, SLOT_DISK, 0, 0, -ENOENT);
	hostile_call(h, "no slot", IOCORE_HC_QUEUE_DESTROY, 200, 0, 0, -ENOENT);
	hostile_call(h, "wild slot", IOCORE_HC_QUEUE_DESTROY, ~0ULL, 0, 0, -ENOENT);
	hostile_call(h, "wild queue", IOCORE_HC_QUEUE_DESTROY, SLOT_DISK, ~0ULL, 0, -ENOENT);
	hostile_call(h, "2^32", IOCORE_HC_QUEUE_DESTROY, 1ULL << 32, 0, 0, -ENOENT);
}

static void case_kick_unknown(struct hostile *h)
{
	hostile_call(h, "no slot", IOCORE_HC_KICK, 200, 0, 0, -ENOENT);
	hostile_call(h, "wild slot", IOCORE_HC_KICK, ~0ULL, 0, 0, -ENOENT);
	hostile_call(h, "wild queue", IOCORE_HC_KICK, SLOT_DISK, ~0ULL, 0, -ENOENT);
}

static void case_call_storm(struct hostile *h)
{
	int i;

	for (i = 0; i < 2000 && !h->failed; i++) {
		hostile_call(h, "kick", IOCORE_HC_KICK, SLOT_DISK, 0, 0, 0);
		hostile_call(h, "unknown", 1000 + i, 0, 0, 0, -EINVAL);
	}
}

const struct hostile_case hostile_control[] = {
	{ "version-zero",	case_version_zero },
	{ "version-newer",	case_version_newer },
	{ "features-unknown",	case_features_unknown },
	{ "padding",		case_padding },
	{ "longer-structure",	case_longer_structure },
	{ "structure-size",	case_structure_size },
	{ "structure-place",	case_structure_place },
	{ "unknown-call",	case_unknown_call },
	{ "surplus-argument",	case_surplus_argument },
	{ "notify-page",	case_notify_page },
	{ "notify-page-again",	case_notify_page_again },
	{ "disk-slot",		case_disk_slot },
	{ "disk-info-short",	case_disk_info_short },
	{ "cache",		case_cache },
	{ "queue-address",	case_queue_address },
	{ "queue-depth",	case_queue_depth },
	{ "queue-names",	case_queue_names },
	{ "queue-epoch",	case_queue_epoch },
	{ "queue-twice",	case_queue_twice },
	{ "queue-all",		case_queue_all },
	{ "destroy-unknown",	case_destroy_unknown },
	{ "kick-unknown",	case_kick_unknown },
	{ "call-storm",		case_call_storm },
	{ }
};
