"""The steps of a program: one line of text each, as in an assembler.

div: fdiv raises=ZE      ; a label, an instruction, a comment
fldcw masks=PE           ; masks of the control word: a list, all or none; or control=0x37f
frstor masks=none flags=IE,SF
out 0xf0                 ; in 0xf0, out 0xf0, 0x00
wrmsr IGNNE 1            ; wrmsr 0xC0010115 1 cpl=3; rdmsr HWCR
mov cr0.ne 1             ; ne, em, ts, mp; also ferr_enable
nop 5                    ; five cycles
wait irq13               ; until the signal is 1; wait ferr_n 0
sti                      ; cli; popf if=1 sets IF without a shadow
reset                    ; init
vmrun                    ; a hypervisor's: stgi, clgi, inject 0x75, virq 0x08
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from ...model.chipset import IoAccess
from ...model.msr import MsrRequest
from ...model.registers import CONTROL_RESET, Cr0, ExceptionFlag, Operation
from ...model.x87 import NON_WAITING, OperationRequest
from ..support.errors import InputError
from ..support.suggest import nearest
from ..waveform.signals import edge_signal
from . import operands
from .instructions import INSTRUCTIONS, lookup
from .msr_requests import read_request, write_request


class X87Step(NamedTuple):
    """An x87 or MMX instruction, as one or two operations."""

    operations: tuple[OperationRequest, ...]

    @property
    def waits(self) -> bool:
        """It checks for a pending exception, so it can freeze or raise #MF."""
        return self.operations[0].code not in NON_WAITING | {Operation.UNDEFINED}


class Nop(NamedTuple):
    """Nothing, for some cycles."""

    cycles: int


class Io(NamedTuple):
    """IN or OUT of a byte."""

    access: IoAccess


class MsrAccess(NamedTuple):
    """RDMSR or WRMSR."""

    request: MsrRequest


class MovCr0(NamedTuple):
    """A write of one bit of CR0, in effect in the next cycle."""

    bit: Cr0
    value: bool


class MovFerrEnable(NamedTuple):
    """A write of the chipset's enable bit."""

    value: bool


class Wait(NamedTuple):
    """Until a signal has a level."""

    signal: str
    level: bool


class Reset(NamedTuple):
    """RESET (one cycle), or INIT, which leaves x87 state and MSRs alone."""

    init: bool


class Bios(NamedTuple):
    """The initialisation of both 8259As."""


class Flag(NamedTuple):
    """STI or CLI."""

    value: bool


class Popf(NamedTuple):
    """POPF as far as it loads IF; it has no shadow (SDM2 POPF)."""

    value: bool


class MovSs(NamedTuple):
    """MOV SS: holds interrupts off until after the next instruction."""


class Halt(NamedTuple):
    """HLT."""


class Int(NamedTuple):
    """INT n."""

    vector: int


class Iret(NamedTuple):
    """IRET."""


class Inject(NamedTuple):
    """Event injection: the guest takes this interrupt at the next VMRUN."""

    vector: int


class Virq(NamedTuple):
    """V_IRQ and V_INTR_VECTOR of the VMCB: the guest takes it once its IF is 1 (APM2 15.21.4)."""

    vector: int | None
    """None takes it back."""


class Vmrun(NamedTuple):
    """VMRUN: the hypervisor resumes its guest."""


class Gif(NamedTuple):
    """STGI or CLGI: the global interrupt flag."""

    value: bool


Action = (
    X87Step
    | Nop
    | Io
    | MsrAccess
    | MovCr0
    | MovFerrEnable
    | Wait
    | Reset
    | Bios
    | Flag
    | Popf
    | MovSs
    | Halt
    | Int
    | Iret
    | Inject
    | Virq
    | Vmrun
    | Gif
)


class Step(NamedTuple):
    """One line of a program."""

    line: int
    label: str | None
    text: str
    """As written, without label and comment."""
    action: Action

    @property
    def verb(self) -> str:
        """The mnemonic, in lower case."""
        return self.text.split()[0].lower()


