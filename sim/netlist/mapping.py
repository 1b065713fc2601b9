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


def _choose(graph: Graph, cone: list[int], fanout: dict[int, int], price: tuple[int, ...]) -> dict[int, _Cut]:
    """The best cut of each gate, by the flow of cost through it."""
    cuts: dict[int, list[tuple[tuple[int, ...], int]]] = {}
    chosen: dict[int, _Cut] = {}
    for number in cone:
        gate = graph.gates[number]
        found: dict[tuple[int, ...], int] = {}
        lists = [cuts.get(literal >> 1) or [((literal >> 1,), X)] for literal in gate.inputs]
        _combine(gate.kind, gate.inputs, lists, found)
        ranked = sorted(_priced(leaves, table, chosen, fanout, price) for leaves, table in found.items())
        chosen[number] = ranked[0]
        cuts[number] = [((number,), X), *((cut.leaves, cut.table) for cut in ranked[: CUTS - 1])]
    return chosen


def _combine(kind: GateKind, literals, lists, found: dict[tuple[int, ...], int]) -> None:
    """All cuts of a gate that unite cuts of its inputs."""
    if kind is GateKind.MUX:
        triples = [(s, a, b) for s in lists[0] for a in lists[1] for b in lists[2]]
    else:
        triples = [(a, b) for a in lists[0] for b in lists[1]]
    for parts in triples:
        leaves = tuple(sorted({leaf for one, _ in parts for leaf in one}))
        if len(leaves) > 3 or leaves in found:
            continue
        values = [
            moved(table, tuple(leaves.index(leaf) for leaf in one)) ^ (ALL if literal & 1 else 0)
            for (one, table), literal in zip(parts, literals, strict=True)
        ]
        if kind is GateKind.MUX:
            table = values[0] & values[1] | ~values[0] & values[2] & ALL
        else:
            table = values[0] & values[1] if kind is GateKind.AND else values[0] ^ values[1]
        _keep(leaves, table, found)


def _keep(leaves: tuple[int, ...], table: int, found: dict[tuple[int, ...], int]) -> None:
    """Without leaves that the function does not depend on."""
    real = [index for index in range(len(leaves)) if depends(table, index)]
    if len(real) < len(leaves):
        at = {index: new for new, index in enumerate(real)}
        spare = iter(range(len(real), 3))
        table = moved(table, tuple(at[index] if index in at else next(spare) for index in range(3)))
        leaves = tuple(leaves[index] for index in real)
    found.setdefault(leaves, table)


def _priced(leaves, table, chosen: dict[int, _Cut], fanout: dict[int, int], price) -> _Cut:
    stored = table
    for index, leaf in enumerate(leaves):
        if leaf in chosen and chosen[leaf].flipped:
            stored = _complement_input(stored, index)
    flow = 0.0
    for leaf in leaves:
        if leaf in chosen:
            flow += chosen[leaf].flow / max(1, fanout.get(leaf, 1))
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
