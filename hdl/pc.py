"""A PC/AT as far as this error is concerned: processor, chipset and the two 8259As, wired together."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..model.registers import CASCADE_IRQ, PIC_MASTER, PIC_SLAVE, PORT_F0, Parameters
from .chipset import Chipset
from .pic import Pic
from .ports import (
    Cr0,
    FerrEnableSignature,
    Flags,
    IoSignature,
    Masks,
    MsrSignature,
    OperationSignature,
    PicRegistersSignature,
)
from .processor import Processor

PC_SIGNATURE = wiring.Signature(
    {
        "reset": In(1),
        "ignne_drive_n": In(1, init=1),
        "cr0": In(Cr0),
        "op": In(OperationSignature()),
        "msr": In(MsrSignature()),
        "io": In(IoSignature()),
        "enable": In(FerrEnableSignature()),
        "guest_mode": In(1),
        "intercept_ferr_freeze": In(1),
        "exit_code": Out(8),
        "irq": In(16),
        "inta": In(1),
        "intr": Out(1),
        "vector": Out(8),
        "slave_int": Out(1),
        "master": Out(PicRegistersSignature()),
        "slave": Out(PicRegistersSignature()),
        "ferr_n": Out(1, init=1),
        "irq13": Out(1),
        "chipset_ignne_n": Out(1, init=1),
        "ignne_n": Out(1, init=1),
        "ignne": Out(1),
        "flags": Out(Flags),
        "masks": Out(Masks),
        "es": Out(1),
        "ignne_em": Out(1),
        "allow_ferr_on_ne": Out(1),
        "ignne_msr": Out(1),
        "ferr_enable": Out(1),
    }
)
"""The ports of `Pc`, which says what they are."""


class Pc(wiring.Component):
    """FERR# goes from the processor to the chipset, IGNNE# back; IRQ 13 goes to IR5 of the slave 8259A.

    Parameters
    ----------
    parameters: Parameters.

    Attributes
    ----------
    reset: In(1), RESET, to all.
    ignne_drive_n: In(1), a second open-drain driver on the IGNNE# wire; the chipset is the first.
    cr0: In(Cr0).
    op: In(OperationSignature).
    msr: In(MsrSignature).
    io: In(IoSignature).
    enable: In(FerrEnableSignature), a write to the chipset's enable bit.
    guest_mode, intercept_ferr_freeze: In(1), SVM; exit_code: Out(8), 07Eh with `op.vmexit`, else 0.
    irq: In(16), interrupt requests of other devices; bit 2 is not connected. They are sampled once: what
        comes from outside the clock domain needs a synchroniser before it.
    inta: In(1), one of the two INTA pulses with which the processor acknowledges INTR.
    intr: Out(1), INTR, from the master 8259A.
    vector: Out(8), the data bus in an INTA pulse: the vector in the second one, else FFh.
    slave_int: Out(1), INT of the slave, to IR2 of the master.
    master, slave: Out(PicRegistersSignature), for observation.
    ferr_n: Out(1), FERR#.
    irq13: Out(1), IRQ 13.
    chipset_ignne_n: Out(1), IGNNE# as the chipset drives it.
    ignne_n: Out(1), the IGNNE# wire at the processor's pin.
    ignne: Out(1), IGNNE in effect.
    flags: Out(Flags), masks: Out(Masks), es: Out(1), the x87 error state.
    ignne_em, allow_ferr_on_ne: Out(1), HWCR bits 8 and 7.
    ignne_msr: Out(1), bit 0 of the IGNNE MSR.
    ferr_enable: Out(1), the chipset's enable bit.
    """

    def __init__(self, parameters: Parameters):
        if not isinstance(parameters, Parameters):
            raise TypeError(f"parameters must be Parameters, not {parameters!r}")
        self.parameters = parameters
        super().__init__(PC_SIGNATURE)
        # What is proved of the pair looks into both.
        self._master, self._slave = Pic(), Pic()

    def elaborate(self, platform):
        m = Module()
        m.submodules.processor = processor = Processor(self.parameters)
        m.submodules.chipset = chipset = Chipset(self.parameters)
        connect(m, flipped(self.op), processor.op)
        connect(m, flipped(self.msr), processor.msr)
        self._elaborate_pics(m, chipset)
        connect(m, flipped(self.enable), chipset.enable)
        m.d.comb += [
            processor.reset.eq(self.reset),
            processor.cr0.eq(self.cr0),
            processor.guest_mode.eq(self.guest_mode),
            processor.intercept_ferr_freeze.eq(self.intercept_ferr_freeze),
            self.exit_code.eq(processor.exit_code),
            processor.f0_write.eq(self.io.write & (self.io.address == PORT_F0)),
            processor.ignne_n.eq(self.ignne_n),
            chipset.reset.eq(self.reset),
            chipset.ferr_n.eq(processor.ferr_n),
            self.ferr_n.eq(processor.ferr_n),
            self.irq13.eq(chipset.irq13),
            self.chipset_ignne_n.eq(chipset.ignne_n),
            self.ignne_n.eq(chipset.ignne_n & self.ignne_drive_n),
            self.ignne.eq(processor.ignne),
            self.flags.eq(processor.flags),
            self.masks.eq(processor.masks),
            self.es.eq(processor.es),
            self.ignne_em.eq(processor.ignne_em),
            self.allow_ferr_on_ne.eq(processor.allow_ferr_on_ne),
            self.ignne_msr.eq(processor.ignne_msr),
            self.ferr_enable.eq(chipset.ferr_enable),
        ]
        return m

    def _elaborate_pics(self, m, chipset):
        """The cascaded pair, and the I/O bus between all that answer on it."""
        io = self.io
        m.submodules.master = master = self._master
        m.submodules.slave = slave = self._slave
        requests = Signal(16)
        m.d.comb += [
            requests.eq(self.irq | (self.irq13 << self.parameters.fpu_irq)),
            master.sp.eq(1),
            master.ir.eq(requests[:8]),
            master.ir[CASCADE_IRQ].eq(slave.int_),
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
            (master, PIC_MASTER, self.master),
            (slave, PIC_SLAVE, self.slave),
        ):
            selected = io.address[1:] == port >> 1
            m.d.comb += [
                pic.reset.eq(self.reset),
                pic.inta.eq(self.inta),
                pic.a0.eq(io.address[0]),
                pic.write.eq(selected & io.write),
                pic.read.eq(selected & io.read & ~io.write),
                pic.write_data.eq(io.write_data),
                Cat(registers.irr, registers.isr, registers.imr).eq(Cat(pic.irr, pic.isr, pic.imr)),
            ]
            with m.If(selected & io.read):
                m.d.comb += io.read_data.eq(pic.read_data)
