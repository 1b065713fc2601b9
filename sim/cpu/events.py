"""What happens to a program: the events that a run is told by."""

from typing import NamedTuple

from ...model.reporting import Decision
from .steps import Step

NMI_VECTOR = 2
FAULTS = {Decision.MF: "#MF", Decision.NM: "#NM", Decision.UD: "#UD"}
VECTORS = {"#UD": 6, "#NM": 7, "#GP": 13, "#MF": 16}


class CpuEvent(NamedTuple):
    """Something that happened."""

    cycle: int
    step: Step | None
    """The step it happened to; for 'returns' the one that is returned to."""
    kind: str
    """'executes', 'freezes', 'window', 'reads', '#MF', '#NM', '#UD', '#GP', 'enters', 'returns',
    'exits', 'unhandled' or 'stuck:REASON'."""
    value: int = 0
    """What was read, the vector of a handler, or the exit code."""
