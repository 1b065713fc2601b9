"""Functions of three bits: how many operations each takes, and which, by the instructions that there are.

A table has 8 bits: bit x + 2y + 4z is the value for inputs x, y, z.
"""

from functools import cache
from typing import NamedTuple

X, Y, Z = 0xAA, 0xCC, 0xF0
VARIABLES = (X, Y, Z)
ALL = 0xFF


class Formula(NamedTuple):
    """A cheapest way to compute a table."""

    cost: int
    """Operations."""
    operator: str
    """'&', '|', '^', '~', '&~' (the second one complemented), or '' for a variable or a constant."""
    left: int = 0
    """The table of the first operand; of a variable or constant its own."""
    right: int = 0


@cache
def formulas(and_not: bool) -> dict[int, Formula]:
    """The cheapest formula of each of the 256 tables, as trees of operations on two bits.

    Parameters
    ----------
    and_not: whether x & ~y is one operation, as in vector instructions, or two, as in numpy.
    """
    known = {table: Formula(0, "", table) for table in (0, ALL, *VARIABLES)}
    cost = 0
    while len(known) < 256:
        cost += 1
        found: dict[int, Formula] = {}
        for table, (earlier, *_) in known.items():
            if earlier == cost - 1:
                found.setdefault(table ^ ALL, Formula(cost, "~", table))
        for a, (cost_a, *_) in known.items():
            for b, (cost_b, *_) in known.items():
                if cost_a + cost_b != cost - 1:
                    continue
                found.setdefault(a & b, Formula(cost, "&", a, b))
                found.setdefault(a | b, Formula(cost, "|", a, b))
                found.setdefault(a ^ b, Formula(cost, "^", a, b))
                if and_not:
                    found.setdefault(a & ~b & ALL, Formula(cost, "&~", a, b))
        for table, formula in found.items():
            known.setdefault(table, formula)
    return known


@cache
def costs(target: str) -> tuple[int, ...]:
    """Operations for each table.

    Parameters
    ----------
    target: "ternary" (AVX-512 has one instruction for any table), "vector" or "numpy".
    """
    if target == "ternary":
        return tuple(0 if table in (0, ALL, *VARIABLES) else 1 for table in range(256))
    known = formulas(target == "vector")
    return tuple(known[table].cost for table in range(256))


def depends(table: int, position: int) -> bool:
    """Whether a table depends on an input.

    Parameters
    ----------
    table : int
        8 bits.
    position : int
        0 for x, 1 for y, 2 for z.
    """
    shift, mask = 1 << position, VARIABLES[position]
    return (table & mask) >> shift != table & ~mask & ALL


@cache
def moved(table: int, positions: tuple[int, ...]) -> int:
    """The table with its inputs at other positions.

    Parameters
    ----------
    table : int
        8 bits.
    positions : tuple of int
        Input i comes to stand at `positions[i]`, from 0 to 2; it depends on no input beyond these.
    """
    result = 0
    for index in range(8):
        source = sum((index >> position & 1) << i for i, position in enumerate(positions))
        result |= (table >> source & 1) << index
    return result
