// SPDX-License-Identifier: GPL-2.0-only
/*
 * The notification page and interrupt of each vCPU
 *
 * A vCPU that is online has one interrupt, bound to it, whose vector the host
 * raises after it has set a bit in the vCPU's page. The interrupt is only a
 * hint: the rings are the truth. While a CPU is offline its page is withdrawn,
 * and a work item polls the queues that call it home for as long as they have
 * requests in flight; other CPUs may share such a queue. It does the same for
 * the queues of a disk that the host does not notify of at all, without a pause.
 *
 * The pages stay allocated until the host has been reset, so a late write of
 * the host never lands in memory that has another owner.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/gfp.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/smp.h>
#include <asm/apic.h>
#include <asm/hw_irq.h>
#include <asm/irqdomain.h>

#include "iocore_blk.h"

/* the longest run of a poller */
#define IOCORE_POLL_RUN		msecs_to_jiffies(10)

/*
 * Protects what is registered, and bindings against its change. The lock of CPU
 * hotplug won't do: its owner may wait for the requests of a disk that is held,
 * and the disk has to bind its queues to come back.
 */
static DEFINE_MUTEX(notify_lock);
static DEFINE_PER_CPU(struct iocore_notify, iocore_notify);
static struct fwnode_handle *fwnode;
static struct irq_domain *domain;
static int hp_state;

/* ---- what a notification says ---- */

static void look_at_events(struct iocore_notify *n)
{
	u32 events;

	if (!READ_ONCE(n->page->events))
		return;
	events = xchg(&n->page->events, 0);
	if (events & IOCORE_EVENT_DISKS)
		iocore_slots_kick();
	if (events & IOCORE_EVENT_DIRECT)
		iocore_direct_retry();
}

static void look_at_word(struct iocore_notify *n, unsigned int word)
{
	struct iocore_queue *q;
	unsigned long pending;
	unsigned int bit;

	if (!READ_ONCE(n->page->pending[word]))
		return;
	/* cleared before the queue is looked at: a later CQE sets it again */
	pending = xchg(&n->page->pending[word], 0);
	for_each_set_bit(bit, &pending, BITS_PER_LONG) {
		q = xa_load(&n->queues, word * BITS_PER_LONG + bit);
		if (q)
			iocore_queue_notified(q);
	}
}

/*
 * The vector is acknowledged before this runs: if it is raised while we look, it
 * comes again, so a bit or an event that is set behind our back is not missed.
 * It may come without any.
 */
static irqreturn_t notify_irq(int irq, void *data)
{
	struct iocore_notify *n = data;
	unsigned int word, words = READ_ONCE(n->words);

	rcu_read_lock();
	for (word = 0; word < words; word++)
		look_at_word(n, word);
	rcu_read_unlock();
	look_at_events(n);
	return IRQ_HANDLED;
}

/* ---- polling a vCPU's queues instead ---- */

/* One look at all queues. Returns whether any has requests in flight. */
static bool poll_all(struct iocore_notify *n)
{
	struct iocore_queue *q;
	unsigned long bit;
	bool busy = false;

	rcu_read_lock();
	xa_for_each(&n->queues, bit, q) {
		iocore_queue_poll(q);
		busy |= iocore_queue_busy(q);
	}
	rcu_read_unlock();
	return busy;
}

/* The same for the queues of polled disks alone. */
static bool poll_polled(struct iocore_notify *n, unsigned int *done)
{
	struct iocore_queue *q;
	unsigned long bit;
	bool busy = false;

	rcu_read_lock();
	xa_for_each(&n->queues, bit, q) {
		if (!iocore_queue_polled(q))
			continue;
		if (iocore_queue_ready(q))
			*done += iocore_queue_poll(q);
		busy |= iocore_queue_busy(q);
	}
	rcu_read_unlock();
	return busy;
}

/*
 * Look until no polled disk has a request in flight. A run is bounded, for those
 * who flush the work queue; one that saw no completion at all is followed by a
 * pause, as the device is too slow for looking to pay.
 */
static void poll_spin(struct iocore_notify *n)
{
	unsigned long end = jiffies + IOCORE_POLL_RUN;
	unsigned int done = 0;
	bool busy;

	WRITE_ONCE(n->polling, true);
	while ((busy = poll_polled(n, &done)) && time_before(jiffies, end)) {
		cpu_relax();
		cond_resched();
	}
	WRITE_ONCE(n->polling, false);
	smp_mb();	/* pairs with the one in sq_publish() */
	if (poll_polled(n, &done))
		iocore_notify_poll(n, busy && !done ? 1 : 0);
}

static void notify_poll_work(struct work_struct *work)
{
	struct iocore_notify *n = container_of(to_delayed_work(work), struct iocore_notify, poll);
	bool busy = poll_all(n);

	if (n->page)
		look_at_events(n);
	if (busy && !READ_ONCE(n->registered))
		iocore_notify_poll(n, 1);
	poll_spin(n);
}

