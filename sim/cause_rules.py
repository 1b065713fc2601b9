"""The rule behind each edge, by signal: what the cycle contract says, in the words of the run.

Each function answers for one signal or a family of them; `cause_of` finds it.
"""

from collections.abc import Callable

from ..model.msr import violation
from ..model.registers import PORT_F0, Cr0, ExceptionFlag, Generation, Hwcr, Msr
from ..model.reporting import Decision
from ..model.x87 import NON_WAITING
from .causes import Cause, Moment, names_of
from .signals import BY_NAME

Rule = Callable[[Moment], Cause]
OUTSIDE = "driven from outside"


def cause_of(name: str, moment: Moment) -> Cause:
    """Why the signal took its value in this cycle."""
    return RULES[name](moment)


def _since(moment: Moment) -> str:
    return f"in cycle {moment.cycle - 1}"


def _reset(moment: Moment) -> Cause | None:
    """RESET in the cycle before overrules every other rule."""
    if not moment.before.inputs.reset:
        return None
    return Cause(f"RESET {_since(moment)}", moment.earlier("reset"))


def _by_program(moment: Moment) -> Cause:
    """What the processor drives in the cycle itself."""
    now = moment.now
    if now.inputs.inta:
        return Cause("INTA: an interrupt is taken first", moment.latest("inta"))
    if now.cpu.step == "-" and now.inputs.operation is None:
        return Cause("nothing is under way", moment.latest("step"))
    return Cause(f"{now.doing} is under way", moment.latest("step"))


def _by_step_before(moment: Moment) -> Cause:
    """A register that an instruction wrote in the cycle before."""
    if (reset := _reset(moment)) is not None:
        return reset
    return Cause(f"written by {moment.before.doing} {_since(moment)}", moment.earlier("step"))


def _outside(moment: Moment) -> Cause:
    return Cause(OUTSIDE)


def _reset_pin(moment: Moment) -> Cause:
    return _by_program(moment) if moment.now.doing == "'reset'" else Cause(OUTSIDE)


def _es(moment: Moment) -> Cause:
    if (reset := _reset(moment)) is not None:
        return reset
    before, now = moment.before, moment.now
    because = moment.earlier("step") or moment.earlier("operation")
    if now.outputs.es:
        raised = now.pending & ~before.outputs.flags
        how = f"{names_of(now.pending)} unmasked" if raised else f"which unmasks {names_of(now.pending)}"
        return Cause(f"ES set by {before.doing} ({how}) {_since(moment)}", because)
    verb = "masked" if now.outputs.flags & before.pending else "cleared"
    return Cause(f"{names_of(before.pending)} {verb} by {before.doing} {_since(moment)}", because)


def _error_state(moment: Moment) -> Cause:
    """Flags and masks."""
    if (reset := _reset(moment)) is not None:
        return reset
    because = moment.earlier("step") or moment.earlier("operation")
    return Cause(f"{moment.before.doing} executed {_since(moment)}", because)


def _conditions(moment: Moment) -> str:
    """What the reporting of an error depends on beside ES, as it was in the cycle before."""
    before = moment.before
    parts = [f"CR0.NE = {int(Cr0.NE in before.inputs.cr0)}"]
    if moment.parameters.generation is Generation.AMD64:
        if Hwcr.ALLOW_FERR_ON_NE in before.outputs.hwcr:
            parts.append("HWCR.AllowFerrOnNe = 1")
    else:
        parts.append(f"IGNNE {'' if before.outputs.ignne else 'not '}in effect")
    return "; ".join(parts)


def _ferr_n(moment: Moment) -> Cause:
    if (reset := _reset(moment)) is not None:
        return reset
    before = moment.before
    if moment.now.outputs.ferr_n:
        return _ferr_rises(moment)
    text = f"{moment.why('es')}; {_conditions(moment)}"
    if (held := _deferred(moment)) is not None:
        because = moment.earlier("es") + moment.fresh(held)
        return Cause(f"{text}; deferred until {before.doing} came {_since(moment)}", because)
    changed = moment.fresh("ignne", "cr0_ne", "allow_ferr_on_ne")
    return Cause(f"{text}; reported at once", moment.earlier("es") + changed)


def _deferred(moment: Moment) -> str | None:
    """The answer with which the next instruction brought a deferred error to FERR#; None if immediate."""
    decision = moment.before.outputs.decision
    if moment.at_once or decision not in (Decision.FREEZE, Decision.MF, Decision.WINDOW):
        return None
    return decision.name.lower()


def _ferr_rises(moment: Moment) -> Cause:
    before = moment.before
    if not before.outputs.es:
        return Cause(f"ES = 0: {moment.why('es')}", moment.earlier("es"))
    if moment.parameters.generation is Generation.AMD64:
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
    return Cause(f"the window of {moment.parameters.nowait_window} cycles is over", moment.earlier("window"))


