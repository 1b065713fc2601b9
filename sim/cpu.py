"""The bus-functional CPU: a program as one set of inputs a cycle, reacting to outputs.

It has no registers and no memory, only what the error logic can see: which instruction comes next, whether
it executes, freezes or faults, which interrupts are taken, and what goes over the buses. One instruction
takes one cycle, RDMSR and WRMSR two. An external interrupt takes two, one for each INTA pulse; it pushes
nothing but remembers where to return to.
"""

from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple

from ..model.chipset import IoAccess
from ..model.pc import PcInputs, PcOutputs
from ..model.registers import PIC_MASTER, PIC_SLAVE, Cr0
from ..model.reporting import Decision
from ..model.x87 import OperationRequest
from .signals import BY_NAME, CpuView
from .steps import (
    X87,
    Bios,
    Flag,
    Halt,
    Int,
    Io,
    Iret,
    MovCr0,
    MovFerrEnable,
    MovSs,
    MsrAccess,
    Nop,
    Reset,
    Step,
    Wait,
)

NMI_VECTOR = 2
FAULTS = {Decision.MF: "#MF", Decision.NM: "#NM", Decision.UD: "#UD"}
VECTORS = {"#UD": 6, "#NM": 7, "#GP": 13, "#MF": 16}
BIOS_WORDS = (
    # SDM1 D.2.1.2 takes the PC/AT's programming for granted: edge triggered, cascaded on IR2, 8086 mode,
    # vectors 08h-0Fh and 70h-77h, nothing masked.
    *((PIC_MASTER, 0x11), (PIC_MASTER + 1, 0x08), (PIC_MASTER + 1, 0x04), (PIC_MASTER + 1, 0x01)),
    *((PIC_SLAVE, 0x11), (PIC_SLAVE + 1, 0x70), (PIC_SLAVE + 1, 0x02), (PIC_SLAVE + 1, 0x01)),
    *((PIC_MASTER + 1, 0x00), (PIC_SLAVE + 1, 0x00)),
)
"""What the step `bios` writes to the two 8259As."""

Cycles = Generator[PcInputs, PcOutputs, bool]
"""A piece of a program: yields the inputs of each cycle, receives its outputs, returns whether the
instruction is over (False: it starts again, after the interrupt that ended it)."""


class Event(NamedTuple):
    """Something that happened."""

    cycle: int
    step: Step | None
    """The step it happened to; for 'returns' the one that is returned to."""
    kind: str
    """'executes', 'freezes', 'window', 'reads', '#MF', '#NM', '#UD', '#GP', 'enters', 'returns',
    'unhandled' or 'stuck:REASON'."""
    value: int = 0
    """What was read, or the vector of a handler."""


class Program(NamedTuple):
    """What a CPU runs."""

    main: Sequence[Step]
    handlers: Mapping[int, Sequence[Step]] = {}
    """By vector."""
    after_reset: Sequence[Step] = ()
    """Where it goes on after the RESET pin."""


class _Instruction(NamedTuple):
    """A step, or one of several instructions that it stands for."""

    step: Step
    operation: OperationRequest | None
    last: bool


class _Place(NamedTuple):
    """Where the CPU is: the next instruction of a block."""

    block: tuple[_Instruction, ...]
    at: int

    @property
    def next(self) -> "_Place":
        return self._replace(at=self.at + 1)

    @property
    def instruction(self) -> _Instruction | None:
        return self.block[self.at] if self.at < len(self.block) else None


class _Frame(NamedTuple):
    """What an interrupt remembers."""

    place: _Place
    interrupts: bool
    vector: int


