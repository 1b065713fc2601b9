"""The bootable image on an emulator, and what it logs against the reference.

An emulator runs as a process of its own, with a limit of time, in a temporary folder. One that crashes or
hangs loses the case that it was at, and goes on behind it.
"""

import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from ...model.registers import Generation
from ..support.errors import InputError
from .emulators import Emulator, Terminal
from .image import image, only
from .image_cases import CASES, LogLine, expected_log, log_text

LIMIT = 30.0
"""Seconds for one start of an emulator."""
MODES = {"r": "real", "p": "protected"}
_LINE = re.compile(r"^case (\d+) ([rp]) (\S+?):((?: [0-9a-f]{8})*) ?(ok|differs|skipped)$")
_BEGUN = re.compile(r"^case (\d+) ([rp]) (\S*)$")


class Seen(NamedTuple):
    """What came of a case in a mode."""

    lines: tuple[LogLine, ...] | None
    """Its log; None where there is none."""
    why: str = ""
    """Why there is none: 'skipped', 'crashed', 'hung' or 'not run', and what was said last."""


class JudgedCase(NamedTuple):
    """A case in a mode, judged."""

    number: int
    mode: str
    """'r' or 'p'."""
    generation: Generation
    seen: Seen

    @property
    def expected(self) -> tuple[LogLine, ...]:
        return tuple(expected_log(CASES[self.number], self.generation))

    @property
    def verdict(self) -> str:
        """'agrees', 'differs', 'crashes', 'hangs', 'skipped' or 'not run'."""
        if self.seen.lines is None:
            words = {"crashed": "crashes", "hung": "hangs", "skipped": "skipped"}
            return words.get(self.seen.why.partition(":")[0], "not run")
        return "agrees" if self.seen.lines == self.expected else "differs"

    def text(self, lines: Sequence[LogLine] | None) -> str:
        """A log for a reader."""
        if lines is None:
            return self.seen.why
        return ", ".join(log_text(CASES[self.number], line) for line in lines) or "nothing"

    @property
    def sentence(self) -> str:
        """What is different, with the manual's section."""
        case = CASES[self.number]
        where = f"{case.name} ({self.generation.value}, {MODES[self.mode]} mode)"
        if self.seen.lines is None:
            return f"{where}: {self.verdict}; expected {self.text(self.expected)} ({case.rule})"
        got, wanted = list(self.seen.lines), list(self.expected)
        at = next(
            (n for n, (a, b) in enumerate(zip(got, wanted, strict=False)) if a != b),
            min(len(got), len(wanted)),
        )
        found = self.text(got[at : at + 1]) if at < len(got) else "the end"
        want = self.text(wanted[at : at + 1]) if at < len(wanted) else "the end"
        behind = f" after {self.text(wanted[at - 1 : at])}" if at else ""
        return f"{where}: {found} instead of {want}{behind} ({case.rule})"


