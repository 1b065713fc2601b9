"""RDMSR and WRMSR as requests of the MSR port, checked."""

from ...model.msr import MsrRequest
from .operands import msr, unsigned


def read_request(address: int | str, cpl: int = 0) -> MsrRequest:
    """A checked RDMSR.

    Parameters
    ----------
    address : int or str
        32 bits, or a name of `Msr`.
    cpl : int
        0 to 3.

    Raises
    ------
    ValueError
        If the address is not 32 bits or no known name, or CPL is not 0..3.
    """
    return MsrRequest(msr(address), cpl=unsigned(cpl, 2))


def write_request(address: int | str, value: int, cpl: int = 0) -> MsrRequest:
    """A checked WRMSR; raises as `read_request`, and if the value is not 0..2^64-1.

    Parameters
    ----------
    address : int or str
        32 bits, or a name of `Msr`.
    value : int
        64 bits.
    cpl : int
        0 to 3.
    """
    return MsrRequest(msr(address), write=True, data=unsigned(value, 64), cpl=unsigned(cpl, 2))
