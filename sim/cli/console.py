"""What the commands share: how they write."""

import sys
from typing import NoReturn

import click
from rich.console import Console
from rich.progress import Progress, ProgressColumn

from ..waveform.view.text import ASCII, BOX, Canvas

WIDE = 120
"""Columns of output that goes to a file or a pipe."""


class _Output(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Rich would exit with status 1, which says that an expectation fails."""
        raise BrokenPipeError


def standard_output(width: int = WIDE) -> Console:
    """Standard output: as wide as the terminal, and of a fixed width where there is none."""
    return _Output(highlight=False, width=None if sys.stdout.isatty() else width)


def stderr_console() -> Console:
    """Standard error, for progress."""
    return Console(stderr=True)


def stderr_status(text: str):
    """A context that shows on standard error what is being done."""
    return stderr_console().status(text)


def progress_bar(*columns: ProgressColumn) -> Progress:
    """Progress on standard error, if that is a terminal; `columns` as of `rich.progress.Progress`."""
    console = stderr_console()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def canvas_for(console: Console, as_ascii: bool) -> Canvas:
    """How waves are drawn on it: with box characters if its encoding has them.

    Parameters
    ----------
    console : Console
        As wide as the canvas will be.
    as_ascii : bool
        Without box characters in any case.
    """
    return Canvas(console.width, ASCII if as_ascii or not console.encoding.startswith("utf") else BOX)


SIGNALS_OPTION = click.option(
    "-s", "--signal", "signals", multiple=True, help="Draw this signal: a name, or a glob over full names."
)
ASCII_OPTION = click.option("--ascii", "as_ascii", is_flag=True, help="Draw without box characters.")
