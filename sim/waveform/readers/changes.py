"""The value changes of a VCD, kept as arrays for each identifier."""

import re
from itertools import pairwise
from typing import NoReturn

import numpy as np

from ...support.errors import InputError
from ..wave import LETTERS, Kind, TraceError, Value
from . import tokens
from .header import Header
from .piece import (
    BEGUN_CHANGE,
    HIDDEN_SPACE,
    KEYWORD,
    VECTOR,
    Fault,
    Lookup,
    Piece,
    Wrong,
    checked,
    with_hidden_spaces,
    without_remarks,
    without_strengths,
)

_LONG = np.frombuffer(b"brs", dtype=np.uint8)
"""What begins a value that is a word of its own."""
_LONG_EITHER = b"brsBRS"
UNKNOWN = LETTERS[2:]
"""The letters of a bit that is neither 0 nor 1, in the order of their codes: x is -1."""
_BIT = np.zeros(256, dtype=np.int64)
for _index, _letter in enumerate(UNKNOWN):
    _BIT[ord(_letter)] = _BIT[ord(_letter.upper())] = -1 - _index
_BIT[ord("1")] = 1


class Changes:
    """All changes, by identifier.

    Parameters
    ----------
    header : Header
        The declarations, which say what the identifiers are.
    path : str
        Of the file, for messages.

    Attributes
    ----------
    table: the values that are no small numbers; see `Wave`.
    end: the last time.
    """

    def __init__(self, header: Header, path: str) -> None:
        self.table: list[Value] = list(UNKNOWN)
        self.end = 0
        self._path = path
        self._slots: dict[bytes, int] = {}
        widths: list[int] = []
        kinds: list[Kind] = []
        for variable in header.variables:
            slot = self._slots.setdefault(variable.identifier, len(widths))
            if slot == len(widths):
                widths.append(variable.width)
                kinds.append(variable.kind)
            widths[slot] = max(widths[slot], variable.width)
        self._widths = np.array(widths, dtype=np.int64)
        self._is_event = np.array([kind is Kind.EVENT for kind in kinds], dtype=bool)
        self._is_text = np.array([kind is Kind.STRING for kind in kinds], dtype=bool)
        self._extended = header.extended
        self._codes: dict[tuple[bytes, int], int] = {}
        self._lookup = Lookup(self._slots)
        self._numbers = _Collected(len(widths), np.dtype(np.int64))
        self._reals = _Collected(len(widths), np.dtype(np.float64))
        self._textual = np.zeros(len(widths), dtype=bool)
        self._line = 1 + header.lines
        self._time = 0
        self._in_checkpoint = False

    def width(self, identifier: bytes) -> int:
        """Bits of the widest variable of an identifier."""
        return int(self._widths[self._slots[identifier]])

    def feed(self, text: bytes, is_last: bool) -> bytes:
        """Read a text that ends between words; returns what belongs to the next one.

        Parameters
        ----------
        text : bytes
            It goes on where the last one, without what `feed` returned, ended.
        is_last : bool
            The file ends with it.

        Raises
        ------
        TraceError
            If something in it is wrong; with the line.
        """
        try:
            text, rest = without_remarks(text, is_last)
        except Wrong as wrong:
            self._fail(text, wrong.fault)
        if (hole := text.find(b"\0")) >= 0:
            message = "expected text, not a byte of 0: the file has a hole"
            self._fail(text, Fault(hole + tokens.MARGIN, message))
        if self._extended:
            if not is_last and (begun := BEGUN_CHANGE.search(text)):
                text, rest = text[: begun.start()], text[begun.start() :] + rest
            text = without_strengths(text)
        try:
            left = self._read(text, is_last)
        except Wrong as wrong:
            spaced = with_hidden_spaces(text, self._slots)
            if spaced is None:
                self._fail(text, wrong.fault)
            try:
                left = self._read(spaced, is_last)
            except Wrong as again:
                self._fail(text, again.fault)
        used = len(text) - left
        self._line += text.count(b"\n", 0, used)
        return text[used:] + rest

    def of(self, identifier: bytes) -> tuple[np.ndarray, np.ndarray, Kind]:
        """Times and values of a variable, and what these turned out to be."""
        slot = self._slots[identifier]
        times, codes = self._numbers.joined(slot)
        real_times, reals = self._reals.joined(slot)
        if self._textual[slot]:
            return *self._as_texts(slot, times, codes, real_times, reals), Kind.STRING
        if not len(real_times):
            return times, codes, Kind.EVENT if self._is_event[slot] else Kind.BITS
        if len(times):
            # Numbers written as bits, and the x of $dumpoff, which is no number.
            others = np.array([self._as_float(code) for code in codes.tolist()])
            order = np.argsort(np.concatenate([times, real_times]), kind="stable")
            real_times = np.concatenate([times, real_times])[order]
            reals = np.concatenate([others, reals])[order]
        return real_times, reals, Kind.REAL

    def _as_texts(
        self, slot: int, times: np.ndarray, codes: np.ndarray, real_times: np.ndarray, reals: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """All values of a variable of which some are text: bits and reals as text, too."""
        width = int(self._widths[slot])
        texts = {
            code: self._code(f"{value:0{width}b}".encode(), -1)
            for code in np.unique(codes).tolist()
            if isinstance(value := code if code >= 0 else self.table[-1 - code], int)
        }
        if texts:
            codes = np.array([texts.get(code, code) for code in codes.tolist()], dtype=np.int64)
        if len(real_times):
            numbers = [self._code(f"{value!r}".encode(), -1) for value in reals.tolist()]
            order = np.argsort(np.concatenate([times, real_times]), kind="stable")
            times = np.concatenate([times, real_times])[order]
            codes = np.concatenate([codes.astype(np.int64), np.array(numbers, dtype=np.int64)])[order]
        return times, codes

    def _as_float(self, code: int) -> float:
        value = code if code >= 0 else self.table[-1 - code]
        return float("nan") if isinstance(value, str) else float(value)

    def _read(self, text: bytes, is_last: bool) -> int:
        """Returns how many bytes at the end are left over."""
        piece = checked(text, is_last, self._lookup, self._time)
        if piece is None:
            return 0
        self._store(piece)
        if len(piece.stamps):
            self._time = int(piece.stamps[-1])
            self.end = max(self.end, self._time)
        return piece.left

    def _store(self, piece: Piece) -> None:
        data, words, kinds, positions = piece.data, piece.words, piece.kinds, piece.positions
        slots, times = piece.slots, piece.times
        first = words.first[positions]
        values = _BIT[first]
        is_vector = kinds[positions] == VECTOR
        vectors = np.flatnonzero(is_vector)
        letter = first[vectors] | 0x20
        is_text = self._is_text[slots]
        is_text[vectors] |= letter == ord("s")
        bits = vectors[(letter == ord("b")) & ~is_text[vectors]]
        self._read_bits(piece, values, bits)
        # An x or z alone stands for all bits.
        is_letter = ~is_vector
        is_letter[vectors] = ~np.isin(letter, _LONG)
        is_letter &= ~is_text
        scalars = np.flatnonzero(is_letter & (values < 0) & (self._widths[slots] != 1))
        for index in scalars.tolist():
            if not self._is_event[slots[index]]:
                values[index] = self._code(bytes([first[index]]), int(self._widths[slots[index]]))
        for index in np.flatnonzero(is_text).tolist():
            at = positions[index]
            # A text variable may have bits for values, too: they are text as they stand.
            begin = words.starts[at] + int(first[index] in _LONG_EITHER)
            end = words.ends[at] if is_vector[index] else begin + 1
            values[index] = self._code(data[begin:end].tobytes(), -1)
            self._textual[slots[index]] = True
        reals = vectors[(letter == ord("r")) & ~is_text[vectors]]
        numbers = self._floats(piece, positions[reals])
        keep = self._happening(piece) if self._is_event.any() else None
        if len(reals):
            self._reals.add(slots[reals], times[reals], numbers)
            others = np.ones(len(values), dtype=bool)
            others[reals] = False
            keep = others if keep is None else keep & others
        if keep is not None:
            slots, times, values = slots[keep], times[keep], values[keep]
        self._numbers.add(slots, times, values, self._is_event)

    def _read_bits(self, piece: Piece, values: np.ndarray, bits: np.ndarray) -> None:
        """Values written as b0101, into `values`."""
        data, words, slots = piece.data, piece.words, piece.slots
        at = piece.positions[bits]
        starts, ends = words.starts[at] + 1, words.ends[at]
        # Some tools write b0b0101.
        starts += 2 * (
            (data[starts] == ord("0")) & (data[starts + 1] | 0x20 == ord("b")) & (ends - starts > 1)
        )
        widths = self._widths[slots[bits]]
        numbers, plain = tokens.binaries(piece.window, starts, ends)
        plain &= (numbers >> np.minimum(widths, 63)) == 0
        plain &= widths < 64
        values[bits] = numbers
        for index in np.flatnonzero(~plain).tolist():
            text = data[starts[index] : ends[index]].tobytes()
            slot = slots[bits[index]]
            if self._is_event[slot]:
                continue
            try:
                values[bits[index]] = self._code(text, int(widths[index]))
            except InputError as error:
                raise Wrong(Fault(int(starts[index]), str(error))) from None

    def _code(self, text: bytes, width: int) -> int:
        """The number of a value of so many bits, or of a text (-1). Raises InputError."""
        known = self._codes.get((text, width))
        if known is None:
            value = _decoded_text(text) if width < 0 else _extended(text.decode("latin-1").lower(), width)
            if isinstance(value, int) and value < 1 << 63:
                known = value
            elif width == 1:
                known = -1 - UNKNOWN.index(str(value))
            else:
                # Two ways to write one value have one number.
                key = (repr(value).encode(), width)
                known = self._codes.get(key)
                if known is None:
                    self.table.append(value)
                    known = self._codes[key] = -len(self.table)
            self._codes[text, width] = known
        return known

    def _floats(self, piece: Piece, at: np.ndarray) -> np.ndarray:
        data, words = piece.data, piece.words
        numbers = np.empty(len(at))
        for index, word in enumerate(at.tolist()):
            text = data[words.starts[word] + 1 : words.ends[word]].tobytes()
            try:
                # Python takes 1_000 for a number.
                numbers[index] = float(text.replace(b"_", b"?"))
            except ValueError:
                message = f"expected a real number, not {text.decode('utf-8', 'replace')!r}"
                raise Wrong(Fault(int(words.starts[word]), message)) from None
        return numbers

    def _happening(self, piece: Piece) -> np.ndarray:
        """Changes to keep: of events those that say 1, outside of checkpoints, which list every variable."""
        data, words, kinds, positions = piece.data, piece.words, piece.kinds, piece.positions
        at = positions + (kinds[positions] == VECTOR)
        value = data[np.where(at != positions, words.ends[positions] - 1, words.starts[positions])]
        happens = value == ord("1")
        marks = np.flatnonzero(kinds == KEYWORD)
        inside = self._in_checkpoint
        start = 0
        for mark, index in zip(marks.tolist(), np.searchsorted(positions, marks).tolist(), strict=True):
            if inside:
                happens[start:index] = False
            start = index
            inside = data[words.starts[mark] : words.ends[mark]].tobytes() != b"$end"
        if inside:
            happens[start:] = False
        self._in_checkpoint = inside
        return happens | ~self._is_event[piece.slots]

    def _fail(self, text: bytes, fault: Fault) -> NoReturn:
        line = self._line + text.count(b"\n", 0, max(fault.position - tokens.MARGIN, 0))
        raise TraceError(f"{self._path}:{line}: {fault.message}")


class _Collected:
    """Times and values for each slot, in the small types that hold them."""

    def __init__(self, slots: int, kind: np.dtype) -> None:
        self._kind = kind
        self._parts: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}
        self._narrow = np.uint16 if slots < 1 << 16 else np.int64

    def add(
        self, slots: np.ndarray, times: np.ndarray, values: np.ndarray, repeats: np.ndarray | None = None
    ) -> None:
        """Changes in the order of the file. A value that repeats is dropped, except in slots that may."""
        if not len(slots):
            return
        order = np.argsort(slots.astype(self._narrow), kind="stable")
        slots, times, values = slots[order], times[order], values[order]
        fresh = np.ones(len(slots), dtype=bool)
        fresh[1:] = (values[1:] != values[:-1]) | (slots[1:] != slots[:-1])
        if repeats is not None:
            fresh |= repeats[slots]
        slots, times, values = slots[fresh], times[fresh], values[fresh]
        bounds = [0, *(np.flatnonzero(slots[1:] != slots[:-1]) + 1).tolist(), len(slots)]
        for start, end in pairwise(bounds):
            part = values[start:end]
            if part.dtype.kind == "i":
                part = part.astype(_smallest(int(part.min()), int(part.max())))
            else:
                part = part.copy()
            self._parts.setdefault(int(slots[start]), []).append((times[start:end].copy(), part))

    def joined(self, slot: int) -> tuple[np.ndarray, np.ndarray]:
        """All of one slot; the parts are let go."""
        parts = self._parts.get(slot, [])
        if len(parts) > 1:
            parts = self._parts[slot] = [
                (
                    np.concatenate([times for times, _ in parts]),
                    np.concatenate([values for _, values in parts]),
                )
            ]
        if not parts:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=self._kind)
        return parts[0]


