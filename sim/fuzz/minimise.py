"""A failure with as few events as show it: delta debugging, a lane for each candidate.

After A. Zeller, R. Hildebrandt, "Simplifying and isolating failure-inducing input", 2002. An event is a
transfer on a bus, or a pin that takes another level; a candidate has some of them and is idle otherwise.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ...model.pc import PcInputs
from ...model.registers import Parameters
from ..lanes.lanes import Kernel, Lanes, recipe_of
from ..machines.ports import INPUTS, values_of
from ..netlist.netlist import Netlist
from ..support.errors import InputError
from .design import FAILS, driven_netlist

TRANSFERS = ("operation", "msr", "io", "ferr_enable", "inta", "reset")
"""Inputs that count in the cycle in which they come."""
LEVELS = ("ignne_n", "cr0", "irq", "guest_mode", "intercept_ferr_freeze", "msr_response_ready")
"""Inputs that stay until the next event on them."""
IDLE = PcInputs()


class InputEvent(NamedTuple):
    """Something that happens at the inputs."""

    cycle: int
    name: str
    """Of a field of PcInputs."""
    value: object


class Minimised(NamedTuple):
    """The inputs, cycle by cycle, and how many events are in them."""

    inputs: list[PcInputs]
    events: int


def minimise(
    inputs: Sequence[PcInputs], parameters: Parameters, pc: Netlist, what: str, engine: str = "auto"
) -> Minimised:
    """The fewest events found that still bring a failure about.

    Parameters
    ----------
    inputs: from power-up to the failure.
    pc: the HDL that fails, lowered.
    what: the failure, out of `design.FAILS`.

    Raises
    ------
    ValueError
        If these inputs do not bring it about.
    """
    kernel = recipe_of(driven_netlist(parameters, pc), (), FAILS).kernel(engine)
    fails = _Oracle(kernel, what)
    cycles = fails.first_cycle(list(inputs))
    if cycles is None:
        raise InputError(f"{what}: these inputs do not bring it about")
    inputs = _recent(list(inputs[: cycles + 1]), fails)
    events = _events_of(inputs)
    events = _reduce(events, lambda some: fails.any([_inputs_of(one, len(inputs)) for one in some]))
    inputs = _shorten(_inputs_of(events, len(inputs)), fails)
    return Minimised(inputs, len(_events_of(inputs)))


class _Oracle:
    """Tells which candidates fail, a lane for each."""

    def __init__(self, kernel: Kernel, what: str) -> None:
        self._kernel = kernel
        self._what = what

    def any(self, candidates: Sequence[Sequence[PcInputs]]) -> int | None:
        """The first candidate that fails, or None."""
        for start in range(0, len(candidates), 256):
            failing = self._failing(candidates[start : start + 256])
            if failing:
                return start + min(failing)
        return None

    def first_cycle(self, candidate: Sequence[PcInputs]) -> int | None:
        """The cycle in which one fails."""
        lanes = self._run([candidate])
        first = lanes.first[self._what]
        return None if first is None else first.cycle

    def _failing(self, candidates: Sequence[Sequence[PcInputs]]) -> list[int]:
        failing: list[int] = []
        left = list(range(len(candidates)))
        # A lane hides those behind it that fail later: the first half is looked at alone.
        while left:
            lanes = self._run([candidates[index] for index in left])
            first = lanes.first[self._what]
            if first is None:
                return failing
            failing.append(left[first.lane])
            if len(left) == 1 or first.lane == 0:
                return failing
            left = left[: first.lane]
        return failing

    def _run(self, candidates: Sequence[Sequence[PcInputs]]) -> Lanes:
        lanes = Lanes(self._kernel, len(candidates))
        length = max(map(len, candidates))
        for cycle in range(length):
            now = [values_of(one[cycle]) if cycle < len(one) else _IDLE_LEVELS for one in candidates]
            for name in INPUTS:
                values = np.array([levels[name] for levels in now], dtype=np.uint64)
                lanes.set_register(f"in.{name}", values)
            lanes.run(1)
        return lanes


_IDLE_LEVELS = values_of(IDLE)


def _recent(inputs: list[PcInputs], fails: _Oracle) -> list[PcInputs]:
    """The shortest stretch before the failure that brings it about from power-up, in powers of two."""
    length = 8
    while length < len(inputs):
        if fails.any([inputs[-length:]]) is not None:
            return inputs[-length:]
        length *= 2
    return inputs


def _events_of(inputs: Sequence[PcInputs]) -> list[InputEvent]:
    events = []
    before = IDLE
    for cycle, now in enumerate(inputs):
        for name in TRANSFERS:
            value = getattr(now, name)
            if value != getattr(IDLE, name):
                events.append(InputEvent(cycle, name, value))
        for name in LEVELS:
            if getattr(now, name) != getattr(before, name):
                events.append(InputEvent(cycle, name, getattr(now, name)))
        before = now
    return events


def _inputs_of(events: Sequence[InputEvent], cycles: int) -> list[PcInputs]:
    by_cycle: dict[int, dict[str, object]] = {}
    for event in events:
        by_cycle.setdefault(event.cycle, {})[event.name] = event.value
    levels = {name: getattr(IDLE, name) for name in LEVELS}
    inputs = []
    for cycle in range(cycles):
        now = by_cycle.get(cycle, {})
        levels |= {name: value for name, value in now.items() if name in LEVELS}
        inputs.append(IDLE._replace(**levels | now))
    return inputs


def _reduce(
    events: list[InputEvent], failing: Callable[[list[list[InputEvent]]], int | None]
) -> list[InputEvent]:
    """Delta debugging: parts alone, then all without a part, in ever smaller parts."""
    parts = 2
    while len(events) > 1:
        size = -(-len(events) // parts)
        pieces = [events[start : start + size] for start in range(0, len(events), size)]
        rest = [[event for other in pieces if other is not piece for event in other] for piece in pieces]
        found = failing([*pieces, *rest])
        if found is None:
            if size == 1:
                return events
            parts = min(2 * parts, len(events))
        elif found < len(pieces):
            events, parts = pieces[found], 2
        else:
            events, parts = rest[found - len(pieces)], max(parts - 1, 2)
    return events


def _shorten(inputs: list[PcInputs], fails: _Oracle) -> list[PcInputs]:
    """Without the cycles that nothing depends on."""
    while len(inputs) > 1:
        shorter = [inputs[:index] + inputs[index + 1 :] for index in range(len(inputs))]
        found = fails.any(shorter)
        if found is None:
            return inputs
        inputs = shorter[found]
    return inputs
