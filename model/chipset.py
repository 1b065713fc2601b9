"""The PC/AT's side: the two flip-flops behind port F0h (SDM1 D.2.1.2, figure D-1); F8h on a PC-98."""

from typing import NamedTuple

from .registers import Parameters


class IoAccess(NamedTuple):
    """One IN or OUT of a byte."""

    address: int
    """16 bits."""
    write: bool = False
    data: int = 0
    """8 bits; ignored on a read."""


FLOATING = 0xFF
"""What a read gives where nothing answers. F0h reads FFh too, without effect (**choice**: as PIIX does;
SDM1 D.2.1.2 says "access", its drawing does not tell a read from a write)."""


class ChipsetInputs(NamedTuple):
    """What goes into the chipset in one cycle."""

    reset: bool = False
    ferr_n: bool = True
    """The FERR# pin, active low."""
    io: IoAccess | None = None
    ferr_enable: bool | None = None
    """A write to the enable bit (on a PIIX, XBCS bit 5), or None."""


class ChipsetOutputs(NamedTuple):
    """What the chipset shows in the same cycle."""

    irq13: bool
    """FP_IRQ, to IR5 of the slave 8259A; active high."""
    ignne_n: bool
    """The IGNNE# pin of the processor, active low."""
    ferr_enable: bool


class Chipset:
    """FF1 drives IRQ 13, FF2 drives IGNNE#.

    Attributes
    ----------
    ff1: set by the falling edge of FERR#, cleared by a write to port F0h, whether or not FERR# is still low.
    ff2: set by a write to port F0h while FERR# is low; held clear while FERR# is high.
    enabled: while False, both are held clear. Setting it while FERR# is low counts as an edge (**choice**).
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.ff1 = False
        self.ff2 = False
        self.enabled = parameters.enabled_at_reset
        # What the edge detector saw a cycle ago. RESET does not touch it: it makes no edge of its own.
        self.seen = False

    def step(self, inputs: ChipsetInputs) -> ChipsetOutputs:
        """One cycle: the settled outputs, then the rising edge."""
        outputs = self.settle(inputs)
        self.clock(inputs)
        return outputs

    def settle(self, inputs: ChipsetInputs) -> ChipsetOutputs:
        """The outputs of this cycle for these inputs; changes nothing.

        FF2's asynchronous clear acts at once, so IGNNE# goes inactive with FERR#.
        """
        return ChipsetOutputs(
            irq13=self.ff1,
            ignne_n=not self.ff2 or inputs.ferr_n,
            ferr_enable=self.enabled,
        )

    def clock(self, inputs: ChipsetInputs) -> None:
        """The rising edge. An edge of FERR# beats a write to F0h: no error is lost (**choice**)."""
        f0_write = inputs.io is not None and inputs.io.write and inputs.io.address == self.parameters.fpu_port
        sees = self.enabled and not inputs.ferr_n
        if f0_write:
            self.ff1 = False
            self.ff2 = True
        if sees and not self.seen:
            self.ff1 = True
        if inputs.ferr_n:
            self.ff2 = False
        self.seen = sees
        if inputs.ferr_enable is not None:
            self.enabled = inputs.ferr_enable
        if inputs.reset:
            self.enabled = self.parameters.enabled_at_reset
        if inputs.reset or not self.enabled:
            self.ff1 = self.ff2 = False
