"""The command line: `irq13`."""

import os
import sys
import traceback
import warnings
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from ...model.registers import Generation
from ..support.errors import Irq13Error
from .conform import c_command, conform_command, image_command
from .conformance import capture_command, vectors_command
from .console import fail
from .hardware import build_command, mutate_command, prove_command, size_command, verilog_command
from .lanes import fuzz_command, sweep_command
from .msr import msr_command
from .options import generation_option, on_option, parameter_option
from .play import play_command
from .run import run_command
from .signals import diff_command, signals_command
from .waves import check_command, explain_command, view_command

if TYPE_CHECKING:
    pass

BUG = 70
"""Exit status of a bug: EX_SOFTWARE of sysexits.h."""
REPORT = "please report it with the lines above, the command and the files that it read"


class Cli(click.Group):
    """The commands. Whatever a user can cause is one line on stderr: exit status 2, and 130 for Ctrl-C.

    What nobody but irq13 can cause is a bug: its traceback, how to report it, and exit status 70.
    """

    def main(self, *args, **kwargs) -> NoReturn:
        kwargs["standalone_mode"] = False
        try:
            sys.exit(super().main(*args, **kwargs))
        except click.ClickException as error:
            fail(error.format_message(), 2)
        except BrokenPipeError:
            # Whoever read our output has gone, as `head` does; the interpreter must not complain about it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except Irq13Error as error:
            fail(str(error), 2)
        except OSError as error:
            name = f"{error.filename}: " if error.filename else ""
            fail(f"{name}{error.strerror or error}", 2)
        except Exception:
            traceback.print_exc()
            fail(f"this is a bug in irq13 {version('irq13')}: {REPORT}", BUG)

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            # A design that was interrupted half-built complains that it was never used.
            warnings.simplefilter("ignore")
            fail("interrupted", 130)


@click.group(cls=Cli, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="irq13")
def main() -> None:
    """How an x86 processor reports a floating-point error to a PC.

    \b
    Example:
      irq13 run                       FERR#, IRQ 13, port F0h and IGNNE# shake hands
      irq13 scenarios                 what else there is to run
    """


@main.command("scenarios")
def scenarios_command() -> None:
    """List the scenarios that come with irq13, by machine and topic.

    \b
    Example:
      irq13 scenarios
    """
    from ..scenarios.scenario import load_scenario, shipped_scenarios
    from ..scenarios.topics import grouped

    names = shipped_scenarios()
    width = max(map(len, names))
    for number, (heading, group) in enumerate(grouped(map(load_scenario, names))):
        click.echo(f"{'' if number == 0 else chr(10)}{heading}")
        for scenario in group:
            on = ", ".join(machine.value for machine in (*scenario.generations, *scenario.machines))
            click.echo(f"  {scenario.name:<{width}}  {scenario.title} ({on})")


@main.command("lockstep")
@generation_option(help="Only this one.")
@parameter_option("hwcr=zen")
@click.option("--cycles", type=click.IntRange(1), default=10_000, show_default=True, help="Per generation.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Replays a run exactly.")
def lockstep_command(generation: str | None, parameters: dict[str, Any], cycles: int, seed: int) -> None:
    """Compare model and HDL on every output, cycle by cycle, on random stimulus.

    Exit status 1 at the first difference, which is shown with its seed, cycle and what came before.

    \b
    Example:
      irq13 lockstep --cycles 50000 --seed 7
    """
    from rich.console import Console
    from rich.progress import Progress

    from ...model.registers import Parameters
    from ..machines.lockstep import lockstep
    from ..support.errors import Divergence

    for one in [Generation(generation)] if generation else list(Generation):
        with Progress(console=Console(stderr=True), transient=True) as progress:
            advance = partial(progress.advance, progress.add_task(one.value, total=cycles))
            try:
                seen = lockstep(Parameters(one, **parameters), seed, cycles, advance)
            except Divergence as error:
                progress.stop()
                fail(str(error), 1)
        reached = ", ".join(f"{name} {count}" for name, count in sorted(seen.items()))
        click.echo(f"{one.value}: {cycles} cycles, seed {seed}: no difference ({reached})")


@main.command("replay")
@click.argument("file", type=click.Path(path_type=Path))
@on_option("model")
def replay_command(file: Path, on: str) -> None:
    """Replay sequences measured on silicon, JSON or gzipped JSON, and count the differences.

    \b
    Example:
      irq13 replay tests/data/silicon_unmask_remask.json.gz --on hdl
    """
    from rich.console import Console
    from rich.progress import Progress

    from ...model.registers import Parameters
    from ..machines.machine import MACHINES
    from ..machines.replay import read_measured, replay_vectors

    vectors = read_measured(file)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        tracked = progress.track(vectors, description=file.name)
        differences = list(replay_vectors(tracked, MACHINES[on](Parameters(Generation.AMD64))))
    for one in differences[:20]:
        click.echo(
            f"{one.vector} step {one.step} ({one.name}): expected {dict(one.expected)}, got {dict(one.got)}"
        )
    click.echo(f"{len(vectors)} sequences on {on}: {len(differences)} differences")
    sys.exit(1 if differences else 0)


HARDWARE = (verilog_command, size_command, build_command, prove_command, mutate_command)
KIT = (vectors_command, image_command, conform_command, c_command, capture_command)
WAVES = (check_command, view_command, signals_command, diff_command, explain_command)
for command in (run_command, *WAVES, play_command, sweep_command, fuzz_command, msr_command, *KIT, *HARDWARE):
    main.add_command(command)
