"""Rule files: the sentences of `timing`, from TOML.

clock = "tb.clk"                   # by default clk or clock
rules = '''
  q changes within 1 cycle after d changes   ; a comment
'''

[signals]                          # names of the rules -> names in the trace
d = "tb.dut.data_in"
"""

from dataclasses import dataclass
from importlib import resources

from ..support.toml_source import Source, open_shipped, shipped_names
from ..waveform.trace import SignalError, Trace
from ..waveform.wave import Wave
from .rules import Rule, RuleReport, parse_rule

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
        except ValueError as error:
            raise source.error(line.number, str(error)) from None
    if not rules:
        raise source.error(("rules",), "there are no rules")
    signals = {name: source.get(("signals", name), str, "") for name in source.get(("signals",), dict, {})}
    return RuleFile(source, source.get(("clock",), str, "") or None, signals, tuple(rules))


def check_rules(file: RuleFile, trace: Trace) -> list[RuleReport]:
    """Every rule on a trace. Raises SourceError where a rule names a signal that the trace does not have."""
    renamed = _Renamed(trace, file.signals)
    reports = []
    for line, rule in file.rules:
        try:
            reports.append(rule.check(renamed))
        except SignalError as error:
            raise file.source.error(line, str(error)) from None
    return reports


class _Renamed(Trace):
    """A trace under the names of a rule file."""

    def __init__(self, trace: Trace, names: dict[str, str]) -> None:
        super().__init__({name: trace[name] for name in trace}, trace.edges, trace.end, trace.unit)
        self._names = names

    def __getitem__(self, name: str) -> Wave:
        return super().__getitem__(self._names.get(name, name))
