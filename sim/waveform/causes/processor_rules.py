"""The rule behind each edge, by signal: what the cycle contract says, in the words of the run.

Each function answers for one signal or a family of them; `cause_of` finds it.
"""

from ....model.msr import violation
from ....model.registers import Cr0, ExceptionFlag, Generation, Hwcr, HwcrLayout, Msr
from ....model.reporting import Decision
from ....model.x87 import NON_WAITING
from ..signals import BY_NAME
from .cause import OUTSIDE, Cause, Moment, Rule, by_step_before, names_of, outside
from .chipset_rules import CHIPSET_RULES


def cause_of(name: str, moment: Moment) -> Cause:
    """Why the signal took its value in this cycle.

    Parameters
    ----------
    name : str
        A signal of `SIGNALS`, without scopes.
    moment : Moment
        The cycle of its edge and the one before.
    """
    return RULES[name](moment)


def _by_program(moment: Moment) -> Cause:
    """What the processor drives in the cycle itself."""
    now = moment.now
    if now.inputs.inta:
        return Cause("INTA: an interrupt is taken first", moment.latest("inta"))
    if now.cpu.step == "-" and now.inputs.operation is None:
        return Cause("nothing is under way", moment.latest("step"))
    return Cause(f"{now.doing} is under way", moment.latest("step"))


def _reset_pin(moment: Moment) -> Cause:
    return _by_program(moment) if moment.now.doing == "'reset'" else Cause(OUTSIDE)


def _es(moment: Moment) -> Cause:
    if (reset := moment.processor_reset()) is not None:
        return reset
    before, now = moment.before, moment.now
    because = moment.earlier("step") or moment.earlier("operation")
    if now.outputs.es:
        raised = now.pending & ~before.outputs.flags
        how = f"{names_of(now.pending)} unmasked" if raised else f"which unmasks {names_of(now.pending)}"
        return Cause(f"ES set by {before.doing} ({how}) {moment.then}", because)
    verb = "masked" if now.outputs.flags & before.pending else "cleared"
    return Cause(f"{names_of(before.pending)} {verb} by {before.doing} {moment.then}", because)


def _error_state(moment: Moment) -> Cause:
    """Flags and masks."""
    if (reset := moment.processor_reset()) is not None:
        return reset
    because = moment.earlier("step") or moment.earlier("operation")
    return Cause(f"{moment.before.doing} executed {moment.then}", because)


def _conditions(moment: Moment) -> str:
    """What the reporting of an error depends on beside ES, as it was in the cycle before."""
    before = moment.before
    parts = [f"CR0.NE = {int(Cr0.NE in before.inputs.cr0)}"]
    if moment.pc.generation is Generation.AMD64:
        if Hwcr.ALLOW_FERR_ON_NE in before.outputs.hwcr:
            k8 = moment.pc.hwcr is HwcrLayout.K8
            parts.append("family 0Fh has no AllowFerrOnNe" if k8 else "HWCR.AllowFerrOnNe = 1")
    else:
        parts.append(f"IGNNE {'' if before.outputs.ignne else 'not '}in effect")
    return "; ".join(parts)


def _ferr_n(moment: Moment) -> Cause:
    if (reset := moment.processor_reset()) is not None:
        return reset
    before = moment.before
    if moment.now.outputs.ferr_n:
        return _ferr_rises(moment)
    text = f"{moment.why('es')}; {_conditions(moment)}"
    if (held := _deferred(moment)) is not None:
        because = moment.earlier("es") + moment.fresh(held)
        return Cause(f"{text}; deferred until {before.doing} came {moment.then}", because)
    changed = moment.fresh("ignne", "cr0_ne", "allow_ferr_on_ne")
    return Cause(f"{text}; reported at once", moment.earlier("es") + changed)


def _deferred(moment: Moment) -> str | None:
    """The answer with which the next instruction brought a deferred error to FERR#; None if immediate."""
    decision = moment.before.outputs.decision
    if moment.immediate or decision not in (Decision.FREEZE, Decision.MF, Decision.WINDOW):
        return None
    return decision.name.lower()


def _ferr_rises(moment: Moment) -> Cause:
    before = moment.before
    if not before.outputs.es:
        return Cause(f"ES = 0: {moment.why('es')}", moment.earlier("es"))
    if moment.pc.generation is Generation.AMD64:
        because = moment.earlier("cr0_ne") + moment.fresh("allow_ferr_on_ne")
        return Cause("CR0.NE = 1 and HWCR.AllowFerrOnNe = 0: FERR# is not reported", because)
    opened = moment.fresh("ready", "window")
    return Cause(f"the interrupt window of {before.doing} is over", opened)


