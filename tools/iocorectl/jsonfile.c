// SPDX-License-Identifier: GPL-2.0-only
/* jsonfile.c - one JSON document of a file, and nothing after it */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iocorectl.h"

#define FILE_MAX	(16 << 20)

static char *read_stream(const char *name, FILE *file, size_t *len)
{
	char *text = malloc(FILE_MAX);

	if (!text) {
		fail(EXIT_FAILED, "no memory");
		return NULL;
	}
	*len = fread(text, 1, FILE_MAX, file);
	if (!ferror(file) && *len < FILE_MAX)
		return text;
	fail(EXIT_FAILED, "cannot read %s: %s", name,
	     strerror(ferror(file) ? errno : EFBIG));
	free(text);
	return NULL;
}

/* The text of a file or "-", to be freed, or NULL with the reason said. */
static char *read_text(const char *name, size_t *len)
{
	char *text;
	FILE *file;

	if (!strcmp(name, "-"))
		return read_stream(name, stdin, len);
	file = fopen(name, "re");
	if (!file) {
		fail(EXIT_FAILED, "cannot read %s: %s", name, strerror(errno));
		return NULL;
	}
	text = read_stream(name, file, len);
	fclose(file);
	return text;
}

static int line_of(const char *text, size_t end)
{
	int line = 1;

	while (end--)
		line += *text++ == '\n';
	return line;
}

static int parse_text(const char *name, const char *text, size_t len,
		      struct json_object **root)
{
	struct json_tokener *tokener = json_tokener_new();
	enum json_tokener_error err;
	int code = EXIT_OK;
	size_t end;

	if (!tokener)
		return fail(EXIT_FAILED, "no memory");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT |
			       JSON_TOKENER_ALLOW_TRAILING_CHARS);
	*root = json_tokener_parse_ex(tokener, text, (int)len);
	err = json_tokener_get_error(tokener);
	end = json_tokener_get_parse_end(tokener);
	while (err == json_tokener_success && end < len &&
	       isspace((unsigned char)text[end]))
		end++;
	if (err == json_tokener_continue)
		code = fail(EXIT_FAILED, "%s: not JSON: it ends too early", name);
	else if (err != json_tokener_success)
		code = fail(EXIT_FAILED, "%s: line %d: not JSON: %s", name,
			    line_of(text, end), json_tokener_error_desc(err));
	else if (end < len)
		code = fail(EXIT_FAILED, "%s: line %d: more follows the document",
			    name, line_of(text, end));
	json_tokener_free(tokener);
	return code;
}

/* @root is NULL or to be put, whatever is returned. */
int json_read(const char *name, struct json_object **root)
{
	size_t len = 0;
	char *text;
	int code;

	*root = NULL;
	text = read_text(name, &len);
	if (!text)
		return EXIT_FAILED;
	code = parse_text(name, text, len, root);
	free(text);
	return code;
}
