"""Names of signals: what is left of a path for a reader, and which names are clocks."""

import re

CLOCKS = ("clk", "clock")
"""What a clock is called."""


def plain_name(path: str) -> str:
    """The name alone: without scopes, and without a width that the simulator appended."""
    return without_width(path).rpartition(".")[2]


def without_width(path: str) -> str:
    """A path without the width that some simulators append to a name."""
    return re.sub(r"\[\d+(:\d+)?\]$", "", path)
