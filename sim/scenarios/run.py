"""A scenario on a machine: drive, record, judge."""

from collections.abc import Sequence, Set
from typing import Any, NamedTuple

from ...model.older import OlderMachine
from ...model.pc import PcInputs, PcOutputs
from ...model.registers import Generation, Parameters, Wiring
from ..cpu.cpu import Cpu
from ..cpu.diagnosis import Diagnosis, diagnose, endless
from ..cpu.events import CpuEvent
from ..cpu.program import Program
from ..cpu.state import PINS as CPU_PINS
from ..machines.machine import Machine, machine_for
from ..waveform.recorder import Recorder, SignalRecorder
from ..waveform.signals import BY_NAME
from ..waveform.trace import Trace
from .expectations import Expectation, Verdict
from .scenario import PINS, PinEvent, Scenario, SecondProcessor
from .unexpected import unexpected

TAIL = 6
"""Cycles that a run goes on after its program and its pin events, so that the last effects show."""


class ScenarioRun(NamedTuple):
    """What came of a scenario on one generation."""

    scenario: Scenario
    generation: Generation | OlderMachine
    trace: Trace
    events: list[CpuEvent]
    verdicts: list[Verdict]
    diagnosis: Diagnosis | None
    """Why the program did not end, or None if it did."""

    @property
    def passed(self) -> bool:
        """Every expectation holds, and nothing happened that none speaks of."""
        return all(verdict.holds for verdict in self.verdicts)


def run_scenario(scenario: Scenario, generation: Generation, on: str | Machine = "hdl") -> ScenarioRun:
    """Run a scenario to its end, until it is stuck for good, or to its limit of cycles.

    Parameters
    ----------
    on: "hdl", "model", "lockstep", or a machine at its state at power-up, such as a `Board`.

    Raises
    ------
    Divergence
        In lockstep, if model and HDL differ.
    InputError
        If there are two processors, for anything but a name: boards and other machines have one.
    """
    if scenario.second:
        return _run_two(scenario, scenario.second, generation, on)
    machine = machine_for(on, scenario.parameters_for(generation))
    driver = Driver(machine, scenario.program, scenario.pins)
    diagnosis = driver.run(scenario.limit)
    trace, events = driver.recorder.trace(scenario.title), driver.cpu.events
    return _judged(scenario, generation, trace, events, diagnosis)


def _run_two(
    scenario: Scenario, second: SecondProcessor, generation: Generation, on: str | Machine
) -> ScenarioRun:
    # Most scenarios have one processor and need not wait for these.
    from ..machines.two_processors import two_processor_machine_for
    from .two_driver import TwoProcessorDriver

    machine = two_processor_machine_for(on, scenario.parameters_for(generation), second.wired)
    driver = TwoProcessorDriver(machine, scenario, second)
    stuck = driver.run(scenario.limit, TAIL)
    trace, events = driver.recorder.trace(scenario.title), driver.events
    # What is frozen says more than what waits for it.
    diagnosis = max(stuck, key=lambda one: " is frozen " in one.text, default=None)
    if diagnosis:
        diagnosis = diagnosis._replace(text="\n".join(one.text for one in stuck))
    return _judged(scenario, generation, trace, events, diagnosis)


def _judged(
    scenario: Scenario,
    generation: Generation,
    trace: Trace,
    events: list[CpuEvent],
    diagnosis: Diagnosis | None,
) -> ScenarioRun:
    expected, passed_over = scenario.expected_on(generation), []
    if scenario.parameters.wiring is Wiring.PC98:
        # What [machine.PC98] expects may be of signals that only older processors have.
        passed_over = [one for one in expected if not one.signals <= BY_NAME.keys()]
        expected = [one for one in expected if one.signals <= BY_NAME.keys()]
    verdicts = [expectation.verdict(trace, events) for expectation in expected]
    verdicts += unexpected(expected, events)
    verdicts += not_judged(passed_over, BY_NAME.keys(), "a PC-98 with a 486")
    return ScenarioRun(scenario, generation, trace, events, verdicts, diagnosis)


