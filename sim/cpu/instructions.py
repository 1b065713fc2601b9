"""Mnemonics and what they are to the error logic: operation, family, whether an FWAIT goes before."""

from typing import NamedTuple

from ...model.registers import Family, Generation, Operation, Parameters
from ...model.x87 import OperationRequest
from ..support.errors import InputError
from ..support.suggest import nearest


class Mnemonic(NamedTuple):
    """An x87 or MMX instruction as the operation port sees it."""

    code: Operation
    family: Family = Family.BASIC
    waits_first: bool = False
    """A form without N: FWAIT, then the N form, as two instructions (SDM2 FCLEX, FINIT, ...)."""


_BASIC = """
    fabs fadd faddp fbld fchs fcmovb fcmovbe fcmove fcmovnb fcmovnbe fcmovne fcmovnu fcmovu fcom fcomi
    fcomip fcomp fcompp fdecstp fdiv fdivp fdivr fdivrp ffree ffreep fiadd ficom ficomp fidiv fidivr fild
    fimul fincstp fisub fisubr fld fld1 fldl2e fldl2t fldlg2 fldln2 fldpi fldz fmul fmulp fnop fsqrt fsub
    fsubp fsubr fsubrp ftst fucom fucomi fucomip fucomp fucompp fxam fxch
"""
_TRANSCENDENTAL = """
    f2xm1 fcos fpatan fprem fprem1 fptan frndint fscale fsin fsincos fxtract fyl2x fyl2xp1
"""
_STORE = "fbstp fist fistp fisttp fst fstp"
_MMX = """
    cvtpd2pi cvtpi2pd cvtpi2ps cvtps2pi cvttpd2pi cvttps2pi emms movd movdq2q movntq movq movq2dq pabsb
    paddb paddd paddw pand pextrw pmovmskb por psubb psubd psubw pxor
"""

INSTRUCTIONS = {
    **{name: Mnemonic(Operation.ARITHMETIC, Family.BASIC) for name in _BASIC.split()},
    # FRNDINT is not named in SDM1 D.2.1.1; it stands with "and the like".
    **{name: Mnemonic(Operation.ARITHMETIC, Family.TRANSCENDENTAL) for name in _TRANSCENDENTAL.split()},
    **{name: Mnemonic(Operation.ARITHMETIC, Family.STORE) for name in _STORE.split()},
    **{name: Mnemonic(Operation.MMX) for name in _MMX.split()},
    "wait": Mnemonic(Operation.FWAIT),
    **{
        code.name.lower(): Mnemonic(code)
        for code in Operation
        if code not in (Operation.ARITHMETIC, Operation.MMX, Operation.UNDEFINED)
    },
    "fxsave64": Mnemonic(Operation.FXSAVE),
    "fxrstor64": Mnemonic(Operation.FXRSTOR),
    # Undefined on every processor with an integrated FPU; it stands for all undefined x87 opcodes.
    "fundefined": Mnemonic(Operation.UNDEFINED),
    **{
        form: Mnemonic(Operation[f"FN{form[1:].upper()}"], waits_first=True)
        for form in ("finit", "fclex", "fstsw", "fstcw", "fstenv", "fsave")
    },
}
"""Every mnemonic that the simulator knows, in lower case."""


_LATER = {
    # SDM2: FCMOVcc, FCOMI and FUCOMI from the Pentium Pro, FISTTP with SSE3.
    **{
        name: (Generation.P6, Generation.AMD64)
        for name in INSTRUCTIONS
        if name.startswith("fcmov") or name in ("fcomi", "fcomip", "fucomi", "fucomip")
    },
    "fisttp": (Generation.AMD64,),
}


def presented(mnemonic: str, operation: OperationRequest, parameters: Parameters) -> OperationRequest:
    """What the decoder of a processor makes of an instruction: an ESC opcode that it lacks is undefined.

    Parameters
    ----------
    mnemonic : str
        In any case.
    operation : OperationRequest
        The instruction, where the processor has it.
    parameters : Parameters
        Which generation it is, and whether it has SSE3.
    """
    name = mnemonic.lower()
    known = _LATER.get(name, (parameters.generation,))
    if name == "fisttp" and parameters.sse3:
        known = (Generation.P6, *known)
    return operation if parameters.generation in known else OperationRequest(Operation.UNDEFINED)


def not_everywhere(mnemonic: str, code: Operation) -> bool:
    """Some generation lacks it, or CR0.EM makes it undefined.

    Parameters
    ----------
    mnemonic : str
        In lower case.
    code : Operation
        What it is.
    """
    later = (Operation.MMX, Operation.FXSAVE, Operation.FXRSTOR, Operation.XSAVE, Operation.XRSTOR)
    return mnemonic in _LATER or code in later


def lookup(mnemonic: str) -> Mnemonic:
    """The instruction of this name, in any case.

    Raises
    ------
    ValueError
        If there is none; the message has the nearest names.
    """
    try:
        return INSTRUCTIONS[mnemonic.lower()]
    except KeyError:
        raise InputError(f"unknown instruction {mnemonic!r}{nearest(mnemonic, INSTRUCTIONS)}") from None
