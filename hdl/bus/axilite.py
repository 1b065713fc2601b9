"""AXI4-Lite, 32 bits."""

from amaranth.hdl import Module, Mux, Signal

from ..component import Component, Input, Output
from ..ports import IoSignature
from .registers import ADDRESS_BITS


class AxiLiteBridge(Component):
    """A write or a read makes exactly one access, in the cycle in which its address is taken.

    Address and data of a write are taken together, the cycle after both are there and the answer before has
    gone; a read likewise. The response is always OKAY, a cycle later. Where both could go the write does, and
    the read in the next cycle. Without WSTRB(0) nothing is written. No output follows an input within a cycle
    (AXI A3.1.1). `reset` is active high: ARESETn inverted.
    """

    PORTS = {
        "reset": Input(1, "not ARESETn"),
        "s_axi_awaddr": Input(ADDRESS_BITS, "AWADDR: four times the port"),
        "s_axi_awprot": Input(3, "AWPROT; not looked at"),
        "s_axi_awvalid": Input(1, "AWVALID"),
        "s_axi_awready": Output(1, "AWREADY"),
        "s_axi_wdata": Input(32, "WDATA"),
        "s_axi_wstrb": Input(4, "WSTRB: the bytes that take part; 0 is the port's"),
        "s_axi_wvalid": Input(1, "WVALID"),
        "s_axi_wready": Output(1, "WREADY"),
        "s_axi_bresp": Output(2, "BRESP: OKAY"),
        "s_axi_bvalid": Output(1, "BVALID"),
        "s_axi_bready": Input(1, "BREADY"),
        "s_axi_araddr": Input(ADDRESS_BITS, "ARADDR: four times the port"),
        "s_axi_arprot": Input(3, "ARPROT; not looked at"),
        "s_axi_arvalid": Input(1, "ARVALID"),
        "s_axi_arready": Output(1, "ARREADY"),
        "s_axi_rdata": Output(32, "RDATA"),
        "s_axi_rresp": Output(2, "RRESP: OKAY"),
        "s_axi_rvalid": Output(1, "RVALID"),
        "s_axi_rready": Input(1, "RREADY"),
        "io": Output(IoSignature(), "to the core"),
    }

    def elaborate(self, platform):
        m = Module()
        io = self.io
        takes_write, takes_read, may_write, byte = Signal(), Signal(), Signal(), Signal(8)
        m.d.comb += [
            may_write.eq(
                self.s_axi_awvalid
                & self.s_axi_wvalid
                & ~takes_write
                & (~self.s_axi_bvalid | self.s_axi_bready)
            ),
            self.s_axi_awready.eq(takes_write),
            self.s_axi_wready.eq(takes_write),
            self.s_axi_arready.eq(takes_read),
            io.address.eq(Mux(takes_write, self.s_axi_awaddr, self.s_axi_araddr)[2:]),
            io.write.eq(takes_write & self.s_axi_wstrb[0] & ~self.reset),
            io.read.eq(takes_read & ~self.reset),
            io.write_data.eq(self.s_axi_wdata[:8]),
            self.s_axi_rdata.eq(byte),
        ]
        with m.If(io.read):
            m.d.sync += byte.eq(io.read_data)
        m.d.sync += [
            takes_write.eq(may_write & ~self.reset),
            takes_read.eq(
                self.s_axi_arvalid
                & ~takes_read
                & (~self.s_axi_rvalid | self.s_axi_rready)
                & ~may_write
                & ~self.reset
            ),
            self.s_axi_bvalid.eq(~self.reset & (takes_write | (self.s_axi_bvalid & ~self.s_axi_bready))),
            self.s_axi_rvalid.eq(~self.reset & (takes_read | (self.s_axi_rvalid & ~self.s_axi_rready))),
        ]
        return m
