"""A run, or any VCD, as numpy arrays of edges and levels by signal name."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType

import numpy as np

from ..support.suggest import nearest
from .causes.cause import Cause, Edge
from .names import CLOCKS, plain_name, without_width
from .readers import TraceError, read_vcd
from .wave import Wave

CYCLE_NS = 10
"""Length of a cycle in our own traces, in ns: cycle n lasts from 10n to 10n + 10."""


class Trace(Mapping[str, Wave]):
    """Signals by name: a full path, or the end of one if it is unique ('ferr_n', 'msr.fault').

    Attributes
    ----------
    edges: times of the rising edges of the clock, or None if there is no clock. Edge n begins cycle n; what
        comes before the first is cycle 0.
    end: time at which the trace ends.
    unit: the timescale in seconds.
    causes: why each edge happened, where the run recorded it.
    title: of the run, or empty.
    """

    def __init__(
        self,
        waves: Mapping[str, Wave],
        edges: np.ndarray | None,
        end: int,
        unit: float = 1e-9,
        causes: Mapping[Edge, Cause] = MappingProxyType({}),
        title: str = "",
    ) -> None:
        self._waves = dict(waves)
        self.edges = edges
        self.end = end
        self.unit = unit
        self.causes = causes
        self.title = title

    @classmethod
    def load(cls, path: str | Path, clock: str | None = None) -> "Trace":
        """Read a VCD, from any simulator.

        Parameters
        ----------
        clock: the clock's name; by default a one-bit signal called clk or clock, if there is one.

        Raises
        ------
        TraceError
            If it is no VCD, or cut off, or has no such clock.
        OSError
            If it cannot be read.
        """
        waves, end, unit, causes, title = read_vcd(path)
        trace = cls(waves, None, end, unit, causes, title)
        wave = trace[clock] if clock is not None else trace._clock()
        trace.edges = wave.rises() if wave is not None else None
        return trace

    def __getitem__(self, name: str) -> Wave:
        if name in self._waves:
            return self._waves[name]
        found = [path for path in self._waves if without_width(path).endswith("." + name)]
        found = found or [path for path in self._waves if without_width(path) == name]
        if len(found) == 1:
            return self._waves[found[0]]
        if found:
            raise SignalError(f"signal {name!r} could be {', '.join(sorted(found))}")
        short = {plain_name(path) for path in self._waves}
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

    def _repr_html_(self) -> str:
        """The waveform viewer, for a notebook."""
        # Both know the trace.
        from .selection import ON_A_PAGE, choose
        from .view.html import frame

        return frame(self, choose(self, default=ON_A_PAGE))

    def _clock(self) -> Wave | None:
        candidates = [wave for name, wave in self._waves.items() if plain_name(name) in CLOCKS]
        # The outermost one, where blocks repeat it.
        return min(candidates, key=lambda wave: wave.name.count("."), default=None)


class SignalError(KeyError, TraceError):
    """A signal that is not in a trace, or a name that could be several."""

    def __str__(self) -> str:
        return str(self.args[0])
