// SPDX-License-Identifier: GPL-2.0-only
/*
 * file.c - file backend: O_DIRECT kiocbs over the guest's own pages
 */
#include <linux/bvec.h>
#include <linux/cred.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/stat.h>
#include <linux/uio.h>

#include "iocore.h"

/* A request of these lengths may keep a worker busy, so not longer. */
#define FILE_DISCARD_BYTES	SZ_1G
#define FILE_ZEROES_BYTES	SZ_64M
#define FILE_ZERO_PAGES		16
#define FILE_MODE_DISCARD	(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define FILE_MODE_ZEROES	(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE)

/* Alignment that the filesystem asks of direct I/O. */
static int file_alignment(struct iocore_disk *disk)
{
	struct inode *inode = file_inode(disk->file);
	struct kstat stat;
	int err;

	err = vfs_getattr(&disk->file->f_path, &stat, STATX_DIOALIGN, AT_STATX_SYNC_AS_STAT);
	if (err)
		return err;
	if (stat.result_mask & STATX_DIOALIGN) {
		if (!stat.dio_offset_align || !stat.dio_mem_align)
			return -EINVAL;		/* no direct I/O on this file */
		disk->lim.logical_block = max(SECTOR_SIZE, stat.dio_offset_align);
		disk->lim.dma_align = stat.dio_mem_align - 1;
	} else {
		disk->lim.logical_block = inode->i_sb->s_bdev ?
			bdev_logical_block_size(inode->i_sb->s_bdev) : SECTOR_SIZE;
		disk->lim.dma_align = disk->lim.logical_block - 1;
	}
	return 0;
}

/* A hole behind the end of the file changes nothing, but says whether it can be. */
static bool file_can_punch(struct file *file)
{
	u32 block = i_blocksize(file_inode(file));

	return !vfs_fallocate(file, FILE_MODE_DISCARD,
			      round_up(i_size_read(file_inode(file)), block), block);
}

static void file_limits(struct iocore_disk *disk)
{
	struct inode *inode = file_inode(disk->file);

	disk->physical_block = max_t(u32, i_blocksize(inode), disk->lim.logical_block);
	disk->io_min = 0;
	disk->io_opt = 0;
	disk->align_offset = 0;
	disk->write_cache = true;
	disk->unmap = !disk->readonly && file_can_punch(disk->file);
	disk->lim.max_discard = disk->unmap ? FILE_DISCARD_BYTES : 0;
	disk->discard_granularity = disk->unmap ? disk->physical_block : 0;
	disk->lim.max_write_zeroes = FILE_ZEROES_BYTES;
}

static u64 file_capacity(struct iocore_disk *disk)
{
	return round_down(i_size_read(file_inode(disk->file)), disk->lim.logical_block) >>
		SECTOR_SHIFT;
}

static int file_backend_open(struct iocore_disk *disk)
{
	int flags = O_LARGEFILE | O_DIRECT | (disk->readonly ? O_RDONLY : O_RDWR);
	struct file *file = filp_open(disk->path, flags, 0);
	struct inode *inode;
	int err;

	if (IS_ERR(file))
		return PTR_ERR(file) == -EACCES ? -EROFS : PTR_ERR(file);
	inode = file_inode(file);
	disk->file = file;
	/* The path may name something else by now. */
	err = -EINVAL;
	if (!S_ISREG(inode->i_mode))
		goto put;
	err = -ETXTBSY;
	if (IS_SWAPFILE(inode))
		goto put;
	err = file_alignment(disk);
	if (err)
		goto put;
	file_limits(disk);
	disk->lim.capacity = file_capacity(disk);
	return 0;
put:
	fput(file);
	return err;
}

/* The file has shrunk since its capacity was read: a write would make it grow. */
static bool file_beyond(struct iocore_req *req)
{
	u64 end = (req->sqe.sector << SECTOR_SHIFT) + req->sqe.len;

	return end > i_size_read(file_inode(iocore_req_disk(req)->file));
}

/*
 * The fsync of a durable write may have used up the error of other writes, which the
 * next flush has then. Not where the write itself was refused, for want of space say.
 */
static bool file_error_used(struct iocore_req *req, long ret)
{
	return req->iocb.ki_flags & IOCB_DSYNC &&
	       (ret == -EIO || READ_ONCE(req->iocb.ki_filp->f_wb_err) != req->wb_err);
}

static void file_rw_end(struct iocore_req *req, long ret)
{
	if (ret < 0 && file_error_used(req, ret))
		WRITE_ONCE(iocore_req_disk(req)->flush_error, -EIO);
	/* A short transfer means that the file has shrunk under us. */
	if (ret >= 0)
		ret = ret == req->sqe.len ? 0 : -EIO;
	iocore_req_part_end(req, ret);
}

