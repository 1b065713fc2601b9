"""The processor between two instructions: where it is, what it remembers, which interrupt is due.

Nothing here takes time; `cpu` gives each change its cycle. SVM is that of APM2 chapter 15: VMRUN saves the
host and loads the guest, #VMEXIT does the reverse, and GIF holds interrupts off in between.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...model.registers import VMEXIT_INTR, VMEXIT_NMI, VMEXIT_VINTR, Cr0, Parameters
from .events import MONITORED, NMI_VECTOR, SMI, VECTORS, CpuEvent
from .program import Hypervisor, Instruction, Position, Program, Target, block_of, targets_of
from .steps import Step
from .stores import Stores

Block = tuple[Instruction, ...]
NOWHERE = Position((), 0)
PINS = ("nmi", "init", "smi", "flush", "stpclk")
"""The processor's pins beside RESET, IGNNE# and INTR. STPCLK# is a level, of the others a rising edge is
latched; all are active high here."""


class Frame(NamedTuple):
    """What an interrupt remembers."""

    position: Position
    interrupts: bool
    vector: int
    zero: bool = False
    task: bool = True
    """It came out of the monitored task, not out of the monitor."""


class World(NamedTuple):
    """What VMRUN and #VMEXIT switch (APM2 15.5.1, 15.6)."""

    position: Position
    frames: tuple[Frame, ...]
    """The handlers under way, the innermost last."""
    cr0: Cr0
    interrupts: bool
    shadow: bool
    """INTERRUPT_SHADOW of the VMCB; the host has none."""
    zero: bool = False


class Smm(NamedTuple):
    """What SMI# saves and RSM restores (SDM3 34.4)."""

    position: Position
    frames: tuple[Frame, ...]
    cr0: Cr0
    interrupts: bool
    zero: bool
    nmi_blocked: bool
    task: bool


