"""The engine without a compiler: a step as calls of numpy on planes of many words.

The planes of a block are rows of one array, small enough for the caches; what is computed goes into rows that
are used again as soon as their value has been read for the last time.
"""

from collections.abc import Callable, Iterator

import numpy as np

from ..netlist.netlist import Netlist
from ..netlist.truth_tables import ALL, formulas
from .plan import Compute, Interface, StepPlan, Store, Value, Watch
from .values import Blocks

BLOCK_WORDS = 2048
"""Words of 64 lanes in a block."""
_CALLS = {"&": "and_", "|": "or_", "^": "xor"}


def python_source(plan: StepPlan) -> str:
    """The step as Python source: `make(q, i, t, watch)` gives a function of no arguments."""
    return "\n".join(
        ["def make(q, i, t, watch):", " def step():", *_Writer(plan).lines, "  pass", " return step", ""]
    )


class _Writer:
    """Actions as calls, with rows for what they compute.

    Attributes
    ----------
    lines: of the step.
    """

    def __init__(self, plan: StepPlan) -> None:
        self._free: list[int] = []
        self._rows = 0
        self._where: dict[int, str] = {}
        self._uses = self._count(plan)
        self.lines = [f"  {line}" for action in plan.actions for line in self._write(action)]

    @staticmethod
    def _count(plan: StepPlan) -> dict[int, int]:
        uses: dict[int, int] = {}
        for action in plan.actions:
            values = action.inputs if isinstance(action, Compute) else (action.value,)
            for value in values:
                if value.kind == "n":
                    uses[value.number] = uses.get(value.number, 0) + 1
        return uses

    def _write(self, action: Compute | Watch | Store) -> Iterator[str]:
        match action:
            case Compute(operation, inputs):
                names = [self._name(one) for one in inputs]
                row = self._row()
                yield from self._formula(operation.table, names, f"t[{row}]")
                self._where[operation.number] = f"t[{row}]"
                for one in inputs:
                    self._used(one)
            case Watch(index, value):
                yield f"watch({index}, {self._name(value)}, {value.complemented})"
                self._used(value)
            case Store(index, value):
                if value.kind == "c":
                    yield f"q[{index}].fill({(1 << 64) - 1 if value.complemented else 0})"
                elif value.complemented:
                    yield f"invert({self._name(value)}, q[{index}])"
                else:
                    yield f"copyto(q[{index}], {self._name(value)})"
                self._used(value)

    def _name(self, value: Value) -> str:
        if value.kind == "n":
            return self._where[value.number]
        return "t[-1]" if value.kind == "c" else f"{value.kind}[{value.number}]"

    def _row(self) -> int:
        if self._free:
            return self._free.pop()
        self._rows += 1
        return self._rows - 1

    def _used(self, value: Value) -> None:
        if value.kind == "n":
            self._uses[value.number] -= 1
            if not self._uses[value.number]:
                self._free.append(int(self._where[value.number][2:-1]))

    def _formula(self, table: int, names: list[str], target: str) -> Iterator[str]:
        """Calls that leave a function of the named rows in the target, which may be none of them."""
        known = formulas(False)
        variables = dict(zip((0xAA, 0xCC, 0xF0), names, strict=False))

        def write(part: int, into: str) -> Iterator[str]:
            _, operator, left, right = known[part]
            if not operator:
                yield (
                    f"copyto({into}, {variables[part]})"
                    if part in variables
                    else f"{into}.fill({part and ALL})"
                )
            elif operator == "~":
                yield from write_operands((left,), into, "invert")
            else:
                yield from write_operands((left, right), into, _CALLS[operator])

        def write_operands(parts: tuple[int, ...], into: str, call: str) -> Iterator[str]:
            rows: list[int] = []
            operands = []
            for part in parts:
                if part in variables:
                    operands.append(variables[part])
                    continue
                # The first one that is computed may stand where the result will.
                result = into
                if any(one == into for one in operands):
                    rows.append(self._row())
                    result = f"t[{rows[-1]}]"
                yield from write(part, result)
                operands.append(result)
            yield f"{call}({', '.join(operands)}, {into})"
            self._free += rows

        yield from write(table, target)


class NumpyKernel:
    """A kernel of numpy calls.

    Parameters
    ----------
    interface: of the plan that its source was written from.
    source: what `python_source` gave.
    toggles: whether it keeps which registers ever changed.
    """

    def __init__(self, interface: Interface, source: str, toggles: bool) -> None:
        self.interface = interface
        self.toggles = toggles
        self.netlist: Netlist | None = None
        self._rows = 1 + max(
            (int(part.split("]")[0]) for part in source.split("t[")[1:] if part[0] != "-"), default=0
        )
        names = {
            "and_": np.bitwise_and,
            "or_": np.bitwise_or,
            "xor": np.bitwise_xor,
            "invert": np.invert,
            "copyto": np.copyto,
        }
        exec(compile(source, "<lanes>", "exec"), names)
        self._make: Callable[..., Callable[[], None]] = names["make"]  # type: ignore[assignment]

    def words_for(self, lanes: int) -> int:
        """As few as will do, so that few lanes cost little, and as many as the caches hold."""
        return min(BLOCK_WORDS, -(-lanes // 64))

    def cycles_at_once(self, blocks: int) -> int:
        """Many: Ctrl-C is looked at between any two calls of numpy."""
        return 1 << 20

    def run(self, blocks: Blocks, cycles: int, start: int) -> None:
        """As of `Kernel`.

        Parameters
        ----------
        blocks : Blocks
            Of any number of words; changed in place.
        cycles, start : int
            How many pass, and the number of the first.
        """
        state, inputs, valid, toggles, counts, firsts = blocks
        rows = np.zeros((self._rows + 1, state.shape[2]), dtype=np.uint64)
        for block in range(len(state)):
            observer = _Observer(self.interface.fails, valid[block], counts[block], firsts[block])
            step = self._make(list(state[block]), list(inputs[block]), list(rows), observer.watch)
            before = state[block].copy() if toggles is not None else None
            for cycle in range(start, start + cycles):
                observer.cycle = cycle
                step()
                if toggles is not None and before is not None:
                    toggles[block] |= state[block] ^ before
                    before[:] = state[block]


class _Observer:
    """Counts watched outputs of one block, and keeps where a failure came first."""

    def __init__(self, fails: int, valid: np.ndarray, counts: np.ndarray, firsts: np.ndarray) -> None:
        self.cycle = 0
        self._fails, self._valid, self._counts, self._firsts = fails, valid, counts, firsts

    def watch(self, index: int, plane: np.ndarray, complemented: bool) -> None:
        seen = (~plane if complemented else plane) & self._valid
        ones = int(np.bitwise_count(seen).sum())
        self._counts[index] += np.uint64(ones)
        if ones and index < self._fails and self._firsts[index, 0] == np.uint64((1 << 64) - 1):
            word = int(np.flatnonzero(seen)[0])
            bit = (int(seen[word]) & -int(seen[word])).bit_length() - 1
            self._firsts[index] = self.cycle, word * 64 + bit
