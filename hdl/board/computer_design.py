"""The computer around the core as a board has it: its serial port is the line to the host."""

from collections.abc import Sequence

from amaranth.hdl import Module
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import connect

from ...model.registers import Parameters
from ..component import Input, Output, Parametrised
from ..machine import Computer
from .pins import PINS, drive_pins
from .uart import UartTransmitter


class ComputerDesign(Parametrised):
    """It runs its program once after power-up, and again after each press of the button, which is RESET.

    Parameters
    ----------
    parameters : Parameters
        Of the PC.
    program : sequence of int
        As of `Computer`.
    clock : float
        Frequency in Hz.
    baud : int
        Bits a second on the line.

    Raises
    ------
    ValueError
        If the clock is too slow for the line, or the program too long.
    """

    PORTS = {
        **PINS,
        "rx": Input(1, "the line from the host; nothing listens", init=1),
        "tx": Output(1, "COM1, idle 1", init=1),
        "button": Input(1, "RESET; asynchronous"),
    }

    def __init__(self, parameters: Parameters, program: Sequence[int], *, clock: float, baud: int = 115_200):
        super().__init__(parameters)
        self._transmitter = UartTransmitter(round(clock / baud))
        self._computer = Computer(parameters, program)

    def elaborate(self, platform):
        m = Module()
        m.submodules.computer = computer = self._computer
        m.submodules.transmitter = transmitter = self._transmitter
        m.submodules.button = FFSynchronizer(self.button, computer.reset)
        connect(m, computer.serial, transmitter.bytes)
        m.d.comb += [
            computer.ignne_drive_n.eq(self.ignne_pin_n),
            self.tx.eq(transmitter.line),
        ]
        drive_pins(m, self, computer.pc)
        return m
