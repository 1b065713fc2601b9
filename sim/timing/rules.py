"""Timing rules as sentences: what each means, and whether a trace keeps to it. See `timing`."""

import enum
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..cpu import operands
from ..support.errors import InputError
from ..waveform.trace import Trace
from ..waveform.wave import Wave

UNITS = {"fs": 1e-15, "ps": 1e-12, "ns": 1e-9, "us": 1e-6, "ms": 1e-3}


class RuleStatus(enum.Enum):
    """What became of a rule."""

    PASS = "pass"
    FAIL = "FAIL"
    VACUOUS = "vacuous"


class Violation(NamedTuple):
    """One place where a rule is broken."""

    time: int
    found: str


class RuleReport(NamedTuple):
    """What came of a rule."""

    rule: "Rule"
    triggers: int
    """How often it was put to the test."""
    violations: list[Violation]

    @property
    def status(self) -> RuleStatus:
        if self.violations:
            return RuleStatus.FAIL
        return RuleStatus.PASS if self.triggers else RuleStatus.VACUOUS


class RuleEvent(NamedTuple):
    """An event: a signal that rises, falls or changes."""

    signal: str
    kind: str

    def times(self, trace: Trace) -> list[int]:
        """When it happens, in units of the timescale."""
        wave = trace[self.signal]
        find = {"rises": wave.rises, "falls": wave.falls, "changes": wave.changes}[self.kind]
        return find().tolist()

    def __str__(self) -> str:
        return f"{self.signal} {self.kind}"


class Condition(NamedTuple):
    """Signals that have values: 'a = 0 and b = 1'. An unknown value is none of them."""

    terms: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        return " and ".join(f"{name} = {value:#x}" for name, value in self.terms)

    def holds(self, trace: Trace, time: int) -> bool:
        return all(trace[name].at(time) == value for name, value in self.terms)

    def intervals(self, trace: Trace) -> Iterator[tuple[int, int]]:
        """When it holds, as times from and without the last."""
        times = sorted({0, trace.end, *(int(t) for name, _ in self.terms for t in trace[name].times)})
        start = None
        for time in times:
            now = time < trace.end and self.holds(trace, time)
            if now and start is None:
                start = time
            elif not now and start is not None:
                yield start, time
                start = None


class Span(NamedTuple):
    """A length of time: cycles of the trace's clock, or seconds."""

    amount: float
    unit: str
    """'cycles', or one of UNITS."""

    def distance(self, trace: Trace, start: int, end: int) -> float:
        """How far two times are apart, in this unit."""
        if self.unit == "cycles":
            return trace.cycle(end) - trace.cycle(start)
        return (end - start) * trace.unit / UNITS[self.unit]

    def __str__(self) -> str:
        return f"{self.amount} {'cycle' if self.unit == 'cycles' and self.amount == 1 else self.unit}"


@dataclass(frozen=True)
class Rule:
    """One rule; `text` is its sentence, `signals` what it looks at."""

    text: str
    signals: tuple[str, ...]
    find: Callable[[Trace, Condition], tuple[int, list[Violation]]]
    condition: Condition
    parts: tuple = ()
    """Its form and what it speaks of, for a check that is not of a trace: ('follows', event, span, trigger,
    exact), ('never', event), ('absent', state), ('stable', signal); of other forms the name alone."""

    def check(self, trace: Trace) -> RuleReport:
        """Put it to the test. Raises TraceError for a signal that is not there, or cycles without a clock."""
        return RuleReport(self, *self.find(trace, self.condition))


def follows(event: RuleEvent, span: Span, trigger: RuleEvent, exact: bool) -> Callable:
    """After each trigger the next event comes within the span, or exactly at its end."""

    def find(trace: Trace, condition: Condition) -> tuple[int, list[Violation]]:
        times = event.times(trace)
        starts = [time for time in trigger.times(trace) if condition.holds(trace, time)]
        violations = []
        for start in starts:
            index = bisect_left(times, start)
            if index == len(times):
                violations.append(Violation(start, f"{trigger} and {event} does not follow"))
                continue
            after = times[index]
            distance = span.distance(trace, start, after)
            if distance > span.amount or (exact and abs(distance - span.amount) > 1e-6):
                shown = Span(round(distance, 3), span.unit)
                violations.append(Violation(start, f"{event} follows {shown} later"))
        return len(starts), violations

    return find


