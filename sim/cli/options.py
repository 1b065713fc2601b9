"""Options that several commands have, each defined once."""

from collections.abc import Callable
from typing import Any

import click

from ...model.older import OlderMachine
from ...model.registers import Generation
from ..hardware.parameters import values_from
from ..support.errors import InputError

GENERATIONS = [generation.value for generation in Generation]
MACHINES_OF_ALL_TIMES = ["AT486", "P6", "AMD64", *(machine.value for machine in OlderMachine)]
"""Machines of a scenario, oldest generation first, then those before the 486."""
MACHINE_NAMES = ["hdl", "model", "lockstep"]
"""Names of machines, as in `machines.MACHINES`, which commands that run none need not load."""


def generation_option(*names: str, **settings: Any) -> Callable:
    """`--generation`, in any case of letters; `names` and `settings` as of `click.option`."""
    kind = click.Choice(GENERATIONS, case_sensitive=False)
    return click.option("--generation", *names, type=kind, **settings)


def machine_option(**settings: Any) -> Callable:
    """`--machine`, in any case of letters; `settings` as of `click.option`."""
    kind = click.Choice([*MACHINES_OF_ALL_TIMES, "all"], case_sensitive=False)
    return click.option("--machine", "machine", type=kind, **settings)


def on_option(default: str, **settings: Any) -> Callable:
    """`--on`, the machine that something runs on; `settings` as of `click.option`."""
    kind = click.Choice(MACHINE_NAMES)
    return click.option("--on", type=kind, default=default, show_default=True, **settings)


def parameter_option(examples: str) -> Callable:
    """`--parameter NAME=VALUE`, as often as needed; gives a dictionary of values of `Parameters`."""
    return click.option(
        "--parameter",
        "parameters",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_parameters,
        help=f"A parameter of the design, as often as needed: {examples}, ...",
    )


def _parameters(ctx: click.Context, option: click.Parameter, assignments: tuple[str, ...]) -> dict[str, Any]:
    if not assignments:
        return {}
    given = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise click.BadParameter(f"{assignment!r} is not NAME=VALUE", param_hint="--parameter")
        if name == "generation":
            raise click.BadParameter("the generation is --generation", param_hint="--parameter")
        given[name] = value
    try:
        return values_from(given)
    except InputError as error:
        raise click.BadParameter(str(error), param_hint="--parameter") from None
