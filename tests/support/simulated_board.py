"""A board's design under Amaranth's simulator, behind a pseudo-terminal: the host sees a serial port."""

import os
import pty
import select
import threading
import tty

from amaranth.sim import Simulator
from irq13 import hdl
from irq13.model import Parameters

BAUD = 115_200
DIVISOR = 3
BYTE = 10 * DIVISOR


class SimulatedBoard:
    """Runs while the block runs.

    Attributes
    ----------
    port: what the host opens.
    to_board, to_host: change the bytes on their way; a test sets them.
    """

    def __init__(self, parameters=None):
        self._parameters = parameters or Parameters()
        self.to_board = self.to_host = lambda data: data
        self._stop = self._reset = False

    def __enter__(self):
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
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

    @property
    def _over(self):
        return self._stop or self._reset

    def _run(self):
        while not self._stop:
            self._reset = False
            design = hdl.BoardDesign(self._parameters, clock=DIVISOR * BAUD, baud=BAUD)
            simulator = Simulator(design)
            simulator.add_clock(1e-6)
            simulator.add_testbench(self._transmit(design))
            simulator.add_testbench(self._receive(design))
            simulator.run()

    def _transmit(self, design):
        """Bytes from the host onto the line `rx`."""

        async def testbench(ctx):
            while not self._over:
                await ctx.tick()
                if not select.select([self._master], [], [], 0)[0]:
                    await ctx.tick().repeat(BYTE)
                    continue
                for byte in self.to_board(os.read(self._master, 4096)):
                    for bit in (0, *(byte >> index & 1 for index in range(8)), 1):
                        ctx.set(design.rx, bit)
                        await ctx.tick().repeat(DIVISOR)

        return testbench

    def _receive(self, design):
        """Bytes from the line `tx` to the host."""

        async def testbench(ctx):
            while not self._over:
                *_, level = await ctx.tick().sample(design.tx)
                if level:
                    continue
                byte = 0
                await ctx.tick().repeat(DIVISOR // 2)
                for index in range(8):
                    *_, level = await ctx.tick().sample(design.tx).repeat(DIVISOR)
                    byte |= level << index
                await ctx.tick().repeat(DIVISOR)
                data = self.to_host(bytes([byte]))
                if data:
                    os.write(self._master, data)

        return testbench
