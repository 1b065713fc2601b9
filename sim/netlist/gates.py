"""A network of gates, one bit each: what a netlist is lowered to and what a reference is traced into.

The gate library: AND, XOR and MUX of two or three bits, NOT for nothing. A *literal* is a gate's number
doubled, plus 1 where its complement is meant; 0 and 1 are the constants. Gates that are the same
are one gate, and what constants decide is no gate at all.
"""

from enum import IntEnum
from typing import NamedTuple

FALSE = 0
TRUE = 1


class GateKind(IntEnum):
    """What a gate does."""

    CONSTANT = 0
    VARIABLE = 1
    """An input or the output of a flip-flop."""
    AND = 2
    XOR = 3
    MUX = 4
    """`a` if `s`, else `b`; in this order."""


class Gate(NamedTuple):
    """One gate and the literals that it reads."""

    kind: GateKind
    inputs: tuple[int, ...] = ()


class Graph:
    """Gates, each after those that it reads.

    Attributes
    ----------
    gates: by number; number 0 is the constant.
    """

    def __init__(self) -> None:
        self.gates = [Gate(GateKind.CONSTANT)]
        self._known: dict[Gate, int] = {}

    def variable(self) -> int:
        """A literal that nothing here decides."""
        self.gates.append(Gate(GateKind.VARIABLE))
        return 2 * (len(self.gates) - 1)

    def and_(self, a: int, b: int) -> int:
        """The AND of two literals.

        Parameters
        ----------
        a, b : int
            Literals of this graph.
        """
        if a > b:
            a, b = b, a
        if a == FALSE or a == b ^ 1:
            return FALSE
        if a in (TRUE, b):
            return b
        return self._gate(GateKind.AND, a, b)

    def or_(self, a: int, b: int) -> int:
        """The OR of two literals.

        Parameters
        ----------
        a, b : int
            Literals of this graph.
        """
        return self.and_(a ^ 1, b ^ 1) ^ 1

    def xor(self, a: int, b: int) -> int:
        """The XOR of two literals.

        Parameters
        ----------
        a, b : int
            Literals of this graph.
        """
        # A complement passes through.
        flip = (a ^ b) & 1
        a, b = sorted((a & ~1, b & ~1))
        if a == b:
            return flip
        if a == FALSE:
            return b ^ flip
        return self._gate(GateKind.XOR, a, b) ^ flip

    def mux(self, s: int, a: int, b: int) -> int:
        """`a` if `s`, else `b`.

        Parameters
        ----------
        s, a, b : int
            Literals of this graph.
        """
        if s & 1:
            s, a, b = s ^ 1, b, a
        if s == FALSE:
            return b
        if a == b:
            return a
        if a == b ^ 1:
            return self.xor(s, b)
        if a in (s, TRUE):
            return self.or_(s, b)
        if a in (s ^ 1, FALSE):
            return self.and_(s ^ 1, b)
        if b in (s, FALSE):
            return self.and_(s, a)
        if b in (s ^ 1, TRUE):
            return self.or_(s ^ 1, a)
        if a & 1:
            return self._gate(GateKind.MUX, s, a ^ 1, b ^ 1) ^ 1
        return self._gate(GateKind.MUX, s, a, b)

    def all(self, literals: list[int]) -> int:
        """The AND of any number, as a balanced tree."""
        return self._tree(self.and_, literals, TRUE)

    def any(self, literals: list[int]) -> int:
        """The OR of any number."""
        return self._tree(self.or_, literals, FALSE)

    def parity(self, literals: list[int]) -> int:
        """The XOR of any number."""
        return self._tree(self.xor, literals, FALSE)

    def cone(self, roots: list[int]) -> list[int]:
        """The numbers of the gates that decide some literals, in an order in which each follows its inputs.

        The order is depth-first: what is read is computed shortly before, so that it need not be kept.
        """
        order: list[int] = []
        seen = {0}
        for root in roots:
            stack = [(root >> 1, False)]
            while stack:
                number, entered = stack.pop()
                if entered:
                    order.append(number)
                elif number not in seen:
                    seen.add(number)
                    stack.append((number, True))
                    stack += [(one >> 1, False) for one in reversed(self.gates[number].inputs)]
        return order

    def _gate(self, kind: GateKind, *inputs: int) -> int:
        gate = Gate(kind, inputs)
        number = self._known.get(gate)
        if number is None:
            number = self._known[gate] = len(self.gates)
            self.gates.append(gate)
        return 2 * number

    @staticmethod
    def _tree(gate, literals: list[int], empty: int) -> int:
        level = list(literals) or [empty]
        while len(level) > 1:
            pairs = zip(level[::2], level[1::2], strict=False)
            level = [gate(a, b) for a, b in pairs] + level[len(level) & ~1 :]
        return level[0]


class Bit:
    """A literal with Python's operators, so that a description in `&`, `|`, `^` and `~` becomes gates.

    Parameters
    ----------
    graph : Graph
        Where the gates go; operands are of the same one.
    literal : int
        Of that graph.
    """

    __slots__ = ("graph", "literal")

    def __init__(self, graph: Graph, literal: int) -> None:
        self.graph = graph
        self.literal = literal

    def __and__(self, other: "Bit") -> "Bit":
        return Bit(self.graph, self.graph.and_(self.literal, other.literal))

    def __or__(self, other: "Bit") -> "Bit":
        return Bit(self.graph, self.graph.or_(self.literal, other.literal))

    def __xor__(self, other: "Bit") -> "Bit":
        return Bit(self.graph, self.graph.xor(self.literal, other.literal))

    def __invert__(self) -> "Bit":
        return Bit(self.graph, self.literal ^ 1)
