"""What an instruction of the CPU in lanes comes to, and where it leads: where `lane_cpu` decides."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ...model.registers import VMEXIT_FERR_FREEZE, Cr0
from ..cpu.cpu import NMI_VECTOR, VECTORS
from ..cpu.steps import (
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
    Nop,
    Reset,
    Vmrun,
    Wait,
)
from ..lanes.builder import Word
from ..netlist.gates import Bit
from .layout import CR0_BITS, DEPTH, LEVELS, Frames, World

if TYPE_CHECKING:
    from .cpu import LaneCpu


class Moves:
    """What the instruction under way comes to in this cycle: at most one of these happens.

    Attributes
    ----------
    stays: the same instruction, or the same wait, in the next cycle.
    shadow: it holds interrupts off until after the next instruction.
    asks: an MSR access was accepted, and its response comes in the next cycle.
    """

    def __init__(self, cpu: "LaneCpu", outputs: Mapping[str, Word], interrupted: Bit) -> None:
        self._cpu, self._build, self._code = cpu, cpu.build, cpu.code
        self._outputs = outputs
        self._faults: list[tuple[Bit, str]] = []
        self._steps: list[Bit] = []
        self._retries: list[Bit] = []
        self._exits: list[tuple[Bit, int | None, bool]] = []
        self._seen: dict[str, Bit] = {}
        self.asks = self._build.zero
        self._x87(interrupted)
        self._msr()
        self._io()
        self._waits(interrupted)
        plain = cpu.performs(MovCr0, MovFerrEnable, MovSs, Flag, Reset, Inject, Nop)
        self._steps.append(plain)
        self.shadow = self._shadow()
        self.stays = self._stays()

    def _answer(self, name: str) -> Bit:
        return self._outputs[f"op_{name}"][0]

    def _x87(self, interrupted: Bit) -> None:
        answer = self._answer
        self._steps.append(answer("ready"))
        self._faults += [(answer("nm"), "#NM"), (answer("ud"), "#UD")]
        # External interrupts win over #MF at the same boundary (SDM3 table 6-2).
        self._faults.append((answer("mf") & ~interrupted, "#MF"))
        self._retries += [(answer(name) & interrupted) for name in ("mf", "freeze", "window")]
        self._exits.append((answer("vmexit"), self._code.exits.get(VMEXIT_FERR_FREEZE), False))

    def _msr(self) -> None:
        cpu = self._cpu
        accepted = cpu.performs(MsrAccess) & self._outputs["msr_request_ready"][0]
        self.asks = accepted
        answered = cpu.awaits & self._outputs["msr_response_valid"][0]
        fault = self._outputs["msr_response_fault"][0]
        self._faults.append((answered & fault, "#GP"))
        self._steps.append(answered & ~fault)

    def _io(self) -> None:
        cpu, build = self._cpu, self._build
        taken = build.zero
        if self._code.ports:
            for port, places in cpu.port_places().items():
                event = ~cpu.host & build.any(cpu.at[place] for place in places)
                self._exits.append((event, self._code.ports[port], True))
                taken = taken | event
        self._steps.append(cpu.performs(Io, Bios) & ~taken)

    def _waits(self, interrupted: Bit) -> None:
        cpu = self._cpu
        for place in self._code.where(lambda step: isinstance(step.action, Wait)):
            row = self._code.instructions[place]
            assert row is not None
            assert isinstance(row.step.action, Wait)
            port, bit = LEVELS[row.step.action.signal]
            level = self._outputs[port][bit]
            comes = cpu.at[place] & (level if row.step.action.level else ~level)
            self._steps.append(comes)
            self._retries.append(cpu.at[place] & ~comes & interrupted)
        self._steps.append(cpu.performs(Halt) & interrupted)

    def _shadow(self) -> Bit:
        cpu, build = self._cpu, self._build
        sti = build.any(
            cpu.at[place]
            for place in self._code.where(lambda step: isinstance(step.action, Flag) and step.action.value)
        )
        return cpu.performs(MovSs) | (sti & ~cpu.interrupts)

    def _stays(self) -> Bit:
        cpu, build = self._cpu, self._build
        some = build.any(
            [
                *self._steps,
                *(event for event, _ in self._faults),
                *self._retries,
                *(event for event, _, _ in self._exits),
                cpu.performs(Int, Iret, Vmrun),
                cpu.second_pulse,
                cpu.takes_nmi,
            ]
        )
        return ~some

    # Where it leads

    def world(self, now: World) -> World:
        """Place, frames, CR0 and IF after this cycle."""
        cpu, build, code = self._cpu, self._build, self._code
        width = code.width
        behind = build.plus_one(now.place)
        (iret, vmrun) = cpu.performs(Iret), cpu.performs(Vmrun)
        enters: list[tuple[Bit, int]] = []
        lost: list[Bit] = []
        steps = list(self._steps)
        for event, name in self._faults:
            if VECTORS[name] in code.handlers:
                enters.append((event, VECTORS[name]))
            else:
                # A fault without a handler is passed over.
                steps.append(event)
            self._record(f"raised_{name[1:].lower()}", event)
        for place in code.where(lambda step: isinstance(step.action, Int)):
            row = code.instructions[place]
            assert row is not None
            assert isinstance(row.step.action, Int)
            vector = row.step.action.vector
            (
                enters.append((cpu.at[place], vector))
                if vector in code.handlers
                else lost.append(cpu.at[place])
            )
        is_int = cpu.performs(Int)
        bus = self._outputs["vector"]
        for vector in code.handlers:
            enters.append((cpu.second_pulse & build.equal(bus, vector), vector))
        known = build.any(build.equal(bus, vector) for vector in code.handlers)
        lost.append(cpu.second_pulse & ~known)
        (
            enters.append((cpu.takes_nmi, NMI_VECTOR))
            if NMI_VECTOR in code.handlers
            else lost.append(cpu.takes_nmi)
        )
        returns = iret & now.frames.valid[0]
        steps.append(iret & ~now.frames.valid[0])
        exits = [(event, target, over) for event, target, over in self._exits if target is not None]
        lost += [event for event, target, _ in self._exits if target is None]
        base = now
        if cpu.hypervisor:
            base, injected = self._resumed(now, vmrun)
            named = {vector: injected & build.equal(cpu.injected[:8], vector) for vector in code.handlers}
            enters += [(event, vector) for vector, event in named.items()]
            lost.append(injected & ~build.any(named.values()))
        self._record("unhandled", build.any(lost))
        step = build.any(steps)
        entering = build.any(event for event, _ in enters)
        losing = build.any(lost)
        # What a handler returns to: INT and what is over lie behind, all else is where it was.
        after_int = build.select(is_int, behind, base.place)
        target = build.one_of(
            ((event, build.constant(code.handlers[vector], width)) for event, vector in enters), width
        )
        place = build.select(step, behind, base.place)
        place = build.select(returns, now.frames.places[0], place)
        place = build.select(entering, target, place)
        place = build.select(losing, build.constant(code.nowhere, width), place)
        pushed = self._pushed(base.frames, after_int, base.interrupts, enters)
        frames = self._select_frames(returns, self._popped(now.frames), base.frames)
        frames = self._select_frames(entering, pushed, frames)
        frames = self._select_frames(losing, self._no_frames(), frames)
        self._record("overflow", entering & base.frames.valid[-1])
        interrupts = build.select(returns, [now.frames.interrupts[0]], [base.interrupts])[0]
        interrupts = interrupts & ~entering & ~losing
        interrupts = self._flag(interrupts)
        cr0 = self._cr0(base.cr0)
        world = World(place, frames, cr0, interrupts)
        for event, vector in enters:
            self._record(f"entered_{vector:02x}", event)
        return self._exited(world, now, behind, exits) if cpu.hypervisor else world

    def _flag(self, interrupts: Bit) -> Bit:
        cpu, build, code = self._cpu, self._build, self._code
        on = build.any(cpu.at[p] for p in code.where(lambda s: isinstance(s.action, Flag) and s.action.value))
        off = build.any(
            cpu.at[p] for p in code.where(lambda s: isinstance(s.action, Flag) and not s.action.value)
        )
        return (interrupts | on) & ~off & ~cpu.performs(Reset)

    def _cr0(self, cr0: Word) -> Word:
        cpu, build, code = self._cpu, self._build, self._code
        result = []
        for name, old in zip(CR0_BITS, cr0, strict=True):
            moves = {
                value: build.any(
                    cpu.at[place]
                    for place in code.where(
                        lambda step, name=name, value=value: (
                            isinstance(step.action, MovCr0)
                            and step.action.bit == name
                            and step.action.value == value
                        )
                    )
                )
                for value in (True, False)
            }
            result.append((old | moves[True]) & ~moves[False] & ~cpu.performs(Reset))
        return result

    def _resumed(self, now: World, vmrun: Bit) -> tuple[World, Bit]:
        """VMRUN: the guest's world again; an injected interrupt is taken if it has IF = 1, else lost."""
        cpu, build = self._cpu, self._build
        guest = cpu.guest
        base = World(
            build.select(vmrun, guest.place, now.place),
            self._select_frames(vmrun, guest.frames, now.frames),
            build.select(vmrun, guest.cr0, now.cr0),
            build.select(vmrun, [guest.interrupts], [now.interrupts])[0],
        )
        injected = vmrun & cpu.injected[8] & guest.interrupts
        chosen = build.select(vmrun, build.constant(0, 9), cpu.injected)
        for place in self._code.where(lambda step: isinstance(step.action, Inject)):
            row = self._code.instructions[place]
            assert row is not None
            assert isinstance(row.step.action, Inject)
            word = build.constant(0x100 | row.step.action.vector, 9)
            chosen = build.select(cpu.at[place], word, chosen)
        cpu.follow("cpu.injected", chosen)
        return base, injected

    def _exited(self, world: World, now: World, behind: Word, exits) -> World:
        """#VMEXIT: the guest's world is kept, and the host goes on with NE = 1 and IF = 0."""
        cpu, build, code = self._cpu, self._build, self._code
        leaves = build.any(event for event, _, _ in exits)
        over = build.any(event for event, _, done in exits if done)
        target = build.one_of(((event, build.constant(at, code.width)) for event, at, _ in exits), code.width)
        guest = cpu.guest
        kept = build.select(over, behind, now.place)
        cpu.follow("cpu.guest.place", build.select(leaves, kept, guest.place))
        cpu.follow("cpu.guest.cr0", build.select(leaves, now.cr0, guest.cr0))
        cpu.follow("cpu.guest.if", build.select(leaves, [now.interrupts], [guest.interrupts]))
        cpu.follow_frames("cpu.guest.frame", self._select_frames(leaves, now.frames, guest.frames))
        cpu.follow("cpu.host", [(cpu.host & ~cpu.performs(Vmrun)) | leaves])
        self._record("exited", leaves)
        ne = build.constant(1 << CR0_BITS.index(Cr0.NE), len(CR0_BITS))
        return World(
            build.select(leaves, target, world.place),
            self._select_frames(leaves, self._no_frames(), world.frames),
            build.select(leaves, ne, world.cr0),
            world.interrupts & ~leaves,
        )

    def _pushed(
        self, frames: Frames, place: Word, interrupts: Bit, enters: Iterable[tuple[Bit, int]]
    ) -> Frames:
        nmi = self._build.any(event for event, vector in enters if vector == NMI_VECTOR)
        return Frames(
            [self._build.one, *frames.valid[:-1]],
            [place, *frames.places[:-1]],
            [interrupts, *frames.interrupts[:-1]],
            [nmi, *frames.nmi[:-1]],
        )

    def _popped(self, frames: Frames) -> Frames:
        zero = self._build.zero
        return Frames(
            [*frames.valid[1:], zero],
            [*frames.places[1:], frames.places[-1]],
            [*frames.interrupts[1:], zero],
            [*frames.nmi[1:], zero],
        )

    def _no_frames(self) -> Frames:
        zero = [self._build.zero] * DEPTH
        return self._cpu.frames._replace(valid=zero)

    def _select_frames(self, condition: Bit, yes: Frames, no: Frames) -> Frames:
        select = self._build.select
        return Frames(
            select(condition, yes.valid, no.valid),
            [select(condition, a, b) for a, b in zip(yes.places, no.places, strict=True)],
            select(condition, yes.interrupts, no.interrupts),
            select(condition, yes.nmi, no.nmi),
        )

    def _record(self, name: str, event: Bit) -> None:
        event = event & ~self._cpu.reset
        self._seen[name] = self._seen.get(name, self._build.zero) | event

    def keep_records(self) -> None:
        """What ever happened, as registers `seen.*`."""
        for name, event in self._seen.items():
            self._build.sticky(f"seen.{name}", event)