def never(event: RuleEvent) -> Callable:
    """The event does not happen while the condition holds."""

    def find(trace: Trace, condition: Condition) -> tuple[int, list[Violation]]:
        times = [time for time in event.times(trace) if condition.holds(trace, time)]
        possible = 1 if not condition.terms else len(list(condition.intervals(trace)))
        return possible, [Violation(time, f"{event}") for time in times]

    return find


def absent(state: Condition) -> Callable:
    """The state does not come up while the condition holds."""

    def find(trace: Trace, condition: Condition) -> tuple[int, list[Violation]]:
        both = Condition((*state.terms, *condition.terms))
        possible = len(list(condition.intervals(trace)))
        return possible, [Violation(start, f"{state}") for start, _ in both.intervals(trace)]

    return find


def stable(signal: str) -> Callable:
    """The signal does not change inside an interval in which the condition holds."""

    def find(trace: Trace, condition: Condition) -> tuple[int, list[Violation]]:
        changes = trace[signal].changes().tolist()
        intervals = list(condition.intervals(trace))
        return len(intervals), [
            Violation(time, f"{signal} changes to {trace[signal].at(time)}")
            for start, end in intervals
            for time in changes[bisect_right(changes, start) : bisect_left(changes, end)]
        ]

    return find


def in_order(events: Sequence[RuleEvent]) -> Callable:
    """The events happen one after the other, or at one time, from the first occurrence of the first."""

    def find(trace: Trace, condition: Condition) -> tuple[int, list[Violation]]:
        position, last = -1, events[0]
        for number, event in enumerate(events):
            again = event in events[:number]
            times = [
                time for time in event.times(trace) if time > position or (time == position and not again)
            ]
            times = [time for time in times if condition.holds(trace, time)]
            if not times and number == 0:
                return 0, []
            if not times:
                return 1, [Violation(position, f"{event} does not follow {last}")]
            position, last = times[0], event
        return 1, []

    return find


def pulse_width(signal: str, level: int, span: Span) -> Callable:
    """Each pulse of the level lasts at least the span; one that the trace cuts off does not count."""

    def find(trace: Trace, condition: Condition) -> tuple[int, list[Violation]]:
        starts = [time for time in _starts(trace[signal], level) if condition.holds(trace, time)]
        ends = (trace[signal].falls() if level else trace[signal].rises()).tolist()
        triggers, violations = 0, []
        for start in starts:
            index = bisect_right(ends, start)
            if index == len(ends):
                continue
            triggers += 1
            distance = span.distance(trace, start, ends[index])
            if distance < span.amount - 1e-6:
                shown = Span(round(distance, 3), span.unit)
                violations.append(Violation(start, f"{signal} is {_LEVELS[level]} for {shown}"))
        return triggers, violations

    return find


def quiet(signal: str, span: Span, event: RuleEvent, before: bool) -> Callable:
    """Setup and hold: no change strictly inside the span before, or after, the event."""

    def find(trace: Trace, condition: Condition) -> tuple[int, list[Violation]]:
        changes = trace[signal].changes()
        times = [time for time in event.times(trace) if condition.holds(trace, time)]
        violations = []
        for time in times:
            # The nearest change is enough: only where it is too near is there a violation.
            if before:
                near = changes[: np.searchsorted(changes, time, side="left")][-1:]
            else:
                near = changes[np.searchsorted(changes, time, side="right") :][:1]
            for gap in np.abs(near - time).tolist():
                distance = span.distance(trace, 0, gap)
                if distance < span.amount - 1e-6:
                    side = "before" if before else "after"
                    shown = Span(round(distance, 3), span.unit)
                    violations.append(Violation(time, f"{signal} changes {shown} {side} {event}"))
        return len(times), violations

    return find


