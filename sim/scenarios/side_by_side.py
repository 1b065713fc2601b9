"""Runs of one scenario on several machines, as one trace and one picture."""

from collections.abc import Mapping, Sequence
from typing import Any

from ...model.older import OlderMachine
from ...model.registers import Generation
from ..support.errors import InputError
from ..waveform.selection import Shown, choose_signals
from ..waveform.signals import Signal
from ..waveform.trace import Trace
from ..waveform.two_signals import two_processor_pins
from ..waveform.wave import of_values
from .machine_names import AT486, MACHINE_NAMES, machine_named
from .older import with_parameters
from .older_run import run_on_older
from .report import recorded_signals
from .run import ScenarioRun, run_scenario
from .scenario import Scenario

NO_VALUES: Mapping[str, Any] = {}
_PINS = {
    "8088": ("npx_int", "nmi", "busy", "freeze"),
    "NPX": ("error", "latch", "irq13", "busy", "freeze"),
    "486": ("ferr_n", "irq13", "ignne_n", "freeze"),
}
"""What is shown of each kind of machine."""


def machine_name(machine: Generation | OlderMachine) -> str:
    """As scenarios call it."""
    return AT486 if machine is Generation.I486 else machine.value


def run_on_machine(
    scenario: Scenario, machine: Generation | OlderMachine, on: Any, values: Mapping[str, Any] = NO_VALUES
) -> ScenarioRun:
    """A scenario on any machine.

    Parameters
    ----------
    on: as of `run_scenario` and `run_on_older`, whose errors it raises.
    values: of `OlderParameters`, over the scenario's own, on a machine before the 486.
    """
    if isinstance(machine, Generation):
        return run_scenario(scenario, machine, on)
    return run_on_older(with_parameters(scenario, machine, values) if values else scenario, machine, on)


def run_on_all(
    scenario: Scenario, on: str, values: Mapping[str, Any] = NO_VALUES
) -> tuple[list[ScenarioRun], dict[str, str]]:
    """A scenario on every machine; the second part says by name why it cannot run on one.

    Parameters
    ----------
    scenario : Scenario
        It may name machines; it runs on the others, too.
    on : str
        'hdl', 'model' or 'lockstep'.
    values : mapping of str
        As of `run_on_machine`.
    """
    runs, refused = [], {}
    for name in MACHINE_NAMES:
        try:
            runs.append(run_on_machine(scenario, machine_named(name), on, values))
        except InputError as error:
            refused[name] = str(error)
    return runs, refused


def joined_runs(runs: Sequence[ScenarioRun]) -> tuple[Trace, list[Shown], list[Signal]]:
    """All runs as one trace, each machine a scope, what is shown of each, and all that is in it."""
    waves = {}
    shown: list[Shown] = []
    signals: list[Signal] = []
    longest = max(runs, key=lambda run: run.trace.end).trace
    for run in runs:
        name = machine_name(run.generation)
        for path, wave in run.trace.items():
            own = f"{name}.{path}"
            values = [value.item() if hasattr(value, "item") else value for value in wave.values]
            waves[own] = of_values(own, wave.times, values, wave.width)
        signals += [one._replace(path=f"{name}.{one.path}") for one in recorded_signals(run)]
        pins = _PINS["NPX" if isinstance(run.generation, OlderMachine) else "486"]
        if run.generation is OlderMachine.XT8087:
            pins = _PINS["8088"]
        # A native machine has no latch, and a PC-98 with an 8087 neither that nor ERROR.
        there = [pin for pin in pins if any(path.endswith(f".{pin}") for path in run.trace)]
        if run.scenario.second:
            there = two_processor_pins(tuple(there))
        for one in choose_signals(run.trace, there):
            label = one.label.replace("IRQ13", "IRQ8") if name == OlderMachine.PC98.value else one.label
            shown.append(Shown(f"{name} {label}", f"{name}.{one.path}"))
    return Trace(waves, longest.edges, longest.end, title=runs[0].scenario.title), shown, signals
