"""A PC/AT as far as this error is concerned: processor and chipset, wired together."""

from typing import NamedTuple

from .chipset import FLOATING, Chipset, ChipsetInputs, IoAccess
from .msr import MsrRequest, MsrResponse
from .processor import Processor, ProcessorInputs
from .registers import PORT_F0, Cr0, ExceptionFlag, Hwcr, Parameters
from .reporting import Decision
from .x87 import OperationRequest


class PcInputs(NamedTuple):
    """What goes into the PC in one cycle. The defaults are an idle cycle."""

    reset: bool = False
    """RESET, to processor and chipset."""
    ignne_n: bool = True
    """A second open-drain driver on the IGNNE# wire; the chipset is the first."""
    cr0: Cr0 = Cr0(0)
    operation: OperationRequest | None = None
    msr: MsrRequest | None = None
    msr_response_ready: bool = True
    io: IoAccess | None = None
    ferr_enable: bool | None = None
    """A write to the chipset's enable bit, or None."""


class PcOutputs(NamedTuple):
    """What the PC shows in the same cycle, before the rising edge."""

    decision: Decision
    """The answer of the operation port: at most one of ready, freeze, window, mf, nm, ud."""
    ferr_n: bool
    """FERR#, active low."""
    irq13: bool
    """IRQ 13, active high."""
    chipset_ignne_n: bool
    """IGNNE# as the chipset drives it, active low."""
    ignne_n: bool
    """The IGNNE# wire at the processor's pin, active low."""
    ignne: bool
    """IGNNE in effect."""
    flags: ExceptionFlag
    """Status word bits 6:0."""
    masks: ExceptionFlag
    """Control word bits 5:0."""
    es: bool
    hwcr: Hwcr
    ignne_msr: bool
    ferr_enable: bool
    msr_ready: bool
    msr_response: MsrResponse | None
    io_data: int
    """What an IN reads, 8 bits."""


class Pc:
    """Processor and chipset. FERR# goes one way, IGNNE# the other."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.processor = Processor(parameters)
        self.chipset = Chipset(parameters)

    def step(self, inputs: PcInputs) -> PcOutputs:
        """One cycle: the settled outputs, then the rising edge."""
        outputs = self.settle(inputs)
        self.clock(inputs, outputs)
        return outputs

    def settle(self, inputs: PcInputs) -> PcOutputs:
        """The outputs of this cycle for these inputs; changes nothing."""
        chipset = self.chipset.settle(self._chipset_inputs(inputs))
        ignne_n = chipset.ignne_n and inputs.ignne_n
        processor = self.processor.settle(self._processor_inputs(inputs, ignne_n))
        return PcOutputs(
            decision=processor.decision,
            ferr_n=processor.ferr_n,
            irq13=chipset.irq13,
            chipset_ignne_n=chipset.ignne_n,
            ignne_n=ignne_n,
            ignne=processor.ignne,
            flags=processor.flags,
            masks=processor.masks,
            es=processor.es,
            hwcr=processor.hwcr,
            ignne_msr=processor.ignne_msr,
            ferr_enable=chipset.ferr_enable,
            msr_ready=processor.msr_ready,
            msr_response=processor.msr_response,
            io_data=FLOATING,
        )

    def clock(self, inputs: PcInputs, outputs: PcOutputs) -> None:
        """The rising edge, after `outputs` have settled."""
        self.chipset.clock(self._chipset_inputs(inputs))
        self.processor.clock(self._processor_inputs(inputs, outputs.ignne_n), outputs.decision)

    def _chipset_inputs(self, inputs: PcInputs) -> ChipsetInputs:
        return ChipsetInputs(inputs.reset, self.processor.ferr_n, inputs.io, inputs.ferr_enable)

    def _processor_inputs(self, inputs: PcInputs, ignne_n: bool) -> ProcessorInputs:
        return ProcessorInputs(
            reset=inputs.reset,
            ignne_n=ignne_n,
            cr0=inputs.cr0,
            operation=inputs.operation,
            msr=inputs.msr,
            msr_response_ready=inputs.msr_response_ready,
            f0_write=inputs.io is not None and inputs.io.write and inputs.io.address == PORT_F0,
        )
