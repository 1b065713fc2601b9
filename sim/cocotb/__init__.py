"""Drivers, a monitor and a scoreboard for the exported Verilog, inside a cocotb test (cocotb 2).

    from irq13.cocotb import IoBus, MsrBus, OperationPort, Pic, Scoreboard, expect, power_up

    @cocotb.test()
    async def mine(dut):
        await power_up(dut)
        board = Scoreboard(dut)
        ...
        expect(board.trace()).rise("irq13").exactly(1, "cycle").after.fall("ferr_n")

Every driver changes pins behind a rising edge of the clock and reads what has settled by the falling one.
"""

from ..machines.msr_bus import GeneralProtection
from ..support.errors import Divergence
from ..timing.assertions import expect
from .buses import IoBus, MsrBus, OperationPort, Pic
from .monitor import Monitor, Scoreboard
from .pins import PinError, Pins, power_up
from .selftest import self_test

__all__ = [
    "Divergence",
    "GeneralProtection",
    "IoBus",
    "Monitor",
    "MsrBus",
    "OperationPort",
    "Pic",
    "PinError",
    "Pins",
    "Scoreboard",
    "expect",
    "power_up",
    "self_test",
]
