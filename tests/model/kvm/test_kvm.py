"""KVM's MSR paths, case by case: the golden vectors, filters, exits, chains, QEMU."""

import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from irq13.model import Msr
from irq13.model.kvm.chains import shown
from irq13.model.kvm.cpuid import Guest
from irq13.model.kvm.msrs import Common, Options
from irq13.model.kvm.qemu import Level, Qemu, QemuAbort
from irq13.model.kvm.vendors import SvmRegisters
from irq13.model.kvm.vm import AccessResult, ExitReason, FilterRange, GuestAccess, KvmError, Vm
from irq13.model.svm import HardwareRegisters
from irq13.sim import Simulation

DONE, GP = GuestAccess(AccessResult.DONE), GuestAccess(AccessResult.GP)
READ, WRITE, BOTH = 1, 2, 3


def vcpu(backend="svm", **options):
    return Vm(backend, Options(**options)).kvm_vm_ioctl_create_vcpu()


def hardware(on="model", **options):
    access = Simulation("AMD64", on=on).access_msr
    return Vm("svm", backing=lambda number: HardwareRegisters(access, **options)).kvm_vm_ioctl_create_vcpu()


ALL_ONES = 2**64 - 1
IGNNE_VALUES = [0, 1, 2, 3, 0x8000_0000, 0x1_0000_0000, 0x1_0000_0001, ALL_ONES]


