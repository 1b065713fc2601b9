"""Stimulus for any design, inside the netlist: random, from a table, or an event in a cycle of each lane.

Inputs that Python sets in each cycle cost more than the cycle itself, so a source of inputs is logic: written
in bits, it becomes gates around the design for all lanes, and the same text computes one lane in Python.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...model.lanes.bits import Bit, Logic, Word
from ..support.errors import InputError, NetlistError
from .generators import TRIPLES, seed_words, xorshift

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
        """The registers that lanes begin with, by name: unsigned words of 64 bits, one a lane.

        Parameters
        ----------
        seed : int
            Of all lanes.
        lanes : int
            How many.
        first : int
            The number of the first: lane n has the same values in whatever lanes it runs with.

        Raises
        ------
        InputError
            If a pulse has cycles for fewer lanes.
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
        logic, after = Logic(one), {}
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
                    inputs[name] = self._random(name, source, taken, state, logic)
                case Constant():
                    inputs[name] = logic.constant(source.value, width)
                case Table():
                    inputs[name] = _row(source.values, width, state[CYCLE], logic)
                case Pulse():
                    inputs[name] = self._pulse(name, source, state, logic)
            if f"stimulus.{name}" in self.registers:
                after[f"stimulus.{name}"] = inputs[name]
        if CYCLE in self.registers:
            after[CYCLE] = logic.plus(state[CYCLE], one)
        after |= {name: state[name] for name in self.registers if name.endswith((".from", ".to"))}
        return inputs, after

    @staticmethod
    def _random_bits(source: Source, width: int) -> int:
        if not isinstance(source, Random):
            return 0
        return width * _chance_bits(source.ones) + _chance_bits(source.hold)

    def _random(
        self, name: str, source: Random, random: list[Bit], state: Mapping[str, Word], logic: Logic
    ) -> Word:
        width, each = self.widths[name], _chance_bits(source.ones)
        word = [
            _chance(source.ones, random[each * index : each * (index + 1)], logic) for index in range(width)
        ]
        if not source.hold:
            return word
        held = _chance(source.hold, random[each * width :], logic)
        # In the first cycle there is nothing to hold but 0.
        return logic.select(held, state[f"stimulus.{name}"], word)

    def _pulse(self, name: str, source: Pulse, state: Mapping[str, Word], logic: Logic) -> Word:
        now, width = state[CYCLE], self.widths[name]
        begun = logic.invert(logic.less(now, state[f"stimulus.{name}.from"]))
        active = begun & logic.less(now, state[f"stimulus.{name}.to"])
        return logic.select(active, logic.constant(source.active, width), logic.constant(source.idle, width))


def _chance_bits(probability: float) -> int:
    """Random bits that an event of this probability takes: as few as its binary fraction has."""
    parts = round(probability * (1 << CHANCE_BITS))
    if parts in (0, 1 << CHANCE_BITS):
        return 0
    return CHANCE_BITS - ((parts & -parts).bit_length() - 1)


def _chance(probability: float, random: list[Bit], logic: Logic) -> Bit:
    """1 with this probability: random bits, read as a fraction, are less than it."""
    parts = round(probability * (1 << CHANCE_BITS))
    if not random:
        return logic.one if parts else logic.zero
    return logic.less(random, logic.constant(parts >> CHANCE_BITS - len(random), len(random)))


def _split(bits: list[Bit], count: int) -> tuple[list[Bit], list[Bit]]:
    return bits[:count], bits[count:]


def _row(values: Sequence[int], width: int, cycle: Word, logic: Logic) -> Word:
    """The value of this cycle, by a tree of multiplexers; past the end the last one."""
    bits = (len(values) - 1).bit_length()
    rows = [logic.constant(value, width) for value in values]
    rows += [rows[-1]] * ((1 << bits) - len(rows))
    for bit in cycle[:bits]:
        rows = [logic.select(bit, high, low) for low, high in zip(rows[::2], rows[1::2], strict=True)]
    past = logic.any(cycle[bits:])
    return logic.select(past, logic.constant(values[-1], width), rows[0])
