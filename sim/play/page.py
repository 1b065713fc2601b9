"""The page as one file: netlists as JavaScript, scripts, texts and scenarios."""

import base64
import html
import json
import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ... import hdl
from ...model.pc import PcInputs
from ...model.registers import Generation, Parameters
from ..lanes.cache import cached
from ..lanes.js_source import javascript_recipe
from ..netlist.lowering import lower
from ..scenarios.scenario import Scenario, load_scenario
from ..support.errors import InputError
from ..waveform.trace import Trace
from .programs import instructions, signal_data, variable_data
from .scenarios import machine_key, recorded, recording
from .sources import joined_scripts, page_file

SCRIPTS = ("processor", "pc", "session", "causes", "vcd", "drawing", "strip", "lesson", "app")
STAGES = (2, 3)
"""Lengths of the synchroniser that can be chosen in the page."""
SHOWN = (
    "dos-divide-by-zero",
    "input-signal-pin",
    "input-signal-msr",
    "handler-clears-first",
    "handler-djgpp",
    "native-mf",
    "deferred-and-immediate",
    "other-interrupts-must-not-lose-irq13",
    "slave-masked-deadlock",
    "ignne-msr",
    "svm-dos-guest",
)
"""Scenarios that every page has."""
STEPS = {
    "bios": "bios",
    "sti": "sti",
    "cli": "cli",
    "fninit": "fninit",
    "unmask": "fldcw masks=none",
    "mask": "fldcw masks=all",
    "fdiv": "fdiv raises=ZE",
    "fst": "fst",
    "fwait": "fwait",
    "fnstsw": "fnstsw",
    "fnclex": "fnclex",
    "f0": "out 0xf0",
    "eois": "out 0xa0, 0x20",
    "eoim": "out 0x20, 0x20",
    "iret": "iret",
    "em1": "wrmsr HWCR 0x100",
    "em0": "wrmsr HWCR 0",
    "msr1": "wrmsr IGNNE 1",
    "msr0": "wrmsr IGNNE 0",
    "ne1": "mov cr0.ne 1",
    "ne0": "mov cr0.ne 0",
    **{f"{bit}.{value}": f"mov cr0.{bit} {value}" for bit in ("em", "ts", "mp") for value in (1, 0)},
}
"""What the buttons stand for."""
HANDLERS = {
    0x75: ("out 0xf0", "fnclex", "out 0xa0, 0x20", "out 0x20, 0x20", "iret"),
    0x08: ("out 0x20, 0x20", "iret"),
    0x02: ("iret",),
    0x10: ("fnclex", "iret"),
}
"""Handlers of interrupts that are not served by hand: floating point, timer, NMI, #MF."""


def play_page(
    scenario: Scenario | None = None,
    generation: str | Generation | None = None,
    progress: Callable[[float], None] = lambda _: None,
) -> str:
    """The page, UTF-8.

    Parameters
    ----------
    scenario: what it begins with; without one, with the lesson.
    generation: what the buttons, and the scenario, run on at first; by default I486, or the scenario's first.
    progress: called with the part that is done, 0 to 1; the first page takes some seconds.

    Raises
    ------
    ValueError
        For a generation that there is not, and for a scenario of machines before the 486 alone.
    """
    if scenario and not scenario.generations:
        only = ", ".join(one.value for one in scenario.machines)
        raise InputError(f"{scenario.name} is for {only}: the page has the PCs from the 486 on")
    first = scenario.generations[0] if scenario else Generation.I486
    chosen = Generation(generation) if generation else first
    parameters = {machine_key(one): one for one in _plain()}
    recordings = _recordings(scenario, chosen, parameters)
    return _page(parameters, recordings, chosen, scenario.name if scenario else None, progress)


def run_page(inputs: Sequence[PcInputs], trace: Trace, parameters: Parameters) -> str:
    """The page with something that has been done already: it plays these cycles, of which this is the trace.

    Parameters
    ----------
    inputs: of the PC, by cycle; at least one.
    parameters: of the PC that was driven.
    """
    machines = {machine_key(one): one for one in _plain()}
    key = machine_key(parameters)
    machines.setdefault(key, parameters)
    run = recorded(inputs, trace, parameters, key) | {"title": trace.title or "simulation"}
    return _page(machines, {"simulation": run}, parameters.generation, "simulation")


def in_frame(page: str, height: int = 900) -> str:
    """The page within another one, as a notebook wants it.

    Parameters
    ----------
    page : str
        HTML, a whole document.
    height : int
        Of the frame, in pixels; it is as wide as what is around it.
    """
    inner = html.escape(page, quote=True)
    return f'<iframe srcdoc="{inner}" style="width:100%;height:{height}px;border:0" title="irq13"></iframe>'


def _page(
    parameters: dict[str, Parameters],
    recordings: dict[str, dict[str, Any]],
    chosen: Generation,
    first: str | None,
    progress: Callable[[float], None] = lambda _: None,
) -> str:
    machines = {}
    for number, (key, one) in enumerate(parameters.items(), start=1):
        machines[key] = _packed(_machine(one))
        progress(number / len(parameters))
    data = {
        "texts": json.loads(page_file("texts.json")),
        "generation": chosen.value,
        "scenario": first,
        "machines": machines,
        "steps": {key: instructions(text, Parameters()) for key, text in STEPS.items()},
        "handlers": {str(vector): _block(texts) for vector, texts in HANDLERS.items()},
        "signals": signal_data(),
        "variables": variable_data(),
        "scenarios": [
            {"name": name, "title": one["title"], "packed": _packed(json.dumps(one, separators=(",", ":")))}
            for name, one in recordings.items()
        ],
    }
    # Within a script element only "</" and "<!--" have a meaning to the HTML parser.
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    fields = {
        "@TITLE@": html.escape(data["texts"]["en"]["ui"]["title"]),
        "@STYLE@": page_file("play.css"),
        "@SCRIPT@": '"use strict";\n' + joined_scripts(*SCRIPTS),
        "@DATA@": text,
    }
    return re.sub("|".join(fields), lambda match: fields[match[0]], page_file("play.html"))


def _recordings(
    scenario: Scenario | None, chosen: Generation, parameters: dict[str, Parameters]
) -> dict[str, dict[str, Any]]:
    """The scenarios by name. Only the one that was asked for brings a netlist of its own."""
    plays = {name: load_scenario(name) for name in SHOWN}
    if scenario:
        plays = {scenario.name: scenario} | {
            name: one for name, one in plays.items() if name != scenario.name
        }
    recordings = {}
    for name, one in plays.items():
        on = chosen if one is scenario or chosen in one.generations else one.generations[0]
        key = machine_key(one.parameters_for(on))
        if one is scenario:
            parameters.setdefault(key, one.parameters_for(on))
        if key in parameters:
            recordings[name] = recording(one, on, key)
    return recordings


def _machine(parameters: Parameters) -> str:
    """The PC's netlist as JavaScript, from the cache or newly lowered."""
    recipe = cached(("play", parameters), lambda: javascript_recipe(lower(hdl.Pc(parameters))))
    return recipe.sources["javascript"]


def _plain() -> list[Parameters]:
    return [replace(Parameters(one), synchroniser_stages=stages) for one in Generation for stages in STAGES]


def _block(texts: Iterable[str]) -> list[dict[str, Any]]:
    return [part for text in texts for part in instructions(text, Parameters())]


def _packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()
