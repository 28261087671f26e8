/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * iocore.h - the objects of iocore.ko and who owns them
 *
 *	core		an IOCore: a kthread that polls the rings of its queues
 *	disk		a backend with a name, made through configfs
 *	vm		a KVM VM that has spoken to us or has a disk
 *	attachment	a disk in a slot of a VM, with its disk threads
 *	queue		a ring of an attachment, polled by one core
 *
 * A vm lives from its first control call or attach until KVM's vm_destroy
 * callback (or module exit); it holds no reference on the struct kvm. An
 * attachment holds a use of its disk and of the module. An enabled disk holds a
 * use of its cores, and a queue that was moved one of its core.
 *
 * Locks, outermost first: vm->lock, core->lock, queue->cq_lock.
 */
#ifndef _IOCORE_H
#define _IOCORE_H

#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/configfs.h>
#include <linux/hrtimer.h>
#include <linux/kobject.h>
#include <linux/kref.h>
#include <linux/kvm_direct.h>
#include <linux/kvm_host.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>
#include <linux/uio.h>
#include <linux/xarray.h>

#include <linux/iocore.h>
#include <linux/iocore_ring.h>

#include "ring/ring.h"
#include "ring/sqe.h"

struct iocore_req;
struct iocore_disk;
struct iocore_thread;
struct vhost_task;

/** IOCORE_BATCH - SQEs taken from one ring in one turn of the IOCore */
#define IOCORE_BATCH		32
/** IOCORE_MAX_QUEUES - queues of one attachment */
#define IOCORE_MAX_QUEUES	64
/** IOCORE_HOST_DEPTH - the deepest queue the host serves */
#define IOCORE_HOST_DEPTH	256
/** IOCORE_MAX_THREADS - disk threads of one attachment */
#define IOCORE_MAX_THREADS	16
/** IOCORE_MAX_CORES - IOCores among which a disk's queues are divided */
#define IOCORE_MAX_CORES	16
#define IOCORE_REPLAY_TIMEOUT	60
#define IOCORE_REPLAY_TIMEOUT_MAX 86400
#define IOCORE_IDLE_US_DEFAULT	50
#define IOCORE_IDLE_US_MAX	1000000

/* ---- core.c ------------------------------------------------------------ */

/**
 * struct iocore_core - an IOCore
 * @list:	all cores, under iocore_config_lock
 * @lock:	held by the kthread for a turn; taken by others to change @queues
 * @waiters:	threads that want @lock; the kthread lets them in
 * @users:	enabled disks and moved queues on it, under iocore_config_lock
 * @busy_ns:	time in turns that found work; @total_ns: time since start
 */
struct iocore_core {
	struct config_group group;
	struct kobject kobj;
	struct list_head list;
	unsigned int cpu;
	unsigned int idle_us;
	bool enabled;
	unsigned int users;

	struct list_head running;	/* core.c */
	struct hrtimer watchdog;	/* of direct mode; on @cpu */
	struct mutex lock;		/* queues */
	atomic_t waiters;
	struct list_head queues;
	struct task_struct *task;
	bool asleep;

	u64 start_ns;
	u64 busy_ns;
	u64 turns;
	u64 requests;
	u64 sleeps;
	atomic64_t wakeups;
};

int iocore_core_init(void);
void iocore_core_exit(void);
/* -EINVAL: the CPU is offline. */
int iocore_core_start(struct iocore_core *core);
/* No queue may be left. Waits for those who found the core under RCU. */
void iocore_core_stop(struct iocore_core *core);
/* Any context. */
void iocore_core_wake(struct iocore_core *core);
/* On return the watchdog's timer runs on every IOCore's CPU; process context. */
void iocore_core_watch_all(void);
u64 iocore_core_total_ns(const struct iocore_core *core);

/* ---- gate.c ------------------------------------------------------------ */

/**
 * struct iocore_gate - the way of requests to a backend
 * @ref:	requests inside
 * @shut:	under @lock
 * @waiting:	threads that were refused, under @lock
 * @empty:	@ref has reached zero
 */
