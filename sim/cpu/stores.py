"""What a program stores and can look at: status word, control word, FIP, an MSR, bytes of memory, and ZF."""

from typing import NamedTuple

from ...model.pc import PcOutputs
from ...model.registers import CONTROL_FNINIT, CONTROL_RESET, STATUS_B, STATUS_ES, Operation
from ...model.x87 import OperationRequest
from .actions import Action, Assign, Compare, Count, Loop, Test
from .branches import width_of
from .steps import Step

CONTROL_KEPT = 0x1F00
"""Control word bits beside the masks that FLDCW keeps: infinity, rounding and precision control."""
CONTROL_ONES = 0x0040
"""Control word bit 6 reads as 1, bits 7 and 15:13 as 0, whatever was loaded (**choice**: SDM1 8.1.5 has them
reserved, and after RESET the word is 0040h)."""
CONTROL_BIT_7 = 0x0080
"""Control word bit 7: M of the 8087, and on an 80287 one that FINIT sets, without a meaning [A18, B14]."""


class ControlWord(NamedTuple):
    """The control word beside its masks, which are a matter of the chip."""

    reset: int = CONTROL_RESET
    initial: int = CONTROL_FNINIT
    """After FNINIT and FNSAVE."""
    kept: int = CONTROL_KEPT
    """Bits that FLDCW keeps; CONTROL_ONES reads as 1 whatever was loaded, all others as 0."""
    enables: bool = False
    """FNENI and FNDISI clear and set bit 7: true on the 8087 alone."""

    def of(self, word: int) -> int:
        """What is kept of a word."""
        return word & self.kept | CONTROL_ONES


LOADS = (
    Operation.FLDCW,
    Operation.FLDENV,
    Operation.FRSTOR,
    Operation.FXRSTOR,
    Operation.XRSTOR,
)
"""What loads a control word from its operand; all but FLDCW load FIP too."""
STORES = (Operation.FNSTSW, Operation.FNSTCW, Operation.FNSTENV, Operation.FNSAVE)
"""What stores a word that a program can read back."""


class Pointer(NamedTuple):
    """FIP: the last x87 instruction that was no control instruction (SDM1 8.1.8)."""

    step: Step
    offset: int = 0
    """Bytes behind the first one, where its prefixes are not included."""


class Stores:
    """What is in memory and in the registers that programs test.

    Parameters
    ----------
    after_prefixes, control_word
        As the attributes; by default those of a 486 and later.

    Attributes
    ----------
    values: by operand, as in `branches`; what is not there is 0. RESET leaves them alone.
    memory: the same for bytes of memory, which two processors share.
    zero: ZF.
    fip: None after RESET, FNINIT and FNSAVE, and after an image was loaded, whose FIP nobody knows.
    after_prefixes: FIP leaves prefixes out: true on the 8087 alone (80287 PRM, appendix B).
    control_word: what the chip's control word is, beside its masks.
    """

    def __init__(self, after_prefixes: bool = False, control_word: ControlWord | None = None) -> None:
        self.values: dict[str, int] = {}
        self.memory: dict[str, int] = {}
        self.after_prefixes = after_prefixes
        self.control_word = control_word or ControlWord()
        self.zero = False
        self.reset()

    def reset(self) -> None:
        """RESET, not INIT, which keeps the x87 state."""
        self._control = self.control_word.of(self.control_word.reset)
        self.fip: Pointer | None = None

    def execute(self, step: Step, operation: OperationRequest, outputs: PcOutputs) -> int:
        """An operation is accepted in the cycle of these outputs; what it stores, else 0.

        Parameters
        ----------
        step : Step
            The one that the operation is of, which FIP then points to.
        operation : OperationRequest
            What is accepted.
        outputs : PcOutputs
            Of that cycle: flags, masks and ES are what is stored.

        Returns
        -------
        int
            16 bits: the status word, or of FNSTCW the control word.
        """
        code = operation.code
        stored = 0
        if code is Operation.FNSTCW:
            stored = self.values["cw"] = int(outputs.masks) | self._control
        elif code in STORES:
            stored = int(outputs.flags) | (STATUS_ES | STATUS_B if outputs.es else 0)
            if code is Operation.FNSTSW:
                self.values["sw"] = stored
        if code in LOADS:
            self._control = self.control_word.of(operation.control)
        elif code in (Operation.FNINIT, Operation.FNSAVE):
            self._control = self.control_word.of(self.control_word.initial)
        elif code in (Operation.FNENI, Operation.FNDISI) and self.control_word.enables:
            self._control &= ~CONTROL_BIT_7
            self._control |= CONTROL_BIT_7 if code is Operation.FNDISI else 0
        if code is Operation.ARITHMETIC:
            self.fip = Pointer(step, step.prefixes if self.after_prefixes else 0)
        elif code in (*LOADS[1:], Operation.FNINIT, Operation.FNSAVE):
            self.fip = None
        return stored

    def change(self, action: Action) -> None:
        """What TEST, CMP, MOV, INC and DEC do."""
        operand = getattr(action, "operand", "")
        values = self.memory if operand.startswith("[") else self.values
        match action:
            case Test(operand, mask):
                self.zero = not values.get(operand, 0) & mask
            case Compare(operand, value):
                self.zero = values.get(operand, 0) == value
            case Assign(operand, value):
                values[operand] = value
            case Count(operand, up):
                values[operand] = (values.get(operand, 0) + (1 if up else -1)) % (1 << width_of(operand))
                self.zero = values[operand] == 0

    def goes_round(self, loop: Loop, step: Step | None) -> bool:
        """LOOP, a step of the program: whether it jumps.

        Parameters
        ----------
        loop : Loop
            Counts CX down, or to a number of rounds of its own.
        step : Step or None
            The one that it is: loops with a number of rounds count by step.
        """
        if loop.rounds is None:
            values = self.values
            values["cx"] = (values.get("cx", 0) - 1) % (1 << width_of("cx"))
            return values["cx"] != 0
        counter = f"loop {step}"
        done = self.values.get(counter, 0) + 1
        self.values[counter] = done % loop.rounds
        return done < loop.rounds
