// SPDX-License-Identifier: GPL-2.0-only
/*
 * report.c - what a command of many steps did, and what it could not do
 *
 * Such a command goes on after a failure, and ends with EXIT_FAILED then.
 */
#include <stdarg.h>
#include <stdio.h>

#include "iocorectl.h"

void report_begin(struct report *report, const char *what)
{
	report->root = output_new();
	report->done = json_object_new_array();
	report->skipped = json_object_new_array();
	report->failed = json_object_new_array();
	json_object_object_add(report->root, what, report->done);
	json_object_object_add(report->root, "skipped", report->skipped);
	json_object_object_add(report->root, "failed", report->failed);
}

__printf(2, 0)
static void report_line(struct json_object *lines, const char *fmt, va_list args)
{
	char text[256];

	vsnprintf(text, sizeof(text), fmt, args);
	json_object_array_add(lines, json_object_new_string(text));
	if (!settings.json)
		puts(text);
}

void report_done(struct report *report, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report_line(report->done, fmt, args);
	va_end(args);
}

/* What rightly was not done. */
void report_skipped(struct report *report, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report_line(report->skipped, fmt, args);
	va_end(args);
}

/* Count what the latest fail() said; @fmt names what it is about. */
void report_failed(struct report *report, const char *fmt, ...)
{
	struct json_object *row = json_object_new_object();
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	json_object_object_add(row, "what", json_object_new_string(text));
	json_object_object_add(row, "reason",
			       json_object_new_string(last_failure()));
	json_object_array_add(report->failed, row);
}

int report_end(struct report *report)
{
	size_t failed = json_object_array_length(report->failed);

	if (settings.json)
		output_json(report->root);
	json_object_put(report->root);
	return failed ? EXIT_FAILED : EXIT_OK;
}
