"""The processor between two instructions: where it is, what it remembers, which interrupt is due.

Nothing here takes time; `cpu` gives each change its cycle. SVM is that of APM2 chapter 15: VMRUN saves the
host and loads the guest, #VMEXIT does the reverse, and GIF holds interrupts off in between.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...model.registers import VMEXIT_INTR, VMEXIT_NMI, VMEXIT_VINTR, Cr0, Parameters
from .events import NMI_VECTOR, VECTORS, CpuEvent
from .program import Instruction, Place, Program, block_of
from .steps import Step

Block = tuple[Instruction, ...]
NOWHERE = Place((), 0)


class Frame(NamedTuple):
    """What an interrupt remembers."""

    place: Place
    interrupts: bool
    vector: int


class World(NamedTuple):
    """What VMRUN and #VMEXIT switch (APM2 15.5.1, 15.6)."""

    place: Place
    frames: tuple[Frame, ...]
    """The handlers under way, the innermost last."""
    cr0: Cr0
    interrupts: bool
    shadow: bool
    """INTERRUPT_SHADOW of the VMCB; the host has none."""


class ProcessorState:
    """What a program does to the processor, and what the processor remembers.

    Attributes
    ----------
    parameters: what the processor is.
    cycle: number of the present cycle.
    events: what happened so far.
    current: the step under way, or None when the program is over; then no interrupt is taken any more.
    waiting: 'frozen', 'halted' or 'waiting' while it may stay where it is for ever, else None.
    cr0, interrupts: CR0 and the interrupt flag IF. RESET and INIT leave both 0 (SDM3 table 9-1).
    gif: the global interrupt flag; 1 after RESET (APM2 15.17).
    nmi: level of the NMI pin, which is set from outside; a rising edge is latched.
    nmi_blocked: an NMI was delivered, and no IRET has come since (SDM3 6.7.1).
    host: the hypervisor runs; False without one.
    """

    def __init__(self, program: Program, parameters: Parameters) -> None:
        self.parameters = parameters
        self.cycle = 0
        self.events: list[CpuEvent] = []
        self.nmi = self._nmi_before = False
        self._intr = False
        self._hypervisor = program.hypervisor
        self._handlers = self._blocks(program.handlers)
        self._host_handlers = self._handlers
        self._exits: dict[int, Block] = {}
        self._ports: dict[int, Block] = {}
        if self._hypervisor:
            # One IDT serves both, but where the host has a handler of its own (**choice**).
            self._host_handlers = self._handlers | self._blocks(self._hypervisor.handlers)
            self._exits = self._blocks(self._hypervisor.exits)
            self._ports = self._blocks(self._hypervisor.ports)
        self._after_reset = block_of(program.after_reset, parameters)
        self._begin(Place(block_of(program.main, parameters), 0))

    def _blocks(self, programs: Mapping[int, Sequence[Step]]) -> dict[int, Block]:
        return {key: block_of(steps, self.parameters) for key, steps in programs.items()}

    @property
    def guest(self) -> bool:
        """A guest runs, under a hypervisor."""
        return self._hypervisor is not None and not self.host

    def _begin(self, place: Place) -> None:
        """Power-up, RESET and INIT: the program begins here, under its hypervisor if it has one.

        What was latched, blocked, injected or intercepted is gone. The detector of NMI edges follows the pin
        all the time: RESET makes no edge of its own.
        """
        self.current: Step | None = None
        self.waiting: str | None = None
        self.cr0 = Cr0(0)
        self.interrupts = False
        self.gif = True
        self.nmi_blocked = self._nmi_pending = False
        self._place = place
        self._frames: tuple[Frame, ...] = ()
        self._shadow = self._in_shadow = False
        self._injected: int | None = None
        self._virtual: int | None = None
        self.host = False
        self._other = self._world()
        if self._hypervisor:
            self.host = True
            self._place = Place(block_of(self._hypervisor.start, self.parameters), 0)

    def _begin_after_reset(self) -> None:
        """RESET by its pin: [handlers] reset, or nothing."""
        self._begin(Place(self._after_reset, 0))

    def _again(self) -> None:
        """RESET or INIT by an instruction: it goes on at [handlers] reset if there is one, else behind it."""
        behind = NOWHERE if self.host else self._place.next
        self._begin(Place(self._after_reset, 0) if self._after_reset else behind)

    def _record(self, kind: str, value: int = 0) -> None:
        """An event in the cycle whose outputs have just been received."""
        self.events.append(CpuEvent(self.cycle - 1, self.current, kind, value))

    # Interrupts

    def _sample(self, intr: bool) -> None:
        """INTR and the NMI pin at the end of a cycle."""
        self._intr = intr
        self._nmi_pending |= self.nmi and not self._nmi_before
        self._nmi_before = self.nmi

    def _interrupted(self) -> bool:
        """An interrupt is to be taken, but for a shadow. While GIF = 0 all stay pending (APM2 15.17)."""
        return self.gif and (self._nmi_due() or self._intr_due() or self._virtual_due())

    def _nmi_due(self) -> bool:
        return self._nmi_pending and not self.nmi_blocked

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
        """Go to a handler; return to the present place."""
        handlers = self._host_handlers if self.host else self._handlers
        if vector not in handlers:
            self._give_up(vector)
            return
        self._record("enters", vector)
        self._frames = (*self._frames, Frame(self._place, self.interrupts, vector))
        self.interrupts = False
        self._place = Place(handlers[vector], 0)

    def _deliver_nmi(self) -> None:
        # Only the delivery of an NMI blocks others; INT 02h by software does not (SDM3 6.7.1).
        self.nmi_blocked = True
        self._enter(NMI_VECTOR)

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
        self._place, self.interrupts = frame.place, frame.interrupts
        target = frame.place.instruction
        self.events.append(CpuEvent(self.cycle - 1, target.step if target else None, "returns", frame.vector))

    def _give_up(self, code: int) -> None:
        """Nobody takes an interrupt or an exit: the program ends here, with IF = 0 as in every handler."""
        self._record("unhandled", code)
        self.interrupts = False
        self._place, self._frames = NOWHERE, ()

    # Host and guest

    def _world(self) -> World:
        return World(self._place, self._frames, self.cr0, self.interrupts, self._in_shadow)

    def _vmrun(self) -> None:
        """The host is kept, the guest goes on with its own CR0, IF and interrupt shadow, and GIF = 1.

        An injected event is taken at once, whatever IF and the shadow are; an injected NMI does not block
        others (APM2 15.20). Its delivery ends the shadow (**choice**).
        """
        self._in_shadow = False
        self._place = self._place.next
        guest, self._other = self._other, self._world()
        self._place, self._frames, self.cr0, self.interrupts, self._shadow = guest
        self.host, self.gif = False, True
        vector, self._injected = self._injected, None
        if vector is not None:
            self._shadow = False
            instruction = self._place.instruction
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
        self._place = Place(block, 0)
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
