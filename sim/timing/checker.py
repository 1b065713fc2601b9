"""What each form of a rule means on a trace; the table in README.md beside this says the same in words."""

from collections.abc import Callable, Sequence
from math import ceil
from typing import NamedTuple, overload

import numpy as np

from ..waveform.wave import Kind
from .forms import (
    LEVELS,
    Absent,
    Condition,
    Follows,
    Form,
    Happening,
    Never,
    Order,
    PulseWidth,
    Quiet,
    RuleEvent,
    Span,
    Stable,
)
from .scene import Intervals, Scene, whole


class Violation(NamedTuple):
    """One point at which a rule is broken, or where the trace ends too early to tell."""

    time: int
    found: str


class Violations(Sequence[Violation]):
    """Violations, each of which is put into words when it is asked for: there may be millions.

    Parameters
    ----------
    times: when.
    found: the words for the violation at an index.
    """

    def __init__(self, times: np.ndarray, found: Callable[[int], str]) -> None:
        self.times = times
        self._found = found

    def __len__(self) -> int:
        return len(self.times)

    @overload
    def __getitem__(self, index: int) -> Violation: ...
    @overload
    def __getitem__(self, index: slice) -> list[Violation]: ...
    def __getitem__(self, index: int | slice) -> Violation | list[Violation]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        return Violation(int(self.times[index]), self._found(index))


class Findings(NamedTuple):
    """What a rule came to."""

    triggers: int
    """How often it was put to the test."""
    violations: Sequence[Violation]
    undecided: Sequence[Violation]
    """Tests that the end of the trace cuts off."""


def find(form: Form, condition: Condition, scene: Scene) -> Findings:
    """Put a rule to the test.

    Parameters
    ----------
    form : Form
        What the rule says.
    condition : Condition
        While it has to hold; without terms always.
    scene : Scene
        The trace, with the signals of both.

    Raises
    ------
    TraceError
        For an edge of a bus, a value that a signal cannot have, or cycles without a clock.
    """
    return _FINDERS[type(form)](form, condition, scene)


def _follows(form: Follows, condition: Condition, scene: Scene) -> Findings:
    """Each trigger is answered within the span, or exactly at its end. No edge answers itself."""
    events, triggers = scene.occurrences(form.event), scene.occurrences(form.trigger)
    chosen = scene.holds(condition, triggers.times)
    starts = triggers.times[chosen]
    if scene.same(form.event.signal, form.trigger.signal):
        first = np.searchsorted(events.entries, triggers.entries[chosen], side="right")
    else:
        first = np.searchsorted(events.times, starts, side="left")
    length = scene.length(form.span)
    steps = whole(length)
    positions = scene.positions(events.times, form.span)
    last = scene.positions(starts, form.span) + steps
    there = np.searchsorted(positions, last, side="left") if form.exact else first
    index = np.maximum(first, there)
    at = np.append(positions, -1)[np.minimum(index, len(positions))]
    answered = (at == last) if form.exact else (at >= 0) & (at <= last)
    answered &= (index < len(positions)) & (not form.exact or length == steps)
    end = int(scene.positions(scene.end, form.span))
    # A cycle is over when the next one begins, a time when it is reached.
    is_over = end > last if form.span.in_cycles else end >= last

    broken = np.flatnonzero(~answered & is_over)

    def found(number: int) -> str:
        trigger = broken[number]
        if first[trigger] == len(positions):
            return f"{form.trigger} and {form.event} does not follow"
        distance = positions[first[trigger]] - (last[trigger] - steps)
        return f"{form.event} follows {scene.shown(distance, form.span)} later"

    def cut(number: int) -> str:
        return f"{form.trigger}, and the trace ends before {_are_over(form.span)}"

    return Findings(
        len(starts),
        Violations(starts[broken], found),
        Violations(starts[~answered & ~is_over], cut),
    )


def _never(form: Never, condition: Condition, scene: Scene) -> Findings:
    """The event does not happen while the condition holds."""
    times = scene.occurrences(form.event).times
    times = times[scene.holds(condition, times)]
    return Findings(_stretches(condition, scene), Violations(times, lambda _: f"{form.event}"), ())