struct iocore_gate {
	struct percpu_ref ref;
	spinlock_t lock;		/* shut, waiting */
	bool shut;
	struct list_head waiting;
	wait_queue_head_t empty;
};

int iocore_gate_init(struct iocore_gate *gate);
void iocore_gate_exit(struct iocore_gate *gate);
/* Whoever touches the backend is inside. False: it is shut. */
bool iocore_gate_enter(struct iocore_gate *gate);
/* Any context. */
void iocore_gate_leave(struct iocore_gate *gate);
/* Have the thread woken when the gate opens; false: it is open by now. */
bool iocore_gate_wait(struct iocore_gate *gate, struct iocore_thread *thread);
void iocore_gate_forget(struct iocore_gate *gate, struct iocore_thread *thread);
/*
 * On return nobody is inside. Or it is open: -ERESTARTSYS, a fatal signal;
 * -ETIMEDOUT, somebody stayed inside for half a minute.
 */
int iocore_gate_shut(struct iocore_gate *gate);
void iocore_gate_open(struct iocore_gate *gate);

/* ---- backend.c, bdev.c, file.c, move.c ----------------------------------------- */

/**
 * struct iocore_backend_ops - how a disk does I/O
 * @open:	fills @disk->lim and what follows it from disk->path
 * @capacity:	what it is now, in sectors
 * @rw:		start a read or write of req->iter
 * @flush:	start a flush
 * @discard:	start a discard of the request's range
 * @zeroes:	start a write of zeroes to it
 * @sync:	flush, and wait; errno
 *
 * What is started ends by iocore_req_part_end().
 */
struct iocore_backend_ops {
	int (*open)(struct iocore_disk *disk);
	u64 (*capacity)(struct iocore_disk *disk);
	void (*rw)(struct iocore_req *req);
	void (*flush)(struct iocore_req *req);
	void (*discard)(struct iocore_req *req);
	void (*zeroes)(struct iocore_req *req);
	int (*sync)(struct iocore_disk *disk);
};

extern const struct iocore_backend_ops iocore_bdev_ops;
/* What others have left in the device's page cache: written, and forgotten. */
int iocore_bdev_clean(struct block_device *bdev);
extern const struct iocore_backend_ops iocore_file_ops;

/* The histograms of a disk; WRITE_ZEROES counts as a discard. */
enum iocore_latency {
	IOCORE_LATENCY_READ,
	IOCORE_LATENCY_WRITE,
	IOCORE_LATENCY_FLUSH,
	IOCORE_LATENCY_DISCARD,
	IOCORE_LATENCIES,
};

#define IOCORE_LATENCY_ENTRIES	24

/* Per-CPU; read through iocore_disk_stats_sum(). All u64. */
struct iocore_disk_stats {
	u64 reads;
	u64 writes;
	u64 flushes;
	u64 discards;
	u64 write_zeroes;
	u64 read_bytes;
	u64 write_bytes;
	u64 discard_bytes;
	u64 errors;
	u64 latency[IOCORE_LATENCIES][IOCORE_LATENCY_ENTRIES];
};

/**
 * struct iocore_disk - a backend with a name
 * @list:	all disks, under iocore_config_lock
 * @attachments: bindings, under iocore_config_lock
 * @notifier: enum iocore_notifier; stays as long as it is attached
 * @threads:	disk threads of an attachment
 * @replay_timeout: seconds; stays as long as it is attached
 * @core_names:	as configured, divided by commas
 * @cores:	of an enabled disk: queue n is polled by number n modulo @nr_cores
 * @holder:	in whose name the backend is held
 * @gate:	requests pass it to the backend: @ops, @file and @bdev
 * @moving:	to another backend, under iocore_config_lock
 * @workers:	carry out what blocks
 * @flush_error: of a flush that no guest asked for; the guest's next one fails
 * @flush_vm:	the VM that has to hear of it, iocore_vm.id
 * @write_through: each write is to be durable before it completes
 * @max_queues: queues that a guest may make
 * @write_cache: the backend has a volatile cache
 * @unmap:	WRITE_ZEROES can give up storage
 */
