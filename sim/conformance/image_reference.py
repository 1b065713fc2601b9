"""What the reference says of a case of the image: the log that it would write, and what a log means."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from ...model.pc import PcOutputs
from ...model.registers import Generation, Parameters
from ..cpu.events import CpuEvent
from ..cpu.program import Program
from ..cpu.steps import Step, parse_step
from ..machines.machine import KeptMachine
from ..scenarios.run import Driver
from ..scenarios.scenario import PinEvent
from ..waveform.recorder import SignalRecorder
from .image_cases import ImageCase, Variant
from .image_language import (
    AT,
    CW,
    FAULT,
    GP,
    HANDLER,
    INT,
    KINDS,
    MARK,
    MEM,
    MF,
    MSR,
    NM,
    NMI,
    PIC,
    POINTER,
    SW,
    TIMEOUT,
    TOP,
    UD,
    WAITED,
    steps_of,
)

TICK = 80
"""Cycles after which the timer opens the slave, and again: longer than any case takes to get there."""
TIMERS = {"timer-opens": "irq0", "timer-f0": "irq0", "timer-nmi": "nmi"}
"""What the timer raises."""
LIMIT = 4000
"""Cycles within which a case ends, or never does."""


class LogLine(NamedTuple):
    """A line of a log."""

    kind: int
    value: int


class ReferenceRun(NamedTuple):
    """A case on the reference."""

    driver: Driver
    machine: KeptMachine
    steps: dict[int, tuple[str, int, bool]]
    """By identity of a step: its operation, that one's number, whether it is the last step of it."""


@lru_cache(maxsize=1024)
def expected_logs(case: ImageCase, generation: Generation) -> dict[tuple[LogLine, ...], str]:
    """What the reference writes for each thing that a machine may do, and what that is; else one log.

    Parameters
    ----------
    case : ImageCase
        With its variants, if a machine has a choice.
    generation : Generation
        Of the reference; all else is at its default.
    """
    found: dict[tuple[LogLine, ...], str] = {}
    for variant in case.variants or (None,):
        run = run_case(case, KeptMachine(Parameters(generation)), variant, _Unrecorded)
        found.setdefault(tuple(_lines(run)), variant.title if variant else "")
    return found


def expected_log(case: ImageCase, generation: Generation) -> tuple[LogLine, ...]:
    """The log that the reference writes, or the first of those that are right.

    Parameters
    ----------
    case : ImageCase
        Of its variants the first counts.
    generation : Generation
        Of the reference.
    """
    return next(iter(expected_logs(case, generation)))


class _Unrecorded(Driver):
    """Without a trace, which is half of the time."""

    def _new_recorder(self) -> SignalRecorder:
        return SignalRecorder(())


def run_case(
    case: ImageCase, machine: KeptMachine, variant: Variant | None = None, drive: type[Driver] = Driver
) -> ReferenceRun:
    """A case as a program on the reference model, with the timer's interrupts that it waits for.

    Parameters
    ----------
    case : ImageCase
        What is run, for at most LIMIT cycles.
    machine : KeptMachine
        At power-up; it keeps the outputs of each cycle.
    variant : Variant or None
        What the machine does where the case asks; None for a case that does not ask.
    drive : type
        Of the driver: one that records nothing is faster.
    """
    steps: dict[int, tuple[str, int, bool]] = {}

    def block(operations: tuple[str, ...], first: int) -> list[Step]:
        result = []
        for number, operation in enumerate(operations):
            texts = variant.steps if operation == case.asks and variant else steps_of(operation)
            for part, text in enumerate(texts):
                step = _step(text)
                # By identity: equal steps stand at several indices.
                steps[id(step)] = operation, first + number, part == len(texts) - 1
                result.append(step)
        return result

    opens = "out 0xf0" if "timer-f0" in case.main else "out 0xa1, 0"
    main = [_step("bios"), _step("sti"), *block(case.main, 0)]
    handlers = {
        0x75: [*block(case.handler, HANDLER), _step("iret")],
        16: [*block(case.fault, FAULT), _step("iret")],
        7: [_step("mov cr0.ts 0"), _step("mov cr0.em 0"), _step("iret")],
        2: [_step("out 0xf0"), _step("iret")],
        8: [_step(opens), _step("out 0x20, 0x20"), _step("iret")],
    }
    pins = [
        event
        for tick, pin in enumerate((TIMERS[one] for one in case.main if one in TIMERS), 1)
        for event in (PinEvent(TICK * tick, pin, True), PinEvent(TICK * tick + 20, pin, False))
    ]
    driver = drive(machine, Program(main, handlers), pins)
    driver.run(LIMIT)
    return ReferenceRun(driver, machine, steps)


def _step(text: str) -> Step:
    step = parse_step(1, text)
    assert step is not None
    return step


def _lines(run: ReferenceRun) -> Iterator[LogLine]:
    for event in run.driver.cpu.events:
        if event.step is None or id(event.step) not in run.steps:
            continue
        line = _line(event, *run.steps[id(event.step)], run.machine.outputs)
        if line is not None:
            yield line


def _line(
    event: CpuEvent, operation: str, number: int, last: bool, outputs: list[PcOutputs]
) -> LogLine | None:
    if event.kind == "enters":
        kind = {0x75: INT, 16: MF, 7: NM, 2: NMI}.get(event.value)
        return LogLine(kind, number) if kind else None
    if event.kind in ("#UD", "#GP"):
        return LogLine(UD if event.kind == "#UD" else GP, number)
    if event.kind.startswith("stuck"):
        return LogLine(TIMEOUT, number)
    if event.kind not in ("executes", "reads") or not last:
        return None
    now = outputs[event.cycle]
    match operation.split():
        case ["sw"]:
            return LogLine(SW, int(now.flags) | (0x8080 if now.es else 0))
        case ["cw"]:
            return LogLine(CW, int(now.masks))
        case ["mark"]:
            return LogLine(MARK, number)
        case ["irr" | "isr"]:
            return LogLine(PIC, event.value & 0x20)
        case ["rdmsr", _, mask]:
            return LogLine(MSR, event.value & int(mask, 16))
        # Neither memory nor registers are part of the model: a case says what has to be in them.
        case ["mem", value]:
            return LogLine(MEM, int(value, 16))
        case ["top", value]:
            return LogLine(TOP, int(value))
        case ["waited", value]:
            return LogLine(WAITED, int(value))
        case ["fip" | "fdp" | "fop", *_]:
            return LogLine(POINTER, 0)
    return None


def log_text(case: ImageCase, line: LogLine) -> str:
    """A line for a reader.

    Parameters
    ----------
    case : ImageCase
        Whose log it is: its operations stand in for their numbers.
    line : LogLine
        Of any kind, also an unknown one.
    """
    name = KINDS.get(line.kind, f"kind {line.kind}")
    if line.kind not in AT:
        return f"{name} {line.value:x}"
    for first, operations in ((FAULT, case.fault), (HANDLER, case.handler), (0, case.main)):
        if first <= line.value <= first + len(operations):
            number = line.value - first
            what = operations[number] if number < len(operations) else "the end"
            where = {HANDLER: "handler ", FAULT: "#MF handler "}.get(first, "")
            return f"{name} {where}{number} ({what})" if line.kind != MARK else f"mark {where}{number}"
    return f"{name} {line.value}"
