"""What an emulator did with the image against the reference: verdicts, sentences, known failures."""

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from ...model.registers import Generation, Parameters
from ..machines.machine import KeptMachine
from ..support.errors import InputError
from ..support.files import replacing
from ..support.text import printable
from ..waveform.vcd_writer import write_waveform
from .image import MODES, Run
from .image_cases import CASES, FAMILIES, ImageCase
from .image_log import Seen
from .image_reference import LogLine, expected_logs, log_text, run_case


class JudgedCase(NamedTuple):
    """A case in a mode, judged."""

    number: int
    mode: str
    """A key of `MODES`."""
    generation: Generation
    seen: Seen

    @property
    def case(self) -> ImageCase:
        """The case of this number."""
        return CASES[self.number]

    @property
    def expected(self) -> tuple[LogLine, ...]:
        """What is right: where a machine has a choice, what is most like that which was seen."""
        got = self.seen.lines or ()
        return max(expected_logs(self.case, self.generation), key=lambda log: _agreeing(log, got))

    @property
    def verdict(self) -> str:
        """'agrees', 'differs', 'crashes', 'hangs', 'skipped' or 'not run'."""
        if self.seen.lines is None:
            words = {"crashed": "crashes", "hung": "hangs", "skipped": "skipped"}
            return words.get(self.seen.why.partition(":")[0], "not run")
        return "agrees" if self.seen.lines in expected_logs(self.case, self.generation) else "differs"

    @property
    def finding(self) -> str:
        """Of a case that finds out what a machine does, what that is; else nothing."""
        if self.seen.lines is None:
            return ""
        return expected_logs(self.case, self.generation).get(self.seen.lines, "")

    def text(self, lines: Sequence[LogLine] | None) -> str:
        """A log for a reader."""
        if lines is None:
            return self.seen.why
        return ", ".join(log_text(self.case, line) for line in lines) or "nothing"

    @property
    def sentence(self) -> str:
        """What is different, with the manual's section."""
        where = f"{self.case.name} ({self.generation.value}, {MODES[self.mode]} mode)"
        if self.seen.lines is None:
            return f"{where}: {self.verdict}; expected {self.text(self.expected)} ({self.case.rule})"
        got, wanted = list(self.seen.lines), list(self.expected)
        at = _agreeing(got, wanted)
        found = self.text(got[at : at + 1]) if at < len(got) else "the end"
        want = self.text(wanted[at : at + 1]) if at < len(wanted) else "the end"
        behind = f" after {self.text(wanted[at - 1 : at])}" if at else ""
        return f"{where}: {found} instead of {want}{behind} ({self.case.rule})"


