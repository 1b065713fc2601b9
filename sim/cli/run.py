"""The commands for scenarios: run, scenarios."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.markup import escape

from ...model.older import OlderMachine
from ...model.registers import Generation
from ..hardware.parameters import GivenParameters
from ..machines.board import Board
from ..scenarios.machine_names import machine_named
from ..scenarios.older import on_pc98_486, parameters_on
from ..scenarios.report import recorded_signals, render
from ..scenarios.run import run_scenario
from ..scenarios.scenario import DEFAULT, Scenario, load_scenario, shipped_scenarios
from ..scenarios.topics import grouped
from ..support.errors import Divergence, InputError
from ..support.files import beside
from ..waveform.fst_writer import fst_library, write_fst_waveform
from ..waveform.older_signals import older_pins
from ..waveform.selection import choose_signals
from ..waveform.signals import Signal
from ..waveform.trace import Trace
from ..waveform.vcd_writer import write_waveform
from ..waveform.view.text import draw
from .console import ASCII_OPTION, SIGNALS_OPTION, canvas_for, standard_output
from .fail import fail
from .options import generation_option, machine_option, on_option, parameter_option


class Written(NamedTuple):
    """Where waveforms go."""

    vcd: Path | None
    fst: Path | None

    def write(self, trace: Trace, signals: Sequence[Signal], machine: str = "") -> list[str]:
        """Write a run; returns what to say of each file. Raises OSError.

        Parameters
        ----------
        trace : Trace
            Of the whole run.
        signals : sequence of Signal
            What is in the trace.
        machine : str
            Put into the files' names, before their suffix; "" for nothing.
        """

        files = []
        for path, write in ((self.fst, write_fst_waveform), (self.vcd, write_waveform)):
            if path:
                path = beside(path, f".{machine}{path.suffix}") if machine else path
                files.append(f"{path}   (gtkwave {write(trace, path, signals)})")
        return files


@click.command("run")
@click.argument("scenario", default=None, required=False)
@generation_option(help="Run on this processor generation instead of the scenario's own.")
@machine_option(help="Run on this machine instead of the scenario's own; all: side by side, as one picture.")
@on_option(
    "hdl",
    help="The HDL under Amaranth's simulator, the reference model, or both compared in every cycle.",
)
@parameter_option("hwcr=zen, wiring=PC98, irq13_from=error", of_all_times=True)
@click.option("--board", metavar="PORT", help="On an FPGA board at this serial port, cycle by cycle.")
@click.option("--vcd", type=click.Path(path_type=Path), help="Where the waveform goes.")
@click.option("--fst", type=click.Path(path_type=Path), help="Where it goes as FST, smaller; needs pylibfst.")
@SIGNALS_OPTION
@ASCII_OPTION
def run_command(
    scenario: str | None,
    generation: str | None,
    machine: str | None,
    on: str,
    parameters: GivenParameters,
    board: str | None,
    vcd: Path | None,
    fst: Path | None,
    signals: tuple[str, ...],
    as_ascii: bool,
) -> None:
    """Run SCENARIO (a name, or a TOML file), print its timeline and check what it expects.

    Writes SCENARIO.vcd to the current folder, or what --vcd and --fst say, and a GTKWave save file beside it.
    Exit status 0 if every expectation holds, 1 if one fails, 2 for bad input. With --machine all only
    the machines that SCENARIO is for are judged.

    \b
    Example:
      irq13 run
      irq13 run ignne-msr --on lockstep --vcd /tmp/msr.vcd
      irq13 run ignne-msr --parameter hwcr=k8
      irq13 run --machine AT286 --parameter irq13_from=error
      irq13 run --machine all
    """

    if fst:
        fst_library()
    chosen = load_scenario(DEFAULT if scenario is None else scenario)
    if machine and (generation or board):
        raise click.UsageError("--machine stands alone: --generation and --board are for AT486, P6 and AMD64")
    if board and chosen.second:
        raise click.UsageError("--board: a board has one processor, [processor.b] is a second")
    pc98_alone = [*chosen.generations, *chosen.machines] == [OlderMachine.PC98] and not (
        generation or machine
    )
    if (machine == "PC98" or pc98_alone) and parameters.older.get("cpu") == "486":
        # A machine of its own: the chipset of the 486 and later on a PC-98.
        parameters.on(OlderMachine.PC98)
        chosen, machine, parameters = on_pc98_486(chosen), "AT486", parameters._replace(older={})
    chosen = replace(chosen, parameters=replace(chosen.parameters, **parameters.later))
    written = Written(vcd or (None if fst else Path(f"{chosen.name}.vcd")), fst)
    console = standard_output()
    try:
        if machine == "all":
            passed = _all(chosen, on, parameters.older, written, console, signals, as_ascii)
        else:
            machines = _machines(chosen, generation, machine, parameters)
            passed = _each(chosen, machines, on, parameters.older, board, written, console, signals, as_ascii)
    except Divergence as error:
        fail(str(error), 1)
    sys.exit(0 if passed else 1)


def _machines(
    chosen: Scenario, generation: str | None, machine: str | None, parameters: GivenParameters
) -> list[Generation | OlderMachine]:
    """What a scenario runs on; each parameter that is given is one of at least one of them."""
    machines: list[Generation | OlderMachine] = [*chosen.generations, *chosen.machines]
    if generation or machine:
        machines = [Generation(generation) if generation else machine_named(machine or "")]
    for values, kind in ((parameters.later, Generation), (parameters.older, OlderMachine)):
        if values and not any(isinstance(one, kind) for one in machines):
            parameters.on(machines[0])
    return machines


def _each(
    chosen: Scenario,
    machines: list[Generation | OlderMachine],
    on: str,
    older: dict[str, Any],
    port: str | None,
    written: Written,
    console: Console,
    signals: tuple[str, ...],
    as_ascii: bool,
) -> bool:
    """One machine after the other; whether every expectation holds."""
    board = _board(port) if port else None
    if board is not None and len(machines) > 1:
        machines = [one for one in machines if one is board.parameters.generation] or machines[:1]
    passed = True
    for one in machines:
        if isinstance(one, Generation):
            result, pins = run_scenario(chosen, one, board or on), ()
        else:
            result, pins = _older(chosen, one, on, older)
        shown = choose_signals(result.trace, signals or pins)
        files = written.write(result.trace, recorded_signals(result), one.value if len(machines) > 1 else "")
        console.print(f"[bold]{escape(chosen.title)}[/] on {one.value} ({port or on})\n")
        console.print(render(result, shown, canvas_for(console, as_ascii)))
        for file in files:
            console.print(f"\nwaveform: {file}", highlight=None, markup=False)
        console.print()
        passed &= result.passed
    return passed


def _older(chosen: Scenario, machine: OlderMachine, on: str, values: dict[str, Any]):
    """A run on a machine before the 486, with what is shown of it."""
    # The HDL of those machines takes as long to load as all else that a run needs.
    from ..scenarios.side_by_side import run_on_machine  # noqa: PLC0415

    run = run_on_machine(chosen, machine, on, values)
    return run, older_pins(parameters_on(run.scenario, machine))


def _all(
    chosen: Scenario,
    on: str,
    older: dict[str, Any],
    written: Written,
    console: Console,
    signals: tuple[str, ...],
    as_ascii: bool,
) -> bool:
    """Every machine in one picture."""
    from ..scenarios.side_by_side import joined_runs, machine_name, run_on_all  # noqa: PLC0415

    runs, refused = run_on_all(chosen, on, older)
    if older and not any(isinstance(run.generation, OlderMachine) for run in runs):
        # A value that no machine takes; of those that could, the last has the most to choose from.
        raise InputError(list(refused.values())[-1])
    trace, shown, every = joined_runs(runs)
    shown = choose_signals(trace, signals) if signals else shown
    files = written.write(trace, every)
    console.print(f"[bold]{escape(chosen.title)}[/] on all machines ({on})\n")
    for line in draw(trace, shown, 0, len(trace.clock_edges()), canvas_for(console, as_ascii)):
        console.print(line)
    own = {*chosen.generations, *chosen.machines, *chosen.setups}
    console.print()
    for run in runs:
        judged = [one for one in run.verdicts if not one.found.startswith("not judged")]
        held = sum(one.holds for one in judged)
        mine = "" if run.generation in own else ", not written for it"
        stuck = f", stuck: {run.diagnosis.reason}" if run.diagnosis else ""
        console.print(
            f"{machine_name(run.generation)}: {held} of {len(judged)} expectations hold{mine}{stuck}"
        )
    for name, why in refused.items():
        console.print(f"{name}: {why}")
    for file in files:
        console.print(f"\nwaveform: {file}", highlight=None, markup=False)
    console.print()
    return all(run.passed for run in runs if run.generation in own)


def _board(port: str) -> Board:

    board = Board(port)
    click.get_current_context().call_on_close(board.close)
    return board


@click.command("scenarios")
def scenarios_command() -> None:
    """List the scenarios that come with irq13, by machine and topic.

    \b
    Example:
      irq13 scenarios
    """
    names = shipped_scenarios()
    width = max(map(len, names))
    for number, (heading, group) in enumerate(grouped(map(load_scenario, names))):
        click.echo(f"{'' if number == 0 else chr(10)}{heading}")
        for scenario in group:
            on = ", ".join(machine.value for machine in (*scenario.generations, *scenario.machines))
            click.echo(f"  {scenario.name:<{width}}  {scenario.title} ({on})")
