"""One of two processors, and why one of them does not go on.

They share the I/O bus and bytes of memory. Where both want one in the same cycle, processor a comes first
(**choice**); INTA locks the bus. INTR goes to processor a alone.
"""

from collections.abc import Mapping
from typing import NamedTuple

from ...model.pc import PcInputs, PcOutputs
from ...model.registers import Hwcr, Parameters
from ..waveform.signals import BY_NAME
from ..waveform.two_recorder import ProcessorSeen
from ..waveform.two_signals import TWO_NAMES
from .cpu import Cpu
from .diagnosis import (
    HoldUp,
    broken_link,
    cause_for,
    hold_up_of,
    waits_for_itself,
    ways_out_of,
    without_the_pin,
)
from .program import Program


class PairedCpu(Cpu):
    """A processor that has another one beside it.

    Parameters
    ----------
    memory: bytes of memory by operand, the same for both.

    Attributes
    ----------
    seen: what both show in the present cycle, and under "" what they share; to be set before each `clock`.
    """

    def __init__(self, program: Program, parameters: Parameters, memory: dict[str, int]) -> None:
        super().__init__(program, parameters)
        self.stores.memory = memory
        self.seen: Mapping[str, ProcessorSeen] = {}

    @property
    def over(self) -> bool:
        """The program has ended."""
        return self.current is None

    @property
    def wants_bus(self) -> bool:
        """It accesses a port, or the chipset's configuration, in the present cycle."""
        return self.inputs.io is not None or self.inputs.ferr_enable is not None

    def hold(self) -> None:
        """The end of a cycle in which the other one has the bus: it drives the same again in the next."""
        self.cycle += 1
        self._sample(False)

    def _level(self, signal: str, inputs: PcInputs, outputs: PcOutputs) -> bool:
        processor, _, name = signal.rpartition(".")
        if not processor and signal not in TWO_NAMES:
            return super()._level(signal, inputs, outputs)
        return bool(BY_NAME[name].get(*self.seen[processor]))


class Pair(NamedTuple):
    """Two processors while nothing moves any more."""

    a: PairedCpu
    b: PairedCpu
    seen: Mapping[str, ProcessorSeen]
    """What each shows; `ferr_n` is its own output."""
    wire: PcOutputs
    """What they share."""
    b_wired: bool
    joined: Mapping[str, bool]
    """Its FERR# made no edge of its own when it fell last: the line was low, or fell by the other's too."""


def cause_in_pair(name: str, pair: Pair, parameters: Parameters, irq: int) -> HoldUp:
    """What holds processor a or b, the first broken link between its error and processor a.

    Parameters
    ----------
    irq: the interrupt requests of other devices, 16 bits.
    """
    if name == "a":
        own = pair.seen["a"].outputs._replace(ferr_n=pair.wire.ferr_n)
        return _with_the_line("a", pair, hold_up_of(pair.a, own, parameters, irq))
    return waits_for_itself(pair.b) or _with_the_line("b", pair, _cause_of_b(pair, parameters))


def _with_the_line(name: str, pair: Pair, cause: HoldUp) -> HoldUp:
    """FERR# made no edge since the other processor held the line."""
    waits = (pair.a if name == "a" else pair.b).waiting
    if cause.reason != "irq13-cleared" or waits != "frozen" or not pair.joined[name]:
        return cause
    other = "b" if name == "a" else "a"
    own = pair.seen[name].outputs.hwcr
    muted = "; HWCR.IgnneEm = 1, so IGNNE# has no effect" if Hwcr.IGNNE_EM in own else ""
    by = "" if pair.seen[other].outputs.ferr_n else f" (processor {other} pulls it)"
    return cause_for("line-already-low", f"{by}{muted}", cause.release)


def _cause_of_b(pair: Pair, parameters: Parameters) -> HoldUp:
    ways = ways_out_of(pair.b)
    if pair.b.waiting == "halted":
        return cause_for("intr-elsewhere", "", ways)
    if not pair.b_wired:
        # Nor is its IGNNE#.
        return cause_for("not-wired", "", without_the_pin(ways))
    outputs = pair.seen["b"].outputs
    if outputs.ferr_n:
        return cause_for("not-reported", "", f"an interrupt of its own, {ways}")
    if pair.wire.intr:
        return _a_does_not_take_it(pair, ways)
    own = outputs._replace(ferr_n=pair.wire.ferr_n)
    return broken_link([*pair.a.events, *pair.b.events], own, parameters, ways)


def _a_does_not_take_it(pair: Pair, ways: str) -> HoldUp:
    """INTR is asserted, and processor a, which it goes to, does nothing about it."""
    a = pair.a
    if a.over:
        return cause_for("processor-over", "", f"hlt at its end, where it takes interrupts; for b {ways}")
    if a.waiting == "stopped":
        return HoldUp("stopped", "STPCLK# stops processor a, which INTR goes to", f"STPCLK# negated, {ways}")
    if not a.gif:
        return cause_for("gif-clear", " on processor a, which INTR goes to", ways)
    return cause_for("interrupts-off", " on processor a, which it goes to", f"IF = 1 on processor a, {ways}")