/* vfs_iocb_iter_write() has begun a write; it ends those that it has not queued. */
static void file_rw_done(struct kiocb *iocb, long ret)
{
	if (iocb->ki_flags & IOCB_WRITE)
		kiocb_end_write(iocb);
	file_rw_end(container_of(iocb, struct iocore_req, iocb), ret);
}

static void file_rw(struct iocore_req *req)
{
	struct file *file = iocore_req_disk(req)->file;
	struct kiocb *iocb = &req->iocb;
	const struct cred *old;
	ssize_t ret;

	if (file_beyond(req)) {
		iocore_req_part_end(req, -EIO);
		return;
	}
	*iocb = (struct kiocb){
		.ki_filp	= file,
		.ki_pos		= (loff_t)req->sqe.sector << SECTOR_SHIFT,
		.ki_flags	= iocb_flags(file),
		.ki_ioprio	= get_current_ioprio(),
		.ki_complete	= file_rw_done,
	};

	req->wb_err = READ_ONCE(file->f_wb_err);
	/* A filesystem may look at the kiocb after it has completed. */
	atomic_inc(&req->pending);
	/* The right to the file is that of who opened it, not of the VM's process. */
	old = override_creds(file->f_cred);
	if (req->sqe.opcode == IOCORE_OP_READ) {
		ret = vfs_iocb_iter_read(file, iocb, &req->iter);
	} else {
		iocb->ki_flags |= IOCB_WRITE;
		if (iocore_req_durable(req))
			iocb->ki_flags |= IOCB_DSYNC;
		ret = vfs_iocb_iter_write(file, iocb, &req->iter);
	}
	revert_creds(old);
	if (ret != -EIOCBQUEUED)
		file_rw_end(req, ret);
	iocore_req_part_end(req, 0);
}

static void file_flush_slow(struct iocore_req *req)
{
	iocore_req_part_end(req, vfs_fsync(iocore_req_disk(req)->file, 1));
}

/* What blocks is not for the disk thread: other requests wait behind it. */
static void file_flush(struct iocore_req *req)
{
	iocore_req_defer(req, file_flush_slow);
}

static int file_fallocate(struct iocore_req *req, int mode)
{
	return vfs_fallocate(iocore_req_disk(req)->file, mode,
			     (loff_t)req->sqe.sector << SECTOR_SHIFT, req->sqe.len);
}

static void file_discard_slow(struct iocore_req *req)
{
	iocore_req_part_end(req, file_fallocate(req, FILE_MODE_DISCARD));
}

static void file_discard(struct iocore_req *req)
{
	iocore_req_defer(req, file_discard_slow);
}

/* As direct I/O, a few pages at a time. */
static int file_write_zeroes(struct iocore_req *req)
{
	struct file *file = iocore_req_disk(req)->file;
	loff_t pos = (loff_t)req->sqe.sector << SECTOR_SHIFT;
	loff_t end = pos + req->sqe.len;
	struct bio_vec bv[FILE_ZERO_PAGES];
	struct iov_iter iter;
	ssize_t ret;
	int i;

	for (i = 0; i < FILE_ZERO_PAGES; i++)
		bvec_set_page(&bv[i], ZERO_PAGE(0), PAGE_SIZE, 0);
	while (pos < end) {
		iov_iter_bvec(&iter, ITER_SOURCE, bv, FILE_ZERO_PAGES,
			      min_t(loff_t, end - pos, FILE_ZERO_PAGES * PAGE_SIZE));
		ret = vfs_iter_write(file, &iter, &pos, 0);
		if (ret <= 0)
			return ret ?: -EIO;
		cond_resched();
	}
	return 0;
}

/* Not every filesystem knows both ways of zeroing. */
static void file_zeroes_slow(struct iocore_req *req)
{
	int err = file_beyond(req) ? -EIO : -EOPNOTSUPP;

	if (err == -EOPNOTSUPP && req->sqe.flags & IOCORE_SQE_UNMAP)
		err = file_fallocate(req, FILE_MODE_DISCARD);
	if (err == -EOPNOTSUPP)
		err = file_fallocate(req, FILE_MODE_ZEROES);
	if (err == -EOPNOTSUPP)
		err = file_write_zeroes(req);
	iocore_req_part_end(req, err);
}

static void file_zeroes(struct iocore_req *req)
{
	req->then_flush = iocore_req_durable(req);
	iocore_req_defer(req, file_zeroes_slow);
}

static int file_sync(struct iocore_disk *disk)
{
	return vfs_fsync(disk->file, 1);
}

const struct iocore_backend_ops iocore_file_ops = {
	.open		= file_backend_open,
	.capacity	= file_capacity,
	.rw		= file_rw,
	.flush		= file_flush,
	.discard	= file_discard,
	.zeroes		= file_zeroes,
	.sync		= file_sync,
};
