"""What the ports of a PC do, as a `Trace`; and against the reference model, in every cycle."""

from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, ReadOnly, RisingEdge

from ...model.pc import PcInputs, PcOutputs
from ...model.registers import Parameters
from ..machines.machine import ModelMachine, OutputComparison
from ..machines.ports import INPUTS, OUTPUTS, join, read_inputs, unpack
from ..support.errors import InputError
from ..timing.assertions import TimingViolation
from ..timing.results import is_failure, report_text
from ..timing.rule_file import check_rules, load_rules
from ..waveform.recorder import Recorder
from ..waveform.trace import Trace
from ..waveform.vcd_writer import write_waveform
from .pins import PinError, Pins, parameters_for


class Monitor:
    """Records every cycle: the present one, if the clock is high, or else from the next rising edge on.

    A level is that at the falling edge: inputs have to change behind a rising edge or at the falling one.

    Parameters
    ----------
    dut: a PC of the exported Verilog, or whatever has its ports under these names.
    parameters: of the design; by default what the module's name says.
    prefix: what stands before the name of each port in the design.
    clock: the name of the clock.

    Raises
    ------
    PinError
        If the design lacks one of the ports, or in the test itself at a level that is neither 0 nor 1.
    """

    def __init__(
        self, dut: Any, parameters: Parameters | None = None, *, prefix: str = "", clock: str = "clk"
    ) -> None:
        self.parameters = parameters_for(dut, parameters)
        self._pins = Pins(dut, [*INPUTS, *OUTPUTS], prefix=prefix, clock=clock)
        self._recorder = Recorder(self.parameters)
        # What it raises ends the test.
        self._task = cocotb.start_soon(self._run())

    @property
    def cycles(self) -> int:
        """How many it has recorded."""
        return self._recorder.cycles

    def trace(self, title: str = "") -> Trace:
        """What has been recorded so far, under the names that `irq13 run` writes."""
        return self._recorder.trace(title)

    def check(self, rules: str = "contract") -> None:
        """Hold what has been recorded to a rule file, by default to the cycle contract.

        Raises
        ------
        TimingViolation
            With each rule that is broken, what was found, and the waveform around it.
        SourceError, OSError
            For a rule file that is none.
        """
        reports = check_rules(load_rules(rules), self.trace())
        broken = [report_text(report) for report in reports if is_failure(report, strict=False)]
        if broken:
            raise TimingViolation("\n".join(broken))

    def write(self, path: str | Path) -> None:
        """The waveform as a VCD. Raises OSError."""
        write_waveform(self.trace(), path)

    async def _run(self) -> None:
        clock = self._pins.clock
        if str(clock.value) != "1":
            await RisingEdge(clock)
        while True:
            await FallingEdge(clock)
            await ReadOnly()
            levels = self._pins.levels()
            try:
                inputs = read_inputs(levels)
            except InputError as error:
                raise PinError(f"cycle {self.cycles}: {error}") from None
            outputs = unpack(join(levels, OUTPUTS))
            self._compare(inputs, outputs)
            self._recorder.record(inputs, outputs)

    def _compare(self, inputs: PcInputs, outputs: PcOutputs) -> None:
        """Before a cycle is recorded."""


class Scoreboard(Monitor):
    """A monitor that steps the reference model beside the design and compares every output in every cycle.

    The model begins as after power-up: start the scoreboard behind `power_up`, before anything else happens.
    At the first difference the test fails with `Divergence`: the cycle, the signals, and the cycles before.

    Parameters
    ----------
    dut, parameters, **options
        As of `Monitor`.
    """

    def __init__(self, dut: Any, parameters: Parameters | None = None, **options: Any) -> None:
        super().__init__(dut, parameters, **options)
        self._model = ModelMachine(self.parameters)
        self._comparison = OutputComparison("design")

    def _compare(self, inputs: PcInputs, outputs: PcOutputs) -> None:
        expected = self._model.step(inputs)
        self._comparison.compare(inputs, expected, outputs)
        self._comparison.passed(inputs, outputs)
