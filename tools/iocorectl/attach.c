// SPDX-License-Identifier: GPL-2.0-only
/* attach.c - binding disks to running VMs, ending it, and moving their queues */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/iocore.h>
#include <linux/iocore_ring.h>

#include "iocorectl.h"

static const char *attach_hint(int err)
{
	switch (err) {
	case EPERM:
		return direct_hint(err);
	case EBADF:
		return "the descriptor is not a VM";
	case ENOENT:
		return "no such disk (see: iocorectl disk list)";
	case ENODEV:
		return "the disk is not enabled";
	case EBUSY:
		return "the disk is attached already, or the slot is taken";
	case ENOSPC:
		return "the VM has no slot free";
	case EOPNOTSUPP:
		return "no service (dirty ring, protected memory), or no direct mode: see dmesg";
	default:
		return strerror(err);
	}
}

/* Names count as in sd: a..z, aa..zz. */
static void guest_name(char name[16], unsigned int slot)
{
	char letters[8];
	int i = sizeof(letters) - 1;

	letters[i] = '\0';
	for (slot++; slot && i > 0; slot = (slot - 1) / 26)
		letters[--i] = (char)('a' + (slot - 1) % 26);
	snprintf(name, 16, "/dev/ioc%s", &letters[i]);
}

static void attach_report(const char *disk, long slot, long pid)
{
	struct json_object *root, *done;
	char name[16];

	guest_name(name, (unsigned int)slot);
	if (!settings.json) {
		printf("%s is in slot %ld of VM %ld: %s in the guest\n", disk,
		       slot, pid, name);
		return;
	}
	root = output_new();
	done = json_object_new_object();
	json_object_object_add(done, "disk", json_object_new_string(disk));
	json_object_object_add(done, "pid", json_object_new_int64(pid));
	json_object_object_add(done, "slot", json_object_new_int64(slot));
	json_object_object_add(done, "guest_device",
			       json_object_new_string(name));
	json_object_object_add(root, "attached", done);
	output_json(root);
	json_object_put(root);
}

/* @slot is the one wanted or -1, and then the one it is in. */
int attach_disk(const char *disk, long pid, long *slot, int notifier)
{
	struct iocore_attach attach = {
		.len		= sizeof(attach),
		.slot		= (int)*slot,
		.notifier	= (unsigned int)notifier,
	};
	int fd, code;

	snprintf(attach.disk, sizeof(attach.disk), "%s", disk);
	code = device_get(&fd);
	if (code)
		return code;
	code = vm_take(pid, &attach.vm_fd);
	if (code)
		goto out;
	if (ioctl(fd, IOCORE_ATTACH, &attach))
		code = fail(EXIT_FAILED, "cannot attach %s to VM %ld: %s", disk,
			    pid, attach_hint(errno));
	else
		*slot = attach.slot;
	close(attach.vm_fd);
out:
	close(fd);
	return code;
}

int attach_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "vm",		required_argument, NULL, 'p' },
		{ "slot",	required_argument, NULL, 's' },
		{ "notifier",	required_argument, NULL, 'n' },
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	int notifier = IOCORE_NOTIFIER_DISK;
	long pid = 0, slot = -1;
	const char *disk;
	int opt, err;

	while ((opt = getopt_long(argc, argv, "p:s:n:" COMMON_SHORT, options,
				  NULL)) >= 0) {
		if (opt == 'p')
			err = parse_number("--vm", optarg, 1, INT_MAX, &pid);
		else if (opt == 'n')
			err = (notifier = parse_notifier(optarg)) < 0 ? EXIT_USAGE : EXIT_OK;
		else if (opt == 's')
			err = parse_number("--slot", optarg, 0,
					   IOCORE_MAX_DISKS - 1, &slot);
		else
			err = common_option(opt);
		if (err)
			return err;
	}
	err = parse_name("disk", argc, argv, &disk);
	if (err)
		return err;
	if (!pid)
		return usage_error("--vm is missing");
	err = attach_disk(disk, pid, &slot, notifier);
	if (!err)
		attach_report(disk, slot, pid);
	return err;
}

static int detach_failed(const char *disk, long pid, bool keep, int err)
{
	if (err == ENOENT && pid)
		return fail(EXIT_FAILED, "%s is not attached to VM %ld", disk,
			    pid);
	if (err == ENOENT)
		return fail(EXIT_FAILED, "%s is not attached", disk);
	if (err == ENOTUNIQ)
		return fail(EXIT_FAILED,
			    "%s is attached to several VMs: name one with --vm",
			    disk);
	if (err == EOPNOTSUPP && keep)
		return fail(EXIT_FAILED,
			    "the guest can't wait for %s: its driver does not know how, or the disk's replay_timeout is 0",
			    disk);
	if (err == EINVAL && keep)
		return fail(EXIT_FAILED,
			    "cannot keep the slot of %s: this iocore module does not know how",
			    disk);
	return fail(EXIT_FAILED, "cannot detach %s: %s", disk, strerror(err));
}

