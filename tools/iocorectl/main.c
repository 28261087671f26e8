// SPDX-License-Identifier: GPL-2.0-only
/* main.c - iocorectl: set up IOCores and disks, and attach disks to VMs */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/iocore.h>

#include "iocorectl.h"

struct settings settings = { .sysroot = "" };

static const struct command commands[] = {
	{ "core", NULL, "IOCores: host CPUs that serve the guests' rings", NULL,
	  core_commands },
	{ "disk", NULL, "disks: block devices and files to attach", NULL,
	  disk_commands },
	{ "vm", NULL, "VMs that have disks", NULL, vm_commands },
	{ "queue", NULL, "queues: a guest's ways to a disk", NULL,
	  queue_commands },
	{ "attach", "--vm PID DISK [--slot N] [--notifier auto|inject|direct|none]",
	  "attach a disk to the running VM of a process", attach_run, NULL },
	{ "detach", "[--vm PID] [--keep] DISK",
	  "detach a disk; with --keep the guest waits for it to come back",
	  detach_run, NULL },
	{ "allow", "--vm PID direct",
	  "let a VM take its notifications without an exit", vm_allow, NULL },
	{ "deny", "--vm PID direct", "take that away, at once", vm_deny, NULL },
	{ "stat", "[-i SECONDS [-n COUNT]] [--latency] [--queues] [NAME...]",
	  "show counters, or with -i what they grow a second", stat_run, NULL },
	{ "top", "[-i SECONDS] [-n COUNT]",
	  "show who does how much I/O, the busiest first", top_run, NULL },
	{ "save", "[FILE]", "write cores, disks and attachments as JSON",
	  save_run, NULL },
	{ "restore", "[--try] [FILE]", "make what is missing of what was saved",
	  restore_run, NULL },
	{ "clear", "[--keep]",
	  "detach and delete everything; with --keep the guests wait",
	  clear_run, NULL },
	{ "check", "", "tell whether this host is ready", check_run, NULL },
	{ NULL, NULL, NULL, NULL, NULL }
};

static void print_command(const char *object, const struct command *command)
{
	char line[256];

	snprintf(line, sizeof(line), "%s%s%s%s%s", object ? object : "",
		 object ? " " : "", command->name,
		 *command->args ? " " : "", command->args);
	printf("  %-40s\n        %s\n", line, command->help);
}

static void print_table(const char *object, const struct command *table)
{
	for (; table->name; table++) {
		if (table->sub)
			print_table(table->name, table->sub);
		else
			print_command(object, table);
	}
}

static void print_help(void)
{
	const struct command *command = settings.command;

	if (command) {
		puts("Usage:");
		if (command->sub)
			print_table(command->name, command->sub);
		else
			print_command(settings.object, command);
	} else {
		puts("Usage: iocorectl [OPTIONS] COMMAND\n"
		     "Without a command it shows cores, disks and VMs.\n\nCommands:");
		print_table(NULL, commands);
	}
	puts("\nOptions:\n"
	     "  -o, --output text|json  how to print\n"
	     "      --sysroot DIR       look for /sys, /proc and /dev below DIR\n"
	     "  -h, --help              show this, for a command if one is named\n"
	     "  -V, --version           show the version\n\n"
	     "Exit: 0 done, 1 failed, 2 usage, 3 unsupported host.\n"
	     "See iocorectl(8).");
}

static void print_version(void)
{
	struct json_object *root;

	if (!settings.json) {
		printf("iocorectl %s (API version %d, output version %d)\n",
		       IOCORECTL_VERSION, IOCORE_API_VERSION, OUTPUT_VERSION);
		return;
	}
	root = output_new();
	json_object_object_add(root, "iocorectl",
			       json_object_new_string(IOCORECTL_VERSION));
	json_object_object_add(root, "api_version",
			       json_object_new_int(IOCORE_API_VERSION));
	output_json(root);
	json_object_put(root);
}

int usage_error(const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return fail(EXIT_USAGE, "%s (see: iocorectl%s%s%s%s --help)", text,
		    settings.object ? " " : "",
		    settings.object ? settings.object : "",
		    settings.command ? " " : "",
		    settings.command ? settings.command->name : "");
}

/* The options that every command takes; getopt has reported a bad one. */
int common_option(int opt)
{
	switch (opt) {
	case 'h':
		print_help();
		exit(output_finish(EXIT_OK));
	case 'V':
		print_version();
		exit(output_finish(EXIT_OK));
	case 'o':
		if (strcmp(optarg, "json") && strcmp(optarg, "text"))
			return usage_error("--output takes text or json, not '%s'",
					   optarg);
		settings.json = !strcmp(optarg, "json");
		return EXIT_OK;
	case 'R':
		settings.sysroot = optarg;
		return EXIT_OK;
	default:
		return usage_error("bad option");
	}
}

int parse_number(const char *what, const char *text, long min, long max,
		 long *value)
{
	char *end;

	errno = 0;
	*value = strtol(text, &end, 10);
	if (errno || !isdigit((unsigned char)*text) || *end || *value < min ||
	    *value > max)
		return usage_error("%s takes a number of %ld to %ld, not '%s'",
				   what, min, max, text);
	return EXIT_OK;
}

