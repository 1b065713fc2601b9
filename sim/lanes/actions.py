"""What a step of a netlist in lanes is made of. A plane is one bit of every lane."""

from typing import NamedTuple

from ..netlist.mapping import TableOperation


class Value(NamedTuple):
    """Where a bit comes from."""

    kind: str
    """'q' a register's plane, 'i' an input's, 'n' an operation's result, 'c' a constant."""
    number: int
    complemented: bool


class Compute(NamedTuple):
    """An operation, and where its inputs come from."""

    operation: TableOperation
    inputs: tuple[Value, ...]


class Watch(NamedTuple):
    """A watched output is known."""

    number: int
    value: Value


class Store(NamedTuple):
    """A register takes its next value."""

    number: int
    value: Value


Action = Compute | Watch | Store


class Guard(NamedTuple):
    """Actions that change nothing unless one of the conditions holds: registers that keep their values."""

    conditions: tuple[Value, ...]
    actions: tuple[Action, ...]
