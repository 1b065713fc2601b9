"""Reads a VCD, and an extended one, into waves.

It is read here and not by pywellen, which other waveforms are read by, because what a checker needs is lost
there without a word: pywellen joins bits that are declared one by one, cuts an index off an escaped name,
skips what comes after time went back, takes the listing of an event in $dumpvars for the event, ends on a
text in a real variable or an unknown identifier with a panic, and names no lines. Reading with numpy takes
less time than asking pywellen for each signal's changes (`python -m irq13.sim.benchmarks.vcd`).
"""

from typing import IO

from ..wave import Kind, TraceError, Wave
from .changes import Changes
from .contents import Contents, Names, record_in
from .header import Header, parse_header

PIECE = 1 << 21
"""Bytes that are read at a time."""
_MOST_HEADER = 1 << 30


def read_vcd(file: IO[bytes], path: str) -> Contents:
    """Read a VCD from an open file; `path` is for messages.

    Parameters
    ----------
    file : binary file
        Open for reading, at its beginning.
    path : str
        Of the file.

    Raises
    ------
    TraceError
        If it is no VCD, or broken; with the line and what was expected.
    """
    start = _header_text(file)
    header = parse_header(start, path)
    changes = Changes(header, path)
    rest = start[header.length :]
    is_last = False
    end = start[-1:]
    del start
    while not is_last:
        more = file.read(PIECE)
        is_last = not more
        end = more[-1:] or end
        rest += more
        # Between lines where it can be: text and the changes of an extended VCD have spaces in them.
        cut = len(rest) if is_last else (rest.rfind(b"\n") + 1 or _last_space(rest))
        whole, tail = rest[:cut], rest[cut:]
        rest = changes.feed(whole, is_last) + tail
    title, causes = record_in(header.comment, path)
    notes = [*header.notes]
    if end not in (b"\n", b"\r"):
        notes.append("the last line does not end: it may be cut off")
    if header.extended:
        notes.append("an extended VCD: levels are kept, strengths and directions dropped")
    return Contents(_waves(header, changes), changes.end, header.unit, causes, title, tuple(notes))


def _last_space(text: bytes) -> int:
    return max(text.rfind(b" "), text.rfind(b"\t"), text.rfind(b"\r")) + 1


def _header_text(file: IO[bytes]) -> bytes:
    """At least all of the declarations."""
    parts = [file.read(PIECE)]
    tail = parts[0]
    while b"$enddefinitions" not in tail and parts[-1]:
        parts.append(file.read(PIECE))
        # The word can lie across two pieces.
        tail = tail[-16:] + parts[-1]
    parts.append(file.read(64))
    return b"".join(parts)


def _waves(header: Header, changes: Changes) -> dict[str, Wave]:
    names = Names()
    read: dict[bytes, Wave] = {}
    for variable in header.variables:
        wave = read.get(variable.identifier)
        if wave is None:
            times, codes, kind = changes.of(variable.identifier)
            kind = kind if len(times) else variable.kind
            width = {Kind.BITS: changes.width(variable.identifier), Kind.REAL: 64}.get(kind, 0)
            wave = Wave(variable.path, times, codes, width, kind, None, changes.table)
            read[variable.identifier] = wave
        if wave.kind is Kind.BITS and variable.kind is Kind.BITS and variable.width < wave.width:
            # Two variables of one identifier, and this is the narrower one.
            wave = wave.bits(variable.width - 1, 0) if variable.width else wave
        names.add(wave.renamed(variable.path, variable.declared))
    return dict(names)


__all__ = ["TraceError", "read_vcd"]
