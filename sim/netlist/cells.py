"""The cells of Yosys's netlists as gates: what each of them computes, bit by bit.

A word is a list of literals, the lowest bit first. Widths and signs are those of Yosys's cell library.
"""

from collections.abc import Callable

from ..support.errors import NetlistError
from .gates import FALSE, TRUE, Graph

Word = list[int]


class Cell:
    """A cell as Yosys writes it in JSON: its parameters, and its inputs as words.

    Parameters
    ----------
    graph: where its gates go.
    kind: its type, such as "$add".
    parameters: by name, whole numbers.
    inputs: words by port.
    """

    def __init__(self, graph: Graph, kind: str, parameters: dict[str, int], inputs: dict[str, Word]) -> None:
        self.graph = graph
        self.kind = kind
        self.parameters = parameters
        self.inputs = inputs

    @property
    def width(self) -> int:
        """Of the output Y."""
        return self.parameters.get("Y_WIDTH", self.parameters.get("WIDTH", 1))

    def operand(self, port: str, width: int) -> Word:
        """An input in some bits: cut off, or extended by its sign if it has one.

        Parameters
        ----------
        port : str
            "A" or "B"; KeyError for a port that the cell does not have.
        width : int
            Bits of the result.
        """
        word = self.inputs[port][:width]
        signed = self.parameters.get(f"{port}_SIGNED", 0)
        return word + [word[-1] if signed and word else FALSE] * (width - len(word))

    @property
    def common(self) -> int:
        """The width in which two operands are compared or added."""
        return max(len(self.inputs["A"]), len(self.inputs["B"]), self.width)


def evaluate(cell: Cell) -> Word:
    """The output Y of a combinational cell.

    Raises
    ------
    NetlistError
        For a cell that is not in the table.
    """
    if cell.kind not in _CELLS:
        raise NetlistError(f"a cell {cell.kind} is not supported: expected one of {', '.join(_CELLS)}")
    word = _CELLS[cell.kind](cell)
    return (word + [FALSE] * cell.width)[: cell.width]


def add(graph: Graph, a: Word, b: Word, carry: int) -> Word:
    """A ripple-carry adder as wide as its operands, with the carry on top.

    Parameters
    ----------
    graph : Graph
        Where the gates go.
    a, b : Word
        As wide as each other; ValueError if they are not.
    carry : int
        The literal of the carry in.
    """
    result = []
    for x, y in zip(a, b, strict=True):
        half = graph.xor(x, y)
        result.append(graph.xor(half, carry))
        carry = graph.mux(half, carry, x)
    return [*result, carry]


def _invert(word: Word) -> Word:
    return [literal ^ 1 for literal in word]


def _unary(cell: Cell) -> Word:
    word = cell.operand("A", cell.width)
    if cell.kind == "$not":
        return _invert(word)
    if cell.kind == "$neg":
        return add(cell.graph, _invert(word), [FALSE] * cell.width, TRUE)
    return word


def _bitwise(cell: Cell) -> Word:
    graph = cell.graph
    gate = {"$and": graph.and_, "$or": graph.or_, "$xor": graph.xor, "$xnor": graph.xor}[cell.kind]
    flip = int(cell.kind == "$xnor")
    a, b = cell.operand("A", cell.width), cell.operand("B", cell.width)
    return [gate(x, y) ^ flip for x, y in zip(a, b, strict=True)]


def _reduce(cell: Cell) -> Word:
    graph, word = cell.graph, cell.inputs["A"]
    kind = cell.kind
    if kind == "$reduce_and":
        return [graph.all(word)]
    if kind in ("$reduce_xor", "$reduce_xnor"):
        return [graph.parity(word) ^ (kind == "$reduce_xnor")]
    return [graph.any(word) ^ (kind == "$logic_not")]


def _logic(cell: Cell) -> Word:
    graph = cell.graph
    a, b = graph.any(cell.inputs["A"]), graph.any(cell.inputs["B"])
    return [graph.and_(a, b) if cell.kind == "$logic_and" else graph.or_(a, b)]


def _equal(cell: Cell) -> Word:
    graph, width = cell.graph, cell.common
    same = [
        graph.xor(x, y) ^ 1 for x, y in zip(cell.operand("A", width), cell.operand("B", width), strict=True)
    ]
    return [graph.all(same) ^ (cell.kind in ("$ne", "$nex"))]


def _compare(cell: Cell) -> Word:
    """a < b is the borrow of a - b; signed numbers compare as unsigned ones with their signs turned."""
    width = max(len(cell.inputs["A"]), len(cell.inputs["B"]))
    a, b = cell.operand("A", width), cell.operand("B", width)
    if cell.parameters["A_SIGNED"] and width:
        a, b = [*a[:-1], a[-1] ^ 1], [*b[:-1], b[-1] ^ 1]
    if cell.kind in ("$gt", "$le"):
        a, b = b, a
    less = add(cell.graph, a, _invert(b), TRUE)[-1] ^ 1
    return [less ^ (cell.kind in ("$ge", "$le"))]


def _sum(cell: Cell) -> Word:
    a, b = cell.operand("A", cell.width), cell.operand("B", cell.width)
    if cell.kind == "$sub":
        return add(cell.graph, a, _invert(b), TRUE)
    return add(cell.graph, a, b, FALSE)


def _product(cell: Cell) -> Word:
    graph, width = cell.graph, cell.width
    a, b = cell.operand("A", width), cell.operand("B", width)
    total = [FALSE] * width
    for index, bit in enumerate(b):
        row = [FALSE] * index + [graph.and_(x, bit) for x in a[: width - index]]
        total = add(graph, total, row, FALSE)[:width]
    return total


