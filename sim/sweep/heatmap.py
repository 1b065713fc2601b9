"""The outcomes of a sweep as a table, as a map in the terminal, and as one HTML page that works offline."""

import html
import json
from collections.abc import Iterator

import numpy as np

from .sweep import VERDICTS, Sweep

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""Of the outcomes, in their order."""
COLOURS = {
    "handled": ("#2f6f4f", "#7fbf9f"),
    "ignored": ("#3c6ea8", "#9cc2ea"),
    "pending": ("#b58a1b", "#f0d27a"),
    "lost": ("#b3312c", "#ee8f8b"),
    "deadlocked": ("#6f2f7f", "#c79ad4"),
    "endless": ("#444444", "#aaaaaa"),
    "too deep": ("#000000", "#777777"),
}
"""Between these two lie the colours of the outcomes of a verdict."""
TERMINAL = {
    "handled": "green",
    "ignored": "blue",
    "pending": "yellow",
    "lost": "bold red",
    "deadlocked": "magenta",
    "endless": "bright_black",
    "too deep": "bright_black",
}


def letter(outcome: int) -> str:
    """The letter of an outcome; those past the last letter share a mark."""
    return LETTERS[outcome] if outcome < len(LETTERS) else "+"


def runs(sweep: Sweep) -> Iterator[tuple[int, int, int]]:
    """Of one event: first cycle, last cycle and outcome of each stretch with the same outcome."""
    column = sweep.table[:, 0]
    starts = np.flatnonzero(np.concatenate([[True], column[1:] != column[:-1]]))
    ends = [*(starts[1:] - 1), len(column) - 1]
    for start, end in zip(starts, ends, strict=True):
        yield sweep.first[int(start)], sweep.first[int(end)], int(column[start])


def cells(sweep: Sweep, rows: int, columns: int) -> np.ndarray:
    """The map in at most so many rows and columns: of the phases of a cell the worst outcome.

    Parameters
    ----------
    sweep : Sweep
        Its outcomes are in order from good to bad, so the highest index is the worst.
    rows, columns : int
        From 1 on.

    Returns
    -------
    ndarray
        The index of an outcome for each cell.
    """
    table = sweep.table
    down, across = -(-table.shape[0] // rows), -(-table.shape[1] // columns)
    height, width = -(-table.shape[0] // down), -(-table.shape[1] // across)
    padded = np.zeros((height * down, width * across), dtype=table.dtype)
    padded[: table.shape[0], : table.shape[1]] = table
    return padded.reshape(height, down, width, across).max(axis=(1, 3))


def heatmap_page(sweep: Sweep) -> str:
    """The HTML page: the map on a canvas, its legend, and the phase under the pointer in words."""
    colours = [_colour(sweep, index) for index in range(len(sweep.outcomes))]
    data = {
        "first": [sweep.first.start, sweep.first.step, len(sweep.first)],
        "second": [sweep.second.start, sweep.second.step, len(sweep.second)],
        "events": [one.text for one in sweep.pulses],
        "runs": _run_lengths(sweep.table),
        "colours": colours,
        "outcomes": [[one.text, one.order] for one in sweep.outcomes],
    }
    rows = "".join(
        f"<tr><td><span style='background:{colour}'></span>{letter(index)}</td><td>{sweep.count(index)}</td>"
        f"<td>{html.escape(one.text)}</td><td>{html.escape(one.order)}</td>"
        f"<td>{', '.join(map(str, sweep.example(index)))}</td></tr>"
        for index, (one, colour) in enumerate(zip(sweep.outcomes, colours, strict=True))
    )
    meanings = "".join(
        f"<dt>{name}</dt><dd>{text}</dd>"
        for name, text in VERDICTS.items()
        if any(one.verdict == name for one in sweep.outcomes)
    )
    text = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    title = html.escape(f"{sweep.scenario.title} on {sweep.generation.value}")
    fields = {"@TITLE@": title, "@ROWS@": rows, "@MEANINGS@": meanings, "@DATA@": text}
    result = _PAGE
    for name, value in fields.items():
        result = result.replace(name, value)
    return result


def _colour(sweep: Sweep, outcome: int) -> str:
    """Outcomes of one verdict have shades of one colour."""
    verdict = sweep.outcomes[outcome].verdict
    same = [index for index, one in enumerate(sweep.outcomes) if one.verdict == verdict]
    share = same.index(outcome) / max(1, len(same) - 1)
    parts = [[int(text[at : at + 2], 16) for at in (1, 3, 5)] for text in COLOURS[verdict]]
    mixed = [round(a + (b - a) * share) for a, b in zip(*parts, strict=True)]
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _run_lengths(table: np.ndarray) -> list[int]:
    """Outcome and length, one pair after the other, row by row."""
    flat = table.reshape(-1)
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    lengths = np.diff(np.concatenate([starts, [len(flat)]]))
    return np.stack([flat[starts], lengths], axis=1).reshape(-1).tolist()


_PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>@TITLE@</title>
<style>
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5em auto; max-width: 72em; padding: 0 1em }
canvas { image-rendering: pixelated; border: 1px solid #888; width: 100%; display: block; cursor: crosshair }
#map { display: grid; grid-template-columns: auto 1fr; gap: .4em }
#down { writing-mode: vertical-rl; transform: rotate(180deg); text-align: center }
#across { grid-column: 2; text-align: center }
output { display: block; min-height: 3.2em; margin: .6em 0 }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .2em .7em .2em 0; vertical-align: top }
td:nth-child(2) { text-align: right }
td span { display: inline-block; width: .9em; height: .9em; margin-right: .5em; vertical-align: -.1em }
dt { font-weight: 600; float: left; clear: left; margin-right: .6em }
</style>
<h1>@TITLE@</h1>
<div id="map"><div id="down"></div><canvas tabindex="0" role="img"
 aria-label="Map of outcomes; the table below has them in words"></canvas><div id="across"></div></div>
<output aria-live="polite">Point at a phase, or move over the map with the arrow keys.</output>
<table>
<tr><th></th><th>phases</th><th>outcome</th><th>order of events</th><th>first phase</th></tr>@ROWS@
</table>
<dl>@MEANINGS@</dl>
<script type="application/json" id="data">@DATA@</script>
<script>
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const rows = data.first[2], columns = data.second[2], single = data.events.length === 1;
// One event is drawn from left to right, two as rows and columns.
const width = single ? rows : columns, height = single ? 1 : rows;
const table = new Uint16Array(rows * columns);
for (let i = 0, at = 0; i < data.runs.length; at += data.runs[i + 1], i += 2)
  table.fill(data.runs[i], at, at + data.runs[i + 1]);
const canvas = document.querySelector("canvas"), output = document.querySelector("output");
const across = Math.min(width, 2000), down = Math.min(height, 1200);
canvas.width = across; canvas.height = down;
canvas.style.height = single ? "4em" : Math.min(60, Math.max(12, 60 * height / width)) + "em";
const picture = canvas.getContext("2d").createImageData(across, down);
const colours = data.colours.map(c => [1, 3, 5].map(i => parseInt(c.slice(i, i + 2), 16)));
for (let y = 0; y < down; y++) for (let x = 0; x < across; x++) {
  // A point that stands for several phases shows the worst of them.
  let worst = 0;
  for (let r = Math.floor(y * height / down); r < (y + 1) * height / down; r++)
    for (let c = Math.floor(x * width / across); c < (x + 1) * width / across; c++)
      worst = Math.max(worst, table[r * width + c]);
  const at = 4 * (y * across + x);
  picture.data.set([...colours[worst], 255], at);
}
canvas.getContext("2d").putImageData(picture, 0, 0);
document.getElementById("across").textContent = "cycle in which " + data.events[single ? 0 : 1];
document.getElementById("down").textContent = single ? "" : "cycle in which " + data.events[0];
let x = 0, y = 0;
function show() {
  x = Math.min(width - 1, Math.max(0, x)); y = Math.min(height - 1, Math.max(0, y));
  const outcome = data.outcomes[table[y * width + x]];
  const cycle = (range, at) => range[0] + range[1] * at;
  const where = single ? data.events[0] + " in cycle " + cycle(data.first, x)
    : data.events[0] + " in cycle " + cycle(data.first, y) + ", "
      + data.events[1] + " in cycle " + cycle(data.second, x);
  output.textContent = where + ": " + outcome[0] + ". " + outcome[1];
}
canvas.addEventListener("pointermove", event => {
  const box = canvas.getBoundingClientRect();
  x = Math.floor((event.clientX - box.left) / box.width * width);
  y = Math.floor((event.clientY - box.top) / box.height * height);
  show();
});
canvas.addEventListener("keydown", event => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (!step) return;
  event.preventDefault();
  x += step[0]; y += step[1];
  show();
});
</script>
"""
