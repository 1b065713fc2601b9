"""The MSR accesses of QEMU (`target/i386/kvm`) when it creates, resets and synchronises a vCPU."""

import enum

from ..registers import Msr
from .msrs import Common, FeatureControl
from .vm import Vcpu, Vm


class Level(enum.IntEnum):
    """How much of the state `kvm_arch_put_registers` writes."""

    RUNTIME = 1
    RESET = 2
    FULL = 3


class QemuAbort(RuntimeError):
    """QEMU's assertion that KVM took every MSR: it would abort here."""


class Qemu:
    """A QEMU process with its virtual machine.

    Parameters
    ----------
    vm: the machine that it runs.
    """

    def __init__(self, vm: Vm) -> None:
        self.vm = vm

    def boot(self, vcpus: int) -> None:
        """Create the vCPUs, then synchronise each (`do_kvm_cpu_synchronize_post_init`). Raises QemuAbort."""
        for _ in range(vcpus):
            self.kvm_arch_init_vcpu(self.vm.kvm_vm_ioctl_create_vcpu())
        for vcpu in self.vm.vcpus:
            self.kvm_arch_put_registers(vcpu, Level.FULL)

    def reset(self, vcpu: Vcpu) -> None:
        """A machine reset of one vCPU (`do_kvm_cpu_synchronize_post_reset`): no KVM reset, only writes."""
        self.kvm_arch_put_registers(vcpu, Level.RESET)

    def kvm_arch_init_vcpu(self, vcpu: Vcpu) -> None:
        self.kvm_init_msrs(vcpu)

    def kvm_init_msrs(self, vcpu: Vcpu) -> None:
        """The feature MSRs that the kernel lists, in one buffer."""
        entries = {Common.ARCH_CAPABILITIES: 0, Common.UCODE_REV: 1 << 32}
        known = vcpu.registers.advertised
        self.kvm_buf_set_msrs(vcpu, [(index, data) for index, data in entries.items() if index in known])

    def kvm_buf_set_msrs(self, vcpu: Vcpu, buffer: list[tuple[int, int]]) -> None:
        """One KVM_SET_MSRS with the whole buffer; all have to be taken."""
        taken = vcpu.set_msrs(buffer)
        if taken != len(buffer):
            index, data = buffer[taken]
            raise QemuAbort(
                f"failed to set MSR {index:#x} to {data:#x}: KVM took {taken} of {len(buffer)}, QEMU aborts"
            )

    def kvm_put_one_msr(self, vcpu: Vcpu, index: int, data: int) -> None:
        self.kvm_buf_set_msrs(vcpu, [(index, data)])

    def kvm_put_msr_feature_control(self, vcpu: Vcpu) -> None:
        """Early, since a write of 0 takes the vCPU out of nested VMX."""
        if self.vm.backend == "vmx":
            value = FeatureControl.LOCKED | FeatureControl.VMX_OUTSIDE_SMX
            self.kvm_put_one_msr(vcpu, Common.FEATURE_CONTROL, int(value))

    def kvm_arch_put_registers(self, vcpu: Vcpu, level: Level) -> None:
        """Registers to KVM; from `Level.RESET` on with FEATURE_CONTROL before the rest."""
        if level >= Level.RESET:
            self.kvm_put_msr_feature_control(vcpu)
        self.kvm_put_msrs(vcpu, level)

    def kvm_put_msrs(self, vcpu: Vcpu, level: Level) -> None:
        """The long list, as far as this model has its MSRs. HWCR is in it since October 2024; VM_CR and
        IGNNE never were."""
        entries = [(Common.SYSCALL_MASK, 0), (Common.GS_BASE, 0), (Msr.HWCR, 0)]
        if self.vm.backend == "svm":
            entries.append((Common.VM_HSAVE_PA, 0))
        if level >= Level.RESET:
            entries += [(Common.XSS, 0), (Common.UCODE_REV, 1 << 32)]
        known = vcpu.registers.advertised
        self.kvm_buf_set_msrs(vcpu, [(int(index), data) for index, data in entries if index in known])
