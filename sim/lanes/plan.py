"""What one step of a netlist in lanes has to do, in order: the part that both engines share.

A plane is one bit of every lane. A step reads the planes of registers and inputs, computes what follows,
hands watched outputs over, and puts each register's next value in place once nobody needs the old one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..netlist.mapping import map_gates
from ..netlist.netlist import Netlist
from ..support.errors import NetlistError
from .actions import Action, Compute, Guard, Store, Value, Watch
from .guards import arranged, copy_of, guard_groups


@dataclass(frozen=True)
class Interface:
    """The names behind the planes: all that is needed to use a kernel.

    Attributes
    ----------
    registers: by name, the plane of each bit that can change.
    fixed: the value of the bits that cannot.
    inputs: the planes of each word, by name, the lowest bit first.
    init: the initial value of each register's plane.
    watches: one-bit outputs that are counted.
    fails: how many of these, the first ones, are failures: their first lane and cycle are kept.
    asynchronous: registers with an asynchronous reset, which others see otherwise than the flip-flops hold.
    """

    registers: dict[str, dict[int, int]]
    fixed: dict[str, int]
    inputs: dict[str, list[int]]
    init: list[int]
    watches: list[str]
    fails: int
    asynchronous: list[str] = field(default_factory=list)

    @property
    def input_planes(self) -> int:
        """Planes of all inputs together."""
        return sum(map(len, self.inputs.values()))


@dataclass(frozen=True)
class StepPlan:
    """The actions of a step, and who is who."""

    interface: Interface
    sections: list[Action | Guard]
    cost: int
    """Operations of the target in one step."""

    @property
    def actions(self) -> list[Action]:
        """All of them in order, whether behind a condition or not."""
        return [
            action
            for section in self.sections
            for action in (section.actions if isinstance(section, Guard) else (section,))
        ]


def plan_step(
    netlist: Netlist,
    target: str,
    watch: Sequence[str] = (),
    fail: Sequence[str] = (),
    *,
    guards: bool = False,
) -> StepPlan:
    """A step of a netlist.

    Parameters
    ----------
    target: as in `truth_tables.costs`.
    watch: names of outputs of one bit that are counted.
    fail: the same, for those that must never be 1.
    guards: put what only concerns a group of registers with a common enable behind that enable.

    Raises
    ------
    NetlistError
        For an output that is not there or has more than one bit.
    """
    watches = [*fail, *watch]
    watched = [_one_bit(netlist, name) for name in watches]
    roots = [*(register.next for register in netlist.registers), *watched]
    groups = guard_groups(netlist) if guards else {}
    roots += [literal for literals in groups for literal in literals]
    mapping = map_gates(netlist.graph, roots, target)
    locations, inputs = _locations(netlist)

    def value(literal: int) -> Value:
        kind, number = locations.get(literal >> 1, ("n", literal >> 1))
        return Value(kind, number, bool(literal & 1) ^ (literal >> 1 in mapping.complemented))

    # A register that another one takes over as it is has to be read before it is overwritten.
    taken_over = {
        locations[one.next >> 1][1]: -1 - index
        for index, one in enumerate(netlist.registers)
        if locations.get(one.next >> 1, "?")[0] == "q"
    }
    computes = [copy_of(number, name) for number, name in taken_over.items()]
    computes += [
        Compute(one, tuple(Value(*locations.get(number, ("n", number)), False) for number in one.inputs))
        for one in mapping.operations
    ]

    def taken(literal: int) -> Value:
        found = value(literal)
        return found._replace(kind="n", number=taken_over[found.number]) if found.kind == "q" else found

    stores = [Store(index, taken(one.next)) for index, one in enumerate(netlist.registers)]
    watched_ends = [Watch(index, value(literal)) for index, literal in enumerate(watched)]
    conditions = [tuple(value(literal) for literal in literals) for literals in groups]
    sections = arranged(computes, stores, watched_ends, list(zip(conditions, groups.values(), strict=True)))
    return StepPlan(_interface(netlist, inputs, watches, len(fail)), sections, mapping.cost)


def _one_bit(netlist: Netlist, name: str) -> int:
    if len(netlist.outputs.get(name, ())) != 1:
        raise NetlistError(f"no output {name!r} of one bit: expected one of {', '.join(netlist.outputs)}")
    return netlist.outputs[name][0]


def _interface(netlist: Netlist, inputs: dict[str, list[int]], watches: list[str], fails: int) -> Interface:
    return Interface(
        netlist.register_words(),
        dict(netlist.fixed),
        inputs,
        [one.init for one in netlist.registers],
        watches,
        fails,
        list(netlist.shown),
    )


def _locations(netlist: Netlist) -> tuple[dict[int, tuple[str, int]], dict[str, list[int]]]:
    """Where each variable is found, and the planes of the inputs."""
    locations = {0: ("c", 0)}
    inputs: dict[str, list[int]] = {}
    plane = 0
    for name, word in netlist.inputs.items():
        inputs[name] = list(range(plane, plane + len(word)))
        for literal in word:
            locations[literal >> 1] = ("i", plane)
            plane += 1
    for index, register in enumerate(netlist.registers):
        locations[register.output >> 1] = ("q", index)
    return locations, inputs
