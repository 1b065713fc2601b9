"""The value changes of a VCD (IEEE 1364-2005, 18.2.1), piece by piece, as arrays for each identifier."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple, NoReturn

import numpy as np

from ..wave import LETTERS, Kind, TraceError, Value
from . import tokens
from .header import Header

_OTHER, _SCALAR, _VECTOR, _TIME, _KEYWORD, _IDENTIFIER = range(6)
_LONG = np.frombuffer(b"brs", dtype=np.uint8)
"""What begins a value that is a word of its own."""
_CLASS = np.zeros(256, dtype=np.uint8)
for _byte in "01xzuwhl-XZUWHL":
    _CLASS[ord(_byte)] = _SCALAR
for _byte in "bBrRsS":
    _CLASS[ord(_byte)] = _VECTOR
_CLASS[ord("#")] = _TIME
_CLASS[ord("$")] = _KEYWORD
UNKNOWN = LETTERS[2:]
"""The letters of a bit that is neither 0 nor 1, in the order of their codes: x is -1."""
_BIT = np.zeros(256, dtype=np.int64)
for _place, _letter in enumerate(UNKNOWN):
    _BIT[ord(_letter)] = _BIT[ord(_letter.upper())] = -1 - _place
_BIT[ord("1")] = 1
_CHECKPOINTS = {
    b"$dumpvars", b"$dumpall", b"$dumpon", b"$dumpoff",
    b"$dumpports", b"$dumpportsall", b"$dumpportson", b"$dumpportsoff", b"$dumpportsflush", b"$vcdclose",
}  # fmt: skip
_REMARKS = (b"$comment", b"$version", b"$date", b"$attrbegin", b"$attrend")
_REMARK = re.compile(
    rb"(?<!\S)(?:" + b"|".join(map(re.escape, _REMARKS)) + rb")(?!\S)(.*?(?<!\S)\$end(?!\S))?",
    flags=re.DOTALL,
)
_HIDDEN_SPACE = b"\x7f"
"""Stands for a space within a text until it is decoded."""
_STRENGTH = re.compile(rb"(?<!\S)p([DUNZduLHXTlh01?FAaBbCcf]+)(\s+)([0-7]+)(\s+)([0-7]+)(\s+)(\S+)(?!\S)")
_PORT = bytes.maketrans(b"DdLlUuHhNXAaBbCcf?ZTF", b"00001111xxxxxxxxxxzzz")


class Fault(NamedTuple):
    """Something that is not as it should be, and where in the piece."""

    position: int
    message: str


class Changes:
    """All changes, by identifier.

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
        self._lookup = _Lookup(self._slots)
        self._numbers = _Collected(len(widths), np.dtype(np.int64))
        self._reals = _Collected(len(widths), np.dtype(np.float64))
        self._textual = np.zeros(len(widths), dtype=bool)
        self._line = 1 + header.lines
        self._time = 0
        self._in_checkpoint = False
        self.is_empty = True

    def feed(self, piece: bytes, is_last: bool) -> bytes:
        """Read a piece that ends between words; returns what belongs to the next one.

        Raises
        ------
        TraceError
            If something in it is wrong; with the line.
        """
        piece, rest = self._without_remarks(piece, is_last)
        if self._extended:
            piece = _STRENGTH.sub(_port_change, piece)
        try:
            left = self._read(piece, is_last)
        except _Wrong as wrong:
            spaced = self._with_hidden_spaces(piece)
            if spaced is None:
                self._fail(piece, wrong.fault)
            try:
                left = self._read(spaced, is_last)
            except _Wrong as again:
                self._fail(piece, again.fault)
        used = len(piece) - left
        self._line += piece.count(b"\n", 0, used)
        return piece[used:] + rest

    def of(self, identifier: bytes) -> tuple[np.ndarray, np.ndarray, Kind]:
        """Times and values of a variable, and what these turned out to be."""
        slot = self._slots[identifier]
        times, codes = self._numbers.joined(slot)
        real_times, reals = self._reals.joined(slot)
        if self._textual[slot]:
            return times, codes, Kind.STRING
        if not len(real_times):
            return times, codes, Kind.EVENT if self._is_event[slot] else Kind.BITS
        if len(times):
            # Numbers written as bits, and the x of $dumpoff, which is no number.
            others = np.array([self._as_float(code) for code in codes.tolist()])
            order = np.argsort(np.concatenate([times, real_times]), kind="stable")
            real_times = np.concatenate([times, real_times])[order]
            reals = np.concatenate([others, reals])[order]
        return real_times, reals, Kind.REAL

    def _as_float(self, code: int) -> float:
        value = code if code >= 0 else self.table[-1 - code]
        return float("nan") if isinstance(value, str) else float(value)

    def _read(self, piece: bytes, is_last: bool) -> int:
        """Returns how many bytes at the end are left over."""
        margin = b" " * tokens.MARGIN
        data = np.frombuffer(b"".join((margin, piece, margin, b" ")), dtype=np.uint8)
        words = tokens.split_words(data)
        if not len(words.starts):
            return 0
        kinds = _classified(words)
        left = 0
        if kinds[-1] == _VECTOR:
            if is_last:
                raise _Wrong(Fault(int(words.starts[-1]), "the file ends in the middle of a change"))
            left = len(piece) + tokens.MARGIN - int(words.starts[-1])
            words = tokens.WordSpans(words.starts[:-1], words.ends[:-1], words.first[:-1])
            kinds = kinds[:-1]
        window = tokens.windows(data)
        faults = [*self._strangers(data, words, kinds)]
        moments, stamps = self._stamps(data, window, words, kinds, faults)
        places = np.flatnonzero((kinds == _SCALAR) | (kinds == _VECTOR))
        slots = self._identified(data, window, words, kinds, places, faults)
        if faults:
            raise _Wrong(min(faults))
        self._store(data, window, words, kinds, places, slots, _spread(moments, stamps, places, self._time))
        if len(stamps):
            self._time = int(stamps[-1])
            self.end = max(self.end, self._time)
        return left

    def _strangers(self, data: np.ndarray, words: tokens.WordSpans, kinds: np.ndarray) -> Iterator[Fault]:
        """Words that are nothing of what can stand here."""
        for place in np.flatnonzero(kinds == _OTHER)[:1].tolist():
            word = _word(data, words, place)
            yield Fault(int(words.starts[place]), f"expected a time or a value change, not {word!r}")
        for place in np.flatnonzero(kinds == _KEYWORD).tolist():
            keyword = data[words.starts[place] : words.ends[place]].tobytes()
            if keyword not in _CHECKPOINTS and keyword != b"$end":
                word = _word(data, words, place)
                yield Fault(int(words.starts[place]), f"expected a time or a value change, not {word}")
                return

    def _stamps(
        self,
        data: np.ndarray,
        window: np.ndarray,
        words: tokens.WordSpans,
        kinds: np.ndarray,
        faults: list[Fault],
    ) -> tuple[np.ndarray, np.ndarray]:
        """The places of times among the words, and the times."""
        places = np.flatnonzero(kinds == _TIME)
        stamps, valid = tokens.decimals(window, words.starts[places] + 1, words.ends[places])
        for index in np.flatnonzero(~valid).tolist():
            word = _word(data, words, int(places[index]))
            time = _odd_time(word[1:])
            if time is None:
                message = f"expected a time such as #100, not {word!r}"
                faults.append(Fault(int(words.starts[places[index]]), message))
                break
            stamps[index] = time
        if len(stamps):
            before = np.append(0 if self.is_empty else self._time, stamps[:-1])
            for index in np.flatnonzero(stamps < before)[:1].tolist():
                message = f"time goes back from {before[index]} to {stamps[index]}"
                faults.append(Fault(int(words.starts[places[index]]), message))
            self.is_empty = False
        return places, stamps

    def _identified(
        self,
        data: np.ndarray,
        window: np.ndarray,
        words: tokens.WordSpans,
        kinds: np.ndarray,
        places: np.ndarray,
        faults: list[Fault],
    ) -> np.ndarray:
        """For each change the slot of its identifier."""
        is_vector = kinds[places] == _VECTOR
        at = places + is_vector
        starts = words.starts[at] + ~is_vector
        lengths = words.ends[at] - starts
        for index in np.flatnonzero(lengths == 0)[:1].tolist():
            message = f"the value {_word(data, words, int(places[index]))} has no identifier"
            faults.append(Fault(int(words.starts[places[index]]), message))
        slots = self._lookup.find(data, window, starts, lengths)
        for index in np.flatnonzero(slots < 0).tolist():
            if lengths[index]:
                name = (
                    data[starts[index] : starts[index] + lengths[index]].tobytes().decode("utf-8", "replace")
                )
                message = f"no variable has the identifier {name!r}"
                faults.append(Fault(int(words.starts[places[index]]), message))
                break
        return slots

    def _store(
        self,
        data: np.ndarray,
        window: np.ndarray,
        words: tokens.WordSpans,
        kinds: np.ndarray,
        places: np.ndarray,
        slots: np.ndarray,
        times: np.ndarray,
    ) -> None:
        first = words.first[places]
        values = _BIT[first]
        is_vector = kinds[places] == _VECTOR
        vectors = np.flatnonzero(is_vector)
        letter = first[vectors] | 0x20
        bits = vectors[letter == ord("b")]
        self._read_bits(data, window, words, places, slots, values, bits)
        # An x or z alone stands for all bits.
        is_letter = ~is_vector
        is_letter[vectors] = ~np.isin(letter, _LONG)
        scalars = np.flatnonzero(is_letter & (values < 0) & (self._widths[slots] != 1))
        for index in scalars.tolist():
            if not self._is_event[slots[index]]:
                values[index] = self._code(bytes([first[index]]), int(self._widths[slots[index]]))
        for index in vectors[letter == ord("s")].tolist():
            at = places[index]
            text = data[words.starts[at] + 1 : words.ends[at]].tobytes()
            values[index] = self._code(text, -1)
            self._textual[slots[index]] = True
        reals = vectors[letter == ord("r")]
        numbers = self._floats(data, words, places[reals])
        keep = self._happening(data, words, kinds, places, slots) if self._is_event.any() else None
        if len(reals):
            self._reals.add(slots[reals], times[reals], numbers)
            others = np.ones(len(values), dtype=bool)
            others[reals] = False
            keep = others if keep is None else keep & others
        if keep is not None:
            slots, times, values = slots[keep], times[keep], values[keep]
        self._numbers.add(slots, times, values, self._is_event)

    def _read_bits(
        self,
        data: np.ndarray,
        window: np.ndarray,
        words: tokens.WordSpans,
        places: np.ndarray,
        slots: np.ndarray,
        values: np.ndarray,
        bits: np.ndarray,
    ) -> None:
        """Values written as b0101, into `values`."""
        at = places[bits]
        starts, ends = words.starts[at] + 1, words.ends[at]
        # Some tools write b0b0101.
        starts += 2 * (
            (data[starts] == ord("0")) & (data[starts + 1] | 0x20 == ord("b")) & (ends - starts > 1)
        )
        widths = self._widths[slots[bits]]
        numbers, plain = tokens.binaries(window, starts, ends)
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
            except ValueError as error:
                raise _Wrong(Fault(int(starts[index]), str(error))) from None

    def _code(self, text: bytes, width: int) -> int:
        """The number of a value of so many bits, or of a text (-1). Raises ValueError."""
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

    def _floats(self, data: np.ndarray, words: tokens.WordSpans, at: np.ndarray) -> np.ndarray:
        numbers = np.empty(len(at))
        for index, place in enumerate(at.tolist()):
            text = data[words.starts[place] + 1 : words.ends[place]].tobytes()
            try:
                numbers[index] = float(text)
            except ValueError:
                message = f"expected a real number, not {text.decode('utf-8', 'replace')!r}"
                raise _Wrong(Fault(int(words.starts[place]), message)) from None
        return numbers

    def _happening(
        self,
        data: np.ndarray,
        words: tokens.WordSpans,
        kinds: np.ndarray,
        places: np.ndarray,
        slots: np.ndarray,
    ) -> np.ndarray:
        """Changes to keep: of events those that say 1, outside of checkpoints, which list every variable."""
        at = places + (kinds[places] == _VECTOR)
        value = data[np.where(at != places, words.ends[places] - 1, words.starts[places])]
        happens = value == ord("1")
        marks = np.flatnonzero(kinds == _KEYWORD)
        inside = self._in_checkpoint
        start = 0
        for mark, index in zip(marks.tolist(), np.searchsorted(places, marks).tolist(), strict=True):
            if inside:
                happens[start:index] = False
            start = index
            inside = data[words.starts[mark] : words.ends[mark]].tobytes() != b"$end"
        if inside:
            happens[start:] = False
        self._in_checkpoint = inside
        return happens | ~self._is_event[slots]

    def _without_remarks(self, piece: bytes, is_last: bool) -> tuple[bytes, bytes]:
        """Comments blanked out; from one on that is not closed, what is left for the next piece."""
        # The search for a plain word is many times as fast as that for a pattern.
        if not any(word in piece for word in _REMARKS):
            return piece, b""
        for match in _REMARK.finditer(piece):
            if match[1] is None:
                if is_last:
                    word = match[0].decode()
                    self._fail(piece, Fault(match.start() + tokens.MARGIN, f"{word} has no $end"))
                return _REMARK.sub(_blank, piece[: match.start()]), piece[match.start() :]
        return _REMARK.sub(_blank, piece), b""

    def _with_hidden_spaces(self, piece: bytes) -> bytes | None:
        """Texts with spaces in them, which IEEE 1364 does not know, made into single words."""

        def hide(match: re.Match[bytes]) -> bytes:
            slot = self._slots.get(match[3])
            words = match[2].split()
            if slot is None or len(words) < 2 or words[1] in self._slots:
                return match[0]
            return match[1] + match[2].replace(b" ", _HIDDEN_SPACE) + b" " + match[3]

        spaced = re.sub(rb"(?m)^([ \t]*)([sS][^\n]*) (\S+)(?=\s*$)", hide, piece)
        return None if spaced == piece else spaced

    def _fail(self, piece: bytes, fault: Fault) -> NoReturn:
        line = self._line + piece.count(b"\n", 0, max(fault.position - tokens.MARGIN, 0))
        raise TraceError(f"{self._path}:{line}: {fault.message}")


