"""Options that several commands have, each defined once."""

from collections.abc import Callable
from typing import Any

import click

from ...model.registers import Generation

GENERATIONS = [generation.value for generation in Generation]
MACHINE_NAMES = ["hdl", "model", "lockstep"]
"""Names of machines, as in `machines.MACHINES`, which commands that run none need not load."""


def generation_option(*names: str, **settings: Any) -> Callable:
    """`--generation`, in any case of letters; `names` and `settings` as of `click.option`."""
    kind = click.Choice(GENERATIONS, case_sensitive=False)
    return click.option("--generation", *names, type=kind, **settings)


def on_option(default: str, **settings: Any) -> Callable:
    """`--on`, the machine that something runs on; `settings` as of `click.option`."""
    kind = click.Choice(MACHINE_NAMES)
    return click.option("--on", type=kind, default=default, show_default=True, **settings)
