/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Test Anything Protocol for user-space tests, as kselftest prints it
 *
 * A test program calls tap_ok() for each case and returns tap_end(). A case
 * that loops over many inputs counts failures and reports the first few.
 */
#ifndef _TAP_H
#define _TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif
#define TAP_ATTRIBUTE(x)	__attribute__(x)
#ifndef __aligned
#define __aligned(n)	TAP_ATTRIBUTE((__aligned__(n)))
#endif
#ifndef __printf
#define __printf(f, a)	TAP_ATTRIBUTE((__format__(printf, f, a)))
#endif

#define TAP_SKIP	4	/* exit status of a test that could not run */
#define TAP_NOTES	5	/* most complaints printed for one case */

static int tap_cases, tap_failed, tap_notes;

static inline void __printf(1, 2) tap_note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("# ");
	vprintf(fmt, ap);
	printf("\n");
	fflush(stdout);
	va_end(ap);
}

static inline void tap_begin(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n");
}

static inline void __printf(2, 3) tap_ok(bool ok, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("%sok %d - ", ok ? "" : "not ", ++tap_cases);
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	tap_failed += !ok;
	tap_notes = 0;
}

static inline void __printf(1, 2) tap_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("ok %d # SKIP ", ++tap_cases);
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
}

/* A complaint within the present case, bounded in number; returns @ok. */
#define tap_expect(ok, fmt, ...) __extension__({			\
	bool tap_good = (ok);						\
									\
	if (!tap_good && tap_notes++ < TAP_NOTES)			\
		tap_note("%s:%d: " fmt, __func__, __LINE__, ##__VA_ARGS__); \
	tap_good;							\
})

static inline int tap_end(void)
{
	printf("1..%d\n", tap_cases);
	return tap_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* A count from the environment, so that a slow build can do fewer rounds. */
static inline unsigned long tap_env(const char *name, unsigned long value)
{
	const char *s = getenv(name);

	return s ? strtoul(s, NULL, 0) : value;
}

/* xorshift64*: the same seed gives the same test. */
static inline unsigned long long tap_random(unsigned long long *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

#endif /* _TAP_H */
