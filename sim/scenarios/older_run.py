"""A scenario on a machine before the 486: drive, record, judge."""

from typing import Any

from ...model.older import OlderInputs, OlderMachine, OlderOutputs
from ..cpu.diagnosis import Diagnosis
from ..cpu.older import OlderCpu
from ..cpu.older_diagnosis import diagnose_older
from ..cpu.program import Program
from ..machines.older import OlderRunner, older_machine_for
from ..waveform.older_signals import older_signals
from ..waveform.recorder import OlderRecorder, SignalRecorder
from .older import XT_PINS, expected_on, parameters_on, program_on
from .run import Driver, ScenarioRun, not_judged
from .scenario import Scenario
from .unexpected import unexpected


def run_on_older(scenario: Scenario, machine: OlderMachine, on: str | OlderRunner = "hdl") -> ScenarioRun:
    """Run a scenario on an older machine; parameters and errors as of `run_scenario`.

    What it expects of signals that the machine does not have is passed over, and says so.

    Parameters
    ----------
    scenario : Scenario
        With one processor.
    machine : OlderMachine
        Any, named by the scenario or not.
    on : str or OlderRunner
        'hdl', 'model', 'lockstep', or a machine at its state at power-up.

    Raises
    ------
    InputError
        If the program uses what the machine lacks.
    Divergence
        In lockstep, if model and HDL differ.
    """
    driver = OlderDriver(
        older_machine_for(on, parameters_on(scenario, machine)), program_on(scenario, machine), scenario.pins
    )
    diagnosis = driver.run(scenario.limit)
    trace, events = driver.recorder.trace(scenario.title), driver.cpu.events
    judged, passed_over = expected_on(scenario, machine)
    verdicts = [expectation.verdict(trace, events) for expectation in judged]
    verdicts += unexpected(judged, events)
    known = {signal.name for signal in older_signals(driver.machine.parameters)}
    verdicts += not_judged(passed_over, known, machine.value)
    return ScenarioRun(scenario, machine, trace, events, verdicts, diagnosis)


class OlderDriver(Driver):
    """A CPU with its program on an older machine.

    Parameters
    ----------
    machine : OlderRunner
        At its state at power-up.
    program : Program
        As `program_on` gives it.
    pins : sequence of PinEvent
        By cycle.
    """

    cpu: OlderCpu

    def __init__(self, machine: Any, program: Program, pins=()) -> None:
        super().__init__(machine, program, pins)
        self._levels |= dict.fromkeys(XT_PINS, False)

    def _new_cpu(self, program: Program) -> OlderCpu:
        return OlderCpu(program, self.machine.parameters)

    def _new_recorder(self) -> SignalRecorder:
        return OlderRecorder(self.machine.parameters)

    def _longest(self) -> int:
        return self.machine.parameters.npx_cycles + 12

    def _diagnose(self, since: int) -> Diagnosis:
        outputs: Any = self._outputs
        return diagnose_older(self.cpu, outputs, since)

    def _wire(self, outputs: Any) -> None:
        now: OlderOutputs = outputs
        self.cpu.pins["nmi"] |= now.nmi

    def _with_pins(self, inputs: Any) -> Any:
        now: OlderInputs = inputs
        irq = sum(1 << int(pin[3:]) for pin, level in self._levels.items() if level and pin[:3] == "irq")
        parity, iochk = self._levels["parity"], self._levels["iochk"]
        return now._replace(reset=now.reset or self._levels["reset"], irq=irq, parity=parity, iochk=iochk)
