"""The ports of a component under flat names, as Verilog and the packets of a board have them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from amaranth.hdl import Const, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import In

_WHOLE = ("flags", "masks", "raises", "raised")
"""Structures that stay one port: registers of the x87."""


class Port(NamedTuple):
    """A port of the flat module."""

    name: str
    is_input: bool
    signal: Signal
    value: Value
    """What it stands for in the component."""


def flat_ports(component: Any) -> list[Port]:
    """Each port of a component, in the order of its signature: `op_valid`, `msr_request_address`.

    Also of what a signature creates. A structure gives a port for each of its fields; the payload of a
    stream has no level of its own. What has no bits, and what is a constant (`ready` of a stream that is
    always ready), is no wire and so no port.
    """
    return list(_ports(component))


def _ports(component: Any) -> Iterator[Port]:
    for path, member, value in component.signature.flatten(component):
        name = "_".join(str(part) for part in path if part != "payload")
        for suffix, part in _fields(name, value):
            if not len(part) or isinstance(part, Const):
                continue
            signal = Signal(len(part), name=name + suffix)
            yield Port(name + suffix, member.flow is In, signal, part)


def _fields(name: str, value: Any) -> Iterator[tuple[str, Value]]:
    """The fields of a structure; anything else is one value."""
    if isinstance(value, data.View) and name.rpartition("_")[2] not in _WHOLE:
        for field, _ in data.Layout.cast(value.shape()):
            yield f"_{field}", Value.cast(value[field])
    else:
        yield "", Value.cast(value)
