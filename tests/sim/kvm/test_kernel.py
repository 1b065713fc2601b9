"""The model against a real kernel: live where there is a /dev/kvm, and against a recording everywhere."""

import json
import os
from pathlib import Path

import pytest
from irq13.model.kvm.cpuid import Guest
from irq13.model.kvm.vm import AccessResult, GuestAccess
from irq13.sim.cli.main import main
from irq13.sim.kvm import differential
from irq13.sim.kvm.device import KernelVm
from irq13.sim.kvm.kernel import host, module_parameter
from irq13.sim.kvm.run import model_of, run_on_kernel
from irq13.sim.kvm.script import load_script, parse_script
from irq13.sim.support.errors import ToolError
from irq13.sim.support.toml_source import Source

RECORDING = Path(__file__).parents[2] / "data/kvm_6_18.json.gz"
"""Made by `irq13 msr --on kvm --record`."""
HWCR = 0xC0010015
needs_kvm = pytest.mark.skipif(not os.access("/dev/kvm", os.R_OK | os.W_OK), reason="no /dev/kvm")


def test_the_recorded_kernel_and_the_model_agree():
    recording = differential.read_recording(RECORDING)
    assert recording.host.release.startswith("6.18.")
    found = differential.compare_recording(recording)
    assert found.differences == []
    assert found.compared > 2 * 16 * 79


def test_a_wrong_answer_is_found():
    recording = differential.read_recording(RECORDING)
    answers = recording.answers["AMD"][f"guest {HWCR:#x}"]
    answers[18] = [0, 0, 0]
    recording.scripts["exits"][0][1] = "1h"
    first, second = differential.compare_recording(recording).differences
    assert first == (
        "AMD: guest 0xc0010015 := 0x40000: the kernel refuses (0x0, 0x0),"
        " the model takes it (0x40000, 0x40000)"
    )
    assert second.startswith("exits: guest 0 wrmsr HWCR 1: the kernel")


def test_a_recording_is_written_and_read_again(tmp_path):
    recording = differential.read_recording(RECORDING)
    for name in ("one.json", "one.json.gz"):
        differential.write_recording(recording, tmp_path / name)
        assert differential.read_recording(tmp_path / name) == recording
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["one.json", "one.json.gz"]


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"kernel": "6.18", "module": "x", "features": [], "answers": {}}']
)
@pytest.mark.parametrize("name", ["x.json", "x.json.gz"])
def test_what_is_no_recording_is_refused(tmp_path, text, name):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match="not a recording"):
        differential.read_recording(path)


def test_the_command_replays(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["msr", "--differential", "--replay", str(RECORDING)])
    assert caught.value.code in (0, None)
    assert " 0 differences" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("release", "module", "backend", "kernel"),
    [
        ("6.8.0-45-generic", "kvm_amd", "svm", (6, 8)),
        ("5.15.0", "kvm_intel", "vmx", (5, 15)),
        ("7.1.0", "kvm_amd", "svm", (6, 18)),
        ("6.18.44", "kvm_pvm", "common", (6, 18)),
    ],
)
def test_the_model_of_a_kernel(release, module, backend, kernel):
    there = host()._replace(release=release, module=module)
    name, adapted = model_of(load_script("ignne"), there, frozenset())
    assert (name, adapted.options.kernel) == (backend, kernel)


def test_no_device():
    with pytest.raises(ToolError, match=r"^/nonexistent/kvm: there is no KVM here"):
        KernelVm(device="/nonexistent/kvm")


def test_no_permission(monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied", "/dev/kvm")

    monkeypatch.setattr("irq13.sim.kvm.device.os.open", refuse)
    with pytest.raises(ToolError, match="no permission; members of the group kvm have it"):
        KernelVm()


def test_a_module_without_filters(monkeypatch):
    from irq13.sim.kvm import device

    vm = object.__new__(KernelVm)
    vm.device, vm.host = 0, host()
    monkeypatch.setattr(device.fcntl, "ioctl", lambda *_: 0)
    with pytest.raises(ToolError, match=r"this kernel has no MSR filters \(Linux 5.10 and later\)"):
        vm.set_msr_filter(0, [])


def test_a_module_parameter_that_the_script_contradicts(monkeypatch):
    monkeypatch.setattr("irq13.sim.kvm.run.module_parameter", lambda name: True)
    with pytest.raises(
        ToolError, match="the script says ignore_msrs = false, and this kernel's module kvm has Y"
    ):
        run_on_kernel(parse_script(Source("x", "script = 'guest 0 rdmsr HWCR'")))


def test_module_parameters(tmp_path):
    folder = tmp_path / "kvm/parameters"
    folder.mkdir(parents=True)
    (folder / "ignore_msrs").write_text("Y\n")
    assert module_parameter("ignore_msrs", tmp_path) is True
    assert module_parameter("nothing", tmp_path) is None
    (tmp_path / "kvm_amd").mkdir()
    assert host(tmp_path).module == "kvm_amd"


@needs_kvm
class TestLive:
    def test_a_guest_really_runs(self):
        with KernelVm(Guest("AMD", frozenset({"lm", "nx"}))) as vm:
            cpu = vm.kvm_vm_ioctl_create_vcpu()
            assert cpu.guest_wrmsr(HWCR, 0x40000) == GuestAccess(AccessResult.DONE)
            assert cpu.guest_rdmsr(HWCR) == GuestAccess(AccessResult.DONE, 0x40000)
            assert cpu.guest_wrmsr(HWCR, 1) == GuestAccess(AccessResult.GP)
            cpu.init()
            assert cpu.guest_rdmsr(HWCR) == GuestAccess(AccessResult.DONE, 0x40000)

    def test_this_kernel_and_the_model_agree(self):
        assert differential.compare_recording(differential.ask_kernel()).differences == []

    @pytest.mark.parametrize("options", [[], ["--json"], ["--compare"], ["--compare", "--json"]])
    def test_the_command(self, capsys, options):
        with pytest.raises(SystemExit) as caught:
            main(["msr", "boot", "--on", "kvm", *options])
        assert caught.value.code in (0, None)
        out = capsys.readouterr().out
        assert json.loads(out) if "--json" in options else str(host()) in out

    def test_a_guest_that_does_not_come_back_is_stopped(self, monkeypatch):
        from irq13.sim.kvm import device

        monkeypatch.setattr(device, "SECONDS", 0.2)
        with KernelVm() as vm:
            cpu = vm.kvm_vm_ioctl_create_vcpu()
            memory = vm._kept[0]
            memory[0x1000:0x1002] = b"\xeb\xfe"  # jumps to itself
            with pytest.raises(ToolError, match="the guest did not come back within"):
                cpu.guest_wrmsr(HWCR, 0)
