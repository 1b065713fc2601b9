"""[monitor] of a scenario: what watches over the program as a virtual-8086 task."""

from collections.abc import Callable

from ..cpu import operands
from ..cpu.program import Monitor
from ..cpu.steps import Step
from ..support.errors import InputError
from ..support.toml_source import Key, Source

Read = Callable[[Key], tuple[Step, ...]]


def parse_monitor(source: Source, read: Read) -> Monitor | None:
    """The monitor, or None without one; `read` gives the steps of a block.

    Parameters
    ----------
    source : Source
        The scenario's file.
    read : callable
        Takes the key of a block; raises SourceError itself.

    Raises
    ------
    SourceError
        For a block that is neither of an OUT nor a handler, or two for one port or vector.
    """
    if "monitor" not in source.data:
        return None
    if "hypervisor" in source.data:
        raise source.error(("monitor",), "a [monitor] under a [hypervisor] is not supported")
    ports: dict[int, tuple[Step, ...]] = {}
    handlers: dict[int, tuple[Step, ...]] = {}
    for name in source.get(("monitor",), dict, {}):
        key = ("monitor", name)
        steps = read(key)
        kind, *words = name.split() or [""]
        form = f"expected ports such as 'out 0xf0 0x20' or 'handler 75h', not {name!r}"
        if kind not in ("out", "handler") or not words or (kind == "handler" and len(words) > 1):
            raise source.error(key, form)
        blocks, bits = (ports, 16) if kind == "out" else (handlers, 8)
        for word in words:
            try:
                number = operands.number(word, bits=bits)
            except InputError:
                raise source.error(key, form) from None
            if number in blocks:
                raise source.error(key, f"{name!r}: a block of the monitor has {number:02X}h already")
            blocks[number] = steps
    if not ports and not handlers:
        raise source.error(("monitor",), "a monitor needs a block, such as 'out 0xf0' or 'handler 75h'")
    return Monitor(ports, handlers)
