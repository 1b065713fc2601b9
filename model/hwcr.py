"""The bits of HWCR on real parts: what a write does with each, and which values are #GP(0).

Sources: PPR MSRC001_0015 for family 17h on; for family 0Fh the BIOS and kernel developer's guide, and the
mask of ignored bits recorded from a part in VirtualBox's CPU database. A write never depends on more than the
old value, the new one and the mode of the reserved bits.
"""

import enum
from collections.abc import Iterable, Mapping

from .registers import HWCR_NAMES, HwcrLayout, ReservedBits


class HwcrBit(enum.Enum):
    """What kind of bit it is."""

    STORED = "stored"
    """Written and read back."""
    LOCKED = "locked"
    """Stored, until SmmLock is set. The lock as it was before the write counts (**choice**)."""
    SET_ONLY = "set-only"
    """A 1 stays until RESET; writing 0 is ignored."""
    FIXED = "fixed"
    """Keeps its reset value, whatever is written."""
    ONE = "one"
    """Reads 1. Writing 0 is #GP(0) in mode `manual`, ignored in `silicon`."""
    REFUSED = "refused"
    """Reads 0. Writing 1 is #GP(0) in both modes."""
    RESERVED = "reserved"
    """Reads 0. Writing 1 is #GP(0) in mode `manual`, ignored in `silicon`."""


SMM_LOCK = 1 << 0
RESET_VALUES = {HwcrLayout.MINIMAL: 0, HwcrLayout.K8: 0x0200_0020, HwcrLayout.ZEN: 0x0100_0010}
"""The ones of `k8` were recorded from a part as its BIOS left it, less bit 6, which can be written."""


def _kinds(**bits: Iterable[int]) -> tuple[HwcrBit, ...]:
    """The kind of each of the 64 bits; reserved is what is not named."""
    kinds = [HwcrBit.RESERVED] * 64
    for kind, numbers in bits.items():
        for number in numbers:
            kinds[number] = HwcrBit[kind]
    return tuple(kinds)


KINDS: Mapping[HwcrLayout, tuple[HwcrBit, ...]] = {
    HwcrLayout.MINIMAL: _kinds(STORED=(7, 8)),
    HwcrLayout.K8: _kinds(
        SET_ONLY=(0,),
        STORED=(*range(1, 5), 6, 7, 8, *range(9, 20), 30, 31),
        FIXED=(5, *range(20, 30), *range(32, 64)),
    ),
    HwcrLayout.ZEN: _kinds(
        SET_ONLY=(0, 27),
        STORED=(3, 7, 8, 9, 10, 17, 18, 20, 21, 25, 26, 30, 34, 35),
        LOCKED=(13, 14),
        ONE=(4,),
        FIXED=(24,),
        REFUSED=(33,),
    ),
}
"""By bit."""


def refusal(layout: HwcrLayout, mode: ReservedBits, data: int) -> str | None:
    """Why a WRMSR of `data` is #GP(0), in words, or None if it is legal.

    Parameters
    ----------
    layout : HwcrLayout
        Which bits HWCR has.
    mode : ReservedBits
        Whether reserved bits are refused as the manual says, or as parts do.
    data : int
        64 bits.
    """
    kinds = KINDS[layout]
    ones = [bit for bit in range(64) if data >> bit & 1]
    for bit in ones:
        if kinds[bit] is HwcrBit.REFUSED:
            return f"HWCR bit {bit} ({HWCR_NAMES[bit]}) can be set in SMM only"
    if mode is not ReservedBits.MANUAL:
        return None
    if layout is HwcrLayout.MINIMAL:
        wrong = any(kinds[bit] is HwcrBit.RESERVED for bit in ones)
        return "HWCR bits other than 7 and 8 are reserved" if wrong else None
    reserved = [str(bit) for bit in ones if kinds[bit] is HwcrBit.RESERVED]
    if reserved:
        number = "s" if len(reserved) > 1 else ""
        return f"HWCR bit{number} {', '.join(reserved)} {'are' if number else 'is'} reserved"
    for bit, kind in enumerate(kinds):
        if kind is HwcrBit.ONE and bit not in ones:
            return f"HWCR bit {bit} ({HWCR_NAMES[bit]}) reads 1 and must be written as 1: read, modify, write"
    return None


def written(layout: HwcrLayout, old: int, data: int) -> int:
    """HWCR after a legal WRMSR of `data`.

    Parameters
    ----------
    layout : HwcrLayout
        Which bits HWCR has.
    old : int
        HWCR before, 64 bits.
    data : int
        64 bits, for which `refusal` is None.
    """
    new = 0
    for bit, kind in enumerate(KINDS[layout]):
        was, wanted = old >> bit & 1, data >> bit & 1
        match kind:
            case HwcrBit.STORED:
                level = wanted
            case HwcrBit.LOCKED:
                level = was if old & SMM_LOCK else wanted
            case HwcrBit.SET_ONLY:
                level = was | wanted
            case _:
                level = was
        new |= level << bit
    return new