def parse_rule(text: str) -> Rule:
    """A rule from its sentence.

    Raises
    ------
    ValueError
        If it cannot be understood; the message says what was expected.
    """
    text = " ".join(text.split())
    body, found, condition_text = text.partition(" while ")
    condition = parse_condition(condition_text) if found else Condition(())
    signals, find, parts = _body(body)
    names = [*signals, *(name for name, _ in condition.terms)]
    if body.endswith(" stable") and not found:
        raise InputError(f"expected {body} while CONDITION")
    return Rule(text, tuple(dict.fromkeys(names)), find, condition, parts)


def parse_condition(text: str) -> Condition:
    """'a = 0 and b = 1'. Raises ValueError."""
    terms = []
    for part in text.split(" and "):
        found = re.fullmatch(r"(\S+) = (\S+)", part.strip())
        if not found:
            raise InputError(f"expected SIGNAL = VALUE, joined by and, not {part!r}")
        terms.append((found[1], operands.number(found[2], bits=64)))
    return Condition(tuple(terms))


def parse_edge(text: str) -> RuleEvent:
    """'ferr_n falls'. Raises ValueError."""
    found = re.fullmatch(r"(\S+) (rises|falls|changes)", text.strip())
    if not found:
        raise InputError(f"expected SIGNAL rises|falls|changes, not {text!r}")
    return RuleEvent(found[1], found[2])


def _body(body: str) -> tuple[list[str], Callable, tuple]:
    if body.startswith("order "):
        events = [parse_edge(part) for part in body.removeprefix("order ").split(",")]
        if len(events) < 2:
            raise InputError("order needs at least two events, with commas between")
        return [event.signal for event in events], in_order(events), ("order",)
    if found := re.fullmatch(r"(.+) (within|exactly) (\S+) (\w+) after (.+)", body):
        event, trigger = parse_edge(found[1]), parse_edge(found[5])
        span = _span(found[3], found[4])
        exact = found[2] == "exactly"
        parts = "follows", event, span, trigger, exact
        return [event.signal, trigger.signal], follows(event, span, trigger, exact), parts
    if found := re.fullmatch(r"(.+ = .+) never", body):
        state = parse_condition(found[1])
        return [name for name, _ in state.terms], absent(state), ("absent", state)
    if found := re.fullmatch(r"(.+) never", body):
        event = parse_edge(found[1])
        return [event.signal], never(event), ("never", event)
    if found := re.fullmatch(r"(\S+) stable", body):
        return [found[1]], stable(found[1]), ("stable", found[1])
    if found := re.fullmatch(r"(\S+) (low|high) at least (\S+) (\w+)", body):
        return (
            [found[1]],
            pulse_width(found[1], _LEVELS.index(found[2]), _span(found[3], found[4])),
            ("pulse",),
        )
    if found := re.fullmatch(r"(\S+) stable (\S+) (\w+) (before|after) (.+)", body):
        event = parse_edge(found[5])
        span = _span(found[2], found[3])
        return [found[1], event.signal], quiet(found[1], span, event, found[4] == "before"), ("quiet",)
    raise InputError(
        "expected EVENT within|exactly N cycles after EVENT, EVENT never, STATE never, SIGNAL stable, SIGNAL "
        f"low|high at least N ns, SIGNAL stable N ns before|after EVENT, order EVENT, EVENT; not {body!r}"
    )


_LEVELS = ["low", "high"]


def _span(amount: str, unit: str) -> Span:
    unit = "cycles" if unit in ("cycle", "cycles") else unit
    if unit != "cycles" and unit not in UNITS:
        raise InputError(f"expected cycles or one of {', '.join(UNITS)}, not {unit!r}")
    return Span(operands.number(amount, bits=40), unit)


def _starts(wave: Wave, level: int) -> list[int]:
    return (wave.rises() if level else wave.falls()).tolist()
