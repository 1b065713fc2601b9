"""What the image writes to COM1, read as far as it goes."""

import re
from pathlib import Path
from typing import NamedTuple

from ...model.registers import Generation
from ..support.errors import InputError
from .image import START, Run
from .image_cases import CASES
from .image_reference import LogLine

_LINE = re.compile(r"^case (\d+) ([rp]) (\S+?):((?: [0-9a-f]{8})*) ?(ok|differs|skipped)$")
_BEGUN = re.compile(r"^begin (\d+) ([rp]) (\S+)$")
_NOTHING = ("a 386: ", "no x87 answers: ")


class Seen(NamedTuple):
    """What came of a run."""

    lines: tuple[LogLine, ...] | None
    """Its log; None where there is none."""
    why: str = ""
    """Why there is none: 'skipped', 'crashed', 'hung' or 'not run', and what was said last."""


class Log(NamedTuple):
    """What a log says."""

    generation: Generation | None
    """As the image found the processor; None if it did not get that far."""
    machine: tuple[str, ...]
    """Lines about processor, chipset and x87."""
    seen: dict[Run, Seen]
    under_way: Run | None
    """What was begun and not ended."""
    over: bool
    """The image came to its end, or stopped because a case differs."""
    left: bool
    """The last case left something that the image could not put back."""


def parse_log(text: str) -> Log:
    """A log, however it was cut off.

    Raises
    ------
    InputError
        If it is of another version of the image, or the machine has nothing to run the cases on.
    """
    generation, under_way, over, left = None, None, False, False
    machine: list[str] = []
    seen: dict[Run, Seen] = {}
    for raw in text.splitlines():
        # A COM1 without a latch for its divisor sends that too.
        line = re.sub(r"[\x00-\x1f]", "", raw).strip()
        if found := re.match(r"processor (I486|P6|AMD64)", line):
            generation = Generation(found[1])
            machine.append(line)
        elif found := _LINE.match(line):
            run = _run(found)
            under_way, left = None, False
            words = [int(word, 16) for word in found[4].split()]
            lines = tuple(LogLine(word >> 16, word & 0xFFFF) for word in words)
            seen[run] = Seen(None, "skipped") if found[5] == "skipped" else Seen(lines)
        elif found := _BEGUN.match(line):
            under_way = _run(found)
        elif line.startswith(("cpu ", "chipset: ", "nmi: ")):
            machine.append(line)
        elif line.startswith("left: "):
            left = True
        elif line.startswith("lost: ") and under_way:
            # A case that asks for a reset, on a machine that keeps nothing over one.
            seen[under_way], under_way = Seen(None, "skipped"), None
        elif line.startswith("done: "):
            over = True
        elif line.startswith(_NOTHING):
            raise InputError(f"the image found {line}")
    return Log(generation, tuple(machine), seen, under_way, over, left)


def _run(found: re.Match[str]) -> Run:
    number, mode, name = int(found[1]), found[2], found[3]
    if number >= len(CASES) or CASES[number].name != name:
        raise InputError(f"case {number} is called {name} there: the log is of another version of the image")
    return number, mode


def read_log(path: Path) -> Log:
    """A log that was taken elsewhere.

    Raises
    ------
    InputError
        If it is not a log of the image. OSError if it cannot be read.
    """
    text = path.read_text("utf-8", "replace")
    if START.decode() in text:
        raise InputError(f"{path}: the image itself, and not what it logs to COM1")
    try:
        log = parse_log(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if log.generation is None:
        raise InputError(f"{path}: not a log of the image: expected a line 'processor I486', P6 or AMD64")
    return log
