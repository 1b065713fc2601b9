"""Scripts of MSR accesses: what is in one, and how it is written. `run.py` runs it.

vcpus = 6
kernel = "6.18"                  # 5.10 to 6.18, as the model knows it
ignore_msrs = false
user_space = ["filter", "unknown", "invalid"]    # these failures exit to user space
script = '''
  boot                           ; QEMU creates the vCPUs and synchronises them
  guest 0 wrmsr HWCR 0x100       ; guest all ...
  guest 0 rdmsr IGNNE
  guest 0 modify HWCR set 0x100 clear 0x80    ; RDMSR, then WRMSR with these bits changed; or host 0 modify
  guest 0 emulate wrmsr HWCR 0   ; by KVM's instruction emulator
  host 0 cpuid AMD lm,nx         ; KVM_SET_CPUID2
  host 0 set HWCR 0x100, IGNNE 1 ; KVM_SET_MSRS; get HWCR
  user 0 ok 0x1234               ; completes an exit; or error
  reset 0                        ; QEMU's machine reset; init 0: INIT
'''

[guest]                          # what KVM_SET_CPUID2 tells each vCPU
vendor = "AMD"                   # or "Intel"; a guest without [guest] is a 64-bit CPU of the module's vendor
features = ["lm", "nx", "svm"]
physical_bits = 48

[host]
features = ["lm", "nx", "svm"]   # what its CPU and KVM offer; all if absent
supported_xss = 0x1800

[hardware]                       # the part of the column hardware
hwcr = "zen"                     # or "k8", "minimal"
reserved_bits = "manual"         # or "silicon"

[filter]
default = "allow"                # what no range decides
ranges = '''
  0xC0010015 1 deny write        ; base, number of MSRs, allow|deny, read,write
'''
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any, NamedTuple

from ...model.kvm import vm as kvm
from ...model.kvm.cpuid import FEATURES, Guest, kernel_version
from ...model.kvm.msrs import Common, Options
from ...model.kvm.vm import ExitReason, FilterRange, Vm
from ...model.registers import HwcrLayout, Msr, ParameterError, Parameters
from ..cpu import operands
from ..support.errors import InputError
from ..support.toml_source import Key, Source, open_shipped, shipped_names

NAMES: dict[str, int] = {one.name: int(one) for kind in (Msr, Common) for one in kind}
"""The MSRs that scripts know by name."""
_FOLDER = resources.files("irq13.sim.kvm") / "scripts"
_KEYS = (
    *(
        "title",
        "vcpus",
        "kernel",
        "ignore_msrs",
        "report_ignored_msrs",
        "user_space",
        "filter",
        "guest",
        "host",
        "hardware",
    ),
    "script",
)
REASONS = {"filter": ExitReason.FILTER, "unknown": ExitReason.UNKNOWN, "invalid": ExitReason.INVAL}


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
    clear: int = 0
    """Bits that `modify` clears; those that it sets are in `msrs`."""
    guest: Guest | None = None
    """What `cpuid` tells."""


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
    hardware: Parameters
    """Of the machine behind the column hardware."""


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
        except InputError as error:
            raise source.error(number, str(error)) from None
    script = Script(
        source,
        source.get(("title",), str, ""),
        vcpus,
        _options(source),
        _user_space(source),
        _filter(source),
        tuple(accesses),
        _hardware(source),
    )
    if script.filter is not None:
        try:
            Vm("svm").set_msr_filter(*script.filter)
        except OSError as error:
            raise source.error(("filter",), str(error.strerror)) from None
    return script


def _options(source: Source) -> Options:
    """Kernel, module parameters, guest and host."""
    source.only(("guest",), ("vendor", "features", "physical_bits"))
    source.only(("host",), ("features", "supported_xss"))
    text = source.get(("kernel",), str, "6.18")
    try:
        kernel = kernel_version(text)
    except ParameterError as error:
        raise source.error(("kernel",), str(error)) from None
    guest = None
    if "guest" in source.data:
        bits = source.get(("guest", "physical_bits"), int, 36)
        if not 32 <= bits <= 52:
            raise source.error(("guest", "physical_bits"), f"physical_bits must be 32 to 52, not {bits}")
        vendor = source.get(("guest", "vendor"), str, "") or None
        try:
            guest = Guest(vendor, _features(source, ("guest", "features"), ()), bits)
        except InputError as error:
            raise source.error(("guest", "vendor"), str(error)) from None
    xss = source.get(("host", "supported_xss"), int, 0)
    if not 0 <= xss < 1 << 64:
        raise source.error(("host", "supported_xss"), f"supported_xss must be of 64 bits, not {xss}")
    return Options(
        ignore_msrs=source.get(("ignore_msrs",), bool, False),
        report_ignored_msrs=source.get(("report_ignored_msrs",), bool, True),
        kernel=kernel,
        guest=guest,
        host_features=_features(source, ("host", "features"), FEATURES),
        supported_xss=xss,
    )


def _hardware(source: Source) -> Parameters:
    """A real part, by default one of today's."""
    source.only(("hardware",), ("hwcr", "reserved_bits"))
    values: dict[str, Any] = {"hwcr": HwcrLayout.ZEN} | source.get(("hardware",), dict, {})
    for key, value in values.items():
        try:
            Parameters(**{key: value})
        except ParameterError as error:
            raise source.error(("hardware", key), str(error)) from None
    return Parameters(**values)


