"""Random bits in lanes: xorshift generators of 32 bits, written in bits and so the same for gates and Python.

G. Marsaglia, "Xorshift RNGs", 2003: each triple of shifts has the full period of 2^32 - 1.
"""

import numpy as np

from ...model.lanes.bits import Word

TRIPLES = ((13, 17, 5), (1, 3, 10), (2, 7, 9), (5, 19, 13))
"""Shifts left, right, left of each generator."""


def xorshift(word: Word, left: int, right: int, again: int) -> Word:
    """The next word of a generator: three shifts of itself, each added.

    Parameters
    ----------
    word : Word
        As it stands, the lowest bit first: 32 bits for the shifts in TRIPLES.
    left, right, again : int
        Bits to shift by: left, then right, then left again.
    """
    word = [bit ^ word[index - left] if index >= left else bit for index, bit in enumerate(word)]
    word = [bit ^ word[index + right] if index + right < len(word) else bit for index, bit in enumerate(word)]
    return [bit ^ word[index - again] if index >= again else bit for index, bit in enumerate(word)]


def seed_words(number: int, lanes: int, first: int = 0) -> np.ndarray:
    """A seed of 32 bits in each lane, never 0; lane n always gets the same one.

    SplitMix64 (G. Steele, D. Lea, C. Flood, 2014) of the lane and of a number: of the seed of all and the
    generator.

    Parameters
    ----------
    first: the number of the first lane.
    """
    start = number * 0xD134_2543_DE82_EF95 % (1 << 64)
    z = np.arange(first, first + lanes, dtype=np.uint64) * np.uint64(0x9E37_79B9_7F4A_7C15) + np.uint64(start)
    for shift, factor in ((30, 0xBF58_476D_1CE4_E5B9), (27, 0x94D0_49BB_1331_11EB)):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    z = (z ^ (z >> np.uint64(31))) & np.uint64(0xFFFF_FFFF)
    return np.where(z == 0, np.uint64(1), z)
