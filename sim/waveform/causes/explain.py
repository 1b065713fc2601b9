"""The chain of causes of an edge, in sentences, from the run's own record."""

from rich.markup import escape
from rich.tree import Tree

from ..older_signals import NAMES, wave_of
from ..selection import PINS
from ..signals import Signal, spoken_name
from ..trace import Trace
from ..two_signals import TWO_NAMES
from ..wave import TraceError
from .cause import Edge


def explain_edges(trace: Trace, target: str) -> list[Tree]:
    """One tree for each edge that `target` means; what an edge follows from hangs below it.

    Parameters
    ----------
    target: a cycle ('15'), a signal ('ferr_n'), or an edge of one ('ferr_n@15').

    Raises
    ------
    TraceError
        If the trace has no record, or there is no such signal, cycle or edge.
    """
    if not trace.causes:
        raise TraceError("there is no record of causes in it: only waveforms of irq13's own runs have one")
    seen: set[Edge] = set()
    return [_tree(trace, edge, seen) for edge in edges_of(trace, target)]


def edges_of(trace: Trace, target: str) -> list[Edge]:
    """The edges that a cycle, a signal or 'signal@cycle' means.

    Parameters
    ----------
    trace : Trace
        Of a run, with its record of causes.
    target : str
        '12', 'ferr_n' or 'ferr_n@12'; a signal by any name that the trace knows it by.

    Returns
    -------
    list of Edge
        By cycle; of a cycle alone only those worth telling, where there are any.

    Raises
    ------
    TraceError
        If there is no such signal or no such edge, or a cycle is no number.
    """
    name, _, at = target.rpartition("@")
    if not name:
        name, at = (target, "") if not target.isdigit() else ("", target)
    if at and not at.isdigit():
        raise TraceError(f"{target!r}: expected SIGNAL@CYCLE")
    if name:
        name = spoken_name(trace[name].name)
    found = sorted(
        (edge for edge in trace.causes if name in ("", edge.signal) and at in ("", str(edge.cycle))),
        key=lambda edge: edge.cycle,
    )
    if not name:
        found = [edge for edge in found if _tells(edge)] or found
    if not found:
        raise TraceError(f"{_what(name, at)}{_near(trace, name, at)}")
    return found


def sentence(trace: Trace, edge: Edge) -> str:
    """'FERR# falls', 'IRR becomes 20'.

    Parameters
    ----------
    trace : Trace
        Of the run that has the edge.
    edge : Edge
        The edge to put in words.
    """
    signal = _signal(edge)
    wave = trace[signal.path] if signal.path in trace else wave_of(trace, edge.signal)
    text = wave.text_at(trace.time(edge.cycle))
    label = signal.alias or signal.name
    if signal.name.startswith(("master_", "slave_")) and signal.alias:
        label = f"{signal.scope.rpartition('.')[2]} {signal.alias}"
    if signal.width == 1:
        return f"{label} {'rises' if text == '1' else 'falls'}"
    return f"{label} becomes {text if signal.width == 0 else f'{text}h'}"


def _signal(edge: Edge) -> Signal:
    return NAMES.get(edge.signal) or TWO_NAMES[edge.signal]


def _tells(edge: Edge) -> bool:
    signal = _signal(edge)
    return edge.signal in PINS or bool(signal.rises or signal.falls)


def _what(name: str, at: str) -> str:
    if name and at:
        return f"{name} does not change in cycle {at}"
    return f"{name} never changes" if name else f"nothing changes in cycle {at}"


def _near(trace: Trace, name: str, at: str) -> str:
    """Where something does change."""
    cycles = sorted({edge.cycle for edge in trace.causes if name in ("", edge.signal)})
    if not at or not cycles:
        return ""
    close = sorted(sorted(cycles, key=lambda cycle: abs(cycle - int(at)))[:3])
    return f"; nearest: {', '.join(map(str, close))}"


def _tree(trace: Trace, edge: Edge, seen: set[Edge]) -> Tree:
    """A chain goes straight down; it branches where an edge has several causes.

    Depth first, so that what has been explained stands above.
    """
    root = Tree("", hide_root=True)
    waiting: list[tuple[Tree, Edge, bool]] = [(root, edge, True)]
    while waiting:
        parent, one, is_branch = waiting.pop()
        head = f"[dim]cycle {one.cycle:>3}[/]  [bold]{escape(sentence(trace, one))}[/]"
        if one in seen:
            parent.add(f"{head} [dim](above)[/]")
            continue
        seen.add(one)
        cause = trace.causes[one]
        node = parent.add(f"{head}: {escape(cause.text)}")
        if len(cause.because) == 1:
            waiting.append((node if is_branch else parent, cause.because[0], False))
        else:
            waiting += [(node, before, True) for before in reversed(cause.because)]
    return root
