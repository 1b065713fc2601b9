"""A timing rule: its sentence, what that says, and what comes of it on a trace.

`parser` reads the sentence, `forms` has what it says as data, `checker` what that means.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from ..waveform.trace import Trace
from .checker import Violation, find
from .forms import ALWAYS, Condition, Form, named, span_of
from .parser import checked_clock, parse_sentence
from .scene import Scene


class RuleStatus(enum.Enum):
    """What became of a rule."""

    PASS = "pass"
    FAIL = "FAIL"
    UNDECIDED = "undecided"
    """It is not broken, and the end of the trace cuts a test of it off."""
    VACUOUS = "vacuous"
    """Nothing puts it to the test."""


class RuleReport(NamedTuple):
    """What came of a rule on a trace."""

    rule: "Rule"
    triggers: int
    """How often it was put to the test."""
    violations: Sequence[Violation]
    undecided: Sequence[Violation]
    """Tests that the end of the trace cuts off."""
    scene: Scene
    """The trace as the rule sees it."""

    @property
    def status(self) -> RuleStatus:
        """What the tests come to; a violation outweighs what the end of the trace leaves undecided."""
        if self.violations:
            return RuleStatus.FAIL
        if self.undecided:
            return RuleStatus.UNDECIDED
        return RuleStatus.PASS if self.triggers else RuleStatus.VACUOUS

    @property
    def held(self) -> int:
        """How often it was put to the test, and held."""
        return max(self.triggers - len(self.violations) - len(self.undecided), 0)


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes
    ----------
    parts: its form: what it says about which events.
    condition: it says it only of what happens while this holds.
    clock: the signal whose rising edges count its cycles; None for the trace's own clock.
    sentence: as it was written, or empty.
    """

    parts: Form
    condition: Condition = ALWAYS
    clock: str | None = None
    sentence: str = ""

    def __post_init__(self) -> None:
        checked_clock(self.parts, [] if self.clock is None else [self.clock])

    @property
    def text(self) -> str:
        """The sentence."""
        if self.sentence:
            return self.sentence
        body = self.parts.sentence(f" by {named(self.clock)}" if self.clock else "")
        return f"{body} while {self.condition}" if self.condition.terms else body

    @property
    def signals(self) -> tuple[str, ...]:
        """What it looks at."""
        return tuple(dict.fromkeys((*self.parts.signals, *self.condition.signals)))

    @property
    def in_cycles(self) -> bool:
        """Whether it counts cycles."""
        span = span_of(self.parts)
        return span is not None and span.in_cycles

    def check(
        self, trace: Trace, names: Mapping[str, str] = MappingProxyType({}), begin: int | None = None
    ) -> RuleReport:
        """Put it to the test.

        Parameters
        ----------
        names: what the trace calls the rule's signals, where that is another name.
        begin: see `Scene`.

        Raises
        ------
        TraceError
            For a signal that is not there, edges of one that has more than one bit, a value that a signal
            cannot have, or cycles without a clock.
        """
        scene = Scene(trace, names, self.signals, self.clock, self.in_cycles, begin)
        return RuleReport(self, *find(self.parts, self.condition, scene), scene)


def parse_rule(text: str) -> Rule:
    """A rule from its sentence.

    Raises
    ------
    ValueError
        If it cannot be understood; the message says what was expected.
    """
    return Rule(*parse_sentence(text), " ".join(text.split()))
