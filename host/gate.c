// SPDX-License-Identifier: GPL-2.0-only
/*
 * gate.c - the way of requests to a backend, which can be shut for a while
 *
 * A request enters before it touches the disk's backend and leaves when it has
 * ended. A percpu reference counts those inside:
 *
 *	shut	1. gate->shut is set, so that a thread that is refused may wait
 *		2. the reference is killed: nobody enters any more
 *		3. wait until it is zero: everybody has left
 *	open	1. the reference is brought back: threads may enter
 *		2. gate->shut is cleared and those that wait are woken
 *
 * A refused thread registers under gate->lock if the gate is still shut, else it
 * tries again: an opening either finds it in the list, or it finds gate->shut
 * cleared, and then the reference is alive. There is one who shuts at a time.
 *
 * Those inside may be another VM's, whose limits or whose VMM keep them there for
 * as long as it likes: the wait for them has an end.
 */
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/sched/vhost_task.h>
#include <linux/wait.h>

#include "iocore.h"

#define GATE_PATIENCE	(30 * HZ)

static void gate_empty(struct percpu_ref *ref)
{
	wake_up_all(&container_of(ref, struct iocore_gate, ref)->empty);
}

int iocore_gate_init(struct iocore_gate *gate)
{
	spin_lock_init(&gate->lock);
	INIT_LIST_HEAD(&gate->waiting);
	init_waitqueue_head(&gate->empty);
	gate->shut = false;
	return percpu_ref_init(&gate->ref, gate_empty, PERCPU_REF_ALLOW_REINIT, GFP_KERNEL);
}

void iocore_gate_exit(struct iocore_gate *gate)
{
	percpu_ref_exit(&gate->ref);
}

bool iocore_gate_enter(struct iocore_gate *gate)
{
	return percpu_ref_tryget_live(&gate->ref);
}

void iocore_gate_leave(struct iocore_gate *gate)
{
	percpu_ref_put(&gate->ref);
}

bool iocore_gate_wait(struct iocore_gate *gate, struct iocore_thread *thread)
{
	bool shut;

	spin_lock(&gate->lock);
	shut = gate->shut;
	if (shut && list_empty(&thread->waiting))
		list_add_tail(&thread->waiting, &gate->waiting);
	spin_unlock(&gate->lock);
	return shut;
}

void iocore_gate_forget(struct iocore_gate *gate, struct iocore_thread *thread)
{
	spin_lock(&gate->lock);
	list_del_init(&thread->waiting);
	spin_unlock(&gate->lock);
}

int iocore_gate_shut(struct iocore_gate *gate)
{
	long left;

	spin_lock(&gate->lock);
	gate->shut = true;
	spin_unlock(&gate->lock);
	percpu_ref_kill(&gate->ref);

	left = wait_event_killable_timeout(gate->empty, percpu_ref_is_zero(&gate->ref),
					   GATE_PATIENCE);
	if (left > 0)
		return 0;
	iocore_gate_open(gate);
	return left ?: -ETIMEDOUT;
}

void iocore_gate_open(struct iocore_gate *gate)
{
	struct iocore_thread *thread, *next;

	percpu_ref_resurrect(&gate->ref);
	spin_lock(&gate->lock);
	gate->shut = false;
	list_for_each_entry_safe(thread, next, &gate->waiting, waiting) {
		list_del_init(&thread->waiting);
		vhost_task_wake(thread->task);
	}
	spin_unlock(&gate->lock);
}