struct iocore_disk {
	struct config_group group;
	struct kobject kobj;
	struct list_head list;
	char path[PATH_MAX];
	char serial[IOCORE_SERIAL_LEN];
	char core_names[IOCORE_MAX_CORES * IOCORE_NAME_LEN];
	bool readonly;
	bool enabled;
	unsigned int attachments;
	unsigned int notifier;
	bool write_through;
	unsigned int max_queues;

	unsigned int threads;
	unsigned int replay_timeout;

	struct iocore_core *cores[IOCORE_MAX_CORES];
	unsigned int nr_cores;
	struct iocore_disk *holder;
	struct iocore_gate gate;
	bool moving;
	struct workqueue_struct *workers;
	int flush_error;
	u64 flush_vm;
	const struct iocore_backend_ops *ops;
	struct file *file;
	struct block_device *bdev;
	struct iocore_limits lim;
	u32 physical_block;
	u32 io_min;
	u32 io_opt;
	u32 align_offset;
	u32 discard_granularity;
	bool write_cache;
	bool unmap;
	struct list_head open;		/* backend.c */
	struct iocore_disk_stats __percpu *stats;
	atomic_t in_flight;
};

/* The request is the VM's: workers act for its cgroup. In the VM's process. */
void iocore_req_charge(struct iocore_req *req);
void iocore_req_uncharge(struct iocore_req *req);
/* Let a worker call fn, which may block. Any context. */
void iocore_req_defer(struct iocore_req *req, void (*fn)(struct iocore_req *req));

/**
 * iocore_disk_open() - open the backend at disk->path, fill its limits
 * Return: 0; -ENOENT no such path, -EBUSY in use for writing, -EINVAL neither a
 * block device nor a regular file, -EROFS, -EOPNOTSUPP a zoned device. Under
 * iocore_config_lock.
 */
int iocore_disk_open(struct iocore_disk *disk);
void iocore_disk_close(struct iocore_disk *disk);
/* The backend alone, under iocore_config_lock; errors as of iocore_disk_open(). */
int iocore_backend_open(struct iocore_disk *disk);
void iocore_backend_close(struct iocore_disk *disk);
/* Each has the other's backend; nobody is inside the gate. */
void iocore_backend_exchange(struct iocore_disk *disk, struct iocore_disk *next);
/* A line with disk->path, for sysfs and configfs. */
ssize_t iocore_backend_path(struct iocore_disk *disk, char *buf);
/**
 * iocore_disk_move() - go on with another backend, which has the same content
 * @disk:	enabled
 * @path:	of the new backend
 *
 * Requests that come meanwhile wait. Return: 0, or an error of
 * iocore_disk_open() or -ENOSPC: it is smaller, -EOPNOTSUPP: it can't do what
 * guests were told, -EIO: one of the two failed to flush, -ETIMEDOUT: the old one has
 * not ended its requests in half a minute; the disk then stays where it was.
 */
int iocore_disk_move(struct iocore_disk *disk, const char *path);
/* Read the capacity anew; under iocore_config_lock. The guests are not told. */
int iocore_disk_rescan(struct iocore_disk *disk);

/* ---- stats.c -------------------------------------------------------------- */

int iocore_stats_alloc(struct iocore_disk *disk);
void iocore_stats_free(struct iocore_disk *disk);
/* A request that was taken has ended. Any context. */
void iocore_stats_req(struct iocore_req *req, enum iocore_status status);
/* One was refused. */
void iocore_stats_error(struct iocore_disk *disk);
void iocore_disk_stats_sum(const struct iocore_disk *disk, struct iocore_disk_stats *sum);

/* Serializes configfs enable, attach and detach bookkeeping; innermost but core->lock. */
extern struct mutex iocore_config_lock;
/* The disk by name, enabled or not; under iocore_config_lock (configfs.c). */
struct iocore_disk *iocore_disk_find(const char *name);
/* The enabled core by name, or the first enabled one if name is empty. */
struct iocore_core *iocore_core_find(const char *name);
/* Take and drop a use of an enabled core; ERR_PTR. Without vm->lock. */
struct iocore_core *iocore_core_get(const char *name);
void iocore_core_put(struct iocore_core *core);
/* A binding takes and drops its use of an enabled disk; ERR_PTR. */
struct iocore_disk *iocore_disk_get(const char *name);
void iocore_disk_put(struct iocore_disk *disk);

