"""A PC/AT with a second processor on the FERR# and IGNNE# wires.

FERR# is wired: the line is low if either output is. IGNNE# of FF2 goes to both. INTR goes to processor a, the
boot processor, alone, as in the PIC mode of the MP Specification (3.6.4); processor b never sees it. RESET
goes to all. Intel supports two processors in native mode only (SDM1 D.2.1), where the FERR# of the second one
need not be connected (MP Specification 3.6.4): `b_wired`.
"""

from typing import NamedTuple

from .chipset import ChipsetInputs
from .msr import MsrRequest
from .pc import Pc, PcInputs, PcOutputs
from .processor import Processor, ProcessorInputs, ProcessorOutputs
from .registers import PORT_F0, Cr0, Parameters
from .x87 import OperationRequest


class TwoProcessorInputs(NamedTuple):
    """What goes into the PC in one cycle."""

    pc: PcInputs
    """Processor a, and all that the two share. The I/O bus is one: a cycle has one access at most."""
    b_cr0: Cr0 = Cr0(0)
    b_operation: OperationRequest | None = None
    b_msr: MsrRequest | None = None
    b_msr_response_ready: bool = True
    b_io: bool = False
    """The access on the I/O bus is processor b's; read only with `port_emulation`."""


class TwoProcessorOutputs(NamedTuple):
    """What it shows in the same cycle, before the rising edge."""

    pc: PcOutputs
    """Processor a, and all that the two share. Its `ferr_n` is the wire."""
    a_ferr_n: bool
    """FERR# as processor a drives it, active low."""
    b: ProcessorOutputs


class _WiredPc(Pc):
    """The PC of processor a, with what the other one does to wires and buses."""

    def __init__(self, parameters: Parameters, b_wired: bool) -> None:
        super().__init__(parameters)
        self.b_wired = b_wired
        self.b = Processor(parameters)
        self.b_io = False

    @property
    def ferr_n(self) -> bool:
        """The wire: low if either processor pulls it."""
        return self.processor.ferr_n and (self.b.ferr_n or not self.b_wired)

    def _chipset_inputs(self, inputs: PcInputs) -> ChipsetInputs:
        return super()._chipset_inputs(inputs)._replace(ferr_n=self.ferr_n)

    def _processor_inputs(self, inputs: PcInputs, ignne_n: bool) -> ProcessorInputs:
        own = super()._processor_inputs(inputs, ignne_n)
        return own._replace(f0_write=own.f0_write and not self.b_io)


class TwoProcessorPc:
    """A PC with two processors.

    Parameters
    ----------
    parameters: of both processors and of the chipset.
    b_wired: FERR# and IGNNE# of processor b are connected; otherwise its FERR# goes nowhere, and its IGNNE#
        input is negated.
    """

    def __init__(self, parameters: Parameters, b_wired: bool = True) -> None:
        self._pc = _WiredPc(parameters, b_wired)

    def step(self, inputs: TwoProcessorInputs) -> TwoProcessorOutputs:
        """One cycle: the settled outputs, then the rising edge."""
        outputs = self.settle(inputs)
        b = self._b_inputs(inputs, outputs.pc.ignne_n)
        self._pc.clock(inputs.pc, outputs.pc)
        self._pc.b.clock(b, outputs.b.decision)
        return outputs

    def settle(self, inputs: TwoProcessorInputs) -> TwoProcessorOutputs:
        """The outputs of this cycle for these inputs; changes nothing."""
        self._pc.b_io = inputs.b_io
        pc = self._pc.settle(inputs.pc)
        b = self._pc.b.settle(self._b_inputs(inputs, pc.ignne_n))
        return TwoProcessorOutputs(pc._replace(ferr_n=self._pc.ferr_n), self._pc.processor.ferr_n, b)

    def _b_inputs(self, inputs: TwoProcessorInputs, ignne_n: bool) -> ProcessorInputs:
        io = inputs.pc.io
        return ProcessorInputs(
            reset=inputs.pc.reset,
            ignne_n=ignne_n or not self._pc.b_wired,
            cr0=inputs.b_cr0,
            operation=inputs.b_operation,
            msr=inputs.b_msr,
            msr_response_ready=inputs.b_msr_response_ready,
            f0_write=inputs.b_io and io is not None and io.write and io.address == PORT_F0,
        )
