"""The kernel's own MSR selftests (tools/testing/selftests/kvm/x86), case by case."""

import pytest
from irq13.model import Msr
from irq13.model.kvm.msrs import Common
from irq13.model.kvm.vm import AccessResult, ExitReason, FilterRange, GuestAccess, MsrExit, Vm
from irq13.model.svm import HardwareRegisters
from irq13.sim import Simulation

DONE, GP = GuestAccess(AccessResult.DONE), GuestAccess(AccessResult.GP)


def vcpu(backend="svm"):
    return Vm(backend).kvm_vm_ioctl_create_vcpu()


class TestHwcrSelftest:
    """tools/testing/selftests/kvm/x86/hwcr_msr_test.c"""

    @pytest.mark.parametrize("backend", ["svm", "vmx"])
    @pytest.mark.parametrize("bit", range(64))
    def test_part_a_each_single_bit_written_by_the_host(self, backend, bit):
        cpu = vcpu(backend)
        accepted = bit in (3, 6, 8, 18, 24)
        assert cpu.set_msrs([(Msr.HWCR, 1 << bit)]) == accepted
        assert cpu.get_msrs([Msr.HWCR]) == [1 << bit if bit in (18, 24) else 0]
        assert cpu.set_msrs([(Msr.HWCR, 0)]) == 1
        assert cpu.get_msrs([Msr.HWCR]) == [0]

    def test_part_b_mcstatuswren_gates_a_guest(self):
        cpu = vcpu()
        assert cpu.guest_wrmsr(Msr.HWCR, 1 << 18) == DONE
        assert cpu.guest_wrmsr(Common.MC0_STATUS, 1) == DONE
        assert cpu.guest_rdmsr(Common.MC0_STATUS) == GuestAccess(AccessResult.DONE, 1)
        assert cpu.guest_wrmsr(Common.MC0_STATUS, 0) == DONE
        assert cpu.guest_wrmsr(Msr.HWCR, 0) == DONE
        assert cpu.guest_wrmsr(Common.MC0_STATUS, 1) == GP
        assert cpu.guest_rdmsr(Common.MC0_STATUS) == DONE

    @pytest.mark.parametrize("bit", range(64))
    def test_the_hardware_has_only_the_implemented_bits(self, bit):
        access = Simulation("AMD64", on="model").access_msr
        cpu = Vm("svm", backing=lambda number: HardwareRegisters(access)).kvm_vm_ioctl_create_vcpu()
        accepted = bit in (7, 8)
        assert (cpu.guest_wrmsr(Msr.HWCR, 1 << bit) == DONE) == accepted
        assert cpu.guest_rdmsr(Msr.HWCR).value == (1 << bit if accepted else 0)


class TestUserspaceExitSelftest:
    """tools/testing/selftests/kvm/x86/userspace_msr_exit_test.c"""

    FLUSH_CMD, NONEXIST, POWER_CTL, UNKNOWN = 0x10B, 0x474F4F00, 0x1FC, 0xDEADBEEF

    def filtered(self, backend):
        cpu = vcpu(backend)
        cpu.vm.enable_cap_user_space_msr(ExitReason.FILTER)
        ranges = [FilterRange(index, 1, b"\0") for index in (Common.XSS, self.FLUSH_CMD, self.NONEXIST)]
        cpu.vm.set_msr_filter(0, ranges)
        return cpu

    @pytest.mark.parametrize("backend", ["svm", "vmx"])
    def test_default_allow(self, backend):
        cpu = self.filtered(backend)
        for index, value, error in (
            (Common.XSS, 0, False),
            (Common.XSS, 1, True),
            (self.FLUSH_CMD, 0, True),
            (self.FLUSH_CMD, 1, False),
            (self.NONEXIST, 2, False),
        ):
            expected = MsrExit(True, ExitReason.FILTER, index, value)
            assert cpu.guest_wrmsr(index, value) == GuestAccess(AccessResult.EXIT, exit=expected)
            assert cpu.complete(error) == (GP if error else DONE)
        assert cpu.guest_rdmsr(Common.XSS).result is AccessResult.EXIT
        assert cpu.complete(False, 0) == DONE
        assert cpu.guest_rdmsr(self.FLUSH_CMD).result is AccessResult.EXIT
        assert cpu.complete(True) == GP
        assert cpu.guest_rdmsr(self.NONEXIST).result is AccessResult.EXIT
        assert cpu.complete(False, 2) == GuestAccess(AccessResult.DONE, 2)

    @pytest.mark.parametrize("backend", ["svm", "vmx"])
    def test_default_deny_then_no_filter(self, backend):
        cpu = vcpu(backend)
        cpu.vm.enable_cap_user_space_msr(7)
        cpu.vm.set_msr_filter(1, [FilterRange(self.UNKNOWN, 1, b"\1")])
        exit_ = cpu.guest_wrmsr(self.POWER_CTL, 0x1234).exit
        assert exit_ == MsrExit(True, ExitReason.FILTER, self.POWER_CTL, 0x1234)
        assert cpu.complete(False) == DONE
        for index in (Common.SYSCALL_MASK, Common.GS_BASE):
            assert cpu.guest_rdmsr(index).exit.reason == ExitReason.FILTER
            assert cpu.complete(False, index) == GuestAccess(AccessResult.DONE, index)
        for access in (cpu.guest_rdmsr, lambda index: cpu.guest_wrmsr(index, 0)):
            assert access(self.UNKNOWN).exit.reason == ExitReason.UNKNOWN
            cpu.complete(False)
        cpu.vm.set_msr_filter(0, [])
        assert cpu.guest_rdmsr(Common.SYSCALL_MASK) == DONE
        assert cpu.guest_rdmsr(Common.GS_BASE) == DONE
        assert cpu.guest_rdmsr(self.UNKNOWN).exit.reason == ExitReason.UNKNOWN

    def test_the_guest_waits_until_user_space_has_answered(self):
        cpu = self.filtered("svm")
        cpu.guest_wrmsr(Common.XSS, 0)
        with pytest.raises(RuntimeError, match="MSR DA0h waits for user space"):
            cpu.guest_rdmsr(Msr.HWCR)
        cpu.complete(False)
        with pytest.raises(RuntimeError, match="no access waits"):
            cpu.complete(False)
