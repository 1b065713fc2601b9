"""The model of KVM against a kernel: MSRs by values, by guest and by host, then filters and exits.

A recording is a kernel's answers as JSON, with the kernel and the module named; the model is held to it where
there is no /dev/kvm.
"""

import gzip
import json
import os
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from ...model.kvm.cpuid import FEATURES, Guest
from ...model.kvm.msrs import Common, Options
from ...model.kvm.vm import AccessResult, Vm
from ...model.registers import Msr
from ..support.errors import InputError
from ..support.files import replacing
from ..support.toml_source import Source
from . import script as msr_script
from .device import KernelVm
from .kernel import Host, host
from .run import AnyVcpu, AnyVm, model_of, run_on_kernel, run_script

COMMON = (
    *(
        Msr.HWCR,
        Common.EFER,
        Common.MC0_CTL,
        Common.MC0_STATUS,
        Common.MCG_STATUS,
        Common.MCG_CTL,
        Common.PAT,
    ),
    *(Common.MTRR_BASE0, 0x201, 0x250, Common.MTRR_DEF_TYPE, Common.POWER_CTL),
    *(Common.UCODE_REV, Common.PLATFORM_INFO, Common.ARCH_CAPABILITIES),
    *(Common.PERF_CAPABILITIES, Common.PERFCTR0, Common.EVNTSEL0, Common.K7_EVNTSEL0, Common.K7_PERFCTR0),
    *(
        Common.NB_CFG,
        Common.K7_CLK_CTL,
        Common.PATCH_LOADER,
        Common.MMIO_CONF_BASE,
        Common.XSS,
        Common.GS_BASE,
    ),
    *(Common.OSVW_LENGTH, Common.LS_CFG, Common.RAPL_POWER_UNIT, Common.MC0_CTL2, Common.UCODE_WRITE),
)
"""MSRs that no module has rules of its own for."""
OWN = (
    *(Msr.IGNNE, Common.VM_CR, Common.VM_HSAVE_PA, Common.FEATURE_CONTROL, Common.DE_CFG, Common.SMM_CTL),
    *(Common.PAT, Common.MISC_ENABLE, Common.MISC_FEATURES_ENABLES),
)
"""MSRs that a module decides about: kvm_amd or kvm_intel, and the last three some other modules (kvm_pvm)."""
OWN_NAMES = tuple(one.name for one in OWN)
VALUES = (
    *(1 << bit for bit in range(64)),
    *(
        0,
        0x69,
        0x118,
        0x148,
        0x500,
        0xD01,
        0x104_0148,
        0x105_0148,
        0x0007_0406_0007_0406,
        0x0606_0606_0606_0606,
    ),
    *(0xC06, 0x7FFF_FFFF_FFFF, 0xFFFF_8000_0000_0000, (1 << 64) - 1 - (1 << 10), (1 << 64) - 1),
)
GUESTS = {
    "no CPUID": Guest(),
    "AMD": Guest("AMD", frozenset({"lm", "nx", "syscall", "osvw", "xsave", "xsaves"})),
    "Intel": Guest("Intel", frozenset({"lm", "nx", "syscall", "pdcm"})),
}
SCRIPTS = {
    "exits": """
user_space = ["filter", "unknown", "invalid"]
script = '''
  guest 0 wrmsr HWCR 1
  user 0 error
  guest 0 wrmsr K7_PERFCTR0 5
  user 0 ok
  guest 0 rdmsr 0x8B
  user 0 ok 0xFFFFFFFF12345678
  guest 0 rdmsr 0xDEADBEEF
  user 0 ok 0x1234
  guest 0 wrmsr MTRR_DEF_TYPE 2
  user 0 ok
  guest 0 rdmsr MTRR_DEF_TYPE
  host 0 set HWCR 0x40000, MTRR_DEF_TYPE 0, HWCR 1, MTRR_DEF_TYPE 6
  host 0 get MTRR_DEF_TYPE, HWCR, 0xDEAD, HWCR
  init 0
  guest 0 rdmsr HWCR
'''
[filter]
ranges = '''
  K7_PERFCTR0 1 deny write
  0x88 8 deny read
'''
""",
    "denied": """
user_space = ["unknown"]
script = '''
  guest 0 wrmsr HWCR 0x40000
  guest 0 rdmsr HWCR
  guest 0 wrmsr MTRR_DEF_TYPE 0
  guest 0 rdmsr 0xDEADBEEF
  host 0 cpuid Intel lm
  host 0 set PLATFORM_INFO 0
  host 0 set PLATFORM_INFO 0x80000000
'''
[filter]
default = "deny"
ranges = '''
  HWCR 1 allow read,write
'''
""",
    "reset": """
vcpus = 2
script = '''
  boot
  guest 1 wrmsr HWCR 0x1040000
  guest all rdmsr HWCR
  reset 1
  guest 1 rdmsr HWCR
  init 1
  guest 1 wrmsr HWCR 0x40000
'''
""",
}
"""What beside the values is asked: filters, every exit, INIT, QEMU's lists, CPUID after the first run."""


