"""What a program asks for and a machine before the 486 does not have."""

from ...model.older import OlderParameters
from ...model.older.registers import HostCpu
from ...model.registers import Cr0
from ..cpu.actions import MovCr0, MovEt, MovFerrEnable, MsrAccess, Reset, Rsm, Test, Wait, X87Step
from ..cpu.branches import CR0_BITS
from ..cpu.older import missing_instruction
from ..cpu.program import Program
from ..cpu.steps import TO_AX, Step
from ..waveform.older_signals import older_signals
from .jumps import guest_steps


def lacking(program: Program, parameters: OlderParameters) -> tuple[Step | None, str] | None:
    """The first step (None for a whole block) that the machine cannot do, and why; None if it can do all.

    Parameters
    ----------
    program : Program
        With the machine's own BIOS and handlers.
    parameters : OlderParameters
        Of the machine.
    """
    name = parameters.machine.value
    for what, there in (
        ("a hypervisor needs SVM", program.hypervisor),
        ("a monitor is supported from the 486 on", program.monitor),
        ("there is no SMI#", program.smi),
    ):
        if there:
            return None, f"not on {name}: {what}"
    known = {signal.name for signal in older_signals(parameters)}
    for step in guest_steps(program):
        why = _why_not(step, parameters, known)
        if why:
            return step, f"{step.text!r} is not supported on {name}: {why}"
    return None


def _why_not(step: Step, parameters: OlderParameters, known: set[str]) -> str:
    is_8087 = parameters.cpu is HostCpu.I8086
    match step.action:
        case MovCr0(bit, _):
            if bit is Cr0.NE:
                return "CR0.NE exists from the 486 on"
            return "an 8088 has no CR0" if is_8087 else ""
        case MovEt() if parameters.cpu is not HostCpu.I80386:
            return "an 8088 has no CR0" if is_8087 else "the 80286 has no ET, the 80386 has"
        case Test(operand, mask) if operand == "cr0":
            if is_8087:
                return "an 8088 has no CR0"
            if mask & CR0_BITS["NE"]:
                return "CR0.NE exists from the 486 on"
            lacks_et = parameters.cpu is HostCpu.I80286 and mask & CR0_BITS["ET"]
            return "the 80286 has no ET, the 80386 has" if lacks_et else ""
        case MsrAccess():
            return "there are no MSRs"
        case MovFerrEnable():
            return "there is no FERR# and no enable bit"
        case Reset(init) if init:
            return "INIT exists from the 486 on"
        case Rsm():
            return "there is no SMM"
        case Wait(signal) if signal not in known:
            return f"there is no {signal}"
        case X87Step(operations):
            if step.verb.lower() in TO_AX and is_8087 and step.text.lower().split()[1:] == ["ax"]:
                return "the 8087 stores its status word in memory alone"
            if why := missing_instruction(step.verb, operations, parameters):
                return why
    if step.verb in ("vmrun", "stgi", "clgi", "inject", "virq"):
        return "there is no SVM"
    return ""
