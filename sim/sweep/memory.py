"""What a program in lanes stores, tests and counts: registers for the operands that it looks at."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from ...model.registers import CONTROL_FNINIT, CONTROL_RESET, Operation
from ...model.x87 import OperationRequest
from ..cpu.actions import Assign, Compare, Count, Io, Jump, Loop, Reset, Test
from ..cpu.branches import width_of
from ..cpu.stores import CONTROL_KEPT, CONTROL_ONES, LOADS
from ..lanes.builder import Word
from ..netlist.gates import Bit

if TYPE_CHECKING:
    from .cpu import LaneCpu

Kind = TypeVar("Kind")


class LaneMemory:
    """Registers `cpu.mem.*`, and counters of LOOP; RESET leaves them alone.

    Parameters
    ----------
    cpu: the CPU, decoded.
    outputs: of the PC.

    Attributes
    ----------
    jumps: the jumps of this cycle that are taken, by event, with the label.
    passed: those that are not.
    """

    def __init__(self, cpu: "LaneCpu", outputs: Mapping[str, Word]) -> None:
        self._cpu, self._build, self._code = cpu, cpu.build, cpu.code
        self._outputs = outputs
        names = {action.operand for _, action in self._actions(Test, Compare, Count)}
        loops = self._actions(Loop)
        names |= {"cx"} if any(loop.rounds is None for _, loop in loops) else set()
        self._words = {
            name: self._build.register(f"cpu.mem.{name}", width_of(name)) for name in sorted(names)
        }
        self._next = dict(self._words)
        self.jumps: list[tuple[Bit, str]] = []
        self.passed: list[Bit] = []
        self._stores()
        self._jumps()
        self._loops()
        self._plain()
        for name, word in self._next.items():
            self._build.follow(f"cpu.mem.{name}", word)

    def zero(self, zero: Bit) -> Bit:
        """ZF after TEST, CMP, INC or DEC; else as it was."""
        build = self._build
        for event, result in self._results:
            (zero,) = build.select(event, [result], [zero])
        return zero

    def _actions(self, *kinds: type[Kind]) -> list[tuple[Bit, Kind]]:
        """The steps of these kinds: whether each is under way, and what it is."""
        found = []
        for position in self._code.where(lambda step: isinstance(step.action, kinds)):
            row = self._code.instructions[position]
            assert row is not None
            assert isinstance(row.step.action, kinds)
            found.append((self._cpu.at[position], row.step.action))
        return found

    def _take(self, name: str, event: Bit, word: Word) -> None:
        if name in self._next:
            self._next[name] = self._build.select(event, word, self._next[name])

    # What is stored

    def _stores(self) -> None:
        build, outputs = self._build, self._outputs
        (ready,), (es,), flags = outputs["op_ready"], outputs["es"], outputs["flags"]
        status = [*flags, es, *([build.zero] * 7), es]
        upper = self._control_word()[6:] if "cw" in self._words else []
        for at, operation in self._operations():
            if operation.code is Operation.FNSTSW:
                self._take("sw", at & ready, status)
            elif operation.code is Operation.FNSTCW and upper:
                self._take("cw", at & ready, [*outputs["masks"], *upper])
        for at, action in self._actions(Io):
            if not action.access.write:
                self._take("al", at, outputs["io_read_data"])
        if "msr" in self._words:
            self._take("msr", self._cpu.reads_msr(outputs), outputs["msr_response_data"])

    def _operations(self) -> Iterator[tuple[Bit, OperationRequest]]:
        for position, row in enumerate(self._code.instructions):
            if row is not None and isinstance(row.part, OperationRequest):
                yield self._cpu.at[position], row.part

    def _control_word(self) -> Word:
        """The control word but for the masks, which the PC shows. RESET, not INIT, sets it."""
        build, (ready,) = self._build, self._outputs["op_ready"]
        word = following = build.register("cpu.control", 16, CONTROL_RESET)
        for at, operation in self._operations():
            value = None
            if operation.code in LOADS:
                value = operation.control & CONTROL_KEPT | CONTROL_ONES
            elif operation.code in (Operation.FNINIT, Operation.FNSAVE):
                value = CONTROL_FNINIT & CONTROL_KEPT | CONTROL_ONES
            if value is not None:
                following = build.select(at & ready, build.constant(value, 16), following)
        reset = self._cpu.reset | self._cpu.performs_action(Reset(init=False))
        build.follow("cpu.control", build.select(reset, build.constant(CONTROL_RESET, 16), following))
        return word

    # Jumps and counters

    def _jumps(self) -> None:
        for at, jump in self._actions(Jump):
            taken = at
            if jump.zero is not None:
                taken = at & (self._cpu.zero if jump.zero else ~self._cpu.zero)
            self.jumps.append((taken, jump.label))
            self.passed.append(at & ~taken)

    def _loops(self) -> None:
        build = self._build
        # A block that serves several ports is laid out several times, and counts as one.
        rows = {row.step for row in self._code.instructions if row and isinstance(row.step.action, Loop)}
        for number, step in enumerate(sorted(rows)):
            at = build.any(
                self._cpu.at[position] for position in self._code.where(lambda one, step=step: one == step)
            )
            loop = step.action
            assert isinstance(loop, Loop)
            if loop.rounds is None:
                less = build.minus_one(self._words["cx"])
                self._take("cx", at, less)
                taken = at & build.any(less)
            else:
                bits = max(1, (loop.rounds - 1).bit_length())
                counter = build.register(f"cpu.loop{number}", bits)
                last = build.equal(counter, loop.rounds - 1)
                after = build.select(last, build.constant(0, bits), build.plus(counter, build.one))
                build.follow(f"cpu.loop{number}", build.select(at, after, counter))
                taken = at & ~last
            self.jumps.append((taken, loop.label))
            self.passed.append(at & ~taken)

    def _plain(self) -> None:
        build = self._build
        self._results: list[tuple[Bit, Bit]] = []
        for at, action in self._actions(Test, Compare, Assign, Count):
            self.passed.append(at)
            match action:
                case Test(operand, mask):
                    word = self._words[operand]
                    some = build.any(bit for index, bit in enumerate(word) if mask >> index & 1)
                    self._results.append((at, ~some))
                case Compare(operand, value):
                    self._results.append((at, build.equal(self._words[operand], value)))
                case Assign(operand, value):
                    self._take(operand, at, build.constant(value, width_of(operand)))
                case Count(operand, up):
                    word = self._words[operand]
                    after = build.plus(word, build.one) if up else build.minus_one(word)
                    self._take(operand, at, after)
                    self._results.append((at, ~build.any(after)))
