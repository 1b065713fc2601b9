"""Why a signal changes: for each edge of a run, the rule that made it and the edges that it follows from.

A cause is worked out while the run is recorded, from the inputs and outputs of the two cycles around the
edge and from the parameters of the PC, by the rules of the cycle contract. A cause from the cycle before
stands for a flip-flop, one from the same cycle for combinational logic.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ....model.older import OlderMachine, OlderParameters
from ....model.pc import resets_processor
from ....model.registers import PORT_F1, ExceptionFlag, Parameters
from ..signals import CpuView


class Edge(NamedTuple):
    """A signal takes a new value in a cycle."""

    signal: str
    """Its name, without scopes."""
    cycle: int


class Cause(NamedTuple):
    """Why an edge happened."""

    text: str
    because: tuple[Edge, ...] = ()
    """The edges that it follows from, all in this cycle or before it; none where it comes from outside."""


class Instant(NamedTuple):
    """Everything there is to see in one cycle: inputs and outputs of the PC, or of one before the 486."""

    inputs: Any
    outputs: Any
    cpu: CpuView

    @property
    def doing(self) -> str:
        """What the processor is at, for a sentence."""
        if self.cpu.step != "-":
            return f"'{self.cpu.step}'"
        return self.inputs.operation.code.name if self.inputs.operation else "the test bench"

    @property
    def access(self) -> str:
        """The bus access under way, for a sentence."""
        if self.cpu.step == "-" and self.inputs.io is not None:
            return f"an access to port {self.inputs.io.address:X}h"
        return self.doing

    @property
    def pending(self) -> ExceptionFlag:
        """Flags that are set and not masked; SF has no mask of its own."""
        return self.outputs.flags & ~self.outputs.masks & ~ExceptionFlag.SF


class Moment(NamedTuple):
    """What a rule may look at: the cycle of an edge and the one before it."""

    cycle: int
    before: Instant
    now: Instant
    parameters: Parameters | OlderParameters
    times: Mapping[str, Sequence[int]]
    """The cycles in which each signal took a new value so far, the present one included."""
    causes: Mapping[Edge, Cause]
    """Of the edges so far."""
    immediate: bool
    """In the cycle before, a pending exception is one that is reported without waiting for an instruction."""

    @property
    def then(self) -> str:
        """'in cycle 12': the cycle before, for a sentence."""
        return f"in cycle {self.cycle - 1}"

    @property
    def pc(self) -> Parameters:
        """The parameters of a PC of the 486 and later, for rules that only such a one has."""
        assert isinstance(self.parameters, Parameters)
        return self.parameters

    def reset(self) -> Cause | None:
        """RESET in the cycle before overrules every other rule; None without it."""
        if not self.before.inputs.reset:
            return None
        return Cause(f"RESET {self.then}", self.earlier("reset"))

    def processor_reset(self) -> Cause | None:
        """RESET of the x87 unit in the cycle before: the pin, port F0h of a PC-98, port F1h of an AT."""
        if isinstance(self.parameters, OlderParameters):
            return self._npx_reset(self.parameters)
        if resets_processor(self.before.inputs.io, self.parameters):
            return Cause(f"port F0h reset the processor {self.then}", self.earlier("step", "io_write"))
        return self.reset()

    def _npx_reset(self, parameters: OlderParameters) -> Cause | None:
        io = self.before.inputs.io
        f1 = io is not None and io.write and io.address == PORT_F1
        if f1 and parameters.machine in (OlderMachine.AT286, OlderMachine.AT386):
            return Cause(f"port F1h reset the coprocessor {self.then}", self.earlier("step", "io_write"))
        return self.reset()

    def here(self, *names: str) -> tuple[Edge, ...]:
        """Those of the signals that change in this very cycle."""
        return tuple(Edge(name, self.cycle) for name in names if self.times.get(name, (0,))[-1] == self.cycle)

    def earlier(self, *names: str) -> tuple[Edge, ...]:
        """The last edge of each signal up to the cycle before; none for one that never changed."""
        return self.up_to(self.cycle - 1, *names)

    def latest(self, *names: str) -> tuple[Edge, ...]:
        """The last edge of each signal, this cycle included."""
        return self.up_to(self.cycle, *names)

    def fresh(self, *names: str) -> tuple[Edge, ...]:
        """Those of the signals that changed in the cycle before."""
        return tuple(edge for edge in self.earlier(*names) if edge.cycle == self.cycle - 1)

    def why(self, name: str) -> str:
        """The cause of a signal's last edge up to the cycle before, in words."""
        return "; ".join(self.causes[edge].text for edge in self.earlier(name))

    def up_to(self, limit: int, *names: str) -> tuple[Edge, ...]:
        """The last edge of each signal up to and with a cycle."""
        found = []
        for name in names:
            cycle = next((cycle for cycle in reversed(self.times.get(name, ())) if cycle <= limit), 0)
            # The values of cycle 0 are where it starts from: no edge.
            found += [Edge(name, cycle)] if cycle else []
        return tuple(found)


Rule = Callable[[Moment], Cause]
"""Answers for one signal: why it took its value in a cycle."""
OUTSIDE = "driven from outside"


def by_step_before(moment: Moment) -> Cause:
    """A register that an instruction wrote in the cycle before."""
    if (reset := moment.reset()) is not None:
        return reset
    return Cause(f"written by {moment.before.doing} {moment.then}", moment.earlier("step"))


def outside(moment: Moment) -> Cause:
    """Nothing in here drives it."""
    return Cause(OUTSIDE)


def names_of(flags: ExceptionFlag) -> str:
    """Flags for a sentence: 'IE, ZE'."""
    return ", ".join(str(flag.name) for flag in flags)