/* Any context. A poll that is due sooner stays so. */
void iocore_notify_poll(struct iocore_notify *n, unsigned long delay)
{
	if (delay)
		queue_delayed_work(iocore_wq, &n->poll, delay);
	else
		mod_delayed_work(iocore_wq, &n->poll, 0);
}

/* ---- the interrupt ---- */

static struct irq_chip notify_chip = {
	.name		= "iocore",
	.irq_ack	= irq_chip_ack_parent,
	.irq_retrigger	= irq_chip_retrigger_hierarchy,
	/* no irq_set_affinity: the host knows the vector of this CPU alone */
};

static int notify_domain_alloc(struct irq_domain *d, unsigned int virq, unsigned int nr,
			       void *arg)
{
	struct irq_alloc_info *info = arg;
	int ret;

	if (nr != 1)
		return -EINVAL;
	ret = irq_domain_alloc_irqs_parent(d, virq, nr, arg);
	if (ret)
		return ret;
	irq_domain_set_info(d, virq, info->hwirq, &notify_chip, NULL, handle_edge_irq, NULL,
			    "edge");
	return 0;
}

static void notify_domain_free(struct irq_domain *d, unsigned int virq, unsigned int nr)
{
	irq_domain_free_irqs_common(d, virq, nr);
}

static const struct irq_domain_ops notify_domain_ops = {
	.alloc	= notify_domain_alloc,
	.free	= notify_domain_free,
};

static void irq_destroy(struct iocore_notify *n)
{
	if (!n->virq)
		return;
	free_irq(n->virq, n);
	irq_dispose_mapping(n->virq);
	n->virq = 0;
}

/*
 * The CPU is given twice: @info.mask chooses where the vector is allocated,
 * and the affinity keeps it there when request_irq() activates it.
 */
static int irq_create(struct iocore_notify *n)
{
	struct irq_affinity_desc affinity = { .mask = *cpumask_of(n->cpu) };
	struct irq_alloc_info info = {
		.hwirq	= n->cpu,
		.mask	= cpumask_of(n->cpu),
	};
	int virq, ret;

	virq = __irq_domain_alloc_irqs(domain, -1, 1, cpu_to_node(n->cpu), &info, false,
				       &affinity);
	if (virq < 0)
		return virq;
	ret = request_irq(virq, notify_irq, IRQF_NOBALANCING | IRQF_NO_THREAD, n->name, n);
	if (ret) {
		irq_dispose_mapping(virq);
		return ret;
	}
	n->virq = virq;
	return 0;
}

static u32 irq_vector(struct iocore_notify *n)
{
	return irqd_cfg(irq_get_irq_data(n->virq))->vector;
}

/* ---- CPUs and hosts coming and going ---- */

struct registration {
	u64 gpa;
	u32 vector;
	int ret;
};

/* On the CPU in question, with interrupts off. */
static void register_here(void *data)
{
	struct registration *r = data;

	r->ret = iocore_hc_vcpu_notify(r->gpa, r->vector);
}

static int notify_register(struct iocore_notify *n)
{
	struct registration r;
	int ret;

	lockdep_assert_held(&notify_lock);
	if (!n->page) {
		n->page = (void *)__get_free_page(GFP_KERNEL | __GFP_ZERO);
		if (!n->page)
			return -ENOMEM;
	}
	if (!n->virq) {
		ret = irq_create(n);
		if (ret)
			return ret;
	}
	r = (struct registration){ .gpa = virt_to_phys(n->page), .vector = irq_vector(n) };
	ret = smp_call_function_single(n->cpu, register_here, &r, true) ?: r.ret;
	WRITE_ONCE(n->registered, !ret);
	if (ret)
		irq_destroy(n);
	return ret;
}

/* A failure doesn't keep the CPU from coming up: its queues are polled. */
static int notify_up(struct iocore_notify *n)
{
	unsigned int noio = memalloc_noio_save();
	int ret;

	ret = notify_register(n);
	memalloc_noio_restore(noio);
	if (ret && !iocore_hc_lost(ret))
		pr_warn_ratelimited("CPU %u can't be notified (%d)\n", n->cpu, ret);
	/* what came while nobody was notified */
	iocore_notify_poll(n, 0);
	return ret;
}

/* This and the next run on the CPU in question. */
static int notify_online(unsigned int cpu)
{
	struct iocore_notify *n = per_cpu_ptr(&iocore_notify, cpu);
	int ret;

	mutex_lock(&notify_lock);
	n->online = true;
	ret = notify_up(n);
	mutex_unlock(&notify_lock);
	/* The CPU may have been away for so long that the host is another. */
	if (iocore_hc_lost(ret))
		iocore_slots_kick();
	iocore_direct_online(cpu);
	return 0;
}

static void notify_withdraw(struct iocore_notify *n)
{
	int ret;

	ret = iocore_hc_vcpu_notify(0, 0);
	if (ret && ret != -ENOENT && !iocore_hc_lost(ret))
		pr_warn("CPU %u: the host keeps its notification page (%d)\n", n->cpu, ret);
	WRITE_ONCE(n->registered, false);
	smp_mb();	/* pairs with the one in sq_publish() */
	iocore_notify_poll(n, 0);
	irq_destroy(n);
}

