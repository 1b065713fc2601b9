"""The declarations of a VCD: scopes, variables and the timescale (IEEE 1364-2005, 18.2)."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn

from ..wave import Kind, TraceError

_SECTION = re.compile(rb"\s*(?:(\$\w*)(?:\s(.*?))?(?<=\s)\$end(?!\S)|(\S+))", flags=re.DOTALL)
_KINDS = {
    "real": Kind.REAL,
    "realtime": Kind.REAL,
    "shortreal": Kind.REAL,
    "real_parameter": Kind.REAL,
    "string": Kind.STRING,
    "event": Kind.EVENT,
}
_UNITS = {"s": 0, "ms": -3, "us": -6, "ns": -9, "ps": -12, "fs": -15, "as": -18, "zs": -21}
_PASSED_OVER = {"date", "version", "attrbegin", "attrend", "comment"}
_SCOPES = {
    "module", "task", "function", "begin", "fork", "root", "generate", "interface", "package", "program",
    "class", "struct", "union", "union_packed", "sv_array", "unknown",
}  # fmt: skip
_MARK = b"\xef\xbb\xbf"
"""What some editors put before UTF-8."""
_RANGE = re.compile(r"\[(-?\d+)(?::(-?\d+))?\]$")
_MOST_BITS = 1 << 24


class Variable(NamedTuple):
    """A `$var`."""

    path: str
    identifier: bytes
    width: int
    kind: Kind
    declared: tuple[int, int] | None
    """Indexes of its leftmost and its rightmost bit, where the file gives them."""
    line: int


@dataclass
class Header:
    """What stands before the first change."""

    variables: list[Variable] = field(default_factory=list)
    unit: float = 1e-9
    comment: str = ""
    """The comment of ours, if there is one."""
    extended: bool = False
    """An extended VCD (IEEE 1364-2005, 18.4): `$var port`."""
    notes: list[str] = field(default_factory=list)
    length: int = 0
    """In bytes."""
    lines: int = 0
    """How many newlines there are in it."""


def parse_header(text: bytes, path: str) -> Header:
    """The declarations at the beginning of `text`, up to `$enddefinitions`.

    Parameters
    ----------
    text : bytes
        Of the file, all of the declarations at least.
    path : str
        Of the file, for messages.

    Raises
    ------
    TraceError
        If it is no VCD, or its declarations are malformed; with the line.
    """
    return _Parser(text, path).parse()


class _Parser:
    def __init__(self, text: bytes, path: str) -> None:
        self._text = text
        self._path = path
        self._header = Header()
        self._scopes: list[str] = []
        self._counted = (0, 1)
        self._unknown: dict[str, int] = {}
        self._at = 0
        self._line = 1
        self._timescale_text = ""
        self._codec = "utf-8"
        """Of the section at hand."""

    def parse(self) -> Header:
        position = len(_MARK) if self._text.startswith(_MARK) else 0
        seen = False
        while match := _SECTION.match(self._text, position):
            position = match.end()
            self._at = match.start(1) if match[1] else match.start(3)
            self._line = self._line_of(self._at)
            if match[1] is None:
                self._no_section(match[3].decode("utf-8", "replace"), seen)
            seen = True
            keyword = match[1][1:].decode()
            body = self._decoded(match[2] or b"")
            if keyword == "enddefinitions":
                self._finish(position)
                return self._header
            self._section(keyword, body)
        if seen:
            raise TraceError(f"{self._path}:{self._line_of(len(self._text))}: expected $enddefinitions")
        raise TraceError(f"{self._path}: expected a VCD with $enddefinitions; this is none")

    def _decoded(self, body: bytes) -> str:
        """UTF-8, or what it is not, Latin-1: so names that differ stay apart."""
        try:
            self._codec = "utf-8"
            return body.decode()
        except UnicodeDecodeError:
            self._codec = "latin-1"
            return body.decode("latin-1")

    def _no_section(self, word: str, seen: bool) -> NoReturn:
        if not seen:
            raise TraceError(f"{self._path}: expected a VCD with $enddefinitions, FST or GHW; this is none")
        expected = "$end" if word.startswith("$") else "$scope, $var, $upscope or $enddefinitions"
        self._fail(
            f"expected {expected}, not {_short(word)}" if expected != "$end" else f"{word} has no $end"
        )

    def _section(self, keyword: str, body: str) -> None:
        if keyword in ("scope", "upscope", "var", "timescale"):
            words = body.split()
            nested = next((word for word in words if word[1:] in _KEYWORDS and word[0] == "$"), None)
            if nested:
                self._fail(f"${keyword} has no $end before {nested}")
            getattr(self, f"_{keyword}")(words)
        elif keyword == "comment":
            if body.lstrip().startswith("irq13-record\n"):
                self._header.comment = body
        elif keyword not in _PASSED_OVER:
            self._unknown[keyword] = self._unknown.get(keyword, 0) + 1

    def _scope(self, words: list[str]) -> None:
        if not words:
            self._fail("expected $scope KIND NAME")
        # A word alone that is no kind is the name: its kind was left out.
        is_name = len(words) == 1 and words[0].lower() not in _SCOPES
        self._scopes.append(" ".join(words if is_name else words[1:]))

    def _upscope(self, words: list[str]) -> None:
        if words:
            self._fail(f"expected $upscope $end, not {_short(' '.join(words))}")
        if not self._scopes:
            self._fail("$upscope without a scope")
        self._scopes.pop()

    def _timescale(self, words: list[str]) -> None:
        text = "".join(words).lower()
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(\w+)", text)
        if not match or match[2] not in _UNITS or float(match[1]) == 0:
            self._fail(f"expected a timescale such as 1 ns, not {_short(text)!r}")
        unit = float(f"{match[1]}e{_UNITS[match[2]]}")
        if self._timescale_text and unit != self._header.unit:
            self._fail(f"expected one timescale, not {text} after {self._timescale_text}")
        self._timescale_text = text
        self._header.unit = unit

    def _var(self, words: list[str]) -> None:
        if len(words) < 4:
            self._fail("expected $var KIND WIDTH IDENTIFIER NAME")
        kind_word, size, identifier, *rest = words
        kind = _KINDS.get(kind_word.lower(), Kind.BITS)
        if kind_word == "port":
            self._header.extended = True
        name, declared = split_range(" ".join(rest))
        width = self._width(size)
        if declared and abs(declared[0] - declared[1]) + 1 != width:
            declared = None
        if kind is not Kind.BITS:
            width, declared = 64 if kind is Kind.REAL else 0, None
        path = ".".join([*filter(None, self._scopes), name])
        variable = Variable(path, identifier.encode(self._codec), width, kind, declared, self._line)
        self._header.variables.append(variable)

    def _width(self, size: str) -> int:
        if found := _RANGE.fullmatch(size):
            return abs(int(found[1]) - int(found[2] or found[1])) + 1
        if not size.isdecimal() or int(size) > _MOST_BITS:
            self._fail(f"expected a width in bits, not {_short(size)!r}")
        return int(size)

    def _finish(self, position: int) -> None:
        if not self._timescale_text:
            self._header.notes.append("no $timescale: a unit of time is taken for 1 ns")
        self._header.length = position
        self._header.lines = self._text.count(b"\n", 0, position)
        for keyword, count in self._unknown.items():
            times = "" if count == 1 else f" ({count} times)"
            self._header.notes.append(f"${keyword}{times} among the declarations was skipped")

    def _line_of(self, position: int) -> int:
        before, line = self._counted
        line += self._text.count(b"\n", before, position)
        self._counted = position, line
        return line

    def _fail(self, message: str) -> NoReturn:
        raise TraceError(f"{self._path}:{self._line}: {message}")


_KEYWORDS = {"scope", "upscope", "var", "timescale", "enddefinitions", "date", "version", "comment"}


def split_range(name: str) -> tuple[str, tuple[int, int] | None]:
    """A name with its range behind it and no space between, and the range: 'v [7:0]' is 'v[7:0]', (7, 0)."""
    name = _name(name)
    found = _RANGE.search(name)
    if not found:
        return name, None
    return name, (int(found[1]), int(found[2] if found[2] is not None else found[1]))


def _name(text: str) -> str:
    """A range stands apart from a name, and its own parts may: a [7 : 0]."""
    if not text.endswith("]"):
        return text
    found = re.search(r"\s*((?:\[\s*-?\d+\s*(?::\s*-?\d+\s*)?\]\s*)+)$", text)
    if found and found.start():
        return text[: found.start()] + re.sub(r"\s", "", found[1])
    return text


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
