"""The NMI logic of the PC and PC/XT: three sources, and a mask register at port A0h [A9, A13]."""

from ..chipset import IoAccess
from .registers import NMI_ENABLE, PORT_A0


class XtNmi:
    """Between the sources and the NMI pin of the 8088, which takes a rising edge.

    Attributes
    ----------
    enable: bit 7 of port A0h; 0 after RESET. Only port A0h itself is decoded (**choice**: IBM's decoder takes
        more addresses for it, which no program relies on).
    """

    def __init__(self, installed: bool) -> None:
        self.installed = installed
        self.enable = False

    def nmi(self, int_: bool, parity: bool, iochk: bool) -> bool:
        """The NMI pin in this cycle. Enabling with a source active makes an edge [A15].

        Parameters
        ----------
        int_ : bool
            INT of the 8087.
        parity : bool
            A parity error of the memory.
        iochk : bool
            I/O channel check.
        """
        return self.enable and ((int_ and self.installed) or parity or iochk)

    def clock(self, io: IoAccess | None, reset: bool) -> None:
        """The rising edge.

        Parameters
        ----------
        io : IoAccess or None
            The access of this cycle.
        reset : bool
            RESET.
        """
        if io is not None and io.write and io.address == PORT_A0:
            self.enable = bool(io.data & NMI_ENABLE)
        if reset:
            self.enable = False
