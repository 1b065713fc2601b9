"""Emulators: how each is started without a window, and told a processor, a floppy and where COM1 goes."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ...model.registers import Generation
from ..support.errors import InputError, ToolError
from ..support.text import printable


class Emulator(NamedTuple):
    """How to start one."""

    name: str
    """With its version."""
    command: Callable[[Path, Path, Generation | None], list[str]]
    """For a floppy image, the file that COM1 goes to, and the processor."""
    logs_to_output: bool = False
    """Its standard output is what comes over COM1."""
    here: bool = False
    """It runs where irq13 does, as its other arguments may name files there; else in a folder of its own."""
    generations: tuple[Generation, ...] = ()
    """Processors that it can be asked for, by what the image takes them for; empty where it has its own."""
    environment: Mapping[str, str] = MappingProxyType({})
    """What it is told there."""


def given_command(words: Sequence[str]) -> Emulator:
    """A command line with {image}, and with {log} where its standard output is not what comes over COM1.

    Raises
    ------
    InputError
        Without {image}.
    """
    if not any("{image}" in word for word in words):
        raise InputError("the command has no {image}: expected it where the floppy's file name goes")

    def command(image: Path, log: Path, _: Generation | None) -> list[str]:
        return [word.replace("{image}", str(image)).replace("{log}", str(log)) for word in words]

    return Emulator(words[0], command, logs_to_output=not any("{log}" in word for word in words), here=True)


def installed(program: str, hint: str) -> str:
    """Its path, absolute: an emulator may run in another folder.

    Parameters
    ----------
    program : str
        As a shell would find it.
    hint : str
        How to install it.

    Raises
    ------
    ToolError
        If it is not installed; the message ends in the hint.
    """
    found = shutil.which(program)
    if found is None:
        raise ToolError(f"{program} is not installed: {hint}")
    return os.path.abspath(found)


def version_of(program: str, options: Sequence[str], pattern: str) -> str:
    """What it says of itself, or "of unknown version". Raises ToolError if it cannot be started.

    Parameters
    ----------
    program : str
        Its path, or its name on PATH.
    options : sequence of str
        That make it say its version.
    pattern : str
        A regular expression whose first group is the version.
    """
    found = re.search(pattern, said_to(program, options))
    return found[1] if found else "of unknown version"


def said_to(
    program: str, options: Sequence[str], environment: Mapping[str, str] = MappingProxyType({})
) -> str:
    """All that a program says to these options, on both outputs, or "" if it takes more than half a minute.

    Parameters
    ----------
    program : str
        Its path, or its name on PATH.
    options : sequence of str
        Its arguments; its input is empty, and its status is not looked at.
    environment : mapping of str to str
        Added to this process's.

    Raises
    ------
    ToolError
        If it cannot be started.
    """
    try:
        done = subprocess.run(
            [program, *options],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=30,
            stdin=subprocess.DEVNULL,
            env=os.environ | environment,
        )
    except subprocess.TimeoutExpired:
        return ""
    except OSError as error:
        raise ToolError(f"{program} cannot be started: {error.strerror}") from None
    return done.stdout + done.stderr


def last_words(text: str, count: int) -> list[str]:
    """The last lines of what somebody else's program said, without what would command a terminal.

    Parameters
    ----------
    text : str
        All that it said.
    count : int
        Lines at most, from 1 on; empty ones do not count, and each is cut to 200 characters.
    """
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]", "", text)
    return [printable(line.strip()[:200]) for line in plain.splitlines() if line.strip()][-count:]


class Terminal:
    """A pseudo-terminal that swallows what a program draws, and keeps the end of it."""

    def __init__(self) -> None:
        import pty

        self._master, self.slave = pty.openpty()
        self._said = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> list[str]:
        """The last lines of text."""
        os.close(self.slave)
        self._thread.join(5)
        os.close(self._master)
        return last_words(self._said.decode("utf-8", "replace"), 5)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            if not data:
                return
            self._said = (self._said + data)[-4096:]
