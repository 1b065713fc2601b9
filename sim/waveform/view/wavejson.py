"""A trace as WaveJSON, the text from which WaveDrom draws timing diagrams for documents."""

from collections.abc import Sequence
from typing import Any

from ..selection import Shown
from ..trace import Trace
from ..wave import Value, Wave
from .text import moments


def wavejson(trace: Trace, shown: Sequence[Shown], start: int, end: int, radix: int = 16) -> dict[str, Any]:
    """The signals from cycle `start` up to and without `end`, one brick a cycle, grouped by block.

    Without a clock a brick is a moment at which one of the signals changes; see `text.moments`.

    Parameters
    ----------
    radix: of values, as in `Wave.text_of`.
    """
    if trace.edges is None:
        times = moments(trace, shown)[start:end].tolist()
    else:
        times = [trace.time(cycle + 1) - 1 for cycle in range(start, end)]
    groups: dict[str, list[Any]] = {}
    for one in shown:
        group = groups.setdefault(one.path.rpartition(".")[0], [])
        group.append({"name": one.label, **_bricks(trace[one.path], times, radix)})
    signal: list[Any] = [[block, *lanes] if block else lanes for block, lanes in groups.items()]
    if len(groups) == 1:
        signal = next(iter(groups.values()))
    title = {"text": trace.title} if trace.title else {}
    return {"signal": signal, "head": {**title, "tick": start}, "config": {"hscale": 1}}


def _bricks(wave: Wave, times: Sequence[int], radix: int) -> dict[str, Any]:
    """One character a cycle: a level, '=' for a value, 'x' or 'z', '.' for no change."""
    values = [wave.at(time) for time in times]
    new = [index for index, value in enumerate(values) if index == 0 or value != values[index - 1]]
    wave_text = ["."] * len(values)
    for index in new:
        wave_text[index] = _brick(wave, values[index])
    if wave.width == 1:
        return {"wave": "".join(wave_text)}
    return {
        "wave": "".join(wave_text),
        "data": [wave.text_of(values[i], radix) for i in new if wave_text[i] == "="],
    }


def _brick(wave: Wave, value: Value | None) -> str:
    if wave.unknown(value):
        return "z" if set(str(value)) == {"z"} else "x"
    return str(value) if wave.width == 1 else "="
