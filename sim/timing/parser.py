"""Reads a timing rule: one sentence, word by word.

    rule       body [by CLOCK] [while CONDITION] [by CLOCK]
    body       order EVENT, EVENT [, EVENT ...]
               EVENT within|exactly N UNIT [by CLOCK] after EVENT
               EVENT never
               CONDITION never
               SIGNAL stable
               SIGNAL low|high at least N UNIT [by CLOCK]
               SIGNAL stable N UNIT [by CLOCK] before|after EVENT
    EVENT      SIGNAL rises | SIGNAL falls | SIGNAL changes | SIGNAL becomes VALUE
    CONDITION  SIGNAL = VALUE | SIGNAL unknown, joined by `and`
    UNIT       cycle, cycles, fs, ps, ns, us, ms, s

SIGNAL, VALUE and CLOCK are words, or anything in quotation marks.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ..support.errors import InputError
from .forms import (
    LEVELS,
    Absent,
    Condition,
    Follows,
    Form,
    Happening,
    Never,
    Order,
    PulseWidth,
    Quiet,
    RuleEvent,
    RuleValue,
    Span,
    Stable,
    Term,
    span_of,
)

EXPECTED = (
    "expected EVENT within|exactly N cycles after EVENT, EVENT never, STATE never, SIGNAL stable, SIGNAL "
    "low|high at least N ns, SIGNAL stable N ns before|after EVENT, order EVENT, EVENT; not "
)
_EVENTS = "|".join(kind.value for kind in Happening if kind is not Happening.BECOMES)


class Sentence(NamedTuple):
    """A rule's parts."""

    form: Form
    condition: Condition
    clock: str | None


class _Word(str):
    """A word of a sentence."""

    quoted = False


class _Quoted(_Word):
    """What stood in quotation marks: never one of the language's own words."""

    quoted = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Quoted) and str.__eq__(self, other)

    __hash__ = str.__hash__


def parse_sentence(text: str) -> Sentence:
    """A rule's form, condition and clock.

    Raises
    ------
    ValueError
        If it cannot be understood; the message says what was expected.
    """
    body, condition_words = _divided(_words(text), "while")
    clocks: list[str] = []
    if condition_words is not None:
        condition_words = _without_clock(condition_words, clocks)
    body = _without_clock(body, clocks)
    condition = Condition() if condition_words is None else _condition(condition_words)
    form = _form(body, clocks)
    if isinstance(form, Stable) and not condition.terms:
        raise InputError(f"expected {form.sentence('')} while CONDITION")
    return Sentence(form, condition, checked_clock(form, clocks))


def checked_clock(form: Form, clocks: Sequence[str]) -> str | None:
    """The clock that a rule names, if any. Raises ValueError where it has nothing to count, or two.

    Parameters
    ----------
    form : Form
        What the rule says.
    clocks : sequence of str
        The names behind each `by` of its sentence.
    """
    if not clocks:
        return None
    if len(clocks) > 1:
        raise InputError(f"expected one clock, not by {' and by '.join(clocks)}")
    span = span_of(form)
    if span is None or not span.in_cycles:
        raise InputError(f"by {clocks[0]}: nothing in this rule is counted in cycles")
    return clocks[0]


def parse_condition(text: str) -> Condition:
    """'a = 0 and b unknown'. Raises ValueError."""
    return _condition(_words(text))


def parse_edge(text: str) -> RuleEvent:
    """'ferr_n falls', 'count becomes 12'. Raises ValueError."""
    return _event(_words(text))


def _words(text: str) -> list[_Word]:
    words: list[_Word] = []
    for found in re.finditer(r'"([^"]*)"|(,)|([^\s,]+)', text):
        if found[1] is not None:
            words.append(_Quoted(found[1]))
        else:
            words.append(_Word(found[0]))
            if '"' in found[0]:
                raise InputError(f"a quotation mark is not closed, or stands within a word: {found[0]}")
    return words