static int notify_offline(unsigned int cpu)
{
	struct iocore_notify *n = per_cpu_ptr(&iocore_notify, cpu);

	iocore_direct_offline(cpu);
	mutex_lock(&notify_lock);
	n->online = false;
	if (n->registered)
		notify_withdraw(n);
	mutex_unlock(&notify_lock);
	return 0;
}

static bool any_registered(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		if (per_cpu(iocore_notify, cpu).registered)
			return true;
	}
	return false;
}

/*
 * Another host listens now, which has no page yet. Fails if it has left again, or
 * notifies nobody.
 */
int iocore_notify_renew(void)
{
	struct iocore_notify *n;
	int cpu, ret = 0;

	mutex_lock(&notify_lock);
	for_each_possible_cpu(cpu) {
		n = per_cpu_ptr(&iocore_notify, cpu);
		if (n->online)
			ret = notify_up(n);
		if (iocore_hc_lost(ret))
			break;
	}
	mutex_unlock(&notify_lock);
	if (iocore_hc_lost(ret))
		return ret;
	return any_registered() ? 0 : -ENODEV;
}

/* ---- queues ---- */

static int pick_home(const struct iocore_queue *q, const unsigned int *map)
{
	int cpu, other = -1;

	for_each_online_cpu(cpu) {
		if (!per_cpu(iocore_notify, cpu).registered)
			continue;
		if (map[cpu] == q->nr)
			return cpu;
		if (other < 0)
			other = cpu;
	}
	return other;
}

static int bind(struct iocore_queue *q, const unsigned int *map)
{
	struct iocore_notify *n;
	int cpu, ret;

	lockdep_assert_held(&notify_lock);
	cpu = pick_home(q, map);
	if (cpu < 0)
		return -ENODEV;
	n = per_cpu_ptr(&iocore_notify, cpu);
	ret = xa_alloc(&n->queues, &q->bit, q, XA_LIMIT(0, IOCORE_NOTIFY_BITS - 1), GFP_KERNEL);
	if (ret)
		return ret;
	WRITE_ONCE(q->home, n);
	WRITE_ONCE(n->words, max(n->words, q->bit / BITS_PER_LONG + 1));

	/* KVM's vCPU id is the APIC id */
	ret = iocore_queue_create(q, cpu_physical_id(cpu));
	if (ret)
		iocore_notify_unbind(q);
	return ret;
}

/* Choose the vCPU that hears of @q, and have the host create the queue. */
int iocore_notify_bind(struct iocore_queue *q, const unsigned int *map)
{
	unsigned int noio;
	int ret;

	mutex_lock(&notify_lock);
	noio = memalloc_noio_save();
	ret = bind(q, map);
	memalloc_noio_restore(noio);
	mutex_unlock(&notify_lock);
	return ret;
}

/*
 * May be called again. The caller waits for an RCU grace period before it frees
 * @q; to bind it again it need not.
 */
void iocore_notify_unbind(struct iocore_queue *q)
{
	if (q->home)
		xa_cmpxchg(&q->home->queues, q->bit, q, NULL, GFP_NOIO);
}

/* ---- init and exit ---- */

static int domain_create(void)
{
	fwnode = irq_domain_alloc_named_fwnode("iocore");
	if (!fwnode)
		return -ENOMEM;
	domain = irq_domain_create_hierarchy(x86_vector_domain, 0, 0, fwnode,
					     &notify_domain_ops, NULL);
	if (!domain) {
		irq_domain_free_fwnode(fwnode);
		return -ENOMEM;
	}
	return 0;
}

int iocore_notify_init(void)
{
	struct iocore_notify *n;
	int cpu, ret;

	for_each_possible_cpu(cpu) {
		n = per_cpu_ptr(&iocore_notify, cpu);
		n->cpu = cpu;
		xa_init_flags(&n->queues, XA_FLAGS_ALLOC);
		INIT_DELAYED_WORK(&n->poll, notify_poll_work);
		snprintf(n->name, sizeof(n->name), "iocore-%d", cpu);
	}
	ret = domain_create();
	if (ret)
		return ret;
	hp_state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "block/iocore:online",
				     notify_online, notify_offline);
	if (hp_state >= 0 && any_registered())
		return 0;

	ret = hp_state < 0 ? hp_state : -EIO;
	iocore_notify_exit();
	return ret;
}

/* No queue is bound. The pages are free once the host has forgotten them. */
void iocore_notify_exit(void)
{
	struct iocore_notify *n;
	int cpu, err;

	if (hp_state >= 0)
		cpuhp_remove_state(hp_state);
	err = iocore_hc_reset();
	if (err)
		pr_err("the host does not reset (%d), its pages are lost\n", err);
	for_each_possible_cpu(cpu) {
		n = per_cpu_ptr(&iocore_notify, cpu);
		cancel_delayed_work_sync(&n->poll);
		if (!err)
			free_page((unsigned long)n->page);
		xa_destroy(&n->queues);
	}
	iocore_direct_exit(!err);
	irq_domain_remove(domain);
	irq_domain_free_fwnode(fwnode);
}
