"""A GPIO peripheral as somebody else might write it: pins, their direction, and edges that are remembered."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

OUTPUT, ENABLE, EDGES = range(3)


class Gpio(wiring.Component):
    """Eight pins behind three registers: 0 output, 1 output enable, 2 edges seen (writing a 1 clears).

    Parameters
    ----------
    loses: an edge that comes in the cycle in which its bit is cleared is lost: a fault.
    """

    address: In(2)
    write: In(1)
    data: In(8)
    pins_i: In(8)
    pins_o: Out(8)
    pins_oe: Out(8)
    read: Out(8)
    interrupt: Out(1)
    missed: Out(1)

    def __init__(self, loses=False):
        self._loses = loses
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        now, before, seen, expected = (Signal(8, name=name) for name in ("now", "before", "seen", "expected"))
        m.submodules.pins = FFSynchronizer(self.pins_i, now)
        rising = now & ~before
        cleared = Mux(self.write & (self.address == EDGES), self.data, 0)
        kept = seen | rising
        m.d.sync += [
            before.eq(now),
            seen.eq(kept & ~cleared if self._loses else (seen & ~cleared) | rising),
            # What it should be, for a check of its own.
            expected.eq((expected & ~cleared) | rising),
        ]
        with m.If(self.write), m.Switch(self.address):
            with m.Case(OUTPUT):
                m.d.sync += self.pins_o.eq(self.data)
            with m.Case(ENABLE):
                m.d.sync += self.pins_oe.eq(self.data)
        with m.Switch(self.address):
            with m.Case(OUTPUT):
                m.d.comb += self.read.eq(self.pins_o)
            with m.Case(ENABLE):
                m.d.comb += self.read.eq(self.pins_oe)
            with m.Case(EDGES):
                m.d.comb += self.read.eq(seen)
        m.d.comb += [self.interrupt.eq(seen.any()), self.missed.eq(seen != expected)]
        return m
