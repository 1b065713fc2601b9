"""`kvm_set_msr_common` and `kvm_get_msr_common`: what both vendors' modules share.

Sources: Linux `arch/x86/kvm/x86.c` from 5.10 to 6.18 (since 2026 `msrs.c`), `mtrr.c`, `lapic.c`. What changed
between those kernels is asked of `Options.kernel`.
"""

from collections import Counter
from collections.abc import Callable

from ..registers import Msr
from .advertised import advertised
from .cpuid import DEFAULT_GUESTS, Guest
from .msrs import (
    EFER_LMA,
    EFER_LME,
    EFER_NX,
    EFER_SCE,
    HWCR_CPUIDUSERDIS,
    HWCR_DROPPED,
    HWCR_MCSTATUSWREN,
    HWCR_TSCFREQSEL,
    Common,
    Options,
    Return,
)

Rule = Callable[[int, int, bool], int]
"""A write: address, data, whether by the host; gives a `Return`."""

DROPPED = frozenset(
    {Common.UCODE_WRITE, Common.NB_CFG, Common.PATCH_LOADER, Common.VM_HSAVE_PA, Common.K7_CLK_CTL}
    | {0xC001_1022, 0xC001_1023, 0xC001_102A, 0xC001_102C}
)
"""Writes are accepted and forgotten: the last four are DC_CFG, TW_CFG, BU_CFG2 and F15H_EX_CFG."""
READS_ZERO = frozenset(
    {Common.PLATFORM_ID, Common.EBL_CR_POWERON, Common.PERF_CTL, Common.SYSCFG, Common.NB_CFG}
    | {Common.MMIO_CONF_BASE, Common.VM_HSAVE_PA, Common.RAPL_POWER_UNIT, 0x611, 0x619, 0x639, 0x641}
    | {0x1DB, 0x1DC, 0x1DD, 0x1DE, 0xC001_0055, 0xC001_0112, 0xC001_0113}
    | {0xC001_1022, 0xC001_1023, 0xC001_102A, 0xC001_102C}
)
READS = {Common.FSB_FREQ: 3, 0x2C: 1 << 24, Common.PERF_STATUS: 1000 | 4 << 40, Common.K7_CLK_CTL: 1 << 29}
"""Constants: 2Ch is EBC_FREQUENCY_ID."""
LEGACY_COUNTERS = frozenset({0xC1, 0xC2, 0x186, 0x187, *range(0xC001_0000, 0xC001_0008)})
LEGACY_COUNTS = frozenset({0xC1, 0xC2, *range(0xC001_0004, 0xC001_0008)})
"""Those that count; the others select what."""
MC_BANKS = 32
FIXED_MTRRS = (0x250, 0x258, 0x259, *range(0x268, 0x270))
MTRRS = (*range(0x200, 0x210), *FIXED_MTRRS, int(Common.MTRR_DEF_TYPE))
MISC_ENABLE_READ_ONLY = 1 << 11 | 1 << 12
"""BTS and PEBS unavailable."""
BURST = 10
"""How many lines of one kind the kernel's rate limit lets through before it waits (5 seconds)."""


class KernelLog(list[str]):
    """The kernel's messages; what the rate limit holds back is only counted."""

    def __init__(self) -> None:
        super().__init__()
        self.suppressed = 0
        self._seen: Counter[str] = Counter()

    def limited(self, caller: str, text: str) -> None:
        """A line from one call in the source.

        Parameters
        ----------
        caller : str
            Which call: each has a rate limit of its own.
        text : str
            The line.
        """
        self._seen[caller] += 1
        if self._seen[caller] <= BURST:
            self.append(text)
        else:
            self.suppressed += 1


