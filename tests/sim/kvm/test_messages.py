"""What people paste, and what irq13 says about it."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from irq13.sim.cli.main import main
from irq13.sim.kvm.known_msrs import KNOWN, known_msr
from irq13.sim.kvm.messages import FORMS, explain_log, explain_message
from irq13.sim.support.errors import InputError

REPORTS = [
    # Each: a line from a report, and what the explanation has to say.
    ("kvm [2310]: vcpu0, guest rIP: 0xfffff8064b9f1a3c Unhandled WRMSR(0xc0010115) = 0x0", "IGNNE kvm_amd,accepts it and drops it,kvm_intel gives the guest #GP,Hyper-V"),
    ("qemu-system-x86_64: error: failed to set MSR 0x10a to 0x69", "ARCH_CAPABILITIES,KVM_SET_MSRS,aborts,takes 0 of 1,-arch-capabilities"),
    ("qemu-kvm: error: failed to set MSR 0x48e to 0xfff9fffe04006172", "VMX capabilities,only to what the host's own CPU supports,aborts"),
    ("kvm [123]: vcpu0 unimplemented perfctr wrmsr: 0x186 data 0x5100c0", "PERFEVTSEL,virtual PMU,accepts it and drops it,dropped"),
    ("unimplemented perfctr wrmsr 0x186 data 0x5100c0", "PERFEVTSEL,dropped"),
    ("kvm: vcpu1, guest rIP: 0x1 Unhandled WRMSR(0xc0010015) = 0x40000000", "HWCR,any other 1 is #GP,kvm_amd gives the guest #GP"),
    # From GitHub: smartos-live 695 and 346, novm 26, edk2 91, openvmm 4391, monitoring-plugins 216, kata 2699,
    # clearcontainers 883, a CentOS 6 question, a cloud's guest of 2020, propolis 1092.
    ("kvm: [ID 391722 kern.info] unhandled wrmsr: 0x50cc47 data 90", "50CC47h,no register that irq13 knows"),
    ("2016-07-08T15:00:15.570542+00:00 srv10 kvm: [ID 987709 kern.info] unimplemented perfctr wrmsr: 0xc1 data 0xffffffffff1b1e41", "PMC0,dropped"),
    ("[431428.919308] kvm [12633]: vcpu0 unhandled rdmsr: 0x1c9", "LASTBRANCH_TOS,virtual LBR"),
    ("kvm [3412]: vcpu0, guest rIP: 0xfffff8019c8d6103\nunhandled rdmsr: 0x611", "RAPL,since Linux 5.8,an older one"),
    ("unchecked MSR access error: WRMSR to 0xc001001f (tried to write 0x0000400000000000) at rIP: 0xffffffff9069cec4 (native_write_msr+0x4/0x30)", "NB_CFG,its hypervisor is not KVM"),
    ("kvm [2]: vcpu0, guest rIP: 0x1 vmx_set_msr: BTF|LBR in IA32_DEBUGCTLMSR 0x1, nop", "DEBUGCTL,up to 6.2"),
    ('{"reason":"qemu log: qemu-system-x86_64: error: failed to set MSR 0x48b to 0x1582e00000000\\nqemu: kvm_buf_set_msrs: Assertion"}', "VMX capabilities,aborts"),
    ("[  319.483944] kvm [2415]: vcpu0 unhandled rdmsr: 0x64e", "PPERF,#GP"),
    ("kvm: 23090: cpu0 unhandled wrmsr 0x391 data 2000000f", "uncore,#GP"),
    ("[Sat Jun 20 23:42:04 2020] unchecked MSR access error: RDMSR from 0x1fc at rIP: 0xffffffff9a861db3", "POWER_CTL,5.3,an older one"),
    ("Unhandled rdmsr 0xc0010015, rip: 0xffffffff81045678", "HWCR,reads 0h,its hypervisor is not KVM"),
    # Others of the kind.
    ("qemu-system-x86_64: error: failed to set MSR 0x345 to 0x2000", "PERF_CAPABILITIES,takes 0 of 1,pmu=off"),
    ("qemu-system-x86_64: error: failed to set MSR 0x38d to 0x0", "FIXED_CTR_CTRL,takes 0 of 1,pmu=off"),
    ("qemu-system-x86_64: error: failed to set MSR 0x48b to 0x1582e00000000", "VMX capabilities,vmx-*"),
    ("error: failed to set MSR 0x48d to 0x5600000016", "VMX capabilities,under another hypervisor"),
    ("qemu-system-x86_64: error: failed to set MSR 0x48f to 0xffffff00036dfb", "VMX capabilities"),
    ("kvm [3032]: vcpu0, guest rIP: 0x9 unimplemented HWCR wrmsr: 0x40000000", "HWCR,#GP,up to 6.2"),
    ("[  5.0] kvm [77]: vcpu0, guest rIP: 0x9 ignored rdmsr: 0x611", "RAPL,ignore_msrs=1,gave 0"),
    ("kvm [1]: ignored wrmsr: 0x140 data 0x0", "MISC_FEATURES,nothing was kept"),
    ("kvm [1]: vcpu0, guest rIP: 0xffffffff81 unhandled rdmsr: 0x606", "RAPL,reads 0h"),
    ("kvm [1]: vcpu2, guest rIP: 0x1 unhandled wrmsr: 0xdeadbeef data 0x5", "no register that irq13 knows,ignore_msrs"),
    ("kvm: vcpu0 Unhandled RDMSR(0xc0011020)", "LS_CFG,gives the guest #GP"),
    ("qemu: error: failed to get MSR 0x345", "KVM_GET_MSRS,PERF_CAPABILITIES"),
    ("unchecked MSR access error: WRMSR to 0xc0011020 (tried to write 0x400) at rIP: 0x1", "inside the guest,LS_CFG"),
    ("unchecked MSR access error: RDMSR from 0x1ad at rIP: 0xffffffff", "inside the guest,TURBO_RATIO_LIMIT"),
    ("SVM: kvm [1]: unimplemented wrmsr: 0xc0010115 data 0x0", "IGNNE,accepted the write and dropped it"),
    ("kvm_set_msr_common: MSR_IA32_DEBUGCTLMSR 0x1, nop", "DEBUGCTL,dropped"),
    ("kvm.c:1906: kvm_put_msrs: Assertion `ret == cpu->kvm_msr_buf->nmsrs' failed.", "The line before"),
    ("target/i386/kvm/kvm.c:2893: kvm_buf_set_msrs: Assertion `ret == cpu->kvm_msr_buf->nmsrs' failed.", "The line before"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "expected"), REPORTS)
def test_reports(line, expected):
    said = "\n".join(explain_message(line))
    for part in expected.replace("IGNNE kvm_amd", "IGNNE,kvm_amd").split(","):
        assert part in said


@pytest.mark.parametrize(
    "line", ["", "hello", "WRMSR", "failed to set MSR 0x1ffffffff to 0x0", "Unhandled WRMSR(zz) = 0x0"]
)
def test_what_is_no_message_is_refused(line):
    with pytest.raises(InputError, match="no message about an MSR that irq13 knows"):
        explain_message(line)


def test_a_log_is_explained_message_by_message():
    """Each once, whatever stands between; the assertion says nothing beside the line before it."""
    log = "boot\nkvm [1]: vcpu0 unhandled rdmsr: 0x606\nkvm [1]: vcpu1 unhandled rdmsr: 0x606\n"
    log += "qemu: error: failed to set MSR 0x345 to 0x2000\n"
    log += "kvm.c:1: kvm_buf_set_msrs: Assertion `ret == cpu->kvm_msr_buf->nmsrs' failed.\n"
    said = explain_log(log)
    assert [line for line in said if line.startswith("MSR ")] == [
        "MSR 606h: RAPL energy counters.",
        "MSR 345h: IA32_PERF_CAPABILITIES.",
    ]
    assert said.count("") == 1
    many = "\n".join(f"kvm [1]: vcpu0 unhandled rdmsr: {number:#x}" for number in range(0x5000, 0x5030))
    assert explain_log(many)[-1] == "(8 more messages)"
    with pytest.raises(InputError, match="no message about an MSR"):
        explain_log("hello\nworld")


def test_what_was_ignored_needs_no_advice_to_ignore():
    said = explain_message("kvm [1]: ignored rdmsr: 0x1a2 data 0x0")
    assert "kvm_amd reads 0h" in said[3]
    assert said[-1].startswith("Nothing has to be done; kvm.report_ignored_msrs=0")


def test_ranges_are_in_order_of_their_own_and_do_not_overlap():
    rows = sorted(KNOWN)
    assert all(one.first <= one.last for one in rows)
    assert all(one.last < other.first for one, other in itertools.pairwise(rows))
    assert known_msr(0x187).name.startswith("IA32_PERFEVTSEL")
    assert known_msr(0x18E) is None


WORDS = st.sampled_from(
    [
        "Unhandled WRMSR(",
        "0x",
        "c0010115",
        ") = ",
        "failed to set MSR ",
        " to ",
        "ignored rdmsr: ",
        " data ",
        "f" * 20,
        "\n",
    ]
)


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=120), st.lists(WORDS, max_size=12).map("".join)))
def test_no_line_whatever_crashes(line):
    try:
        assert explain_message(line)
    except InputError as error:
        assert "\n" not in str(error)


@settings(max_examples=150)
@given(st.sampled_from(FORMS), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))
def test_any_msr_and_value_are_explained(form, index, data):
    line = {
        True: f"failed to set MSR {index:#x} to {data:#x}"
        if form.by_host
        else f"Unhandled WRMSR({index:#x}) = {data:#x}",
        False: f"failed to get MSR {index:#x}" if form.by_host else f"unhandled rdmsr: {index:#x}",
    }[form.write]
    assert explain_message(line)[0].startswith(f"MSR {index:X}h: ")


@pytest.mark.parametrize(
    ("arguments", "status", "part"),
    [
        (["explain", "failed to set MSR 0x38d to 0x0"], 0, "MSR 38Dh"),
        (["explain"], 2, "expected a message"),
        (["explain", "nothing"], 2, "no message about an MSR"),
        (["ignne", "more"], 2, "expected explain before a message, not 'ignne'"),
    ],
)
def test_the_command(capsys, arguments, status, part):
    with pytest.raises(SystemExit) as caught:
        main(["msr", *arguments])
    captured = capsys.readouterr()
    assert (caught.value.code or 0) == status
    assert part in (captured.err if status else captured.out)
