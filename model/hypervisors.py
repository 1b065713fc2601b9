"""Other hypervisors' rules for an AMD guest's HWCR, IGNNE and AMD-V's registers, as their sources state them.

What a source does not state is not here, and an access to it is neither accepted nor refused.
"""

from collections.abc import Callable
from typing import NamedTuple

from .registers import Msr

VM_CR, VM_HSAVE_PA, NB_CFG = 0xC001_0114, 0xC001_0117, 0xC001_001F
LOCK = 1 << 3
XEN_LAST_HSAVE = 0xFD_0000_0000
"""Below the HyperTransport range."""

MsrWrite = Callable[[int, int], int | None]
"""A write: the value before and the value to write; gives the value after, or None for #GP(0)."""


class StatedMsr(NamedTuple):
    """A register as a hypervisor's source states it."""

    reset: int
    write: MsrWrite
    readable: bool = True


class OtherHypervisor(NamedTuple):
    """A hypervisor with what its source states."""

    name: str
    source: str
    msrs: dict[int, StatedMsr]


def _refuse(before: int, data: int) -> int | None:
    return None


def _drop(before: int, data: int) -> int | None:
    return before


def _xen_hsave(before: int, data: int) -> int | None:
    return None if data & 0xFFF or data > XEN_LAST_HSAVE else data


def _vbox_ignne(before: int, data: int) -> int | None:
    """Bits 31:1 fault, 63:32 are ignored, as in its records of real processors; nothing is kept."""
    return None if data & 0xFFFF_FFFE else before


def _vbox_vm_cr(before: int, data: int) -> int | None:
    """Only LOCK and SVMDIS may be 1, which are ignored; 63:32 are ignored."""
    return None if data & 0xFFFF_FFE7 else before


XEN = OtherHypervisor(
    "Xen HVM",
    "Xen 4.18 and later, xen/arch/x86/msr.c and xen/arch/x86/hvm/svm/svm.c, without msr_relaxed",
    {
        Msr.HWCR: StatedMsr(0, _refuse),
        Msr.IGNNE: StatedMsr(0, _refuse, readable=False),
        VM_CR: StatedMsr(0, _drop),
        VM_HSAVE_PA: StatedMsr(0, _xen_hsave),
    },
)
OPENVMM = OtherHypervisor(
    "OpenVMM",
    "OpenVMM of 2026, vmm_core/virt_whp/src/vp.rs, AMD partitions (pull request 3877; #GP before it)",
    {Msr.HWCR: StatedMsr(0, _drop), Msr.IGNNE: StatedMsr(0, _drop), NB_CFG: StatedMsr(0, _drop)},
)
VIRTUALBOX = OtherHypervisor(
    "VirtualBox",
    "VirtualBox 7, VMM/VMMAll/CPUMAllMsrs.cpp and the masks of its database of processors (AMD FX-8150)",
    {Msr.IGNNE: StatedMsr(0, _vbox_ignne), VM_CR: StatedMsr(LOCK, _vbox_vm_cr)},
)
HYPERVISORS = (XEN, OPENVMM, VIRTUALBOX)


class HypervisorRegisters:
    """The registers of one vCPU under a hypervisor."""

    def __init__(self, hypervisor: OtherHypervisor) -> None:
        self.msrs = hypervisor.msrs
        self.values = {index: one.reset for index, one in hypervisor.msrs.items()}

    def states(self, index: int) -> bool:
        """Whether the hypervisor's source states what an access to this MSR does."""
        return index in self.msrs

    def write(self, index: int, data: int) -> bool:
        """WRMSR: whether it is accepted; #GP(0) otherwise, and nothing is changed.

        Parameters
        ----------
        index : int
            The MSR's number, 32 bits.
        data : int
            64 bits.
        """
        after = self.msrs[index].write(self.values[index], data)
        if after is None:
            return False
        self.values[index] = after
        return True

    def read(self, index: int) -> int | None:
        """RDMSR: the value, or None for #GP(0)."""
        return self.values[index] if self.msrs[index].readable else None
