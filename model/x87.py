"""The x87 error state: flags, masks, ES, and what each operation does to them (SDM1 8.1.3, 8.3.11-12).

C0-C3 and TOP are no part of the error logic, nor are the rounding and precision controls.
"""

from typing import NamedTuple

from .registers import (
    CONTROL_FNINIT,
    CONTROL_RESET,
    MASKABLE,
    STATUS_B,
    STATUS_ES,
    Cr0,
    ExceptionFlag,
    Family,
    Generation,
    Operation,
    Parameters,
)

NON_WAITING = frozenset(
    {
        # SDM1 8.3.12; FNENI, FNDISI and FNSETPM do nothing from the 387 on (SDM1 8.3.13).
        Operation.FNSTSW,
        Operation.FNSTCW,
        Operation.FNSTENV,
        Operation.FNSAVE,
        Operation.FNINIT,
        Operation.FNCLEX,
        Operation.FNENI,
        Operation.FNDISI,
        Operation.FNSETPM,
        # SDM2: the state-management instructions neither check nor flush pending errors.
        Operation.FXSAVE,
        Operation.XSAVE,
        Operation.FXRSTOR,
        Operation.XRSTOR,
    }
)
"""Operations that execute without a check for a pending exception."""
LOADS_IMAGE = (Operation.FLDENV, Operation.FRSTOR, Operation.FXRSTOR, Operation.XRSTOR)
"""They load flags and masks from memory."""


class OperationRequest(NamedTuple):
    """One instruction at the point where the processor asks whether it may execute."""

    code: Operation
    family: Family = Family.BASIC
    """Row of the I486 table; read for ARITHMETIC only."""
    raises: ExceptionFlag = ExceptionFlag(0)
    """Flags that an ARITHMETIC operation detects."""
    control: int = CONTROL_RESET
    """16-bit control word operand or image of FLDCW, FLDENV, FRSTOR, FXRSTOR, XRSTOR."""
    status: int = 0
    """16-bit status word image of FLDENV, FRSTOR, FXRSTOR, XRSTOR; its ES and B are ignored."""

    @property
    def detected(self) -> ExceptionFlag:
        """The flags that it sets: a stack fault is an invalid operation too (SDM1 8.1.3.4)."""
        stack_fault = ExceptionFlag.SF in self.raises
        return self.raises | ExceptionFlag.IE if stack_fault else self.raises


class ErrorState(NamedTuple):
    """Flags and masks. The defaults are the state after RESET (SDM3 table 9-1); INIT leaves them alone."""

    flags: ExceptionFlag = ExceptionFlag(0)
    """Status word bits 6:0, sticky."""
    masks: ExceptionFlag = ExceptionFlag(CONTROL_RESET & MASKABLE)
    """Control word bits 5:0."""

    @property
    def pending(self) -> ExceptionFlag:
        """Flags that are set and not masked."""
        return self.flags & ~self.masks & MASKABLE

    @property
    def es(self) -> bool:
        """ES is 1 exactly when a flag in bits 0-5 is set whose mask is 0 (SDM1 8.1.3.3)."""
        return bool(self.pending)

    @property
    def status_word(self) -> int:
        """Flags, ES and B as they stand in the 16-bit status word."""
        return int(self.flags) | (STATUS_ES | STATUS_B if self.es else 0)


def execute(state: ErrorState, operation: OperationRequest) -> ErrorState:
    """The error state after `operation` has executed. ES follows by itself.

    Parameters
    ----------
    state : ErrorState
        Flags and masks before.
    operation : OperationRequest
        What executes, with its operand and what it raises.
    """
    match operation.code:
        case Operation.ARITHMETIC:
            return state._replace(flags=state.flags | operation.detected)
        case Operation.FLDCW:
            return state._replace(masks=_masks(operation.control))
        case code if code in LOADS_IMAGE:
            # ES and B of the image are ignored: they are recomputed (measured; APM1 6).
            return ErrorState(ExceptionFlag(operation.status & 0x7F), _masks(operation.control))
        case Operation.FNSTENV:
            return state._replace(masks=ExceptionFlag(MASKABLE))  # SDM2: stores, then masks all
        case Operation.FNSAVE | Operation.FNINIT:
            return ErrorState(ExceptionFlag(0), _masks(CONTROL_FNINIT))
        case Operation.FNCLEX:
            return state._replace(flags=ExceptionFlag(0))  # clears bits 0-7 and 15
        case _:
            return state


def device_not_available(operation: Operation, cr0: Cr0) -> bool:
    """#NM: EM or TS stops every x87 instruction, MP and TS together stop WAIT (SDM3 table 2-2).

    MMX instructions are stopped by TS alone: EM makes them undefined (SDM3 table 12-1). XSAVE and XRSTOR are
    stopped by TS alone too: they ignore EM (SDM2 XSAVE).

    Parameters
    ----------
    operation : Operation
        What is presented.
    cr0 : Cr0
        EM, TS and MP count.
    """
    match operation:
        case Operation.FWAIT:
            return Cr0.MP in cr0 and Cr0.TS in cr0
        case Operation.MMX:
            return Cr0.TS in cr0 and Cr0.EM not in cr0
        case Operation.XSAVE | Operation.XRSTOR:
            return Cr0.TS in cr0
        case _:
            return Cr0.EM in cr0 or Cr0.TS in cr0


def missing(operation: Operation, parameters: Parameters) -> bool:
    """#UD before EM and TS are looked at: an opcode of the 0F page that the generation does not have.

    MMX came with the Pentium MMX, FXSAVE and FXRSTOR with the Pentium II, XSAVE and XRSTOR after the P6
    generation (SDM2).

    Parameters
    ----------
    operation : Operation
        What is presented.
    parameters : Parameters
        The generation, `mmx` and `sse3` count.
    """
    match operation:
        case Operation.MMX:
            return parameters.generation is Generation.I486 and not parameters.mmx
        case Operation.FXSAVE | Operation.FXRSTOR:
            return parameters.generation is Generation.I486
        case Operation.XSAVE | Operation.XRSTOR:
            return parameters.generation is not Generation.AMD64
        case _:
            return False


def undefined(operation: Operation, cr0: Cr0) -> bool:
    """#UD: an undefined x87 opcode (SDM3 22.18.6.6), or MMX while EM is set (SDM3 table 12-1).

    Parameters
    ----------
    operation : Operation
        What is presented.
    cr0 : Cr0
        EM counts.
    """
    return operation == Operation.UNDEFINED or (operation == Operation.MMX and Cr0.EM in cr0)


def _masks(control: int) -> ExceptionFlag:
    return ExceptionFlag(control & MASKABLE)
