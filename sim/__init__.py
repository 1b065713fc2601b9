"""What drives and watches the model and the HDL: simulation, MSR bus, scenarios, traces, command line."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .machines.board import Board, BoardError
    from .machines.msr_bus import GeneralProtection, MsrBus
    from .simulation import Simulation
    from .support.errors import Irq13Error
    from .timing.assertions import expect
    from .waveform.trace import Trace

__all__ = [
    "Board",
    "BoardError",
    "GeneralProtection",
    "Irq13Error",
    "MsrBus",
    "Simulation",
    "Trace",
    "expect",
]

_HOMES = {
    "Board": "machines.board",
    "BoardError": "machines.board",
    "GeneralProtection": "machines.msr_bus",
    "Irq13Error": "support.errors",
    "MsrBus": "machines.msr_bus",
    "Simulation": "simulation",
    "Trace": "waveform.trace",
    "expect": "timing.assertions",
}


def __getattr__(name: str):
    # On demand: the command line starts without Amaranth, and Ctrl-C finds it ready.
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