def not_judged(expectations: Sequence[Expectation], known: Set[str], machine: str) -> list[Verdict]:
    """A verdict for each expectation of signals that a machine lacks: it holds, and says which.

    Parameters
    ----------
    known
        Names of the signals that the machine has.
    machine
        What the machine is called in the verdict.
    """
    return [
        Verdict(
            one.line,
            one.text,
            True,
            f"not judged: there is no {', '.join(sorted(one.signals - known))} on {machine}",
        )
        for one in expectations
    ]


class Driver:
    """A CPU with its program on a machine, and pins that change at given cycles.

    Parameters
    ----------
    machine : Machine
        At its state at power-up.
    program : Program
        What the CPU runs.
    pins : sequence of PinEvent
        By cycle.

    Attributes
    ----------
    cpu, recorder: what runs and what has been recorded.
    """

    def __init__(self, machine: Any, program: Program, pins: Sequence[PinEvent] = ()) -> None:
        self.machine = machine
        self.cpu = self._new_cpu(program)
        self.recorder = self._new_recorder()
        self._pins = list(pins)
        self._levels = dict(PINS)
        self._quiet = 0
        self._last: tuple[PcInputs, PcOutputs] | None = None

    def run(self, limit: int) -> Diagnosis | None:
        """Until the program is over (None), or until it is clear that it never will be (why)."""
        tail = TAIL
        settled = self._longest()
        while tail:
            # An interrupt taken behind the last step is no end: its handler has to run too.
            over = self.cpu.current is None
            tail = tail - (not self._pins) if over else TAIL
            self.step()
            if self.cpu.current is None:
                continue
            if self.cpu.waiting and self._quiet > settled and not self._pins:
                since = self.cpu.cycle - self._quiet
                return self._stuck(self._diagnose(since))
            if self.cpu.cycle >= limit:
                return self._stuck(endless(self.cpu, limit))
        return None

    def step(self) -> PcOutputs:
        """One cycle."""
        while self._pins and self._pins[0].cycle <= self.cpu.cycle:
            event = self._pins.pop(0)
            self._levels[event.pin] = event.level
        self.cpu.pins = {pin: self._levels[pin] for pin in CPU_PINS}
        if self._levels["reset"]:
            self.cpu.reset()
        inputs = self._with_pins(self.cpu.inputs)
        view = self.cpu.view()
        outputs = self.machine.step(inputs)
        self.recorder.record(inputs, outputs, view)
        # Nothing moves while a waiting CPU drives and sees the same, cycle after cycle.
        self._quiet = self._quiet + 1 if (inputs, outputs) == self._last else 0
        self._last = inputs, outputs
        self._outputs = outputs
        self._wire(outputs)
        self.cpu.clock(outputs)
        return outputs

    # What an older machine has otherwise

    def _new_cpu(self, program: Program) -> Cpu:
        return Cpu(program, self.machine.parameters)

    def _new_recorder(self) -> SignalRecorder:
        return Recorder(self.machine.parameters)

    def _longest(self) -> int:
        """Cycles that every counter of the design takes to run out, with some to spare."""
        parameters: Parameters = self.machine.parameters
        return 2 * parameters.synchroniser_stages + parameters.nowait_window + 8

    def _diagnose(self, since: int) -> Diagnosis:
        assert self._last is not None
        lines = self._last[0].irq
        return diagnose(self.cpu, self._outputs, self.machine.parameters, since, lines)

    def _wire(self, outputs: PcOutputs) -> None:
        """Pins of the processor that the machine drives, beside INTR."""

    def _with_pins(self, inputs: PcInputs) -> PcInputs:
        irq = sum(1 << int(pin[3:]) for pin, level in self._levels.items() if level and pin[:3] == "irq")
        return inputs._replace(
            reset=inputs.reset or self._levels["reset"], ignne_n=self._levels["ignne_n"], irq=irq
        )

    def _stuck(self, diagnosis: Diagnosis) -> Diagnosis:
        for step in diagnosis.loop or (diagnosis.step,):
            self.cpu.events.append(CpuEvent(diagnosis.since, step, f"stuck:{diagnosis.reason}"))
        return diagnosis
