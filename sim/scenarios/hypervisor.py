"""The table `[hypervisor]` of a scenario."""

from collections.abc import Callable

from ...model.registers import (
    VMEXIT_CLGI,
    VMEXIT_FERR_FREEZE,
    VMEXIT_INTR,
    VMEXIT_NMI,
    VMEXIT_STGI,
    VMEXIT_VINTR,
    VMEXIT_VMRUN,
)
from ..cpu import operands
from ..cpu.actions import Exit, Iret, Jump, Vmrun
from ..cpu.program import Hypervisor
from ..cpu.steps import Step
from ..support.errors import InputError
from ..support.toml_source import Key, Source

EXITS = {
    VMEXIT_INTR: "INTR",
    VMEXIT_NMI: "NMI",
    VMEXIT_VINTR: "VINTR",
    VMEXIT_FERR_FREEZE: "FERR_FREEZE",
    VMEXIT_VMRUN: "VMRUN",
    VMEXIT_STGI: "STGI",
    VMEXIT_CLGI: "CLGI",
}
"""#VMEXIT codes that a hypervisor can have a block for; FERR_FREEZE and VMRUN exit without one too."""


def parse_hypervisor(source: Source, steps_of: Callable[[Key], tuple[Step, ...]]) -> Hypervisor | None:
    """What runs in host mode; `steps_of` reads a block. Raises SourceError.

    Parameters
    ----------
    source : Source
        The scenario's file.
    steps_of : callable
        Gives the steps of the block under a key.

    Returns
    -------
    Hypervisor or None
        None without such a table.
    """
    if "hypervisor" not in source.data:
        return None
    table = source.get(("hypervisor",), dict, {})
    start: tuple[Step, ...] = ()
    exits: dict[int, tuple[Step, ...]] = {}
    ports: dict[int, tuple[Step, ...]] = {}
    handlers: dict[int, tuple[Step, ...]] = {}
    traps: set[int] = set()
    for name in table:
        key = ("hypervisor", name)
        steps = steps_of(key)
        last, ends = steps[-1], Iret if name.startswith("handler ") else Vmrun
        if not isinstance(last.action, ends | Jump | Exit):
            raise source.error(last.line, f"{name} ends in {ends.__name__.lower()}, not in {last.text!r}")
        if name == "start":
            start = steps
        elif name.startswith("out "):
            for word in name.split()[1:] or [""]:
                _add(source, key, ports, _number(source, key, word, 16), steps)
        elif name.startswith("handler "):
            words = name.split()
            vector = _number(source, key, words[1] if words[2:] in ([], ["trap"]) else "", 8)
            _add(source, key, handlers, vector, steps)
            traps |= {vector} if words[2:] else set()
        else:
            _add(source, key, exits, _exit_code(source, key), steps)
    if not start:
        raise source.error(("hypervisor",), "a hypervisor needs start, which ends in vmrun")
    return Hypervisor(start, exits, ports, handlers, frozenset(traps))


def _add(
    source: Source, key: Key, blocks: dict[int, tuple[Step, ...]], number: int, steps: tuple[Step, ...]
) -> None:
    if number in blocks:
        raise source.error(key, f"{key[-1]!r}: a block of the hypervisor has {number:02X}h already")
    blocks[number] = steps


def _number(source: Source, key: Key, text: str, bits: int) -> int:
    try:
        return operands.number(text, bits=bits)
    except InputError:
        form = "expected start, an exit code such as 7Eh, ports such as 'out 0xf0 0x20', or 'handler 08h'"
        raise source.error(key, f"{form}, not {key[-1]!r}") from None


def _exit_code(source: Source, key: Key) -> int:
    code = _number(source, key, key[-1], 8)
    if code not in EXITS:
        known = ", ".join(f"{code:02X}h ({what})" for code, what in EXITS.items())
        raise source.error(key, f"no exit {key[-1]} here; expected {known}, or 'out PORT' for 7Bh")
    return code
