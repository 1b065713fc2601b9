"""The words of a VCD's value changes, a piece of the file at a time, all at once with numpy.

A piece is looked at as an array of bytes. Windows of eight bytes, read as 64-bit numbers, stand for a word or
the end of one: identifiers are compared, digits are added up and bits are packed eight at a time.
"""

from typing import NamedTuple

import numpy as np

MARGIN = 8
"""Bytes that a piece has before and behind it, so that a window always fits."""
SPACE = 32

_LOW = np.uint64(0x0F0F0F0F0F0F0F0F)
_ONES = np.uint64(0x0101010101010101)
_ZEROS = np.uint64(0x3030303030303030)
# Multiplied with eight bytes of 0 or 1 it gathers them in the top byte: the first of them is its highest bit.
_GATHER = np.uint64(0x8040201008040201)
_KEEP_FIRST = np.array([(1 << 8 * n) - 1 for n in range(9)], dtype=np.uint64)
"""For n bytes, the mask of the first n of a window."""
_FILL = np.array([0x3030303030303030 & ((1 << 8 * (8 - n)) - 1) for n in range(9)], dtype=np.uint64)
"""For n bytes at the end of a window, a '0' in each of the others."""


class WordSpans(NamedTuple):
    """Where the words of a piece begin and end; positions in its array, margin included."""

    starts: np.ndarray
    ends: np.ndarray
    first: np.ndarray
    """The first byte of each."""


def split_words(data: np.ndarray) -> WordSpans:
    """The words of a piece, which begins and ends with white space."""
    solid = data > SPACE
    turns = np.flatnonzero(solid[1:] != solid[:-1])
    turns += 1
    starts, ends = turns[::2], turns[1::2]
    return WordSpans(starts, ends, data[starts])


def windows(data: np.ndarray) -> np.ndarray:
    """For every position the eight bytes from there, the first one lowest."""
    return np.ndarray(len(data) - 7, dtype="<u8", buffer=data.data, strides=(1,))


def keys(window: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Words of up to eight bytes as numbers, equal for equal words.

    Parameters
    ----------
    window : ndarray of uint64
        What `windows` gave: the eight bytes from each position on.
    starts : ndarray of int
        Where the words begin.
    lengths : ndarray of int
        In bytes, 0 to 8.

    Returns
    -------
    ndarray of uint64
        One for each word; the bytes behind its end are 0.
    """
    found = window[starts]
    found &= _KEEP_FIRST[lengths]
    return found


def key_of(word: bytes) -> int:
    """The number of a word of up to eight bytes, as `keys` gives it."""
    return int.from_bytes(word, "little")


def decimals(window: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decimal numbers of up to 18 digits, and which words are such numbers.

    Parameters
    ----------
    window : ndarray of uint64
        What `windows` gave.
    starts, ends : ndarray of int
        Where each number begins, and the position behind its last digit.

    Returns
    -------
    tuple of ndarray
        The numbers, int64, and for each word whether it is such a number; if not, its number means nothing.
    """
    lengths = ends - starts
    valid = (lengths > 0) & (lengths <= 18)
    total = np.zeros(len(starts), dtype=np.int64)
    weight = 1
    for digit in range(0, min(int(lengths.max(initial=0)), 18), 8):
        left = np.clip(lengths - digit, 0, 8)
        chunk = _last_eight(window, ends - digit, left)
        valid &= _all_between(chunk, 10)
        chunk &= _LOW
        # Pairs, then fours, then eights: the first digit is the lowest byte and weighs most.
        chunk = (chunk * np.uint64(10) + (chunk >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
        chunk = (chunk * np.uint64(100) + (chunk >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
        chunk = (chunk * np.uint64(10000) + (chunk >> np.uint64(32))) & np.uint64(0xFFFFFFFF)
        total += chunk.astype(np.int64) * weight
        weight *= 10**8
    return total, valid


def binaries(window: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Binary numbers of up to 63 digits, and which words are such numbers: digits 0 and 1 alone.

    Parameters
    ----------
    window : ndarray of uint64
        What `windows` gave.
    starts, ends : ndarray of int
        Where each number begins, and the position behind its last digit.

    Returns
    -------
    tuple of ndarray
        The numbers, int64, and for each word whether it is such a number; if not, its number means nothing.
    """
    lengths = ends - starts
    valid = (lengths > 0) & (lengths <= 63)
    total = np.zeros(len(starts), dtype=np.int64)
    for digit in range(0, min(int(lengths.max(initial=0)), 63), 8):
        left = np.clip(lengths - digit, 0, 8)
        chunk = _last_eight(window, ends - digit, left)
        valid &= _all_between(chunk, 2)
        chunk &= _ONES
        packed = (chunk * _GATHER) >> np.uint64(56)
        total |= packed.astype(np.int64) << digit
    return total, valid


def _last_eight(window: np.ndarray, ends: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The last bytes of words, as many as `lengths` says, with '0' in front of them."""
    chunk = window[np.maximum(ends - 8, 0)]
    chunk &= ~_KEEP_FIRST[8 - lengths]
    chunk |= _FILL[lengths]
    return chunk


def _all_between(chunk: np.ndarray, below: int) -> np.ndarray:
    """Whether all eight bytes are digits, less than `below`."""
    high = np.uint64(0x8080808080808080)
    digits = chunk ^ _ZEROS
    add = np.uint64((0x80 - below) * 0x0101010101010101)
    return ((digits | (digits + add)) & high) == 0
