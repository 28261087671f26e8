// SPDX-License-Identifier: GPL-2.0-only
/*
 * vm.c - what a guest sees of this host's KVM, as lines to be compared
 *
 * usage: same [--common | --direct DISK] [--only TEXT]
 *   --common  without what differs in direct mode: exits, and some scenarios
 *   --direct  the same from a guest that has set direct mode up; DISK is iocore's
 *   --only    the scenarios whose name contains TEXT, and nothing else
 *
 *	NAME: TEXT [VALUE...]		from the guest
 *	NAME: counts COUNTER=N...	the vCPU's exits in the scenario
 *	NAME: apic/events...		what is left in the vCPU
 *	BAD NAME: ...			what no KVM may do; exit code 1
 *
 * Each scenario has a VM of its own.
 */
#include <link.h>
#include <linux/iocore.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/time.h>

#include "../minivm.h"
#include "../stats.h"
#include "guest.h"

/* Where the guest's tables are; the program's image begins at 4 MiB. */
#define VM_GDT		0x1000UL
#define VM_TSS		0x3000UL
#define VM_TABLES	0x8000UL	/* PML4, PDPT, PDs of GiB 0 and 3 */
#define VM_TRAP_STACK	0x300000UL
#define VM_STACK	0x380000UL

#define PTE_RWU		0x7UL
#define PTE_LARGE	0x80UL

#define MSI_GSI		24
#define LATER_US	30000
#define MAX_LATER	8
#define LIMIT_S		20

struct same_vm {
	struct minivm mini;
	struct stats stats;
	int eventfd;
	pthread_t threads[MAX_LATER];
	unsigned int nr_threads;
};

struct later {
	struct same_vm *vm;
	enum host_op op;
	uint64_t arg;
};

/* Not those that an interrupt of the host makes count an injection again. */
static const char * const counters[] = {
	"exits", "io_exits", "mmio_exits", "signal_exits", "irq_window_exits",
	"nmi_window_exits", "halt_exits", "hypercalls", "insn_emulation_fail", "nested_run",
};

#define NR_COUNTERS	(sizeof(counters) / sizeof(counters[0]))

static struct options {
	bool common;
	const char *disk;
	const char *only;
} options;

static volatile sig_atomic_t alarmed;
static unsigned int bad, wanted;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

/* ---- a VM in 64-bit mode, with a copy of this program ---- */

static void *vm_at(const struct same_vm *vm, const void *guest)
{
	return vm->mini.ram + (uintptr_t)guest;
}

static int copy_segments(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct same_vm *vm = arg;
	unsigned int i;

	(void)size;
	for (i = 0; i < info->dlpi_phnum; i++) {
		uint64_t addr = info->dlpi_phdr[i].p_vaddr, len = info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type != PT_LOAD)
			continue;
		if (addr < VM_STACK || addr + len > MINIVM_RAM)
			die("this program is not where a guest's memory is");
		memcpy(vm->mini.ram + addr, (const void *)addr, len);
	}
	return 1;
}

static void put_page_tables(struct same_vm *vm)
{
	uint64_t *pml4 = (void *)(vm->mini.ram + VM_TABLES), *pdpt = pml4 + 512;
	uint64_t *pd = pdpt + 512;
	unsigned int i;

	pml4[0] = (VM_TABLES + MINIVM_PAGE) | PTE_RWU;
	pdpt[0] = (VM_TABLES + 2 * MINIVM_PAGE) | PTE_RWU;
	pdpt[3] = (VM_TABLES + 3 * MINIVM_PAGE) | PTE_RWU;
	for (i = 0; i < 512; i++) {
		pd[i] = ((uint64_t)i << 21) | PTE_RWU | PTE_LARGE;
		pd[512 + i] = (3UL << 30) | ((uint64_t)i << 21) | PTE_RWU | PTE_LARGE;
	}
}

