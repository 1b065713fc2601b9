"""A small CPU around the core: a computer that takes the error of a DOS program from bytes."""

from .computer import MEMORY_BITS, Computer
from .cpu import SmallCpu

__all__ = ["MEMORY_BITS", "Computer", "SmallCpu"]
