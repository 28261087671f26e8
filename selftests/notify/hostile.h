/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hostile.h - the frame of a test with a hostile guest
 *
 *	hostile_begin("name");
 *	scenario_begin("what the guest does");
 *	...
 *	scenario_end(&vm, REVOKED or KEPT or ANY);
 *	return hostile_end();
 *
 * After each scenario the VM is ended and the host is looked at: everyone who
 * needs it goes on, the interrupts of the guest's CPU arrive, the log has one
 * line if the privilege was taken away, and else none.
 */
#ifndef _SELFTESTS_NOTIFY_HOSTILE_H
#define _SELFTESTS_NOTIFY_HOSTILE_H

#include <sys/wait.h>

#include "bystander.h"

#define NULLB	"/sys/kernel/config/nullb"
#define DISK	"nhostile"
#define OTHER	"nother"
#define PARAMS	"/sys/module/iocore/parameters"

enum outcome { KEPT, REVOKED, ANY };

static const char *scenario;
static int kmsg = -1;

static inline void quiet_signal(int nr)
{
	(void)nr;
}

static inline void put_text(const char *dir, const char *name, const char *value)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		tap_bail(path);
	close(fd);
}

static inline void null_make(const char *name)
{
	char dir[128], path[128];
	int i;

	if (access(NULLB, F_OK) && system("modprobe null_blk nr_devices=0"))
		tap_bail("null_blk");
	snprintf(dir, sizeof(dir), NULLB "/%s", name);
	mkdir(dir, 0755);
	put_text(dir, "size", "16");
	put_text(dir, "memory_backed", "1");
	put_text(dir, "power", "1");
	snprintf(path, sizeof(path), "/dev/%s", name);
	for (i = 0; i < 500 && access(path, F_OK); i++)
		sleep_ms(10);
	if (object_make("disks", name) || attr_set("disks", name, "path", path) ||
	    attr_set("disks", name, "core", DISK) || attr_set("disks", name, "enable", "1"))
		tap_bail("a disk");
}

static inline void null_remove(const char *name)
{
	char dir[128];

	object_remove("disks", name);
	snprintf(dir, sizeof(dir), NULLB "/%s", name);
	rmdir(dir);
}

static inline void hostile_clean(void)
{
	null_remove(DISK);
	null_remove(OTHER);
	object_remove("cores", DISK);
	put_text(PARAMS, "direct_period_ms", "20");
}

static inline bool host_can(void)
{
	struct vm vm;
	int ret;

	vm_boot(&vm, false);
	ret = vm_allow(&vm, true) ? errno : 0;
	vm_finish(&vm);
	if (ret && ret != EOPNOTSUPP)
		tap_bail("the privilege");
	return !ret;
}

static inline void hostile_begin(void)
{
	struct sigaction action = { .sa_handler = quiet_signal };

	iocore_dev = open("/dev/iocore", O_RDWR | O_CLOEXEC);
	if (iocore_dev < 0)
		tap_skip_all("iocore.ko is not loaded");
	sigaction(SIGUSR1, &action, NULL);
	pin_to(HOST_CPU);
	if (!host_can())
		tap_skip_all("this host has no direct notifications");
	tap_begin();
	hostile_clean();
	if (object_make("cores", DISK) || attr_set("cores", DISK, "cpu", "0") ||
	    attr_set("cores", DISK, "idle_us", "1000000") ||
	    attr_set("cores", DISK, "enable", "1"))
		tap_bail("an IOCore");
	null_make(DISK);
	null_make(OTHER);
	/* An emulated CPU may stand still for longer than a real guest would dare. */
	put_text(PARAMS, "direct_period_ms", "100");
	put_text(PARAMS, "direct_escapes", "8");
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	bystanders_begin(OTHER);
}

static inline int hostile_end(void)
{
	bystanders_end();
	hostile_clean();
	return tap_end();
}

/* ---- the host's log ---- */

static inline void log_mark(void)
{
	lseek(kmsg, 0, SEEK_END);
}

/* Lines of iocore and kvm since the mark; they are shown if not @want. */
static inline bool log_has(unsigned int want)
{
	char lines[8][256], record[8192];
	unsigned int n = 0, i;
	ssize_t len;

	while ((len = read(kmsg, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		char *text;

		if (len <= 0)
			continue;
		record[len] = '\0';
		text = strchr(record, ';');
		if (!text || !(strstr(text, "iocore") || strstr(text, "kvm")))
			continue;
		if (strstr(text, "direct"))
			snprintf(lines[n++ % 8], sizeof(lines[0]), "%.200s", text + 1);
	}
	for (i = 0; n != want && i < n && i < 8; i++)
		printf("# log: %s", lines[i]);
	return n == want;
}

/* ---- scenarios ---- */

static inline void scenario_begin(const char *name)
{
	scenario = name;
	printf("# -- %s\n", name);
	log_mark();
	bystanders_mark();
}

static inline void scenario_check(bool good, const char *claim)
{
	tap_check(good, "%s: %s", scenario, claim);
}

static inline void scenario_counts(const struct vm *vm)
{
	static const char * const keys[] = {
		"sent", "repended", "injected", "direct_entries", "normal_entries", "probes",
		"escapes",
	};
	unsigned int i;

	printf("#");
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		printf(" %s=%llu", keys[i], (unsigned long long)vcpu_number(vm, keys[i]));
	putchar('\n');
}

static inline void scenario_outcome(struct vm *vm, enum outcome want)
{
	bool revoked;

	scenario_counts(vm);
	if (want == ANY) {
		log_mark();
		return;
	}
	revoked = want == REVOKED;
	if (revoked)
		scenario_check(vcpu_says(vm, "mode", "inject") &&
			       vcpu_says(vm, "reason", "revoked"), "loses direct notifications");
	else
		scenario_check(!vcpu_has(vm, "reason", "revoked"),
			       "keeps its privilege");
	scenario_check(log_has(revoked), revoked ? "one line in the log" : "no line in the log");
}

static inline void scenario_end(struct vm *vm, enum outcome want)
{
	scenario_outcome(vm, want);
	vm_finish(vm);
	scenario_check(bystanders_go_on(), "nobody else is harmed");
	scenario_check(interrupts_go_on(), "CPU 1 has its interrupts");
	bystanders_print();
}

/* The guest waits for notifications: each read must have one. */
static inline void scenario_serves(struct vm *vm, unsigned int reads, const char *claim)
{
	unsigned int taken = vm_reads(vm, reads, LONG);

	if (taken != reads)
		printf("# %u of %u notifications taken\n", taken, reads);
	scenario_check(taken == reads, claim);
}

/* The guest behaves again. */
static inline void scenario_still_serves(struct vm *vm)
{
	vm_shared(vm)->storm = 0;
	vm_spin(vm);
	scenario_serves(vm, 10, "its notifications still come");
	scenario_check(vm_stop(vm), "it still runs");
}

#endif /* _SELFTESTS_NOTIFY_HOSTILE_H */
