"""Rule files: the sentences of `timing`, from TOML.

clock = "tb.clk"                   # by default the signal called like a clock that is nearest to each rule
rules = '''
  q changes within 1 cycle after d changes           ; a comment
  r rises exactly 2 cycles by tb.clk2 after q rises
'''

[signals]                          # names of the rules -> names in the trace
d = "tb.dut.data_in"
"""

from dataclasses import dataclass
from importlib import resources

from ..support.errors import InputError
from ..support.toml_source import Source, open_shipped, shipped_names
from ..waveform.trace import Trace
from ..waveform.wave import TraceError
from .rules import Rule, RuleReport, parse_rule
from .scene import beginning

_FOLDER = resources.files("irq13.sim.timing") / "library"


@dataclass(frozen=True)
class RuleFile:
    """Rules with the lines on which they stand, and what the trace calls their signals."""

    source: Source
    clock: str | None
    signals: dict[str, str]
    rules: tuple[tuple[int, Rule], ...]


def shipped_rules() -> list[str]:
    """The names of the rule files that come with irq13."""
    return shipped_names(_FOLDER)


def load_rules(name: str) -> RuleFile:
    """A shipped rule file by name, or one from a file. Raises SourceError, OSError."""
    return parse_rules(open_shipped(_FOLDER, name, "rules"))


def parse_rules(source: Source) -> RuleFile:
    """Rules from a parsed file. Raises SourceError with file, line and what was expected."""
    source.only((), ("title", "clock", "rules", "signals"))
    rules: list[tuple[int, Rule]] = []
    for line in source.block(("rules",)):
        try:
            rules.append((line.number, parse_rule(line.text)))
        except InputError as error:
            raise source.error(line.number, str(error)) from None
    if not rules:
        raise source.error(("rules",), "there are no rules")
    signals = {name: source.get(("signals", name), str, "") for name in source.get(("signals",), dict, {})}
    return RuleFile(source, source.get(("clock",), str, "") or None, signals, tuple(rules))


def check_rules(file: RuleFile, trace: Trace, clock: str | None = None) -> list[RuleReport]:
    """Every rule on a trace.

    Parameters
    ----------
    clock: counts cycles instead of the file's own clock.

    Raises
    ------
    SourceError
        With the line, where a rule or the clock is not one for this trace.
    TraceError
        Where `clock` is none.
    """
    if clock is not None:
        trace = trace.with_clock(file.signals.get(clock, clock))
    elif file.clock is not None:
        try:
            trace = trace.with_clock(file.signals.get(file.clock, file.clock))
        except TraceError as error:
            raise file.source.error(("clock",), str(error)) from None
    begin = beginning(trace)
    reports = []
    for line, rule in file.rules:
        try:
            reports.append(rule.check(trace, file.signals, begin))
        except TraceError as error:
            raise file.source.error(line, str(error)) from None
    return reports
