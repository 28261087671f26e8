// SPDX-License-Identifier: GPL-2.0-only
/*
 * configfs.c - cores and disks as the administrator makes them
 *
 * A directory is one object, from mkdir to rmdir. An enabled disk depends on
 * its cores' directories, an attached disk on its own: configfs then answers
 * rmdir with -EBUSY. An object leaves its list in disconnect_notify, while it
 * still has a parent, so that whoever finds it under iocore_config_lock may
 * depend on it.
 *
 * Locks: configfs's su_mutex is outside of iocore_config_lock. Dependencies are
 * taken by configfs_depend_item_unlocked(), which needs no inode lock: our
 * subsystem is there as long as any of our items, ioctls or stores is.
 */
#include <linux/configfs.h>
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "iocore.h"

/* The lists below, and who is enabled and used by whom. */
DEFINE_MUTEX(iocore_config_lock);
static LIST_HEAD(iocore_cores);
static LIST_HEAD(iocore_disks);
static struct configfs_subsystem iocore_subsys;

static struct iocore_core *to_core(struct config_item *item)
{
	return container_of(to_config_group(item), struct iocore_core, group);
}

static struct iocore_disk *to_disk(struct config_item *item)
{
	return container_of(to_config_group(item), struct iocore_disk, group);
}

/* ---- cores ------------------------------------------------------------------- */

struct iocore_core *iocore_core_find(const char *name)
{
	struct iocore_core *core;

	lockdep_assert_held(&iocore_config_lock);
	list_for_each_entry(core, &iocore_cores, list)
		if (core->enabled &&
		    (!name[0] || !strcmp(iocore_core_name(core), name)))
			return core;
	return NULL;
}

static struct iocore_core *iocore_core_use(const char *name)
{
	struct iocore_core *core = iocore_core_find(name);
	int ret;

	if (!core)
		return ERR_PTR(-ENODEV);
	ret = configfs_depend_item_unlocked(&iocore_subsys, &core->group.cg_item);
	if (ret)
		return ERR_PTR(ret);
	core->users++;
	return core;
}

static void iocore_core_unuse(struct iocore_core *core)
{
	lockdep_assert_held(&iocore_config_lock);
	core->users--;
	configfs_undepend_item(&core->group.cg_item);
}

struct iocore_core *iocore_core_get(const char *name)
{
	struct iocore_core *core;

	mutex_lock(&iocore_config_lock);
	core = iocore_core_use(name);
	mutex_unlock(&iocore_config_lock);
	return core;
}

void iocore_core_put(struct iocore_core *core)
{
	mutex_lock(&iocore_config_lock);
	iocore_core_unuse(core);
	mutex_unlock(&iocore_config_lock);
}

static int iocore_core_set_enabled(struct iocore_core *core, bool on)
{
	int ret = 0;

	mutex_lock(&iocore_config_lock);
	if (core->enabled == on)
		goto out_unlock;

	if (on) {
		ret = iocore_core_start(core);
		core->enabled = !ret;
	} else if (core->users) {
		ret = -EBUSY;
	} else {
		core->enabled = false;
		iocore_core_stop(core);
	}

out_unlock:
	mutex_unlock(&iocore_config_lock);
	return ret;
}

static ssize_t iocore_core_cpu_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%u\n", READ_ONCE(to_core(item)->cpu));
}

static ssize_t iocore_core_idle_us_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%u\n", READ_ONCE(to_core(item)->idle_us));
}

static ssize_t iocore_core_set(struct iocore_core *core, unsigned int *field,
			       unsigned int value)
{
	int ret = -EBUSY;

	mutex_lock(&iocore_config_lock);
	if (!core->enabled) {
		WRITE_ONCE(*field, value);
		ret = 0;
	}
	mutex_unlock(&iocore_config_lock);
	return ret;
}

static ssize_t iocore_core_cpu_store(struct config_item *item, const char *page,
				     size_t count)
{
	struct iocore_core *core = to_core(item);
	unsigned int cpu;

	if (kstrtouint(page, 0, &cpu) || cpu >= nr_cpu_ids || !cpu_possible(cpu))
		return -EINVAL;
	return iocore_core_set(core, &core->cpu, cpu) ?: count;
}

