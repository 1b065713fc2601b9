"""The commands for waveforms: check, view, explain."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from ..support.errors import InputError
from ..support.files import replacing
from ..timing import results
from ..timing.rule_file import check_rules, load_rules
from ..waveform.causes.explain import explain_edges
from ..waveform.selection import ON_A_PAGE, Shown, choose_signals
from ..waveform.trace import Trace
from ..waveform.units import engineering_time, parse_time
from ..waveform.view.html import wave_page
from ..waveform.view.text import Axis, draw, moments
from ..waveform.view.wavejson import wavejson as convert
from .console import ASCII_OPTION, canvas_for, standard_output
from .signals import CLOCK_OPTION, RADIX_OPTION, load_trace

MOST_CYCLES = 1000
"""Cycles that the terminal view draws unless told to."""
MOST_CHARACTERS = 20
"""Characters that it draws a cycle of a foreign trace with, where there is room."""


@click.command("check")
@click.argument("trace", type=click.Path(path_type=Path))
@click.argument("rules")
@click.option("--clock", help="The clock's name in the trace; by default one called clk or the like.")
@click.option("--strict", is_flag=True, help="A rule that is vacuous or undecided is a failure too.")
@click.option("--json", "as_data", is_flag=True, help="Print the results as JSON.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write the results here too, as JUnit's XML.")
def check_command(
    trace: Path, rules: str, clock: str | None, strict: bool, as_data: bool, junit: Path | None
) -> None:
    """Check TRACE (a waveform, from any simulator) against RULES: a TOML file, or `contract`, which is ours.

    Exit status 0 if every rule holds, 1 if one fails. A rule that nothing triggers is reported as vacuous,
    one that the end of the trace cuts off as undecided.

    \b
    Example:
      irq13 run && irq13 check dos-divide-by-zero.vcd contract
      irq13 check trace.vcd rules.toml --strict --junit results.xml
    """
    chosen = load_rules(rules)
    loaded = load_trace(trace)
    reports = check_rules(chosen, loaded, clock)
    lines = [line for line, _ in chosen.rules]
    if junit:
        with replacing(junit) as file:
            file.write(results.as_junit(reports, lines, chosen.source.name, strict))
    if as_data:
        click.echo(json.dumps(results.as_json(reports, lines, str(trace), strict), indent=1))
    else:
        click.echo("\n".join(results.summary(reports, loaded, strict)))
    sys.exit(1 if any(results.is_failure(report, strict) for report in reports) else 0)


@click.command("view")
@click.argument("trace", type=click.Path(path_type=Path))
@click.argument("signals", nargs=-1)
@click.option("--from", "start", default="0", help="First cycle, or a time such as 120ns.")
@click.option("--to", "end", help="Last cycle, or a time; by default a thousand cycles on.")
@CLOCK_OPTION
@click.option("--whole", is_flag=True, help="Draw quiet stretches in full length.")
@click.option("--html", type=click.Path(path_type=Path), help="Write an interactive page here instead.")
@click.option("--wavejson", type=click.Path(path_type=Path), help="Write WaveJSON, for WaveDrom, instead.")
@RADIX_OPTION
@ASCII_OPTION
def view_command(
    trace: Path,
    signals: tuple[str, ...],
    start: str,
    end: str | None,
    clock: str | None,
    whole: bool,
    html: Path | None,
    wavejson: Path | None,
    radix: int,
    as_ascii: bool,
) -> None:
    """Draw TRACE (VCD, FST or GHW, of any simulator): SIGNALS by name or glob, or the pins, in the terminal.

    Without a clock the moments at which a signal changes take the place of cycles, and --from and --to are
    times. With --html, one file that works offline: zoom, pan, two cursors, search, and for irq13's own
    waveforms the cause of each edge.

    \b
    Example:
      irq13 view dos-divide-by-zero.vcd ferr_n 'pc.slave.*' --from 10
      irq13 view theirs.fst --from 1.5us --to 2us --radix dec
      irq13 view dos-divide-by-zero.vcd --html run.html
    """
    loaded = load_trace(trace, clock)
    shown = choose_signals(loaded, signals)
    first, last, length = _bounds(loaded, shown, start, end, trace)
    if html:
        title = loaded.title or trace.name
        _write(html, wave_page(loaded, choose_signals(loaded, signals, ON_A_PAGE), title, radix))
    if wavejson:
        _write(wavejson, json.dumps(convert(loaded, shown, first, last, radix), indent=1) + "\n")
    if html or wavejson:
        return
    console = standard_output()
    canvas = canvas_for(console, as_ascii)._replace(shorten=not whole, radix=radix)
    if not loaded.causes:
        canvas = canvas._replace(widest=MOST_CHARACTERS)
    for line in draw(loaded, shown, first, last, canvas):
        console.print(line, soft_wrap=True)
    more = []
    if end is None and last < length:
        more.append(
            f"{length - last} more {'cycles' if loaded.edges is not None else 'moments'}: --from {last}"
        )
    if not signals and not loaded.causes and len(shown) < len(loaded):
        more.append(f"{len(shown)} of {len(loaded)} signals: name others, `irq13 signals {trace}` lists them")
    if loaded.edges is None:
        more.append(f"no clock: drawn by time, in units of {engineering_time(1, loaded.unit)}")
    elif not loaded.causes:
        more.append(f"cycles of {loaded.clock_note()}")
    for line in more:
        console.print(line, style="dim", soft_wrap=True, markup=False)


def _bounds(
    trace: "Trace", shown: Sequence["Shown"], start: str, end: str | None, path: Path
) -> tuple[int, int, int]:
    """First cycle, or moment, and the one behind the last, and how many there are."""
    if trace.edges is not None:
        # What comes after the last edge is a cycle too, if something happens in it.
        length = len(Axis(trace, shown, 0, len(trace.edges) + 1).starts)
        first = _cycle(start, trace, "--from")
        last = None if end is None else _cycle(end, trace, "--to") + 1
        what = f"{length} cycles"
    else:
        times = moments(trace, shown)
        length = len(times)
        first_time = _time(start, trace, "--from")
        first = max(int(np.searchsorted(times, first_time, side="right")) - 1, 0)
        first = first if first_time <= trace.end else length
        last = None if end is None else int(np.searchsorted(times, _time(end, trace, "--to"), side="right"))
        what = engineering_time(trace.end, trace.unit)
    if first >= max(length, 1):
        raise click.BadParameter(f"{path} ends after {what}", param_hint="--from")
    return first, min(first + MOST_CYCLES if last is None else last, length), length


def _cycle(text: str, trace: "Trace", option: str) -> int:
    time = _parsed(text, trace, option)
    if time is None:
        return int(float(text))
    return trace.cycle(time) if time <= trace.end else len(trace.clock_edges()) + 1


def _time(text: str, trace: "Trace", option: str) -> int:
    time = _parsed(text, trace, option)
    return int(float(text)) if time is None else time


def _parsed(text: str, trace: "Trace", option: str) -> int | None:
    try:
        return parse_time(text, trace.unit)
    except InputError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


def _write(path: Path, text: str) -> None:

    with replacing(path) as file:
        file.write(text)
    click.echo(path)


@click.command("explain")
@click.argument("trace", type=click.Path(path_type=Path))
@click.argument("target")
def explain_command(trace: Path, target: str) -> None:
    """Say why: the chain of causes behind TARGET, a cycle, a signal, or SIGNAL@CYCLE, as the run recorded it.

    \b
    Example:
      irq13 explain dos-divide-by-zero.vcd irq13
      irq13 explain dos-divide-by-zero.vcd ignne_n@22
    """
    console = standard_output()
    for tree in explain_edges(load_trace(trace), target):
        console.print(tree)