class Recording(NamedTuple):
    """A kernel's answers."""

    host: Host
    features: tuple[str, ...]
    """What KVM offers a guest, by KVM_GET_SUPPORTED_CPUID."""
    answers: dict[str, dict[str, list[list[Any]]]]
    """By guest, then by "host ADDRESS" or "guest ADDRESS": for each value whether it was taken, and what the
    host and the guest then read."""
    scripts: dict[str, list[list[str]]]
    """By script: result and value of each access."""


class Comparison(NamedTuple):
    """What a comparison found."""

    compared: int
    left_out: int
    differences: list[str]


def ask_kernel(device: str = "/dev/kvm") -> Recording:
    """This kernel's answers. Raises ToolError."""
    answers, features = {}, ()
    for name, guest in GUESTS.items():
        with KernelVm(guest, device) as vm:
            features = tuple(sorted(vm.supported))
            answers[name] = dict(_answers(vm, (*COMMON, *OWN)))
    scripts = {}
    for name, script in _scripts():
        done, _ = run_on_kernel(script, device)
        scripts[name] = [[one.result, one.value] for one in done]
    return Recording(host(), features, answers, scripts)


def compare_recording(recording: Recording) -> Comparison:
    """The model of the recorded kernel against the recording."""
    features = frozenset(recording.features)
    compared = left_out = 0
    differences = []
    for name, rows in recording.answers.items():
        backend, options = _options(recording.host, GUESTS[name], features)
        expected = dict(_answers(Vm(backend, options), (*COMMON, *OWN)))
        for key, answers in rows.items():
            if backend == "common" and int(key.split()[1], 16) in OWN:
                left_out += len(answers)
                continue
            for value, answer, model in zip(VALUES, answers, expected[key], strict=True):
                compared += 1
                if answer != model:
                    differences.append(
                        f"{name}: {key} := {value:#x}: the kernel {_said(answer)}, the model {_said(model)}"
                    )
    for name, script in _scripts():
        backend, adapted = model_of(script, recording.host, features)
        done, _ = run_script(adapted, backend)
        for one, answer in zip(done, recording.scripts[name], strict=True):
            compared += 1
            if [one.result, one.value] != answer:
                differences.append(
                    f"{name}: {one.access.text}: the kernel {answer}, the model {[one.result, one.value]}"
                )
    return Comparison(compared, left_out, differences)


