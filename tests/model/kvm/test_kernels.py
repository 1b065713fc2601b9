"""What changed between kernels, and the MSRs that people's reports name."""

from contextlib import nullcontext

import pytest
from irq13.model import Msr
from irq13.model.kvm.cpuid import Guest
from irq13.model.kvm.msrs import Common, Options
from irq13.model.kvm.vm import AccessResult, GuestAccess, KvmError, Vm

DONE, GP = GuestAccess(AccessResult.DONE), GuestAccess(AccessResult.GP)


def vcpu(backend="svm", **options):
    return Vm(backend, Options(**options)).kvm_vm_ioctl_create_vcpu()


class TestKernels:
    """What changed between kernels."""

    def test_hwcr_before_6_7(self):
        cpu = vcpu("svm", kernel=(6, 6))
        assert cpu.guest_wrmsr(Msr.HWCR, 1 << 24) == GP
        assert cpu.vm.log == ["kvm [1]: vcpu0, guest rIP: 0x1000 Unhandled WRMSR(0xc0010015) = 0x1000000"]
        assert cpu.guest_wrmsr(Msr.HWCR, 1 << 18) == DONE
        assert cpu.guest_wrmsr(Msr.HWCR, 0) == DONE
        assert cpu.peek(Msr.HWCR) == 1 << 18  # a write of 0 stored nothing
        old = vcpu("svm", kernel=(5, 10))
        old.guest_wrmsr(Msr.HWCR, 1)
        assert old.vm.log == ["kvm [1]: vcpu0, guest rIP: 0x1000 unimplemented HWCR wrmsr: 0x1"]

    def test_what_is_logged_before_6_3(self):
        """A 0 in a counter too, but not in a selector; DEBUGCTL in words of its own."""
        old, new = vcpu("svm", kernel=(6, 2)), vcpu("svm", kernel=(6, 3))
        for cpu in (old, new, vmx := vcpu("vmx", kernel=(6, 2))):
            for index, data in ((0xC1, 0), (0x186, 0), (0xC0010004, 0), (0xC0010000, 0), (0x1D9, 1)):
                assert cpu.guest_wrmsr(index, data) == DONE
        prefix = "kvm [1]: vcpu0, guest rIP: 0x1000 "
        counters = [f"{prefix}disabled perfctr wrmsr: {index:#x} data 0x0" for index in (0xC1, 0xC0010004)]
        assert old.vm.log == [*counters, f"{prefix}svm_set_msr: MSR_IA32_DEBUGCTL 0x1, nop"]
        assert vmx.vm.log == [*counters, f"{prefix}vmx_set_msr: BTF|LBR in IA32_DEBUGCTLMSR 0x1, nop"]
        assert new.vm.log == [f"{prefix}Unhandled WRMSR(0x1d9) = 0x1"]

    @pytest.mark.parametrize(("kernel", "taken"), [((6, 3), 1), ((6, 4), 0)])
    def test_feature_msrs_keep_their_value_after_the_first_run(self, kernel, taken):
        cpu = vcpu("svm", kernel=kernel)
        cpu.guest_rdmsr(Msr.HWCR)
        assert cpu.set_msrs([(Common.PLATFORM_INFO, 0)]) == taken

    @pytest.mark.parametrize(("kernel", "refused"), [((5, 15), False), ((5, 16), True)])
    def test_cpuid_after_the_first_run(self, kernel, refused):
        cpu = vcpu("svm", kernel=kernel)
        cpu.guest_rdmsr(Msr.HWCR)
        with pytest.raises(KvmError) if refused else nullcontext():
            cpu.set_cpuid(Guest("Intel"))

    def test_the_common_helper_came_with_6_12(self):
        for kernel, there in (((6, 11), False), ((6, 12), True)):
            cpu = vcpu("svm", kernel=kernel)
            cpu.guest_wrmsr(Msr.HWCR, 0)
            assert any("kvm_do_msr_access" in chain for chain in cpu.vm.chains) == there

    @pytest.mark.parametrize("has", [False, True])
    def test_hwcr_bit_35_is_kept_where_the_guest_has_it(self, has):
        cpu = vcpu("svm", guest=Guest("AMD", frozenset({"gp_on_user_cpuid"} if has else ())))
        assert cpu.guest_wrmsr(Msr.HWCR, 1 << 35) == (DONE if has else GP)

    @pytest.mark.parametrize(("kernel", "set_"), [((6, 17), 1), ((6, 18), 0)])
    def test_host_xss_without_xsaves(self, kernel, set_):
        cpu = vcpu("svm", kernel=kernel, guest=Guest("AMD"))
        assert cpu.set_msrs([(Common.XSS, 0)]) == set_
        assert cpu.guest_wrmsr(Common.XSS, 0) == GP

    def test_efer(self):
        bare = vcpu("svm", guest=Guest("AMD"))
        full = vcpu("svm")
        for value, host in ((0x400, 0), (0x500, 0x100), (0xD01, 0x901)):
            assert full.set_msrs([(Common.EFER, value)]) == 1
            assert full.peek(Common.EFER) == host  # LMA is not written
            assert bare.guest_wrmsr(Common.EFER, value) == GP
            assert bare.set_msrs([(Common.EFER, value)]) == 1

    def test_mc0_status_needs_amds_cpuid(self):
        for vendor, result in (("AMD", DONE), ("Intel", GP)):
            cpu = vcpu("svm", guest=Guest(vendor))
            cpu.guest_wrmsr(Msr.HWCR, 1 << 18)
            assert cpu.guest_wrmsr(Common.MC0_STATUS, 1) == result

    @pytest.mark.parametrize(
        ("kernel", "names"),
        [
            ((5, 10), "__kvm_set_msr kvm_set_msr_ignored_check kvm_set_msr kvm_emulate_wrmsr"),
            ((6, 1), "__kvm_set_msr kvm_set_msr_ignored_check kvm_set_msr_with_filter kvm_emulate_wrmsr"),
            (
                (6, 18),
                "__kvm_set_msr _kvm_set_msr kvm_do_msr_access kvm_set_msr_ignored_check"
                " __kvm_emulate_msr_write kvm_emulate_msr_write __kvm_emulate_wrmsr kvm_emulate_wrmsr",
            ),
        ],
    )
    def test_names_of_the_functions(self, kernel, names):
        cpu = vcpu("svm", kernel=kernel)
        cpu.guest_wrmsr(Msr.HWCR, 0)
        full = next(chain for chain in cpu.vm.chains if "kvm_emulate_wrmsr" in chain)
        assert full[1 : full.index("svm_handle_exit")] == tuple(names.split())

    def test_reset_goes_through_set_msr_from_5_17_on(self):
        assert vcpu("svm", kernel=(5, 16)).vm.chains.total() == 0
        assert vcpu("svm", kernel=(5, 17)).vm.chains.total() == 1

    def test_the_emulator_is_a_way_of_its_own(self):
        cpu = vcpu("svm")
        assert cpu.guest_wrmsr(Msr.HWCR, 1, emulated=True) == GP
        (chain,) = [chain for chain in cpu.vm.chains if "em_wrmsr" in chain]
        assert chain.index("emulator_set_msr_with_filter") < chain.index("em_wrmsr")


