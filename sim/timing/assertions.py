"""Assertions over a trace that read like a datasheet.

In Python:

    expect(trace).fall("ferr_n").within(2, "cycles").after.rise("es")
    expect(trace).during("cr0_ne = 0").never.rise("mf")
    expect(trace).order("ferr_n falls", "irq13 rises", "ignne_n falls")

and in a rule file for `irq13 check`, one sentence a line:

    ferr_n falls within 2 cycles after es rises
    irq13 rises exactly 1 cycle after ferr_n falls while ferr_enable = 1
    mf rises never while cr0_ne = 0
    ignne_n = 0 never while ferr_n = 1
    masks stable while freeze = 1
    ferr_n low at least 3 cycles
    d stable 2 ns before clk rises      ; setup; `after` is hold
    order ferr_n falls, irq13 rises, ignne_n falls

A rule that nothing triggers is vacuous, which is not the same as kept.
"""

from collections.abc import Callable

from ..waveform.selection import Shown
from ..waveform.trace import Trace
from ..waveform.view.text import Canvas, draw
from .rules import RuleReport, RuleStatus, parse_rule

AROUND = 12
"""Cycles shown on either side of a violation."""


class TimingViolation(AssertionError):
    """A rule that does not hold, or that nothing triggered; the message has the waveform around it."""


def report_text(report: RuleReport, trace: Trace) -> str:
    """A report in words, with the waveform around the first violation."""
    rule = report.rule
    if report.status is RuleStatus.VACUOUS:
        return f"{rule.text}\n  vacuous: nothing triggers it in this trace"
    if report.status is RuleStatus.PASS:
        return f"{rule.text}\n  holds, {report.triggers} times"
    first = report.violations[0]
    where = f"at {first.time}" if trace.edges is None else f"in cycle {trace.cycle(first.time)}"
    lines = [f"{rule.text}", f"  {where}: {first.found}"]
    if len(report.violations) > 1:
        lines[-1] += f" (and {len(report.violations) - 1} more)"
    if trace.edges is not None:
        cycle = trace.cycle(first.time)
        start, end = max(cycle - AROUND, 0), min(cycle + AROUND, len(trace.edges) + 1)
        shown = [Shown(name, name) for name in rule.signals]
        drawn = draw(trace, shown, start, end, Canvas(shorten=False, scale=1))
        lines += [f"  {line.plain}" for line in drawn]
    return "\n".join(lines)


class expect:
    """Begins an assertion over a trace; see the module's docstring.

    The last word of the sentence puts it to the test.

    Raises
    ------
    TimingViolation
        If it does not hold, or if nothing triggers it.
    TraceError
        For a signal that is not in the trace.
    """

    def __init__(self, trace: Trace, condition: str = "") -> None:
        self._trace = trace
        self._condition = condition

    def during(self, condition: str) -> "expect":
        """Only while 'a = 0 and b = 1': of the trigger, where there is one."""
        return expect(self._trace, condition)

    def rise(self, signal: str) -> "_Event":
        return _Event(self._assert, f"{signal} rises")

    def fall(self, signal: str) -> "_Event":
        return _Event(self._assert, f"{signal} falls")

    def change(self, signal: str) -> "_Event":
        return _Event(self._assert, f"{signal} changes")

    @property
    def never(self) -> "_Last":
        """Followed by rise, fall or change."""
        return _Last(self._assert, "{} never")

    def stable(self, signal: str) -> None:
        """It does not change while the condition of `during` holds."""
        self._assert(f"{signal} stable")

    def order(self, *events: str) -> None:
        """Events such as 'ferr_n falls', one after the other."""
        self._assert(f"order {', '.join(events)}")

    def pulse(self, signal: str, level: str, at_least: int, unit: str = "cycles") -> None:
        """Each pulse ('low' or 'high') lasts at least so long."""
        self._assert(f"{signal} {level} at least {at_least} {unit}")

    def setup(self, signal: str, amount: int, unit: str = "ns") -> "_Side":
        """`.before.rise("clk")`: it is stable for so long before."""
        return _Side(self._assert, f"{signal} stable {amount} {unit}")

    def hold(self, signal: str, amount: int, unit: str = "ns") -> "_Side":
        """`.after.rise("clk")`: it is stable for so long after."""
        return _Side(self._assert, f"{signal} stable {amount} {unit}")

    def _assert(self, body: str) -> None:
        rule = parse_rule(f"{body} while {self._condition}" if self._condition else body)
        report = rule.check(self._trace)
        if report.status is not RuleStatus.PASS:
            raise TimingViolation(report_text(report, self._trace))


class _Last:
    """The last word of a sentence."""

    def __init__(self, check: Callable[[str], None], sentence: str) -> None:
        self._check = check
        self._sentence = sentence

    def rise(self, signal: str) -> None:
        self._check(self._sentence.format(f"{signal} rises"))

    def fall(self, signal: str) -> None:
        self._check(self._sentence.format(f"{signal} falls"))

    def change(self, signal: str) -> None:
        self._check(self._sentence.format(f"{signal} changes"))


class _Side:
    """What comes before or after an event."""

    def __init__(self, check: Callable[[str], None], sentence: str) -> None:
        self._check = check
        self._sentence = sentence

    @property
    def after(self) -> _Last:
        return _Last(self._check, f"{self._sentence} after {{}}")

    @property
    def before(self) -> _Last:
        return _Last(self._check, f"{self._sentence} before {{}}")


class _Event:
    """An event that has to follow another."""

    def __init__(self, check: Callable[[str], None], event: str) -> None:
        self._check = check
        self._event = event

    def within(self, amount: int, unit: str = "cycles") -> _Side:
        """At most so long `.after` the other."""
        return _Side(self._check, f"{self._event} within {amount} {unit}")

    def exactly(self, amount: int, unit: str = "cycles") -> _Side:
        """Just so long `.after` the other."""
        return _Side(self._check, f"{self._event} exactly {amount} {unit}")
