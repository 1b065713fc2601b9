"""AXI4-Lite, 32 bits."""

from amaranth.hdl import Module, Signal

from ..component import Component, Input, Output
from ..ports import IoSignature
from .registers import ADDRESS_BITS


class AxiLiteBridge(Component):
    """A write or a read makes exactly one access, in the cycle in which its address is taken.

    Address and data of a write are taken together, when both are there and the answer before is gone. The
    response is always OKAY, a cycle later. Of a write and a read in one cycle the one goes first that did not
    go last. Without WSTRB(0) nothing is written. `reset` is active high: ARESETn inverted.
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
        can_read, byte = Signal(), Signal(8)
        m.d.comb += [
            can_read.eq(self.s_axi_arvalid & ~self.s_axi_rvalid & ~self.reset),
            self.s_axi_awready.eq(self.s_axi_awvalid & self.s_axi_wvalid & ~self.s_axi_bvalid & ~self.reset),
            self.s_axi_wready.eq(self.s_axi_awready),
            self.s_axi_arready.eq(can_read & ~self.s_axi_awready),
            io.write.eq(self.s_axi_awready & self.s_axi_wstrb[0]),
            io.read.eq(self.s_axi_arready),
            io.write_data.eq(self.s_axi_wdata[:8]),
            self.s_axi_rdata.eq(byte),
        ]
        with m.If(self.s_axi_awready):
            m.d.comb += io.address.eq(self.s_axi_awaddr[2:])
        with m.Else():
            m.d.comb += io.address.eq(self.s_axi_araddr[2:])
        with m.If(io.read):
            m.d.sync += byte.eq(io.read_data)
        m.d.sync += [
            self.s_axi_bvalid.eq(
                ~self.reset & (self.s_axi_awready | (self.s_axi_bvalid & ~self.s_axi_bready))
            ),
            self.s_axi_rvalid.eq(
                ~self.reset & (self.s_axi_arready | (self.s_axi_rvalid & ~self.s_axi_rready))
            ),
        ]
        return m
