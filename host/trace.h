/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace.h - the trace points of iocore
 *
 * pid is the VM's process in the initial namespace.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM iocore

#if !defined(_IOCORE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _IOCORE_TRACE_H

#include <linux/tracepoint.h>

TRACE_DEFINE_ENUM(IOCORE_NOTIFY_DIRECT);
TRACE_DEFINE_ENUM(IOCORE_NOTIFY_REPENDED);
TRACE_DEFINE_ENUM(IOCORE_NOTIFY_INJECTED);
TRACE_DEFINE_ENUM(IOCORE_NOTIFY_SUPPRESSED);

TRACE_DEFINE_ENUM(IOCORE_DIRECT_ENABLE);
TRACE_DEFINE_ENUM(IOCORE_DIRECT_DISABLE);
TRACE_DEFINE_ENUM(IOCORE_DIRECT_REVOKE);

TRACE_EVENT(iocore_submit,
	    TP_PROTO(pid_t pid, unsigned int slot, unsigned int queue, u16 tag,
		     u8 opcode, u64 sector, u32 len),
	    TP_ARGS(pid, slot, queue, tag, opcode, sector, len),
	    TP_STRUCT__entry(__field(pid_t, pid)
			     __field(unsigned int, slot)
			     __field(unsigned int, queue)
			     __field(u64, sector)
			     __field(u32, len)
			     __field(u16, tag)
			     __field(u8, opcode)
	    ),
	    TP_fast_assign(__entry->pid = pid;
			   __entry->slot = slot;
			   __entry->queue = queue;
			   __entry->sector = sector;
			   __entry->len = len;
			   __entry->tag = tag;
			   __entry->opcode = opcode;
	    ),
	    TP_printk("vm=%d slot=%u queue=%u tag=%u opcode=%u sector=%llu len=%u",
		      __entry->pid, __entry->slot, __entry->queue, __entry->tag,
		      __entry->opcode, __entry->sector, __entry->len)
);

TRACE_EVENT(iocore_complete,
	    TP_PROTO(pid_t pid, unsigned int slot, unsigned int queue, u16 tag,
		     u16 status),
	    TP_ARGS(pid, slot, queue, tag, status),
	    TP_STRUCT__entry(__field(pid_t, pid)
			     __field(unsigned int, slot)
			     __field(unsigned int, queue)
			     __field(u16, tag)
			     __field(u16, status)
	    ),
	    TP_fast_assign(__entry->pid = pid;
			   __entry->slot = slot;
			   __entry->queue = queue;
			   __entry->tag = tag;
			   __entry->status = status;
	    ),
	    TP_printk("vm=%d slot=%u queue=%u tag=%u status=%u", __entry->pid,
		      __entry->slot, __entry->queue, __entry->tag,
		      __entry->status)
);

/* Of a completion that needed none, vector is 0. */
TRACE_EVENT(iocore_notify,
	    TP_PROTO(pid_t pid, u32 vcpu, u8 vector, int how),
	    TP_ARGS(pid, vcpu, vector, how),
	    TP_STRUCT__entry(__field(pid_t, pid)
			     __field(u32, vcpu)
			     __field(u8, vector)
			     __field(int, how)
	    ),
	    TP_fast_assign(__entry->pid = pid;
			   __entry->vcpu = vcpu;
			   __entry->vector = vector;
			   __entry->how = how;
	    ),
	    TP_printk("vm=%d vcpu=%u vector=%u how=%s", __entry->pid,
		      __entry->vcpu, __entry->vector,
		      __print_symbolic(__entry->how,
				       { IOCORE_NOTIFY_DIRECT, "direct" },
				       { IOCORE_NOTIFY_REPENDED, "repended" },
				       { IOCORE_NOTIFY_INJECTED, "injected" },
				       { IOCORE_NOTIFY_SUPPRESSED, "suppressed" }))
);

/* Direct mode of a vCPU was set up, ended, or revoked by the watchdog. */
TRACE_EVENT(iocore_direct,
	    TP_PROTO(pid_t pid, u32 vcpu, int event, int result),
	    TP_ARGS(pid, vcpu, event, result),
	    TP_STRUCT__entry(__field(pid_t, pid)
			     __field(u32, vcpu)
			     __field(int, event)
			     __field(int, result)
	    ),
	    TP_fast_assign(__entry->pid = pid;
			   __entry->vcpu = vcpu;
			   __entry->event = event;
			   __entry->result = result;
	    ),
	    TP_printk("vm=%d vcpu=%u %s result=%d", __entry->pid, __entry->vcpu,
		      __print_symbolic(__entry->event,
				       { IOCORE_DIRECT_ENABLE, "set-up" },
				       { IOCORE_DIRECT_DISABLE, "disable" },
				       { IOCORE_DIRECT_REVOKE, "revoke" }),
		      __entry->result)
);

TRACE_EVENT(iocore_kick,
	    TP_PROTO(pid_t pid, unsigned int slot, unsigned int queue),
	    TP_ARGS(pid, slot, queue),
	    TP_STRUCT__entry(__field(pid_t, pid)
			     __field(unsigned int, slot)
			     __field(unsigned int, queue)
	    ),
	    TP_fast_assign(__entry->pid = pid;
			   __entry->slot = slot;
			   __entry->queue = queue;
	    ),
	    TP_printk("vm=%d slot=%u queue=%u", __entry->pid, __entry->slot,
		      __entry->queue)
);

TRACE_EVENT(iocore_control,
	    TP_PROTO(pid_t pid, u64 call, long result),
	    TP_ARGS(pid, call, result),
	    TP_STRUCT__entry(__field(pid_t, pid)
			     __field(u64, call)
			     __field(long, result)
	    ),
	    TP_fast_assign(__entry->pid = pid;
			   __entry->call = call;
			   __entry->result = result;
	    ),
	    TP_printk("vm=%d call=%llu result=%ld", __entry->pid, __entry->call,
		      __entry->result)
);

/* An IOCore goes to sleep, or is woken. */
DECLARE_EVENT_CLASS(iocore_core_event,
		    TP_PROTO(const char *core),
		    TP_ARGS(core),
		    TP_STRUCT__entry(__string(core, core)),
		    TP_fast_assign(__assign_str(core);),
		    TP_printk("core=%s", __get_str(core))
);

DEFINE_EVENT(iocore_core_event, iocore_sleep,
	     TP_PROTO(const char *core),
	     TP_ARGS(core)
);

DEFINE_EVENT(iocore_core_event, iocore_wake,
	     TP_PROTO(const char *core),
	     TP_ARGS(core)
);

/* A guest asked for something that it cannot have. */
TRACE_EVENT(iocore_bad,
	    TP_PROTO(const char *what, u64 value),
	    TP_ARGS(what, value),
	    TP_STRUCT__entry(__string(what, what)
			     __field(u64, value)
	    ),
	    TP_fast_assign(__assign_str(what);
			   __entry->value = value;
	    ),
	    TP_printk("%s value=%llu", __get_str(what), __entry->value)
);

#endif /* _IOCORE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace

/* This part must be outside protection */
#include <trace/define_trace.h>
