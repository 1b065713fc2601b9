"""What KVM does about the MSRs that people's error messages name, and what helps: one row for a range of addresses.

Sources: Linux `arch/x86/kvm` 4.15 to 6.18 (x86.c, pmu.c, vmx/, svm/), QEMU `target/i386/kvm`; AMD and Intel manuals for names.
"""

from typing import NamedTuple


class KnownMsr(NamedTuple):
    """A register, or a range of them."""

    first: int
    last: int
    name: str
    why: str
    """What KVM does, so why an access ends as it does."""
    advice: str


PMU = (
    "a performance counter's register, which KVM has only where the vCPU has a virtual PMU (host counters usable, "
    "kvm.enable_pmu=1, the counter in the guest's CPUID)"
)
PMU_ADVICE = (
    "Run the guest without a virtual PMU (QEMU: -cpu ...,pmu=off), or give the host its counters: under another "
    "hypervisor they have to be enabled there. Since Linux 6.3 a host may write 0 to what KVM lists."
)
VMX = (
    "a VMX capability MSR: read-only for the guest, and user space may set it only to what the host's own CPU "
    "supports or less"
)
VMX_ADVICE = (
    "QEMU asks for a nested-VMX feature that this host lacks, as under another hypervisor: leave it out "
    "(-cpu ...,-vmx, or the single vmx-* feature), or update QEMU and the host's kernel."
)
DROP_ADVICE = "Nothing has to be done; the guest goes on, without what the register would do."
IGNORED_ADVICE = "Nothing has to be done; kvm.report_ignored_msrs=0 keeps such lines out of the log."
UNKNOWN_ADVICE = (
    "Most guests cope with the #GP. Where one does not, kvm.ignore_msrs=1 makes writes vanish and reads give 0, "
    "for every unknown MSR and every guest; a filter in user space (KVM_X86_SET_MSR_FILTER) is more exact."
)
KNOWN = (
    KnownMsr(0x17, 0x17, "IA32_PLATFORM_ID", "reads 0, writes are unknown", UNKNOWN_ADVICE),
    KnownMsr(0x35, 0x35, "MSR_CORE_THREAD_COUNT", "unknown to KVM; QEMU answers it by a filter and an exit", UNKNOWN_ADVICE),
    KnownMsr(
        0x3A, 0x3A, "IA32_FEATURE_CONTROL",
        "known to kvm_intel only; once the guest has locked it, only the host may write it",
        "Firmware has to set it before the guest needs VMX; on an AMD host nothing has to be done.",
    ),
    KnownMsr(0x34, 0x34, "MSR_SMI_COUNT", "reads how many SMIs the guest took; only the host may write it", UNKNOWN_ADVICE),
    KnownMsr(0x48, 0x48, "IA32_SPEC_CTRL", "the guest needs the CPUID bit, the host's CPU the feature",
             "Update microcode and kernel of the host, or take spec-ctrl out of the guest's CPU."),
    KnownMsr(0x8B, 0x8B, "IA32_UCODE_REV", "kept for the guest to read; a guest's write is dropped", DROP_ADVICE),
    KnownMsr(0xC1, 0xC8, "IA32_PMC0 to IA32_PMC7", PMU, PMU_ADVICE),
    KnownMsr(
        0x10A, 0x10A, "IA32_ARCH_CAPABILITIES",
        "it says which CPU bugs are absent; the host may set it where guest and host have that CPUID bit, else 0 only "
        "(kernels before 5.1 did not know it on AMD at all)",
        "The CPU model asks for more than this host has: take arch-capabilities out of the guest's CPU "
        "(QEMU: -cpu ...,-arch-capabilities), or update QEMU and the host's kernel.",
    ),
    KnownMsr(0x122, 0x122, "IA32_TSX_CTRL", "known where the host's CPU has it and the guest's ARCH_CAPABILITIES says so",
             "Take the TSX features out of the guest's CPU model, or use a model without TSX (-noTSX)."),
    KnownMsr(0x140, 0x140, "MSR_MISC_FEATURES_ENABLES", "only CPUID faulting, where PLATFORM_INFO has it", UNKNOWN_ADVICE),
    KnownMsr(0x17A, 0x17B, "IA32_MCG_STATUS, IA32_MCG_CTL", "machine checks of the vCPU; MCG_CTL only with MCG_CTL_P",
             "Leave mce out of the guest's CPU, or set MCG_CAP as QEMU does."),
    KnownMsr(0x186, 0x18D, "IA32_PERFEVTSEL0 to IA32_PERFEVTSEL7", PMU, PMU_ADVICE),
    KnownMsr(0x19A, 0x19C, "thermal registers", "unknown to KVM: a guest has no thermal sensor", UNKNOWN_ADVICE),
    KnownMsr(0x1A2, 0x1A2, "MSR_TEMPERATURE_TARGET", "unknown to KVM: a guest has no thermal sensor", UNKNOWN_ADVICE),
    KnownMsr(0x1A4, 0x1A4, "MSR_MISC_FEATURE_CONTROL", "unknown to KVM: a guest does not control prefetchers", UNKNOWN_ADVICE),
    KnownMsr(0x1A6, 0x1A7, "off-core response registers", PMU, PMU_ADVICE),
    KnownMsr(0x1AD, 0x1AD, "MSR_TURBO_RATIO_LIMIT", "unknown to KVM: a guest does not set its frequency", UNKNOWN_ADVICE),
    KnownMsr(0x1C9, 0x1C9, "MSR_LASTBRANCH_TOS", "known only with a virtual LBR (Intel, host and guest)", UNKNOWN_ADVICE),
    KnownMsr(
        0x1D9, 0x1D9, "IA32_DEBUGCTL",
        "LBR and BTF without a virtual LBR are logged and dropped; under kvm_intel any other bit is #GP",
        DROP_ADVICE,
    ),
    KnownMsr(0x1FC, 0x1FC, "MSR_POWER_CTL", "kept for the guest to read, without effect; on AMD hosts too since Linux 5.3", DROP_ADVICE),
    KnownMsr(0x200, 0x277, "MTRRs and PAT", "kept; a memory type or a reserved bit that does not exist is #GP",
             "Look at the value: the guest's firmware writes a type that the architecture does not have."),
    KnownMsr(0x2FF, 0x2FF, "IA32_MTRR_DEF_TYPE", "kept; an unknown type or a reserved bit is #GP",
             "Look at the value: the guest's firmware writes a type that the architecture does not have."),
    KnownMsr(
        0x345, 0x345, "IA32_PERF_CAPABILITIES",
        "the host may set it to what KVM's virtual PMU supports or less; without one to 0 only",
        "The CPU model asks for a PMU feature that this host lacks (often LBR or full-width counters, or a host "
        "that is a guest itself): -cpu ...,pmu=off, or update QEMU and the host's kernel.",
    ),
    KnownMsr(0x309, 0x30C, "fixed counters", PMU, PMU_ADVICE),
    KnownMsr(0x38D, 0x390, "IA32_FIXED_CTR_CTRL and the global counter controls", PMU, PMU_ADVICE),
    KnownMsr(0x391, 0x396, "uncore counter controls", "unknown to KVM: a guest has no uncore", UNKNOWN_ADVICE),
    KnownMsr(0x3F1, 0x3F2, "PEBS registers", PMU, PMU_ADVICE),
    KnownMsr(0x3F6, 0x3F6, "MSR_PEBS_LD_LAT_THRESHOLD", PMU, PMU_ADVICE),
    KnownMsr(
        0x400, 0x47F, "machine check banks",
        "a guest may write 0 to a status register, and on AMD anything while HWCR.McStatusWrEn is set",
        DROP_ADVICE,
    ),
    KnownMsr(0x480, 0x491, "VMX capabilities", VMX, VMX_ADVICE),
    KnownMsr(0x4C1, 0x4C8, "full-width performance counters", PMU, PMU_ADVICE),
    KnownMsr(
        0x606, 0x641, "RAPL energy counters",
        "reads of 606h, 611h, 619h, 639h and 641h give 0 since Linux 5.8; the others and all writes are unknown",
        UNKNOWN_ADVICE,
    ),
    KnownMsr(0x64E, 0x64E, "MSR_PPERF", "unknown to KVM: a guest does not set its frequency", UNKNOWN_ADVICE),
    KnownMsr(
        0xDA0, 0xDA0, "IA32_XSS",
        "only bits that host and KVM support; without XSAVES in the guest's CPUID the host may write 0 up to 6.17, "
        "nothing from 6.18 on",
        "Leave XSAVES or its components (CET, PT) out of the guest's CPU.",
    ),
    KnownMsr(0xC000_0080, 0xC000_0080, "EFER", "a guest may set only bits that its CPUID has; SVME needs svm",
             "Give the guest the CPUID bit, or look why it sets the other."),
    KnownMsr(0xC000_0104, 0xC000_0104, "TSC_RATIO", "only with AMD-V's TSC scaling", "Update the host's kernel, or leave tsc-scale out."),
    KnownMsr(0xC001_0000, 0xC001_0007, "K7 event selects and counters", PMU, PMU_ADVICE),
    KnownMsr(
        0xC001_0015, 0xC001_0015, "HWCR",
        "bits 3, 6 and 8 are dropped silently; 18 is kept, since 6.7 also 24, and 35 where the guest's CPUID has it; "
        "any other 1 is #GP and logged",
        "Windows and Linux write it read-modify-write and survive the #GP; nothing has to be done. A guest that "
        "wants IGNNE emulation (bit 8) does not get it: see `irq13 msr ignne --compare`.",
    ),
    KnownMsr(0xC001_001F, 0xC001_001F, "NB_CFG", "reads 0, writes are accepted and dropped", DROP_ADVICE),
    KnownMsr(0xC001_0058, 0xC001_0058, "MMIO_CONF_BASE", "reads 0; a write other than 0 is #GP and logged", UNKNOWN_ADVICE),
    KnownMsr(0xC001_0061, 0xC001_006B, "P-states", "unknown to KVM: a guest does not set its frequency", UNKNOWN_ADVICE),
    KnownMsr(0xC001_0114, 0xC001_0114, "VM_CR", "known to kvm_amd only: bits 4:0, SVMDIS with EFER.SVME is #GP", UNKNOWN_ADVICE),
    KnownMsr(
        0xC001_0115, 0xC001_0115, "IGNNE",
        "kvm_amd accepts any write, logs it and drops it, and a read is #GP; to kvm_intel it is unknown. IGNNE "
        "emulation does not happen",
        "Harmless: Windows with Hyper-V writes 0 on every vCPU. kvm.report_ignored_msrs=0 keeps the log clean.",
    ),
    KnownMsr(0xC001_0116, 0xC001_0116, "SMM_CTL", "unknown to KVM", UNKNOWN_ADVICE),
    KnownMsr(0xC001_0117, 0xC001_0117, "VM_HSAVE_PA", "kvm_amd wants an aligned address from a guest; elsewhere it is dropped",
             DROP_ADVICE),
    KnownMsr(0xC001_0200, 0xC001_020B, "core performance counters of family 15h on", PMU, PMU_ADVICE),
    KnownMsr(0xC001_0292, 0xC001_0293, "P-state control and status", "unknown to KVM: a guest does not set its frequency", UNKNOWN_ADVICE),
    KnownMsr(0xC001_0299, 0xC001_029B, "AMD's RAPL counters", "unknown to KVM", UNKNOWN_ADVICE),
    KnownMsr(0xC001_1020, 0xC001_1021, "LS_CFG, IC_CFG", "unknown to KVM (kvm_amd lets IC_CFG be read)", UNKNOWN_ADVICE),
    KnownMsr(0xC001_1022, 0xC001_1023, "DC_CFG, TW_CFG", "read 0, writes are accepted and dropped", DROP_ADVICE),
    KnownMsr(0xC001_102A, 0xC001_102A, "BU_CFG2", "reads 0, writes are accepted and dropped", DROP_ADVICE),
    KnownMsr(0xC001_102C, 0xC001_102C, "F15H_EX_CFG", "reads 0, writes are accepted and dropped", DROP_ADVICE),
    KnownMsr(0xC001_1029, 0xC001_1029, "DE_CFG", "kvm_amd has bit 1, LFENCE serializes; any other bit is #GP", UNKNOWN_ADVICE),
    KnownMsr(0x4000_0000, 0x4000_01FF, "Hyper-V's MSRs", "only with the Hyper-V enlightenments in the guest's CPUID",
             "Switch the enlightenment on that the guest uses (QEMU: -cpu ...,hv-...)."),
    KnownMsr(0x4B56_4D00, 0x4B56_4DFF, "KVM's own MSRs", "since 5.10, where user space asks for that, only with their bit in the guest's CPUID leaf 4000_0001h",
             "Give the guest the paravirtual feature, or update QEMU with the kernel."),
)  # fmt: skip


def known_msr(index: int) -> KnownMsr | None:
    """The row of an MSR."""
    return next((one for one in KNOWN if one.first <= index <= one.last), None)
