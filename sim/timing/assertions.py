"""Assertions over a trace that read like a datasheet.

In Python:

    expect(trace).fall("ferr_n").within(2, "cycles").after.rise("es")
    expect(trace).during("cr0_ne = 0").never.rise("mf")
    expect(trace).order("ferr_n falls", "irq13 rises", "ignne_n falls")

and in a rule file for `irq13 check`, one sentence a line:

    ferr_n falls within 2 cycles after es rises
    irq13 rises exactly 1 cycle by clk2 after ferr_n falls while ferr_enable = 1
    mf rises never while cr0_ne = 0
    ignne_n = 0 never while ferr_n = 1
    masks stable while freeze = 1
    ferr_n low at least 3 cycles
    d stable 2.5 ns before clk rises    ; setup; `after` is hold
    order ferr_n falls, irq13 rises, ignne_n falls
    state becomes RUN never while d unknown

README.md beside this says what each means. A rule that nothing triggers is vacuous, which is not the same as
kept.
"""

import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..support.errors import InputError
from ..waveform.trace import Trace
from .forms import (
    LEVELS,
    Condition,
    Follows,
    Form,
    Happening,
    Never,
    Order,
    PulseWidth,
    Quiet,
    RuleEvent,
    RuleValue,
    Span,
    Stable,
)
from .parser import parse_condition, parse_edge
from .results import report_text
from .rules import Rule

Amount = int | float | Fraction | str
_Ask = Callable[[RuleEvent], None]


class TimingViolation(AssertionError):
    """A rule that does not hold, or that nothing triggered; the message has the waveform around it."""


class expect:
    """Begins an assertion over a trace; see the module's docstring.

    The last word of the sentence puts it to the test.

    Parameters
    ----------
    trace: a `Trace`, or a `vcdvcd.VCDVCD`.
    condition: as in `during`.
    path: of the file that a VCDVCD was read from: it is read again, without what vcdvcd loses.

    Raises
    ------
    TimingViolation
        If it does not hold, if nothing triggers it, or if the trace ends before anything of it is decided.
    TraceError
        For a signal that is not in the trace, or cannot do what is said of it.
    ValueError
        For a condition or an amount that is none.
    """

    def __init__(
        self,
        trace: Trace | Any,
        condition: str | Condition = "",
        *,
        path: str | Path | None = None,
        clock: str | None = None,
    ) -> None:
        self._trace = trace if isinstance(trace, Trace) else _trace_of(trace, path)
        if isinstance(condition, str):
            condition = parse_condition(condition) if condition else Condition()
        self._condition = condition
        self._clock = clock

    def during(self, condition: str) -> "expect":
        """Only while 'a = 0 and b = 1': of the trigger, where there is one."""
        return expect(self._trace, condition, clock=self._clock)

    def by(self, clock: str) -> "expect":
        """Cycles are counted by the rising edges of this signal."""
        return expect(self._trace, self._condition, clock=clock)

    def rise(self, signal: str) -> "_Answer":
        """A one-bit signal becomes 1; followed by `within` or `exactly`."""
        return _Answer(self._assert, RuleEvent(signal, Happening.RISES))

    def fall(self, signal: str) -> "_Answer":
        """A one-bit signal becomes 0; followed by `within` or `exactly`."""
        return _Answer(self._assert, RuleEvent(signal, Happening.FALLS))

    def change(self, signal: str) -> "_Answer":
        """A signal takes another value; followed by `within` or `exactly`."""
        return _Answer(self._assert, RuleEvent(signal, Happening.CHANGES))

    def become(self, signal: str, value: int | float | str) -> "_Answer":
        """A signal takes a value, having had another; followed by `within` or `exactly`.

        Parameters
        ----------
        signal : str
            Any but an event.
        value : int, float or str
            As in a rule file: 32, '0x20', '0b1x0z', 'z', the name of a state.
        """
        return _Answer(self._assert, _becomes(signal, value))

    @property
    def never(self) -> "_Last":
        """Followed by rise, fall, change or become."""
        return _Last(lambda event: self._assert(Never(event)))

    def stable(self, signal: str) -> None:
        """It does not change while the condition of `during` holds."""
        if not self._condition.terms:
            raise InputError(f"stable({signal!r}): expected a condition in during() before it")
        self._assert(Stable(signal))

    def order(self, *events: str) -> None:
        """Events such as 'ferr_n falls', one after the other, round after round."""
        self._assert(Order(tuple(map(parse_edge, events))))

    def pulse(self, signal: str, level: str, at_least: Amount, unit: str = "cycles") -> None:
        """Each pulse ('low' or 'high') lasts at least so long.

        Parameters
        ----------
        signal : str
            Of one bit.
        level : str
            'low' or 'high'.
        at_least : int, float, Fraction or str
            At least 0; whole if it is cycles.
        unit : str
            'cycles', or 'fs' to 's'.
        """
        if level not in LEVELS:
            raise InputError(f"expected low or high, not {level!r}")
        self._assert(PulseWidth(signal, LEVELS.index(level), Span.of(at_least, unit)))

    def setup(self, signal: str, amount: Amount, unit: str = "ns") -> "_Before":
        """`.before.rise("clk")`: it is stable for so long before.

        Parameters
        ----------
        signal : str
            Of any width.
        amount : int, float, Fraction or str
            At least 0; whole if it is cycles.
        unit : str
            'cycles', or 'fs' to 's'.
        """
        span = Span.of(amount, unit)
        return _Before(lambda event: self._assert(Quiet(signal, span, event, before=True)))

    def hold(self, signal: str, amount: Amount, unit: str = "ns") -> "_After":
        """`.after.rise("clk")`: it is stable for so long after.

        Parameters
        ----------
        signal : str
            Of any width.
        amount : int, float, Fraction or str
            At least 0; whole if it is cycles.
        unit : str
            'cycles', or 'fs' to 's'.
        """
        span = Span.of(amount, unit)
        return _After(lambda event: self._assert(Quiet(signal, span, event, before=False)))

    def _assert(self, form: Form) -> None:
        report = Rule(form, self._condition, self._clock).check(self._trace)
        if report.violations or not report.held:
            raise TimingViolation(report_text(report))


