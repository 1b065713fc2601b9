"""The waves of a `vcdvcd.VCDVCD` that somebody has already."""

from typing import Any

import numpy as np

from ..arrays import array_of
from ..wave import LETTERS, Kind, TraceError, Wave
from .contents import Contents, Names

_NOTE = "read from a VCDVCD object without its file: what vcdvcd passes over is not in it"


def read_object(vcd: Any) -> Contents:
    """The signals with the values that the object has stored.

    vcdvcd keeps no text variables, reads only 0, 1, x and z, and one change a line: what it lost is not here.

    Raises
    ------
    TraceError
        If it was read without storing values.
    """
    names = Names()
    for path in vcd.signals:
        data = vcd.data[vcd.references_to_ids[path]]
        width = int(data.size)
        is_real = str(data.var_type).startswith("real")
        times = np.array([time for time, _ in data.tv], dtype=np.int64)
        if is_real:
            values = np.array([float(text) for _, text in data.tv])
        else:
            values = array_of([_value(text, width) for _, text in data.tv])
        names.add(Wave(path, times, values, 64 if is_real else width, Kind.REAL if is_real else Kind.BITS))
    if names and not any(len(wave.all_times) for wave in names.values()):
        raise TraceError("the VCDVCD object has no values: read it without store_tvs=False")
    unit = float(vcd.timescale.get("timescale", 1e-9))
    return Contents(dict(names), int(vcd.endtime or 0), unit, notes=(_NOTE,))


def _value(text: str, width: int) -> int | str:
    text = text.lower()
    if not text.strip("01"):
        return int(text, 2)
    return text.rjust(width, text[0] if text[0] != "1" else "0") if not text.strip(LETTERS) else text
