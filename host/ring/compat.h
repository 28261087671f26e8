/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * what the ring core needs of its surroundings
 *
 * The core is built into the kernel module and into user-space programs. In
 * the kernel this is a few headers; in user space the same names are made of
 * the compiler's C11 atomics, so that ThreadSanitizer sees the ordering.
 *
 * The define RING_MB_NONE turns every full barrier into nothing. It exists for
 * the tests, which must be seen to fail without the barriers.
 */
#ifndef _IOCORE_RING_COMPAT_H
#define _IOCORE_RING_COMPAT_H

#ifdef __KERNEL__

#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/barrier.h>

/* An atomic or / and-not on a word that another party may write too. */
static inline void compat_or(u32 *word, u32 bits)
{
	atomic_or((int)bits, (atomic_t *)word);
}

static inline void compat_andnot(u32 *word, u32 bits)
{
	atomic_andnot((int)bits, (atomic_t *)word);
}

#else /* user space */

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#ifndef __force
#ifdef __CHECKER__
#define __force __attribute__((force))
#else
#define __force
#endif
#endif

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v)	__atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
/* the callers' letters name the pairs */
#define smp_load_acquire(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
/* the callers' letters name the pairs */
#define smp_store_release(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)

#if defined(RING_MB_NONE)
/* a barrier for the compiler only: see above */
static inline void smp_mb(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}
#elif defined(__SANITIZE_THREAD__)
/* ThreadSanitizer knows no fences: a locked operation is as strong on x86. */
static inline void smp_mb(void)
{
	static u32 word;

	__atomic_fetch_add(&word, 0, __ATOMIC_SEQ_CST);
}
#else
/* the full barriers K..N */
static inline void smp_mb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
#endif

static inline void compat_or(u32 *word, u32 bits)
{
	__atomic_fetch_or(word, bits, __ATOMIC_RELAXED);
}

static inline void compat_andnot(u32 *word, u32 bits)
{
	__atomic_fetch_and(word, ~bits, __ATOMIC_RELAXED);
}

static inline bool is_power_of_2(unsigned long n)
{
	return n && !(n & (n - 1));
}

#define min_t(type, x, y) __extension__({	\
	type min_x = (x), min_y = (y);		\
						\
	min_x < min_y ? min_x : min_y;		\
})
#define ALIGN(x, a) __extension__({			\
	__typeof__(x) align_mask = (a) - 1;		\
							\
	((x) + align_mask) & ~align_mask;		\
})
#define check_add_overflow(a, b, d)	__builtin_add_overflow(a, b, d)

#endif /* __KERNEL__ */

/*
 * Memory that a hostile peer writes. It is reached through the accessors below
 * only: a plain dereference is an error for sparse.
 */
#ifdef __CHECKER__
#define __shared __attribute__((noderef, address_space(__shared)))
#else
#define __shared
#endif

static inline u32 shared_load(const __shared u32 *p)
{
	return READ_ONCE(*(const u32 __force *)p);
}

static inline u32 shared_load_acquire(const __shared u32 *p)
{
	/* B, D, F and H, as the caller says */
	return smp_load_acquire((const u32 __force *)p);
}

static inline void shared_store(__shared u32 *p, u32 v)
{
	WRITE_ONCE(*(u32 __force *)p, v);
}

static inline void shared_store_release(__shared u32 *p, u32 v)
{
	/* A, C, E and G, as the caller says */
	smp_store_release((u32 __force *)p, v);
}

static inline void shared_or(__shared u32 *p, u32 bits)
{
	compat_or((u32 __force *)p, bits);
}

static inline void shared_andnot(__shared u32 *p, u32 bits)
{
	compat_andnot((u32 __force *)p, bits);
}

/*
 * Copy out of or into shared memory in whole words, each touched once: the
 * compiler may neither read twice nor keep a pointer instead of the copy.
 * @bytes is a multiple of 8 and both sides are 8-byte aligned.
 */
static inline void shared_copy_from(void *to, const __shared void *from,
				    size_t bytes)
{
	const u64 *src = (const u64 __force *)from;
	u64 word;
	size_t i;

	for (i = 0; i < bytes / sizeof(u64); i++) {
		word = READ_ONCE(src[i]);
		memcpy((u8 *)to + i * sizeof(u64), &word, sizeof(word));
	}
}

static inline void shared_copy_to(__shared void *to, const void *from,
				  size_t bytes)
{
	u64 *dst = (u64 __force *)to;
	u64 word;
	size_t i;

	for (i = 0; i < bytes / sizeof(u64); i++) {
		memcpy(&word, (const u8 *)from + i * sizeof(u64), sizeof(word));
		WRITE_ONCE(dst[i], word);
	}
}

#endif /* _IOCORE_RING_COMPAT_H */
