"""Scenarios: a program, pin events and what to expect, from a TOML file.

    title = "Divide by zero"
    generation = "P6"                  # or a list: the scenario runs on each
    program = '''
      fldcw masks=none
      fdiv raises=ZE
    '''
    pins = '''
      ignne_n low at 40
    '''
    expect = '''
      ferr_n falls 2 cycles after fdiv executes
    '''

`[handlers]` has a program for each interrupt vector ("75h"; nmi, mf, nm, ud and gp by name), which ends in
iret, jumps elsewhere, or ends the program; "75h trap" has a trap gate. One follows RESET and INIT (reset),
one is that of SMI# and ends in rsm (smi; without one it is rsm alone).

`[hypervisor]` makes all that a guest: `start` runs before the first vmrun, "7Eh" after the FERR_FREEZE exit
(EXITS has the others), "out 0xf0 0x20" after an OUT to one of these ports, and "handler 08h" takes an
interrupt of the host, which otherwise shares [handlers] with its guest. `[monitor]` makes it a virtual-8086
task: "out 0xf0" takes the #GP of an OUT to these ports, "handler 75h" an interrupt that does not go to the
task's own handler at once.

`[processor.b]` is a second processor on the same FERR# and IGNNE# wires (`processors`).

`machine` names machines before the 486 too (`older`). `[expect-on]` has further expectations by machine,
`[parameters]` what differs from the defaults, `limit` the cycles after which a run is given up, `topic` one
of TOPICS, and `source` tells where it comes from.
Comments in the blocks begin with `;`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any

from ...model.older import OlderMachine
from ...model.registers import (
    Generation,
    ParameterError,
    Parameters,
    Wiring,
)
from ..cpu import operands
from ..cpu.actions import Inject, Reflect, Rsm, Virq
from ..cpu.events import NAMED_VECTORS
from ..cpu.program import Program
from ..cpu.state import PINS as CPU_PINS
from ..cpu.steps import Step, parse_step
from ..support.errors import InputError
from ..support.suggest import nearest
from ..support.toml_source import Key, Source, open_shipped, refuse_control_characters, shipped_names
from .cast import Cast
from .expectations import Expectation, contradiction, parse_expectation
from .hypervisor import parse_hypervisor
from .jumps import check_jumps, every_step
from .machine_checks import check_machines
from .machine_names import MACHINE_NAMES, machine_named, machines_of
from .monitor import parse_monitor
from .older import OLDER_PARAMETERS, OlderSetup, older_parameters, parse_setups
from .pins import PINS, PinEvent, parse_pins
from .processors import B, check_processors, has_second
from .topics import TOPICS

DEFAULT = "dos-divide-by-zero"
"""The scenario that `irq13 run` takes without an argument."""
NO_SMM = (Step(0, None, "rsm", Rsm()),)
"""What SMI# finds where a scenario has no handler for it."""
_FOLDER = resources.files("irq13.sim.scenarios") / "library"
_PARAMETERS = [one.name for one in fields(Parameters) if one.name != "generation"]
_KEYS = (
    "title",
    "about",
    "topic",
    "source",
    "generation",
    "machine",
    "parameters",
    "program",
    "handlers",
    "hypervisor",
    "monitor",
    "processor",
    "pins",
    "expect",
    "expect-on",
    "limit",
)


@dataclass(frozen=True)
class SecondProcessor:
    """What another processor does on the wires of the first."""

    program: Program
    """Its own program and handlers."""
    pins: tuple[PinEvent, ...]
    """Its own: NMI, INIT, SMI#, FLUSH#, STPCLK#."""
    wired: bool = True
    """Its FERR# and IGNNE# are connected."""


@dataclass(frozen=True)
class Scenario:
    """A scenario, checked: whatever it names exists, and nothing that it expects is impossible."""

    name: str
    title: str
    about: str
    generations: tuple[Generation, ...]
    parameters: Parameters
    """Those of the first generation."""
    program: Program
    pins: tuple[PinEvent, ...]
    expectations: tuple[Expectation, ...]
    """Those that hold on every generation."""
    by_machine: dict[Generation | OlderMachine, tuple[Expectation, ...]] = field(default_factory=dict)
    limit: int = 1000
    topic: str = ""
    """A key of `topics.TOPICS`, or empty."""
    source: str = ""
    """Where it comes from: manual, report, program."""
    machines: tuple[OlderMachine, ...] = ()
    """Those before the 486 that it is for."""
    setups: dict[OlderMachine, OlderSetup] = field(default_factory=dict)
    older_parameters: dict[str, Any] = field(default_factory=dict)
    second: "SecondProcessor | None" = None
    """[processor.b]; all that is not in it is of processor a, or of the PC that they share."""

    def parameters_for(self, generation: Generation) -> Parameters:
        """The parameters with another generation.

        Raises
        ------
        ValueError
            For a program under a hypervisor, on a generation without SVM, for one that is for machines
            before the 486 alone, and for a pin that is the cascade's here.
        """
        if not self.generations:
            only = ", ".join(machine.value for machine in self.machines)
            raise InputError(f"{self.name} is for {only}, not for {generation.value}")
        if self.program.hypervisor and generation is not Generation.AMD64:
            raise InputError(f"{self.name}: a hypervisor needs SVM: there is none on {generation.value}")
        parameters = replace(self.parameters, generation=generation)
        if self.second and parameters.wiring is Wiring.PC98:
            raise InputError(f"{self.name}: a second processor is supported with the wiring of a PC/AT alone")
        cascade = f"irq{parameters.pics.cascade}"
        if any(event.pin == cascade for event in self.pins):
            where = f"wiring = {parameters.wiring.value!r}"
            raise InputError(f"{self.name}: {cascade} is that of the cascade with {where}, and no pin")
        return parameters

    def expected_on(self, generation: Generation) -> tuple[Expectation, ...]:
        """Everything that is expected on a generation."""
        return self.expectations + self.by_machine.get(generation, ())


