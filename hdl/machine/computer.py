"""CPU, memory, PC and a serial port: a computer as far as this error needs one."""

from collections.abc import Sequence

from amaranth.hdl import Module
from amaranth.lib import stream
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import connect

from ...model.registers import Parameters
from ..component import Input, Output, Parametrised
from ..pc import Pc
from .cpu import START, SmallCpu

MEMORY_BITS = 12
"""Of an address; what is above is not decoded, so that 7C00h is C00h."""
SERIAL, SERIAL_STATUS = 0x3F8, 0x3FD
"""Of COM1: the byte to send, and the line status."""
TRANSMITTER_EMPTY = 0x60


class Computer(Parametrised):
    """From RESET it runs the boot sector that its memory begins with.

    Parameters
    ----------
    parameters : Parameters
        Of the PC.
    program : sequence of int
        The bytes from 7C00h on, at most 1 KiB.

    Raises
    ------
    ValueError
        If there are more.
    """

    PORTS = {
        "reset": Input(1, "RESET"),
        "ignne_drive_n": Input(1, "a second open-drain driver on the IGNNE# wire", init=1),
        "serial": Output(stream.Signature(8), "what goes to COM1"),
        "ferr_n": Output(1, "FERR#", init=1),
        "irq13": Output(1, "IRQ 13"),
        "ignne_n": Output(1, "IGNNE#", init=1),
        "intr": Output(1, "INTR"),
        "freeze": Output(1, "the processor is frozen"),
        "undefined": Output(1, "the CPU has met an opcode that it does not know"),
    }

    def __init__(self, parameters: Parameters, program: Sequence[int]):
        super().__init__(parameters)
        room = (1 << MEMORY_BITS) - START % (1 << MEMORY_BITS)
        if len(program) > room:
            raise ValueError(f"the program has {len(program)} bytes: at most {room} fit")
        self._program = [*program]
        self.pc, self.cpu = Pc(parameters), SmallCpu()

    def elaborate(self, platform):
        m = Module()
        pc, cpu = self.pc, self.cpu
        m.submodules.pc, m.submodules.cpu = pc, cpu
        start = START % (1 << MEMORY_BITS)
        m.submodules.memory = memory = Memory(
            shape=8, depth=1 << MEMORY_BITS, init=[0] * start + self._program
        )
        read, write = memory.read_port(), memory.write_port()
        connect(m, cpu.op, pc.op)
        status = cpu.io.address == SERIAL_STATUS
        m.d.comb += [
            cpu.reset.eq(self.reset),
            pc.reset.eq(self.reset),
            pc.ignne_drive_n.eq(self.ignne_drive_n),
            pc.inta.eq(cpu.inta),
            cpu.intr.eq(pc.intr),
            cpu.vector.eq(pc.vector),
            cpu.flags.eq(pc.state.flags),
            cpu.es.eq(pc.state.es),
            pc.io.address.eq(cpu.io.address),
            pc.io.write.eq(cpu.io.write),
            pc.io.read.eq(cpu.io.read),
            pc.io.write_data.eq(cpu.io.write_data),
            cpu.io.read_data.eq(pc.io.read_data),
            read.addr.eq(cpu.address),
            cpu.read_data.eq(read.data),
            write.addr.eq(cpu.address),
            write.data.eq(cpu.write_data),
            write.en.eq(cpu.write),
            self.serial.payload.eq(cpu.io.write_data),
            self.serial.valid.eq(cpu.io.write & (cpu.io.address == SERIAL)),
            self.ferr_n.eq(pc.ferr_n),
            self.irq13.eq(pc.irq13),
            self.ignne_n.eq(pc.ignne_n),
            self.intr.eq(pc.intr),
            self.freeze.eq(pc.op.freeze),
            self.undefined.eq(cpu.undefined),
        ]
        with m.If(status):
            m.d.comb += cpu.io.read_data.eq(self.serial.ready * TRANSMITTER_EMPTY)
        return m
