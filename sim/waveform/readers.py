"""Reads a VCD through vcdvcd, as a stream: what is kept of a change is a time and the number of its value."""

import json
import os
import re
import signal as os_signal
import traceback
import warnings
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .causes.cause import Cause, Edge
from .wave import Kind, TraceError, Wave, array_of

RECORD = "irq13-record"
"""Marks the comment of a VCD of ours that holds the causes."""


class Contents(NamedTuple):
    """What a VCD holds."""

    waves: dict[str, Wave]
    end: int
    unit: float
    """The timescale in seconds."""
    causes: Mapping[Edge, Cause]
    title: str
    notes: tuple[str, ...] = ()


class _Numbers(dict[str, int]):
    """A number for each value, as it comes up."""

    def __missing__(self, value: str) -> int:
        number = self[value] = len(self)
        return number


class _Changes:
    """The changes of one variable."""

    def __init__(self) -> None:
        self.times = array("q")
        self.values = array("I")


def read(path: str | Path) -> Contents:
    """Read a VCD. Raises TraceError, OSError."""
    header, texts = _check(Path(path))
    vcdvcd = _import_vcdvcd()
    numbers = _Numbers()
    changes: dict[str, _Changes] = {}
    # Bound methods: this is called for every line of the file.
    appends: dict[str, tuple[Callable[[int], None], Callable[[int], None]]] = {}

    class Collector(vcdvcd.StreamParserCallbacks):
        def enddefinitions(self, vcd, signals, cur_sig_vals):
            for identifier in vcd.data:
                of = changes[identifier] = _Changes()
                appends[identifier] = of.times.append, of.values.append

        def value(self, vcd, time, value, identifier_code, cur_sig_vals):
            add_time, add_value = appends[identifier_code]
            add_time(time)
            add_value(numbers[value])

    options = {"callbacks": Collector(), "store_tvs": False}
    try:
        try:
            data = vcdvcd.VCDVCD(str(path), **options)
        except UnicodeDecodeError:
            # A comment in another encoding; vcdvcd opens the file in the locale's.
            text = Path(path).read_text(encoding="utf-8", errors="replace")
            data = vcdvcd.VCDVCD(vcd_string=text, **options)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        # vcdvcd has no errors of its own: whatever it stumbles over is a malformed file, left open.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            traceback.clear_frames(error.__traceback__)
        raise TraceError(f"{path}: not a VCD that vcdvcd can read ({error})") from error
    if texts:
        _read_texts(Path(path), texts, changes, numbers)
    table = [*numbers]
    waves = {}
    for name in data.signals:
        identifier = data.references_to_ids[name]
        is_text = identifier in texts
        width = 0 if is_text else int(data.data[identifier].size)
        if changes[identifier].times:
            waves[name] = _wave(name, changes[identifier], table, width)
    unit = float(data.timescale.get("timescale", 1e-9))
    title, causes = _record(header, path)
    return Contents(waves, int(data.endtime or 0), unit, causes, title)


def _check(path: Path) -> tuple[str, set[str]]:
    """The text before the first change, and the identifiers of text variables, which vcdvcd passes over."""
    lines = []
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        for line in file:
            lines.append(line)
            if line.lstrip().startswith("$enddefinitions") or " $enddefinitions" in line:
                break
        else:
            raise TraceError(f"{path}: expected a VCD with $enddefinitions; this is none")
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.seek(0)
            last = sum(1 for _ in file)
            raise TraceError(f"{path}:{last}: the file is cut off in the middle of a line")
    header = "".join(lines)
    return header, set(re.findall(r"\$var\s+string\s+\d+\s+(\S+)", header))


def _import_vcdvcd() -> Any:
    """vcdvcd, which resets SIGPIPE's handler when it is imported."""
    handler = os_signal.getsignal(os_signal.SIGPIPE)
    import vcdvcd

    os_signal.signal(os_signal.SIGPIPE, handler)
    return vcdvcd


def _read_texts(path: Path, identifiers: set[str], changes: dict[str, _Changes], numbers: _Numbers) -> None:
    """The changes of text variables: lines such as 'sFDIV !'."""
    time = 0
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("#"):
                time = int(line.split()[0][1:])
            elif line.startswith("s"):
                text, _, identifier = line[1:].strip().rpartition(" ")
                if identifier in identifiers:
                    value = "s" + re.sub(r"\\x20|\\[tnr\\]", _unescape, text)
                    changes[identifier].times.append(time)
                    changes[identifier].values.append(numbers[value])


def _unescape(match: re.Match[str]) -> str:
    return {"\\x20": " ", "\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\"}[match[0]]


def _wave(name: str, changes: _Changes, table: list[str], width: int) -> Wave:
    """A signal with all its changes."""
    times = np.frombuffer(changes.times, dtype=np.int64)
    codes = np.frombuffer(changes.values, dtype=np.uint32)
    present = np.flatnonzero(np.bincount(codes))
    looked_up = array_of([_value(table[code]) for code in present])
    places = np.zeros(present[-1] + 1, dtype=np.int64)
    places[present] = np.arange(len(present))
    return Wave(name, times, looked_up[places[codes]], width)


def _value(text: str) -> int | str:
    if text[0] == "s":
        return text[1:]
    return int(text, 2) if set(text) <= {"0", "1"} else text


def read_vcdvcd(vcd: Any) -> Contents:
    """What a `vcdvcd.VCDVCD` holds, with its losses. Raises TraceError if it has stored no values."""
    waves = {}
    for name in vcd.signals:
        data = vcd.data[vcd.references_to_ids[name]]
        if not data.tv and data.var_type != "string":
            raise TraceError(f"{name} has no values in the VCDVCD object: was it read with store_tvs=False?")
        times = np.array([time for time, _ in data.tv], dtype=np.int64)
        values = array_of([_value(text) for _, text in data.tv])
        waves[name] = Wave(name, times, values, int(data.size), Kind.BITS)
    unit = float(vcd.timescale.get("timescale", 1e-9))
    note = "read from a VCDVCD object, which has passed over what vcdvcd does not read; give the path too"
    return Contents(waves, int(vcd.endtime or 0), unit, {}, "", (note,))


def _record(header: str, path: str | Path) -> tuple[str, Mapping[Edge, Cause]]:
    """Title and causes from the comment of a VCD of ours."""
    match = re.search(rf"\$comment\s+{RECORD}\n(.*?)\$end", header, flags=re.DOTALL)
    if match is None:
        return "", {}
    try:
        first, *lines = match[1].strip().splitlines()
        causes = {}
        for line in lines:
            signal, cycle, text, because = json.loads(line)
            causes[Edge(signal, cycle)] = Cause(text, tuple(Edge(*edge) for edge in because))
        return json.loads(first)["title"], causes
    except (ValueError, TypeError, KeyError) as error:
        raise TraceError(f"{path}: its record of causes is damaged ({error})") from error


def record_text(title: str, causes: Mapping[Edge, Cause]) -> str:
    """The comment that `read_vcd` finds: one line of JSON for the run, and one for each edge."""
    lines = [RECORD, json.dumps({"version": 1, "title": title})]
    lines += [json.dumps([*edge, cause.text, cause.because]) for edge, cause in causes.items()]
    # A $ could end the comment.
    return "\n".join(lines).replace("$", "\\u0024") + "\n"
