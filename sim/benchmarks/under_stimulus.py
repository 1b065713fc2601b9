"""Any design with the stimulus of a `Trial` around it, as Amaranth: in simulators what lanes do in gates."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from amaranth.back import verilog  # pyright: ignore[reportAttributeAccessIssue]
from amaranth.hdl import Cat, ClockDomain, Const, Elaboratable, Module, Mux, Signal

from ... import hdl
from ..lanes.signature import SIGNATURE_BITS, next_signature
from ..lanes.stimulus import Stimulus
from ..netlist.flat import component_of, signals_of


class Seed(NamedTuple):
    """What a lane's generators begin with."""

    value: int
    width: int


def seed_of(stimulus: Stimulus, seed: int, lane: int) -> Seed:
    """The registers of a stimulus at a lane's start, one after the other, the first lowest.

    Parameters
    ----------
    stimulus : Stimulus
        Of the design.
    seed : int
        Of all lanes.
    lane : int
        The lane's number.
    """
    value = width = 0
    started = stimulus.initial(seed, 1, lane)
    for name, bits in stimulus.registers.items():
        value |= int(started[name][0] if name in started else 0) << width
        width += bits
    return Seed(value, width)


class UnderStimulus(Elaboratable):
    """A design, its stimulus and a signature of its outputs.

    Parameters
    ----------
    design: a component, or an elaboratable whose public signals are its ports.
    stimulus: of its inputs.
    outputs: their names, in the order of the signature.

    Attributes
    ----------
    load: Signal(), in: the stimulus takes `seed`. One cycle of it is a cycle of a stimulus of zeros.
    seed: Signal of all registers of the stimulus, in, as `seed_of` gives it.
    hash: Signal(64), out: the signature of all outputs in the cycles since `load`.
    """

    def __init__(self, design: Any, stimulus: Stimulus, outputs: Sequence[str]) -> None:
        self._design, self._stimulus, self._outputs = design, stimulus, outputs
        component = component_of(design)
        if component is not None:
            self._ports = {port.name: port.value for port in hdl.flat_ports(component)}
        else:
            self._ports = {str(one.name): one for one in signals_of(design)}
        self.load = Signal()
        self.seed = Signal(max(1, sum(stimulus.registers.values())))
        self.hash = Signal(SIGNATURE_BITS)
        self._clock: Any = ClockDomain("sync", reset_less=True)

    def elaborate(self, platform) -> Module:
        m = Module()
        m.domains.sync = self._clock
        m.submodules.dut = self._design
        state = {name: Signal(width, name=name) for name, width in self._stimulus.registers.items()}
        inputs, after = self._stimulus.step(
            {name: [word[index] for index in range(len(word))] for name, word in state.items()}, Const(1, 1)
        )
        for name, word in inputs.items():
            m.d.comb += self._ports[name].eq(Cat(word))
        low = 0
        for name, word in after.items():
            width = len(state[name])
            m.d.sync += state[name].eq(Mux(self.load, self.seed[low : low + width], Cat(word)))
            low += width
        observed = [
            bit
            for name in self._outputs
            for bit in map(self._bit(name).__getitem__, range(self._width(name)))
        ]
        now = Cat(next_signature([self.hash[index] for index in range(SIGNATURE_BITS)], observed))
        m.d.sync += self.hash.eq(Mux(self.load, 0, now))
        return m

    def _bit(self, name: str) -> Any:
        return self._ports[name].as_unsigned()

    def _width(self, name: str) -> int:
        return len(self._ports[name])

    def verilog(self, name: str) -> str:
        """It as Verilog, with the ports clk, load, seed and hash."""
        ports = [self._clock.clk, self.load, self.seed, self.hash]
        return verilog.convert(self, name=name, ports=ports, emit_src=False, strip_internal_attrs=True)