static inline const char *iocore_core_name(const struct iocore_core *core)
{
	return core->group.cg_item.ci_name;
}

static inline const char *iocore_disk_name(const struct iocore_disk *disk)
{
	return disk->group.cg_item.ci_name;
}

/* ---- vm.c --------------------------------------------------------------- */

struct iocore_attachment;

/**
 * struct iocore_vcpu - a vCPU's notification page, as long as it is registered
 * @page:	readers hold RCU
 * @direct_set_up: the guest has set direct mode up; under vm->lock
 * @direct:	... and notifications go that way
 * @watch:	in the watchdog's list (direct.c)
 */
struct iocore_vcpu {
	struct iocore_vm *vm;
	struct kvm_vcpu *vcpu;
	struct iocore_notify_page *page;
	struct page *pinned;
	gfn_t gfn;
	u8 vector;
	bool direct_set_up;
	bool direct;
	struct list_head watch;
};

/* Counters of what a VM did; written with atomic64_inc(). */
struct iocore_vm_stats {
	atomic64_t kicks;
	atomic64_t notifications_direct;
	atomic64_t notifications_repended;
	atomic64_t notifications_injected;
	atomic64_t notifications_suppressed;
	atomic64_t direct_revoked;
	atomic64_t bad_control;
	atomic64_t bad_descriptor;
	atomic64_t bad_ring;
};

/**
 * struct iocore_vm - a KVM VM; its memory lives by @kobj
 * @id:		no other VM has had it
 * @dead:	under @lock; @kvm may not be used any more
 * @closers:	attachments being closed: @kvm stays until it is zero
 * @identified:	the guest has negotiated; written under @lock
 * @features:	IOCORE_F_* that both sides know; written under @lock
 * @kept:	names of the disks that empty slots wait for; changed under @lock and
 *		@kept_lock, read under either
 * @direct_allowed: it has the privilege; written under @lock
 * @direct_disks: attachments that use direct mode; written under @lock
 * @direct_work: ends direct mode of vCPUs that the watchdog has revoked
 */
struct iocore_vm {
	struct kvm *kvm;
	u64 id;
	pid_t pid;			/* tgid of the VM's process, init namespace */
	unsigned int nr;		/* tells apart the VMs of one process */
	bool dead;
	atomic_t closers;
	struct kobject kobj;
	struct kobject *disks;		/* sysfs directories */
	struct kobject *notifiers;
	struct kobject *queues;
	struct rcu_head rcu;
	struct hlist_node node;
	struct mutex lock;		/* slots, vcpus, queues of the attachments */
	struct iocore_attachment __rcu *slots[IOCORE_MAX_DISKS];
	struct xarray vcpus;		/* struct iocore_vcpu by vcpu_id */
	wait_queue_head_t closed;	/* a queue or an attachment is gone */
	spinlock_t kept_lock;
	char *kept[IOCORE_MAX_DISKS];
	bool identified;
	u64 features;
	bool direct_allowed;
	unsigned int direct_disks;
	struct work_struct direct_work;
	struct iocore_vm_stats stats;
};

/**
 * struct iocore_attachment - a disk in a slot of a VM
 * @notifier:	enum iocore_notifier, never IOCORE_NOTIFIER_DISK
 * @closing:	under vm->lock; no new queue
 * @keep:	what becomes of the slot: a name for vm->kept, or NULL
 * @draining:	contexts that destroy queues which they took out of @queues
 * @queues:	under vm->lock
 * @cores:	who polls each, for kicks; RCU
 * @threads:	queue n belongs to number n modulo disk->threads; under vm->lock
 * @write_through: as the disk's, or what the guest chose; written under vm->lock
 */
