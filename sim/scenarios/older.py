"""Scenarios on the machines before the 486.

    machine = "AT286"                  # or a list; AT486, P6 and AMD64 are the generations
    [parameters]
    irq13_from = "error"

or, for a scenario that other machines run too, what is otherwise on one of them:

    [machine]
    on = ["XT8087"]                    # as `machine = ...`; without, `irq13 run --machine` asks for it
    [machine.XT8087]
    bios = '''...'''                   # in place of the step bios
    expect = '''...'''                 # in place of `expect`
    [machine.XT8087.handlers]          # in place of [handlers], by vector
    [machine.XT8087.parameters]
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from ...model.older import OlderMachine, OlderParameters
from ...model.registers import Generation, ParameterError, Wiring
from ..cpu.actions import Bios, Jump, Loop
from ..cpu.program import Program
from ..cpu.steps import Step
from ..support.errors import InputError
from ..support.toml_source import Key, Source
from ..waveform.older_signals import older_signals
from .cast import Cast
from .expectations import Expectation
from .jumps import check_jumps
from .older_lacks import lacking

if TYPE_CHECKING:
    from .scenario import Scenario

OLDER_PARAMETERS = [one.name for one in fields(OlderParameters) if one.name != "machine"]
XT_PINS = ("parity", "iochk")
"""Pins of an XT, beside those of every machine."""
_KEYS = ("bios", "expect", "handlers", "parameters")


@dataclass(frozen=True)
class OlderSetup:
    """What is otherwise on a machine."""

    bios: tuple[Step, ...] = ()
    handlers: Mapping[int, tuple[Step, ...]] = field(default_factory=dict)
    expectations: tuple[Expectation, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)


def older_parameters(source: Source, machines: Sequence[OlderMachine]) -> dict[str, Any]:
    """Those of [parameters] that are of a machine before the 486.

    Parameters
    ----------
    source : Source
        The scenario's file.
    machines : sequence of OlderMachine
        Those that it names; all have to have these parameters.

    Raises
    ------
    SourceError
        For one that a machine does not have, or any if no machine is named.
    """
    given = source.get(("parameters",), dict, {})
    values = {name: value for name, value in given.items() if name in OLDER_PARAMETERS}
    for name in values:
        if not machines:
            raise source.error(
                ("parameters", name), f"{name} is a parameter of machines before the 486: name one"
            )
    for machine in machines:
        _checked(source, ("parameters",), machine, values)
    return values


def _checked(source: Source, key: Key, machine: OlderMachine, values: Mapping[str, Any]) -> None:
    try:
        OlderParameters(machine, **values)
    except ParameterError as error:
        name = str(error).split()[0]
        text = str(error)
        if machine is OlderMachine.PC98 and str(values.get("cpu")) == "486":
            text = 'a PC98 with a 486 is generation = "I486" with wiring = "PC98"'
        raise source.error((*key, name) if name in values else key, text) from None


def parse_setups(
    source: Source,
    program: Program,
    steps_of: Callable[[Source, Key, dict[str, int]], tuple[Step, ...]],
    vector_of: Callable[[Source, Key, str], int],
    expectations_of: Callable[[Source, Key, Cast], tuple[Expectation, ...]],
) -> dict[OlderMachine, OlderSetup]:
    """The tables [machine.X]; the three functions are how a scenario reads these.

    Parameters
    ----------
    source : Source
        The scenario's file.
    program : Program
        The scenario's own.
    steps_of, vector_of, expectations_of : callable
        Each takes the source and a key, and besides the labels so far, the vector as it is written, or the
        steps that an expectation can speak of.

    Raises
    ------
    SourceError
        For what is none of these, and for a jump that leads nowhere on the machine.
    """
    tables = source.data.get("machine")
    setups: dict[OlderMachine, OlderSetup] = {}
    for name in tables if isinstance(tables, dict) else ():
        if name == "on":
            continue
        machine, key = OlderMachine(name), ("machine", name)
        source.only(key, _KEYS)
        # Labels of one machine: other machines, and the handlers that these replace, may have them too.
        labels = {one.label: one.line for one in program.main if one.label}
        bios = steps_of(source, (*key, "bios"), labels) if "bios" in source.get(key, dict, {}) else ()
        handlers: dict[int, tuple[Step, ...]] = {}
        for one in source.get((*key, "handlers"), dict, {}):
            at = (*key, "handlers", one)
            vector = vector_of(source, at, one)
            if vector in handlers:
                raise source.error(at, f"vector {vector:02X}h has two handlers")
            handlers[vector] = steps_of(source, at, labels)
        source.only((*key, "parameters"), OLDER_PARAMETERS)
        parameters = source.get((*key, "parameters"), dict, {})
        _checked(source, (*key, "parameters"), machine, parameters)
        kept = [block for vector, block in program.handlers.items() if vector not in handlers]
        blocks = (*handlers.values(), bios, program.main, program.after_reset, *kept)
        own = tuple(step for block in blocks for step in block)
        expected = expectations_of(source, (*key, "expect"), Cast(own))
        _check_setup_jumps(source, program, machine, bios, handlers)
        setups[machine] = OlderSetup(bios, handlers, expected, parameters)
    return setups


def _check_setup_jumps(
    source: Source,
    program: Program,
    machine: OlderMachine,
    bios: Sequence[Step],
    handlers: Mapping[int, Sequence[Step]],
) -> None:
    """Refuse a jump that leads nowhere once the machine's own BIOS and handlers are in their places."""
    handlers = {**program.handlers, **handlers}
    blocks = (program.main, program.after_reset, *handlers.values())
    lines = [step.line for block in blocks for step in block if isinstance(step.action, Bios)]
    if bios and not lines:
        raise source.error(("machine", machine.value, "bios"), "the program has no step bios to replace")
    jump = next((step for step in bios if isinstance(step.action, Jump | Loop)), None)
    if jump and len(lines) > 1:
        error = f"{jump.text!r}: bios stands in lines {lines[0]} and {lines[1]}, and a label of it twice"
        raise source.error(jump.line, error)

    def placed(steps: Sequence[Step]) -> tuple[Step, ...]:
        return _with_bios(steps, bios) if bios else tuple(steps)

    whole = program._replace(
        main=placed(program.main),
        after_reset=placed(program.after_reset),
        handlers={vector: placed(steps) for vector, steps in handlers.items()},
    )
    check_jumps(source, whole, on=f" on {machine.value}")


