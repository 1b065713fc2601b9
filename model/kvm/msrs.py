"""The numbers of KVM's MSR code: addresses, bits, what its functions return, and a script's options."""

import enum
from dataclasses import dataclass, field
from typing import Protocol

from .cpuid import FEATURES, NEWEST, Guest


class Return(enum.IntEnum):
    """What KVM's functions return; negative values are errno."""

    OK = 0
    FAULT = 1
    UNSUPPORTED = 2
    FILTERED = 3


class Common(enum.IntEnum):
    """MSR addresses beside HWCR and IGNNE, as Linux names them."""

    PLATFORM_ID = 0x17
    APIC_BASE = 0x1B
    EBL_CR_POWERON = 0x2A
    SMI_COUNT = 0x34
    FEATURE_CONTROL = 0x3A
    UCODE_WRITE = 0x79
    UCODE_REV = 0x8B
    PERFCTR0 = 0xC1
    PERFCTR1 = 0xC2
    FSB_FREQ = 0xCD
    PLATFORM_INFO = 0xCE
    MTRR_CAP = 0xFE
    ARCH_CAPABILITIES = 0x10A
    MISC_FEATURES_ENABLES = 0x140
    MCG_CAP = 0x179
    MCG_STATUS = 0x17A
    MCG_CTL = 0x17B
    EVNTSEL0 = 0x186
    EVNTSEL1 = 0x187
    PERF_STATUS = 0x198
    PERF_CTL = 0x199
    MISC_ENABLE = 0x1A0
    DEBUGCTL = 0x1D9
    POWER_CTL = 0x1FC
    MTRR_BASE0 = 0x200
    PAT = 0x277
    MC0_CTL2 = 0x280
    MTRR_DEF_TYPE = 0x2FF
    PERF_CAPABILITIES = 0x345
    FIXED_CTR_CTRL = 0x38D
    MC0_CTL = 0x400
    MC0_STATUS = 0x401
    VMX_BASIC = 0x480
    VMX_TRUE_PROCBASED_CTLS = 0x48E
    RAPL_POWER_UNIT = 0x606
    XSS = 0xDA0
    EFER = 0xC000_0080
    SYSCALL_MASK = 0xC000_0084
    GS_BASE = 0xC000_0101
    K7_EVNTSEL0 = 0xC001_0000
    K7_PERFCTR0 = 0xC001_0004
    SYSCFG = 0xC001_0010
    K7_CLK_CTL = 0xC001_001B
    NB_CFG = 0xC001_001F
    PATCH_LOADER = 0xC001_0020
    MMIO_CONF_BASE = 0xC001_0058
    VM_CR = 0xC001_0114
    SMM_CTL = 0xC001_0116
    VM_HSAVE_PA = 0xC001_0117
    OSVW_LENGTH = 0xC001_0140
    OSVW_STATUS = 0xC001_0141
    LS_CFG = 0xC001_1020
    DE_CFG = 0xC001_1029


class FeatureControl(enum.IntFlag):
    """IA32_FEATURE_CONTROL bits that KVM knows."""

    LOCKED = 1 << 0
    VMX_INSIDE_SMX = 1 << 1
    VMX_OUTSIDE_SMX = 1 << 2
    SGX_LC = 1 << 17
    SGX = 1 << 18
    LMCE = 1 << 20


FEATURE_CONTROL_KNOWN = 0x16_0007
HWCR_DROPPED = 1 << 3 | 1 << 6 | 1 << 8
"""TlbCacheDis, FFDIS and IgnneEm: KVM clears them before it looks at the rest."""
HWCR_MCSTATUSWREN, HWCR_TSCFREQSEL, HWCR_CPUIDUSERDIS = 1 << 18, 1 << 24, 1 << 35
EFER_SCE, EFER_LME, EFER_LMA, EFER_NX = 1 << 0, 1 << 8, 1 << 10, 1 << 11
EFER_SVME, EFER_LMSLE, EFER_FFXSR, EFER_AUTOIBRS = 1 << 12, 1 << 13, 1 << 14, 1 << 21
VMX_CAPABILITIES = range(0x480, 0x492)
"""The VMX capability MSRs that KVM emulates, VMX_BASIC to VMX_VMFUNC."""


@dataclass(frozen=True)
class Options:
    """The kernel, its module's parameters, its host, and the guest.

    Attributes
    ----------
    kernel: its version, from 5.10 to 6.18.
    host_features: what the host's CPU and KVM offer, by the names of `cpuid.FEATURES`; a guest has no more.
    feature_control: bits of FEATURE_CONTROL that a guest may set.
    supported_xss: bits of XSS that host and KVM support.
    vmx_capabilities: the host's VMX capability MSRs, by address, where they are known.
    """

    ignore_msrs: bool = False
    report_ignored_msrs: bool = True
    kernel: tuple[int, int] = NEWEST
    guest: Guest | None = None
    host_features: frozenset[str] = frozenset(FEATURES)
    feature_control: int = int(FeatureControl.LOCKED | FeatureControl.VMX_OUTSIDE_SMX)
    supported_xss: int = 0
    vmx_capabilities: dict[int, int] = field(default_factory=dict)


class Backing(Protocol):
    """The registers of a vCPU."""

    advertised: frozenset[int]
    """What KVM_GET_MSR_INDEX_LIST lists."""

    def set_msr(self, index: int, data: int, host: bool) -> int:
        """Write; a `Return`. `host` is an access of user space, which some rules spare.

        Parameters
        ----------
        index : int
            The MSR's number, 32 bits.
        data : int
            64 bits.
        host : bool
            By user space.
        """
        ...

    def get_msr(self, index: int, host: bool) -> tuple[int, int]:
        """Read; a `Return` and the value.

        Parameters
        ----------
        index : int
            The MSR's number, 32 bits.
        host : bool
            By user space.
        """
        ...
