"""Where what happens in a cycle leads the CPU in lanes: its next position, handlers, CR0, IF and modes."""

from typing import TYPE_CHECKING

from ..cpu.actions import Flag, Int, Iret, MovCr0, MovSs, Popf
from ..cpu.events import VECTORS
from ..lanes.builder import Word
from ..netlist.gates import Bit
from .layout import CR0_BITS, Frames, LaneWorld, Modes, select_frames
from .moves import Moves

if TYPE_CHECKING:
    from .cpu import LaneCpu


class Transitions:
    """What follows from the moves of a cycle.

    Parameters
    ----------
    cpu : LaneCpu
        Whose registers they are.
    moves : Moves
        Of its instruction in this cycle.
    bus : Word
        The vector that the PICs give in the second INTA pulse, 8 bits.
    now : LaneWorld
        Before the cycle.

    Attributes
    ----------
    world, modes: after the cycle.
    """

    def __init__(self, cpu: "LaneCpu", moves: Moves, bus: Word, now: LaneWorld) -> None:
        self._cpu, self._build, self._code, self._moves = cpu, cpu.build, cpu.code, moves
        self._bus = bus
        self._seen: dict[str, Bit] = {}
        self._behind = cpu.build.plus(now.position, cpu.build.one)
        self._enters: list[tuple[Bit, int]] = []
        self._clears_if: list[Bit] = []
        self._lost: list[Bit] = []
        base, injected = now, cpu.build.zero
        if cpu.svm:
            base, injected = cpu.svm.resumed(now, moves.vmrun)
            self._inject(injected)
        self._collect()
        world = self._world(now, base)
        modes = self._modes(injected)
        if cpu.svm:
            world = cpu.svm.exited(world, now, self._behind, moves)
            handled = [one for one in moves.exits if one.target is not None]
            self.record("exited", self._build.any(one.event for one in handled))
        if cpu.smm:
            world = cpu.smm.switched(world, now, moves.smi)
            modes = cpu.smm.modes(modes, moves.smi)
        self.world, self.modes = self._restarted(world, modes)

    # What is entered

    def _enter(self, event: Bit, vector: int, handlers: dict[int, int]) -> None:
        if vector in handlers:
            self._enters.append((event, handlers[vector]))
            code = self._code
            if vector not in (code.host_traps if handlers is code.host_handlers else code.traps):
                self._clears_if.append(event)
            self.record(f"entered_{vector:02x}", event)
        else:
            self._lost.append(event)

    def _enter_here(self, event: Bit, vector: int) -> None:
        """In the host or in the guest, whichever runs."""
        cpu, code = self._cpu, self._code
        if cpu.hypervisor and code.handlers.get(vector) != code.host_handlers.get(vector):
            self._enter(event & cpu.modes.host, vector, code.host_handlers)
            event = event & ~cpu.modes.host
        self._enter(event, vector, code.handlers)

    def _enter_any(self, event: Bit, word: Word, handlers: dict[int, int]) -> None:
        """A vector that only shows when it comes."""
        build = self._build
        known = {vector: build.equal(word, vector) for vector in handlers}
        for vector, fits in known.items():
            self._enter(event & fits, vector, handlers)
        self._lost.append(event & ~build.any(known.values()))

    def _inject(self, injected: Bit) -> None:
        svm = self._cpu.svm
        assert svm is not None
        self._enter_any(injected, svm.injected[:8], self._code.handlers)

    def _collect(self) -> None:
        cpu, code, moves = self._cpu, self._code, self._moves
        known = code.handlers.keys() | code.host_handlers.keys()
        self._passed: list[Bit] = []
        for event, name in moves.faults:
            self.record(f"raised_{name[1:].lower()}", event)
            vector = VECTORS[name]
            if vector not in known:
                self._passed.append(event)
            elif cpu.hypervisor and vector not in code.handlers:
                self._passed.append(event & ~cpu.modes.host)
                self._enter(event & cpu.modes.host, vector, code.host_handlers)
            else:
                self._enter_here(event, vector)
        for event, vector in moves.enters:
            self._enter_here(event, vector)
        pulse = cpu.second_pulse
        if cpu.hypervisor:
            self._enter_any(pulse & cpu.modes.host, self._bus, code.host_handlers)
            pulse = pulse & ~cpu.modes.host
            self._enter_any(moves.virtual, cpu.modes.virtual[:8], code.handlers)
        self._enter_any(pulse, self._bus, code.handlers)
        self._lost += [one.event for one in moves.exits if one.target is None]
        self.record("unhandled", self._build.any(self._lost))

    # What it leaves behind

    def _world(self, now: LaneWorld, base: LaneWorld) -> LaneWorld:
        """Position, frames, CR0 and IF, but for an exit or RESET."""
        cpu, build, code = self._cpu, self._build, self._code
        iret = cpu.performs(Iret)
        returns = iret & now.frames.valid[0]
        step = build.any([*self._moves.steps, *self._passed, iret & ~now.frames.valid[0]])
        entering = build.any(event for event, _ in self._enters)
        losing = build.any(self._lost)
        # What a handler returns to: INT is over and lies behind, all else is where it was.
        after_int = build.select(cpu.performs(Int), self._behind, base.position)
        target = build.one_of(
            ((event, build.constant(at, code.width)) for event, at in self._enters), code.width
        )
        position = build.select(step, self._behind, base.position)
        jumps = [(event, build.constant(at, code.width)) for event, at, _ in self._moves.jumps]
        jumping = build.any(event for event, _ in jumps)
        position = build.select(jumping, build.one_of(jumps, code.width), position)
        position = build.select(returns, now.frames.positions[0], position)
        position = build.select(entering, target, position)
        position = build.select(losing, build.constant(code.nowhere, code.width), position)
        frames = select_frames(self._build, returns, self._popped(now.frames), base.frames)
        frames = select_frames(self._build, entering, self._pushed(base, after_int), frames)
        # A jump out of the handlers leaves their frames behind, as longjmp() does.
        leaving = losing | build.any(event for event, _, keeps in self._moves.jumps if not keeps)
        frames = select_frames(self._build, leaving, cpu.no_frames(), frames)
        self.record("overflow", entering & base.frames.valid[-1])
        interrupts = build.select(returns, [now.frames.interrupts[0]], [base.interrupts])[0]
        interrupts = self._flag(interrupts & ~build.any(self._clears_if) & ~losing)
        (zero,) = build.select(returns, [now.frames.zeros[0]], [base.zero])
        return LaneWorld(position, frames, self._cr0(base.cr0), interrupts, self._moves.memory.zero(zero))

    def _flag(self, interrupts: Bit) -> Bit:
        cpu = self._cpu
        on = cpu.performs_action(Flag(True)) | cpu.performs_action(Popf(True))
        off = cpu.performs_action(Flag(False)) | cpu.performs_action(Popf(False))
        return (interrupts | on) & ~off

    def _cr0(self, cr0: Word) -> Word:
        cpu = self._cpu
        return [
            (old | cpu.performs_action(MovCr0(bit, True))) & ~cpu.performs_action(MovCr0(bit, False))
            for bit, old in zip(CR0_BITS, cr0, strict=True)
        ]

    def _modes(self, injected: Bit) -> Modes:
        cpu, build, moves = self._cpu, self._build, self._moves
        # The shadow of STI lasts one instruction, and only if IF was 0 (SDM2 STI).
        shadow = cpu.performs(MovSs) | (cpu.performs_action(Flag(True)) & ~cpu.interrupts)
        blocked = (cpu.modes.nmi_blocked | moves.nmi) & ~cpu.performs(Iret)
        if cpu.svm is None:
            return Modes(build.one, build.one, blocked, shadow, cpu.modes.virtual, cpu.modes.smm)
        shadow = shadow | (moves.vmrun & cpu.svm.guest_shadow & ~injected)
        leaves = build.any(one.event for one in moves.exits if one.target is not None)
        host = (cpu.modes.host & ~moves.vmrun) | leaves
        gif = (cpu.modes.gif | moves.vmrun | moves.stgi) & ~moves.clgi & ~leaves
        return Modes(host, gif, blocked, shadow, cpu.svm.virtual(), cpu.modes.smm)

    def _restarted(self, world: LaneWorld, modes: Modes) -> tuple[LaneWorld, Modes]:
        """RESET or INIT: [handlers] reset if there is one, else what stands behind the instruction."""
        cpu, build, code, again = self._cpu, self._build, self._code, self._moves.again
        go_on = self._behind
        if code.has_reset:
            go_on = build.constant(code.after_reset, code.width)
        else:
            # Behind INIT by its pin there is nothing.
            go_on = build.select(cpu.takes["init"], build.constant(code.after_reset, code.width), go_on)
        start = go_on if code.start is None else build.constant(code.start, code.width)
        if cpu.svm:
            nowhere = build.constant(code.nowhere, code.width)
            cpu.svm.restart(again, go_on if code.has_reset else build.select(cpu.modes.host, nowhere, go_on))
        clear = ~again
        world = LaneWorld(
            build.select(again, start, world.position),
            select_frames(self._build, again, cpu.no_frames(), world.frames),
            [bit & clear for bit in world.cr0],
            world.interrupts & clear,
            world.zero & clear,
        )
        modes = Modes(
            modes.host | again,
            modes.gif | again,
            modes.nmi_blocked & clear,
            modes.shadow & clear,
            [bit & clear for bit in modes.virtual],
            modes.smm & clear,
        )
        return world, modes

    # Frames

    def _pushed(self, world: LaneWorld, position: Word) -> Frames:
        frames = world.frames
        return Frames(
            [self._build.one, *frames.valid[:-1]],
            [position, *frames.positions[:-1]],
            [world.interrupts, *frames.interrupts[:-1]],
            [world.zero, *frames.zeros[:-1]],
        )

    def _popped(self, frames: Frames) -> Frames:
        zero = self._build.zero
        return Frames(
            [*frames.valid[1:], zero],
            [*frames.positions[1:], frames.positions[-1]],
            [*frames.interrupts[1:], zero],
            [*frames.zeros[1:], zero],
        )

    # What ever happened, as registers `seen.*`

    def record(self, name: str, event: Bit) -> None:
        """Remember that it happened, but not while RESET is asserted, once `keep_records` is called.

        Parameters
        ----------
        name : str
            The register will be `seen.NAME`; several events may share it.
        event : Bit
            It happens in this cycle.
        """
        event = event & ~self._cpu.reset
        self._seen[name] = self._seen.get(name, self._build.zero) | event

    def keep_records(self) -> None:
        """Make the registers of all that was recorded: call it once, at last."""
        for name, event in self._seen.items():
            self._build.sticky(f"seen.{name}", event)
