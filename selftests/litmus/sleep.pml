/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * IOCore going to sleep against guests that submit and kick
 *
 * Processors have store buffers, as x86 has: a store is seen by others when its
 * buffer drains, and a full barrier waits for that. Each guest submits REQUESTS
 * on a ring of its own. If a wake-up is lost, IOCore blocks in schedule() for
 * ever, which Spin reports as an invalid end state.
 *
 * Each of these removes one step, and has to make Spin find the error:
 *	NO_K NO_L	a full barrier
 *	NO_RECHECK	the second look at the rings
 *	LATE_STATE	task state set after the second look, not before it
 *	ONE_RING	NEED_KICK set in the first ring only
 */
#define RINGS		2
#define REQUESTS	2

byte sq_tail[RINGS];
bool need_kick[RINGS];
byte sq_head[RINGS];		/* IOCore's own */
bool runnable = true;		/* IOCore's task state */

chan guest_stores[RINGS] = [2] of { byte };	/* values of sq_tail */
chan core_stores = [4] of { byte, bool };	/* ring, value of need_kick */

inline core_flag(value)
{
	q = 0;
	do
	:: q < RINGS ->
#ifdef ONE_RING
		if
		:: q == 0 -> core_stores!q, value
		:: else
		fi;
#else
		core_stores!q, value;
#endif
		q++
	:: else -> break
	od
}

inline look()
{
	pending = false;
	q = 0;
	do
	:: q < RINGS -> pending = pending || sq_tail[q] != sq_head[q]; q++
	:: else -> break
	od
}

inline poll()
{
	q = 0;
	served = true;
	do
	:: q < RINGS ->
		if
		:: sq_tail[q] != sq_head[q] -> sq_head[q]++
		:: else
		fi;
		served = served && sq_head[q] == REQUESTS;
		q++
	:: else -> break
	od
}

active proctype core()
{
	byte q;
	bool pending, served;

	do
	:: poll();
	   if
	   :: served -> break
	   :: else
	   fi
	:: /* idle for long enough */
#ifndef LATE_STATE
	   runnable = false;
#endif
	   core_flag(true);
#ifndef NO_L
	   empty(core_stores);		/* (L) */
#endif
#ifdef NO_RECHECK
	   pending = false;
#else
	   look();
#endif
#ifdef LATE_STATE
	   runnable = false;
#endif
	   if
	   :: pending -> runnable = true
	   :: else -> runnable		/* schedule() */
	   fi;
	   core_flag(false)
	od
}

active [RINGS] proctype guest()
{
	byte me = _pid - 1;
	byte tail;

	do
	:: tail < REQUESTS ->
		tail++;
		guest_stores[me]!tail;
#ifndef NO_K
		empty(guest_stores[me]);	/* (K) */
#endif
		if
		:: need_kick[me] ->
			/* the hypercall drains the buffer, then wakes IOCore */
			empty(guest_stores[me]);
			runnable = true
		:: else
		fi
	:: else -> break
	od
}

/* The buffers drain when they like, each in its order. */
active proctype drain()
{
	byte q, tail;
	bool flag;

end:	do
	:: atomic { guest_stores[0]?tail -> sq_tail[0] = tail }
	:: atomic { guest_stores[1]?tail -> sq_tail[1] = tail }
	:: atomic { core_stores?q, flag -> need_kick[q] = flag }
	od
}
