// SPDX-License-Identifier: GPL-2.0-only
/*
 * direct.c - a guest that takes its notifications in direct mode
 *
 * It has no queue: notifications come when a disk is attached or detached. What
 * they are is of no interest, but that nothing else looks different with them.
 */
#include <linux/iocore_ring.h>

#include "guest.h"

volatile uint64_t direct_taken;

static struct iocore_notify_page notify_page __attribute__((aligned(4096)));
static uint8_t shadow_page[4096] __attribute__((aligned(4096)));
static struct iocore_identify identify;
static struct iocore_vcpu_notify notify;
static struct iocore_direct direct;

static long control(enum iocore_hc call, void *arg, uint64_t size)
{
	return hypercall(IOCORE_HC, call, (uint64_t)arg, size, 0);
}

static void on_notification(struct frame *frame)
{
	(void)frame;
	direct_taken++;
	__atomic_exchange_n(&notify_page.events, 0, __ATOMIC_SEQ_CST);
	eoi();
}

static void must(const char *what, long ret)
{
	if (ret)
		want(what, ret, 0);
}

void direct_update(void)
{
	direct.gpa = (uint64_t)shadow_page;
	direct.gva = (uint64_t)shadow_page;
	must("direct mode", control(IOCORE_HC_DIRECT, &direct, sizeof(direct)));
}

void direct_begin(void)
{
	on_trap[VECTOR_DIRECT] = on_notification;
	identify.version = IOCORE_RING_VERSION;
	identify.features = IOCORE_F_DIRECT;
	must("negotiation", control(IOCORE_HC_IDENTIFY, &identify, sizeof(identify)));
	must("direct mode unknown", !(identify.features & IOCORE_F_DIRECT));
	notify.gpa = (uint64_t)&notify_page;
	notify.vector = VECTOR_DIRECT;
	must("notification page", control(IOCORE_HC_VCPU_NOTIFY, &notify, sizeof(notify)));
	direct_update();
}
