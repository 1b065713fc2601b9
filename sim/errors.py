"""Failures of what is not ours, which the command line turns into one line."""


class ToolError(Exception):
    """A tool failed; the message is what it said last."""


class BoardError(Exception):
    """The board does not answer, answers nonsense, was reset, or is another one than expected."""
