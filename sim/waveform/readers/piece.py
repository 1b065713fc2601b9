"""A piece of a VCD's changes (IEEE 1364-2005, 18.2.1): its words, each checked for standing where it may."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from . import tokens

_OTHER, _SCALAR, VECTOR, _TIME, KEYWORD, _IDENTIFIER = range(6)
_CLASS = np.zeros(256, dtype=np.uint8)
for _byte in "01xzuwhl-XZUWHL":
    _CLASS[ord(_byte)] = _SCALAR
for _byte in "bBrRsS":
    _CLASS[ord(_byte)] = VECTOR
_CLASS[ord("#")] = _TIME
_CLASS[ord("$")] = KEYWORD
_CHECKPOINTS = {
    b"$dumpvars", b"$dumpall", b"$dumpon", b"$dumpoff",
    b"$dumpports", b"$dumpportsall", b"$dumpportson", b"$dumpportsoff", b"$dumpportsflush", b"$vcdclose",
}  # fmt: skip
_REMARKS = (b"$comment", b"$version", b"$date", b"$attrbegin", b"$attrend")
_REMARK = re.compile(
    rb"(?<!\S)(?:" + b"|".join(map(re.escape, _REMARKS)) + rb")(?!\S)(.*?(?<!\S)\$end(?!\S))?",
    flags=re.DOTALL,
)
HIDDEN_SPACE = b"\x7f"
"""Stands for a space within a text until it is decoded."""
_STRENGTH = re.compile(rb"(?<!\S)p([DUNZduLHXTlh01?FAaBbCcf]+)(\s+)([0-7]+)(\s+)([0-7]+)(\s+)(\S+)(?!\S)")
BEGUN_CHANGE = re.compile(rb"(?<!\S)p\S+(?:\s+\S+){0,2}\s*\Z")
"""A change of an extended VCD whose identifier is still to come."""
_PORT = bytes.maketrans(b"DdLlUuHhNXAaBbCcf?ZTF", b"00001111xxxxxxxxxxzzz")


class Fault(NamedTuple):
    """Something that is not as it should be, and where in the piece."""

    position: int
    message: str


class Wrong(Exception):
    """A piece cannot be read."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Lookup:
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
        """The slot of each word; -1 for one that is none.

        Parameters
        ----------
        data : ndarray of uint8
            The piece, with its margin.
        window : ndarray of uint64
            What `tokens.windows` gives for it.
        starts, lengths : ndarray of int
            Where each word begins in `data`, and its length in bytes.
        """
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


class Piece(NamedTuple):
    """The words of a piece, all found; what their values say is still to be read.

    Attributes
    ----------
    data: the bytes, with a margin on both sides.
    window: the eight bytes from each one on.
    kinds: what each word is.
    positions: of the changes among the words.
    slots, times: of each change.
    stamps: the times that the piece names.
    left: how many bytes at the end belong to the next piece.
    """

    data: np.ndarray
    window: np.ndarray
    words: tokens.WordSpans
    kinds: np.ndarray
    positions: np.ndarray
    slots: np.ndarray
    times: np.ndarray
    stamps: np.ndarray
    left: int


def checked(text: bytes, is_last: bool, lookup: Lookup, before: int) -> Piece | None:
    """A text as a piece, where `before` is the time it begins at; None if there is no word in it.

    Parameters
    ----------
    text : bytes
        Whole words, without remarks.
    is_last : bool
        The file ends with it; if not, a vector's value at the end is left for the next piece.
    lookup : Lookup
        Of the identifiers that are declared.
    before : int
        In units of the timescale.

    Raises
    ------
    Wrong
        If a word is not what can stand there; of the first one.
    """
    margin = b" " * tokens.MARGIN
    data = np.frombuffer(b"".join((margin, text, margin, b" ")), dtype=np.uint8)
    words = tokens.split_words(data)
    if not len(words.starts):
        return None
    kinds = _classified(words)
    left = 0
    if kinds[-1] == VECTOR:
        if is_last:
            raise Wrong(Fault(int(words.starts[-1]), "the file ends in the middle of a change"))
        left = len(text) + tokens.MARGIN - int(words.starts[-1])
        words = tokens.WordSpans(words.starts[:-1], words.ends[:-1], words.first[:-1])
        kinds = kinds[:-1]
    window = tokens.windows(data)
    faults = [*_strangers(data, words, kinds)]
    moments, stamps = _stamps(data, window, words, kinds, before, faults)
    positions = np.flatnonzero((kinds == _SCALAR) | (kinds == VECTOR))
    slots = _identified(data, window, words, kinds, positions, lookup, faults)
    if faults:
        raise Wrong(min(faults))
    times = _spread(moments, stamps, positions, before)
    return Piece(data, window, words, kinds, positions, slots, times, stamps, left)


def _strangers(data: np.ndarray, words: tokens.WordSpans, kinds: np.ndarray) -> Iterator[Fault]:
    """Words that are nothing of what can stand here."""
    for position in np.flatnonzero(kinds == _OTHER)[:1].tolist():
        word = _word(data, words, position)
        yield Fault(int(words.starts[position]), f"expected a time or a value change, not {word!r}")
    for position in np.flatnonzero(kinds == KEYWORD).tolist():
        keyword = data[words.starts[position] : words.ends[position]].tobytes()
        if keyword not in _CHECKPOINTS and keyword != b"$end":
            word = _word(data, words, position)
            yield Fault(int(words.starts[position]), f"expected a time or a value change, not {word}")
            return


