// SPDX-License-Identifier: GPL-2.0-only
/* attr.c - reading and writing one value a file, below --sysroot */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iocorectl.h"

/* Functions here return 0 or a count, or a negative errno. */
int tree_path(char path[PATH_MAX], const char *fmt, ...)
{
	va_list args;
	int used, more;

	used = snprintf(path, PATH_MAX, "%s", settings.sysroot);
	if (used >= PATH_MAX)
		return -ENAMETOOLONG;
	va_start(args, fmt);
	more = vsnprintf(path + used, PATH_MAX - used, fmt, args);
	va_end(args);
	return more >= PATH_MAX - used ? -ENAMETOOLONG : 0;
}

bool tree_has(const char *path)
{
	char full[PATH_MAX];

	return !tree_path(full, "%s", path) && !access(full, F_OK);
}

static int attr_open(const char *dir, const char *name, int flags)
{
	char path[PATH_MAX];
	int fd;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Read a value without its newline; what does not fit is an error. */
int attr_read(const char *dir, const char *name, char *buf, size_t size)
{
	int fd = attr_open(dir, name, O_RDONLY);
	ssize_t len;

	if (fd < 0)
		return fd;
	len = read(fd, buf, size);
	if (len < 0)
		len = -errno;
	close(fd);
	if (len < 0)
		return (int)len;
	if ((size_t)len == size)
		return -EOVERFLOW;
	if (len && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return 0;
}

int attr_read_u64(const char *dir, const char *name, unsigned long long *value)
{
	char buf[32], *end;
	int err;

	err = attr_read(dir, name, buf, sizeof(buf));
	if (err)
		return err;
	errno = 0;
	*value = strtoull(buf, &end, 10);
	if (errno || end == buf || *end)
		return -EINVAL;
	return 0;
}

/* The kernel takes a value whole or not at all: one write, never a second. */
int attr_write(const char *dir, const char *name, const char *value)
{
	int fd = attr_open(dir, name, O_WRONLY);
	size_t len = strlen(value);
	ssize_t done;
	int err = 0;

	if (fd < 0)
		return fd;
	done = write(fd, value, len);
	if (done < 0)
		err = -errno;
	else if ((size_t)done != len)
		err = -EIO;
	close(fd);
	return err;
}

/* An attribute that can't be read leaves its key out of the row. */
void attr_add_string(struct json_object *row, const char *dir, const char *name)
{
	char buf[VALUE_LEN];

	if (!attr_read(dir, name, buf, sizeof(buf)))
		json_object_object_add(row, name, json_object_new_string(buf));
}

void attr_add_u64(struct json_object *row, const char *dir, const char *name)
{
	unsigned long long value;

	if (!attr_read_u64(dir, name, &value))
		json_object_object_add(row, name,
				       json_object_new_uint64(value));
}

void attr_add_bool(struct json_object *row, const char *dir, const char *name,
		   const char *key)
{
	unsigned long long value;

	if (!attr_read_u64(dir, name, &value))
		json_object_object_add(row, key,
				       json_object_new_boolean(value != 0));
}

static int not_hidden(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* The entries of a directory, sorted: a count, or a negative errno. */
int dir_names(const char *dir, struct dirent ***names)
{
	int count = scandir(dir, names, not_hidden, versionsort);

	return count < 0 ? -errno : count;
}

void dir_free(struct dirent **names, int count)
{
	while (count-- > 0)
		free(names[count]);
	free(names);
}
