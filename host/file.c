// SPDX-License-Identifier: GPL-2.0-only
/*
 * file.c - file backend: O_DIRECT kiocbs over the guest's own pages
 */
#include <linux/fs.h>
#include <linux/stat.h>
#include <linux/workqueue.h>

#include "iocore.h"

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
	disk->lim.capacity = round_down(i_size_read(inode), disk->lim.logical_block) >>
		SECTOR_SHIFT;
	disk->physical_block = max_t(u32, i_blocksize(inode), disk->lim.logical_block);
	disk->io_opt = 0;
	disk->write_cache = true;
	return 0;
put:
	fput(file);
	return err;
}

static void file_rw_done(struct kiocb *iocb, long ret)
{
	struct iocore_req *req = container_of(iocb, struct iocore_req, iocb);

	if (iocb->ki_flags & IOCB_WRITE)
		kiocb_end_write(iocb);
	/* A short transfer means that the file has shrunk under us. */
	if (ret >= 0)
		ret = ret == req->sqe.len ? 0 : -EIO;
	iocore_req_part_end(req, ret);
}

static void file_rw(struct iocore_req *req)
{
	struct file *file = iocore_req_disk(req)->file;
	struct kiocb *iocb = &req->iocb;
	ssize_t ret;

	*iocb = (struct kiocb){
		.ki_filp	= file,
		.ki_pos		= (loff_t)req->sqe.sector << SECTOR_SHIFT,
		.ki_flags	= iocb_flags(file),
		.ki_ioprio	= get_current_ioprio(),
		.ki_complete	= file_rw_done,
	};

	/* A filesystem may look at the kiocb after it has completed. */
	atomic_inc(&req->pending);
	if (req->sqe.opcode == IOCORE_OP_READ) {
		ret = vfs_iocb_iter_read(file, iocb, &req->iter);
	} else {
		iocb->ki_flags |= IOCB_WRITE;
		kiocb_start_write(iocb);
		ret = vfs_iocb_iter_write(file, iocb, &req->iter);
	}
	if (ret != -EIOCBQUEUED)
		file_rw_done(iocb, ret);
	iocore_req_part_end(req, 0);
}

static void file_flush_work(struct work_struct *work)
{
	struct iocore_req *req = container_of(work, struct iocore_req, work);

	iocore_req_part_end(req, vfs_fsync(iocore_req_disk(req)->file, 1));
}

/* fsync blocks: not in the disk thread, other requests wait behind it. */
static void file_flush(struct iocore_req *req)
{
	INIT_WORK(&req->work, file_flush_work);
	queue_work(iocore_flush_wq, &req->work);
}

const struct iocore_backend_ops iocore_file_ops = {
	.open	= file_backend_open,
	.rw	= file_rw,
	.flush	= file_flush,
};
