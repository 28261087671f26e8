// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcpu.c - how the vCPUs of a VM are notified, and why
 *
 * The kernel gives a line a vCPU: key=value, a value with spaces in quotes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "iocorectl.h"

/* Cut the next key=value off the line: false at its end. */
static bool next_pair(char **line, char **key, char **value)
{
	char *at = *line + strspn(*line, " ");
	char *equals = strchr(at, '=');

	if (!equals)
		return false;
	*equals = '\0';
	*key = at;
	at = equals + 1;
	if (*at == '"')
		at++;
	*value = at;
	at += strcspn(at, at[-1] == '"' ? "\"" : " ");
	if (*at)
		*at++ = '\0';
	*line = at;
	return true;
}

static struct json_object *number_or_string(const char *value)
{
	char *end;
	unsigned long long number = strtoull(value, &end, 10);

	if (end != value && !*end)
		return json_object_new_uint64(number);
	return json_object_new_string(value);
}

static struct json_object *parse_vcpu(char *line)
{
	struct json_object *row = json_object_new_object();
	char *key, *value;

	while (next_pair(&line, &key, &value))
		json_object_object_add(row, key, number_or_string(value));
	return row;
}

/* "name entries injected" */
static void add_reason(struct json_object *reasons, const char *line)
{
	unsigned long long entries, injected;
	struct json_object *row;
	char name[64];

	if (sscanf(line, "%63s %llu %llu", name, &entries, &injected) != 3)
		return;
	row = json_object_new_object();
	json_object_object_add(row, "entries", json_object_new_uint64(entries));
	json_object_object_add(row, "injected",
			       json_object_new_uint64(injected));
	json_object_object_add(reasons, name, row);
}

/* Add "vcpus" and "direct_reasons" to a VM whose files are in @dir. */
void vcpu_fill(struct json_object *vm, const char *dir)
{
	struct json_object *vcpus = json_object_new_array();
	struct json_object *reasons = json_object_new_object();
	char page[PAGE_LEN], *line, *save;

	json_object_object_add(vm, "vcpus", vcpus);
	json_object_object_add(vm, "direct_reasons", reasons);
	if (!attr_read(dir, "vcpus", page, sizeof(page)))
		for (line = strtok_r(page, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save))
			json_object_array_add(vcpus, parse_vcpu(line));
	if (!attr_read(dir, "direct_reasons", page, sizeof(page)))
		for (line = strtok_r(page, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save))
			add_reason(reasons, line);
}

const struct column vcpu_columns[] = {
	{ "/vm",		"VM",		FORMAT_TEXT },
	{ "/vcpu",		"VCPU",		FORMAT_NUMBER },
	{ "/mode",		"MODE",		FORMAT_TEXT },
	{ "/sent",		"SENT",		FORMAT_NUMBER },
	{ "/repended",		"REPENDED",	FORMAT_NUMBER },
	{ "/injected",		"INJECTED",	FORMAT_NUMBER },
	{ "/direct_entries",	"DIRECT-ENTRIES", FORMAT_NUMBER },
	{ "/normal_entries",	"NORMAL-ENTRIES", FORMAT_NUMBER },
	{ "/probes",		"PROBES",	FORMAT_NUMBER },
	{ "/escapes",		"ESCAPES",	FORMAT_NUMBER },
	{ "/reason",		"REASON",	FORMAT_TEXT },
	{ NULL,			NULL,		0 }
};
