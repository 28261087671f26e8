// SPDX-License-Identifier: GPL-2.0-only
/*
 * dirty_log.c - what iocore writes into guest memory is in KVM's dirty log
 *
 * The VM has no operating system, so no page is written but by iocore; the log
 * is then known to the page. The last points migrate: a thread copies what the
 * log names while reads go on, and the copy must end up equal.
 */
#include <linux/iocore_ring.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "../lib/tap.h"
#include "../lib/host.h"
#include "minivm.h"

#define DISK		"tdirty"
#define DISK_FILE	"/run/dirty.img"
#define DISK_BYTES	(1U << 20)
#define DEPTH		256U

#define ARG		0x20000U
#define TABLE		0x30000U
#define NOTIFY		0x40000U
#define RING		0x50000U
#define SQ		(RING + 4096)
#define CQ		(SQ + DEPTH * 64)
#define DATA		0x100000U	/* up to the end of RAM: two memslots */

#define PAGES		(MINIVM_RAM / MINIVM_PAGE)
#define SLOT_PAGES	(MINIVM_SLOT / MINIVM_PAGE)
#define MIGRATE_READS	3000

static struct minivm vm;
static int dev;
static uint32_t tail;
static uint8_t log_pages[PAGES];	/* a byte a page */

/* ---- the disk and its queue ---- */

static void *at(uint32_t gpa)
{
	return vm.ram + gpa;
}

/* Every 512 bytes of the disk are unlike any others. */
static int disk_fill(void)
{
	uint32_t *data = malloc(DISK_BYTES), i;
	int fd, ret;

	for (i = 0; i < DISK_BYTES / 4; i++)
		data[i] = (i + 1) * 2654435761U;
	fd = open(DISK_FILE, O_WRONLY | O_CREAT, 0600);
	ret = pwrite(fd, data, DISK_BYTES, 0) == (ssize_t)DISK_BYTES ? 0 : -1;
	close(fd);
	free(data);
	return ret;
}

static void clean_up(void)
{
	disk_detach(dev, getpid(), DISK);
	object_remove("disks", DISK);
	object_remove("cores", DISK);
	unlink(DISK_FILE);
}

static void vm_begin(bool manual)
{
	struct iocore_vcpu_notify *notify = at(ARG);
	struct iocore_identify *id;
	struct iocore_queue_create *create;
	struct iocore_disk_info *info;
	uint64_t epoch;

	if (minivm_make(&vm, manual ? KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 : 0,
			manual ? KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE : 0))
		tap_bail("a VM");
	tail = 0;
	if (disk_attach(dev, vm.fd, DISK) != 0)
		tap_bail("attaching the disk");

	id = at(ARG);
	*id = (struct iocore_identify){ .version = IOCORE_RING_VERSION };
	errno = -minivm_hypercall(&vm, IOCORE_HC, IOCORE_HC_IDENTIFY, ARG, sizeof(*id));
	if (errno)
		tap_bail("negotiation");

	notify = at(ARG);
	*notify = (struct iocore_vcpu_notify){ .gpa = NOTIFY, .vector = MINIVM_VECTOR };
	errno = -minivm_hypercall(&vm, IOCORE_HC, IOCORE_HC_VCPU_NOTIFY, ARG, sizeof(*notify));
	if (errno)
		tap_bail("the notification page");

	info = at(ARG);
	memset(info, 0, sizeof(*info));
	errno = -minivm_hypercall(&vm, IOCORE_HC, IOCORE_HC_DISK_GET, ARG, sizeof(*info));
	if (errno)
		tap_bail("the disk");
	epoch = info->epoch;

	create = at(ARG);
	*create = (struct iocore_queue_create) {
		.epoch = epoch, .gpa = RING, .depth = DEPTH,
	};
	errno = -minivm_hypercall(&vm, IOCORE_HC, IOCORE_HC_QUEUE_CREATE, ARG, sizeof(*create));
	if (errno)
		tap_bail("the queue");
}

static void vm_end(void)
{
	disk_detach(dev, getpid(), DISK);
	minivm_end(&vm);
}

/* ---- requests ---- */

