"""What a run did that no expectation speaks of."""

from collections.abc import Iterable, Sequence

from ..cpu.events import MONITORED, CpuEvent
from .expectations import Expectation, Verdict, cycle_list

FAULTS = ("#MF", "#NM", "#UD", "#GP")


def unexpected(expectations: Iterable[Expectation], events: Sequence[CpuEvent]) -> list[Verdict]:
    """What goes wrong and no sentence speaks of: a fault, an interrupt without a handler, a hang.

    Parameters
    ----------
    expectations : iterable of Expectation
        Those that are judged; what one of them needs is expected.
    events : sequence of CpuEvent
        Of the run, in order.

    Returns
    -------
    list of Verdict
        None of them holds.
    """
    named = {
        (occurrence.processor, *occurrence.same_event[1:4])
        for one in expectations
        for occurrence in one.needs
    }
    verdicts: dict[tuple, Verdict] = {}
    faults: dict[tuple, list[int]] = {}
    all_stuck = [event for event in events if event.kind.startswith("stuck:")]
    for event in events:
        who = event.processor
        stuck = [one.step for one in all_stuck if one.processor == who]
        step = event.step
        line, text = (step.line, step.text) if step else (0, "the program")
        if event.kind == "unhandled" and (who, step, "exits", event.value) in named:
            continue  # It is the last that is expected.
        if event.kind == "unhandled":
            claim = f"vector or exit code {event.value:02X}h has a handler"
            found = f"taken in cycle {event.cycle} before '{text}'"
            verdicts[event.kind, step] = Verdict(line, claim, False, found)
        elif event.kind in FAULTS and event.value != MONITORED and (who, step, event.kind, None) not in named:
            # Once for each step, which may be in an endless loop.
            cycles = faults.setdefault((event.kind, step), [])
            cycles.append(event.cycle)
            found = f"{event.kind} in {cycle_list(cycles)}"
            verdicts[event.kind, step] = Verdict(line, f"'{text}' does not fault", False, found)
        elif event.kind.startswith("stuck:") and not any(
            # A loop is expected by one of its steps, or as "program is stuck".
            (who, one, event.kind, None) in named
            for one in (None, *stuck)
        ):
            claim = f"'{text}' goes on" if len(stuck) == 1 else "the program ends"
            claim += " (processor b)" if who == "b" else ""
            verdicts.setdefault((event.kind, who), Verdict(line, claim, False, event.kind))
    return list(verdicts.values())
