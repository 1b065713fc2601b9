"""What a step of a program does: one small type for each kind."""

from typing import NamedTuple

from ...model.chipset import IoAccess
from ...model.msr import MsrRequest
from ...model.registers import Cr0, Operation
from ...model.x87 import NON_WAITING, OperationRequest


class X87Step(NamedTuple):
    """An x87 or MMX instruction, as one or two operations."""

    operations: tuple[OperationRequest, ...]

    @property
    def waits(self) -> bool:
        """It checks for a pending exception, so it can freeze or raise #MF."""
        return self.operations[0].code not in NON_WAITING | {Operation.UNDEFINED}


class Nop(NamedTuple):
    """Nothing, for some cycles."""

    cycles: int


class Io(NamedTuple):
    """IN or OUT of a byte."""

    access: IoAccess


class MsrAccess(NamedTuple):
    """RDMSR or WRMSR."""

    request: MsrRequest


class MovCr0(NamedTuple):
    """A write of one bit of CR0, in effect in the next cycle."""

    bit: Cr0
    value: bool


class MovEt(NamedTuple):
    """A write of CR0.ET: it stays 0 on an 80386 until software sets it, and is 1 from the 486 on."""

    value: bool


class MovFerrEnable(NamedTuple):
    """A write of the chipset's enable bit."""

    value: bool


class Wait(NamedTuple):
    """Until a signal has a level."""

    signal: str
    level: bool


class Reset(NamedTuple):
    """RESET (one cycle), or INIT, which leaves x87 state and MSRs alone."""

    init: bool


class Bios(NamedTuple):
    """The initialisation of the 8259As."""

    words: tuple[tuple[int, int], ...] | None = None
    """Port and byte of each OUT; by default what the 8259As of the machine need."""


class Flag(NamedTuple):
    """STI or CLI."""

    value: bool


class Popf(NamedTuple):
    """POPF as far as it loads IF; it has no shadow (SDM2 POPF)."""

    value: bool


class MovSs(NamedTuple):
    """MOV SS: holds interrupts off until after the next instruction."""


class Halt(NamedTuple):
    """HLT."""


class Int(NamedTuple):
    """INT n."""

    vector: int


class Iret(NamedTuple):
    """IRET."""


class Inject(NamedTuple):
    """Event injection: the guest takes this interrupt at the next VMRUN."""

    vector: int


class Virq(NamedTuple):
    """V_IRQ and V_INTR_VECTOR of the VMCB: the guest takes it once its IF is 1 (APM2 15.21.4)."""

    vector: int | None
    """None takes it back."""


class Vmrun(NamedTuple):
    """VMRUN: the hypervisor resumes its guest."""


class Gif(NamedTuple):
    """STGI or CLGI: the global interrupt flag."""

    value: bool


class Jump(NamedTuple):
    """JMP, JZ or JNZ to a label."""

    label: str
    zero: bool | None = None
    """The ZF with which it is taken; None for JMP."""


class Loop(NamedTuple):
    """LOOP: back to a label."""

    label: str
    rounds: int | None = None
    """How often the steps from the label on run before it falls through; None: CX counts down."""


class Test(NamedTuple):
    """TEST: ZF := no bit of the mask is set."""

    operand: str
    mask: int


class Compare(NamedTuple):
    """CMP: ZF := equal."""

    operand: str
    value: int


class Assign(NamedTuple):
    """MOV of a number to CX or to a byte in memory."""

    operand: str
    value: int


class Count(NamedTuple):
    """INC or DEC; ZF := the result is 0."""

    operand: str
    up: bool


class Reflect(NamedTuple):
    """The monitor of a virtual-8086 task hands an interrupt to the task's own handler, at its IRET."""

    vector: int


class Exit(NamedTuple):
    """The program ends, out of a handler too, as by INT 21h function 4Ch."""


class Rsm(NamedTuple):
    """RSM: the end of SMM; #UD outside (SDM3 34.3.2)."""


Action = (
    X87Step
    | Nop
    | Io
    | MsrAccess
    | MovCr0
    | MovEt
    | MovFerrEnable
    | Wait
    | Reset
    | Bios
    | Flag
    | Popf
    | MovSs
    | Halt
    | Int
    | Iret
    | Inject
    | Virq
    | Vmrun
    | Gif
    | Jump
    | Loop
    | Test
    | Compare
    | Assign
    | Count
    | Exit
    | Reflect
    | Rsm
)
