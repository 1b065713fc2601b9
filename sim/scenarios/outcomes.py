"""What can happen to a step, and what cannot be expected of it."""

from ...model.registers import MASKABLE, STATUS_B, STATUS_ES, VMEXIT_INTR, VMEXIT_NMI, VMEXIT_VINTR, Operation
from ..cpu.actions import Gif, Io, MsrAccess, Rsm, Vmrun, X87Step
from ..cpu.instructions import not_everywhere
from ..cpu.steps import Step
from ..cpu.stores import CONTROL_BIT_7, CONTROL_KEPT, CONTROL_ONES, STORES
from ..support.errors import InputError


def check_possible(step: Step, kind: str, value: int | None) -> None:
    """Refuse what can never happen to a step. Raises ValueError, which says what can.

    Parameters
    ----------
    step : Step
        Of the program or a handler.
    kind : str
        Of `CpuEvent`: 'executes', 'reads', '#MF'.
    value : int or None
        What is read, or the exit code; None where nothing is said of it.
    """
    possible = _outcomes(step)
    if kind == "exits" and value in (VMEXIT_INTR, VMEXIT_NMI, VMEXIT_VINTR):
        return  # They come before any instruction.
    if kind == "reads" and isinstance(step.action, X87Step) and kind in possible:
        _stored(step, value or 0)
    if kind not in possible:
        does = kind if kind in ("executes", "freezes", "reads", "exits") else f"raises {kind}"
        raise InputError(f"'{step.text}' never {does}; it can be: {', '.join(sorted(possible))}")


def _stored(step: Step, value: int) -> None:
    """Refuse a word that FNSTSW or FNSTCW never stores."""
    assert isinstance(step.action, X87Step)
    if step.action.operations[-1].code is Operation.FNSTCW:
        # Bit 7 is one before the 80387: `check_machines` has the machine.
        if value & ~(CONTROL_KEPT | CONTROL_ONES | CONTROL_BIT_7 | MASKABLE) or not value & CONTROL_ONES:
            raise InputError(f"no control word {value:#x}: bit 6 reads as 1, bits 7 and 15:13 as 0")
        return
    summary = STATUS_ES | STATUS_B
    if value & ~(0x7F | summary) or value & summary not in (0, summary):
        raise InputError(
            f"no status word {value:#x}: bits 0 to 7 and 15 are modelled, and B (bit 15) equals ES (bit 7)"
        )


def reads_bit_7(step: Step | None, value: int | None) -> bool:
    """A control word with bit 7 set is to be read, which only an 8087 and an 80287 have.

    Parameters
    ----------
    step : Step or None
        The one that reads; None if the expectation names none.
    value : int or None
        16 bits; None if the expectation names none.
    """
    action = step.action if step else None
    reads = isinstance(action, X87Step) and action.operations[-1].code is Operation.FNSTCW
    return reads and bool((value or 0) & CONTROL_BIT_7)


def _outcomes(step: Step) -> set[str]:
    """What can happen to a step, as kinds of `Event`."""
    match step.action:
        case X87Step(operations) as action:
            codes = [one.code for one in operations]
            if Operation.UNDEFINED in codes:
                return {"#NM", "#UD"}
            possible = {"executes", "#NM"} | ({"reads"} if codes[-1] in STORES else set())
            if action.waits:
                possible |= {"#MF", "freezes", "exits"}
            return possible | {"#UD"} if not_everywhere(step.verb, codes[-1]) else possible
        case MsrAccess(request):
            return {"#GP", "executes" if request.write else "reads"}
        case Io(access):
            return {"executes", "exits", "#GP"} if access.write else {"reads"}
        case Vmrun() | Gif():
            return {"executes", "exits", "#UD"}
    return {"executes", "#UD"} if isinstance(step.action, Rsm) else {"executes"}
