"""Why a program does not go on, on a machine before the 486: what holds BUSY and the interrupt."""

from ...model.older import OlderMachine, OlderOutputs, OlderParameters
from ...model.older.registers import HostCpu
from ...model.pic import PicRegisters
from .diagnosis import REASONS, Diagnosis, HoldUp
from .older import OlderCpu


def diagnose_older(cpu: OlderCpu, outputs: OlderOutputs, since: int) -> Diagnosis:
    """The cause, from what the machine shows while nothing changes any more.

    Parameters
    ----------
    cpu : OlderCpu
        It waits, and is not over.
    outputs : OlderOutputs
        Of a cycle since nothing changes any more.
    since : int
        The cycle from which on nothing changes.
    """
    step, parameters = cpu.current, cpu.machine
    assert step is not None
    held = cpu.waiting == "frozen"
    if cpu.waiting == "waiting":
        cause = _cause("no-signal", "", "the signal")
    elif parameters.machine is OlderMachine.XT8087:
        cause = _nmi(outputs, parameters) if held else _idle(cpu, outputs)
    else:
        cause = _irq(cpu, outputs, parameters) if held else _idle(cpu, outputs)
    state = "waits for BUSY to end" if held else f"is {cpu.waiting}"
    lines = [f"'{step.text}' (line {step.line}) {state}, since cycle {since}"]
    if held:
        lines.append(f"why: {_busy(outputs)}")
    lines.append(f"what holds it there: {cause.why}")
    lines.append(f"what would release it: {cause.release}")
    return Diagnosis(cause.reason, step, since, "\n".join(lines))


def _busy(outputs: OlderOutputs) -> str:
    flags = ", ".join(str(flag.name) for flag in outputs.flags & ~outputs.masks)
    if outputs.int_:
        return f"the 8087's INT is active (IR = 1: {flags}; M = 0), and so is its BUSY"
    if outputs.es:
        return f"the latch holds BUSY since ERROR rose (ES = 1: {flags or 'an 80387 before FNINIT'})"
    return "the latch holds BUSY since ERROR rose, and ERROR has gone meanwhile (ES = 0)"


def _nmi(outputs: OlderOutputs, parameters: OlderParameters) -> HoldUp:
    """From INT of the 8087 to the 8088's NMI."""
    if not outputs.nmi_enable:
        return _cause("nmi-masked", "", "OUT A0h, 80h by another handler, upon which the NMI comes, or RESET")
    if not parameters.installed:
        return _cause("npx-not-installed", "", "switch SW1-2 in the position for an 8087, or RESET")
    return _cause("nmi-no-edge", "", "FNCLEX in the handler of the NMI, or RESET")


def _irq(cpu: OlderCpu, outputs: OlderOutputs, parameters: OlderParameters) -> HoldUp:
    """From the latch, or INT of a PC-98's 8087, to the handler."""
    is_8087 = parameters.cpu is HostCpu.I8086
    port = f"{parameters.clear_port:X}h"
    ends = "FNCLEX" if is_8087 else f"a write of port {port}"
    ways = f"{ends} by another handler, an NMI or RESET"
    if outputs.latch and not outputs.es:
        return HoldUp("fnclex-without-f0h", REASONS["fnclex-without-f0h"].format(port), ways)
    if outputs.intr and not cpu.interrupts:
        return _cause("interrupts-off", "", f"IF = 1, {ways}")
    irq = parameters.npx_irq
    assert irq is not None
    wiring = parameters.pics
    odd = 1 << wiring.a0
    chain = (
        ("slave", outputs.slave, outputs.slave_int, irq - 8, (wiring.slave or 0) + odd),
        ("master", outputs.master, outputs.intr, wiring.cascade, wiring.master + odd),
    )
    latched = "" if is_8087 else ", and the latch keeps BUSY"
    for name, registers, int_, level, odd_port in chain:
        broken = _link(name, registers, int_, level)
        if broken == "masked":
            release = f"bit {level} of OCW1 cleared (port {odd_port:02X}h), {ways}"
            return _cause(f"{name}-masked", f" (IMR = {registers.imr:02X}h){latched}", release)
        if broken == "in-service":
            return _cause(f"{name}-in-service", f" (ISR = {registers.isr:02X}h){latched}", f"an EOI, {ways}")
        if broken == "not-initialised":
            return _cause(f"{name}-not-initialised", latched, f"the missing ICWs, {ways}")
        if broken:
            # It was acknowledged: the handler has come and gone, or is waiting itself.
            reason = "npx-not-cleared" if is_8087 else "latch-never-cleared"
            return HoldUp(reason, REASONS[reason].format(port), f"{ends} in its handler, or RESET")
    return _cause("no-request", "", ways)


def _link(name: str, registers: PicRegisters, int_: bool, level: int) -> str:
    irr, isr, imr = registers
    if int_ and irr >> level & 1 and not imr >> level & 1:
        return ""
    if not irr >> level & 1:
        return "acknowledged"
    if imr >> level & 1:
        return "masked"
    return "in-service" if isr else "not-initialised"


def _idle(cpu: OlderCpu, outputs: OlderOutputs) -> HoldUp:
    if outputs.intr and not cpu.interrupts:
        return _cause("interrupts-off", "", "IF = 1, an NMI or RESET")
    return _cause("no-request", "", "an interrupt, an NMI or RESET")


def _cause(reason: str, detail: str, release: str) -> HoldUp:
    return HoldUp(reason, REASONS[reason] + detail, release)
