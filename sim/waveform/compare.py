"""Two waveforms of one design: which signals differ, where first, and what they are there."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import numpy as np

from .names import without_width
from .trace import Trace
from .units import exponent_of
from .wave import Kind, TraceError, Value, Wave


class WaveDifference(NamedTuple):
    """Where a signal is first not the same."""

    time: int
    """In units of the first trace's timescale."""
    name: str
    """In the first trace."""
    ours: Value | None
    theirs: Value | None
    stretches: int
    """How many stretches of time differ."""


class WaveComparison(NamedTuple):
    """What came of it."""

    differences: list[WaveDifference]
    """The earliest first."""
    compared: int
    """Signals that are in both."""
    only_first: list[str]
    only_second: list[str]
    end: int
    """Up to where there was something to compare: the end of the shorter one."""
    goes_on: list[str]
    """Signals of the longer one that change behind that."""


def compare_traces(
    first: Trace, second: Trace, renamed: Mapping[str, str] | None = None, tolerance: int = 0
) -> WaveComparison:
    """Compare the levels of all signals that are in both; glitches of no length do not count.

    Parameters
    ----------
    renamed: beginnings of paths in the first trace, or whole paths, and what they are in the second.
    tolerance: cycles of the first trace's clock for which a signal may differ at a stretch: it may be early
        or late by so many.

    Raises
    ------
    TraceError
        If there is nothing to compare, or a tolerance and no clock.
    """
    scale = _scale(first, second)
    theirs = {key: second[name] for name, key in _keys(second).items()}
    pairs, only_first = [], []
    used = set()
    for name, key in _keys(first).items():
        other = _renamed(key, renamed or {})
        if other in theirs:
            pairs.append((first[name], theirs[other]))
            used.add(other)
        else:
            only_first.append(name)
    if not pairs:
        raise TraceError("the two have no signal in common; say how names differ")
    end = min(first.end, int(second.end * scale))
    longer, of = (first, Decimal(1)) if first.end > end else (second, scale)
    behind = [
        wave.name
        for pair in pairs
        if len((wave := pair[0] if longer is first else pair[1]).times) and int(wave.times[-1] * of) > end
    ]
    found = (_difference(one, two, scale, end, first, tolerance) for one, two in pairs)
    differences = sorted((one for one in found if one), key=lambda one: (one.time, one.name))
    only_second = [wave.name for name, wave in theirs.items() if name not in used]
    return WaveComparison(differences, len(pairs), only_first, only_second, end, behind)


def _keys(trace: Trace) -> dict[str, str]:
    """Paths without widths, which not every format has, where they are still told apart."""
    plain = Counter(map(without_width, trace))
    return {name: key if plain[key := without_width(name)] == 1 else name for name in trace}


def _scale(first: Trace, second: Trace) -> Decimal:
    """What a time of the second is multiplied with."""
    return exponent_of(second.unit) / exponent_of(first.unit)


def _renamed(path: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        if path == old or not old:
            return new if path == old else f"{new}.{path}"
        if path.startswith(old + "."):
            return new + path[len(old) :] if new else path[len(old) + 1 :]
    return path


def _difference(
    one: Wave, two: Wave, scale: Decimal, end: int, trace: Trace, tolerance: int
) -> WaveDifference | None:
    mine, their_times = one.times, _scaled(two.times, scale)
    times = np.union1d(mine, their_times)
    times = times[times <= end]
    if not len(times):
        return None
    same = _same(one, mine, two, their_times, times)
    if same.all():
        return None
    turns = np.flatnonzero(np.append(True, same[1:] != same[:-1]))
    stops = [*times[turns[1:]].tolist(), end]
    stretches = [pair for pair in zip(turns.tolist(), stops, strict=True) if not same[pair[0]]]
    if tolerance:
        stretches = [
            (start, stop)
            for start, stop in stretches
            if trace.cycle(stop) - trace.cycle(int(times[start])) > tolerance or stop == end
        ]
    if not stretches:
        return None
    time = int(times[stretches[0][0]])
    at = int(np.searchsorted(their_times, time, side="right")) - 1
    theirs = None if at < 0 else two.values[at]
    return WaveDifference(time, one.name, one.at(time), _plain(theirs), len(stretches))


def _scaled(times: np.ndarray, scale: Decimal) -> np.ndarray:
    if scale == 1:
        return times
    if scale > 1:
        return times * int(scale)
    return times // int(1 / scale)


def _same(one: Wave, mine: np.ndarray, two: Wave, theirs: np.ndarray, times: np.ndarray) -> np.ndarray:
    """At each time, whether both have the same value, or both none."""
    ours_at = np.searchsorted(mine, times, side="right") - 1
    their_at = np.searchsorted(theirs, times, side="right") - 1
    if Kind.EVENT in (one.kind, two.kind):
        return np.isin(times, mine) == np.isin(times, theirs)
    none = (ours_at < 0) | (their_at < 0)
    same = (ours_at < 0) & (their_at < 0)
    known = ~none
    ours, other = one.values[ours_at[known]], two.values[their_at[known]]
    equal = np.asarray(ours == other)
    if not equal.shape:
        # numpy compares numbers with text as a whole.
        equal = np.array([left == right for left, right in zip(ours.tolist(), other.tolist(), strict=True)])
    if ours.dtype.kind == other.dtype.kind == "f":
        equal |= np.isnan(ours) & np.isnan(other)
    same[known] = equal
    return same


def _plain(value: Value | None) -> Value | None:
    return value.item() if isinstance(value, np.generic) else value
