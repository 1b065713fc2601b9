"""How a command fails."""

import sys
from typing import NoReturn

import click

from ..support.text import printable


def fail(message: str, status: int) -> NoReturn:
    """One line on stderr, and the end."""
    click.echo(f"irq13: {printable(message)}", err=True)
    sys.exit(status)
