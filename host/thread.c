// SPDX-License-Identifier: GPL-2.0-only
/*
 * thread.c - disk threads: one or more per attachment, threads of the VM's process
 *
 * Being a vhost_task it shares the VM's mm (so guest memory is plain user memory
 * to it), its cgroup and its limits. It dies with the process: on SIGKILL
 * thread_killed() marks the thread dead and ends what is queued; whoever queues
 * later sees the mark, because a full barrier stands between queueing and
 * reading it on one side, and between setting it and draining on the other.
 *
 * What was taken from the queue and not yet started is thread->todo, which only
 * the thread itself touches. A request that finds the disk's gate shut stays
 * there, and those behind it too, until the gate opens or the process dies.
 */
#include <linux/blkdev.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/vhost_task.h>
#include <linux/slab.h>

#include "iocore.h"

static void thread_end_queued(struct iocore_thread *thread)
{
	struct iocore_req *req, *next;

	llist_for_each_entry_safe(req, next, llist_del_all(&thread->work), node)
		iocore_req_end(req, IOCORE_S_GONE);
}

/*
 * The thread is a copy of a vCPU thread, which may be pinned to a CPU that the
 * guest keeps: run where the process's main thread may run.
 */
static void thread_bind(struct iocore_thread *thread)
{
	if (thread->bound)
		return;
	set_cpus_allowed_ptr(current, &current->group_leader->cpus_mask);
	thread->bound = true;
}

static void thread_take(struct iocore_thread *thread)
{
	struct llist_node *last = llist_del_all(&thread->work);

	if (!last)
		return;
	*thread->tail = llist_reverse_order(last);
	thread->tail = &last->next;
}

static struct iocore_req *thread_pop(struct iocore_thread *thread)
{
	struct llist_node *node = thread->todo;

	thread->todo = node->next;
	if (!thread->todo)
		thread->tail = &thread->todo;
	return llist_entry(node, struct iocore_req, node);
}

/* False: the gate is shut, and the thread is woken when it opens. */
static bool thread_enter(struct iocore_thread *thread)
{
	struct iocore_gate *gate = &thread->att->disk->gate;

	while (!iocore_gate_enter(gate))
		if (iocore_gate_wait(gate, thread))
			return false;
	return true;
}

static bool thread_fn(void *data)
{
	struct iocore_thread *thread = data;
	struct iocore_req *req;
	struct blk_plug plug;

	thread_take(thread);
	/* It is about to sleep: what wakes it from here on is not lost. */
	if (!thread->todo || !thread_enter(thread))
		return false;

	__set_current_state(TASK_RUNNING);
	thread_bind(thread);
	blk_start_plug(&plug);
	do {
		req = thread_pop(thread);
		req->entered = true;
		iocore_req_start(req);
		cond_resched();
	} while (thread->todo && thread_enter(thread));
	blk_finish_plug(&plug);
	return true;
}

static void thread_killed(void *data)
{
	struct iocore_thread *thread = data;

	WRITE_ONCE(thread->dead, true);
	smp_mb();	/* pairs with the one in iocore_thread_submit() */
	iocore_gate_forget(&thread->att->disk->gate, thread);
	while (thread->todo)
		iocore_req_end(thread_pop(thread), IOCORE_S_GONE);
	thread_end_queued(thread);
}

void iocore_thread_submit(struct iocore_req *req)
{
	struct iocore_thread *thread = req->queue->thread;
	bool first = llist_add(&req->node, &thread->work);

	smp_mb();	/* pairs with the one in thread_killed() */
	if (READ_ONCE(thread->dead))
		thread_end_queued(thread);
	else if (first)
		vhost_task_wake(thread->task);
}

static struct iocore_thread *thread_start(struct iocore_attachment *att)
{
	struct iocore_thread *thread;
	struct vhost_task *task;
	char name[TASK_COMM_LEN];

	thread = kzalloc(sizeof(*thread), GFP_KERNEL_ACCOUNT);
	if (!thread)
		return ERR_PTR(-ENOMEM);
	thread->att = att;
	thread->tail = &thread->todo;
	init_llist_head(&thread->work);
	INIT_LIST_HEAD(&thread->waiting);

	snprintf(name, sizeof(name), "iocore-%u-%d", att->slot, att->vm->pid);
	task = vhost_task_create(thread_fn, thread_killed, thread, name);
	if (IS_ERR(task)) {
		kfree(thread);
		/* A pending signal or a limit of the process forbids a new thread now. */
		return PTR_ERR(task) == -ENOMEM ? ERR_PTR(-ENOMEM) : ERR_PTR(-EBUSY);
	}
	thread->task = task;
	vhost_task_start(task);
	return thread;
}

struct iocore_thread *iocore_thread_get(struct iocore_attachment *att, unsigned int queue)
{
	unsigned int nr = queue % att->disk->threads;
	struct iocore_thread *thread;

	lockdep_assert_held(&att->vm->lock);
	if (att->threads[nr])
		return att->threads[nr];
	thread = thread_start(att);
	if (!IS_ERR(thread))
		att->threads[nr] = thread;
	return thread;
}

void iocore_threads_stop(struct iocore_attachment *att)
{
	struct iocore_thread *thread;
	unsigned int i;

	for (i = 0; i < IOCORE_MAX_THREADS; i++) {
		thread = att->threads[i];
		if (!thread)
			continue;
		/* Nothing is left for which it could wait at the gate again. */
		iocore_gate_forget(&att->disk->gate, thread);
		vhost_task_stop(thread->task);
		kfree(thread);
		att->threads[i] = NULL;
	}
}
