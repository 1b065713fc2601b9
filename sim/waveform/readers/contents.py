"""What a reader hands over, and the record of causes that waveforms of our own carry."""

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from ...support.text import printable
from ..causes.cause import Cause, Edge
from ..wave import TraceError, Wave

RECORD = "irq13-record"
"""Marks the comment of a VCD of ours that holds the causes."""


class Contents(NamedTuple):
    """What a waveform file holds."""

    waves: dict[str, Wave]
    end: int
    unit: float
    """The timescale in seconds."""
    causes: Mapping[Edge, Cause] = MappingProxyType({})
    title: str = ""
    notes: tuple[str, ...] = ()
    """What was skipped on purpose, or understood in a certain way."""


def record_in(comment: str, path: str) -> tuple[str, Mapping[Edge, Cause]]:
    """Title and causes from the comment of a waveform of ours; nothing from another comment.

    Parameters
    ----------
    comment : str
        Of the file.
    path : str
        Of the file, for the message.

    Returns
    -------
    tuple of str and mapping of Edge to Cause
        Title and causes; "" and an empty mapping from a comment that is no record.

    Raises
    ------
    TraceError
        If it begins as a record and cannot be read.
    """
    match = re.fullmatch(rf"\s*{RECORD}\n(.*)", comment, flags=re.DOTALL)
    if match is None:
        return "", {}
    try:
        first, *lines = match[1].strip().splitlines()
        causes = {}
        for line in lines:
            signal, cycle, text, because = json.loads(line)
            causes[Edge(signal, cycle)] = Cause(printable(text), tuple(Edge(*edge) for edge in because))
        return printable(json.loads(first)["title"]), causes
    except (ValueError, TypeError, KeyError) as error:
        raise TraceError(f"{path}: its record of causes is damaged ({error})") from error


def record_text(title: str, causes: Mapping[Edge, Cause]) -> str:
    """The comment that `record_in` understands: one line of JSON for the run, and one for each edge.

    Parameters
    ----------
    title : str
        Of the run.
    causes : mapping of Edge to Cause
        Why each edge happened.
    """
    lines = [RECORD, json.dumps({"version": 1, "title": title})]
    lines += [json.dumps([*edge, cause.text, cause.because]) for edge, cause in causes.items()]
    # A $ could end the comment.
    return "\n".join(lines).replace("$", "\\u0024") + "\n"


class Names(dict[str, Wave]):
    """Waves by path; several of one path are told apart by a number behind it: a#1, a#2."""

    def __init__(self) -> None:
        super().__init__()
        self._several: dict[str, list[Wave]] = {}

    def add(self, wave: Wave) -> None:
        """One more, unless the very same is there under its name."""
        if (name := printable(wave.name)) != wave.name:
            wave = wave.renamed(name)
        same = self._several.setdefault(wave.name, [])
        if any(other.is_same(wave) for other in same):
            return
        same.append(wave)
        if len(same) == 1:
            self[wave.name] = wave
            return
        self.pop(wave.name, None)
        path = wave.name
        for number, one in enumerate(same, start=1):
            self.pop(f"{path}#{number}", None)
            self[f"{path}#{number}"] = one.renamed(f"{path}#{number}")
        same[:] = [self[f"{path}#{number}"] for number in range(1, len(same) + 1)]
