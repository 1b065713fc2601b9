"""Whose steps and signals a sentence speaks of, where there may be two processors.

Without a prefix it is processor a's, or of the PC; `b.check freezes`, `b.handler mf enters`, `b.es rises`.
The wire is `ferr_n`, and `a.ferr_n` and `b.ferr_n` drive it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ..cpu.steps import Step
from ..support.errors import InputError
from ..waveform.two_signals import TWO_NAMES


class Cast(NamedTuple):
    """The steps of the processors that there are."""

    a: Sequence[Step]
    b: Sequence[Step] | None = None
    """None without a second one."""

    def of(self, processor: str) -> Sequence[Step]:
        """The steps of one."""
        return (self.b or ()) if processor == "b" else self.a

    def addressed(self, text: str) -> tuple[str, str]:
        """Processor and sentence, without the prefix.

        Raises
        ------
        InputError
            For a prefix where there is one processor.
        """
        prefix, dot, rest = text.partition(".")
        if not dot or prefix not in ("a", "b"):
            return "", text
        if self.b is None:
            raise InputError(f"{text!r}: there is one processor; [processor.b] makes a second")
        return prefix, rest

    def signal(self, processor: str, name: str) -> str:
        """A signal by the name that it has in a run of this cast.

        Parameters
        ----------
        processor : str
            'a', 'b' or ''.
        name : str
            Without a prefix: 'ferr_n'.

        Raises
        ------
        InputError
            For a processor's name before a signal of the PC, where there are two processors.
        """
        if self.b is None or (name not in TWO_NAMES and f"a.{name}" not in TWO_NAMES):
            return name
        if not processor and name in TWO_NAMES:
            return name
        own = f"{processor or 'a'}.{name}"
        if own not in TWO_NAMES:
            raise InputError(f"{name} is of the PC, not of processor {processor}: it has no prefix")
        return own
