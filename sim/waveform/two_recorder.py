"""Collects what a PC with two processors does, with the causes."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ...model.pc import PcInputs, PcOutputs
from ...model.registers import Parameters
from .causes.cause import Cause, Edge
from .recorder import Recorder
from .signals import CpuView
from .trace import CYCLE_NS, Trace
from .two_signals import OWN, PROCESSORS, TWO_PROCESSOR_SIGNALS


class ProcessorSeen(NamedTuple):
    """One processor in a cycle, as if it were the only one; `ferr_n` is its own output."""

    inputs: PcInputs
    outputs: PcOutputs
    view: CpuView


class TwoProcessorRecorder:
    """Each processor is recorded for itself, and once more what they share, as the one on the bus sees it.

    Parameters
    ----------
    parameters: of the PC; the causes depend on them.
    b_wired: FERR# of processor b is on the wire.
    """

    def __init__(self, parameters: Parameters, b_wired: bool) -> None:
        self._own = {one: Recorder(parameters) for one in PROCESSORS}
        self._shared = Recorder(parameters)
        self._on_the_wire = PROCESSORS if b_wired else ("a",)
        self._on_the_bus: list[str] = []

    def record(
        self, seen: Mapping[str, ProcessorSeen], inputs: PcInputs, outputs: PcOutputs, on_the_bus: str
    ) -> None:
        """One more cycle.

        Parameters
        ----------
        inputs, outputs: what is shared.
        on_the_bus: the processor that has the I/O bus.
        """
        for name, one in seen.items():
            self._own[name].record(*one)
        view = seen[on_the_bus].view
        if view.step not in ("-", "reset"):
            view = view._replace(step=f"{on_the_bus}: {view.step}")
        self._shared.record(inputs, outputs, view)
        self._on_the_bus.append(on_the_bus)

    def trace(self, title: str = "") -> Trace:
        """What has been recorded so far."""
        end = self._shared.cycles * CYCLE_NS
        clock = np.arange(CYCLE_NS, end + 1, CYCLE_NS, dtype=np.int64)
        waves = {}
        for signal in TWO_PROCESSOR_SIGNALS:
            recorder = self._own.get(signal.spoken.partition(".")[0], self._shared)
            waves[signal.path] = recorder.wave(signal.path, signal.name, signal.width)
        return Trace(waves, clock, end, causes=self._causes(), title=title)

    def _causes(self) -> dict[Edge, Cause]:
        found: dict[Edge, Cause] = {}
        for edge, cause in self._shared.causes.items():
            if edge.signal not in OWN:
                found[edge] = (
                    self._of_the_wire(edge) if edge.signal == "ferr_n" else self._placed(edge, cause)
                )
        for name, recorder in self._own.items():
            for edge, cause in recorder.causes.items():
                if edge.signal in OWN or edge.signal == "ferr_n":
                    because = tuple(_of(name, one) for one in cause.because)
                    found[_of(name, edge)] = cause._replace(because=because)
        # A processor alone knows edges of shared signals that are none: what the other one does to them.
        ordered = sorted(found, key=lambda edge: edge.cycle)
        return {
            edge: found[edge]._replace(because=tuple(one for one in found[edge].because if one in found))
            for edge in ordered
        }

    def _placed(self, edge: Edge, cause: Cause) -> Cause:
        """A cause of a shared signal: what is a processor's in it, as an edge of the one on the bus."""
        # All but the write of F0h itself comes from what was on the bus in the cycle before.
        at = edge.cycle if edge.signal == "f0_write" else edge.cycle - 1
        owner = self._on_the_bus[at]
        because = []
        for one in cause.because:
            if one.signal in OWN:
                changes = self._own[owner].changes(one.signal)
                cycle = max((cycle for cycle in changes if cycle <= at), default=0)
                because += [Edge(f"{owner}.{one.signal}", cycle)] if cycle else []
            else:
                because.append(one)
        return cause._replace(because=tuple(because))

    def _of_the_wire(self, edge: Edge) -> Cause:
        pins = {one: self._own[one].changes("ferr_n") for one in self._on_the_wire}
        moved = [one for one, changes in pins.items() if edge.cycle in changes]
        because = tuple(Edge(f"{one}.ferr_n", edge.cycle) for one in moved)
        if self._shared.level("ferr_n", edge.cycle):
            return Cause("no processor pulls the line low any more", because)
        who = "both processors pull" if len(moved) > 1 else f"processor {''.join(moved)} pulls"
        return Cause(f"{who} the line low", because)


def _of(processor: str, edge: Edge) -> Edge:
    if edge.signal in OWN or edge.signal == "ferr_n":
        return Edge(f"{processor}.{edge.signal}", edge.cycle)
    return edge
