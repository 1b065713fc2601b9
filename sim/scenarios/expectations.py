"""What a scenario expects, one sentence a line, and whether a run keeps to it.

    order ferr_n falls, irq13 rises, ignne_n falls, ferr_n rises
    ferr_n falls 2 cycles after fdiv executes
    ignne_n rises in the same cycle as ferr_n rises
    irq13 rises once                 ; never, twice, 3 times
    check freezes                    ; executes, raises #MF, reads 0x1
    sw reads 0x8084                  ; what FNSTSW, FNSTCW, RDMSR or IN read
    env reads fip div                ; the instruction that FNSTENV or FNSAVE has as the last one; or none
    store exits 7Eh                  ; #VMEXIT with this code
    handler 75h enters               ; returns, returns to check; nmi, mf, nm, ud, gp, smi by name
    check is stuck: slave-masked     ; and why; REASONS in diagnosis.py
    program is stuck: no-end         ; wherever, or STEP for a step of the loop
    finally es = 0
    b.check freezes                  ; of two processors: `cast`

A step is named by its label, or by its mnemonic where only one step has it; `#2` picks the second
occurrence of an event.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ...model.registers import Operation
from ..cpu import operands
from ..cpu.actions import X87Step
from ..cpu.diagnosis import REASONS
from ..cpu.events import NAMED_VECTORS, SMI, CpuEvent
from ..cpu.steps import Step
from ..support.errors import InputError
from ..support.suggest import nearest
from ..waveform.older_signals import NAMES, edge_of_any, wave_of
from ..waveform.trace import Trace
from .cast import Cast
from .outcomes import check_possible


class Occurrence(NamedTuple):
    """An event to look for: an edge of a signal or something that happens to a step."""

    text: str
    signal: str | None
    step: Step | None
    """None for any step, where the event has one at all."""
    kind: str
    """'rises', 'falls', or a kind of `Event`."""
    which: int = 1
    """1 for the first."""
    picked: bool = False
    """The scenario says which, with #."""
    value: int | None = None
    """What a step has to read."""
    fip: tuple[Step | None, int] | None = None
    """What it has to store as FIP: a step and how many bytes behind its first, or nothing."""
    processor: str = "a"
    """Whose event it is, where it is none of a signal."""

    def cycles(self, trace: Trace, events: Iterable[CpuEvent]) -> list[int]:
        """The cycles in which it happens, in order.

        Parameters
        ----------
        trace: of the run, for edges of signals.
        events: of the run, for what happens to steps.
        """
        if self.signal is not None:
            wave = wave_of(trace, self.signal)
            times = wave.rises() if self.kind == "rises" else wave.falls()
            return [trace.cycle(time) for time in times]
        return [
            event.cycle
            for event in events
            if (event.step is self.step or self.step is None)
            and event.processor == self.processor
            and event.kind == self.kind
            and (self.value is None or self.value == event.value)
            and (self.fip is None or self.fip == (event.fip or (None, 0)))
        ]

    @property
    def same_event(self) -> tuple:
        """Equal for two occurrences of one event."""
        return self.signal, self.step, self.kind, self.value, self.fip, self.processor


class Verdict(NamedTuple):
    """Whether a sentence holds, and what was found."""

    line: int
    text: str
    holds: bool
    found: str


class Expectation(NamedTuple):
    """One sentence, ready to be checked."""

    line: int
    text: str
    check: Callable[[Trace, Sequence[CpuEvent]], tuple[bool, str]]
    needs: tuple[Occurrence, ...] = ()
    """Events without which it cannot hold."""
    bans: tuple[Occurrence, ...] = ()
    """Events with which it cannot hold."""

    @property
    def signals(self) -> set[str]:
        """The names of the signals that it speaks of."""
        named = {one.signal for one in (*self.needs, *self.bans) if one.signal}
        return named | ({self.text.split()[1]} if self.text.startswith("finally ") else set())

    def verdict(self, trace: Trace, events: Sequence[CpuEvent]) -> Verdict:
        """Whether a run keeps to it.

        Parameters
        ----------
        trace, events: of one run; the events in order.
        """
        return Verdict(self.line, self.text, *self.check(trace, events))


