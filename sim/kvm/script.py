"""Scripts of MSR accesses: through KVM's rules, and through the hardware's.

vcpus = 6
ignore_msrs = false
user_space = ["filter", "unknown", "invalid"]    # these failures exit to user space
script = '''
  boot                           ; QEMU creates the vCPUs and synchronises them
  guest 0 wrmsr HWCR 0x100       ; guest all ...
  guest 0 rdmsr IGNNE
  host 0 set HWCR 0x100, IGNNE 1 ; KVM_SET_MSRS; get HWCR
  user 0 ok 0x1234               ; completes an exit; or error
  reset 0                        ; init 0
'''

[filter]
default = "allow"                # what no range decides
ranges = '''
  0xC0010015 1 deny write        ; base, number of MSRs, allow|deny, read,write
'''
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import NamedTuple

from ...model.kvm import vm as kvm
from ...model.kvm.msrs import Backing, Common, HardwareRegisters, Options, Return
from ...model.kvm.qemu import Qemu
from ...model.kvm.vm import AccessResult, ExitReason, FilterRange, GuestAccess, Vcpu, Vm
from ...model.registers import Msr
from ..cpu import operands
from ..simulation import Simulation
from ..support.errors import InputError
from ..support.toml_source import Source, open_shipped, shipped_names

NAMES: dict[str, int] = {one.name: int(one) for kind in (Msr, Common) for one in kind}
"""The MSRs that scripts know by name."""
WRITE_ONLY = "write-only"
COLUMNS = ("svm", "vmx", "hardware")
_FOLDER = resources.files("irq13.sim.kvm") / "scripts"
_KEYS = ("title", "vcpus", "ignore_msrs", "report_ignored_msrs", "user_space", "filter", "script")
_REASONS = {"filter": ExitReason.FILTER, "unknown": ExitReason.UNKNOWN, "invalid": ExitReason.INVAL}


class Access(NamedTuple):
    """One line of a script, for one vCPU."""

    line: int
    text: str
    vcpu: int | None
    """None for `boot`."""
    verb: str
    msrs: tuple[tuple[int, int], ...] = ()
    """Addresses and values."""
    value: int = 0
    error: bool = False


@dataclass(frozen=True)
class Script:
    """A script, checked."""

    source: Source
    title: str
    vcpus: int
    options: Options
    user_space: ExitReason
    filter: tuple[int, tuple[FilterRange, ...]] | None
    accesses: tuple[Access, ...]


class Done(NamedTuple):
    """What came of an access."""

    access: Access
    result: str
    value: str
    """What was read, or read back after a write; empty where there is nothing."""


def shipped_scripts() -> list[str]:
    """The names of the scripts that come with irq13."""
    return shipped_names(_FOLDER)


def load_script(name: str) -> Script:
    """A shipped script by name, or one from a file. Raises SourceError, OSError."""
    return parse_script(open_shipped(_FOLDER, name, "script"))


def parse_script(source: Source) -> Script:
    """A script from a parsed file. Raises SourceError with file, line and what was expected."""
    source.only((), _KEYS)
    source.only(("filter",), ("default", "ranges"))
    if "script" not in source.data:
        raise source.error((), "there is no script")
    vcpus = source.get(("vcpus",), int, 1)
    if not 1 <= vcpus <= 4096:
        raise source.error(("vcpus",), f"vcpus must be 1 to 4096, not {vcpus}")
    accesses: list[Access] = []
    for number, text in source.block(("script",)):
        try:
            accesses += _accesses(number, text, vcpus)
        except ValueError as error:
            raise source.error(number, str(error)) from None
    options = Options(
        source.get(("ignore_msrs",), bool, False), source.get(("report_ignored_msrs",), bool, True)
    )
    title = source.get(("title",), str, "")
    script = Script(source, title, vcpus, options, _user_space(source), _filter(source), tuple(accesses))
    _machine(script, "svm")  # refuses a filter that KVM would refuse
    return script


def run_script(script: Script, backend: str) -> tuple[list[Done], Vm]:
    """Run a script on "svm" or "vmx", KVM's bookkeeping, or on "hardware", the MSR bus of a machine.

    Raises
    ------
    SourceError
        For an access to a vCPU that does not exist (yet), or that waits for user space; and if QEMU would
        abort.
    """
    vm = _machine(script, backend)
    done: list[Done] = []
    for access in script.accesses:
        try:
            done.append(_perform(vm, access, script.vcpus))
        except (RuntimeError, OSError) as error:
            raise script.source.error(access.line, f"{access.text}: {error}") from None
    return done, vm


def histogram(vm: Vm, full: bool = False) -> list[tuple[kvm.Chain, int]]:
    """How often `set_msr` was reached by each chain, innermost first; the rarest chain first."""
    counts: dict[kvm.Chain, int] = {}
    for chain, count in vm.chains.items():
        key = chain if full else kvm.shown(chain)
        counts[key] = counts.get(key, 0) + count
    return sorted(counts.items(), key=lambda item: item[1])


def as_bpftrace(counts: list[tuple[kvm.Chain, int]]) -> str:
    """The histogram as bpftrace prints it."""
    return "\n".join(
        "@[\n" + "".join(f"    {name}\n" for name in chain) + f"]: {count}" for chain, count in counts
    )


def compare_backends(script: Script) -> Iterator[tuple[Access, dict[str, Done]]]:
    """Each access with what came of it in every column."""
    results = {column: run_script(script, column)[0] for column in COLUMNS}
    for index, access in enumerate(script.accesses):
        yield access, {column: results[column][index] for column in COLUMNS}


def _machine(script: Script, backend: str) -> Vm:
    if backend == "hardware":
        return Vm("svm", Options(report_ignored_msrs=False), _hardware)
    vm = Vm(backend, script.options)
    vm.enable_cap_user_space_msr(script.user_space)
    if script.filter is not None:
        try:
            vm.set_msr_filter(*script.filter)
        except OSError as error:
            raise script.source.error(("filter",), str(error.strerror)) from None
    return vm


def _hardware(number: int) -> Backing:
    # Only the model: a script may create thousands of vCPUs, and the lockstep tests hold the HDL to it.
    return HardwareRegisters(Simulation("AMD64", on="model").access_msr)


def _perform(vm: Vm, access: Access, vcpus: int) -> Done:
    if access.vcpu is None:
        Qemu(vm).boot(vcpus)
        return Done(access, f"{vcpus} vCPUs", "")
    if not vm.vcpus:
        for _ in range(vcpus):
            vm.kvm_vm_ioctl_create_vcpu()
    vcpu = vm.vcpus[access.vcpu]
    return _VERBS[access.verb](vm, vcpu, access)


def _wrmsr(vm: Vm, vcpu: Vcpu, access: Access) -> Done:
    ((index, data),) = access.msrs
    outcome = vcpu.guest_wrmsr(index, data)
    back = _read_back(vcpu, index)
    result = _result(outcome)
    if outcome.result is AccessResult.DONE:
        ignored = vcpu.returned == Return.UNSUPPORTED
        kept = back in (_hex(data), WRITE_ONLY)
        result = "ignored" if ignored else "accepted" if kept else "dropped"
    return Done(access, result, back)


def _rdmsr(vm: Vm, vcpu: Vcpu, access: Access) -> Done:
    outcome = vcpu.guest_rdmsr(access.msrs[0][0])
    value = _hex(outcome.value) if outcome.result is AccessResult.DONE else ""
    return Done(access, "read" if value else _result(outcome), value)


def _set(vm: Vm, vcpu: Vcpu, access: Access) -> Done:
    taken = vcpu.set_msrs(access.msrs)
    back = ", ".join(_read_back(vcpu, index) for index, _ in access.msrs)
    return Done(access, f"{taken} of {len(access.msrs)} set", back)


def _get(vm: Vm, vcpu: Vcpu, access: Access) -> Done:
    values = vcpu.get_msrs([index for index, _ in access.msrs])
    return Done(access, f"{len(values)} of {len(access.msrs)} read", ", ".join(map(_hex, values)))


def _user(vm: Vm, vcpu: Vcpu, access: Access) -> Done:
    if vcpu.pending is None:
        return Done(access, "nothing to complete", "")
    write = vcpu.pending.write
    outcome = vcpu.complete(access.error, access.value)
    return Done(access, _result(outcome), "" if access.error or write else _hex(outcome.value))


def _reset(vm: Vm, vcpu: Vcpu, access: Access) -> Done:
    with vm.calls(*reversed(kvm.SYSCALL), "kvm_vcpu_ioctl", "kvm_arch_vcpu_ioctl_run"):
        vcpu.kvm_vcpu_reset(init_event=access.verb == "init")
    return Done(access, "done", "")


_VERBS: Mapping[str, Callable[[Vm, Vcpu, Access], Done]] = {
    "wrmsr": _wrmsr,
    "rdmsr": _rdmsr,
    "set": _set,
    "get": _get,
    "user": _user,
    "reset": _reset,
    "init": _reset,
}


def _result(outcome: GuestAccess) -> str:
    if outcome.exit is not None:
        names = {reason: name for name, reason in _REASONS.items()}
        return f"exit to user space ({names[outcome.exit.reason]})"
    return outcome.result.value


def _read_back(vcpu: Vcpu, index: int) -> str:
    """What the register holds, without KVM's wrapping around it."""
    result, value = vcpu.registers.get_msr(index, host=True)
    if result == Return.OK:
        return _hex(value)
    if result == Return.UNSUPPORTED:
        return "unknown"
    return WRITE_ONLY if index == Common.SMM_CTL else "#GP"