struct iocore_attachment {
	struct iocore_vm *vm;
	struct iocore_disk *disk;
	unsigned int slot;
	unsigned int notifier;
	u64 epoch;
	bool closing;
	char *keep;
	atomic_t draining;
	struct kobj_attribute attr;	/* sysfs: the slot */
	struct kobj_attribute notifier_attr;
	struct iocore_queue *queues[IOCORE_MAX_QUEUES];
	struct iocore_core __rcu *cores[IOCORE_MAX_QUEUES];
	struct iocore_thread *threads[IOCORE_MAX_THREADS];
	bool write_through;
	struct rcu_head rcu;
};

/* ---- thread.c: the disk threads ----------------------------------------- */

/**
 * struct iocore_thread - a disk thread
 * @work:	requests on their way to it
 * @todo:	requests that it has taken, in order; @tail: where the next goes
 * @waiting:	in the list of the disk's gate
 * @dead:	it is gone: requests end with IOCORE_S_GONE
 * @bound:	it has chosen its CPUs
 */
struct iocore_thread {
	struct iocore_attachment *att;
	struct vhost_task *task;
	struct llist_head work;
	struct llist_node *todo;
	struct llist_node **tail;
	struct list_head waiting;
	bool dead;
	bool bound;
};

/* The thread of a queue; in the VM's process context, under vm->lock. ERR_PTR. */
struct iocore_thread *iocore_thread_get(struct iocore_attachment *att, unsigned int queue);
/* All queues are gone. */
void iocore_threads_stop(struct iocore_attachment *att);
void iocore_thread_submit(struct iocore_req *req);

/* ---- memory.c: guest memory --------------------------------------------- */

/* Pin and map npages of guest memory at gfn; VM's process context, kvm->srcu held. */
int iocore_map_guest(struct kvm *kvm, gfn_t gfn, unsigned int npages,
		     struct page **pages, void **kaddr);
void iocore_unmap_guest(unsigned int npages, struct page **pages, void *kaddr);
/* Segments of a validated SQE to req->iter; disk thread, kvm->srcu held. */
enum iocore_status iocore_req_map(struct iocore_req *req);
void iocore_req_unmap(struct iocore_req *req);
/* Data written to guest memory: log it. Any context. */
void iocore_req_mark_dirty(struct iocore_req *req);
void iocore_mark_dirty(struct kvm *kvm, gfn_t gfn);
/* The ring's indices and the CQE at a (free-running) index. */
void iocore_queue_mark_dirty(struct iocore_queue *q, u32 cq_index);

/* ---- notify.c ------------------------------------------------------------ */

/* What became of a notification. */
enum iocore_notify_how {
	IOCORE_NOTIFY_DIRECT,		/* sent to the guest without an exit */
	IOCORE_NOTIFY_REPENDED,		/* left to the vCPU's next entry */
	IOCORE_NOTIFY_INJECTED,		/* by KVM's local APIC */
	IOCORE_NOTIFY_SUPPRESSED,	/* not needed */
};

/**
 * struct iocore_notifier_ops - how a completion reaches a vCPU
 * @costly:	raising costs exits now, so let completions gather; any
 *		context, RCU read lock held
 * @raise:	returns enum iocore_notify_how; any context, RCU read lock held.
 *		NULL: the guest polls
 */
struct iocore_notifier_ops {
	const char *name;
	bool (*costly)(const struct iocore_vcpu *iv);
	enum iocore_notify_how (*raise)(struct iocore_vcpu *iv);
};

/* By enum iocore_notifier, not IOCORE_NOTIFIER_DISK. */
const char *iocore_notifier_name(unsigned int notifier);
/* The enum iocore_notifier of a name, or -EINVAL. */
int iocore_notifier_parse(const char *name);
/* What serves an attachment's queues, now that its guest has negotiated. */
const struct iocore_notifier_ops *iocore_notifier_get(const struct iocore_attachment *att);
/* ... and what serves one whose guest looks at it by itself. */
const struct iocore_notifier_ops *iocore_notifier_none(void);
/* The guest was told to poll. */
bool iocore_notifier_polled(const struct iocore_attachment *att);

static inline bool iocore_notifier_is_direct(unsigned int notifier)
{
	return notifier == IOCORE_NOTIFIER_AUTO || notifier == IOCORE_NOTIFIER_DIRECT;
}

