"""The commands for waveforms: check, view, explain."""

import json
import sys
from pathlib import Path

import click

from .console import ASCII_OPTION, canvas_for, standard_output

MOST_CYCLES = 1000
"""Cycles that the terminal view draws unless told to."""


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
    from ..timing import results
    from ..timing.rule_file import check_rules, load_rules
    from ..waveform.trace import Trace

    chosen = load_rules(rules)
    loaded = Trace.load(trace)
    reports = check_rules(chosen, loaded, clock)
    lines = [line for line, _ in chosen.rules]
    if junit:
        from ..support.files import replacing

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
@click.option("--from", "start", type=click.IntRange(0), default=0, help="First cycle.")
@click.option("--to", "end", type=click.IntRange(1), help="Last cycle; by default a thousand on.")
@click.option("--clock", help="The clock's name in the trace; by default clk or clock.")
@click.option("--whole", is_flag=True, help="Draw quiet stretches in full length.")
@click.option("--html", type=click.Path(path_type=Path), help="Write an interactive page here instead.")
@click.option("--wavejson", type=click.Path(path_type=Path), help="Write WaveJSON, for WaveDrom, instead.")
@ASCII_OPTION
def view_command(
    trace: Path,
    signals: tuple[str, ...],
    start: int,
    end: int | None,
    clock: str | None,
    whole: bool,
    html: Path | None,
    wavejson: Path | None,
    as_ascii: bool,
) -> None:
    """Draw TRACE (a VCD, from any simulator): SIGNALS by name or glob, or the pins, in the terminal.

    With --html, one file that works offline: zoom, pan, two cursors, search, and for irq13's own waveforms
    the cause of each edge.

    \b
    Example:
      irq13 view dos-divide-by-zero.vcd ferr_n 'pc.slave.*' --from 10
      irq13 view dos-divide-by-zero.vcd --html run.html
    """
    from ..waveform.selection import ON_A_PAGE, choose_signals
    from ..waveform.trace import Trace
    from ..waveform.view.text import draw

    loaded = Trace.load(trace, clock)
    shown = choose_signals(loaded, signals)
    length = len(loaded.edges) if loaded.edges is not None else loaded.end + 1
    if start >= length:
        raise click.BadParameter(f"{trace} ends after {length} cycles", param_hint="--from")
    last = min(start + MOST_CYCLES if end is None else end + 1, length)
    if html:
        from ..waveform.view.html import wave_page

        _write(
            html, wave_page(loaded, choose_signals(loaded, signals, ON_A_PAGE), loaded.title or trace.name)
        )
    if wavejson:
        from ..waveform.view.wavejson import wavejson as convert

        _write(wavejson, json.dumps(convert(loaded, shown, start, last), indent=1) + "\n")
    if html or wavejson:
        return
    console = standard_output()
    canvas = canvas_for(console, as_ascii)._replace(shorten=not whole)
    for line in draw(loaded, shown, start, last, canvas):
        console.print(line, soft_wrap=True)
    if end is None and last < length:
        console.print(f"[dim]{length - last} more cycles: --from {last}[/]")


def _write(path: Path, text: str) -> None:
    from ..support.files import replacing

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
    from ..waveform.causes.explain import explain_edges
    from ..waveform.trace import Trace

    console = standard_output()
    for tree in explain_edges(Trace.load(trace), target):
        console.print(tree)