class TestGoldenVectors:
    """Mixed values that no selftest tries, on every backend."""

    @pytest.mark.parametrize(
        ("value", "kvm", "kept"),
        [
            (0, True, 0),
            (0x148, True, 0),
            (0x104_0000, True, 0x104_0000),
            (0x104_0108, True, 0x104_0000),
            (0x105_0148, False, 0),
            (0x4000_0000, False, 0),
            (1 << 35, False, 0),
            (ALL_ONES, False, 0),
        ],
    )
    @pytest.mark.parametrize("backend", ["svm", "vmx"])
    def test_hwcr(self, backend, value, kvm, kept):
        for write in (
            lambda cpu: cpu.guest_wrmsr(Msr.HWCR, value) == DONE,
            lambda cpu: cpu.set_msrs([(Msr.HWCR, value)]),
        ):
            cpu = vcpu(backend)
            assert bool(write(cpu)) == kvm
            assert cpu.get_msrs([Msr.HWCR]) == [kept]

    @pytest.mark.parametrize("value", IGNNE_VALUES)
    def test_ignne_under_svm_is_accepted_logged_and_dropped(self, value):
        cpu = vcpu("svm")
        assert cpu.guest_wrmsr(Msr.IGNNE, value) == DONE
        assert cpu.vm.log == [f"kvm [1]: vcpu0, guest rIP: 0x1000 Unhandled WRMSR(0xc0010115) = {value:#x}"]
        assert cpu.guest_rdmsr(Msr.IGNNE) == GP
        assert cpu.set_msrs([(Msr.IGNNE, value)]) == 1
        assert cpu.get_msrs([Msr.IGNNE]) == []

    def test_ignne_under_svm_is_not_logged_without_report_ignored_msrs(self):
        cpu = vcpu("svm", report_ignored_msrs=False)
        assert cpu.guest_wrmsr(Msr.IGNNE, 1) == DONE
        assert cpu.vm.log == []

    @pytest.mark.parametrize("value", IGNNE_VALUES)
    def test_ignne_under_vmx_is_unknown_unless_ignored(self, value):
        cpu = vcpu("vmx")
        assert cpu.guest_wrmsr(Msr.IGNNE, value) == GP
        assert cpu.set_msrs([(Msr.IGNNE, value)]) == 0
        cpu = vcpu("vmx", ignore_msrs=True)
        assert cpu.guest_wrmsr(Msr.IGNNE, value) == DONE
        assert cpu.guest_rdmsr(Msr.IGNNE) == DONE
        assert cpu.vm.log[0] == f"kvm [1]: ignored wrmsr: 0xc0010115 data {value:#x}"

    @pytest.mark.parametrize("value", IGNNE_VALUES)
    @pytest.mark.parametrize("on", ["model", "hdl"])
    def test_ignne_on_the_hardware(self, value, on):
        cpu = hardware(on)
        assert cpu.guest_wrmsr(Msr.IGNNE, value) == (DONE if value in (0, 1) else GP)
        assert cpu.guest_rdmsr(Msr.IGNNE).value == (value if value in (0, 1) else 0)

    def test_ignne_on_the_hardware_is_in_effect_after_one_cycle(self):
        with Simulation("AMD64") as sim:
            registers = HardwareRegisters(sim.access_msr)
            registers.set_msr(Msr.HWCR, 0x100, False)
            registers.set_msr(Msr.IGNNE, 1, False)
            assert sim.ignne

    def test_vm_cr_on_the_hardware(self):
        cpu = hardware()

        def write(value):
            return cpu.guest_wrmsr(Common.VM_CR, value), cpu.guest_rdmsr(Common.VM_CR).value

        assert write(0x20) == (GP, 0)
        assert write(0x17) == (DONE, 0x17)
        assert write(0x10) == (DONE, 0x10)
        assert write(0x18) == (DONE, 0x18)
        assert write(0x07) == (DONE, 0x1F)  # locked: LOCK and SVMDIS stay, silently
        cpu = hardware()
        assert write(0x08) == (DONE, 0x08)
        assert write(0x10) == (DONE, 0x08)
        cpu = hardware()
        assert cpu.guest_wrmsr(Common.EFER, 1 << 12) == DONE
        assert write(0x10) == (GP, 0)  # SVMDIS with SVME; nothing is written
        assert write(0x08) == (DONE, 0x08)
        assert write(0x10) == (GP, 0x08)  # whatever LOCK is

    def test_vm_cr_under_svm_is_frozen_by_svmdis_and_stored_before_the_fault(self):
        cpu = vcpu()

        def write(value):
            return cpu.guest_wrmsr(Common.VM_CR, value), cpu.guest_rdmsr(Common.VM_CR).value

        assert write(0x20) == (GP, 0)
        assert write(0x08) == (DONE, 0x08)
        assert write(0x10) == (DONE, 0x10)  # LOCK froze nothing
        assert write(0x0F) == (DONE, 0x17)  # SVMDIS froze LOCK and itself
        cpu = vcpu()
        assert cpu.guest_wrmsr(Common.EFER, 1 << 12) == DONE
        assert write(0x10) == (GP, 0x10)

    def test_vm_cr_is_unknown_under_vmx(self):
        assert vcpu("vmx").guest_wrmsr(Common.VM_CR, 0) == GP

    def test_on_the_hardware_svme_needs_svmdis_clear(self):
        cpu = hardware()
        assert cpu.guest_wrmsr(Common.VM_CR, 0x10) == DONE
        assert cpu.guest_wrmsr(Common.EFER, 1 << 12) == GP

    def test_vm_hsave_pa(self):
        cpu = vcpu("svm")
        assert cpu.guest_wrmsr(Common.VM_HSAVE_PA, 0x1001) == GP
        assert cpu.guest_wrmsr(Common.VM_HSAVE_PA, 1 << 48) == GP
        assert cpu.guest_wrmsr(Common.VM_HSAVE_PA, 0x1000) == DONE
        assert cpu.set_msrs([(Common.VM_HSAVE_PA, 0x2FFF)]) == 1
        assert cpu.get_msrs([Common.VM_HSAVE_PA]) == [0x2000]
        assert vcpu("vmx").guest_wrmsr(Common.VM_HSAVE_PA, 0x1001) == DONE
        assert hardware().guest_wrmsr(Common.VM_HSAVE_PA, 0x1001) == GP

    def test_smm_ctl_is_write_only_on_the_hardware_and_unknown_to_kvm(self):
        assert vcpu("svm").guest_wrmsr(Common.SMM_CTL, 1) == GP
        cpu = hardware()
        assert cpu.guest_wrmsr(Common.SMM_CTL, 1) == DONE
        assert cpu.guest_rdmsr(Common.SMM_CTL) == GP
        cpu.registers.smm_lock = True
        assert cpu.guest_wrmsr(Common.SMM_CTL, 1) == GP

    def test_feature_control_locks_the_guest_and_not_the_host(self):
        cpu = vcpu("vmx")
        assert cpu.guest_wrmsr(Common.FEATURE_CONTROL, 4) == DONE
        assert cpu.guest_wrmsr(Common.FEATURE_CONTROL, 2) == GP  # not in this guest's CPUID
        assert cpu.guest_wrmsr(Common.FEATURE_CONTROL, 5) == DONE
        assert cpu.guest_wrmsr(Common.FEATURE_CONTROL, 4) == GP
        assert cpu.set_msrs([(Common.FEATURE_CONTROL, 0)]) == 1
        assert cpu.set_msrs([(Common.FEATURE_CONTROL, 0x16_0007)]) == 1
        assert cpu.set_msrs([(Common.FEATURE_CONTROL, 1 << 3)]) == 0
        assert vcpu("svm").guest_wrmsr(Common.FEATURE_CONTROL, 5) == GP


