"""The ports of a component under flat names, as Verilog and the packets of a board have them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from amaranth.hdl import Const, Signal, Value
from amaranth.lib import data
from amaranth.lib.wiring import In

_WHOLE = ("flags", "masks", "raises", "raised")
"""Structures that stay one port: registers of the x87."""
_STREAM = {
    "payload": "{}",
    "valid": "there is {}; it passes in a cycle in which ready is 1 as well",
    "ready": "the other side takes {}",
}
"""What the ports of a stream are, by what the stream carries."""


class Port(NamedTuple):
    """A port of the flat module."""

    name: str
    is_input: bool
    signal: Signal
    value: Value
    """What it stands for in the component."""
    says: str = ""
    """What it is, in half a sentence."""


def flat_ports(component: Any) -> list[Port]:
    """Each port of a component, in the order of its signature: `op_valid`, `msr_request_address`.

    Also of what a signature creates. A structure gives a port for each of its fields; the payload of a
    stream has no level of its own, nor has a group whose signature says so (`IN_NAMES`). What has no bits,
    and what is a constant (`ready` of a stream that is always ready), is no wire and so no port.
    """
    return list(_ports(component))


def _ports(component: Any) -> Iterator[Port]:
    for path, member, value in component.signature.flatten(component):
        name, says = _described(component.signature, path)
        for suffix, part, what in _fields(name, value):
            if not len(part) or isinstance(part, Const):
                continue
            signal = Signal(len(part), name=name + suffix)
            yield Port(name + suffix, member.flow is In, signal, part, what or says)


def _described(signature: Any, path: tuple) -> tuple[str, str]:
    """The flat name of a port, and what its signature says of it."""
    parts, says = [], ""
    for part in path:
        if isinstance(part, int):
            # One of an array of members.
            parts.append(str(part))
            continue
        what = getattr(signature, "says", {}).get(part)
        says = what if what is not None else _STREAM.get(part, "").format(says)
        member = signature.members[part]
        if member.is_signature:
            signature = member.signature
        if part != "payload" and (member.is_port or getattr(signature, "IN_NAMES", True)):
            parts.append(str(part))
    return "_".join(parts), says


def _fields(name: str, value: Any) -> Iterator[tuple[str, Value, str]]:
    """The fields of a structure, with what it says of them; anything else is one value."""
    if isinstance(value, data.View) and name.rpartition("_")[2] not in _WHOLE:
        says = getattr(value.shape(), "SAYS", {})
        for field, _ in data.Layout.cast(value.shape()):
            yield f"_{field}", Value.cast(value[field]), says.get(field, "")
    else:
        yield "", Value.cast(value), ""