static ssize_t iocore_core_idle_us_store(struct config_item *item,
					 const char *page, size_t count)
{
	struct iocore_core *core = to_core(item);
	unsigned int us;

	if (kstrtouint(page, 0, &us) || us > IOCORE_IDLE_US_MAX)
		return -EINVAL;
	return iocore_core_set(core, &core->idle_us, us) ?: count;
}

static ssize_t iocore_core_enable_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%d\n", READ_ONCE(to_core(item)->enabled));
}

static ssize_t iocore_core_enable_store(struct config_item *item,
					const char *page, size_t count)
{
	bool on;

	if (kstrtobool(page, &on))
		return -EINVAL;
	return iocore_core_set_enabled(to_core(item), on) ?: count;
}

CONFIGFS_ATTR(iocore_core_, cpu);
CONFIGFS_ATTR(iocore_core_, idle_us);
CONFIGFS_ATTR(iocore_core_, enable);

static struct configfs_attribute *iocore_core_attrs[] = {
	&iocore_core_attr_cpu,
	&iocore_core_attr_idle_us,
	&iocore_core_attr_enable,
	NULL,
};

static void iocore_core_release(struct config_item *item)
{
	kfree(to_core(item));
}

static struct configfs_item_operations iocore_core_item_ops = {
	.release	= iocore_core_release,
};

static const struct config_item_type iocore_core_type = {
	.ct_item_ops	= &iocore_core_item_ops,
	.ct_attrs	= iocore_core_attrs,
	.ct_owner	= THIS_MODULE,
};

static struct config_group *iocore_core_make(struct config_group *parent,
					     const char *name)
{
	struct iocore_core *core;
	int ret;

	if (strlen(name) >= IOCORE_NAME_LEN)
		return ERR_PTR(-ENAMETOOLONG);

	core = kzalloc(sizeof(*core), GFP_KERNEL);
	if (!core)
		return ERR_PTR(-ENOMEM);
	core->idle_us = IOCORE_IDLE_US_DEFAULT;
	mutex_init(&core->lock);
	INIT_LIST_HEAD(&core->queues);
	config_group_init_type_name(&core->group, name, &iocore_core_type);

	ret = iocore_sysfs_add_core(core);
	if (ret) {
		config_item_put(&core->group.cg_item);
		return ERR_PTR(ret);
	}

	mutex_lock(&iocore_config_lock);
	list_add_tail(&core->list, &iocore_cores);
	mutex_unlock(&iocore_config_lock);
	return &core->group;
}

/* rmdir: no disk uses it, no store runs. */
static void iocore_core_gone(struct config_group *parent, struct config_item *item)
{
	struct iocore_core *core = to_core(item);

	mutex_lock(&iocore_config_lock);
	list_del(&core->list);
	mutex_unlock(&iocore_config_lock);

	WARN_ON_ONCE(iocore_core_set_enabled(core, false));
	iocore_sysfs_del_core(core);
}

static struct configfs_group_operations iocore_cores_group_ops = {
	.make_group		= iocore_core_make,
	.disconnect_notify	= iocore_core_gone,
};

static const struct config_item_type iocore_cores_type = {
	.ct_group_ops	= &iocore_cores_group_ops,
	.ct_owner	= THIS_MODULE,
};

/* ---- disks ------------------------------------------------------------------- */

struct iocore_disk *iocore_disk_find(const char *name)
{
	struct iocore_disk *disk;

	lockdep_assert_held(&iocore_config_lock);
	list_for_each_entry(disk, &iocore_disks, list)
		if (!strcmp(iocore_disk_name(disk), name))
			return disk;
	return NULL;
}

static int iocore_disk_try_get(struct iocore_disk *disk)
{
	int ret;

	if (!disk)
		return -ENOENT;
	if (!disk->enabled)
		return -ENODEV;
	if (disk->attachments && !disk->readonly)
		return -EBUSY;
	ret = configfs_depend_item_unlocked(&iocore_subsys, &disk->group.cg_item);
	if (ret)
		return ret;
	disk->attachments++;
	return 0;
}