/*
 * A name is a directory in configfs and sysfs: letters, digits and "._-", not
 * a dot in front, and short enough for struct iocore_attach.
 */
bool name_ok(const char *name)
{
	size_t i, len = strlen(name);

	if (!len || len >= IOCORE_NAME_LEN || name[0] == '.')
		return false;
	for (i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("._-", name[i]))
			return false;
	return true;
}

/* Exactly one argument is left: the name of an object. */
int parse_name(const char *what, int argc, char **argv, const char **name)
{
	if (optind == argc)
		return usage_error("the %s's name is missing", what);
	if (argc - optind > 1)
		return usage_error("'%s' is one argument too many",
				   argv[optind + 1]);
	*name = argv[optind];
	if (!name_ok(*name))
		return usage_error("'%s' is not a name: up to %d of a-zA-Z0-9._-, no dot in front",
				   *name, IOCORE_NAME_LEN - 1);
	return EXIT_OK;
}

/* What the host's iocore_notifier_parse() takes, or -1. */
int notifier_number(const char *name)
{
	static const char * const names[] = {
		[IOCORE_NOTIFIER_AUTO]		= "auto",
		[IOCORE_NOTIFIER_INJECT]	= "inject",
		[IOCORE_NOTIFIER_DIRECT]	= "direct",
		[IOCORE_NOTIFIER_NONE]		= "none",
	};
	size_t i;

	for (i = IOCORE_NOTIFIER_AUTO; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], name))
			return (int)i;
	return -1;
}

int parse_notifier(const char *name)
{
	int notifier = notifier_number(name);

	if (notifier < 0)
		usage_error("--notifier takes auto, inject, direct or none, not '%s'",
			    name);
	return notifier;
}

/* No option of its own. */
int parse_common(int argc, char **argv)
{
	static const struct option options[] = {
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	int opt, err;

	while ((opt = getopt_long(argc, argv, COMMON_SHORT, options,
				  NULL)) >= 0) {
		err = common_option(opt);
		if (err)
			return err;
	}
	return EXIT_OK;
}

int parse_only_name(const char *what, int argc, char **argv, const char **name)
{
	int err = parse_common(argc, argv);

	return err ? err : parse_name(what, argc, argv, name);
}

/* No option of its own and no argument. */
int parse_nothing(int argc, char **argv)
{
	int err = parse_common(argc, argv);

	if (err)
		return err;
	if (optind < argc)
		return usage_error("'%s' is one argument too many",
				   argv[optind]);
	return EXIT_OK;
}

static void overview_part(struct json_object *root, const char *key,
			  const struct column *columns, const char *none)
{
	struct json_object *rows = json_object_object_get(root, key);

	if (json_object_array_length(rows))
		output_table(rows, columns);
	else
		puts(none);
}

static int overview(void)
{
	struct json_object *root;
	int code;

	code = object_need_host();
	if (code)
		return code;
	root = output_new();
	json_object_object_add(root, "cores", core_rows());
	json_object_object_add(root, "disks", disk_rows());
	json_object_object_add(root, "vms", vm_rows());
	if (settings.json) {
		output_json(root);
	} else {
		overview_part(root, "cores", core_columns,
			      "No cores (iocorectl core add)");
		putchar('\n');
		overview_part(root, "disks", disk_columns,
			      "No disks (iocorectl disk create)");
		putchar('\n');
		overview_part(root, "vms", vm_columns,
			      "No VMs (iocorectl attach)");
	}
	json_object_put(root);
	return EXIT_OK;
}

static const struct command *find_command(const struct command *table,
					  const char *name)
{
	for (; table->name; table++)
		if (!strcmp(table->name, name))
			return table;
	return NULL;
}

/*
 * Take the options in front of the next word, without touching what follows.
 * argv[0] stands for the words before.
 */
static int leading_options(int argc, char **argv)
{
	static const struct option options[] = {
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	int opt, err;

	optind = 0;
	while ((opt = getopt_long(argc, argv, "+" COMMON_SHORT, options,
				  NULL)) >= 0) {
		err = common_option(opt);
		if (err)
			return err;
	}
	return EXIT_OK;
}

static int run(int argc, char **argv)
{
	const struct command *table = commands;
	int err;

	for (;;) {
		err = leading_options(argc, argv);
		if (err)
			return err;
		if (optind == argc && !settings.command)
			return overview();
		if (optind == argc)
			return usage_error("what to do is missing");
		argc -= optind;
		argv += optind;
		if (settings.command)
			settings.object = settings.command->name;
		settings.command = find_command(table, argv[0]);
		if (!settings.command)
			return usage_error("there is no command '%s'", argv[0]);
		if (settings.command->run) {
			optind = 0;
			return settings.command->run(argc, argv);
		}
		table = settings.command->sub;
	}
}

int main(int argc, char **argv)
{
	char program[] = "iocorectl";

	argv[0] = program;	/* what getopt begins its messages with */
	return output_finish(run(argc, argv));
}
