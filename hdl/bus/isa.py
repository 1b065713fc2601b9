"""An ISA-like bus of strobes, asynchronous to the clock."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib.cdc import FFSynchronizer

from ..component import Component, Input, Output
from ..ports import IoSignature
from .registers import answers


class IsaBridge(Component):
    """A strobe of IOR# or IOW# makes exactly one access, if AEN is low and something stands at the address.

    Strobes, address and data pass two flip-flops each. A write takes place three cycles behind the trailing
    edge of IOW#, with what address and data were in the last sample in which it was low, so behind the edge
    nothing has to hold but for a flip-flop's own window and the skew between the pins. A read takes place
    three cycles behind the leading edge of IOR#; its byte is there one cycle later, when IOCHRDY rises. A
    strobe has to be active, and then inactive, for at least four
    cycles; address and AEN are stable while it is active.
    """

    PORTS = {
        "reset": Input(1, "RESET DRV"),
        "ior_n": Input(1, "IOR#: asynchronous, active low", init=1),
        "iow_n": Input(1, "IOW#: asynchronous, active low", init=1),
        "aen": Input(1, "AEN: the cycle is one of DMA, and not for us"),
        "sa": Input(16, "SA15-SA0"),
        "sd_in": Input(8, "SD7-SD0 as they are"),
        "sd_out": Output(8, "SD7-SD0 as this side drives them"),
        "sd_oe": Output(1, "drive SD7-SD0: as long as IOR# is low for one of our ports"),
        "iochrdy": Output(1, "IOCHRDY: 0 until the byte of a read is there", init=1),
        "io": Output(IoSignature(), "to the core"),
    }

    def __init__(self):
        super().__init__()
        # What is proved of it looks at this.
        self._done = Signal()

    def elaborate(self, platform):
        m = Module()
        io, done = self.io, self._done
        iow, ior, mine = Signal(), Signal(), Signal()
        address, data, aen = Signal(16), Signal(8), Signal()
        # As many stages for what a strobe goes with: each sample stays together.
        m.submodules.strobes = FFSynchronizer(Cat(~self.iow_n, ~self.ior_n), Cat(iow, ior))
        m.submodules.bus = FFSynchronizer(Cat(self.sa, self.sd_in, self.aen), Cat(address, data, aen))
        m.d.comb += mine.eq(~aen & answers(address))
        wrote = Signal()
        last_address, last_data = Signal(16), Signal(8)
        m.d.sync += [
            wrote.eq(iow & mine & ~self.reset),
            last_address.eq(address),
            last_data.eq(data),
            done.eq(ior & (done | io.read)),
        ]
        with m.If(io.read):
            m.d.sync += self.sd_out.eq(io.read_data)
        m.d.comb += [
            io.write.eq(wrote & ~iow),
            # Behind a write that is still to be made.
            io.read.eq(ior & mine & ~done & ~io.write & ~self.reset),
            io.address.eq(Mux(io.write, last_address, address)),
            io.write_data.eq(last_data),
            # Not through the clock: the bus is driven, and held, from the strobe on.
            self.sd_oe.eq(~self.ior_n & ~self.aen & answers(self.sa)),
            self.iochrdy.eq(~self.sd_oe | done),
        ]
        return m