def parse_step(line: int, text: str) -> Step | None:
    """A step from a line of text, or None from an empty one.

    Raises
    ------
    ValueError
        If it is no step; the message says what was expected.
    """
    text = text.split(";", maxsplit=1)[0].strip()
    label, found, rest = text.partition(":")
    if found:
        label, text = label.strip(), rest.strip()
        if not re.fullmatch(r"[A-Za-z_][\w-]*", label):
            raise InputError(f"expected a label before ':', such as div, not {label!r}")
        if not text:
            raise InputError(f"label {label!r} has no step")
    if not text:
        return None
    verb, *words = text.replace(",", " ").split() if _takes_words(text) else text.split()
    return Step(line, label if found else None, text, _action(verb.lower(), words))


def _takes_words(text: str) -> bool:
    """Commas separate operands, except where they are part of a list of flags."""
    return "=" not in text


def _action(verb: str, words: list[str]) -> Action:
    parse = _PARSERS.get(verb)
    if parse is not None and not (verb == "wait" and not words):
        return parse(verb, words)
    if verb not in INSTRUCTIONS:
        known = [*INSTRUCTIONS, *_PARSERS]
        raise InputError(f"unknown step {verb!r}{nearest(verb, known)}")
    return x87(verb, _keywords(words))


_LOADS = ("fldenv", "frstor", "fxrstor", "fxrstor64", "xrstor")


def x87(mnemonic: str, keywords: dict[str, str]) -> X87Step:
    """An x87 or MMX instruction with its operands, as text.

    Raises
    ------
    ValueError
        For an unknown instruction, or an operand that it does not have.
    """
    instruction = lookup(mnemonic)
    allowed = {"fldcw": ("masks", "control")}.get(mnemonic.lower(), ())
    if instruction.code is Operation.ARITHMETIC:
        allowed = ("raises",)
    elif mnemonic.lower() in _LOADS:
        allowed = ("masks", "control", "flags", "status")
    for key in keywords:
        if key not in allowed:
            takes = " or ".join(f"{name}=..." for name in allowed) or "no operands"
            raise InputError(f"{mnemonic} takes {takes}, not {key}=...")
    required = {"masks", "control"} if "masks" in allowed else set()
    if required and not required & set(keywords):
        raise InputError(f"{mnemonic} needs masks=... or control=...")
    request = OperationRequest(
        instruction.code,
        instruction.family,
        operands.flags(keywords.get("raises", "none"), allowed=ExceptionFlag(0x7F)),
        _control(keywords),
        _status(keywords),
    )
    if instruction.waits_first:
        return X87Step((OperationRequest(Operation.FWAIT), request))
    return X87Step((request,))


def _control(keywords: dict[str, str]) -> int:
    if {"masks", "control"} <= set(keywords):
        raise InputError("masks=... and control=... say the same thing: give one")
    if "masks" in keywords:
        return operands.masks(keywords["masks"])
    return operands.number(keywords.get("control", str(CONTROL_RESET)), bits=16)


def _status(keywords: dict[str, str]) -> int:
    if {"flags", "status"} <= set(keywords):
        raise InputError("flags=... and status=... say the same thing: give one")
    if "flags" in keywords:
        return int(operands.flags(keywords["flags"], allowed=ExceptionFlag(0x7F)))
    return operands.number(keywords.get("status", "0"), bits=16)


def _keywords(words: list[str]) -> dict[str, str]:
    result: dict[str, str] = {}
    for word in words:
        key, found, value = word.partition("=")
        if not found or not value:
            raise InputError(f"expected key=value, such as raises=ZE, not {word!r}")
        if key.lower() in result:
            raise InputError(f"{key}=... is given twice")
        result[key.lower()] = value
    return result


def _exactly(words: list[str], least: int, most: int, form: str) -> None:
    if not least <= len(words) <= most:
        raise InputError(f"expected {form}")


def _nop(verb: str, words: list[str]) -> Action:
    _exactly(words, 0, 1, "nop or nop CYCLES")
    cycles = operands.number(words[0], bits=20) if words else 1
    if cycles == 0:
        raise InputError("nop lasts at least 1 cycle")
    return Nop(cycles)


