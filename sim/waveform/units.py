"""Times of a trace for a reader, and as a reader writes them: '2.5 ns', '12us'."""

import re
from decimal import Decimal

from ..support.errors import InputError

UNITS = {"s": 0, "ms": -3, "us": -6, "ns": -9, "ps": -12, "fs": -15, "as": -18}
"""Powers of ten of a second."""


def exponent_of(unit: float) -> Decimal:
    """A timescale in seconds, exactly: 1e-9 is no binary fraction."""
    return Decimal(repr(unit))


def engineering_time(time: int, unit: float) -> str:
    """A time in the largest unit in which it is at least 1: '2.5 ns'.

    Parameters
    ----------
    time : int
        In units of the timescale.
    unit : float
        The timescale in seconds.
    """
    seconds = time * exponent_of(unit)
    for name, power in UNITS.items():
        amount = seconds.scaleb(-power)
        if abs(amount) >= 1:
            return f"{_plain(amount)} {name}"
    name = unit_name(unit)
    return f"0 {name}"


def unit_name(unit: float) -> str:
    """The unit of a timescale: 'ns' of 1 ns, and of 10 ns."""
    for name, power in UNITS.items():
        if exponent_of(unit).scaleb(-power) >= 1:
            return name
    return "as"


def parse_time(text: str, unit: float) -> int | None:
    """A time with a unit, in units of a timescale, rounded down; None where there is no unit.

    Parameters
    ----------
    text : str
        '2.5ns', '12 us'; without a unit it is a number of cycles.
    unit : float
        The timescale in seconds.

    Raises
    ------
    InputError
        If it is neither a number nor a number with a unit.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([a-z]*)", text.strip())
    if not found or (found[2] and found[2] not in UNITS):
        raise InputError(
            f"expected a number of cycles, or a time such as 2.5ns ({', '.join(UNITS)}), not {text!r}"
        )
    if not found[2]:
        return None
    return int(Decimal(found[1]).scaleb(UNITS[found[2]]) / exponent_of(unit))


def _plain(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
