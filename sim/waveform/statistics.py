"""What can be said of a signal in a line: how often it changes, first and last change, duty, period."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .trace import Trace
from .wave import Kind, Wave


@dataclass(frozen=True)
class Statistics:
    """Of one signal; times in units of the timescale.

    Attributes
    ----------
    type: what it is: bits, real, string or event.
    changes: how often it changes, glitches included; of an event how often it happens.
    first, last: when it changes first and last; None if it never does.
    rises, falls: of a one-bit signal; None of others.
    glitches: changes beyond one at a time.
    duty: of a one-bit signal the share of the time from its first value to the end in which it is 1, 0 to 1.
    period: of a one-bit signal the median distance of its rises; None with fewer than two.
    """

    name: str
    type: str
    width: int
    changes: int
    first: int | None
    last: int | None
    rises: int | None
    falls: int | None
    glitches: int
    duty: float | None
    period: float | None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dict(vars(self))


def statistics(wave: Wave, trace: Trace) -> Statistics:
    """What can be said of a signal of a trace.

    Parameters
    ----------
    wave : Wave
        The signal.
    trace : Trace
        The one that it is of, for its end.

    Returns
    -------
    Statistics
        Times in the trace's units; None for what a signal that is not one bit does not have.
    """
    changes = wave.changes()
    first = int(changes[0]) if len(changes) else None
    last = int(changes[-1]) if len(changes) else None
    glitches = len(wave.all_times) - len(np.unique(wave.all_times))
    rises = wave.rises() if wave.is_bit else None
    falls = wave.falls() if wave.is_bit else None
    duty = period = None
    if rises is not None:
        duty = _duty(wave, trace.end)
        distances = np.diff(np.unique(rises))
        period = float(np.median(distances)) if len(distances) else None
    return Statistics(
        wave.name,
        wave.kind.value,
        wave.width,
        len(changes),
        first,
        last,
        None if rises is None else len(rises),
        None if falls is None else len(falls),
        glitches if wave.kind is not Kind.EVENT else 0,
        duty,
        period,
    )


def _duty(wave: Wave, end: int) -> float | None:
    if not len(wave.all_times) or end <= int(wave.all_times[0]):
        return None
    lengths = np.diff(np.append(wave.all_times, max(end, int(wave.all_times[-1]))))
    return float(lengths[wave.levels() == 1].sum() / lengths.sum())
