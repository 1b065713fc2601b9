"""A scenario at every phase of one or two events on pins: one lane for each, all at once.

Each lane is the whole scenario, CPU and PC, with the events in cycles of its own. It runs until nothing can
change any more, and what became of it is read from registers that remember. A single event that comes after
the scenario has come to rest finds what the first such event finds, so it is not run again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ... import hdl
from ...model.older import OlderMachine
from ...model.registers import Generation, Parameters
from ..lanes.cache import cached
from ..lanes.lanes import Lanes, Recipe, cores, recipe_of
from ..netlist.lowering import lower
from ..netlist.netlist import Netlist
from ..scenarios.run import ScenarioRun, run_scenario
from ..scenarios.scenario import NO_SMM, Scenario
from ..support.errors import InputError
from .design import check_for_lanes, netlist_of
from .pins import CLOCK_BITS, PinPulse

NEVER = 1 << (CLOCK_BITS - 1)
"""A cycle that no scenario comes to."""
CHUNK = 32
"""Cycles between two looks whether all is at rest."""
MOST = 16_000_000
"""Phases in one sweep: about four gigabytes."""
MOMENTS = {
    "reported": "FERR# low",
    "latched": "IRQ 13",
    "acknowledged": "INTA",
    "f0": "OUT F0h",
    "ignored": "IGNNE in effect",
    "cleared": "ES clear",
    "released": "FERR# high",
}
"""What an order of events is told in: first occurrences, by register and in words."""


class SweepOutcome(NamedTuple):
    """What became of a lane."""

    verdict: str
    """A key of VERDICTS."""
    detail: str
    """The reason of a deadlock, as in `diagnosis.REASONS`; else ""."""
    handlers: tuple[str, ...]
    """Vectors entered, and "host" for #VMEXIT."""
    order: str
    """MOMENTS in the order in which they came; those of one cycle are joined by +."""

    @property
    def text(self) -> str:
        """On one line."""
        entered = f", {' and '.join(self.handlers)} entered" if self.handlers else ""
        return f"{self.verdict}{f' ({self.detail})' if self.detail else ''}{entered}"


VERDICTS = {
    "handled": "the program ends, and a handler was entered",
    "ignored": "the program ends, and the error was never reported",
    "pending": "the program ends, and IRQ 13 still waits for somebody to take it",
    "lost": "FERR# fell and nobody will ever know",
    "deadlocked": "nothing moves any more",
    "endless": "it goes on and on",
    "too deep": "handlers nest deeper than lanes can follow",
}
"""What can become of a lane, from good to bad."""


@dataclass(frozen=True)
class Sweep:
    """The outcomes of all phases.

    Attributes
    ----------
    first, second: the cycles of the events; `second` has one element, 0, if there is one event.
    outcomes: each outcome that came up, from good to bad, the most frequent of a kind first.
    table: the index of each phase's outcome: one row a cycle of the first event, one column a cycle of the
        second.
    lanes: how many were run.
    cycles: how many each of them ran.
    note: why the engine is not the compiled one, or "".
    """

    scenario: Scenario
    generation: Generation | OlderMachine
    pulses: tuple[PinPulse, ...]
    first: range
    second: range
    outcomes: list[SweepOutcome]
    table: np.ndarray
    lanes: int
    cycles: int
    note: str = ""
    on_model: bool = False
    """Each phase was run alone, on the model, and none in lanes."""

    def count(self, outcome: int) -> int:
        """Phases with an outcome."""
        return int((self.table == outcome).sum())

    def example(self, outcome: int) -> tuple[int, ...]:
        """The first phase with an outcome: the cycles of the events."""
        row, column = np.unravel_index(int(np.argmax(self.table == outcome)), self.table.shape)
        return (self.first[row], self.second[column])[: len(self.pulses)]


def phase(scenario: Scenario, pulses: Sequence[PinPulse], cycles: Sequence[int]) -> Scenario:
    """The scenario with the events in these cycles, in place of its own on the same pins.

    Parameters
    ----------
    scenario : Scenario
        Its limit is counted from the last event on a pin.
    pulses : sequence of PinPulse
        The events.
    cycles : sequence of int
        When each begins; ValueError if there are more or fewer than events.
    """
    swept = {one.pin for one in pulses}
    own = [event for event in scenario.pins if event.pin not in swept]
    new = [event for one, cycle in zip(pulses, cycles, strict=True) for event in one.events(cycle)]
    pins = tuple(sorted([*own, *new], key=lambda event: event.cycle))
    last = max((event.cycle for event in pins), default=0)
    return replace(_with_smm(scenario, pulses), pins=pins, limit=last + scenario.limit)


def _with_smm(scenario: Scenario, pulses: Sequence[PinPulse]) -> Scenario:
    """The scenario, in which a swept SMI# finds RSM alone if there is no handler, as in one with that pin."""
    program = scenario.program
    if program.smi or program.hypervisor or all(one.pin != "smi" for one in pulses):
        return scenario
    return replace(scenario, program=program._replace(smi=NO_SMM))


