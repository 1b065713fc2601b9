"""Logic for lanes, written in bits: registers and gates around a netlist."""

from collections.abc import Iterable, Mapping, Sequence

from ...model.lanes.bits import Logic
from ..netlist.gates import TRUE, Bit, Graph
from ..netlist.netlist import Netlist, Register

Word = list[Bit]


class Builder(Logic):
    """Registers and gates around a netlist.

    Attributes
    ----------
    graph: where all gates go.
    outputs: words by name; those of the netlist, once it is attached, and more.
    """

    zero: Bit
    one: Bit

    def __init__(self) -> None:
        self.graph = Graph()
        super().__init__(Bit(self.graph, TRUE))
        self.outputs: dict[str, Word] = {}
        self._registers: dict[str, tuple[Word, int]] = {}
        self._next: dict[str, Word] = {}
        self._inner: list[Register] = []

    def register(self, name: str, width: int, init: int = 0) -> Word:
        """A register; `follow` says what it takes at the edge.

        Parameters
        ----------
        name : str
            In the netlist; a second register of the same name replaces the first.
        width : int
            Bits.
        init : int
            The value at power-up.
        """
        word = [Bit(self.graph, self.graph.variable()) for _ in range(width)]
        self._registers[name] = word, init
        return word

    def follow(self, name: str, word: Word) -> None:
        """What a register takes at the edge.

        Parameters
        ----------
        name : str
            Of a register that `register` made.
        word : Word
            As wide as the register; `netlist` raises ValueError for another width.
        """
        self._next[name] = word

    def sticky(self, name: str, event: Bit) -> Bit:
        """A register that remembers an event. Returns it as it stands, without an event of this cycle.

        Parameters
        ----------
        name : str
            In the netlist; the register has one bit and begins with 0.
        event : Bit
            1 in a cycle in which it happens.
        """
        (seen,) = self.register(name, 1)
        self.follow(name, [seen | event])
        return seen

    def attach(self, inner: Netlist, inputs: Mapping[str, Word]) -> None:
        """Put a netlist in, with these words on its inputs; its outputs join `outputs`.

        Parameters
        ----------
        inner : Netlist
            Its gates are copied into `graph`. One netlist at most: another one would replace its registers.
        inputs : mapping of str to Word
            For each input of `inner` a word as wide as it, else KeyError or ValueError; others are ignored.
        """
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

    def mux(self, condition: Bit, yes: Bit, no: Bit) -> Bit:
        """`yes` if the condition holds, else `no`: one gate.

        Parameters
        ----------
        condition, yes, no : Bit
            Of `graph`.
        """
        return Bit(self.graph, self.graph.mux(condition.literal, yes.literal, no.literal))

    def any(self, bits: Iterable[Bit]) -> Bit:
        """The OR of any number of bits, as a balanced tree."""
        return Bit(self.graph, self.graph.any([bit.literal for bit in bits]))

    def all(self, bits: Iterable[Bit]) -> Bit:
        """The AND of any number of bits, as a balanced tree."""
        return Bit(self.graph, self.graph.all([bit.literal for bit in bits]))
