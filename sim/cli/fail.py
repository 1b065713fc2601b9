"""How a command fails."""

import sys
from typing import NoReturn

import click

from ..support.text import printable


def fail(message: str, status: int) -> NoReturn:
    """One line on stderr, and the end.

    Parameters
    ----------
    message : str
        Without `irq13: `; what would command a terminal is made visible.
    status : int
        Exit status: 1 where an expectation fails, 2 for what a user can cause, 70 for a bug, 130 for Ctrl-C.
    """
    click.echo(f"irq13: {printable(message)}", err=True)
    sys.exit(status)
