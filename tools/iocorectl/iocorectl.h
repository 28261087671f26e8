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

/* output.c */
enum format {
	FORMAT_TEXT,	/* to the left */
	FORMAT_NUMBER,	/* to the right */
	FORMAT_SIZE,	/* bytes, with a binary unit */
	FORMAT_SECTORS,	/* sectors of 512 bytes, as a size */
	FORMAT_PERCENT,	/* a fraction of one */
	FORMAT_RATE,	/* a second, one decimal */
	FORMAT_PAIRS,	/* an object, to the left */
};

/* @key is a JSON pointer into the row; a table ends with a NULL key. */
struct column {
	const char *key;
	const char *title;
	enum format format;
};

int fail(int code, const char *fmt, ...) __printf(2, 3);
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
struct json_object *vcpu_flatten(struct json_object *vms);

/* core.c, disk.c, vm.c, stat.c, check.c */
extern const struct command core_commands[];
extern const struct command disk_commands[];
extern const struct command vm_commands[];
extern const struct column core_columns[];
extern const struct column disk_columns[];
extern const struct column vm_columns[];

struct json_object *core_rows(void);
struct json_object *disk_rows(void);
struct json_object *vm_rows(void);

int device_open(unsigned int *version);
int vm_attach(int argc, char **argv);
int vm_detach(int argc, char **argv);
int vm_allow(int argc, char **argv);
int vm_deny(int argc, char **argv);
int stat_run(int argc, char **argv);
int check_run(int argc, char **argv);

#endif /* IOCORECTL_H */
