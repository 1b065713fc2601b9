"""A run as text: the pins, the timeline and the verdicts."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ...model.msr import violation
from ...model.older import OlderMachine
from ...model.registers import ExceptionFlag, Operation
from ..cpu.actions import MsrAccess, X87Step
from ..cpu.events import MONITORED, SMI, CpuEvent
from ..cpu.state import PINS as CPU_PINS
from ..cpu.stores import STORES
from ..waveform.older_signals import older_signals
from ..waveform.selection import Shown, is_shared
from ..waveform.signals import Signal, pc_signals
from ..waveform.two_signals import TWO_PROCESSOR_SIGNALS
from ..waveform.view.text import Canvas, draw
from .older import parameters_on
from .run import ScenarioRun

_KINDS = {
    "executes": "",
    "reads": "reads {:X}h",
    "enters": "waits: the handler of vector {:02X}h is entered",
    "returns": "is returned to by the handler of vector {:02X}h",
    "exits": "#VMEXIT {:02X}h: the hypervisor takes over",
    "ends": "is the last step of the handler of vector {:02X}h, which ends without IRET: the program is over",
    "flushes": "waits: FLUSH# writes the caches back",
    "stops": "waits: STPCLK# stops the processor",
    "init": "is left: INIT; x87 state and MSRs stay",
    "unhandled": "waits: vector or exit code {:02X}h has no handler",
    "freezes": "freezes: it neither executes nor faults",
    "window": "asserts FERR# and samples INTR before it executes",
    "#MF": "#MF, vector 16: it does not execute",
    "#NM": "#NM, vector 7: it does not execute",
    "#UD": "#UD, vector 6",
    "#GP": "#GP(0): nothing is written",
}
_SMM = {
    "enters": "waits: SMI#, the handler in SMM is entered",
    "returns": "is returned to by RSM",
    "ends": "is the last step of the handler of SMI#, which ends without RSM: the program is over",
}


class TimelineRow(NamedTuple):
    """A line of the timeline."""

    cycle: int
    what: str
    """Step, or signal."""
    edge: str
    """'rises', 'falls', or empty for a step."""
    meaning: str


def timeline(run: ScenarioRun) -> list[TimelineRow]:
    """Steps and edges in the order of their cycles; within one cycle the steps come first."""
    rows = [*_pin_rows(run), *_step_rows(run), *_edge_rows(run)]
    return sorted(rows, key=lambda row: (row.cycle, bool(row.edge)))


def render(run: ScenarioRun, shown: Sequence[Shown], canvas: Canvas) -> RenderableType:
    """Picture, timeline, verdicts and the reason why it is stuck, for a rich console.

    Parameters
    ----------
    run : ScenarioRun
        On any machine.
    shown : sequence of Shown
        The signals of the picture, from top to bottom.
    canvas : Canvas
        How wide, and with which characters.
    """
    picture = draw(run.trace, shown, 0, len(run.trace.clock_edges()), canvas)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("cycle", justify="right")
    table.add_column("signal", no_wrap=True)
    table.add_column("edge")
    table.add_column("what it means")
    for row in timeline(run):
        style = {"rises": "green", "falls": "cyan"}.get(row.edge, "bold")
        table.add_row(str(row.cycle), Text(row.what, style), Text(row.edge, style), Text(row.meaning))
    return Group(*picture, Text(), table, Text(), *_verdicts(run))


def _pin_rows(run: ScenarioRun) -> Iterator[TimelineRow]:
    """What is done to the pins from outside; in a cycle that it still came to."""
    own = _own_irq(run)
    end = len(run.trace.clock_edges())
    second = run.scenario.second
    of_b = second.pins if second else ()
    for event in (*run.scenario.pins, *of_b):
        if event.cycle >= end:
            continue
        of = "" if not second or event.pin not in CPU_PINS else "b." if event in of_b else "a."
        text = f"pin {of}{event.pin} {'high' if event.level else 'low'}"
        meaning = "driven from outside"
        if event.pin == f"irq{own}":
            drives = "drives" if event.level else "no longer drives"
            who = "the coprocessor" if isinstance(run.generation, OlderMachine) else "FF1"
            meaning = f"another device {drives} the wire of IRQ {own}, which {who} drives too"
        yield TimelineRow(event.cycle, text, "", meaning)


def _own_irq(run: ScenarioRun) -> int | None:
    """The interrupt request that an error is, if it is one."""
    machine = run.generation
    if isinstance(machine, OlderMachine):
        return parameters_on(run.scenario, machine).npx_irq
    return run.scenario.parameters_for(machine).fpu_irq


def _step_rows(run: ScenarioRun) -> Iterator[TimelineRow]:
    for event in run.events:
        step = event.step
        text = "-" if step is None else f"{step.label}: {step.text}" if step.label else step.text
        if run.scenario.second:
            text = f"{event.processor}{'.' if step and step.label else ': '}{text}"
        yield TimelineRow(event.cycle, text, "", _meaning(event, run) + _rule(event, run))


def _meaning(event: CpuEvent, run: ScenarioRun) -> str:
    if event.kind == "freezes" and isinstance(run.generation, OlderMachine):
        return "waits: BUSY stays while the error is not served"
    action = event.step.action if event.step else None
    if event.kind == "executes" and isinstance(action, X87Step):
        raised = action.operations[-1].detected
        if raised:
            return f"raises {_names(raised)}"
        return _stores(event, action.operations[-1].code)
    if event.kind.startswith("stuck:"):
        return "goes round and round" if event.kind == "stuck:no-end" else "here it stays"
    if event.kind == "#GP" and event.value == MONITORED:
        return "#GP(0): the monitor decides"
    if event.value == SMI and event.kind in ("enters", "returns", "ends"):
        return _SMM[event.kind]
    return _KINDS[event.kind].format(event.value)


def _rule(event: CpuEvent, run: ScenarioRun) -> str:
    """Why an MSR access was #GP(0)."""
    action = event.step.action if event.step else None
    if event.kind != "#GP" or not isinstance(action, MsrAccess) or isinstance(run.generation, OlderMachine):
        return ""
    broken = violation(action.request, run.scenario.parameters_for(run.generation))
    return f" ({broken})" if broken else ""


