"""How a WRMSR reaches `set_msr` in Linux KVM: four ways, one dispatcher, two vendors.

Every call is on a stack of names, those of the script's kernel (`chains.py`), so that each `set_msr` knows
how it was reached. What the registers behind it do is in `registers.py` and `vendors.py`.
"""

import enum
import errno
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

from ..registers import ParameterError
from . import chains
from .chains import Chain
from .cpuid import Guest
from .msrs import VMX_CAPABILITIES, Backing, Common, Options, Return
from .registers import KernelLog, KvmRegisters
from .vendors import BACKENDS

KVM_MSR_FILTER_DEFAULT_DENY = 1
KVM_MSR_FILTER_READ = 1
KVM_MSR_FILTER_WRITE = 2
KVM_MSR_FILTER_MAX_RANGES = 16
KVM_MSR_FILTER_MAX_BITMAP_SIZE = 0x600
MAX_IO_MSRS = 256
IMMUTABLE = frozenset(
    {Common.ARCH_CAPABILITIES, Common.PERF_CAPABILITIES, Common.PLATFORM_INFO, Common.DE_CFG}
)
"""Feature MSRs beside the VMX capabilities and UCODE_REV, which may change."""


class ExitReason(enum.IntFlag):
    """Why an MSR access exits to user space (KVM_CAP_X86_USER_SPACE_MSR)."""

    INVAL = 1
    """A fault: a reserved bit, a lock."""
    UNKNOWN = 2
    FILTER = 4


class FilterRange(NamedTuple):
    """A range of an MSR filter."""

    base: int
    nmsrs: int
    bitmap: bytes
    """Bit n allows (1) or denies (0) MSR base + n, from bit 0 of byte 0 up."""
    flags: int = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE


class MsrExit(NamedTuple):
    """What user space finds in `kvm_run`."""

    write: bool
    reason: ExitReason
    msr: int
    data: int


class AccessResult(enum.Enum):
    """What became of a guest's RDMSR or WRMSR."""

    DONE = "done"
    GP = "#GP"
    """#GP(0) was injected; rIP is not advanced."""
    EXIT = "exit"
    """KVM_RUN returned to user space, which has to complete the access."""


class GuestAccess(NamedTuple):
    """The result of a guest's access."""

    result: AccessResult
    value: int = 0
    """What a read gave, 64 bits."""
    exit: MsrExit | None = None


