"""For authors of emulators: `irq13 image`, `irq13 conform`, and `irq13 c`, the logic itself."""

import json
import os
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from ...model.registers import Generation
from ..conformance import conform
from ..conformance.boots import run_all
from ..conformance.conform import JudgedCase
from ..conformance.defects import recognised
from ..conformance.emulators import Emulator, given_command
from ..conformance.image import MODES, STAY, Run, write_image
from ..conformance.image_cases import CASES
from ..conformance.image_log import read_log
from ..conformance.presets import PRESETS
from ..support.files import ensure_replaceable, replacing
from ..support.suggest import nearest
from .console import progress_bar, standard_output
from .options import generation_option

VERDICT_STYLES = {"agrees": "green", "differs": "red", "crashes": "bold red", "hangs": "magenta"}
_CASE = click.option("--case", "names", multiple=True, help="Only this case; several in the order given.")
_MODE = click.option("--mode", type=click.Choice(["real", "protected"]), help="Only this mode.")


def _runs(names: Sequence[str], mode: str | None) -> list[Run]:
    """What is to run, in this order."""
    known = {case.name: number for number, case in enumerate(CASES)}
    for name in names:
        if name not in known:
            raise click.BadParameter(
                f"no case {name!r}{nearest(name, known)}: `irq13 image --list` has them",
                param_hint="'--case'",
            )
    keys = [key for key, text in MODES.items() if mode in (None, text)]
    return [(known[name], key) for name in dict.fromkeys(names or known) for key in keys]


@click.command("c")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder to write to."
)
def c_command(out: Path) -> None:
    """Write the error logic as C99, irq13.h and irq13.c, for an emulator to link or include.

    Events and not cycles: before and after an instruction, port F0h, IGNNE#, HWCR and the IGNNE MSR, CR0,
    RESET, INIT, the SVM intercept; callbacks for the interrupt line and for FERR#. One struct has all state.

    \b
    Example:
      irq13 c --out src/fpu && cc -std=c99 -c src/fpu/irq13.c
    """
    out.mkdir(parents=True, exist_ok=True)
    for name in ("irq13.h", "irq13.c"):
        with replacing(out / name) as file:
            file.write((resources.files("irq13.sim.conformance") / "c" / name).read_text("utf-8"))
        click.echo(out / name)


@click.command("image")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), default="irq13.img", show_default=True
)
@_CASE
@_MODE
@click.option("--stay", is_flag=True, help="Do not power off at the end.")
@click.option("--list", "as_list", is_flag=True, help="List the cases, and write nothing.")
def image_command(out: Path, names: tuple[str, ...], mode: str | None, stay: bool, as_list: bool) -> None:
    """Write a bootable floppy image that runs the conformance cases on any PC from a 486 on.

    It logs to the screen, to COM1 (115200 8N1) and to port E9h, in real and in protected mode, compares with
    the reference that is built into it, and powers off. It finds the chipset's FERR# enable bit and sets it.
    On an AMD processor it writes HWCR.IgnneEm and the IGNNE MSR, and clears both again. Two cases reset the
    machine. Needs nasm.

    \b
    Example:
      irq13 image --out irq13.img && qemu-system-i386 -fda irq13.img -serial stdio
      irq13 image --case frozen-store --mode real --stay
      irq13 image --list
    """
    runs = _runs(names, mode)
    if as_list:
        width = max(len(case.name) for case in CASES)
        for case in dict.fromkeys(CASES[number] for number, _ in runs):
            click.echo(f"{case.family:10} {case.name:{width}} {case.rule}")
        return
    write_image(out, runs, STAY if stay else 0)
    click.echo(f"{out}: {len(runs)} runs of {len({number for number, _ in runs})} cases")


