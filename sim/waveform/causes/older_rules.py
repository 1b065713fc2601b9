"""The rule behind each edge of a machine before the 486, by its cycle contract (model/older/README.md)."""

from ....model.older import OlderParameters
from ....model.older.registers import HostCpu, OlderMachine, PassesBusy
from ....model.registers import Operation
from ....model.reporting import Decision
from .cause import Cause, Moment, Rule, by_step_before, names_of, outside
from .processor_rules import RULES


def older_cause_of(name: str, moment: Moment) -> Cause:
    """Why the signal took its value in this cycle.

    Parameters
    ----------
    name : str
        A signal of `older_signals`, without scopes.
    moment : Moment
        The cycle of its edge and the one before.
    """
    return OLDER_RULES[name](moment)


def _parameters(moment: Moment) -> OlderParameters:
    assert isinstance(moment.parameters, OlderParameters)
    return moment.parameters


def _es(moment: Moment) -> Cause:
    before, now = moment.before, moment.now
    if before.outputs.es and not before.pending and not now.outputs.es:
        # No flag is set: that of an 80387 after RESET.
        return Cause(
            f"{before.doing} initialises the 80387 {moment.then}", moment.earlier("step", "operation")
        )
    return RULES["es"](moment)


def _error(moment: Moment) -> Cause:
    return Cause("ERROR is ES", moment.here("es"))


def _cpu_error(moment: Moment) -> Cause:
    return Cause("native wiring: it is the coprocessor's ERROR", moment.here("error"))


def _npx_int(moment: Moment) -> Cause:
    es = int(moment.now.outputs.es)
    mask = int(moment.now.outputs.interrupt_mask)
    return Cause(f"INT is IR and not M: IR = {es}, M = {mask}", moment.here("es", "interrupt_mask"))


def _npx_busy(moment: Moment) -> Cause:
    if moment.now.outputs.npx_busy:
        cycles = _parameters(moment).npx_cycles
        text = f"{moment.before.doing} was sent {moment.then}, and takes {cycles} cycles"
        return Cause(text, moment.earlier("step") or moment.earlier("operation"))
    if (reset := moment.processor_reset()) is not None:
        return reset
    operation = moment.before.inputs.operation
    if operation is not None and operation.code in (Operation.FNINIT, Operation.FNSAVE):
        return Cause(f"{moment.before.doing} ends what is under way", moment.earlier("step", "operation"))
    return Cause("the instruction is over", moment.earlier("npx_busy"))


def _latch(moment: Moment) -> Cause:
    if moment.now.outputs.latch:
        return Cause(f"L set: ERROR rose {moment.then}", moment.fresh("error"))
    if (reset := moment.reset()) is not None:
        return reset
    because = moment.fresh("clear_write") or moment.earlier("step", "io_write")
    return Cause(f"L cleared by {moment.before.access} {moment.then}", because)


def _busy(moment: Moment) -> Cause:
    """BUSY at the processor: combinational."""
    outputs = moment.now.outputs
    holds = {"the coprocessor executes": outputs.npx_busy, "L is set": outputs.latch, "INT": outputs.int_}
    text = " and ".join(name for name, level in holds.items() if level)
    because = moment.here("npx_busy", "latch", "npx_int")
    return Cause(f"BUSY: {text}" if text else "the coprocessor is free", because)


def _irq13(moment: Moment) -> Cause:
    parameters = _parameters(moment)
    if parameters.cpu is HostCpu.I8086:
        return Cause("the request is INT of the 8087", moment.here("npx_int"))
    source = "error" if moment.here("error") and not moment.here("latch") else "latch"
    return Cause(f"the request is {'ERROR' if source == 'error' else 'L'}", moment.here(source))


def _ir13(moment: Moment) -> Cause:
    """The line that the request is on: whoever drives it."""
    because = moment.here("irq13", "irq")
    if not moment.now.outputs.ir13:
        return Cause("neither the coprocessor nor another device drives the line", because)
    who = "the coprocessor" if moment.now.outputs.irq13 else "another device"
    return Cause(f"{who} drives the line", because)