def _hex(value: int) -> str:
    return f"{value:X}h"


def _accesses(line: int, text: str, vcpus: int) -> Iterator[Access]:
    words = text.split()
    if words == ["boot"]:
        yield Access(line, text, None, "boot")
        return
    kinds = {"guest": _guest, "host": _host, "user": _completion, "reset": _plain, "init": _plain}
    if words[0] not in kinds or len(words) < 2:
        raise InputError(f"expected boot, or {', '.join(kinds)} with a vCPU, not {text!r}")
    access = kinds[words[0]](words[0], words[2:])
    numbers = range(vcpus) if words[1] == "all" else [operands.number(words[1], bits=12)]
    for number in numbers:
        if number >= vcpus:
            raise InputError(f"there is no vCPU {number}: vcpus = {vcpus}")
        shown = text if words[1] != "all" else text.replace(" all", f" {number}", 1)
        yield access._replace(line=line, text=shown, vcpu=number)


def _guest(_: str, words: list[str]) -> Access:
    match words:
        case ["wrmsr", name, value]:
            pair = operands.msr(name, NAMES), operands.number(value, bits=64)
            return Access(0, "", None, "wrmsr", (pair,))
        case ["rdmsr", name]:
            return Access(0, "", None, "rdmsr", ((operands.msr(name, NAMES), 0),))
    raise InputError("expected guest VCPU wrmsr MSR VALUE, or guest VCPU rdmsr MSR")


