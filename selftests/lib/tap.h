/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tap.h - test points as TAP 13, for tests in C
 *
 * The kernels' logs are not read here: run_kselftest.sh's shell tests do.
 */
#ifndef _SELFTESTS_TAP_H
#define _SELFTESTS_TAP_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned int tap_points, tap_failed;

static inline void tap_begin(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("TAP version 13");
}

static inline void tap_check(bool good, const char *fmt, ...)
{
	va_list args;

	tap_points++;
	tap_failed += !good;
	printf("%sok %u - ", good ? "" : "not ", tap_points);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

/* A call that must return @want: 0, or a negative errno. */
static inline void tap_errno(long ret, int want, const char *what)
{
	int got = ret < 0 ? -errno : 0;

	tap_check(got == want, "%s: %s", what, want ? strerror(-want) : "success");
	if (got != want)
		printf("# got %s\n", got ? strerror(-got) : "success");
}

static inline void tap_bail(const char *why)
{
	printf("Bail out! %s: %s\n", why, strerror(errno));
	exit(1);
}

static inline void tap_skip_all(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	exit(4);
}

static inline int tap_end(void)
{
	printf("1..%u\n", tap_points);
	return tap_failed ? 1 : 0;
}

#endif /* _SELFTESTS_TAP_H */
