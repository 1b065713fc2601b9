"""The latch of the PC/AT between the coprocessor's ERROR and the processor's BUSY [B2, B3].

A flip-flop that the rising edge of ERROR sets. While it is set the processor sees BUSY, so that it sends the
coprocessor nothing more before the interrupt is served; a write of port F0h clears it.
"""

from typing import NamedTuple


class AtLatchInputs(NamedTuple):
    """What goes into the latch in one cycle."""

    error: bool
    clear: bool = False
    """RESET, a write of the port that clears it, or of port F1h if that does."""
    npx_reset: bool = False
    """The coprocessor is reset: what its ERROR does then is no edge [C7, C9]."""


class AtLatch:
    """The latch.

    Attributes
    ----------
    latch: L of the latch; set by the rising edge of ERROR. A clear that meets the edge wins.
    seen: ERROR as it was a cycle ago; 1 after a reset of the coprocessor, so that an 80387's ERROR of that
        time sets nothing.
    """

    def __init__(self) -> None:
        self.latch = False
        self.seen = True

    def clock(self, inputs: AtLatchInputs) -> None:
        """The rising edge."""
        if inputs.error and not self.seen:
            self.latch = True
        if inputs.clear:
            self.latch = False
        self.seen = inputs.error or inputs.npx_reset
