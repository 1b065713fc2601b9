"""A scenario on a machine: drive, record, judge."""

from collections.abc import Sequence
from typing import NamedTuple

from ..model.pc import PcInputs
from ..model.registers import Generation
from .cpu import Cpu, Event
from .expectations import Verdict, unexpected_faults
from .machine import MACHINES
from .scenario import PinEvent, Scenario
from .trace import Recorder, Trace

TAIL = 6
"""Cycles that a run goes on after its program and its pin events, so that the last effects show."""


class Run(NamedTuple):
    """What came of a scenario on one generation."""

    scenario: Scenario
    generation: Generation
    trace: Trace
    events: list[Event]
    verdicts: list[Verdict]
    stuck: str | None
    """Why the program did not end within the scenario's limit, or None if it did."""

    @property
    def passed(self) -> bool:
        """Every expectation holds, no fault is unexpected and the program ended."""
        return self.stuck is None and all(verdict.holds for verdict in self.verdicts)


def run(scenario: Scenario, generation: Generation, on: str = "hdl") -> Run:
    """Run a scenario to its end, or to its limit of cycles.

    Parameters
    ----------
    on: "hdl", "model" or "lockstep".

    Raises
    ------
    Divergence
        In lockstep, if model and HDL differ.
    """
    machine = MACHINES[on](scenario.parameters_for(generation))
    cpu = Cpu(scenario.steps)
    recorder = Recorder()
    last_pin = scenario.pins[-1].cycle if scenario.pins else 0
    tail = TAIL
    while tail and cpu.cycle < scenario.limit:
        inputs = _with_pins(cpu.inputs, scenario.pins, cpu.cycle)
        if cpu.current is None and cpu.cycle > last_pin:
            tail -= 1
        outputs = machine.step(inputs)
        recorder.record(inputs, outputs)
        cpu.clock(outputs)
    trace = recorder.trace()
    expected = scenario.expected_on(generation)
    verdicts = [expectation.verdict(trace, cpu.events) for expectation in expected]
    verdicts += unexpected_faults(expected, cpu.events)
    return Run(scenario, generation, trace, cpu.events, verdicts, _stuck(cpu, scenario))


def _with_pins(inputs: PcInputs, pins: Sequence[PinEvent], cycle: int) -> PcInputs:
    level = True
    for event in pins:
        if event.cycle <= cycle:
            level = event.level
    return inputs._replace(ignne_n=level)


def _stuck(cpu: Cpu, scenario: Scenario) -> str | None:
    if cpu.current is None:
        return None
    step = cpu.current
    frozen = [event for event in cpu.events if event.step is step and event.kind == "freezes"]
    state = f"frozen since cycle {frozen[-1].cycle}" if frozen else "not over"
    return f"'{step.text}' (line {step.line}) is {state} after {scenario.limit} cycles"
