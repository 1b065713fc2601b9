"""Failures that the command line turns into one line."""


class Divergence(Exception):
    """Model and HDL disagree. The message names the cycle, the signals and the cycles before."""


class ToolError(Exception):
    """A tool failed; the message is what it said last."""


class BoardError(Exception):
    """The board does not answer, answers nonsense, was reset, or is another one than expected."""


class NetlistError(ValueError):
    """A design that cannot be simulated in lanes; the message says what in it, and where."""
