"""The PC with its random stimulus and a signature of all its outputs, as one design for every engine.

The same design runs in lanes, under Amaranth's simulator, under Icarus and under Verilator, and
`StimulatedMachine` does the same around any machine; so two engines agree when their signatures do.
"""

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from ... import hdl
from ...model.lanes.bits import numbers_of, words_of
from ...model.pc import PcInputs, PcOutputs
from ...model.registers import Parameters
from ...model.reporting import Decision
from ..lanes.builder import Builder
from ..lanes.lanes import Lanes
from ..lanes.signature import POLYNOMIAL, SIGNATURE_BITS, next_signature
from ..machines.machine import Machine
from ..machines.ports import OUTPUTS, PAYLOAD, pack_outputs, read_inputs
from ..netlist.netlist import Netlist
from .stimulus import FEEDBACK, STATE, WORDS, seeds, stimulus

HASH = "hash"
"""The register of the signature."""


class StimulatedPc(wiring.Component):
    """Stimulus, PC and signature.

    Parameters
    ----------
    parameters: of the PC.
    pc: the PC, if it is another one than `hdl.Pc(parameters)`.

    Attributes
    ----------
    load: In(1), the generators take `seed`. Until then they stand still and the PC idles: one cycle of `load`
        is what `begin` does to lanes.
    seed: In(128), one word of 32 bits for each generator.
    hash: Out(64), the signature of all outputs in all cycles so far.
    """

    def __init__(self, parameters: Parameters, pc: wiring.Component | None = None):
        self._pc = pc or hdl.Pc(parameters)
        super().__init__(
            {
                "load": In(1),
                "seed": In(32 * len(WORDS)),
                "hash": Out(SIGNATURE_BITS),
            }
        )

    def elaborate(self, platform):
        m = Module()
        pc: Any = self._pc
        m.submodules.pc = pc
        ports = {port.name: port.value for port in hdl.flat_ports(pc)}
        own: Any = self
        drive(m, ports, own.load, own.seed)
        after = Cat(next_signature(list(own.hash), observed_bits(ports)))
        m.d.sync += own.hash.eq(Mux(own.load, 0, after))
        return m


def drive(m: Module, ports, load, seed) -> None:
    """The stimulus around a PC: its registers, and what it drives.

    Parameters
    ----------
    m : Module
        Where the statements go.
    ports : mapping of str to Value
        All ports of the PC, as of `hdl.flat_ports`; its inputs are driven.
    load : Value
        One bit: the generators take `seed`.
    seed : Value
        One word of 32 bits for each generator, in the order of WORDS.
    """
    state = {name: Signal(width, name=name) for name, width in STATE.items()}
    feedback = {"held": ports["op_freeze"] | ports["op_window"], "intr": ports["intr"]}
    bits = {name: [word[index] for index in range(len(word))] for name, word in state.items()}
    now = stimulus(bits, feedback, Const(1, 1))
    for name, word in now.inputs.items():
        m.d.comb += ports[name].eq(Cat(word))
    for name, word in now.next.items():
        if name in WORDS:
            loaded = seed.word_select(WORDS.index(name), 32)
            m.d.sync += state[name].eq(Mux(load, loaded, Cat(word)))
        else:
            m.d.sync += state[name].eq(Cat(word))


def observed_bits(ports: Mapping[str, Any]) -> list:
    """The bits of all outputs in the order of `ports.OUTPUTS`, a payload only where it is valid."""
    valid = ports["msr_response_valid"][0]
    bits = []
    for name, width in OUTPUTS.items():
        bits += [
            ports[name][index] & valid if name in PAYLOAD else ports[name][index] for index in range(width)
        ]
    return bits


def stimulated(pc: Netlist, *, signature: bool = True) -> Netlist:
    """A PC's netlist with the stimulus in place of its inputs: what `StimulatedPc` is, made of gates at once.

    Parameters
    ----------
    pc: with the ports of `hdl.Pc`, and perhaps more outputs.
    signature: with the register `hash`.
    """
    build = Builder()
    state = {name: build.register(name, width) for name, width in STATE.items()}
    inputs = stimulus(state, dict.fromkeys(FEEDBACK, build.zero), build.one).inputs
    build.attach(pc, inputs)
    ports = build.outputs
    feedback = {"held": ports["op_freeze"][0] | ports["op_window"][0], "intr": ports["intr"][0]}
    for name, word in stimulus(state, feedback, build.one).next.items():
        build.follow(name, word)
    if signature:
        build.follow(HASH, next_signature(build.register(HASH, SIGNATURE_BITS), observed_bits(ports)))
    return build.netlist(WORDS)


def begin(lanes: Lanes, seed: int, first: int = 0) -> None:
    """Let a cycle pass, as the others need one to load their seeds, and give each lane its own.

    Parameters
    ----------
    lanes : Lanes
        At cycle 0, of a netlist with the stimulus.
    seed : int
        Of all lanes.
    first : int
        The number of the first lane.
    """
    lanes.run(1)
    for word, values in seeds(seed, lanes.lanes, first).items():
        lanes.set_register(word, values)
    if HASH in lanes.names:
        lanes.set_register(HASH, 0)


class StimulatedMachine:
    """The same around a machine, one lane, in Python.

    Parameters
    ----------
    machine: the reference model, or anything else.
    seed, lane: as in `stimulus.seeds`.

    Attributes
    ----------
    signature: of all outputs so far.
    inputs: what the next cycle will drive.
    """

    def __init__(self, machine: Machine, seed: int, lane: int = 0) -> None:
        self._machine = machine
        machine.step(PcInputs())
        self._state = dict.fromkeys(STATE, 0)
        self._state |= {word: int(values[0]) for word, values in seeds(seed, 1, lane).items()}
        self.signature = 0

    def step(self) -> tuple[PcInputs, PcOutputs]:
        """One cycle: what was driven, and what came."""
        now = stimulus(words_of(self._state, STATE), dict.fromkeys(FEEDBACK, 0), 1)
        inputs = read_inputs(numbers_of(now.inputs))
        outputs = self._machine.step(inputs)
        held = outputs.decision in (Decision.FREEZE, Decision.WINDOW)
        self._state = numbers_of(now.next) | {"held": int(held), "intr": int(outputs.intr)}
        self.signature = _signed(self.signature, pack_outputs(outputs))
        return inputs, outputs


def _signed(signature: int, outputs: int) -> int:
    ones = (1 << SIGNATURE_BITS) - 1
    folded = signature << 1 & ones ^ (POLYNOMIAL if signature >> SIGNATURE_BITS - 1 else 0)
    while outputs:
        folded ^= outputs & ones
        outputs >>= SIGNATURE_BITS
    return folded
