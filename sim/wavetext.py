"""Waves as lines of text: one column a cycle."""

from collections.abc import Sequence

from .trace import Trace
from .wave import Wave

HIGH, LOW, UNKNOWN = "▔", "▁", "?"


def wave_lines(
    trace: Trace, labels: Sequence[tuple[str, str]], start: int, end: int, margin: int = 0
) -> list[str]:
    """A ruler that marks every tenth cycle, and a line for each signal.

    Parameters
    ----------
    labels: label and name in the trace of each signal.
    start, end: first cycle, and the one after the last.
    margin: columns for the labels, if they need no more.
    """
    margin = max([margin, *(len(label) + 2 for label, _ in labels)])
    marks = range(start + -start % 10, end, 10)
    ruler = " " * (margin + -start % 10) + "".join(f"{cycle:<10}" for cycle in marks)
    lines = [ruler.rstrip()]
    for label, name in labels:
        lines.append(f"{label:<{margin}}{_levels(trace, trace[name], start, end)}")
    return lines


def _levels(trace: Trace, wave: Wave, start: int, end: int) -> str:
    """One character a cycle; the values of a bus where they change."""
    values = [wave.at(trace.time(cycle)) for cycle in range(start, end)]
    if all(value in (0, 1) or _is_unknown(value) for value in values):
        return "".join(UNKNOWN if _is_unknown(value) else HIGH if value else LOW for value in values)
    columns: list[str] = []
    for index, value in enumerate(values):
        new = index == 0 or value != values[index - 1]
        columns += f"|{value:x}" if new and isinstance(value, int) else f"|{value}" if new else ""
        if len(columns) <= index:
            columns.append(" ")
    return "".join(columns[: len(values)])


def _is_unknown(value: int | str) -> bool:
    return isinstance(value, str) and set(value.lower()) <= {"x", "z"}
