"""Failures that are no fault of irq13: the command line turns them, and nothing else, into one line."""


class Irq13Error(Exception):
    """What a user, a file, a tool or a board can cause. Everything else that is raised is a bug."""


class InputError(Irq13Error, ValueError):
    """An argument or the content of a file is not what it has to be; the message says what was expected."""


class Divergence(Irq13Error):
    """Model and HDL disagree. The message names the cycle, the signals and the cycles before."""


class ToolError(Irq13Error):
    """A tool failed; the message is what it said last."""


class BoardError(Irq13Error):
    """The board does not answer, answers nonsense, was reset, or is another one than expected."""


class NetlistError(InputError):
    """A design that cannot be simulated in lanes; the message says what in it, and where."""
