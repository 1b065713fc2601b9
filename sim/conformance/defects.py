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
    """Defects of which all cases fail, the largest first, each with some that those before do not explain.

    What the image has skipped does not count. Where only some cases have run, a defect that has more of them
    and would explain these is not recognised, nor is another in its place.
    """
    found = []
    for generation in dict.fromkeys(row.generation for row in rows):
        chosen = [row for row in rows if row.generation is generation]
        asked = {row.case.name for row in chosen}
        ran = {row.case.name for row in chosen if row.verdict != "skipped"}
        failing = {row.case.name for row in differences(chosen)}
        explained: set[str] = set()
        for one in sorted(defects(), key=lambda one: -len(one.cases[generation])):
            cases = one.cases[generation] & ran
            if cases and cases <= failing and not cases <= explained:
                explained |= cases
                if one.cases[generation] <= asked:
                    found.append((generation, one))
    return found
