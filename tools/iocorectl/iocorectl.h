/* SPDX-License-Identifier: GPL-2.0-only */
/* iocorectl.h - what the parts of iocorectl share */
#ifndef IOCORECTL_H
#define IOCORECTL_H

#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include <json-c/json.h>

#define OUTPUT_VERSION	1

#define CONFIG_DIR	"/sys/kernel/config/iocore"
#define SYSFS_DIR	"/sys/kernel/iocore"
#define DEVICE_PATH	"/dev/iocore"

#define VALUE_LEN	4096
/* A page of sysfs, and room to see that it was not more. */
#define PAGE_LEN	8192

/* What a disk's attributes take. */
#define QUEUES_MAX	64
#define THREADS_MAX	16
#define REPLAY_MAX	86400
#define IDLE_US_MAX	1000000

#define __printf(fmt, args) __attribute((format(printf, fmt, args)))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

enum exit_code {
	EXIT_OK			= 0,
	EXIT_FAILED		= 1,
	EXIT_USAGE		= 2,
	EXIT_UNSUPPORTED	= 3,
};

/* One verb, or an object with verbs: then @run is NULL and @sub its table. */
struct command {
	const char *name;
	const char *args;
	const char *help;
	int (*run)(int argc, char **argv);
	const struct command *sub;
};

struct settings {
	bool json;
	const char *sysroot;
	const char *object;
	const struct command *command;
};

extern struct settings settings;

/* main.c */
#define COMMON_SHORT	"ho:V"
#define LONG_HELP	{ "help", no_argument, NULL, 'h' }
#define LONG_OUTPUT	{ "output", required_argument, NULL, 'o' }
#define LONG_VERSION	{ "version", no_argument, NULL, 'V' }
#define LONG_SYSROOT	{ "sysroot", required_argument, NULL, 'R' }
#define LONG_END	{ NULL, 0, NULL, 0 }

int common_option(int opt);
int usage_error(const char *fmt, ...) __printf(1, 2);
int parse_number(const char *what, const char *text, long min, long max,
		 long *value);
int parse_name(const char *what, int argc, char **argv, const char **name);
int parse_only_name(const char *what, int argc, char **argv, const char **name);
int parse_nothing(int argc, char **argv);
int parse_notifier(const char *name);
int parse_common(int argc, char **argv);
int notifier_number(const char *name);
bool name_ok(const char *name);

/* output.c */
enum format {
	FORMAT_TEXT,	/* to the left */
	FORMAT_NUMBER,	/* to the right */
	FORMAT_SIZE,	/* bytes, with a binary unit */
	FORMAT_SECTORS,	/* sectors of 512 bytes, as a size */
	FORMAT_PERCENT,	/* a fraction of one */
	FORMAT_RATE,	/* a second, one decimal */
	FORMAT_SMALL,	/* a ratio, three decimals */
	FORMAT_PAIRS,	/* an object, to the left */
};

/* @key is a JSON pointer into the row; a table ends with a NULL key. */
struct column {
	const char *key;
	const char *title;
	enum format format;
};

int fail(int code, const char *fmt, ...) __printf(2, 3);
const char *last_failure(void);
struct json_object *output_new(void);
void output_table(struct json_object *rows, const struct column *columns);
void output_json(struct json_object *root);
int output_done(const char *what, const char *object, const char *name);
int output_finish(int code);

/* attr.c: files and directories of configfs and sysfs */
struct dirent;

int tree_path(char path[PATH_MAX], const char *fmt, ...)
	__printf(2, 3);
bool tree_has(const char *path);
int attr_read(const char *dir, const char *name, char *buf, size_t size);
int attr_read_u64(const char *dir, const char *name, unsigned long long *value);
int attr_write(const char *dir, const char *name, const char *value);
void attr_add_string(struct json_object *row, const char *dir, const char *name);
void attr_add_u64(struct json_object *row, const char *dir, const char *name);
void attr_add_bool(struct json_object *row, const char *dir, const char *name,
		   const char *key);
int dir_names(const char *dir, struct dirent ***names);
void dir_free(struct dirent **names, int count);

/* object.c: a core or a disk as a configfs directory */
struct attr_value {
	const char *name;
	const char *value;	/* NULL keeps the default */
};

struct object_kind {
	const char *name;
	const char *dir;
	const char *in_use;
	const char *(*hint)(int err);	/* why it can't be enabled, or NULL */
};

int object_need_host(void);
int object_dir(const struct object_kind *kind, const char *name,
	       char dir[PATH_MAX]);
int object_make(const struct object_kind *kind, const char *name,
		const struct attr_value *values);
int object_remove(const struct object_kind *kind, const char *name);
int object_set_values(const struct object_kind *kind, const char *dir,
		      const char *name, const struct attr_value *values);
