"""A PC/AT as far as this error is concerned: processor and chipset, wired together."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from ..model.registers import PORT_F0, Parameters
from .chipset import Chipset
from .ports import Cr0, FerrEnableSignature, Flags, IoSignature, Masks, MsrSignature, OperationSignature
from .processor import Processor


class Pc(wiring.Component):
    """Processor and chipset. FERR# goes one way, IGNNE# the other.

    Parameters
    ----------
    parameters: Parameters.

    Attributes
    ----------
    reset: In(1), RESET, to both.
    ignne_drive_n: In(1), a second open-drain driver on the IGNNE# wire; the chipset is the first.
    cr0: In(Cr0).
    op: In(OperationSignature).
    msr: In(MsrSignature).
    io: In(IoSignature).
    enable: In(FerrEnableSignature), a write to the chipset's enable bit.
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
        super().__init__(
            {
                "reset": In(1),
                "ignne_drive_n": In(1, init=1),
                "cr0": In(Cr0),
                "op": In(OperationSignature()),
                "msr": In(MsrSignature()),
                "io": In(IoSignature()),
                "enable": In(FerrEnableSignature()),
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

    def elaborate(self, platform):
        m = Module()
        m.submodules.processor = processor = Processor(self.parameters)
        m.submodules.chipset = chipset = Chipset(self.parameters)
        connect(m, flipped(self.op), processor.op)
        connect(m, flipped(self.msr), processor.msr)
        connect(m, flipped(self.io), chipset.io)
        connect(m, flipped(self.enable), chipset.enable)
        m.d.comb += [
            processor.reset.eq(self.reset),
            processor.cr0.eq(self.cr0),
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