def _irq13(moment: Moment) -> Cause:
    if (reset := _reset(moment)) is not None:
        return reset
    before = moment.before
    if moment.now.outputs.irq13:
        edge = moment.fresh("ferr_n")
        if edge:
            return Cause(f"FF1 set: FERR# fell {_since(moment)}", edge)
        because = moment.fresh("ferr_enable") + moment.earlier("ferr_n")
        return Cause("FF1 set: the circuit was enabled while FERR# was low", because)
    if not moment.now.outputs.ferr_enable:
        return Cause("FF1 held clear: the circuit is disabled", moment.latest("ferr_enable"))
    return Cause(f"FF1 cleared by {before.access} {_since(moment)}", moment.earlier("f0_write"))


def _chipset_ignne_n(moment: Moment) -> Cause:
    now = moment.now
    if not now.outputs.chipset_ignne_n:
        text = f"FF2 set by {moment.before.access} {_since(moment)}, while FERR# is low"
        return Cause(text, moment.earlier("f0_write"))
    if now.outputs.ferr_n:
        return Cause("FERR# is high: FF2 is held clear", moment.here("ferr_n"))
    if (reset := _reset(moment)) is not None:
        return reset
    return Cause("FF2 held clear: the circuit is disabled", moment.latest("ferr_enable"))


def _ignne_n(moment: Moment) -> Cause:
    outputs = moment.now.outputs
    if moment.here("chipset_ignne_n") and outputs.chipset_ignne_n == outputs.ignne_n:
        return _chipset_ignne_n(moment)._replace(because=moment.here("chipset_ignne_n"))
    return Cause(OUTSIDE)


def _ignne(moment: Moment) -> Cause:
    if switched := moment.here("ignne_em"):
        source = "the IGNNE MSR" if Hwcr.IGNNE_EM in moment.now.outputs.hwcr else "the pin"
        return Cause(f"HWCR.IgnneEm changes: {source} decides now", switched + moment.latest("ignne_msr"))
    if Hwcr.IGNNE_EM in moment.now.outputs.hwcr:
        return Cause("the IGNNE MSR changes, and HWCR.IgnneEm = 1", moment.here("ignne_msr"))
    stages = moment.parameters.synchroniser_stages
    sampled = moment.cycle - stages
    level = "high" if not moment.now.outputs.ignne else "low"
    text = f"IGNNE# {level} in cycle {sampled}, through {stages} synchroniser stages"
    return Cause(text, moment.up_to(sampled, "ignne_n"))


def _msr_register(msr: Msr) -> Rule:
    def rule(moment: Moment) -> Cause:
        if (reset := _reset(moment)) is not None:
            return reset
        request = moment.before.inputs.msr
        if request is not None and request.write and request.address == msr:
            text = f"WRMSR {msr.name} = {request.data:X}h accepted {_since(moment)}"
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
    why = violation(request, moment.parameters)
    kind = "WRMSR" if request.write else "RDMSR"
    text = f"{kind} {request.address:X}h accepted {_since(moment)}"
    return Cause(f"{text}; #GP(0): {why}" if why else text, moment.earlier("request_valid"))


def _request_ready(moment: Moment) -> Cause:
    held = not moment.now.outputs.msr_ready
    text = "a response waits to be taken" if held else "there is room for a response"
    return Cause(text, moment.here("response_valid"))


def _int(pic: str) -> Rule:
    """INT of an 8259A: combinational."""

    def rule(moment: Moment) -> Cause:
        outputs = moment.now.outputs
        irr, isr, imr = outputs.master if pic == "master" else outputs.slave
        registers = f"IRR {irr:02X}h, IMR {imr:02X}h, ISR {isr:02X}h"
        high = outputs.intr if pic == "master" else outputs.slave_int
        what = "has a request to pass on" if high else "has no request to pass on any more"
        because = moment.here(f"{pic}_irr", f"{pic}_imr", f"{pic}_isr")
        text = f"the {pic} 8259A {what} ({registers})"
        if because:
            return Cause(text, because)
        # A command that changes none of the three: the end of an initialisation, a change of priorities.
        return Cause(f"{text}, after {moment.before.access}", moment.earlier("step", "io_write", "inta"))

    return rule


def _irr(pic: str) -> Rule:
    def rule(moment: Moment) -> Cause:
        if (reset := _reset(moment)) is not None:
            return reset
        after, past = _registers(pic, moment, now=True), _registers(pic, moment, now=False)
        if risen := after.irr & ~past.irr:
            return Cause(f"{_lines(risen)} sampled high {_since(moment)}", _request_edges(pic, moment))
        if moment.before.inputs.inta:
            text = f"{_lines(past.irr & ~after.irr)} acknowledged by INTA {_since(moment)}"
            return Cause(text, moment.earlier("inta"))
        if moment.before.inputs.io:
            return Cause(f"cleared by {moment.before.access} {_since(moment)}", moment.earlier("step"))
        text = f"{_lines(past.irr & ~after.irr)} went low before it was acknowledged"
        return Cause(text, _request_edges(pic, moment))

    return rule


