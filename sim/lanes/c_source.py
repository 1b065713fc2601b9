"""A step as statements of C, with the values that a processor's vector registers can hold at hand."""

from collections import deque
from collections.abc import Sequence

from ..netlist.truth_tables import formulas, moved
from .plan import Compute, StepPlan, Store, Value, Watch

_Key = tuple[str, int]


class Writer:
    """The actions as statements, never with more values at hand than there are vector registers.

    A compiler's register allocator does not see far in thousands of lines without a branch: it would copy and
    spill far more than is needed. So what is used again last is put away here (L. A. Belady, 1966), and a
    barrier keeps the compiler from undoing that.

    Attributes
    ----------
    lines: of C.
    slots: of memory, for what is put away.
    """

    def __init__(self, plan: StepPlan, ternary: bool, toggles: bool) -> None:
        self.lines: list[str] = []
        self.slots = 0
        self._ternary = ternary
        self._toggles = toggles
        # Some are needed for a result and for what is read from memory.
        self._room = 28 if ternary else 12
        self._names: dict[_Key, str] = {}
        self._away: dict[_Key, int] = {}
        self._free: list[int] = []
        self._uses = _uses(plan, toggles)
        self._versions = 0
        for index, action in enumerate(plan.actions):
            self._write(index, action)

    def _write(self, index: int, action: Compute | Watch | Store) -> None:
        keys = _keys(action, self._toggles)
        for key in keys:
            self._fetch(key, keys)
        match action:
            case Compute(operation, inputs):
                names = [self._text(one) for one in inputs]
                ends = [at for at, key in enumerate(keys) if self._next_use(key, index + 1) is None]
                if self._ternary:
                    formula = _ternary(operation.table, names, ends[0] if ends else None)
                else:
                    formula = _formula(operation.table, names)
                self._forget(keys, index)
                self._name(("n", operation.number), formula, ())
                return
            case Store(at, value):
                if self._toggles:
                    self.lines.append(f"tg[{at}] |= {self._names['q', at]} ^ {self._text(value)};")
                self.lines.append(f"st[{at}] = {self._text(value)};")
            case Watch(at, value):
                self.lines.append(f"const v w{at} = {self._text(value)} & valid;")
                self.lines.append(f"sum[{at}] = add(sum[{at}], w{at});")
        self._forget(keys, index)

    def _text(self, value: Value) -> str:
        name = "zero" if value.kind == "c" else self._names[value.kind, value.number]
        return f"~{name}" if value.complemented else name

    def _fetch(self, key: _Key, keep: Sequence[_Key]) -> None:
        """Have a value at hand."""
        if key in self._names:
            return
        kind, number = key
        source = {"q": f"st[{number}]", "i": f"in[{number}]"}.get(kind) or f"sp[{self._away[key]}]"
        self._name(key, source, keep)

    def _name(self, key: _Key, formula: str, keep: Sequence[_Key]) -> None:
        self._versions += 1
        name = f"{key[0]}{self._versions}"
        self.lines.append(f"const v {name} = {formula};")
        self._names[key] = name
        if len(self._names) > self._room:
            # The one whose next use is farthest away.
            candidates = [one for one in self._names if one not in keep and one != key]
            self._put_away(max(candidates, key=lambda one: self._uses[one][0]))

    def _put_away(self, key: _Key) -> None:
        name = self._names.pop(key)
        if key[0] == "n" and key not in self._away:
            if not self._free:
                self._free.append(self.slots)
                self.slots += 1
            self._away[key] = self._free.pop()
            self.lines.append(f"sp[{self._away[key]}] = {name};")
        self.lines.append("BARRIER;")

    def _next_use(self, key: _Key, after: int) -> int | None:
        return next((use for use in self._uses[key] if use >= after), None)

    def _forget(self, keys: Sequence[_Key], index: int) -> None:
        """Drop what is not used after this action."""
        for key in dict.fromkeys(keys):
            uses = self._uses[key]
            while uses and uses[0] <= index:
                uses.popleft()
            if not uses:
                self._names.pop(key, None)
                if key in self._away:
                    self._free.append(self._away.pop(key))


def _keys(action: Compute | Watch | Store, toggles: bool) -> list[_Key]:
    """The values that an action reads."""
    values = action.inputs if isinstance(action, Compute) else (action.value,)
    keys = [(one.kind, one.number) for one in values if one.kind != "c"]
    if toggles and isinstance(action, Store):
        keys.append(("q", action.number))
    return keys


def _uses(plan: StepPlan, toggles: bool) -> dict[_Key, deque[int]]:
    """The actions that read each value, by index."""
    uses: dict[_Key, deque[int]] = {}
    for index, action in enumerate(plan.actions):
        for key in _keys(action, toggles):
            uses.setdefault(key, deque()).append(index)
    return uses


def _ternary(table: int, names: list[str], over: int | None) -> str:
    """One instruction. VPTERNLOG overwrites its first operand: best one that nobody needs any more."""
    if len(names) < 3 and formulas(True)[table].cost < 2:
        return _formula(table, names)
    names = (names + [names[0]] * 3)[:3]
    if over is not None:
        positions = tuple(range(3))
        positions = (*positions[:over], 2, *positions[over + 1 : 2], over) if over < 2 else positions
        table, names = moved(table, positions), [names[position] for position in positions]
    x, y, z = names
    # Its table has the first operand as the highest bit.
    return f"T({z}, {y}, {x}, {table})"


def _formula(table: int, names: list[str]) -> str:
    known = formulas(True)
    variables = dict(zip((0xAA, 0xCC, 0xF0), names, strict=False)) | {0: "zero", 0xFF: "~zero"}

    def text(part: int) -> str:
        _, operator, left, right = known[part]
        if not operator:
            return variables[part]
        if operator == "~":
            return f"(~{text(left)})"
        if operator == "&~":
            return f"(~{text(right)} & {text(left)})"
        return f"({text(left)} {operator} {text(right)})"

    return text(table)