class TestDispatch:
    def test_only_an_unsupported_msr_is_ignorable(self):
        for backend in ("svm", "vmx"):
            cpu = vcpu(backend, ignore_msrs=True)
            assert cpu.guest_wrmsr(0xDEADBEEF, 5) == DONE
            assert cpu.guest_rdmsr(0xDEADBEEF) == DONE
            assert cpu.guest_wrmsr(Msr.HWCR, 1) == GP
            assert cpu.guest_wrmsr(Common.XSS, 1) == GP

    def test_report_ignored_msrs(self):
        cpu = vcpu(ignore_msrs=True, report_ignored_msrs=False)
        cpu.guest_wrmsr(0xDEADBEEF, 5)
        assert cpu.vm.log == []

    @pytest.mark.parametrize(
        ("asked", "index", "data", "reason"),
        [
            (ExitReason.UNKNOWN, 0xDEADBEEF, 0, ExitReason.UNKNOWN),
            (ExitReason.INVAL, Msr.HWCR, 1, ExitReason.INVAL),
            (ExitReason.FILTER, 0x10, 0, ExitReason.FILTER),
            (ExitReason.FILTER | ExitReason.INVAL, 0xDEADBEEF, 0, None),
            (ExitReason.UNKNOWN | ExitReason.FILTER, Msr.HWCR, 1, None),
            (ExitReason.UNKNOWN | ExitReason.INVAL, 0x10, 0, None),
        ],
    )
    def test_an_exit_needs_the_reason_that_the_vm_asked_for(self, asked, index, data, reason):
        cpu = vcpu()
        cpu.vm.enable_cap_user_space_msr(asked)
        cpu.vm.set_msr_filter(0, [FilterRange(0x10, 1, b"\0")])
        outcome = cpu.guest_wrmsr(index, data)
        assert (outcome.exit and outcome.exit.reason) == reason
        assert outcome.result is (AccessResult.EXIT if reason else AccessResult.GP)

    def test_unknown_reasons_are_einval(self):
        with pytest.raises(KvmError) as caught:
            vcpu().vm.enable_cap_user_space_msr(8)
        assert caught.value.errno == errno.EINVAL

    def test_set_msrs_stops_at_the_first_failure(self):
        cpu = vcpu()
        entries = [(Msr.HWCR, 1 << 18), (Common.SYSCALL_MASK, 7), (Msr.HWCR, 1), (Common.SYSCALL_MASK, 9)]
        assert cpu.set_msrs(entries) == 2
        assert cpu.get_msrs([Common.SYSCALL_MASK, Msr.HWCR, 0xDEAD, Msr.HWCR]) == [7, 1 << 18]

    @pytest.mark.parametrize("count", [0, 1, 255])
    def test_up_to_255_msrs(self, count):
        assert vcpu().set_msrs([(Msr.HWCR, 0)] * count) == count

    def test_256_msrs_are_e2big_and_none_is_set(self):
        cpu = vcpu()
        for call in (cpu.set_msrs, lambda entries: cpu.get_msrs([index for index, _ in entries])):
            with pytest.raises(KvmError) as caught:
                call([(Msr.HWCR, 1 << 18)] * 256)
            assert caught.value.errno == errno.E2BIG
        assert cpu.get_msrs([Msr.HWCR]) == [0]

    def test_a_host_may_write_0_to_what_kvm_lists_even_if_the_guest_has_no_such_msr(self):
        cpu = vcpu("svm", guest=Guest("AMD"))
        assert cpu.set_msrs([(Common.ARCH_CAPABILITIES, 0)]) == 1
        assert cpu.set_msrs([(Common.ARCH_CAPABILITIES, 0x69)]) == 0
        assert cpu.get_msrs([Common.ARCH_CAPABILITIES]) == [0]
        assert cpu.set_msrs([(0xDEADBEEF, 0)]) == 0

    def test_an_amd_host_lists_no_feature_control(self):
        assert vcpu("svm").set_msrs([(Common.FEATURE_CONTROL, 0)]) == 0
        assert vcpu("vmx").set_msrs([(Common.FEATURE_CONTROL, 0)]) == 1

    def test_feature_msrs_and_cpuid_stay_once_the_guest_has_run(self):
        cpu = vcpu("vmx")
        assert cpu.set_msrs([(Common.PLATFORM_INFO, 0)]) == 1
        cpu.guest_rdmsr(Msr.HWCR)
        assert cpu.set_msrs([(Common.PLATFORM_INFO, 1 << 31)]) == 0
        assert cpu.set_msrs([(Common.PLATFORM_INFO, 0)]) == 1
        assert cpu.set_msrs([(Common.UCODE_REV, 5)]) == 1
        cpu.set_cpuid(cpu.registers.guest)
        with pytest.raises(KvmError) as caught:
            cpu.set_cpuid(Guest("AMD"))
        assert caught.value.errno == errno.EINVAL

    def test_the_log_is_rate_limited_and_silent_about_unknown_msrs(self):
        cpu = vcpu("svm")
        for _ in range(25):
            cpu.guest_wrmsr(Msr.IGNNE, 0)
        assert (len(cpu.vm.log), cpu.vm.log.suppressed) == (10, 15)
        cpu = vcpu("svm")
        cpu.guest_wrmsr(0xDEADBEEF, 1)
        assert cpu.vm.log == []


