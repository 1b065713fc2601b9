"""A run, or any VCD, as numpy arrays of edges and levels by signal name."""

import signal as os_signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..model.pc import PcInputs, PcOutputs
from .instructions import nearest
from .signals import SIGNALS, CpuView

NO_CPU = CpuView()
CYCLE_NS = 10
"""Length of a cycle in our own traces, in ns: cycle n lasts from 10n to 10n + 10."""


class TraceError(ValueError):
    """A file that is no VCD, or a signal that is not in it."""


class Wave:
    """One signal: its values and the times from which they hold.

    Attributes
    ----------
    name: full path, with dots.
    times: int64 array, strictly increasing, in units of the trace's timescale.
    values: array of the same length: int64, or object where a value has more than 63 bits, is no number
        (a name) or is not known (text with x or z).
    """

    def __init__(self, name: str, times: np.ndarray, values: np.ndarray) -> None:
        self.name = name
        self.times = times
        self.values = values

    def rises(self) -> np.ndarray:
        """Times at which a one-bit signal goes from 0 to 1."""
        return self._edges(0, 1)

    def falls(self) -> np.ndarray:
        """Times at which a one-bit signal goes from 1 to 0."""
        return self._edges(1, 0)

    def at(self, time: int) -> int | str:
        """The value at a time; the first one before that."""
        index = max(int(np.searchsorted(self.times, time, side="right")) - 1, 0)
        value = self.values[index]
        return value if isinstance(value, str) else int(value)

    def _edges(self, before: int, after: int) -> np.ndarray:
        change = (self.values[:-1] == before) & (self.values[1:] == after)
        return self.times[1:][change]


class Trace(Mapping[str, Wave]):
    """Signals by name: a full path, or the end of one if it is unique ('ferr_n', 'msr.fault').

    Attributes
    ----------
    period: length of a cycle in units of the timescale; cycle n begins at n * period.
    end: time at which the trace ends.
    """

    def __init__(self, waves: Mapping[str, Wave], period: int, end: int) -> None:
        self._waves = dict(waves)
        self.period = period
        self.end = end

    @classmethod
    def load(cls, path: str | Path, period: int = CYCLE_NS) -> "Trace":
        """Read a VCD.

        Raises
        ------
        TraceError
            If it is none. Text variables are passed over, as vcdvcd does.
        OSError
            If it cannot be read.
        """
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        if "$enddefinitions" not in text:
            raise TraceError(f"{path}: expected a VCD with $enddefinitions; this is none")
        data = _read_vcd(path, text)
        waves = {name: _wave(name, data[name].tv) for name in data.signals if data[name].tv}
        return cls(waves, period, int(data.endtime or 0))

    def __getitem__(self, name: str) -> Wave:
        if name in self._waves:
            return self._waves[name]
        found = [path for path in self._waves if path.endswith("." + name)]
        if len(found) == 1:
            return self._waves[found[0]]
        if found:
            raise KeyError(f"signal {name!r} could be {', '.join(sorted(found))}")
        short = {path.rpartition(".")[2] for path in self._waves}
        raise KeyError(f"no signal {name!r}{nearest(name, short)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._waves)

    def __len__(self) -> int:
        return len(self._waves)

    def cycle(self, time: int) -> int:
        """The cycle that a time falls into."""
        return int(time) // self.period


def _read_vcd(path: str | Path, text: str) -> Any:
    """The text through vcdvcd, which resets SIGPIPE's handler when it is imported."""
    handler = os_signal.getsignal(os_signal.SIGPIPE)
    from vcdvcd import VCDVCD

    os_signal.signal(os_signal.SIGPIPE, handler)
    try:
        return VCDVCD(vcd_string=text)
    except Exception as error:
        # vcdvcd has no errors of its own: whatever it stumbles over is a malformed file.
        raise TraceError(f"{path}: not a VCD that vcdvcd can read ({error})") from error


def _wave(name: str, changes: list[tuple[int, str]]) -> Wave:
    """A signal from vcdvcd's list of times and values; the last of several at one time counts."""
    last = dict(changes)
    return _of_values(name, list(last), [_number(value) for value in last.values()])


def _number(value: str) -> int | str:
    return int(value, 2) if set(value) <= {"0", "1"} else value


def _of_values(name: str, times: list[int], values: list[int | str]) -> Wave:
    small = all(isinstance(value, int) and value < 1 << 63 for value in values)
    return Wave(name, np.array(times, dtype=np.int64), np.array(values, dtype=np.int64 if small else object))


class Recorder:
    """Collects what a machine does, cycle by cycle, as changes only."""

    def __init__(self) -> None:
        self.cycles = 0
        self._times: list[list[int]] = [[] for _ in SIGNALS]
        self._values: list[list[int | str]] = [[] for _ in SIGNALS]

    def record(self, inputs: PcInputs, outputs: PcOutputs, cpu: CpuView = NO_CPU) -> None:
        """One more cycle."""
        time = self.cycles * CYCLE_NS
        for signal, times, values in zip(SIGNALS, self._times, self._values, strict=True):
            value = signal.get(inputs, outputs, cpu)
            if not isinstance(value, str):
                value = int(value)
            if not values or values[-1] != value:
                times.append(time)
                values.append(value)
        self.cycles += 1

    def trace(self) -> Trace:
        """What has been recorded so far."""
        waves = {
            signal.path: _of_values(signal.path, times, values)
            for signal, times, values in zip(SIGNALS, self._times, self._values, strict=True)
        }
        return Trace(waves, CYCLE_NS, self.cycles * CYCLE_NS)
