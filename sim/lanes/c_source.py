"""A step as statements of C, with the values that a processor's vector registers can hold at hand."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from ..netlist.truth_tables import formulas, moved
from .actions import Action, Compute, Guard, Store, Value, Watch
from .plan import StepPlan

PART = 1200
"""Actions in a function: compilers take longer than in proportion for more."""
ARGUMENTS = "st, in, tg, sp, sum, now, valid"

_Key = tuple[str, int]


class _Enter(NamedTuple):
    """What follows is only done where a condition holds."""

    conditions: tuple[Value, ...]


class _Leave(NamedTuple):
    """The end of that."""


_Entry = Compute | Watch | Store | _Enter | _Leave


class Writer:
    """The actions as statements, never with more values at hand than there are vector registers.

    A compiler's register allocator does not see far in thousands of lines without a branch: it would copy and
    spill far more than is needed. So what is used again last is put away here (L. A. Belady, 1966), and a
    barrier keeps the compiler from undoing that. A large step is cut into functions, between which everything
    is put away, and so is what a `Guard` contains.

    Parameters
    ----------
    ternary: write operations of three bits as one instruction, and complements into it.
    toggles: also keep which registers ever changed.
    room: values at hand, if not as many as the vector registers of a processor hold.
    cut: into functions of `PART` actions.

    Attributes
    ----------
    parts: lines of C, of each function.
    calls: lines of C that call them, or the lines of the only one.
    slots: of memory, for what is put away.
    """

    def __init__(
        self, plan: StepPlan, ternary: bool, toggles: bool, *, room: int | None = None, cut: bool = True
    ) -> None:
        self.parts: list[list[str]] = []
        self.calls: list[str] = []
        self.slots = 0
        self._ternary = ternary
        self._toggles = toggles
        # Some are needed for a result and for what is read from memory.
        self._room = room or (28 if ternary else 12)
        self._names: dict[_Key, str] = {}
        self._away: dict[_Key, int] = {}
        self._free: list[int] = []
        entries = _flat(plan.sections)
        self._uses = _uses(entries, toggles)
        self._versions = 0
        whole = len(entries) <= 2 * PART and not any(isinstance(one, _Enter) for one in entries)
        self._write_all(entries, PART if cut and not whole else len(entries))
        if whole or not cut:
            self.calls = self.parts.pop()
        self._drop_empty_parts()

    def _write_all(self, entries: Sequence[_Entry], most: int) -> None:
        """All actions, in parts of about that many."""
        self._begin_part()
        begun = 0
        for index, entry in enumerate(entries):
            match entry:
                case _Enter(conditions):
                    self._put_all_away()
                    tests = " | ".join(self._in_memory(one) for one in conditions)
                    self._forget(_keys(entry, self._toggles), index)
                    self.calls.append(f"if (some({tests})) {{")
                    self._begin_part()
                    begun = index
                case _Leave():
                    self._names.clear()
                    self.calls.append("}")
                    self._begin_part()
                    begun = index
                case _:
                    if index - begun > most:
                        self._put_all_away()
                        self._begin_part()
                        begun = index
                    self._write(index, entry)

    def _begin_part(self) -> None:
        self.calls.append(f"part{len(self.parts)}({ARGUMENTS});")
        self.parts.append([])
        self.lines = self.parts[-1]

    def _drop_empty_parts(self) -> None:
        empty = {f"part{number}({ARGUMENTS});" for number, lines in enumerate(self.parts) if not lines}
        self.calls = [line for line in self.calls if line not in empty]

    def _put_all_away(self) -> None:
        for key in list(self._names):
            self._put_away(key)

    def _in_memory(self, value: Value) -> str:
        if value.kind == "c":
            text = "zero"
        elif value.kind == "n":
            text = f"sp[{self._away['n', value.number]}]"
        else:
            text = f"{dict(q='st', i='in')[value.kind]}[{value.number}]"
        return f"~{text}" if value.complemented else text

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
                self.lines.append(f"now[{at}] = {self._text(value)} & valid;")
                self.lines.append(f"sum[{at}] = add(sum[{at}], now[{at}]);")
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


def _flat(sections: Sequence[Action | Guard]) -> list[_Entry]:
    """Without guards that contain anything."""
    entries: list[_Entry] = []
    for action in sections:
        if isinstance(action, Guard):
            entries += [_Enter(action.conditions), *action.actions, _Leave()]
        else:
            entries.append(action)
    return entries


def _keys(entry: _Entry, toggles: bool) -> list[_Key]:
    """The values that an action reads."""
    match entry:
        case _Leave():
            return []
        case _Enter(conditions):
            values = conditions
        case Compute(_, inputs):
            values = inputs
        case _:
            values = (entry.value,)
    keys = [(one.kind, one.number) for one in values if one.kind != "c"]
    if toggles and isinstance(entry, Store):
        keys.append(("q", entry.number))
    return keys


def _uses(entries: Sequence[_Entry], toggles: bool) -> dict[_Key, deque[int]]:
    """The positions at which each value is read."""
    uses: dict[_Key, deque[int]] = {}
    for index, entry in enumerate(entries):
        for key in _keys(entry, toggles):
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
