"""Why a program does not go on: which link of the chain from FERR# to the interrupt is broken.

A frozen processor waits until IGNNE is in effect or an interrupt is taken (SDM1 D.2.1.1, D.3.2.2). Where
neither can come the machine hangs, and emulators ship options to hide that. This names the cause.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ...model.pc import PcOutputs
from ...model.pic import PicRegisters
from ...model.registers import Hwcr, Parameters, SouthBridge
from .actions import MovFerrEnable
from .cpu import Cpu
from .events import CpuEvent
from .steps import Step


class HoldUp(NamedTuple):
    """What holds an interrupt back."""

    reason: str
    """A word for it, as scenarios expect it."""
    why: str
    release: str
    """What would let it go on."""


REASONS = {
    "not-reported": "FERR# is not asserted",
    "circuit-disabled": "the chipset's error circuit is disabled",
    "irq13-cleared": "IRQ {} was cleared by a write to port {:X}h, and FERR# makes no new edge",
    "slave-masked": "the slave 8259A masks the request",
    "slave-in-service": "the slave 8259A still has a level in service",
    "slave-no-edge": "the slave 8259A has acknowledged the request, and the line makes no new edge",
    "slave-not-initialised": "the initialisation of the slave 8259A is not complete",
    "master-masked": "the master 8259A masks the request",
    "master-in-service": "the master 8259A still has a level in service",
    "master-no-edge": "the master 8259A has acknowledged the request, and the line makes no new edge",
    "master-not-initialised": "the initialisation of the master 8259A is not complete",
    "interrupts-off": "INTR is asserted, and IF = 0",
    "gif-clear": "GIF = 0 holds all interrupts off until VMRUN or STGI",
    "no-request": "nothing asks for an interrupt",
    "stopped": "STPCLK# stops the processor",
    "no-signal": "the signal that it waits for does not come",
    "no-end": "it goes on and on",
    # Two processors.
    "line-already-low": "its FERR# fell on a line that was low already, so FF1 saw no edge",
    "intr-elsewhere": "INTR goes to processor a alone",
    "processor-over": "INTR is asserted, and the program of processor a, which it goes to, is over",
    "not-wired": "FERR# of processor b is not connected",
    # Machines before the 486; {} is the port.
    "nmi-masked": "bit 7 of port A0h is 0 and holds the 8087's NMI off",
    "nmi-no-edge": "the NMI was taken, and INT of the 8087, still active, makes no new edge",
    "npx-not-installed": "switch SW1-2 says that there is no 8087: its INT does not reach NMI",
    "npx-not-cleared": "the interrupt was taken, and its handler did not clear the 8087's exception",
    "latch-never-cleared": "the interrupt was taken, and its handler did not write port {}, so BUSY stays",
    "fnclex-without-f0h": "the error was cleared without a write of port {}, so BUSY stays",
}
"""Every reason, in words."""


class Diagnosis(NamedTuple):
    """Why a run is stuck."""

    reason: str
    step: Step
    since: int
    """The cycle from which on nothing changes."""
    text: str
    loop: tuple[Step, ...] = ()
    """The steps that a program without an end goes round in."""

    def __str__(self) -> str:
        return self.text


def diagnose(cpu: Cpu, outputs: PcOutputs, parameters: Parameters, since: int, irq: int = 0) -> Diagnosis:
    """The cause, from what the machine shows while nothing changes any more.

    Parameters
    ----------
    irq: the interrupt requests of other devices, 16 bits.
    """
    return told(cpu, outputs, since, hold_up_of(cpu, outputs, parameters, irq))


def hold_up_of(cpu: Cpu, outputs: PcOutputs, parameters: Parameters, irq: int = 0) -> HoldUp:
    """What holds a processor that INTR goes to.

    Parameters
    ----------
    cpu : Cpu
        It waits, and is not over.
    outputs : PcOutputs
        Of a cycle since nothing changes any more.
    parameters : Parameters
        Of the PC.
    irq : int
        The interrupt requests of other devices, 16 bits.
    """
    if (own := waits_for_itself(cpu)) is not None:
        return own
    cause = _interrupt(cpu, outputs, parameters)
    if cause.reason.endswith("no-edge") and irq >> parameters.fpu_irq & 1:
        cause = cause._replace(why=f"{cause.why}; another device holds it high")
    return cause


def waits_for_itself(cpu: Cpu) -> HoldUp | None:
    """It waits for something else than an interrupt."""
    if cpu.waiting == "stopped":
        return HoldUp("stopped", REASONS["stopped"], "STPCLK# negated, or RESET")
    if cpu.waiting == "waiting":
        return HoldUp("no-signal", REASONS["no-signal"], "the signal")
    return None


def told(cpu: Cpu, outputs: PcOutputs, since: int, cause: HoldUp, who: str = "") -> Diagnosis:
    """A diagnosis in words; `who` is 'processor b ' where there are two.

    Parameters
    ----------
    cpu : Cpu
        It waits, and is not over.
    outputs : PcOutputs
        Of a cycle since nothing changes any more.
    since : int
        The cycle from which on nothing changes.
    cause : HoldUp
        What holds it.
    who : str
        With a space behind it, or empty.
    """
    step = cpu.current
    assert step is not None
    lines = [f"{who}'{step.text}' (line {step.line}) is {cpu.waiting} since cycle {since}"]
    if cpu.waiting == "frozen":
        flags = ", ".join(str(flag.name) for flag in outputs.flags & ~outputs.masks)
        lines.append(f"why: ES = 1 ({flags}), CR0.NE = 0, IGNNE not in effect (SDM1 D.2.1.1)")
    lines.append(f"what holds it there: {cause.why}")
    lines.append(f"what would release it: {cause.release}")
    return Diagnosis(cause.reason, step, since, "\n".join(lines))


def endless(cpu: Cpu, limit: int) -> Diagnosis:
    """A program that is not stuck and does not end either, with the loop that it goes round in.

    Parameters
    ----------
    cpu : Cpu
        After its last cycle; its program is not over.
    limit : int
        Cycles that it has run.
    """
    step = cpu.current
    assert step is not None
    entered = [event.value for event in cpu.events if event.kind == "enters"]
    counts = ", ".join(f"{vector:02X}h {entered.count(vector)} times" for vector in sorted(set(entered)))
    handlers = f"; handlers entered: {counts}" if counts else ""
    period, rounds = _period([(event.step, event.kind, event.value) for event in cpu.events])
    if not rounds:
        text = f"'{step.text}' (line {step.line}) is under way after {limit} cycles: {REASONS['no-end']}"
        return Diagnosis("no-end", step, limit, text + handlers, (step,))
    around = cpu.events[len(cpu.events) - period :]
    steps = tuple(dict.fromkeys(event.step for event in around if event.step))
    since = cpu.events[len(cpu.events) - period * rounds].cycle
    names = ", ".join(f"'{one.text}' (line {one.line})" for one in steps)
    text = f"{REASONS['no-end']}: {rounds} times round {names} from cycle {since} to {limit}{handlers}"
    return Diagnosis("no-end", step, limit, text, steps)


LONGEST_LOOP = 1000
"""Events of the longest loop that is looked for."""


def _period(story: Sequence[tuple]) -> tuple[int, int]:
    """How many events the loop at the end of a story has, and how often it went round; 0, 0 without one.

    The story may stop in the middle of a round: a loop begins anywhere.
    """
    for period in range(1, min(len(story) // 2, LONGEST_LOOP) + 1):
        rounds = 1
        while story[-(rounds + 1) * period : -rounds * period] == story[-period:]:
            rounds += 1
        if rounds > 1:
            return period, rounds
    return 0, 0


def _interrupt(cpu: Cpu, outputs: PcOutputs, parameters: Parameters) -> HoldUp:
    """The first broken link between the error and the processor."""
    ways_out = ways_out_of(cpu)
    if not cpu.gif:
        return cause_for("gif-clear", "", ways_out)
    if outputs.intr and not cpu.interrupts:
        return cause_for("interrupts-off", "", f"IF = 1, {ways_out}")
    if outputs.ferr_n and not outputs.irq13:
        return cause_for(
            "not-reported" if cpu.waiting == "frozen" else "no-request", "", f"an interrupt, {ways_out}"
        )
    return broken_link(cpu.events, outputs, parameters, ways_out)


def broken_link(
    events: Iterable[CpuEvent], outputs: PcOutputs, parameters: Parameters, ways_out: str
) -> HoldUp:
    """The first one between FERR#, which is low, and INTR.

    Parameters
    ----------
    events : iterable of CpuEvent
        Of all processors, for who disabled the circuit.
    outputs : PcOutputs
        Of a cycle since nothing changes any more.
    parameters : Parameters
        Of the PC.
    ways_out : str
        What releases a processor beside that interrupt, for the message.
    """
    if not outputs.ferr_enable:
        return _disabled(events, parameters.chipset, ways_out)
    if not outputs.irq13:
        em = Hwcr.IGNNE_EM in outputs.hwcr
        why = REASONS["irq13-cleared"].format(parameters.fpu_irq, parameters.fpu_port)
        why += "; HWCR.IgnneEm = 1 and the IGNNE MSR is 0, so IGNNE# has no effect" if em else ""
        release = f"IGNNE MSR = 1, {without_the_pin(ways_out)}" if em else f"another interrupt, {ways_out}"
        return HoldUp("irq13-cleared", why, release)
    irq = parameters.fpu_irq
    slave = _Link("slave", outputs.slave, outputs.slave_int, parameters)
    master = _Link("master", outputs.master, outputs.intr, parameters)
    if irq >= 8:
        cascade = parameters.pics.cascade
        return slave.broken(irq - 8, ways_out) or master.broken(cascade, ways_out) or _nothing(ways_out)
    return master.broken(irq, ways_out) or _nothing(ways_out)


def _disabled(events: Iterable[CpuEvent], chipset: SouthBridge, ways_out: str) -> HoldUp:
    """The enable bit by the name that the part's data sheet has for it."""
    written = any(event.step and isinstance(event.step.action, MovFerrEnable) for event in events)
    who = "the program has cleared it" if written else "the BIOS has not enabled FERR#"
    if not chipset.enable_bit:
        return cause_for("circuit-disabled", f": {who}" if not written else "", f"its enable bit, {ways_out}")
    bit = f"{chipset.value} {chipset.enable_bit}"
    return cause_for("circuit-disabled", f": {bit} is 0: {who}", f"{bit} := 1, {ways_out}")


