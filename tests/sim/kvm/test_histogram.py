"""Histograms of other people's kernels."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from irq13.sim.cli.main import main
from irq13.sim.kvm import run as msr_run
from irq13.sim.kvm.histogram import SENTENCES, StackCount, classify, frame_name, read_histogram, way_of
from irq13.sim.kvm.script import load_script
from irq13.sim.support.errors import InputError

SYSCALL = "    __x64_sys_ioctl\n    do_syscall_64\n    entry_SYSCALL_64_after_hwframe\n"
ORIGIN = f"""@[
    vmx_set_msr
    kvm_vcpu_reset
    kvm_arch_vcpu_create
    kvm_vm_ioctl
{SYSCALL}]: 6
@[
    vmx_set_msr
    __kvm_set_msr
    kvm_emulate_wrmsr
    vmx_handle_exit
    kvm_arch_vcpu_ioctl_run
    kvm_vcpu_ioctl
{SYSCALL}]: 880
@[
    vmx_set_msr
    __kvm_set_msr
    kvm_arch_vcpu_ioctl
    kvm_vcpu_ioctl
{SYSCALL}]: 1692
"""


def ways(text):
    return [(way.name, way.times) for way in classify(read_histogram("x", text))]


def test_the_histogram_with_which_the_project_began():
    assert ways(ORIGIN) == [("host", 1692), ("guest", 880), ("creation", 6)]


@pytest.mark.parametrize("backend", ["svm", "vmx"])
@pytest.mark.parametrize("full", [False, True])
def test_what_irq13_prints_it_reads(backend, full):
    _, vm = msr_run.run_script(load_script("boot"), backend)
    text = msr_run.as_bpftrace(msr_run.histogram(vm, full))
    assert sorted(name for name, _ in ways(text)) == ["creation", "guest", "host"]


def test_offsets_suffixes_and_modules():
    text = (
        "Attaching 1 probe...\n\n@c[\n"
        "    svm_set_msr+5\n    __kvm_set_msr.isra.0+0x8a/0x1f0 [kvm]\n    kvm_emulate_wrmsr.cold\n"
        "    svm_invoke_exit_handler.constprop.12+10\n    svm_handle_exit+1\n    vcpu_enter_guest.constprop.0+2\n"
        "    vcpu_run\n    kvm_arch_vcpu_ioctl_run+1\n    kvm_vcpu_ioctl+577\n    __x64_sys_ioctl+1\n"
        "    x64_sys_call+1\n    do_syscall_64+1\n    entry_SYSCALL_64_after_hwframe+118\n]: 3\n"
    )
    assert ways(text) == [("guest", 3)]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ffffffffc0a1b2c3 vmx_set_msr+0x5 ([kvm_intel])", "vmx_set_msr"),
        ("kvm_set_msr_common.part.0.isra.3", "kvm_set_msr_common"),
        ("   vmx_set_msr+5,", "vmx_set_msr"),
    ],
)
def test_frames(text, name):
    assert frame_name(text) == name


def test_a_kernel_before_5_0():
    """Several functions between the system call and KVM, and no kvm_emulate_wrmsr."""
    chain = "vmx_set_msr kvm_set_msr handle_wrmsr vmx_handle_exit kvm_arch_vcpu_ioctl_run kvm_vcpu_ioctl"
    chain += " do_vfs_ioctl ksys_ioctl __x64_sys_ioctl do_syscall_64 entry_SYSCALL_64_after_hwframe"
    assert ways("@[\n" + "\n".join(chain.split()) + "\n, CPU 0/KVM, 4711]: 12\n") == [("guest", 12)]


def test_perf_script_bcc_and_folded():
    perf = (
        "CPU 0/KVM  4242 [003] 77.5: probe:vmx_set_msr: (ffffffffc0)\n"
        "\tffffffffc0000001 vmx_set_msr+0x1 ([kvm_intel])\n\tffffffffc0000002 kvm_emulate_wrmsr+0x40 ([kvm])\n"
        "\tffffffffc0000003 vmx_handle_exit+0x1 ([kvm_intel])\n\tffffffffc0000004 kvm_vcpu_ioctl+0x1 ([kvm])\n\n"
    )
    assert ways(perf * 2) == [("guest", 2)]
    bcc = "  vmx_set_msr\n  kvm_arch_vcpu_ioctl\n  kvm_vcpu_ioctl\n    880\n\n  svm_set_msr\n  kvm_vcpu_reset\n    6\n\n"
    assert ways(bcc) == [("host", 880), ("creation", 6)]
    folded = "CPU 0/KVM;entry_SYSCALL_64_after_hwframe;kvm_vcpu_ioctl;kvm_arch_vcpu_ioctl;vmx_set_msr 41\n"
    assert ways(folded) == [("host", 41)]


def test_user_frames_tell_qemus_writes_apart():
    head = ("vmx_set_msr", "kvm_arch_vcpu_ioctl", "kvm_vcpu_ioctl", "entry_SYSCALL_64_after_hwframe", "ioctl")
    assert way_of((*head, "kvm_buf_set_msrs", "kvm_init_msrs", "kvm_arch_init_vcpu")) == "host init"
    assert way_of((*head, "kvm_put_msrs", "kvm_arch_put_registers", "kvm_cpu_exec")) == "host runtime"
    assert way_of((*head, "kvm_arch_put_registers", "do_kvm_cpu_synchronize_post_reset")) == "host full"


def test_the_common_function_and_the_emulator():
    assert way_of(("kvm_set_msr_common", "svm_set_msr", "kvm_vcpu_reset", "kvm_vm_ioctl")) == "creation"
    emulator = ("svm_set_msr", "emulator_set_msr_with_filter", "em_wrmsr", "x86_emulate_insn")
    assert way_of(emulator) == "emulator"
    assert way_of(("svm_set_msr", "emulator_set_msr", "x86_emulate_insn", "kvm_vcpu_ioctl")) == "emulator"


@pytest.mark.parametrize(
    "chain",
    [
        ("vmx_set_msr",),  # could be any
        ("vmx_set_msr", "nested_vmx_load_msr", "kvm_vcpu_ioctl"),
        ("vmx_set_msr", "kvm_vcpu_ioctl", "kvm_emulate_wrmsr"),  # not in this order
        ("do_syscall_64",),
        (),
    ],
)
def test_what_matches_none(chain):
    assert way_of(chain) == ""


def test_counts_are_summed_and_what_matches_none_comes_last():
    stacks = [StackCount(("vmx_set_msr", "kvm_emulate_wrmsr"), 2), StackCount(("x",), 99)]
    stacks.append(StackCount(("vmx_set_msr", "kvm_emulate_wrmsr"), 3))
    assert [(way.name, way.times) for way in classify(stacks)] == [("guest", 5), ("", 99)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x: no stack in it; expected"),
        ("  100.00%  CPU 0/KVM  [k] svm_set_msr\n   |\n   ---svm_set_msr", "x: a perf report has shares and"),
        ("hello\nworld", "x: no stack in it"),
        ("@[\n vmx_set_msr\n", "x:1: a stack that does not end"),
        ("@[\n a\n@[\n b\n]: 1", "x:1: a stack that does not end"),
    ],
)
def test_mistakes(text, message):
    with pytest.raises(InputError, match=message):
        read_histogram("x", text)


PIECES = st.sampled_from(
    ["@[", "]: 5", "\n", ";", "vmx_set_msr", " ", "kvm_vcpu_ioctl+0x1", ",", "[kvm]", "7", "@", "é"]
)


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=30).map("".join)))
def test_no_histogram_whatever_crashes(text):
    try:
        for way in classify(read_histogram("x", text)):
            assert way.name == "" or way.name in SENTENCES
    except InputError as error:
        assert str(error).startswith("x:")


def test_the_command(tmp_path, capsys, monkeypatch):
    path = tmp_path / "hist.txt"
    path.write_text(ORIGIN + "@[\n    vmx_set_msr\n    nested_vmx_run\n]: 2\n")
    with pytest.raises(SystemExit) as caught:
        main(["msr", "--histogram", str(path)])
    assert caught.value.code in (0, None)
    out = capsys.readouterr().out
    assert out.index("1692  user space called KVM_SET_MSRS") < out.index("880  the guest executed WRMSR")
    assert "2  matches no way that the model knows: vmx_set_msr < nested_vmx_run" in out
