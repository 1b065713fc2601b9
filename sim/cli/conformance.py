"""The commands of the conformance kit: vectors, image, conform, capture."""

import gzip
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...model.registers import Generation
from .console import fail, standard_output, stderr_console
from .options import generation_option, on_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..conformance.conform import JudgedCase

VERDICT_STYLES = {"agrees": "green", "differs": "red", "crashes": "bold red", "hangs": "magenta"}


@click.command("vectors")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="The folder to write to.")
@click.option("--check", type=click.Path(path_type=Path), help="Instead: run the vectors of this folder.")
@on_option("model", help="What --check runs them on.")
def vectors_command(out: Path | None, check: Path | None, on: str) -> None:
    """Write test vectors for emulators and cores: JSON, by family, with a schema and loaders in Python and C.

    Each case has the state before, the inputs and signals of every cycle, the state after, and the rule
    that it checks. The same version writes the same bytes. Exit status 1 if a checked vector fails.

    \b
    Example:
      irq13 vectors --out vectors
      irq13 vectors --check vectors --on hdl
    """
    if (out is None) == (check is None):
        raise click.UsageError("give either --out or --check")
    from ..conformance import vectors

    if out is not None:
        for path in vectors.write_vectors(
            out, lambda family, count: click.echo(f"{family}: {count} cases", err=True)
        ):
            click.echo(path)
        return
    assert check is not None
    sys.exit(1 if _check(check, on) else 0)


def _check(folder: Path, on: str) -> int:
    from rich.progress import Progress

    from ..conformance import vectors
    from ..machines.machine import Divergence

    checker = vectors.Checker(on)
    cases, failed = list(vectors.read_vectors(folder)), 0
    console = stderr_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for family, case in progress.track(cases):
            try:
                wrong = checker.check(case)
            except Divergence as error:
                fail(str(error), 1)
            if wrong is not None:
                failed += 1
                if failed <= 20:
                    click.echo(
                        f"{family}: {wrong.case}: cycle {wrong.cycle}: {wrong.signal} is {wrong.got:#x}, "
                        f"expected {wrong.expected:#x} ({wrong.rule})"
                    )
    click.echo(f"{len(cases)} cases on {on}: {failed} fail")
    return failed


@click.command("image")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), default="irq13.img", show_default=True
)
def image_command(out: Path) -> None:
    """Write a bootable floppy image that runs the conformance cases on any PC from a 486 on.

    It logs to the screen, to COM1 (115200 8N1) and to port E9h, in real and in protected mode, and compares
    with the reference that is built into it. Needs nasm. On an AMD processor it writes HWCR.IgnneEm and the
    IGNNE MSR, and clears both again.

    \b
    Example:
      irq13 image --out irq13.img && qemu-system-i386 -fda irq13.img -serial stdio
    """
    from ..conformance.image import write_image

    click.echo(f"{out}: {write_image(out)} cases, in real and in protected mode")


@click.command("conform")
@click.argument("target")
@generation_option(
    "generations",
    multiple=True,
    help="Processor of the emulator; several are run one after the other. By default all.",
)
@click.option(
    "--limit", type=click.FloatRange(1, 3600), default=30, show_default=True, help="Seconds for a start."
)
@click.option("--case", "names", multiple=True, help="Only this case.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def conform_command(
    target: str, generations: tuple[str, ...], limit: float, names: tuple[str, ...], as_json: bool
) -> None:
    """Run the bootable image on TARGET and compare: qemu, bochs, or a log file that was taken elsewhere.

    Prints each case with the rule, what is expected and what was seen, then every difference in a sentence. A
    target that crashes or hangs loses that case, and goes on. Exit status 0 only if all agree.

    \b
    Example:
      irq13 conform bochs
      irq13 conform qemu --generation P6 --json > qemu.json
      irq13 conform com1.log
    """
    from ..conformance import conform
    from ..conformance.emulators import EMULATORS, version_of
    from ..conformance.image_cases import CASES

    known = [case.name for case in CASES]
    for name in names:
        if name not in known:
            raise click.BadParameter(
                f"no case {name!r}: expected one of {', '.join(known)}", param_hint="'--case'"
            )
    numbers = [number for number, name in enumerate(known) if not names or name in names]
    rows: list[JudgedCase] = []
    if target in EMULATORS:
        emulator = EMULATORS[target]
        version = version_of(emulator)
        chosen = [Generation(name) for name in generations] or list(Generation)
        with stderr_console().status(version) as status:
            for one in chosen:
                status.update(f"{version}, {one.value}")
                rows += conform.conform(emulator, one, limit, numbers)
    elif Path(target).is_file():
        version = target
        rows = [row for row in conform.from_log(Path(target)) if row.number in numbers]
    else:
        raise click.BadParameter(
            f"no target {target!r}: expected {', '.join(EMULATORS)}, or a log file",
            param_hint="'TARGET'",
        )
    if as_json:
        click.echo(json.dumps(conform.conformance_document(rows, version), indent=1))
    else:
        _table(rows, version)
    sys.exit(1 if any(conform.differences(rows)) else 0)


def _table(rows: "Sequence[JudgedCase]", version: str) -> None:
    from rich.table import Table
    from rich.text import Text

    from ..conformance import conform
    from ..conformance.image_cases import CASES

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("case", "mode", "on", "rule", "expected", "seen", "verdict"):
        table.add_column(name)
    for row in rows:
        case = CASES[row.number]
        style = VERDICT_STYLES.get(row.verdict, "bright_black")
        seen = "" if row.verdict == "agrees" else row.text(row.seen.lines)
        texts = (
            case.name,
            conform.MODES[row.mode],
            row.generation.value,
            case.rule,
            row.text(row.expected),
            seen,
        )
        table.add_row(*texts, Text(row.verdict, style))
    console = standard_output()
    console.print(table)
    console.print()
    for row in conform.differences(rows):
        console.print(row.sentence, markup=False)
    counted = ", ".join(f"{count} {verdict}" for verdict, count in conform.counts(rows).items())
    console.print(f"\n{version}: {counted}", markup=False)


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
    from ...model.registers import Parameters
    from ..conformance.capture import capture, capture_document, processor_name, sequences
    from ..machines.machine import ModelMachine
    from ..machines.replay import replay_vectors
    from ..support.files import replacing

    with stderr_console().status("running"):
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
