"""A trace as one HTML file that needs nothing else: a waveform viewer with the trace in it."""

import base64
import html
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from ..causes.cause import Cause, Edge
from ..names import plain_name, without_width
from ..selection import Shown, label_of
from ..signals import spoken_name
from ..wave import Value, Wave

if TYPE_CHECKING:
    from ..trace import Trace

_FOLDER = resources.files("irq13.sim.waveform.view")


def wave_page(trace: "Trace", shown: Sequence[Shown], title: str = "", radix: int = 16) -> str:
    """The page, UTF-8.

    Parameters
    ----------
    shown: the signals that it shows first; all others can be found in it.
    radix: of values, as in `Wave.text_of`.
    """
    parts = {name: (_FOLDER / f"viewer.{name}").read_text("utf-8") for name in ("html", "css", "js")}
    # Within a script element only "</" and "<!--" have a meaning to the HTML parser.
    data = json.dumps(_data(trace, shown, radix), separators=(",", ":")).replace("<", "\\u003c")
    fields = {
        "@TITLE@": html.escape(title or trace.title or "waveform"),
        "@STYLE@": parts["css"],
        "@SCRIPT@": parts["js"],
        "@DATA@": data,
    }
    return re.sub("|".join(fields), lambda match: fields[match[0]], parts["html"])


def frame(trace: "Trace", shown: Sequence[Shown], height: int = 420) -> str:
    """The page within another one, as a notebook wants it.

    Parameters
    ----------
    trace : Trace
        What is shown.
    shown : sequence of Shown
        The signals, in their order.
    height : int
        Of the frame, in pixels.
    """
    inner = html.escape(wave_page(trace, shown), quote=True)
    return (
        f'<iframe srcdoc="{inner}" style="width:100%;height:{height}px;border:0" title="waveform"></iframe>'
    )


def _data(trace: "Trace", shown: Sequence[Shown], radix: int) -> dict[str, Any]:
    causes = _by_signal(trace.causes)
    first = {one.path: one.label for one in shown}
    others = [path for path in trace if path not in first]
    signals = [_signal(trace[path], label, causes, True, radix) for path, label in first.items()]
    signals += [_signal(trace[path], label_of(path), causes, False, radix) for path in others]
    clock = None if trace.edges is None else _steps(trace.edges)
    return {"unit": trace.unit, "end": trace.end, "clock": clock, "signals": signals}


def _signal(
    wave: Wave, label: str, causes: Mapping[str, dict[int, str]], shown: bool, radix: int
) -> dict[str, Any]:
    values, codes = _table(wave)
    times = wave.times
    if not len(times) or times[0] > 0:
        # Until its first value it is unknown.
        times, codes = np.append(0, times), np.append(len(values), codes)
        values = [*values, None]
    return {
        "label": label,
        "path": wave.name,
        "width": wave.width,
        "low": plain_name(wave.name).endswith("_n"),
        "shown": shown,
        "times": _steps(times),
        "values": _packed(codes),
        "table": [wave.text_of(value, radix) for value in values],
        "causes": causes.get(spoken_name(without_width(wave.name))),
    }


def _by_signal(causes: Mapping[Edge, Cause]) -> dict[str, dict[int, str]]:
    found: dict[str, dict[int, str]] = {}
    for edge, cause in causes.items():
        found.setdefault(edge.signal, {})[edge.cycle] = cause.text
    return found


def _table(wave: Wave) -> tuple[list[Value | None], np.ndarray]:
    """The values that occur, and for each change which of them it is."""
    if wave.values.dtype != object:
        values, codes = np.unique(wave.values, return_inverse=True)
        return values.tolist(), codes
    numbers: dict[Value, int] = {}
    codes = np.array(
        [numbers.setdefault(value, len(numbers)) for value in wave.values.tolist()], dtype=np.int64
    )
    return [*numbers], codes


def _steps(times: np.ndarray) -> list[Any]:
    """Times as distances: 32 bits each, or floating-point numbers where they are too long for that."""
    distances = np.diff(times, prepend=0)
    if len(distances) and int(distances.max()) >= 1 << 32:
        return [0, base64.b64encode(distances.astype("<f8").tobytes()).decode()]
    return _packed(distances.astype(np.uint32))


def _packed(numbers: np.ndarray) -> list[Any]:
    """Size in bytes and base64, in as few bytes as the largest number needs."""
    size = np.min_scalar_type(int(numbers.max()) if len(numbers) else 0).itemsize
    return [size, base64.b64encode(numbers.astype(f"<u{size}").tobytes()).decode()]