def _smallest(low: int, high: int) -> type[np.integer]:
    for kind in (np.uint8, np.uint16, np.int8, np.int16, np.int32):
        info = np.iinfo(kind)
        if info.min <= low and high <= info.max:
            return kind
    return np.int64


def _extended(text: str, width: int) -> int | str:
    """A value of so many bits: a number, or letters, extended on the left by IEEE 1364-2005, 18.2.1."""
    if set(text) - set(LETTERS):
        raise InputError(f"expected bits, not {text!r}")
    if width == 0:
        return 0
    if not text:
        raise InputError("expected bits behind b")
    fill = "0" if text[0] in "01" else text[0]
    if len(text) > width:
        if set(text[: len(text) - width]) - {fill}:
            raise InputError(f"{len(text)} bits for a variable of {width}")
        text = text[-width:]
    return int(text, 2) if not text.strip("01") else text.rjust(width, fill)


_ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{2})|([abfnrtv\\]))")
_SIGNS = dict(zip(b"abfnrtv\\", b"\a\b\f\n\r\t\v\\", strict=True))


def _decoded_text(text: bytes) -> str:
    """A text with its escapes: octal, hexadecimal, and C's letters."""

    def character(match: re.Match[bytes]) -> bytes:
        if match[1]:
            return bytes([int(match[1], 8) & 0xFF])
        return bytes([int(match[2], 16) if match[2] else _SIGNS[match[3][0]]])

    plain = _ESCAPE.sub(character, text.replace(HIDDEN_SPACE, b" "))
    try:
        return plain.decode()
    except UnicodeDecodeError:
        # As VHDL's characters are; and two texts that differ stay two.
        return plain.decode("latin-1")
