"""The command that runs a scenario."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from rich.console import Console
from rich.markup import escape

from ...model.older import OlderMachine
from ...model.registers import Generation
from ..support.files import beside
from .console import ASCII_OPTION, SIGNALS_OPTION, canvas_for, fail, standard_output
from .options import MACHINES_OF_ALL_TIMES, generation_option, machine_option, on_option, parameter_option

if TYPE_CHECKING:
    from ..machines.board import Board
    from ..scenarios.scenario import Scenario
    from ..waveform.signals import Signal
    from ..waveform.trace import Trace


class Written(NamedTuple):
    """Where waveforms go."""

    vcd: Path | None
    fst: Path | None

    def write(self, trace: "Trace", signals: "Sequence[Signal]", machine: str = "") -> list[str]:
        """A run, with its machine in the files' names; what to say of each file."""
        from ..waveform.fst_writer import write_fst_waveform
        from ..waveform.vcd_writer import write_waveform

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
@parameter_option("hwcr=zen, reserved_bits=silicon")
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
    parameters: dict[str, Any],
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
      irq13 run --machine all
    """
    from ..scenarios.scenario import DEFAULT, load_scenario
    from ..support.errors import Divergence
    from ..waveform.fst_writer import fst_library

    if fst:
        fst_library()
    chosen = load_scenario(DEFAULT if scenario is None else scenario)
    chosen = replace(chosen, parameters=replace(chosen.parameters, **parameters))
    if machine and (generation or board):
        raise click.UsageError("--machine stands alone: --generation and --board are for AT486, P6 and AMD64")
    if parameters and machine and machine != "all" and machine not in MACHINES_OF_ALL_TIMES[:3]:
        own = f"a scenario's [machine.{machine}.parameters] has those of {machine}"
        raise click.UsageError(f"--parameter is for AT486, P6 and AMD64; {own}")
    written = Written(vcd or (None if fst else Path(f"{chosen.name}.vcd")), fst)
    console = standard_output()
    try:
        if machine == "all":
            passed = _all(chosen, on, written, console, signals, as_ascii)
        else:
            passed = _each(chosen, generation, machine, on, board, written, console, signals, as_ascii)
    except Divergence as error:
        fail(str(error), 1)
    sys.exit(0 if passed else 1)


def _each(
    chosen: "Scenario",
    generation: str | None,
    machine: str | None,
    on: str,
    port: str | None,
    written: Written,
    console: Console,
    signals: tuple[str, ...],
    as_ascii: bool,
) -> bool:
    """One machine after the other; whether every expectation holds."""
    from ..scenarios.older import machine_named
    from ..scenarios.report import recorded_signals, render
    from ..scenarios.run import run_scenario
    from ..waveform.selection import choose_signals

    machines: list[Generation | OlderMachine] = [*chosen.generations, *chosen.machines]
    if generation or machine:
        machines = [Generation(generation) if generation else machine_named(machine or "")]
    board = _board(port) if port else None
    if board is not None and not generation:
        machines = [one for one in machines if one is board.parameters.generation] or machines[:1]
    passed = True
    for one in machines:
        if isinstance(one, Generation):
            result, pins = run_scenario(chosen, one, board or on), ()
        else:
            result, pins = _older(chosen, one, on)
        console.print(f"[bold]{escape(chosen.title)}[/] on {one.value} ({port or on})\n")
        files = written.write(result.trace, recorded_signals(result), one.value if len(machines) > 1 else "")
        shown = choose_signals(result.trace, signals or pins)
        console.print(render(result, shown, canvas_for(console, as_ascii)))
        for file in files:
            console.print(f"\nwaveform: {file}", highlight=None, markup=False)
        console.print()
        passed &= result.passed
    return passed


def _older(chosen: "Scenario", machine: OlderMachine, on: str):
    """A run on a machine before the 486, with what is shown of it."""
    from ..scenarios.older import parameters_on
    from ..scenarios.older_run import run_on_older
    from ..waveform.older_signals import older_pins

    return run_on_older(chosen, machine, on), older_pins(parameters_on(chosen, machine))


def _all(
    chosen: "Scenario", on: str, written: Written, console: Console, signals: tuple[str, ...], as_ascii: bool
) -> bool:
    """Every machine in one picture."""
    from ..scenarios.side_by_side import joined_runs, machine_name, run_on_all
    from ..waveform.selection import choose_signals
    from ..waveform.view.text import draw

    runs, refused = run_on_all(chosen, on)
    trace, shown, every = joined_runs(runs)
    files = written.write(trace, every)
    shown = choose_signals(trace, signals) if signals else shown
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


def _board(port: str) -> "Board":
    from ..machines.board import Board

    board = Board(port)
    click.get_current_context().call_on_close(board.close)
    return board
