"""The bus-functional CPU: a program as one set of inputs a cycle, reacting to outputs.

It has no registers and no memory, only what the error logic can see: which instruction comes next, whether
it executes, freezes or faults, and what goes over the buses. One instruction takes one cycle, RDMSR and
WRMSR two.
"""

from collections.abc import Generator, Sequence
from typing import NamedTuple

from ..model.pc import PcInputs, PcOutputs
from ..model.registers import Cr0
from ..model.reporting import Decision
from .signals import BY_NAME
from .steps import X87, Io, MovCr0, MovFerrEnable, MsrAccess, Nop, Reset, Step, Wait

Cycles = Generator[PcInputs, PcOutputs, None]
"""A piece of a program: yields the inputs of each cycle and receives its outputs."""

FAULTS = {Decision.MF: "#MF", Decision.NM: "#NM", Decision.UD: "#UD"}


class Event(NamedTuple):
    """Something that happened to a step."""

    cycle: int
    step: Step
    kind: str
    """'executes', 'freezes', 'window', 'reads', '#MF', '#NM', '#UD' or '#GP'."""
    value: int = 0
    """What was read."""


class Cpu:
    """Runs steps in order. A step that faults is recorded and passed over.

    Attributes
    ----------
    inputs: what it drives in the present cycle.
    cycle: number of the present cycle.
    events: what happened so far.
    current: the step under way, or None when the program is over.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self.cr0 = Cr0(0)
        self.cycle = 0
        self.events: list[Event] = []
        self.current: Step | None = None
        self._program = self._run(steps)
        self.inputs = PcInputs()
        self._advance(None)

    def clock(self, outputs: PcOutputs) -> None:
        """The rising edge that ends a cycle, in which the machine showed `outputs`."""
        self.cycle += 1
        self._advance(outputs)

    def _advance(self, outputs: PcOutputs | None) -> None:
        try:
            self.inputs = next(self._program) if outputs is None else self._program.send(outputs)
        except StopIteration:
            self.inputs = PcInputs(cr0=self.cr0)

    def _run(self, steps: Sequence[Step]) -> Cycles:
        for step in steps:
            self.current = step
            yield from self._perform(step)
        self.current = None
        while True:
            yield self._drive()

    def _drive(self, **inputs) -> PcInputs:
        return PcInputs(cr0=self.cr0, **inputs)

    def _record(self, kind: str, value: int = 0) -> None:
        """An event in the cycle whose outputs have just been received."""
        assert self.current is not None
        self.events.append(Event(self.cycle - 1, self.current, kind, value))

    def _perform(self, step: Step) -> Cycles:
        match step.action:
            case X87() as action:
                yield from self._x87(action)
            case Nop(cycles):
                for _ in range(cycles):
                    yield self._drive()
                self._record("executes")
            case Io(access):
                outputs = yield self._drive(io=access)
                self._record("executes" if access.write else "reads", outputs.io_data)
            case MsrAccess() as action:
                yield from self._msr(action)
            case MovCr0(bit, value):
                yield self._drive()
                self.cr0 = self.cr0 | bit if value else self.cr0 & ~bit
                self._record("executes")
            case MovFerrEnable(value):
                yield self._drive(ferr_enable=value)
                self._record("executes")
            case Wait() as action:
                yield from self._wait(action)
            case Reset(init):
                yield self._drive(reset=not init)
                # Both leave CR0 = 60000010h, so NE = 0 (SDM3 table 9-1).
                self.cr0 = Cr0(0)
                self._record("executes")

    def _x87(self, action: X87) -> Cycles:
        for operation in action.operations:
            held = None
            while True:
                outputs = yield self._drive(operation=operation)
                if outputs.decision in FAULTS:
                    self._record(FAULTS[outputs.decision])
                    return
                if outputs.decision is Decision.READY:
                    break
                if outputs.decision is not held:
                    held = outputs.decision
                    self._record("freezes" if held is Decision.FREEZE else "window")
        self._record("executes")

    def _msr(self, action: MsrAccess) -> Cycles:
        outputs = yield self._drive(msr=action.request)
        while not outputs.msr_ready:
            outputs = yield self._drive(msr=action.request)
        accepted = self.cycle - 1
        outputs = yield self._drive()
        while outputs.msr_response is None:
            outputs = yield self._drive()
        response = outputs.msr_response
        assert self.current is not None
        kind = "#GP" if response.fault else "executes" if action.request.write else "reads"
        self.events.append(Event(accepted, self.current, kind, response.data))

    def _wait(self, action: Wait) -> Cycles:
        signal = BY_NAME[action.signal]
        while True:
            inputs = self._drive()
            outputs = yield inputs
            if bool(signal.get(inputs, outputs)) == action.level:
                break
        self._record("executes")
