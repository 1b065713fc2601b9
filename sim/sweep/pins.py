"""The events of a sweep: what a pin does, and in which registers its cycles stand."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..scenarios.scenario import PINS, PinEvent
from ..support.errors import InputError

CLOCK_BITS = 21
"""Of the cycle number: scenarios last at most a million cycles."""


class PinPulse(NamedTuple):
    """An event that is swept: a pin takes a level, and goes back after some cycles or never."""

    pin: str
    level: bool
    """What it takes."""
    width: int | None = None
    """Cycles until it returns to the other level; None for never."""

    def events(self, cycle: int) -> list[PinEvent]:
        """The same as a scenario has it."""
        back = [PinEvent(cycle + self.width, self.pin, not self.level)] if self.width else []
        return [PinEvent(cycle, self.pin, self.level), *back]

    @property
    def text(self) -> str:
        """As "smi rises for 3 cycles"."""
        edge = "rises" if self.level else "falls"
        return f"{self.pin} {edge}" + (f" for {self.width} cycles" if self.width else "")


def pin_pulse(text: str, width: int | None = None, pins: Mapping[str, bool] = PINS) -> PinPulse:
    """A pin, or PIN=low or PIN=high; by default it becomes active.

    Parameters
    ----------
    pins: those that there are, with the level that each has before.

    Raises
    ------
    ValueError
        For a pin that there is not.
    """
    pin, found, level = text.partition("=")
    if pin not in pins:
        raise InputError(f"no pin {pin!r}: expected one of {', '.join(pins)}")
    if found and level not in ("low", "high"):
        raise InputError(f"expected {pin}=low or {pin}=high, not {text!r}")
    return PinPulse(pin, level == "high" if found else not pins[pin], width)


def time_registers(pulses: Sequence[PinPulse]) -> list[str]:
    """The names of the registers for the cycles of swept events, two where a pulse ends."""
    return [
        f"at{number}.{end}"
        for number, one in enumerate(pulses)
        for end in ("on", "off")[: 1 + bool(one.width)]
    ]
