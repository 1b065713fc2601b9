"""Stimulus for any design, inside the netlist: random, from a table, or an event in a cycle of each lane.

Inputs that Python sets in each cycle cost more than the cycle itself, so a source of inputs is logic: written
in bits, it becomes gates around the design for all lanes, and the same text computes one lane in Python.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..support.errors import InputError, NetlistError
from .generators import TRIPLES, Bit, Word, seed_words, xorshift

CYCLE = "stimulus.cycle"
"""The register that counts cycles."""
CYCLE_BITS = 32
TABLE_ROWS = 4096
CHANCE_BITS = 8
"""Probabilities are multiples of 1/256."""


@dataclass(frozen=True)
class Random:
    """Random levels, other ones in each lane and cycle.

    Parameters
    ----------
    ones: the probability of a 1, of each bit; rounded to 1/256.
    hold: the probability that the input keeps its value for another cycle; rounded to 1/256.
    """

    ones: float = 0.5
    hold: float = 0.0

    def __post_init__(self) -> None:
        for name in ("ones", "hold"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} must be a probability from 0 to 1, not {getattr(self, name)!r}")


@dataclass(frozen=True)
class Constant:
    """One value for ever."""

    value: int


@dataclass(frozen=True)
class Table:
    """A value for each cycle, the same in all lanes; after the last one it stays.

    Parameters
    ----------
    values: at least one and at most 4,096.
    """

    values: Sequence[int]

    def __post_init__(self) -> None:
        if not 1 <= len(self.values) <= TABLE_ROWS:
            raise InputError(f"a table has 1 to {TABLE_ROWS} values, not {len(self.values)}")


@dataclass(frozen=True)
class Pulse:
    """An event in a cycle of each lane's own: a sweep.

    Parameters
    ----------
    at: the cycle of each lane, or one for all.
    width: cycles that it lasts.
    active, idle: the input's values in it and otherwise.
    """

    at: int | Sequence[int] | np.ndarray
    width: int = 1
    active: int = 1
    idle: int = 0

    def __post_init__(self) -> None:
        kinds = {np.asarray(self.at).dtype.kind, np.asarray(self.width).dtype.kind}
        if not np.size(self.at) or not kinds <= {"i", "u"}:
            raise InputError(f"a pulse begins in a cycle and lasts some, whole numbers: {self}")
        if self.width < 1 or np.min(self.at) < 0 or int(np.max(self.at)) + self.width >= 1 << CYCLE_BITS:
            raise InputError(f"a pulse lasts a cycle or more and begins in cycle 0 to 2^{CYCLE_BITS}: {self}")


Source = Random | Constant | Table | Pulse


@dataclass
class Stimulus:
    """Sources for all inputs of a design.

    Parameters
    ----------
    widths: of the inputs, by name.
    sources: by input; one without a source is random.

    Attributes
    ----------
    registers: widths of its registers, by name. They begin with 0 except for what `initial` gives.

    Raises
    ------
    NetlistError
        For a source of an input that does not exist, or a value that it does not hold.
    """

    widths: Mapping[str, int]
    sources: Mapping[str, Source] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, source in self.sources.items():
            if name not in self.widths:
                raise NetlistError(f"no input {name!r}: expected one of {', '.join(self.widths)}")
            if not isinstance(source, Source):
                raise NetlistError(f"{name}: expected Random, Constant, Table or Pulse, not {source!r}")
            values = {Constant: ("value",), Pulse: ("active", "idle")}.get(type(source), ())
            given = [getattr(source, one) for one in values] + list(getattr(source, "values", ()))
            for value in given:
                if not isinstance(value, int | np.integer):
                    raise NetlistError(f"{name}: expected whole numbers, not {value!r}")
                if not 0 <= value < 1 << self.widths[name]:
                    raise NetlistError(f"{name} has {self.widths[name]} bits and cannot be {value}")
        self.sources = {name: self.sources.get(name, Random()) for name in self.widths}
        self._needed = sum(
            self._random_bits(source, self.widths[name]) for name, source in self.sources.items()
        )
        self.registers = {f"stimulus.word{number}": 32 for number in range(-(-self._needed // 32))}
        if any(isinstance(source, Table | Pulse) for source in self.sources.values()):
            self.registers[CYCLE] = CYCLE_BITS
        for name, source in self.sources.items():
            if isinstance(source, Random) and source.hold:
                self.registers[f"stimulus.{name}"] = self.widths[name]
            if isinstance(source, Pulse):
                self.registers |= {f"stimulus.{name}.from": CYCLE_BITS, f"stimulus.{name}.to": CYCLE_BITS}

    def initial(self, seed: int, lanes: int, first: int = 0) -> dict[str, np.ndarray]:
        """The registers that lanes begin with, by name.

        Raises
        ------
        ValueError
            If a pulse has cycles for another number of lanes.
        """
        words = [name for name in self.registers if name.startswith("stimulus.word")]
        start = {
            name: seed_words(seed * len(words) + number, lanes, first) for number, name in enumerate(words)
        }
        for name, source in self.sources.items():
            if isinstance(source, Pulse):
                at = np.asarray(source.at, dtype=np.uint64)
                at = np.broadcast_to(at, (first + lanes,)) if at.ndim == 0 else at
                if len(at) < first + lanes:
                    raise InputError(f"{name}: {len(at)} cycles for {first + lanes} lanes")
                start[f"stimulus.{name}.from"] = at[first : first + lanes]
                start[f"stimulus.{name}.to"] = at[first : first + lanes] + np.uint64(source.width)
        return start

    def step(self, state: Mapping[str, Word], one: Bit) -> tuple[dict[str, Word], dict[str, Word]]:
        """The inputs of a cycle, and the registers of the next.

        Parameters
        ----------
        state: the registers as words of bits, the lowest first; bits know `&`, `|` and `^`.
        one: the constant 1.
        """
        after = {}
        random: list[Bit] = []
        for number, name in enumerate(name for name in self.registers if name.startswith("stimulus.word")):
            after[name] = xorshift(state[name], *TRIPLES[number % len(TRIPLES)])
            random += state[name]
        inputs = {}
        for name, source in self.sources.items():
            width = self.widths[name]
            taken, random = _split(random, self._random_bits(source, width))
            match source:
                case Random():
                    inputs[name] = self._random(name, source, taken, state, one)
                case Constant():
                    inputs[name] = _constant(source.value, width, one)
                case Table():
                    inputs[name] = _row(source.values, width, state[CYCLE], one)
                case Pulse():
                    inputs[name] = self._pulse(name, source, state, one)
            if f"stimulus.{name}" in self.registers:
                after[f"stimulus.{name}"] = inputs[name]
        if CYCLE in self.registers:
            after[CYCLE] = _plus_one(state[CYCLE], one)
        after |= {name: state[name] for name in self.registers if name.endswith((".from", ".to"))}
        return inputs, after

    @staticmethod
    def _random_bits(source: Source, width: int) -> int:
        if not isinstance(source, Random):
            return 0
        return width * _chance_bits(source.ones) + _chance_bits(source.hold)

    def _random(
        self, name: str, source: Random, random: list[Bit], state: Mapping[str, Word], one: Bit
    ) -> Word:
        width, each = self.widths[name], _chance_bits(source.ones)
        word = [
            _chance(source.ones, random[each * index : each * (index + 1)], one) for index in range(width)
        ]
        if not source.hold:
            return word
        held = _chance(source.hold, random[each * width :], one)
        # In the first cycle there is nothing to hold but 0.
        return _select(held, state[f"stimulus.{name}"], word, one)

    def _pulse(self, name: str, source: Pulse, state: Mapping[str, Word], one: Bit) -> Word:
        now, width = state[CYCLE], self.widths[name]
        begun = one ^ _less(now, state[f"stimulus.{name}.from"], one)
        active = begun & _less(now, state[f"stimulus.{name}.to"], one)
        return _select(active, _constant(source.active, width, one), _constant(source.idle, width, one), one)


def _chance_bits(probability: float) -> int:
    """Random bits that an event of this probability takes: as few as its binary fraction has."""
    parts = round(probability * (1 << CHANCE_BITS))
    if parts in (0, 1 << CHANCE_BITS):
        return 0
    return CHANCE_BITS - ((parts & -parts).bit_length() - 1)


def _chance(probability: float, random: list[Bit], one: Bit) -> Bit:
    """1 with this probability: random bits, read as a fraction, are less than it."""
    parts = round(probability * (1 << CHANCE_BITS))
    if not random:
        return one if parts else one ^ one
    return _less(random, _constant(parts >> CHANCE_BITS - len(random), len(random), one), one)


def _split(bits: list[Bit], count: int) -> tuple[list[Bit], list[Bit]]:
    return bits[:count], bits[count:]


def _constant(value: int, width: int, one: Bit) -> Word:
    return [one if value >> index & 1 else one ^ one for index in range(width)]


def _select(condition: Bit, yes: Word, no: Word, one: Bit) -> Word:
    return [b ^ (condition & (a ^ b)) for a, b in zip(yes, no, strict=True)]


def _less(a: Word, b: Word, one: Bit) -> Bit:
    less: Any = one ^ one
    for x, y in zip(a, b, strict=True):
        differ = x ^ y
        less = less ^ (differ & (less ^ y))
    return less


def _plus_one(word: Word, one: Bit) -> Word:
    result, carry = [], one
    for bit in word:
        result.append(bit ^ carry)
        carry = carry & bit
    return result


def _row(values: Sequence[int], width: int, cycle: Word, one: Bit) -> Word:
    """The value of this cycle, by a tree of multiplexers; past the end the last one."""
    bits = (len(values) - 1).bit_length()
    rows = [_constant(value, width, one) for value in values]
    rows += [rows[-1]] * ((1 << bits) - len(rows))
    for bit in cycle[:bits]:
        rows = [_select(bit, high, low, one) for low, high in zip(rows[::2], rows[1::2], strict=True)]
    past: Any = one ^ one
    for bit in cycle[bits:]:
        past = past | bit
    return _select(past, _constant(values[-1], width, one), rows[0], one)


def numbers(words: Mapping[str, Word]) -> dict[str, int]:
    """Words of Python's 0 and 1 as numbers."""
    return {name: sum(bit << index for index, bit in enumerate(word)) for name, word in words.items()}
