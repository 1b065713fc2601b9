"""HWCR and the IGNNE MSR behind RDMSR and WRMSR (APM2 15.30, PPR MSRC001_0015)."""

from typing import NamedTuple

from . import hwcr
from .registers import IGNNE_BIT, Generation, Hwcr, HwcrLayout, Msr, Parameters, ReservedBits


class MsrRequest(NamedTuple):
    """One RDMSR or WRMSR."""

    address: int
    """32 bits, as in ECX."""
    write: bool = False
    data: int = 0
    """64 bits, as in EDX:EAX; ignored on a read."""
    cpl: int = 0
    """Current privilege level, 0-3."""


class MsrResponse(NamedTuple):
    """The answer, one cycle after the request was accepted."""

    fault: bool = False
    """#GP(0): nothing was read or written."""
    data: int = 0
    """What a read gives, 64 bits; 0 for a write and for a fault."""


def violation(request: MsrRequest, parameters: Parameters) -> str | None:
    """The rule that `request` breaks, in words, or None if it is legal.

    Parameters
    ----------
    request : MsrRequest
        RDMSR or WRMSR.
    parameters : Parameters
        Of the processor.
    """
    if request.cpl != 0:
        return f"{'WRMSR' if request.write else 'RDMSR'} needs CPL 0, not {request.cpl}"
    if request.address not in list(Msr):
        return "there is no such MSR"
    if parameters.generation is not Generation.AMD64:
        return f"{Msr(request.address).name} does not exist on {parameters.generation.value}"
    if not request.write:
        return None
    if request.address == Msr.HWCR:
        return hwcr.refusal(parameters.hwcr, parameters.reserved_bits, request.data)
    if parameters.reserved_bits is ReservedBits.MANUAL and request.data & ~IGNNE_BIT:
        return "IGNNE bits 63:1 must be zero"
    if request.data & 0xFFFF_FFFE:
        return "IGNNE bits 31:1 must be zero"
    return None


class MsrFile:
    """The two registers and the response that waits to be taken.

    Attributes
    ----------
    hwcr: HWCR, all of it; the reset value is the layout's.
    in_effect: IgnneEm and AllowFerrOnNe as they act. Family 0Fh, without AllowFerrOnNe, acts as if it were 1.
    ignne: bit 0 of the IGNNE MSR, reset value 0. INIT changes neither (**choice**: manuals are silent).
    response: the answer on the response port, or None.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.reset()

    def reset(self) -> None:
        """RESET: the layout's own HWCR, IGNNE 0."""
        there = self.parameters.generation is Generation.AMD64
        self._set_hwcr(hwcr.RESET_VALUES[self.parameters.hwcr] if there else 0)
        self.ignne = False
        self.response: MsrResponse | None = None

    def ready(self, response_ready: bool) -> bool:
        """A request is accepted when the response to the one before it is gone, or goes now."""
        return self.response is None or response_ready

    def clock(self, request: MsrRequest | None, response_ready: bool, emulated: bool | None = None) -> None:
        """The rising edge. A faulting access changes nothing.

        Parameters
        ----------
        emulated: what port emulation makes of the IGNNE bit, or None; a WRMSR in the same cycle wins
            (**choice**), and an RDMSR gives the bit as it was.
        """
        before = self.ignne
        if emulated is not None:
            self.ignne = emulated
        if not self.ready(response_ready):
            return
        self.response = None
        if request is None:
            return
        if violation(request, self.parameters):
            self.response = MsrResponse(fault=True)
        elif request.write:
            self._write(request)
            self.response = MsrResponse()
        else:
            self.response = MsrResponse(data=self._read(request.address, before))

    def _write(self, request: MsrRequest) -> None:
        if request.address == Msr.HWCR:
            self._set_hwcr(hwcr.written(self.parameters.hwcr, self.hwcr, request.data))
        else:
            self.ignne = bool(request.data & IGNNE_BIT)

    def _set_hwcr(self, value: int) -> None:
        self.hwcr = Hwcr(value)
        self.in_effect = self.hwcr & (Hwcr.IGNNE_EM | Hwcr.ALLOW_FERR_ON_NE)
        if self.parameters.generation is Generation.AMD64 and self.parameters.hwcr is HwcrLayout.K8:
            self.in_effect |= Hwcr.ALLOW_FERR_ON_NE

    def _read(self, address: int, ignne: bool) -> int:
        # IGNNE reads the stored bit, also while IgnneEm = 0 (**choice**: "current value of IGNNE" in
        # APM2 15.30.2 could be read as the pin).
        return int(self.hwcr) if address == Msr.HWCR else int(ignne)
