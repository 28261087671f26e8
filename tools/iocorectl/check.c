// SPDX-License-Identifier: GPL-2.0-only
/* check.c - is this host ready for iocore? One line a reason. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/iocore.h>
#include <linux/magic.h>

#include "iocorectl.h"

#ifndef CONFIGFS_MAGIC
#define CONFIGFS_MAGIC	0x62656570
#endif

#define KVM_HOOK	"kvm_pv_backend_register"
#define DIRECT_HOOK	"kvm_direct_get"

#define MSR_APICBASE		0x1b
#define APICBASE_X2APIC		0x400

/* A hint costs speed or a feature; only a failure makes a host not ready. */
enum verdict { VERDICT_OK, VERDICT_HINT, VERDICT_FAIL };

static const char * const verdict_names[] = { "ok", "hint", "fail" };

struct check {
	const char *name;
	enum verdict (*run)(char reason[VALUE_LEN]);
};

__printf(3, 4)
static enum verdict because(enum verdict verdict, char reason[VALUE_LEN],
			    const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, VALUE_LEN, fmt, args);
	va_end(args);
	return verdict;
}

/* Does a file have a line with @word in it, between white space? */
static bool file_has_word(const char *name, const char *word)
{
	size_t size = 0, len = strlen(word);
	char path[PATH_MAX], *line = NULL;
	bool found = false;
	FILE *file;

	if (tree_path(path, "%s", name))
		return false;
	file = fopen(path, "re");
	if (!file)
		return false;
	while (!found && getline(&line, &size, file) >= 0) {
		const char *at = line;

		while (!found && (at = strstr(at, word))) {
			found = (at == line || isspace((unsigned char)at[-1])) &&
				(!at[len] || isspace((unsigned char)at[len]));
			at += len;
		}
	}
	free(line);
	fclose(file);
	return found;
}

static enum verdict check_vendor(char reason[VALUE_LEN])
{
	if (tree_has("/sys/module/kvm_amd"))
		return because(VERDICT_OK, reason, "kvm_amd is loaded (AMD SVM)");
	if (tree_has("/sys/module/kvm_intel"))
		return because(VERDICT_OK, reason,
			       "kvm_intel is loaded (Intel VMX)");
	if (file_has_word("/proc/cpuinfo", "svm") ||
	    file_has_word("/proc/cpuinfo", "vmx"))
		return because(VERDICT_FAIL, reason,
			       "the CPU has SVM or VMX, but neither kvm_amd nor kvm_intel is loaded");
	return because(VERDICT_FAIL, reason,
		       "the CPU has neither SVM nor VMX, or it is off in the firmware");
}

/* iocore.ko needs the hook's symbol, so that it is loaded proves the patch. */
static enum verdict check_kvm(char reason[VALUE_LEN])
{
	if (tree_has("/sys/module/iocore") ||
	    file_has_word("/proc/kallsyms", KVM_HOOK))
		return because(VERDICT_OK, reason, "kvm has iocore's hooks");
	if (!tree_has("/sys/module/kvm"))
		return because(VERDICT_FAIL, reason, "kvm is not loaded");
	return because(VERDICT_FAIL, reason,
		       "kvm is loaded without iocore's patches (no %s)",
		       KVM_HOOK);
}

static enum verdict check_module(char reason[VALUE_LEN])
{
	char dir[PATH_MAX], version[64];

	if (!tree_has("/sys/module/iocore"))
		return because(VERDICT_FAIL, reason, "iocore is not loaded");
	if (tree_path(dir, "/sys/module/iocore") ||
	    attr_read(dir, "version", version, sizeof(version)))
		return because(VERDICT_OK, reason, "iocore is loaded");
	if (strcmp(version, IOCORECTL_VERSION))
		return because(VERDICT_HINT, reason,
			       "iocore %s is loaded, this program is %s: what one of them lacks can't be used",
			       version, IOCORECTL_VERSION);
	return because(VERDICT_OK, reason, "iocore %s is loaded", version);
}

static enum verdict check_device(char reason[VALUE_LEN])
{
	unsigned int version;
	int fd = device_open(&version);

	if (fd < 0)
		return because(VERDICT_FAIL, reason, "%s: %s%s", DEVICE_PATH,
			       strerror(-fd),
			       fd == -EACCES ? " (are you root?)" : "");
	close(fd);
	if (version != IOCORE_API_VERSION)
		return because(VERDICT_FAIL, reason,
			       "%s has API version %u, this program %u",
			       DEVICE_PATH, version, IOCORE_API_VERSION);
	return because(VERDICT_OK, reason, "%s has API version %u", DEVICE_PATH,
		       version);
}

