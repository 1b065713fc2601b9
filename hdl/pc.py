"""A PC/AT as far as this error is concerned: processor, chipset and the two 8259As, wired together."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.wiring import connect, flipped

from ..model.registers import PORT_F0, Parameters, Wiring
from .chipset import Chipset
from .component import DescribedSignature, Input, Output, Parametrised
from .pic import Pic
from .ports import (
    Cr0,
    FerrEnableSignature,
    IoSignature,
    MsrSignature,
    OperationSignature,
    PicRegistersSignature,
    StateSignature,
    SvmSignature,
)
from .processor import Processor


class Pc(Parametrised):
    """FERR# goes from the processor to the chipset, IGNNE# back; IRQ 13 goes to IR5 of the slave 8259A.

    Parameters
    ----------
    parameters : Parameters
    """

    PORTS = {
        "reset": Input(1, "RESET, to all"),
        "ignne_drive_n": Input(
            1, "a second open-drain driver on the IGNNE# wire; the chipset is the first", init=1
        ),
        "cr0": Input(Cr0, "the control register"),
        "op": Input(OperationSignature(), "the operation port"),
        "msr": Input(MsrSignature(), "the MSR bus"),
        "io": Input(IoSignature(), "the I/O bus"),
        "enable": Input(FerrEnableSignature(), "a write to the chipset's enable bit"),
        "svm": Input(SvmSignature(), "virtualisation"),
        "irq": Input(
            16,
            "interrupt requests of other devices; bit 2 is not connected. They are sampled once: what comes"
            " from outside the clock domain needs a synchroniser before it",
        ),
        "inta": Input(1, "one of the two INTA pulses with which the processor acknowledges INTR"),
        "intr": Output(1, "INTR, from the master 8259A"),
        "vector": Output(8, "the data bus in an INTA pulse: the vector in the second one, else FFh"),
        "slave_int": Output(1, "INT of the slave, to IR2 of the master"),
        "master": Output(PicRegistersSignature(), "registers of the master, for observation"),
        "slave": Output(PicRegistersSignature(), "registers of the slave, for observation"),
        "ferr_n": Output(1, "FERR#", init=1),
        "irq13": Output(1, "IRQ 13 as FF1 drives it"),
        "chipset_ignne_n": Output(1, "IGNNE# as the chipset drives it", init=1),
        "ignne_n": Output(1, "the IGNNE# wire at the processor's pin", init=1),
        "state": Output(StateSignature(), "the error state, for observation"),
        "ferr_enable": Output(1, "the chipset's enable bit"),
        "ir13": Output(1, "the wire at IR5 of the slave: irq13 or another device on the line"),
    }

    def __init__(self, parameters: Parameters):
        super().__init__(parameters)
        # What is proved looks into them.
        self._processor, self._master, self._slave = Processor(parameters), Pic(), Pic()

    def elaborate(self, platform):
        m = Module()
        m.submodules.processor = processor = self._processor
        m.submodules.chipset = chipset = Chipset(self.parameters)
        connect(m, flipped(self.op), processor.op)
        connect(m, flipped(self.msr), processor.msr)
        connect(m, flipped(self.svm), processor.svm)
        connect(m, flipped(self.state), processor.state)
        self._elaborate_pics(m, chipset)
        connect(m, flipped(self.enable), chipset.enable)
        m.d.comb += [
            processor.reset.eq(self._processor_reset()),
            processor.cr0.eq(self.cr0),
            processor.f0_write.eq(self.io.write & (self.io.address == self.parameters.fpu_port)),
            processor.ignne_n.eq(self.ignne_n),
            chipset.reset.eq(self.reset),
            chipset.ferr_n.eq(processor.ferr_n),
            self.ferr_n.eq(processor.ferr_n),
            self.irq13.eq(chipset.irq13),
            self.chipset_ignne_n.eq(chipset.ignne_n),
            self.ignne_n.eq(chipset.ignne_n & self.ignne_drive_n),
            self.ferr_enable.eq(chipset.ferr_enable),
        ]
        return m

    def _processor_reset(self):
        """RESET; on a PC-98 a write of port F0h too, which nothing but the processor sees (choice)."""
        if self.parameters.wiring is Wiring.PC98:
            return self.reset | (self.io.write & (self.io.address == PORT_F0))
        return self.reset

    def _elaborate_pics(self, m, chipset):
        """The cascaded pair, and the I/O bus between all that answer on it."""
        io, wiring = self.io, self.parameters.pics
        m.submodules.master = master = self._master
        m.submodules.slave = slave = self._slave
        requests = Signal(16)
        m.d.comb += [
            requests.eq(self.irq | (self.irq13 << self.parameters.fpu_irq)),
            self.ir13.eq(requests[self.parameters.fpu_irq]),
            master.sp.eq(1),
            master.ir.eq(requests[:8]),
            master.ir[wiring.cascade].eq(slave.int_),
            slave.sp.eq(0),
            slave.ir.eq(requests[8:]),
            slave.cas.eq(master.cas_out),
            self.intr.eq(master.int_),
            self.slave_int.eq(slave.int_),
            # Both answer only if they are programmed wrongly (choice).
            self.vector.eq(
                Mux(master.vector_valid, master.vector, Mux(slave.vector_valid, slave.vector, 0xFF))
            ),
            chipset.io.address.eq(io.address),
            chipset.io.write.eq(io.write),
            chipset.io.read.eq(io.read),
            chipset.io.write_data.eq(io.write_data),
            io.read_data.eq(chipset.io.read_data),
        ]
        for pic, port, registers in (
            (master, wiring.master, self.master),
            (slave, wiring.slave, self.slave),
        ):
            assert port is not None
            decoded = Cat(io.address[: wiring.a0], io.address[wiring.a0 + 1 :])
            selected = decoded == wiring.decoded(port)
            m.d.comb += [
                pic.reset.eq(self.reset),
                pic.inta.eq(self.inta),
                pic.a0.eq(io.address[wiring.a0]),
                pic.write.eq(selected & io.write),
                pic.read.eq(selected & io.read & ~io.write),
                pic.write_data.eq(io.write_data),
                Cat(registers.irr, registers.isr, registers.imr).eq(Cat(pic.irr, pic.isr, pic.imr)),
            ]
            with m.If(selected & io.read):
                m.d.comb += io.read_data.eq(pic.read_data)


PC_SIGNATURE = DescribedSignature(Pc.PORTS)
"""The ports of `Pc`."""
