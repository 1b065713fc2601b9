"""Traces from pictures such as 'a=0011 d=3xz': one character a cycle of 10 ns, each from the clock's edge on.

A digit is a value, x z u w h l - are letters, `.` is nothing yet, `(010)` several values at one time. Signals
d, e, w have four bits, s is text of one letter, go is an event that happens at each `!`; the others have one
bit.
"""

import re

import numpy as np
from irq13.sim import Trace
from irq13.sim.waveform.arrays import array_of
from irq13.sim.waveform.wave import Kind, Wave

CYCLE = 10
_WIDTHS = {"d": 4, "e": 4, "w": 4, "s": 0, "go": 0}
_KINDS = {"s": Kind.STRING, "go": Kind.EVENT}


def drawn(picture, unit=1e-9):
    """The trace of a picture; its last level lasts to the end of the longest row."""
    rows = dict(part.split("=") for part in picture.split())
    columns = {name: re.findall(r"\([^)]*\)|.", row) for name, row in rows.items()}
    length = max(map(len, columns.values()))
    waves = {name: _wave(name, cells) for name, cells in columns.items()}
    end = CYCLE * length
    return Trace(waves, np.arange(CYCLE, end + 1, CYCLE), end, unit)


def _wave(name, cells):
    width, kind = _WIDTHS.get(name, 1), _KINDS.get(name, Kind.BITS)
    times, values = [], []
    for cycle, cell in enumerate(cells):
        for letter in cell.strip("()"):
            if letter == ".":
                continue
            times.append(CYCLE * cycle)
            values.append(letter if kind is not Kind.BITS else _value(letter, width))
    return Wave(name, np.array(times, dtype=np.int64), array_of(values), width, kind)


def _value(letter, width):
    return int(letter, 16) if letter in "0123456789ABCDEF" else letter * width