def parse_expectation(line: int, text: str, cast: Cast) -> Expectation:
    """One sentence.

    Parameters
    ----------
    line: where it is in the file.
    text: without a comment.
    cast: the steps that it can speak of.

    Raises
    ------
    ValueError
        If it cannot be understood or cannot be true; the message says what was expected.
    """
    text = " ".join(text.split())
    if text.startswith("order "):
        return _order(line, text, cast)
    if text.startswith("finally "):
        return _finally(line, text, cast)
    if found := re.fullmatch(r"(.+) (\S+) cycles? after (.+)", text):
        distance = operands.number(found[2], bits=20)
        return _distance(line, text, _occurrence(found[1], cast), distance, _occurrence(found[3], cast))
    if found := re.fullmatch(r"(.+) in the same cycle as (.+)", text):
        return _distance(line, text, _occurrence(found[1], cast), 0, _occurrence(found[2], cast))
    if found := re.fullmatch(r"(.+) (never|once|twice|\S+ times)", text):
        return _count(line, text, _occurrence(found[1], cast), found[2])
    return _happens(line, text, _occurrence(text, cast))


def contradiction(expectations: Sequence[Expectation]) -> tuple[Expectation, str] | None:
    """Two sentences that cannot both hold: the later one, and why not."""
    needed: dict[tuple, Expectation] = {}
    banned: dict[tuple, Expectation] = {}
    finals: dict[str, Expectation] = {}
    for expectation in expectations:
        for occurrence in expectation.needs:
            if occurrence.same_event in banned:
                other = banned[occurrence.same_event]
                return expectation, f"line {other.line} says that {other.text!r}"
            needed[occurrence.same_event] = expectation
        for occurrence in expectation.bans:
            if occurrence.same_event in needed:
                other = needed[occurrence.same_event]
                return expectation, f"line {other.line} needs it: {other.text!r}"
            banned[occurrence.same_event] = expectation
        if expectation.text.startswith("finally "):
            name = expectation.text.split()[1]
            other = finals.setdefault(name, expectation)
            if other.text != expectation.text:
                return expectation, f"line {other.line} says {other.text!r}"
    return None


def _occurrence(text: str, cast: Cast) -> Occurrence:
    """An event from its words, of one of two processors where these say so."""
    processor, plain = cast.addressed(text)
    who = processor or "a"
    if cast.b is not None:
        # Within the sentence the processor may be named once more.
        if found := re.search(r" (?:to|fip) ([ab])\.", plain.replace(f" {who}.", " ")):
            raise InputError(f"{text!r}: what processor {who} does is no step of processor {found[1]}")
        plain = re.sub(rf" (to|fip) {who}\.", r" \1 ", plain)
    try:
        one = _of_one(plain, cast.of(who))
    except InputError as error:
        other = "a" if who == "b" else "b"
        if not str(error).startswith("no step ") or not _is_step_of(plain, cast.of(other)):
            raise
        raise InputError(f"processor {who} has {error}; processor {other} has it: {other}.{plain}") from None
    if one.signal is not None:
        return one._replace(text=text, signal=cast.signal(processor, one.signal))
    return one._replace(text=text, processor=who)


def _is_step_of(text: str, steps: Sequence[Step]) -> bool:
    try:
        _of_one(text, steps)
    except InputError:
        return False
    return True


