"""Reads FST and GHW through pywellen, the reader behind Surfer.

pywellen tells its troubles on standard output and standard error and panics with a BaseException; both are
caught here and become one line. What it says of values is taken as it is; what it says of names is not, see
`fst_names`.
"""

import functools
import os
import sys
import tempfile
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import array_of
from ..wave import LETTERS, Kind, TraceError, Wave
from .contents import Contents, Names, record_in
from .fst_names import FstNames, read_names
from .header import split_range

_MANY = 100
"""An FST has many variables if their number squared, in each of its sections, is so often its size in bytes.

Measured: a variable takes pywellen 8 ns for each of all variables in each section, a change 1 us in a stream
against 0.2 us, and a change takes a byte or two.
"""
_MOST_HELD = 1_000_000
"""Changes that an open waveform may keep beside those that are read from it."""


def read_binary(file: str, path: str, form: str) -> Contents:
    """Read an FST or a GHW.

    Parameters
    ----------
    file: where it is.
    path: what it is called in messages.
    form: "FST" or "GHW".

    Raises
    ------
    TraceError
        If it is broken, or pywellen is not installed.
    """
    try:
        from pywellen import Waveform  # type: ignore[attr-defined]
    except ImportError:
        raise TraceError(f"{path}: to read {form}, install pywellen") from None
    said: list[str] = []
    with _troubles(path, form, said):
        opener = functools.partial(Waveform, file, remove_scopes_with_empty_name=False)
        if form == "FST":
            # First, for pywellen takes gigabytes before it finds out that a file was cut off.
            with Path(file).open("rb") as whole, mmap(whole.fileno(), 0, access=ACCESS_READ) as data:
                names = read_names(data, path)
            contents = _fst(names, _Opened(opener), path)
        else:
            contents = _ghw(_Opened(opener))
    remarks = tuple(f"pywellen says: {line}" for line in dict.fromkeys(said))
    return contents._replace(notes=(*contents.notes, *remarks))


@contextmanager
def _troubles(path: str, form: str, said: list[str]) -> Iterator[None]:
    """Catches what pywellen prints, into `said`, and what it throws."""
    backtrace = os.environ.get("RUST_BACKTRACE")
    os.environ["RUST_BACKTRACE"] = "0"
    failed: BaseException | None = None
    with tempfile.TemporaryFile() as caught:
        kept = []
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        for descriptor in (1, 2):
            kept.append(os.dup(descriptor))
            os.dup2(caught.fileno(), descriptor)
        try:
            yield
        except (TraceError, KeyboardInterrupt, SystemExit, MemoryError):
            raise
        except BaseException as error:
            # Its panics are no Exception.
            failed = error
        finally:
            for descriptor, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)
            if backtrace is None:
                del os.environ["RUST_BACKTRACE"]
            else:
                os.environ["RUST_BACKTRACE"] = backtrace
        caught.seek(0)
        lines = caught.read().decode("utf-8", "replace").splitlines()
        said += [line for line in lines if line.strip() and "RUST_BACKTRACE" not in line]
    if failed is not None:
        reason = " ".join(str(failed).split()) or type(failed).__name__
        raise TraceError(f"{path}: expected a whole {form}; pywellen cannot read it ({reason})") from None


class _Opened:
    """The variables of an open waveform, which is opened anew now and then: it keeps what it has read."""

    def __init__(self, opener: Callable[[], Any]) -> None:
        self._opener = opener
        self._streamed: dict[int, tuple[array[int], list[Any]]] | None = None
        self._open()

    def stream(self) -> None:
        """Read all variables at once, change by change.

        That costs more for each change, and nothing for each variable: asked for one of them, pywellen goes
        through the positions of all. And it has the bits that were declared one by one, which pywellen joins
        otherwise, taking one that has no value yet for 0.
        """
        found: dict[str, tuple[array[int], list[Any]]] = defaultdict(lambda: (array("q"), []))

        def change(time: int, signal: object, value: Any) -> None:
            times, values = found[str(signal)]
            times.append(time)
            values.append(value)

        self._opener().stream_changes(change, None)
        self._streamed = {_number_in(signal): changes for signal, changes in found.items()}

    def _open(self) -> None:
        # The old one goes before the new one comes.
        self.variables: list[Any] = []
        waveform = self._opener()
        self.timescale = waveform.timescale
        self.variables += list(waveform.all_vars())
        self.identities = [_identity(variable) for variable in self.variables]
        self.by_handle = {identity: index for index, identity in enumerate(self.identities)}
        self._held = 0

    def wave(self, identity: int, path: str, width: int, kind: Kind, start: int = 0) -> Wave:
        """Read a signal."""
        if self._streamed is not None:
            times, values = self._streamed.pop(identity, ((), ()))
            return _wave(lambda: zip(times, values, strict=True), path, width, kind, start)
        if self._held > _MOST_HELD:
            self._open()
        variable = self.variables[self.by_handle[identity]]
        kind = Kind.STRING if variable.is_string else kind
        wave = _wave(lambda: variable.tv, path, width, kind, start)
        if wave.kind is Kind.STRING:
            wave = _in_utf_8(wave)
        self._held += wave.length
        return wave


