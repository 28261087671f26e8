// SPDX-License-Identifier: GPL-2.0-only
/*
 * cases.c - the scenarios
 */
#include <linux/errno.h>
#include <linux/stddef.h>
#include <uapi/linux/kvm_para.h>

#include "badhost.h"

#define FIELD(member, wrong) \
	{ .set = true, .offset = offsetof(struct iocore_disk_info, member), .value = (wrong) }

/* One wrong field. */
#define WRONG(text, member, wrong) \
	{ .name = (text), .field = { FIELD(member, wrong) } }

#define ALL_FEATURES	(IOCORE_F_POLL | IOCORE_F_REPLAY | IOCORE_F_QUEUE_POLL | IOCORE_F_CACHE)
#define UNKNOWN_ERROR	(-3999)

/* Named by what the driver must find wrong; nothing of it may become a disk. */
static const struct badhost_case nonsense[] = {
	WRONG("logical_block zero", logical_block, 0),
	WRONG("logical_block odd", logical_block, 1000),
	WRONG("logical_block small", logical_block, 256),
	WRONG("logical_block huge", logical_block, 1U << 31),
	WRONG("physical_block zero", physical_block, 0),
	WRONG("physical_block odd", physical_block, 513),
	WRONG("physical_block huge", physical_block, 1U << 31),
	{ .name = "physical_block less",
	  .field = { FIELD(logical_block, 4096), FIELD(physical_block, 512) } },
	WRONG("capacity huge", capacity, ~0ULL),
	WRONG("capacity more", capacity, 1ULL << 54),
	{ .name = "capacity odd",
	  .field = { FIELD(logical_block, 4096), FIELD(physical_block, 4096),
		     FIELD(capacity, 2049) } },
	WRONG("dma_align odd", dma_align, 5),
	WRONG("dma_align huge", dma_align, ~0U),
	WRONG("max_bytes zero", max_bytes, 0),
	WRONG("max_bytes small", max_bytes, 512),
	WRONG("max_segs zero", max_segs, 0),
	WRONG("max_queues zero", max_queues, 0),
	WRONG("max_depth zero", max_depth, 0),
	WRONG("max_depth one", max_depth, 1),
	{ }
};

/* Nothing of it may keep the disk from being used. */
static const struct badhost_case odd[] = {
	WRONG("flags unknown", flags, ~(u32)(IOCORE_DISK_POLL | IOCORE_DISK_READONLY)),
	WRONG("io_opt odd", io_opt, 1000),
	WRONG("io_opt huge", io_opt, ~0U),
	WRONG("io_min odd", io_min, 1000),
	WRONG("io_min huge", io_min, 1U << 31),
	WRONG("max_bytes huge", max_bytes, ~0U),
	WRONG("max_bytes odd", max_bytes, 5000),
	WRONG("max_segs one", max_segs, 1),
	WRONG("max_segs huge", max_segs, ~0U),
	WRONG("max_queues huge", max_queues, ~0U),
	WRONG("max_depth odd", max_depth, 7),
	WRONG("max_depth huge", max_depth, ~0U),
	WRONG("serial open", serial, 0xff),
	WRONG("serial none", serial, 0),
	WRONG("max_discard huge", max_discard, ~0U),
	WRONG("max_discard odd", max_discard, 1001),
	WRONG("discard_granularity odd", discard_granularity, 1001),
	WRONG("max_write_zeroes huge", max_write_zeroes, ~0U),
	WRONG("replay_timeout huge", replay_timeout, ~0U),
	WRONG("slot another", slot, 7),
	WRONG("align_offset odd", align_offset, 100),
	WRONG("align_offset huge", align_offset, ~0U),
	{ }
};

static const struct badhost_case plain[] = {
	{ .name = "plain" },
	{ .name = "plain" },
	{ }
};

static const struct badhost_case rings[] = {
	{ .name = "plain" },
	{ .name = "cq_tail is wild", .fault = BADHOST_CQ_TAIL },
	{ .name = "sq_head is wild", .fault = BADHOST_SQ_HEAD,
	  .field = { FIELD(max_depth, 2), FIELD(max_queues, 1) } },
	{ .name = "the host stopped the ring", .fault = BADHOST_BROKEN },
	{ .name = "tag wild", .fault = BADHOST_TAG_WILD },
	{ .name = "tag idle", .fault = BADHOST_TAG_IDLE },
	{ .name = "tag twice", .fault = BADHOST_TWICE },
	{ .name = "status unknown", .fault = BADHOST_STATUS },
	{ .name = "again", .fault = BADHOST_AGAIN },
	{ .name = "gone", .fault = BADHOST_GONE },
	{ .name = "pending", .fault = BADHOST_PENDING },
	{ .name = "kick", .kick = UNKNOWN_ERROR },
	{ .name = "cache", .cache = UNKNOWN_ERROR },
	{ }
};

/* Of a slot. */
static const struct badhost_case calls[] = {
	{ .name = "plain" },
	{ .name = "get unknown", .get = UNKNOWN_ERROR },
	{ .name = "get more", .get = 12345 },
	{ .name = "get busy", .get = -EBUSY },
	{ .name = "get again", .get = -EAGAIN },
	{ .name = "create unknown", .create = UNKNOWN_ERROR },
	{ .name = "create more", .create = 1 },
	{ .name = "create busy", .create = -EBUSY },
	{ }
};

