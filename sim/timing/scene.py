"""A trace as one rule sees it: its signals under the rule's names, its clock, and lengths of time."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import floor
from typing import NamedTuple

import numpy as np

from ..waveform.trace import Trace
from ..waveform.wave import Kind, Wave
from .forms import UNITS, Condition, Happening, RuleEvent, Span, decimal_text
from .values import Compared, compare

_FAR = 1 << 62
"""Longer than any trace, in units of its timescale."""


class Occurrences(NamedTuple):
    """When an event happens."""

    times: np.ndarray
    """In units of the timescale; the same time twice where it happens twice in it."""
    entries: np.ndarray
    """Which of the signal's changes each is."""


class Intervals(NamedTuple):
    """When a state holds: from `starts` up to and without `ends`.

    The trace's end ends no state: what holds there has an end one later.
    """

    starts: np.ndarray
    ends: np.ndarray


class Scene:
    """A trace under the names of a rule.

    Parameters
    ----------
    trace: where the signals are.
    names: what the trace calls them, by the rule's names; others have the same name in both.
    signals: those that the rule speaks of: the clock nearest to them counts cycles.
    clock: the one that the rule names, if any.
    counts: it counts cycles.
    begin: what `beginning` says of the trace, where that is known.

    Raises
    ------
    TraceError
        For a signal or a clock that is not there, or a clock that never rises.
    """

    def __init__(
        self,
        trace: Trace,
        names: Mapping[str, str],
        signals: Iterable[str],
        clock: str | None,
        counts: bool,
        begin: int | None = None,
    ) -> None:
        self._names = names
        self._waves = {name: trace[names.get(name, name)] for name in signals}
        self._compared: dict[tuple[str, object, bool], Compared] = {}
        if clock is not None:
            trace = trace.with_clock(names.get(clock, clock))
        elif counts and (trace.clock is not None or trace.edges is None):
            trace = trace.choose_clock(wave.name for wave in self._waves.values())
        self.trace = trace
        self.begin = beginning(trace) if begin is None else begin
        self.end = trace.end

    def __getitem__(self, name: str) -> Wave:
        return self._waves[name]

    def path(self, name: str) -> str:
        """What the trace calls a signal."""
        return self._names.get(name, name)

    def same(self, one: str, other: str) -> bool:
        """Whether two names are one signal.

        Parameters
        ----------
        one, other : str
            As the rule names them.
        """
        return one == other or self[one] is self[other] or self[one].name == self[other].name

    def occurrences(self, event: RuleEvent) -> Occurrences:
        """When an event happens. Raises TraceError where the signal cannot do that."""
        wave = self[event.signal]
        if event.kind is Happening.BECOMES:
            holds, known = self._compare(event.signal, event.value, settled=False)
            return _edges(wave, holds[:-1], known, True)
        if wave.kind is Kind.EVENT and event.kind is not Happening.FALLS:
            return Occurrences(wave.all_times, np.arange(len(wave.all_times)))
        if event.kind is Happening.CHANGES:
            return Occurrences(wave.all_times[1:], np.arange(1, len(wave.all_times)))
        levels = wave.levels()
        return _edges(wave, levels == 1, levels != 2, event.kind is Happening.RISES)

    def holds(self, condition: Condition, times: np.ndarray) -> np.ndarray:
        """For each time whether a state holds there: of the levels, after all that happens at that time.

        Parameters
        ----------
        condition : Condition
            Of signals of this scene.
        times : ndarray of int64
            In units of the timescale, in any order.

        Returns
        -------
        ndarray of bool
            One for each time.
        """
        result = np.ones(len(times), dtype=bool)
        for term in condition.terms:
            holds, _ = self._compare(term.signal, term.value, settled=True)
            result &= holds[self[term.signal].index_at(times)]
        return result

    def intervals(self, condition: Condition) -> Intervals:
        """When a state holds, as long as possible each."""
        waves = [self[term.signal].times for term in condition.terms]
        times = np.unique(np.concatenate([[self.begin], *waves])).astype(np.int64)
        times = times[(times >= self.begin) & (times <= self.end)]
        now = self.holds(condition, times)
        before = np.append(False, now[:-1])[: len(now)]
        starts, ends = times[now & ~before], times[before & ~now]
        if len(now) and now[-1]:
            ends = np.append(ends, self.end + 1)
        return Intervals(starts, ends)

    def positions(self, times: np.ndarray | int, span: Span) -> np.ndarray:
        """Times in what a span counts: cycles, or units of the timescale.

        Parameters
        ----------
        times : ndarray of int64 or int
            In units of the timescale.
        span : Span
            For its unit alone.

        Returns
        -------
        ndarray of int
            Of each time the number of its cycle, if the span is in cycles, and else the time itself.
        """
        if span.in_cycles:
            return np.searchsorted(self.trace.clock_edges(), times, side="right")
        return np.asarray(times, dtype=np.int64)

    def length(self, span: Span) -> Fraction:
        """A span in what it counts, exactly: it need not be whole."""
        length = span.amount
        if not span.in_cycles:
            length = length * UNITS[span.unit] / _seconds(self.trace.unit)
        return min(length, Fraction(_FAR))

    def shown(self, distance: int | np.integer | np.ndarray, span: Span) -> Span:
        """A distance as `positions` count it, in the span's unit.

        Parameters
        ----------
        distance : int
            Cycles, or units of the timescale.
        span : Span
            For its unit alone.
        """
        if span.in_cycles:
            return Span(Fraction(int(distance)))
        return Span(int(distance) * _seconds(self.trace.unit) / UNITS[span.unit], span.unit)

    def where(self, time: int) -> str:
        """A time for a reader: 'in cycle 15 (150 ns)', or 'at 150 ns' without a clock."""
        if self.trace.edges is None:
            return f"at {time_text(time, self.trace.unit)}"
        return f"in cycle {self.trace.cycle(time)} ({time_text(time, self.trace.unit)})"

    def _compare(self, signal: str, value: object, settled: bool) -> Compared:
        key = signal, value, settled
        if key not in self._compared:
            wave = self[signal]
            values = wave.values if settled else wave.all_values
            self._compared[key] = compare(wave, value, values)  # pyright: ignore[reportArgumentType]
        return self._compared[key]


