// SPDX-License-Identifier: GPL-2.0-only
/*
 * schema.c - the form of a saved state, and whether a document has it
 *
 * A document is judged as a whole before anything is done with it. A key that
 * is not known may mean what we would do wrong without it: it is an error.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/iocore_ring.h>

#include "iocorectl.h"

static bool path_ok(const char *text)
{
	return *text == '/' && strlen(text) < PATH_MAX && !strchr(text, '\n');
}

static bool notifier_ok(const char *text)
{
	return notifier_number(text) >= 0;
}

static bool cache_ok(const char *text)
{
	return !strcmp(text, "back") || !strcmp(text, "through");
}

static const struct attr_schema core_attrs[] = {
	{ .name = "cpu",	.type = ATTR_NUMBER, .max = INT_MAX },
	{ .name = "idle_us",	.type = ATTR_NUMBER, .max = IDLE_US_MAX },
	{ .name = NULL }
};

static const struct attr_schema disk_attrs[] = {
	{ .name = "path",	.type = ATTR_TEXT, .ok = path_ok },
	{ .name = "readonly",	.type = ATTR_BOOL },
	{ .name = "serial",	.type = ATTR_TEXT, .ok = serial_ok },
	{ .name = "core",	.type = ATTR_TEXT, .ok = core_list_ok },
	{ .name = "threads",	.type = ATTR_NUMBER, .min = 1, .max = THREADS_MAX },
	{ .name = "queues",	.type = ATTR_NUMBER, .min = 1, .max = QUEUES_MAX },
	{ .name = "write_cache", .type = ATTR_TEXT, .ok = cache_ok },
	{ .name = "replay_timeout", .type = ATTR_NUMBER, .max = REPLAY_MAX },
	{ .name = "notifier",	.type = ATTR_TEXT, .ok = notifier_ok },
	{ .name = NULL }
};

const struct object_schema core_schema = {
	.kind	= &core_kind,
	.key	= "cores",
	.attrs	= core_attrs,
};

const struct object_schema disk_schema = {
	.kind	= &disk_kind,
	.key	= "disks",
	.attrs	= disk_attrs,
};

/* Where a complaint is about: "FILE: disks[2]". */
#define WHERE_LEN	(PATH_MAX + 64)

static int check_number(const char *where, const char *key,
			struct json_object *value, long long min, long long max)
{
	if (!json_object_is_type(value, json_type_int) ||
	    json_object_get_int64(value) < min ||
	    json_object_get_int64(value) > max)
		return fail(EXIT_FAILED, "%s: %s is not a number of %lld to %lld",
			    where, key, min, max);
	return EXIT_OK;
}

static int check_bool(const char *where, const char *key,
		      struct json_object *value)
{
	if (json_object_is_type(value, json_type_boolean))
		return EXIT_OK;
	return fail(EXIT_FAILED, "%s: %s is neither true nor false", where, key);
}

/* A text may be empty only where @empty says so. */
static int check_text(const char *where, const char *key,
		      struct json_object *value, bool (*ok)(const char *text),
		      bool empty)
{
	const char *text = json_object_get_string(value);

	if (!json_object_is_type(value, json_type_string) ||
	    strlen(text) != (size_t)json_object_get_string_len(value))
		return fail(EXIT_FAILED, "%s: %s is not a text", where, key);
	if (!(*text ? ok(text) : empty))
		return fail(EXIT_FAILED, "%s: %s can't be '%s'", where, key,
			    text);
	return EXIT_OK;
}

static int check_attr(const char *where, const struct attr_schema *attr,
		      struct json_object *value)
{
	switch (attr->type) {
	case ATTR_NUMBER:
		return check_number(where, attr->name, value, attr->min,
				    attr->max);
	case ATTR_BOOL:
		return check_bool(where, attr->name, value);
	default:
		return check_text(where, attr->name, value, attr->ok, true);
	}
}

static int unknown_key(const char *where, const char *key)
{
	return fail(EXIT_FAILED, "%s: the key '%s' is not known", where, key);
}

static int check_object_key(const struct object_schema *schema,
			    const char *where, const char *key,
			    struct json_object *value)
{
	const struct attr_schema *attr;

	if (!strcmp(key, "name"))
		return check_text(where, key, value, name_ok, false);
	if (!strcmp(key, "enabled"))
		return check_bool(where, key, value);
	for (attr = schema->attrs; attr->name; attr++)
		if (!strcmp(attr->name, key))
			return check_attr(where, attr, value);
	return unknown_key(where, key);
}

/* Has an earlier row of @rows the same @key? */
static bool is_repeated(struct json_object *rows, size_t row, const char *key)
{
	struct json_object *value, *earlier;
	size_t i;

	value = json_object_object_get(json_object_array_get_idx(rows, row), key);
	for (i = 0; i < row; i++) {
		earlier = json_object_object_get(json_object_array_get_idx(rows, i),
						 key);
		if (json_object_equal(value, earlier))
			return true;
	}
	return false;
}

static int need_key(const char *where, struct json_object *row, const char *key)
{
	if (json_object_object_get_ex(row, key, NULL))
		return EXIT_OK;
	return fail(EXIT_FAILED, "%s: '%s' is missing", where, key);
}

static int need_text(const char *where, struct json_object *row, const char *key)
{
	if (*json_object_get_string(json_object_object_get(row, key)))
		return EXIT_OK;
	return fail(EXIT_FAILED, "%s: '%s' is empty", where, key);
}

