"""Gates as operations of up to three inputs: technology mapping by cut enumeration and area flow.

Each gate gets its best cuts of at most three leaves; a cover from the outputs keeps the gates that are read.
After J. Cong and Y. Ding, and A. Mishchenko's priority cuts. A value may be kept complemented where that is
cheaper; whatever reads it knows.
"""

from typing import NamedTuple

from .gates import GateKind, Graph
from .truth_tables import ALL, VARIABLES, X, costs, depends, moved

CUTS = 6
"""Cuts kept for each gate."""
ROUNDS = 3
"""How often the cover is improved with the fan-outs of the one before."""


class TableOperation(NamedTuple):
    """One value to compute."""

    number: int
    """Of its gate."""
    table: int
    """Of the stored inputs, giving the stored value."""
    inputs: tuple[int, ...]
    """Numbers of gates or variables, at most three."""


class Mapping(NamedTuple):
    """What to compute, in order."""

    operations: list[TableOperation]
    complemented: set[int]
    """Gates whose stored value is their complement."""
    cost: int
    """Operations of the target in all."""


class _Cut(NamedTuple):
    flow: float
    leaves: tuple[int, ...]
    table: int
    """Of the plain leaves, giving the plain value."""
    stored: int
    """Of the stored leaves, giving the stored value."""
    flipped: bool
    """The stored value is the complement."""


def map_gates(graph: Graph, roots: list[int], target: str) -> Mapping:
    """The cheapest cover found for the cone of some literals.

    Parameters
    ----------
    target: as in `truth_tables.costs`.
    """
    cone = [number for number in graph.cone(roots) if graph.gates[number].kind is not GateKind.VARIABLE]
    fanout: dict[int, int] = {}
    for number in cone:
        for literal in graph.gates[number].inputs:
            fanout[literal >> 1] = fanout.get(literal >> 1, 0) + 1
    for root in roots:
        fanout[root >> 1] = fanout.get(root >> 1, 0) + 1
    best: Mapping | None = None
    for _ in range(ROUNDS):
        chosen = _choose(graph, cone, fanout, costs(target))
        mapping, fanout = _cover(graph, roots, chosen, costs(target))
        if best is None or mapping.cost < best.cost:
            best = mapping
    assert best is not None
    return best


_Cuts = list[tuple[frozenset[int], tuple[int, ...], int]]
"""Leaves, the same in order, and the table of the plain leaves giving the plain value."""


def _choose(graph: Graph, cone: list[int], fanout: dict[int, int], price: tuple[int, ...]) -> dict[int, _Cut]:
    """The best cut of each gate, by the flow of cost through it."""
    cuts: dict[int, _Cuts] = {}
    chosen: dict[int, _Cut] = {}
    # Of the cost of a value, what each of its readers has to bear; and what a leaf is complemented by.
    shares: dict[int, float] = {}
    flips: set[int] = set()
    for number in cone:
        gate = graph.gates[number]
        lists = []
        for literal in gate.inputs:
            leaf = literal >> 1
            lists.append(cuts.get(leaf) or [(frozenset((leaf,)), (leaf,), X)])
        found = _combined(gate.kind, gate.inputs, lists)
        ranked = sorted(_priced(leaves, table, shares, flips, price) for leaves, table in found.items())
        best = chosen[number] = ranked[0]
        shares[number] = best.flow / max(1, fanout.get(number, 1))
        if best.flipped:
            flips.add(number)
        cuts[number] = [
            (frozenset((number,)), (number,), X),
            *((frozenset(cut.leaves), cut.leaves, cut.table) for cut in ranked[: CUTS - 1]),
        ]
    return chosen


