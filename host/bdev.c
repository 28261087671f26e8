// SPDX-License-Identifier: GPL-2.0-only
/*
 * bdev.c - block-device backend: bios over the guest's own pages
 */
#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/sizes.h>

#include "iocore.h"

/* Longest WRITE_ZEROES of a device that must be sent pages of zeroes. */
#define BDEV_ZEROES_BYTES	SZ_16M

/* Sectors as bytes in 32 bits, in whole blocks. */
static u32 bdev_bytes(struct block_device *bdev, u64 sectors)
{
	return round_down(min_t(u64, sectors << SECTOR_SHIFT, U32_MAX),
			  bdev_logical_block_size(bdev));
}

/* Of a device whose parts do not agree on it there is none to tell. */
static u32 bdev_align_offset(struct block_device *bdev)
{
	int offset = bdev_alignment_offset(bdev);

	return offset > 0 ? offset & (bdev_physical_block_size(bdev) - 1) : 0;
}

static void bdev_limits(struct iocore_disk *disk, struct block_device *bdev)
{
	struct iocore_limits *lim = &disk->lim;
	u32 block = bdev_logical_block_size(bdev);
	u64 bytes = (u64)queue_max_hw_sectors(bdev_get_queue(bdev)) << SECTOR_SHIFT;

	lim->logical_block = block;
	lim->dma_align = bdev_dma_alignment(bdev);
	block = max_t(u32, block, PAGE_SIZE);
	lim->max_bytes = max(round_down(min_t(u64, bytes, IOCORE_MAX_BYTES), block), block);
	lim->max_segs = clamp_t(u32, bdev_max_segments(bdev), 1, IOCORE_MAX_SEGS);
	lim->max_discard = bdev_bytes(bdev, bdev_max_discard_sectors(bdev));
	lim->max_write_zeroes = bdev_bytes(bdev, bdev_write_zeroes_sectors(bdev));
	disk->unmap = lim->max_write_zeroes;
	if (!lim->max_write_zeroes)
		lim->max_write_zeroes = BDEV_ZEROES_BYTES;
	disk->discard_granularity = lim->max_discard ? bdev_discard_granularity(bdev) : 0;
	disk->physical_block = bdev_physical_block_size(bdev);
	disk->io_min = bdev_io_min(bdev);
	disk->io_opt = bdev_io_opt(bdev);
	disk->align_offset = bdev_align_offset(bdev);
	disk->write_cache = bdev_write_cache(bdev);
}

static u64 bdev_capacity(struct iocore_disk *disk)
{
	return round_down(bdev_nr_sectors(disk->bdev), disk->lim.logical_block >> SECTOR_SHIFT);
}

/* Called with bd_holder_lock, which keeps the holder; releases it. */
static void bdev_mark_dead_locked(struct block_device *bdev, bool surprise)
{
	struct iocore_disk *disk = bdev->bd_holder;

	pr_warn("iocore: disk %s: %pg was removed%s\n", iocore_disk_name(disk), bdev,
		surprise ? " by surprise" : "");
	mutex_unlock(&bdev->bd_holder_lock);
}

/* A writer hears of it. Requests fail, until the disk is moved or detached. */
static const struct blk_holder_ops bdev_holder_ops = {
	.mark_dead	= bdev_mark_dead_locked,
};

/* Bios pass by what others have written to the page cache and not synced. */
int iocore_bdev_clean(struct block_device *bdev)
{
	int err = sync_blockdev(bdev);

	if (!err)
		invalidate_bdev(bdev);
	return err;
}

static int bdev_backend_open(struct iocore_disk *disk)
{
	blk_mode_t mode = BLK_OPEN_READ | (disk->readonly ? 0 : BLK_OPEN_WRITE);
	struct file *file;
	int err;

	/* A writer holds the device exclusively; readers may share it. */
	if (disk->readonly)
		file = bdev_file_open_by_path(disk->path, mode, NULL, NULL);
	else
		file = bdev_file_open_by_path(disk->path, mode, disk->holder,
					      &bdev_holder_ops);
	if (IS_ERR(file))
		return PTR_ERR(file) == -EACCES ? -EROFS : PTR_ERR(file);
	err = bdev_is_zoned(file_bdev(file)) ? -EOPNOTSUPP : 0;
	/* A move does it later, when it does not hold iocore_config_lock. */
	if (!err && disk->holder == disk)
		err = iocore_bdev_clean(file_bdev(file));
	if (err) {
		bdev_fput(file);
		return err;
	}
	disk->file = file;
	disk->bdev = file_bdev(file);
	bdev_limits(disk, disk->bdev);
	disk->lim.capacity = bdev_capacity(disk);
	return 0;
}

