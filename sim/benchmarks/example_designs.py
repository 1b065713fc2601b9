"""Designs of several kinds for the benchmark: control, shifting, arithmetic, memory."""

from collections.abc import Callable, Mapping
from typing import Any

from amaranth.hdl import Module, Signal
from amaranth.lib import crc, fifo, wiring  # pyright: ignore[reportAttributeAccessIssue]
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.crc.catalog import CRC32_ETHERNET
from amaranth.lib.wiring import In, Out

from ... import hdl
from ...hdl.board.uart import UartReceiver
from ...model.registers import Generation, Parameters


class PinPort(wiring.Component):
    """Eight pins with direction and edge detection behind three registers, as small peripherals are."""

    def __init__(self) -> None:
        inputs = {"address": In(2), "write": In(1), "data": In(8), "pins_i": In(8)}
        super().__init__(inputs | {"pins_o": Out(8), "pins_oe": Out(8), "interrupt": Out(1)})

    def elaborate(self, platform):
        own: Any = self
        m = Module()
        now, before, seen = Signal(8), Signal(8), Signal(8)
        m.submodules.pins = FFSynchronizer(own.pins_i, now)
        m.d.sync += [before.eq(now), seen.eq(seen | (now & ~before))]
        with m.If(own.write), m.Switch(own.address):
            with m.Case(0):
                m.d.sync += own.pins_o.eq(own.data)
            with m.Case(1):
                m.d.sync += own.pins_oe.eq(own.data)
            with m.Case(2):
                m.d.sync += seen.eq(seen & ~own.data)
        m.d.comb += own.interrupt.eq(seen.any())
        return m


class Multiplier(wiring.Component):
    """A product of two words in one cycle, with registers before and after it: arithmetic and nothing else.

    Parameters
    ----------
    width: of each factor.
    """

    def __init__(self, width: int = 16):
        self._width = width
        super().__init__({"a": In(width), "b": In(width), "product": Out(2 * width)})

    def elaborate(self, platform):
        m = Module()
        a, b = Signal(self._width), Signal(self._width)
        own: Any = self
        m.d.sync += [a.eq(own.a), b.eq(own.b), own.product.eq(a * b)]
        return m


EXAMPLES: Mapping[str, Callable[[], Any]] = {
    "PC, AMD64": lambda: hdl.Pc(Parameters(Generation.AMD64)),
    "GPIO": PinPort,
    "CRC-32 of bytes": lambda: crc.Processor(CRC32_ETHERNET(8)),
    "FIFO, 16 bytes": lambda: fifo.SyncFIFOBuffered(width=8, depth=16),
    "UART receiver": lambda: UartReceiver(16),
    "multiplier, 16 x 16": Multiplier,
}
"""By name, how each is made."""