static const struct badhost_case keeps[] = {
	{ .name = "destroy unknown", .destroy = UNKNOWN_ERROR },
	{ }
};

/* What becomes of disks that were good, in phase 1 and the next. */
static const struct badhost_case leaves[] = {
	{ .name = "plain" },
	{ .name = "has not come back in time", .from = 1, .get = -EAGAIN },
	{ .name = "another logical_block", .from = 1,
	  .field = { FIELD(logical_block, 1024), FIELD(epoch, 7) } },
	{ .name = "another serial", .from = 1,
	  .field = { FIELD(serial, 'x'), FIELD(epoch, 7) } },
	{ .name = "another set of queues", .from = 1,
	  .field = { FIELD(max_queues, 0), FIELD(epoch, 7) } },
	{ .name = "another readonly", .from = 1,
	  .field = { FIELD(flags, ~0U), FIELD(epoch, 7) } },
	{ .name = "not back: has not come back in time", .from = 1,
	  .field = { FIELD(epoch, 7) }, .create = -EBUSY, .create_from = 1 },
	{ .name = "not back: has not come back in time", .from = 1,
	  .field = { FIELD(epoch, 7) }, .create = UNKNOWN_ERROR, .create_from = 1 },
	{ .name = "detached by the host", .from = 1, .get = -ENOENT },
	{ .name = "makes no sense", .from = 1,
	  .field = { FIELD(epoch, 7) }, .create = 1, .create_from = 1 },
	{ }
};

static const struct badhost_case half[] = {
	{ .name = "the host stopped the ring", .from = 1, .field = { FIELD(epoch, 7) },
	  .half = true, .create_from = 1 },
	{ }
};

static const struct badhost_case moves[] = {
	{ .name = "plain" },
	{ .name = "epoch", .epoch_moves = true },
	{ .name = "capacity", .capacity_moves = true },
	{ .name = "refused", .epoch_moves = true, .field = { FIELD(max_segs, 0) } },
	{ }
};

const struct badhost_scenario badhost_scenarios[] = {
	{ .name = "good", .features = ALL_FEATURES, .slots = plain },
	/* hosts that won't do */
	{ .name = "version", .version = IOCORE_RING_VERSION + 1 },
	{ .name = "version-none", .answer = { [IOCORE_HC_IDENTIFY] = -EINVAL } },
	{ .name = "features", .feature_bits = 1ULL << 63 },
	{ .name = "no-depth", .no_slots = true },
	{ .name = "identify-unknown", .answer = { [IOCORE_HC_IDENTIFY] = UNKNOWN_ERROR } },
	{ .name = "identify-more", .answer = { [IOCORE_HC_IDENTIFY] = 1L << 40 } },
	{ .name = "identify-unserved", .answer = { [IOCORE_HC_IDENTIFY] = -EOPNOTSUPP } },
	{ .name = "identify-refused", .answer = { [IOCORE_HC_IDENTIFY] = -EPERM } },
	{ .name = "reset-unknown", .answer = { [IOCORE_HC_RESET] = UNKNOWN_ERROR } },
	{ .name = "notify-unknown", .answer = { [IOCORE_HC_VCPU_NOTIFY] = UNKNOWN_ERROR } },
	/* older and larger ones */
	{ .name = "old", .old = IOCORE_DISK_INFO_SIZE_0, .slots = plain },
	{ .name = "old-strict", .old = IOCORE_DISK_INFO_SIZE_0, .strict = true, .slots = plain },
	{ .name = "large", .features = ALL_FEATURES, .max_disks = ~0U, .max_depth = ~0U,
	  .slots = plain },
	/* what they say of disks */
	{ .name = "nonsense", .features = ALL_FEATURES, .slots = nonsense },
	{ .name = "odd", .features = ALL_FEATURES, .slots = odd },
	{ .name = "moves", .features = 0, .slots = moves },
	{ .name = "moves-back", .features = ALL_FEATURES, .slots = moves },
	{ .name = "storm", .features = ALL_FEATURES, .storm = true, .slots = moves },
	/* what they answer and do */
	{ .name = "calls", .features = ALL_FEATURES, .slots = calls },
	{ .name = "get-unknown", .features = ALL_FEATURES,
	  .answer = { [IOCORE_HC_DISK_GET] = UNKNOWN_ERROR }, .slots = plain },
	{ .name = "direct", .features = ALL_FEATURES | IOCORE_F_DIRECT,
	  .answer = { [IOCORE_HC_DIRECT] = UNKNOWN_ERROR }, .slots = plain },
	{ .name = "rings", .features = ALL_FEATURES, .slots = rings },
	{ .name = "keeps", .features = ALL_FEATURES, .slots = keeps },
	{ .name = "leaves", .features = ALL_FEATURES, .slots = leaves },
	{ .name = "half", .features = ALL_FEATURES, .slots = half },
	/* they leave, or become others */
	{ .name = "host-leaves", .features = ALL_FEATURES, .from = 1,
	  .answer = { [IOCORE_HC_DISK_GET] = -KVM_ENOSYS }, .slots = plain },
	{ .name = "host-forgets", .features = ALL_FEATURES, .from = 1, .slots = plain,
	  .version = IOCORE_RING_VERSION + 1,
	  .answer = { [IOCORE_HC_DISK_GET] = -ESTALE } },
	{ }
};
