"""What stands behind `svm_set_msr` and `vmx_set_msr`: KVM's bookkeeping, or the hardware itself.

A failed write changes nothing, ever. (Linux updates VM_CR before it finds the fault, and freezes LOCK and
SVMDIS by SVMDIS where APM2 15.30.1 says LOCK; neither is copied.)
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..msr import MsrRequest, MsrResponse
from ..registers import Msr


class Return(enum.IntEnum):
    """What KVM's functions return; negative values are errno."""

    OK = 0
    FAULT = 1
    UNSUPPORTED = 2
    FILTERED = 3


class Common(enum.IntEnum):
    """MSR addresses beside HWCR and IGNNE."""

    FEATURE_CONTROL = 0x3A
    UCODE_REV = 0x8B
    ARCH_CAPABILITIES = 0x10A
    MC0_STATUS = 0x401
    XSS = 0xDA0
    EFER = 0xC000_0080
    SYSCALL_MASK = 0xC000_0084
    GS_BASE = 0xC000_0101
    VM_CR = 0xC001_0114
    SMM_CTL = 0xC001_0116
    VM_HSAVE_PA = 0xC001_0117


class VmCr(enum.IntFlag):
    """VM_CR bits (APM2 15.30.1); bits 63:5 must be zero."""

    DPD = 1 << 0
    R_INIT = 1 << 1
    DIS_A20M = 1 << 2
    LOCK = 1 << 3
    SVMDIS = 1 << 4


class FeatureControl(enum.IntFlag):
    """IA32_FEATURE_CONTROL bits that KVM knows."""

    LOCKED = 1 << 0
    VMX_INSIDE_SMX = 1 << 1
    VMX_OUTSIDE_SMX = 1 << 2
    SGX_LC = 1 << 17
    SGX = 1 << 18
    LMCE = 1 << 20


VM_CR_VALID = 0x1F
FEATURE_CONTROL_KNOWN = int(
    FeatureControl.LOCKED
    | FeatureControl.VMX_INSIDE_SMX
    | FeatureControl.VMX_OUTSIDE_SMX
    | FeatureControl.SGX_LC
    | FeatureControl.SGX
    | FeatureControl.LMCE
)
HWCR_DROPPED = 1 << 3 | 1 << 6 | 1 << 8
"""TlbCacheDis, FFDIS and IgnneEm: KVM clears them before it looks at the rest."""
HWCR_KEPT = 1 << 18 | 1 << 24
"""McStatusWrEn and TscFreqSel."""
EFER_SVME = 1 << 12
EFER_VALID = 1 << 0 | 1 << 8 | 1 << 10 | 1 << 11
"""SCE, LME, LMA, NXE; SVME only where the guest has SVM."""


@dataclass(frozen=True)
class Options:
    """Module parameters, and what the guest's CPUID offers."""

    ignore_msrs: bool = False
    report_ignored_msrs: bool = True
    feature_control: int = int(FeatureControl.LOCKED | FeatureControl.VMX_OUTSIDE_SMX)
    """Bits of FEATURE_CONTROL that a guest may set."""
    supported_xss: int = 0
    physical_bits: int = 48


class Backing(Protocol):
    """The registers of a vCPU."""

    advertised: frozenset[int]
    """What KVM_GET_MSR_INDEX_LIST lists."""

    def set_msr(self, index: int, data: int, host: bool) -> int:
        """Write; a `Return`. `host` is an access of user space, which some rules spare."""
        ...

    def get_msr(self, index: int, host: bool) -> tuple[int, int]:
        """Read; a `Return` and the value."""
        ...


