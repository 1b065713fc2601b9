"""The bus-functional CPU of `cpu` for lanes: the same program, as registers and gates.

It goes where `cpu.Cpu` goes, cycle by cycle; a test holds the two together over every scenario. Handlers nest
up to DEPTH deep; a lane that goes deeper says so in `overflow`.
"""

from collections.abc import Mapping

from ...model.chipset import IoAccess
from ...model.pc import PcInputs
from ...model.registers import VMEXIT_INTR, VMEXIT_NMI, VMEXIT_VINTR, Parameters
from ...model.x87 import OperationRequest
from ..cpu.actions import Action, Bios, Io, MovFerrEnable, MsrAccess, Reset, X87Step
from ..cpu.program import Program
from ..cpu.steps import Step
from ..lanes.builder import Builder, Word
from ..machines.ports import INPUTS, values_of
from ..netlist.gates import Bit
from .layout import CR0_BITS, CR0_PORTS, DEPTH, Frames, LaneWorld, Modes, lay_out
from .moves import Moves
from .smm import LaneSmm
from .svm import Svm
from .transitions import Transitions

TAKEN = ("flush", "stop", "smi", "init", "nmi")
"""What has its cycle at a boundary, beside INTA and what a hypervisor adds."""
LATCHED = ("flush", "smi", "init", "nmi")
"""Pins of which a rising edge is latched."""