/* With @gone, that there is nothing to detach is told there, and is no error. */
int detach_disk(const char *disk, long pid, bool keep, bool *gone)
{
	struct iocore_detach detach = {
		.len	= sizeof(detach),
		.flags	= keep ? IOCORE_DETACH_KEEP : 0,
		.vm_pid	= (int)pid,
	};
	int fd, code;

	snprintf(detach.disk, sizeof(detach.disk), "%s", disk);
	code = device_get(&fd);
	if (code)
		return code;
	if (ioctl(fd, IOCORE_DETACH, &detach)) {
		if (gone && errno == ENOENT)
			*gone = true;
		else
			code = detach_failed(disk, pid, keep, errno);
	}
	close(fd);
	return code;
}

int detach_run(int argc, char **argv)
{
	static const struct option options[] = {
		{ "vm",		required_argument, NULL, 'p' },
		{ "keep",	no_argument, NULL, 'k' },
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	bool keep = false;
	const char *disk;
	long pid = 0;
	int opt, err;

	while ((opt = getopt_long(argc, argv, "p:k" COMMON_SHORT, options,
				  NULL)) >= 0) {
		err = EXIT_OK;
		if (opt == 'p')
			err = parse_number("--vm", optarg, 1, INT_MAX, &pid);
		else if (opt == 'k')
			keep = true;
		else
			err = common_option(opt);
		if (err)
			return err;
	}
	err = parse_name("disk", argc, argv, &disk);
	if (!err)
		err = detach_disk(disk, pid, keep, NULL);
	return err ? err : output_done(keep ? "kept" : "detached", "disk", disk);
}

static int move_failed(const struct iocore_queue_move *move, int err)
{
	switch (err) {
	case ENOENT:
		if (move->queue >= 0)
			return fail(EXIT_FAILED,
				    "%s is not attached, or its guest has no queue %d (see: iocorectl stat --queues)",
				    move->disk, move->queue);
		return fail(EXIT_FAILED, "%s is not attached", move->disk);
	case ENODEV:
		return fail(EXIT_FAILED,
			    "no IOCore %s is enabled (see: iocorectl core list)",
			    move->core);
	case ENOTUNIQ:
		return fail(EXIT_FAILED,
			    "%s is attached to several VMs: name one with --vm",
			    move->disk);
	case ENOTTY:
		return fail(EXIT_UNSUPPORTED,
			    "this iocore module can't move queues");
	default:
		return fail(EXIT_FAILED, "cannot move queues of %s to %s: %s",
			    move->disk, move->core, strerror(err));
	}
}

static int move_queue(const char *disk, const char *core, long pid, long queue)
{
	struct iocore_queue_move move = {
		.len	= sizeof(move),
		.vm_pid	= (int)pid,
		.queue	= (int)queue,
	};
	int fd, code;

	snprintf(move.disk, sizeof(move.disk), "%s", disk);
	snprintf(move.core, sizeof(move.core), "%s", core);
	code = device_get(&fd);
	if (code)
		return code;
	if (ioctl(fd, IOCORE_QUEUE_MOVE, &move))
		code = move_failed(&move, errno);
	close(fd);
	return code ? code : output_done("moved", "disk", disk);
}

/* Two names: of a disk and of a core. */
static int parse_names(int argc, char **argv, const char *names[2])
{
	int err;

	if (argc - optind < 2)
		return usage_error("the names of a disk and of a core are needed");
	err = parse_name("disk", optind + 1, argv, &names[0]);
	if (err)
		return err;
	optind++;
	return parse_name("core", argc, argv, &names[1]);
}

static int queue_move(int argc, char **argv)
{
	static const struct option options[] = {
		{ "vm",		required_argument, NULL, 'p' },
		{ "queue",	required_argument, NULL, 'q' },
		LONG_HELP, LONG_OUTPUT, LONG_VERSION, LONG_SYSROOT, LONG_END
	};
	long pid = 0, queue = -1;
	const char *names[2];
	int opt, err;

	while ((opt = getopt_long(argc, argv, "p:q:" COMMON_SHORT, options,
				  NULL)) >= 0) {
		if (opt == 'p')
			err = parse_number("--vm", optarg, 1, INT_MAX, &pid);
		else if (opt == 'q')
			err = parse_number("--queue", optarg, 0, QUEUES_MAX - 1,
					   &queue);
		else
			err = common_option(opt);
		if (err)
			return err;
	}
	err = parse_names(argc, argv, names);
	return err ? err : move_queue(names[0], names[1], pid, queue);
}

const struct command queue_commands[] = {
	{ "move", "[--vm PID] [--queue N] DISK CORE",
	  "have another IOCore poll a disk's queues, while they work",
	  queue_move, NULL },
	{ NULL, NULL, NULL, NULL, NULL }
};