class _Last:
    """The last word of a sentence."""

    def __init__(self, ask: _Ask) -> None:
        self._ask = ask

    def rise(self, signal: str) -> None:
        self._ask(RuleEvent(signal, Happening.RISES))

    def fall(self, signal: str) -> None:
        self._ask(RuleEvent(signal, Happening.FALLS))

    def change(self, signal: str) -> None:
        self._ask(RuleEvent(signal, Happening.CHANGES))

    def become(self, signal: str, value: int | float | str) -> None:
        self._ask(_becomes(signal, value))


class _After:
    """What comes after an event."""

    def __init__(self, ask: _Ask) -> None:
        self.after = _Last(ask)


class _Before:
    """What comes before an event."""

    def __init__(self, ask: _Ask) -> None:
        self.before = _Last(ask)


class _Answer:
    """An event that has to follow another."""

    def __init__(self, check: Callable[[Form], None], event: RuleEvent) -> None:
        self._check = check
        self._event = event

    def within(self, amount: Amount, unit: str = "cycles") -> _After:
        """At most so long `.after` the other."""
        span = Span.of(amount, unit)
        return _After(lambda trigger: self._check(Follows(self._event, span, trigger, exact=False)))

    def exactly(self, amount: Amount, unit: str = "cycles") -> _After:
        """Just so long `.after` the other; there can be one earlier, too."""
        span = Span.of(amount, unit)
        return _After(lambda trigger: self._check(Follows(self._event, span, trigger, exact=True)))


def _becomes(signal: str, value: int | float | str) -> RuleEvent:
    return RuleEvent(signal, Happening.BECOMES, RuleValue(str(value)))


def _trace_of(vcd: Any, path: str | Path | None) -> Trace:
    """The trace of a VCDVCD; what that has lost is said once."""
    if not hasattr(vcd, "references_to_ids"):
        raise TypeError(f"expected a Trace, or a vcdvcd.VCDVCD, not {type(vcd).__name__}")
    trace = Trace.of(vcd, path)
    if path is None:
        for note in trace.notes:
            warnings.warn(note, stacklevel=3)
    return trace
