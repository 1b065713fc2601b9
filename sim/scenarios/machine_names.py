"""The machines that a scenario names, by `generation = "P6"`, `machine = "AT286"` or [machine]."""

from collections.abc import Sequence
from typing import Any

from ...model.older import OlderMachine
from ...model.registers import Generation
from ..support.errors import InputError
from ..support.toml_source import Key, Source

AT486 = "AT486"
"""The name as a machine of the PC/AT with an I486."""
NAMES_OF_GENERATIONS = {AT486: Generation.I486, "P6": Generation.P6, "AMD64": Generation.AMD64}
MACHINE_NAMES = (*NAMES_OF_GENERATIONS, *(one.value for one in OlderMachine))
"""All machines, as scenarios and the command line call them."""


def machine_named(name: str) -> Generation | OlderMachine:
    """A machine by name. Raises ValueError."""
    if name in NAMES_OF_GENERATIONS:
        return NAMES_OF_GENERATIONS[name]
    if name not in MACHINE_NAMES:
        raise InputError(f"machine must be out of {', '.join(MACHINE_NAMES)}, not {name!r}")
    return OlderMachine(name)


def machines_of(source: Source) -> tuple[tuple[Generation, ...], tuple[OlderMachine, ...]]:
    """The generations and the older machines that `generation` and `machine` name; AMD64 without both."""
    named = [*_names(source, ("generation",), [generation.value for generation in Generation])]
    generations = [Generation(name) for name in named]
    machines = [machine_named(name) for name in _names(source, _machine_key(source), MACHINE_NAMES)]
    generations += [one for one in machines if isinstance(one, Generation) and one not in generations]
    older = tuple(one for one in machines if isinstance(one, OlderMachine))
    return tuple(generations) or (() if older else (Generation.AMD64,)), older


def _machine_key(source: Source) -> Key:
    if not isinstance(source.data.get("machine"), dict):
        return ("machine",)
    for name in source.data["machine"]:
        if name in (*NAMES_OF_GENERATIONS, Generation.I486.value):
            raise source.error(
                ("machine", name),
                f"[machine.{name}]: only machines before the 486 have a table of their own; "
                f"{name} runs the scenario as it stands, and [expect-on] has what else to expect there",
            )
    source.only(("machine",), ("on", *(one.value for one in OlderMachine)))
    return ("machine", "on")


def _names(source: Source, key: Key, known: Sequence[str]) -> list[str]:
    """A name or a list of names; none without the key."""
    value: Any = source.data
    for part in key:
        if part not in value:
            return []
        value = value[part]
    names = value if isinstance(value, list) else [value]
    for one in names:
        if one not in known:
            raise source.error(key, f"{key[0]} must be out of {', '.join(known)}, not {one!r}")
    if not names or len(set(names)) != len(names):
        raise source.error(key, f"{key[0]} must name at least one, and none twice")
    return names
