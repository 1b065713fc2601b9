"""The latch of the PC/AT between the coprocessor's ERROR and the processor's BUSY."""

from amaranth.hdl import Module, Signal

from ..component import Component, Input, Output


class AtLatch(Component):
    """A flip-flop that the rising edge of ERROR sets; a clear that meets the edge wins.

    After a reset of the coprocessor its ERROR counts as high: an 80387 raises it then, and sets nothing.
    """

    PORTS = {
        "error": Input(1, "ERROR of the coprocessor"),
        "clear": Input(1, "RESET, or a write of the port that clears it"),
        "npx_reset": Input(1, "the coprocessor is reset"),
        "latch": Output(1, "L; ORed into BUSY of the processor"),
    }

    def elaborate(self, platform):
        m = Module()
        seen = Signal(init=1)
        m.d.sync += [
            seen.eq(self.error | self.npx_reset),
            self.latch.eq(~self.clear & (self.latch | (self.error & ~seen))),
        ]
        return m
