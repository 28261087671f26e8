/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A queue that is moved from one IOCore to another and back, while its guest
 * submits and kicks, and while both IOCores go to sleep when they like
 *
 * Processors have store buffers, as in sleep.pml. An IOCore holds its lock but in
 * schedule() and between turns; its stores are visible before it lets go of it. If
 * a request is lost, everybody sleeps for ever, which Spin reports as an invalid
 * end state.
 *
 * Each of these removes or misplaces one step, and has to make Spin find the error:
 *	NO_K NO_L	a full barrier
 *	NO_WAKE		the new IOCore is not woken
 *	EARLY_WAKE	it is woken before the queue has joined it
 *	LATE_OWNER	kicks find the old one until all is done
 */
#define REQUESTS	2
#define MOVES		2
#define NOBODY		2

byte sq_tail;
bool need_kick;
byte sq_head;			/* of whom the queue belongs to */
byte joined;			/* in whose list the queue is */
byte owner;			/* whom a kick wakes */
bool locked[2];
bool runnable[2] = true;	/* the IOCores' task states */

chan guest_stores = [2] of { byte };	/* values of sq_tail */
chan core_stores[2] = [2] of { bool };	/* values of need_kick */

inline lock(c)
{
	atomic { !locked[c] -> locked[c] = true }
}

inline unlock(c)
{
	empty(core_stores[c]);
	locked[c] = false
}

inline core_flag(value)
{
	if
	:: joined == me -> core_stores[me]!value
	:: else
	fi
}

active [2] proctype core()
{
	byte me = _pid;

	lock(me);
	do
	:: joined == me && sq_tail != sq_head -> sq_head++
	:: sq_head == REQUESTS -> unlock(me); break
	:: unlock(me); lock(me)			/* between turns */
	:: /* idle for long enough */
	   runnable[me] = false;
	   core_flag(true);
#ifndef NO_L
	   empty(core_stores[me]);		/* (L) */
#endif
	   if
	   :: joined == me && sq_tail != sq_head -> runnable[me] = true
	   :: else ->
		unlock(me);
		runnable[me] || sq_head == REQUESTS;	/* schedule() */
		lock(me)
	   fi;
	   core_flag(false)
	od
}

active proctype guest()
{
	byte tail;

	do
	:: tail < REQUESTS ->
		tail++;
		guest_stores!tail;
#ifndef NO_K
		empty(guest_stores);		/* (K) */
#endif
		if
		:: need_kick ->
			/* the hypercall drains the buffer, then wakes whom it finds */
			empty(guest_stores);
			runnable[owner] = true
		:: else
		fi
	:: else -> break
	od
}

active proctype mover()
{
	byte to = 1, n;

	do
	:: n < MOVES ->
		lock(1 - to);
		joined = NOBODY;
		unlock(1 - to);
#ifndef LATE_OWNER
		owner = to;
#endif
#ifdef EARLY_WAKE
		runnable[to] = true;
#endif
		lock(to);
		joined = to;
		need_kick = false;
		unlock(to);
#if !defined(NO_WAKE) && !defined(EARLY_WAKE)
		runnable[to] = true;
#endif
#ifdef LATE_OWNER
		owner = to;
#endif
		to = 1 - to;
		n++
	:: break
	od
}

/* The buffers drain when they like, each in its order. */
active proctype drain()
{
	byte tail;
	bool flag;

end:	do
	:: atomic { guest_stores?tail -> sq_tail = tail }
	:: atomic { core_stores[0]?flag -> need_kick = flag }
	:: atomic { core_stores[1]?flag -> need_kick = flag }
	od
}