def recording_json(recording: Recording) -> str:
    """A recording as text: a line for each MSR and way."""
    head = {"kernel": recording.host.release, "module": recording.host.module, "features": recording.features}
    lines = [json.dumps(head)[:-1] + ', "answers": {']
    guests = []
    for name, rows in recording.answers.items():
        inner = ",\n".join(
            f"{json.dumps(key)}: {json.dumps(row, separators=(',', ':'))}" for key, row in rows.items()
        )
        guests.append(f"{json.dumps(name)}: {{\n{inner}}}")
    lines.append(",\n".join(guests) + '},\n"scripts": ' + json.dumps(recording.scripts) + "}\n")
    return "\n".join(lines)


def write_recording(recording: Recording, path: Path) -> None:
    """Keep a recording; compressed if the name ends in .gz. Raises OSError.

    Parameters
    ----------
    recording : Recording
        What a kernel answered.
    path : Path
        Of the file, which is replaced as a whole or not at all.
    """
    text = recording_json(recording)
    if path.suffix != ".gz":
        with replacing(path) as file:
            file.write(text)
        return
    packed = gzip.compress(text.encode(), mtime=0)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(packed)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read_recording(path: Path) -> Recording:
    """A recording from a file. Raises InputError, OSError."""
    wrong = f"{path}: not a recording of `irq13 msr --differential --record`"
    try:
        packed = path.read_bytes()
        data = json.loads(gzip.decompress(packed) if path.suffix == ".gz" else packed)
        answers = {name: dict(rows) for name, rows in data["answers"].items()}
        recording = Recording(
            Host(str(data["kernel"]), str(data["module"])),
            tuple(data["features"]),
            answers,
            dict(data["scripts"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, gzip.BadGzipFile, zlib.error):
        raise InputError(wrong) from None
    keys = {key for key, _ in _keys()}
    fits = set(recording.features) <= set(FEATURES) and set(recording.scripts) == set(SCRIPTS)
    for name, rows in answers.items():
        fits &= name in GUESTS and set(rows) == keys and all(len(row) == len(VALUES) for row in rows.values())
    fits &= all(len(recording.scripts.get(name, ())) == len(script.accesses) for name, script in _scripts())
    if not fits:
        raise InputError(f"{wrong} of this version: make it again")
    return recording


def _options(there: Host, guest: Guest, features: frozenset[str]) -> tuple[str, Options]:
    """The model's backend and options for a kernel."""
    script = next(iter(_scripts()))[1]
    backend, adapted = model_of(script, there, features)
    return backend, replace(adapted.options, guest=guest)


def _scripts() -> Iterator[tuple[str, msr_script.Script]]:
    for name, text in SCRIPTS.items():
        yield name, msr_script.parse_script(Source(name, text))


def _keys() -> Iterator[tuple[str, int]]:
    for way in ("host", "guest"):
        for index in (*COMMON, *OWN):
            yield f"{way} {index:#x}", int(index)


def _answers(vm: AnyVm, indices: tuple[int, ...]) -> Iterator[tuple[str, list[list[Any]]]]:
    """Each value by the host to one vCPU, then by the guest to another."""
    vcpus = {"host": vm.kvm_vm_ioctl_create_vcpu(), "guest": vm.kvm_vm_ioctl_create_vcpu()}
    for key, index in _keys():
        way = key.split()[0]
        yield key, [_answer(vcpus[way], way, index, value) for value in VALUES]


def _answer(vcpu: AnyVcpu, way: str, index: int, value: int) -> list[Any]:
    """Whether it was taken, what the host reads then, and on the guest's vCPU what the guest reads."""
    if way == "host":
        return [vcpu.set_msrs([(index, value)]), vcpu.peek(index)]
    taken = int(vcpu.guest_wrmsr(index, value).result is AccessResult.DONE)
    read_ = vcpu.guest_rdmsr(index)
    return [taken, vcpu.peek(index), read_.value if read_.result is AccessResult.DONE else None]


def _said(answer: list[Any]) -> str:
    taken, *values = answer
    reads = ", ".join("unreadable" if one is None else f"{one:#x}" for one in values)
    return f"{'takes it' if taken else 'refuses'} ({reads})"