static void put_descriptors(struct same_vm *vm)
{
	uint64_t *gdt = (void *)(vm->mini.ram + VM_GDT);

	memset(gdt, 0, MINIVM_PAGE);
	gdt[GUEST_CS / 8] = 0x00af9b000000ffff;
	gdt[GUEST_DS / 8] = 0x00cf93000000ffff;
	gdt[GUEST_USER_CS / 8] = 0x00affb000000ffff;
	gdt[GUEST_USER_DS / 8] = 0x00cff3000000ffff;
	gdt[GUEST_ABSENT / 8] = 0x00cf13000000ffff;
	gdt[GUEST_TSS / 8] = 0x67 | VM_TSS << 16 | 0x8bULL << 40;
	gdt[GUEST_LDT / 8] = 0x0000020000000fff;
	/* RSP0 */
	memcpy(vm->mini.ram + VM_TSS + 4, &(uint64_t){ VM_TRAP_STACK }, 8);
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool code)
{
	return (struct kvm_segment) {
		.limit = 0xffffffff, .selector = selector, .type = type, .present = 1,
		.db = !code, .l = code, .s = 1, .g = 1,
	};
}

static void put_registers(struct same_vm *vm, bool x2apic)
{
	struct kvm_regs regs = { .rip = (uintptr_t)guest_main, .rsp = VM_STACK - 8, .rflags = 2 };
	struct kvm_sregs s;

	if (ioctl(vm->mini.vcpu, KVM_GET_SREGS, &s))
		die("KVM_GET_SREGS");
	s.cs = segment(GUEST_CS, 0xb, true);
	s.ds = segment(GUEST_DS, 0x3, false);
	s.es = s.ds;
	s.fs = s.ds;
	s.gs = s.ds;
	s.ss = s.ds;
	s.tr = (struct kvm_segment) {
		.base = VM_TSS, .limit = 0x67, .selector = GUEST_TSS, .type = 0xb, .present = 1,
	};
	s.gdt = (struct kvm_dtable){ .base = VM_GDT, .limit = GUEST_LDT + 15 };
	s.cr0 = 0x80000011;
	s.cr3 = VM_TABLES;
	s.cr4 = 0x20;
	s.efer = 0x500;
	if (x2apic)
		s.apic_base |= 1ULL << 10;
	if (ioctl(vm->mini.vcpu, KVM_SET_SREGS, &s) || ioctl(vm->mini.vcpu, KVM_SET_REGS, &regs))
		die("64-bit mode");
}

static struct kvm_cpuid2 *supported_cpuid(void)
{
	const int nent = 256;
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + nent * sizeof(cpuid->entries[0]));
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	cpuid->nent = nent;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid))
		die("KVM_GET_SUPPORTED_CPUID");
	close(kvm);
	return cpuid;
}

/* KVM supports the TSC deadline timer, but leaves it to us to say so. */
static void put_cpuid(struct same_vm *vm)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid();
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == 1)
			cpuid->entries[i].ecx |= 1 << 24;
	if (ioctl(vm->mini.vcpu, KVM_SET_CPUID2, cpuid))
		die("KVM_SET_CPUID2");
	free(cpuid);
}

static bool has_cpuid_bit(uint32_t function, unsigned int bit)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid();
	bool has = false;
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++)
		if (cpuid->entries[i].function == function)
			has |= cpuid->entries[i].ecx >> bit & 1;
	free(cpuid);
	return has;
}

/* A GSI whose MSI the eventfd raises, beside the I/O APIC's pins. */
static void put_irqfd(struct same_vm *vm, uint32_t vector)
{
	const unsigned int nr = MSI_GSI + 1;
	struct kvm_irq_routing *r = calloc(1, sizeof(*r) + nr * sizeof(r->entries[0]));
	struct kvm_irqfd irqfd = { .fd = vm->eventfd, .gsi = MSI_GSI };
	unsigned int i;

	r->nr = nr;
	for (i = 0; i < MSI_GSI; i++)
		r->entries[i] = (struct kvm_irq_routing_entry) {
			.gsi = i, .type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = i },
		};
	r->entries[MSI_GSI] = (struct kvm_irq_routing_entry) {
		.gsi = MSI_GSI, .type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = APIC_BASE, .data = vector },
	};
	if (ioctl(vm->mini.fd, KVM_SET_GSI_ROUTING, r) || ioctl(vm->mini.fd, KVM_IRQFD, &irqfd))
		die("irqfd");
	free(r);
}

