"""A run, or any VCD, as numpy arrays of edges and levels by signal name."""

import re
import signal as os_signal
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
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
        return Wave(self.name, np.concatenate([[start], self.times[inside]]), values)

    def _edges(self, before: int, after: int) -> np.ndarray:
        change = (self.values[:-1] == before) & (self.values[1:] == after)
        return self.times[1:][change]


class Trace(Mapping[str, Wave]):
    """Signals by name: a full path, or the end of one if it is unique ('ferr_n', 'msr.fault').

    Attributes
    ----------
    edges: times of the rising edges of the clock, or None if there is no clock. Edge n begins cycle n; what
        comes before the first is cycle 0.
    end: time at which the trace ends.
    unit: the timescale in seconds.
    """

    def __init__(
        self, waves: Mapping[str, Wave], edges: np.ndarray | None, end: int, unit: float = 1e-9
    ) -> None:
        self._waves = dict(waves)
        self.edges = edges
        self.end = end
        self.unit = unit

    @classmethod
    def load(cls, path: str | Path, clock: str | None = None) -> "Trace":
        """Read a VCD, from any simulator.

        Parameters
        ----------
        clock: the clock's name; by default a one-bit signal called clk or clock, if there is one.

        Raises
        ------
        TraceError
            If it is no VCD, or cut off, or has no such clock. Text variables are passed over, as vcdvcd does.
        OSError
            If it cannot be read.
        """
        text = Path(path).read_text(encoding="utf-8", errors="replace")
        if "$enddefinitions" not in text:
            raise TraceError(f"{path}: expected a VCD with $enddefinitions; this is none")
        if not text.endswith("\n"):
            last = text.count("\n") + 1
            raise TraceError(f"{path}:{last}: the file is cut off in the middle of a line")
        data = _read_vcd(path, text)
        waves = {name: _wave(name, data[name].tv) for name in data.signals if data[name].tv}
        unit = float(data.timescale.get("timescale", 1e-9))
        trace = cls(waves, None, int(data.endtime or 0), unit)
        wave = trace[clock] if clock is not None else trace._clock()
        trace.edges = wave.rises() if wave is not None else None
        return trace

    def __getitem__(self, name: str) -> Wave:
        if name in self._waves:
            return self._waves[name]
        found = [path for path in self._waves if _plain(path).endswith("." + name)]
        found = found or [path for path in self._waves if _plain(path) == name]
        if len(found) == 1:
            return self._waves[found[0]]
        if found:
            raise SignalError(f"signal {name!r} could be {', '.join(sorted(found))}")
        short = {_plain(path).rpartition(".")[2] for path in self._waves}
        raise SignalError(f"no signal {name!r}{nearest(name, short)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._waves)

    def __len__(self) -> int:
        return len(self._waves)

    def match(self, pattern: str) -> list[Wave]:
        """The signals whose full path fits a glob pattern, such as 'pc.processor.*'."""
        return [wave for name, wave in self._waves.items() if fnmatchcase(name, pattern)]

    def cycle(self, time: int) -> int:
        """The cycle that a time falls into. Raises TraceError without a clock."""
        return int(np.searchsorted(self.clock_edges(), time, side="right"))

    def time(self, cycle: int) -> int:
        """The time at which a cycle begins; 0 for cycle 0, the trace's end for one past it."""
        edges = self.clock_edges()
        if cycle <= 0:
            return 0
        return int(edges[cycle - 1]) if cycle <= len(edges) else self.end

    def clock_edges(self) -> np.ndarray:
        """The rising edges of the clock. Raises TraceError if there is none."""
        if self.edges is None:
            raise TraceError("the trace has no signal clk or clock: cycles are not known; name the clock")
        return self.edges

    def _clock(self) -> Wave | None:
        candidates = [
            wave for name, wave in self._waves.items() if _plain(name).rpartition(".")[2] in ("clk", "clock")
        ]
        # The outermost one, where blocks repeat it.
        return min(candidates, key=lambda wave: wave.name.count("."), default=None)


class SignalError(KeyError, TraceError):
    """A signal that is not in a trace, or a name that could be several."""

    def __str__(self) -> str:
        return str(self.args[0])


def _plain(path: str) -> str:
    """A path without the width that some simulators append to a name."""
    return re.sub(r"\[\d+(:\d+)?\]$", "", path)


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
        end = self.cycles * CYCLE_NS
        # Edge n stands at the start of cycle n, the last one at the end.
        return Trace(waves, np.arange(CYCLE_NS, end + 1, CYCLE_NS, dtype=np.int64), end)
