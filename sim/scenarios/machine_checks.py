"""What the machines that a scenario names do not have: steps, pins, signals, parameters."""

from typing import TYPE_CHECKING

from ...model.older import OlderMachine
from ..cpu.actions import Wait
from ..support.errors import InputError
from ..support.toml_source import Source
from ..waveform.older_signals import older_signals
from ..waveform.signals import BY_NAME
from ..waveform.two_signals import TWO_NAMES
from .expectations import contradiction
from .jumps import guest_steps
from .older import OLDER_PARAMETERS, XT_PINS, OlderSetup, expected_on, parameters_on, program_on
from .outcomes import reads_bit_7

if TYPE_CHECKING:
    from .scenario import Scenario


def check_machines(source: Source, scenario: "Scenario") -> None:
    """Refuse what a machine that the scenario names does not have: steps, pins, signals.

    Parameters
    ----------
    source : Source
        The scenario's file, for messages.
    scenario : Scenario
        As it was parsed.

    Raises
    ------
    SourceError
        With the line of the first such step, pin or expectation.
    """
    for generation in scenario.generations:
        for expectation in scenario.expected_on(generation):
            known = BY_NAME.keys() | (TWO_NAMES.keys() if scenario.second else set())
            missing = sorted(expectation.signals - known)
            if missing:
                raise source.error(expectation.line, f"there is no {missing[0]} on {generation.value}")
            if any(reads_bit_7(one.step, one.value) for one in (*expectation.needs, *expectation.bans)):
                error = f"{expectation.text!r}: bit 7 of the control word reads as 0 on {generation.value}"
                raise source.error(expectation.line, error)
    if scenario.generations:
        _check_later(source, scenario)
    else:
        _check_earlier(source, scenario)
    for machine in dict.fromkeys((*scenario.machines, *scenario.setups, *scenario.by_machine)):
        if isinstance(machine, OlderMachine):
            _check_own(source, scenario, machine)
    for machine in scenario.machines:
        try:
            program_on(scenario, machine)
        except InputError as error:
            text = str(error).removeprefix(f"{scenario.name}: ")
            words = text.split(": ", maxsplit=1)
            line = int(words[0].split()[1]) if words[0].startswith("line ") else ("machine",)
            raise source.error(line, words[1] if isinstance(line, int) else text) from None
        _, passed_over = expected_on(scenario, machine)
        known = {signal.name for signal in older_signals(parameters_on(scenario, machine))}
        for expectation in passed_over:
            missing = sorted(expectation.signals - known)
            if missing and not scenario.generations:
                raise source.error(expectation.line, f"there is no {missing[0]} on {machine.value}")


def _check_own(source: Source, scenario: "Scenario", machine: OlderMachine) -> None:
    """What a scenario expects on one machine: of signals that it has, and nothing that is impossible."""
    known = {signal.name for signal in older_signals(parameters_on(scenario, machine))}
    setup = scenario.setups.get(machine, OlderSetup())
    for one in (*setup.expectations, *scenario.by_machine.get(machine, ())):
        if missing := sorted(one.signals - known):
            raise source.error(one.line, f"there is no {missing[0]} on {machine.value}")
    if clash := contradiction(expected_on(scenario, machine)[0]):
        expectation, reason = clash
        raise source.error(expectation.line, f"{expectation.text!r} is impossible: {reason}")


def _check_earlier(source: Source, scenario: "Scenario") -> None:
    """A parameter of the 486 and later, in a scenario for machines before it alone."""
    for name, value in source.get(("parameters",), dict, {}).items():
        for machine in scenario.machines if name not in OLDER_PARAMETERS else ():
            # Where an error's IRQ is that of the machine, the parameter says nothing wrong.
            if name != "fpu_irq" or value != parameters_on(scenario, machine).npx_irq:
                error = f"{name} is a parameter of the 486 and later: there is none on {machine.value}"
                raise source.error(("parameters", name), error)


def _check_later(source: Source, scenario: "Scenario") -> None:
    """What only a machine before the 486 has, in a scenario for later ones."""
    name = scenario.generations[0].value
    for event in scenario.pins:
        if event.pin in XT_PINS:
            raise source.error(("pins",), f"there is no pin {event.pin} on {name}")
    for step in guest_steps(scenario.program):
        if isinstance(step.action, Wait) and step.action.signal not in {**BY_NAME, **TWO_NAMES}:
            raise source.error(step.line, f"{step.text!r}: there is no {step.action.signal} on {name}")