class Cpu:
    """Runs a program. A fault without a handler is recorded and its step passed over.

    Attributes
    ----------
    inputs: what it drives in the present cycle.
    cycle: number of the present cycle.
    events: what happened so far.
    current: the step under way, or None when the program is over; then no interrupt is taken any more.
    waiting: 'frozen', 'halted' or 'waiting' while it may stay where it is for ever, else None.
    cr0, interrupts: CR0 and the interrupt flag IF. RESET leaves both 0.
    nmi: level of the NMI pin, which is set from outside; a rising edge is latched.
    """

    def __init__(self, program: Program) -> None:
        self.cycle = 0
        self.events: list[Event] = []
        self.nmi = False
        self._handlers = {vector: _block(steps) for vector, steps in program.handlers.items()}
        self._after_reset = _block(program.after_reset)
        self._start(_block(program.main))

    def reset(self) -> None:
        """The RESET pin: it drops what it does and goes on at `Program.after_reset`."""
        self._start(self._after_reset)

    def clock(self, outputs: PcOutputs) -> None:
        """The rising edge that ends a cycle, in which the machine showed `outputs`."""
        self.cycle += 1
        self._intr = outputs.intr
        self._nmi_pending |= self.nmi and not self._nmi_before
        self._nmi_before = self.nmi
        self.inputs = self._thread.send(outputs)

    def view(self) -> CpuView:
        """What a waveform shows of the CPU in the present cycle."""
        handler = f"{self._frames[-1].vector:02X}h" if self._frames else "main"
        return CpuView(
            self.current.text if self.current else "-", handler, self.interrupts, self.nmi, self.waiting
        )

    def _start(self, block: tuple[_Instruction, ...]) -> None:
        self.cr0 = Cr0(0)
        self.interrupts = False
        self.current: Step | None = None
        self.waiting: str | None = None
        self._place = _Place(block, 0)
        self._frames: list[_Frame] = []
        self._shadow = False
        self._intr = False
        self._nmi_pending = self._nmi_before = False
        self._thread = self._run()
        self.inputs = next(self._thread)

    def _drive(self, **inputs) -> PcInputs:
        return PcInputs(cr0=self.cr0, **inputs)

    def _record(self, kind: str, value: int = 0) -> None:
        """An event in the cycle whose outputs have just been received."""
        self.events.append(Event(self.cycle - 1, self.current, kind, value))

    def _run(self) -> Generator[PcInputs, PcOutputs, None]:
        while True:
            if self._interrupted() and not self._shadow:
                yield from self._interrupt()
                continue
            # It ends here: it does not hold off what ends a freeze (SDM3 27.1).
            self._shadow = False
            instruction = self._place.instruction
            if instruction is None:
                break
            self.current = instruction.step
            place = self._place
            over = yield from self._perform(instruction)
            self.waiting = None
            if over and self._place is place:
                self._place = place.next
        self.current = None
        while True:
            yield self._drive()

    def _interrupted(self) -> bool:
        """An NMI, or INTR while IF = 1, as sampled in the last cycle."""
        return self._nmi_due() or (self._intr and self.interrupts)

    def _nmi_due(self) -> bool:
        # An NMI handler is not interrupted by another NMI before its IRET.
        return self._nmi_pending and all(frame.vector != NMI_VECTOR for frame in self._frames)

    def _interrupt(self) -> Generator[PcInputs, PcOutputs, None]:
        instruction = self._place.instruction
        self.current = instruction.step if instruction else None
        if self._nmi_due():
            self._nmi_pending = False
            yield self._drive()
            vector = NMI_VECTOR
        else:
            yield self._drive(inta=True)
            outputs = yield self._drive(inta=True)
            vector = outputs.vector
        self._enter(vector)

    def _enter(self, vector: int) -> None:
        """Go to a handler; return to the present place."""
        if vector not in self._handlers:
            self._record("unhandled", vector)
            self._place = _Place((), 0)
            self._frames = []
            return
        self._record("enters", vector)
        self._frames.append(_Frame(self._place, self.interrupts, vector))
        self.interrupts = False
        self._place = _Place(self._handlers[vector], 0)

    def _fault(self, name: str) -> bool:
        """A fault before the instruction: its handler returns to it."""
        self._record(name)
        if VECTORS[name] in self._handlers:
            self._enter(VECTORS[name])
        return True

    def _perform(self, instruction: _Instruction) -> Cycles:
        match instruction.step.action:
            case X87():
                assert instruction.operation is not None
                return (yield from self._x87(instruction.operation, instruction.last))
            case MsrAccess() as action:
                return (yield from self._msr(action))
            case Wait() as action:
                return (yield from self._wait(action))
            case Halt():
                return (yield from self._halt())
            case Bios():
                for port, word in BIOS_WORDS:
                    yield self._drive(io=IoAccess(port, True, word))
            case Io(access):
                outputs = yield self._drive(io=access)
                if not access.write:
                    self._record("reads", outputs.io_data)
                    return True
            case action:
                yield self._drive(**_effects(action))
                self._change(action)
        if instruction.last:
            self._record("executes")
        return True

    def _change(self, action) -> None:
        """What an instruction of one cycle does to the CPU itself, for the next cycle."""
        match action:
            case MovCr0(bit, value):
                self.cr0 = self.cr0 | bit if value else self.cr0 & ~bit
            case MovSs():
                self._shadow = True
            case Flag(value):
                # The shadow of STI lasts one instruction, and only if IF was 0 (SDM2 STI).
                self._shadow = value and not self.interrupts
                self.interrupts = value
            case Int(vector):
                self._place = self._place.next
                self._enter(vector)
            case Iret():
                self._return()
            case Reset():
                # RESET and INIT leave CR0 = 60000010h and IF = 0 (SDM3 table 9-1).
                self.cr0, self.interrupts = Cr0(0), False

    def _return(self) -> None:
        if not self._frames:
            return
        frame = self._frames.pop()
        self._place, self.interrupts = frame.place, frame.interrupts
        target = frame.place.instruction
        self.events.append(Event(self.cycle - 1, target.step if target else None, "returns", frame.vector))

    def _x87(self, operation: OperationRequest, last: bool) -> Cycles:
        held = None
        while True:
            outputs = yield self._drive(operation=operation)
            decision = outputs.decision
            if decision is Decision.READY:
                if last:
                    self._record("executes")
                return True
            # External interrupts win over #MF at the same boundary (SDM3 table 6-2).
            if decision is not Decision.MF and decision in FAULTS:
                return self._fault(FAULTS[decision])
            if decision is not held and decision is not Decision.MF:
                held = decision
                self._record("freezes" if held is Decision.FREEZE else "window")
            if self._interrupted():
                return False
            if decision is Decision.MF:
                return self._fault("#MF")
            self.waiting = "frozen"

    def _msr(self, action: MsrAccess) -> Cycles:
        outputs = yield self._drive(msr=action.request)
        while not outputs.msr_ready:
            outputs = yield self._drive(msr=action.request)
        accepted = self.cycle - 1
        outputs = yield self._drive()
        while outputs.msr_response is None:
            outputs = yield self._drive()
        response = outputs.msr_response
        if response.fault:
            return self._fault("#GP")
        kind = "executes" if action.request.write else "reads"
        self.events.append(Event(accepted, self.current, kind, response.data))
        return True

    def _wait(self, action: Wait) -> Cycles:
        """Interrupts are taken meanwhile, as in a loop that polls."""
        signal = BY_NAME[action.signal]
        while True:
            inputs = self._drive()
            outputs = yield inputs
            if bool(signal.get(inputs, outputs, self.view())) == action.level:
                self._record("executes")
                return True
            if self._interrupted():
                return False
            self.waiting = "waiting"

    def _halt(self) -> Cycles:
        """HLT is over once it stops the processor: an interrupt returns to what stands behind it."""
        yield self._drive()
        self._record("executes")
        while not self._interrupted():
            self.waiting = "halted"
            yield self._drive()
        return True


def _block(steps: Sequence[Step]) -> tuple[_Instruction, ...]:
    """Steps as instructions: a form without N is two of them (SDM2), NOP n is n."""
    result: list[_Instruction] = []
    for step in steps:
        operations: tuple[OperationRequest | None, ...] = (None,)
        if isinstance(step.action, X87):
            operations = step.action.operations
        elif isinstance(step.action, Nop):
            operations = (None,) * step.action.cycles
        result += [_Instruction(step, operation, last=False) for operation in operations]
        result[-1] = result[-1]._replace(last=True)
    return tuple(result)


def _effects(action) -> dict[str, object]:
    """What an instruction of one cycle drives."""
    match action:
        case MovFerrEnable(value):
            return {"ferr_enable": value}
        case Reset(init):
            return {"reset": not init}
    return {}