def _absent(form: Absent, condition: Condition, scene: Scene) -> Findings:
    """The state does not come up while the condition holds."""
    both = scene.intervals(Condition((*form.state.terms, *condition.terms)))
    return Findings(_stretches(condition, scene), Violations(both.starts, lambda _: f"{form.state}"), ())


def _stable(form: Stable, condition: Condition, scene: Scene) -> Findings:
    """The signal does not change inside an interval in which the condition holds."""
    wave = scene[form.signal]
    intervals = scene.intervals(condition)
    times = scene.occurrences(_change_of(form.signal)).times
    inside = _strictly_inside(times, intervals)
    entries = np.flatnonzero(inside) + (0 if wave.kind is Kind.EVENT else 1)

    def found(number: int) -> str:
        if wave.kind is Kind.EVENT:
            return f"{form.signal} happens"
        return f"{form.signal} changes to {wave.all_values[entries[number]]}"

    return Findings(len(intervals.starts), Violations(times[inside], found), ())


def _pulse(form: PulseWidth, condition: Condition, scene: Scene) -> Findings:
    """Each stretch of the level lasts at least the span. One that the trace begins with does not count."""
    wave = scene[form.signal]
    same = wave.levels() == form.level
    before = np.append(False, same[:-1])[: len(same)]
    begins, ends = np.flatnonzero(same & ~before), np.flatnonzero(before & ~same)
    starts, stops = wave.all_times[begins], wave.all_times[ends]
    is_open = len(stops) < len(starts)
    if is_open:
        stops = np.append(stops, scene.end)
    chosen = scene.holds(condition, starts) & (begins > 0)
    lengths = scene.positions(stops, form.span) - scene.positions(starts, form.span)
    short = chosen & (lengths < ceil(scene.length(form.span)))
    cut_off = np.zeros(len(starts), dtype=bool)
    if is_open:
        cut_off[-1] = short[-1]
    broken = np.flatnonzero(short & ~cut_off)
    level = LEVELS[form.level]

    def found(number: int) -> str:
        return f"{form.signal} is {level} for {scene.shown(lengths[broken[number]], form.span)}"

    def cut(number: int) -> str:
        return f"{form.signal} is {level}, and the trace ends before {_are_over(form.span)}"

    return Findings(int(chosen.sum()), Violations(starts[broken], found), Violations(starts[cut_off], cut))


def _quiet(form: Quiet, condition: Condition, scene: Scene) -> Findings:
    """Setup and hold: no change strictly inside the span before, or after, the event."""
    changes = scene.occurrences(_change_of(form.signal)).times
    times = scene.occurrences(form.event).times
    times = times[scene.holds(condition, times)]
    side = "left" if form.before else "right"
    # The nearest change is enough: only where it is too near is there a violation.
    index = np.searchsorted(changes, times, side=side) - (1 if form.before else 0)
    there = (index >= 0) & (index < len(changes))
    nearest = np.where(there, np.append(changes, 0)[np.where(there, index, -1)], times)
    at = scene.positions(times, form.span)
    gaps = np.abs(scene.positions(nearest, form.span) - at)
    needed = ceil(scene.length(form.span))
    near = there & (gaps < needed)
    broken = np.flatnonzero(near)
    cut_off = ~near & (at + needed > scene.positions(scene.end, form.span))
    if form.before:
        cut_off[:] = False

    def found(number: int) -> str:
        gap = scene.shown(gaps[broken[number]], form.span)
        return f"{form.signal} changes {gap} {'before' if form.before else 'after'} {form.event}"

    def cut(number: int) -> str:
        return f"{form.event}, and the trace ends before {_are_over(form.span)}"

    return Findings(len(times), Violations(times[broken], found), Violations(times[cut_off], cut))


