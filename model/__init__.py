"""The reference model: what the manuals say, in plain Python, one cycle a step.

Sources are cited by short name throughout: SDM1, SDM2, SDM3 = Intel SDM volumes 1 to 3; APM1, APM2 =
AMD64 APM volumes 1 and 2; PPR = AMD processor programming references, register MSRC001_0015.
A decision that the manuals leave open is marked **choice**, with its reason.
"""

from .pc import Pc, PcInputs, PcOutputs
from .registers import (
    Cr0,
    ExceptionFlag,
    Family,
    Generation,
    Hwcr,
    HwcrLayout,
    Msr,
    Operation,
    Parameters,
    ReservedBits,
    SouthBridge,
)

__all__ = [
    "Cr0",
    "ExceptionFlag",
    "Family",
    "Generation",
    "Hwcr",
    "HwcrLayout",
    "Msr",
    "Operation",
    "Parameters",
    "Pc",
    "PcInputs",
    "PcOutputs",
    "ReservedBits",
    "SouthBridge",
]