class TestChains:
    SYSCALL = ("__x64_sys_ioctl", "do_syscall_64", "entry_SYSCALL_64_after_hwframe")

    @pytest.mark.parametrize("backend", ["svm", "vmx"])
    def test_the_three_ways(self, backend):
        vm = Vm(backend)
        cpu = vm.kvm_vm_ioctl_create_vcpu()
        cpu.guest_wrmsr(Msr.HWCR, 0)
        cpu.set_msrs([(Msr.HWCR, 0)])
        set_msr = f"{backend}_set_msr"
        assert [shown(chain) for chain in vm.chains] == [
            (set_msr, "kvm_vcpu_reset", "kvm_arch_vcpu_create", "kvm_vm_ioctl", *self.SYSCALL),
            (
                *(set_msr, "__kvm_set_msr", "kvm_emulate_wrmsr", f"{backend}_handle_exit"),
                *("kvm_arch_vcpu_ioctl_run", "kvm_vcpu_ioctl", *self.SYSCALL),
            ),
            (set_msr, "__kvm_set_msr", "kvm_arch_vcpu_ioctl", "kvm_vcpu_ioctl", *self.SYSCALL),
        ]

    def test_the_full_chain_has_what_is_inlined(self):
        cpu = vcpu("vmx")
        cpu.guest_wrmsr(Msr.HWCR, 0)
        full = next(chain for chain in cpu.vm.chains if "vmx_handle_exit" in chain)
        assert full[:4] == ("vmx_set_msr", "__kvm_set_msr", "_kvm_set_msr", "kvm_do_msr_access")

    def test_a_filtered_write_does_not_reach_set_msr(self):
        cpu = vcpu()
        cpu.vm.set_msr_filter(0, [FilterRange(Msr.HWCR, 1, b"\0")])
        before = cpu.vm.chains.total()
        cpu.guest_wrmsr(Msr.HWCR, 0)
        assert cpu.vm.chains.total() == before

    def test_init_writes_no_msr(self):
        cpu = vcpu()
        before = cpu.vm.chains.total()
        cpu.kvm_vcpu_reset(init_event=True)
        assert cpu.vm.chains.total() == before
        cpu.kvm_vcpu_reset(init_event=False)
        assert cpu.vm.chains.total() == before + 1