class KvmRegisters:
    """`kvm_set_msr_common` and `kvm_get_msr_common`, with the MSRs that both vendors share."""

    advertised: frozenset[int] = frozenset(
        {
            Msr.HWCR,
            Common.EFER,
            Common.FEATURE_CONTROL,
            Common.GS_BASE,
            Common.SYSCALL_MASK,
            Common.UCODE_REV,
            Common.VM_HSAVE_PA,
            Common.XSS,
        }
    )
    efer_valid = EFER_VALID

    def __init__(self, options: Options, log: list[str]) -> None:
        self.options = options
        self.log = log
        self.values: dict[int, int] = {
            Msr.HWCR: 0,
            Common.ARCH_CAPABILITIES: 0,
            Common.EFER: 0,
            Common.GS_BASE: 0,
            Common.MC0_STATUS: 0,
            Common.SYSCALL_MASK: 0,
            Common.UCODE_REV: 0,
            Common.XSS: 0,
        }

    def set_msr(self, index: int, data: int, host: bool) -> int:
        rule = self._rules().get(index)
        return Return.UNSUPPORTED if rule is None else rule(data, host)

    def get_msr(self, index: int, host: bool) -> tuple[int, int]:
        if index == Common.ARCH_CAPABILITIES and not host:
            return Return.UNSUPPORTED, 0
        if index == Common.VM_HSAVE_PA:
            return Return.OK, self.values.get(index, 0)
        if index not in self.values:
            return Return.UNSUPPORTED, 0
        return Return.OK, self.values[index]

    def _rules(self) -> dict[int, Callable[[int, bool], int]]:
        """What a write does, by address."""
        return {
            Msr.HWCR: self._hwcr,
            Common.ARCH_CAPABILITIES: self._host_only(Common.ARCH_CAPABILITIES),
            Common.EFER: self._efer,
            Common.GS_BASE: self._gs_base,
            Common.MC0_STATUS: self._mc0_status,
            Common.SYSCALL_MASK: self._plain(Common.SYSCALL_MASK),
            Common.UCODE_REV: self._ucode_rev,
            Common.VM_HSAVE_PA: self._dropped,
            Common.XSS: self._xss,
        }

    def _plain(self, index: int) -> Callable[[int, bool], int]:
        def write(data: int, host: bool) -> int:
            self.values[index] = data
            return Return.OK

        return write

    def _host_only(self, index: int) -> Callable[[int, bool], int]:
        def write(data: int, host: bool) -> int:
            return self._plain(index)(data, host) if host else Return.UNSUPPORTED

        return write

    def _dropped(self, data: int, host: bool) -> int:
        """One of the MSRs that common code accepts and drops."""
        return Return.OK

    def _unhandled(self, index: int, data: int) -> None:
        """`kvm_pr_unimpl_wrmsr`."""
        if self.options.report_ignored_msrs:
            self.log.append(f"kvm: Unhandled WRMSR({index:#x}) = {data:#x}")

    def _hwcr(self, data: int, host: bool) -> int:
        kept = data & ~HWCR_DROPPED
        if kept & ~HWCR_KEPT:
            self._unhandled(Msr.HWCR, data)
            return Return.FAULT
        self.values[Msr.HWCR] = kept
        return Return.OK

    def _mc0_status(self, data: int, host: bool) -> int:
        """A guest may write 0, and anything else only while HWCR.McStatusWrEn is set."""
        if data and not host and not self.values[Msr.HWCR] & 1 << 18:
            return Return.FAULT
        self.values[Common.MC0_STATUS] = data
        return Return.OK

    def _ucode_rev(self, data: int, host: bool) -> int:
        if host:
            self.values[Common.UCODE_REV] = data
        return Return.OK

    def _xss(self, data: int, host: bool) -> int:
        if data & ~self.options.supported_xss:
            return Return.FAULT
        self.values[Common.XSS] = data
        return Return.OK

    def _efer(self, data: int, host: bool) -> int:
        if data & ~self.efer_valid:
            return Return.FAULT
        self.values[Common.EFER] = data
        return Return.OK

    def _gs_base(self, data: int, host: bool) -> int:
        """A non-canonical address is a fault (48 bits of virtual address)."""
        if data >> 47 not in (0, 0x1FFFF):
            return Return.FAULT
        self.values[Common.GS_BASE] = data
        return Return.OK


class SvmRegisters(KvmRegisters):
    """`svm_set_msr` and `svm_get_msr`."""

    efer_valid = EFER_VALID | EFER_SVME

    def __init__(self, options: Options, log: list[str]) -> None:
        super().__init__(options, log)
        self.values |= {Common.VM_CR: 0, Common.VM_HSAVE_PA: 0}

    def _rules(self) -> dict[int, Callable[[int, bool], int]]:
        return super()._rules() | {
            Msr.IGNNE: self._ignne,
            Common.VM_CR: self._vm_cr,
            Common.VM_HSAVE_PA: self._hsave_pa,
        }

    def _ignne(self, data: int, host: bool) -> int:
        """Accepted whatever it is, logged, and dropped; a read is of an unknown MSR."""
        self._unhandled(Msr.IGNNE, data)
        return Return.OK

    def _vm_cr(self, data: int, host: bool) -> int:
        new = next_vm_cr(self.values[Common.VM_CR], data, bool(self.values[Common.EFER] & EFER_SVME))
        if new is None:
            return Return.FAULT
        self.values[Common.VM_CR] = new
        return Return.OK

    def _hsave_pa(self, data: int, host: bool) -> int:
        """A guest's address has to be aligned and within the physical width; the host is trusted."""
        if not host and not is_hsave_pa(data, self.options.physical_bits):
            return Return.FAULT
        self.values[Common.VM_HSAVE_PA] = data & ~0xFFF
        return Return.OK


