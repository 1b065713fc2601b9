"""The commands that run many simulations at once: sweep and fuzz."""

import sys
import time
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ... import hdl
from ...model.older import OlderMachine
from ...model.registers import Generation, Parameters
from ..fuzz import campaign as fuzz
from ..fuzz.campaign import CampaignResult, describe_failure
from ..fuzz.dask import over_dask
from ..fuzz.failure import replay_failure
from ..netlist.lowering import lower
from ..scenarios.older import XT_PINS, parameters_on
from ..scenarios.report import recorded_signals, render
from ..scenarios.scenario import PINS, Scenario, load_scenario
from ..scenarios.side_by_side import run_on_machine
from ..support.files import ensure_replaceable, replacing
from ..sweep.heatmap import TERMINAL, cells, heatmap_page, letter, runs
from ..sweep.older import sweep_older
from ..sweep.pins import pin_pulse
from ..sweep.sweep import Sweep, phase, sweep
from ..waveform.older_signals import older_pins
from ..waveform.selection import choose_signals
from ..waveform.vcd_writer import write_waveform
from ..waveform.view.text import draw
from .console import canvas_for, progress_bar, standard_output, stderr_status
from .fail import fail
from .options import chosen_machines, generation_option, machine_option

MAP_ROWS = 40
"""Rows of a map in the terminal."""
SAVE_EVERY = 5
"""Seconds between two writes of a campaign's state."""
ENGINE_OPTION = click.option(
    "--engine",
    type=click.Choice(["auto", "numpy", "compiled", "cuda"]),
    default="auto",
    show_default=True,
    help="How lanes are computed; auto compiles if there is a C compiler.",
)
THREADS_OPTION = click.option("--threads", type=click.IntRange(1), help="By default one for each processor.")


def _swept(scenario: Scenario, generation: str | None, machine: str | None) -> Generation | OlderMachine:
    """The machine of a sweep: by default the scenario's first."""
    if generation or machine:
        return chosen_machines(generation, machine)[0]
    return [*scenario.generations, *scenario.machines][0]


@click.command("sweep")
@click.argument("scenario")
@click.option("--pin", required=True, metavar="PIN[=low|high]", help="The pin of the first event.")
@click.option(
    "--from", "start", type=click.IntRange(0), default=0, show_default=True, help="Its first cycle."
)
@click.option("--to", "end", type=click.IntRange(0), default=100, show_default=True, help="Its last cycle.")
@click.option("--width", type=click.IntRange(1), help="Cycles after which it is over; by default never.")
@click.option("--second-pin", metavar="PIN[=low|high]", help="The pin of a second event, against the first.")
@click.option("--second-from", type=click.IntRange(0), help="By default as of the first event.")
@click.option("--second-to", type=click.IntRange(0), help="By default as of the first event.")
@click.option(
    "--second-width", type=click.IntRange(1), help="Cycles after which it is over; by default never."
)
@generation_option(help="Instead of the scenario's first one.")
@machine_option(one=True, help="Instead of it: one before the 486 is run phase by phase, on the model.")
@click.option("--html", "page", type=click.Path(path_type=Path), help="Write the map as a page.")
@click.option("--phase", metavar="N[,M]", help="Also run this phase alone on the HDL; writes its waveform.")
@ENGINE_OPTION
@THREADS_OPTION
def sweep_command(
    scenario: str, pin: str, second_pin: str | None, page: Path | None, phase: str | None, **options: Any
) -> None:
    """Run SCENARIO with an event on a pin in every cycle of a range, or two events against each other.

    A pin becomes active (ignne_n falls, nmi and irq lines rise) unless told otherwise, and stays so unless
    --width is given. Prints each outcome with the phases that have it. Exit status 1 if an error is lost.

    \b
    Example:
      irq13 sweep dos-divide-by-zero --pin ignne_n --to 60
      irq13 sweep dos-divide-by-zero --pin ignne_n=low --second-pin ignne_n=high --to 60 --html map.html
      irq13 sweep dos-divide-by-zero --machine XT8087 --pin parity --width 4 --to 30
    """
    chosen = load_scenario(scenario)
    machine = _swept(chosen, options["generation"], options["machine"])
    pins = PINS if isinstance(machine, Generation) else {**PINS, **dict.fromkeys(XT_PINS, False)}
    pulses = [pin_pulse(pin, options["width"], pins)]
    ranges = [_cycles(options["start"], options["end"])]
    if second_pin:
        pulses.append(pin_pulse(second_pin, options["second_width"], pins))
        ranges.append(
            _cycles(
                _either(options["second_from"], options["start"]),
                _either(options["second_to"], options["end"]),
            )
        )
    elif any(options[f"second_{name}"] is not None for name in ("from", "to", "width")):
        raise click.UsageError("--second-from, --second-to and --second-width need --second-pin")
    alone = _phase(phase, len(pulses)) if phase else None
    if page is not None:
        ensure_replaceable(page)
    with progress_bar() as progress:
        task = progress.add_task("cycles" if isinstance(machine, Generation) else "phases", total=None)
        advance = lambda done, most: progress.update(task, completed=done, total=most)  # noqa: E731
        done = _sweep(chosen, machine, pulses, ranges, options, advance)
    if done.note:
        click.echo(f"irq13: {done.note}", err=True)
    _print(done)
    if page is not None:
        with replacing(page) as file:
            file.write(heatmap_page(done))
        click.echo(f"\nmap: {page}")
    if alone is not None:
        _run_alone(done, alone)
    sys.exit(1 if any(one.verdict == "lost" for one in done.outcomes) else 0)