struct iocore_disk *iocore_disk_get(const char *name)
{
	struct iocore_disk *disk;
	int ret;

	mutex_lock(&iocore_config_lock);
	disk = iocore_disk_find(name);
	ret = iocore_disk_try_get(disk);
	mutex_unlock(&iocore_config_lock);
	return ret ? ERR_PTR(ret) : disk;
}

void iocore_disk_put(struct iocore_disk *disk)
{
	mutex_lock(&iocore_config_lock);
	disk->attachments--;
	configfs_undepend_item(&disk->group.cg_item);
	mutex_unlock(&iocore_config_lock);
}

static void iocore_disk_unuse_cores(struct iocore_disk *disk)
{
	while (disk->nr_cores)
		iocore_core_unuse(disk->cores[--disk->nr_cores]);
}

/* Names divided by commas; no name at all means the first enabled core. */
static int iocore_disk_use_cores(struct iocore_disk *disk)
{
	struct iocore_core *core = NULL;
	char *names, *at, *name;

	names = kstrdup(disk->core_names, GFP_KERNEL);
	if (!names)
		return -ENOMEM;
	at = names;
	while (!IS_ERR(core) && (name = strsep(&at, ","))) {
		if (disk->nr_cores == IOCORE_MAX_CORES)
			core = ERR_PTR(-E2BIG);
		else if (!*name && disk->core_names[0])
			core = ERR_PTR(-EINVAL);
		else
			core = iocore_core_use(name);
		if (!IS_ERR(core))
			disk->cores[disk->nr_cores++] = core;
	}
	kfree(names);
	if (!IS_ERR(core))
		return 0;
	iocore_disk_unuse_cores(disk);
	return PTR_ERR(core);
}

static int iocore_disk_enable(struct iocore_disk *disk)
{
	int ret;

	lockdep_assert_held(&iocore_config_lock);
	if (disk->enabled)
		return 0;
	if (!disk->path[0])
		return -EINVAL;

	ret = iocore_disk_use_cores(disk);
	if (ret)
		return ret;
	ret = iocore_disk_open(disk);
	if (ret) {
		iocore_disk_unuse_cores(disk);
		return ret;
	}
	disk->enabled = true;
	return 0;
}

static int iocore_disk_disable(struct iocore_disk *disk)
{
	lockdep_assert_held(&iocore_config_lock);
	if (!disk->enabled)
		return 0;
	if (disk->attachments || disk->moving)
		return -EBUSY;
	disk->enabled = false;
	/* A kick, or a search by name, may still look from its attachment to it. */
	synchronize_rcu();
	iocore_disk_close(disk);
	iocore_disk_unuse_cores(disk);
	return 0;
}

static int iocore_disk_set_enabled(struct iocore_disk *disk, bool on)
{
	int ret;

	mutex_lock(&iocore_config_lock);
	ret = on ? iocore_disk_enable(disk) : iocore_disk_disable(disk);
	mutex_unlock(&iocore_config_lock);
	return ret;
}

/* Replace a zero padded string, unless the disk is enabled. */
static int iocore_disk_set_string(struct iocore_disk *disk, char *field,
				  size_t size, const char *value, size_t len)
{
	int ret = -EBUSY;

	if (len > size || memchr(value, '\0', len))
		return -EINVAL;

	mutex_lock(&iocore_config_lock);
	if (!disk->enabled) {
		memset(field, 0, size);
		memcpy(field, value, len);
		ret = 0;
	}
	mutex_unlock(&iocore_config_lock);
	return ret;
}

/* The length of what was written, without its newline. */
static size_t iocore_value_len(const char *page, size_t count)
{
	return count && page[count - 1] == '\n' ? count - 1 : count;
}

static ssize_t iocore_disk_emit(char *page, const char *field, size_t size)
{
	ssize_t ret;

	mutex_lock(&iocore_config_lock);
	ret = scnprintf(page, PAGE_SIZE, "%.*s\n", (int)size, field);
	mutex_unlock(&iocore_config_lock);
	return ret;
}

