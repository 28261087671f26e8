# SPDX-License-Identifier: GPL-2.0-only
"""Names of the exit codes of AMD's and Intel's processors, as KVM's trace has them."""

SVM = {
    0x060: "interrupt", 0x061: "nmi", 0x062: "smi", 0x063: "init", 0x064: "vintr",
    0x065: "cr0_sel_write", 0x066: "read_idtr", 0x067: "read_gdtr", 0x068: "read_ldtr",
    0x069: "read_tr", 0x06a: "write_idtr", 0x06b: "write_gdtr", 0x06c: "write_ldtr",
    0x06d: "write_tr", 0x06e: "rdtsc", 0x06f: "rdpmc", 0x070: "pushf", 0x071: "popf",
    0x072: "cpuid", 0x073: "rsm", 0x074: "iret", 0x075: "swint", 0x076: "invd",
    0x077: "pause", 0x078: "hlt", 0x079: "invlpg", 0x07a: "invlpga", 0x07b: "io",
    0x07c: "msr", 0x07d: "task_switch", 0x07e: "ferr_freeze", 0x07f: "shutdown",
    0x080: "vmrun", 0x081: "hypercall", 0x082: "vmload", 0x083: "vmsave", 0x084: "stgi",
    0x085: "clgi", 0x086: "skinit", 0x087: "rdtscp", 0x088: "icebp", 0x089: "wbinvd",
    0x08a: "monitor", 0x08b: "mwait", 0x08d: "xsetbv", 0x08f: "write_efer_trap",
    0x0a2: "invpcid", 0x400: "npf", 0x401: "avic_incomplete_ipi",
    0x402: "avic_unaccelerated_access", 0x403: "vmgexit", 0xffffffff: "invalid_guest_state",
}
SVM.update({n: f"read_cr{n}" for n in range(16)})
SVM.update({0x10 + n: f"write_cr{n}" for n in range(16)})
SVM.update({0x20 + n: f"read_dr{n}" for n in range(16)})
SVM.update({0x30 + n: f"write_dr{n}" for n in range(16)})
SVM.update({0x40 + n: f"exception_{n}" for n in range(32)})
# With direct notification the gates of the host's own interrupts are not present.
SVM[0x4b] = "np_interrupt"
SVM.update({0x90 + n: f"write_cr{n}_trap" for n in range(16)})

VMX = {
    0: "exception_nmi", 1: "external_interrupt", 2: "triple_fault", 3: "init", 4: "sipi",
    7: "interrupt_window", 8: "nmi_window", 9: "task_switch", 10: "cpuid", 12: "hlt",
    13: "invd", 14: "invlpg", 15: "rdpmc", 16: "rdtsc", 18: "hypercall", 19: "vmclear",
    20: "vmlaunch", 21: "vmptrld", 22: "vmptrst", 23: "vmread", 24: "vmresume",
    25: "vmwrite", 26: "vmoff", 27: "vmon", 28: "cr_access", 29: "dr_access", 30: "io",
    31: "msr_read", 32: "msr_write", 33: "invalid_state", 34: "msr_load_fail", 36: "mwait",
    37: "monitor_trap", 39: "monitor", 40: "pause", 41: "mce_during_vmentry",
    43: "tpr_below_threshold", 44: "apic_access", 45: "eoi_induced", 46: "gdtr_idtr",
    47: "ldtr_tr", 48: "ept_violation", 49: "ept_misconfig", 50: "invept", 51: "rdtscp",
    52: "preemption_timer", 53: "invvpid", 54: "wbinvd", 55: "xsetbv", 56: "apic_write",
    57: "rdrand", 58: "invpcid", 59: "vmfunc", 60: "encls", 61: "rdseed", 62: "pml_full",
    63: "xsaves", 64: "xrstors", 67: "umwait", 68: "tpause", 74: "bus_lock", 75: "notify",
}


def name(vendor, code):
    """The name of an exit code; unknown ones keep their number."""
    # The high half of Intel's reason holds flags.
    table, code = (VMX, code & 0xffff) if vendor == "vmx" else (SVM, code & 0xffffffff)
    return table.get(code, f"exit_{code:#x}")