def _fst(names: FstNames, opened: _Opened, path: str) -> Contents:
    """Names as the file has them, with the values of the variables that pywellen made of them."""
    are_many = len(names.variables) ** 2 * names.sections > _MANY * names.size
    if are_many or any(one.handle not in opened.by_handle for one in names.variables):
        opened.stream()
    read: dict[int, Wave] = {}
    waves = Names()
    for one in names.variables:
        plain, declared = split_range(one.path)
        if one.handle not in read:
            read[one.handle] = opened.wave(one.handle, plain, one.width, one.kind, names.start)
        if declared and abs(declared[0] - declared[1]) + 1 != one.width:
            declared = None
        waves.add(read[one.handle].renamed(plain, declared))
    title, causes = record_in("\n".join(names.comments), path)
    return Contents(dict(waves), names.end, names.unit, causes, title, _fst_notes(dict(waves)))


def _fst_notes(waves: Mapping[str, Wave]) -> tuple[str, ...]:
    """What an FST itself does not tell, once for all signals that it concerns."""
    notes = []
    broken = [
        name for name, wave in waves.items() if wave.kind is Kind.REAL and np.isnan(wave.all_values).any()
    ]
    if broken:
        notes.append(
            f"not a number somewhere: {broken[0]}, one of {len(broken)} such real signals; an FST loses a "
            "text that was written into a real"
        )
    if any(wave.kind is Kind.EVENT for wave in waves.values()):
        notes.append("events: an FST does not tell one that happens from its listing by $dumpon")
    return tuple(notes)


def _ghw(opened: _Opened) -> Contents:
    """As pywellen has it; the values of an enumeration by their names, booleans apart."""
    waves = Names()
    read: dict[int, Wave] = {}
    end = 0
    for index in range(len(opened.variables)):
        variable = opened.variables[index]
        path = variable.full_name.replace(".[", "[")
        identity = opened.identities[index]
        if identity not in read:
            kind = Kind.REAL if variable.is_real else Kind.STRING if variable.is_string else Kind.BITS
            wave = opened.wave(identity, path, int(variable.bitwidth or 0), kind)
            if variable.enum_type is not None and variable.enum_type[0] != "boolean":
                wave = _named(wave, dict(variable.enum_type[1]))
            read[identity] = wave
            end = max(end, wave.last_time)
        waves.add(read[identity].renamed(path))
    unit = float(f"{opened.timescale.factor}e{opened.timescale.unit.to_exponent()}")
    return Contents(dict(waves), end, unit)


def _named(wave: Wave, names: dict[str, str]) -> Wave:
    """The values of an enumeration by name; those without one stay numbers."""
    texts = {int(bits, 2): name for bits, name in names.items() if not bits.strip("01")}
    values = [str(texts.get(value, value)) for value in wave.all_values.tolist()]
    return Wave(wave.name, wave.all_times, array_of(values), 0, Kind.STRING)


def _identity(variable: Any) -> int:
    return _number_in(str(variable.signal_id))


def _number_in(signal: str) -> int:
    """The number in 'SignalId(12)'."""
    return int(signal.strip("SignalId()"))


def _wave(
    changes: Callable[[], Iterable[tuple[int, Any]]], path: str, width: int, kind: Kind, start: int
) -> Wave:
    if kind is Kind.EVENT:
        # What is there at the very beginning is the listing of all variables, not the event.
        times = np.array([time for time, _ in changes() if time > start], dtype=np.int64)
        return Wave(path, times, np.ones(len(times), dtype=np.int64), 0, kind)
    if kind is Kind.BITS:
        try:
            # At once, as long as they are all small numbers.
            flat = np.fromiter(chain.from_iterable(changes()), dtype=np.int64)
        except (ValueError, TypeError, OverflowError):
            pass
        else:
            return Wave(path, flat[::2].copy(), _small(flat[1::2]), width, kind)
    pairs = list(changes())
    times = np.fromiter((time for time, _ in pairs), dtype=np.int64, count=len(pairs))
    if kind is Kind.REAL:
        values = np.fromiter((value for _, value in pairs), dtype=np.float64, count=len(pairs))
        return Wave(path, times, values, 64, kind)
    if kind is Kind.STRING:
        return Wave(path, times, array_of([str(value) for _, value in pairs]), 0, Kind.STRING)
    return Wave(path, times, array_of([_bits(value) for _, value in pairs]), width, kind)


def _in_utf_8(wave: Wave) -> Wave:
    """A text whose bytes pywellen took for Latin-1."""
    texts = []
    for value in wave.all_values.tolist():
        try:
            texts.append(value.encode("latin-1").decode())
        except UnicodeError:
            texts.append(value)
    return Wave(wave.name, wave.all_times, array_of(texts), 0, Kind.STRING)


def _bits(value: Any) -> int | str:
    """A number or letters; pywellen gives both as IEEE 1364 extends them."""
    if isinstance(value, str):
        text = value.lower()
        if text.strip(LETTERS):
            raise ValueError(f"{value!r} for a vector")
        return text
    return int(value)


def _small(values: np.ndarray) -> np.ndarray:
    """In the smallest type that holds them."""
    high = int(values.max(initial=0))
    return values.astype(next((kind for limit, kind in _SMALL if high <= limit), np.int64))


_SMALL = tuple((np.iinfo(kind).max, kind) for kind in (np.uint8, np.uint16, np.uint32))
