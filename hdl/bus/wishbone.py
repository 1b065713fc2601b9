"""Wishbone B4, classic cycles, 32 bits."""

from amaranth.hdl import Module, Signal

from ..component import Component, Input, Output
from ..ports import IoSignature
from .registers import ADDRESS_BITS


class WishboneBridge(Component):
    """A transfer makes exactly one access, in its first cycle; ACK_O comes in the next.

    Names are those of the specification, revision B4. Granularity is a byte: without SEL_I(0) nothing is
    accessed and the transfer ends all the same.
    """

    PORTS = {
        "reset": Input(1, "RST_I"),
        "cyc_i": Input(1, "CYC_I: a cycle is in progress"),
        "stb_i": Input(1, "STB_I: this slave is selected"),
        "we_i": Input(1, "WE_I: a write"),
        "adr_i": Input(ADDRESS_BITS - 2, "ADR_I: the word, which is the number of the port"),
        "sel_i": Input(4, "SEL_I: the bytes that take part; 0 is the port's"),
        "dat_i": Input(32, "DAT_I: data of a write"),
        "dat_o": Output(32, "DAT_O: data of a read, with ACK_O"),
        "ack_o": Output(1, "ACK_O: the transfer ends in this cycle"),
        "io": Output(IoSignature(), "to the core"),
    }

    def elaborate(self, platform):
        m = Module()
        io = self.io
        start, acknowledge, byte = Signal(), Signal(), Signal(8)
        m.d.comb += [
            start.eq(self.cyc_i & self.stb_i & ~acknowledge & ~self.reset),
            io.address.eq(self.adr_i),
            io.write.eq(start & self.we_i & self.sel_i[0]),
            io.read.eq(start & ~self.we_i & self.sel_i[0]),
            io.write_data.eq(self.dat_i[:8]),
            self.dat_o.eq(byte),
            # A master that gives up gets no ACK_O.
            self.ack_o.eq(acknowledge & self.cyc_i & self.stb_i),
        ]
        m.d.sync += acknowledge.eq(start)
        with m.If(io.read):
            m.d.sync += byte.eq(io.read_data)
        return m
