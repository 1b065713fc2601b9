"""The actions of a step in order, with what rarely changes behind its condition.

Registers that keep their values while an enable is 0 need neither be computed nor written, if it is 0 in all
lanes of a block. Such a group is a `Guard`, and comes after all that is computed in any case.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from ..netlist.gates import GateKind
from ..netlist.mapping import TableOperation
from ..netlist.netlist import Netlist
from ..netlist.truth_tables import X
from .actions import Action, Compute, Guard, Store, Value, Watch

SMALLEST = 16
"""Registers in a group: a condition costs about as much as a few operations."""
_DEPTH = 4
"""Multiplexers between a register and itself: reset, enable and the like."""

Group = tuple[tuple[Value, ...], Sequence[int]]
"""Conditions, and the indexes of the registers that keep their values unless one of them holds."""


def guard_groups(netlist: Netlist) -> dict[tuple[int, ...], list[int]]:
    """By the literals of which one has to be 1 for a change: the indexes of such registers."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, register in enumerate(netlist.registers):
        found = _changes(netlist, register.next, register.output, _DEPTH)
        if found:
            groups.setdefault(tuple(sorted(found)), []).append(index)
    return {literals: indexes for literals, indexes in groups.items() if len(indexes) >= SMALLEST}


def _changes(netlist: Netlist, literal: int, kept: int, depth: int) -> frozenset[int] | None:
    """Literals of which one is 1 whenever a literal is another one than `kept`; None if none are found."""
    if literal == kept:
        return frozenset()
    if not depth:
        return None
    gate, kept = netlist.graph.gates[literal >> 1], kept ^ (literal & 1)
    if gate.kind is GateKind.MUX:
        condition, yes, no = gate.inputs
        ways = [(condition, no), (condition ^ 1, yes)]
    elif gate.kind is GateKind.AND:
        a, b = gate.inputs
        ways = [(a ^ 1, b), (b ^ 1, a)]
    else:
        return None
    found = [
        rest | {condition}
        for condition, other in ways
        if (rest := _changes(netlist, other, kept, depth - 1)) is not None
    ]
    return min(found, key=len, default=None)


def arranged(
    computes: list[Compute], stores: list[Store], watches: list[Watch], groups: list[Group]
) -> list[Action | Guard]:
    """All actions in order.

    Parameters
    ----------
    computes: each after those that it reads.
    stores: of the register of each index.
    """
    if not groups:
        return list(_ordered(computes, [*stores, *watches]))
    copies: dict[int, Compute] = {}

    def copied(value: Value) -> Value:
        """A register as it was at the start of the step, whoever has changed it since."""
        if value.kind != "q":
            return value
        # No operation has such a number: these are those of gates, and below 0 of other copies.
        number = -1 - len(stores) - value.number
        copies[number] = copy_of(value.number, number)
        return Value("n", number, value.complemented)

    groups = [(tuple(map(copied, conditions)), indexes) for conditions, indexes in groups]
    owner = _owners(computes, stores, watches, groups)
    bodies: list[list[Compute]] = [[] for _ in groups]
    for one in computes:
        if one.operation.number in owner:
            bodies[owner[one.operation.number]].append(one)
    member = {index: number for number, (_, indexes) in enumerate(groups) for index in indexes}
    reads = [
        {
            value.number
            for one in body
            if isinstance(one, Compute)
            for value in one.inputs
            if value.kind == "q"
        }
        for body in bodies
    ]
    order, foreign = _in_order(groups, bodies, reads, copied)
    late = {index for read in foreign for index in read} | {index for index in member}
    main = [one for one in computes if one.operation.number not in owner]
    early = [one for index, one in enumerate(stores) if index not in late]
    actions: list[Action | Guard] = list(_ordered([*copies.values(), *main], [*early, *watches]))
    for number in order:
        conditions, indexes = groups[number]
        actions.append(
            Guard(conditions, tuple(_ordered(bodies[number], [stores[index] for index in indexes])))
        )
    actions += [stores[index] for index in sorted(late - member.keys())]
    return actions


def copy_of(register: int, number: int) -> Compute:
    """A register as it stands, as the result of the operation of this number.

    Parameters
    ----------
    register : int
        Its plane.
    number : int
        What others read the result by; one that no operation of the netlist has.
    """
    return Compute(TableOperation(number, X, ()), (Value("q", register, False),))


def _in_order(
    groups: list[Group],
    bodies: list[list[Compute]],
    reads: list[set[int]],
    copied: Callable[[Value], Value],
) -> tuple[list[int], list[set[int]]]:
    """The order of the groups, and what registers that are not its own each reads as they stand.

    A group that reads another's registers comes before it. Where they read each other, copies are read: that
    changes `bodies`.
    """
    member = {index: number for number, (_, indexes) in enumerate(groups) for index in indexes}
    foreign = [
        {index for index in read if member.get(index, -1) != number} for number, read in enumerate(reads)
    ]
    order: list[int] = []
    left = set(range(len(groups)))
    while left:
        awaited = {member[index] for number in left for index in foreign[number] if index in member}
        chosen = min(left - awaited, default=None)
        if chosen is None:
            # Those that read this one's registers read copies from now on.
            chosen = min(left, key=lambda number: (len(groups[number][1]), number))
            own = set(groups[chosen][1])
            for number in left - {chosen}:
                if foreign[number] & own:
                    bodies[number] = [_reading(one, own, copied) for one in bodies[number]]
                    foreign[number] -= own
        order.append(chosen)
        left.remove(chosen)
    return order, foreign


def _reading(one: Compute, registers: set[int], copied: Callable[[Value], Value]) -> Compute:
    inputs = tuple(
        copied(value) if value.kind == "q" and value.number in registers else value for value in one.inputs
    )
    return one._replace(inputs=inputs)


def _owners(
    computes: list[Compute], stores: list[Store], watches: list[Watch], groups: list[Group]
) -> Mapping[int, int]:
    """The group of each operation that only that group needs."""
    member = {index: number for number, (_, indexes) in enumerate(groups) for index in indexes}
    users: dict[int, set[int]] = {}

    def use(value: Value, user: int) -> None:
        if value.kind == "n":
            users.setdefault(value.number, set()).add(user)

    nobody = -1
    for conditions, _ in groups:
        for value in conditions:
            use(value, nobody)
    for watch in watches:
        use(watch.value, nobody)
    for index, store in enumerate(stores):
        use(store.value, member.get(index, nobody))
    owner: dict[int, int] = {}
    for one in reversed(computes):
        found = users.get(one.operation.number, {nobody})
        mine = next(iter(found)) if len(found) == 1 else nobody
        if mine != nobody:
            owner[one.operation.number] = mine
        for value in one.inputs:
            use(value, mine)
    return owner


def _ordered(computes: list[Compute], ends: Sequence[Store | Watch]) -> Iterator[Action]:
    """Each end as soon as its value is there and, for a register, its old value is no longer read."""
    known = {one.operation.number: index for index, one in enumerate(computes)}
    last_read: dict[int, int] = {}
    for index, one in enumerate(computes):
        last_read |= {value.number: index for value in one.inputs if value.kind == "q"}
    due: dict[int, list[Store | Watch]] = {}
    for end in ends:
        when = known.get(end.value.number, -1) if end.value.kind == "n" else -1
        if isinstance(end, Store):
            when = max(when, last_read.get(end.number, -1))
        due.setdefault(when, []).append(end)
    # Watched registers come before any register changes.
    yield from sorted(due.get(-1, ()), key=lambda end: isinstance(end, Store))
    for index, one in enumerate(computes):
        yield one
        yield from due.get(index, ())
