"""The synthesizable core, in Amaranth: written from the manuals, independently of the model.

One clock domain, `sync`. Active-low pins end in `_n`; everything behind a pin is active high.
"""

from .chipset import Chipset
from .msr import MsrFile
from .pc import Pc
from .pic import Pic
from .processor import Processor
from .reporting import Reporting
from .x87 import X87

__all__ = ["X87", "Chipset", "MsrFile", "Pc", "Pic", "Processor", "Reporting"]
