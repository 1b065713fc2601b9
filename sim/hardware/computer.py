"""The computer of `hdl.machine` from RESET to the end of its program, in lockstep with the model."""

from importlib import resources
from typing import NamedTuple

from amaranth.hdl import Cat
from amaranth.sim import Simulator

from ... import hdl
from ...hdl.machine import Computer
from ...model.registers import Parameters
from ..machines.machine import ModelMachine, OutputComparison
from ..machines.ports import INPUTS, read_inputs, split, unpack
from ..support.errors import InputError
from ..tools.nasm import assemble
from ..waveform.recorder import Recorder
from ..waveform.signals import CpuView
from ..waveform.trace import Trace

LIMIT = 20_000
"""Cycles after which a program that does not end is given up."""


class ComputerRun(NamedTuple):
    """What a program did."""

    trace: Trace
    sent: bytes
    """To COM1."""
    cycles: int


def boot_sector() -> bytes:
    """The DOS handler as machine code, 512 bytes. Raises ToolError if NASM is not installed."""
    source = resources.files("irq13.sim.hardware").joinpath("machine.asm").read_text("utf-8")
    return assemble(source, "machine")


def run_computer(parameters: Parameters, program: bytes, limit: int = LIMIT) -> ComputerRun:
    """Run a program until it halts with interrupts off, every output of the PC compared with the model's.

    Parameters
    ----------
    parameters : Parameters
        Of the PC.
    program : bytes
        A boot sector, such as `boot_sector()`.
    limit : int
        Cycles within which it ends.

    Raises
    ------
    Divergence
        At the first difference between PC and model.
    InputError
        If it meets an opcode that the CPU does not know, or does not end.
    """
    computer = Computer(parameters, program)
    cpu, pc = computer.cpu, computer.pc
    ports = hdl.flat_ports(pc)
    ins = Cat(port.value for port in ports if port.is_input)
    outs = Cat(port.value for port in ports if not port.is_input)
    recorder, model, comparison = Recorder(parameters), ModelMachine(parameters), OutputComparison()
    sent = bytearray()
    ended: list[str] = []

    async def testbench(ctx) -> None:
        ctx.set(computer.serial.ready, 1)
        ctx.set(computer.reset, 1)
        for cycle in range(limit):
            inputs, outputs = read_inputs(split(ctx.get(ins), INPUTS)), unpack(ctx.get(outs))
            comparison.compare(inputs, model.step(inputs), outputs)
            comparison.passed(inputs, outputs)
            halted = ctx.get(cpu.halted)
            waiting = "frozen" if ctx.get(pc.op.freeze) else "halted" if halted else None
            recorder.record(inputs, outputs, CpuView(f"{ctx.get(cpu.ip):04X}h", waiting=waiting))
            if ctx.get(computer.serial.valid):
                sent.append(ctx.get(computer.serial.payload))
            if ctx.get(cpu.undefined):
                ended.append(f"no such opcode at {ctx.get(cpu.ip):04X}h")
            if ended or (halted and not ctx.get(cpu.interrupts)):
                return
            await ctx.tick()
            ctx.set(computer.reset, cycle < 1)
        ended.append(f"it does not end within {limit} cycles")

    simulator = Simulator(computer)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    if ended:
        raise InputError(f"the program: {ended[0]}")
    return ComputerRun(recorder.trace(), bytes(sent), recorder.cycles)