def _of_one(text: str, steps: Sequence[Step]) -> Occurrence:
    """An event of the processor that has these steps."""
    if found := re.fullmatch(r"handler (\S+) (enters|returns)(?: to (\S+?))?(?: #(\d+))?", text):
        return _handler(text, found, steps)
    if found := re.fullmatch(r"(\S+) is stuck: (\S+)", text):
        if found[2] not in REASONS:
            known = ", ".join(REASONS)
            raise InputError(f"no reason {found[2]!r}{nearest(found[2], REASONS)}; expected {known}")
        step = None if found[1] == "program" else _step(found[1], steps)
        return Occurrence(text, None, step, f"stuck:{found[2]}")
    found = re.fullmatch(
        r"(\S+) (rises|falls|executes|freezes|raises (?P<fault>\S+)|reads fip (?P<fip>\S+)|"
        r"(?:reads|exits) (?P<value>\S+))"
        r"(?: #(?P<which>\d+))?",
        text,
    )
    if not found:
        raise InputError(
            "expected SIGNAL rises|falls, STEP executes|freezes|raises #MF|reads VALUE|reads fip STEP|"
            f"exits CODE|is stuck: REASON or handler VECTOR enters|returns, not {text!r}"
        )
    subject, verb = found[1], found[2].split()[0]
    which = _which(found["which"])
    picked = found["which"] is not None
    if verb in ("rises", "falls"):
        return Occurrence(text, edge_of_any(subject).name, None, verb, which, picked)
    step = _step(subject, steps)
    if found["fip"]:
        fip = _fip(step, found["fip"], steps)
        return Occurrence(text, None, step, "executes", which, picked, fip=fip)
    kind = found["fault"] or verb
    value = operands.number(found["value"], bits=64) if found["value"] else None
    check_possible(step, kind, value)
    if kind == "reads" and isinstance(step.action, X87Step):
        kind = "executes"  # It is one event.
    return Occurrence(text, None, step, kind, which, picked, value)


def _handler(text: str, found: re.Match[str], steps: Sequence[Step]) -> Occurrence:
    """A handler that is entered, or that returns."""
    if found[2] == "enters" and found[3]:
        raise InputError("a handler enters; it 'returns to' a step")
    named = {**NAMED_VECTORS, "smi": SMI}
    vector = named[found[1]] if found[1] in named else operands.number(found[1], bits=8)
    step = _step(found[3], steps) if found[3] else None
    picked = found[4] is not None
    return Occurrence(text, None, step, found[2], _which(found[4]), picked, vector)


def _fip(step: Step, text: str, steps: Sequence[Step]) -> tuple[Step | None, int]:
    """The step that FNSTENV or FNSAVE has to name, and LABEL+1 where FIP stands behind a prefix."""
    codes = (Operation.FNSTENV, Operation.FNSAVE)
    if not isinstance(step.action, X87Step) or step.action.operations[-1].code not in codes:
        raise InputError(f"{step.text!r} stores no FIP; fnstenv, fnsave and their forms with a wait do")
    if text == "none":
        return None, 0
    name, _, offset = text.partition("+")
    return _step(name, steps), operands.number(offset, bits=3) if offset else 0


def _which(text: str | None) -> int:
    which = int(text or 1)
    if which < 1:
        raise InputError("occurrences are counted from #1")
    return which


def _step(name: str, steps: Sequence[Step]) -> Step:
    labelled = [step for step in steps if step.label == name]
    if labelled:
        return labelled[0]
    same = [step for step in steps if step.verb == name.lower()]
    if len(same) == 1:
        return same[0]
    if same:
        raise InputError(f"{len(same)} steps are called {name}: give the one that is meant a label")
    known = [step.label for step in steps if step.label] + [step.verb for step in steps]
    raise InputError(f"no step {name!r}{nearest(name, known)}")


def _happens(line: int, text: str, occurrence: Occurrence) -> Expectation:
    def check(trace: Trace, events: Sequence[CpuEvent]) -> tuple[bool, str]:
        cycles = occurrence.cycles(trace, events)
        return len(cycles) >= occurrence.which, cycle_list(cycles)

    return Expectation(line, text, check, needs=(occurrence,))


def _count(line: int, text: str, occurrence: Occurrence, words: str) -> Expectation:
    named = {"never": 0, "once": 1, "twice": 2}
    count = named[words] if words in named else operands.number(words.split(maxsplit=1)[0], bits=20)
    if occurrence.picked:
        raise InputError(f"'#{occurrence.which}' picks one occurrence, {words!r} counts them all")

    def check(trace: Trace, events: Sequence[CpuEvent]) -> tuple[bool, str]:
        cycles = occurrence.cycles(trace, events)
        return len(cycles) == count, cycle_list(cycles)

    if count == 0:
        return Expectation(line, text, check, bans=(occurrence,))
    return Expectation(line, text, check, needs=(occurrence,))