def _agreeing(one: Sequence[LogLine], other: Sequence[LogLine]) -> int:
    """How many lines two logs begin with in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def judged(runs: Sequence[Run], generation: Generation, seen: dict[Run, Seen]) -> list[JudgedCase]:
    """A row for each run.

    Parameters
    ----------
    runs : sequence of Run
        What the target was to run, in this order.
    generation : Generation
        What the target was taken for.
    seen : dict of Run to Seen
        What it did; a run that is not there was not run.
    """
    missing = Seen(None, "not run")
    return [JudgedCase(number, mode, generation, seen.get((number, mode), missing)) for number, mode in runs]


def counts(rows: Sequence[JudgedCase]) -> dict[str, int]:
    """How many rows have each verdict."""
    return {
        verdict: sum(row.verdict == verdict for row in rows)
        for verdict in dict.fromkeys(row.verdict for row in rows)
    }


def families(rows: Sequence[JudgedCase]) -> dict[str, dict[str, int]]:
    """The same by family of cases."""
    return {
        family: counts(chosen)
        for family in FAMILIES
        if (chosen := [row for row in rows if row.case.family == family])
    }


def differences(rows: Sequence[JudgedCase]) -> Iterator[JudgedCase]:
    """Rows that speak against the target."""
    return (row for row in rows if row.verdict not in ("agrees", "skipped"))


def findings(rows: Sequence[JudgedCase]) -> list[str]:
    """What the cases that ask for it have found out of the target, each once."""
    return list(dict.fromkeys(row.finding for row in rows if row.finding))


def no_exceptions(rows: Sequence[JudgedCase]) -> bool:
    """The baseline fails: this x87 shows no unmasked exception, so that nothing else can be asked of it."""
    baseline = [row for row in rows if row.case.family == "baseline"]
    return bool(baseline) and all(row.verdict == "differs" for row in baseline)


def conformance_document(rows: Sequence[JudgedCase], target: str, machine: Sequence[str]) -> dict[str, Any]:
    """All of it as data, for a program.

    Parameters
    ----------
    rows : sequence of JudgedCase
        In the order of the document.
    target : str
        The name of what was judged.
    machine : sequence of str
        Lines that say what it ran on.
    """
    return {
        "target": target,
        "machine": list(machine),
        "cases": [
            {
                "case": row.case.name,
                "family": row.case.family,
                "mode": MODES[row.mode],
                "generation": row.generation.value,
                "rule": row.case.rule,
                "expected": row.text(row.expected),
                "seen": row.text(row.seen.lines),
                "verdict": row.verdict,
                **({"finding": row.finding} if row.finding else {}),
                **({} if row.verdict in ("agrees", "skipped") else {"sentence": row.sentence}),
            }
            for row in rows
        ],
        "counts": counts(rows),
        "families": families(rows),
    }


Known = frozenset[tuple[str, str, str]]
"""Generation, mode and case of what is known to fail."""


def write_junit(rows: Sequence[JudgedCase], target: str, path: Path, known: Known = frozenset()) -> None:
    """The verdicts as a JUnit file, a suite for each generation. Raises OSError.

    Parameters
    ----------
    rows : sequence of JudgedCase
        A test each; all but "agrees" and "skipped" is a failure.
    target : str
        The name of what was judged.
    path : Path
        Replaced if it is there.
    known : Known
        What is known to fail: skipped if it does, a failure if it agrees.
    """
    new, agree_now = changes(rows, known)
    root = ElementTree.Element("testsuites", name=printable(target))
    for generation in dict.fromkeys(row.generation for row in rows):
        chosen = [row for row in rows if row.generation is generation]
        failed = sum(row in new or row in agree_now for row in chosen)
        skipped = sum(row.verdict != "agrees" and row not in new for row in chosen)
        numbers = {"tests": str(len(chosen)), "failures": str(failed), "errors": "0", "skipped": str(skipped)}
        suite = ElementTree.SubElement(root, "testsuite", {"name": generation.value, **numbers})
        for row in chosen:
            name = f"{row.case.name} ({MODES[row.mode]} mode)"
            one = ElementTree.SubElement(suite, "testcase", name=name, classname=f"irq13.{row.case.family}")
            if row in new:
                ElementTree.SubElement(one, "failure", type=row.verdict, message=row.sentence)
            elif row in agree_now:
                ElementTree.SubElement(one, "failure", type=row.verdict, message="known to fail, and agrees")
            elif row.verdict == "skipped":
                ElementTree.SubElement(one, "skipped")
            elif row.verdict != "agrees":
                ElementTree.SubElement(one, "skipped", message=f"known: {row.sentence}")
    with replacing(path) as file:
        file.write(ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n")


def write_waves(rows: Sequence[JudgedCase], folder: Path) -> list[Path]:
    """The reference's waveform of each case that differs, once for each generation. Raises OSError.

    Parameters
    ----------
    rows : sequence of JudgedCase
        Of them `differences`.
    folder : Path
        Made if need be.

    Returns
    -------
    list of Path
        The VCDs, CASE-GENERATION.vcd.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for row in differences(rows):
        path = folder / f"{row.case.name}-{row.generation.value}.vcd"
        if path not in paths:
            run = run_case(row.case, KeptMachine(Parameters(row.generation)))
            write_waveform(run.driver.recorder.trace(f"{row.case.name}: {row.case.rule}"), path)
            paths[path] = None
    return list(paths)


def read_known(path: Path) -> Known:
    """A file of known failures: for each generation and mode a list of cases.

    Raises
    ------
    InputError
        If it is not such a file. OSError if it cannot be read.
    """
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from None
    names = {case.name for case in CASES}
    found = set()
    for generation, modes in document.items():
        if generation not in {one.value for one in Generation} or not isinstance(modes, dict):
            raise InputError(f"{path}: [{generation}]: expected a table I486, P6 or AMD64")
        for mode, cases in modes.items():
            if mode not in MODES.values() or not isinstance(cases, list):
                raise InputError(f"{path}: {generation}.{mode}: expected a list 'real' or 'protected'")
            for case in cases:
                if not isinstance(case, str) or case not in names:
                    raise InputError(f"{path}: {generation}.{mode}: no case {case!r}")
                found.add((generation, mode, case))
    return frozenset(found)


def known_text(rows: Sequence[JudgedCase]) -> str:
    """What `read_known` reads, with all that fails now."""
    lines = []
    for generation in Generation:
        failing = [row for row in differences(rows) if row.generation is generation]
        if failing:
            lines.append(f"[{generation.value}]")
            for key, mode in MODES.items():
                names = [f'  "{row.case.name}",' for row in failing if row.mode == key]
                lines += [f"{mode} = [", *names, "]"] if names else []
    return "\n".join(lines) + "\n"


def changes(rows: Sequence[JudgedCase], known: Known) -> tuple[list[JudgedCase], list[JudgedCase]]:
    """Rows that fail and are not known to, and rows that are known to fail and agree.

    Parameters
    ----------
    rows : sequence of JudgedCase
        All of a target; what is known of cases without a row is ignored.
    known : Known
        What `read_known` gave.
    """

    def is_known(row: JudgedCase) -> bool:
        return (row.generation.value, MODES[row.mode], row.case.name) in known

    new = [row for row in differences(rows) if not is_known(row)]
    return new, [row for row in rows if row.verdict == "agrees" and is_known(row)]
