/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Notifications that the host holds back, against a guest that sleeps
 *
 * The completion side may hold a notification (due) as long as IOCore is awake
 * to deliver what is overdue; IOCore sleeps only if nothing is due. Processors
 * have store buffers. A completion that is lost leaves the guest waiting for
 * ever, which Spin reports as an invalid end state.
 *
 * Each of these removes one step, and has to make Spin find the error:
 *	NO_M NO_N	the full barriers of the event index
 *	NO_HOLD_MB	the one between due and asleep, on the completion side
 *	NO_L		the one between asleep and due, on IOCore's
 *	NO_LOOK		IOCore's look at due
 */
#define COMPLETIONS	3
#define WAKE_UPS	2

#define TAIL	0
#define EVENT	1
#define DUE	2
#define ASLEEP	3

byte memory[4];			/* what all processors see */
bool locked;			/* cq_lock */
bool irq;			/* the guest's interrupt is pending */
byte wake_ups;

chan host_stores = [3] of { byte, byte };
chan core_stores = [3] of { byte, byte };
chan guest_stores = [2] of { byte, byte };

/* A locked operation, so the buffer drains; what it guards is stored after. */
inline lock(stores)
{
	empty(stores);
	atomic { !locked -> locked = true }
}

/* A plain store, and like it not before those that came earlier. */
inline unlock(stores)
{
	empty(stores);
	locked = false
}

active proctype completer()
{
	byte tail;
	bool crossed, due, deliver;

	do
	:: tail < COMPLETIONS ->
		lock(host_stores);
		host_stores!TAIL, tail + 1;
#ifndef NO_M
		empty(host_stores);		/* (M) */
#endif
		crossed = memory[EVENT] == tail;
		tail++;
		due = memory[DUE];
		deliver = false;
		if
		:: crossed || due ->
			if
			:: deliver = true
			:: /* too few are unannounced: hold */
			   host_stores!DUE, 1;
#ifndef NO_HOLD_MB
			   empty(host_stores);
#endif
			   deliver = memory[ASLEEP]
			fi
		:: else
		fi;
		if
		:: deliver -> host_stores!DUE, 0
		:: else
		fi;
		unlock(host_stores);
		if
		:: deliver -> irq = true
		:: else
		fi
	:: else -> break
	od
}

active proctype core()
{
	bool due;

	do
	:: memory[DUE] == 1 ->		/* overdue */
		lock(core_stores);
		due = memory[DUE];
		if
		:: due -> core_stores!DUE, 0
		:: else
		fi;
		unlock(core_stores);
		if
		:: due -> irq = true
		:: else
		fi
	:: /* idle for long enough */
		core_stores!ASLEEP, 1;
#ifndef NO_L
		empty(core_stores);		/* (L) */
#endif
#ifdef NO_LOOK
		due = false;
#else
		due = memory[DUE];
#endif
		if
		:: due
		:: else ->
end:			atomic { wake_ups < WAKE_UPS -> wake_ups++ }
		fi;
		core_stores!ASLEEP, 0
	od
}

active proctype guest()
{
	byte head;

	do
	:: head == COMPLETIONS -> break
	:: else ->
		irq -> irq = false;
		do
		:: head = memory[TAIL];
		   guest_stores!EVENT, head;
#ifndef NO_N
		   empty(guest_stores);		/* (N) */
#endif
		   if
		   :: memory[TAIL] == head -> break
		   :: else
		   fi
		od
	od
}

/* The buffers drain when they like, each in its order. */
active proctype drain()
{
	byte word, value;

end:	do
	:: atomic { host_stores?word, value -> memory[word] = value }
	:: atomic { core_stores?word, value -> memory[word] = value }
	:: atomic { guest_stores?word, value -> memory[word] = value }
	od
}
