"""The names in an FST: its hierarchy block, which pywellen does not hand out as it is.

pywellen cuts an index off every name, also off an escaped one that ends in brackets, and joins bits that were
declared one by one. Names and handles are read here, from the layout that libfst writes (fstapi.c of GTKWave:
blocks of a type, a length and contents; numbers with the highest byte first).
"""

import struct
import zlib
from mmap import mmap
from typing import NamedTuple

from ..wave import Kind, TraceError

_HIERARCHY, _HIERARCHY_LZ4, _HIERARCHY_LZ4_TWICE = 4, 6, 7
_COMMENT = b"\0\0"
"""Type and subtype of an attribute."""
_CHANGES = (1, 5, 8)
_ATTRIBUTE, _ATTRIBUTE_END, _SCOPE, _UPSCOPE = 252, 253, 254, 255
_KINDS = {0: Kind.EVENT, 3: Kind.REAL, 4: Kind.REAL, 20: Kind.REAL, 21: Kind.STRING, 29: Kind.REAL}
_HEADER = struct.Struct(">QQdQQQQQb")


class FstVariable(NamedTuple):
    """A variable of an FST."""

    path: str
    name: str
    """Without scopes, as the file has it: 'd [7:0]'."""
    width: int
    kind: Kind
    handle: int
    """Counted from 0; equal for aliases."""


class _Damaged(Exception):
    """What no FST has."""


class FstNames(NamedTuple):
    """What an FST says before its values."""

    variables: list[FstVariable]
    start: int
    """The first time."""
    end: int
    """The last one."""
    unit: float
    sections: int
    """Parts that its changes come in."""
    size: int
    """In bytes."""
    comments: list[str]


def read_names(data: bytes | mmap, path: str) -> FstNames:
    """The variables of a whole FST. Raises TraceError.

    Parameters
    ----------
    data : bytes or mmap
        The file's contents.
    path : str
        Of the file, for the message.
    """
    try:
        return _read(data, path)
    except (struct.error, IndexError, zlib.error, _Damaged):
        raise TraceError(f"{path}: expected an FST; its names cannot be read, it is damaged") from None


def _read(data: bytes | mmap, path: str) -> FstNames:
    position = 0
    first, last, unit, sections, variables = 0, 0, 1.0, 0, None
    comments: list[str] = []
    while position + 9 <= len(data):
        kind = data[position]
        (length,) = struct.unpack_from(">Q", data, position + 1)
        start, position = position + 9, position + 1 + length
        if length < 8 or position > len(data):
            raise TraceError(f"{path}: the FST is cut off: a block of {length} bytes ends behind the file")
        if kind == 0:
            fields = _HEADER.unpack_from(data, start)
            first, last, unit = fields[0], fields[1], float(f"1e{fields[8]}")
        elif kind in _CHANGES:
            sections += 1
        elif kind in (_HIERARCHY, _HIERARCHY_LZ4, _HIERARCHY_LZ4_TWICE):
            variables = _variables(_unpacked(kind, data[start:position]), comments)
    if variables is None:
        raise TraceError(f"{path}: the FST has no names: its writer was stopped before it was done")
    return FstNames(variables, first, last, unit, sections, len(data), comments)


def _unpacked(kind: int, block: bytes) -> bytes:
    (length,) = struct.unpack_from(">Q", block)
    if kind == _HIERARCHY:
        return zlib.decompress(block[8:], 31)
    if kind == _HIERARCHY_LZ4:
        return _lz4(block[8:], length)
    once, start = _number(block, 8)
    return _lz4(_lz4(block[start:], once), length)


def _lz4(block: bytes, length: int) -> bytes:
    """An LZ4 block: literals, and copies of what is already there."""
    out = bytearray()
    position = 0
    while position < len(block) and len(out) < length:
        token = block[position]
        position += 1
        count, position = _lz4_length(block, position, token >> 4)
        out += block[position : position + count]
        position += count
        if position >= len(block) or len(out) >= length:
            break
        back = block[position] | block[position + 1] << 8
        count, position = _lz4_length(block, position + 2, token & 15)
        count += 4
        if not 0 < back <= len(out):
            raise _Damaged("a copy from before the beginning")
        # A copy can reach into itself.
        piece = bytes(out[-back:])
        out += (piece * (count // back + 1))[:count]
    if len(out) < length:
        raise _Damaged("too short")
    return bytes(out[:length])


def _lz4_length(block: bytes, position: int, length: int) -> tuple[int, int]:
    if length == 15:
        more = 255
        while more == 255:
            more = block[position]
            position += 1
            length += more
    return length, position


def _variables(hierarchy: bytes, comments: list[str]) -> list[FstVariable]:
    found: list[FstVariable] = []
    scopes: list[str] = []
    handles = 0
    position = 0
    while position < len(hierarchy):
        tag = hierarchy[position]
        position += 1
        if tag == _SCOPE:
            name, position = _text(hierarchy, position + 1)
            _, position = _text(hierarchy, position)
            scopes.append(name)
        elif tag == _UPSCOPE:
            scopes = scopes[:-1]
        elif tag == _ATTRIBUTE:
            is_comment = hierarchy[position : position + 2] == _COMMENT
            text, position = _text(hierarchy, position + 2)
            _, position = _number(hierarchy, position)
            if is_comment:
                comments.append(text)
        elif tag != _ATTRIBUTE_END:
            name, position = _text(hierarchy, position + 1)
            width, position = _number(hierarchy, position)
            alias, position = _number(hierarchy, position)
            handles += not alias
            kind = _KINDS.get(tag, Kind.BITS)
            path = ".".join([*filter(None, scopes), name])
            found.append(FstVariable(path, name, width, kind, (alias or handles) - 1))
    return found


def _text(block: bytes, position: int) -> tuple[str, int]:
    end = block.find(b"\0", position)
    if end < 0:
        raise _Damaged("a name without an end")
    text = block[position:end]
    try:
        return text.decode(), end + 1
    except UnicodeDecodeError:
        # Names that differ stay apart.
        return text.decode("latin-1"), end + 1


def _number(block: bytes, position: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first."""
    value = shift = 0
    while True:
        byte = block[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