static enum verdict check_configfs(char reason[VALUE_LEN])
{
	char path[PATH_MAX];
	struct statfs fs;

	if (tree_has(CONFIG_DIR))
		return because(VERDICT_OK, reason, "%s is there", CONFIG_DIR);
	if (!tree_path(path, "/sys/kernel/config") && !statfs(path, &fs) &&
	    fs.f_type == CONFIGFS_MAGIC)
		return because(VERDICT_FAIL, reason,
			       "configfs is mounted, but iocore is not in it");
	return because(VERDICT_FAIL, reason,
		       "configfs is not mounted: mount -t configfs none /sys/kernel/config");
}

static enum verdict check_core(char reason[VALUE_LEN])
{
	struct json_object *rows = core_rows();
	size_t i, count = json_object_array_length(rows), enabled = 0;

	for (i = 0; i < count; i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		if (json_object_get_boolean(json_object_object_get(row, "enabled")))
			enabled++;
	}
	json_object_put(rows);
	if (enabled)
		return because(VERDICT_OK, reason, "%zu of %zu IOCores enabled",
			       enabled, count);
	return because(VERDICT_FAIL, reason,
		       "no IOCore is enabled: iocorectl core add NAME --cpu N");
}

/* Is a CPU in a list such as 1,4-7? */
static bool cpu_in_list(const char *list, long cpu)
{
	char *end;

	while (*list) {
		long first = strtol(list, &end, 10), last = first;

		if (end == list)
			return false;
		if (*end == '-')
			last = strtol(end + 1, &end, 10);
		if (cpu >= first && cpu <= last)
			return true;
		list = *end == ',' ? end + 1 : end;
	}
	return false;
}

static enum verdict check_isolation(char reason[VALUE_LEN])
{
	char dir[PATH_MAX], list[1024] = "";
	struct json_object *rows;
	long cpu = -1;
	size_t i;

	if (!tree_path(dir, "/sys/devices/system/cpu"))
		attr_read(dir, "isolated", list, sizeof(list));
	rows = core_rows();
	for (i = 0; i < json_object_array_length(rows) && cpu < 0; i++) {
		struct json_object *row = json_object_array_get_idx(rows, i);

		cpu = json_object_get_int(json_object_object_get(row, "cpu"));
		if (cpu_in_list(list, cpu))
			cpu = -1;
	}
	i = json_object_array_length(rows);
	json_object_put(rows);
	if (cpu >= 0)
		return because(VERDICT_HINT, reason,
			       "an IOCore runs on CPU %ld, which is not isolated: boot with isolcpus=%ld nohz_full=%ld",
			       cpu, cpu, cpu);
	if (!list[0])
		return because(VERDICT_HINT, reason,
			       "no CPU is isolated: boot with isolcpus= and nohz_full= for the IOCores");
	return because(VERDICT_OK, reason, "isolated CPUs: %s%s", list,
		       i ? ", every IOCore on one of them" : "");
}

/* 1 on, 0 off, -1 unknown */
static int x2apic_state(void)
{
	unsigned long long base;
	char path[PATH_MAX];
	ssize_t len;
	int fd;

	if (!file_has_word("/proc/cpuinfo", "x2apic"))
		return 0;
	if (tree_path(path, "/dev/cpu/0/msr"))
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	len = pread(fd, &base, sizeof(base), MSR_APICBASE);
	close(fd);
	if (len != sizeof(base))
		return -1;
	return !!(base & APICBASE_X2APIC);
}

static enum verdict check_x2apic(char reason[VALUE_LEN])
{
	switch (x2apic_state()) {
	case 1:
		return because(VERDICT_OK, reason,
			       "the host runs in x2APIC mode");
	case 0:
		return because(VERDICT_HINT, reason,
			       "the host is not in x2APIC mode: completions are injected by KVM, never delivered directly");
	default:
		return because(VERDICT_HINT, reason,
			       "the CPU has x2APIC; whether it is on is unknown (modprobe msr, as root)");
	}
}

static bool param_is(const char *module, const char *name, char wanted)
{
	char dir[PATH_MAX], value[16];

	return !tree_path(dir, "/sys/module/%s/parameters", module) &&
	       !attr_read(dir, name, value, sizeof(value)) &&
	       (value[0] == wanted || value[0] == (wanted == 'Y' ? '1' : '0'));
}

