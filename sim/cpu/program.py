"""A program as the CPU runs it: steps taken apart into instructions, each with its position."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...model.chipset import IoAccess
from ...model.registers import Parameters
from ...model.x87 import OperationRequest
from .actions import Bios, Io, Nop, X87Step
from .instructions import presented
from .steps import Step


class Hypervisor(NamedTuple):
    """What runs in host mode around a guest (SVM).

    It intercepts FERR_FREEZE and VMRUN, OUT to some ports, and INTR, NMI, VINTR, STGI and CLGI where it
    has an exit for them.
    """

    start: Sequence[Step]
    """Before the first VMRUN."""
    exits: Mapping[int, Sequence[Step]]
    """After #VMEXIT, by exit code."""
    ports: Mapping[int, Sequence[Step]]
    """After #VMEXIT(IOIO) of an OUT, by port; the OUT itself does not take place."""
    handlers: Mapping[int, Sequence[Step]] = {}
    """What it has of its own, by vector; for other vectors host and guest share the program's handlers."""
    traps: frozenset[int] = frozenset()
    """Which of these have a trap gate."""


class Monitor(NamedTuple):
    """What watches over a virtual-8086 task or a DPMI client: the program and its handlers are that task.

    IOPL is 3 there, so CLI, STI, PUSHF and IRET go through (**choice**: else the monitor would see them too).
    """

    ports: Mapping[int, Sequence[Step]]
    """After #GP of an OUT to a port that the I/O permission bitmap denies; IRET returns behind the OUT."""
    handlers: Mapping[int, Sequence[Step]] = {}
    """Interrupts that it takes itself; the others go to the task's handlers at once."""


class Program(NamedTuple):
    """What a CPU runs."""

    main: Sequence[Step]
    handlers: Mapping[int, Sequence[Step]] = {}
    """By vector."""
    after_reset: Sequence[Step] = ()
    """Where it goes on after the RESET pin."""
    hypervisor: Hypervisor | None = None
    """With one, everything else is its guest."""
    smi: Sequence[Step] = ()
    """The handler of SMI#, in SMM; it ends in RSM."""
    traps: frozenset[int] = frozenset()
    """Vectors whose handler has a trap gate, which leaves IF as it is; an interrupt gate clears it."""
    monitor: Monitor | None = None
    """With one, everything else is a task in virtual-8086 mode."""


class Instruction(NamedTuple):
    """A step, or one of several instructions that it stands for."""

    step: Step
    part: OperationRequest | IoAccess | None
    last: bool


class Position(NamedTuple):
    """Where the CPU is: the next instruction of a block."""

    block: tuple[Instruction, ...]
    at: int

    @property
    def next(self) -> "Position":
        """The position of the instruction behind it; in the last one of a block, its end."""
        return self._replace(at=self.at + 1)

    @property
    def instruction(self) -> Instruction | None:
        """The instruction that is there, or None at the end of the block."""
        return self.block[self.at] if self.at < len(self.block) else None


class Target(NamedTuple):
    """Where a label stands."""

    position: Position
    in_handler: bool
    """A jump there keeps the frames of the handlers under way. One into the program itself drops them, as
    longjmp() restores the stack pointer; IF, NMI blocking and the 8259As' in-service bits stay."""


def targets_of(block: tuple[Instruction, ...], in_handler: bool) -> dict[str, Target]:
    """The labels of a block.

    Parameters
    ----------
    block : tuple of Instruction
        As `block_of` gives it.
    in_handler : bool
        It is a handler's, and not the program's.

    Returns
    -------
    dict of str to Target
        By label; of a step that is several instructions, the first.
    """
    targets: dict[str, Target] = {}
    for at, instruction in enumerate(block):
        if instruction.step.label:
            targets.setdefault(instruction.step.label, Target(Position(block, at), in_handler))
    return targets


def block_of(steps: Sequence[Step], parameters: Parameters) -> tuple[Instruction, ...]:
    """Steps as instructions: a form without N is two of them (SDM2), NOP n is n, `bios` ten OUTs.

    Parameters
    ----------
    steps : sequence of Step
        Of the program or a handler.
    parameters : Parameters
        What the processor decodes, and the words of the BIOS.
    """
    result: list[Instruction] = []
    for step in steps:
        parts: Sequence[OperationRequest | IoAccess | None] = (None,)
        match step.action:
            case X87Step(operations):
                parts = [presented(step.verb, operation, parameters) for operation in operations]
            case Nop(cycles):
                parts = (None,) * cycles
            case Io(access):
                parts = (access,)
            case Bios(words):
                words = words or parameters.pics.bios_words
                parts = [IoAccess(port, True, word) for port, word in words]
        result += [Instruction(step, part, last=False) for part in parts]
        result[-1] = result[-1]._replace(last=True)
    return tuple(result)
