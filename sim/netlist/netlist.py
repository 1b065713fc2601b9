"""A design as gates of the library of `gates`, flip-flops, inputs and outputs. One clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .gates import FALSE, GateKind, Graph


class Register(NamedTuple):
    """One flip-flop: a bit of a register of the source."""

    name: str
    """Hierarchical, with dots."""
    bit: int
    output: int
    """The literal of a variable."""
    next: int
    """The literal that it takes at the edge."""
    init: int
    """0 or 1."""


@dataclass(repr=False)
class Netlist:
    """Gates between inputs, flip-flops and outputs.

    Attributes
    ----------
    inputs, outputs: words by name, the lowest bit first.
    registers: the flip-flops, sorted by name and bit.
    fixed: the value of those bits of registers that never change and so are no flip-flops.
    shown: by register and bit, what others see of it where that is not what its flip-flop holds: an
        asynchronous reset, while it is asserted.
    domain: the clock domain.
    """

    graph: Graph = field(default_factory=Graph)
    inputs: dict[str, list[int]] = field(default_factory=dict)
    outputs: dict[str, list[int]] = field(default_factory=dict)
    registers: list[Register] = field(default_factory=list)
    fixed: dict[str, int] = field(default_factory=dict)
    shown: dict[str, dict[int, int]] = field(default_factory=dict)
    domain: str = "sync"

    def __repr__(self) -> str:
        ports = f"inputs {', '.join(self.inputs) or 'none'}; outputs {', '.join(self.outputs) or 'none'}"
        return f"<Netlist: {ports}; {len(self.registers)} flip-flops, {self.size} gates>"

    def roots(self) -> list[int]:
        """What has to be computed in a cycle."""
        outputs = [literal for word in self.outputs.values() for literal in word]
        return [*(register.next for register in self.registers), *outputs]

    def register_words(self) -> dict[str, dict[int, int]]:
        """The indices in `registers` of each register's bits."""
        words: dict[str, dict[int, int]] = {name: {} for name in self.fixed}
        for index, register in enumerate(self.registers):
            words.setdefault(register.name, {})[register.bit] = index
        return words

    def settled(self, free: Sequence[str] = ()) -> "Netlist":
        """The same without flip-flops that never leave their initial value.

        Parameters
        ----------
        free: registers that are given another value before the first cycle.
        """
        stuck = {one.output >> 1: one.init for one in self.registers if one.name not in free}
        while True:
            # All at once: some stay only because others do.
            rest = self.rebuilt(stuck, keep=True)
            still = {
                before.output >> 1: before.init
                for before, after in zip(self.registers, rest.registers, strict=True)
                if before.output >> 1 in stuck and after.next == before.init
            }
            if still == stuck:
                break
            stuck = still
        settled = self.rebuilt(stuck)
        settled.fixed = dict(self.fixed)
        for one in self.registers:
            if one.output >> 1 in stuck:
                settled.fixed[one.name] = settled.fixed.get(one.name, 0) | one.init << one.bit
        return settled

    def rebuilt(
        self, known: Mapping[int, int], graph: Graph | None = None, *, keep: bool = False
    ) -> "Netlist":
        """The same in new gates, with other literals for some variables.

        Parameters
        ----------
        known: by the number of the variable, literals of the new graph. A register that is known is gone.
        graph: where the gates go, if not into a new one.
        keep: keep those registers too.
        """
        new = Netlist(graph or Graph(), fixed=dict(self.fixed), domain=self.domain)
        moved = {0: FALSE}
        make = {GateKind.AND: new.graph.and_, GateKind.XOR: new.graph.xor, GateKind.MUX: new.graph.mux}
        for number, gate in enumerate(self.graph.gates):
            if gate.kind is GateKind.VARIABLE:
                moved[number] = known[number] if number in known else new.graph.variable()
            elif gate.kind is not GateKind.CONSTANT:
                moved[number] = make[gate.kind](*(moved[one >> 1] ^ (one & 1) for one in gate.inputs))

        def word(literals: list[int]) -> list[int]:
            return [moved[one >> 1] ^ (one & 1) for one in literals]

        new.inputs = {
            name: word(literals) for name, literals in self.inputs.items() if literals[0] >> 1 not in known
        }
        new.outputs = {name: word(literals) for name, literals in self.outputs.items()}
        new.shown = {
            name: dict(zip(bits, word(list(bits.values())), strict=True)) for name, bits in self.shown.items()
        }
        new.registers = [
            one._replace(output=word([one.output])[0], next=word([one.next])[0])
            for one in self.registers
            if keep or one.output >> 1 not in known
        ]
        return new

    @property
    def size(self) -> int:
        """Gates that anything depends on."""
        return sum(
            self.graph.gates[number].kind is not GateKind.VARIABLE for number in self.graph.cone(self.roots())
        )
