// SPDX-License-Identifier: GPL-2.0-only
/*
 * storm.c - VMs that make control calls without a pause, while iocore comes and goes
 *
 * usage: storm VMS SECONDS
 *
 * It ends after SECONDS, or when it is told by SIGTERM.
 *
 * Each answer must be one that a host with iocore gives to such a call, or that
 * of a host without. The last line says how many there were of each, over all
 * VMs: "served N absent N wrong N".
 */
#include <linux/iocore_ring.h>
#include <linux/kvm_para.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "../kvm/minivm.h"

#define ARG	0x100000
#define NOTIFY	0x101000
#define VMS_MAX	8

struct storm {
	struct minivm vm;
	pthread_t thread;
	unsigned long served, absent, wrong;
};

static struct storm storms[VMS_MAX];
static volatile time_t end;

static void judge(struct storm *s, const char *what, int got, int want, int other)
{
	if (got == -KVM_ENOSYS) {
		s->absent++;
	} else if (got == want || got == other) {
		s->served++;
	} else {
		s->wrong++;
		printf("%s: %d\n", what, got);
	}
}

static int call(struct storm *s, uint32_t op, uint32_t size)
{
	return minivm_hypercall(&s->vm, IOCORE_HC, op, size ? ARG : 0, size);
}

static void calls(struct storm *s)
{
	struct iocore_vcpu_notify *notify = (void *)(s->vm.ram + ARG);
	struct iocore_identify *id = (void *)(s->vm.ram + ARG);
	struct iocore_disk_info *info = (void *)(s->vm.ram + ARG);

	*id = (struct iocore_identify) {
		.version = IOCORE_RING_VERSION, .features = IOCORE_F_REPLAY | IOCORE_F_DIRECT,
	};
	judge(s, "identify", call(s, IOCORE_HC_IDENTIFY, sizeof(*id)), 0, 0);
	*notify = (struct iocore_vcpu_notify){ .gpa = NOTIFY, .vector = MINIVM_VECTOR };
	judge(s, "notify", call(s, IOCORE_HC_VCPU_NOTIFY, sizeof(*notify)), 0, 0);
	memset(info, 0, sizeof(*info));
	judge(s, "disk", call(s, IOCORE_HC_DISK_GET, sizeof(*info)), -ENOENT, -ESTALE);
	judge(s, "kick", call(s, IOCORE_HC_KICK, 0), -ENOENT, -ENOENT);
	judge(s, "reset", call(s, IOCORE_HC_RESET, 0), 0, 0);
}

static void *storm_thread(void *data)
{
	while (time(NULL) < end)
		calls(data);
	return NULL;
}

static void stop(int nr)
{
	(void)nr;
	end = 0;
}

int main(int argc, char **argv)
{
	unsigned long served = 0, absent = 0, wrong = 0;
	int i, vms = argc == 3 ? atoi(argv[1]) : 0;

	if (vms < 1 || vms > VMS_MAX)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	end = time(NULL) + atoi(argv[2]);
	signal(SIGTERM, stop);
	for (i = 0; i < vms; i++)
		if (minivm_make(&storms[i].vm, 0, 0) ||
		    pthread_create(&storms[i].thread, NULL, storm_thread, &storms[i]))
			return 1;
	for (i = 0; i < vms; i++) {
		pthread_join(storms[i].thread, NULL);
		served += storms[i].served;
		absent += storms[i].absent;
		wrong += storms[i].wrong;
	}
	printf("served %lu absent %lu wrong %lu\n", served, absent, wrong);
	return !!wrong;
}
