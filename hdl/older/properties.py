"""What is proved of the machines before the 486, for all inputs and for all time."""

from collections.abc import Callable
from typing import NamedTuple

from amaranth.hdl import Signal, Value

from ...model.older.registers import HostCpu, OlderMachine, OlderParameters, PassesBusy
from ...model.registers import PORT_F1, Operation
from ..proof import Proof, Property
from .pc import OlderPc

AT = tuple(map(OlderParameters, (OlderMachine.AT286, OlderMachine.AT386, OlderMachine.PC98)))
"""With the latch."""
XT = (OlderParameters(OlderMachine.XT8087),)
NATIVE = (OlderParameters(OlderMachine.AT286, native=True), OlderParameters(OlderMachine.AT386, native=True))


class OlderProperty(NamedTuple):
    """Something that holds on some machines, or can be reached there."""

    prop: Property
    on: tuple[OlderParameters, ...]


def _pc(proof: Proof) -> OlderPc:
    return proof.free(OlderPc(proof.parameters), "pc")


def _writes(pc, port: int) -> Value:
    return pc.io.write & (pc.io.address == port)


def _clears(proof: Proof, pc) -> Value:
    clears = pc.reset | _writes(pc, proof.parameters.clear_port)
    return clears | _writes(pc, PORT_F1) if proof.parameters.f1_clears_latch else clears


def _npx_reset(proof: Proof, pc) -> Value:
    if proof.parameters.machine is OlderMachine.PC98:
        return pc.reset
    return pc.reset | _writes(pc, PORT_F1)


def _edge(proof: Proof, pc) -> Value:
    """ERROR rises, and not because the coprocessor was reset."""
    before = Signal(init=1)
    proof.m.d.sync += before.eq(pc.error | _npx_reset(proof, pc))
    return pc.error & ~before


def the_latch_is_set_only_by_a_rising_error(proof: Proof) -> None:
    """L is 1 only where it was, or where ERROR has risen."""
    pc = _pc(proof)
    set_ = pc.latch & ~proof.past(pc.latch)
    proof.after_first(~set_ | proof.past(_edge(proof, pc)))


def busy_never_ends_while_the_latch_is_set(proof: Proof) -> None:
    """And from the error to the latch there is no gap: the chip is busy when its ERROR rises."""
    pc = _pc(proof)
    proof.always(~pc.latch | pc.busy)
    proof.always(~_edge(proof, pc) | pc.npx_busy)


def an_edge_is_never_lost(proof: Proof) -> None:
    """An edge that meets no clear sets the latch, which stays until the port is written, or RESET."""
    pc = _pc(proof)
    kept = Signal()
    proof.m.d.sync += kept.eq((pc.latch | _edge(proof, pc)) & ~_clears(proof, pc))
    proof.after_first(~kept | (pc.latch & pc.irq13))


def no_mf_in_at_wiring(proof: Proof) -> None:
    """An AT ties ERROR# of the processor off, so there is no #MF."""
    pc = _pc(proof)
    proof.always(~pc.op.mf & ~pc.cpu_error)


def mf_only_for_an_error(proof: Proof) -> None:
    """Native wiring: #MF only with ERROR, never while BUSY, and never from WAIT to an N form."""
    pc = _pc(proof)
    proof.always(~pc.op.mf | (pc.error & ~pc.busy))
    proof.always(~(pc.op.ready & (pc.op.code == Operation.FWAIT) & pc.error))


def wait_never_passes_busy(proof: Proof) -> None:
    """Nor does an arithmetic instruction; FNINIT and FNCLEX are never held, nothing is while BUSY is 0."""
    pc = _pc(proof)
    op = pc.op
    proof.always(~(op.ready & pc.busy & op.code.matches(Operation.FWAIT, Operation.ARITHMETIC)))
    proof.always(~(op.hold & op.code.matches(Operation.FNINIT, Operation.FNCLEX)))
    proof.always(~op.hold | pc.busy)
    if proof.parameters.cpu is not HostCpu.I80386 or proof.parameters.passes_busy is PassesBusy.I80286:
        proof.always(~(op.hold & (op.code == Operation.FNSTSW)))


def one_answer_to_each(proof: Proof) -> None:
    """Exactly one answer in each cycle in which an instruction is presented, and none in another."""
    op = _pc(proof).op
    total = sum([op.ready, op.hold, op.mf, op.nm], start=Value.cast(0))
    proof.always(total == op.valid)


def nmi_only_while_enabled(proof: Proof) -> None:
    """NMI needs bit 7 of port A0h and a source; with both it is there. The 8087's INT keeps it busy."""
    pc = _pc(proof)
    source = pc.parity | pc.iochk | pc.int_
    proof.always(pc.nmi == (pc.nmi_enable & source))
    proof.always(~pc.int_ | pc.busy)
    enabled = Signal()
    proof.m.d.sync += enabled.eq(~pc.reset & _writes(pc, 0xA0) & pc.io.write_data[7])
    proof.after_first(~(pc.nmi_enable & ~proof.past(pc.nmi_enable)) | enabled)


def _reach(says: str, condition: Callable[[OlderPc], Value]) -> Callable[[Proof], None]:
    def build(proof: Proof) -> None:
        proof.reached(condition(_pc(proof)))

    build.__doc__ = says
    return build


def _holds(name: str, says: str, build: Callable[[Proof], None], depth: int, on) -> OlderProperty:
    return OlderProperty(Property(name, says, build, (), depth), on)


def _reached(name: str, condition: Callable[[OlderPc], Value], on) -> OlderProperty:
    return OlderProperty(Property(name, name, _reach(name, condition), (), 8, is_cover=True), on)


OLDER_PROPERTIES = (
    _holds("latch-set", "L is set only by a rising ERROR", the_latch_is_set_only_by_a_rising_error, 3, AT),
    _holds("latch-busy", "BUSY never ends while L", busy_never_ends_while_the_latch_is_set, 3, AT),
    _holds("latch-kept", "an error is never lost before F0h (F8h)", an_edge_is_never_lost, 3, AT),
    _holds("at-no-mf", "no #MF in AT wiring", no_mf_in_at_wiring, 2, AT),
    _holds("native-mf", "native wiring: #MF only for an error", mf_only_for_an_error, 2, NATIVE),
    _holds("wait-busy", "WAIT never passes BUSY", wait_never_passes_busy, 2, (AT[0], AT[1], *XT)),
    _holds("older-one-answer", "every instruction gets one answer", one_answer_to_each, 2, (*AT, *XT)),
    _holds("xt-nmi", "NMI is gated by port A0h", nmi_only_while_enabled, 2, XT),
    _reached("reach latch without error", lambda pc: pc.latch & ~pc.error, AT[:1]),
    _reached("reach wait held by the latch", lambda pc: pc.op.hold & ~pc.npx_busy & pc.latch, AT[1:2]),
    _reached("reach nmi of the 8087", lambda pc: pc.nmi & ~pc.parity & ~pc.iochk, XT),
)
"""Everything that is proved of the older machines."""