/* The VM may use direct mode, and has a disk, so that there is a use for it. */
static void allow_direct(struct same_vm *vm)
{
	struct iocore_allow allow = {
		.len = sizeof(allow), .flags = IOCORE_ALLOW_DIRECT, .vm_fd = vm->mini.fd,
	};
	struct iocore_attach attach = {
		.len = sizeof(attach), .vm_fd = vm->mini.fd, .slot = -1,
		.notifier = IOCORE_NOTIFIER_DIRECT,
	};
	int dev = open("/dev/iocore", O_RDWR | O_CLOEXEC), tries;

	snprintf(attach.disk, sizeof(attach.disk), "%s", options.disk);
	if (dev < 0 || ioctl(dev, IOCORE_ALLOW, &allow))
		die("IOCORE_ALLOW");
	/* The binding of the VM before may still be going. */
	for (tries = 0; ioctl(dev, IOCORE_ATTACH, &attach); tries++) {
		if (errno != EBUSY || tries == 3000)
			die("IOCORE_ATTACH");
		usleep(20000);
	}
	close(dev);
}

static void vm_make(struct same_vm *vm, const struct scenario *scenario, bool x2apic)
{
	struct setup *guest;
	unsigned int a, b = 0, c, d;

	memset(vm, 0, sizeof(*vm));
	if (minivm_make(&vm->mini, 0, 0))
		die("a VM");
	/* All of it at once and in small pages: the exits depend on that. */
	madvise(vm->mini.ram, MINIVM_RAM, MADV_NOHUGEPAGE);
	memset(vm->mini.ram, 0, MINIVM_RAM);
	put_cpuid(vm);
	dl_iterate_phdr(copy_segments, vm);
	put_page_tables(vm);
	put_descriptors(vm);
	put_registers(vm, x2apic);
	vm->eventfd = eventfd(0, EFD_CLOEXEC);
	if (options.disk)
		allow_direct(vm);
	__cpuid(0, a, b, c, d);
	guest = vm_at(vm, &setup);
	guest->scenario = scenario;
	guest->x2apic = x2apic;
	guest->direct = options.disk;
	guest->intel = b == signature_INTEL_ebx;
	stats_open(&vm->stats, vm->mini.vcpu);
}

static void vm_end(struct same_vm *vm)
{
	while (vm->nr_threads)
		pthread_join(vm->threads[--vm->nr_threads], NULL);
	stats_close(&vm->stats);
	close(vm->eventfd);
	minivm_end(&vm->mini);
}

/* ---- the guest's requests ---- */

static void send_msi(struct same_vm *vm, uint32_t data)
{
	struct kvm_msi msi = { .address_lo = APIC_BASE, .data = data };

	if (ioctl(vm->mini.fd, KVM_SIGNAL_MSI, &msi) < 0)
		die("KVM_SIGNAL_MSI");
}

static void *later_thread(void *arg)
{
	struct later *later = arg;

	usleep(LATER_US);
	if (later->op == HOST_MSI_LATER)
		send_msi(later->vm, later->arg);
	else
		eventfd_write(later->vm->eventfd, 1);
	free(later);
	return NULL;
}

static void do_later(struct same_vm *vm, enum host_op op, uint64_t arg)
{
	struct later *later = malloc(sizeof(*later));

	if (vm->nr_threads == MAX_LATER)
		die("more of them");
	*later = (struct later){ .vm = vm, .op = op, .arg = arg };
	if (op == HOST_IRQFD_LATER)
		put_irqfd(vm, arg);
	if (pthread_create(&vm->threads[vm->nr_threads++], NULL, later_thread, later))
		die("a thread");
}

static void set_line(struct same_vm *vm, uint32_t level)
{
	struct kvm_irq_level line = { .irq = GUEST_PIN, .level = level };

	if (ioctl(vm->mini.fd, KVM_IRQ_LINE, &line))
		die("KVM_IRQ_LINE");
}