class KvmError(OSError):
    """An ioctl that fails; `errno` is E2BIG, EFAULT or EINVAL."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(number, f"{what}: {os.strerror(number)}")


class Vm:
    """A virtual machine: what its vCPUs share.

    Parameters
    ----------
    backend: "svm", "vmx", or "common" for what a module of another name shares with both.
    options: module parameters and what the guest's CPUID offers.
    backing: what stands behind the registers; by default KVM's own bookkeeping, one set for each vCPU.

    Attributes
    ----------
    chains: how often `set_msr` was reached by each chain, innermost function first.
    log: kernel messages.
    """

    def __init__(
        self,
        backend: str,
        options: Options | None = None,
        backing: Callable[[int], Backing] | None = None,
    ) -> None:
        if backend not in BACKENDS:
            raise ParameterError(f"backend must be one of {', '.join(BACKENDS)}, not {backend!r}")
        self.backend = backend
        self.options = options or Options()
        self.chains: Counter[Chain] = Counter()
        self.log = KernelLog()
        self.vcpus: list[Vcpu] = []
        self.stack: list[str] = []
        self._backing = backing
        self._exits = ExitReason(0)
        self._filter: tuple[bool, tuple[FilterRange, ...]] | None = None

    def kvm_vm_ioctl_create_vcpu(self) -> "Vcpu":
        """KVM_CREATE_VCPU: one way to `set_msr`."""
        with self.calls(*chains.ioctl("kvm_vm_ioctl")):
            vcpu = Vcpu(self, self._registers(len(self.vcpus)), len(self.vcpus))
            self.vcpus.append(vcpu)
            vcpu.kvm_arch_vcpu_create()
        return vcpu

    def enable_cap_user_space_msr(self, reasons: int) -> None:
        """KVM_ENABLE_CAP(KVM_CAP_X86_USER_SPACE_MSR). Raises KvmError(EINVAL) for unknown reasons."""
        if reasons & ~int(ExitReason.INVAL | ExitReason.UNKNOWN | ExitReason.FILTER):
            raise KvmError(errno.EINVAL, f"KVM_CAP_X86_USER_SPACE_MSR {reasons:#x}")
        self._exits = ExitReason(reasons)

    def set_msr_filter(self, flags: int, ranges: Sequence[FilterRange]) -> None:
        """KVM_X86_SET_MSR_FILTER; the old filter stays if this fails.

        Raises
        ------
        KvmError
            EINVAL for unknown flags, for default deny without a range, for a range whose flags are none or
            unknown, for a bitmap of no or more than 600h bytes, for more than 16 ranges; EFAULT for a bitmap
            shorter than its range.
        """
        if flags & ~KVM_MSR_FILTER_DEFAULT_DENY:
            raise KvmError(errno.EINVAL, f"filter flags {flags:#x}")
        if len(ranges) > KVM_MSR_FILTER_MAX_RANGES:
            raise KvmError(errno.EINVAL, f"{len(ranges)} filter ranges")
        used = tuple(one for one in ranges if one.nmsrs)
        if not used and flags & KVM_MSR_FILTER_DEFAULT_DENY:
            raise KvmError(errno.EINVAL, "default deny without a range")
        for one in used:
            _check_range(one)
        allow = not flags & KVM_MSR_FILTER_DEFAULT_DENY
        # A filter that allows by default and has no range is no filter.
        self._filter = (allow, used) if used else None

    def kvm_msr_allowed(self, index: int, access: int) -> bool:
        """Whether a guest's access passes the filter. x2APIC MSRs, 800h-8FFh, always do."""
        if 0x800 <= index <= 0x8FF or self._filter is None:
            return True
        default, ranges = self._filter
        for one in ranges:
            if one.base <= index < one.base + one.nmsrs and one.flags & access:
                offset = index - one.base
                return bool(one.bitmap[offset // 8] >> offset % 8 & 1)
        return default

    def exits(self, result: int) -> ExitReason | None:
        """The reason with which a failed access exits to user space, if the VM asked for it."""
        reason = {Return.UNSUPPORTED: ExitReason.UNKNOWN, Return.FILTERED: ExitReason.FILTER}.get(
            Return(result), ExitReason.INVAL
        )
        return reason if reason in self._exits else None

    @contextmanager
    def calls(self, *names: str) -> Iterator[None]:
        """These functions are on the stack, the last one innermost."""
        self.stack += names
        try:
            yield
        finally:
            del self.stack[-len(names) :]

    def _registers(self, number: int) -> Backing:
        if self._backing:
            return self._backing(number)
        return BACKENDS[self.backend](self.options, self.log, number)


class Vcpu:
    """One virtual CPU; `Vm.kvm_vm_ioctl_create_vcpu` makes it.

    Attributes
    ----------
    registers: what stands behind its MSRs.
    pending: the exit that user space has to complete before the guest goes on, or None.
    returned: what the vendor's `set_msr` returned last.
    ran: whether the guest has run, which freezes its CPUID and feature MSRs.
    """

    def __init__(self, vm: Vm, registers: Backing, number: int = 0) -> None:
        self.vm = vm
        self.registers = registers
        self.number = number
        self.ran = False
        self.pending: MsrExit | None = None
        self.returned = int(Return.OK)

    def kvm_arch_vcpu_create(self) -> None:
        with self.vm.calls("kvm_arch_vcpu_create"):
            self.kvm_vcpu_reset(init_event=False)

    @property
    def advertised(self) -> frozenset[int]:
        """KVM_GET_MSR_INDEX_LIST, as far as the model has it."""
        return self.registers.advertised

    @property
    def features(self) -> frozenset[int]:
        """KVM_GET_MSR_FEATURE_INDEX_LIST, likewise."""
        return self.registers.features if isinstance(self.registers, KvmRegisters) else frozenset()

    def kvm_vcpu_reset(self, init_event: bool) -> None:
        """RESET writes one MSR through `set_msr`, from 5.17 on: IA32_XSS := 0 as the host. INIT writes none.

        HWCR, VM_CR, VM_HSAVE_PA and FEATURE_CONTROL are not touched by either; user space has to.
        """
        inner = chains.reset(self.vm.options.kernel)
        with self.vm.calls("kvm_vcpu_reset", *(inner or ())):
            if not init_event and inner is not None:
                self._set_msr(Common.XSS, 0, host=True)

    def init(self) -> None:
        """INIT: KVM resets the vCPU and keeps its MSRs."""
        self._running()
        with self.vm.calls(
            *chains.ioctl("kvm_vcpu_ioctl", "kvm_arch_vcpu_ioctl_run", "kvm_apic_accept_events")
        ):
            self.kvm_vcpu_reset(init_event=True)

    def set_cpuid(self, guest: Guest) -> None:
        """KVM_SET_CPUID2. Since 5.16 raises KvmError(EINVAL) once the vCPU has run, unless nothing changes.

        (5.16 itself refused what changes nothing too; c6617c61e8fe mended that in 5.17 and in stable 5.16.)
        """
        registers = self.registers
        if not isinstance(registers, KvmRegisters):
            raise RuntimeError("hardware has the CPUID that it has")
        if self.ran and guest != registers.guest and registers.since(5, 16):
            raise KvmError(errno.EINVAL, "KVM_SET_CPUID2")
        registers.guest = guest
        registers.options = replace(registers.options, guest=guest)

    def peek(self, index: int) -> int | None:
        """What a register holds, without the wrapping around it, or None if nothing says."""
        result, value = self.registers.get_msr(index, host=True)
        if result == Return.UNSUPPORTED and index in self.advertised:
            return 0
        return value if result == Return.OK else None

    def guest_wrmsr(self, index: int, data: int, emulated: bool = False) -> GuestAccess:
        """A guest's WRMSR exits, or is executed by KVM's instruction emulator.

        Raises
        ------
        RuntimeError
            If user space has not completed the access before.
        """
        self._enter()
        chain = chains.emulated_wrmsr if emulated else chains.guest_wrmsr
        with self.vm.calls(*chain(self.vm.backend, self.vm.options.kernel)):
            result: int = Return.FILTERED
            if self.vm.kvm_msr_allowed(index, KVM_MSR_FILTER_WRITE):
                result = self._kvm_set_msr_ignored_check(index, data, host=False)
        return self._finish(result, MsrExit(True, ExitReason(0), index, data))

    def guest_rdmsr(self, index: int) -> GuestAccess:
        """A guest's RDMSR exits; raises as `guest_wrmsr`."""
        self._enter()
        result, value = int(Return.FILTERED), 0
        if self.vm.kvm_msr_allowed(index, KVM_MSR_FILTER_READ):
            result, value = self._kvm_get_msr_ignored_check(index, host=False)
        return self._finish(result, MsrExit(False, ExitReason(0), index, 0), value)

    def complete(self, error: bool, data: int = 0) -> GuestAccess:
        """User space has dealt with the exit and runs the vCPU again.

        `error` injects #GP(0); else the instruction is over, and a read gives `data`. What user space does
        with a write is its own affair.
        """
        if self.pending is None:
            raise RuntimeError("no access waits for user space")
        exit_, self.pending = self.pending, None
        if error:
            return GuestAccess(AccessResult.GP)
        return GuestAccess(AccessResult.DONE, 0 if exit_.write else data & (1 << 64) - 1)

    def set_msrs(self, entries: Sequence[tuple[int, int]]) -> int:
        """KVM_SET_MSRS. Unfiltered; stops at the first that fails; returns how many were set.

        Raises
        ------
        KvmError
            E2BIG for 256 entries or more; then none is set.
        """
        self._check_count(entries)
        done = 0
        with self.vm.calls(*chains.host_ioctl()):
            for index, data in entries:
                if self._frozen(index, data) or self._kvm_set_msr_ignored_check(index, data, host=True):
                    break
                done += 1
        return done

    def get_msrs(self, indices: Sequence[int]) -> list[int]:
        """KVM_GET_MSRS: the values up to the first that fails; raises as `set_msrs`."""
        self._check_count(indices)
        values = []
        for index in indices:
            result, value = self._kvm_get_msr_ignored_check(index, host=True)
            if result:
                break
            values.append(value)
        return values

    def _running(self) -> None:
        if self.pending is not None:
            raise RuntimeError(f"MSR {self.pending.msr:X}h waits for user space to complete it")

    @staticmethod
    def _check_count(entries: Sequence[object]) -> None:
        if len(entries) >= MAX_IO_MSRS:
            raise KvmError(errno.E2BIG, f"{len(entries)} MSRs in one ioctl")

    def _enter(self) -> None:
        self._running()
        self.ran = True
        if isinstance(self.registers, KvmRegisters):
            self.registers.rip = 0x1000

    def _frozen(self, index: int, data: int) -> bool:
        """Since 6.4 (0094f62c7eaa) feature MSRs but UCODE_REV keep their value once the vCPU has run."""
        if not self.ran or not isinstance(self.registers, KvmRegisters) or self.vm.options.kernel < (6, 4):
            return False
        immutable = {*VMX_CAPABILITIES, *IMMUTABLE}
        return index in immutable and self.get_msrs([index]) != [data]

    def _finish(self, result: int, access: MsrExit, value: int = 0) -> GuestAccess:
        """`complete_emulated_msr`, or the exit to user space before it."""
        if result == Return.OK:
            return GuestAccess(AccessResult.DONE, value)
        reason = self.vm.exits(result)
        if reason is None:
            return GuestAccess(AccessResult.GP)
        self.pending = access._replace(reason=reason)
        return GuestAccess(AccessResult.EXIT, exit=self.pending)

    def _kvm_set_msr_ignored_check(self, index: int, data: int, host: bool) -> int:
        """Only an unsupported MSR is ignorable, never a fault."""
        with self.vm.calls(*chains.ignored_check(self.vm.options.kernel)):
            result = self._set_msr(index, data, host)
        return self._ignored(result, host and data == 0, f"wrmsr: {index:#x} data {data:#x}", index)

    def _kvm_get_msr_ignored_check(self, index: int, host: bool) -> tuple[int, int]:
        result, value = self.registers.get_msr(index, host)
        ignored = self._ignored(result, host, f"rdmsr: {index:#x} data 0x0", index)
        return ignored, value if result == Return.OK else 0

    def _ignored(self, result: int, harmless: bool, what: str, index: int) -> int:
        """What becomes of a result; `harmless` is a host access that does no harm if KVM lists the MSR."""
        if result != Return.UNSUPPORTED or (harmless and index in self.registers.advertised):
            return Return.OK if result == Return.UNSUPPORTED else result
        if not self.vm.options.ignore_msrs:
            # A message for debugging only, which a kernel as distributed does not print.
            return result
        if self.vm.options.report_ignored_msrs:
            self.vm.log.limited("ignored", f"kvm [1]: ignored {what}")
        return Return.OK

    def _set_msr(self, index: int, data: int, host: bool) -> int:
        """The vendor's `set_msr`: every way ends here, and is counted by its chain."""
        self.vm.chains[(f"{self.vm.backend}_set_msr", *reversed(self.vm.stack))] += 1
        self.returned = self.registers.set_msr(index, data, host)
        return self.returned


def _check_range(one: FilterRange) -> None:
    known = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE
    if not one.flags or one.flags & ~known:
        raise KvmError(errno.EINVAL, f"filter range {one.base:X}h with flags {one.flags:#x}")
    # The kernel copies whole 64-bit words.
    size = (one.nmsrs + 63) // 64 * 8
    if size > KVM_MSR_FILTER_MAX_BITMAP_SIZE:
        raise KvmError(errno.EINVAL, f"filter range {one.base:X}h with a bitmap of {size:X}h bytes")
    if len(one.bitmap) * 8 < one.nmsrs:
        raise KvmError(errno.EFAULT, f"filter range {one.base:X}h with a bitmap of {len(one.bitmap)} bytes")