static void submit(struct iocore_sqe *sqe)
{
	struct iocore_ring_hdr *hdr = at(RING);
	struct iocore_sqe *sq = at(SQ);

	sqe->tag = tail % DEPTH;
	sq[tail % DEPTH] = *sqe;
	__atomic_store_n(&hdr->sq_tail, ++tail, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);	/* (K) */
	if (__atomic_load_n(&hdr->flags, __ATOMIC_RELAXED) & IOCORE_RING_NEED_KICK)
		minivm_hypercall(&vm, IOCORE_HC, IOCORE_HC_KICK, 0, 0);
}

/* The status of the only request in flight; -1 if it did not come. */
static int complete(void)
{
	struct iocore_ring_hdr *hdr = at(RING);
	struct iocore_cqe *cq = at(CQ);
	int i, status;

	for (i = 0; i < 100000; i++) {
		if (__atomic_load_n(&hdr->cq_tail, __ATOMIC_ACQUIRE) == tail) {
			status = cq[(tail - 1) % DEPTH].status;
			__atomic_store_n(&hdr->cq_head, tail, __ATOMIC_RELEASE);
			return status;
		}
		usleep(i < 100 ? 20 : 200);
	}
	return -1;
}

static int request(struct iocore_sqe *sqe)
{
	submit(sqe);
	return complete();
}

static int request_1(int op, uint32_t sector, uint32_t gpa, uint32_t len)
{
	struct iocore_sqe sqe = {
		.opcode = op, .nr_segs = 1, .sector = sector, .len = len,
		.seg = { { .gpa = gpa, .len = len } },
	};

	return request(&sqe);
}

static struct iocore_sqe table(unsigned int nr, uint32_t gpa, uint32_t step, uint32_t len)
{
	struct iocore_seg *seg = at(TABLE);
	unsigned int i;

	for (i = 0; i < nr; i++)
		seg[i] = (struct iocore_seg){ .gpa = gpa + i * step, .len = len };
	return (struct iocore_sqe) {
		.opcode = IOCORE_OP_READ, .flags = IOCORE_SQE_TABLE, .nr_segs = nr,
		.len = nr * len, .table_gpa = TABLE,
	};
}

/* ---- the log ---- */

static void log_get(uint8_t pages[PAGES])
{
	uint64_t bitmap[SLOT_PAGES / 64];
	unsigned int slot, i;

	for (slot = 0; slot < MINIVM_SLOTS; slot++) {
		struct kvm_dirty_log arg = { .slot = slot, .dirty_bitmap = bitmap };

		if (ioctl(vm.fd, KVM_GET_DIRTY_LOG, &arg))
			tap_bail("KVM_GET_DIRTY_LOG");
		for (i = 0; i < SLOT_PAGES; i++)
			pages[slot * SLOT_PAGES + i] = bitmap[i / 64] >> (i % 64) & 1;
	}
}

/* With manual protection a fetched page stays in the log until it is cleared. */
static void log_clear(const uint8_t pages[PAGES])
{
	uint64_t bitmap[SLOT_PAGES / 64];
	unsigned int slot, i;

	for (slot = 0; slot < MINIVM_SLOTS; slot++) {
		struct kvm_clear_dirty_log arg = {
			.slot = slot, .num_pages = SLOT_PAGES, .dirty_bitmap = bitmap,
		};

		memset(bitmap, 0, sizeof(bitmap));
		for (i = 0; i < SLOT_PAGES; i++)
			bitmap[i / 64] |= (uint64_t)pages[slot * SLOT_PAGES + i] << (i % 64);
		if (ioctl(vm.fd, KVM_CLEAR_DIRTY_LOG, &arg))
			tap_bail("KVM_CLEAR_DIRTY_LOG");
	}
}

/* iocore marks the ring a moment after the CQE is seen: let that pass. */
static void log_drop(void)
{
	usleep(20000);
	log_get(log_pages);
}

static bool marked(uint32_t gpa)
{
	return log_pages[gpa / MINIVM_PAGE];
}

/* The log holds just @want[] of the data area, and what iocore wrote besides. */
static bool data_pages_are(const uint8_t want[PAGES])
{
	unsigned int i, lost = 0, surplus = 0;

	log_get(log_pages);
	for (i = DATA / MINIVM_PAGE; i < PAGES; i++) {
		lost += want[i] && !log_pages[i];
		surplus += !want[i] && log_pages[i];
	}
	if (lost || surplus)
		printf("# %u pages lost, %u too many\n", lost, surplus);
	return !lost && !surplus;
}

