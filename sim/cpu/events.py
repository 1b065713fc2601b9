"""What happens to a program: the events that a run is told by."""

from typing import NamedTuple

from ...model.reporting import Decision
from .steps import Step
from .stores import Pointer

NMI_VECTOR = 2
MONITORED = 1
"""The value of a #GP that a monitor takes."""
SMI = 0x100
"""What stands for a vector where the handler of SMI# is meant."""
FAULTS = {Decision.MF: "#MF", Decision.NM: "#NM", Decision.UD: "#UD"}
NAMED_VECTORS = {"nmi": NMI_VECTOR, "ud": 6, "nm": 7, "gp": 13, "mf": 16}
VECTORS = {"#UD": 6, "#NM": 7, "#GP": 13, "#MF": 16}


class CpuEvent(NamedTuple):
    """Something that happened."""

    cycle: int
    step: Step | None
    """The step it happened to; for 'returns' the one that is returned to."""
    kind: str
    """'executes', 'freezes', 'window', 'reads', '#MF', '#NM', '#UD', '#GP', 'enters', 'returns',
    'ends' (a handler, without IRET), 'flushes', 'stops' (STPCLK#), 'init', 'exits', 'unhandled' or
    'stuck:REASON'."""
    value: int = 0
    """What was read or stored, the vector of a handler (or SMI), or the exit code."""
    fip: Pointer | None = None
    """What FNSTENV or FNSAVE stored as FIP."""
    processor: str = "a"
    """'b' for the second one."""