static ssize_t iocore_disk_path_show(struct config_item *item, char *page)
{
	return iocore_backend_path(to_disk(item), page);
}

static ssize_t iocore_disk_path_store(struct config_item *item, const char *page,
				      size_t count)
{
	struct iocore_disk *disk = to_disk(item);
	size_t len = iocore_value_len(page, count);
	char *path;
	int ret;

	if (!len || page[0] != '/')
		return -EINVAL;
	ret = iocore_disk_set_string(disk, disk->path, PATH_MAX - 1, page, len);
	if (ret != -EBUSY)
		return ret ?: count;

	path = kstrndup(page, len, GFP_KERNEL);
	if (!path)
		return -ENOMEM;
	ret = iocore_disk_move(disk, path);
	kfree(path);
	return ret ?: count;
}

static ssize_t iocore_disk_serial_show(struct config_item *item, char *page)
{
	return iocore_disk_emit(page, to_disk(item)->serial, IOCORE_SERIAL_LEN);
}

static ssize_t iocore_disk_serial_store(struct config_item *item,
					const char *page, size_t count)
{
	struct iocore_disk *disk = to_disk(item);

	return iocore_disk_set_string(disk, disk->serial, IOCORE_SERIAL_LEN, page,
				      iocore_value_len(page, count)) ?: count;
}

static ssize_t iocore_disk_core_show(struct config_item *item, char *page)
{
	return iocore_disk_emit(page, to_disk(item)->core_names,
				sizeof(to_disk(item)->core_names));
}

static ssize_t iocore_disk_core_store(struct config_item *item, const char *page,
				      size_t count)
{
	struct iocore_disk *disk = to_disk(item);

	return iocore_disk_set_string(disk, disk->core_names,
				      sizeof(disk->core_names) - 1, page,
				      iocore_value_len(page, count)) ?: count;
}

static ssize_t iocore_disk_readonly_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%d\n", READ_ONCE(to_disk(item)->readonly));
}

static ssize_t iocore_disk_readonly_store(struct config_item *item,
					  const char *page, size_t count)
{
	struct iocore_disk *disk = to_disk(item);
	ssize_t ret = -EBUSY;
	bool on;

	if (kstrtobool(page, &on))
		return -EINVAL;

	mutex_lock(&iocore_config_lock);
	if (!disk->enabled) {
		WRITE_ONCE(disk->readonly, on);
		ret = count;
	}
	mutex_unlock(&iocore_config_lock);
	return ret;
}

static ssize_t iocore_disk_enable_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%d\n", READ_ONCE(to_disk(item)->enabled));
}

static ssize_t iocore_disk_enable_store(struct config_item *item,
					const char *page, size_t count)
{
	bool on;

	if (kstrtobool(page, &on))
		return -EINVAL;
	return iocore_disk_set_enabled(to_disk(item), on) ?: count;
}

static ssize_t iocore_disk_notifier_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%s\n",
			  iocore_notifier_name(READ_ONCE(to_disk(item)->notifier)));
}

/* It says how to attach, so an enabled disk may have it changed. */
static ssize_t iocore_disk_notifier_store(struct config_item *item,
					  const char *page, size_t count)
{
	struct iocore_disk *disk = to_disk(item);
	int notifier = iocore_notifier_parse(page);
	ssize_t ret = -EBUSY;

	if (notifier < 0)
		return notifier;

	mutex_lock(&iocore_config_lock);
	if (!disk->attachments) {
		WRITE_ONCE(disk->notifier, notifier);
		ret = count;
	}
	mutex_unlock(&iocore_config_lock);
	return ret;
}

static ssize_t iocore_disk_queues_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%u\n", READ_ONCE(to_disk(item)->max_queues));
}

