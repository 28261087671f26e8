// SPDX-License-Identifier: GPL-2.0-only
/* object.c - making and deleting cores and disks in configfs */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "iocorectl.h"

int object_need_host(void)
{
	if (tree_has(CONFIG_DIR))
		return EXIT_OK;
	if (!tree_has("/sys/module/iocore"))
		return fail(EXIT_UNSUPPORTED,
			    "this host does not run iocore: the module is not loaded (see: iocorectl check)");
	return fail(EXIT_UNSUPPORTED,
		    "%s is missing: is configfs mounted? (see: iocorectl check)",
		    CONFIG_DIR);
}

static bool attr_there(const char *dir, const char *name)
{
	char path[PATH_MAX];

	return snprintf(path, sizeof(path), "%s/%s", dir, name) < PATH_MAX &&
	       !access(path, F_OK);
}

/* Set values in order, up to the first that is refused. */
int object_set_values(const struct object_kind *kind, const char *dir,
		      const char *name, const struct attr_value *values)
{
	const char *hint = NULL;
	int err;

	for (; values->name; values++) {
		if (!values->value)
			continue;
		err = attr_write(dir, values->name, values->value);
		if (!err)
			continue;
		if (err == -ENOENT && !attr_there(dir, values->name))
			return fail(EXIT_FAILED, "%s %s: this iocore module does not know '%s'",
				    kind->name, name, values->name);
		if (kind->hint)
			hint = kind->hint(-err);
		return fail(EXIT_FAILED, "%s %s: cannot set %s to '%s': %s%s%s",
			    kind->name, name, values->name, values->value,
			    strerror(-err), hint ? ": " : "", hint ? hint : "");
	}
	return EXIT_OK;
}

int object_dir(const struct object_kind *kind, const char *name,
	       char dir[PATH_MAX])
{
	if (tree_path(dir, "%s/%s/%s", CONFIG_DIR, kind->dir, name))
		return fail(EXIT_FAILED, "%s: path too long", name);
	return EXIT_OK;
}

static int create_locked(const struct object_kind *kind, const char *name,
			 const char *dir, const struct attr_value *values)
{
	int code;

	if (mkdir(dir, 0755)) {
		if (errno == EEXIST)
			return fail(EXIT_FAILED, "%s %s exists already",
				    kind->name, name);
		return fail(EXIT_FAILED, "cannot make %s %s: %s", kind->name,
			    name, strerror(errno));
	}
	code = object_set_values(kind, dir, name, values);
	if (code && rmdir(dir))
		fail(code, "cannot remove the unfinished %s %s: %s",
		     kind->name, name, strerror(errno));
	return code;
}

/*
 * Make an object and set its values in order; the last is "enable". All or
 * nothing: a value that is refused takes the object away again, and a signal
 * that asks us to end waits until that is decided.
 */
int object_make(const struct object_kind *kind, const char *name,
		const struct attr_value *values)
{
	char dir[PATH_MAX];
	sigset_t set, old;
	int code;

	code = object_need_host();
	if (code)
		return code;
	code = object_dir(kind, name, dir);
	if (code)
		return code;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	code = create_locked(kind, name, dir, values);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return code;
}

int object_create(const struct object_kind *kind, const char *name,
		  const struct attr_value *values)
{
	int code = object_make(kind, name, values);

	return code ? code : output_done("created", kind->name, name);
}

/* Change values of an object that is there. */
int object_set(const struct object_kind *kind, const char *name,
	       const struct attr_value *values)
{
	char dir[PATH_MAX];
	int code;

	code = object_need_host();
	if (code)
		return code;
	code = object_dir(kind, name, dir);
	if (code)
		return code;
	if (access(dir, F_OK))
		return fail(EXIT_FAILED, "no %s is called %s", kind->name, name);
	code = object_set_values(kind, dir, name, values);
	return code ? code : output_done("set", kind->name, name);
}

/*
 * Disabling tells an object in use from one that can't be deleted for another
 * reason; both end in the same error of rmdir.
 */
int object_remove(const struct object_kind *kind, const char *name)
{
	char dir[PATH_MAX];
	int code, err;

	code = object_need_host();
	if (code)
		return code;
	code = object_dir(kind, name, dir);
	if (code)
		return code;
	if (access(dir, F_OK))
		return fail(EXIT_FAILED, "no %s is called %s", kind->name, name);

	err = attr_write(dir, "enable", "0");
	if (err == -EBUSY)
		return fail(EXIT_FAILED, "%s %s is in use: %s", kind->name, name,
			    kind->in_use);
	if (err)
		return fail(EXIT_FAILED, "cannot disable %s %s: %s", kind->name,
			    name, strerror(-err));
	if (rmdir(dir))
		return fail(EXIT_FAILED, "cannot delete %s %s: %s", kind->name,
			    name, strerror(errno));
	return EXIT_OK;
}

int object_delete(const struct object_kind *kind, const char *name)
{
	int code = object_remove(kind, name);

	return code ? code : output_done("deleted", kind->name, name);
}

struct json_object *object_rows(const struct object_kind *kind,
				void (*fill)(struct json_object *row,
					     const char *dir, const char *name))
{
	struct json_object *rows = json_object_new_array();
	struct dirent **names;
	char dir[PATH_MAX];
	int count, i;

	if (tree_path(dir, "%s/%s", CONFIG_DIR, kind->dir))
		return rows;
	count = dir_names(dir, &names);
	for (i = 0; i < count; i++) {
		struct json_object *row;

		if (tree_path(dir, "%s/%s/%s", CONFIG_DIR, kind->dir,
			      names[i]->d_name))
			continue;
		row = json_object_new_object();
		json_object_object_add(row, "name",
				       json_object_new_string(names[i]->d_name));
		fill(row, dir, names[i]->d_name);
		json_object_array_add(rows, row);
	}
	if (count >= 0)
		dir_free(names, count);
	return rows;
}

/* A command that lists @rows under @key, and nothing else. */
int list_run(int argc, char **argv, const char *key,
	     struct json_object *(*rows)(void), const struct column *columns)
{
	struct json_object *root;
	int err = parse_nothing(argc, argv);

	if (!err)
		err = object_need_host();
	if (err)
		return err;
	root = output_new();
	json_object_object_add(root, key, rows());
	if (settings.json)
		output_json(root);
	else
		output_table(json_object_object_get(root, key), columns);
	json_object_put(root);
	return EXIT_OK;
}