class _Wrong(Exception):
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class _Lookup:
    """From identifiers to slots."""

    def __init__(self, slots: dict[bytes, int]) -> None:
        short = {tokens.key_of(name): slot for name, slot in slots.items() if len(name) <= 8}
        self._keys = np.array(sorted(short), dtype=np.uint64)
        self._slots = np.array([short[key] for key in sorted(short)], dtype=np.int64)
        self._long = {name: slot for name, slot in slots.items() if len(name) > 8}
        self._direct: np.ndarray | None = None
        if short and max(short) < 1 << 16:
            self._direct = np.full(1 << 16, -1, dtype=np.int32)
            self._direct[self._keys.astype(np.int64)] = self._slots

    def find(
        self, data: np.ndarray, window: np.ndarray, starts: np.ndarray, lengths: np.ndarray
    ) -> np.ndarray:
        """The slot of each word; -1 for one that is none."""
        if not len(starts):
            return np.zeros(0, dtype=np.int32)
        keys = tokens.keys(window, starts, np.minimum(lengths, 8))
        if self._direct is not None:
            found = self._direct[np.minimum(keys, (1 << 16) - 1)]
            found[keys >= 1 << 16] = -1
        elif len(self._keys):
            at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
            found = np.where(self._keys[at] == keys, self._slots[at], -1)
        else:
            found = np.full(len(starts), -1)
        found[lengths == 0] = -1
        for index in np.flatnonzero(lengths > 8).tolist():
            word = data[starts[index] : starts[index] + lengths[index]].tobytes()
            found[index] = self._long.get(word, -1)
        return found


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


