"""A simulated board's design behind a pseudo-terminal: the host sees a serial port."""

import contextlib
import functools
import os
import pty
import select
import threading
import tty
from pathlib import Path

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from irq13 import hdl
from irq13.hdl.board.uart import UartReceiver, UartTransmitter
from irq13.model import Parameters
from irq13.sim.lanes.cache import cached
from irq13.sim.lanes.compiled import find_compiler
from irq13.sim.lanes.lanes import Lanes, recipe_of
from irq13.sim.netlist.lowering import lower

BAUD = 115_200
DIVISOR = 3
TURN = 17
"""Cycles between two looks at the board: at most one byte comes in them, and in two of them one goes."""
QUIET = 100
"""Turns without a byte after which simulated time passes no faster than a turn a millisecond."""


class BoardOnItsLine(wiring.Component):
    """A board, and another UART at the other end of its line.

    Attributes
    ----------
    byte, send: goes to the board; `send` lasts one cycle.
    got: the last byte that came from it.
    count: how many have come.
    """

    byte: In(8)
    send: In(1)
    got: Out(8)
    count: Out(8)

    def __init__(self, parameters):
        self._parameters = parameters
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.board = board = hdl.BoardDesign(self._parameters, clock=DIVISOR * BAUD, baud=BAUD)
        m.submodules.transmitter = transmitter = UartTransmitter(DIVISOR)
        m.submodules.receiver = receiver = UartReceiver(DIVISOR)
        m.d.comb += [
            *(transmitter.bytes.payload.eq(self.byte), transmitter.bytes.valid.eq(self.send)),
            *(board.rx.eq(transmitter.line), receiver.line.eq(board.tx)),
        ]
        with m.If(receiver.bytes.valid):
            m.d.sync += [self.got.eq(receiver.bytes.payload), self.count.eq(self.count + 1)]
        return m


@functools.cache
def kernel(parameters):
    """The board in lanes, compiled: some fifty times as fast as Amaranth's simulator."""
    wanted = ("simulated board", parameters, Path(__file__).read_text("utf-8"))
    return cached(wanted, lambda: recipe_of(lower(BoardOnItsLine(parameters)))).kernel("compiled")


class SimulatedBoard:
    """Runs while the block runs: in compiled lanes, if it is the default one, or in Amaranth's simulator.

    Attributes
    ----------
    port: what the host opens.
    to_board, to_host: change the bytes on their way; a test sets them.
    """

    def __init__(self, parameters=None, compiled=None):
        self._parameters = parameters or Parameters()
        if compiled is None:
            # Others are used once, which is not worth three seconds of a compiler.
            compiled = self._parameters == Parameters() and find_compiler() is not None
        self._compiled = compiled
        self.to_board = self.to_host = lambda data: data
        self._stop = self._reset = False

    def __enter__(self):
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        if self._compiled:
            # Before anybody waits for an answer.
            kernel(self._parameters)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._stop = True
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)

    def power_cycle(self):
        """All its state is lost."""
        self._reset = True
        while self._reset:
            pass

    def say(self, data):
        """Noise on the line to the host."""
        os.write(self._master, data)

    def _run(self):
        while not self._stop:
            self._reset = False
            self._in_lanes() if self._compiled else self._in_amaranth()

    def _turns(self):
        """Yields a byte for the board, or None, for each turn; is sent what came in it, or None."""
        waiting, byte, quiet = [], None, 0
        while not (self._stop or self._reset):
            if not waiting and select.select([self._master], [], [], 0.001 * (quiet > QUIET))[0]:
                waiting = list(self.to_board(os.read(self._master, 4096)))
            # The transmitter is ready again every second turn.
            byte = waiting.pop(0) if waiting and byte is None else None
            came = yield byte
            quiet = quiet + 1 if byte is came is None else 0
            data = b"" if came is None else self.to_host(bytes([came]))
            if data:
                os.write(self._master, data)

    def _in_lanes(self):
        lanes, turns, seen = Lanes(kernel(self._parameters), 1), self._turns(), 0
        byte = next(turns, None)
        with contextlib.suppress(StopIteration):
            while True:
                lanes.set_input("byte", byte or 0)
                lanes.set_input("send", byte is not None)
                lanes.run(1)
                lanes.set_input("send", 0)
                lanes.run(TURN - 1)
                before, seen = seen, int(lanes.register("count")[0])
                byte = turns.send(int(lanes.register("got")[0]) if seen != before else None)

    def _in_amaranth(self):
        design, turns = BoardOnItsLine(self._parameters), self._turns()

        async def testbench(ctx):
            byte, seen = next(turns, None), 0
            with contextlib.suppress(StopIteration):
                while True:
                    ctx.set(design.byte, byte or 0)
                    ctx.set(design.send, byte is not None)
                    await ctx.tick()
                    ctx.set(design.send, 0)
                    await ctx.tick().repeat(TURN - 1)
                    before, seen = seen, ctx.get(design.count)
                    byte = turns.send(ctx.get(design.got) if seen != before else None)

        simulator = Simulator(design)
        simulator.add_clock(1e-6)
        simulator.add_testbench(testbench)
        simulator.run()