/* Under vm->lock, on the calling vCPU; gpa 0 withdraws. */
int iocore_vcpu_register(struct iocore_vm *vm, struct kvm_vcpu *vcpu, u64 gpa, u32 vector);
void iocore_vcpus_drop(struct iocore_vm *vm);
/* Any context. */
void iocore_notify_queue(struct iocore_queue *q);
/* A CQE was posted, @crossed says past cq_event: notify now? Counts. Under cq_lock. */
bool iocore_notify_now(struct iocore_queue *q, bool crossed);
/* Deliver a notification that was held back for too long; IOCore only. */
void iocore_notify_overdue(struct iocore_queue *q, u64 now);
/* Tell the guest of IOCORE_EVENT_*; process context. */
void iocore_notify_event(struct iocore_vm *vm, u32 events);

/* ---- direct.c ------------------------------------------------------------ */

/* What the trace point says. */
enum iocore_direct_event {
	IOCORE_DIRECT_ENABLE,
	IOCORE_DIRECT_DISABLE,
	IOCORE_DIRECT_REVOKE,
};

/* An IOCore begins on, or has left, a CPU; under iocore_config_lock. */
void iocore_direct_reserve(unsigned int cpu);
void iocore_direct_unreserve(unsigned int cpu);
bool iocore_direct_reserved(unsigned int cpu);
/* No VM is left. */
void iocore_direct_exit(void);
/* A VM begins; it is dead: no privilege, no vCPU is watched, no work is left. */
void iocore_direct_vm_init(struct iocore_vm *vm);
void iocore_direct_vm_exit(struct iocore_vm *vm);
/* Give or take the privilege; the caller has a reference to the VM's file. */
int iocore_direct_allow(struct kvm *kvm);
void iocore_direct_deny(struct kvm *kvm);
/* May this attachment be? Under vm->lock. */
int iocore_direct_check_attach(struct iocore_attachment *att);
/* Attachments come and go; under vm->lock. */
void iocore_direct_disk_added(struct iocore_attachment *att);
void iocore_direct_disk_gone(struct iocore_attachment *att);
/* Under vm->lock; enable in the calling vCPU. */
int iocore_direct_enable(struct iocore_vcpu *iv, u64 gpa, u64 gva);
void iocore_direct_disable(struct iocore_vcpu *iv);
void iocore_direct_disable_all(struct iocore_vm *vm);
/* enum iocore_notify_how, or -ENODEV: inject. Any context, RCU read lock held. */
int iocore_direct_raise(struct iocore_vcpu *iv);
/* The watchdog, on an IOCore's CPU; returns when it wants the next call, in ns, or 0. */
u64 iocore_direct_watch(void);
/* Why notifications of a vCPU go the way they do: two constant strings. */
const char *iocore_direct_reason(struct iocore_vm *vm, const struct iocore_vcpu *iv,
				 const struct kvm_direct_stats *stats, const char **more);

/* ---- queue.c -------------------------------------------------------------- */

/**
 * struct iocore_req - one request in flight, named by its tag
 * @busy:	claimed by IOCore, released just before the CQE is written
 * @entered:	it has passed the disk's gate
 * @then_flush:	without an error it ends only after a flush
 * @css:	the VM's io cgroup, for those that a worker may carry out
 * @deferred:	what the worker does
 * @start_ns:	local_clock() when its SQE was taken
 */
struct iocore_req {
	struct iocore_queue *queue;
	struct iocore_sqe sqe;
	struct iocore_seg *segs;	/* sqe.seg, or the copied table */
	struct iovec *iov;		/* inline_iov, or allocated */
	struct iovec inline_iov[4];
	struct iov_iter iter;
	struct llist_node node;
	atomic_t pending;		/* parts (bios) not ended, plus the submitter */
	int error;			/* first errno of the parts */
	unsigned long busy;
	bool entered;
	bool then_flush;
	bool flushing;			/* the flush behind it */
	u64 start_ns;
	struct kiocb iocb;		/* file.c */
	errseq_t wb_err;		/* of the file, before */
	struct work_struct work;
	struct cgroup_subsys_state *css;
	void (*deferred)(struct iocore_req *req);
};

