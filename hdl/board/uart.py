"""A UART: 8 data bits, no parity, one stop bit; bytes as streams on the inner side."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream
from amaranth.lib.cdc import FFSynchronizer

from ..component import Component, Input, Output

FRAME = 10
"""Bits that a byte takes on the line: start, eight data, stop."""


class _Uart(Component):
    """One direction of the line."""

    def __init__(self, divisor: int):
        if divisor < 3:
            raise ValueError(f"a UART needs at least 3 clock cycles a bit, not {divisor}")
        super().__init__()
        self.divisor = divisor


class UartReceiver(_Uart):
    """Bytes from a line.

    A byte whose stop bit is 0 is dropped: so is what a line that floats or breaks off gives.

    Parameters
    ----------
    divisor : int
        Clock cycles a bit, at least 3, so that a bit can be sampled in its middle.

    Raises
    ------
    ValueError
        If there are fewer.
    """

    PORTS = {
        "line": Input(1, "the line, idle 1; asynchronous", init=1),
        "bytes": Output(stream.Signature(8, always_ready=True), "what came, to be taken at once"),
    }

    def elaborate(self, platform):
        m = Module()
        line = Signal(init=1)
        m.submodules.synchroniser = FFSynchronizer(self.line, line, init=1)
        timer = Signal(range(self.divisor + self.divisor // 2))
        left = Signal(range(FRAME))
        data = Signal(8)
        m.d.sync += self.bytes.valid.eq(0)
        with m.If(left == 0), m.If(~line):
            # From the edge of the start bit to the middle of the first data bit.
            m.d.sync += [timer.eq(self.divisor + self.divisor // 2 - 1), left.eq(FRAME - 1)]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        with m.Else():
            m.d.sync += [timer.eq(self.divisor - 1), left.eq(left - 1)]
            with m.If(left == 1):
                m.d.sync += [self.bytes.valid.eq(line), self.bytes.payload.eq(data)]
            with m.Else():
                m.d.sync += data.eq(Cat(data[1:], line))
        return m


class UartTransmitter(_Uart):
    """Bytes to a line; parameters and errors as of `UartReceiver`."""

    PORTS = {
        "line": Output(1, "the line, idle 1", init=1),
        "bytes": Input(stream.Signature(8), "what is to go"),
    }

    def elaborate(self, platform):
        m = Module()
        timer = Signal(range(self.divisor))
        left = Signal(range(FRAME + 1))
        # The stop bit comes in behind the data, so that the line is idle when all is out.
        frame = Signal(FRAME - 1, init=(1 << (FRAME - 1)) - 1)
        m.d.comb += [self.bytes.ready.eq(left == 0), self.line.eq(frame[0])]
        with m.If(self.bytes.ready), m.If(self.bytes.valid):
            m.d.sync += [
                frame.eq(Cat(0, self.bytes.payload)),
                left.eq(FRAME),
                timer.eq(self.divisor - 1),
            ]
        with m.Else():
            m.d.sync += timer.eq(Mux(timer == 0, self.divisor - 1, timer - 1))
            with m.If(timer == 0):
                m.d.sync += [frame.eq(Cat(frame[1:], 1)), left.eq(left - 1)]
        return m
