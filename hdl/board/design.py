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
)
from ..component import Input, Output, Parametrised
from ..flat import flat_ports
from ..pc import Pc
from .demo import Demo
from .link import Link
from .uart import UartReceiver, UartTransmitter

GENERATIONS = tuple(Generation)
"""A generation's number on the line is its index here."""
PAUSE = 0.01
"""Seconds without a byte after which a broken packet is forgotten."""


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

    PORTS = {
        "rx": Input(1, "the line from the host, idle 1; asynchronous", init=1),
        "tx": Output(1, "the line to the host, idle 1", init=1),
        "button": Input(1, "pressed; asynchronous"),
        "ferr_n": Output(1, "drive FERR# low if 0: open drain", init=1),
        "ignne_drive_n": Output(1, "drive IGNNE# low if 0: open drain", init=1),
        "ignne_pin_n": Input(1, "the level of the pin IGNNE#; asynchronous", init=1),
        "irq13": Output(1, "IRQ 13"),
        "intr": Output(1, "INTR, a cycle late"),
        "freeze": Output(1, "a waiting instruction is frozen, a cycle late"),
        "ignne": Output(1, "IGNNE in effect, a cycle late"),
        "attached": Output(1, "a host has taken over"),
    }

    def __init__(self, parameters: Parameters, *, clock: float, baud: int = 115_200):
        super().__init__(parameters)
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
            GENERATIONS.index(self.parameters.generation),
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
        m.d.sync += [
            executed.eq(executes),
            self.intr.eq(pc.intr),
            self.freeze.eq(pc.op.freeze),
            self.ignne.eq(pc.state.ignne),
        ]
        m.d.comb += [
            receiver.line.eq(self.rx),
            self.tx.eq(transmitter.line),
            demo.ready.eq(executed),
            demo.stop.eq(link.attached),
            link.outputs.eq(Cat(port.value for port in outputs)),
            self.ferr_n.eq(pc.ferr_n),
            self.ignne_drive_n.eq(pc.chipset_ignne_n),
            self.irq13.eq(pc.irq13),
            self.attached.eq(link.attached),
        ]
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
