"""A PC/AT as far as this error is concerned: processor, chipset and the two 8259As, wired together."""

from typing import NamedTuple

from .chipset import FLOATING, Chipset, ChipsetInputs, IoAccess
from .msr import MsrRequest, MsrResponse
from .pic import Pic, PicInputs, PicRegisters
from .processor import Processor, ProcessorInputs
from .registers import PORT_F0, Cr0, ExceptionFlag, Hwcr, Parameters, Wiring
from .reporting import Decision
from .x87 import OperationRequest


class PcInputs(NamedTuple):
    """What goes into the PC in one cycle. The defaults are an idle cycle."""

    reset: bool = False
    """RESET, to all."""
    ignne_n: bool = True
    """A second open-drain driver on the IGNNE# wire; the chipset is the first."""
    cr0: Cr0 = Cr0(0)
    operation: OperationRequest | None = None
    msr: MsrRequest | None = None
    msr_response_ready: bool = True
    io: IoAccess | None = None
    ferr_enable: bool | None = None
    """A write to the chipset's enable bit, or None."""
    guest_mode: bool = False
    intercept_ferr_freeze: bool = False
    """With `guest_mode`: #VMEXIT instead of a freeze (AMD64)."""
    irq: int = 0
    """Interrupt requests 15-0 of other devices, 16 bits, active high. Bit 2 is not connected."""
    inta: bool = False
    """One of the two INTA pulses with which the processor acknowledges INTR."""


class PcOutputs(NamedTuple):
    """What the PC shows in the same cycle, before the rising edge."""

    decision: Decision
    """The answer of the operation port: at most one of ready, freeze, window, mf, nm, ud, vmexit."""
    ferr_n: bool
    """FERR#, active low."""
    irq13: bool
    """IRQ 13 as FF1 drives it, active high."""
    ir13: bool
    """The wire at IR5 of the slave: FF1's output or another device's, active high."""
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
    """IgnneEm and AllowFerrOnNe, as they act."""
    ignne_msr: bool
    ferr_enable: bool
    msr_ready: bool
    msr_response: MsrResponse | None
    io_data: int
    """What an IN reads, 8 bits."""
    intr: bool
    """INTR, from the master 8259A."""
    exit_code: int
    """07Eh in a cycle with #VMEXIT, else 0; 8 bits."""
    vector: int
    """The data bus in an INTA pulse, 8 bits: the vector in the second one, else FFh."""
    slave_int: bool
    """INT of the slave, to IR2 of the master."""
    master: PicRegisters
    slave: PicRegisters


class Pc:
    """FERR# goes from the processor to the chipset, IGNNE# back; IRQ 13 goes to IR5 of the slave 8259A."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.processor = Processor(parameters)
        self.chipset = Chipset(parameters)
        self.master = Pic(master=True)
        self.slave = Pic(master=False)

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
        pics = self.parameters.pics
        master = self.master.settle(self._pic_inputs(inputs, pics.master))
        slave = self.slave.settle(self._pic_inputs(inputs, pics.slave, cas=master.cas))
        vectors = [vector for vector in (master.vector, slave.vector) if vector is not None]
        return PcOutputs(
            decision=processor.decision,
            ferr_n=processor.ferr_n,
            irq13=chipset.irq13,
            ir13=bool(self._requests(inputs, chipset.irq13) >> self.parameters.fpu_irq & 1),
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
            io_data=self._io_data(inputs.io, master.data, slave.data),
            intr=master.int_,
            exit_code=processor.exit_code,
            # Both answer only if they are programmed wrongly; then the master's is taken (**choice**).
            vector=vectors[0] if vectors else FLOATING,
            slave_int=slave.int_,
            master=master.registers,
            slave=slave.registers,
        )

    def clock(self, inputs: PcInputs, outputs: PcOutputs) -> None:
        """The rising edge, after `outputs` have settled.

        Parameters
        ----------
        inputs : PcInputs
            Of this cycle.
        outputs : PcOutputs
            What `settle` gave for them.
        """
        pics = self.parameters.pics
        master = self._pic_inputs(inputs, pics.master)
        slave = self._pic_inputs(inputs, pics.slave, cas=self.master.settle(master).cas)
        requests = self._requests(inputs, outputs.irq13)
        cascade = outputs.slave_int << pics.cascade
        self.master.clock(master._replace(ir=requests & 0xFF & ~(1 << pics.cascade) | cascade))
        self.slave.clock(slave._replace(ir=requests >> 8))
        self.chipset.clock(self._chipset_inputs(inputs))
        self.processor.clock(self._processor_inputs(inputs, outputs.ignne_n), outputs.decision)

    def _requests(self, inputs: PcInputs, irq13: bool) -> int:
        """The request lines: FF1 and another device may drive the same one."""
        return inputs.irq | irq13 << self.parameters.fpu_irq

    def _io_data(self, io: IoAccess | None, master: int, slave: int) -> int:
        if io is None or io.write:
            return FLOATING
        pics = self.parameters.pics
        return {pics.master: master, pics.slave: slave}.get(pics.chip(io.address), FLOATING)

    def _pic_inputs(self, inputs: PcInputs, port: int | None, cas: int = 0) -> PicInputs:
        """What an 8259A with that lower port sees of the buses; its IR inputs are added at the edge."""
        quiet = PicInputs(reset=inputs.reset, inta=inputs.inta, cas=cas)
        io, pics = inputs.io, self.parameters.pics
        if io is None or pics.chip(io.address) != port:
            return quiet
        a0 = bool(io.address >> pics.a0 & 1)
        return quiet._replace(write=io.write, read=not io.write, a0=a0, data=io.data)

    def _chipset_inputs(self, inputs: PcInputs) -> ChipsetInputs:
        return ChipsetInputs(inputs.reset, self.processor.ferr_n, inputs.io, inputs.ferr_enable)

    def _processor_inputs(self, inputs: PcInputs, ignne_n: bool) -> ProcessorInputs:
        return ProcessorInputs(
            reset=inputs.reset or resets_processor(inputs.io, self.parameters),
            ignne_n=ignne_n,
            cr0=inputs.cr0,
            operation=inputs.operation,
            msr=inputs.msr,
            msr_response_ready=inputs.msr_response_ready,
            guest_mode=inputs.guest_mode,
            intercept_ferr_freeze=inputs.intercept_ferr_freeze,
            f0_write=_writes(inputs.io, self.parameters.fpu_port),
        )


def resets_processor(io: IoAccess | None, parameters: Parameters) -> bool:
    """A write of a PC-98's port F0h: RESET of the processor with its x87 unit, and of nothing else [N6].

    (**choice**: what else SHUT0 and SHUT1 restart is not modelled.)

    Parameters
    ----------
    io : IoAccess or None
        The access of this cycle.
    parameters : Parameters
        Of the PC.
    """
    return parameters.wiring is Wiring.PC98 and _writes(io, PORT_F0)


def _writes(io: IoAccess | None, port: int) -> bool:
    return io is not None and io.write and io.address == port
