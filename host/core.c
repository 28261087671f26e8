// SPDX-License-Identifier: GPL-2.0-only
/*
 * core.c - IOCore: a kthread on a chosen CPU that polls rings
 *
 * The kthread holds core->lock for a turn over its queues. Others take the lock
 * to add or remove a queue; they announce themselves in core->waiters, so that
 * the kthread, which would win every race for the lock, lets go of it. After
 * iocore_core_del_queue() no poll of that queue runs or will run.
 *
 * Its CPU can't go offline: elsewhere it would spin on a CPU that is not its
 * own, and might never run again on one that a guest in direct mode keeps.
 *
 * Going to sleep (letters as in iocore_ring.h):
 *	1. state = INTERRUPTIBLE, so that a wake-up from here on is not lost
 *	2. NEED_KICK in every ring, core->asleep, full barrier (L)
 *	3. look at every ring once more; sleep only if all are empty and no
 *	   notification is held back
 *
 * The watchdog of direct mode runs in the interrupt of a timer of this CPU. It
 * may depend on no thread: the CPU may be held, preemption off, by somebody who
 * waits for the very CPU that a guest keeps. And a timer that is not pinned may
 * end up on the latter. The timer runs while anything is watched: its interrupt
 * stops it, and whoever wants it to run starts it in an interrupt of the same
 * CPU, so that neither misses what the other saw.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/sched/clock.h>
#include <linux/sched/stat.h>
#include <linux/smp.h>

#include "iocore.h"
#include "trace.h"

/* The cores that run; a core joins before its thread begins. */
static DEFINE_MUTEX(running_lock);
static LIST_HEAD(running);

static const char *core_name(struct iocore_core *core)
{
	return config_item_name(&core->group.cg_item);
}

static unsigned int core_poll(struct iocore_core *core, u64 now)
{
	struct iocore_queue *q;
	unsigned int taken = 0;

	list_for_each_entry(q, &core->queues, node) {
		taken += iocore_queue_poll(q);
		iocore_notify_overdue(q, now);
	}
	return taken;
}

static bool core_pending(struct iocore_core *core)
{
	struct iocore_queue *q;

	list_for_each_entry(q, &core->queues, node)
		if (iocore_ring_sq_pending(&q->ring) || READ_ONCE(q->due))
			return true;
	return false;
}

static void core_set_need_kick(struct iocore_core *core)
{
	struct iocore_queue *q;

	list_for_each_entry(q, &core->queues, node)
		iocore_ring_set_need_kick(&q->ring);
}

static void core_clear_need_kick(struct iocore_core *core)
{
	struct iocore_queue *q;

	list_for_each_entry(q, &core->queues, node)
		iocore_ring_clear_need_kick(&q->ring);
}

static bool core_may_sleep(struct iocore_core *core)
{
	set_current_state(TASK_INTERRUPTIBLE);
	core_set_need_kick(core);
	WRITE_ONCE(core->asleep, true);
	smp_mb();	/* (L), pairs with (K); and with iocore_notify_now() */
	return !core_pending(core) && !atomic_read(&core->waiters) &&
	       !kthread_should_stop();
}

static void core_sleep(struct iocore_core *core)
{
	if (core_may_sleep(core)) {
		WRITE_ONCE(core->sleeps, core->sleeps + 1);
		trace_iocore_sleep(core_name(core));
		mutex_unlock(&core->lock);
		schedule();
		mutex_lock(&core->lock);
		trace_iocore_wake(core_name(core));
	}
	__set_current_state(TASK_RUNNING);
	WRITE_ONCE(core->asleep, false);
	core_clear_need_kick(core);
}

/*
 * Let waiters have the lock; the mutex hands itself over after one failed try.
 * Let whoever else wants this CPU have it: where a disk thread shares it, the
 * scheduler alone would make each request wait for the next tick.
 */
static void core_yield(struct iocore_core *core)
{
	if (atomic_read(&core->waiters)) {
		mutex_unlock(&core->lock);
		cond_resched();
		mutex_lock(&core->lock);
	}
	if (!single_task_running())
		yield();
	cond_resched_tasks_rcu_qs();
}

static int core_thread(void *data)
{
	struct iocore_core *core = data;
	u64 now = local_clock(), last_work = now, before;
	unsigned int taken;

	mutex_lock(&core->lock);
	while (!kthread_should_stop()) {
		taken = core_poll(core, now);
		before = now;
		now = local_clock();
		WRITE_ONCE(core->turns, core->turns + 1);
		if (taken) {
			WRITE_ONCE(core->requests, core->requests + taken);
			WRITE_ONCE(core->busy_ns, core->busy_ns + now - before);
			last_work = now;
		} else if (now - last_work >= (u64)READ_ONCE(core->idle_us) * NSEC_PER_USEC) {
			core_sleep(core);
			now = local_clock();
			last_work = now;
		} else {
			cpu_relax();
		}
		core_yield(core);
	}
	mutex_unlock(&core->lock);
	return 0;
}

static void core_lock(struct iocore_core *core)
{
	atomic_inc(&core->waiters);
	mutex_lock(&core->lock);
	atomic_dec(&core->waiters);
}