def _quotient(cell: Cell) -> Word:
    """Division as Yosys's `$div` and `$mod` (towards zero) and `$divfloor` and `$modfloor` (downwards).

    By zero it gives 0, as Amaranth's simulator does for quotient and remainder; Verilog says x.
    """
    graph = cell.graph
    width = cell.common + 1
    a, b = cell.operand("A", width), cell.operand("B", width)
    signed = cell.parameters["A_SIGNED"] and cell.parameters["B_SIGNED"]
    minus_a, minus_b = (a[-1], b[-1]) if signed else (FALSE, FALSE)
    divisor = _negated(graph, b, minus_b)
    quotient, rest = _divided(graph, _negated(graph, a, minus_a), divisor)
    quotient = _negated(graph, quotient, graph.xor(minus_a, minus_b))
    rest = _negated(graph, rest, minus_a)
    if cell.kind in ("$divfloor", "$modfloor"):
        # Signs that differ, and something left: one step further down.
        down = graph.and_(graph.xor(minus_a, minus_b), graph.any(rest))
        quotient = add(graph, quotient, [down] * width, FALSE)[:width]
        rest = add(graph, rest, [graph.and_(down, bit) for bit in b], FALSE)[:width]
    result = quotient if cell.kind in ("$div", "$divfloor") else rest
    there = graph.any(b)
    return [graph.and_(there, bit) for bit in (result + [result[-1]] * cell.width)[: cell.width]]


def _negated(graph: Graph, word: Word, minus: int) -> Word:
    """The word, or its negative where `minus` is 1."""
    turned = [graph.xor(bit, minus) for bit in word]
    return add(graph, turned, [FALSE] * len(word), minus)[: len(word)]


def _divided(graph: Graph, a: Word, b: Word) -> tuple[Word, Word]:
    """Quotient and rest of two numbers without signs, by subtracting where it goes (restoring division)."""
    rest = [FALSE] * len(a)
    quotient = []
    for bit in reversed(a):
        rest = [bit, *rest]
        *less, enough = add(graph, rest, _invert([*b, FALSE]), TRUE)
        rest = [graph.mux(enough, x, y) for x, y in zip(less, rest, strict=True)][: len(a)]
        quotient.insert(0, enough)
    return quotient, rest


def _shift(cell: Cell) -> Word:
    """Logarithmic shifter. `$shift` and `$shiftx` go left by a negative amount."""
    graph, kind = cell.graph, cell.kind
    width = max(cell.width, len(cell.inputs["A"]))
    word, amount = cell.operand("A", width), cell.inputs["B"]
    fill = word[-1] if kind == "$sshr" and cell.parameters["A_SIGNED"] else FALSE
    if kind in ("$shl", "$sshl"):
        return _shifted(graph, word, amount, FALSE, left=True)
    if kind in ("$shift", "$shiftx") and cell.parameters["B_SIGNED"] and amount:
        right = _shifted(graph, word, amount[:-1], FALSE, left=False)
        magnitude = add(graph, _invert(amount), [FALSE] * len(amount), TRUE)[: len(amount)]
        left = _shifted(graph, word, magnitude, FALSE, left=True)
        return [graph.mux(amount[-1], x, y) for x, y in zip(left, right, strict=True)]
    return _shifted(graph, word, amount, fill, left=False)


def _shifted(graph: Graph, word: Word, amount: Word, fill: int, *, left: bool) -> Word:
    width = len(word)
    for index, bit in enumerate(amount):
        distance = min(1 << index, width)
        gap = [fill] * distance
        moved = gap + word[: width - distance] if left else word[distance:] + gap
        word = [graph.mux(bit, x, y) for x, y in zip(moved, word, strict=True)]
    return word


def _mux(cell: Cell) -> Word:
    (select,) = cell.inputs["S"]
    graph = cell.graph
    return [graph.mux(select, b, a) for a, b in zip(cell.inputs["A"], cell.inputs["B"], strict=True)]


def _parallel_mux(cell: Cell) -> Word:
    """One of several words by a one-hot select; A if none is selected."""
    graph, width = cell.graph, cell.parameters["WIDTH"]
    word = cell.inputs["A"]
    for index, select in reversed(list(enumerate(cell.inputs["S"]))):
        chosen = cell.inputs["B"][index * width : (index + 1) * width]
        word = [graph.mux(select, b, a) for a, b in zip(word, chosen, strict=True)]
    return word


_CELLS: dict[str, Callable[[Cell], Word]] = {
    **dict.fromkeys(("$not", "$pos", "$neg"), _unary),
    **dict.fromkeys(("$and", "$or", "$xor", "$xnor"), _bitwise),
    **dict.fromkeys(
        ("$reduce_and", "$reduce_or", "$reduce_bool", "$reduce_xor", "$reduce_xnor", "$logic_not"), _reduce
    ),
    **dict.fromkeys(("$logic_and", "$logic_or"), _logic),
    **dict.fromkeys(("$eq", "$ne", "$eqx", "$nex"), _equal),
    **dict.fromkeys(("$lt", "$le", "$gt", "$ge"), _compare),
    **dict.fromkeys(("$add", "$sub"), _sum),
    "$mul": _product,
    **dict.fromkeys(("$div", "$mod", "$divfloor", "$modfloor"), _quotient),
    **dict.fromkeys(("$shl", "$sshl", "$shr", "$sshr", "$shift", "$shiftx"), _shift),
    "$mux": _mux,
    "$pmux": _parallel_mux,
}

BITWISE = ("$not", "$pos", "$and", "$or", "$xor", "$xnor", "$mux", "$pmux")
"""Cells of which a bit of the output reads only the bits of the same index, and the select."""
