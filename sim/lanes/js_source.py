"""A step as JavaScript: operations on 32-bit words, so that a page can run up to 32 machines at once.

An engine does not optimise a huge function, so the step is cut into functions of at most MOST operations.
Planes, and what one function computes for another, stand in typed arrays.
"""

import json
from collections.abc import Iterator, Sequence

from ..netlist.netlist import Netlist
from ..netlist.truth_tables import formulas
from .lanes import Recipe
from .plan import Compute, Interface, StepPlan, Store, Value, Watch, plan_step

WORD = 32
"""Bits of a word: lanes."""
MOST = 300
"""Operations in a function."""


def javascript_recipe(netlist: Netlist) -> Recipe:
    """A netlist as a recipe with "javascript" among its sources, for `cache.cached`."""
    plan, outputs = _plan(netlist)
    return Recipe(plan.interface, {"javascript": javascript_source(plan, outputs)}, WORD, False, plan.cost)


def javascript_of(netlist: Netlist) -> str:
    """A netlist as an expression of JavaScript whose value is a machine of 32 lanes.

    Its members: `q`, `i` and `o`, typed arrays with a word of 32 lanes for each flip-flop, bit of an input
    and bit of an output; `step()`, which leaves the outputs of a cycle, settled before its rising edge, in
    `o` and then lets the registers take their next values; `init`, the registers at power-up; `inputs`,
    `outputs` and `registers`, the planes of each word by name, the lowest bit first, and `fixed`, the value
    of those bits of registers that never change.
    """
    return javascript_source(*_plan(netlist))


def _plan(netlist: Netlist) -> tuple[StepPlan, dict[str, list[int]]]:
    """A step that watches every bit of the outputs, and which bits make up each output."""
    bits = [(name, literal) for name, word in netlist.outputs.items() for literal in word]
    single = Netlist(
        netlist.graph,
        netlist.inputs,
        {f"{name}.{index}": [literal] for index, (name, literal) in enumerate(bits)},
        netlist.registers,
        netlist.fixed,
        netlist.shown,
        netlist.domain,
    )
    outputs: dict[str, list[int]] = {}
    for index, (name, _) in enumerate(bits):
        outputs.setdefault(name, []).append(index)
    return plan_step(single, "numpy", list(single.outputs)), outputs


def javascript_source(plan: StepPlan, outputs: dict[str, list[int]]) -> str:
    """The step of a plan that watches every bit of the outputs.

    Parameters
    ----------
    plan : StepPlan
        For the target "numpy", without guards: JavaScript has the same operations.
    outputs : dict of str to list of int
        Of each output the indexes of its bits among the plan's watches, the lowest first.
    """
    writer = _Functions(plan)
    interface = plan.interface
    lines = [
        "(() => {",
        '"use strict";',
        *_arrays(interface, writer.kept),
        *(f"function f{number}() {{\n{body}\n}}" for number, body in enumerate(writer.functions)),
        f"const step = () => {{ {' '.join(f'f{number}();' for number in range(len(writer.functions)))} }};",
        f"const inputs = {_table(interface.inputs)};",
        f"const outputs = {_table(outputs)};",
        f"const registers = {_table(interface.registers)};",
        f"const fixed = {_table(interface.fixed)};",
        "return { q, i, o, init, step, inputs, outputs, registers, fixed };",
        "})()",
    ]
    return "\n".join(lines)


def _arrays(interface: Interface, kept: int) -> Iterator[str]:
    sizes = {"q": len(interface.init), "i": interface.input_planes, "o": len(interface.watches), "t": kept}
    for name, size in sizes.items():
        yield f"const {name} = new Int32Array({size});"
    ones = [index for index, bit in enumerate(interface.init) if bit]
    yield f"const init = new Int32Array({sizes['q']});"
    yield f"for (const index of {_table(ones)}) init[index] = -1;"
    yield "q.set(init);"


def _table(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


class _Functions:
    """Actions as the bodies of functions.

    Attributes
    ----------
    functions: their bodies.
    kept: words for what one function computes and another reads.
    """

    def __init__(self, plan: StepPlan) -> None:
        self._pieces = _pieces(plan)
        self._piece = {
            action.operation.number: number
            for number, piece in enumerate(self._pieces)
            for action in piece
            if isinstance(action, Compute)
        }
        shared = [
            value.number
            for number, piece in enumerate(self._pieces)
            for action in piece
            for value in _values(action)
            if value.kind == "n" and self._piece[value.number] != number
        ]
        self._indices = {number: index for index, number in enumerate(dict.fromkeys(shared))}
        self.kept = len(self._indices)
        self.functions = ["\n".join(self._write(piece)) for piece in self._pieces]

    def _write(self, piece: Sequence[Compute | Watch | Store]) -> Iterator[str]:
        self._names: dict[tuple[str, int], str] = {}
        for action in piece:
            for value in _values(action):
                yield from self._fetch(value)
            match action:
                case Compute(operation, inputs):
                    name = f"n{len(self._names)}"
                    yield f"const {name}={_formula(operation.table, [self._name(one) for one in inputs])};"
                    self._names["n", operation.number] = name
                    if operation.number in self._indices:
                        yield f"t[{self._indices[operation.number]}]={name};"
                case Watch(index, value):
                    yield f"o[{index}]={self._name(value)};"
                case Store(index, value):
                    yield f"q[{index}]={self._name(value)};"

    def _fetch(self, value: Value) -> Iterator[str]:
        """Have a value at hand. What is read once is right to the end: the plan stores a register last."""
        key = value.kind, value.number
        if value.kind == "c" or key in self._names:
            return
        index = self._indices[value.number] if value.kind == "n" else value.number
        name = f"n{len(self._names)}"
        yield f"const {name}={'t' if value.kind == 'n' else value.kind}[{index}];"
        self._names[key] = name

    def _name(self, value: Value) -> str:
        name = "0" if value.kind == "c" else self._names[value.kind, value.number]
        return f"~{name}" if value.complemented else name


def _values(action: Compute | Watch | Store) -> Sequence[Value]:
    return action.inputs if isinstance(action, Compute) else (action.value,)


def _pieces(plan: StepPlan) -> list[list[Compute | Watch | Store]]:
    """The actions in pieces of at most MOST operations each."""
    pieces: list[list[Compute | Watch | Store]] = [[]]
    cost = 0
    for action in plan.actions:
        price = max(formulas(False)[action.operation.table].cost, 1) if isinstance(action, Compute) else 1
        if cost + price > MOST:
            pieces.append([])
            cost = 0
        pieces[-1].append(action)
        cost += price
    return pieces


def _formula(table: int, names: Sequence[str]) -> str:
    known = formulas(False)
    variables = dict(zip((0xAA, 0xCC, 0xF0), names, strict=False)) | {0: "0", 0xFF: "-1"}

    def text(part: int) -> str:
        _, operator, left, right = known[part]
        if not operator:
            return variables[part]
        if operator == "~":
            return f"~{text(left)}"
        return f"({text(left)}{operator}{text(right)})"

    return text(table)
