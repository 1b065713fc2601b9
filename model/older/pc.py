"""A PC before the 486, wired together: processor pins, coprocessor, latch or NMI logic, and the 8259As."""

from typing import NamedTuple

from ..chipset import FLOATING, IoAccess
from ..pic import Pic, PicInputs, PicRegisters
from ..registers import PORT_F0, PORT_F1, Cr0, ExceptionFlag
from ..reporting import Decision
from ..x87 import OperationRequest
from .at_latch import AtLatch, AtLatchInputs
from .npx import Npx, NpxOutputs
from .registers import HostCpu, Irq13From, OlderMachine, OlderParameters
from .waits import decide
from .xt_nmi import XtNmi


class OlderInputs(NamedTuple):
    """What goes into the PC in one cycle. The defaults are an idle cycle."""

    reset: bool = False
    """RESET, to all."""
    cr0: Cr0 = Cr0(0)
    """EM, TS and MP of the 80286 and 80386; NE does not exist."""
    operation: OperationRequest | None = None
    io: IoAccess | None = None
    irq: int = 0
    """Interrupt requests of other devices, 16 bits, active high; 8 on an XT. That of the cascade is not
    connected."""
    inta: bool = False
    """One of the two INTA pulses with which the processor acknowledges INTR."""
    parity: bool = False
    """XT: a parity error of the memory."""
    iochk: bool = False
    """XT: I/O channel check."""


class OlderOutputs(NamedTuple):
    """What the PC shows in the same cycle, before the rising edge."""

    decision: Decision
    """READY, FREEZE (held, to be presented again), MF or NM; IDLE without an operation."""
    busy: bool
    """BUSY as the processor sees it (TEST on the 8088)."""
    npx_busy: bool
    """The coprocessor executes."""
    error: bool
    """The coprocessor's ERROR (80287, 80387)."""
    cpu_error: bool
    """ERROR at the processor: 0 on an AT."""
    latch: bool
    """L."""
    int_: bool
    """INT of the 8087."""
    nmi: bool
    """NMI as the XT's logic drives it."""
    nmi_enable: bool
    """Bit 7 of port A0h."""
    pereq: bool
    """PEREQ at the 80386."""
    irq13: bool
    """The coprocessor's interrupt request: IRQ 13, on a PC-98 IRQ 8 or 14."""
    ir13: bool
    """The line that it is on, which another device may drive too."""
    flags: ExceptionFlag
    masks: ExceptionFlag
    interrupt_mask: bool
    es: bool
    io_data: int
    """What an IN reads, 8 bits."""
    intr: bool
    vector: int
    """The data bus in an INTA pulse, 8 bits: the vector in the second one, else FFh."""
    cpu_reset: bool
    """PC-98: port F0h resets the processor, and nothing else (**choice**) [N6]."""
    slave_int: bool
    master: PicRegisters
    slave: PicRegisters