void iocore_core_add_queue(struct iocore_core *core, struct iocore_queue *q)
{
	core_lock(core);
	list_add_tail(&q->node, &core->queues);
	/* Another IOCore may have gone to sleep with it. */
	iocore_ring_clear_need_kick(&q->ring);
	mutex_unlock(&core->lock);
	/* The ring has no NEED_KICK: a sleeping IOCore would miss it. */
	iocore_core_wake(core);
}

void iocore_core_del_queue(struct iocore_core *core, struct iocore_queue *q)
{
	core_lock(core);
	list_del_init(&q->node);
	mutex_unlock(&core->lock);
}

void iocore_core_wake(struct iocore_core *core)
{
	if (wake_up_process(core->task))
		atomic64_inc(&core->wakeups);
}

u64 iocore_core_total_ns(const struct iocore_core *core)
{
	return ktime_get_ns() - core->start_ns;
}

/* ---- the timer of the watchdog --------------------------------------------- */

static enum hrtimer_restart core_watch(struct hrtimer *timer)
{
	u64 delay = iocore_direct_watch();

	if (!delay)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ns_to_ktime(delay));
	return HRTIMER_RESTART;
}

/* On the core's CPU, interrupts off. */
static void core_watch_start_here(void *data)
{
	struct iocore_core *core = data;

	if (!hrtimer_active(&core->watchdog))
		hrtimer_start(&core->watchdog, 0, HRTIMER_MODE_REL_PINNED_HARD);
}

static void core_watch_start(struct iocore_core *core)
{
	lockdep_assert_held(&running_lock);
	smp_call_function_single(core->cpu, core_watch_start_here, core, true);
}

void iocore_core_watch_all(void)
{
	struct iocore_core *core;

	mutex_lock(&running_lock);
	list_for_each_entry(core, &running, running)
		core_watch_start(core);
	mutex_unlock(&running_lock);
}

/* ---- its CPU ----------------------------------------------------------------- */

/* The CPU stays online from here on. */
static int core_reserve_cpu(unsigned int cpu)
{
	int ret = -EINVAL;

	cpus_read_lock();
	if (cpu < nr_cpu_ids && cpu_online(cpu)) {
		iocore_direct_reserve(cpu);
		ret = 0;
	}
	cpus_read_unlock();
	return ret;
}

static int core_cpu_online(unsigned int cpu)
{
	struct iocore_core *core;

	mutex_lock(&running_lock);
	list_for_each_entry(core, &running, running) {
		if (core->cpu != cpu)
			continue;
		/* The scheduler has unbound it when the CPU went. */
		set_cpus_allowed_ptr(core->task, cpumask_of(cpu));
		core_watch_start(core);
	}
	mutex_unlock(&running_lock);
	return 0;
}

/*
 * Suspend freezes the VMs first; it may take any CPU away for a while. A timer
 * that is left behind would move to another CPU.
 */
static int core_cpu_offline(unsigned int cpu)
{
	struct iocore_core *core;

	if (!iocore_direct_reserved(cpu))
		return 0;
	if (!cpuhp_tasks_frozen)
		return -EBUSY;

	mutex_lock(&running_lock);
	list_for_each_entry(core, &running, running)
		if (core->cpu == cpu)
			hrtimer_cancel(&core->watchdog);
	mutex_unlock(&running_lock);
	return 0;
}

static enum cpuhp_state hotplug_state;

int iocore_core_init(void)
{
	int ret = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "iocore:online",
					    core_cpu_online, core_cpu_offline);

	if (ret < 0)
		return ret;
	hotplug_state = ret;
	return 0;
}

void iocore_core_exit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
}

int iocore_core_start(struct iocore_core *core)
{
	struct task_struct *task;
	int ret;

	ret = core_reserve_cpu(core->cpu);
	if (ret)
		return ret;

	mutex_init(&core->lock);
	atomic_set(&core->waiters, 0);
	INIT_LIST_HEAD(&core->queues);
	core->busy_ns = 0;
	core->turns = 0;
	core->requests = 0;
	core->sleeps = 0;
	atomic64_set(&core->wakeups, 0);
	core->start_ns = ktime_get_ns();
	hrtimer_init(&core->watchdog, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	core->watchdog.function = core_watch;

	task = kthread_create_on_node(core_thread, core, cpu_to_node(core->cpu),
				      "iocore/%s", core_name(core));
	if (IS_ERR(task)) {
		iocore_direct_unreserve(core->cpu);
		return PTR_ERR(task);
	}
	kthread_bind(task, core->cpu);
	core->task = task;
	mutex_lock(&running_lock);
	list_add_tail(&core->running, &running);
	core_watch_start(core);
	mutex_unlock(&running_lock);
	wake_up_process(task);
	return 0;
}

void iocore_core_stop(struct iocore_core *core)
{
	WARN_ON(!list_empty(&core->queues));
	mutex_lock(&running_lock);
	list_del(&core->running);
	mutex_unlock(&running_lock);
	hrtimer_cancel(&core->watchdog);
	/* A kick or a completion may have found it a moment ago. */
	synchronize_rcu();
	kthread_stop(core->task);
	core->task = NULL;
	iocore_direct_unreserve(core->cpu);
}