/* What an enabled object can't be without. */
static int check_needed(const struct object_schema *schema, const char *where,
			struct json_object *row)
{
	const char *first = schema->attrs[0].name;
	int err = need_key(where, row, "name");

	if (err || !json_object_get_boolean(json_object_object_get(row, "enabled")))
		return err;
	err = need_key(where, row, first);
	if (!err && schema->attrs[0].type == ATTR_TEXT)
		err = need_text(where, row, first);
	return err;
}

static int check_object(void *context, const char *where,
			struct json_object *row)
{
	const struct object_schema *schema = context;
	int err;

	json_object_object_foreach(row, key, value) {
		err = check_object_key(schema, where, key, value);
		if (err)
			return err;
	}
	return check_needed(schema, where, row);
}

static int check_attachment(void *context, const char *where,
			    struct json_object *row)
{
	int err = EXIT_OK;

	(void)context;
	json_object_object_foreach(row, key, value) {
		if (!strcmp(key, "disk"))
			err = check_text(where, key, value, name_ok, false);
		else if (!strcmp(key, "slot"))
			err = check_number(where, key, value, 0,
					   IOCORE_MAX_DISKS - 1);
		else if (!strcmp(key, "notifier"))
			err = check_text(where, key, value, notifier_ok, false);
		else if (!strcmp(key, "kept"))
			err = check_bool(where, key, value);
		else
			err = unknown_key(where, key);
		if (err)
			return err;
	}
	err = need_key(where, row, "disk");
	return err ? err : need_key(where, row, "slot");
}

/* An array of objects, of which no two have the same @unique. */
static int check_rows(const char *from, const char *key,
		      struct json_object *rows, const char *unique,
		      int (*check)(void *context, const char *where,
				   struct json_object *row), void *context)
{
	char where[WHERE_LEN];
	size_t i;
	int err;

	if (!json_object_is_type(rows, json_type_array))
		return fail(EXIT_FAILED, "%s: %s is not an array", from, key);
	for (i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		snprintf(where, sizeof(where), "%s: %s[%zu]", from, key, i);
		if (!json_object_is_type(row, json_type_object))
			return fail(EXIT_FAILED, "%s is not an object", where);
		err = check(context, where, row);
		if (err)
			return err;
		if (is_repeated(rows, i, unique))
			return fail(EXIT_FAILED, "%s: its %s is that of another",
				    where, unique);
	}
	return EXIT_OK;
}

static int check_vm(void *context, const char *where, struct json_object *row)
{
	int err = EXIT_OK;

	(void)context;
	json_object_object_foreach(row, key, value) {
		if (!strcmp(key, "pid"))
			err = check_number(where, key, value, 1, INT_MAX);
		else if (!strcmp(key, "start_time"))
			err = check_number(where, key, value, 0, LLONG_MAX);
		else if (!strcmp(key, "direct_allowed"))
			err = check_bool(where, key, value);
		else if (!strcmp(key, "attachments"))
			err = check_rows(where, key, value, "disk",
					 check_attachment, NULL);
		else
			err = unknown_key(where, key);
		if (err)
			return err;
	}
	err = need_key(where, row, "pid");
	return err ? err : need_key(where, row, "start_time");
}

static bool any_text(const char *text)
{
	(void)text;
	return true;
}

static int check_version(struct json_object *state, const char *from)
{
	struct json_object *version = json_object_object_get(state, "iocore_state");

	if (!json_object_is_type(version, json_type_int) ||
	    json_object_get_int64(version) < 1)
		return fail(EXIT_FAILED,
			    "%s is no saved state of iocore's: no number 'iocore_state'",
			    from);
	if (json_object_get_int64(version) > STATE_VERSION)
		return fail(EXIT_FAILED,
			    "%s has version %lld, this program knows %d: use a newer iocorectl",
			    from, (long long)json_object_get_int64(version),
			    STATE_VERSION);
	return EXIT_OK;
}

static int check_state_key(const char *from, const char *key,
			   struct json_object *value)
{
	if (!strcmp(key, "iocore_state"))
		return EXIT_OK;
	if (!strcmp(key, "boot_id"))
		return check_text(from, key, value, any_text, true);
	if (!strcmp(key, core_schema.key))
		return check_rows(from, key, value, "name", check_object,
				  (void *)&core_schema);
	if (!strcmp(key, disk_schema.key))
		return check_rows(from, key, value, "name", check_object,
				  (void *)&disk_schema);
	if (!strcmp(key, "vms"))
		return check_rows(from, key, value, "pid", check_vm, NULL);
	return unknown_key(from, key);
}

/**
 * state_check() - whether a document is a saved state that we understand
 * @state: what was parsed, maybe NULL
 * @from: the file's name, for messages
 *
 * Return: EXIT_OK, or EXIT_FAILED with the reason said.
 */
int state_check(struct json_object *state, const char *from)
{
	int err;

	if (!json_object_is_type(state, json_type_object))
		return fail(EXIT_FAILED, "%s does not hold a JSON object", from);
	err = check_version(state, from);
	if (err)
		return err;
	json_object_object_foreach(state, key, value) {
		err = check_state_key(from, key, value);
		if (err)
			return err;
	}
	return EXIT_OK;
}