def shipped_scenarios() -> list[str]:
    """The names of the scenarios that come with irq13, the default first."""
    names = shipped_names(_FOLDER)
    return [DEFAULT, *(name for name in names if name != DEFAULT)]


def load_scenario(name: str) -> Scenario:
    """A shipped scenario by name, or one from a file.

    Raises
    ------
    SourceError
        If there is none, or the file is not a scenario; one line with file, line and what was expected.
    OSError
        If the file cannot be read.
    """
    source = open_shipped(_FOLDER, name, "scenario", ": `irq13 scenarios` lists them")
    return parse_scenario(source, Path(name).name.removesuffix(".toml"))


def parse_scenario(source: Source, name: str) -> Scenario:
    """A scenario from a parsed file. Raises SourceError.

    Parameters
    ----------
    source: the file.
    name: what messages call the scenario; its title, where it has none.
    """
    source.only((), _KEYS)
    refuse_control_characters(source)
    if "program" not in source.data:
        raise source.error((), "a scenario needs a program")
    generations, machines = machines_of(source)
    parameters = _parameters(source, *generations[:1])
    program = _program(source)
    pins = parse_pins(source, (), PINS)
    program = _with_smm(program, pins)
    if program.hypervisor and any(event.pin == "smi" for event in pins):
        raise source.error(("pins",), "smi under a [hypervisor] is not supported")
    second = _second(source)
    steps = Cast(every_step(program), every_step(second.program) if second else None)
    _check_svm(source, generations, steps.of("a"))
    check_jumps(source, program, second.program if second else None)
    scenario = Scenario(
        name,
        source.get(("title",), str, name),
        source.get(("about",), str, "").strip(),
        generations,
        parameters,
        program,
        pins,
        _expectations(source, ("expect",), steps),
        _by_machine(source, steps),
        source.get(("limit",), int, 1000),
        _topic(source),
        source.get(("source",), str, ""),
        machines,
        parse_setups(source, program, _steps, _vector, _expectations),
        older_parameters(source, machines),
        second,
    )
    check_processors(source, scenario)
    check_machines(source, scenario)
    for generation in generations:
        try:
            scenario.parameters_for(generation)
        except InputError as error:
            cascade = f"irq{scenario.parameters.pics.cascade}"
            where = next((event.line for event in pins if event.pin == cascade), ("pins",))
            raise source.error(where, str(error).removeprefix(f"{scenario.name}: ")) from None
    _check_limit(source, scenario)
    for generation in generations:
        clash = contradiction(scenario.expected_on(generation))
        if clash:
            expectation, reason = clash
            raise source.error(expectation.line, f"{expectation.text!r} is impossible: {reason}")
    return scenario


def _topic(source: Source) -> str:
    topic = source.get(("topic",), str, "")
    if topic and topic not in TOPICS:
        hint = nearest(topic, TOPICS) or f"; expected {', '.join(filter(None, TOPICS))}"
        raise source.error(("topic",), f"no topic {topic!r}{hint}")
    return topic


def _parameters(source: Source, generation: Generation = Generation.AMD64) -> Parameters:
    source.only(("parameters",), [*_PARAMETERS, *OLDER_PARAMETERS])
    given = source.get(("parameters",), dict, {})
    values = {name: value for name, value in given.items() if name not in OLDER_PARAMETERS}
    for key, value in values.items():
        try:
            Parameters(**{key: value})
        except ParameterError as error:
            raise source.error(("parameters", key), str(error)) from None
    return Parameters(generation=generation, **values)


def _second(source: Source) -> SecondProcessor | None:
    """[processor.b]."""
    if not has_second(source):
        return None
    program, pins = _program(source, B), parse_pins(source, B, CPU_PINS)
    return SecondProcessor(_with_smm(program, pins), pins, source.get((*B, "wired"), bool, True))