class TestReportedMsrs:
    """MSRs that people's reports name, as the kernel's source treats them without a virtual PMU."""

    @pytest.mark.parametrize("backend", ["svm", "vmx"])
    @pytest.mark.parametrize("index", [0x186, 0x187, 0xC1, 0xC2, 0xC0010000, 0xC0010007])
    def test_legacy_counters_are_dropped_and_logged(self, backend, index):
        cpu = vcpu(backend)
        assert cpu.guest_wrmsr(index, 0) == DONE
        assert cpu.vm.log == []
        assert cpu.guest_wrmsr(index, 0x5100C0) == DONE
        assert len(cpu.vm.log) == 1
        assert cpu.guest_rdmsr(index) == DONE

    def test_vmx_capabilities_may_only_be_reduced(self):
        host = 0xFFF9FFFE_0401E172
        cpu = vcpu("vmx", vmx_capabilities={0x48E: host})
        assert cpu.set_msrs([(0x48E, host & ~(1 << 63))]) == 1
        assert cpu.set_msrs([(0x48E, host | 1 << 33)]) == 1
        assert cpu.set_msrs([(0x48E, host & ~2)]) == 0
        assert cpu.set_msrs([(0x48E, host | 1 << 50)]) == 0
        assert cpu.guest_wrmsr(0x48E, host) == GP
        assert vcpu("svm").set_msrs([(0x48E, host)]) == 0

    @pytest.mark.parametrize(
        ("index", "value", "result"),
        [
            (0xC001001F, 0x400000000000, DONE),
            (0xC0011020, 0x400, GP),
            (0x606, 0, GP),
            (0x38D, 0, GP),
            (0x200, 0x6, DONE),
            (0x200, 0x2, GP),
            (0x277, 0x0007040600070406, DONE),
            (0x277, 0x2, GP),
            (0x8B, 1, DONE),
            (0x1B, 0xFEE00900, DONE),
            (0x1B, 0xFEE00C00, GP),
        ],
    )
    def test_guest_writes(self, index, value, result):
        assert vcpu("svm").guest_wrmsr(index, value) == result

    def test_rapl_reads_0(self):
        assert vcpu("vmx").guest_rdmsr(0x606) == DONE