/* Counters of a queue: @requests of IOCore, the others under cq_lock. */
struct iocore_queue_stats {
	u64 requests;
	u64 completions;
	u64 notified;
	u64 suppressed;
};

/**
 * struct iocore_queue - a ring
 * @attr:	sysfs, as long as it is in its attachment's table
 * @core:	who polls it; written under vm->lock and @cq_lock
 * @core_held:	it has a use of @core of its own
 * @ref:	one for the queue, one a request in flight
 * @drained:	@ref reached zero
 */
struct iocore_queue {
	struct iocore_attachment *att;
	struct iocore_core *core;
	bool core_held;
	struct iocore_thread *thread;
	const struct iocore_notifier_ops *notifier;
	struct list_head node;
	struct iocore_ring ring;
	struct iocore_limits lim;
	unsigned int nr;
	u32 vcpu_id;
	u32 notify_bit;
	gfn_t gfn;
	unsigned int npages;
	struct page **pages;
	void *area;
	spinlock_t cq_lock;		/* the CQ side of ring, notified to post_gap */
	u32 notified;			/* cq_tail at the last notification */
	bool due;			/* one is held back */
	u32 held;			/* CQEs that wait for it */
	u64 last_post;			/* local_clock(), ns */
	u64 post_gap;			/* moving average between posts, ns */
	struct iocore_queue_stats stats;
	struct kobj_attribute attr;
	char name[16];			/* SLOT-NR */
	struct kref ref;
	struct completion drained;
	struct iocore_req *reqs;
};

/* Under vm->lock, in the VM's process context. */
int iocore_queue_create(struct iocore_attachment *att, const struct iocore_queue_create *p);
/* Have another core poll it, of which the caller gives it a use; under vm->lock.
 * The core whose use it had before, for iocore_core_put(), or NULL.
 */
struct iocore_core *iocore_queue_move(struct iocore_queue *q, struct iocore_core *core);
/* Waits for what is in flight. */
void iocore_queue_destroy(struct iocore_queue *q);
/* One bounded turn; the SQEs taken. IOCore only. */
unsigned int iocore_queue_poll(struct iocore_queue *q);
/* Translate and submit; disk thread. */
void iocore_req_start(struct iocore_req *req);
/* One part of a request ended; the last one ends the request. Any context. */
void iocore_req_part_end(struct iocore_req *req, int error);
/* End a request: CQE, notification. Any context; the request may not be touched after. */
void iocore_req_end(struct iocore_req *req, enum iocore_status status);
enum iocore_status iocore_errno_to_status(int err);

static inline struct iocore_disk *iocore_req_disk(struct iocore_req *req)
{
	return req->queue->att->disk;
}

/*
 * Must a write be durable before it ends? Guests that were told of no cache send
 * no flush, and a device may get one later. Where it has none FUA is no cost.
 */
static inline bool iocore_req_durable(struct iocore_req *req)
{
	return !iocore_req_disk(req)->write_cache || req->sqe.flags & IOCORE_SQE_FUA ||
	       READ_ONCE(req->queue->att->write_through);
}

/* core.c: a queue joins or leaves its core; on return of del no poll runs or will. */
void iocore_core_add_queue(struct iocore_core *core, struct iocore_queue *q);
void iocore_core_del_queue(struct iocore_core *core, struct iocore_queue *q);

/* ---- vm.c, control.c, chardev.c, configfs.c, sysfs.c ---------------------- */

