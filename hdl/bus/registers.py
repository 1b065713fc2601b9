"""What answers on the I/O bus of a PC, as data: headers and tables are made from it.

On a bus of words the byte of port p is bits 7:0 of the word at 4p; bits 31:8 read 0 and ignore writes.
"""

import enum
from typing import NamedTuple

from amaranth.hdl import Value

from ...model.registers import PIC_MASTER, PIC_SLAVE, PORT_F0, PORT_F1

ADDRESS_BITS = 10
"""Of a byte address on a bus of words: ports 00h to FFh."""


class PortAccess(enum.Enum):
    """What can be done with a register."""

    WRITE = "write"
    READ_WRITE = "read, write"


class BusField(NamedTuple):
    """Some bits of a register."""

    name: str
    low: int
    width: int
    says: str


class BusRegister(NamedTuple):
    """A port."""

    name: str
    port: int
    access: PortAccess
    says: str
    fields: tuple[BusField, ...] = ()


_OCW2 = (
    BusField("LEVEL", 0, 3, "the level of a specific command"),
    BusField("COMMAND", 5, 3, "1 non-specific EOI, 3 specific EOI, 5 rotate on non-specific EOI, ..."),
)
_MASK = tuple(BusField(f"IR{bit}", bit, 1, "1: masked") for bit in range(8))


def _pic(name: str, port: int) -> tuple[BusRegister, BusRegister]:
    return (
        BusRegister(
            f"{name}_COMMAND",
            port,
            PortAccess.READ_WRITE,
            "8259A, A0 = 0: ICW1, OCW2, OCW3; reads the register that OCW3 chose, or a poll. Fields of OCW2",
            _OCW2,
        ),
        BusRegister(
            f"{name}_MASK",
            port + 1,
            PortAccess.READ_WRITE,
            "8259A, A0 = 1: ICW2, ICW3, ICW4 in an initialisation, else the interrupt mask register",
            _MASK,
        ),
    )


REGISTERS: tuple[BusRegister, ...] = (
    *_pic("PIC_MASTER", PIC_MASTER),
    *_pic("PIC_SLAVE", PIC_SLAVE),
    BusRegister(
        "FPU_CLEAR",
        PORT_F0,
        PortAccess.WRITE,
        "any write lowers IRQ 13 and, while FERR# is asserted, asserts IGNNE#; reads FFh",
    ),
    BusRegister(
        "FPU_RESET", PORT_F1, PortAccess.WRITE, "reset of the 80287 in the original AT: no effect; reads FFh"
    ),
)
"""By port."""


def answers(port: Value) -> Value:
    """Whether something stands at a 16-bit port."""
    return port.matches(*(one.port for one in REGISTERS))
