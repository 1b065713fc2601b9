"""The PCs before the 486, synthesizable: written from the manuals, independently of the model."""

from .at_latch import AtLatch
from .npx import Npx
from .pc import OLDER_PC_SIGNATURE, OlderPc
from .waits import Waits
from .xt_nmi import XtNmi

__all__ = ["OLDER_PC_SIGNATURE", "AtLatch", "Npx", "OlderPc", "Waits", "XtNmi"]