def _decision(name: str) -> Rule:
    """The operation port's answers: combinational."""
    decision = Decision[name.upper()]
    name = name.lower()

    def rule(moment: Moment) -> Cause:
        now = moment.now
        inputs = moment.here("op_valid", "step", "operation", "es", "ignne", "cr0_ne", "cr0_ts", "cr0_em")
        inputs += moment.here("cr0_mp", "ferr_n", "masks", "guest_mode")
        if now.outputs.decision is decision:
            why = _answers(decision, moment)
            es = moment.latest("es") if decision in _OF_AN_ERROR else ()
            return Cause(f"{now.doing} {why}", tuple(dict.fromkeys(inputs + es)))
        if now.inputs.operation is None:
            return Cause(f"{moment.before.doing} is no longer presented", inputs or moment.earlier(name))
        return Cause(f"{now.doing} {_answers(now.outputs.decision, moment)}", inputs or moment.earlier(name))

    return rule


_OF_AN_ERROR = (Decision.FREEZE, Decision.MF, Decision.WINDOW, Decision.VMEXIT)


def _answers(decision: Decision, moment: Moment) -> str:
    """Why the operation port gives this answer."""
    now = moment.now
    pending = f"ES = 1 ({names_of(now.pending)})"
    match decision:
        case Decision.FREEZE:
            return f"must wait: {pending}, CR0.NE = 0, IGNNE not in effect"
        case Decision.VMEXIT:
            return f"would freeze in a guest, and FERR_FREEZE is intercepted: {pending}, CR0.NE = 0"
        case Decision.MF:
            return f"must wait: {pending}, CR0.NE = 1"
        case Decision.WINDOW:
            return f"does not wait, and a deferred error is not reported yet: {pending}"
        case Decision.NM:
            return "finds CR0.EM or CR0.TS set"
        case Decision.UD:
            return "is undefined"
    if not now.outputs.es:
        return "executes: ES = 0"
    if now.inputs.operation is None or now.inputs.operation.code in NON_WAITING:
        return f"does not wait and executes: {pending}"
    return f"executes: {pending}, IGNNE in effect"


def _window(moment: Moment) -> Cause:
    if moment.now.outputs.decision is Decision.WINDOW or moment.now.inputs.operation is None:
        return _decision("window")(moment)
    return Cause(f"the window of {moment.pc.nowait_window} cycles is over", moment.earlier("window"))


def _ignne(moment: Moment) -> Cause:
    if switched := moment.here("ignne_em"):
        source = "the IGNNE MSR" if Hwcr.IGNNE_EM in moment.now.outputs.hwcr else "the pin"
        return Cause(f"HWCR.IgnneEm changes: {source} decides now", switched + moment.latest("ignne_msr"))
    if Hwcr.IGNNE_EM in moment.now.outputs.hwcr:
        return Cause("the IGNNE MSR changes, and HWCR.IgnneEm = 1", moment.here("ignne_msr"))
    stages = moment.pc.synchroniser_stages
    sampled = moment.cycle - stages
    level = "high" if not moment.now.outputs.ignne else "low"
    text = f"IGNNE# {level} in cycle {sampled}, through {stages} synchroniser stages"
    return Cause(text, moment.up_to(sampled, "ignne_n"))


def _msr_register(msr: Msr) -> Rule:
    def rule(moment: Moment) -> Cause:
        if (reset := moment.processor_reset()) is not None:
            return reset
        request = moment.before.inputs.msr
        if request is not None and request.write and request.address == msr:
            text = f"WRMSR {msr.name} = {request.data:X}h accepted {moment.then}"
            return Cause(text, moment.earlier("request_valid") or moment.earlier("step"))
        if moment.now.outputs.ignne_msr:
            text = f"port emulation: {moment.before.access} while FERR# is low"
            return Cause(text, moment.earlier("f0_write", "ferr_n"))
        return Cause("port emulation: FERR# is high", moment.here("ferr_n"))

    return rule


def _response(moment: Moment) -> Cause:
    request = moment.before.inputs.msr
    if moment.now.outputs.msr_response is None or request is None:
        return Cause("the response has been taken", moment.earlier("response_valid"))
    why = violation(request, moment.pc)
    kind = "WRMSR" if request.write else "RDMSR"
    text = f"{kind} {request.address:X}h accepted {moment.then}"
    return Cause(f"{text}; #GP(0): {why}" if why else text, moment.earlier("request_valid"))