def parameters_on(scenario: "Scenario", machine: OlderMachine) -> OlderParameters:
    """What the machine is.

    Parameters
    ----------
    scenario : Scenario
        Its table for the machine comes before its common parameters.
    machine : OlderMachine
        Any; common parameters are for machines that the scenario names.

    Raises
    ------
    ParameterError
        If the machine does not have one of them.
    """
    own = scenario.setups[machine].parameters if machine in scenario.setups else {}
    shared = scenario.older_parameters if machine in scenario.machines else {}
    return OlderParameters(machine, **{**shared, **own})


def with_parameters(scenario: "Scenario", machine: OlderMachine, values: Mapping[str, Any]) -> "Scenario":
    """The scenario with other parameters on a machine, over its own.

    Parameters
    ----------
    scenario : Scenario
        It stays as it is.
    machine : OlderMachine
        The one that they are for.
    values : mapping of str
        By name, as of `OlderParameters`.

    Raises
    ------
    InputError
        If the machine does not have one of them, or not with this value; says what there is.
    """
    setup = scenario.setups.get(machine, OlderSetup())
    setup = replace(setup, parameters={**setup.parameters, **values})
    changed = replace(scenario, setups={**scenario.setups, machine: setup})
    try:
        parameters_on(changed, machine)
    except ParameterError as error:
        raise InputError(f"{scenario.name} on {machine.value}: {error}") from None
    return changed


