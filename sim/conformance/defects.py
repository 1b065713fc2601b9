"""Known defects of emulators, and which cases of the image fail with each."""

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

from ...model.registers import Generation
from .conform import JudgedCase, differences


class Defect(NamedTuple):
    """A defect, and the whole set of cases that fail with it alone."""

    name: str
    title: str
    seen_in: str
    cases: dict[Generation, frozenset[str]]


@cache
def defects() -> tuple[Defect, ...]:
    """All of them, as `defects.toml` has them."""
    text = (resources.files("irq13.sim.conformance") / "defects.toml").read_text("utf-8")
    return tuple(
        Defect(name, row["title"], row["seen_in"], {one: frozenset(row[one.value]) for one in Generation})
        for name, row in tomllib.loads(text).items()
    )


def recognised(rows: Sequence[JudgedCase]) -> list[tuple[Generation, Defect]]:
    """Defects of which all cases fail, less those of which another's cases are more of the same.

    A target with several defects shows them all; one whose cases include another's hides that.
    """
    found = []
    for generation in dict.fromkeys(row.generation for row in rows):
        here = [row for row in rows if row.generation is generation]
        failing = {row.case.name for row in differences(here)}
        fitting = [one for one in defects() if one.cases[generation] and one.cases[generation] <= failing]
        found += [
            (generation, one)
            for one in fitting
            if not any(one.cases[generation] < other.cases[generation] for other in fitting)
        ]
    return found