def time_text(time: int, unit: float) -> str:
    """A time in the largest unit in which it is at least 1: '2.5 ns'.

    Parameters
    ----------
    time : int
        In units of the timescale.
    unit : float
        The timescale in seconds.
    """
    seconds = time * _seconds(unit)
    name, scale = next(
        ((name, scale) for name, scale in reversed(UNITS.items()) if seconds >= scale), ("fs", UNITS["fs"])
    )
    if not seconds:
        name, scale = next(
            ((name, scale) for name, scale in reversed(UNITS.items()) if _seconds(unit) >= scale),
            ("fs", UNITS["fs"]),
        )
    return f"{decimal_text(seconds / scale)} {name}"


def whole(length: Fraction) -> int:
    """The whole units in a length."""
    return floor(length)


def _seconds(unit: float) -> Fraction:
    # 1e-9 as a float is not quite a billionth.
    return Fraction(f"{unit:.6g}")


def beginning(trace: Trace) -> int:
    """When a trace begins: its first value of all. A file need not begin at time 0."""
    return min((int(wave.all_times[0]) for wave in trace.values() if len(wave.all_times)), default=0)


def _edges(wave: Wave, holds: np.ndarray, known: np.ndarray, to: bool) -> Occurrences:
    """Where it begins, or ends, to hold; what is not known is passed over."""
    entries = np.flatnonzero(known)
    holds = holds[entries]
    at = entries[1:][(holds[1:] == to) & (holds[:-1] != to)]
    return Occurrences(wave.all_times[at], at)
