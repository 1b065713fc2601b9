"""Timing rules in lanes: the sentences of `timing` as logic that says in each cycle whether one is broken.

What a trace shows afterwards, a monitor sees as it happens, and both mean the same (the table in README.md of
`timing`): lanes know 0 and 1 and one change of a signal a cycle. `within` and `exactly` take cycles here;
rules of order, of pulses and of lengths of time need a trace.
"""

from collections.abc import Mapping

from ..netlist.gates import Bit
from ..support.errors import InputError
from ..timing.forms import Absent, Condition, Follows, Happening, Never, RuleEvent, Span, Stable, Term
from ..timing.parser import parse_edge
from ..timing.rules import parse_rule
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
        if rule.clock is not None:
            raise InputError(f"by {rule.clock}: lanes have one clock")
        condition = self._holds(rule.condition)
        match rule.parts:
            case Never(event):
                return self._edge(event) & condition
            case Absent(state):
                return self._holds(state) & condition
            case Stable(signal):
                return self._changes(signal) & condition & self._delayed([condition])[0]
            case Follows() as form:
                return self._follows(form, self._edge(form.trigger) & condition)
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

    def _follows(self, form: Follows, start: Bit) -> Bit:
        happens = self._edge(form.event)
        # An edge does not answer itself, and a signal has one a cycle.
        answer = self._build.zero if form.event.signal == form.trigger.signal else happens
        waiting = start
        for _ in range(self._cycles(form.span)):
            (waiting,) = self._delayed([waiting if form.exact else waiting & ~answer])
            answer = happens
        return waiting & ~answer

    @staticmethod
    def _cycles(span: Span) -> int:
        if not span.in_cycles or not 0 <= span.amount <= MOST_CYCLES:
            raise InputError(f"lanes follow an event for up to {MOST_CYCLES} cycles, not {span}")
        return int(span.amount)

    def _holds(self, condition: Condition) -> Bit:
        return self._build.all(self._is(self._signals[term.signal], term) for term in condition.terms)

    def _is(self, word: Word, term: Term) -> Bit:
        number = None if term.value is None else term.value.number
        if number is None:
            raise InputError(f"{term}: lanes have numbers only, expected one such as 3 or 0b11")
        if number >> len(word):
            raise InputError(f"{term.signal} has {len(word)} bits: it is never {term.value}")
        return self._build.equal(word, number)

    def _edge(self, event: RuleEvent) -> Bit:
        if event.kind is Happening.CHANGES:
            return self._changes(event.signal)
        word, previous = self._signals[event.signal], self._previous(event.signal)
        if event.kind is Happening.BECOMES:
            term = Term(event.signal, event.value)
            return self._started() & self._is(word, term) & ~self._is(previous, term)
        if len(word) != 1:
            raise InputError(f"{event.signal} has {len(word)} bits: it can change, but not rise or fall")
        now, before = word[0], previous[0]
        return self._started() & (now & ~before if event.kind is Happening.RISES else ~now & before)

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