def on_pc98_486(scenario: "Scenario") -> "Scenario":
    """The scenario on a PC-98 with a 486, whose chipset has FERR# and IGNNE#: `wiring = "PC98"`.

    The BIOS, handlers and expectations are those of [machine.PC98].
    """
    setup = scenario.setups.get(OlderMachine.PC98, OlderSetup())
    program = scenario.program
    if setup.bios:
        program = program._replace(main=_with_bios(program.main, setup.bios))
    return replace(
        scenario,
        generations=(Generation.I486,),
        machines=(),
        parameters=replace(scenario.parameters, wiring=Wiring.PC98),
        program=program._replace(handlers={**program.handlers, **setup.handlers}),
        expectations=setup.expectations or scenario.expectations,
    )


def _with_bios(steps: Sequence[Step], own: Sequence[Step]) -> tuple[Step, ...]:
    """Steps with others in place of `bios`."""
    return tuple(part for step in steps for part in (own if isinstance(step.action, Bios) else (step,)))


def program_on(scenario: "Scenario", machine: OlderMachine) -> Program:
    """The program with the machine's own BIOS and handlers.

    Parameters
    ----------
    scenario : Scenario
        With one processor.
    machine : OlderMachine
        Any, named or not.

    Raises
    ------
    InputError
        If it uses what the machine lacks.
    """
    if scenario.second:
        raise InputError(f"{scenario.name}: a second processor is supported from the 486 on")
    parameters = parameters_on(scenario, machine)
    setup = scenario.setups.get(machine, OlderSetup())
    words = parameters.bios_words

    def placed(steps: Sequence[Step]) -> tuple[Step, ...]:
        if setup.bios:
            return _with_bios(steps, setup.bios)
        return tuple(
            step._replace(action=Bios(words)) if isinstance(step.action, Bios) else step for step in steps
        )

    program = scenario.program
    handlers = {vector: placed(steps) for vector, steps in {**program.handlers, **setup.handlers}.items()}
    program = program._replace(
        main=placed(program.main), handlers=handlers, after_reset=placed(program.after_reset)
    )
    lack = lacking(program, parameters)
    if lack:
        step, why = lack
        raise InputError(f"{scenario.name}: {f'line {step.line}: ' if step else ''}{why}")
    for event in scenario.pins:
        check_pins(scenario, machine, [event.pin], event.line)
    return program


def check_pins(scenario: "Scenario", machine: OlderMachine, pins: Sequence[str], line: int = 0) -> None:
    """Raises InputError for a pin that the machine does not have; `line` is where the scenario drives it.

    Parameters
    ----------
    scenario : Scenario
        For its parameters there, and for the message.
    machine : OlderMachine
        The one that has to have them.
    pins : sequence of str
        As a scenario calls them: 'nmi', 'irq5', 'parity'.
    line : int
        0 for none.
    """
    parameters = parameters_on(scenario, machine)
    foreign = next((pin for pin in pins if not _has_pin(pin, parameters)), None)
    if foreign:
        where = f"line {line}: " if line else ""
        raise InputError(f"{scenario.name}: {where}there is no pin {foreign} on {machine.value}")


def _has_pin(pin: str, parameters: OlderParameters) -> bool:
    if pin in XT_PINS:
        return parameters.machine is OlderMachine.XT8087
    if pin.startswith("irq") and parameters.pics.slave is None:
        return int(pin[3:]) < 8
    return pin in ("nmi", "reset") or (pin.startswith("irq") and pin != f"irq{parameters.pics.cascade}")


def expected_on(scenario: "Scenario", machine: OlderMachine) -> tuple[list[Expectation], list[Expectation]]:
    """What can be judged on a machine, and what speaks of signals that it does not have.

    Parameters
    ----------
    scenario : Scenario
        Its expectations, or the machine's own, and those of [expect-on].
    machine : OlderMachine
        Any, named or not.

    Returns
    -------
    tuple of two lists of Expectation
        Each in the order of the file.
    """
    known = {signal.name for signal in older_signals(parameters_on(scenario, machine))}
    setup = scenario.setups.get(machine, OlderSetup())
    judged: list[Expectation] = []
    passed_over: list[Expectation] = []
    own = scenario.by_machine.get(machine, ())
    for one in (*(setup.expectations or scenario.expectations), *own):
        (judged if one.signals <= known else passed_over).append(one)
    return judged, passed_over
