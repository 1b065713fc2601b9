"""The bus-functional CPU of `cpu` for lanes: the same program, as registers and gates.

It goes where `cpu.Cpu` goes, cycle by cycle; a test holds the two together over every scenario. Handlers nest
up to DEPTH deep; a lane that goes deeper says so in `overflow`.
"""

from collections.abc import Mapping

from ...model.chipset import IoAccess
from ...model.pc import PcInputs
from ...model.registers import Cr0
from ...model.x87 import OperationRequest
from ..cpu.program import Program
from ..cpu.steps import X87, Bios, Io, MovFerrEnable, MsrAccess, Reset, Step
from ..lanes.builder import Builder, Word
from ..machines.ports import INPUTS, values_of
from ..netlist.gates import Bit
from .layout import CR0_BITS, CR0_PORTS, DEPTH, Frames, World, lay_out
from .moves import Moves


class LaneCpu:
    """The CPU's registers and logic in a builder.

    Parameters
    ----------
    build: where it goes. Its registers are called `cpu.*`.
    program: what it runs.
    nmi, reset: the pins.

    Attributes
    ----------
    inputs: what it drives, by port.
    done: the program is over.
    """

    def __init__(self, build: Builder, program: Program, nmi: Bit, reset: Bit) -> None:
        self.build = build
        self.code = lay_out(program)
        self.hypervisor = program.hypervisor is not None
        self._nmi, self.reset = nmi, reset
        self._restarts: dict[str, int] = {}
        self._declare()
        self._decode()
        self.inputs = self._drive()

    # What it is

    def _declare(self) -> None:
        build, code = self.build, self.code
        start = code.main if code.start is None else code.start
        self._restart = code.after_reset if code.start is None else code.start
        width = code.width
        cr0 = sum(1 << place for place, bit in enumerate(CR0_BITS) if self.hypervisor and bit is Cr0.NE)

        def begun(name: str, bits: int, init: int, restart: int) -> Word:
            """A register; RESET gives it another value than it had at power-up."""
            self._restarts[f"cpu.{name}"] = restart
            return build.register(f"cpu.{name}", bits, init)

        def at_end(place: int) -> int:
            return int(code.instructions[place] is None)

        self._place = begun("place", width, start, self._restart)
        (self._first_pulse,) = begun("first_pulse", 1, 0, 0)
        (self.second_pulse,) = begun("second_pulse", 1, 0, 0)
        (self.takes_nmi,) = begun("takes_nmi", 1, 0, 0)
        (self.awaits,) = begun("awaits", 1, 0, 0)
        (self.done,) = begun("done", 1, at_end(start), at_end(self._restart))
        (self.interrupts,) = begun("if", 1, 0, 0)
        (self._nmi_pending,) = begun("nmi_pending", 1, 0, 0)
        (self._nmi_before,) = begun("nmi_before", 1, 0, 0)
        self._cr0 = begun("cr0", len(CR0_BITS), cr0, cr0)
        self.frames = self._declare_frames("frame", begun)
        self.host = build.one
        if self.hypervisor:
            (self.host,) = begun("host", 1, 1, 1)
            self.guest = World(
                begun("guest.place", width, code.main, code.after_reset),
                self._declare_frames("guest.frame", begun),
                begun("guest.cr0", len(CR0_BITS), 0, 0),
                begun("guest.if", 1, 0, 0)[0],
            )
            self.injected = begun("injected", 9, 0, 0)

    def _declare_frames(self, name: str, begun) -> Frames:
        width = self.code.width
        return Frames(
            begun(f"{name}.valid", DEPTH, 0, 0),
            [begun(f"{name}.place{level}", width, 0, 0) for level in range(DEPTH)],
            begun(f"{name}.if", DEPTH, 0, 0),
            begun(f"{name}.nmi", DEPTH, 0, 0),
        )

    def _decode(self) -> None:
        """Which instruction is under way."""
        build = self.build
        # While RESET is asserted nothing is driven, and nothing comes of anything.
        go = ~self.reset
        self._first_pulse, self.second_pulse = self._first_pulse & go, self.second_pulse & go
        self.takes_nmi, self.awaits = self.takes_nmi & go, self.awaits & go
        waiting = self._first_pulse | self.second_pulse | self.takes_nmi | self.awaits | self.done
        running = go & ~waiting
        self.at = [build.equal(self._place, place) & running for place in range(len(self.code.instructions))]

    def performs(self, *kinds: type) -> Bit:
        """An instruction of these kinds is under way."""
        places = self.code.where(lambda step: isinstance(step.action, kinds))
        return self.build.any(self.at[place] for place in places)

    def _drive(self) -> dict[str, Word]:
        """What it drives: constants by place, and the processor's own state."""
        build = self.build
        idle = values_of(PcInputs())
        driven = {}
        rows = [
            (self.at[place], values_of(self._inputs_of(row.step, row.part)))
            for place, row in enumerate(self.code.instructions)
            if row is not None
        ]
        for name, width in INPUTS.items():
            turned = [(at, levels[name] ^ idle[name]) for at, levels in rows if levels[name] != idle[name]]
            driven[name] = [
                build.any(at for at, change in turned if change >> place & 1)
                ^ build.constant(idle[name], width)[place]
                for place in range(width)
            ]
        driven["inta"] = [self._first_pulse | self.second_pulse]
        driven |= {port: [bit] for port, bit in zip(CR0_PORTS, self._cr0, strict=True)}
        guest = ~self.host if self.hypervisor else build.zero
        driven["guest_mode"] = driven["intercept_ferr_freeze"] = [guest]
        if self.code.ports:
            # An OUT that the hypervisor takes does not reach the bus.
            driven["io_write"] = [driven["io_write"][0] & ~self._intercepted(guest)]
        driven["reset"] = [driven["reset"][0] | self.reset]
        return driven

    def _intercepted(self, guest: Bit) -> Bit:
        return guest & self.build.any(
            self.at[place] for places in self.port_places().values() for place in places
        )

    def port_places(self) -> dict[int, list[int]]:
        """The OUTs that are taken, by port."""
        places: dict[int, list[int]] = {}
        for place, row in enumerate(self.code.instructions):
            if (
                row is not None
                and isinstance(row.part, IoAccess)
                and row.part.write
                and row.part.address in self.code.ports
            ):
                places.setdefault(row.part.address, []).append(place)
        return places

    @staticmethod
    def _inputs_of(step: Step, part: OperationRequest | IoAccess | None) -> PcInputs:
        match step.action:
            case X87():
                assert isinstance(part, OperationRequest)
                return PcInputs(operation=part)
            case Io() | Bios():
                assert isinstance(part, IoAccess)
                return PcInputs(io=part)
            case MsrAccess(request):
                return PcInputs(msr=request)
            case MovFerrEnable(value):
                return PcInputs(ferr_enable=value)
            case Reset(init):
                return PcInputs(reset=not init)
        return PcInputs()

    # What it does

    def react(self, outputs: Mapping[str, Word]) -> None:
        """The rising edge, after the PC has shown these outputs."""
        build = self.build
        (intr,) = outputs["intr"]
        self._pending = self._nmi_pending | (self._nmi & ~self._nmi_before)
        due_now = self._due(self._pending, self.frames)
        interrupted = due_now | (intr & self.interrupts)
        moves = Moves(self, outputs, interrupted)
        now = World(self._place, self.frames, self._cr0, self.interrupts)
        after = moves.world(now)
        stays = moves.stays
        # The boundary: an interrupt, the end, or the next instruction.
        due = self._due(self._pending, after.frames)
        takes = (due | (intr & after.interrupts)) & ~moves.shadow & ~stays
        ends = build.any(
            build.equal(after.place, place) for place, row in enumerate(self.code.instructions) if row is None
        )
        nmi = takes & due
        waits = self.done
        follow = self.follow
        follow("cpu.place", after.place)
        follow("cpu.first_pulse", [takes & ~due & ~waits])
        follow("cpu.second_pulse", [self._first_pulse])
        build.follow("cpu.takes_nmi", [build.select(self.reset, [self._nmi], [nmi & ~waits])[0]])
        follow("cpu.awaits", [moves.asks | (self.awaits & ~outputs["msr_response_valid"][0])])
        over = waits | (~stays & ~takes & ends)
        at_end = self.code.instructions[self._restart] is None
        build.follow(
            "cpu.done", [build.select(self.reset, [~self._nmi if at_end else build.zero], [over])[0]]
        )
        follow("cpu.if", [after.interrupts])
        # An NMI that comes with RESET is taken before the first instruction.
        build.follow("cpu.nmi_pending", [self._pending & ~(nmi & ~waits) & ~self.reset])
        build.follow("cpu.nmi_before", [self._nmi])
        follow("cpu.cr0", after.cr0)
        self.follow_frames("cpu.frame", after.frames)
        moves.keep_records()

    def follow(self, name: str, word: Word) -> None:
        """What a register takes at the edge, unless RESET is asserted."""
        build = self.build
        build.follow(name, build.select(self.reset, build.constant(self._restarts[name], len(word)), word))

    def _due(self, pending: Bit, frames: Frames) -> Bit:
        """An NMI that no handler of another one holds back."""
        inside = self.build.any(a & b for a, b in zip(frames.valid, frames.nmi, strict=True))
        return pending & ~inside

    def follow_frames(self, name: str, frames: Frames) -> None:
        follow = self.follow
        follow(f"{name}.valid", frames.valid)
        follow(f"{name}.if", frames.interrupts)
        follow(f"{name}.nmi", frames.nmi)
        for level, place in enumerate(frames.places):
            follow(f"{name}.place{level}", place)
