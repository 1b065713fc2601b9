"""Whether the values of a signal are the one that a rule names, for all of them at once."""

from math import isnan
from typing import NamedTuple

import numpy as np

from ..waveform.wave import Kind, TraceError, Wave
from .forms import RuleValue

_UNKNOWN = frozenset("xuw-")
"""Letters of a bit that somebody drives, or nobody knows how; z is a bit that nobody drives."""
_STRONG = str.maketrans("lh", "01")


class Compared(NamedTuple):
    """What came of a comparison."""

    holds: np.ndarray
    """For each value, whether it is the constant; one more for what is before the first value."""
    known: np.ndarray
    """For each value, whether it can be said to be the constant or another one."""


def compare(wave: Wave, constant: RuleValue | None, values: np.ndarray) -> Compared:
    """Compare `values` of a signal with a constant; None asks whether they are unknown.

    A number is compared with bits that are all known, of which L and H are 0 and 1; x, u, w and - are any bit
    that is one of x, u, w, - (for x) or that letter; z is any bit that floats; 0b1x0z is bit by bit, extended
    to the left like a literal of Verilog's. A signal that has no value yet is x, and unknown.

    Parameters
    ----------
    wave : Wave
        The signal; its kind and width say how values are compared.
    constant : RuleValue or None
        As above.
    values : ndarray
        `all_values` or `values` of the signal.

    Returns
    -------
    Compared
        Bits for each of `values`.

    Raises
    ------
    TraceError
        If the signal cannot have such a value; the message says what was expected.
    """
    if wave.kind is Kind.EVENT:
        raise TraceError(f"{wave.name} is an event: it happens, but it has no value")
    every = np.ones(len(values), dtype=bool)
    if wave.kind is Kind.STRING:
        if constant is None:
            return Compared(np.append(~every, True), every)
        return Compared(np.append(_same(values, constant.text), False), every)
    if wave.kind is Kind.REAL:
        return _reals(wave, constant, values)
    if constant is not None and constant.number is not None:
        return _numbers(wave, constant.number, constant, values)
    test = _letter_test(wave, constant)
    if values.dtype != object:
        return Compared(np.append(~every, test.before), every)
    known = {value: test.holds(value) for value in set(values.tolist())}
    holds = [known[value] for value in values.tolist()]
    return Compared(np.append(np.array(holds, dtype=bool), test.before), every)


def _same(values: np.ndarray, value: object) -> np.ndarray:
    return np.fromiter((one == value for one in values.tolist()), dtype=bool, count=len(values))


def _reals(wave: Wave, constant: RuleValue | None, values: np.ndarray) -> Compared:
    known = ~np.isnan(values.astype(np.float64))
    if constant is None:
        return Compared(np.append(~known, True), np.ones(len(values), dtype=bool))
    if constant.real is None:
        raise TraceError(f"{wave.name} is a real number: expected one, not {str(constant)!r}")
    if isnan(constant.real):
        # It is no number, and never equal to itself.
        return Compared(np.append(~known, False), np.ones(len(values), dtype=bool))
    return Compared(np.append(values == constant.real, False), known)


def _numbers(wave: Wave, number: int, constant: RuleValue, values: np.ndarray) -> Compared:
    if number >> wave.width:
        bits = "1 bit" if wave.width == 1 else f"{wave.width} bits"
        raise TraceError(f"{wave.name} has {bits}: it is never {constant}")
    if values.dtype != object:
        return Compared(np.append(values == number, False), np.ones(len(values), dtype=bool))
    plain = {value: _plain(value) for value in set(values.tolist())}
    listed = [plain[value] for value in values.tolist()]
    holds = np.fromiter((value == number for value in listed), dtype=bool, count=len(listed))
    known = np.fromiter((value is not None for value in listed), dtype=bool, count=len(listed))
    return Compared(np.append(holds, False), known)


def _plain(value: int | str) -> int | None:
    """As a number, if each bit is 0, 1, L or H."""
    if not isinstance(value, str):
        return value
    text = value.translate(_STRONG)
    return None if text.strip("01") else int(text, 2)


class _LetterTest:
    """Whether a value has bits that are neither 0 nor 1."""

    def __init__(self, letters: frozenset[str], pattern: str | None, before: bool) -> None:
        self._letters = letters
        self._pattern = pattern
        self.before = before

    def holds(self, value: int | str) -> bool:
        if not isinstance(value, str):
            return False
        return value == self._pattern if self._pattern else not self._letters.isdisjoint(value)


def _letter_test(wave: Wave, constant: RuleValue | None) -> _LetterTest:
    if constant is None:
        return _LetterTest(_UNKNOWN | {"z"}, None, True)
    if constant.letter:
        return _LetterTest(
            _UNKNOWN if constant.letter == "x" else frozenset(constant.letter), None, constant.letter == "x"
        )
    if constant.pattern:
        pattern = constant.pattern
        if len(pattern) > wave.width:
            raise TraceError(f"{wave.name} has {wave.width} bits: it is never {constant}")
        fill = pattern[0] if pattern[0] in "xz" else "0"
        return _LetterTest(frozenset(), pattern.rjust(wave.width, fill), False)
    bits = "1 bit" if wave.width == 1 else f"{wave.width} bits"
    raise TraceError(
        f"{wave.name} has {bits}: expected a number such as 12, 0xC, 0b1x0z, or x or z, not {str(constant)!r}"
    )