class TestQemu:
    @pytest.mark.parametrize("backend", ["svm", "vmx"])
    @pytest.mark.parametrize("vcpus", [1, 6])
    def test_boot_resets_each_vcpu_exactly_once(self, backend, vcpus):
        vm = Vm(backend)
        Qemu(vm).boot(vcpus)
        (reset,) = [count for chain, count in vm.chains.items() if "kvm_vcpu_reset" in chain]
        assert reset == vcpus == len(vm.vcpus)

    def test_levels(self):
        counts = {}
        for level in Level:
            vm = Vm("vmx")
            cpu = vm.kvm_vm_ioctl_create_vcpu()
            before = vm.chains.total()
            Qemu(vm).kvm_arch_put_registers(cpu, level)
            counts[level] = vm.chains.total() - before
        assert counts[Level.RUNTIME] < counts[Level.RESET] == counts[Level.FULL]

    def test_a_machine_reset_clears_hwcr_and_leaves_vm_cr(self):
        vm = Vm("svm")
        qemu = Qemu(vm)
        qemu.boot(1)
        (cpu,) = vm.vcpus
        cpu.guest_wrmsr(Msr.HWCR, 1 << 18)
        cpu.guest_wrmsr(Common.VM_CR, 0x08)
        qemu.reset(cpu)
        assert cpu.get_msrs([Msr.HWCR, Common.VM_CR]) == [0, 0x08]

    def test_its_assertion_is_a_clear_error(self):
        vm = Vm("svm")
        with pytest.raises(
            QemuAbort, match=r"failed to set MSR 0xc0010015 to 0x1: KVM took 1 of 2, QEMU aborts"
        ):
            Qemu(vm).kvm_buf_set_msrs(vm.kvm_vm_ioctl_create_vcpu(), [(Common.XSS, 0), (Msr.HWCR, 1)])


INDICES = st.sampled_from([int(one) for kind in (Msr, Common) for one in kind] + [0xDEADBEEF, 0x830])
VALUES = st.one_of(
    st.integers(0, 63).map(lambda bit: 1 << bit), st.sampled_from([0, 5, 0x118]), st.integers(0, 2**64 - 1)
)


@settings(max_examples=300)
@given(
    st.sampled_from(
        [lambda: vcpu("svm"), lambda: vcpu("vmx"), lambda: vcpu("vmx", ignore_msrs=True), hardware]
    ),
    st.lists(
        st.tuples(st.booleans(), st.lists(st.tuples(INDICES, VALUES), min_size=1, max_size=4)), max_size=8
    ),
)
def test_whatever_comes_a_failed_write_changes_nothing_and_the_count_is_exact(make, accesses):
    cpu = make()
    registers = cpu.registers

    def state():
        on_bus = [registers.get_msr(index, True) for index in Msr]
        return dict(registers.values), on_bus

    for host, entries in accesses:
        if isinstance(registers, SvmRegisters) and any(index == Common.VM_CR for index, _ in entries):
            continue  # Linux stores it before it faults
        if not host:
            index, data = entries[0]
            before = state()
            if cpu.guest_wrmsr(index, data) == GP:
                assert state() == before
            continue
        states = [state()]
        twin = list(entries)
        done = cpu.set_msrs(twin)
        # What the entries before the first failure do, and nothing else.
        after = state()
        if done == 0:
            assert after == states[0]
        if done < len(entries):
            assert cpu.set_msrs([entries[done]]) == 0
            assert state() == after


def test_parameters_of_the_machine_behind_matter():
    registers = HardwareRegisters(Simulation("AMD64", on="model", reserved_bits="silicon").access_msr)
    assert registers.set_msr(Msr.IGNNE, 1 << 32, False) == 0