class VmxRegisters(KvmRegisters):
    """`vmx_set_msr` and `vmx_get_msr`."""

    def __init__(self, options: Options, log: list[str]) -> None:
        super().__init__(options, log)
        self.values |= {Common.FEATURE_CONTROL: 0}

    def _rules(self) -> dict[int, Callable[[int, bool], int]]:
        return super()._rules() | {Common.FEATURE_CONTROL: self._feature_control}

    def _feature_control(self, data: int, host: bool) -> int:
        """Once locked it is closed to the guest, never to the host."""
        valid = FEATURE_CONTROL_KNOWN if host else self.options.feature_control
        locked = self.values[Common.FEATURE_CONTROL] & FeatureControl.LOCKED
        if data & ~valid or (locked and not host):
            return Return.FAULT
        self.values[Common.FEATURE_CONTROL] = data
        return Return.OK


class HardwareRegisters:
    """The MSRs as the processor has them: no host, no bookkeeping, #GP(0) for what does not exist.

    Parameters
    ----------
    access: the MSR bus of a machine, which has HWCR and IGNNE.
    smm_lock: HWCR.SmmLock, which the machine does not implement.
    """

    advertised: frozenset[int] = frozenset()

    def __init__(
        self,
        access: Callable[[MsrRequest], MsrResponse],
        options: Options | None = None,
        smm_lock: bool = False,
    ) -> None:
        self.access = access
        self.options = options or Options()
        self.smm_lock = smm_lock
        self.values: dict[int, int] = {Common.EFER: 0, Common.VM_CR: 0, Common.VM_HSAVE_PA: 0, Common.XSS: 0}

    def set_msr(self, index: int, data: int, host: bool) -> int:
        if index in list(Msr):
            return self._bus(MsrRequest(index, True, data))[0]
        new = self._next(index, data)
        if new is None:
            return Return.FAULT
        if index != Common.SMM_CTL:
            self.values[index] = new
        return Return.OK

    def get_msr(self, index: int, host: bool) -> tuple[int, int]:
        if index in list(Msr):
            return self._bus(MsrRequest(index))
        # SMM_CTL is write-only.
        return (Return.OK, self.values[index]) if index in self.values else (Return.FAULT, 0)

    def _bus(self, request: MsrRequest) -> tuple[int, int]:
        response = self.access(request)
        return Return.FAULT if response.fault else Return.OK, response.data

    def _next(self, index: int, data: int) -> int | None:
        """The value after a write, or None for #GP(0)."""
        match index:
            case Common.VM_CR:
                return next_vm_cr(self.values[Common.VM_CR], data, bool(self.values[Common.EFER] & EFER_SVME))
            case Common.SMM_CTL:
                return None if self.smm_lock or data & ~0x1F else data
            case Common.VM_HSAVE_PA:
                return data if is_hsave_pa(data, self.options.physical_bits) else None
            case Common.EFER:
                svmdis = data & EFER_SVME and self.values[Common.VM_CR] & VmCr.SVMDIS
                return None if svmdis or data & ~(EFER_VALID | EFER_SVME) else data
            case Common.XSS:
                return None if data & ~self.options.supported_xss else data
            case _:
                return None


def next_vm_cr(old: int, data: int, svme: bool) -> int | None:
    """VM_CR after a write, or None for a fault (APM2 15.30.1).

    LOCK makes writes of LOCK and SVMDIS silently ignored; setting SVMDIS while EFER.SVME = 1 is a fault,
    whatever LOCK is.
    """
    if data & ~VM_CR_VALID or (svme and data & VmCr.SVMDIS):
        return None
    frozen = int(VmCr.LOCK | VmCr.SVMDIS) if old & VmCr.LOCK else 0
    return old & frozen | data & ~frozen


def is_hsave_pa(data: int, physical_bits: int) -> bool:
    """A 4-Kbyte aligned physical address (APM2 15.30.4)."""
    return not data & 0xFFF and data < 1 << physical_bits


BACKENDS: dict[str, type[KvmRegisters]] = {"svm": SvmRegisters, "vmx": VmxRegisters}
"""KVM's bookkeeping by vendor."""
