// SPDX-License-Identifier: GPL-2.0-only
/*
 * output.c - one JSON tree a command, printed as JSON or as tables
 *
 * Every document is an object whose "version" is OUTPUT_VERSION. Keys may be
 * added within a version; none is renamed, removed or given another meaning.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iocorectl.h"

#define CELL_LEN	VALUE_LEN

static char last_error[1024];

/**
 * fail() - report why a command ends
 * @code: what the command is to return
 *
 * Return: @code, so that a caller can return it at once.
 */
int fail(int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(last_error, sizeof(last_error), fmt, args);
	va_end(args);
	fprintf(stderr, "iocorectl: %s\n", last_error);
	return code;
}

/* What the latest fail() said, for who goes on after it. */
const char *last_failure(void)
{
	return last_error;
}

struct json_object *output_new(void)
{
	struct json_object *root = json_object_new_object();

	json_object_object_add(root, "version",
			       json_object_new_int(OUTPUT_VERSION));
	return root;
}

/* One document a line, so that a stream of them can be read line by line. */
void output_json(struct json_object *root)
{
	puts(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(stdout);
}

/* A change succeeded: say so in JSON, nothing in text. */
int output_done(const char *what, const char *object, const char *name)
{
	struct json_object *root, *done;

	if (!settings.json)
		return EXIT_OK;
	root = output_new();
	done = json_object_new_object();
	json_object_object_add(done, object, json_object_new_string(name));
	json_object_object_add(root, what, done);
	output_json(root);
	json_object_put(root);
	return EXIT_OK;
}

/* The last word of the program: an error in JSON, and whether output got out. */
int output_finish(int code)
{
	if (settings.json && last_error[0]) {
		struct json_object *root = output_new();

		json_object_object_add(root, "error",
				       json_object_new_string(last_error));
		output_json(root);
		json_object_put(root);
	}
	if ((fflush(stdout) || ferror(stdout)) && code == EXIT_OK)
		return fail(EXIT_FAILED, "cannot write the output: %s",
			    strerror(errno));
	return code;
}

static void format_size(char cell[CELL_LEN], double bytes)
{
	static const char units[] = "BKMGTPE";
	unsigned int u = 0;

	while (bytes >= 1024 && u < sizeof(units) - 2) {
		bytes /= 1024;
		u++;
	}
	if (u)
		snprintf(cell, CELL_LEN, "%.1f%c", bytes, units[u]);
	else
		snprintf(cell, CELL_LEN, "%.0f", bytes);
}

/* An object as "key:value key:value". */
static void format_pairs(char cell[CELL_LEN], struct json_object *pairs)
{
	int used = 0;

	cell[0] = '\0';
	json_object_object_foreach(pairs, key, value) {
		used += snprintf(cell + used, CELL_LEN - used, "%s%s:%s",
				 used ? " " : "", key,
				 json_object_get_string(value));
		if (used >= CELL_LEN)
			return;
	}
}

static void format_cell(char cell[CELL_LEN], struct json_object *row,
			const struct column *column)
{
	struct json_object *value = NULL;

	if (json_pointer_get(row, column->key, &value) || !value) {
		snprintf(cell, CELL_LEN, "-");
		return;
	}
	switch (column->format) {
	case FORMAT_SIZE:
		format_size(cell, json_object_get_double(value));
		break;
	case FORMAT_SECTORS:
		format_size(cell, json_object_get_double(value) * 512);
		break;
	case FORMAT_PERCENT:
		snprintf(cell, CELL_LEN, "%.1f%%",
			 json_object_get_double(value) * 100);
		break;
	case FORMAT_RATE:
		snprintf(cell, CELL_LEN, "%.1f", json_object_get_double(value));
		break;
	case FORMAT_SMALL:
		snprintf(cell, CELL_LEN, "%.3f", json_object_get_double(value));
		break;
	case FORMAT_PAIRS:
		format_pairs(cell, value);
		break;
	default:
		if (json_object_is_type(value, json_type_boolean))
			snprintf(cell, CELL_LEN, "%s",
				 json_object_get_boolean(value) ? "yes" : "no");
		else
			snprintf(cell, CELL_LEN, "%s",
				 json_object_get_string(value));
		if (!cell[0])
			snprintf(cell, CELL_LEN, "-");
	}
}

static int column_width(struct json_object *rows, const struct column *column)
{
	size_t i, width = strlen(column->title);
	char cell[CELL_LEN];

	for (i = 0; i < json_object_array_length(rows); i++) {
		format_cell(cell, json_object_array_get_idx(rows, i), column);
		if (strlen(cell) > width)
			width = strlen(cell);
	}
	return (int)width;
}

static void print_cell(const struct column *column, int width, const char *cell)
{
	bool last = !column[1].key;

	if (column->format != FORMAT_TEXT && column->format != FORMAT_PAIRS)
		printf("%*s%s", width, cell, last ? "\n" : "  ");
	else if (last)
		printf("%s\n", cell);
	else
		printf("%-*s  ", width, cell);
}

void output_table(struct json_object *rows, const struct column *columns)
{
	size_t count = 0, i, c;
	char cell[CELL_LEN];
	int *widths;

	while (columns[count].key)
		count++;
	widths = calloc(count, sizeof(*widths));
	if (!widths)
		return;

	for (c = 0; c < count; c++) {
		widths[c] = column_width(rows, &columns[c]);
		print_cell(&columns[c], widths[c], columns[c].title);
	}
	for (i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		for (c = 0; c < count; c++) {
			format_cell(cell, row, &columns[c]);
			print_cell(&columns[c], widths[c], cell);
		}
	}
	free(widths);
}
