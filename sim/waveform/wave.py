"""One signal of a trace, as numpy arrays."""

from collections.abc import Sequence

import numpy as np


class Wave:
    """One signal: its values and the times from which they hold.

    Attributes
    ----------
    name: full path, with dots.
    times: int64 array, strictly increasing, in units of the trace's timescale.
    values: array of the same length: int64, or object where a value has more than 63 bits, is no number
        (a name) or is not known (text with x or z).
    width: in bits; 0 for names.
    """

    def __init__(self, name: str, times: np.ndarray, values: np.ndarray, width: int) -> None:
        self.name = name
        self.times = times
        self.values = values
        self.width = width

    def rises(self) -> np.ndarray:
        """Times at which a one-bit signal goes from 0 to 1."""
        return self._edges(0, 1)

    def falls(self) -> np.ndarray:
        """Times at which a one-bit signal goes from 1 to 0."""
        return self._edges(1, 0)

    def changes(self) -> np.ndarray:
        """Times at which it changes, from whatever to whatever."""
        return self.times[1:]

    def at(self, time: int) -> int | str:
        """The value at a time; the first one before that."""
        index = max(int(np.searchsorted(self.times, time, side="right")) - 1, 0)
        value = self.values[index]
        return value if isinstance(value, str) else int(value)

    def between(self, start: int, end: int) -> "Wave":
        """The part from `start` up to and without `end`, beginning with the value at `start`."""
        inside = (self.times > start) & (self.times < end)
        values = np.concatenate([np.array([self.at(start)], dtype=self.values.dtype), self.values[inside]])
        return Wave(self.name, np.concatenate([[start], self.times[inside]]), values, self.width)

    def text_at(self, time: int) -> str:
        """The value at a time for a reader: hexadecimal, a name, or x and z as they are."""
        return self.text_of(self.at(time))

    def text_of(self, value: int | str) -> str:
        """A value of this signal for a reader."""
        if isinstance(value, str):
            return value
        return f"{value:0{max(1, -(-self.width // 4))}X}" if self.width > 1 else str(value)

    def _edges(self, before: int, after: int) -> np.ndarray:
        change = (self.values[:-1] == before) & (self.values[1:] == after)
        return self.times[1:][change]


def of_values(name: str, times: np.ndarray, values: Sequence[int | str], width: int) -> Wave:
    """A signal from the times at which it changes and its values there."""
    small = all(isinstance(value, int) and value < 1 << 63 for value in values)
    return Wave(name, times, np.array(values, dtype=np.int64 if small else object), width)


def is_unknown(value: int | str) -> bool:
    """A value with x or z in it, as a VCD has it. A name that consists of such letters passes for one."""
    return isinstance(value, str) and set(value.lower()) <= set("01xz") and not value.isdigit()
