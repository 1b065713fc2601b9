"""The pins of a scenario: which there are, and when each takes which level."""

from collections.abc import Collection
from dataclasses import dataclass, field

from ...model.registers import CASCADE_IRQ
from ..cpu import operands
from ..support.errors import InputError
from ..support.suggest import nearest
from ..support.toml_source import Key, Source
from .older import XT_PINS

PINS = {"ignne_n": True, "nmi": False, "reset": False, "init": False} | {
    # Active low on the package; here as INIT and NMI.
    **dict.fromkeys(("smi", "flush", "stpclk"), False),
    **{f"irq{number}": False for number in range(16) if number != CASCADE_IRQ},
}
"""Pins that a scenario can drive, with the level that they have before the first event."""


@dataclass(frozen=True)
class PinEvent:
    """A pin takes a level at the start of a cycle and keeps it."""

    cycle: int
    pin: str
    level: bool
    line: int = field(default=0, compare=False)
    """Where a scenario says so; 0 if none does."""


def parse_pins(source: Source, of: Key, known: Collection[str]) -> tuple[PinEvent, ...]:
    """The pin events of a scenario, or under `of` those of its second processor, which has the pins `known`.

    Parameters
    ----------
    source : Source
        The scenario's file.
    of : Key
        Empty, or where the table of the second processor is.
    known : collection of str
        Names of pins.

    Returns
    -------
    tuple of PinEvent
        By cycle.

    Raises
    ------
    SourceError
        For what is no event, and for two of one pin in one cycle.
    """
    events: dict[tuple[str, int], PinEvent] = {}
    for number, text in source.block((*of, "pins")):
        words = text.split()
        form = "expected PIN low|high at CYCLE, such as ignne_n low at 40"
        if len(words) != 4 or words[1] not in ("low", "high") or words[2] != "at":
            raise source.error(number, f"{form}, not {text!r}")
        if words[0].startswith(("a.", "b.")):
            raise source.error(number, f"no pin {words[0]!r}: [processor.b] has its own pins")
        if of and words[0] in PINS and words[0] not in known:
            error = f"{words[0]} is a wire of both processors: it stands in the scenario's own pins"
            raise source.error(number, error)
        if words[0] not in known and (of or words[0] not in XT_PINS):
            hint = nearest(words[0], known) or f"; expected {', '.join(known)}"
            raise source.error(number, f"no pin {words[0]!r}{hint}")
        try:
            cycle = operands.number(words[3], bits=20)
        except InputError as error:
            raise source.error(number, str(error)) from None
        if (words[0], cycle) in events:
            raise source.error(number, f"{words[0]} has an event in cycle {cycle} already")
        events[words[0], cycle] = PinEvent(cycle, words[0], words[1] == "high", number)
    return tuple(sorted(events.values(), key=lambda event: event.cycle))
