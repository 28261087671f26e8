// SPDX-License-Identifier: GPL-2.0-only
/*
 * latency.c - what a histogram of the kernel's tells of requests' times
 *
 * Entry i counts requests that took less than 2^i microseconds, and not less than
 * 2^(i-1); the last has no upper end. Within an entry they count as spread
 * evenly, so every number but a count is an estimate.
 */
#include <stdio.h>
#include <stdlib.h>

#include "iocorectl.h"

#define ENTRIES_MAX	64

static const char * const latency_kinds[] = { "read", "write", "flush", "discard", NULL };

struct histogram {
	double counts[ENTRIES_MAX];
	double total;
	int entries;
};

static double entry_low(int entry)
{
	return entry ? (double)(1ULL << (entry - 1)) : 0;
}

static double entry_high(int entry)
{
	return (double)(1ULL << entry);
}

static double mean_us(const struct histogram *h)
{
	double sum = 0;
	int i;

	for (i = 0; i < h->entries; i++)
		sum += h->counts[i] * (entry_low(i) + entry_high(i)) / 2;
	return sum / h->total;
}

static double percentile_us(const struct histogram *h, double part)
{
	double wanted = h->total * part, seen = 0;
	int i, last = 0;

	for (i = 0; i < h->entries; i++) {
		if (h->counts[i] <= 0)
			continue;
		last = i;
		if (seen + h->counts[i] >= wanted)
			return entry_low(i) + (entry_high(i) - entry_low(i)) *
			       (wanted - seen) / h->counts[i];
		seen += h->counts[i];
	}
	return entry_high(last);
}

static void add_number(struct json_object *row, const char *key, double number)
{
	json_object_object_add(row, key, json_object_new_double(number));
}

/* What is told of a histogram without a request is only that. */
static void summarize(struct json_object *row, const struct histogram *h)
{
	json_object_object_add(row, "count",
			       json_object_new_int64((int64_t)h->total));
	if (h->total <= 0)
		return;
	add_number(row, "mean_us", mean_us(h));
	add_number(row, "p50_us", percentile_us(h, 0.5));
	add_number(row, "p90_us", percentile_us(h, 0.9));
	add_number(row, "p99_us", percentile_us(h, 0.99));
}

static void histogram_of(struct histogram *h, struct json_object *counts)
{
	size_t i, entries = json_object_array_length(counts);

	if (entries > ENTRIES_MAX)
		entries = ENTRIES_MAX;
	h->entries = (int)entries;
	h->total = 0;
	for (i = 0; i < entries; i++) {
		h->counts[i] = json_object_get_double(json_object_array_get_idx(counts, i));
		h->total += h->counts[i];
	}
}

/* The counts in a file, or NULL where the module has no such file. */
static struct json_object *read_counts(const char *dir, const char *kind)
{
	char name[32], text[VALUE_LEN], *at = text, *end;
	struct json_object *counts;
	unsigned long long count;

	snprintf(name, sizeof(name), "latency_%s", kind);
	if (attr_read(dir, name, text, sizeof(text)))
		return NULL;
	counts = json_object_new_array();
	for (;;) {
		count = strtoull(at, &end, 10);
		if (end == at)
			return counts;
		json_object_array_add(counts, json_object_new_uint64(count));
		at = end;
	}
}

/* Add "latency" to a disk whose files are in @dir, an object by kind. */
void latency_fill(struct json_object *disk, const char *dir)
{
	struct json_object *all = json_object_new_object(), *row, *counts;
	const char * const *kind;
	struct histogram h;

	for (kind = latency_kinds; *kind; kind++) {
		counts = read_counts(dir, *kind);
		if (!counts)
			continue;
		row = json_object_new_object();
		histogram_of(&h, counts);
		summarize(row, &h);
		json_object_object_add(row, "counts", counts);
		json_object_object_add(all, *kind, row);
	}
	json_object_object_add(disk, "latency", all);
}

static struct json_object *counts_of(struct json_object *disk, const char *kind)
{
	struct json_object *latency = json_object_object_get(disk, "latency");

	return json_object_object_get(json_object_object_get(latency, kind),
				      "counts");
}

/* Counts that went back are those of a disk enabled anew: nothing is told then. */
static bool grown(struct histogram *h, struct json_object *now,
		  struct json_object *before)
{
	struct histogram old;
	int i;

