"""Any block of the exported Verilog on random inputs, against what it was made from: a core file's test."""

import random
from collections.abc import Iterator, Mapping
from typing import Any

from amaranth.hdl import Cat
from amaranth.sim import Simulator

from ... import hdl
from ...model.registers import PORT_F0, PORT_F1, Msr, Parameters
from ..hardware.verilog import BLOCKS
from ..machines.lockstep import RandomStimulus
from ..machines.machine import ModelMachine
from ..machines.ports import PAYLOAD, join, pack_outputs, split, values_of
from ..support.errors import Divergence
from .pins import Pins, identify, power_up

RESET_RATE = 1 / 64
LIKELY = {
    "io_address": (PORT_F0, PORT_F0, PORT_F1, PORT_F0 ^ 0x100),
    "msr_request_address": (Msr.HWCR, Msr.IGNNE),
    "msr_request_data": (0, 1, 0x80, 0x100, 0x180, 1 << 40),
    "msr_request_cpl": (0,),
}
"""Levels that come up in three of four cycles, where chance alone would not find them."""
Levels = Mapping[str, int]


async def self_test(dut: Any, cycles: int = 2000, seed: int = 1) -> None:
    """A PC against the reference model, any other block against its Amaranth source, in every cycle.

    Parameters
    ----------
    dut: a module of the exported Verilog.
    cycles: of random inputs.
    seed: the same seed gives the same inputs.

    Raises
    ------
    Divergence
        At the first difference: cycle, port and levels.
    PinError
        If it is another module.
    """
    block, parameters = identify(dut)
    await power_up(dut)
    run = _of_the_model if block == "pc" else _of_the_design
    pins: Pins | None = None
    for cycle, (inputs, outputs) in enumerate(run(block, parameters, cycles, seed)):
        pins = pins or Pins(dut, [*inputs, *outputs])
        pins.drive(**inputs)
        await pins.settled()
        for name, level in outputs.items():
            if name in PAYLOAD and not outputs["msr_response_valid"]:
                continue
            if (got := pins.level(name)) != level:
                raise Divergence(f"cycle {cycle}: {name} is {got:#x}, not {level:#x}")
        await pins.edge()


def _of_the_model(
    block: str, parameters: Parameters, cycles: int, seed: int
) -> Iterator[tuple[Levels, Levels]]:
    """Inputs and outputs of each cycle, as the model has them."""
    machine, stimulus, outputs = ModelMachine(parameters), RandomStimulus(seed), None
    widths = _ports(block, parameters)[1]
    for _ in range(cycles):
        inputs = stimulus.next(outputs)
        outputs = machine.step(inputs)
        yield values_of(inputs), split(pack_outputs(outputs), widths)


def _of_the_design(
    block: str, parameters: Parameters, cycles: int, seed: int
) -> Iterator[tuple[Levels, Levels]]:
    """The same as Amaranth's simulator has them."""
    ins, outs = _ports(block, parameters)
    design = BLOCKS[block](parameters)
    ports = hdl.flat_ports(design)
    pick, recorded = random.Random(seed), []

    async def testbench(ctx):
        driven = Cat(port.value for port in ports if port.is_input)
        shown = Cat(port.value for port in ports if not port.is_input)
        for _ in range(cycles):
            levels = {name: pick.getrandbits(width) for name, width in ins.items()}
            for name in [name for name in LIKELY if name in levels]:
                if pick.random() < 0.75:
                    levels[name] = int(pick.choice(LIKELY[name]))
            if "reset" in levels:
                levels["reset"] = int(pick.random() < RESET_RATE)
            ctx.set(driven, join(levels, ins))
            recorded.append((levels, split(ctx.get(shown), outs)))
            await ctx.tick()

    simulator = Simulator(design)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    yield from recorded


def _ports(block: str, parameters: Parameters) -> tuple[dict[str, int], dict[str, int]]:
    """Widths of the inputs and of the outputs, by name."""
    ports = hdl.flat_ports(BLOCKS[block](parameters))
    ins = {port.name: len(port.signal) for port in ports if port.is_input}
    return ins, {port.name: len(port.signal) for port in ports if not port.is_input}