/* What forbids direct mode, as far as it can be read, or NULL. */
static const char *direct_obstacle(void)
{
	if (!file_has_word("/proc/kallsyms", DIRECT_HOOK))
		return "kvm has no direct mode (no " DIRECT_HOOK ")";
	if (tree_has("/sys/module/kvm_intel"))
		return "kvm_intel has no direct mode";
	if (!tree_has("/sys/module/kvm_amd"))
		return "kvm_amd is not loaded";
	if (param_is("kvm_amd", "avic", 'Y'))
		return "AVIC is on (kvm_amd.avic), so injection causes no exit anyway";
	if (param_is("kvm_amd", "npt", 'N'))
		return "nested paging is off (kvm_amd.npt)";
	if (param_is("kvm", "tdp_mmu", 'N'))
		return "the TDP MMU is off (kvm.tdp_mmu)";
	if (file_has_word("/proc/cpuinfo", "fred"))
		return "the CPU has FRED";
	if (!x2apic_state())
		return "the host is not in x2APIC mode";
	return NULL;
}

/* Each VM needs to be allowed it, so it is not missed where it can't be. */
static enum verdict check_direct(char reason[VALUE_LEN])
{
	const char *obstacle = direct_obstacle();

	if (obstacle)
		return because(VERDICT_HINT, reason,
			       "no direct mode, completions are injected: %s",
			       obstacle);
	if (x2apic_state() < 0)
		return because(VERDICT_HINT, reason,
			       "direct mode is possible if the host is in x2APIC mode, which is unknown (modprobe msr, as root)");
	return because(VERDICT_OK, reason,
		       "direct mode is possible: AMD SVM with nested paging, no AVIC, x2APIC (iocorectl allow)");
}

/* A guest that waits fails its I/O when the disk's replay_timeout is over. */
static enum verdict check_kept(char reason[VALUE_LEN])
{
	struct json_object *rows = vm_rows();
	enum verdict verdict = because(VERDICT_OK, reason,
				       "no guest waits for a disk");
	size_t i;

	for (i = 0; i < json_object_array_length(rows); i++) {
		struct json_object *vm = json_object_array_get_idx(rows, i);

		json_object_object_foreach(json_object_object_get(vm, "kept"),
					   disk, slot) {
			(void)slot;
			verdict = because(VERDICT_HINT, reason,
					  "the guest of VM %s waits for disk %s: attach it, or detach it without --keep",
					  row_name(vm), disk);
		}
	}
	json_object_put(rows);
	return verdict;
}

static const struct check checks[] = {
	{ "vendor",	check_vendor },
	{ "kvm",	check_kvm },
	{ "module",	check_module },
	{ "device",	check_device },
	{ "configfs",	check_configfs },
	{ "core",	check_core },
	{ "isolation",	check_isolation },
	{ "x2apic",	check_x2apic },
	{ "direct",	check_direct },
	{ "kept",	check_kept },
};

static struct json_object *check_row(const struct check *check, bool *ready)
{
	struct json_object *row = json_object_new_object();
	char reason[VALUE_LEN];
	enum verdict verdict = check->run(reason);

	if (verdict == VERDICT_FAIL)
		*ready = false;
	json_object_object_add(row, "status",
			       json_object_new_string(verdict_names[verdict]));
	json_object_object_add(row, "check",
			       json_object_new_string(check->name));
	json_object_object_add(row, "reason", json_object_new_string(reason));
	return row;
}

int check_run(int argc, char **argv)
{
	static const struct column columns[] = {
		{ "/status",	"STATUS",	FORMAT_TEXT },
		{ "/check",	"CHECK",	FORMAT_TEXT },
		{ "/reason",	"REASON",	FORMAT_TEXT },
		{ NULL,		NULL,		0 }
	};
	struct json_object *root, *rows;
	bool ready = true;
	size_t i;
	int err;

	err = parse_nothing(argc, argv);
	if (err)
		return err;
	root = output_new();
	rows = json_object_new_array();
	for (i = 0; i < ARRAY_SIZE(checks); i++)
		json_object_array_add(rows, check_row(&checks[i], &ready));
	json_object_object_add(root, "ready", json_object_new_boolean(ready));
	json_object_object_add(root, "checks", rows);
	if (settings.json) {
		output_json(root);
	} else {
		output_table(rows, columns);
		puts(ready ? "\nThis host is ready." :
			     "\nThis host is not ready.");
	}
	json_object_put(root);
	return ready ? EXIT_OK : EXIT_UNSUPPORTED;
}