class KvmRegisters:
    """The common code alone, with no vendor's module around it.

    Parameters
    ----------
    options: kernel, module parameters, host, guest.
    log: where messages go.
    number: the vCPU's; vCPU 0 is the bootstrap processor.
    """

    vendor = "common"
    efer_supported = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX
    microcode = 0

    def __init__(self, options: Options, log: KernelLog, number: int = 0) -> None:
        self.options = options
        self.log = log
        self.number = number
        self.rip = 0xFFF0
        self.guest = options.guest if options.guest is not None else DEFAULT_GUESTS.get(self.vendor, Guest())
        self.ran = False
        self.advertised, self.features = advertised(self.vendor, options)
        self.values: dict[int, int] = {
            Msr.HWCR: 0,
            Common.APIC_BASE: 0xFEE0_0800 | (0x100 if number == 0 else 0),
            Common.SMI_COUNT: 0,
            Common.UCODE_REV: self.microcode,
            Common.PLATFORM_INFO: 1 << 31,
            Common.ARCH_CAPABILITIES: 0,
            Common.PERF_CAPABILITIES: 0,
            Common.MISC_FEATURES_ENABLES: 0,
            Common.MCG_STATUS: 0,
            Common.MISC_ENABLE: MISC_ENABLE_READ_ONLY,
            Common.POWER_CTL: 0,
            Common.PAT: 0x0007_0406_0007_0406,
            Common.XSS: 0,
            Common.EFER: 0,
            Common.GS_BASE: 0,
            Common.SYSCALL_MASK: 0,
            Common.OSVW_LENGTH: 0,
            Common.OSVW_STATUS: 0,
        }
        self.values |= dict.fromkeys((*MTRRS, *range(0x400, 0x400 + 4 * MC_BANKS)), 0)

    def has(self, name: str) -> bool:
        """Whether the guest has a feature: its CPUID says so and the host's CPU and KVM can do it."""
        return self.guest.has(name) and name in self.options.host_features

    def since(self, major: int, minor: int) -> bool:
        return self.options.kernel >= (major, minor)

    def set_msr(self, index: int, data: int, host: bool) -> int:
        rule = self.rule(index)
        return Return.UNSUPPORTED if rule is None else rule(index, data, host)

    def get_msr(self, index: int, host: bool) -> tuple[int, int]:
        fault = self._unreadable(index, host)
        if fault:
            return fault, 0
        if index in self.values:
            return Return.OK, self.values[index]
        if index in READS_ZERO or index in LEGACY_COUNTERS:
            return Return.OK, 0
        banks = {Common.MCG_CAP: MC_BANKS, Common.MTRR_CAP: 0x508, Common.MCG_CTL: 0, **READS}
        if index in banks or 0x280 <= index < 0x280 + MC_BANKS:
            return Return.OK, banks.get(index, 0)
        return (Return.FAULT if 0x200 <= index < 0x270 else Return.UNSUPPORTED), 0

    def _unreadable(self, index: int, host: bool) -> int:
        """Why a read fails, or 0."""
        if index in (Common.ARCH_CAPABILITIES, Common.PERF_CAPABILITIES):
            feature = "arch_capabilities" if index == Common.ARCH_CAPABILITIES else "pdcm"
            if self.since(6, 13):
                return 0 if self.has(feature) else Return.UNSUPPORTED
            return 0 if host or self.guest.has(feature) else Return.FAULT
        if index == Common.XSS:
            return 0 if host or self.has("xsaves") else Return.FAULT
        if index == Common.MCG_CTL or 0x280 <= index < 0x280 + MC_BANKS:
            # The default MCG_CAP has neither MCG_CTL_P nor CMCI_P.
            return 0 if host else Return.FAULT
        if index in (Common.OSVW_LENGTH, Common.OSVW_STATUS):
            return 0 if self.has("osvw") else Return.FAULT
        return 0

    def rule(self, index: int) -> Rule | None:
        """What a write of this MSR does; None if the code does not know it."""
        if index in DROPPED:
            return self._dropped
        if index in LEGACY_COUNTERS:
            return self._legacy_counter
        if 0x200 <= index < 0x270 or index == Common.MTRR_DEF_TYPE:
            return self._mtrr
        if 0x280 <= index < 0x280 + MC_BANKS:
            return self._mc_ctl2
        if 0x400 <= index < 0x400 + 4 * MC_BANKS:
            return self._mc_bank
        rules: dict[int, Rule] = {
            Msr.HWCR: self._hwcr,
            Common.APIC_BASE: self._apic_base,
            Common.SMI_COUNT: self._host_only,
            Common.UCODE_REV: self._ucode_rev,
            Common.PLATFORM_INFO: self._host_only,
            Common.ARCH_CAPABILITIES: self._capabilities,
            Common.PERF_CAPABILITIES: self._capabilities,
            Common.MISC_FEATURES_ENABLES: self._misc_features,
            Common.MCG_STATUS: self._plain,
            Common.MCG_CTL: self._mcg_ctl,
            Common.MISC_ENABLE: self._misc_enable,
            Common.POWER_CTL: self._plain,
            Common.PAT: self._pat,
            Common.XSS: self._xss,
            Common.EFER: self._efer,
            # Every module has these two, in code of its own.
            Common.GS_BASE: self._canonical,
            Common.SYSCALL_MASK: self._plain,
            Common.MMIO_CONF_BASE: self._mmio_conf_base,
            Common.OSVW_LENGTH: self._osvw,
            Common.OSVW_STATUS: self._osvw,
        }
        return rules.get(index)

    def unimplemented(
        self, index: int, data: int, old: str = "unimplemented wrmsr: {index:#x} data {data:#x}"
    ) -> None:
        """`kvm_pr_unimpl_wrmsr`; `old` is the text of kernels before 6.3.

        Parameters
        ----------
        index : int
            The MSR's number, 32 bits.
        data : int
            64 bits.
        old : str
            A format for `index` and `data`.
        """
        if self.since(6, 3) and not self.options.report_ignored_msrs:
            return
        text = "Unhandled WRMSR({index:#x}) = {data:#x}" if self.since(6, 3) else old
        prefix = f"vcpu{self.number}, guest rIP: {self.rip:#x} "
        self.log.limited("unimplemented", f"kvm [1]: {prefix}" + text.format(index=index, data=data))

    def _plain(self, index: int, data: int, host: bool) -> int:
        self.values[index] = data
        return Return.OK

    def _host_only(self, index: int, data: int, host: bool) -> int:
        return self._plain(index, data, host) if host else Return.FAULT

    def _dropped(self, index: int, data: int, host: bool) -> int:
        return Return.OK

    def _legacy_counter(self, index: int, data: int, host: bool) -> int:
        """The counters of P6 and K7 without a virtual PMU: anything is accepted and dropped.

        Kernels before 6.3 log a 0 in a counter too, but not in a selector.
        """
        if data or (index in LEGACY_COUNTS and not self.since(6, 3)):
            self.unimplemented(index, data, "disabled perfctr wrmsr: {index:#x} data {data:#x}")
        return Return.OK

    def _hwcr(self, index: int, data: int, host: bool) -> int:
        kept = data & ~HWCR_DROPPED
        if not self.since(6, 7):
            # Only the bit alone was stored, and a write of 0 stored nothing.
            if kept & ~HWCR_MCSTATUSWREN:
                self.unimplemented(index, kept, "unimplemented HWCR wrmsr: {data:#x}")
                return Return.FAULT
            self.values[index] |= kept
            return Return.OK
        valid = HWCR_MCSTATUSWREN | HWCR_TSCFREQSEL
        if self.since(6, 18) and self.has("gp_on_user_cpuid"):
            valid |= HWCR_CPUIDUSERDIS
        if kept & ~valid:
            self.unimplemented(index, kept)
            return Return.FAULT
        self.values[index] = kept
        return Return.OK

    def _ucode_rev(self, index: int, data: int, host: bool) -> int:
        return self._plain(index, data, host) if host else Return.OK

    def _capabilities(self, index: int, data: int, host: bool) -> int:
        """ARCH_CAPABILITIES and PERF_CAPABILITIES: the host's to write, where the guest has the feature."""
        arch = index == Common.ARCH_CAPABILITIES
        if self.since(6, 13):
            if not host or not self.has("arch_capabilities" if arch else "pdcm"):
                return Return.UNSUPPORTED
        elif not host:
            return Return.FAULT
        # Without a virtual PMU KVM supports no bit of PERF_CAPABILITIES.
        if not arch and data:
            return Return.FAULT
        return self._plain(index, data, host)

    def _misc_features(self, index: int, data: int, host: bool) -> int:
        """Only CPUID faulting, where PLATFORM_INFO has it."""
        if data & ~1 or (data & 1 and not self.values[Common.PLATFORM_INFO] & 1 << 31):
            return Return.FAULT
        return self._plain(index, data, host)

    def _misc_enable(self, index: int, data: int, host: bool) -> int:
        if not host and self.since(6, 0):
            old = self.values[index]
            if (old ^ data) & MISC_ENABLE_READ_ONLY:
                return Return.FAULT
            data = data & ~(1 << 7) | old & 1 << 7  # EMON
        return self._plain(index, data, host)

    def _mcg_ctl(self, index: int, data: int, host: bool) -> int:
        return Return.FAULT if data or not host else Return.OK

    def _mc_ctl2(self, index: int, data: int, host: bool) -> int:
        if not self.since(6, 0):
            return Return.UNSUPPORTED
        return Return.FAULT if data or not host else Return.OK

    def _mc_bank(self, index: int, data: int, host: bool) -> int:
        """MCi_CTL takes 0 or all ones (except for bits 10 and 0); MCi_STATUS of a guest 0, and on AMD with
        HWCR[18] anything."""
        if index % 4 == 0 and data and data | 1 << 10 | 1 != (1 << 64) - 1:
            return Return.FAULT
        writable = self.guest.vendor == "AMD" and self.values[Msr.HWCR] & HWCR_MCSTATUSWREN
        if index % 4 == 1 and data and not host and not writable:
            return Return.FAULT
        return self._plain(index, data, host)

    def _mtrr(self, index: int, data: int, host: bool) -> int:
        """Memory types 0, 1, 4, 5, 6; reserved bits; addresses within the guest's width (`mtrr.c`)."""
        if index not in MTRRS:
            return Return.FAULT
        if index in FIXED_MTRRS:
            legal = all(byte in (0, 1, 4, 5, 6) for byte in data.to_bytes(8, "little"))
        elif index == Common.MTRR_DEF_TYPE:
            legal = not data & ~0xCFF and data & 0xFF in (0, 1, 4, 5, 6)
        else:
            base = index % 2 == 0
            reserved = (0xF00 if base else 0x7FF) | -1 << self.guest.physical_bits
            legal = not data & reserved and (not base or data & 0xFF in (0, 1, 4, 5, 6))
        return self._plain(index, data, host) if legal else Return.FAULT

    def _pat(self, index: int, data: int, host: bool) -> int:
        types = data.to_bytes(8, "little")
        return (
            self._plain(index, data, host)
            if all(one in (0, 1, 4, 5, 6, 7) for one in types)
            else Return.FAULT
        )

    def _apic_base(self, index: int, data: int, host: bool) -> int:
        """Bits 7:0 and 9 are reserved, and bit 10 too, for the guests here have no x2APIC."""
        reserved = 0x2FF | 1 << 10 | -1 << self.guest.physical_bits
        return Return.FAULT if data & reserved else self._plain(index, data, host)

    def _xss(self, index: int, data: int, host: bool) -> int:
        if not self.has("xsaves"):
            if self.since(6, 18):
                return Return.UNSUPPORTED
            if not host:
                return Return.FAULT
        return Return.FAULT if data & ~self.options.supported_xss else self._plain(index, data, host)

    def _canonical(self, index: int, data: int, host: bool) -> int:
        """A non-canonical address is a fault (48 bits of virtual address)."""
        return self._plain(index, data, host) if data >> 47 in (0, 0x1FFFF) else Return.FAULT

    def _efer(self, index: int, data: int, host: bool) -> int:
        """`set_efer`: the guest needs the CPUID bits, the host does not; LMA stays as it is."""
        if data & ~self._efer_supported() or (not host and not self._efer_allowed(data)):
            return Return.FAULT
        old = self.values[index]
        return self._plain(index, data & ~EFER_LMA | old & EFER_LMA, host)

    def _efer_supported(self) -> int:
        return self.efer_supported

    def _efer_allowed(self, data: int) -> bool:
        bits = {
            EFER_LME | EFER_LMA: "lm",
            EFER_NX: "nx",
            1 << 12: "svm",
            1 << 14: "fxsr_opt",
            1 << 21: "autoibrs",
        }
        return all(self.has(feature) for mask, feature in bits.items() if data & mask)

    def _mmio_conf_base(self, index: int, data: int, host: bool) -> int:
        if not data:
            return Return.OK
        self.unimplemented(index, data, "unimplemented MMIO_CONF_BASE wrmsr: {data:#x}")
        return Return.FAULT

    def _osvw(self, index: int, data: int, host: bool) -> int:
        return self._plain(index, data, host) if self.has("osvw") else Return.FAULT