def _combined(kind: GateKind, literals: tuple[int, ...], lists: list[_Cuts]) -> dict[tuple[int, ...], int]:
    """All cuts of a gate that unite cuts of its inputs, with the tables of the gate's value."""
    found: dict[tuple[int, ...], int] = {}
    flips = [ALL if literal & 1 else 0 for literal in literals]
    for first, first_leaves, first_table in lists[0]:
        for second, second_leaves, second_table in lists[1]:
            both = first | second
            if len(both) > 3:
                continue
            if kind is not GateKind.MUX:
                leaves = tuple(sorted(both))
                if leaves in found:
                    continue
                a = _over(first_table, first_leaves, leaves) ^ flips[0]
                b = _over(second_table, second_leaves, leaves) ^ flips[1]
                _keep(leaves, a & b if kind is GateKind.AND else a ^ b, found)
                continue
            for third, third_leaves, third_table in lists[2]:
                all_three = both | third
                if len(all_three) > 3:
                    continue
                leaves = tuple(sorted(all_three))
                if leaves in found:
                    continue
                s = _over(first_table, first_leaves, leaves) ^ flips[0]
                a = _over(second_table, second_leaves, leaves) ^ flips[1]
                b = _over(third_table, third_leaves, leaves) ^ flips[2]
                _keep(leaves, s & a | ~s & b & ALL, found)
    return found


def _over(table: int, own: tuple[int, ...], leaves: tuple[int, ...]) -> int:
    """A table of some leaves as one of more of them."""
    return table if own == leaves[: len(own)] else moved(table, tuple(map(leaves.index, own)))


def _keep(leaves: tuple[int, ...], table: int, found: dict[tuple[int, ...], int]) -> None:
    """Without leaves that the function does not depend on."""
    real = _SUPPORT[table] if len(leaves) == 3 else _real(table, len(leaves))
    if len(real) < len(leaves):
        at = {index: new for new, index in enumerate(real)}
        spare = iter(range(len(real), 3))
        table = moved(table, tuple(at[index] if index in at else next(spare) for index in range(3)))
        leaves = tuple(leaves[index] for index in real)
    found.setdefault(leaves, table)


def _real(table: int, count: int) -> tuple[int, ...]:
    return tuple(index for index in _SUPPORT[table] if index < count)


_SUPPORT = [tuple(index for index in range(3) if depends(table, index)) for table in range(256)]
"""The inputs that each table depends on."""


def _priced(leaves, table: int, shares: dict[int, float], flips: set[int], price) -> _Cut:
    stored = table
    flow = 0.0
    for index, leaf in enumerate(leaves):
        flow += shares.get(leaf, 0.0)
        if leaf in flips:
            stored = _complement_input(stored, index)
    plain, flipped = price[stored], price[stored ^ ALL]
    if flipped < plain:
        return _Cut(flow + flipped, leaves, table, stored ^ ALL, True)
    return _Cut(flow + plain, leaves, table, stored, False)


def _complement_input(table: int, index: int) -> int:
    shift, mask = 1 << index, VARIABLES[index]
    return (table & mask) >> shift | (table << shift & mask)


def _cover(
    graph: Graph, roots: list[int], chosen: dict[int, _Cut], price: tuple[int, ...]
) -> tuple[Mapping, dict[int, int]]:
    """The chosen cuts that the roots need, depth-first, and how often each value is read."""
    operations: list[TableOperation] = []
    fanout: dict[int, int] = {}
    seen: set[int] = set()
    for root in roots:
        fanout[root >> 1] = fanout.get(root >> 1, 0) + 1
        stack = [(root >> 1, False)]
        while stack:
            number, entered = stack.pop()
            if number not in chosen:
                continue
            cut = chosen[number]
            if entered:
                operations.append(TableOperation(number, cut.stored, cut.leaves))
            elif number not in seen:
                seen.add(number)
                stack.append((number, True))
                for leaf in reversed(cut.leaves):
                    fanout[leaf] = fanout.get(leaf, 0) + 1
                    stack.append((leaf, False))
    complemented = {one.number for one in operations if chosen[one.number].flipped}
    return Mapping(operations, complemented, sum(price[one.table] for one in operations)), fanout
