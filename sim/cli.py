"""The command line: `irq13`."""

import os
import sys
from functools import partial
from pathlib import Path
from typing import NoReturn

import click

from ..model.registers import Generation

WIDE = 120
"""Columns of output that goes to a file or a pipe."""
GENERATIONS = [generation.value for generation in Generation]


class Cli(click.Group):
    """The commands. Whatever a user can cause is one line on stderr: exit status 2, and 130 for Ctrl-C."""

    def main(self, *args, **kwargs) -> NoReturn:
        kwargs["standalone_mode"] = False
        try:
            sys.exit(super().main(*args, **kwargs))
        except click.ClickException as error:
            _fail(error.format_message(), 2)
        except BrokenPipeError:
            # Whoever read our output has gone, as `head` does; the interpreter must not complain about it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except OSError as error:
            name = f"{error.filename}: " if error.filename else ""
            _fail(f"{name}{error.strerror or error}", 2)
        except ValueError as error:
            _fail(str(error), 2)

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            _fail("interrupted", 130)


def _fail(message: str, status: int) -> NoReturn:
    click.echo(f"irq13: {message}", err=True)
    sys.exit(status)


@click.group(cls=Cli, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="irq13")
def main() -> None:
    """How an x86 processor reports a floating-point error to a PC.

    \b
    Example:
      irq13 run                       FERR#, IRQ 13, port F0h and IGNNE# shake hands
      irq13 scenarios                 what else there is to run
    """


@main.command("run")
@click.argument("scenario", default=None, required=False)
@click.option(
    "--generation",
    type=click.Choice(GENERATIONS, case_sensitive=False),
    help="Run on this processor generation instead of the scenario's own.",
)
@click.option(
    "--on",
    type=click.Choice(["hdl", "model", "lockstep"]),
    default="hdl",
    show_default=True,
    help="The HDL under Amaranth's simulator, the reference model, or both compared in every cycle.",
)
@click.option("--vcd", type=click.Path(path_type=Path), help="Where the waveform goes.")
def run_command(scenario: str | None, generation: str | None, on: str, vcd: Path | None) -> None:
    """Run SCENARIO (a name, or a TOML file), print its timeline and check what it expects.

    Writes SCENARIO.vcd and a GTKWave save file to the current folder. Exit status 0 if every expectation
    holds, 1 if one fails, 2 for bad input.

    \b
    Example:
      irq13 run
      irq13 run ignne-msr --on lockstep --vcd /tmp/msr.vcd
    """
    from rich.console import Console

    from .draw import render
    from .machine import Divergence
    from .run import run
    from .scenario import DEFAULT, load
    from .vcd import write_waveform

    chosen = load(scenario or DEFAULT)
    generations = [Generation(generation)] if generation else list(chosen.generations)
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)
    passed = True
    for one in generations:
        console.print(f"[bold]{chosen.title}[/] on {one.value} ({on})\n")
        try:
            result = run(chosen, one, on)
        except Divergence as error:
            _fail(str(error), 1)
        path = _waveform_path(vcd or Path(f"{chosen.name}.vcd"), one, len(generations) > 1)
        save = write_waveform(result.trace, path)
        console.print(render(result, console.width))
        console.print(f"\nwaveform: {path}   (gtkwave {save})\n")
        passed &= result.passed
    sys.exit(0 if passed else 1)


def _waveform_path(path: Path, generation: Generation, several: bool) -> Path:
    return path.with_suffix(f".{generation.value}{path.suffix}") if several else path


@main.command("scenarios")
def scenarios_command() -> None:
    """List the scenarios that come with irq13.

    \b
    Example:
      irq13 scenarios
    """
    from .scenario import load, shipped

    names = shipped()
    for name in names:
        scenario = load(name)
        on = ", ".join(generation.value for generation in scenario.generations)
        click.echo(f"{name:<{max(map(len, names))}}  {scenario.title} ({on})")


@main.command("lockstep")
@click.option("--generation", type=click.Choice(GENERATIONS, case_sensitive=False), help="Only this one.")
@click.option("--cycles", type=click.IntRange(1), default=10_000, show_default=True, help="Per generation.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Replays a run exactly.")
def lockstep_command(generation: str | None, cycles: int, seed: int) -> None:
    """Compare model and HDL on every output, cycle by cycle, on random stimulus.

    Exit status 1 at the first difference, which is shown with its seed, cycle and what came before.

    \b
    Example:
      irq13 lockstep --cycles 50000 --seed 7
    """
    from rich.console import Console
    from rich.progress import Progress

    from ..model.registers import Parameters
    from .lockstep import lockstep
    from .machine import Divergence

    for one in [Generation(generation)] if generation else list(Generation):
        with Progress(console=Console(stderr=True), transient=True) as progress:
            advance = partial(progress.advance, progress.add_task(one.value, total=cycles))
            try:
                seen = lockstep(Parameters(one), seed, cycles, advance)
            except Divergence as error:
                progress.stop()
                _fail(str(error), 1)
        reached = ", ".join(f"{name} {count}" for name, count in sorted(seen.items()))
        click.echo(f"{one.value}: {cycles} cycles, seed {seed}: no difference ({reached})")


@main.command("replay")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--on", type=click.Choice(["hdl", "model", "lockstep"]), default="model", show_default=True)
def replay_command(file: Path, on: str) -> None:
    """Replay sequences measured on silicon, JSON or gzipped JSON, and count the differences.

    \b
    Example:
      irq13 replay tests/data/silicon_unmask_remask.json.gz --on hdl
    """
    from rich.console import Console
    from rich.progress import Progress

    from ..model.registers import Parameters
    from .machine import MACHINES
    from .replay import read_vectors, replay

    vectors = read_vectors(file)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        tracked = progress.track(vectors, description=file.name)
        differences = list(replay(tracked, MACHINES[on](Parameters(Generation.AMD64))))
    for one in differences[:20]:
        click.echo(
            f"{one.vector} step {one.step} ({one.name}): expected {dict(one.expected)}, got {dict(one.got)}"
        )
    click.echo(f"{len(vectors)} sequences on {on}: {len(differences)} differences")
    sys.exit(1 if differences else 0)
