"""A run, or any waveform, as numpy arrays of edges and levels by signal name."""

import copy
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ..support.suggest import nearest
from .causes.cause import Cause, Edge
from .names import is_clock_name, plain_name, scopes_apart, without_width
from .readers import read_waveform
from .readers.objects import read_object
from .selection import ON_A_PAGE, choose_signals
from .view.html import frame
from .wave import TraceError, Wave

CYCLE_NS = 10
"""Length of a cycle in our own traces, in ns: cycle n lasts from 10n to 10n + 10."""
_MANY = 8
"""Names that an error lists at most."""


class Trace(Mapping[str, Wave]):
    """Signals by name: a full path, or the end of one if it is unique ('ferr_n', 'msr.fault').

    A bit or a part of a vector is a signal too: trace['b[2]'], trace['b[7:4]'].

    Parameters
    ----------
    waves : mapping of str to Wave
        By full path.
    edges : ndarray of int64 or None
        As the attribute.
    end : int
        As the attribute, in units of the timescale.
    unit, causes, title, notes
        As the attributes.

    Attributes
    ----------
    clock: the signal by whose rising edges cycles are counted, or None.
    edges: times of the rising edges of the clock, or None if there is no clock. Edge n begins cycle n; what
        comes before the first is cycle 0.
    end: time at which the trace ends.
    unit: the timescale in seconds.
    notes: what was left out or understood in a certain way when the file was read; empty for most.
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
        notes: tuple[str, ...] = (),
    ) -> None:
        self._waves = dict(waves)
        self._found: dict[str, Wave] = {}
        self._ends: dict[str, list[str]] | None = None
        self._candidates: list[Wave] | None = None
        self._told = False
        self.clock: Wave | None = None
        self.edges = edges
        self.end = end
        self.unit = unit
        self.causes = causes
        self.title = title
        self.notes = notes

    @classmethod
    def load(cls, path: str | Path, clock: str | None = None) -> "Trace":
        """Read a waveform: VCD, FST or GHW, which of them its content says; also compressed with gzip.

        Parameters
        ----------
        path: of the file; "-" is standard input.
        clock: the clock's name; by default one is looked for, see `choose_clock`.

        Raises
        ------
        TraceError
            If it is none of them, or broken (the message has the line where there are lines), or has no such
            clock, or one without edges.
        OSError
            If it cannot be read.
        """
        return cls._of(read_waveform(path), clock)

    @classmethod
    def of(cls, vcd: Any, path: str | Path | None = None, clock: str | None = None) -> "Trace":
        """The trace that a `vcdvcd.VCDVCD` holds.

        Parameters
        ----------
        vcd: read with its values stored (`store_tvs`, its default).
        path: of its file, which is then read again: vcdvcd passes over a second change on a line, text
            variables, and letters of VHDL. Without it `notes` says so.
        clock: as in `load`.

        Raises
        ------
        TraceError
            As `load`, and if no values were stored.
        OSError
            If the file cannot be read.
        """
        return cls._of(read_waveform(path) if path is not None else read_object(vcd), clock)

    @classmethod
    def _of(cls, contents: Any, clock: str | None) -> "Trace":
        waves, end, unit, causes, title, notes = contents
        trace = cls(waves, None, end, unit, causes, title, notes)
        return trace.choose_clock() if clock is None else trace.with_clock(clock)

    def __getitem__(self, name: str) -> Wave:
        found = self._found.get(name)
        if found is None:
            # Each name is looked for once, however often it is asked for.
            found = self._found[name] = self._find(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._waves)

    def __len__(self) -> int:
        return len(self._waves)

    def match(self, pattern: str) -> list[Wave]:
        """The signals whose full path fits a glob pattern, such as 'pc.processor.*', or else its end."""
        for whole in (pattern, f"*.{pattern}"):
            found = [wave for name, wave in self._waves.items() if fnmatchcase(name, whole)]
            if found:
                return found
        return []

    @property
    def clocks(self) -> tuple[str, ...]:
        """The signals that could be a clock: called like one, of one bit, with rising edges; aliases once."""
        return tuple(wave.name for wave in self._clocks())

    def choose_clock(self, near: Iterable[str] = ()) -> "Trace":
        """The same trace by the clock that is nearest to some signals; of several that are, the liveliest.

        Parameters
        ----------
        near: full paths; by default the top: the outermost clock is nearest.

        A clock that was named in `load` or `with_clock` stays. Without a candidate there is no clock.
        """
        if self._told:
            return self
        near = [*near] or [""]
        best = min(
            self._clocks(),
            key=lambda wave: (scopes_apart(wave.name, near), -len(wave.rises())),
            default=None,
        )
        return self if best is None else self._by(best)

    def with_clock(self, name: str) -> "Trace":
        """The same trace by another clock.

        Raises
        ------
        TraceError
            If there is no such signal, or it is not of one bit, or never rises.
        """
        wave = self[name]
        if not len(wave.rises()):
            raise TraceError(f"the clock {wave.name} never rises: it cannot count cycles")
        trace = self._by(wave)
        trace._told = True
        return trace

    def clock_note(self) -> str:
        """Which clock was taken, and out of how many: 'clock top.clk (of 2: top.clk, top.clk2)'."""
        if self.clock is None:
            return "" if self.edges is not None else "no clock"
        names = self.clocks
        if self._told or len(names) < 2:
            return f"clock {self.clock.name}"
        return f"clock {self.clock.name} (of {len(names)}: {_listed(names)})"

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
            called = [wave.name for wave in self._waves.values() if is_clock_name(wave.name)]
            why = (
                f"{_listed(called)} never rises or is not of one bit" if called else "no signal is called clk"
            )
            raise TraceError(f"the trace has no clock ({why}): cycles are not known; name the clock")
        return self.edges

    def _repr_html_(self) -> str:
        """The waveform viewer, for a notebook."""
        return frame(self, choose_signals(self, default=ON_A_PAGE))

    def _by(self, clock: Wave) -> "Trace":
        trace = copy.copy(self)
        trace.clock = clock
        trace.edges = clock.rises()
        return trace

    def _clocks(self) -> list[Wave]:
        if self._candidates is None:
            named = (wave for name, wave in self._waves.items() if is_clock_name(name))
            lively = (wave for wave in named if wave.is_bit and len(wave.rises()))
            # One net under several names is one clock: the outermost name, which is first in most files.
            once: dict[int, Wave] = {}
            for wave in lively:
                other = once.setdefault(wave.identity, wave)
                if wave.name.count(".") < other.name.count("."):
                    once[wave.identity] = wave
            self._candidates = [*once.values()]
        return self._candidates

    def _find(self, name: str) -> Wave:
        if name in self._waves:
            return self._waves[name]
        paths = self._ending(name)
        if len(paths) == 1:
            return self._waves[paths[0]]
        if "pc.b.freeze" in self._waves and f"pc.{name}" in paths:
            # A run of ours with two processors: the wire, not what each of them has of that name.
            return self._waves[f"pc.{name}"]
        if len(paths) > 1:
            raise SignalError(f"signal {name!r} could be {_listed(sorted(paths))}")
        if part := re.fullmatch(r"(.+?) ?\[(-?\d+)(?::(-?\d+))?\]", name):
            left = int(part[2])
            try:
                return self[part[1]].bits(left, left if part[3] is None else int(part[3]))
            except IndexError as error:
                raise SignalError(str(error)) from None
            except SignalError as error:
                if "could be" in str(error):
                    raise
        short = {plain_name(path) for path in self._waves}
        raise SignalError(f"no signal {name!r}{nearest(name, short)}")

    def _ending(self, name: str) -> list[str]:
        """The paths that end in a name, with or without the width that the file gives it."""
        if self._ends is None:
            self._ends = {}
            for path in self._waves:
                for key in {plain_name(path), path.rpartition(".")[2]}:
                    self._ends.setdefault(key, []).append(path)
        found = []
        for path in self._ends.get(name.rpartition(".")[2], ()):
            for whole in (path, without_width(path), _NUMBER.sub("", path)):
                if whole == name or whole.endswith("." + name):
                    found.append(path)
                    break
        return found


_NUMBER = re.compile(r"#\d+$")


class SignalError(KeyError, TraceError):
    """A signal that is not in a trace, or a name that could be several."""

    def __str__(self) -> str:
        return str(self.args[0])


def _listed(names: Iterable[str]) -> str:
    names = [*names]
    more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    return ", ".join(names[:_MANY]) + more
