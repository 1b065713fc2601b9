"""The rule behind each edge of the chipset and of the 8259As."""

from ....model.older import OlderParameters
from ....model.pic import PicRegisters
from .cause import Cause, Edge, Moment, Rule, by_step_before, outside


def _irq13(moment: Moment) -> Cause:
    if (reset := moment.reset()) is not None:
        return reset
    before = moment.before
    if moment.now.outputs.irq13:
        edge = moment.fresh("ferr_n")
        if edge:
            return Cause(f"FF1 set: FERR# fell {moment.then}", edge)
        because = moment.fresh("ferr_enable") + moment.earlier("ferr_n")
        return Cause("FF1 set: the circuit was enabled while FERR# was low", because)
    if not moment.now.outputs.ferr_enable:
        return Cause("FF1 held clear: the circuit is disabled", moment.latest("ferr_enable"))
    return Cause(f"FF1 cleared by {before.access} {moment.then}", moment.earlier("f0_write"))


def _ir13(moment: Moment) -> Cause:
    """The wire at IR5: whoever drives it."""
    because = moment.here("irq13", "irq")
    if not moment.now.outputs.ir13:
        return Cause("neither FF1 nor another device drives the line", because)
    return Cause(f"{'FF1' if moment.now.outputs.irq13 else 'another device'} drives the line", because)


def _chipset_ignne_n(moment: Moment) -> Cause:
    now = moment.now
    if not now.outputs.chipset_ignne_n:
        text = f"FF2 set by {moment.before.access} {moment.then}, while FERR# is low"
        return Cause(text, moment.earlier("f0_write"))
    if now.outputs.ferr_n:
        return Cause("FERR# is high: FF2 is held clear", moment.here("ferr_n"))
    if (reset := moment.reset()) is not None:
        return reset
    return Cause("FF2 held clear: the circuit is disabled", moment.latest("ferr_enable"))


def _ignne_n(moment: Moment) -> Cause:
    outputs = moment.now.outputs
    if moment.here("chipset_ignne_n") and outputs.chipset_ignne_n == outputs.ignne_n:
        return _chipset_ignne_n(moment)._replace(because=moment.here("chipset_ignne_n"))
    return outside(moment)


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
        if not high and moment.before.inputs.inta:
            return Cause("the 8259A answers INTA", moment.earlier("inta"))
        # A command that changes none of the three: the end of an initialisation, a change of priorities.
        return Cause(f"{text}, after {moment.before.access}", moment.earlier("step", "io_write", "inta"))

    return rule


def _irr(pic: str) -> Rule:
    def rule(moment: Moment) -> Cause:
        if (reset := moment.reset()) is not None:
            return reset
        after, past = _registers(pic, moment, now=True), _registers(pic, moment, now=False)
        if risen := after.irr & ~past.irr:
            return Cause(f"{_lines(risen)} sampled high {moment.then}", _request_edges(pic, moment))
        if _taken_by_inta(pic, moment):
            return Cause(f"{_lines(past.irr & ~after.irr)} acknowledged by INTA", moment.earlier("inta"))
        if moment.before.inputs.io:
            return Cause(f"cleared by {moment.before.access} {moment.then}", moment.earlier("step"))
        text = f"{_lines(past.irr & ~after.irr)} went low before it was acknowledged"
        return Cause(text, _request_edges(pic, moment))

    return rule


def _isr(pic: str) -> Rule:
    def rule(moment: Moment) -> Cause:
        if (reset := moment.reset()) is not None:
            return reset
        after, past = _registers(pic, moment, now=True), _registers(pic, moment, now=False)
        if _taken_by_inta(pic, moment):
            return Cause(f"{_lines(after.isr & ~past.isr)} in service: INTA", moment.earlier("inta"))
        if moment.before.inputs.inta:
            return Cause(f"automatic EOI: the second pulse of INTA {moment.then}", moment.earlier("inta"))
        what = "EOI" if after.isr else "the last EOI"
        return Cause(f"{what}: {moment.before.access} {moment.then}", moment.earlier("step"))

    return rule


def _taken_by_inta(pic: str, moment: Moment) -> bool:
    """It comes in the cycle after the first pulse; a poll is a read."""
    after, past = _registers(pic, moment, now=True), _registers(pic, moment, now=False)
    io = moment.before.inputs.io
    return bool(after.isr & ~past.isr) and (moment.before.inputs.inta or io is None or io.write)


def _registers(pic: str, moment: Moment, now: bool) -> PicRegisters:
    outputs = (moment.now if now else moment.before).outputs
    return outputs.master if pic == "master" else outputs.slave


def _lines(bits: int) -> str:
    return ", ".join(f"IR{level}" for level in range(8) if bits >> level & 1)


def _request_edges(pic: str, moment: Moment) -> tuple[Edge, ...]:
    """What moved on the request lines of an 8259A in the cycle before."""
    parameters = moment.parameters
    irq = parameters.npx_irq if isinstance(parameters, OlderParameters) else parameters.fpu_irq
    own = "irq13" if irq is not None and (irq >= 8) == (pic == "slave") else None
    names = [name for name in (own, "slave_int" if pic == "master" else None, "irq") if name]
    return moment.fresh(*names) or moment.earlier(*names)[-1:]


def _f0_write(moment: Moment) -> Cause:
    io = moment.now.inputs.io
    port = moment.pc.fpu_port
    if io is not None and io.write and io.address == port:
        return Cause(f"{moment.now.doing} writes port {port:X}h", moment.latest("step"))
    return Cause("the write is over", moment.here("step"))


CHIPSET_RULES: dict[str, Rule] = {
    "chipset_ignne_n": _chipset_ignne_n,
    "f0_write": _f0_write,
    "ferr_enable": by_step_before,
    "ignne_n": _ignne_n,
    "intr": _int("master"),
    "irq": outside,
    "ir13": _ir13,
    "irq13": _irq13,
    "slave_int": _int("slave"),
}
CHIPSET_RULES |= {
    f"{pic}_{register}": rule
    for pic in ("master", "slave")
    for register, rule in (("irr", _irr(pic)), ("isr", _isr(pic)), ("imr", by_step_before))
}