def conform(
    emulator: Emulator,
    generation: Generation,
    limit: float = LIMIT,
    cases: Sequence[int] | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> list[JudgedCase]:
    """All cases on an emulator's processor of a generation.

    Parameters
    ----------
    limit: seconds for one start.
    cases: numbers, by default all.
    progress: called with the number of cases that are done.

    Raises
    ------
    ToolError
        If the emulator or NASM is not installed.
    """
    numbers = list(range(len(CASES))) if cases is None else list(cases)
    floppy = image()
    runs = [(numbers[0], numbers[-1] + 1)] if emulator.together and numbers else [(n, n + 1) for n in numbers]
    seen: dict[tuple[int, str], Seen] = {}
    job = _Job(emulator, generation, floppy, limit, threading.Event())
    with ThreadPoolExecutor(1 if emulator.together else min(4, os.cpu_count() or 1)) as pool:
        try:
            for found in pool.map(lambda run: _cases(job, *run), runs):
                seen |= found
                progress(len(found) // len(MODES))
        except BaseException:
            # Ctrl-C does not wait for an emulator that hangs.
            job.stop.set()
            raise
    return [
        JudgedCase(number, mode, generation, seen.get((number, mode), Seen(None, "not run")))
        for number in numbers
        for mode in MODES
    ]


class _Job(NamedTuple):
    """What all starts of an emulator have in common."""

    emulator: Emulator
    generation: Generation
    floppy: bytes
    limit: float
    stop: threading.Event
    """Set when nobody wants the rest any more."""


def _cases(job: _Job, first: int, end: int) -> dict[tuple[int, str], Seen]:
    """Cases from `first` to before `end`, with as many starts as it takes."""
    seen: dict[tuple[int, str], Seen] = {}
    modes = 3
    while first < end and not job.stop.is_set():
        # A case of which one mode is missing runs alone.
        text, ending = _start(job, only(job.floppy, first, end if modes == 3 else first + 1, modes))
        found = parse_log(text)
        seen |= found.seen
        if found.over:
            first, modes = (end, 3) if modes == 3 else (first + 1, 3)
            continue
        number, mode = found.under_way or (first, "r" if modes & 1 else "p")
        seen[number, mode] = Seen(None, ending)
        first, modes = (number, 2) if mode == "r" else (number + 1, 3)
    return seen


def _start(job: _Job, floppy: bytes) -> tuple[str, str]:
    """One start: what came over COM1, and how it ended if not with the last case."""
    with tempfile.TemporaryDirectory(prefix="irq13-") as name:
        folder = Path(name)
        (folder / "floppy.img").write_bytes(floppy)
        log = folder / "com1.log"
        command = job.emulator.command(folder, job.emulator.processors[job.generation])
        terminal = Terminal()
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=terminal.slave,
            stdout=terminal.slave,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=os.environ | {"TERM": "xterm"},
        )
        try:
            ending = _wait(process, log, job)
        finally:
            # All that it has started too.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            said = terminal.close()
        text = log.read_text("ascii", "replace") if log.exists() else ""
        return text, f"{ending}: {said}" if ending == "crashed" and said else ending


def _wait(process: subprocess.Popen, log: Path, job: _Job) -> str:
    """Until the image has said that it is done, the emulator ends, or time is up."""
    deadline = time.monotonic() + job.limit
    while time.monotonic() < deadline and not job.stop.is_set():
        if log.exists() and "skipped\n" in log.read_text("ascii", "replace").partition("done: ")[2]:
            return "done"
        if process.poll() is not None:
            return "crashed"
        time.sleep(0.05)
    return "hung"


class Log(NamedTuple):
    """What a log says."""

    generation: Generation | None
    seen: dict[tuple[int, str], Seen]
    under_way: tuple[int, str] | None
    """The case that was begun and not ended."""
    over: bool


def parse_log(text: str) -> Log:
    """A log from COM1 or port E9h, however it was cut off."""
    generation, under_way, over = None, None, False
    seen: dict[tuple[int, str], Seen] = {}
    for raw in text.splitlines():
        line = raw.strip()
        if found := re.match(r"processor (I486|P6|AMD64)", line):
            generation = Generation(found[1])
        elif found := _LINE.match(line):
            key = int(found[1]), found[2]
            if key[0] >= len(CASES) or CASES[key[0]].name != found[3]:
                raise InputError(
                    f"case {key[0]} is called {found[3]} there: the log is of another version of the image"
                )
            under_way = None
            words = [int(word, 16) for word in found[4].split()]
            lines = tuple(LogLine(word >> 16, word & 0xFFFF) for word in words)
            seen[key] = Seen(None, "skipped") if found[5] == "skipped" else Seen(lines)
        elif found := _BEGUN.match(line):
            under_way = int(found[1]), found[2]
        elif line.startswith("done: "):
            over = True
    return Log(generation, seen, under_way, over)


def from_log(path: Path) -> list[JudgedCase]:
    """The rows of a log that was taken elsewhere.

    Raises
    ------
    ValueError
        If it is not a log of the image. OSError if it cannot be read.
    """
    try:
        log = parse_log(path.read_text("utf-8", "replace"))
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    if log.generation is None:
        raise InputError(f"{path}: not a log of the image: expected a line 'processor I486', P6 or AMD64")
    rows = []
    for number in range(len(CASES)):
        for mode in MODES:
            missing = Seen(None, "hung" if log.under_way == (number, mode) else "not run")
            rows.append(JudgedCase(number, mode, log.generation, log.seen.get((number, mode), missing)))
    return rows


def conformance_document(rows: Sequence[JudgedCase], version: str) -> dict[str, Any]:
    """The same as data, for a program."""
    return {
        "target": version,
        "cases": [
            {
                "case": CASES[row.number].name,
                "mode": MODES[row.mode],
                "generation": row.generation.value,
                "rule": CASES[row.number].rule,
                "expected": row.text(row.expected),
                "seen": row.text(row.seen.lines),
                "verdict": row.verdict,
            }
            for row in rows
        ],
        "counts": counts(rows),
    }


def counts(rows: Sequence[JudgedCase]) -> dict[str, int]:
    """How many rows have each verdict."""
    return {
        verdict: sum(row.verdict == verdict for row in rows)
        for verdict in dict.fromkeys(row.verdict for row in rows)
    }


def differences(rows: Sequence[JudgedCase]) -> Iterator[JudgedCase]:
    """Rows that speak against the target."""
    return (row for row in rows if row.verdict not in ("agrees", "skipped"))