@click.command("conform")
@click.argument("target", nargs=-1, required=True)
@generation_option(
    "generations",
    multiple=True,
    help="Processor of the emulator; several are run one after the other. By default all.",
)
@click.option("--program", help="A build of your own: the emulator's executable, or v86's folder.")
@click.option(
    "--limit", type=click.FloatRange(1, 3600), default=60, show_default=True, help="Seconds for a boot."
)
@click.option("--jobs", type=click.IntRange(1, 64), help="Emulators at once. By default as many as CPUs.")
@click.option(
    "--boots",
    type=click.Choice(["auto", "each", "all"]),
    default="auto",
    show_default=True,
    help="A boot where it matters, for each run, or one for all.",
)
@_CASE
@_MODE
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write JUnit's XML here too.")
@click.option(
    "--known",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Failures that are known: only what is not in this file, or agrees in spite of it, is one.",
)
@click.option(
    "--write-known", type=click.Path(path_type=Path, dir_okay=False), help="Write such a file, and succeed."
)
@click.option(
    "--waves",
    type=click.Path(path_type=Path, file_okay=False),
    help="The reference's waveform of each case that differs, into this folder.",
)
def conform_command(target: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Run the bootable image on an emulator and compare with the reference.

    TARGET is qemu, bochs, dosbox-x, dosbox or v86, which are found if they are installed; a log that was
    taken elsewhere; or after -- the command that starts any emulator, with {image} where the floppy's file
    name goes and {log} where that of COM1 does (without {log}, what it writes to standard output is taken
    for that).

    Prints each case with the rule, what is expected and what was seen, then every difference in a sentence. A
    target that crashes or hangs loses that case, and goes on. Exit status 0 only if all agree, or fail as
    they are known to.

    \b
    Example:
      irq13 conform bochs --generation P6 --waves waves
      irq13 conform qemu --generation P6 --json > qemu.json
      irq13 conform -- qemu-system-i386 -fda {image} -display none -serial file:{log}
      irq13 conform com1.log --known known.toml
    """
    for path in (options["junit"], options["write_known"]):
        if path:
            ensure_replaceable(path)
    known = conform.read_known(options["known"]) if options["known"] else frozenset()
    rows, name, machine = _rows(target, options)
    new, agree_now = conform.changes(rows, known)
    if options["junit"]:
        conform.write_junit(rows, name, options["junit"], known)
    waves = conform.write_waves(rows, options["waves"]) if options["waves"] else []
    if options["write_known"]:
        with replacing(options["write_known"]) as file:
            file.write(conform.known_text(rows))
    if as_json:
        click.echo(json.dumps(conform.conformance_document(rows, name, machine), indent=1))
    else:
        _table(rows, name, machine)
        for path in waves:
            click.echo(path)
    if options["known"] and not as_json:
        _changes(new, agree_now)
    sys.exit(0 if options["write_known"] or not (new or agree_now) else 1)


def _rows(
    target: tuple[str, ...], options: dict[str, Any]
) -> "tuple[list[JudgedCase], str, tuple[str, ...]]":
    """Rows, the target's name, and what the image says of the machine."""
    runs = _runs(options["names"], options["mode"])
    if len(target) == 1 and target[0] in PRESETS:
        program = (options["program"],) if options["program"] else ()
        emulator = PRESETS[target[0]](*program)
        return _run_on(emulator, _asked_for(emulator, options["generations"]), runs, options)
    if options["program"]:
        raise click.BadParameter(f"only {', '.join(PRESETS)} have one", param_hint="'--program'")
    if len(target) == 1 and Path(target[0]).is_file():
        if options["generations"]:
            raise click.BadParameter("a log says its own", param_hint="'--generation'")
        log = read_log(Path(target[0]))
        assert log.generation is not None
        seen = dict(log.seen)
        if log.under_way:
            seen[log.under_way] = conform.Seen(None, "hung")
        return conform.judged(runs, log.generation, seen), target[0], log.machine
    if len(target) > 1 and target[0] in PRESETS and "{image}" not in " ".join(target):
        raise click.BadParameter(f"{' and '.join(target)}: expected one target", param_hint="'TARGET'")
    if len(target) == 1 and "{image}" not in target[0]:
        raise click.BadParameter(
            f"no target {target[0]!r}: expected {', '.join(PRESETS)}, a log file, or a command behind --",
            param_hint="'TARGET'",
        )
    emulator = given_command(target)
    return _run_on(emulator, _asked_for(emulator, options["generations"]), runs, options)


def _asked_for(emulator: "Emulator", names: Sequence[str]) -> "list[Generation | None]":
    """Which processors to ask it for."""
    chosen = [Generation(name) for name in names]
    for one in chosen:
        if one not in emulator.generations:
            known = ", ".join(generation.value for generation in emulator.generations)
            raise click.BadParameter(
                f"{emulator.name} has no {one.value}: expected {known or 'none, its processor is its own'}",
                param_hint="'--generation'",
            )
    return [*(chosen or emulator.generations)] or [None]


def _run_on(
    emulator: "Emulator",
    generations: "Sequence[Generation | None]",
    runs: "list[Run]",
    options: dict[str, Any],
) -> "tuple[list[JudgedCase], str, tuple[str, ...]]":

    rows, machine = [], []
    with progress_bar() as progress:
        for generation in generations:
            words = f"{emulator.name}, {generation.value}" if generation else emulator.name
            task = progress.add_task(words, total=len(runs))
            found = run_all(
                emulator,
                generation,
                runs,
                options["limit"],
                options["jobs"] or os.cpu_count() or 1,
                options["boots"],
                lambda done, task=task: progress.advance(task, done),
            )
            rows += conform.judged(runs, found.generation, found.seen)
            machine += [*found.machine, f"boots: {found.boots}"]
    return rows, emulator.name, tuple(machine)


def _table(rows: "Sequence[JudgedCase]", name: str, machine: Sequence[str]) -> None:

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("case", "mode", "on", "rule", "expected", "seen", "verdict"):
        table.add_column(column)
    for row in rows:
        style = VERDICT_STYLES.get(row.verdict, "bright_black")
        seen = "" if row.verdict == "agrees" else row.text(row.seen.lines)
        words = (row.case.name, MODES[row.mode], row.generation.value, row.case.rule)
        table.add_row(*words, row.text(row.expected), seen, Text(row.verdict, style))
    console = standard_output()
    console.print(table)
    console.print()
    for row in conform.differences(rows):
        console.print(row.sentence, markup=False)
    console.print()
    for line in machine:
        console.print(line, markup=False)
    for family, counted in conform.families(rows).items():
        console.print(f"{family}: {_counted(counted)}", markup=False)
    for finding in conform.findings(rows):
        console.print(f"found: {finding}", markup=False)
    for generation, defect in recognised(rows):
        console.print(
            f"{generation.value}: all {len(defect.cases[generation])} cases that would fail do so if: "
            f"{defect.title} ({defect.name})",
            markup=False,
        )
    if conform.no_exceptions(rows):
        console.print(
            "this x87 shows no unmasked exception in its status word: nothing that follows from one can be "
            "asked of it"
        )
    console.print(f"\n{name}: {_counted(conform.counts(rows))}", markup=False)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items())


def _changes(new: "list[JudgedCase]", agree_now: "list[JudgedCase]") -> None:
    for row in new:
        click.echo(f"not known: {row.sentence}")
    for row in agree_now:
        click.echo(
            f"agrees now: {row.generation.value}, {row.case.name} ({row.mode}): take it out of the file"
        )
    if not new and not agree_now:
        click.echo("all as known")
