"""What came of rules, for a reader, as JSON, and as JUnit's XML, which every CI shows."""

import re
from collections.abc import Iterable, Sequence
from typing import Any
from xml.etree import ElementTree

from ..waveform.selection import Shown
from ..waveform.trace import Trace
from ..waveform.view.text import Canvas, draw
from .checker import Violation
from .rules import RuleReport, RuleStatus
from .scene import time_text

AROUND = 12
"""Cycles shown on either side of a violation."""
MOST = 100
"""Violations of a rule that are listed in JSON; all are counted."""


def report_text(report: RuleReport) -> str:
    """A report in words, with the waveform around the first violation."""
    rule, scene = report.rule, report.scene
    if report.status is RuleStatus.VACUOUS:
        return f"{rule.text}\n  vacuous: nothing triggers it in this trace"
    if report.status is RuleStatus.PASS:
        return f"{rule.text}\n  holds, {report.triggers} times"
    cut = report.status is RuleStatus.UNDECIDED
    found = report.undecided if cut else report.violations
    first = found[0]
    line = f"  {'undecided ' if cut else ''}{scene.where(first.time)}: {first.found}"
    if len(found) > 1:
        line += f" (and {len(found) - 1} more)"
    lines = [rule.text, line]
    if rule.in_cycles and len(scene.trace.clocks) > 1:
        lines.append(f"  {scene.trace.clock_note()}")
    return "\n".join(lines + _picture(report, first.time))


def _picture(report: RuleReport, time: int) -> list[str]:
    """The waveform around a time."""
    trace = report.scene.trace
    if trace.edges is None:
        return []
    cycle = trace.cycle(time)
    start, end = max(cycle - AROUND, 0), min(cycle + AROUND, len(trace.edges) + 1)
    shown = [Shown(name, report.scene.path(name)) for name in report.rule.signals]
    drawn = draw(trace, shown, start, end, Canvas(shorten=False, scale=1))
    return [f"  {line.plain}" for line in drawn]


def is_failure(report: RuleReport, strict: bool) -> bool:
    """Whether a rule fails a check.

    Parameters
    ----------
    strict: one that nothing triggers, or that the end of the trace leaves undecided, does too.
    """
    return report.status is RuleStatus.FAIL or (strict and report.status is not RuleStatus.PASS)


def summary(reports: Sequence[RuleReport], trace: Trace, strict: bool) -> list[str]:
    """The lines that `irq13 check` prints: the status of each rule, what is wrong, and the sum of it.

    Parameters
    ----------
    reports : sequence of RuleReport
        In the order of the rules.
    trace : Trace
        The one that was checked, for its notes.
    strict : bool
        As in `is_failure`.
    """
    lines = [f"{report.status.value:<7} {report.rule.text}" for report in reports]
    for report in reports:
        if report.status is RuleStatus.UNDECIDED or is_failure(report, strict):
            lines += ["", report_text(report)]
    statuses = [report.status for report in reports]
    counts = {status: statuses.count(status) for status in _SUMS}
    sums = [
        f"{count} {_SUMS[status]}"
        for status, count in counts.items()
        if count or status is not RuleStatus.UNDECIDED
    ]
    lines += ["", ", ".join(sums)]
    return [*lines, *clock_lines(reports), *trace.notes]


def clock_lines(reports: Iterable[RuleReport]) -> list[str]:
    """Which clock counts the cycles of the rules, and out of how many it was taken."""
    counting = [report for report in reports if report.rule.in_cycles]
    notes = dict.fromkeys(report.scene.trace.clock_note() for report in counting)
    return [note for note in notes if note]


def as_json(reports: Sequence[RuleReport], lines: Sequence[int], trace: str, strict: bool) -> dict[str, Any]:
    """The results as data; times are in the trace's units, of `unit` seconds.

    Parameters
    ----------
    reports : sequence of RuleReport
        One at least.
    lines : sequence of int
        Where each rule is in its file.
    trace : str
        Name of the trace's file.
    strict : bool
        As in `is_failure`.
    """
    unit = reports[0].scene.trace.unit
    statuses = [report.status for report in reports]
    return {
        "version": 1,
        "trace": trace,
        "unit": unit,
        "passed": not any(is_failure(report, strict) for report in reports),
        "counts": {status.value.lower(): statuses.count(status) for status in RuleStatus},
        "rules": [_rule_data(report, line) for report, line in zip(reports, lines, strict=True)],
    }


def as_junit(reports: Sequence[RuleReport], lines: Sequence[int], rules: str, strict: bool) -> str:
    """The results as JUnit's XML: a test case a rule, with its waveform where it fails.

    Parameters
    ----------
    reports : sequence of RuleReport
        In the order of the rules.
    lines : sequence of int
        Where each rule is in its file.
    rules : str
        Name of that file.
    strict : bool
        As in `is_failure`; if not, what is vacuous or undecided is skipped.
    """
    failures = sum(is_failure(report, strict) for report in reports)
    skipped = sum(report.status in _SKIPPED for report in reports) if not strict else 0
    suite = ElementTree.Element(
        "testsuite",
        name=rules,
        tests=str(len(reports)),
        failures=str(failures),
        errors="0",
        skipped=str(skipped),
    )
    for report, line in zip(reports, lines, strict=True):
        case = ElementTree.SubElement(
            suite, "testcase", classname=rules, name=_clean(report.rule.text), file=rules, line=str(line)
        )
        text = report_text(report)
        message = _clean(text.splitlines()[1].strip())
        if is_failure(report, strict):
            failure = ElementTree.SubElement(case, "failure", type=report.status.value, message=message)
            failure.text = _clean(text)
        elif report.status in _SKIPPED:
            ElementTree.SubElement(case, "skipped", message=message)
        ElementTree.SubElement(case, "system-out").text = f"triggered {report.triggers} times"
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


_SUMS = {
    RuleStatus.PASS: "hold",
    RuleStatus.FAIL: "fail",
    RuleStatus.VACUOUS: "vacuous",
    RuleStatus.UNDECIDED: "undecided",
}
_SKIPPED = (RuleStatus.VACUOUS, RuleStatus.UNDECIDED)


def _rule_data(report: RuleReport, line: int) -> dict[str, Any]:
    clock = report.scene.trace.clock
    return {
        "line": line,
        "rule": report.rule.text,
        "status": report.status.value.lower(),
        "triggers": report.triggers,
        "held": report.held,
        "clock": clock.name if clock is not None and report.rule.in_cycles else None,
        "violation_count": len(report.violations),
        "violations": [_entry(report, one) for one in report.violations[:MOST]],
        "undecided_count": len(report.undecided),
        "undecided": [_entry(report, one) for one in report.undecided[:MOST]],
    }


def _entry(report: RuleReport, violation: Violation) -> dict[str, Any]:
    trace = report.scene.trace
    cycle = None if trace.edges is None else trace.cycle(violation.time)
    shown = time_text(violation.time, trace.unit)
    return {"time": violation.time, "at": shown, "cycle": cycle, "found": violation.found}


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
