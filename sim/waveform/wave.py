"""One signal of a trace, as numpy arrays: levels, edges, and what happened in no time at all.

A signal has two readings. `times` and `values` are its *levels*: at each time one value, the last that was
written there. `all_times` and `all_values` are its *changes* in the file's order, several at one time where
there was a glitch; edges are looked for in these. Without glitches the two are the same arrays.
"""

import copy
import enum
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..support.errors import InputError
from .arrays import array_of, equal_to, known_bits, object_array, plain_value

LETTERS = "01xzuwhl-"
"""What a bit can be: Verilog's four values, and std_logic's other five."""
_LEVEL_OF = {"0": 0, "1": 1, "l": 0, "h": 1}
_NEITHER = 2

Value = Any
"""An int, a float or a str, as the signal's kind and `values` say."""


class TraceError(InputError):
    """A file that is no waveform, or is broken, or a signal that is not in it."""


class Kind(enum.Enum):
    """What the values of a signal are."""

    BITS = "bits"
    """Numbers, or where a bit is neither 0 nor 1 text of as many letters as it has bits, `LETTERS`."""
    REAL = "real"
    """Floating-point numbers."""
    STRING = "string"
    """Text: names of states and the like."""
    EVENT = "event"
    """Nothing: it happens."""


class EdgeError(TraceError):
    """Edges of a signal that has none, such as a bus."""


class Spans(NamedTuple):
    """When a signal has a value."""

    starts: np.ndarray
    ends: np.ndarray
    """The change that ends each; the same time as its start for a glitch."""
    is_open: bool
    """The last one lasts to the end of the trace: its end is only where the signal's changes end."""


