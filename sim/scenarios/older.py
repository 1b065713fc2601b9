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
from ..cpu.actions import Bios, Jump, Loop, Wait
from ..cpu.program import Program
from ..cpu.steps import Step
from ..support.errors import InputError
from ..support.toml_source import Key, Source
from ..waveform.older_signals import older_signals
from ..waveform.signals import BY_NAME
from ..waveform.two_signals import TWO_NAMES
from .cast import Cast
from .expectations import Expectation, contradiction
from .jumps import check_jumps, guest_steps
from .older_lacks import lacking
from .outcomes import reads_bit_7

if TYPE_CHECKING:
    from .scenario import Scenario

AT486 = "AT486"
"""The name as a machine of the PC/AT with an I486."""
NAMES_OF_GENERATIONS = {AT486: Generation.I486, "P6": Generation.P6, "AMD64": Generation.AMD64}
MACHINE_NAMES = (*NAMES_OF_GENERATIONS, *(one.value for one in OlderMachine))
"""All machines, as scenarios and the command line call them."""
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


def machine_named(name: str) -> Generation | OlderMachine:
    """A machine by name. Raises ValueError."""
    if name in NAMES_OF_GENERATIONS:
        return NAMES_OF_GENERATIONS[name]
    if name not in MACHINE_NAMES:
        raise InputError(f"machine must be out of {', '.join(MACHINE_NAMES)}, not {name!r}")
    return OlderMachine(name)


def machines_of(source: Source) -> tuple[tuple[Generation, ...], tuple[OlderMachine, ...]]:
    """The generations and the older machines that `generation` and `machine` name; AMD64 without both."""
    named = [*_names(source, ("generation",), [generation.value for generation in Generation])]
    generations = [Generation(name) for name in named]
    machines = [machine_named(name) for name in _names(source, _machine_key(source), MACHINE_NAMES)]
    generations += [one for one in machines if isinstance(one, Generation) and one not in generations]
    older = tuple(one for one in machines if isinstance(one, OlderMachine))
    return tuple(generations) or (() if older else (Generation.AMD64,)), older


def _machine_key(source: Source) -> Key:
    if not isinstance(source.data.get("machine"), dict):
        return ("machine",)
    for name in source.data["machine"]:
        if name in (*NAMES_OF_GENERATIONS, Generation.I486.value):
            raise source.error(
                ("machine", name),
                f"[machine.{name}]: only machines before the 486 have a table of their own; "
                f"{name} runs the scenario as it stands, and [expect-on] has what else to expect there",
            )
    source.only(("machine",), ("on", *(one.value for one in OlderMachine)))
    return ("machine", "on")


def _names(source: Source, key: Key, known: Sequence[str]) -> list[str]:
    """A name or a list of names; none without the key."""
    value: Any = source.data
    for part in key:
        if part not in value:
            return []
        value = value[part]
    names = value if isinstance(value, list) else [value]
    for one in names:
        if one not in known:
            raise source.error(key, f"{key[0]} must be out of {', '.join(known)}, not {one!r}")
    if not names or len(set(names)) != len(names):
        raise source.error(key, f"{key[0]} must name at least one, and none twice")
    return names


def older_parameters(source: Source, machines: Sequence[OlderMachine]) -> dict[str, Any]:
    """Those of [parameters] that are of a machine before the 486."""
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
    """The tables [machine.X]; the three functions are how a scenario reads these."""
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
    """What the machine is."""
    own = scenario.setups[machine].parameters if machine in scenario.setups else {}
    shared = scenario.older_parameters if machine in scenario.machines else {}
    return OlderParameters(machine, **{**shared, **own})


def with_parameters(scenario: "Scenario", machine: OlderMachine, values: Mapping[str, Any]) -> "Scenario":
    """The scenario with other parameters on a machine, over its own.

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

    The BIOS, handlers and expectations are those of [machine.PC98], as far as a 486 has the signals.
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
        expectations=tuple(
            one for one in setup.expectations or scenario.expectations if one.signals <= BY_NAME.keys()
        ),
    )


def _with_bios(steps: Sequence[Step], own: Sequence[Step]) -> tuple[Step, ...]:
    """Steps with others in place of `bios`."""
    return tuple(part for step in steps for part in (own if isinstance(step.action, Bios) else (step,)))


def program_on(scenario: "Scenario", machine: OlderMachine) -> Program:
    """The program with the machine's own BIOS and handlers.

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
    """Raises InputError for a pin that the machine does not have; `line` is where the scenario drives it."""
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
    """What can be judged on a machine, and what speaks of signals that it does not have."""
    known = {signal.name for signal in older_signals(parameters_on(scenario, machine))}
    setup = scenario.setups.get(machine, OlderSetup())
    judged: list[Expectation] = []
    passed_over: list[Expectation] = []
    own = scenario.by_machine.get(machine, ())
    for one in (*(setup.expectations or scenario.expectations), *own):
        (judged if one.signals <= known else passed_over).append(one)
    return judged, passed_over


def check_machines(source: Source, scenario: "Scenario") -> None:
    """Refuse what a machine that the scenario names does not have: steps, pins, signals."""
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
