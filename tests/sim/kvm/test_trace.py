"""Counting on the running kernel: which means is taken, and what it says."""

import os
import shutil
import subprocess
import threading

import pytest
from irq13.sim.kvm import trace
from irq13.sim.kvm.device import KernelVm
from irq13.sim.kvm.kernel import Host
from irq13.sim.support.errors import ToolError

STACK = """Attaching 2 probes...
@[
    emulator_set_msr_with_filter+333
    em_wrmsr+95
    x86_emulate_insn+315
    x86_emulate_instruction+813
    pvm_emulate_insn_scrubbed.constprop.0+351
    __pvm_handle_exit.isra.0+3691
    pvm_handle_exit+15
    kvm_arch_vcpu_ioctl_run+1938
    kvm_vcpu_ioctl+279
    __x64_sys_ioctl+155
    do_syscall_64+113
    entry_SYSCALL_64_after_hwframe+118
]: 6
"""


@pytest.fixture
def as_root(monkeypatch):
    monkeypatch.setattr(trace.os, "geteuid", lambda: 0)
    monkeypatch.setattr(trace.shutil, "which", lambda name: f"/usr/bin/{name}")


def kernel(monkeypatch, module, works, stdout=STACK):
    """bpftrace on a kernel with this module, on which only one kind of probe works."""
    monkeypatch.setattr(trace, "host", lambda: Host("6.18.0", module))

    def run(command, **_):
        program = command[-1]
        fine = works is not None and program.startswith(works)
        error = "\x1b[31mERROR: Could not attach\x1b[0m"
        return subprocess.CompletedProcess(
            command, 0 if fine else 1, stdout if fine else "", "" if fine else error
        )

    return run


@pytest.mark.parametrize(
    ("works", "name", "refused"),
    [
        ("kfunc:", "fentry on svm_set_msr", 0),
        ("kprobe:", "kprobe on svm_set_msr", 1),
        ("tracepoint:", "tracepoint", 2),
    ],
)
def test_the_best_means_is_taken(monkeypatch, as_root, works, name, refused):
    traced = trace.trace_ways(1, kernel(monkeypatch, "kvm_amd", works, "Attaching 2 probes...\n"))
    assert traced.means.name.startswith(name)
    assert len(traced.refused) == refused
    assert all("ERROR: Could not attach" in one for one in traced.refused)
    assert ("neither KVM_SET_MSRS" in traced.means.sees) == (refused == 2)
    assert traced.ways == []


def test_a_stack_of_the_tracepoint_is_a_way(monkeypatch, as_root):
    traced = trace.trace_ways(1, kernel(monkeypatch, "kvm_pvm", "tracepoint:"))
    assert [(way.name, way.times) for way in traced.ways] == [("emulator", 6)]


def test_no_means(monkeypatch, as_root):
    with pytest.raises(ToolError, match="permits no means of tracing: fentry on vmx_set_msr: ERROR"):
        trace.trace_ways(1, kernel(monkeypatch, "kvm_intel", None))


def test_it_needs_root_and_bpftrace(monkeypatch):
    monkeypatch.setattr(trace.os, "geteuid", lambda: 1000)
    with pytest.raises(ToolError, match="--trace needs root"):
        trace.trace_ways(1)
    monkeypatch.setattr(trace.os, "geteuid", lambda: 0)
    monkeypatch.setattr(trace.shutil, "which", lambda name: None)
    with pytest.raises(ToolError, match="needs bpftrace, which is not installed"):
        trace.trace_ways(1)


def test_tracefs_of_ones_own(monkeypatch, tmp_path):
    monkeypatch.setattr(trace.shutil, "which", lambda name: name)
    monkeypatch.setattr(trace, "TRACEFS", tmp_path)
    assert trace._command("x")[:2] == ["unshare", "--mount"]
    (tmp_path / "events").mkdir()
    assert trace._command("x") == ["bpftrace", "-e", "x"]


@pytest.mark.slow
@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("bpftrace") is None or not os.access("/dev/kvm", os.W_OK),
    reason="needs root, bpftrace and /dev/kvm",
)
def test_a_guest_is_counted():
    stop = threading.Event()
    with KernelVm() as vm:
        cpu = vm.kvm_vm_ioctl_create_vcpu()

        def guest():
            while not stop.wait(0.05):
                cpu.guest_wrmsr(0xC0010015, 0)

        thread = threading.Thread(target=guest)
        thread.start()
        try:
            traced = trace.trace_ways(5)
        except ToolError as error:
            pytest.skip(str(error))
        finally:
            stop.set()
            thread.join()
    assert sum(way.times for way in traced.ways if way.name in ("guest", "emulator")) > 20