def _classified(words: tokens.WordSpans) -> np.ndarray:
    """What each word is. An identifier can begin like a value: what stands before it tells."""
    kinds = _CLASS[words.first]
    # Some tools write a space between a single bit and its identifier.
    kinds[(kinds == _SCALAR) & (words.ends - words.starts == 1)] = _VECTOR
    opens = kinds == _VECTOR
    is_value = opens
    if (opens[1:] & opens[:-1]).any():
        # Of words in a row that look like values every second one is an identifier.
        index = np.arange(len(kinds))
        run = np.maximum.accumulate(np.where(opens, 0, index + 1))
        is_value = opens & ((index - run) % 2 == 0)
    kinds[1:][is_value[:-1]] = _IDENTIFIER
    return kinds


def _spread(places: np.ndarray, stamps: np.ndarray, of: np.ndarray, before: int) -> np.ndarray:
    """The time of each change."""
    counts = np.diff(np.concatenate([[0], np.searchsorted(of, places), [len(of)]]))
    return np.repeat(np.append(before, stamps), counts)


def _extended(text: str, width: int) -> int | str:
    """A value of so many bits: a number, or letters, extended on the left by IEEE 1364-2005, 18.2.1."""
    if set(text) - set(LETTERS):
        raise ValueError(f"expected bits, not {text!r}")
    if width == 0:
        return 0
    if not text:
        raise ValueError("expected bits behind b")
    fill = "0" if text[0] in "01" else text[0]
    if len(text) > width:
        if set(text[: len(text) - width]) - {fill}:
            raise ValueError(f"{len(text)} bits for a variable of {width}")
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

    return _ESCAPE.sub(character, text.replace(_HIDDEN_SPACE, b" ")).decode("utf-8", "replace")


def _port_change(match: re.Match[bytes]) -> bytes:
    """A change of an extended VCD without its strengths; as long, so that positions stay."""
    value = match[1].translate(_PORT)
    gap = b"".join(match[index] for index in (2, 4, 6))
    line_ends = b"\n" * gap.count(b"\n")
    room = len(match[0]) - len(value) - len(match[7]) - 1 - len(line_ends)
    return b"b" + value + b" " * room + line_ends + match[7]


def _blank(match: re.Match[bytes]) -> bytes:
    return re.sub(rb"[^\n]", b" ", match[0])


def _odd_time(text: str) -> int | None:
    """A time of more digits, or with a fraction of zero."""
    if not re.fullmatch(r"\d+(\.0*)?", text):
        return None
    time = int(text.partition(".")[0])
    return time if time < 1 << 63 else None


def _word(data: np.ndarray, words: tokens.WordSpans, place: int) -> str:
    text = data[words.starts[place] : words.ends[place]].tobytes().decode("utf-8", "replace")
    return text if len(text) <= 40 else text[:37] + "..."
