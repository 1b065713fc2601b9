"""Waves as lines of text: levels in two rows of box characters, buses and names as values.

          10        20
FERR#  ────┐         ┌──
           └─────────┘
MASKS  │3A      │3F
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from rich.text import Text

from ..selection import Shown
from ..trace import Trace
from ..wave import Value, Wave


class Glyphs(NamedTuple):
    """The characters to draw with. Corners: upper row, lower row."""

    line: str
    rise: str
    fall: str
    several: str
    """More than one change within a cycle."""
    bar: str
    quiet: str
    """Cycles that are left out, in a line and in the ruler."""
    cut: str
    """The rest of a value that has no room."""


BOX = Glyphs("─", "┌┘", "┐└", "║║", "│", "┄", "…")
ASCII = Glyphs("-", "++", "++", "##", "|", ".", "~")
QUIET = 12
"""Cycles without a change from which on a stretch is shortened, where that is wanted."""
_KEPT = 3
"""Cycles that are drawn at either end of such a stretch."""
WIDE_ENOUGH = 3
"""Characters for a cycle where there is room and nothing wants more."""
_GAP = 3
"""Characters for what is left out."""


class _Column(NamedTuple):
    """What stands for one cycle; cycle -1 for a stretch that is left out."""

    cycle: int
    width: int


class Canvas(NamedTuple):
    """How to draw.

    Attributes
    ----------
    width: characters in a line; what is longer is folded.
    glyphs: BOX or ASCII.
    shorten: leave out the middle of quiet stretches.
    scale: characters for a cycle, or None: as many as let the picture fit in one piece.
    widest: most of them, where the values of buses want so many.
    radix: of the values of buses: 2, 8, 10, 16, or -10 for decimal with a sign.
    """

    width: int = 100
    glyphs: Glyphs = BOX
    shorten: bool = True
    scale: int | None = None
    radix: int = 16
    widest: int = WIDE_ENOUGH


def draw(trace: Trace, shown: Sequence[Shown], start: int, end: int, canvas: Canvas) -> list[Text]:
    """The signals from cycle `start` up to and without `end`, folded, each piece under a ruler of cycles.

    Without a clock the moments at which a signal changes take the place of cycles. Values are those at the
    end of a cycle: settled. Raises SignalError for a signal that the trace does not have.

    Parameters
    ----------
    trace : Trace
        What is drawn.
    shown : sequence of Shown
        The signals, from top to bottom.
    start, end : int
        Cycles; past the trace's end is none.
    canvas : Canvas
        How wide, and with which characters.

    Returns
    -------
    list of Text
        The lines, for rich.
    """
    margin = max((len(one.label) for one in shown), default=0) + 2
    room = max(canvas.width - margin, 12)
    axis = Axis(trace, shown, start, end)
    rows = [_Row(one.label, trace[one.path], axis, canvas, _is_clock(trace, one)) for one in shown]
    columns, pieces = _layout(rows, axis, room, canvas)
    lines: list[Text] = []
    for piece in pieces:
        lines.append(Text(" " * margin + _ruler(axis, columns[piece], canvas.glyphs), "dim"))
        for row in rows:
            for number, drawn in enumerate(row.lines(columns[piece])):
                lines.append(Text.assemble((f"{'' if number else row.label:<{margin}}", "bold"), drawn))
        lines.append(Text())
    for line in lines:
        line.rstrip()
    return lines[:-1]


def moments(trace: Trace, shown: Sequence[Shown]) -> np.ndarray:
    """What is drawn of a trace without a clock: 0, and the times at which one of the signals changes.

    Parameters
    ----------
    trace : Trace
        The trace.
    shown : sequence of Shown
        Its signals that are drawn.

    Returns
    -------
    ndarray of int64
        Strictly increasing, in units of the timescale.
    """
    return np.unique(np.concatenate([[0], *(trace[one.path].times for one in shown)]))


class Axis:
    """Cycles, or moments of change where there is no clock.

    Parameters
    ----------
    trace : Trace
        What is drawn.
    shown : sequence of Shown
        The signals that are drawn.
    start, end : int
        The first cycle or moment, and the one behind the last; what is past the end is cut off.

    Attributes
    ----------
    first: number of the first one.
    starts: the time at which each begins.
    ends: the time at which it ends.
    """

    def __init__(self, trace: Trace, shown: Sequence[Shown], start: int, end: int) -> None:
        waves = [trace[one.path] for one in shown if not _is_clock(trace, one)]
        if trace.edges is not None:
            starts = np.concatenate([[0], trace.edges])
            # The last edge ends a cycle; it begins one only if something happens in it.
            if not any(len(wave.times) and wave.times[-1] >= starts[-1] for wave in waves):
                starts = starts[:-1]
        else:
            starts = moments(trace, shown)
        past_end = max(trace.end, int(starts[-1])) + 1
        starts = np.append(starts, past_end)
        end = min(end, len(starts) - 1)
        self.first = min(start, end)
        self.starts = starts[self.first : end]
        self.ends = starts[self.first + 1 : end + 1]
        self._clocked = trace.edges is not None

    def label(self, cycle: int) -> str:
        """What the ruler says at a cycle."""
        return str(self.first + cycle if self._clocked else self.starts[cycle])

    def marked(self, cycle: int) -> bool:
        """Whether the ruler should say something there."""
        return (self.first + cycle) % 10 == 0 or not self._clocked


def _is_clock(trace: Trace, one: Shown) -> bool:
    return trace.clock is not None and trace[one.path].is_same(trace.clock)


class _Row:
    """A signal along the axis."""

    def __init__(self, label: str, wave: Wave, axis: Axis, canvas: Canvas, is_clock: bool) -> None:
        self.label = label
        self.is_clock = is_clock
        self._wave = wave
        self._glyphs = canvas.glyphs
        self._radix = canvas.radix
        before = np.searchsorted(wave.times, axis.starts, side="left")
        after = np.searchsorted(wave.times, axis.ends, side="left")
        self.changes = after - before
        listed = [*wave.values.tolist(), None]
        # Before its first value it has none: index -1.
        self.values: list[Value | None] = [listed[index] for index in (after - 1).tolist()]
        self.is_level = wave.is_bit
        self._asserted = 0 if wave.name.endswith("_n") or label.endswith("#") else 1

    @property
    def longest(self) -> int:
        """Characters that the longest of its values wants."""
        if self.is_level:
            return 0
        return 1 + max(len(self._wave.text_of(value, self._radix)) for value in set(self.values))

    def lines(self, columns: Sequence[_Column]) -> Iterator[Text]:
        """Two rows for a level, one for values."""
        if not self.is_level:
            yield self._value_row(columns)
            return
        yield self._level_row(columns, upper=True)
        yield self._level_row(columns, upper=False)

    def _level_row(self, columns: Sequence[_Column], upper: bool) -> Text:
        row = Text()
        for index, (cycle, width) in enumerate(columns):
            if cycle < 0:
                level = self.values[columns[index - 1].cycle if index else columns[index + 1].cycle]
                row.append((self._glyphs.quiet if level == int(upper) else " ") * width, "dim")
                continue
            value, past = self.values[cycle], self.values[max(cycle - 1, 0)]
            if self.is_clock and isinstance(value, int) and self.changes[cycle] > 1:
                row.append(self._beat(width, upper), "green")
                continue
            line = self._glyphs.line if value == int(upper) else " "
            if not isinstance(value, int):
                row.append(("" if upper else value or "x").ljust(1) * width, "bold red")
                continue
            corner = line
            side = 0 if upper else 1
            if self.changes[cycle] > 1:
                corner = self._glyphs.several[side]
            elif value != past and isinstance(past, int):
                corner = (self._glyphs.rise if value else self._glyphs.fall)[side]
            row.append(corner + line * (width - 1), "bold green" if value == self._asserted else "green")
        return row

    def _beat(self, width: int, upper: bool) -> str:
        """A period of the clock: up at once, down in the middle."""
        side = 0 if upper else 1
        if width == 1:
            return self._glyphs.several[side]
        half = width // 2
        corners = self._glyphs.rise[side], self._glyphs.fall[side]
        high, low = (self._glyphs.line, " ") if upper else (" ", self._glyphs.line)
        return corners[0] + high * (half - 1) + corners[1] + low * (width - half - 1)

    def _value_row(self, columns: Sequence[_Column]) -> Text:
        row = Text()
        index = 0
        while index < len(columns):
            # A piece can begin within a stretch that is left out.
            value = self.values[max(columns[index].cycle, 0)]
            behind = index + 1
            while behind < len(columns) and not self._new(columns, behind):
                behind += 1
            width = sum(column.width for column in columns[index:behind])
            row.append(self._glyphs.bar, "dim")
            text = "" if value == "-" else self._wave.text_of(value, self._radix)
            row.append(self._fit(text, width - 1), "bold red" if self._wave.unknown(value) else "yellow")
            index = behind
        return row

    def _new(self, columns: Sequence[_Column], index: int) -> bool:
        cycle = columns[index].cycle
        return cycle > 0 and bool(self.changes[cycle])

    def _fit(self, text: str, room: int) -> str:
        if len(text) > room:
            return (text[: room - 1] + self._glyphs.cut) if room > 1 else " " * room
        return f"{text:<{room}}"


def _layout(rows: Sequence[_Row], axis: Axis, room: int, canvas: Canvas) -> tuple[list[_Column], list[slice]]:
    """The columns, and how they are cut into pieces that fit into `room` characters."""
    cycles = len(axis.starts)
    busy = np.zeros(cycles, dtype=bool)
    for row in rows:
        if not row.is_clock:
            busy |= row.changes > 0
    kept = _kept(busy) if canvas.shorten else np.ones(cycles, dtype=bool)
    wanted = min(canvas.widest, max((row.longest for row in rows), default=0))
    scale = canvas.scale or max(wanted, WIDE_ENOUGH)
    columns = _columns(kept, scale)
    while not canvas.scale and scale > 1 and sum(column.width for column in columns) > room:
        scale -= 1
        columns = _columns(kept, scale)
    pieces, start, used = [], 0, 0
    for index, column in enumerate(columns):
        if used + column.width > room:
            pieces.append(slice(start, index))
            start, used = index, 0
        used += column.width
    return columns, [*pieces, slice(start, len(columns))]


def _kept(busy: np.ndarray) -> np.ndarray:
    """The cycles that are drawn: all but the middle of long quiet stretches."""
    cycles = len(busy)
    kept = np.ones(cycles, dtype=bool)
    marks = np.concatenate([[0], np.flatnonzero(busy), [cycles]])
    for before, after in pairwise(marks.tolist()):
        if after - before > QUIET:
            kept[before + _KEPT : after - _KEPT] = False
    return kept


def _columns(kept: np.ndarray, scale: int) -> list[_Column]:
    columns: list[_Column] = []
    for cycle, keep in enumerate(kept.tolist()):
        if keep:
            columns.append(_Column(cycle, scale))
        elif columns and columns[-1].cycle >= 0:
            columns.append(_Column(-1, _GAP))
    return columns


def _ruler(axis: Axis, columns: Sequence[_Column], glyphs: Glyphs) -> str:
    """Every tenth cycle, and the first one behind what is left out, as far as there is room; none is cut."""
    line = ""
    at = 0
    for index, (cycle, width) in enumerate(columns):
        behind_gap = index > 0 and columns[index - 1].cycle < 0
        if cycle < 0:
            if len(line) <= at:
                line = line.ljust(at) + glyphs.quiet * width
        elif (axis.marked(cycle) or behind_gap) and (len(line) < at or line[-1:] in ("", glyphs.quiet)):
            line = line.ljust(at) + axis.label(cycle)
        at += width
    return line
