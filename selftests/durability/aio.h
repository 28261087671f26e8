/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * aio.h - the kernel's asynchronous I/O, as system calls
 */
#ifndef _DURABILITY_AIO_H
#define _DURABILITY_AIO_H

#include <err.h>
#include <errno.h>
#include <linux/aio_abi.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline aio_context_t aio_open(unsigned int depth)
{
	aio_context_t ctx = 0;

	if (syscall(SYS_io_setup, depth, &ctx))
		err(1, "io_setup");
	return ctx;
}

static inline void aio_submit(aio_context_t ctx, struct iocb **list, unsigned int n)
{
	unsigned int done = 0;

	while (done < n) {
		long rc = syscall(SYS_io_submit, ctx, (long)(n - done), list + done);

		if (rc < 0 && errno != EAGAIN && errno != EINTR)
			err(1, "io_submit");
		if (rc > 0)
			done += rc;
	}
}

static inline void aio_wait(aio_context_t ctx, struct io_event *ev)
{
	while (syscall(SYS_io_getevents, ctx, 1L, 1L, ev, NULL) != 1)
		if (errno != EINTR)
			err(1, "io_getevents");
}

#endif
