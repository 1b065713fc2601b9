"""A PC before the 486, wired together: processor pins, coprocessor, latch or NMI logic, and the 8259As."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.wiring import connect, flipped

from ...model.older.registers import HostCpu, Irq13From, OlderMachine, OlderParameters
from ...model.registers import PORT_F0, PORT_F1
from ..component import DescribedSignature, Input, Output
from ..pic import Pic
from ..ports import Cr0, IoSignature, PicRegistersSignature
from .at_latch import AtLatch
from .npx import Npx
from .ports import NpxStateSignature, OlderComponent, OlderOperationSignature
from .waits import Waits
from .xt_nmi import XtNmi


class OlderPc(OlderComponent):
    """The machine of these parameters. Signals that it does not have are 0.

    Parameters
    ----------
    parameters : OlderParameters
    """

    PORTS = {
        "reset": Input(1, "RESET, to all"),
        "cr0": Input(Cr0, "EM, TS and MP; NE does not exist"),
        "op": Input(OlderOperationSignature(), "the operation port"),
        "io": Input(IoSignature(), "the I/O bus"),
        "irq": Input(16, "interrupt requests of other devices; that of the cascade is not connected"),
        "inta": Input(1, "one of the two INTA pulses with which the processor acknowledges INTR"),
        "parity": Input(1, "XT8087: a parity error of the memory"),
        "iochk": Input(1, "XT8087: I/O channel check"),
        "busy": Output(1, "BUSY as the processor sees it, TEST on the 8088"),
        "npx_busy": Output(1, "the coprocessor executes"),
        "error": Output(1, "ERROR of the 80287 or 80387"),
        "cpu_error": Output(1, "ERROR at the processor: 0 on an AT"),
        "latch": Output(1, "the latch L"),
        "int_": Output(1, "INT of the 8087"),
        "nmi": Output(1, "NMI of the 8088, as the XT's logic drives it"),
        "nmi_enable": Output(1, "bit 7 of the XT's port A0h"),
        "pereq": Output(1, "PEREQ at the 80386"),
        "irq13": Output(1, "the coprocessor's interrupt request"),
        "ir13": Output(1, "the line that it is on"),
        "state": Output(NpxStateSignature(), "the error state, for observation"),
        "intr": Output(1, "INTR, from the master 8259A"),
        "vector": Output(8, "the data bus in an INTA pulse: the vector in the second one, else FFh"),
        "cpu_reset": Output(1, "PC98: a write of port F0h resets the processor"),
        "slave_int": Output(1, "INT of the slave"),
        "master": Output(PicRegistersSignature(), "registers of the master, for observation"),
        "slave": Output(PicRegistersSignature(), "registers of the slave, for observation"),
    }

    def __init__(self, parameters: OlderParameters):
        super().__init__(parameters)
        self._npx = Npx(parameters)

    def elaborate(self, platform):
        m = Module()
        parameters, op = self.parameters, self.op
        m.submodules.npx = npx = self._npx
        m.submodules.waits = waits = Waits(parameters)
        connect(m, flipped(op), waits.op)
        connect(m, flipped(self.state), npx.state)
        f1_write = Signal()
        npx_reset = Signal()
        if parameters.machine in (OlderMachine.AT286, OlderMachine.AT386):
            m.d.comb += f1_write.eq(self.io.write & (self.io.address == PORT_F1))
        m.d.comb += [
            npx_reset.eq(self.reset | f1_write),
            npx.reset.eq(npx_reset),
            npx.execute.eq(op.valid & op.ready),
            *(getattr(npx, name).eq(getattr(op, name)) for name in ("code", "family", "control", "status")),
            npx.raises.eq(op.raises),
            waits.cr0.eq(self.cr0),
            waits.busy.eq(self.busy),
            waits.npx_busy.eq(npx.busy),
            waits.error.eq(npx.error),
            self.npx_busy.eq(npx.busy),
            self.error.eq(npx.error),
            self.int_.eq(npx.int_),
            self.busy.eq(npx.busy | npx.int_ | self.latch),
        ]
        if parameters.native:
            m.d.comb += self.cpu_error.eq(npx.error)
        if parameters.has_latch:
            self._elaborate_latch(m, npx_reset, f1_write)
        if parameters.cpu is HostCpu.I80386:
            m.d.comb += self.pereq.eq(npx.pereq | (self.latch & ~npx.busy))
        if parameters.machine is OlderMachine.XT8087:
            self._elaborate_nmi(m)
        if parameters.machine is OlderMachine.PC98:
            m.d.comb += self.cpu_reset.eq(self.io.write & (self.io.address == PORT_F0))
            if parameters.cpu is HostCpu.I8086:
                m.d.comb += self.irq13.eq(npx.int_)
        self._elaborate_pics(m)
        return m

    def _elaborate_latch(self, m, npx_reset, f1_write):
        m.submodules.at_latch = at_latch = AtLatch()
        clears = self.io.write & (self.io.address == self.parameters.clear_port)
        if self.parameters.f1_clears_latch:
            clears = clears | f1_write
        m.d.comb += [
            at_latch.error.eq(self.error),
            at_latch.npx_reset.eq(npx_reset),
            at_latch.clear.eq(self.reset | clears),
            self.latch.eq(at_latch.latch),
            self.irq13.eq(at_latch.latch if self.parameters.irq13_from is Irq13From.LATCH else self.error),
        ]

    def _elaborate_nmi(self, m):
        m.submodules.xt_nmi = xt_nmi = XtNmi(self.parameters)
        m.d.comb += [
            xt_nmi.reset.eq(self.reset),
            xt_nmi.int_.eq(self.int_),
            xt_nmi.parity.eq(self.parity),
            xt_nmi.iochk.eq(self.iochk),
            xt_nmi.io.address.eq(self.io.address),
            xt_nmi.io.write.eq(self.io.write),
            xt_nmi.io.write_data.eq(self.io.write_data),
            self.nmi.eq(xt_nmi.nmi),
            self.nmi_enable.eq(xt_nmi.enable),
        ]

    def _elaborate_pics(self, m):
        """One 8259A or a cascaded pair, and what an IN reads."""
        wiring, io, irq = self.parameters.pics, self.io, self.parameters.npx_irq
        m.submodules.master = master = Pic()
        requests = Signal(16)
        m.d.comb += [
            requests.eq(self.irq if irq is None else self.irq | (self.irq13 << irq)),
            io.read_data.eq(0xFF),
            master.sp.eq(1),
            master.ir.eq(requests[:8]),
            self.intr.eq(master.int_),
        ]
        if irq is not None:
            m.d.comb += self.ir13.eq(requests[irq])
        self._select(m, master, wiring.master, self.master)
        if wiring.slave is None:
            m.d.comb += [
                self.vector.eq(Mux(master.vector_valid, master.vector, 0xFF)),
                self.slave.imr.eq(0xFF),
            ]
            return
        m.submodules.slave = slave = Pic()
        m.d.comb += [
            master.ir[wiring.cascade].eq(slave.int_),
            slave.ir.eq(requests[8:]),
            slave.cas.eq(master.cas_out),
            self.slave_int.eq(slave.int_),
            # Both answer only if they are programmed wrongly (choice).
            self.vector.eq(
                Mux(master.vector_valid, master.vector, Mux(slave.vector_valid, slave.vector, 0xFF))
            ),
        ]
        self._select(m, slave, wiring.slave, self.slave)

    def _select(self, m, pic, port, registers):
        """An 8259A at two ports, of which one address bit tells which."""
        io, a0 = self.io, self.parameters.pics.a0
        selected = (io.address & ~(1 << a0)) == port
        m.d.comb += [
            pic.reset.eq(self.reset),
            pic.inta.eq(self.inta),
            pic.a0.eq(io.address[a0]),
            pic.write.eq(selected & io.write),
            pic.read.eq(selected & io.read & ~io.write),
            pic.write_data.eq(io.write_data),
            Cat(registers.irr, registers.isr, registers.imr).eq(Cat(pic.irr, pic.isr, pic.imr)),
        ]
        with m.If(selected & io.read):
            m.d.comb += io.read_data.eq(pic.read_data)


OLDER_PC_SIGNATURE = DescribedSignature(OlderPc.PORTS)
"""The ports of `OlderPc`."""