def _nmi(moment: Moment) -> Cause:
    because = moment.here("npx_int", "nmi_enable", "parity", "iochk")
    if _parameters(moment).machine is not OlderMachine.XT8087 or not because:
        return outside(moment)
    now = moment.now
    if not now.outputs.nmi_enable:
        return Cause("bit 7 of port A0h is 0", because)
    sources = {
        "INT of the 8087": now.outputs.int_ and _parameters(moment).installed,
        "a parity error": now.inputs.parity,
        "I/O channel check": now.inputs.iochk,
    }
    text = " and ".join(name for name, level in sources.items() if level)
    return Cause(f"{text}, and bit 7 of port A0h is 1" if text else "no source is active any more", because)


def _pereq(moment: Moment) -> Cause:
    outputs = moment.now.outputs
    because = moment.here("npx_busy", "latch")
    if not outputs.pereq:
        return Cause("no data is asked for any more", because or moment.earlier("pereq"))
    if outputs.latch and not outputs.npx_busy:
        return Cause("the board asks while L holds BUSY, so that a started store ends", because)
    return Cause("the 80387 asks for the data of a store", because or moment.earlier("step", "operation"))


def _decision(name: str) -> Rule:
    """The operation port's answers: combinational."""
    decision = Decision[name]

    def rule(moment: Moment) -> Cause:
        now = moment.now
        inputs = moment.here("op_valid", "step", "operation", "busy", "npx_busy", "npx_int", "error", "latch")
        inputs += moment.here("cr0_ts", "cr0_em", "cr0_mp")
        if now.inputs.operation is None:
            because = inputs or moment.earlier(name.lower())
            return Cause(f"{moment.before.doing} is no longer presented", because)
        text = f"{now.doing} {_answers(now.outputs.decision, moment)}"
        if now.outputs.decision is not decision:
            return Cause(text, inputs or moment.earlier(name.lower()))
        held = moment.latest("latch", "npx_int", "npx_busy") if decision is Decision.FREEZE else ()
        error = moment.latest("error") if decision is Decision.MF else ()
        return Cause(text, tuple(dict.fromkeys(inputs + held + error)))

    return rule


def _answers(decision: Decision, moment: Moment) -> str:
    """Why the operation port gives this answer."""
    outputs = moment.now.outputs
    match decision:
        case Decision.FREEZE if outputs.latch:
            return "waits: the latch holds BUSY"
        case Decision.FREEZE if outputs.int_:
            return "waits: INT of the 8087 holds BUSY"
        case Decision.FREEZE:
            return "waits: the coprocessor executes"
        case Decision.MF:
            return f"finds ERROR: {names_of(moment.now.pending) or 'an 80387 before FNINIT'}"
        case Decision.NM:
            return "finds CR0.EM or CR0.TS set"
    if not outputs.busy:
        return "executes: BUSY is 0"
    passes = "the 80386" if _parameters(moment).passes_busy is PassesBusy.I80386 else "the processor"
    return f"executes: {passes} sends it whatever BUSY is"


def _clear_write(moment: Moment) -> Cause:
    io = moment.now.inputs.io
    if io is not None and io.write and io.address in (0xF0, 0xF8):
        return Cause(f"{moment.now.doing} writes port {io.address:X}h", moment.latest("step"))
    return Cause("the write is over", moment.here("step"))


OLDER_RULES: dict[str, Rule] = {
    **RULES,
    "busy": _busy,
    "clear_write": _clear_write,
    "cpu_error": _cpu_error,
    "cpu_reset": _clear_write,
    "error": _error,
    "es": _es,
    "freeze": _decision("FREEZE"),
    "interrupt_mask": RULES["masks"],
    "iochk": outside,
    "ir13": _ir13,
    "irq13": _irq13,
    "latch": _latch,
    "mf": _decision("MF"),
    "nm": _decision("NM"),
    "nmi": _nmi,
    "nmi_enable": by_step_before,
    "npx_busy": _npx_busy,
    "npx_int": _npx_int,
    "parity": outside,
    "pereq": _pereq,
    "ready": _decision("READY"),
}
"""What differs on these machines; the processor's own steps, the 8259As and the bus are as later."""
