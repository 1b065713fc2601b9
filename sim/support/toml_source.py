"""A TOML file whose complaints name file and line."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

from .errors import InputError
from .suggest import nearest

Key = tuple[str, ...]


class SourceError(InputError):
    """Something wrong in a file: 'file:line: what was expected'."""


class Line(NamedTuple):
    """A line of a block of text inside the file."""

    number: int
    text: str


class Source:
    """A parsed file and where its keys stand (tomllib does not tell).

    Parameters
    ----------
    name: how messages call the file.
    text: its contents.

    Raises
    ------
    SourceError
        If it is not TOML.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        try:
            self.data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            at = re.search(r"\(at line (\d+), column \d+\)", str(error))
            line = int(at[1]) if at else text.count("\n") + 1
            reason = str(error).partition(" (at ")[0]
            if reason == "Cannot overwrite a value" and text.splitlines()[line - 1].lstrip().startswith("["):
                reason = "a value above has the name of this table, or of one around it"
            raise SourceError(f"{name}:{line}: not TOML: {reason}") from None
        except RecursionError:
            raise SourceError(f"{name}:1: not TOML that can be read: nested too deep") from None
        except ValueError:
            # Of what is TOML, Python refuses an integer of thousands of digits alone.
            raise SourceError(
                f"{name}:1: not TOML that can be read: a number of thousands of digits"
            ) from None
        self._lines = _locate(text)

    @classmethod
    def read(cls, path: str | Path) -> "Source":
        """The file at `path`. Raises SourceError, and OSError if it cannot be read."""
        try:
            # Editors on Windows put a byte order mark before the first line.
            return cls(str(path), Path(path).read_text(encoding="utf-8-sig"))
        except UnicodeDecodeError:
            raise SourceError(f"{path}:1: not a text file in UTF-8") from None

    def error(self, where: Key | int, message: str) -> SourceError:
        """A complaint about a key or a line, to be raised.

        Parameters
        ----------
        where : Key or int
            A key, or the number of a line.
        message : str
            What was expected.
        """
        return SourceError(f"{self.name}:{self.line(where)}: {message}")

    def line(self, where: Key | int) -> int:
        """The line of a key; of the table around it where the key stands in no line of its own."""
        if isinstance(where, int):
            return where
        while where and where not in self._lines:
            where = where[:-1]
        return self._lines.get(where, 1)

    def only(self, table: Key, known: Iterable[str]) -> None:
        """Refuse keys of a table that are not known.

        Parameters
        ----------
        table : Key
            Which table; () is the whole file. One that is not there has no keys.
        known : iterable of str
            Its keys.

        Raises
        ------
        SourceError
            At the first other key; the message has the nearest known ones, or all.
        """
        known = list(known)
        for key in self.get(table, dict, {}):
            if key not in known:
                hint = nearest(key, known) or f"; expected {', '.join(known)}"
                raise self.error((*table, key), f"unknown key {key!r}{hint}")

    def get(self, key: Key, kind: type, default):
        """The value of a key, which must be of a kind.

        Parameters
        ----------
        key : Key
            From the outermost table inwards.
        kind : type
            str, int, dict or bool; true and false are no int.
        default : object
            The value if the key is not there, of any kind.

        Raises
        ------
        SourceError
            If the value is of another kind.
        """
        value = self.data
        for part in key:
            if not isinstance(value, dict) or part not in value:
                return default
            value = value[part]
        # bool is an int to Python, not to whoever writes the file.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            name = {str: "a string", int: "an integer", dict: "a table", bool: "true or false"}[kind]
            raise self.error(key, f"{'.'.join(key)} must be {name}, not {value!r}")
        return value

    def block(self, key: Key) -> Iterator[Line]:
        """The lines of a multi-line string, with their numbers, without comments and empty ones."""
        text = self.get(key, str, "")
        first = self.line(key)
        # TOML drops a newline right after the opening quotes.
        if first in self._lines.blocks:
            first += 1
        for number, line in enumerate(text.split("\n"), start=first):
            line = line.split(";")[0].strip()
            if line:
                yield Line(number, line)


_ONE_LINE = ("title", "topic", "source")
"""Keys whose text is printed within a line."""


def refuse_control_characters(source: Source, table: Key = ()) -> None:
    """Raises SourceError where a text or a key has one, such as ESC: a terminal would act on it.

    Parameters
    ----------
    source : Source
        Tabs are allowed in its texts, and newlines too but for those that are printed within a line.
    table : Key
        Looked at with all tables in it; () is the whole file.
    """
    for name, value in source.get(table, dict, {}).items():
        key = (*table, name)
        if isinstance(value, dict):
            refuse_control_characters(source, key)
        texts = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
        allowed = "\t" if name in _ONE_LINE else "\t\n"
        for what, text, passes in (("a key", name, ""), *((name, text, allowed) for text in texts)):
            for character in text:
                if unicodedata.category(character) == "Cc" and character not in passes:
                    raise source.error(key, f"{what} has the control character {character!r} in it")


def shipped_names(folder: Traversable) -> list[str]:
    """The names of the files that come with irq13 in a folder."""
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir())


def open_shipped(folder: Traversable, name: str, noun: str, hint: str | None = None) -> Source:
    """A file of the folder by name, or one from a path.

    Parameters
    ----------
    folder : Traversable
        Of files that come with irq13.
    name : str
        Without `.toml` for one of those; else a path, which wins only if no such file has that name.
    noun : str
        What such a file is, for the message: "scenario" or the like.
    hint : str or None
        The end of the message; None for the list of names.

    Raises
    ------
    SourceError
        If there is neither.
    OSError
        If the file cannot be read.
    """
    names = shipped_names(folder)
    if name in names:
        return Source(f"{name}.toml", (folder / f"{name}.toml").read_text("utf-8"))
    if name.endswith(".toml") or Path(name).is_file():
        return Source.read(name)
    hint = hint or f"; there are {', '.join(names)}"
    raise SourceError(f"no {noun} {name!r}{nearest(name, names)}{hint}")


class _KeyLines(dict[Key, int]):
    """Lines of keys, and the lines on which a block of text opens with nothing behind the quotes."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: set[int] = set()


def _locate(text: str) -> _KeyLines:
    """Find where keys stand. The text has been parsed, so it is well-formed."""
    lines = _KeyLines()
    table: Key = ()
    closing = None
    for number, line in enumerate(text.split("\n"), start=1):
        if closing:
            if closing in line:
                closing = None
            continue
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            table = _parts(header[1])
            lines.setdefault(table, number)
        elif pair := re.match(r"""\s*((?:"[^"]*"|'[^']*'|[\w-]+|\s*\.\s*)+?)\s*=(.*)""", line):
            lines.setdefault((*table, *_parts(pair[1])), number)
            opened = re.match(r"""\s*(\"\"\"|''')(.*)""", pair[2])
            if opened and opened[1] not in opened[2]:
                closing = opened[1]
                if not opened[2].strip():
                    lines.blocks.add(number)
    return lines


def _parts(dotted: str) -> Key:
    return tuple(part.strip("\"' ") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[\w-]+", dotted))
