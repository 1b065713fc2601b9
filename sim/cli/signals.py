"""The commands that say what is in a waveform: signals, diff."""

import json
import sys
from pathlib import Path

import click

from ..support.text import printable
from ..waveform.compare import WaveComparison, WaveDifference, compare_traces
from ..waveform.statistics import Statistics, statistics
from ..waveform.trace import Trace
from ..waveform.units import engineering_time

CLOCK_OPTION = click.option(
    "--clock",
    help="The clock's name in the trace; by default the liveliest of those called clk, clock, aclk.",
)
_RADIXES = {"hex": 16, "dec": 10, "signed": -10, "oct": 8, "bin": 2}
MOST_DIFFERENCES = 20
"""Signals whose difference is shown."""


class _Radix(click.ParamType):
    name = "radix"

    def convert(self, value, param, ctx):
        if isinstance(value, int):
            return value
        if value not in _RADIXES:
            self.fail(f"expected {', '.join(_RADIXES)}, not {value!r}", param, ctx)
        return _RADIXES[value]


RADIX_OPTION = click.option(
    "--radix",
    type=_Radix(),
    default=16,
    metavar="|".join(_RADIXES),
    help="How values are written; hex.",
)


def load_trace(path: Path, clock: str | None = None) -> "Trace":
    """Read a waveform, and say on standard error what of it was skipped on purpose.

    Parameters
    ----------
    path : Path
        VCD, FST or GHW, also compressed with gzip; "-" is standard input. Errors as of `Trace.load`.
    clock : str or None
        The clock's name in the trace; None for one that is looked for.
    """
    trace = Trace.load(path, clock)
    for note in trace.notes:
        click.echo(printable(f"irq13: {path}: note: {note}"), err=True)
    return trace


@click.command("signals")
@click.argument("trace", type=click.Path(path_type=Path))
@click.argument("pattern", required=False)
@CLOCK_OPTION
@click.option("--stats", is_flag=True, help="Rises, falls, glitches, duty cycle and period too.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON; times in units of the timescale.")
def signals_command(trace: Path, pattern: str | None, clock: str | None, stats: bool, as_json: bool) -> None:
    """List the signals of TRACE that fit PATTERN, a name or glob: bits, changes, first and last change.

    Duty is the share of the time in which a bit is 1, period the median distance of its rises.

    \b
    Example:
      irq13 signals dos-divide-by-zero.vcd 'pc.slave.*'
      irq13 signals theirs.fst --stats
    """
    loaded = load_trace(trace, clock)
    waves = loaded.match(pattern) if pattern else [*loaded.values()]
    found = [statistics(wave, loaded) for wave in waves or [loaded[pattern or ""]]]
    if as_json:
        about = {"unit": loaded.unit, "end": loaded.end, "clock": loaded.clock and loaded.clock.name}
        click.echo(json.dumps({**about, "signals": [one.as_dict() for one in found]}, indent=1))
        return
    heads = ["signal", "bits", "changes", "first", "last"]
    heads += ["rises", "falls", "glitches", "duty", "period"] if stats else []
    rows = [_row(one, loaded.unit, stats) for one in found]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = [text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True)]
        click.echo("  ".join([row[0].ljust(widths[0]), *cells]).rstrip())
    note = loaded.clock_note()
    length = engineering_time(loaded.end, loaded.unit)
    click.echo(f"\n{len(found)} of {len(loaded)} signals, {length}{f', {note}' if note else ''}")


def _row(one: "Statistics", unit: float, stats: bool) -> list[str]:
    bits = str(one.width) if one.type == "bits" else one.type
    row = [one.name, bits, str(one.changes), _time(one.first, unit), _time(one.last, unit)]
    if stats:
        period = "" if one.period is None else engineering_time(round(one.period), unit)
        duty = "" if one.duty is None else f"{one.duty:.1%}"
        row += [_count(one.rises), _count(one.falls), str(one.glitches), duty, period]
    return row


def _time(time: int | None, unit: float) -> str:
    return "-" if time is None else engineering_time(time, unit)


def _count(number: int | None) -> str:
    return "" if number is None else str(number)


@click.command("diff")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--tolerance", type=click.IntRange(0), default=0, help="Cycles by which a change may be off.")
@click.option("--map", "maps", multiple=True, help="OLD=NEW: a scope or signal of FIRST, as SECOND has it.")
@CLOCK_OPTION
@RADIX_OPTION
def diff_command(
    first: Path, second: Path, tolerance: int, maps: tuple[str, ...], clock: str | None, radix: int
) -> None:
    """Compare two waveforms of one design, of any formats: where each signal is first not the same.

    Levels are compared; glitches of no length do not count. Exit status 0 if all signals that both have are
    the same, 1 if one differs, 2 if they cannot be compared.

    \b
    Example:
      irq13 diff icarus.vcd verilator.fst --map tb.dut=TOP.dut --tolerance 1
    """
    renamed = {}
    for one in maps:
        old, equals, new = one.partition("=")
        if not equals:
            raise click.BadParameter(f"expected OLD=NEW, not {one!r}", param_hint="--map")
        renamed[old] = new
    ours, theirs = load_trace(first, clock), load_trace(second)
    found = compare_traces(ours, theirs, renamed, tolerance)
    for one in found.differences[:MOST_DIFFERENCES]:
        click.echo(_difference(one, ours, radix))
    left = len(found.differences) - MOST_DIFFERENCES
    if left > 0:
        click.echo(f"and {left} more signals")
    for line in _remarks(found, ours, first, second):
        click.echo(line)
    sys.exit(1 if found.differences or found.goes_on else 0)


def _difference(one: "WaveDifference", trace: "Trace", radix: int) -> str:
    wave = trace[one.name]
    where = engineering_time(one.time, trace.unit)
    if trace.edges is not None:
        where = f"cycle {trace.cycle(one.time)} ({where})"
    times = f" (and {one.stretches - 1} more times)" if one.stretches > 1 else ""
    ours, theirs = (wave.text_of(value, radix) for value in (one.ours, one.theirs))
    return f"{one.name}: {where}: {ours}, not {theirs}{times}"


def _remarks(found: "WaveComparison", trace: "Trace", first: Path, second: Path) -> list[str]:
    lines = [f"{found.compared} signals compared, {len(found.differences)} differ"]
    for names, path in ((found.only_first, first), (found.only_second, second)):
        if names:
            lines.append(f"only in {path}: {len(names)}, such as {names[0]}")
    if found.goes_on:
        end = engineering_time(found.end, trace.unit)
        lines.append(
            f"compared up to {end}, where the shorter one ends; {len(found.goes_on)} change after it"
        )
    return lines
