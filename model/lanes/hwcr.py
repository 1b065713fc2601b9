"""HWCR of `lanes`: masks of its bits by layout, and what a write makes of them, one bit at a time.

Sources as of `model.hwcr`, which says the same bit by bit.
"""

from collections.abc import Callable
from typing import NamedTuple

from ..registers import Hwcr, HwcrLayout, ReservedBits
from .bits import Bit, Word


class HwcrMasks(NamedTuple):
    """Masks of 64 bits; what is in none of them but `ones` is reserved."""

    writable: int
    sticky: int = 0
    """A write sets them and never clears them."""
    ignored: int = 0
    """A write does not look at them."""
    demanded: int = 0
    """A write of 0 is a fault in mode `manual`."""
    refused: int = 0
    """A write of 1 is a fault in both modes."""
    frozen: int = 0
    """Writable while bit 0, SmmLock, is 0."""
    ones: int = 0
    """They read 1 always."""


MASKS = {
    HwcrLayout.MINIMAL: HwcrMasks(0x180),
    HwcrLayout.K8: HwcrMasks(0xC00F_FFDE, sticky=0x1, ignored=0xFFFF_FFFF_3FF0_0020, ones=0x0200_0020),
    HwcrLayout.ZEN: HwcrMasks(
        0xC_4636_6788,
        sticky=0x0800_0001,
        ignored=0x0100_0000,
        demanded=0x10,
        refused=0x2_0000_0000,
        frozen=0x6000,
        ones=0x0100_0010,
    ),
}


def bits_of(mask: int) -> list[int]:
    """The numbers of the bits that are 1 in a mask of 64 bits, the lowest first."""
    return [bit for bit in range(64) if mask >> bit & 1]


def held_bits(layout: HwcrLayout) -> list[int]:
    """The bits in the register `hwcr_held`: all that can change but those that have an effect."""
    acting = Hwcr.IGNNE_EM if layout is HwcrLayout.K8 else Hwcr.IGNNE_EM | Hwcr.ALLOW_FERR_ON_NE
    return bits_of((MASKS[layout].writable | MASKS[layout].sticky) & ~int(acting))


def readable_bits(layout: HwcrLayout) -> list[int]:
    """The bits that can read 1, in the order of the register `response_hwcr`."""
    return bits_of(MASKS[layout].writable | MASKS[layout].sticky | MASKS[layout].ones)


def faults(layout: HwcrLayout, mode: ReservedBits, data: Word, any_of: Callable[[Word], Bit]) -> Bit:
    """It is #GP(0) to write this.

    Parameters
    ----------
    layout : HwcrLayout
        Which bits HWCR has.
    mode : ReservedBits
        How reserved bits are treated.
    data : Word
        64 bits.
    any_of : callable
        The OR of any number of bits.
    """
    masks = MASKS[layout]
    wrong = [data[bit] for bit in bits_of(masks.refused)]
    if mode is ReservedBits.MANUAL:
        known = masks.writable | masks.sticky | masks.ignored | masks.demanded | masks.refused
        wrong += [data[bit] for bit in bits_of(~known)]
        wrong += [~data[bit] for bit in bits_of(masks.demanded)]
    return any_of(wrong)


def after_write(layout: HwcrLayout, old: dict[int, Bit], data: Word) -> dict[int, Bit]:
    """The bits that can change, by number, after a write that is no fault.

    Parameters
    ----------
    layout : HwcrLayout
        Which bits HWCR has.
    old : dict of int to Bit
        Those bits before the write.
    data : Word
        64 bits.
    """
    masks = MASKS[layout]
    new = {bit: data[bit] for bit in bits_of(masks.writable)}
    new |= {bit: data[bit] | old[bit] for bit in bits_of(masks.sticky)}
    for bit in bits_of(masks.frozen):
        # The lock as it was before the write (**choice**).
        new[bit] = (old[0] & old[bit]) | (~old[0] & data[bit])
    return new