def _stores(event: CpuEvent, code: Operation) -> str:
    """What an x87 instruction stored, as far as it is modelled."""
    if code not in STORES:
        return ""
    fip = event.fip
    if code in (Operation.FNSTSW, Operation.FNSTCW):
        return f"reads {event.value:04X}h"
    where = "none"
    if fip:
        where = fip.step.label or f"'{fip.step.text}' (line {fip.step.line})"
        where += f"+{fip.offset}" if fip.offset else ""
    return f"stores status word {event.value:04X}h, FIP {where}"


def _names(flags: ExceptionFlag) -> str:
    return ", ".join(str(flag.name) for flag in flags)


def _edge_rows(run: ScenarioRun) -> Iterator[TimelineRow]:
    shared = is_shared(run.trace)
    for signal in recorded_signals(run):
        if signal.name == "ir13" and not shared:
            # It is FF1's output, and says the same.
            continue
        wave = run.trace[signal.path]
        if signal.rises:
            for time in wave.rises():
                yield TimelineRow(run.trace.cycle(time), signal.spoken, "rises", signal.rises)
        if signal.falls:
            for time in wave.falls():
                yield TimelineRow(run.trace.cycle(time), signal.spoken, "falls", signal.falls)


def recorded_signals(run: ScenarioRun) -> Sequence[Signal]:
    """What its machine has."""
    machine = run.generation
    if isinstance(machine, OlderMachine):
        return older_signals(parameters_on(run.scenario, machine))
    if run.scenario.second:
        return TWO_PROCESSOR_SIGNALS
    return pc_signals(run.scenario.parameters_for(machine))


def _verdicts(run: ScenarioRun) -> Iterator[Text]:
    for verdict in run.verdicts:
        mark, style = ("pass", "green") if verdict.holds else ("FAIL", "bold red")
        yield Text.assemble((mark, style), f"  {verdict.text}", (f"  ({verdict.found})", "dim"))
    if run.diagnosis:
        yield Text.assemble(("\nstuck ", "bold yellow"), str(run.diagnosis).replace("\n", "\n      "))