def _host(_: str, words: list[str]) -> Access:
    parts = [part.split() for part in " ".join(words[1:]).split(",")]
    if words[:1] == ["set"] and all(len(part) == 2 for part in parts):
        pairs = tuple((operands.msr(name, NAMES), operands.number(value, bits=64)) for name, value in parts)
        return Access(0, "", None, "set", pairs)
    if words[:1] == ["get"] and all(len(part) == 1 for part in parts):
        return Access(0, "", None, "get", tuple((operands.msr(name, NAMES), 0) for (name,) in parts))
    raise InputError("expected host VCPU set MSR VALUE, ..., or host VCPU get MSR, ...")


def _completion(_: str, words: list[str]) -> Access:
    match words:
        case ["ok"]:
            return Access(0, "", None, "user")
        case ["ok", value]:
            return Access(0, "", None, "user", value=operands.number(value, bits=64))
        case ["error"]:
            return Access(0, "", None, "user", error=True)
    raise InputError("expected user VCPU ok [VALUE], or user VCPU error")


def _plain(verb: str, words: list[str]) -> Access:
    if words:
        raise InputError(f"expected {verb} VCPU")
    return Access(0, "", None, verb)


def _user_space(source: Source) -> ExitReason:
    names = source.data.get("user_space", [])
    reasons = ExitReason(0)
    for name in names if isinstance(names, list) else [names]:
        if name not in _REASONS:
            raise source.error(
                ("user_space",), f"expected reasons out of {', '.join(_REASONS)}, not {name!r}"
            )
        reasons |= _REASONS[name]
    return reasons


def _filter(source: Source) -> tuple[int, tuple[FilterRange, ...]] | None:
    if "filter" not in source.data:
        return None
    default = source.get(("filter", "default"), str, "allow")
    if default not in ("allow", "deny"):
        raise source.error(("filter", "default"), f"default must be allow or deny, not {default!r}")
    ranges = []
    for number, text in source.block(("filter", "ranges")):
        try:
            ranges.append(_range(text.split()))
        except ValueError as error:
            raise source.error(number, str(error)) from None
    return (kvm.KVM_MSR_FILTER_DEFAULT_DENY if default == "deny" else 0), tuple(ranges)


def _range(words: list[str]) -> FilterRange:
    access = {
        "read": kvm.KVM_MSR_FILTER_READ,
        "write": kvm.KVM_MSR_FILTER_WRITE,
        "read,write": kvm.KVM_MSR_FILTER_READ | kvm.KVM_MSR_FILTER_WRITE,
    }
    if len(words) != 4 or words[2] not in ("allow", "deny") or words[3] not in access:
        raise InputError("expected BASE COUNT allow|deny read|write|read,write")
    base, count = operands.msr(words[0], NAMES), operands.number(words[1], bits=16)
    fill = b"\xff" if words[2] == "allow" else b"\x00"
    return FilterRange(base, count, fill * ((count + 7) // 8), access[words[3]])