static void want_range(uint8_t want[PAGES], uint32_t gpa, uint32_t len)
{
	uint32_t i;

	for (i = gpa / MINIVM_PAGE; i <= (gpa + len - 1) / MINIVM_PAGE; i++)
		want[i] = 1;
}

/* ---- points ---- */

static void point_read(const char *what, uint32_t gpa, uint32_t len)
{
	uint8_t want[PAGES] = { 0 };
	int status;

	log_drop();
	want_range(want, gpa, len);
	status = request_1(IOCORE_OP_READ, 0, gpa, len);
	tap_check(status == IOCORE_S_OK && data_pages_are(want), "%s", what);
	if (status)
		printf("# status %d\n", status);
}

static void point_table(const char *what, unsigned int nr, uint32_t step, uint32_t len)
{
	struct iocore_sqe sqe = table(nr, DATA, step, len);
	uint8_t want[PAGES] = { 0 };
	unsigned int i;
	int status;

	log_drop();
	for (i = 0; i < nr; i++)
		want_range(want, DATA + i * step, len);
	status = request(&sqe);
	tap_check(status == IOCORE_S_OK && data_pages_are(want), "%s", what);
	if (status)
		printf("# status %d\n", status);
}

static bool host_pages_are_marked(void)
{
	return marked(RING) && marked(CQ) && marked(NOTIFY);
}

/* The host may write and mark them after the request has ended. */
static void log_collect(void)
{
	uint8_t seen[PAGES];
	unsigned int i, tries;

	memset(log_pages, 0, sizeof(log_pages));
	for (tries = 0; tries < 500 && !host_pages_are_marked(); tries++) {
		usleep(20000);
		log_get(seen);
		for (i = 0; i < PAGES; i++)
			log_pages[i] |= seen[i];
	}
}

/* The host's own pages: the index page, the page of the CQE, the pending bits. */
static void point_ring(void)
{
	struct iocore_ring_hdr *hdr = at(RING);
	int i;

	log_drop();
	hdr->cq_event = tail;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	request_1(IOCORE_OP_READ, 0, DATA, 4096);
	log_collect();
	tap_check(marked(RING), "the page of the indices is marked");
	tap_check(marked(CQ), "the page of the completion is marked");
	tap_check(marked(NOTIFY), "the notification page is marked");
	for (i = 0; i < (int)(DEPTH * 64 / 4096); i++)
		if (marked(SQ + i * 4096))
			break;
	tap_check(i == DEPTH * 64 / 4096, "the submission queue is not: nobody wrote it");
	hdr->cq_event = tail + (1U << 30);
}

static void point_nothing_read(void)
{
	const uint8_t none[PAGES] = { 0 };
	struct iocore_sqe sqe;
	int status;

	log_drop();
	status = request_1(IOCORE_OP_WRITE, 0, DATA, 65536);
	tap_check(status == IOCORE_S_OK && data_pages_are(none), "a write marks no data page");

	log_drop();
	sqe = table(64, DATA, 8192, 4096);
	sqe.len += 512;
	status = request(&sqe);
	tap_check(status == IOCORE_S_INVAL && data_pages_are(none),
		  "segments that are refused mark nothing");

	/* What they say reaches far beyond what the request may touch. */
	log_drop();
	sqe = table(4, DATA, 0, 0xfffffe00);
	sqe.len = 4096;
	status = request(&sqe);
	tap_check(status == IOCORE_S_INVAL && data_pages_are(none), "wild lengths mark nothing");

	log_drop();
	status = request_1(IOCORE_OP_READ, DISK_BYTES / 512, DATA, 4096);
	tap_check(status == IOCORE_S_RANGE && data_pages_are(none),
		  "a read beyond the disk marks nothing");
}

static void point_switch(void)
{
	uint8_t want[PAGES] = { 0 };
	int status;

	minivm_log(&vm, false);
	status = request_1(IOCORE_OP_READ, 8, DATA, 65536);
	minivm_log(&vm, true);
	log_drop();
	tap_check(!status, "a read while nothing is logged");
	want_range(want, DATA + 4096, 512);
	status = request_1(IOCORE_OP_READ, 9, DATA + 4096, 512);
	tap_check(!status && data_pages_are(want), "logging is switched on under a live queue");
}