class Wave:
    """One signal: its values and the times from which they hold.

    Before the first of its times a signal is unknown; it can have none at all.

    Parameters
    ----------
    values: one for each time; with a table, whole numbers that are values where they are not negative, and
        else -1 for the first value of the table, -2 for the second.
    declared: `left` and `right`; by default `width` - 1 and 0.
    name, times, width, kind: as the attributes; times may repeat. The kind is text by default if the width
        is 0, and else bits.

    Attributes
    ----------
    name: full path, with dots.
    kind: what its values are.
    width: in bits; 0 for text and events, 64 for reals.
    times: int64 array, strictly increasing, in units of the trace's timescale.
    values: array of the same length, each unlike the one before: int64; float64 for reals; object where a
        value has more than 63 bits (int), is text, or has a bit that is neither 0 nor 1 (str, lower case).
    all_times, all_values: every change, glitches included; times can repeat. Each value is unlike the one
        before, except of an event, whose every occurrence is there.
    left: index of the leftmost bit as it was declared: 'v[7:0]' has 7.
    right: index of the rightmost bit.
    """

    def __init__(
        self,
        name: str,
        times: np.ndarray,
        values: np.ndarray,
        width: int,
        kind: Kind | None = None,
        declared: tuple[int, int] | None = None,
        table: Sequence[Value] = (),
    ) -> None:
        self.name = name
        self.width = width
        self.kind = kind or (Kind.BITS if width else Kind.STRING)
        self.left, self.right = declared or (width - 1, 0)
        self._table = table
        if len(times) and times.dtype == np.int64 and int(times[-1]) < 1 << 32:
            # Half the memory, until somebody asks for them.
            times = times.astype(np.uint32)
        self._times, self._codes = self._without_repeats(times, values)
        self._settled: tuple[np.ndarray, np.ndarray] | None = None
        self._cache: dict[str, np.ndarray] = {}

    def renamed(self, name: str, declared: tuple[int, int] | None = None) -> "Wave":
        """The same signal under another name.

        Parameters
        ----------
        name: full path, with dots.
        declared: `left` and `right`; by default those that it has.
        """
        declared = declared or (self.left, self.right)
        if (name, *declared) == (self.name, self.left, self.right):
            return self
        other = copy.copy(self)
        other.name = name
        other.left, other.right = declared
        return other

    @property
    def all_times(self) -> np.ndarray:
        """When it changes, several times at one time where there is a glitch."""
        return self._cached("all times", lambda: self._times.astype(np.int64, copy=False))

    @property
    def all_values(self) -> np.ndarray:
        """The value at each change."""
        return self._cached("all", lambda: self._decoded(self._codes))

    @property
    def times(self) -> np.ndarray:
        """When its level changes."""
        times, _ = self._settle()
        if times is self._times:
            return self.all_times
        return self._cached("times", lambda: times.astype(np.int64, copy=False))

    @property
    def values(self) -> np.ndarray:
        """Its levels."""
        times, codes = self._settle()
        if times is self._times:
            return self.all_values
        return self._cached("levels", lambda: self._decoded(codes))

    @property
    def has_glitches(self) -> bool:
        """Whether it changed more than once at one time."""
        return len(self._settle()[0]) != len(self._times)

    @property
    def length(self) -> int:
        """How many changes there are, the first value among them."""
        return len(self._times)

    @property
    def last_time(self) -> int:
        """When it changes last; 0 if it never has a value."""
        return int(self._times[-1]) if len(self._times) else 0

    def is_same(self, other: "Wave") -> bool:
        """Whether both are one signal, under two names."""
        return self._times is other._times

    @property
    def identity(self) -> int:
        """A number that all names of one signal have in common, as long as it is there."""
        return id(self._times)

    def rises(self) -> np.ndarray:
        """Times at which a one-bit signal becomes 1, having been 0 when it was last known.

        H and L count as 1 and 0; what is neither is passed over, so that 0, x, 1 is a rise when it becomes 1.
        A time is there twice if the signal rose twice in it. An event rises whenever it happens.

        Raises
        ------
        EdgeError
            If it is not of one bit.
        """
        return self.all_times if self.kind is Kind.EVENT else self._edges(1)

    def falls(self) -> np.ndarray:
        """Times at which a one-bit signal becomes 0, having been 1 when it was last known; see `rises`."""
        return self._edges(0)

    def changes(self) -> np.ndarray:
        """Times of every change, glitches included, from whatever to whatever; the first value is none.

        Of an event every occurrence.
        """
        return self.all_times if self.kind is Kind.EVENT else self.all_times[1:]

    def at(self, time: int) -> Value | None:
        """The level at a time; None before the first value. An event is 1 when it happens, and 0."""
        index = int(np.searchsorted(self.times, time, side="right")) - 1
        if self.kind is Kind.EVENT:
            return int(index >= 0 and int(self.times[index]) == time)
        if index < 0:
            return None
        return plain_value(self.values[index])

    def index_at(self, times: np.ndarray | Sequence[int]) -> np.ndarray:
        """For each time the index of its level in `values`; -1 before the first."""
        return np.searchsorted(self.times, times, side="right") - 1

    def spans(self, value: Value) -> Spans:
        """When it has a value, glitches included.

        Parameters
        ----------
        value: of a one-bit signal 0 and 1 stand for L and H too.
        """
        same = self.levels() == value if self.is_bit and value in (0, 1) else equal_to(self.all_values, value)
        before = np.append(False, same[:-1])
        starts = self.all_times[same & ~before]
        ends = self.all_times[before & ~same]
        is_open = bool(len(same) and same[-1])
        if is_open:
            ends = np.append(ends, self.all_times[-1])
        return Spans(starts, ends, is_open)

    def between(self, start: int, end: int) -> "Wave":
        """The part from `start` up to and without `end`, beginning with the value at `start`.

        Parameters
        ----------
        start, end : int
            In units of the timescale.
        """
        first, last = np.searchsorted(self.all_times, [start, end], side="left")
        times, values = self.all_times[first:last], self.all_values[first:last]
        if first and self.kind is not Kind.EVENT and not (len(times) and times[0] == start):
            times = np.concatenate([[start], times])
            values = np.concatenate([self.all_values[first - 1 : first], values])
        return Wave(self.name, times, values, self.width, self.kind, (self.left, self.right))

    @property
    def is_bit(self) -> bool:
        """Whether it can rise and fall."""
        return self.kind is Kind.BITS and self.width == 1

    def levels(self) -> np.ndarray:
        """Of a one-bit signal, for each of `all_values`: 0, 1, or 2 for neither. Raises EdgeError."""
        if self.kind is Kind.EVENT:
            raise EdgeError(f"{self.name} is an event: it happens, and does not fall")
        if not self.is_bit:
            raise EdgeError(f"{self.name} {self._what()}: it can change, but not rise or fall")
        return self._cached("bits", self._read_levels)

    def bits(self, left: int, right: int) -> "Wave":
        """A part of a vector, by the indexes of its declaration: b[2] or b[7:4].

        Parameters
        ----------
        left, right : int
            In the order of the declaration; both are in the part.

        Raises
        ------
        IndexError
            If it has no such bits.
        """
        low, high = sorted((self.left, self.right))
        descending = self.left >= self.right
        known = low <= left <= high and low <= right <= high
        if self.kind is not Kind.BITS or not known or (left != right and (left > right) != descending):
            raise IndexError(f"{self.name} has no bits [{left}:{right}]")
        first, last = abs(self.left - left), abs(self.left - right)
        width = last - first + 1
        shift, mask = self.width - 1 - last, (1 << width) - 1
        if self.all_values.dtype != object:
            values = (self.all_values >> shift) & mask
        else:
            parts = [
                known_bits(v[first : last + 1]) if isinstance(v, str) else (v >> shift) & mask
                for v in self.all_values.tolist()
            ]
            values = array_of(parts)
        index = f"[{left}]" if left == right else f"[{left}:{right}]"
        return Wave(f"{self.name}{index}", self.all_times, values, width, Kind.BITS, (left, right))

    def unknown(self, value: Value | None) -> bool:
        """Whether a value of this signal is not known: none yet, or with a bit that is neither 0 nor 1."""
        return value is None or (self.kind is Kind.BITS and isinstance(value, str))

    def text_at(self, time: int, radix: int = 16) -> str:
        """The value at a time for a reader: hexadecimal, a name, or x and z as they are.

        Parameters
        ----------
        time: in units of the timescale.
        radix: as in `text_of`.
        """
        return self.text_of(self.at(time), radix)

    def text_of(self, value: Value | None, radix: int = 16) -> str:
        """A value of this signal for a reader.

        Parameters
        ----------
        radix: 2, 8, 10 or 16, or -10 for decimal in two's complement.
        """
        if value is None:
            # An event that has not happened yet is nothing.
            return "" if self.kind is Kind.EVENT else "x"
        if isinstance(value, str):
            return value
        if isinstance(value, float):
            return f"{value:g}" if value == float(f"{value:g}") else repr(value)
        if self.width <= 1:
            return str(value)
        if radix in (10, -10):
            return str(value - (1 << self.width) if radix < 0 and value >> (self.width - 1) else value)
        per_digit = {2: 1, 8: 3, 16: 4}[radix]
        return f"{value:0{-(-self.width // per_digit)}{ {2: 'b', 8: 'o', 16: 'X'}[radix] }}"

    def _what(self) -> str:
        return f"has {self.width} bits" if self.kind is Kind.BITS else f"is {_NAMES[self.kind]}"

    def _edges(self, to: int) -> np.ndarray:
        levels = self.levels()
        known = levels != _NEITHER
        times = self._times
        if not known.all():
            levels, times = levels[known], times[known]
        return times[1:][(levels[1:] == to) & (levels[:-1] != to)].astype(np.int64, copy=False)

    def _settle(self) -> tuple[np.ndarray, np.ndarray]:
        if self._settled is None:
            times, codes = self._times, self._codes
            last = np.append(times[1:] != times[:-1], True)[: len(times)]
            if not last.all():
                times, codes = self._without_repeats(times[last], codes[last])
            self._settled = times, codes
        return self._settled

    def _without_repeats(self, times: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A value that repeats is no change."""
        if self.kind is Kind.EVENT or len(codes) < 2:
            return times, codes
        new = np.asarray(codes[1:] != codes[:-1], dtype=bool)
        if codes.dtype.kind == "f":
            new &= ~(np.isnan(codes[1:]) & np.isnan(codes[:-1]))
        if new.all():
            return times, codes
        new = np.append(True, new)
        return times[new], codes[new]

    def _decoded(self, codes: np.ndarray) -> np.ndarray:
        if codes.dtype.kind not in "iu":
            return codes
        if not self._table or not len(codes) or int(codes.min()) >= 0:
            return codes.astype(np.int64, copy=False)
        # Each value of the table once: few of it occur in one signal.
        used, inverse = np.unique(codes[codes < 0], return_inverse=True)
        values = codes.astype(object)
        values[codes < 0] = object_array([self._table[-1 - code] for code in used.tolist()])[inverse]
        return values

    def _read_levels(self) -> np.ndarray:
        codes = self._codes
        if codes.dtype.kind not in "iu":
            read = [_LEVEL_OF.get(v, _NEITHER) if isinstance(v, str) else v for v in codes.tolist()]
            return np.array(read, dtype=np.uint8)
        if not len(codes) or int(codes.min()) >= 0:
            return codes.astype(np.uint8, copy=False)
        used, inverse = np.unique(codes, return_inverse=True)
        texts = (self._table[-1 - code] if code < 0 else code for code in used.tolist())
        read = [_LEVEL_OF.get(text, _NEITHER) if isinstance(text, str) else text for text in texts]
        return np.array(read, dtype=np.uint8)[inverse]

    def _cached(self, what: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        if what not in self._cache:
            self._cache[what] = make()
        return self._cache[what]


_NAMES = {
    Kind.REAL: "a real number",
    Kind.STRING: "text",
    Kind.EVENT: "an event",
    Kind.BITS: "bits",
}


def of_values(name: str, times: np.ndarray, values: Sequence[int | str], width: int) -> Wave:
    """A signal from the times at which it changes and its values there.

    Parameters
    ----------
    name, times, values, width
        As of `Wave`; the values may be of any size, and text.
    """
    return Wave(name, times, array_of(values), width)
