"""From other people's buses to the byte-wide I/O bus of the core."""

from .axilite import AxiLiteBridge
from .isa import IsaBridge
from .registers import REGISTERS, BusField, BusRegister, PortAccess
from .wishbone import WishboneBridge

__all__ = [
    "REGISTERS",
    "AxiLiteBridge",
    "BusField",
    "BusRegister",
    "IsaBridge",
    "PortAccess",
    "WishboneBridge",
]
