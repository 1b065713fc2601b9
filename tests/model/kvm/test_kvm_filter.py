"""KVM's MSR filter: which range decides, what is refused."""

import errno

import pytest
from irq13.model import Msr
from irq13.model.kvm.vm import AccessResult, FilterRange, GuestAccess, KvmError, Vm

READ, WRITE, BOTH = 1, 2, 3


class TestFilter:
    def test_the_first_range_that_covers_the_access_decides(self):
        vm = Vm("svm")
        vm.set_msr_filter(
            0, [FilterRange(0x100, 16, b"\xf0\xff", WRITE), FilterRange(0x100, 8, b"\xff", BOTH)]
        )
        assert [vm.kvm_msr_allowed(0x100 + n, WRITE) for n in (0, 3, 4, 15)] == [False, False, True, True]
        assert all(vm.kvm_msr_allowed(0x100 + n, READ) for n in range(16))

    def test_default_deny(self):
        vm = Vm("svm")
        vm.set_msr_filter(1, [FilterRange(0x100, 1, b"\1", READ)])
        assert vm.kvm_msr_allowed(0x100, READ)
        assert not vm.kvm_msr_allowed(0x100, WRITE)
        assert not vm.kvm_msr_allowed(0x101, READ)

    @pytest.mark.parametrize("index", [0x800, 0x830, 0x8FF])
    def test_x2apic_msrs_are_never_filtered(self, index):
        vm = Vm("svm")
        vm.set_msr_filter(1, [FilterRange(0x700, 0x300, bytes(0x60))])
        assert vm.kvm_msr_allowed(index, WRITE)
        assert not vm.kvm_msr_allowed(0x7FF, WRITE)
        assert not vm.kvm_msr_allowed(0x900, WRITE)

    @pytest.mark.parametrize(
        ("flags", "ranges", "number"),
        [
            (2, [], errno.EINVAL),
            (1, [], errno.EINVAL),
            (1, [FilterRange(0, 0, b"")], errno.EINVAL),
            (0, [FilterRange(0, 1, b"\0", 0)], errno.EINVAL),
            (0, [FilterRange(0, 1, b"\0", 4)], errno.EINVAL),
            (0, [FilterRange(0, 0x3001, bytes(0x700))], errno.EINVAL),
            (0, [FilterRange(0, 9, b"\0")], errno.EFAULT),
            (0, [FilterRange(0, 1, b"\0")] * 17, errno.EINVAL),
        ],
    )
    def test_a_bad_filter_is_refused_and_the_old_one_stays(self, flags, ranges, number):
        vm = Vm("svm")
        vm.set_msr_filter(0, [FilterRange(0x100, 1, b"\0")])
        with pytest.raises(KvmError) as caught:
            vm.set_msr_filter(flags, ranges)
        assert caught.value.errno == number
        assert not vm.kvm_msr_allowed(0x100, WRITE)

    def test_the_largest_filter(self):
        Vm("svm").set_msr_filter(0, [FilterRange(0, 0x3000, bytes(0x600))] * 16)

    def test_the_host_is_not_filtered(self):
        cpu = Vm("svm").kvm_vm_ioctl_create_vcpu()
        cpu.vm.set_msr_filter(0, [FilterRange(Msr.HWCR, 1, b"\0")])
        assert cpu.guest_wrmsr(Msr.HWCR, 0) == GuestAccess(AccessResult.GP)
        assert cpu.set_msrs([(Msr.HWCR, 1 << 18)]) == 1