def _request_ready(moment: Moment) -> Cause:
    held = not moment.now.outputs.msr_ready
    text = "a response waits to be taken" if held else "there is room for a response"
    return Cause(text, moment.here("response_valid"))


def _inta(moment: Moment) -> Cause:
    if moment.now.inputs.inta:
        return Cause("INTR asserted at a boundary, IF = 1", moment.latest("intr", "if"))
    return Cause("both pulses are over", moment.earlier("inta"))


def _vector(moment: Moment) -> Cause:
    if not moment.now.inputs.inta:
        return Cause("no INTA: nothing drives the bus", moment.here("inta"))
    return Cause("INTA: its second pulse reads the vector", moment.latest("inta"))


def _handler(moment: Moment) -> Cause:
    now, before = moment.now.cpu.handler, moment.before
    if now == "host":
        return Cause(f"#VMEXIT at {before.doing}", moment.fresh("vmexit") or moment.earlier("step"))
    if before.inputs.inta:
        return Cause(f"interrupt {before.outputs.vector:02X}h, read by INTA", moment.earlier("vector"))
    if fault := moment.fresh("mf", "nm", "ud", "fault"):
        return Cause(f"fault: {moment.why(fault[0].signal)}", fault)
    if before.inputs.reset:
        return Cause("RESET", moment.earlier("reset"))
    if now == "02h" and not before.cpu.step.startswith("int"):
        return Cause("NMI", moment.earlier("nmi"))
    return Cause(f"{before.doing} {moment.then}", moment.earlier("step"))


def _step(moment: Moment) -> Cause:
    if entered := moment.here("handler"):
        return Cause("execution goes on there", entered)
    # In a handler it is the interrupt that brought it here; in the main program nothing but the program.
    inside = moment.now.cpu.handler != "main"
    return Cause(f"{moment.before.doing} is over", moment.latest("handler") if inside else ())


def _if(moment: Moment) -> Cause:
    if entered := moment.here("handler"):
        return Cause("saved or restored with the handler", entered)
    return by_step_before(moment)


def _halted(moment: Moment) -> Cause:
    if moment.now.cpu.waiting == "halted":
        return Cause("HLT: it waits for an interrupt", moment.latest("step"))
    return Cause("an interrupt ends HLT", moment.latest("intr"))


def _bus_read(moment: Moment) -> Cause:
    return Cause(f"{moment.now.doing} reads", moment.here("io_read") or moment.latest("step"))


def _exit_code(moment: Moment) -> Cause:
    return Cause("07Eh goes with #VMEXIT", moment.here("vmexit"))


def _guest_mode(moment: Moment) -> Cause:
    by = moment.fresh("vmexit") or moment.earlier("step")
    return Cause(f"{'VMRUN' if moment.now.inputs.guest_mode else '#VMEXIT'}: {moment.before.doing}", by)


def _cr0(moment: Moment) -> Cause:
    if switched := moment.here("guest_mode"):
        return Cause("VMRUN and #VMEXIT switch CR0", switched)
    return by_step_before(moment)


RULES: dict[str, Rule] = {name: _by_program for name in BY_NAME}
"""What nothing else answers for is driven by the program."""
RULES |= {flag.name.lower(): _error_state for flag in ExceptionFlag if flag.name}
RULES |= {
    f"{flag.name[0].lower()}m": _error_state for flag in ExceptionFlag if flag.name and flag.name != "SF"
}
RULES |= {decision.name.lower(): _decision(decision.name) for decision in Decision if decision.name != "IDLE"}
RULES |= {f"cr0_{bit}": _cr0 for bit in ("ne", "em", "ts", "mp")}
RULES |= CHIPSET_RULES
RULES |= {
    "allow_ferr_on_ne": _msr_register(Msr.HWCR),
    "es": _es,
    "exit_code": _exit_code,
    "fault": _response,
    "ferr_n": _ferr_n,
    "flags": _error_state,
    "guest_mode": _guest_mode,
    "halted": _halted,
    "handler": _handler,
    "if": _if,
    "ignne": _ignne,
    "ignne_em": _msr_register(Msr.HWCR),
    "ignne_msr": _msr_register(Msr.IGNNE),
    "inta": _inta,
    "io_read_data": _bus_read,
    "masks": _error_state,
    "nmi": outside,
    "read_data": _response,
    "request_ready": _request_ready,
    "reset": _reset_pin,
    "response_valid": _response,
    "step": _step,
    "vector": _vector,
    "window": _window,
}
