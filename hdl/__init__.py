"""The synthesizable core, in Amaranth: written from the manuals, independently of the model.

One clock domain, `sync`. Active-low pins end in `_n`; everything behind a pin is active high.
"""

from .board.design import GENERATIONS, PAUSE, BoardDesign
from .chipset import Chipset
from .flat import Port, flat_ports
from .msr import MsrFile
from .pc import PC_SIGNATURE, Pc
from .pic import Pic
from .processor import Processor
from .reporting import Reporting
from .x87 import X87

__all__ = [
    "GENERATIONS",
    "PAUSE",
    "PC_SIGNATURE",
    "X87",
    "BoardDesign",
    "Chipset",
    "MsrFile",
    "Pc",
    "Pic",
    "Port",
    "Processor",
    "Reporting",
    "flat_ports",
]
