"""The commands for the two halves themselves: lockstep, replay."""

import sys
from functools import partial
from pathlib import Path

import click

from ...model.registers import Generation, Parameters
from ..hardware.parameters import GivenParameters
from ..machines.lockstep import lockstep
from ..machines.machine import MACHINES
from ..machines.older import older_lockstep
from ..machines.replay import read_measured, replay_vectors
from ..support.errors import Divergence
from ..support.text import printable
from .console import progress_bar
from .fail import fail
from .options import chosen_machines, generation_option, machine_option, on_option, parameter_option


@click.command("lockstep")
@generation_option(help="Only this one.")
@machine_option(help="This one, or all seven, in place of the three generations.")
@parameter_option("hwcr=zen, wiring=PC98, irq13_from=error", of_all_times=True)
@click.option("--cycles", type=click.IntRange(1), default=10_000, show_default=True, help="Per machine.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Replays a run exactly.")
def lockstep_command(
    generation: str | None, machine: str | None, parameters: GivenParameters, cycles: int, seed: int
) -> None:
    """Compare model and HDL on every output, cycle by cycle, on random stimulus.

    Exit status 1 at the first difference, which is shown with its seed, cycle and what came before.

    \b
    Example:
      irq13 lockstep --cycles 50000 --seed 7
      irq13 lockstep --machine AT286 --cycles 50000
    """
    for one in chosen_machines(generation, machine):
        design = parameters.on(one)
        with progress_bar() as progress:
            advance = partial(progress.advance, progress.add_task(one.value, total=cycles))
            try:
                if isinstance(design, Parameters):
                    seen = lockstep(design, seed, cycles, advance)
                else:
                    seen = older_lockstep(design, seed, cycles, advance)
            except Divergence as error:
                progress.stop()
                fail(str(error), 1)
        reached = ", ".join(f"{name} {count}" for name, count in sorted(seen.items()))
        click.echo(f"{one.value}: {cycles} cycles, seed {seed}: no difference ({reached})")


@click.command("replay")
@click.argument("file", type=click.Path(path_type=Path))
@on_option("model")
def replay_command(file: Path, on: str) -> None:
    """Replay sequences measured on silicon, JSON or gzipped JSON, and count the differences.

    \b
    Example:
      irq13 replay tests/data/silicon_unmask_remask.json.gz --on hdl
    """
    vectors = read_measured(file)
    with progress_bar() as progress:
        tracked = progress.track(vectors, description=file.name)
        differences = list(replay_vectors(tracked, MACHINES[on](Parameters(Generation.AMD64))))
    for one in differences[:20]:
        where = printable(f"{one.vector} step {one.step} ({one.name})")
        click.echo(f"{where}: expected {dict(one.expected)}, got {dict(one.got)}")
    click.echo(f"{len(vectors)} sequences on {on}: {len(differences)} differences")
    sys.exit(1 if differences else 0)
