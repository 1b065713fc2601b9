"""The PCs before the 486: 8087, 80287 and 80387 as chips of their own, in plain Python."""

from .pc import OlderInputs, OlderOutputs, OlderPc
from .registers import OlderMachine, OlderParameters

__all__ = ["OlderInputs", "OlderMachine", "OlderOutputs", "OlderParameters", "OlderPc"]