def _divided(words: list[_Word], word: str) -> tuple[list[_Word], list[_Word] | None]:
    if word not in words:
        return words, None
    at = words.index(_Word(word))
    return words[:at], words[at + 1 :]


def _without_clock(words: list[_Word], clocks: list[str]) -> list[_Word]:
    """The words before a closing `by CLOCK`."""
    if len(words) > 2 and words[-2] == "by":
        clocks.append(str(words[-1]))
        return words[:-2]
    return words


def _form(words: list[_Word], clocks: list[str]) -> Form:
    shown = " ".join(words)
    if words[:1] == ["order"] and not (len(words) > 1 and words[1] in ("=", *_EVENTS.split("|"), "becomes")):
        return Order(tuple(_event(part) for part in _separated(words[1:], ",")))
    for position, word in enumerate(words):
        if word in ("within", "exactly") and "after" in words[position:]:
            span, trigger = _divided(words[position + 1 :], "after")
            event = _event(words[:position])
            return Follows(event, _span(span, clocks), _event(trigger or []), word == "exactly")
    if words and words[-1] == "never":
        states = "=" in words or words[-2:-1] == ["unknown"] or "and" in words
        state = words[:-1]
        return Absent(_condition(state)) if states and "becomes" not in words else Never(_event(state))
    if len(words) == 2 and words[1] == "stable":
        return Stable(str(words[0]))
    if len(words) >= 5 and words[1] in LEVELS and words[2:4] == ["at", "least"]:
        return PulseWidth(str(words[0]), LEVELS.index(words[1]), _span(words[4:], clocks))
    if len(words) >= 4 and words[1] == "stable":
        for side in ("before", "after"):
            span, event = _divided(words[2:], side)
            if event is not None:
                return Quiet(str(words[0]), _span(span, clocks), _event(event), side == "before")
    raise InputError(f"{EXPECTED}{shown!r}")


def _separated(words: list[_Word], word: str) -> list[list[_Word]]:
    parts: list[list[_Word]] = [[]]
    for one in words:
        if one == word:
            parts.append([])
        else:
            parts[-1].append(one)
    return parts


def _condition(words: list[_Word]) -> Condition:
    terms = []
    for part in _separated(words, "and"):
        if len(part) == 3 and part[1] == "=":
            terms.append(Term(str(part[0]), _constant(part[2])))
        elif len(part) == 2 and part[1] == "unknown":
            terms.append(Term(str(part[0]), None))
        else:
            raise InputError(
                f"expected SIGNAL = VALUE or SIGNAL unknown, joined by and, not {' '.join(part)!r}"
            )
    return Condition(tuple(terms))


def _constant(word: _Word) -> RuleValue:
    return RuleValue(str(word), word.quoted)


def _event(words: list[_Word]) -> RuleEvent:
    if len(words) == 3 and words[1] == "becomes":
        return RuleEvent(str(words[0]), Happening.BECOMES, _constant(words[2]))
    if len(words) == 2 and words[1] in _EVENTS.split("|"):
        return RuleEvent(str(words[0]), Happening(str(words[1])))
    shown = " ".join(words)
    if any(not word.quoted and re.search(r"[=<>]", word) for word in words):
        raise InputError(f"expected SIGNAL = VALUE, with = alone and spaces around it, not {shown!r}")
    raise InputError(f"expected SIGNAL {_EVENTS} or SIGNAL becomes VALUE, not {shown!r}")


def _span(words: list[_Word], clocks: list[str]) -> Span:
    words = _without_clock(words, clocks)
    if len(words) == 1 and (joined := re.fullmatch(r"([\d.]+)([a-zµμ]+)", words[0])):
        words = [_Word(joined[1]), _Word(joined[2])]
    if len(words) != 2:
        raise InputError(f"expected a number and a unit, such as 3 cycles or 2.5 ns, not {' '.join(words)!r}")
    return Span.of(str(words[0]), str(words[1]))