/* false: the guest is done. */
static bool serve(struct same_vm *vm)
{
	const struct kvm_run *run = vm->mini.run;
	enum host_op op = *((const uint8_t *)run + run->io.data_offset);
	uint64_t arg = *(volatile uint64_t *)vm_at(vm, (void *)&host_arg);

	switch (op) {
	case HOST_MSI:
		send_msi(vm, arg);
		return true;
	case HOST_MSI_LATER:
	case HOST_IRQFD_LATER:
		do_later(vm, op, arg);
		return true;
	case HOST_NMI:
		if (ioctl(vm->mini.vcpu, KVM_NMI))
			die("KVM_NMI");
		return true;
	case HOST_LINE:
		set_line(vm, arg);
		return true;
	case HOST_DONE:
		break;
	}
	return false;
}

static void on_alarm(int sig)
{
	(void)sig;
	alarmed = 1;
}

/* The alarm comes again and again, so that one just before KVM_RUN does no harm. */
static void set_alarm(bool on)
{
	struct itimerval timer = {
		.it_value = { .tv_sec = on ? LIMIT_S : 0 },
		.it_interval = { .tv_usec = on ? 100000 : 0 },
	};

	alarmed = 0;
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void vm_run(struct same_vm *vm, const char *name)
{
	const struct kvm_run *run = vm->mini.run;

	set_alarm(true);
	for (;;) {
		if (ioctl(vm->mini.vcpu, KVM_RUN, 0)) {
			if (errno != EINTR)
				die("KVM_RUN");
			if (!alarmed)
				continue;
			printf("BAD %s: no end\n", name);
			bad++;
			break;
		}
		if (run->exit_reason == KVM_EXIT_IO && run->io.port == GUEST_PORT) {
			if (!serve(vm))
				break;
			continue;
		}
		printf("%s: exit reason %u\n", name, run->exit_reason);
		break;
	}
	set_alarm(false);
}

/* ---- the transcript ---- */

static void print_note(const char *name, const struct note *n)
{
	printf("%s: %s%s%s %#llx", name, n->text, *n->what ? ", " : "", n->what,
	       (unsigned long long)n->a);
	if (n->kind == NOTE_TWO)
		printf(" %#llx", (unsigned long long)n->b);
	putchar('\n');
	if (n->kind != NOTE_WANT)
		return;
	wanted++;
	if (n->a == n->b)
		return;
	printf("BAD %s: %s: %#llx instead of %#llx\n", name, n->text, (unsigned long long)n->a,
	       (unsigned long long)n->b);
	bad++;
}

static void print_notes(struct same_vm *vm, const char *name)
{
	const struct transcript *t = vm_at(vm, &transcript);
	uint32_t i, nr = t->nr < MAX_NOTES ? t->nr : MAX_NOTES;

	for (i = 0; i < nr; i++)
		print_note(name, &t->notes[i]);
	if (nr == MAX_NOTES) {
		printf("BAD %s: too long a transcript\n", name);
		bad++;
	}
}

static void print_hex(const char *name, const char *what, const void *data, size_t len)
{
	const uint8_t *byte = data;

	printf("%s: %s ", name, what);
	while (len--)
		printf("%02x", *byte++);
	putchar('\n');
}

/* The numbers of events that are over depend on how they were delivered. */
static void forget_old_events(struct kvm_vcpu_events *events)
{
	if (!events->exception.injected && !events->exception.pending)
		memset(&events->exception, 0, sizeof(events->exception));
	if (!events->interrupt.injected)
		events->interrupt.nr = 0;
}

/* The timer's count runs on. */
static void print_state(struct same_vm *vm, const char *name)
{
	struct kvm_vcpu_events events = { 0 };
	struct kvm_lapic_state apic;
	struct kvm_mp_state mp;
	unsigned int reg;

	if (ioctl(vm->mini.vcpu, KVM_GET_LAPIC, &apic) ||
	    ioctl(vm->mini.vcpu, KVM_GET_VCPU_EVENTS, &events) ||
	    ioctl(vm->mini.vcpu, KVM_GET_MP_STATE, &mp))
		die("the vCPU's state");
	if (options.common)
		forget_old_events(&events);
	printf("%s: apic", name);
	for (reg = 0; reg < 0x400; reg += 0x10)
		if (reg != APIC_TMCCT)
			printf(" %x", *(uint32_t *)(apic.regs + reg));
	putchar('\n');
	print_hex(name, "events", &events, sizeof(events));
	printf("%s: state %u\n", name, mp.mp_state);
}

/* Exits that an interrupt of the host caused are not the guest's. */
static void print_counts(struct same_vm *vm, const char *name)
{
	unsigned int i;

	printf("%s: counts", name);
	for (i = 0; i < NR_COUNTERS; i++)
		printf(" %s=%llu", counters[i], (unsigned long long)
		       (stats_read(&vm->stats, counters[i]) -
			(i ? 0 : stats_read(&vm->stats, "irq_exits"))));
	putchar('\n');
}

static void run_in(const struct scenario *scenario, bool x2apic)
{
	struct same_vm vm;
	char name[80];

	snprintf(name, sizeof(name), "%s%s", scenario->name, x2apic ? "" : " (xAPIC)");
	vm_make(&vm, scenario, x2apic);
	vm_run(&vm, name);
	print_notes(&vm, name);
	print_state(&vm, name);
	if ((scenario->flags & COUNTED) && !options.common)
		print_counts(&vm, name);
	fflush(stdout);
	vm_end(&vm);
}

static void run_list(const struct scenario *s, bool svm)
{
	for (; s->name; s++) {
		if (options.only && !strstr(s->name, options.only))
			continue;
		if (options.common && (s->flags & NOT_DIRECT))
			continue;
		if (!svm && (s->flags & NEEDS_SVM)) {
			printf("%s: not run, no SVM\n", s->name);
			continue;
		}
		if (s->flags & IN_X2APIC)
			run_in(s, true);
		if (s->flags & IN_XAPIC)
			run_in(s, false);
	}
}

/* ---- what user space sees ---- */

static void print_cpuid(void)
{
	struct kvm_cpuid2 *cpuid = supported_cpuid();
	unsigned int i;

	for (i = 0; i < cpuid->nent; i++)
		printf("CPUID %x.%x: %x %x %x %x\n", cpuid->entries[i].function,
		       cpuid->entries[i].index, cpuid->entries[i].eax, cpuid->entries[i].ebx,
		       cpuid->entries[i].ecx, cpuid->entries[i].edx);
	free(cpuid);
}

static void print_capabilities(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = ioctl(kvm, KVM_CREATE_VM, 0);
	struct kvm_msr_list *msrs = calloc(1, sizeof(*msrs) + 1024 * sizeof(msrs->indices[0]));
	unsigned int i;
	int cap;

	for (cap = 0; cap < 300; cap++)
		printf("capability %d: %d %d\n", cap, ioctl(kvm, KVM_CHECK_EXTENSION, cap),
		       ioctl(vm, KVM_CHECK_EXTENSION, cap));
	msrs->nmsrs = 1024;
	if (ioctl(kvm, KVM_GET_MSR_INDEX_LIST, msrs))
		die("KVM_GET_MSR_INDEX_LIST");
	for (i = 0; i < msrs->nmsrs; i++)
		printf("MSR %x\n", msrs->indices[i]);
	free(msrs);
	close(vm);
	close(kvm);
}

static void parse(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--common")) {
			options.common = true;
		} else if (!strcmp(argv[i], "--direct") && i + 1 < argc) {
			options.common = true;
			options.disk = argv[++i];
		} else if (!strcmp(argv[i], "--only") && i + 1 < argc) {
			options.only = argv[++i];
		} else {
			fprintf(stderr, "usage: same [--common | --direct DISK] [--only TEXT]\n");
			exit(2);
		}
	}
}

/* One CPU, the quiet one: CPUID differs by CPU, and a move costs exits. */
static void pin(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sysconf(_SC_NPROCESSORS_CONF) - 1, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_alarm };
	bool svm;

	parse(argc, argv);
	pin();
	sigaction(SIGALRM, &action, NULL);
	svm = has_cpuid_bit(0x80000001, 2);
	if (!options.only) {
		print_cpuid();
		print_capabilities();
	}
	run_list(interrupt_scenarios, svm);
	run_list(apic_scenarios, svm);
	run_list(exception_scenarios, svm);
	run_list(nested_scenarios, svm);
	printf("%u expectations\n", wanted);
	return bad ? 1 : 0;
}