def _features(source: Source, key: Key, default) -> frozenset[str]:
    """A list of CPUID features."""
    names = source.data.get(key[0], {}).get(key[1], list(default))
    for name in names if isinstance(names, list) else [names]:
        if not isinstance(name, str) or name not in FEATURES:
            raise source.error(key, f"expected features out of {', '.join(FEATURES)}, not {name!r}")
    return frozenset(names)


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
        case ["emulate", "wrmsr", name, value]:
            pair = operands.msr(name, NAMES), operands.number(value, bits=64)
            return Access(0, "", None, "emulate", (pair,))
        case ["modify", name, *changes]:
            return _modification(name, changes)
        case ["rdmsr", name]:
            return Access(0, "", None, "rdmsr", ((operands.msr(name, NAMES), 0),))
    raise InputError(
        "expected guest VCPU wrmsr MSR VALUE, guest VCPU emulate wrmsr MSR VALUE, guest VCPU rdmsr MSR, or "
        "guest VCPU modify MSR set|clear BITS"
    )


def _modification(name: str, changes: list[str]) -> Access:
    """What is read, with bits set and cleared, is written back."""
    bits = {"set": 0, "clear": 0}
    if (
        not changes
        or len(changes) % 2
        or not {*changes[::2]} <= {*bits}
        or len({*changes[::2]}) < len(changes) / 2
    ):
        raise InputError(
            f"expected modify MSR set BITS, clear BITS or both, not {' '.join(['modify', name, *changes])!r}"
        )
    bits |= {
        word: operands.number(value, bits=64) for word, value in zip(changes[::2], changes[1::2], strict=True)
    }
    return Access(0, "", None, "modify", ((operands.msr(name, NAMES), bits["set"]),), clear=bits["clear"])


def _host(_: str, words: list[str]) -> Access:
    parts = [part.split() for part in " ".join(words[1:]).split(",")]
    if words[:1] == ["set"] and all(len(part) == 2 for part in parts):
        pairs = tuple((operands.msr(name, NAMES), operands.number(value, bits=64)) for name, value in parts)
        return Access(0, "", None, "set", pairs)
    if words[:1] == ["get"] and all(len(part) == 1 for part in parts):
        return Access(0, "", None, "get", tuple((operands.msr(name, NAMES), 0) for (name,) in parts))
    match words:
        case ["modify", name, *changes]:
            return _modification(name, changes)._replace(verb="host modify")
        case ["cpuid", vendor]:
            return Access(0, "", None, "cpuid", guest=Guest(vendor))
        case ["cpuid", vendor, features]:
            return Access(0, "", None, "cpuid", guest=Guest(vendor, frozenset(features.split(","))))
    raise InputError(
        "expected host VCPU set MSR VALUE, ..., host VCPU get MSR, ..., host VCPU modify MSR set|clear BITS, "
        "or host VCPU cpuid VENDOR FEATURE,..."
    )


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
        if name not in REASONS:
            raise source.error(("user_space",), f"expected reasons out of {', '.join(REASONS)}, not {name!r}")
        reasons |= REASONS[name]
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
        except InputError as error:
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
