// SPDX-License-Identifier: GPL-2.0-only
/*
 * Direct notification: the host's vector without an exit
 *
 * Each vCPU gives the host one page, which the host covers with its shadow IDT
 * as long as direct mode is set up. Nothing else changes in this kernel: the
 * interrupt still comes through the gate of the vector that notify.c owns, is
 * counted and acknowledged there, and if the host falls back to injection,
 * nobody notices.
 *
 * The page is named by its address in the direct map, which is the same in all
 * address spaces that a CPU uses, those of EFI and of text patching included.
 * Page table isolation breaks that: user page tables don't map it.
 *
 * A page that the host may still cover is not memory: it goes back to the
 * allocator only after the host was reset.
 *
 * Reboot and kexec reset the host. A crash needs no code here: the crash kernel
 * lives in memory of its own and loads an IDT of its own, so that its CPU is
 * notified by injection at once; the CPUs that it leaves behind are halted with
 * interrupts off. What the host still covers belongs to the dead kernel, and
 * reading it for a dump does no harm. The driver resets the host when it is
 * loaded in the crash kernel, and that uncovers it all.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/sched/mm.h>
#include <linux/workqueue.h>
#include <asm/apic.h>
#include <asm/cpufeature.h>
#include <asm/desc_defs.h>
#include <asm/trapnr.h>

#include "iocore_blk.h"

/* The host was busy: ask again after so long. */
#define IOCORE_DIRECT_RETRY	HZ
/* A host that says again and again that it may succeed now keeps no CPU busy. */
#define IOCORE_DIRECT_PAUSE	(HZ / 10)

/**
 * struct direct - direct notification of one CPU
 * @page:	for the shadow IDT; never touched by this kernel, but to look
 *		whether it is covered
 * @open:	between online and offline
 * @given:	the host may cover @page
 */
struct direct {
	gate_desc *page;
	bool open;
	bool given;
};

static DEFINE_PER_CPU(struct direct, direct_cpu);
/* of all CPUs; removal of the hotplug state doesn't exclude the retry */
static DEFINE_MUTEX(direct_lock);
static bool possible;

static void retry_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(retry, retry_work);

/* ---- may it be, and is it? ---- */

static const char *why_not(void)
{
	if (!(iocore_features & IOCORE_F_DIRECT))
		return "the host does not know direct ones";
	if (boot_cpu_has(X86_FEATURE_PTI))
		return "page table isolation is on";
	if (cpu_uses_fred())
		return "events come by FRED, not through an IDT";
	if (!x2apic_mode)
		return "the local APIC is not in x2APIC mode";
	return NULL;
}

/*
 * The host may end direct mode without a word. But then the page reads as the
 * zeroes beneath again, and no shadow IDT goes without a gate for page faults.
 */
bool iocore_direct_active(unsigned int cpu)
{
	const struct direct *d = per_cpu_ptr(&direct_cpu, cpu);
	bool active;

	mutex_lock(&direct_lock);
	active = d->given && READ_ONCE(*(const u64 *)&d->page[X86_TRAP_PF]);
	mutex_unlock(&direct_lock);
	return active;
}

/* ---- set-up and withdrawal; both run on the CPU in question ---- */

static int give_page(struct direct *d)
{
	int ret;

	if (!d->page) {
		d->page = (void *)__get_free_page(GFP_KERNEL | __GFP_ZERO);
		if (!d->page)
			return -ENOMEM;
	}
	ret = iocore_hc_direct(virt_to_phys(d->page), (unsigned long)d->page);
	if (!ret)
		d->given = true;
	return ret;
}

/* Failure leaves the CPU with what it has. */
static void set_up(struct direct *d)
{
	int ret = give_page(d);

	switch (ret) {
	case 0:
	case -EPERM:	/* not allowed yet: an event will come */
	case -ENOENT:	/* the host has left */
		return;
	case -EBUSY:
		queue_delayed_work(system_percpu_wq, &retry, IOCORE_DIRECT_RETRY);
		return;
	case -EOPNOTSUPP:
		pr_info_once("notifications are injected: the host can't do direct ones\n");
		return;
	default:
		pr_info_once("notifications are injected: no direct ones from the host (%d)\n",
			     ret);
	}
}

/* The slot scan takes the lock too, and disks that are held wait for the scan. */
static unsigned int lock(void)
{
	unsigned int noio = memalloc_noio_save();

	mutex_lock(&direct_lock);
	return noio;
}

static void unlock(unsigned int noio)
{
	mutex_unlock(&direct_lock);
	memalloc_noio_restore(noio);
}

/* The CPU has its notification page and interrupt. */
void iocore_direct_online(unsigned int cpu)
{
	struct direct *d = per_cpu_ptr(&direct_cpu, cpu);
	unsigned int noio;

	if (!possible)
		return;
	noio = lock();
	d->open = true;
	set_up(d);
	unlock(noio);
}

/*
 * After this, what the host raised before has been taken or is pending in the
 * local APIC. The page stays, for the next time.
 */
void iocore_direct_offline(unsigned int cpu)
{
	struct direct *d = per_cpu_ptr(&direct_cpu, cpu);
	unsigned int noio = lock();
	int ret;

	d->open = false;
	if (d->given) {
		ret = iocore_hc_direct(0, 0);
		if (ret)
			pr_warn("CPU %u: the host keeps direct mode (%d)\n", cpu, ret);
		else
			d->given = false;
	}
	unlock(noio);
}

/* ---- the host says that it may succeed now ---- */

static long retry_cpu(void *arg)
{
	struct direct *d = arg;
	unsigned int noio = lock();

	if (d->open)
		set_up(d);
	unlock(noio);
	return 0;
}

/* Not on iocore_wq, which must not wait for the kernel's own work queue. */
static void retry_work(struct work_struct *work)
{
	int cpu;

	/* a CPU that is offline will be set up when it comes back */
	cpus_read_lock();
	for_each_online_cpu(cpu)
		work_on_cpu(cpu, retry_cpu, per_cpu_ptr(&direct_cpu, cpu));
	cpus_read_unlock();
}

/*
 * Any context. However often the host says so: a retry that is pending comes as it
 * is, and one that runs already is followed by another.
 */
void iocore_direct_retry(void)
{
	if (possible)
		queue_delayed_work(system_percpu_wq, &retry, IOCORE_DIRECT_PAUSE);
}

/* The host was reset, and covers nothing. */
void iocore_direct_forget(void)
{
	int cpu;

	mutex_lock(&direct_lock);
	for_each_possible_cpu(cpu)
		per_cpu(direct_cpu, cpu).given = false;
	mutex_unlock(&direct_lock);
}

/* Another host listens now, which covers nothing yet. */
void iocore_direct_renew(void)
{
	iocore_direct_forget();
	iocore_direct_retry();
}

/* ---- init and exit ---- */

void iocore_direct_init(void)
{
	const char *why = why_not();

	possible = !why;
	if (why)
		pr_info("notifications are injected: %s\n", why);
}

/*
 * All CPUs are offline for us and no event arrives. @reset: the host was reset,
 * and covers nothing.
 */
void iocore_direct_exit(bool reset)
{
	struct direct *d;
	int cpu;

	cancel_delayed_work_sync(&retry);
	for_each_possible_cpu(cpu) {
		d = per_cpu_ptr(&direct_cpu, cpu);
		if (d->given && !reset)
			pr_err("CPU %d: the host keeps the page of its shadow IDT, it is lost\n",
			       cpu);
		else
			free_page((unsigned long)d->page);
	}
}