class LaneCpu:
    """The CPU's registers and logic in a builder.

    Parameters
    ----------
    build: where it goes. Its registers are called `cpu.*`.
    program, parameters: what it runs, and on what.
    pins: levels of the pins of `state.PINS` and `reset`, active high.

    Attributes
    ----------
    inputs: what it drives, by port.
    done: the program is over.
    modes: host, GIF, NMI blocking and V_IRQ as they stand.
    svm, smm: what a hypervisor and SMI# add, or None.
    takes: what of TAKEN has its cycle.
    zero: ZF.
    """

    def __init__(
        self, build: Builder, program: Program, parameters: Parameters, pins: Mapping[str, Bit]
    ) -> None:
        self.build = build
        self.code = lay_out(program, parameters)
        self.hypervisor = program.hypervisor is not None
        self._pins, self.reset = pins, pins["reset"]
        self._restarts: dict[str, int] = {}
        self._declare()
        self._decode()
        self.inputs = self._drive()

    # What it is

    def begun(self, name: str, bits: int, init: int, restart: int) -> Word:
        """A register; RESET gives it another value than it had at power-up.

        Parameters
        ----------
        name : str
            Without `cpu.`.
        bits : int
            Its width.
        init, restart : int
            Its values at power-up and after RESET.
        """
        self._restarts[name] = restart
        return self.build.register(f"cpu.{name}", bits, init)

    def declare_frames(self, name: str) -> Frames:
        """Registers for DEPTH frames, `cpu.NAME.*`, empty at power-up and after RESET."""
        width = self.code.width
        return Frames(
            self.begun(f"{name}.valid", DEPTH, 0, 0),
            [self.begun(f"{name}.position{level}", width, 0, 0) for level in range(DEPTH)],
            self.begun(f"{name}.if", DEPTH, 0, 0),
            self.begun(f"{name}.zf", DEPTH, 0, 0),
        )

    def no_frames(self) -> Frames:
        """Frames of which none is valid."""
        return self.frames._replace(valid=[self.build.zero] * DEPTH)

    def _declare(self) -> None:
        build, code, begun = self.build, self.code, self.begun
        start = code.main if code.start is None else code.start
        restart = code.after_reset if code.start is None else code.start

        def at_end(position: int) -> int:
            return int(code.instructions[position] is None)

        self._position = begun("position", code.width, start, restart)
        (self._first_pulse,) = begun("first_pulse", 1, 0, 0)
        (self.second_pulse,) = begun("second_pulse", 1, 0, 0)
        self.takes = {name: begun(f"takes_{name}", 1, 0, 0)[0] for name in TAKEN}
        (self.awaits,) = begun("awaits", 1, 0, 0)
        (self.done,) = begun("done", 1, at_end(start), at_end(restart))
        begun("stopped_behind", 1, 0, 0)
        (self.interrupts,), (self.zero,) = begun("if", 1, 0, 0), begun("zf", 1, 0, 0)
        self._pending = {pin: begun(f"{pin}_pending", 1, 0, 0)[0] for pin in LATCHED}
        self._before = {pin: begun(f"{pin}_before", 1, 0, 0)[0] for pin in LATCHED}
        (blocked,) = begun("nmi_blocked", 1, 0, 0)
        self._cr0 = begun("cr0", len(CR0_BITS), 0, 0)
        self.frames = self.declare_frames("frame")
        self.svm = Svm(self) if self.hypervisor else None
        self.takes_exit = self.takes_virtual = build.zero
        self.smm = LaneSmm(self) if code.smi is not None else None
        smm = self.smm.inside if self.smm else build.zero
        self.modes = Modes(build.one, build.one, blocked, build.zero, build.constant(0, 9), smm)
        if self.svm:
            self.modes = Modes(self.svm.host, self.svm.gif, blocked, build.zero, self.svm.virtual_now, smm)

    def _decode(self) -> None:
        """Which instruction is under way."""
        build = self.build
        # While RESET is asserted nothing is driven, and nothing comes of anything.
        go = ~self.reset
        self._first_pulse, self.second_pulse = self._first_pulse & go, self.second_pulse & go
        self.takes = {name: takes & go for name, takes in self.takes.items()}
        self.awaits = self.awaits & go
        if self.svm:
            self.takes_exit, self.takes_virtual = self.svm.takes_exit & go, self.svm.takes_virtual & go
        takes = self._first_pulse | self.second_pulse | self.takes_exit | self.takes_virtual
        takes = takes | build.any(self.takes.values())
        waiting = takes | self.awaits | self.done
        running = go & ~waiting
        self.at = [
            build.equal(self._position, position) & running for position in range(len(self.code.instructions))
        ]

    def performs(self, *kinds: type) -> Bit:
        """An instruction of these kinds is under way."""
        positions = self.code.where(lambda step: isinstance(step.action, kinds))
        return self.build.any(self.at[position] for position in positions)

    def performs_action(self, action: Action) -> Bit:
        """This very instruction is under way."""
        positions = self.code.where(lambda step: step.action == action and type(step.action) is type(action))
        return self.build.any(self.at[position] for position in positions)

    def _drive(self) -> dict[str, Word]:
        """What it drives: constants by position, and the processor's own state."""
        build = self.build
        idle = values_of(PcInputs())
        driven = {}
        rows = [
            (self.at[position], values_of(self._inputs_of(row.step, row.part)))
            for position, row in enumerate(self.code.instructions)
            if row is not None
        ]
        for name, width in INPUTS.items():
            turned = [(at, levels[name] ^ idle[name]) for at, levels in rows if levels[name] != idle[name]]
            driven[name] = [
                build.any(at for at, change in turned if change >> bit & 1)
                ^ build.constant(idle[name], width)[bit]
                for bit in range(width)
            ]
        driven["inta"] = [self._first_pulse | self.second_pulse]
        driven |= {port: [bit] for port, bit in zip(CR0_PORTS, self._cr0, strict=True)}
        guest = ~self.modes.host
        driven["guest_mode"] = driven["intercept_ferr_freeze"] = [guest]
        if self.code.ports:
            # An OUT that the hypervisor takes does not reach the bus.
            driven["io_write"] = [driven["io_write"][0] & ~self._intercepted(guest)]
        driven["reset"] = [driven["reset"][0] | self.reset]
        return driven

    def _intercepted(self, guest: Bit) -> Bit:
        return guest & self.build.any(
            self.at[position] for positions in self.port_positions().values() for position in positions
        )

    def port_positions(self) -> dict[int, list[int]]:
        """The OUTs that are taken, by port."""
        positions: dict[int, list[int]] = {}
        for position, row in enumerate(self.code.instructions):
            if (
                row is not None
                and isinstance(row.part, IoAccess)
                and row.part.write
                and row.part.address in self.code.ports
            ):
                positions.setdefault(row.part.address, []).append(position)
        return positions

    @staticmethod
    def _inputs_of(step: Step, part: OperationRequest | IoAccess | None) -> PcInputs:
        match step.action:
            case X87Step():
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

    def reads_msr(self, outputs: Mapping[str, Word]) -> Bit:
        """RDMSR gets its answer in this cycle."""
        positions = self.code.where(
            lambda step: isinstance(step.action, MsrAccess) and not step.action.request.write
        )
        reads = self.build.any(self.build.equal(self._position, position) for position in positions)
        (valid,), (fault,) = outputs["msr_response_valid"], outputs["msr_response_fault"]
        return self.awaits & reads & valid & ~fault

    # What it does

    def react(self, outputs: Mapping[str, Word]) -> None:
        """The rising edge, after the PC has shown these outputs."""
        build = self.build
        # In the last INTA pulse INTR is still high: acknowledged, and not to be taken again.
        intr = outputs["intr"][0] & ~self.second_pulse
        pins, stop = self._pins, self._pins["stpclk"]
        pending = {pin: self._pending[pin] | (pins[pin] & ~self._before[pin]) for pin in LATCHED}
        now = LaneWorld(self._position, self.frames, self._cr0, self.interrupts, self.zero)
        moves = Moves(self, outputs, Due(build, pending, stop, intr, now.interrupts, self.modes))
        leads = Transitions(self, moves, outputs["vector"], now)
        after, modes = leads.world, leads.modes
        pending = {pin: level & ~moves.again for pin, level in pending.items()}
        # The boundary: an interrupt, the end, or the next instruction.
        due = Due(build, pending, stop, intr, after.interrupts, modes)
        takes = due.any & ~modes.shadow & ~moves.stays
        ends = build.any(
            build.equal(after.position, position)
            for position, row in enumerate(self.code.instructions)
            if row is None
        )
        self._follow_interrupts(takes & ~self.done, due, pending, modes)
        follow = self.follow
        follow("position", after.position)
        follow("second_pulse", [self._first_pulse])
        follow("awaits", [moves.asks | (self.awaits & ~outputs["msr_response_valid"][0])])
        follow("done", [self.done | (~moves.stays & ~takes & ends)])
        # STPCLK# behind the last step: over all the same, but for what comes when it is negated.
        follow("stopped_behind", [~moves.stays & takes & ends & due.stop & ~due.flush])
        follow("if", [after.interrupts])
        follow("zf", [after.zero])
        # The detectors of edges follow the pins during RESET too, and latch none.
        for pin in LATCHED:
            build.follow(f"cpu.{pin}_before", [pins[pin]])
        follow("nmi_blocked", [modes.nmi_blocked])
        follow("cr0", after.cr0)
        self.follow_frames("frame", after.frames)
        if self.smm:
            follow("smm", [modes.smm])
        if self.svm:
            follow("host", [modes.host])
            follow("gif", [modes.gif])
            self.svm.follow(moves.stays, modes.shadow)
        leads.keep_records()

    def _follow_interrupts(self, takes: Bit, due: "Due", pending: dict[str, Bit], modes: Modes) -> None:
        """What is taken at the boundary: FLUSH#, STPCLK#, SMI#, INIT; then `_follow_vectors`."""
        for name, wanted in (("flush", due.flush), ("stop", due.stop), ("smi", due.smi), ("init", due.init)):
            taken, takes = takes & wanted, takes & ~wanted
            self.follow(f"takes_{name}", [taken])
            # INIT forgets all that was latched, once it has its cycle.
            if name in ("flush", "smi"):
                self.follow(f"{name}_pending", [pending[name] & ~taken])
        self.follow("init_pending", [pending["init"]])
        self._follow_vectors(takes, due, pending["nmi"], modes)

    def _follow_vectors(self, takes: Bit, due: "Due", pending: Bit, modes: Modes) -> None:
        """NMI, INTR, then a virtual interrupt, or an exit in their stead."""
        follow, exits = self.follow, self.code.exits
        guest, zero = ~modes.host, self.build.zero
        nmi = takes & due.nmi
        intr = takes & ~due.nmi & due.intr
        virtual = takes & ~due.nmi & ~due.intr
        # What is intercepted stays pending.
        delivered = nmi & ~guest if VMEXIT_NMI in exits else nmi
        exit_ = intr & guest if VMEXIT_INTR in exits else zero
        follow("takes_nmi", [nmi])
        follow("nmi_pending", [pending & ~delivered])
        follow("first_pulse", [intr & ~exit_])
        if self.svm:
            follow("takes_exit", [exit_])
            follow("takes_virtual", [virtual])
            served = zero if VMEXIT_VINTR in exits else virtual
            follow("virtual", [*modes.virtual[:8], modes.virtual[8] & ~served])

    def follow(self, name: str, word: Word) -> None:
        """What a register takes at the edge, unless RESET is asserted.

        Parameters
        ----------
        name : str
            Of a register that `begun` made.
        word : Word
            As wide as the register.
        """
        build = self.build
        restart = build.constant(self._restarts[name], len(word))
        build.follow(f"cpu.{name}", build.select(self.reset, restart, word))

    def follow_frames(self, name: str, frames: Frames) -> None:
        """What the registers of frames take at the edge, unless RESET is asserted.

        Parameters
        ----------
        name : str
            As for `declare_frames`.
        frames : Frames
            DEPTH of them.
        """
        follow = self.follow
        follow(f"{name}.valid", frames.valid)
        follow(f"{name}.if", frames.interrupts)
        follow(f"{name}.zf", frames.zeros)
        for level, position in enumerate(frames.positions):
            follow(f"{name}.position{level}", position)


class Due:
    """What is to be taken, but for a shadow.

    Parameters
    ----------
    build : Builder
        Where the gates go.
    pending : mapping of str to Bit
        What is latched of each pin of LATCHED.
    stop, intr : Bit
        STPCLK# is asserted; INTR is high.
    interrupts : Bit
        IF.
    modes : Modes
        In which it would be taken: SMM, GIF, NMI blocking, V_IRQ.
    """

    def __init__(
        self, build: Builder, pending: Mapping[str, Bit], stop: Bit, intr: Bit, interrupts: Bit, modes: Modes
    ) -> None:
        self.flush, self.stop = pending["flush"], stop
        self.smi = pending["smi"] & ~modes.smm
        self.init = pending["init"] & ~modes.smm & modes.gif
        self.nmi = pending["nmi"] & ~modes.nmi_blocked
        self.intr = intr & interrupts
        virtual = ~modes.host & modes.virtual[8] & interrupts
        # While GIF = 0 INIT and interrupts stay pending (APM2 15.17).
        vectors = modes.gif & (self.nmi | self.intr | virtual)
        self.any = build.any([self.flush, self.stop, self.smi, self.init, vectors])
