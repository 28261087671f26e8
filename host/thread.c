// SPDX-License-Identifier: GPL-2.0-only
/*
 * thread.c - the disk thread: one per attachment, a thread of the VM's process
 *
 * Being a vhost_task it shares the VM's mm (so guest memory is plain user memory
 * to it), its cgroup and its limits. It dies with the process: on SIGKILL
 * thread_killed() marks the attachment dead and ends what is queued; whoever
 * queues later sees the mark, because a full barrier stands between queueing and
 * reading it on one side, and between setting it and draining on the other.
 */
#include <linux/blkdev.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/vhost_task.h>

#include "iocore.h"

static void thread_end_all(struct iocore_attachment *att)
{
	struct iocore_req *req, *next;

	llist_for_each_entry_safe(req, next, llist_del_all(&att->work), node)
		iocore_req_end(req, IOCORE_S_GONE);
}

/*
 * The thread is a copy of a vCPU thread, which may be pinned to a CPU that the
 * guest keeps: run where the process's main thread may run.
 */
static void thread_bind(struct iocore_attachment *att)
{
	if (att->bound)
		return;
	set_cpus_allowed_ptr(current, current->group_leader->cpus_ptr);
	att->bound = true;
}

static bool thread_fn(void *data)
{
	struct iocore_attachment *att = data;
	struct llist_node *list = llist_del_all(&att->work);
	struct iocore_req *req, *next;
	struct blk_plug plug;

	if (!list)
		return false;

	__set_current_state(TASK_RUNNING);
	thread_bind(att);
	list = llist_reverse_order(list);
	blk_start_plug(&plug);
	llist_for_each_entry_safe(req, next, list, node) {
		iocore_req_start(req);
		cond_resched();
	}
	blk_finish_plug(&plug);
	return true;
}

static void thread_killed(void *data)
{
	struct iocore_attachment *att = data;

	WRITE_ONCE(att->dead, true);
	smp_mb();	/* pairs with the one in iocore_thread_submit() */
	thread_end_all(att);
}

void iocore_thread_submit(struct iocore_req *req)
{
	struct iocore_attachment *att = req->queue->att;
	bool first = llist_add(&req->node, &att->work);

	smp_mb();	/* pairs with the one in thread_killed() */
	if (READ_ONCE(att->dead))
		thread_end_all(att);
	else if (first)
		vhost_task_wake(att->thread);
}

int iocore_thread_start(struct iocore_attachment *att)
{
	struct vhost_task *thread;
	char name[TASK_COMM_LEN];

	if (att->thread)
		return 0;
	snprintf(name, sizeof(name), "iocore-%u-%d", att->slot, att->vm->pid);
	thread = vhost_task_create(thread_fn, thread_killed, att, name);
	/* A pending signal or a limit of the process forbids a new thread now. */
	if (IS_ERR(thread))
		return PTR_ERR(thread) == -ENOMEM ? -ENOMEM : -EBUSY;
	att->thread = thread;
	vhost_task_start(thread);
	return 0;
}

void iocore_thread_stop(struct iocore_attachment *att)
{
	if (!att->thread)
		return;
	vhost_task_stop(att->thread);
	att->thread = NULL;
}