def _order(form: Order, condition: Condition, scene: Scene) -> Findings:
    """Round after round, the events happen one after the other, or at one time."""
    rounds = _Rounds(form)
    times, signals, entries, numbers = _happenings(form, condition, scene)
    index = 0
    while index < len(times):
        stop = index + 1
        while stop < len(times) and times[stop] == times[index]:
            stop += 1
        if stop == index + 1:
            rounds.one(times[index], numbers[index])
        else:
            changes: dict[tuple[int, int], list[int]] = {}
            for at in range(index, stop):
                changes.setdefault((signals[at], entries[at]), []).append(numbers[at])
            rounds.several(times[index], [(signal, which) for (signal, _), which in changes.items()])
        index = stop
    undecided = []
    if rounds.waits:
        event, last = form.events[rounds.waits], form.events[rounds.waits - 1]
        undecided.append(Violation(rounds.since, f"{last}, and the trace ends before {event}"))
    return Findings(rounds.begun, rounds.violations, undecided)


class _Rounds:
    """Where a rule of order stands."""

    def __init__(self, form: Order) -> None:
        self._events = form.events
        self.waits = 0
        """Which event comes next; the first one where no round is under way."""
        self.since = 0
        self.begun = 0
        self.violations: list[Violation] = []

    def one(self, time: int, number: int) -> None:
        """A single event."""
        if number == self.waits:
            self.step(time)
        else:
            self.instead((number,), time)

    def several(self, time: int, rest: list[tuple[int, list[int]]]) -> None:
        """All that happens at one time: changes of signals, and which of the events each is.

        The changes of one signal come in their order, those of several signals in any.
        """
        while rest:
            firsts: dict[int, int] = {}
            for number, (signal, _) in enumerate(rest):
                firsts.setdefault(signal, number)
            turn = next((number for number in firsts.values() if self.waits in rest[number][1]), None)
            if turn is None:
                self.instead(rest[0][1], time)
                rest = rest[1:]
            else:
                self.step(time)
                rest = rest[:turn] + rest[turn + 1 :]

    def step(self, time: int) -> None:
        """The event that was waited for."""
        self.begun += self.waits == 0
        self.since = time
        self.waits = (self.waits + 1) % len(self._events)

    def instead(self, which: Sequence[int], time: int) -> None:
        """An event out of turn: a later one, or the first, for which the round would begin anew."""
        if not self.waits:
            return
        done = self._events[1 : self.waits]
        wrong = [n for n in which if (n > self.waits or n == 0) and self._events[n] not in done]
        if not wrong:
            return
        event, last = self._events[self.waits], self._events[self.waits - 1]
        comes = f"{self._events[min(wrong)]} comes {'again ' if min(wrong) == 0 else ''}first"
        self.violations.append(Violation(self.since, f"{event} does not follow {last}: {comes}"))
        self.waits = 0
        if 0 in which:
            self.step(time)


def _happenings(form: Order, condition: Condition, scene: Scene) -> list[list[int]]:
    """All that happens, in its order: times, signals, which change of the signal, which of the events."""
    signals = {scene[event.signal].name: number for number, event in enumerate(form.events)}
    parts = []
    for number, event in enumerate(form.events):
        times, entries = scene.occurrences(event)
        chosen = np.flatnonzero(scene.holds(condition, times))
        signal = np.full(len(chosen), signals[scene[event.signal].name])
        parts.append((times[chosen], signal, entries[chosen], np.full(len(chosen), number)))
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.lexsort(columns[::-1])
    return [column[order].tolist() for column in columns]


def _stretches(condition: Condition, scene: Scene) -> int:
    """How often the condition begins to hold: what a rule about all that time is put to the test by."""
    return len(scene.intervals(condition).starts) if condition.terms else 1


def _strictly_inside(times: np.ndarray, intervals: Intervals) -> np.ndarray:
    """Whether each time is inside one of the intervals, and not where that begins or ends."""
    if not len(intervals.starts):
        return np.zeros(len(times), dtype=bool)
    index = np.searchsorted(intervals.starts, times, side="left") - 1
    return (index >= 0) & (times < intervals.ends[index])


def _change_of(signal: str) -> RuleEvent:
    return RuleEvent(signal, Happening.CHANGES)


def _are_over(span: Span) -> str:
    return f"{span} {'is' if span.amount == 1 else 'are'} over"


_FINDERS: dict[type, Callable[..., Findings]] = {
    Follows: _follows,
    Never: _never,
    Absent: _absent,
    Stable: _stable,
    PulseWidth: _pulse,
    Quiet: _quiet,
    Order: _order,
}
