"""What the processor beside a coprocessor does with the pins BUSY (TEST on the 8088) and ERROR.

An instruction that is held neither executes nor faults; it is presented again, and an interrupt may come
first.
"""

from ..registers import Cr0, Operation
from ..reporting import Decision
from .npx import NpxOutputs
from .registers import HostCpu, OlderParameters, PassesBusy

_ALWAYS_8087 = frozenset(
    {
        # Executed by the control unit, which the numeric unit does not hold up [A6].
        Operation.FNSTSW,
        Operation.FNSTCW,
        Operation.FNINIT,
        Operation.FNCLEX,
        Operation.FNENI,
        Operation.FNDISI,
        Operation.FNSETPM,
    }
)
_WHEN_FREE_8087 = frozenset(
    # They do not wait for INT, or masking could not end it [R5], but for the instruction before (**choice**).
    {Operation.FLDCW, Operation.FLDENV, Operation.FRSTOR, Operation.FNSTENV, Operation.FNSAVE}
)
_IGNORES_ERROR = _ALWAYS_8087 | {Operation.FNSTENV, Operation.FNSAVE}
"""What is sent without a look at ERROR: the N forms [B11, C5]."""
_PASSES = {
    PassesBusy.I80286: _ALWAYS_8087,
    PassesBusy.I80386: frozenset({Operation.FNINIT, Operation.FNCLEX}),
}


def decide(
    operation: Operation, cr0: Cr0, busy: bool, npx: NpxOutputs, parameters: OlderParameters
) -> Decision:
    """What becomes of an instruction that is presented.

    Parameters
    ----------
    busy: BUSY as the processor sees it.
    """
    if parameters.cpu is HostCpu.I8086:
        return Decision.FREEZE if _held_by_8087(operation, busy, npx.busy) else Decision.READY
    if _not_available(operation, cr0):
        return Decision.NM
    assert parameters.passes_busy is not None
    if operation in _PASSES[parameters.passes_busy]:
        return Decision.READY
    if busy:
        return Decision.FREEZE
    # ERROR is looked at once BUSY has ended [C3]; on an AT it is tied off [B1].
    if parameters.native and npx.error and operation not in _IGNORES_ERROR:
        return Decision.MF
    return Decision.READY


def _not_available(operation: Operation, cr0: Cr0) -> bool:
    """#NM, as on later processors: an ESC with EM or TS set, WAIT with MP and TS both [B16]."""
    if operation is Operation.FWAIT:
        return Cr0.MP in cr0 and Cr0.TS in cr0
    return Cr0.EM in cr0 or Cr0.TS in cr0


def _held_by_8087(operation: Operation, busy: bool, executes: bool) -> bool:
    """WAIT waits; a numeric ESC starts when the chip is free (**choice**: the 8088 itself does not wait)."""
    if operation in _ALWAYS_8087:
        return False
    return executes if operation in _WHEN_FREE_8087 else busy
