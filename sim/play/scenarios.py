"""A scenario for the page: `cpu.Cpu` and the model run it here, and the page's netlist does it once more.

So each scenario plays, whatever its program does, and what the drawing shows is computed in the page.
"""

from collections.abc import Sequence
from typing import Any

from ...model.pc import PcInputs
from ...model.registers import Generation, Parameters
from ..cpu.events import CpuEvent
from ..machines.machine import KeptMachine
from ..machines.ports import values_of
from ..scenarios.run import run_scenario
from ..scenarios.scenario import Scenario
from ..support.errors import InputError
from ..waveform.trace import CYCLE_NS, Trace

_IDLE = values_of(PcInputs())
_VIEW = ("step", "handler", "if", "nmi", "init", "smi", "flush", "stpclk", "halted")


def recording(scenario: Scenario, generation: Generation, machine: str) -> dict[str, Any]:
    """Inputs, what the processor shows, events and causes of a scenario's run, by cycle.

    Parameters
    ----------
    machine: the name of the netlist that the page runs it on.

    Raises
    ------
    InputError
        For a scenario with two processors.
    """
    if scenario.second:
        raise InputError(
            f"{scenario.name}: [processor.b] is not supported on the page, whose PC has one processor"
        )
    kept = KeptMachine(scenario.parameters_for(generation))
    run = run_scenario(scenario, generation, kept)
    data = recorded(kept.inputs, run.trace, kept.parameters, machine)
    return data | {
        "title": scenario.title,
        "about": scenario.about,
        "events": [_event(one) for one in run.events],
        "listing": _listing(scenario),
    }


def recorded(
    inputs: Sequence[PcInputs], trace: Trace, parameters: Parameters, machine: str
) -> dict[str, Any]:
    """Inputs and a trace of the same cycles, as the page plays them.

    Parameters
    ----------
    inputs : sequence of PcInputs
        Of each cycle.
    trace : Trace
        Its title is shown, and its edges' causes.
    parameters : Parameters
        Of the PC that was simulated.
    machine : str
        The key of its netlist in the page.
    """
    return {
        "title": trace.title,
        "about": "",
        "generation": parameters.generation.value,
        "stages": parameters.synchroniser_stages,
        "machine": machine,
        "cycles": len(inputs),
        "inputs": _changes([_driven(one) for one in inputs]),
        "views": _views(trace),
        "events": [],
        "causes": [
            [edge.signal, edge.cycle, cause.text, [[one.signal, one.cycle] for one in cause.because]]
            for edge, cause in trace.causes.items()
        ],
        "listing": [],
    }


def machine_key(parameters: Parameters) -> str:
    """The name of a netlist in the page: generation and stages, and what else differs from the defaults."""
    plain = Parameters(parameters.generation, parameters.synchroniser_stages)
    key = f"{parameters.generation.value}.{parameters.synchroniser_stages}"
    return key if parameters == plain else f"{key}.own"


def _driven(inputs: PcInputs) -> dict[str, int | str]:
    levels = values_of(inputs)
    changed = {name: level for name, level in levels.items() if level != _IDLE[name]}
    return {name: level if level < 1 << 31 else hex(level) for name, level in changed.items()}


def _changes(values: list[Any]) -> list[list[Any]]:
    """Cycle and value, where it is another one than before."""
    return [[cycle, value] for cycle, value in enumerate(values) if cycle == 0 or value != values[cycle - 1]]


def _views(trace: Trace) -> dict[str, list[list[Any]]]:
    views = {}
    for name in _VIEW:
        wave = trace[name]
        views[name] = [
            [int(time) // CYCLE_NS, value]
            for time, value in zip(wave.times, wave.values.tolist(), strict=True)
        ]
    views["waiting"] = [[cycle, "halted" if level else None] for cycle, level in views["halted"]]
    return views


def _event(event: CpuEvent) -> dict[str, Any]:
    step = {"text": event.step.text} if event.step else None
    value = event.value if event.value < 1 << 53 else hex(event.value)
    return {"cycle": event.cycle, "kind": event.kind, "value": value, "step": step}


def _listing(scenario: Scenario) -> list[list[Any]]:
    """The program's lines, with how deep they stand; -1 for a heading."""
    lines: list[list[Any]] = [[_line(step), 0] for step in scenario.program.main]
    blocks = [(f"{vector:02X}h", steps) for vector, steps in scenario.program.handlers.items()]
    if scenario.program.after_reset:
        blocks.append(("reset", scenario.program.after_reset))
    host = scenario.program.hypervisor
    if host:
        blocks.append(("hypervisor", host.start))
        blocks += [(f"#VMEXIT {code:02X}h", steps) for code, steps in host.exits.items()]
        blocks += [(f"OUT {port:02X}h", steps) for port, steps in host.ports.items()]
        blocks += [(f"host {vector:02X}h", steps) for vector, steps in host.handlers.items()]
    for title, steps in blocks:
        lines.append([title, -1])
        lines += [[_line(step), 1] for step in steps]
    return lines


def _line(step) -> str:
    return f"{step.label}: {step.text}" if step.label else step.text
