"""What the commands share: how they fail, and how they write to standard output."""

import sys
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from rich.console import Console

    from ..waveform.view.text import Canvas

WIDE = 120
"""Columns of output that goes to a file or a pipe."""


def fail(message: str, status: int) -> NoReturn:
    """One line on stderr, and the end."""
    click.echo(f"irq13: {message}", err=True)
    sys.exit(status)


def standard_output() -> "Console":
    """Standard output: as wide as the terminal, and of a fixed width where there is none."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)


def stderr_console() -> "Console":
    """Standard error, for progress."""
    from rich.console import Console

    return Console(stderr=True)


def stderr_status(text: str):
    """A context that shows on standard error what is being done."""
    return stderr_console().status(text)


def canvas_for(console: "Console", as_ascii: bool) -> "Canvas":
    """How waves are drawn on it: with box characters if its encoding has them."""
    from ..waveform.view.text import ASCII, BOX, Canvas

    return Canvas(console.width, ASCII if as_ascii or not console.encoding.startswith("utf") else BOX)


SIGNALS_OPTION = click.option(
    "-s", "--signal", "signals", multiple=True, help="Draw this signal: a name, or a glob over full names."
)
ASCII_OPTION = click.option("--ascii", "as_ascii", is_flag=True, help="Draw without box characters.")
