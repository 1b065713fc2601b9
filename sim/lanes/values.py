"""Values of lanes as planes, one bit of every lane each, and back; of any width.

A number of up to 64 bits in every lane is an array of 64-bit words, a wider one an array of Python integers.
"""

from collections.abc import Iterator, Mapping, Sequence
from operator import index
from typing import NamedTuple

import numpy as np

from ..support.errors import InputError

WORD = 64
"""Bits of a machine word: lanes in one, and the most bits that a value in an array of words has."""

Values = int | Sequence[int] | np.ndarray
"""The same value for all lanes, or one for each."""


class Blocks(NamedTuple):
    """All that blocks of lanes hold, as 64-bit words: the first index of each array is the block.

    A step changes what it holds in place, but for `inputs` and `valid`.
    """

    state: np.ndarray
    """By register's plane and word."""
    inputs: np.ndarray
    """By input's plane and word."""
    valid: np.ndarray
    """By word: a 1 for each lane that there is."""
    toggles: np.ndarray | None
    """As `state`: what ever changed; None if nobody asks."""
    counts: np.ndarray
    """By watched output: its ones so far."""
    firsts: np.ndarray
    """By failure: the cycle and the lane in the block where it came first, or all ones."""

    def part(self, which: slice) -> "Blocks":
        """Some of the blocks: the same memory."""
        toggles = None if self.toggles is None else self.toggles[which]
        held = (self.state[which], self.inputs[which], self.valid[which])
        return Blocks(*held, toggles, self.counts[which], self.firsts[which])


def pack_plane(bits: np.ndarray, blocks: int, words: int) -> np.ndarray:
    """One bit of each lane (uint8) as a plane: words by block.

    Parameters
    ----------
    bits : ndarray
        0 or 1, one a lane, at most 64 * blocks * words of them; lanes beyond get 0.
    blocks, words : int
        The shape of the result, in words of 64 lanes.
    """
    whole = np.zeros(blocks * words * WORD, dtype=np.uint8)
    whole[: len(bits)] = bits
    return np.packbits(whole, bitorder="little").view(np.uint64).reshape(blocks, words)


def unpack_plane(plane: np.ndarray, lanes: int) -> np.ndarray:
    """A plane as one bit of each lane (uint8).

    Parameters
    ----------
    plane : ndarray
        64-bit words of any shape; lane n is bit n modulo 64 of word n // 64.
    lanes : int
        How many there are; what is behind them is left out.
    """
    words = np.ascontiguousarray(plane)
    return np.unpackbits(words.view(np.uint8).reshape(-1), bitorder="little")[:lanes]


def joined(planes: Mapping[int, np.ndarray], width: int, fixed: int, lanes: int) -> np.ndarray:
    """The value in each lane.

    Parameters
    ----------
    planes: of the bits that can change, by bit.
    width: bits of the value: it decides whether the values are words or Python integers.
    fixed: what the other bits are.
    """
    parts = [np.zeros(lanes, dtype=np.uint64) for _ in range(max(1, -(-width // WORD)))]
    for bit, plane in planes.items():
        parts[bit // WORD] |= unpack_plane(plane, lanes).astype(np.uint64) << np.uint64(bit % WORD)
    if len(parts) == 1:
        return parts[0] | np.uint64(fixed)
    values = np.full(lanes, fixed, dtype=object)
    for number, part in enumerate(parts):
        values |= part.astype(object) << WORD * number
    return values


def split_values(
    name: str, values: Values, lanes: int, bits: Sequence[int], fixed: int
) -> Iterator[np.ndarray]:
    """For each of some bits of a value its level in every lane (uint8).

    Parameters
    ----------
    name: of the register or input, for the message.
    bits: that can be set.
    fixed: what the others are.

    Raises
    ------
    ValueError
        For a value with other bits (a negative one has), or for another count of values than of lanes.
    TypeError
        For what is no whole number.
    """
    there = sum(1 << bit for bit in bits)
    # A list would become floating-point numbers where one of its values needs all 64 bits.
    many = np.asarray(values) if isinstance(values, np.ndarray) else np.array(values, dtype=object)
    if many.ndim and many.shape != (lanes,):
        raise InputError(f"{name}: expected one value or {lanes}, one for each lane, not {many.shape}")
    if there < 1 << WORD and (many.dtype.kind in "bu" or _natural(many)):
        yield from _split_words(name, np.broadcast_to(many.astype(np.uint64), (lanes,)), bits, there, fixed)
        return
    numbers = [index(value) for value in many.reshape(-1).tolist()]
    for number in numbers:
        if number & ~there != fixed:
            raise _unfit(name, number, there, fixed)
    for bit in bits:
        level = np.array([number >> bit & 1 for number in numbers], dtype=np.uint8)
        yield np.broadcast_to(level, (lanes,)) if many.ndim == 0 else level


def _split_words(
    name: str, many: np.ndarray, bits: Sequence[int], there: int, fixed: int
) -> Iterator[np.ndarray]:
    wrong = np.flatnonzero((many & ~np.uint64(there)) != np.uint64(fixed))
    if len(wrong):
        raise _unfit(name, int(many[wrong[0]]), there, fixed)
    for bit in bits:
        yield (many >> np.uint64(bit) & np.uint64(1)).astype(np.uint8)


def _natural(many: np.ndarray) -> bool:
    return many.dtype.kind == "i" and (many.size == 0 or int(many.min()) >= 0)


def _unfit(name: str, number: int, there: int, fixed: int) -> ValueError:
    return ValueError(f"{name} cannot be {number:#x}: its bits {there:#x} can be set, others are {fixed:#x}")
