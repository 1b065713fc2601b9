"""An x87 or MMX instruction with its operands, from text."""

from ...model.registers import CONTROL_RESET, ExceptionFlag, Operation
from ...model.x87 import OperationRequest
from ..support.errors import InputError
from . import operands
from .actions import X87Step
from .instructions import lookup

_LOADS = ("fldenv", "frstor", "fxrstor", "fxrstor64", "xrstor")


def x87(mnemonic: str, keywords: dict[str, str]) -> X87Step:
    """An x87 or MMX instruction with its operands, as text.

    Parameters
    ----------
    mnemonic : str
        In any case; forms that wait first are FWAIT and the instruction.
    keywords : dict of str to str
        Of 'raises', 'masks', 'control', 'flags' and 'status' those that it takes.

    Raises
    ------
    ValueError
        For an unknown instruction, or an operand that it does not have.
    """
    instruction = lookup(mnemonic)
    allowed = {"fldcw": ("masks", "control")}.get(mnemonic.lower(), ())
    if instruction.code is Operation.ARITHMETIC:
        allowed = ("raises",)
    elif mnemonic.lower() in _LOADS:
        allowed = ("masks", "control", "flags", "status")
    for key in keywords:
        if key not in allowed:
            takes = " or ".join(f"{name}=..." for name in allowed) or "no operands"
            raise InputError(f"{mnemonic} takes {takes}, not {key}=...")
    required = {"masks", "control"} if "masks" in allowed else set()
    if required and not required & set(keywords):
        raise InputError(f"{mnemonic} needs masks=... or control=...")
    raises = operands.flags(keywords.get("raises", "none"), allowed=ExceptionFlag(0x7F))
    if raises & ExceptionFlag.SF and not raises & ExceptionFlag.IE:
        raise InputError("SF is set only together with IE (SDM1 8.1.3.4): raises=IE,SF")
    request = OperationRequest(
        instruction.code,
        instruction.family,
        raises,
        _control(keywords),
        _status(keywords),
    )
    if instruction.waits_first:
        return X87Step((OperationRequest(Operation.FWAIT), request))
    return X87Step((request,))


def _control(keywords: dict[str, str]) -> int:
    if {"masks", "control"} <= set(keywords):
        raise InputError("masks=... and control=... say the same thing: give one")
    if "masks" in keywords:
        return operands.masks(keywords["masks"])
    return operands.number(keywords.get("control", str(CONTROL_RESET)), bits=16)


def _status(keywords: dict[str, str]) -> int:
    if {"flags", "status"} <= set(keywords):
        raise InputError("flags=... and status=... say the same thing: give one")
    if "flags" in keywords:
        return int(operands.flags(keywords["flags"], allowed=ExceptionFlag(0x7F)))
    return operands.number(keywords.get("status", "0"), bits=16)


def keywords_of(words: list[str]) -> dict[str, str]:
    """Operands of the form key=value."""
    result: dict[str, str] = {}
    for word in words:
        key, found, value = word.partition("=")
        if not found or not value:
            raise InputError(f"expected key=value, such as raises=ZE, not {word!r}")
        if key.lower() in result:
            raise InputError(f"{key}=... is given twice")
        result[key.lower()] = value
    return result
