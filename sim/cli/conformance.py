"""Commands of the conformance kit that need no emulator: vectors, capture."""

import gzip
import json
import sys
from pathlib import Path

import click

from ...model.registers import Generation, Parameters
from ..conformance import vectors
from ..conformance.capture import capture, capture_document, processor_name, sequences
from ..machines.machine import ModelMachine
from ..machines.replay import replay_vectors
from ..support.errors import Divergence, InputError
from ..support.files import ensure_replaceable, replacing
from .console import progress_bar, stderr_status
from .fail import fail
from .options import on_option


@click.command("vectors")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="The folder to write to.")
@click.option("--check", type=click.Path(path_type=Path), help="Instead: run the vectors of this folder.")
@on_option("model", help="What --check runs them on.")
def vectors_command(out: Path | None, check: Path | None, on: str) -> None:
    """Write test vectors for emulators and cores: JSON, by family, with a schema and loaders to copy.

    Each case has the state before, the inputs and signals of every cycle, the state after, and the rule
    that it checks. The same version writes the same bytes. Exit status 1 if a checked vector fails.

    \b
    Example:
      irq13 vectors --out vectors
      irq13 vectors --check vectors --on hdl
    """
    if (out is None) == (check is None):
        raise click.UsageError("give either --out or --check")

    if out is not None:
        for path in vectors.write_vectors(
            out, lambda family, count: click.echo(f"{family}: {count} cases", err=True)
        ):
            click.echo(path)
        return
    assert check is not None
    sys.exit(1 if _check(check, on) else 0)


def _check(folder: Path, on: str) -> int:

    checker = vectors.Checker(on)
    cases, failed = list(vectors.read_vectors(folder)), 0
    with progress_bar() as progress:
        for family, case in progress.track(cases):
            try:
                wrong = checker.check(case)
            except Divergence as error:
                fail(str(error), 1)
            except InputError as error:
                raise InputError(f"{folder}: {family}: {error}") from None
            if wrong is not None:
                failed += 1
                if failed <= 20:
                    click.echo(
                        f"{family}: {wrong.case}: cycle {wrong.cycle}: {wrong.signal} is {wrong.got:#x}, "
                        f"expected {wrong.expected:#x} ({wrong.rule})"
                    )
    click.echo(f"{len(cases)} cases on {on}: {failed} fail")
    return failed


@click.command("capture")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the vectors here (.json or .json.gz).",
)
@click.option("--count", type=click.IntRange(1, 100_000), default=8800, show_default=True, help="Sequences.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Chooses them.")
@click.option("--limit", type=click.FloatRange(1, 3600), default=60, show_default=True, help="Seconds.")
def capture_command(out: Path | None, count: int, seed: int, limit: float) -> None:
    """Run native-mode sequences on this processor, and compare with the model.

    A static program of a few kilobytes, assembled here (needs nasm), runs as a child: x86-64 Linux only. The
    vectors have the format that `irq13 replay` reads. Exit status 1 if the processor differs from the model.

    \b
    Example:
      irq13 capture --out mine.json.gz && irq13 replay mine.json.gz --on hdl
    """
    if out is not None:
        ensure_replaceable(out)
    with stderr_status("running"):
        taken = capture(sequences(count, seed), limit)
    if out is not None:
        text = json.dumps(capture_document(taken, seed), separators=(",", ":")).encode()
        with replacing(out) as file:
            data = gzip.compress(text, mtime=0) if out.suffix == ".gz" else text
            file.buffer.write(data)  # type: ignore[attr-defined]
        click.echo(out)
    differences = list(replay_vectors(taken, ModelMachine(Parameters(Generation.AMD64))))
    for one in differences[:20]:
        click.echo(
            f"{one.vector} step {one.step} ({one.name}): "
            f"processor {dict(one.expected)}, model {dict(one.got)}"
        )
    traps = sum(row["trap"] for vector in taken for row in vector["expect"])
    click.echo(
        f"{processor_name()}: {count} sequences, {traps} traps: {len(differences)} differences to the model"
    )
    sys.exit(1 if differences else 0)
