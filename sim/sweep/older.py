"""A sweep on a machine before the 486: the model, phase by phase, since lanes have the later ones alone."""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from ...model.older import OlderMachine, OlderOutputs
from ..cpu.diagnosis import Diagnosis
from ..cpu.events import CpuEvent
from ..machines.older import OlderModelMachine
from ..scenarios.older import check_pins, parameters_on, program_on
from ..scenarios.older_run import OlderDriver
from ..scenarios.scenario import Scenario
from ..support.errors import InputError
from ..waveform.signals import CpuView
from .pins import PinPulse
from .sweep import VERDICTS, Sweep, SweepOutcome, phase

MOST = 50_000
"""Phases in one sweep: some minutes."""
MOMENTS: Mapping[str, Callable[[Any, OlderOutputs], bool]] = {
    "ERROR": lambda inputs, outputs: outputs.error,
    "INT": lambda inputs, outputs: outputs.int_,
    "L": lambda inputs, outputs: outputs.latch,
    "NMI": lambda inputs, outputs: outputs.nmi,
    "INTA": lambda inputs, outputs: inputs.inta,
    "L clear": lambda inputs, outputs: not outputs.latch,
    "ERROR negated": lambda inputs, outputs: not outputs.error,
    "INT negated": lambda inputs, outputs: not outputs.int_,
}
"""What an order of events is told in: when each was first seen."""
AFTER = {"L clear": "L", "ERROR negated": "ERROR", "INT negated": "INT"}
"""What has to be seen before."""


class _Moments:
    """In place of a waveform: when what was first seen, and whether an error still waits for somebody."""

    def __init__(self) -> None:
        self.first: dict[str, int] = {}
        self.waits = False
        self._cycle = 0

    def record(self, inputs: Any, outputs: OlderOutputs, cpu: CpuView) -> None:
        """One more cycle."""
        for name, comes in MOMENTS.items():
            if (
                name not in self.first
                and AFTER.get(name, name) in (name, *self.first)
                and comes(inputs, outputs)
            ):
                self.first[name] = self._cycle
        self.waits = outputs.int_ or outputs.latch or outputs.cpu_error
        self._cycle += 1

    @property
    def reported(self) -> bool:
        """An error has asked for somebody."""
        return not self.first.keys().isdisjoint(("ERROR", "INT"))

    @property
    def order(self) -> str:
        """The moments in the order in which they came; those of one cycle are joined by +."""
        cycles = sorted(set(self.first.values()))
        return ", ".join(
            " + ".join(name for name in MOMENTS if self.first.get(name) == one) for one in cycles
        )


class _Driver(OlderDriver):
    """A CPU with its program on the model, of which only moments are kept."""

    def _new_recorder(self) -> Any:
        return _Moments()


def sweep_older(
    scenario: Scenario,
    machine: OlderMachine,
    pulses: Sequence[PinPulse],
    ranges: Sequence[range],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Sweep:
    """Run a scenario at every phase on a machine before the 486.

    Parameters
    ----------
    pulses: one event or two.
    ranges: the cycles of each.
    progress: called with the phases that have been run and how many there are.

    Raises
    ------
    InputError
        For a program or a pin that the machine does not have, and for ranges that are empty or too many.
    """
    first, second = ranges[0], ranges[1] if len(ranges) > 1 else range(1)
    if not first or not second:
        raise InputError("a sweep needs at least one cycle of each event")
    phases = list(product(first, second))
    if len(phases) > MOST:
        raise InputError(f"{len(phases)} phases: at most {MOST} fit into a sweep on {machine.value}")
    check_pins(scenario, machine, [one.pin for one in pulses])
    program = program_on(scenario, machine)
    model = OlderModelMachine(parameters_on(scenario, machine))
    found: list[SweepOutcome] = []
    longest = 0
    for number, cycles in enumerate(phases):
        alone = phase(scenario, pulses, cycles[: len(pulses)])
        model.power_up()
        driver = _Driver(model, program, alone.pins)
        diagnosis = driver.run(alone.limit)
        longest = max(longest, driver.cpu.cycle)
        found.append(_outcome(driver.recorder, driver.cpu.events, diagnosis))
        if number % 50 == 49:
            progress(number + 1, len(phases))
    outcomes = sorted(
        dict.fromkeys(found), key=lambda one: (list(VERDICTS).index(one.verdict), -found.count(one))
    )
    index = {one: position for position, one in enumerate(outcomes)}
    table = np.array([index[one] for one in found], dtype=np.uint16).reshape(len(first), len(second))
    return Sweep(
        scenario, machine, tuple(pulses), first, second, outcomes, table, len(phases), longest, on_model=True
    )


def _outcome(moments: Any, events: Sequence[CpuEvent], diagnosis: Diagnosis | None) -> SweepOutcome:
    verdict, detail = _verdict(moments, events, diagnosis)
    vectors = sorted({event.value for event in events if event.kind == "enters"})
    return SweepOutcome(verdict, detail, tuple(f"{vector:02X}h" for vector in vectors), moments.order)


def _verdict(moments: _Moments, events: Sequence[CpuEvent], diagnosis: Diagnosis | None) -> tuple[str, str]:
    unhandled = next((event.value for event in events if event.kind == "unhandled"), None)
    if unhandled is not None:
        return "deadlocked", f"vector or exit code {unhandled:02X}h has no handler"
    if diagnosis is not None:
        return ("endless", "") if diagnosis.reason == "no-end" else ("deadlocked", diagnosis.reason)
    if any(event.kind in ("enters", "#MF") for event in events):
        return "handled", ""
    if not moments.reported:
        return "ignored", ""
    return ("pending", "") if moments.waits else ("lost", "")
