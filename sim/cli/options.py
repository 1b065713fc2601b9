"""Options that several commands have, each defined once."""

from collections.abc import Callable
from typing import Any

import click

from ...model.older import OlderMachine
from ...model.registers import Generation
from ..hardware.parameters import GivenParameters, given_parameters, values_from
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


def machine_option(one: bool = False, **settings: Any) -> Callable:
    """`--machine`, in any case of letters, with `all` but for `one`; `settings` as of `click.option`."""
    kind = click.Choice([*MACHINES_OF_ALL_TIMES, *(() if one else ("all",))], case_sensitive=False)
    return click.option("--machine", "machine", type=kind, **settings)


def on_option(default: str, **settings: Any) -> Callable:
    """`--on`, the machine that something runs on; `settings` as of `click.option`."""
    kind = click.Choice(MACHINE_NAMES)
    return click.option("--on", type=kind, default=default, show_default=True, **settings)


def named_machine(name: str) -> Generation | OlderMachine:
    """One of MACHINES_OF_ALL_TIMES."""
    later = dict(zip(MACHINES_OF_ALL_TIMES, Generation, strict=False))
    return later[name] if name in later else OlderMachine(name)


def chosen_machines(generation: str | None, machine: str | None) -> list[Generation | OlderMachine]:
    """What --generation or --machine names; the generations without both.

    Parameters
    ----------
    generation : str or None
        The value of a `Generation`.
    machine : str or None
        One of MACHINES_OF_ALL_TIMES, or "all" for all of these.

    Raises
    ------
    UsageError
        If both are given.
    """
    if generation and machine:
        raise click.UsageError("--machine stands alone: without --generation")
    if machine == "all":
        return [named_machine(name) for name in MACHINES_OF_ALL_TIMES]
    if machine:
        return [named_machine(machine)]
    return [Generation(generation)] if generation else list(Generation)


def parameter_option(examples: str, of_all_times: bool = False) -> Callable:
    """`--parameter NAME=VALUE`, as often as needed; gives a dictionary of values of `Parameters`.

    Parameters
    ----------
    examples : str
        For the help text: assignments, with commas between them.
    of_all_times : bool
        Give `GivenParameters` instead: those of machines before the 486 too.
    """
    return click.option(
        "--parameter",
        "parameters",
        multiple=True,
        metavar="NAME=VALUE",
        callback=_of_all_times if of_all_times else _of_later_machines,
        help=f"A parameter of the design, as often as needed: {examples}, ...",
    )


def _of_later_machines(
    ctx: click.Context, option: click.Parameter, assignments: tuple[str, ...]
) -> dict[str, Any]:
    return _parsed(assignments, values_from)


def _of_all_times(
    ctx: click.Context, option: click.Parameter, assignments: tuple[str, ...]
) -> GivenParameters:
    return _parsed(assignments, given_parameters)


def _parsed(assignments: tuple[str, ...], values: Callable[[dict[str, str]], Any]) -> Any:
    given = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise click.BadParameter(f"{assignment!r} is not NAME=VALUE", param_hint="--parameter")
        if name in ("generation", "machine"):
            raise click.BadParameter(f"the {name} is --{name}", param_hint="--parameter")
        given[name] = value
    try:
        return values(given)
    except InputError as error:
        raise click.BadParameter(str(error), param_hint="--parameter") from None