static void bdev_end_io(struct bio *bio)
{
	struct iocore_req *req = bio->bi_private;
	int error = blk_status_to_errno(bio->bi_status);

	if (bio_op(bio) == REQ_OP_READ) {
		bio_check_pages_dirty(bio);
	} else {
		bio_release_pages(bio, false);
		bio_put(bio);
	}
	iocore_req_part_end(req, error);
}

static blk_opf_t bdev_opf(struct iocore_req *req)
{
	if (req->sqe.opcode == IOCORE_OP_READ)
		return REQ_OP_READ;
	return REQ_OP_WRITE | REQ_SYNC | REQ_IDLE | (iocore_req_durable(req) ? REQ_FUA : 0);
}

static void bdev_rw(struct iocore_req *req)
{
	struct block_device *bdev = iocore_req_disk(req)->bdev;
	blk_opf_t opf = bdev_opf(req);
	sector_t sector = req->sqe.sector;
	struct bio *bio;
	int err = -EINVAL;

	if (!bdev_iter_is_aligned(bdev, &req->iter))
		goto out;

	while (iov_iter_count(&req->iter)) {
		bio = bio_alloc(bdev, iov_iter_npages(&req->iter, BIO_MAX_VECS), opf, GFP_KERNEL);
		bio->bi_iter.bi_sector = sector;
		bio->bi_private = req;
		bio->bi_end_io = bdev_end_io;
		err = bio_iov_iter_get_pages(bio, &req->iter);
		if (err) {
			bio_put(bio);
			goto out;
		}
		if (opf == REQ_OP_READ)
			bio_set_pages_dirty(bio);
		sector += bio_sectors(bio);
		atomic_inc(&req->pending);
		submit_bio(bio);
	}
	err = 0;
out:
	iocore_req_part_end(req, err);
}

/* A bio of no pages is the whole request: it ends the submitter's part. */
static void bdev_submit_range(struct iocore_req *req, blk_opf_t opf, bio_end_io_t *end_io)
{
	struct bio *bio = bio_alloc(iocore_req_disk(req)->bdev, 0, opf, GFP_KERNEL);

	bio->bi_iter.bi_sector = req->sqe.sector;
	bio->bi_iter.bi_size = req->sqe.len;
	bio->bi_private = req;
	bio->bi_end_io = end_io;
	submit_bio(bio);
}

static void bdev_flush(struct iocore_req *req)
{
	struct bio *bio = bio_alloc(iocore_req_disk(req)->bdev, 0,
				    REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC, GFP_KERNEL);

	bio->bi_private = req;
	bio->bi_end_io = bdev_end_io;
	submit_bio(bio);
}

static void bdev_discard(struct iocore_req *req)
{
	bdev_submit_range(req, REQ_OP_DISCARD, bdev_end_io);
}

/* Pages of zeroes, where the device can't do it by itself. */
static void bdev_zeroes_slow(struct iocore_req *req)
{
	bool unmap = req->sqe.flags & IOCORE_SQE_UNMAP;

	iocore_req_part_end(req, blkdev_issue_zeroout(iocore_req_disk(req)->bdev,
						      req->sqe.sector,
						      req->sqe.len >> SECTOR_SHIFT, GFP_NOIO,
						      unmap ? 0 : BLKDEV_ZERO_NOUNMAP));
}

/* Some drivers find out by an error that their device can't, and say so from then on. */
static void bdev_zeroes_end_io(struct bio *bio)
{
	struct iocore_req *req = bio->bi_private;
	int error = blk_status_to_errno(bio->bi_status);

	bio_put(bio);
	if (error && !bdev_write_zeroes_sectors(iocore_req_disk(req)->bdev))
		iocore_req_defer(req, bdev_zeroes_slow);
	else
		iocore_req_part_end(req, error);
}

static void bdev_zeroes(struct iocore_req *req)
{
	bool unmap = req->sqe.flags & IOCORE_SQE_UNMAP;

	req->then_flush = iocore_req_durable(req) && bdev_write_cache(iocore_req_disk(req)->bdev);
	if (bdev_write_zeroes_sectors(iocore_req_disk(req)->bdev))
		bdev_submit_range(req, REQ_OP_WRITE_ZEROES | (unmap ? 0 : REQ_NOUNMAP),
				  bdev_zeroes_end_io);
	else
		iocore_req_defer(req, bdev_zeroes_slow);
}

static int bdev_sync(struct iocore_disk *disk)
{
	return blkdev_issue_flush(disk->bdev);
}

const struct iocore_backend_ops iocore_bdev_ops = {
	.open		= bdev_backend_open,
	.capacity	= bdev_capacity,
	.rw		= bdev_rw,
	.flush		= bdev_flush,
	.discard	= bdev_discard,
	.zeroes		= bdev_zeroes,
	.sync		= bdev_sync,
};
