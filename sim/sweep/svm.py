"""What a hypervisor adds to the CPU in lanes: host and guest, and what VMRUN and #VMEXIT switch (APM2 15)."""

from typing import TYPE_CHECKING

from ..cpu.actions import Inject, Virq
from ..lanes.builder import Word
from ..netlist.gates import Bit
from .layout import CR0_BITS, Frames, LaneWorld, select_frames
from .moves import Moves

if TYPE_CHECKING:
    from .cpu import LaneCpu


class Svm:
    """Registers of host and guest.

    Attributes
    ----------
    host, gif: the hypervisor runs; the global interrupt flag.
    takes_exit, takes_virtual: an interrupt that is an exit, or a virtual one, has its cycle.
    guest_shadow: INTERRUPT_SHADOW of the guest that does not run.
    injected: what VMRUN will inject, valid in bit 8.
    virtual_now: V_IRQ and V_INTR_VECTOR, valid in bit 8.
    """

    def __init__(self, cpu: "LaneCpu") -> None:
        self._cpu, self._build, self._code = cpu, cpu.build, cpu.code
        code, begun, cr0 = cpu.code, cpu.begun, len(CR0_BITS)
        (self.host,) = begun("host", 1, 1, 1)
        (self.gif,) = begun("gif", 1, 1, 1)
        (self.takes_exit,) = begun("takes_exit", 1, 0, 0)
        (self.takes_virtual,) = begun("takes_virtual", 1, 0, 0)
        (self._in_shadow,) = begun("in_shadow", 1, 0, 0)
        self.virtual_now = begun("virtual", 9, 0, 0)
        self.injected = begun("injected", 9, 0, 0)
        self._guest = LaneWorld(
            begun("guest.position", code.width, code.main, code.after_reset),
            cpu.declare_frames("guest.frame"),
            begun("guest.cr0", cr0, 0, 0),
            begun("guest.if", 1, 0, 0)[0],
            begun("guest.zf", 1, 0, 0)[0],
        )
        (self.guest_shadow,) = begun("guest.shadow", 1, 0, 0)
        self._kept_frames = cpu.declare_frames("kept.frame")
        self._kept_cr0 = begun("kept.cr0", cr0, 0, 0)
        (self._kept_if,) = begun("kept.if", 1, 0, 0)
        (self._kept_zero,) = begun("kept.zf", 1, 0, 0)
        self._next: dict[str, Word] = {}
        self._next_frames: Frames | None = None

    def resumed(self, now: LaneWorld, vmrun: Bit) -> tuple[LaneWorld, Bit]:
        """VMRUN: the host is kept, the guest goes on; an injected event is taken at once (APM2 15.20).

        Parameters
        ----------
        now : LaneWorld
            Before this cycle.
        vmrun : Bit
            The host's VMRUN is under way.

        Returns
        -------
        tuple of LaneWorld and Bit
            The guest's world where VMRUN is, else `now`; and whether an event is injected.
        """
        build, guest = self._build, self._guest
        select = build.select
        base = LaneWorld(
            select(vmrun, guest.position, now.position),
            select_frames(build, vmrun, guest.frames, now.frames),
            select(vmrun, guest.cr0, now.cr0),
            select(vmrun, [guest.interrupts], [now.interrupts])[0],
            select(vmrun, [guest.zero], [now.zero])[0],
        )
        self._cpu.follow_frames("kept.frame", select_frames(build, vmrun, now.frames, self._kept_frames))
        self._cpu.follow("kept.cr0", select(vmrun, now.cr0, self._kept_cr0))
        self._cpu.follow("kept.if", select(vmrun, [now.interrupts], [self._kept_if]))
        self._cpu.follow("kept.zf", select(vmrun, [now.zero], [self._kept_zero]))
        injected = vmrun & self.injected[8]
        self._next["injected"] = self._written(Inject, select(vmrun, build.constant(0, 9), self.injected))
        return base, injected

    def virtual(self) -> Word:
        """V_IRQ after this cycle, but for its being taken."""
        return self._written(Virq, self.virtual_now)

    def _written(self, kind: type[Inject | Virq], word: Word) -> Word:
        """A field of the VMCB after the host's writes; the guest has no VMCB to write."""
        cpu, build = self._cpu, self._build
        for position in self._code.where(lambda step: isinstance(step.action, kind)):
            vector = self._code.action(position, kind).vector
            value = build.constant(0 if vector is None else 0x100 | vector, 9)
            word = build.select(cpu.at[position] & self.host, value, word)
        return word

    def exited(self, world: LaneWorld, now: LaneWorld, behind: Word, moves: Moves) -> LaneWorld:
        """#VMEXIT: the guest is kept, and the host goes on with CR0 and IF as VMRUN has kept them.

        Parameters
        ----------
        world, now : LaneWorld
            After this cycle but for an exit, and before it.
        behind : Word
            The position behind the instruction.
        moves : Moves
            Whose exits are looked at; those without a target end the program elsewhere.
        """
        build, code, guest = self._build, self._code, self._guest
        select = build.select
        handled = [(one, one.target) for one in moves.exits if one.target is not None]
        leaves = build.any(one.event for one, _ in handled)
        over = build.any(one.event for one, _ in handled if one.over)
        shadow = build.any(one.event for one, _ in handled if one.shadow) & self._in_shadow
        target = build.one_of(
            ((one.event, build.constant(at, code.width)) for one, at in handled), code.width
        )
        self._next |= {
            "guest.position": select(leaves, select(over, behind, now.position), guest.position),
            "guest.cr0": select(leaves, now.cr0, guest.cr0),
            "guest.if": select(leaves, [now.interrupts], [guest.interrupts]),
            "guest.zf": select(leaves, [now.zero], [guest.zero]),
            "guest.shadow": select(leaves, [shadow], [self.guest_shadow]),
        }
        self._next_frames = select_frames(build, leaves, now.frames, guest.frames)
        return LaneWorld(
            select(leaves, target, world.position),
            select_frames(build, leaves, self._kept_frames, world.frames),
            select(leaves, self._kept_cr0, world.cr0),
            select(leaves, [self._kept_if], [world.interrupts])[0],
            select(leaves, [self._kept_zero], [world.zero])[0],
        )

    def restart(self, again: Bit, position: Word) -> None:
        """RESET or INIT by an instruction: the guest will begin at `position`.

        Parameters
        ----------
        again : Bit
            It happens in this cycle.
        position : Word
            `Code.width` bits.
        """
        build = self._build
        position = build.select(again, position, self._next.pop("guest.position"))
        self._next = {name: [bit & ~again for bit in word] for name, word in self._next.items()}
        self._next["guest.position"] = position
        assert self._next_frames is not None
        self._next_frames = select_frames(build, again, self._cpu.no_frames(), self._next_frames)

    def follow(self, stays: Bit, shadow: Bit) -> None:
        """The rising edge, after `resumed`, `exited` and `restart`.

        Parameters
        ----------
        stays : Bit
            The instruction goes on in the next cycle, and so does its shadow.
        shadow : Bit
            Interrupts are held off until after the next instruction.
        """
        cpu = self._cpu
        for name, word in self._next.items():
            cpu.follow(name, word)
        assert self._next_frames is not None
        cpu.follow_frames("guest.frame", self._next_frames)
        cpu.follow("in_shadow", self._build.select(stays, [self._in_shadow], [shadow]))
