"""Which level comes first, as logic of few stages: words of which a bit is a level."""

from amaranth.hdl import Cat


def above(levels):
    """The levels with a higher number than any of these."""
    return Cat(levels[:level].any() for level in range(8))


def any_before(levels, others, before):
    """Some of these levels has none of the others before it, and nor is there anything else before all.

    Parameters
    ----------
    levels : value
        A bit for each level, the wanted ones.
    others : value
        As wide: those that are in the way.
    before : value
        One bit: something stands before all levels.
    """
    found = []
    for level in range(0, 8, 2):
        pair = levels[level] | (levels[level + 1] & ~others[level])
        found.append(pair & ~(before | Cat(any_in_pairs(others, range(level))).any()))
    return Cat(found).any()


def any_in_pairs(word, levels):
    """Each pair of neighbours that has some of these levels: any of them. Pairs are shared between levels.

    Parameters
    ----------
    word : value
        A bit for each of eight levels.
    levels : iterable of int
        The levels that count.
    """
    pairs = {}
    for level in levels:
        pairs.setdefault(level // 2, []).append(word[level])
    return [Cat(pair).any() for pair in pairs.values()]


def number_of(levels, of=1):
    """Which level it is, of at most one; 0 for none. With `of` = 0 the complement of that number.

    Parameters
    ----------
    levels : value
        A bit for each of eight levels, at most one of them 1.
    of : int
        1, or 0 for the complement.

    Returns
    -------
    Cat
        3 bits.
    """
    return Cat(Cat(levels[level] for level in range(8) if level >> bit & 1 == of).any() for bit in range(3))
