"""Steps that jump, test and count, from text.

What is tested and counted is called by name: `sw` and `cw` (what the last FNSTSW and FNSTCW stored), `msr`
(what the last RDMSR read), `al` (the last IN), `cx`, and bytes of memory, `[name]`. All are 0 at first, RESET
leaves them alone, and handlers share them with the program. `cr0` is CR0 as it is, for TEST alone.
"""

import re

from ...model.registers import MASKABLE, Cr0, ExceptionFlag
from ..support.errors import InputError
from . import operands
from .actions import Action, Assign, Compare, Count, Jump, Loop, Test

CR0_BITS = {**{str(bit.name): int(bit) for bit in Cr0}, "ET": 1 << 4}
"""What a program can look at in CR0, at its position there."""
WIDTHS = {"sw": 16, "cw": 16, "msr": 64, "al": 8, "cx": 16, "cr0": 6}
"""Operands that have a name of their own, with their bits. A byte of memory has 8."""
_SUMMARY = {"ES": 1 << 7, "B": 1 << 15}


def width_of(operand: str) -> int:
    """Bits of an operand."""
    return WIDTHS.get(operand, 8)


def branch(verb: str, words: list[str]) -> Action:
    """JMP, JZ, JNZ, LOOP, TEST, CMP, INC or DEC.

    Parameters
    ----------
    verb : str
        In lower case: 'jmp', 'jz', 'jnz', 'loop', 'test', 'cmp', 'inc' or 'dec'.
    words : list of str
        Its operands: a label, or what is tested or counted.

    Raises
    ------
    ValueError
        If the operands are none; the message says what was expected.
    """
    match verb:
        case "loop":
            return _loop(words)
        case "test" | "cmp":
            return _test(verb, words)
        case "inc" | "dec":
            _expect(len(words) == 1, f"{verb} cx or {verb} [NAME]")
            return Count(_written(words[0]), verb == "inc")
    _expect(len(words) == 1, f"{verb} LABEL")
    return Jump(words[0], {"jmp": None, "jz": True, "jnz": False}[verb])


def assign(words: list[str]) -> Assign | None:
    """MOV to CX or to memory, or None if it goes elsewhere."""
    if not words or not (words[0].lower() == "cx" or words[0].startswith("[")):
        return None
    _expect(len(words) == 2, "mov cx, NUMBER or mov [NAME], NUMBER")
    operand = _written(words[0])
    return Assign(operand, operands.number(words[1], bits=width_of(operand)))


def _expect(fits: bool, form: str) -> None:
    if not fits:
        raise InputError(f"expected {form}")


def _loop(words: list[str]) -> Loop:
    _expect(len(words) in (1, 2), "loop LABEL, which counts CX down, or loop LABEL, ROUNDS")
    if len(words) == 1:
        return Loop(words[0])
    rounds = operands.number(words[1], bits=16)
    _expect(rounds > 0, "at least 1 round")
    return Loop(words[0], rounds)


def _test(verb: str, words: list[str]) -> Action:
    form = f"{verb} OPERAND, NUMBER with an operand out of {', '.join(WIDTHS)}, [NAME]"
    _expect(len(words) >= 2, form)
    operand = words[0].lower()
    if operand not in WIDTHS and not operand.startswith("["):
        raise InputError(f"expected {form}, not {words[0]!r}")
    operand = operand if operand in WIDTHS else _written(words[0])
    text = ",".join(words[1:])
    if operand == "cr0":
        return Test(operand, _cr0_bits(verb, text))
    if verb == "cmp":
        return Compare(operand, operands.number(text, bits=width_of(operand)))
    if text[:1].isdigit() or operand not in ("sw", "cw"):
        return Test(operand, operands.number(text, bits=width_of(operand)))
    return Test(operand, _flags(operand, text))


def _cr0_bits(verb: str, text: str) -> int:
    """Bits of CR0, by name alone: of the others nothing is known here."""
    names = re.split(r"[,+|]", text.upper())
    if verb == "cmp" or any(name not in CR0_BITS for name in names):
        raise InputError(f"expected test cr0, BITS with bits out of {', '.join(CR0_BITS)}")
    return sum(CR0_BITS[name] for name in dict.fromkeys(names))


def _flags(operand: str, text: str) -> int:
    """Bits by name: flags, ES and B of the status word, masks of the control word."""
    names = re.split(r"[,+|]", text.upper())
    if operand == "cw":
        names = [re.sub(r"^([IDZOUP])M$", r"\1E", name) for name in names]
        return int(operands.flags(",".join(names), allowed=ExceptionFlag(MASKABLE)))
    summary = sum(bit for name, bit in _SUMMARY.items() if name in names)
    others = ",".join(name for name in names if name not in _SUMMARY)
    return summary | int(operands.flags(others, allowed=ExceptionFlag(0x7F)))


def _written(word: str) -> str:
    """An operand that a program may write: CX or a byte of memory."""
    if word.lower() == "cx":
        return "cx"
    if not re.fullmatch(r"\[[A-Za-z_]\w*\]", word):
        raise InputError(f"expected cx or a byte of memory such as [seen], not {word!r}")
    return word.lower()