void iocore_vm_init(void);
/* vm.c; with a reference; NULL if we don't know it. */
struct iocore_vm *iocore_vm_get(struct kvm *kvm);
/* vm.c; ERR_PTR; with a reference. In a vCPU or with a reference to the VM's file. */
struct iocore_vm *iocore_vm_get_or_create(struct kvm *kvm);
void iocore_vm_put(struct iocore_vm *vm);
/* Killable; -ENODEV once the vm is dead. */
int iocore_vm_lock(struct iocore_vm *vm);
/* Under RCU, no reference. */
struct iocore_vm *iocore_vm_find(struct kvm *kvm);
void iocore_vm_destroy(struct kvm *kvm);			/* KVM's callback */
void iocore_vm_destroy_all(void);				/* module exit */
/* notifier as in struct iocore_attach; slot or -errno */
int iocore_attach(struct kvm *kvm, const char *disk, int slot, unsigned int notifier);
/* The VM with the binding, or that keeps a slot for the disk; with a reference.
 * tgid 0: the only one. The slot, or -1 where it is only kept. ERR_PTR.
 */
struct iocore_vm *iocore_find_binding(pid_t tgid, const char *disk, int *slot);
/* Close what is in a slot, provided that it is @disk (or anything, if @disk is
 * NULL). Where another caller is closing it, wait for him, then -ENOENT.
 */
int iocore_close_slot(struct iocore_vm *vm, unsigned int slot, const char *disk,
		      bool keep);
/* binding.c; tgid 0: the only one; keep: it will be back */
int iocore_detach(pid_t tgid, const char *disk, bool keep);
/* Have another core poll a queue of a binding, or all for -1. */
int iocore_move_queues(pid_t tgid, const char *disk, int queue, const char *core);
/* Undo iocore_attach(); the caller has a reference to the VM's file. */
int iocore_detach_slot(struct kvm *kvm, unsigned int slot);
/* What is in a slot, under vm->lock; NULL if it is closing. */
struct iocore_attachment *iocore_vm_slot(struct iocore_vm *vm, u32 slot);
/* Why iocore_vm_slot() is NULL: -EBUSY it closes, -EAGAIN it is kept, -ENOENT. */
int iocore_vm_slot_empty(struct iocore_vm *vm, u32 slot);
/* Take a queue away from its guest and wait for what is in flight. */
int iocore_vm_drop_queue(struct iocore_vm *vm, u32 slot, u32 nr);
/* Drop queues and notification pages; waits for attachments that close. */
void iocore_vm_reset(struct iocore_vm *vm);
/* Tell the VMs that have the disk to look at it. */
void iocore_vms_notify_disk(const struct iocore_disk *disk);
/* KVM's callback: user space has reset a vCPU. */
void iocore_vm_user_reset(struct kvm *kvm);

/* kept.c; an empty slot waits for a disk: takes the allocated name; under vm->lock. */
void iocore_kept_set(struct iocore_vm *vm, unsigned int slot, char *disk);
/* The slot that waits for a disk, or -ENOENT. */
int iocore_kept_find(struct iocore_vm *vm, const char *disk);
/* A disk comes into a slot: neither is waited for any more. */
void iocore_kept_taken(struct iocore_vm *vm, unsigned int slot, const char *disk);
void iocore_kept_drop(struct iocore_vm *vm);
/* For sysfs, without vm->lock. */
ssize_t iocore_kept_emit(struct iocore_vm *vm, char *buf);

long iocore_hypercall(struct kvm_vcpu *vcpu, unsigned long a0, unsigned long a1,
		      unsigned long a2, unsigned long a3);	/* control.c */

int iocore_chardev_init(void);
void iocore_chardev_exit(void);
int iocore_configfs_init(void);
void iocore_configfs_exit(void);
int iocore_sysfs_init(void);
void iocore_sysfs_exit(void);
int iocore_sysfs_add_core(struct iocore_core *core);
void iocore_sysfs_del_core(struct iocore_core *core);
int iocore_sysfs_add_disk(struct iocore_disk *disk);
void iocore_sysfs_del_disk(struct iocore_disk *disk);
int iocore_sysfs_add_vm(struct iocore_vm *vm);
void iocore_sysfs_del_vm(struct iocore_vm *vm);
int iocore_sysfs_add_attachment(struct iocore_attachment *att);
void iocore_sysfs_del_attachment(struct iocore_attachment *att);
/* Under vm->lock, which names it: its number may be given again once it is off. */
void iocore_sysfs_add_queue(struct iocore_queue *q);
void iocore_sysfs_del_queue(struct iocore_queue *q);

#endif /* _IOCORE_H */