def _with_smm(program: Program, pins: Sequence[PinEvent]) -> Program:
    needed = not program.smi and any(event.pin == "smi" for event in pins)
    return program._replace(smi=NO_SMM) if needed else program


def _program(source: Source, of: Key = ()) -> Program:
    labels: dict[str, int] = {}
    main = _steps(source, (*of, "program"), labels)
    handlers: dict[int, tuple[Step, ...]] = {}
    special: dict[str, tuple[Step, ...]] = {"reset": (), "smi": ()}
    traps: set[int] = set()
    for name in source.get((*of, "handlers"), dict, {}):
        key = (*of, "handlers", name)
        steps = _steps(source, key, labels)
        if name in special:
            special[name] = steps
            continue
        vector = _vector(source, key, name.removesuffix(" trap"))
        if vector in handlers:
            raise source.error(key, f"vector {vector:02X}h has two handlers")
        handlers[vector] = steps
        if name.endswith(" trap"):
            traps.add(vector)
    if of:
        return Program(main, handlers, special["reset"], None, special["smi"], frozenset(traps))
    host = parse_hypervisor(source, lambda key: _steps(source, key, labels))
    monitor = parse_monitor(source, lambda key: _steps(source, key, labels))
    return Program(main, handlers, special["reset"], host, special["smi"], frozenset(traps), monitor)


def _check_svm(source: Source, generations: Sequence[Generation], steps: Sequence[Step]) -> None:
    """A hypervisor where there is SVM; what only a hypervisor can do where there is one."""
    without = [one.value for one in generations if one is not Generation.AMD64]
    if "hypervisor" in source.data and without:
        raise source.error(("hypervisor",), f"a hypervisor needs SVM: there is none on {', '.join(without)}")
    for step in steps:
        if isinstance(step.action, Reflect) and "monitor" not in source.data:
            raise source.error(step.line, f"{step.verb!r} is a monitor's: it needs [monitor]")
        if isinstance(step.action, Inject | Virq) and "hypervisor" not in source.data:
            raise source.error(step.line, f"{step.verb!r} writes a hypervisor's VMCB: it needs [hypervisor]")


def _vector(source: Source, key: Key, name: str) -> int:
    if name in NAMED_VECTORS:
        return NAMED_VECTORS[name]
    try:
        return operands.number(name, bits=8)
    except InputError:
        # What follows RESET is the scenario's own on every machine, and SMI# is none of an older one.
        known = ", ".join([*NAMED_VECTORS, *(() if key[0] == "machine" else ("reset", "smi"))])
        raise source.error(
            key, f"expected a vector such as 75h or '75h trap', or {known}, not {key[-1]!r}"
        ) from None


def _steps(source: Source, key: Key, labels: dict[str, int]) -> tuple[Step, ...]:
    source.get(key, str, "")
    steps: list[Step] = []
    for line in source.block(key):
        try:
            step = parse_step(*line)
        except InputError as error:
            raise source.error(line.number, str(error)) from None
        if step is None:
            continue
        if step.label in labels:
            raise source.error(line.number, f"label {step.label!r} stands in line {labels[step.label]} too")
        if step.label:
            labels[step.label] = line.number
        steps.append(step)
    if not steps:
        raise source.error(key, f"{key[-1]} has no steps")
    return tuple(steps)


def _expectations(source: Source, key: Key, steps: Cast) -> tuple[Expectation, ...]:
    result = []
    for number, text in source.block(key):
        try:
            result.append(parse_expectation(number, text, steps))
        except InputError as error:
            raise source.error(number, str(error)) from None
    return tuple(result)


def _by_machine(source: Source, steps: Cast) -> dict[Generation | OlderMachine, tuple[Expectation, ...]]:
    source.only(
        ("expect-on",), dict.fromkeys([*(generation.value for generation in Generation), *MACHINE_NAMES])
    )
    names = source.get(("expect-on",), dict, {})
    return {_machine(name): _expectations(source, ("expect-on", name), steps) for name in names}


def _machine(name: str) -> Generation | OlderMachine:
    return Generation.I486 if name == Generation.I486.value else machine_named(name)


def _check_limit(source: Source, scenario: Scenario) -> None:
    if not 1 <= scenario.limit <= 1_000_000:
        raise source.error(("limit",), f"limit must be 1 to 1000000 cycles, not {scenario.limit}")
    second = scenario.second
    for key, event in (
        *((("pins",), event) for event in scenario.pins),
        *(((*B, "pins"), event) for event in (second.pins if second else ())),
    ):
        if event.cycle >= scenario.limit:
            raise source.error(
                key, f"{event.pin} changes at cycle {event.cycle}, past the limit of {scenario.limit}"
            )
