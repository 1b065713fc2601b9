"""Bits and words, in nothing but `&`, `|` and `^`, for all that is written one bit at a time.

A bit is whatever has these operators: a numpy array of unsigned integers, a gate under construction, a
value of Amaranth, or Python's 0 and 1. A word is a list of bits, the lowest first.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Bit = Any
Word = list[Bit]


class Logic:
    """What is made of bits of one kind.

    Parameters
    ----------
    one: the constant 1 as a bit of that kind: of an array, all ones.

    Attributes
    ----------
    zero, one: the constants.
    """

    def __init__(self, one: Bit) -> None:
        self.one = one
        self.zero = one ^ one

    def invert(self, bit: Bit) -> Bit:
        """NOT; Python's `~` makes -1 of 0."""
        return self.one ^ bit

    def any(self, bits: Iterable[Bit]) -> Bit:
        """The OR of any number of bits."""
        result, *others = [*bits] or [self.zero]
        for bit in others:
            result = result | bit
        return result

    def all(self, bits: Iterable[Bit]) -> Bit:
        """The AND of any number of bits."""
        result, *others = [*bits] or [self.one]
        for bit in others:
            result = result & bit
        return result

    def mux(self, condition: Bit, yes: Bit, no: Bit) -> Bit:
        """`yes` where the condition holds, else `no`.

        Parameters
        ----------
        condition : Bit
            1 for `yes`.
        yes, no : Bit
            What is chosen from.
        """
        return (condition & yes) | (self.invert(condition) & no)

    def select(self, condition: Bit, yes: Word, no: Word) -> Word:
        """The same of words as wide as each other.

        Parameters
        ----------
        condition : Bit
            1 for `yes`.
        yes, no : Word
            As wide as each other.
        """
        return [self.mux(condition, a, b) for a, b in zip(yes, no, strict=True)]

    def one_of(self, chosen: Iterable[tuple[Bit, Word]], width: int) -> Word:
        """The word whose condition holds, of conditions of which at most one does; else 0.

        Parameters
        ----------
        chosen : iterable of (Bit, Word)
            Conditions with their words.
        width : int
            Of the words, in bits.
        """
        pairs = list(chosen)
        return [self.any(condition & word[index] for condition, word in pairs) for index in range(width)]

    def constant(self, value: int, width: int) -> Word:
        """A number as a word.

        Parameters
        ----------
        value : int
            Of which the lowest bits count.
        width : int
            In bits.
        """
        return [self.one if value >> index & 1 else self.zero for index in range(width)]

    def equal(self, word: Word, value: int) -> Bit:
        """A word has a value.

        Parameters
        ----------
        word : Word
            Of any width.
        value : int
            Of which as many bits count.
        """
        return self.all(bit if value >> index & 1 else self.invert(bit) for index, bit in enumerate(word))

    def same(self, one: Word, other: Word) -> Bit:
        """Two words are equal.

        Parameters
        ----------
        one, other : Word
            As wide as each other.
        """
        return self.all(self.invert(a ^ b) for a, b in zip(one, other, strict=True))

    def less(self, one: Word, other: Word) -> Bit:
        """A word is less than another, both without a sign.

        Parameters
        ----------
        one, other : Word
            As wide as each other.
        """
        result = self.zero
        for a, b in zip(one, other, strict=True):
            result = self.mux(a ^ b, b, result)
        return result

    def plus(self, word: Word, carry: Bit) -> Word:
        """A word and one bit, without the carry out.

        Parameters
        ----------
        word : Word
            Of any width.
        carry : Bit
            What is added.
        """
        result = []
        for bit in word:
            result.append(bit ^ carry)
            carry = carry & bit
        return result

    def minus_one(self, word: Word) -> Word:
        """One less: the complement of one more than the complement."""
        return [self.invert(bit) for bit in self.plus([self.invert(bit) for bit in word], self.one)]

    def decoded(self, word: Word) -> Word:
        """A decoder: of its outputs exactly the one whose number the word is, is 1."""
        outputs = [self.one]
        for bit in word:
            outputs = [one & self.invert(bit) for one in outputs] + [one & bit for one in outputs]
        return outputs


def words_of(numbers: Mapping[str, int], widths: Mapping[str, int]) -> dict[str, Word]:
    """Numbers as words of Python's 0 and 1; widths in bits.

    Parameters
    ----------
    numbers : mapping of str to int
        At least those that `widths` names.
    widths : mapping of str to int
        In bits.
    """
    return {name: [numbers[name] >> index & 1 for index in range(width)] for name, width in widths.items()}


def numbers_of(words: Mapping[str, Word]) -> dict[str, int]:
    """Words of Python's 0 and 1 as numbers."""
    return {name: sum(bit << index for index, bit in enumerate(word)) for name, word in words.items()}