def ways_out_of(cpu: Cpu) -> str:
    """What ends the wait whatever the 8259As do. An NMI does not where it is blocked (SDM3 6.7.1)."""
    ways = ["IGNNE#"] if cpu.waiting == "frozen" else []
    ways += ["an NMI"] if cpu.gif and not cpu.nmi_blocked else []
    ways += ["INIT"] if cpu.gif and cpu.smm is None else []
    return " or ".join([*ways, "RESET"]).replace(" or ", ", ", len(ways) - 1)


def without_the_pin(ways_out: str) -> str:
    """The same where IGNNE# has no effect, or is not connected."""
    return ways_out.removeprefix("IGNNE#, ")


def _nothing(ways_out: str) -> HoldUp:
    return cause_for("no-request", "", f"an interrupt, {ways_out}")


class _Link(NamedTuple):
    """An 8259A whose input is asserted."""

    name: str
    registers: PicRegisters
    int_: bool
    parameters: Parameters

    def broken(self, level: int, ways_out: str) -> HoldUp | None:
        """What keeps it from passing the request on, or None if it does."""
        irr, isr, imr = self.registers
        pics = self.parameters.pics
        if not irr >> level & 1:
            cascaded = self.name == "master" and level == pics.cascade
            port = f"a write to port {self.parameters.fpu_port:X}h"
            edge = "a new request of the slave" if cascaded else port
            return self._cause("no-edge", "", f"{edge}, {ways_out}")
        if imr >> level & 1:
            chip = pics.slave if self.name == "slave" else pics.master
            port = f"{(chip or 0) + (1 << pics.a0):02X}h"
            release = f"bit {level} of OCW1 cleared (port {port}), {ways_out}"
            return self._cause("masked", f" (IMR = {imr:02X}h)", release)
        if self.int_:
            return None
        if isr:
            return self._cause("in-service", f" (ISR = {isr:02X}h)", f"an EOI, {ways_out}")
        return self._cause("not-initialised", "", f"the missing ICWs, {ways_out}")

    def _cause(self, reason: str, detail: str, release: str) -> HoldUp:
        return cause_for(f"{self.name}-{reason}", detail, release)


def cause_for(reason: str, detail: str, release: str) -> HoldUp:
    """A reason by its word, with what is to be said beside it.

    Parameters
    ----------
    reason : str
        One of REASONS.
    detail : str
        Put behind its words; may be empty.
    release : str
        What would let the program go on.
    """
    return HoldUp(reason, REASONS[reason] + detail, release)