/* ---- a migration ---- */

static uint8_t *copy;
static bool stop, manual_clear;
static unsigned int rounds;
static uint64_t copied;

/* Take the log first, then the pages: what comes in between is in the next log. */
static void migrate_round(void)
{
	static uint8_t pages[PAGES];
	uint32_t i;

	log_get(pages);
	if (manual_clear)
		log_clear(pages);
	for (i = 0; i < PAGES; i++) {
		if (!pages[i])
			continue;
		memcpy(copy + i * MINIVM_PAGE, vm.ram + i * MINIVM_PAGE, MINIVM_PAGE);
		copied++;
	}
	rounds++;
}

static void *migrate_thread(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		migrate_round();
	return arg;
}

static uint32_t draw(uint32_t limit)
{
	static uint64_t state = 88172645463325252ULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % limit;
}

/* Reads of one sector to 64 KiB from anywhere to anywhere in the data area. */
static unsigned int random_reads(unsigned int n)
{
	unsigned int bad = 0;

	while (n--) {
		uint32_t len = 512 * (1 + draw(128));
		uint32_t sector = draw((DISK_BYTES - len) / 512);
		uint32_t gpa = DATA + 512 * draw((MINIVM_RAM - DATA - len) / 512);

		bad += request_1(IOCORE_OP_READ, sector, gpa, len) != IOCORE_S_OK;
	}
	return bad;
}

static unsigned int differing_pages(void)
{
	unsigned int i, n = 0;

	for (i = DATA / MINIVM_PAGE; i < PAGES; i++)
		n += !!memcmp(copy + i * MINIVM_PAGE, vm.ram + i * MINIVM_PAGE, MINIVM_PAGE);
	return n;
}

static void point_migrate(bool manual)
{
	unsigned int bad, differ;
	pthread_t thread;

	vm_begin(manual);
	copy = malloc(MINIVM_RAM);
	bad = random_reads(100);
	minivm_log(&vm, true);
	memcpy(copy, vm.ram, MINIVM_RAM);

	manual_clear = manual;
	stop = false;
	rounds = 0;
	copied = 0;
	pthread_create(&thread, NULL, migrate_thread, NULL);
	bad += random_reads(MIGRATE_READS);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	migrate_round();
	differ = differing_pages();

	printf("# %u rounds copied %llu pages, %u reads failed\n", rounds,
	       (unsigned long long)copied, bad);
	tap_check(!bad && rounds > 2 && copied > MIGRATE_READS / 10,
		  "reads go on during a migration, %s log", manual ? "cleared" : "fetched");
	tap_check(!differ, "the copy equals the memory");
	if (differ)
		printf("# %u pages differ\n", differ);
	free(copy);
	vm_end();
}

int main(void)
{
	dev = open("/dev/iocore", O_RDWR);
	if (dev < 0)
		tap_skip_all("iocore.ko is not loaded");
	tap_begin();
	clean_up();
	if (core_make(DISK) || disk_make(DISK, DISK_FILE, false) || disk_fill())
		tap_bail("a disk");
	attr_set("disks", DISK, "core", DISK);

	vm_begin(false);
	minivm_log(&vm, true);
	point_read("a page", DATA, 4096);
	point_read("a sector within a page", DATA + 1536, 512);
	point_read("two sectors on both sides of a page's border", DATA + 4096 - 512, 1024);
	point_read("1 MiB less a sector, not aligned", DATA + 512, DISK_BYTES - 512);
	point_read("both sides of a memslot's border", MINIVM_SLOT - 8192 - 512, 16384);
	point_read("the last page of memory", MINIVM_RAM - 4096, 4096);
	point_table("64 scattered segments", 64, 3 * 4096, 4096);
	point_table("256 sectors, each in a page of its own", 256, 4096 + 512, 512);
	point_ring();
	point_nothing_read();
	point_switch();
	vm_end();

	point_migrate(false);
	point_migrate(true);
	clean_up();
	return tap_end();
}