class ProcessorState:
    """What a program does to the processor, and what the processor remembers.

    Parameters
    ----------
    program : Program
        What it runs.
    parameters : Parameters
        As the attribute.

    Attributes
    ----------
    parameters: what the processor is.
    cycle: number of the present cycle.
    events: what happened so far.
    current: the step under way, or None when the program is over; then no interrupt is taken any more.
    waiting: 'frozen', 'halted', 'waiting' or 'stopped' while it may stay where it is for ever, else None.
    cr0, interrupts: CR0 and the interrupt flag IF. RESET and INIT leave both 0 (SDM3 table 9-1).
    et: CR0.ET, which the error logic does not read; hard-wired to 1 from the 486 on (SDM3 2.5).
    stores: what the program stored, and ZF.
    gif: the global interrupt flag; 1 after RESET (APM2 15.17).
    pins: levels of PINS, which are set from outside.
    nmi_blocked: an NMI was delivered, and no IRET has come since (SDM3 6.7.1).
    host: the hypervisor runs; False without one.
    smm: what was interrupted by SMI#, or None outside SMM.
    task: False while the monitor of a virtual-8086 task runs.
    """

    def __init__(self, program: Program, parameters: Parameters) -> None:
        self.parameters = parameters
        self.cycle = 0
        self.events: list[CpuEvent] = []
        self.stores = Stores()
        self.pins: dict[str, bool] = dict.fromkeys(PINS, False)
        self._pins_before = dict(self.pins)
        self._intr = False
        self._hypervisor = program.hypervisor
        self._targets: dict[str, Target] = {}
        self._main = self._block(program.main, in_handler=False)
        self._after_reset = self._block(program.after_reset, in_handler=False)
        self._handlers = self._blocks(program.handlers)
        self._traps = self._host_traps = program.traps
        self._smi = self._block(program.smi)
        self._host_handlers = self._handlers
        self._start: Block = ()
        self._exits: dict[int, Block] = {}
        self._ports: dict[int, Block] = {}
        if self._hypervisor:
            self._load_host(self._hypervisor)
        monitor = program.monitor
        self._denied = self._blocks(monitor.ports) if monitor else {}
        self._monitor_handlers = self._blocks(monitor.handlers) if monitor else {}
        self._begin(Position(self._main, 0))

    def _load_host(self, host: Hypervisor) -> None:
        # One IDT serves both, but where the host has a handler of its own (**choice**).
        self._host_handlers = self._handlers | self._blocks(host.handlers)
        self._host_traps = self._traps - host.handlers.keys() | host.traps
        self._start = self._block(host.start, in_handler=False)
        self._exits = self._blocks(host.exits, in_handler=False)
        self._ports = self._blocks(host.ports, in_handler=False)

    def _block(self, steps: Sequence[Step], in_handler: bool = True) -> Block:
        block = block_of(steps, self.parameters)
        self._targets |= targets_of(block, in_handler)
        return block

    def _blocks(self, programs: Mapping[int, Sequence[Step]], in_handler: bool = True) -> dict[int, Block]:
        return {key: self._block(steps, in_handler) for key, steps in programs.items()}

    @property
    def guest(self) -> bool:
        """A guest runs, under a hypervisor."""
        return self._hypervisor is not None and not self.host

    def _begin(self, position: Position, init: bool = False) -> None:
        """Power-up, RESET and INIT: the program begins here, under its hypervisor if it has one.

        What was latched, blocked, injected or intercepted is gone. The detectors of edges follow the pins
        all the time: RESET makes no edge of its own. INIT leaves the x87 state alone (SDM3 table 9-1).
        """
        if not init:
            self.stores.reset()
        self.current: Step | None = None
        self.waiting: str | None = None
        self.cr0 = Cr0(0)
        self.et = True
        self.interrupts = False
        self.gif = True
        self.nmi_blocked = False
        self._latched: set[str] = set()
        self.smm: Smm | None = None
        self.stores.zero = False
        self._position = position
        self._frames: tuple[Frame, ...] = ()
        self._shadow = self._in_shadow = False
        self._injected: int | None = None
        self._virtual: int | None = None
        self._reflected: int | None = None
        self.task = True
        self.host = False
        self._other = self._world()
        if self._hypervisor:
            self.host = True
            self._position = Position(self._start, 0)

    def _begin_after_reset(self, init: bool = False) -> None:
        """RESET or INIT by its pin: [handlers] reset, or nothing."""
        self._begin(Position(self._after_reset, 0), init)

    def _again(self, init: bool) -> None:
        """RESET or INIT by an instruction: it goes on at [handlers] reset if there is one, else behind it."""
        behind = NOWHERE if self.host else self._position.next
        self._begin(Position(self._after_reset, 0) if self._after_reset else behind, init)

    def _record(self, kind: str, value: int = 0) -> None:
        """An event in the cycle whose outputs have just been received."""
        self.events.append(CpuEvent(self.cycle - 1, self.current, kind, value))

    def _end(self) -> None:
        """Behind the last step of a block. Of a handler that is worth an event: IRET may be forgotten."""
        *_, last = self._position.block or (None,)
        if last and (self._frames or self.smm):
            vector = self._frames[-1].vector if self._frames else SMI
            self.events.append(CpuEvent(self.cycle - 1, last.step, "ends", vector))

    def _jump(self, label: str) -> None:
        """To a label; into the program itself as longjmp() does, which leaves all handlers behind."""
        target = self._targets[label]
        # A new object: the CPU tells by it that the step was a jump, to itself too.
        self._position = Position(*target.position)
        if not target.in_handler:
            self._frames = ()

    # Interrupts

    def _sample(self, intr: bool) -> None:
        """INTR and the pins at the end of a cycle."""
        self._intr = intr
        pins, before = self.pins, self._pins_before
        if pins != before:
            self._latched |= {pin for pin in PINS[:-1] if pins[pin] and not before[pin]}
            self._pins_before = dict(pins)

    def _interrupted(self) -> bool:
        """Something is to be taken, but for a shadow.

        A shadow holds off all but RESET (**choice**: SDM2 STI and MOV leave open whether NMI and SMI# wait
        too). While GIF = 0 INIT and interrupts stay pending (APM2 15.17).
        """
        return (
            self._stopped()
            or self._smi_due()
            or (self.gif and (self._init_due() or self._nmi_due() or self._intr_due() or self._virtual_due()))
        )

    def _stopped(self) -> bool:
        """FLUSH# or STPCLK#: afterwards the same instruction begins again."""
        return "flush" in self._latched or self._pins_before["stpclk"]

    def _smi_due(self) -> bool:
        return "smi" in self._latched and self.smm is None

    def _init_due(self) -> bool:
        # In SMM INIT is held as SMI# and NMI are (**choice**: SDM3 34 does not speak of it).
        return "init" in self._latched and self.smm is None

    def _nmi_due(self) -> bool:
        return "nmi" in self._latched and not self.nmi_blocked

    def _intr_due(self) -> bool:
        return self._intr and self.interrupts

    def _virtual_due(self) -> bool:
        return self.guest and self._virtual is not None and self.interrupts

    def _intercept(self) -> int | None:
        """The exit code of the interrupt that is due, if the hypervisor intercepts it.

        Physical interrupts come before virtual ones (APM2 15.21.4).
        """
        physical = VMEXIT_NMI if self._nmi_due() else VMEXIT_INTR
        code = physical if self._nmi_due() or self._intr_due() else VMEXIT_VINTR
        return code if self.guest and code in self._exits else None

    def _enter(self, vector: int) -> None:
        """Go to a handler; return to the present position."""
        handlers = self._host_handlers if self.host else self._handlers
        if vector in self._monitor_handlers:
            self._enter_monitor(self._monitor_handlers[vector], vector)
            return
        if vector not in handlers:
            self._give_up(vector)
            return
        self._record("enters", vector)
        self._push(vector)
        self.task = True
        # A trap gate leaves IF as it is (SDM3 6.12.1.3).
        self.interrupts &= vector in (self._host_traps if self.host else self._traps)
        self._position = Position(handlers[vector], 0)

    def _push(self, vector: int) -> None:
        frame = Frame(self._position, self.interrupts, vector, self.stores.zero, self.task)
        self._frames = (*self._frames, frame)

    def _enter_monitor(self, block: Block, vector: int) -> None:
        """An interrupt of its own, or #GP of an OUT that the task may not do."""
        self._record("enters", vector)
        self._push(vector)
        self.interrupts = self.task = False
        self._position = Position(block, 0)

    def _reflect(self) -> None:
        """The task's own handler, at the IRET of the monitor, as an interrupt in real mode enters it."""
        vector, self._reflected = self._reflected, None
        assert vector is not None
        if vector not in self._handlers:
            self._give_up(vector)
            return
        self._record("enters", vector)
        self._push(vector)
        self.interrupts, self.task = False, True
        self._position = Position(self._handlers[vector], 0)

    def _deny(self, port: int) -> None:
        """#GP(0) of the task's OUT; the monitor steps over it."""
        self._record("#GP", MONITORED)
        self._position = self._position.next
        self._enter_monitor(self._denied[port], VECTORS["#GP"])

    def _deliver_nmi(self) -> None:
        # Only the delivery of an NMI blocks others; INT 02h by software does not (SDM3 6.7.1).
        self.nmi_blocked = True
        self._enter(NMI_VECTOR)

    def _enter_smm(self) -> None:
        """SMI#: NMI is held until RSM or an IRET (SDM3 34.8); CR0.EM and TS are 0 (SDM3 34.5)."""
        self._record("enters", SMI)
        state = (self._position, self._frames, self.cr0, self.interrupts, self.stores.zero, self.nmi_blocked)
        self.smm = Smm(*state, self.task)
        self._position, self._frames = Position(self._smi, 0), ()
        self.cr0 &= ~(Cr0.EM | Cr0.TS)
        self.interrupts = self.task = False
        self.nmi_blocked = True

    def _resume(self) -> bool:
        """RSM: everything is as SMI# found it, and the instruction there begins again."""
        if self.smm is None:
            return self._fault("#UD")
        self._record("executes")
        smm, self.smm = self.smm, None
        self._position, self._frames, self.cr0, self.interrupts, self.stores.zero = smm[:5]
        self.nmi_blocked, self.task = smm.nmi_blocked, smm.task
        target = smm.position.instruction
        self.events.append(CpuEvent(self.cycle - 1, target.step if target else None, "returns", SMI))
        return False

    def _fault(self, name: str) -> bool:
        """A fault before the instruction: its handler returns to it."""
        self._record(name)
        if VECTORS[name] in (self._host_handlers if self.host else self._handlers):
            self._enter(VECTORS[name])
        return True

    def _return(self) -> None:
        """IRET; NMIs are open again, whatever handler it ends (SDM3 6.7.1)."""
        self.nmi_blocked = False
        if not self._frames:
            return
        *rest, frame = self._frames
        self._frames = tuple(rest)
        self._position, self.interrupts, self.stores.zero = frame.position, frame.interrupts, frame.zero
        left, self.task = self.task, frame.task
        target = frame.position.instruction
        self.events.append(CpuEvent(self.cycle - 1, target.step if target else None, "returns", frame.vector))
        if not left and self._reflected is not None:
            self.current = target.step if target else None
            self._reflect()

    def _give_up(self, code: int) -> None:
        """Nobody takes an interrupt or an exit: the program ends here, with IF = 0 as in every handler."""
        self._record("unhandled", code)
        self.interrupts = False
        self._position, self._frames = NOWHERE, ()

    # Host and guest

    def _world(self) -> World:
        zero = self.stores.zero
        return World(self._position, self._frames, self.cr0, self.interrupts, self._in_shadow, zero)

    def _vmrun(self) -> None:
        """The host is kept, the guest goes on with its own CR0, IF and interrupt shadow, and GIF = 1.

        An injected event is taken at once, whatever IF and the shadow are; an injected NMI does not block
        others (APM2 15.20). Its delivery ends the shadow (**choice**).
        """
        self._in_shadow = False
        self._position = self._position.next
        guest, self._other = self._other, self._world()
        self._position, self._frames, self.cr0, self.interrupts, self._shadow, self.stores.zero = guest
        self.host, self.gif = False, True
        vector, self._injected = self._injected, None
        if vector is not None:
            self._shadow = False
            instruction = self._position.instruction
            self.current = instruction.step if instruction else None
            self._enter(vector)

    def _exit(self, block: Block, code: int, shadow: bool = False) -> None:
        """#VMEXIT: the guest is kept, the host goes on at `block` with CR0 and IF as VMRUN saved them.

        GIF is cleared; NMI blocking is the processor's and stays (APM2 15.6, 15.17).
        """
        self._record("exits", code)
        self._in_shadow = shadow
        host, self._other = self._other, self._world()
        self.cr0, self.interrupts, self._frames = host.cr0, host.interrupts, host.frames
        self.stores.zero = host.zero
        self._position = Position(block, 0)
        self._in_shadow = self._shadow = False
        self.host, self.gif = True, False

    def _intercepted(self, code: int) -> bool:
        """#VMEXIT before the instruction: the guest's rIP stays at it, in the shadow if it was in one."""
        if code in self._exits:
            self._exit(self._exits[code], code, self._in_shadow)
        else:
            self._record("exits", code)
            self._give_up(code)
        return True
