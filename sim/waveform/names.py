"""Names of signals: what is left of a path for a reader, and which names are clocks."""

import re
from collections.abc import Iterable

_WIDTH = re.compile(r" ?\[-?\d+(:-?\d+)?\]$")
_RANGE = re.compile(r" ?\[-?\d+:-?\d+\]$")
_WORDS = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+")
_CLOCK = re.compile(r"([a-z]*clk|[a-z]*clock|[bmst]?ck)(i|o|p|n|in|out)?\d*(x\d*)?")
_NOT_A_CLOCK = """
    en ena enable enabled gate gating valid ready rst reset cnt count counter div sel select locked lock
    stable ok fail detect edge period freq cycles cycle stop running pulse tick mux domain
"""
"""Words that make a name that has a clock in it mean something else: clk_en, clock_count."""


def plain_name(path: str) -> str:
    """The name alone: without scopes, and without a width that the simulator appended."""
    return _behind_scopes(without_width(path))


def without_range(path: str) -> str:
    """The name alone, without the range of a vector; the index of a bit stays."""
    return _behind_scopes(_RANGE.sub("", path))


def _behind_scopes(path: str) -> str:
    # An escaped name can have dots in it.
    escaped = path.rfind(".\\")
    return path[escaped + 1 :] if escaped >= 0 else path.rpartition(".")[2]


def without_width(path: str) -> str:
    """A path without the width that some simulators append to a name."""
    return _WIDTH.sub("", path)


def is_clock_name(path: str) -> bool:
    """Whether a signal is called like a clock: clk, CLOCK, clk_i, aclk, sysClk, clk2, but not clk_en."""
    name = plain_name(path)
    if not ("ck" in (lower := name.lower()) or "clk" in lower):
        return False
    words = [word.lower() for word in _WORDS.findall(name)]
    return any(_CLOCK.fullmatch(word) for word in words) and not set(words).intersection(_NOT_A_CLOCK.split())


def scopes_apart(path: str, others: Iterable[str]) -> int:
    """How many scopes lie between a signal and others, all of them together: up, and down again.

    Parameters
    ----------
    path : str
        Of the signal, with a dot between scopes.
    others : iterable of str
        Paths of the others.
    """
    mine = path.split(".")[:-1]
    total = 0
    for other in others:
        theirs = other.split(".")[:-1]
        common = 0
        for one, two in zip(mine, theirs, strict=False):
            if one != two:
                break
            common += 1
        total += len(mine) + len(theirs) - 2 * common
    return total