static ssize_t iocore_disk_queues_store(struct config_item *item,
					const char *page, size_t count)
{
	struct iocore_disk *disk = to_disk(item);
	ssize_t ret = -EBUSY;
	unsigned int nr;

	if (kstrtouint(page, 0, &nr) || !nr || nr > IOCORE_MAX_QUEUES)
		return -EINVAL;

	mutex_lock(&iocore_config_lock);
	if (!disk->enabled) {
		WRITE_ONCE(disk->max_queues, nr);
		ret = count;
	}
	mutex_unlock(&iocore_config_lock);
	return ret;
}

static ssize_t iocore_disk_write_cache_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%s\n",
			  READ_ONCE(to_disk(item)->write_through) ? "through" : "back");
}

static ssize_t iocore_disk_write_cache_store(struct config_item *item,
					     const char *page, size_t count)
{
	static const char *const modes[] = { "back", "through" };
	struct iocore_disk *disk = to_disk(item);
	int mode = sysfs_match_string(modes, page);
	ssize_t ret = -EBUSY;

	if (mode < 0)
		return mode;

	mutex_lock(&iocore_config_lock);
	if (!disk->enabled) {
		WRITE_ONCE(disk->write_through, mode);
		ret = count;
	}
	mutex_unlock(&iocore_config_lock);
	return ret;
}

/* The guests are told without iocore_config_lock: it is inside of theirs. */
static ssize_t iocore_disk_rescan_store(struct config_item *item,
					const char *page, size_t count)
{
	struct iocore_disk *disk = to_disk(item);
	bool on;
	int ret;

	if (kstrtobool(page, &on) || !on)
		return -EINVAL;

	mutex_lock(&iocore_config_lock);
	ret = iocore_disk_rescan(disk);
	mutex_unlock(&iocore_config_lock);
	if (ret)
		return ret;
	iocore_vms_notify_disk(disk);
	return count;
}

static ssize_t iocore_disk_threads_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%u\n", READ_ONCE(to_disk(item)->threads));
}

static ssize_t iocore_disk_threads_store(struct config_item *item,
					 const char *page, size_t count)
{
	struct iocore_disk *disk = to_disk(item);
	ssize_t ret = -EBUSY;
	unsigned int nr;

	if (kstrtouint(page, 0, &nr) || !nr || nr > IOCORE_MAX_THREADS)
		return -EINVAL;

	mutex_lock(&iocore_config_lock);
	if (!disk->enabled) {
		WRITE_ONCE(disk->threads, nr);
		ret = count;
	}
	mutex_unlock(&iocore_config_lock);
	return ret;
}

static ssize_t iocore_disk_replay_timeout_show(struct config_item *item, char *page)
{
	return sysfs_emit(page, "%u\n", READ_ONCE(to_disk(item)->replay_timeout));
}

/* Guests are told when it is attached. */
static ssize_t iocore_disk_replay_timeout_store(struct config_item *item,
						const char *page, size_t count)
{
	struct iocore_disk *disk = to_disk(item);
	unsigned int seconds;
	ssize_t ret = -EBUSY;

	if (kstrtouint(page, 0, &seconds) || seconds > IOCORE_REPLAY_TIMEOUT_MAX)
		return -EINVAL;

	mutex_lock(&iocore_config_lock);
	if (!disk->attachments) {
		WRITE_ONCE(disk->replay_timeout, seconds);
		ret = count;
	}
	mutex_unlock(&iocore_config_lock);
	return ret;
}

CONFIGFS_ATTR(iocore_disk_, path);
CONFIGFS_ATTR(iocore_disk_, readonly);
CONFIGFS_ATTR(iocore_disk_, serial);
CONFIGFS_ATTR(iocore_disk_, core);
CONFIGFS_ATTR(iocore_disk_, threads);
CONFIGFS_ATTR(iocore_disk_, replay_timeout);
CONFIGFS_ATTR(iocore_disk_, notifier);
CONFIGFS_ATTR(iocore_disk_, queues);
CONFIGFS_ATTR(iocore_disk_, write_cache);
CONFIGFS_ATTR_WO(iocore_disk_, rescan);
CONFIGFS_ATTR(iocore_disk_, enable);