def _stamps(
    data: np.ndarray,
    window: np.ndarray,
    words: tokens.WordSpans,
    kinds: np.ndarray,
    before: int,
    faults: list[Fault],
) -> tuple[np.ndarray, np.ndarray]:
    """The positions of times among the words, and the times."""
    positions = np.flatnonzero(kinds == _TIME)
    stamps, valid = tokens.decimals(window, words.starts[positions] + 1, words.ends[positions])
    for index in np.flatnonzero(~valid).tolist():
        word = _word(data, words, int(positions[index]))
        time = _odd_time(word[1:])
        if time is None:
            limit = ", and below 2^63" if word[1:].isdecimal() else ""
            message = f"expected a time such as #100{limit}, not {word!r}"
            faults.append(Fault(int(words.starts[positions[index]]), message))
            break
        stamps[index] = time
    if len(stamps):
        earlier = np.append(before, stamps[:-1])
        for index in np.flatnonzero(stamps < earlier)[:1].tolist():
            message = f"time goes back from {earlier[index]} to {stamps[index]}"
            faults.append(Fault(int(words.starts[positions[index]]), message))
    return positions, stamps


def _identified(
    data: np.ndarray,
    window: np.ndarray,
    words: tokens.WordSpans,
    kinds: np.ndarray,
    positions: np.ndarray,
    lookup: Lookup,
    faults: list[Fault],
) -> np.ndarray:
    """For each change the slot of its identifier."""
    is_vector = kinds[positions] == VECTOR
    at = positions + is_vector
    starts = words.starts[at] + ~is_vector
    lengths = words.ends[at] - starts
    for index in np.flatnonzero(lengths == 0)[:1].tolist():
        message = f"the value {_word(data, words, int(positions[index]))} has no identifier"
        faults.append(Fault(int(words.starts[positions[index]]), message))
    slots = lookup.find(data, window, starts, lengths)
    for index in np.flatnonzero(slots < 0).tolist():
        if lengths[index]:
            name = data[starts[index] : starts[index] + lengths[index]].tobytes().decode("utf-8", "replace")
            message = f"no variable has the identifier {name!r}"
            faults.append(Fault(int(words.starts[positions[index]]), message))
            break
    return slots


def _classified(words: tokens.WordSpans) -> np.ndarray:
    """What each word is. An identifier can begin like a value: what stands before it tells."""
    kinds = _CLASS[words.first]
    # Some tools write a space between a single bit and its identifier.
    kinds[(kinds == _SCALAR) & (words.ends - words.starts == 1)] = VECTOR
    opens = kinds == VECTOR
    is_value = opens
    if (opens[1:] & opens[:-1]).any():
        # Of words in a row that look like values every second one is an identifier.
        index = np.arange(len(kinds))
        run = np.maximum.accumulate(np.where(opens, 0, index + 1))
        is_value = opens & ((index - run) % 2 == 0)
    kinds[1:][is_value[:-1]] = _IDENTIFIER
    return kinds


def _spread(positions: np.ndarray, stamps: np.ndarray, of: np.ndarray, before: int) -> np.ndarray:
    """The time of each change."""
    counts = np.diff(np.concatenate([[0], np.searchsorted(of, positions), [len(of)]]))
    return np.repeat(np.append(before, stamps), counts)


def without_remarks(piece: bytes, is_last: bool) -> tuple[bytes, bytes]:
    """Comments blanked out; from one on that is not closed, what is left for the next piece.

    Parameters
    ----------
    piece : bytes
        Whole words of the file.
    is_last : bool
        The file ends with it.

    Raises
    ------
    Wrong
        If the file ends within a comment.
    """
    # The search for a plain word is many times as fast as that for a pattern.
    if not any(word in piece for word in _REMARKS):
        return piece, b""
    for match in _REMARK.finditer(piece):
        if match[1] is None:
            if is_last:
                word = match[0].decode()
                raise Wrong(Fault(match.start() + tokens.MARGIN, f"{word} has no $end"))
            return _REMARK.sub(_blank, piece[: match.start()]), piece[match.start() :]
    return _REMARK.sub(_blank, piece), b""


def with_hidden_spaces(piece: bytes, slots: dict[bytes, int]) -> bytes | None:
    """Texts with spaces in them, which IEEE 1364 does not know, made into single words.

    Parameters
    ----------
    piece : bytes
        Whole words, without remarks.
    slots : dict of bytes to int
        By identifier, all that are declared.

    Returns
    -------
    bytes or None
        Of the same length, with `HIDDEN_SPACE` in texts; None if there is no such text.
    """

    def hide(match: re.Match[bytes]) -> bytes:
        slot = slots.get(match[3])
        words = match[2].split()
        if slot is None or len(words) < 2 or words[1] in slots:
            return match[0]
        return match[1] + match[2].replace(b" ", HIDDEN_SPACE) + b" " + match[3]

    spaced = re.sub(rb"(?m)^([ \t]*)([sS][^\n]*) (\S+)(?=\s*$)", hide, piece)
    return None if spaced == piece else spaced


def without_strengths(piece: bytes) -> bytes:
    """The changes of an extended VCD made into plain ones."""
    return _STRENGTH.sub(_port_change, piece)


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


def _word(data: np.ndarray, words: tokens.WordSpans, position: int) -> str:
    text = data[words.starts[position] : words.ends[position]].tobytes().decode("utf-8", "replace")
    return text if len(text) <= 40 else text[:37] + "..."
