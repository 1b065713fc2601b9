"""Fuzzing: HDL against the reference on random stimulus, billions of cycles, many lanes at once.

A campaign is a row of shards. A shard depends on the seed, its number and nothing else, so a campaign can be
interrupted, resumed, or spread over machines, and comes to the same.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from ... import hdl
from ...model.registers import Generation, Parameters
from ..lanes.cache import cached, fingerprint
from ..lanes.lanes import Kernel, Lanes, Recipe, cores, recipe_of
from ..netlist.lowering import lower
from ..netlist.netlist import Netlist
from ..support.errors import InputError
from ..support.files import replacing
from .design import FAILS, STATES, failure_text, random_netlist, state_text
from .stimulated import begin

SHARD_LANES = 8192
SHARD_CYCLES = 4096
SHARD = SHARD_LANES * SHARD_CYCLES
"""Cycles of a shard over all its lanes."""


class Found(NamedTuple):
    """Where something is wrong first."""

    shard: int
    cycle: int
    """After the one in which the seeds are loaded."""
    lane: int
    """Counted through the campaign, as `stimulus.seeds` has it."""
    what: str
    """A name out of `design.FAILS`."""


class CampaignPlan(NamedTuple):
    """What a campaign does."""

    seed: int
    generations: tuple[Generation, ...]
    shards: int

    def generation(self, shard: int) -> Generation:
        """Shards take turns."""
        return self.generations[shard % len(self.generations)]

    def first_lane(self, shard: int) -> int:
        """Of all lanes of the campaign on this generation."""
        return shard // len(self.generations) * SHARD_LANES


def plan_of(cycles: float, seed: int, generations: Sequence[Generation]) -> CampaignPlan:
    """The campaign with at least so many cycles, over all lanes together.

    Parameters
    ----------
    cycles : float
        Rounded up to whole shards, at least one for each generation.
    seed : int
        The same seed gives the same campaign.
    generations : sequence of Generation
        At least one; the shards take turns.
    """
    return CampaignPlan(seed, tuple(generations), max(len(generations), -(-int(cycles) // SHARD)))


@dataclass
class CampaignResult:
    """What has come of a campaign so far.

    Attributes
    ----------
    done: numbers of the shards that count, each once.
    counts: for each generation how often each state of `design.CORNERS` was seen.
    toggles: for each generation the registers' bits that changed, as far as it was looked at.
    found: the first failure, in the order of shards.
    """

    plan: CampaignPlan
    done: set[int] = field(default_factory=set)
    counts: dict[str, list[int]] = field(default_factory=dict)
    toggles: dict[str, dict[str, int]] = field(default_factory=dict)
    found: Found | None = None

    @property
    def cycles(self) -> int:
        """Cycles of the shards that count, over all lanes."""
        return len(self.done) * SHARD

    @property
    def missing(self) -> list[int]:
        """Shards that are still to be run."""
        return [shard for shard in range(self.plan.shards) if shard not in self.done]

    def add(self, one: dict[str, Any]) -> None:
        """What `run_shard` gave; a shard that counts already changes nothing."""
        if one["shard"] in self.done:
            return
        self.done.add(one["shard"])
        name = one["generation"]
        old = self.counts.setdefault(name, [0] * len(STATES))
        self.counts[name] = [a + b for a, b in zip(old, one["states"], strict=True)]
        seen = self.toggles.setdefault(name, {})
        for register, bits in one["toggles"].items():
            seen[register] = seen.get(register, 0) | bits
        if one["found"] is not None:
            found = Found(*one["found"])
            self.found = min(self.found or found, found)

    def states_seen(self) -> Iterator[tuple[str, str, int]]:
        """Generation, state and count of each state that came up."""
        for generation, counts in sorted(self.counts.items()):
            for number, count in enumerate(counts):
                if count:
                    yield generation, state_text(number), count

    def never_toggled(self) -> Iterator[tuple[str, str]]:
        """Generation and register bit of the flip-flops of the HDL that never changed."""
        for generation, registers in sorted(self.toggles.items()):
            for register, bits in sorted(registers.items()):
                if not bits and not register.startswith(("reference.", "monitor")):
                    yield generation, register

    def save(self, path: Path) -> None:
        """Write it, whole or not at all. Raises OSError."""
        plan = self.plan
        data = {
            "what": "irq13 fuzz",
            "sources": fingerprint(),
            "seed": plan.seed,
            "generations": [generation.value for generation in plan.generations],
            "done": _spans(sorted(self.done)),
            "counts": self.counts,
            "toggles": self.toggles,
            "found": self.found,
        }
        with replacing(path) as file:
            json.dump(data, file, indent=1)


def resume(path: Path, plan: CampaignPlan) -> CampaignResult:
    """A campaign from where a file says that it was.

    Parameters
    ----------
    path : Path
        What `CampaignResult.save` wrote.
    plan : CampaignPlan
        Of the same seed and generations; it may have more shards.

    Raises
    ------
    InputError
        If the file is of another campaign, of other sources, or no such file. OSError if it cannot be read.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
        sources, seed, generations = data["sources"], data["seed"], data["generations"]
        done = {shard for start, end in data["done"] for shard in range(start, end + 1)}
        found = Found(*data["found"]) if data["found"] else None
        result = CampaignResult(plan, done, data["counts"], data["toggles"], found)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: not the state of a fuzzing campaign ({type(error).__name__}: {error})"
        ) from None
    if sources != fingerprint():
        raise InputError(f"{path}: of another version of irq13; begin a new campaign")
    if (seed, generations) != (plan.seed, [generation.value for generation in plan.generations]):
        raise InputError(
            f"{path}: of seed {seed} on {', '.join(generations)}; give the same ones, or another file"
        )
    return result


