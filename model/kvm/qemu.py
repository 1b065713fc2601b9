"""The MSR accesses of QEMU (`target/i386/kvm`) when it creates, resets and synchronises a vCPU."""

import enum
from collections.abc import Sequence
from typing import Protocol

from ..registers import Msr
from .msrs import Common, FeatureControl


class Level(enum.IntEnum):
    """How much of the state `kvm_arch_put_registers` writes."""

    RUNTIME = 1
    RESET = 2
    FULL = 3


class QemuAbort(RuntimeError):
    """QEMU's assertion that KVM took every MSR: it would abort here."""


class Settable(Protocol):
    """A vCPU, the model's or a kernel's."""

    @property
    def advertised(self) -> frozenset[int]: ...

    @property
    def features(self) -> frozenset[int]: ...

    def set_msrs(self, entries: Sequence[tuple[int, int]]) -> int: ...

    def get_msrs(self, indices: Sequence[int]) -> list[int]: ...


class VirtualMachine(Protocol):
    """A virtual machine, the model's or a kernel's."""

    @property
    def vcpus(self) -> Sequence[Settable]: ...

    def kvm_vm_ioctl_create_vcpu(self) -> Settable: ...


class Qemu:
    """A QEMU process with its virtual machine.

    Parameters
    ----------
    vm: the machine that it runs.
    """

    def __init__(self, vm: VirtualMachine) -> None:
        self.vm = vm

    def boot(self, vcpus: int) -> None:
        """Create the vCPUs, then synchronise each (`do_kvm_cpu_synchronize_post_init`). Raises QemuAbort."""
        for _ in range(vcpus):
            self.kvm_arch_init_vcpu(self.vm.kvm_vm_ioctl_create_vcpu())
        for vcpu in self.vm.vcpus:
            self.kvm_arch_put_registers(vcpu, Level.FULL)

    def reset(self, vcpu: Settable) -> None:
        """A machine reset of one vCPU (`do_kvm_cpu_synchronize_post_reset`): no KVM reset, only writes."""
        self.kvm_arch_put_registers(vcpu, Level.RESET)

    def kvm_arch_init_vcpu(self, vcpu: Settable) -> None:
        self.kvm_init_msrs(vcpu)

    def kvm_init_msrs(self, vcpu: Settable) -> None:
        """The feature MSRs that the kernel lists, in one buffer."""
        features = (Common.ARCH_CAPABILITIES, Common.PERF_CAPABILITIES)
        # QEMU asks the kernel for the values that it supports, and reduces them by its CPU model.
        entries = [(int(index), 0) for index in features if index in vcpu.features]
        if Common.UCODE_REV in vcpu.features:
            entries.append((int(Common.UCODE_REV), 1 << 32))
        self.kvm_buf_set_msrs(vcpu, entries)

    def kvm_buf_set_msrs(self, vcpu: Settable, buffer: list[tuple[int, int]]) -> None:
        """One KVM_SET_MSRS with the whole buffer; all have to be taken.

        Parameters
        ----------
        vcpu : Settable
            Whose they are.
        buffer : list of (int, int)
            Number and value of each MSR.
        """
        taken = vcpu.set_msrs(buffer)
        if taken != len(buffer):
            index, data = buffer[taken]
            raise QemuAbort(
                f"failed to set MSR {index:#x} to {data:#x}: KVM took {taken} of {len(buffer)}, QEMU aborts"
            )

    def kvm_put_one_msr(self, vcpu: Settable, index: int, data: int) -> None:
        self.kvm_buf_set_msrs(vcpu, [(index, data)])

    def kvm_put_msr_feature_control(self, vcpu: Settable) -> None:
        """Early, since a write of 0 takes the vCPU out of nested VMX."""
        if Common.FEATURE_CONTROL in vcpu.advertised:
            value = FeatureControl.LOCKED | FeatureControl.VMX_OUTSIDE_SMX
            self.kvm_put_one_msr(vcpu, Common.FEATURE_CONTROL, int(value))

    def kvm_arch_put_registers(self, vcpu: Settable, level: Level) -> None:
        """Registers to KVM; from `Level.RESET` on with FEATURE_CONTROL before the rest.

        Parameters
        ----------
        vcpu : Settable
            Whose they are.
        level : Level
            How much is written: at run time, after a reset, or all.
        """
        if level >= Level.RESET:
            self.kvm_put_msr_feature_control(vcpu)
        self.kvm_put_msrs(vcpu, level)

    def kvm_put_msrs(self, vcpu: Settable, level: Level) -> None:
        """The long list, as far as this model has its MSRs. HWCR is in it since October 2024; VM_CR and
        IGNNE never were.

        Parameters
        ----------
        vcpu : Settable
            Whose they are.
        level : Level
            How much is written: at run time, after a reset, or all.
        """
        entries = [(Common.SYSCALL_MASK, 0), (Common.GS_BASE, 0), (Msr.HWCR, 0)]
        if Common.VM_HSAVE_PA in vcpu.advertised:
            entries.append((Common.VM_HSAVE_PA, 0))
        if level >= Level.RESET:
            entries += [(Common.XSS, 0), (Common.UCODE_REV, 1 << 32)]
        # SYSCALL_MASK and GS_BASE belong to every 64-bit guest, and are not asked for.
        always = (Common.SYSCALL_MASK, Common.GS_BASE) if vcpu.advertised else ()
        taken = [(int(index), data) for index, data in entries if index in always or index in vcpu.advertised]
        self.kvm_buf_set_msrs(vcpu, taken)