static struct configfs_attribute *iocore_disk_attrs[] = {
	&iocore_disk_attr_path,
	&iocore_disk_attr_readonly,
	&iocore_disk_attr_serial,
	&iocore_disk_attr_core,
	&iocore_disk_attr_threads,
	&iocore_disk_attr_replay_timeout,
	&iocore_disk_attr_notifier,
	&iocore_disk_attr_queues,
	&iocore_disk_attr_write_cache,
	&iocore_disk_attr_rescan,
	&iocore_disk_attr_enable,
	NULL,
};

static void iocore_disk_release(struct config_item *item)
{
	kfree(to_disk(item));
}

static struct configfs_item_operations iocore_disk_item_ops = {
	.release	= iocore_disk_release,
};

static const struct config_item_type iocore_disk_type = {
	.ct_item_ops	= &iocore_disk_item_ops,
	.ct_attrs	= iocore_disk_attrs,
	.ct_owner	= THIS_MODULE,
};

static struct config_group *iocore_disk_make(struct config_group *parent,
					     const char *name)
{
	struct iocore_disk *disk;
	int ret;

	if (strlen(name) >= IOCORE_NAME_LEN)
		return ERR_PTR(-ENAMETOOLONG);

	disk = kzalloc(sizeof(*disk), GFP_KERNEL);
	if (!disk)
		return ERR_PTR(-ENOMEM);
	/* A guest that waits for its disk knows it by this. */
	memcpy(disk->serial, name, min_t(size_t, strlen(name), IOCORE_SERIAL_LEN));
	disk->notifier = IOCORE_NOTIFIER_AUTO;
	disk->threads = 1;
	disk->replay_timeout = IOCORE_REPLAY_TIMEOUT;
	disk->max_queues = IOCORE_MAX_QUEUES;
	config_group_init_type_name(&disk->group, name, &iocore_disk_type);

	ret = iocore_sysfs_add_disk(disk);
	if (ret) {
		config_item_put(&disk->group.cg_item);
		return ERR_PTR(ret);
	}

	mutex_lock(&iocore_config_lock);
	list_add_tail(&disk->list, &iocore_disks);
	mutex_unlock(&iocore_config_lock);
	return &disk->group;
}

/* rmdir: it is not attached, no store runs. */
static void iocore_disk_gone(struct config_group *parent, struct config_item *item)
{
	struct iocore_disk *disk = to_disk(item);

	mutex_lock(&iocore_config_lock);
	list_del(&disk->list);
	mutex_unlock(&iocore_config_lock);

	WARN_ON_ONCE(iocore_disk_set_enabled(disk, false));
	iocore_sysfs_del_disk(disk);
}

static struct configfs_group_operations iocore_disks_group_ops = {
	.make_group		= iocore_disk_make,
	.disconnect_notify	= iocore_disk_gone,
};

static const struct config_item_type iocore_disks_type = {
	.ct_group_ops	= &iocore_disks_group_ops,
	.ct_owner	= THIS_MODULE,
};

/* ---- the subsystem ----------------------------------------------------------- */

static const struct config_item_type iocore_subsys_type = {
	.ct_owner	= THIS_MODULE,
};

static struct configfs_subsystem iocore_subsys = {
	.su_group = {
		.cg_item = {
			.ci_namebuf	= "iocore",
			.ci_type	= &iocore_subsys_type,
		},
	},
};

static struct config_group iocore_cores_group;
static struct config_group iocore_disks_group;

int iocore_configfs_init(void)
{
	config_group_init(&iocore_subsys.su_group);
	mutex_init(&iocore_subsys.su_mutex);

	config_group_init_type_name(&iocore_cores_group, "cores",
				    &iocore_cores_type);
	configfs_add_default_group(&iocore_cores_group, &iocore_subsys.su_group);
	config_group_init_type_name(&iocore_disks_group, "disks",
				    &iocore_disks_type);
	configfs_add_default_group(&iocore_disks_group, &iocore_subsys.su_group);

	return configfs_register_subsystem(&iocore_subsys);
}

void iocore_configfs_exit(void)
{
	configfs_unregister_subsystem(&iocore_subsys);
}