class OlderPc:
    """The machine of these parameters."""

    def __init__(self, parameters: OlderParameters) -> None:
        self.parameters = parameters
        self.npx = Npx(parameters)
        self.at_latch = AtLatch()
        self.xt_nmi = XtNmi(parameters.installed)
        self.master = Pic(master=True)
        self.slave = Pic(master=False)

    def step(self, inputs: OlderInputs) -> OlderOutputs:
        """One cycle: the settled outputs, then the rising edge."""
        outputs = self.settle(inputs)
        self.clock(inputs, outputs)
        return outputs

    def settle(self, inputs: OlderInputs) -> OlderOutputs:
        """The outputs of this cycle for these inputs; changes nothing."""
        npx = self.npx.settled
        latch = self.at_latch.latch
        busy = npx.busy or latch or npx.int_
        decision = Decision.IDLE
        if inputs.operation is not None:
            decision = decide(inputs.operation.code, inputs.cr0, busy, npx, self.parameters)
        master = self.master.settle(self._pic_inputs(inputs, self.parameters.pics.master))
        slave = self.slave.settle(self._pic_inputs(inputs, self.parameters.pics.slave, cas=master.cas))
        vectors = [one.vector for one in self._pics(master, slave) if one.vector is not None]
        irq13 = self._irq13(npx)
        xt = self.parameters.machine is OlderMachine.XT8087
        return OlderOutputs(
            decision=decision,
            busy=busy,
            npx_busy=npx.busy,
            error=npx.error,
            cpu_error=npx.error and self.parameters.native,
            latch=latch,
            int_=npx.int_,
            nmi=xt and self.xt_nmi.nmi(npx.int_, inputs.parity, inputs.iochk),
            nmi_enable=self.xt_nmi.enable,
            pereq=self._pereq(npx, latch),
            irq13=irq13,
            ir13=irq13 or self._other_device(inputs),
            flags=npx.flags,
            masks=npx.masks,
            interrupt_mask=npx.interrupt_mask,
            es=npx.es,
            io_data=self._io_data(inputs.io, master.data, slave.data),
            intr=master.int_,
            # Both answer only if they are programmed wrongly; then the master's is taken (**choice**).
            vector=vectors[0] if vectors else FLOATING,
            cpu_reset=self.parameters.machine is OlderMachine.PC98 and _writes(inputs.io, PORT_F0),
            slave_int=slave.int_ and not xt,
            master=master.registers,
            slave=slave.registers,
        )

    def clock(self, inputs: OlderInputs, outputs: OlderOutputs) -> None:
        """The rising edge, after `outputs` have settled.

        Parameters
        ----------
        inputs : OlderInputs
            Of this cycle.
        outputs : OlderOutputs
            What `settle` gave for them.
        """
        wiring = self.parameters.pics
        requests = inputs.irq
        if self.parameters.npx_irq is not None:
            requests |= outputs.irq13 << self.parameters.npx_irq
        master = self._pic_inputs(inputs, wiring.master)
        slave = self._pic_inputs(inputs, wiring.slave, cas=self.master.settle(master).cas)
        low = requests & 0xFF
        if wiring.slave is not None:
            low = low & ~(1 << wiring.cascade) | outputs.slave_int << wiring.cascade
        self.master.clock(master._replace(ir=low))
        if wiring.slave is not None:
            self.slave.clock(slave._replace(ir=requests >> 8))
        at = self.parameters.machine in (OlderMachine.AT286, OlderMachine.AT386)
        f1 = at and _writes(inputs.io, PORT_F1)
        npx_reset = inputs.reset or f1
        if self.parameters.has_latch:
            clear = inputs.reset or _writes(inputs.io, self.parameters.clear_port)
            clear = clear or (f1 and self.parameters.f1_clears_latch)
            self.at_latch.clock(AtLatchInputs(outputs.error, clear, npx_reset))
        if self.parameters.machine is OlderMachine.XT8087:
            self.xt_nmi.clock(inputs.io, inputs.reset)
        self.npx.clock(inputs.operation if outputs.decision is Decision.READY else None, npx_reset)

    def _irq13(self, npx: NpxOutputs) -> bool:
        """What asks for the interrupt: the latch or ERROR, or a PC-98's 8087 [6.1, N1]."""
        if self.parameters.cpu is HostCpu.I8086:
            return npx.int_ and self.parameters.machine is OlderMachine.PC98
        if not self.parameters.has_latch:
            return False
        from_latch = self.parameters.irq13_from is Irq13From.LATCH
        return self.at_latch.latch if from_latch else npx.error

    def _pereq(self, npx: NpxOutputs, latch: bool) -> bool:
        """The board asks for the data of a store that the error has cut short, so that it ends [C11]."""
        if self.parameters.cpu is not HostCpu.I80386:
            return False
        return npx.pereq or (latch and not npx.busy)

    def _other_device(self, inputs: OlderInputs) -> bool:
        irq = self.parameters.npx_irq
        return irq is not None and bool(inputs.irq >> irq & 1)

    def _pics(self, master, slave) -> tuple:
        return (master,) if self.parameters.pics.slave is None else (master, slave)

    def _io_data(self, io: IoAccess | None, master: int, slave: int) -> int:
        if io is None or io.write:
            return FLOATING
        wiring = self.parameters.pics
        lower = io.address & ~(1 << wiring.a0)
        if lower == wiring.master:
            return master
        return slave if lower == wiring.slave else FLOATING

    def _pic_inputs(self, inputs: OlderInputs, port: int | None, cas: int = 0) -> PicInputs:
        """What an 8259A sees of the buses; its IR inputs are added at the edge."""
        quiet = PicInputs(reset=inputs.reset, inta=inputs.inta, cas=cas)
        io, a0 = inputs.io, self.parameters.pics.a0
        if io is None or port is None or io.address & ~(1 << a0) != port:
            return quiet
        return quiet._replace(write=io.write, read=not io.write, a0=bool(io.address >> a0 & 1), data=io.data)


def _writes(io: IoAccess | None, port: int) -> bool:
    return io is not None and io.write and io.address == port