def run_shard(
    plan: CampaignPlan, shard: int, engine: str = "auto", threads: int = 1, kernel: Kernel | None = None
) -> dict[str, Any]:
    """One shard, as plain data that can travel.

    Parameters
    ----------
    plan : CampaignPlan
        Of the campaign.
    shard : int
        Its number, from 0 on.
    engine : str
        One of `lanes.ENGINES`.
    threads : int
        From 1 on; the result does not depend on it.
    kernel : Kernel or None
        Run in place of the design's own; what toggled is not looked at then.
    """
    generation = plan.generation(shard)
    # Toggles cost a quarter of the speed: the first shard of each generation tells enough.
    toggles = shard < len(plan.generations)
    lanes = Lanes(kernel or _kernel(generation, toggles, engine), SHARD_LANES, threads)
    first_lane = plan.first_lane(shard)
    begin(lanes, plan.seed, first_lane)
    lanes.run(SHARD_CYCLES)
    failures = [
        (shard, first.cycle - 1, first_lane + first.lane, name)
        for name, first in lanes.first.items()
        if first is not None
    ]
    return {
        "shard": shard,
        "generation": generation.value,
        "states": [lanes.counts[name] for name in STATES],
        "toggles": lanes.toggled() if toggles and kernel is None else {},
        "found": min(failures, key=lambda one: (one[1], one[2], FAILS.index(one[3])), default=None),
    }


def recipe_for(parameters: Parameters, pc: Netlist, toggles: bool = False) -> Recipe:
    """The kernel of a shard, with this HDL.

    Parameters
    ----------
    parameters : Parameters
        Of the reference.
    pc : Netlist
        The HDL, lowered, with the same parameters.
    toggles : bool
        Keep which flip-flops ever changed.
    """
    return recipe_of(random_netlist(parameters, pc), STATES, FAILS, toggles=toggles)


def note() -> str:
    """Why lanes are not compiled, or ""."""
    return _recipe(Generation.P6, False).note


def _recipe(generation: Generation, toggles: bool) -> Recipe:
    def make() -> Recipe:
        parameters = Parameters(generation)
        return recipe_for(parameters, lower(hdl.Pc(parameters)), toggles)

    return cached(("fuzz", generation, toggles), make)


@cache
def _kernel(generation: Generation, toggles: bool, engine: str) -> Kernel:
    return _recipe(generation, toggles).kernel(engine)


def campaign(
    result: CampaignResult,
    shards: Iterable[dict[str, Any]],
    saved: Callable[[], None] = lambda: None,
    progress: Callable[[int], None] = lambda cycles: None,
) -> None:
    """Take shards as they come until all are done or one has found something.

    Parameters
    ----------
    saved: called after each of them.
    progress: called with its cycles.
    """
    for one in shards:
        result.add(one)
        saved()
        progress(SHARD)
        if result.found is not None:
            return


def local(
    result: CampaignResult, engine: str = "auto", threads: int | None = None
) -> Iterator[dict[str, Any]]:
    """The missing shards on this machine, in their order, as `run_shard` gives them.

    Parameters
    ----------
    result : CampaignResult
        What has been done already.
    engine : str
        One of `lanes.ENGINES`.
    threads : int or None
        None for all processors that this process may use.
    """
    for shard in result.missing:
        yield run_shard(result.plan, shard, engine, threads or cores())


def describe_failure(found: Found, plan: CampaignPlan) -> str:
    """A failure on one line.

    Parameters
    ----------
    found : Found
        What was found in the campaign.
    plan : CampaignPlan
        Of the same campaign: it knows the shard's generation.
    """
    generation = plan.generation(found.shard).value
    return (
        f"{generation}, seed {plan.seed}, lane {found.lane}, cycle {found.cycle}: {failure_text(found.what)}"
    )


def _spans(numbers: Sequence[int]) -> list[list[int]]:
    """Numbers as stretches: first and last."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return spans