def sweep(
    scenario: Scenario,
    generation: Generation,
    pulses: Sequence[PinPulse],
    ranges: Sequence[range],
    *,
    engine: str = "auto",
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Sweep:
    """Run a scenario at every phase.

    Parameters
    ----------
    pulses: one event or two.
    ranges: the cycles of each.
    engine, threads: as in `lanes`; by default the best there is, on all processors.
    progress: called with the cycles that have passed and how many there may be.

    Raises
    ------
    NetlistError
        For a scenario that a CPU in lanes cannot run.
    ValueError
        For ranges that are empty or too many.
    """
    scenario = _checked(scenario, generation, pulses)
    first, second = ranges[0], ranges[1] if len(ranges) > 1 else range(1)
    _check_ranges(first, second, pulses, scenario.limit)
    wanted = ("sweep", scenario.parameters_for(generation), scenario.program, scenario.pins, tuple(pulses))
    recipe = cached(wanted, lambda: _recipe(scenario, generation, pulses))
    kernel = recipe.kernel(engine)
    threads = threads or cores()
    rows = np.arange(first.start, first.stop, first.step)
    if len(pulses) == 1:
        # From the first cycle in which all is at rest on, every phase is the same.
        idle = Lanes(kernel, 1)
        _set_times(idle, pulses, [np.array([NEVER])])
        rest = _run(idle, 0, scenario.limit, lambda done, total: None)
        rows = np.minimum(rows, first.start + -(-max(rest - first.start, 0) // first.step) * first.step)
    unique, where = np.unique(rows, return_inverse=True)
    columns = np.arange(second.start, second.stop, second.step)
    lanes = Lanes(kernel, len(unique) * len(columns), threads)
    times = [np.repeat(unique, len(columns)), np.tile(columns, len(unique))]
    last = _set_times(lanes, pulses, times)
    _run(lanes, last, last + scenario.limit, progress)
    outcomes, found = _outcomes(lanes, scenario, generation, pulses, times)
    table = found.reshape(len(unique), len(columns))[where]
    return Sweep(
        scenario,
        generation,
        tuple(pulses),
        first,
        second,
        outcomes,
        table,
        lanes.lanes,
        lanes.cycle,
        recipe.note if engine == "auto" else "",
    )


def _check_ranges(first: range, second: range, pulses: Sequence[PinPulse], limit: int) -> None:
    """Raises InputError for ranges that are empty, too many or too far out."""
    if not first or not second:
        raise InputError("a sweep needs at least one cycle of each event")
    if len(first) * len(second) > MOST:
        raise InputError(f"{len(first) * len(second)} phases: at most {MOST} fit into one sweep")
    last = max(first[-1], second[-1]) + max(one.width or 0 for one in pulses)
    if last + limit >= NEVER:
        raise InputError(f"cycles must stay below {NEVER - limit}, not {last}")


def _checked(scenario: Scenario, generation: Generation, pulses: Sequence[PinPulse]) -> Scenario:
    """The scenario as it is swept. Raises NetlistError where lanes cannot run it."""
    scenario = _with_smm(scenario, pulses)
    check_for_lanes(scenario, generation, pulses)
    return scenario


def _recipe(scenario: Scenario, generation: Generation, pulses: Sequence[PinPulse]) -> Recipe:
    pc = _lowered_pc(scenario.parameters_for(generation))
    return recipe_of(netlist_of(scenario, generation, pulses, pc))


@lru_cache(maxsize=4)
def _lowered_pc(parameters: Parameters) -> Netlist:
    """The same for every sweep of a scenario; what is made from it leaves it as it is."""
    return lower(hdl.Pc(parameters))


def _set_times(lanes: Lanes, pulses: Sequence[PinPulse], times: Sequence[np.ndarray]) -> int:
    """Give each lane the cycles of its events; returns the last one of all."""
    last = 0
    for number, (one, cycles) in enumerate(zip(pulses, times, strict=False)):
        lanes.set_register(f"at{number}.on", cycles)
        if one.width:
            lanes.set_register(f"at{number}.off", cycles + one.width)
        last = max(last, int(cycles.max()) + (one.width or 0))
    return last


def _run(lanes: Lanes, quiet_from: int, limit: int, progress: Callable[[int, int], None]) -> int:
    """Until nothing changes any more, or to the limit; returns the cycle from which all was at rest."""
    while lanes.cycle < limit:
        before = lanes.snapshot()
        lanes.run(1)
        if lanes.cycle > quiet_from and not lanes.differs(before, ("clock",)):
            return lanes.cycle
        lanes.run(min(CHUNK, limit - lanes.cycle))
        progress(lanes.cycle, limit)
    return limit


_STUCK_BY = (
    # What `diagnosis` looks at, so that lanes that are stuck for different reasons are told apart.
    "chipset.irq13",
    "chipset.ferr_enable",
    "cpu.if",
    "cpu.position",
    "cpu.smm",
    "cpu.takes_stop",
    "processor.msr.ignne_em",
    "processor.reporting.ferr",
    *(
        f"{pic}.{register}"
        for pic in ("master", "slave")
        for register in ("isr", "imr", "armed", "sampled", "_expect")
    ),
)


def _outcomes(
    lanes: Lanes,
    scenario: Scenario,
    generation: Generation,
    pulses: Sequence[PinPulse],
    times: Sequence[np.ndarray],
) -> tuple[list[SweepOutcome], np.ndarray]:
    """Each outcome, and for each lane which one it has."""
    names = [name for name in lanes.names if name.startswith("seen.")]
    seen = np.stack([lanes.register(name) for name in names], axis=1).astype(np.uint32)
    done = lanes.register("cpu.done") != 0
    if "cpu.stopped_behind" in lanes.names:
        done |= lanes.register("cpu.stopped_behind") != 0
    ranks = _ranks(lanes)
    last = np.stack([lanes.register(f"last.{name}") for name in ("irq13", "ferr_n")], axis=1).astype(
        np.uint32
    )
    held = [lanes.register(name) for name in _STUCK_BY if name in lanes.names]
    stuck = np.where(done[:, None], 0, np.stack(held, axis=1)).astype(np.uint32)
    keys = np.concatenate([done[:, None].astype(np.uint32), last, seen, ranks, stuck], axis=1)
    rows, where, counts = _unique_rows(keys)
    found: list[SweepOutcome] = []
    for row in rows:
        example = [int(cycles[row]) for cycles in times[: len(pulses)]]
        happened = {name.removeprefix("seen.") for name, value in zip(names, seen[row], strict=True) if value}
        verdict, detail = _verdict(bool(done[row]), happened, bool(last[row, 0]))
        if verdict in ("deadlocked", "too deep"):
            verdict, detail = _diagnosed(
                run_scenario(phase(scenario, pulses, example), generation, "model"), verdict
            )
        handlers = sorted(
            name.removeprefix("entered_").upper() + "h" for name in happened if "entered_" in name
        )
        handlers += ["host"] * ("exited" in happened)
        found.append(SweepOutcome(verdict, detail, tuple(handlers), _order(ranks[row])))
    distinct = list(dict.fromkeys(found))
    totals = {one: sum(c for c, f in zip(counts, found, strict=True) if f == one) for one in distinct}
    distinct.sort(key=lambda one: (list(VERDICTS).index(one.verdict), -totals[one]))
    index = np.array([distinct.index(one) for one in found], dtype=np.uint16)
    return distinct, index[where]


def _unique_rows(keys: np.ndarray) -> tuple[list[int], np.ndarray, list[int]]:
    """The first of each kind of row, which kind each row is, and how many there are."""
    text = np.ascontiguousarray(keys).view([("", keys.dtype)] * keys.shape[1]).reshape(-1)
    _, first, where, counts = np.unique(text, return_index=True, return_inverse=True, return_counts=True)
    return first.tolist(), where.reshape(-1), counts.tolist()


def _verdict(done: bool, happened: set[str], waits: bool) -> tuple[str, str]:
    if "overflow" in happened:
        return "too deep", ""
    if "unhandled" in happened:
        return "deadlocked", ""
    if not done:
        return "deadlocked", ""
    if "lost" in happened:
        return "lost", ""
    handled = any(name.startswith(("entered_", "raised_mf")) or name == "exited" for name in happened)
    if handled:
        return "handled", ""
    if "reported" not in happened:
        return "ignored", ""
    return ("pending", "") if waits else ("lost", "")


def _diagnosed(alone: ScenarioRun, verdict: str) -> tuple[str, str]:
    """Why a lane does not go on: its scenario is run alone on the model."""
    if alone.diagnosis is not None:
        reason = alone.diagnosis.reason
        return ("endless", "") if reason == "no-end" else ("deadlocked", reason)
    unhandled = [event for event in alone.events if event.kind == "unhandled"]
    if unhandled:
        return "deadlocked", f"vector or exit code {unhandled[0].value:02X}h has no handler"
    return verdict, ""


def _ranks(lanes: Lanes) -> np.ndarray:
    """For each lane and moment its rank in the order; 0 if it never came."""
    came = np.stack([lanes.register(f"moment.{name}") for name in MOMENTS], axis=1) != 0
    when = np.stack([lanes.register(f"when.{name}") for name in MOMENTS], axis=1).astype(np.int64)
    when = np.where(came, when, -1)
    ordered = np.sort(when, axis=1)
    new = np.ones(ordered.shape, dtype=np.int64)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    new[ordered < 0] = 0
    positions = np.cumsum(new, axis=1)
    rank = np.zeros(when.shape, dtype=np.uint32)
    for column in range(when.shape[1]):
        match = ordered == when[:, column, None]
        rank[:, column] = np.where(came[:, column], np.max(np.where(match, positions, 0), axis=1), 0)
    return rank


def _order(ranks: np.ndarray) -> str:
    parts = []
    for position in range(1, int(ranks.max(initial=0)) + 1):
        names = [text for text, rank in zip(MOMENTS.values(), ranks, strict=True) if rank == position]
        parts.append(" + ".join(names))
    return ", ".join(parts)
