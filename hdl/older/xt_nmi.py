"""The NMI logic of the PC and PC/XT: three sources, and a mask register at port A0h."""

from amaranth.hdl import Module

from ...model.older.registers import NMI_ENABLE, PORT_A0
from ..component import Input, Output
from ..ports import IoSignature
from .ports import OlderComponent


class XtNmi(OlderComponent):
    """Gates what drives the NMI pin of the 8088, which takes a rising edge.

    Parameters
    ----------
    parameters : OlderParameters
        Of which `installed` matters here: switch SW1-2.
    """

    PORTS = {
        "reset": Input(1, "RESET"),
        "int_": Input(1, "INT of the 8087"),
        "parity": Input(1, "a parity error of the memory"),
        "iochk": Input(1, "I/O channel check"),
        "io": Input(IoSignature(), "bit 7 of a write of port A0h counts; a read gives FFh"),
        "nmi": Output(1, "NMI of the 8088"),
        "enable": Output(1, "bit 7 of port A0h; 0 after RESET"),
    }

    def elaborate(self, platform):
        m = Module()
        bit = NMI_ENABLE.bit_length() - 1
        npx = self.int_ if self.parameters.installed else 0
        m.d.comb += [
            self.nmi.eq(self.enable & (npx | self.parity | self.iochk)),
            self.io.read_data.eq(0xFF),
        ]
        with m.If(self.reset):
            m.d.sync += self.enable.eq(0)
        with m.Elif(self.io.write & (self.io.address == PORT_A0)):
            m.d.sync += self.enable.eq(self.io.write_data[bit])
        return m