	histogram_of(h, now);
	histogram_of(&old, before);
	h->total = 0;
	for (i = 0; i < h->entries; i++) {
		h->counts[i] -= i < old.entries ? old.counts[i] : 0;
		h->total += h->counts[i];
		if (h->counts[i] < 0)
			return false;
	}
	return true;
}

/* Add "latency" to @rates: of the requests between two samples, and of "all". */
void latency_rates(struct json_object *rates, struct json_object *now,
		   struct json_object *before)
{
	struct json_object *all = json_object_new_object(), *row;
	struct histogram h, sum = {};
	const char * const *kind;
	int i;

	for (kind = latency_kinds; *kind; kind++) {
		struct json_object *counts = counts_of(now, *kind);
		struct json_object *old = counts_of(before, *kind);

		if (!counts || !old || !grown(&h, counts, old))
			continue;
		row = json_object_new_object();
		summarize(row, &h);
		json_object_object_add(all, *kind, row);
		sum.entries = h.entries;
		sum.total += h.total;
		for (i = 0; i < h.entries; i++)
			sum.counts[i] += h.counts[i];
	}
	row = json_object_new_object();
	summarize(row, &sum);
	json_object_object_add(all, "all", row);
	json_object_object_add(rates, "latency", all);
}

const struct column latency_columns[] = {
	{ "/disk",	"DISK",		FORMAT_TEXT },
	{ "/kind",	"KIND",		FORMAT_TEXT },
	{ "/count",	"REQUESTS",	FORMAT_NUMBER },
	{ "/mean_us",	"MEAN-US",	FORMAT_RATE },
	{ "/p50_us",	"P50-US",	FORMAT_RATE },
	{ "/p90_us",	"P90-US",	FORMAT_RATE },
	{ "/p99_us",	"P99-US",	FORMAT_RATE },
	{ NULL,		NULL,		0 }
};

/* A table's rows: each disk's kinds that had a request. */
struct json_object *latency_flatten(struct json_object *disks, bool rates)
{
	struct json_object *rows = json_object_new_array(), *name, *all, *row;
	size_t i;

	for (i = 0; i < json_object_array_length(disks); i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);

		name = json_object_object_get(disk, "name");
		if (rates)
			disk = json_object_object_get(disk, "rates");
		all = json_object_object_get(disk, "latency");
		if (!all)
			continue;
		json_object_object_foreach(all, kind, summary) {
			if (!json_object_get_int64(json_object_object_get(summary, "count")))
				continue;
			row = NULL;
			json_object_deep_copy(summary, &row, NULL);
			json_object_object_add(row, "disk", json_object_get(name));
			json_object_object_add(row, "kind",
					       json_object_new_string(kind));
			json_object_array_add(rows, row);
		}
	}
	return rows;
}

static void histogram_row(struct json_object *rows, struct json_object *disk,
			  int entry)
{
	struct json_object *row = json_object_new_object();
	const char * const *kind;
	bool any = false;

	json_object_object_add(row, "disk",
			       json_object_get(json_object_object_get(disk, "name")));
	json_object_object_add(row, "from_us",
			       json_object_new_int64((int64_t)entry_low(entry)));
	for (kind = latency_kinds; *kind; kind++) {
		struct json_object *count;

		count = json_object_array_get_idx(counts_of(disk, *kind),
						  (size_t)entry);
		any |= json_object_get_int64(count) > 0;
		json_object_object_add(row, *kind, json_object_get(count));
	}
	if (any)
		json_object_array_add(rows, row);
	else
		json_object_put(row);
}

const struct column histogram_columns[] = {
	{ "/disk",	"DISK",		FORMAT_TEXT },
	{ "/from_us",	"FROM-US",	FORMAT_NUMBER },
	{ "/read",	"READS",	FORMAT_NUMBER },
	{ "/write",	"WRITES",	FORMAT_NUMBER },
	{ "/flush",	"FLUSHES",	FORMAT_NUMBER },
	{ "/discard",	"DISCARDS",	FORMAT_NUMBER },
	{ NULL,		NULL,		0 }
};

/* A table's rows: the entries that are not empty. */
struct json_object *latency_histograms(struct json_object *disks)
{
	struct json_object *rows = json_object_new_array();
	int entry, entries;
	size_t i;

	for (i = 0; i < json_object_array_length(disks); i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);
		struct json_object *counts = counts_of(disk, latency_kinds[0]);

		entries = counts ? (int)json_object_array_length(counts) : 0;
		for (entry = 0; entry < entries && entry < ENTRIES_MAX; entry++)
			histogram_row(rows, disk, entry);
	}
	return rows;
}
