"""Which signals of a trace are shown, and under which names."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from .names import without_range
from .older_signals import OLDER_ALIASES
from .signals import SIGNALS
from .two_signals import TWO_PROCESSOR_SIGNALS, has_two_processors, two_processor_pins

if TYPE_CHECKING:
    from .trace import Trace

PINS = ("ferr_n", "irq13", "intr", "inta", "ignne_n", "ignne", "es", "freeze")
"""What is shown of a trace of ours."""
ON_A_PAGE = (*PINS, "handler", "step")
"""What a page shows of it first."""
MOST = 40
"""Signals that are shown of a trace of somebody else."""
_ALIASES = OLDER_ALIASES | {signal.path: signal.alias for signal in (*TWO_PROCESSOR_SIGNALS, *SIGNALS)}


class Shown(NamedTuple):
    """A signal with the name that a reader sees."""

    label: str
    path: str


def choose_signals(
    trace: "Trace", patterns: Sequence[str] = (), default: Sequence[str] = PINS
) -> list[Shown]:
    """The signals that fit the patterns, in their order; without any, the pins, or of other traces all.

    Parameters
    ----------
    patterns: names, ends of names, or globs over full paths such as '*.slave_*'.
    default: what is shown without patterns, if the trace has all of them.

    Raises
    ------
    SignalError
        If a pattern fits nothing; the message has the nearest names.
    """
    if has_two_processors(trace):
        default = two_processor_pins(tuple(default))
    if patterns:
        paths = [path for pattern in patterns for path in _fitting(trace, pattern)]
    elif all(_ends(trace, name) for name in default):
        paths = [trace[name].name for name in default]
        if is_shared(trace) and "irq13" in default:
            paths.insert(default.index("irq13") + 1, trace["ir13"].name)
    else:
        paths = [*trace][:MOST]
    paths = list(dict.fromkeys(paths))
    aliases, plain = Counter(map(label_of, paths)), Counter(map(without_range, paths))
    shown = []
    for path in paths:
        # The shortest name that no other has.
        alias, name = label_of(path), without_range(path)
        shown.append(Shown(alias if aliases[alias] == 1 else name if plain[name] == 1 else path, path))
    return shown


def is_shared(trace: "Trace") -> bool:
    """Another device drives the wire at IR5 too, so that the wire and FF1's output are not the same."""
    if not (_ends(trace, "ir13") and _ends(trace, "irq13")):
        return False
    wire, own = trace["ir13"], trace["irq13"]
    return [*wire.times] != [*own.times] or [*wire.values] != [*own.values]


def label_of(path: str) -> str:
    """The name on the datasheet, or the name without scopes."""
    return _ALIASES.get(path) or without_range(path)


def _fitting(trace: "Trace", pattern: str) -> list[str]:
    if any(mark in pattern for mark in "*?["):
        found = [wave.name for wave in trace.match(pattern)]
        if found:
            return found
    return [trace[pattern].name]


def _ends(trace: "Trace", name: str) -> bool:
    return any(path.endswith(f".{name}") for path in trace)
