"""The steps of a program: one line of text each, as in an assembler.

div: fdiv raises=ZE      ; a label, an instruction, a comment
fstp prefixes=1          ; bytes of prefixes, for FIP
fldcw masks=PE           ; masks of the control word: a list, all or none; or control=0x37f
frstor masks=none flags=IE,SF
out 0xf0                 ; in 0xf0, out 0xf0, 0x00
wrmsr IGNNE 1            ; wrmsr 0xC0010115 1 cpl=3; rdmsr HWCR
mov cr0.ne 1             ; ne, em, ts, mp, et; also ferr_enable
nop 5                    ; five cycles
wait irq13               ; until the signal is 1; wait ferr_n 0; of two processors wait b.freeze
sti                      ; cli; popf if=1 sets IF without a shadow
reset                    ; init
vmrun                    ; a hypervisor's: stgi, clgi, inject 0x75, virq 0x08
jmp again                ; to a label; jz, jnz; loop again, 3 (three rounds), or loop again with CX
test sw, ZE              ; ZF, of what FNSTSW stored; test cr0, ET; cmp [seen], 2; inc [seen]; mov cx, 5
exit                     ; the program ends; rsm
reflect 0x75             ; a monitor's: the task's own handler is entered at the IRET
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from ...model.chipset import IoAccess
from ...model.registers import Cr0
from ..support.errors import InputError
from ..support.suggest import nearest
from ..waveform.older_signals import edge_of_any
from . import operands
from .actions import (
    Action,
    Bios,
    Exit,
    Flag,
    Gif,
    Halt,
    Inject,
    Int,
    Io,
    Iret,
    MovCr0,
    MovEt,
    MovFerrEnable,
    MovSs,
    MsrAccess,
    Nop,
    Popf,
    Reflect,
    Reset,
    Rsm,
    Virq,
    Vmrun,
    Wait,
)
from .branches import CR0_BITS, assign, branch
from .instructions import INSTRUCTIONS
from .msr_requests import read_request, write_request
from .x87_steps import keywords_of, x87


class Step(NamedTuple):
    """One line of a program."""

    line: int
    label: str | None
    text: str
    """As written, without label and comment."""
    action: Action
    prefixes: int = 0
    """Bytes of prefixes of an x87 instruction."""

    @property
    def verb(self) -> str:
        """The mnemonic, in lower case."""
        return self.text.split()[0].lower()


def parse_step(line: int, text: str) -> Step | None:
    """A step from a line of text, or None from an empty one.

    Parameters
    ----------
    line : int
        Where it is in its file, for messages of a run.
    text : str
        The whole line, a comment included.

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
    prefixes = 0
    if verb.lower() in INSTRUCTIONS:
        prefixes, words = _prefixes(words)
    return Step(line, label if found else None, text, _action(verb.lower(), words), prefixes)


TO_AX = ("fnstsw", "fstsw")
"""Mnemonics that may have AX as their operand, in place of the word of memory that they have without one."""


def _prefixes(words: list[str]) -> tuple[int, list[str]]:
    """prefixes=N of an x87 instruction: bytes, such as a segment override, before its first opcode byte."""
    given = [word for word in words if word.lower().startswith("prefixes=")]
    others = [word for word in words if word not in given]
    return (operands.number(given[0].partition("=")[2], bits=3) if given else 0), others


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
    if verb in TO_AX and [word.lower() for word in words] == ["ax"]:
        words = []
    return x87(verb, keywords_of(words))


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
    extra = keywords_of([word for word in words if "=" in word])
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
    if assigned := assign(words):
        return assigned
    targets = ", ".join(["ferr_enable", *(f"cr0.{name.lower()}" for name in CR0_BITS), "cx", "[NAME]"])
    _exactly(words, 2, 2, f"mov TARGET 0|1 with a target out of {targets}")
    target, value = words[0].lower(), bool(operands.number(words[1], bits=1))
    if target == "ferr_enable":
        return MovFerrEnable(value)
    register, _, bit = target.partition(".")
    if target == "cr0.et":
        return MovEt(value)
    if register != "cr0" or bit.upper() not in Cr0.__members__:
        raise InputError(f"expected a target out of {targets}, not {words[0]!r}")
    return MovCr0(Cr0[bit.upper()], value)


def _wait(verb: str, words: list[str]) -> Action:
    _exactly(words, 1, 2, "wait SIGNAL or wait SIGNAL 0|1")
    level = bool(operands.number(words[1], bits=1)) if len(words) == 2 else True
    return Wait(edge_of_any(words[0]).spoken, level)


def _int(verb: str, words: list[str]) -> Action:
    _exactly(words, 1, 1, f"{verb} VECTOR")
    vector = operands.number(words[0], bits=8)
    return {"inject": Inject, "reflect": Reflect, "int": Int}[verb](vector)


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
    "exit": Exit(),
    "hlt": Halt(),
    "init": Reset(init=True),
    "iret": Iret(),
    "reset": Reset(init=False),
    "rsm": Rsm(),
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
    "reflect": _int,
    "popf": _popf,
    "virq": _virq,
    **dict.fromkeys(("jmp", "jz", "jnz", "loop", "test", "cmp", "inc", "dec"), branch),
    **dict.fromkeys(_PLAIN, _plain),
}
