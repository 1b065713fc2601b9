"""The image on an emulator: as few boots as it takes, and as many as its faults make necessary.

An emulator runs as a process of its own, with a limit of time, in a temporary folder. One that crashes or
hangs loses the run that it was at, and goes on behind it. A case that differs may have left the machine in a
state that the image cannot put back, so the boot ends there; and a verdict against an emulator counts only
from a case that was the first of its boot. Only on an x87 that has shown no exception yet, not one interrupt
and no ES, there is nothing that a case could leave: there a boot goes on, and counts until one shows.
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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

from ...model.registers import Generation
from ..support.errors import InputError, ToolError
from .emulators import Emulator, Terminal, last_words
from .image import END_AT_DIFFERENCE, START, Run, image, only
from .image_cases import CASES
from .image_language import INT, MF, PIC, SW
from .image_log import Log, Seen, parse_log
from .image_reference import expected_logs

LIMIT = 60.0
"""Seconds for one start of an emulator."""
LOG_MOST = 1_000_000
"""Bytes of a log: several times those of all cases. An emulator that writes more has gone wild."""
BOOTS = ("auto", "each", "all")
"""A new boot where it matters, for each run, or as few as possible."""
_OVER = re.compile(r"^done: .* skipped$", re.MULTILINE)


class Boots(NamedTuple):
    """All runs on an emulator."""

    generation: Generation
    """Of the processor that the image found."""
    machine: tuple[str, ...]
    seen: dict[Run, Seen]
    boots: int


class Job(NamedTuple):
    """What all boots have in common."""

    emulator: Emulator
    generation: Generation | None
    limit: float
    boots: str
    stop: threading.Event
    """Set when nobody wants the rest any more."""
    progress: Callable[[int], None]


def run_all(
    emulator: Emulator,
    generation: Generation | None,
    runs: Sequence[Run],
    limit: float = LIMIT,
    jobs: int = 1,
    boots: str = "auto",
    progress: Callable[[int], None] = lambda done: None,
) -> Boots:
    """Runs on an emulator, those of one case and mode after each other.

    Parameters
    ----------
    generation: the processor to ask for, where the emulator can be asked.
    limit: seconds for one start.
    jobs: emulators at the same time.
    boots: one of BOOTS.
    progress: called with the number of runs that are done since the last call.

    Raises
    ------
    ToolError
        If NASM is not installed, or the image does not boot; the message has the emulator's last lines.
    """
    image()
    job = Job(emulator, generation, limit, boots, threading.Event(), progress)
    shares = [list(runs[number::jobs]) for number in range(min(jobs, len(runs)))] if runs else []
    with _ends_when_terminated(), ThreadPoolExecutor(max(1, len(shares))) as pool:
        futures = [pool.submit(_share, job, share) for share in shares]
        try:
            parts = [future.result() for future in futures]
        except BaseException:
            # Ctrl-C does not wait for an emulator that hangs.
            job.stop.set()
            raise
    seen = {run: one for part in parts for run, one in part.seen.items()}
    first = parts[0]
    return Boots(first.generation, first.machine, seen, sum(part.boots for part in parts))


@contextmanager
def _ends_when_terminated() -> Iterator[None]:
    """SIGTERM, and a terminal that goes away, end what was started too, as Ctrl-C does."""

    def end(number: int, _: object) -> NoReturn:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Not what nohup has it ignore.
    numbers = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) != signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _share(job: Job, runs: list[Run]) -> Boots:
    """Runs after each other, with as many boots as it takes."""
    seen: dict[Run, Seen] = {}
    generation, machine, boots = None, (), 0
    silent = False
    while runs and not job.stop.is_set():
        now = runs[:1] if job.boots == "each" else runs
        ends = job.boots == "auto" and not silent
        text, ending, said = _start(job, only(image(), now, END_AT_DIFFERENCE if ends else 0))
        boots += 1
        if START.decode() in text:
            raise ToolError(
                f"{job.emulator.name}: its log is the image itself, and not what that sends over COM1"
            )
        try:
            log = parse_log(text)
        except InputError as error:
            raise ToolError(f"{job.emulator.name}: {error}") from None
        if log.generation is None and generation is None:
            raise ToolError(_no_boot(job, text, ending, said))
        generation, machine = log.generation or generation, log.machine or machine
        found = _judged(job, log, now, generation, ending, said, silent)
        silent = (silent or boots == 1) and not any(_shows(run, one) for run, one in log.seen.items())
        seen |= found
        job.progress(len(found))
        runs = [run for run in runs if run not in seen]
    if generation is None:
        raise ToolError("interrupted")
    return Boots(generation, machine, seen, boots)


def _judged(
    job: Job,
    log: Log,
    now: list[Run],
    generation: Generation | None,
    ending: str,
    said: list[str],
    silent: bool,
) -> dict[Run, Seen]:
    """What counts of a boot."""
    assert generation is not None
    found = {run: log.seen[run] for run in now if run in log.seen}
    if not log.over:
        # Of a log that makes no sense, it is the first that it has not.
        lost = (
            log.under_way if log.under_way in now else next((run for run in now if run not in found), now[0])
        )
        found[lost] = Seen(None, f"{ending}: {said[-1]}" if ending == "crashed" and said else ending)
    if job.boots == "auto":
        shown = not silent or log.left
        for run in [run for run in now if run in found]:
            shown = shown or _shows(run, found[run])
            # Not the first of its boot: what ran before it may have led to this.
            if run != now[0] and shown and not _agrees(run, found[run], generation):
                del found[run]
    if not found:
        found[now[0]] = Seen(None, "not run")
    return found


def _shows(run: Run, seen: Seen) -> bool:
    """That this x87 has exceptions: an interrupt, requested or taken, or ES, unless the case brings it.

    Also where that is not known.
    """
    if seen.lines is None:
        return seen.why != "skipped"
    case = CASES[run[0]]
    loads = any(operation.endswith(" es") for operation in (*case.main, *case.handler, *case.fault))
    kinds = [line.kind for line in seen.lines]
    bits = {PIC: 0x20, SW: 0 if loads else 0x80}
    return (
        MF in kinds
        or kinds.count(INT) > case.main.count("other")
        or any(line.value & bits.get(line.kind, 0) for line in seen.lines)
    )


def _agrees(run: Run, seen: Seen, generation: Generation) -> bool:
    if seen.lines is None:
        return seen.why == "skipped"
    return seen.lines in expected_logs(CASES[run[0]], generation)


def _no_boot(job: Job, text: str, ending: str, said: list[str]) -> str:
    how = "did not end" if ending == "hung" else "ended"
    last = last_words(text, 2) or said
    words = " | ".join(last) or "it said nothing"
    return f"{job.emulator.name} did not boot the image ({how} without a line 'processor ...'): {words}"


def _start(job: Job, floppy: bytes) -> tuple[str, str, list[str]]:
    """One start: what came over COM1, how it ended if not with the last run, and what it said last."""
    with tempfile.TemporaryDirectory(prefix="irq13-") as name:
        folder = Path(name)
        image_file, log = folder / "floppy.img", folder / "com1.log"
        image_file.write_bytes(floppy)
        command = job.emulator.command(image_file, log, job.generation)
        terminal = Terminal()
        output = log.open("wb") if job.emulator.logs_to_output else None
        try:
            process = subprocess.Popen(
                command,
                cwd=None if job.emulator.here else folder,
                stdin=terminal.slave,
                stdout=output or terminal.slave,
                stderr=terminal.slave,
                start_new_session=True,
                env=os.environ | _environment(job.emulator, folder),
            )
        except OSError as error:
            terminal.close()
            raise ToolError(f"{command[0]} cannot be started: {error.strerror}") from None
        finally:
            if output:
                output.close()
        try:
            ending = _wait(process, log, job)
        finally:
            # All that it has started too.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            said = terminal.close()
        return _text(log), ending, said


def _environment(emulator: Emulator, folder: Path) -> dict[str, str]:
    words = {"TERM": "xterm", **emulator.environment}
    if not emulator.here:
        # Neither does it find settings of the user's there, nor does it leave any.
        words |= {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    return words


def _wait(process: subprocess.Popen, log: Path, job: Job) -> str:
    """Until the image has said that it is done, the emulator ends, or time is up."""
    deadline = time.monotonic() + job.limit
    while time.monotonic() < deadline and not job.stop.is_set():
        ended = process.poll() is not None
        if _OVER.search(_text(log)):
            return "done"
        if ended or _size(log) > LOG_MOST:
            return "crashed"
        time.sleep(0.02)
    return "hung"


def _text(log: Path) -> str:
    # A device has no end. Where a carriage return goes before each new line, it does not belong to a word.
    if not log.is_file():
        return ""
    with log.open("rb") as file:
        return file.read(LOG_MOST).decode("ascii", "replace").replace("\r", "")


def _size(log: Path) -> int:
    return log.stat().st_size if log.is_file() else 0