int object_create(const struct object_kind *kind, const char *name,
		  const struct attr_value *values);
int object_set(const struct object_kind *kind, const char *name,
	       const struct attr_value *values);
int object_delete(const struct object_kind *kind, const char *name);
struct json_object *object_rows(const struct object_kind *kind,
				void (*fill)(struct json_object *row,
					     const char *dir, const char *name));

int list_run(int argc, char **argv, const char *key,
	     struct json_object *(*rows)(void), const struct column *columns);

/* vcpu.c: how the vCPUs of a VM are notified */
extern const struct column vcpu_columns[];

void vcpu_fill(struct json_object *vm, const char *dir);

/* vmfd.c: the device, and descriptors of VMs */
int device_open(unsigned int *version);
int device_get(int *fd);
int vm_take(long pid, int *vm_fd);

/* attach.c */
extern const struct command queue_commands[];

int attach_disk(const char *disk, long pid, long *slot, int notifier);
int detach_disk(const char *disk, long pid, bool keep, bool *gone);
int attach_run(int argc, char **argv);
int detach_run(int argc, char **argv);

/* core.c, disk.c, vm.c */
extern const struct object_kind core_kind;
extern const struct object_kind disk_kind;
extern const struct command core_commands[];
extern const struct command disk_commands[];
extern const struct command vm_commands[];
extern const struct column core_columns[];
extern const struct column disk_columns[];
extern const struct column vm_columns[];

int disk_rescan(int argc, char **argv);
bool serial_ok(const char *serial);
bool core_list_ok(const char *list);
struct json_object *core_rows(void);
struct json_object *disk_rows(void);
struct json_object *vm_rows(void);

void vm_fill_disks(struct json_object *row, const char *dir);
struct json_object *vm_flatten(struct json_object *vms, const char *key);
const char *direct_hint(int err);
int vm_privileges(long pid, unsigned int flags);
int vm_allow(int argc, char **argv);
int vm_deny(int argc, char **argv);

/* sample.c: counters at a moment, and what they grew since the one before */
const char *row_name(struct json_object *row);
double row_number(struct json_object *row, const char *key);
struct json_object *sample_take(char **names);
bool sample_has(struct json_object *root, const char *name);
int sample_each(char **names, long interval, long count,
		void (*report)(struct json_object *root, void *context),
		void *context);
int sample_need_host(void);

/* latency.c */
extern const struct column latency_columns[];
extern const struct column histogram_columns[];

void latency_fill(struct json_object *disk, const char *dir);
void latency_rates(struct json_object *rates, struct json_object *now,
		   struct json_object *before);
struct json_object *latency_flatten(struct json_object *disks, bool rates);
struct json_object *latency_histograms(struct json_object *disks);

/* queues.c */
extern const char * const queue_counters[];
extern const struct column queue_totals[];
extern const struct column queue_rates[];

void queues_fill(struct json_object *vm, const char *dir);

/* schema.c: the saved state's form */
#define STATE_VERSION	1
#define STATE_FILE	"/etc/iocore/config.json"

enum attr_type { ATTR_NUMBER, ATTR_BOOL, ATTR_TEXT };

struct attr_schema {
	const char *name;
	enum attr_type type;
	long long max;			/* of a number; the least is @min */
	long long min;
	bool (*ok)(const char *text);	/* of a text */
};

struct object_schema {
	const struct object_kind *kind;
	const char *key;
	const struct attr_schema *attrs;	/* as they are to be set */
};

extern const struct object_schema core_schema;
extern const struct object_schema disk_schema;

int state_check(struct json_object *state, const char *from);

/* report.c: what a command of many steps did, and what it could not do */
struct report {
	struct json_object *root;
	struct json_object *done;
	struct json_object *skipped;
	struct json_object *failed;
};

void report_begin(struct report *report, const char *what);
void report_done(struct report *report, const char *fmt, ...) __printf(2, 3);
void report_skipped(struct report *report, const char *fmt, ...)
	__printf(2, 3);
void report_failed(struct report *report, const char *fmt, ...) __printf(2, 3);
int report_end(struct report *report);

/* process.c: what tells a process from a later one with its pid */
int process_start(long pid, unsigned long long *ticks);
int boot_id(char *id, size_t size);

/* jsonfile.c */
int json_read(const char *name, struct json_object **root);

/* save.c, restore.c, clear.c, stat.c, top.c, check.c */
int save_run(int argc, char **argv);
int restore_run(int argc, char **argv);
int clear_run(int argc, char **argv);
int stat_run(int argc, char **argv);
int top_run(int argc, char **argv);
int check_run(int argc, char **argv);

#endif /* IOCORECTL_H */
