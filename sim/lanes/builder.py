"""Logic for lanes, written in bits: registers, and words with the few operations that it takes."""

from collections.abc import Iterable, Mapping, Sequence

from ..netlist.gates import FALSE, TRUE, Bit, Graph
from ..netlist.netlist import Netlist, Register

Word = list[Bit]


class Builder:
    """Registers and gates around a netlist.

    Attributes
    ----------
    graph: where all gates go.
    zero, one: the constants.
    outputs: words by name; those of the netlist, once it is attached, and more.
    """

    def __init__(self) -> None:
        self.graph = Graph()
        self.zero = Bit(self.graph, FALSE)
        self.one = Bit(self.graph, TRUE)
        self.outputs: dict[str, Word] = {}
        self._registers: dict[str, tuple[Word, int]] = {}
        self._next: dict[str, Word] = {}
        self._inner: list[Register] = []

    def register(self, name: str, width: int, init: int = 0) -> Word:
        """A register; `follow` says what it takes at the edge."""
        word = [Bit(self.graph, self.graph.variable()) for _ in range(width)]
        self._registers[name] = word, init
        return word

    def follow(self, name: str, word: Word) -> None:
        """What a register takes at the edge."""
        self._next[name] = word

    def sticky(self, name: str, event: Bit) -> Bit:
        """A register that remembers an event. Returns it as it stands, without an event of this cycle."""
        (seen,) = self.register(name, 1)
        self.follow(name, [seen | event])
        return seen

    def attach(self, inner: Netlist, inputs: Mapping[str, Word]) -> None:
        """Put a netlist in, with these words on its inputs."""
        driven = {
            variable >> 1: bit.literal
            for name, word in inner.inputs.items()
            for variable, bit in zip(word, inputs[name], strict=True)
        }
        moved = inner.rebuilt(driven, self.graph)
        self._inner = moved.registers
        self.outputs |= {name: [Bit(self.graph, one) for one in word] for name, word in moved.outputs.items()}

    def netlist(self, free: Sequence[str]) -> Netlist:
        """All of it, without what never changes; `free` as in `netlist.lower`."""
        registers = list(self._inner)
        for name, (word, init) in self._registers.items():
            for index, (old, new) in enumerate(zip(word, self._next[name], strict=True)):
                registers.append(Register(name, index, old.literal, new.literal, init >> index & 1))
        outputs = {name: [bit.literal for bit in word] for name, word in self.outputs.items()}
        return Netlist(self.graph, {}, outputs, sorted(registers)).settled(free)

    def constant(self, value: int, width: int) -> Word:
        return [self.one if value >> index & 1 else self.zero for index in range(width)]

    def select(self, condition: Bit, yes: Word, no: Word) -> Word:
        """`yes` if the condition holds, else `no`."""
        graph = self.graph
        return [
            Bit(graph, graph.mux(condition.literal, a.literal, b.literal))
            for a, b in zip(yes, no, strict=True)
        ]

    def equal(self, word: Word, value: int) -> Bit:
        """A word has a value."""
        return self.all(bit if value >> index & 1 else ~bit for index, bit in enumerate(word))

    def same(self, one: Word, other: Word) -> Bit:
        """Two words are equal."""
        return self.all(~(a ^ b) for a, b in zip(one, other, strict=True))

    def plus_one(self, word: Word) -> Word:
        result, carry = [], self.one
        for bit in word:
            result.append(bit ^ carry)
            carry = carry & bit
        return result

    def any(self, bits: Iterable[Bit]) -> Bit:
        return Bit(self.graph, self.graph.any([bit.literal for bit in bits]))

    def all(self, bits: Iterable[Bit]) -> Bit:
        return Bit(self.graph, self.graph.all([bit.literal for bit in bits]))

    def one_of(self, chosen: Iterable[tuple[Bit, Word]], width: int) -> Word:
        """The word whose condition holds, of conditions of which at most one does; else 0."""
        pairs = list(chosen)
        return [self.any(condition & word[index] for condition, word in pairs) for index in range(width)]
