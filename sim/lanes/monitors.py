"""Timing rules in lanes: the sentences of `timing` as logic that says in each cycle whether one is broken.

What a trace shows afterwards, a monitor sees as it happens; `within` and `exactly` take cycles here. Rules of
order, and those of lengths of time, need a trace.
"""

from collections.abc import Mapping

from ..netlist.gates import Bit
from ..support.errors import InputError
from ..timing.rules import Condition, RuleEvent, Span, parse_edge, parse_rule
from .builder import Builder, Word

MOST_CYCLES = 64
"""The longest distance that a monitor follows."""


class Monitors:
    """Rules over signals in a builder.

    Parameters
    ----------
    build: where the logic goes.
    signals: words by name.
    """

    def __init__(self, build: Builder, signals: Mapping[str, Word]) -> None:
        self._build = build
        self._signals = signals
        self._before: dict[str, Word] = {}
        self._number = 0

    def broken(self, text: str) -> Bit:
        """Whether a rule is broken in this cycle.

        Raises
        ------
        ValueError
            For a sentence that is no rule, a signal that is not there, or a rule that needs a trace.
        """
        rule = parse_rule(text)
        for name in rule.signals:
            if name not in self._signals:
                raise InputError(f"no signal {name!r} in lanes: expected one of {', '.join(self._signals)}")
        condition = self._holds(rule.condition)
        match rule.parts:
            case "never", event:
                return self._edge(event) & condition
            case "absent", state:
                return self._holds(state) & condition
            case "stable", signal:
                return self._changes(signal) & condition & self._delayed([condition])[0]
            case "follows", event, span, trigger, exact:
                return self._follows(event, self._cycles(span), self._edge(trigger) & condition, exact)
        raise InputError(f"{text!r} needs a trace: lanes take rules of the form follows, never and stable")

    def distances(self, event: str, trigger: str, most: int) -> list[Bit]:
        """For a histogram: the event comes 0, 1, ... `most` - 1 cycles after the last trigger, in this cycle.

        Parameters
        ----------
        event, trigger: edges, such as "irq13 rises".
        """
        happens, starts = self._edge(parse_edge(event)), self._edge(parse_edge(trigger))
        waiting, found = starts, []
        for _ in range(most):
            found.append(waiting & happens)
            (later,) = self._delayed([waiting & ~happens])
            waiting = later & ~starts
        return found

    def _follows(self, event: RuleEvent, cycles: int, start: Bit, exact: bool) -> Bit:
        happens = self._edge(event)
        broken = self._build.zero
        waiting = start
        for _ in range(cycles):
            if exact:
                broken = broken | (waiting & happens)
            (waiting,) = self._delayed([waiting & ~happens])
        return broken | (waiting & ~happens)

    @staticmethod
    def _cycles(span: Span) -> int:
        if span.unit != "cycles" or not 0 <= span.amount <= MOST_CYCLES:
            raise InputError(f"lanes follow an event for up to {MOST_CYCLES} cycles, not {span}")
        return int(span.amount)

    def _holds(self, condition: Condition) -> Bit:
        return self._build.all(
            self._build.equal(self._signals[name], value) for name, value in condition.terms
        )

    def _edge(self, event: RuleEvent) -> Bit:
        if event.kind == "changes":
            return self._changes(event.signal)
        (now,), (before,) = self._signals[event.signal], self._previous(event.signal)
        started = self._started()
        return started & (now & ~before if event.kind == "rises" else ~now & before)

    def _changes(self, signal: str) -> Bit:
        pairs = zip(self._signals[signal], self._previous(signal), strict=True)
        return self._started() & self._build.any(now ^ before for now, before in pairs)

    def _previous(self, signal: str) -> Word:
        if signal not in self._before:
            self._before[signal] = self._delayed(self._signals[signal])
        return self._before[signal]

    def _started(self) -> Bit:
        """There is a cycle before this one."""
        if "" not in self._before:
            self._before[""] = self._delayed([self._build.one])
        return self._before[""][0]

    def _delayed(self, word: Word) -> Word:
        """A word as it was in the cycle before."""
        self._number += 1
        name = f"monitor{self._number}"
        register = self._build.register(name, len(word))
        self._build.follow(name, word)
        return register
