"""What goes onto an FPGA board: the PC, a line to a host, pins, lights and a button.

Left alone, the PC runs at the board's clock: a press of the button makes it divide by zero, masked and
unmasked in turn, and then wait at a waiting instruction, so that FERR#, IRQ 13 and the freeze can be seen;
pull IGNNE# low and it goes on. A host that attaches (see `packets`) takes over, one clock cycle a packet.
"""

from amaranth.hdl import Array, Cat, EnableInserter, Module, Mux, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer

from ...model.registers import (
    PIC_MASTER,
    PIC_SLAVE,
    PORT_F0,
    Generation,
    Parameters,
    Wiring,
)
from ..component import Output, Parametrised
from ..flat import flat_ports
from ..pc import Pc
from .demo import Demo
from .link import Link
from .pins import PINS, drive_pins
from .uart import UartReceiver, UartTransmitter

GENERATIONS = tuple(Generation)
"""A generation's number on the line is its index here,"""
PARAMETRISED = 0x80
"""with this if any other parameter is not at its default."""
PAUSE = 0.01
"""Seconds without a byte after which a broken packet is forgotten."""


def parameters_code(parameters: Parameters) -> int:
    """What a board says of its parameters."""
    generation = parameters.generation
    return GENERATIONS.index(generation) | (parameters != Parameters(generation)) * PARAMETRISED


class BoardDesign(Parametrised):
    """The design without the names of a board's pins.

    Parameters
    ----------
    parameters : Parameters
        Of the PC.
    clock : float
        Frequency in Hz.
    baud : int
        Bits a second on the line.

    Raises
    ------
    ValueError
        If the clock is too slow for the line.
    """

    PORTS = {**PINS, "attached": Output(1, "a host has taken over")}

    def __init__(self, parameters: Parameters, *, clock: float, baud: int = 115_200):
        super().__init__(parameters)
        if parameters.wiring is not Wiring.AT:
            raise ValueError(f"a board has the wiring of a PC/AT, not {parameters.wiring.value}")
        self.divisor = round(clock / baud)
        if self.divisor < 3:
            raise ValueError(f"a clock of {clock:g} Hz is too slow for {baud} baud: at least 3 cycles a bit")
        self.clock = clock

    def elaborate(self, platform):
        m = Module()
        pc = Pc(self.parameters)
        ports = flat_ports(pc)
        inputs = [port for port in ports if port.is_input]
        # Who drives the inputs knows the wire at IR5 from them and irq13: it needs no bit on the line.
        outputs = [port for port in ports if not port.is_input and port.name != "ir13"]
        m.submodules.receiver = receiver = UartReceiver(self.divisor)
        m.submodules.transmitter = transmitter = UartTransmitter(self.divisor)
        m.submodules.link = link = Link(
            parameters_code(self.parameters),
            sum(len(port.signal) for port in inputs),
            sum(len(port.signal) for port in outputs),
            idle_inputs=idle_inputs(inputs),
            pause=max(round(self.clock * PAUSE), 4 * self.divisor),
        )
        # What reaches the PC, and what leaves it for the pins, is a register: its timing is its own.
        restart = Signal()
        enable = Signal(init=1)
        m.d.sync += [restart.eq(link.restart), enable.eq(link.step | ~link.attached)]
        m.submodules.pc = EnableInserter(enable)(ResetInserter(restart)(pc))
        wiring.connect(m, receiver.bytes, link.received)
        wiring.connect(m, link.transmitted, transmitter.bytes)
        m.submodules.demo = demo = Demo()
        m.submodules.button = FFSynchronizer(self.button, demo.button)
        executes = pc.op.valid & pc.op.ready
        executed = Signal()
        # Withdrawn until the demo, which is a cycle ahead and one behind, presents the next one.
        self._drive(m, inputs, link, demo, demo.op_valid & ~executes & ~executed)
        m.d.sync += executed.eq(executes)
        m.d.comb += [
            receiver.line.eq(self.rx),
            self.tx.eq(transmitter.line),
            demo.ready.eq(executed),
            demo.stop.eq(link.attached),
            link.outputs.eq(Cat(port.value for port in outputs)),
        ]
        drive_pins(m, self, pc)
        m.d.comb += self.attached.eq(link.attached)
        return m

    def _drive(self, m, inputs, link, demo, op_valid):
        """The PC's inputs, from the link or, without a host, from the demo."""
        own = {
            "op_valid": op_valid,
            "op_code": demo.op_code,
            "op_raises": demo.op_raises,
            "op_control": demo.op_control,
            "io_write": demo.io_write,
            "io_address": demo.io_address,
            "io_write_data": demo.io_write_data,
        }
        offset = 0
        for port in inputs:
            linked = link.inputs[offset : offset + len(port.signal)]
            offset += len(port.signal)
            if port.name == "ignne_drive_n":
                # The pin is asynchronous: the first register that sees it is the PC's synchroniser.
                m.d.comb += port.value.eq(Mux(link.attached, linked, self.ignne_pin_n))
                continue
            value = Mux(link.attached, linked, own.get(port.name, 0))
            if port.name == "io_address":
                m.d.comb += port.value.eq(self._decode(m, value))
                continue
            registered = Signal(len(port.signal), name=port.name)
            m.d.sync += registered.eq(value)
            m.d.comb += port.value.eq(registered)

    @staticmethod
    def _decode(m, address):
        """The I/O address through a register that tells apart only what answers, so is decoded before it."""
        index, odd = Signal(2), Signal()
        answers = (PIC_MASTER >> 1, PIC_SLAVE >> 1, PORT_F0 >> 1)
        m.d.sync += [index.eq(0), odd.eq(address[0])]
        for number, pair in enumerate(answers, start=1):
            with m.If(address[1:] == pair):
                m.d.sync += index.eq(number)
        return Cat(odd, Array((0, *answers))[index])


def idle_inputs(inputs) -> int:
    """Nothing is presented, and IGNNE# is high."""
    packed = shift = 0
    for port in inputs:
        packed |= (port.name == "ignne_drive_n") << shift
        shift += len(port.signal)
    return packed
