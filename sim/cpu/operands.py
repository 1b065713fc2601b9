"""Operands as people write them: numbers, flag lists, MSR names."""

import re
from collections.abc import Mapping

from ...model.registers import CONTROL_FNINIT, MASKABLE, ExceptionFlag, Msr
from ..support.errors import InputError
from ..support.suggest import nearest


def number(text: str, *, bits: int) -> int:
    """An unsigned number of at most `bits` bits: decimal, 0x1F, 1Fh or 0b101, with _ between digits.

    Parameters
    ----------
    text : str
        As it is written.
    bits : int
        1 or more.

    Raises
    ------
    ValueError
        If it is none; the message says what was expected.
    """
    try:
        hexadecimal = re.fullmatch(r"([0-9][0-9a-fA-F_]*)[hH]", text)
        value = int(hexadecimal[1], 16) if hexadecimal else int(text, 0)
    except ValueError:
        raise InputError(f"expected a number such as 240, 0xF0 or 0F0h, not {text!r}") from None
    return unsigned(value, bits, text)


def unsigned(value: int, bits: int, shown: object = None) -> int:
    """`value`, checked to be 0..2^bits-1.

    Parameters
    ----------
    value : int
        What is checked; a bool is none.
    bits : int
        1 or more.
    shown : object
        What the message calls it; by default the value.

    Raises
    ------
    ValueError
        If it is no int, or not in that range.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"expected an integer of {bits} bits, not {value!r}")
    if not 0 <= value < 1 << bits:
        raise InputError(f"{value if shown is None else shown} is not in 0..2^{bits}-1")
    return value


def flags(text: str, *, allowed: ExceptionFlag) -> ExceptionFlag:
    """A list of flags such as 'ZE' or 'IE,SF', or 'all' or 'none'.

    Parameters
    ----------
    text : str
        In any case, with `,`, `+` or `|` between the names.
    allowed : ExceptionFlag
        What 'all' stands for.

    Raises
    ------
    ValueError
        If a name is no flag, or one that is not in `allowed`.
    """
    if text.lower() in ("none", "0", ""):
        return ExceptionFlag(0)
    if text.lower() == "all":
        return allowed
    result = ExceptionFlag(0)
    for name in text.replace("+", ",").replace("|", ",").split(","):
        flag = ExceptionFlag.__members__.get(name.strip().upper())
        if flag is None or flag not in allowed:
            names = ", ".join(str(member.name) for member in allowed)
            raise InputError(f"expected flags out of {names}, or all or none, not {name.strip()!r}")
        result |= flag
    return result


def masks(text: str) -> int:
    """A control word from the exceptions to mask: 'all', 'none' or 'PE,DE' (also PM,DM)."""
    names = re.sub(r"\b([IDZOUP])M\b", r"\1E", text.upper())
    chosen = flags(names, allowed=ExceptionFlag(MASKABLE))
    return CONTROL_FNINIT & ~MASKABLE | int(chosen)


def msr(name: str | int, names: Mapping[str, int] = Msr.__members__) -> int:
    """The address of an MSR, from its name or number (32 bits).

    Parameters
    ----------
    name : str or int
        A name in any case, or a number, also as text.
    names : mapping of str to int
        The names that there are, in upper case.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if isinstance(name, str):
        known = names.get(name.upper())
        if known is not None:
            return int(known)
        if not name[:1].isdigit():
            known_names = ", ".join(names)
            raise InputError(
                f"expected an MSR ({known_names}) or its number, not {name!r}{nearest(name, names)}"
            )
        return number(name, bits=32)
    return unsigned(name, 32)


def msr_name(address: int) -> str:
    """The name of an MSR, or its number."""
    return Msr(address).name if address in list(Msr) else f"{address >> 16:04X}_{address & 0xFFFF:04X}h"
