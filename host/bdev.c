// SPDX-License-Identifier: GPL-2.0-only
/*
 * bdev.c - block-device backend: bios over the guest's own pages
 */
#include <linux/bio.h>
#include <linux/blkdev.h>

#include "iocore.h"

static int bdev_backend_open(struct iocore_disk *disk)
{
	blk_mode_t mode = BLK_OPEN_READ | (disk->readonly ? 0 : BLK_OPEN_WRITE);
	struct block_device *bdev;
	struct file *file;

	/* A writer holds the device exclusively; readers may share it. */
	file = bdev_file_open_by_path(disk->path, mode, disk->readonly ? NULL : disk, NULL);
	if (IS_ERR(file))
		return PTR_ERR(file) == -EACCES ? -EROFS : PTR_ERR(file);
	bdev = file_bdev(file);
	if (bdev_is_zoned(bdev)) {
		fput(file);
		return -EOPNOTSUPP;
	}
	disk->file = file;
	disk->bdev = bdev;
	disk->lim.capacity = bdev_nr_sectors(bdev);
	disk->lim.logical_block = bdev_logical_block_size(bdev);
	disk->lim.dma_align = bdev_dma_alignment(bdev);
	disk->physical_block = bdev_physical_block_size(bdev);
	disk->io_opt = bdev_io_opt(bdev);
	disk->write_cache = bdev_write_cache(bdev);
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

static void bdev_rw(struct iocore_req *req)
{
	struct block_device *bdev = iocore_req_disk(req)->bdev;
	bool read = req->sqe.opcode == IOCORE_OP_READ;
	blk_opf_t opf = read ? REQ_OP_READ : REQ_OP_WRITE | REQ_SYNC | REQ_IDLE;
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
		if (read)
			bio_set_pages_dirty(bio);
		sector += bio_sectors(bio);
		atomic_inc(&req->pending);
		submit_bio(bio);
	}
	err = 0;
out:
	iocore_req_part_end(req, err);
}

static void bdev_flush(struct iocore_req *req)
{
	struct bio *bio = bio_alloc(iocore_req_disk(req)->bdev, 0,
				    REQ_OP_WRITE | REQ_PREFLUSH | REQ_SYNC, GFP_KERNEL);

	bio->bi_private = req;
	bio->bi_end_io = bdev_end_io;
	submit_bio(bio);
}

const struct iocore_backend_ops iocore_bdev_ops = {
	.open	= bdev_backend_open,
	.rw	= bdev_rw,
	.flush	= bdev_flush,
};