def _out(verb: str, words: list[str]) -> Action:
    _exactly(words, 1, 2, "out PORT or out PORT, VALUE")
    value = operands.number(words[1], bits=8) if len(words) == 2 else 0
    return Io(IoAccess(operands.number(words[0], bits=16), write=True, data=value))


def _in(verb: str, words: list[str]) -> Action:
    _exactly(words, 1, 1, "in PORT")
    return Io(IoAccess(operands.number(words[0], bits=16)))


def _msr(verb: str, words: list[str]) -> Action:
    plain = [word for word in words if "=" not in word]
    extra = _keywords([word for word in words if "=" in word])
    cpl = operands.number(extra.pop("cpl", "0"), bits=2)
    if extra:
        raise InputError(f"{verb} takes cpl=..., not {next(iter(extra))}=...")
    if verb == "rdmsr":
        _exactly(plain, 1, 1, "rdmsr MSR [cpl=0]")
        return MsrAccess(read_request(plain[0], cpl))
    _exactly(plain, 2, 2, "wrmsr MSR VALUE [cpl=0]")
    return MsrAccess(write_request(plain[0], operands.number(plain[1], bits=64), cpl))


def _mov(verb: str, words: list[str]) -> Action:
    if [word.lower() for word in words] == ["ss"]:
        return MovSs()
    targets = ", ".join(["ferr_enable", *(f"cr0.{str(bit.name).lower()}" for bit in Cr0)])
    _exactly(words, 2, 2, f"mov TARGET 0|1 with a target out of {targets}")
    target, value = words[0].lower(), bool(operands.number(words[1], bits=1))
    if target == "ferr_enable":
        return MovFerrEnable(value)
    register, _, bit = target.partition(".")
    if register != "cr0" or bit.upper() not in Cr0.__members__:
        raise InputError(f"expected a target out of {targets}, not {words[0]!r}")
    return MovCr0(Cr0[bit.upper()], value)


def _wait(verb: str, words: list[str]) -> Action:
    _exactly(words, 1, 2, "wait SIGNAL or wait SIGNAL 0|1")
    level = bool(operands.number(words[1], bits=1)) if len(words) == 2 else True
    return Wait(edge_signal(words[0]).name, level)


def _int(verb: str, words: list[str]) -> Action:
    _exactly(words, 1, 1, f"{verb} VECTOR")
    vector = operands.number(words[0], bits=8)
    return Inject(vector) if verb == "inject" else Int(vector)


def _popf(verb: str, words: list[str]) -> Action:
    form = "popf if=0 or popf if=1"
    _exactly(words, 1, 1, form)
    key, _, value = words[0].partition("=")
    if key.lower() != "if" or value not in ("0", "1"):
        raise InputError(f"expected {form}, not {words[0]!r}")
    return Popf(value == "1")


def _virq(verb: str, words: list[str]) -> Action:
    _exactly(words, 1, 1, "virq VECTOR or virq off")
    return Virq(None if words[0].lower() == "off" else operands.number(words[0], bits=8))


_PLAIN: dict[str, Action] = {
    "bios": Bios(),
    "clgi": Gif(False),
    "cli": Flag(False),
    "hlt": Halt(),
    "init": Reset(init=True),
    "iret": Iret(),
    "reset": Reset(init=False),
    "stgi": Gif(True),
    "sti": Flag(True),
    "vmrun": Vmrun(),
}


def _plain(verb: str, words: list[str]) -> Action:
    _exactly(words, 0, 0, f"{verb} without operands")
    return _PLAIN[verb]


_PARSERS: dict[str, Callable[[str, list[str]], Action]] = {
    "nop": _nop,
    "out": _out,
    "in": _in,
    "wrmsr": _msr,
    "rdmsr": _msr,
    "mov": _mov,
    "wait": _wait,
    "int": _int,
    "inject": _int,
    "popf": _popf,
    "virq": _virq,
    **dict.fromkeys(_PLAIN, _plain),
}
