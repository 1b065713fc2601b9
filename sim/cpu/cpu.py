"""The bus-functional CPU: a program as one set of inputs a cycle, reacting to outputs.

It has no registers and no memory, only what the error logic can see: which instruction comes next, whether
it executes, freezes or faults, which interrupts are taken, and what goes over the buses. One instruction
takes one cycle, RDMSR and WRMSR two. An external interrupt takes two, one for each INTA pulse; it pushes
nothing but remembers where to return to.
"""

from collections.abc import Generator
from typing import NamedTuple

from ...model.chipset import IoAccess
from ...model.pc import PcInputs, PcOutputs
from ...model.registers import VMEXIT_IOIO, Cr0
from ...model.reporting import Decision
from ...model.x87 import OperationRequest
from ..waveform.signals import BY_NAME, CpuView
from .program import Instruction, Place, Program, block_of
from .steps import (
    X87,
    Bios,
    Flag,
    Halt,
    Inject,
    Int,
    Io,
    Iret,
    MovCr0,
    MovFerrEnable,
    MovSs,
    MsrAccess,
    Reset,
    Step,
    Vmrun,
    Wait,
)

NMI_VECTOR = 2
FAULTS = {Decision.MF: "#MF", Decision.NM: "#NM", Decision.UD: "#UD"}
VECTORS = {"#UD": 6, "#NM": 7, "#GP": 13, "#MF": 16}
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
    'exits', 'unhandled' or 'stuck:REASON'."""
    value: int = 0
    """What was read, the vector of a handler, or the exit code."""


class _Frame(NamedTuple):
    """What an interrupt remembers."""

    place: Place
    interrupts: bool
    vector: int


class _World(NamedTuple):
    """What VMRUN and #VMEXIT switch: where it is, CR0 and IF."""

    place: Place
    frames: list[_Frame]
    cr0: Cr0
    interrupts: bool


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
        self._handlers = {vector: block_of(steps) for vector, steps in program.handlers.items()}
        self._after_reset = block_of(program.after_reset)
        self._hypervisor = program.hypervisor
        self._start(block_of(program.main))

    def reset(self) -> None:
        """The RESET pin in this cycle: it drops what it does, and in the next one begins `after_reset`."""
        self._start(self._after_reset, held=True)

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
        handler = "host" if self._host else handler
        return CpuView(
            self.current.text if self.current else "-", handler, self.interrupts, self.nmi, self.waiting
        )

    def _start(self, block: tuple[Instruction, ...], held: bool = False) -> None:
        self.cr0 = Cr0(0)
        self.interrupts = False
        self.current: Step | None = None
        self.waiting: str | None = None
        self._place = Place(block, 0)
        self._frames: list[_Frame] = []
        self._shadow = False
        self._intr = False
        self._nmi_pending = self._nmi_before = False
        self._injected: int | None = None
        self._host = False
        if self._hypervisor:
            self._exit(block_of(self._hypervisor.start))
        self._thread = self._run(held)
        self.inputs = next(self._thread)

    def _drive(self, **inputs) -> PcInputs:
        guest = self._hypervisor is not None and not self._host
        return PcInputs(cr0=self.cr0, guest_mode=guest, intercept_ferr_freeze=guest, **inputs)

    def _record(self, kind: str, value: int = 0) -> None:
        """An event in the cycle whose outputs have just been received."""
        self.events.append(Event(self.cycle - 1, self.current, kind, value))

    def _run(self, held: bool) -> Generator[PcInputs, PcOutputs, None]:
        if held:
            yield self._drive()
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
            self._give_up(vector)
            return
        self._record("enters", vector)
        self._frames.append(_Frame(self._place, self.interrupts, vector))
        self.interrupts = False
        self._place = Place(self._handlers[vector], 0)

    def _fault(self, name: str) -> bool:
        """A fault before the instruction: its handler returns to it."""
        self._record(name)
        if VECTORS[name] in self._handlers:
            self._enter(VECTORS[name])
        return True

    def _perform(self, instruction: Instruction) -> Cycles:
        match instruction.step.action:
            case X87():
                assert isinstance(instruction.part, OperationRequest)
                return (yield from self._x87(instruction.part, instruction.last))
            case Io() | Bios():
                assert isinstance(instruction.part, IoAccess)
                return (yield from self._io(instruction.part, instruction.last))
            case MsrAccess() as action:
                return (yield from self._msr(action))
            case Wait() as action:
                return (yield from self._wait(action))
            case Halt():
                return (yield from self._halt())
            case action:
                yield self._drive(**_effects(action))
                if instruction.last:
                    self._record("executes")
                self._change(action)
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
            case Inject(vector):
                self._injected = vector
            case Vmrun():
                self._vmrun()
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

    def _exit(self, block: tuple[Instruction, ...], code: int | None = None) -> None:
        """#VMEXIT: the guest's world is kept, the host goes on at `block`, with NE = 1 and IF = 0."""
        if code is not None:
            self._record("exits", code)
        self._guest = _World(self._place, self._frames, self.cr0, self.interrupts)
        self._place, self._frames = Place(block, 0), []
        self.cr0, self.interrupts, self._host = Cr0.NE, False, True

    def _intercepted(self, code: int) -> bool:
        """#VMEXIT before the instruction: the guest's rIP stays at it."""
        assert self._hypervisor is not None
        if code in self._hypervisor.exits:
            self._exit(block_of(self._hypervisor.exits[code]), code)
        else:
            self._give_up(code)
        return True

    def _give_up(self, code: int) -> None:
        """Nobody takes an interrupt or an exit: the program ends here, with IF = 0 as in every handler."""
        self._record("unhandled", code)
        self.interrupts = False
        self._place, self._frames = Place((), 0), []

    def _vmrun(self) -> None:
        """Back into the guest. An injected interrupt is taken at once if the guest has IF = 1, else lost."""
        self._place, self._frames, self.cr0, self.interrupts = self._guest
        self._host = False
        vector, self._injected = self._injected, None
        if vector is not None and self.interrupts:
            instruction = self._place.instruction
            self.current = instruction.step if instruction else None
            self._enter(vector)

    def _io(self, access: IoAccess, last: bool) -> Cycles:
        """IN or OUT; an OUT that the hypervisor intercepts is over for the guest when it resumes."""
        ports = self._hypervisor.ports if self._hypervisor and not self._host else {}
        if access.write and access.address in ports:
            yield self._drive()
            if last:
                self._record("executes")
            self._place = self._place.next
            self._exit(block_of(ports[access.address]), VMEXIT_IOIO)
            return True
        outputs = yield self._drive(io=access)
        if not access.write:
            self._record("reads", outputs.io_data)
        elif last:
            self._record("executes")
        return True

    def _x87(self, operation: OperationRequest, last: bool) -> Cycles:
        held = None
        while True:
            outputs = yield self._drive(operation=operation)
            decision = outputs.decision
            if decision is Decision.READY:
                if last:
                    self._record("executes")
                return True
            if decision is Decision.VMEXIT:
                return self._intercepted(outputs.exit_code)
            if decision is not Decision.MF and decision in FAULTS:
                return self._fault(FAULTS[decision])
            if decision is not held and decision is not Decision.MF:
                held = decision
                self._record("freezes" if held is Decision.FREEZE else "window")
            # External interrupts win over #MF at the same boundary (SDM3 table 6-2).
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


def _effects(action) -> dict[str, object]:
    """What an instruction of one cycle drives."""
    match action:
        case MovFerrEnable(value):
            return {"ferr_enable": value}
        case Reset(init):
            return {"reset": not init}
    return {}
