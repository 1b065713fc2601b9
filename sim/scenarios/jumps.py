"""Where the jumps of a program lead: each to a label of its own world, host or guest."""

from collections.abc import Iterator, Sequence

from ..cpu.actions import Jump, Loop
from ..cpu.program import Program
from ..cpu.steps import Step
from ..support.suggest import nearest
from ..support.toml_source import Source


def check_jumps(source: Source, program: Program, second: Program | None = None, on: str = "") -> None:
    """Raises SourceError for a label that there is not, and for a jump between host and guest.

    Parameters
    ----------
    second: that of another processor, which is checked too.
    on: " on XT8087", if it is the program as that machine has it.
    """
    if second:
        _check_own(source, second, [*every_step(program)], "a", on)
    _check_own(source, program, [*every_step(second)] if second else [], "b", on)


def _check_own(source: Source, program: Program, elsewhere: Sequence[Step], processor: str, on: str) -> None:
    """The jumps of one processor; the other one has the steps `elsewhere`."""
    foreign = {step.label: step.line for step in elsewhere if step.label}
    guest = [*guest_steps(program)]
    host, monitor = [*host_steps(program)], [*monitor_steps(program)]
    for own, other, way in (
        (guest, host, "a guest enters its hypervisor by an exit"),
        (host, guest, "a hypervisor enters its guest by vmrun"),
        (guest, monitor, "a task enters its monitor by a fault or an interrupt"),
        (monitor, guest, "a monitor goes back to its task by iret"),
    ):
        labels, others = ({step.label for step in one if step.label} for one in (own, other))
        for step in own:
            if not isinstance(step.action, Jump | Loop) or step.action.label in labels:
                continue
            label = step.action.label
            if label in others:
                raise source.error(step.line, f"{step.text!r} cannot be: {way}, not by a jump")
            if label in foreign:
                where = f"line {foreign[label]}, in the program of processor {processor}"
                raise source.error(step.line, f"{step.text!r} cannot be: {label} stands in {where}")
            hint = nearest(label, labels) or f"; expected {', '.join(sorted(labels)) or 'a label'}"
            raise source.error(step.line, f"no label {label!r} to go to{on}{hint}")


def guest_steps(program: Program) -> Iterator[Step]:
    """Every step but a hypervisor's or a monitor's."""
    blocks: list[Sequence[Step]] = [program.main, program.after_reset, program.smi]
    for block in [*blocks, *program.handlers.values()]:
        yield from block


def host_steps(program: Program) -> Iterator[Step]:
    """Every step of a hypervisor."""
    if program.hypervisor:
        host = program.hypervisor
        yield from host.start
        for blocks in (host.exits, host.ports, host.handlers):
            for block in blocks.values():
                yield from block


def monitor_steps(program: Program) -> Iterator[Step]:
    """Every step of a monitor."""
    if program.monitor:
        for blocks in (program.monitor.ports, program.monitor.handlers):
            for block in blocks.values():
                yield from block


def every_step(program: Program) -> list[Step]:
    """All of them."""
    return [*guest_steps(program), *host_steps(program), *monitor_steps(program)]