def _sweep(chosen, machine, pulses, ranges, options, advance) -> Sweep:
    if isinstance(machine, Generation):
        lanes = {name: options[name] for name in ("engine", "threads")}
        return sweep(chosen, machine, pulses, ranges, **lanes, progress=advance)
    if options["engine"] != "auto" or options["threads"]:
        why = f"{machine.value} is run phase by phase, on the model"
        raise click.UsageError(f"--engine and --threads are for lanes: {why}")
    return sweep_older(chosen, machine, pulses, ranges, progress=advance)


def _either(value: int | None, default: int) -> int:
    return default if value is None else value


def _cycles(start: int, end: int) -> range:
    if end < start:
        raise click.UsageError(f"the range from {start} to {end} is empty")
    return range(start, end + 1)


def _phase(text: str, events: int) -> list[int]:
    parts = text.split(",")
    if len(parts) != events or not all(part.strip().isdecimal() for part in parts):
        wanted = "a cycle, such as 13" if events == 1 else "two cycles, such as 13,20"
        raise click.BadParameter(f"expected {wanted}, not {text!r}", param_hint="'--phase'")
    return [int(part) for part in parts]


def _print(done: "Sweep") -> None:

    console = standard_output()
    console.print(
        f"[bold]{escape(done.scenario.title)}[/] on {done.generation.value}: "
        f"{' against '.join(one.text for one in done.pulses)}\n"
    )
    styles = [TERMINAL[one.verdict] for one in done.outcomes]
    if len(done.pulses) == 1:
        for start, end, outcome in runs(done):
            where = f"{start}" if start == end else f"{start} to {end}"
            console.print(Text.assemble(f"  {where:>15}  ", (letter(outcome), styles[outcome])))
    else:
        grid = cells(done, MAP_ROWS, max(10, console.width - 8))
        step = -(-len(done.first) // MAP_ROWS)
        for number, row in enumerate(grid):
            line = Text(f"{done.first[number * step]:>7} ")
            for outcome in row:
                line.append(letter(int(outcome)), styles[int(outcome)])
            console.print(line)
    console.print()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("")
    table.add_column("phases", justify="right")
    for name in ("first", "outcome", "order of events"):
        table.add_column(name)
    for index, one in enumerate(done.outcomes):
        example = ", ".join(map(str, done.example(index)))
        table.add_row(
            Text(letter(index), styles[index]), str(done.count(index)), example, one.text, one.order
        )
    console.print(table)
    size = done.table.size
    how = "runs of the model, of up to" if done.on_model else "lanes of"
    console.print(f"\n{size} phases, {done.lanes} {how} {done.cycles} cycles")


def _run_alone(done: "Sweep", cycles: list[int]) -> None:
    """One phase on the HDL, drawn, with its waveform."""
    console = standard_output()
    machine = done.generation
    alone = run_on_machine(phase(done.scenario, done.pulses, cycles), machine, "hdl")
    pins = () if isinstance(machine, Generation) else older_pins(parameters_on(alone.scenario, machine))
    path = Path(f"{done.scenario.name}.{'-'.join(map(str, cycles))}.vcd")
    save = write_waveform(alone.trace, path, recorded_signals(alone))
    console.print()
    console.print(render(alone, choose_signals(alone.trace, pins), canvas_for(console, False)))
    console.print(f"\nwaveform: {path}   (gtkwave {save})", markup=False)


class Cycles(click.ParamType):
    """A number of cycles, also as 1e10."""

    name = "cycles"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """A whole number of cycles, 1 to 10^18; what is behind the point is dropped.

        Parameters
        ----------
        value : object
            What was given, as text or a number.
        param, ctx : Parameter or None, Context or None
            For the message.

        Raises
        ------
        BadParameter
            For what is no such number.
        """
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 1 <= number <= 1e18:
            self.fail(f"expected a number of cycles such as 1e10, not {value!r}", param, ctx)
        return int(number)


@click.command("fuzz")
@click.option("--cycles", type=Cycles(), default="1e9", show_default=True, help="Over all lanes together.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Replays a campaign.")
@generation_option(help="Only this one.")
@machine_option(one=True, help="The same by its name as a machine: AT486, P6 or AMD64.")
@click.option("--state", type=click.Path(path_type=Path), help="Kept here, and gone on from there.")
@click.option("--dask", metavar="ADDRESS", help="Of a Dask scheduler, whose workers do the work.")
@ENGINE_OPTION
@THREADS_OPTION
def fuzz_command(
    cycles: int,
    seed: int,
    generation: str | None,
    machine: str | None,
    state: Path | None,
    dask: str | None,
    engine: str,
    threads: int | None,
) -> None:
    """Compare the HDL with the reference on random stimulus, in thousands of lanes at once.

    Ctrl-C stops it with what it has; with --state the same command goes on later. A difference is cut down to
    the fewest events that show it and replayed under Amaranth's simulator; exit status 1.

    \b
    Example:
      irq13 fuzz --cycles 1e10 --seed 7 --state campaign.json
    """
    generations = [_fuzzed(one) for one in chosen_machines(generation, machine)]
    plan = fuzz.plan_of(cycles, seed, generations)
    result = fuzz.resume(state, plan) if state and state.exists() else fuzz.CampaignResult(plan)
    interrupted = _campaign(result, state, dask, engine, threads)
    _summarise(result)
    if result.found is not None:
        _show_failure(result, engine)
        sys.exit(1)
    if interrupted:
        hint = "the same command goes on" if state else "with --state FILE a campaign can go on"
        fail(f"interrupted: {hint}", 130)


def _fuzzed(machine: Generation | OlderMachine) -> Generation:
    if isinstance(machine, OlderMachine):
        instead = f"`irq13 lockstep --machine {machine.value}` compares its model and HDL"
        raise click.UsageError(f"fuzz runs in lanes, whose reference has AT486, P6 and AMD64: {instead}")
    return machine


def _campaign(
    result: "CampaignResult", state: Path | None, dask: str | None, engine: str, threads: int | None
) -> bool:
    """Run what is missing, with a bar; whether it was interrupted."""
    if not dask and engine == "auto" and (note := fuzz.note()):
        click.echo(f"irq13: {note}", err=True)
    saved_at = begun = time.monotonic()

    def save(now: bool = False) -> None:
        nonlocal saved_at
        if state and (now or time.monotonic() - saved_at > SAVE_EVERY):
            result.save(state)
            saved_at = time.monotonic()

    columns = (
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %  {task.fields[said]}"),
        TimeRemainingColumn(),
    )
    with progress_bar(*columns) as progress:
        task = progress.add_task("", total=result.plan.shards * fuzz.SHARD, completed=result.cycles, said="")
        before = result.cycles

        def advance(cycles: int) -> None:
            rate = (result.cycles - before) / max(1e-9, time.monotonic() - begun)
            seen = len(list(result.states_seen()))
            progress.update(task, completed=result.cycles, said=f"{rate:.2g} cycles/s, {seen} states")

        shards = over_dask(result, dask, engine) if dask else fuzz.local(result, engine, threads)
        try:
            if state:
                save(now=True)
            fuzz.campaign(result, shards, save, advance)
        except KeyboardInterrupt:
            return True
        finally:
            save(now=True)
    return False


def _summarise(result: "CampaignResult") -> None:

    console = standard_output()
    names = [generation.value for generation in result.plan.generations]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("active")
    for name in names:
        table.add_column(name, justify="right")
    for number in range(len(fuzz.STATES)):
        counts = [result.counts.get(name, [0] * len(fuzz.STATES))[number] for name in names]
        table.add_row(fuzz.state_text(number), *(f"{count:,}" if count else "never" for count in counts))
    console.print(table)
    still = list(result.never_toggled())
    names = ", ".join(f"{register} ({generation})" for generation, register in still)
    console.print(f"\nflip-flops of the HDL that never changed: {names or 'none'}")
    console.print(f"{result.cycles:.3e} cycles in {len(result.done)} shards, seed {result.plan.seed}", end="")
    console.print(": no difference" if result.found is None else "")


def _show_failure(result: "CampaignResult", engine: str) -> None:
    """The failure with the fewest events, under Amaranth's simulator: drawn, with its waveform."""
    found = result.found
    assert found is not None
    console = standard_output()
    console.print(f"\n[bold red]{describe_failure(found, result.plan)}[/]")
    parameters = Parameters(result.plan.generation(found.shard))
    component = hdl.Pc(parameters)
    with stderr_status("cutting it down"):
        failure = replay_failure(found, result.plan.seed, parameters, component, lower(component), engine)
    console.print(
        f"\n{failure.minimised.events} events in {len(failure.minimised.inputs)} cycles bring it about:"
    )
    for line in failure.lines:
        console.print(line, highlight=False)
    path = Path(f"fuzz-{result.plan.seed}-{found.lane}.vcd")
    save = write_waveform(failure.trace, path)
    for line in draw(
        failure.trace,
        choose_signals(failure.trace),
        0,
        len(failure.minimised.inputs),
        canvas_for(console, False),
    ):
        console.print(line)
    console.print(f"\nwaveform: {path}   (gtkwave {save})", markup=False)