def _isr(pic: str) -> Rule:
    def rule(moment: Moment) -> Cause:
        if (reset := _reset(moment)) is not None:
            return reset
        after, past = _registers(pic, moment, now=True), _registers(pic, moment, now=False)
        if moment.before.inputs.inta:
            taken = f"{_lines(after.isr & ~past.isr)} in service: " if after.isr & ~past.isr else ""
            return Cause(f"{taken}INTA {_since(moment)}", moment.earlier("inta"))
        what = "EOI" if after.isr else "the last EOI"
        return Cause(f"{what}: {moment.before.access} {_since(moment)}", moment.earlier("step"))

    return rule


def _registers(pic: str, moment: Moment, now: bool):
    outputs = (moment.now if now else moment.before).outputs
    return outputs.master if pic == "master" else outputs.slave


def _lines(bits: int) -> str:
    return ", ".join(f"IR{level}" for level in range(8) if bits >> level & 1)


def _request_edges(pic: str, moment: Moment):
    """What moved on the request lines of an 8259A in the cycle before."""
    irq = moment.parameters.fpu_irq
    own = "irq13" if (irq >= 8) == (pic == "slave") else None
    names = [name for name in (own, "slave_int" if pic == "master" else None, "irq") if name]
    return moment.fresh(*names) or moment.earlier(*names)[-1:]


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
    return Cause(f"{before.doing} {_since(moment)}", moment.earlier("step"))


def _step(moment: Moment) -> Cause:
    if entered := moment.here("handler"):
        return Cause("execution goes on there", entered)
    return Cause(f"{moment.before.doing} is over", moment.fresh("ready") or moment.earlier("step"))


def _if(moment: Moment) -> Cause:
    if entered := moment.here("handler"):
        return Cause("saved or restored with the handler", entered)
    return _by_step_before(moment)


def _halted(moment: Moment) -> Cause:
    if moment.now.cpu.waiting == "halted":
        return Cause("HLT: it waits for an interrupt", moment.latest("step"))
    return Cause("an interrupt ends HLT", moment.latest("intr"))


def _bus_read(moment: Moment) -> Cause:
    return Cause(f"{moment.now.doing} reads", moment.here("io_read") or moment.latest("step"))


def _f0_write(moment: Moment) -> Cause:
    io = moment.now.inputs.io
    if io is not None and io.write and io.address == PORT_F0:
        return Cause(f"{moment.now.doing} writes port F0h", moment.here("step") or moment.latest("step"))
    return Cause("the write is over", moment.here("step"))


def _exit_code(moment: Moment) -> Cause:
    return Cause("07Eh goes with #VMEXIT", moment.here("vmexit"))


def _guest_mode(moment: Moment) -> Cause:
    by = moment.fresh("vmexit") or moment.earlier("step")
    return Cause(f"{'VMRUN' if moment.now.inputs.guest_mode else '#VMEXIT'}: {moment.before.doing}", by)


def _cr0(moment: Moment) -> Cause:
    if switched := moment.here("guest_mode"):
        return Cause("VMRUN and #VMEXIT switch CR0", switched)
    return _by_step_before(moment)


RULES: dict[str, Rule] = {name: _by_program for name in BY_NAME}
"""What nothing else answers for is driven by the program."""
RULES |= {flag.name.lower(): _error_state for flag in ExceptionFlag if flag.name}
RULES |= {
    f"{flag.name[0].lower()}m": _error_state for flag in ExceptionFlag if flag.name and flag.name != "SF"
}
RULES |= {decision.name.lower(): _decision(decision.name) for decision in Decision if decision.name != "IDLE"}
RULES |= {f"cr0_{bit}": _cr0 for bit in ("ne", "em", "ts", "mp")}
RULES |= {
    f"{pic}_{register}": rule
    for pic in ("master", "slave")
    for register, rule in (("irr", _irr(pic)), ("isr", _isr(pic)), ("imr", _by_step_before))
}
RULES |= {
    "allow_ferr_on_ne": _msr_register(Msr.HWCR),
    "chipset_ignne_n": _chipset_ignne_n,
    "es": _es,
    "exit_code": _exit_code,
    "f0_write": _f0_write,
    "fault": _response,
    "ferr_enable": _by_step_before,
    "ferr_n": _ferr_n,
    "flags": _error_state,
    "guest_mode": _guest_mode,
    "halted": _halted,
    "handler": _handler,
    "if": _if,
    "ignne": _ignne,
    "ignne_em": _msr_register(Msr.HWCR),
    "ignne_msr": _msr_register(Msr.IGNNE),
    "ignne_n": _ignne_n,
    "inta": _inta,
    "intr": _int("master"),
    "io_read_data": _bus_read,
    "irq": _outside,
    "irq13": _irq13,
    "masks": _error_state,
    "nmi": _outside,
    "read_data": _response,
    "request_ready": _request_ready,
    "reset": _reset_pin,
    "response_valid": _response,
    "slave_int": _int("slave"),
    "step": _step,
    "vector": _vector,
    "window": _window,
}
