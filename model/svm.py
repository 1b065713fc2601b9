"""The MSRs of AMD-V as the processor has them: VM_CR, SMM_CTL, VM_HSAVE_PA (APM2 15.30), and EFER.SVME.

Sources: APM2 15.30.1 to 15.30.4. Linux' own rules for the same registers are in `kvm/`.
"""

import enum
from collections.abc import Callable

from .msr import MsrRequest, MsrResponse, violation
from .registers import Msr, Parameters

EFER, VM_CR, SMM_CTL, VM_HSAVE_PA, XSS = 0xC000_0080, 0xC001_0114, 0xC001_0116, 0xC001_0117, 0xDA0
EFER_SVME = 1 << 12
EFER_KNOWN = 1 << 0 | 1 << 8 | 1 << 10 | 1 << 11 | EFER_SVME
"""SCE, LME, LMA, NXE and SVME."""
OK, FAULT = 0, 1
ABSENT = frozenset({0x3A, 0x10A, *range(0x480, 0x494)})
"""MSRs of Intel's that no processor of AMD's has: FEATURE_CONTROL, ARCH_CAPABILITIES, VMX capabilities."""


class VmCr(enum.IntFlag):
    """VM_CR bits (APM2 15.30.1); bits 63:5 must be zero."""

    DPD = 1 << 0
    R_INIT = 1 << 1
    DIS_A20M = 1 << 2
    LOCK = 1 << 3
    SVMDIS = 1 << 4


VM_CR_VALID = 0x1F


def next_vm_cr(old: int, data: int, svme: bool) -> int | None:
    """VM_CR after a write, or None for a fault (APM2 15.30.1).

    LOCK makes writes of LOCK and SVMDIS silently ignored; setting SVMDIS while EFER.SVME = 1 is a fault,
    whatever LOCK is.

    Parameters
    ----------
    old : int
        VM_CR before, 64 bits.
    data : int
        What is written, 64 bits.
    svme : bool
        EFER.SVME.
    """
    if data & ~VM_CR_VALID or (svme and data & VmCr.SVMDIS):
        return None
    frozen = int(VmCr.LOCK | VmCr.SVMDIS) if old & VmCr.LOCK else 0
    return old & frozen | data & ~frozen


def is_hsave_pa(data: int, physical_bits: int) -> bool:
    """A 4-Kbyte aligned physical address (APM2 15.30.4).

    Parameters
    ----------
    data : int
        64 bits.
    physical_bits : int
        Width of a physical address, in bits.
    """
    return not data & 0xFFF and data < 1 << physical_bits


class HardwareRegisters:
    """The MSRs as the processor has them: no host, no bookkeeping, #GP(0) for what does not exist.

    A failed write changes nothing, ever.

    Parameters
    ----------
    access: the MSR bus of a machine, which has HWCR and IGNNE.
    smm_lock: HWCR.SmmLock, where the machine's HWCR does not implement it.
    physical_bits: the width of a physical address.
    parameters: the machine's, for `rule`.

    Attributes
    ----------
    rule: why the last access to HWCR or IGNNE was a fault, in words; empty if it was none.
    """

    advertised: frozenset[int] = frozenset()

    def __init__(
        self,
        access: Callable[[MsrRequest], MsrResponse],
        smm_lock: bool = False,
        physical_bits: int = 48,
        parameters: Parameters | None = None,
    ) -> None:
        self.access = access
        self.smm_lock = smm_lock
        self.physical_bits = physical_bits
        self.parameters = parameters or Parameters()
        self.rule = ""
        self.values: dict[int, int] = {EFER: 0, VM_CR: 0, VM_HSAVE_PA: 0, XSS: 0}

    def states(self, index: int) -> bool:
        """Whether it is known here what a processor of AMD's does with this MSR."""
        return index in {*Msr, SMM_CTL, *self.values, *ABSENT}

    def set_msr(self, index: int, data: int, host: bool) -> int:
        """WRMSR: OK, or FAULT, which changes nothing and leaves its reason in `rule`.

        Parameters
        ----------
        index : int
            The MSR's number, 32 bits.
        data : int
            64 bits.
        host : bool
            Not looked at: hardware knows no host.
        """
        self.rule = ""
        if index in list(Msr):
            return self._bus(MsrRequest(index, True, data))[0]
        new = self._next(index, data)
        if new is None:
            return FAULT
        if index != SMM_CTL:
            self.values[index] = new
        return OK

    def get_msr(self, index: int, host: bool) -> tuple[int, int]:
        """RDMSR: OK and the value, or FAULT and 0.

        Parameters
        ----------
        index : int
            The MSR's number, 32 bits.
        host : bool
            Not looked at.
        """
        if index in list(Msr):
            return self._bus(MsrRequest(index))
        # SMM_CTL is write-only.
        return (OK, self.values[index]) if index in self.values else (FAULT, 0)

    def _bus(self, request: MsrRequest) -> tuple[int, int]:
        response = self.access(request)
        self.rule = violation(request, self.parameters) or "" if response.fault else ""
        return FAULT if response.fault else OK, response.data

    def _next(self, index: int, data: int) -> int | None:
        """The value after a write, or None for #GP(0)."""
        match index:
            case 0xC001_0114:  # VM_CR
                return next_vm_cr(self.values[VM_CR], data, bool(self.values[EFER] & EFER_SVME))
            case 0xC001_0116:  # SMM_CTL
                locked = self.smm_lock or self._bus(MsrRequest(Msr.HWCR))[1] & 1
                return None if locked or data & ~0x1F else data
            case 0xC001_0117:  # VM_HSAVE_PA
                return data if is_hsave_pa(data, self.physical_bits) else None
            case 0xC000_0080:  # EFER
                svmdis = data & EFER_SVME and self.values[VM_CR] & VmCr.SVMDIS
                return None if svmdis or data & ~EFER_KNOWN else data
            case 0xDA0:  # XSS
                return None if data else 0
            case _:
                return None