def _distance(line: int, text: str, later: Occurrence, distance: int, earlier: Occurrence) -> Expectation:
    if later.same_event == earlier.same_event and (later.which, distance) <= (earlier.which, 0):
        raise InputError("an event cannot come before itself")

    def check(trace: Trace, events: Sequence[CpuEvent]) -> tuple[bool, str]:
        start = _pick(earlier.cycles(trace, events), earlier.which)
        if start is None:
            return False, f"{earlier.text}: did not happen"
        cycles = later.cycles(trace, events)
        if not later.picked:
            # The first one from there on, unless the scenario picks one.
            cycles = [cycle for cycle in cycles if cycle >= start]
        end = _pick(cycles, later.which)
        if end is None:
            return False, f"{later.text}: did not happen from cycle {start} on"
        return end - start == distance, f"cycle {end}, {end - start} after cycle {start}"

    return Expectation(line, text, check, needs=(later, earlier))


def _order(line: int, text: str, cast: Cast) -> Expectation:
    occurrences = [_occurrence(part.strip(), cast) for part in text[len("order ") :].split(",")]
    if len(occurrences) < 2:
        raise InputError("order needs at least two events, with commas between")
    _alternate(occurrences)

    def check(trace: Trace, events: Sequence[CpuEvent]) -> tuple[bool, str]:
        position, found = 0, []
        used: dict[tuple, int] = {}
        for occurrence in occurrences:
            # Two events may fall into one cycle; the same one happens again only later.
            least = max(position, used.get(occurrence.same_event, -1) + 1)
            cycles = occurrence.cycles(trace, events)
            if occurrence.picked:
                cycle = _pick(cycles, occurrence.which)
                late = cycle is not None and cycle >= least
            else:
                cycle = next((cycle for cycle in cycles if cycle >= least), None)
                late = cycle is not None
            if not late or cycle is None:
                return False, f"{occurrence.text}: not from cycle {least} on ({cycle_list(cycles)})"
            position = used[occurrence.same_event] = cycle
            found.append(cycle)
        return True, f"cycles {', '.join(map(str, found))}"

    return Expectation(line, text, check, needs=tuple(occurrences))


def _alternate(occurrences: Sequence[Occurrence]) -> None:
    """A signal that has fallen has to rise before it can fall again."""
    last: dict[str, Occurrence] = {}
    for occurrence in occurrences:
        if occurrence.signal is None:
            continue
        before = last.get(occurrence.signal)
        if before is not None and before.same_event == occurrence.same_event and not occurrence.picked:
            raise InputError(
                f"{occurrence.signal} cannot {occurrence.kind[:-1]} twice in a row: name the edge between"
            )
        last[occurrence.signal] = occurrence


def _finally(line: int, text: str, cast: Cast) -> Expectation:
    found = re.fullmatch(r"finally (\S+) = (\S+)", text)
    if not found:
        raise InputError(f"expected finally SIGNAL = VALUE, not {text!r}")
    processor, plain = cast.addressed(found[1])
    signal = NAMES.get(plain)
    if signal is None or signal.width == 0:
        numeric = [name for name, one in NAMES.items() if one.width]
        raise InputError(f"no signal {found[1]!r}{nearest(found[1], numeric)}")
    value = operands.number(found[2], bits=signal.width)
    name = cast.signal(processor, signal.name)

    def check(trace: Trace, events: Sequence[CpuEvent]) -> tuple[bool, str]:
        last = wave_of(trace, name).at(trace.end)
        return last == value, f"{name} = {last:#x}" if signal.width > 1 else f"{name} = {last}"

    return Expectation(line, text, check)


def _pick(cycles: Sequence[int], which: int) -> int | None:
    return cycles[which - 1] if len(cycles) >= which else None


def cycle_list(cycles: Sequence[int]) -> str:
    """Cycles for a sentence."""
    if not cycles:
        return "did not happen"
    shown = ", ".join(map(str, cycles[:8])) + (", ..." if len(cycles) > 8 else "")
    return f"cycle{'s' if len(cycles) > 1 else ''} {shown}"
