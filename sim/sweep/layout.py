"""A program for the CPU in lanes: laid out in a row, and what there is to know about it."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from ...model.chipset import IoAccess
from ...model.pc import resets_processor
from ...model.registers import Cr0, Parameters
from ..cpu.actions import MovEt, Test, Wait
from ..cpu.program import Instruction, Program, block_of, targets_of
from ..cpu.steps import Step
from ..lanes.builder import Builder, Word
from ..netlist.gates import Bit

Kind = TypeVar("Kind")
DEPTH = 6
"""Handlers that may be under way at once."""
CR0_BITS = (Cr0.MP, Cr0.EM, Cr0.TS, Cr0.NE)
CR0_PORTS = tuple(f"cr0_{str(bit.name).lower()}" for bit in CR0_BITS)
LEVELS: dict[str, tuple[str, int]] = {
    # Signals that a program may wait for, as an output of the PC and the index of its bit.
    **{
        name: (name, 0) for name in ("ferr_n", "irq13", "ir13", "ignne_n", "intr", "es", "ignne", "slave_int")
    },
    **{
        name: (name, 0)
        for name in ("chipset_ignne_n", "ferr_enable", "ignne_em", "allow_ferr_on_ne", "ignne_msr")
    },
    **{name: ("flags", index) for index, name in enumerate(("ie", "de", "ze", "oe", "ue", "pe", "sf"))},
    **{name: ("masks", index) for index, name in enumerate(("im", "dm", "zm", "om", "um", "pm"))},
}


class Code(NamedTuple):
    """A program laid out in a row."""

    instructions: list[Instruction | None]
    """None is the end of a block."""
    main: int
    after_reset: int
    nowhere: int
    """An end."""
    handlers: dict[int, int]
    start: int | None
    """The hypervisor's first instruction."""
    exits: dict[int, int]
    ports: dict[int, int]
    host_handlers: dict[int, int]
    smi: int | None
    """The handler of SMI#."""
    traps: frozenset[int]
    host_traps: frozenset[int]
    """Vectors with a trap gate."""
    labels: dict[str, tuple[int, bool]]
    """Where each label stands, and whether that is in a handler."""

    @property
    def width(self) -> int:
        """Bits of a position."""
        return max(1, (len(self.instructions) - 1).bit_length())

    @property
    def has_reset(self) -> bool:
        """There is a program for what comes after RESET."""
        return self.instructions[self.after_reset] is not None

    def action(self, position: int, kind: type[Kind]) -> Kind:
        """What stands at a position, which is of this kind.

        Parameters
        ----------
        position : int
            An index of `instructions`, not the end of a block.
        kind : type
            The action's; AssertionError if it is of another one.
        """
        row = self.instructions[position]
        assert row is not None
        assert isinstance(row.step.action, kind)
        return row.step.action

    def where(self, fits: Callable[[Step], bool]) -> list[int]:
        """The positions of some instructions."""
        return [
            position for position, one in enumerate(self.instructions) if one is not None and fits(one.step)
        ]


def lay_out(program: Program, parameters: Parameters) -> Code:
    """Each block behind the other, with an end behind each.

    Parameters
    ----------
    program : Program
        With all its handlers and its hypervisor's.
    parameters : Parameters
        Of the PC: its generation says which opcodes are undefined, its 8259As what `bios` writes.
    """
    rows: list[Instruction | None] = []

    labels: dict[str, tuple[int, bool]] = {}

    def put(steps, in_handler: bool = True) -> int:
        at = len(rows)
        block = block_of(steps, parameters)
        for label, target in targets_of(block, in_handler).items():
            labels[label] = at + target.position.at, in_handler
        rows.extend([*block, None])
        return at

    host = program.hypervisor
    main = put(program.main, in_handler=False)
    nowhere = len(rows) - 1
    after_reset = put(program.after_reset, in_handler=False)
    handlers = {vector: put(steps) for vector, steps in program.handlers.items()}
    smi = put(program.smi) if program.smi else None
    start = put(host.start, in_handler=False) if host else None
    exits = {code: put(steps, in_handler=False) for code, steps in host.exits.items()} if host else {}
    ports = {port: put(steps, in_handler=False) for port, steps in host.ports.items()} if host else {}
    own = {vector: put(steps) for vector, steps in host.handlers.items()} if host else {}
    host_traps = program.traps - own.keys() | host.traps if host else program.traps
    gates = program.traps, host_traps
    return Code(
        rows, main, after_reset, nowhere, handlers, start, exits, ports, handlers | own, smi, *gates, labels
    )


def unsupported(program: Program, parameters: Parameters) -> str | None:
    """What of a program there is not in lanes, in words, or None.

    Parameters
    ----------
    program : Program
        With all its handlers and its hypervisor's.
    parameters : Parameters
        Of the PC: its wiring decides what an OUT resets.
    """
    if program.monitor:
        return "a [monitor] is not supported in lanes"
    for row in lay_out(program, parameters).instructions:
        action = row.step.action if row else None
        if row and (isinstance(action, MovEt) or (isinstance(action, Test) and action.operand == "cr0")):
            return f"line {row.step.line}: {row.step.text!r} is not supported in lanes"
        if row and isinstance(row.part, IoAccess) and resets_processor(row.part, parameters):
            line = f"line {row.step.line}: {row.step.text!r}"
            return f"{line} resets the processor of a PC-98, which is not supported in lanes; reset is"
        if row and isinstance(action, Wait) and action.signal not in LEVELS:
            known = ", ".join(LEVELS)
            name = f"line {row.step.line}: 'wait {action.signal}'"
            return f"{name} is not supported in lanes; expected one of {known}"
    return None


class Frames(NamedTuple):
    """The handlers under way, the innermost first."""

    valid: Word
    positions: list[Word]
    interrupts: Word
    zeros: Word
    """ZF."""


class LaneWorld(NamedTuple):
    """What an instruction leaves behind."""

    position: Word
    frames: Frames
    cr0: Word
    interrupts: Bit
    zero: Bit
    """ZF."""


class Modes(NamedTuple):
    """What else an instruction leaves behind; without a hypervisor host and gif are 1."""

    host: Bit
    gif: Bit
    nmi_blocked: Bit
    shadow: Bit
    """Interrupts are held off until after the next instruction."""
    virtual: Word
    """V_IRQ and V_INTR_VECTOR: valid in bit 8."""
    smm: Bit
    """The handler of SMI# runs."""


def select_frames(build: Builder, condition: Bit, yes: Frames, no: Frames) -> Frames:
    """`yes` if the condition holds, else `no`.

    Parameters
    ----------
    build : Builder
        Where the gates go.
    condition : Bit
        1 for `yes`.
    yes, no : Frames
        As many as each other.
    """
    return Frames(
        build.select(condition, yes.valid, no.valid),
        [build.select(condition, a, b) for a, b in zip(yes.positions, no.positions, strict=True)],
        build.select(condition, yes.interrupts, no.interrupts),
        build.select(condition, yes.zeros, no.zeros),
    )
