"""What is proved of the design, for all inputs and for all time: assertions around each block.

Each property builds its block with free inputs, and asserts in every cycle. `irq13 prove` proves them by
k-induction and shows that every covered state can be reached.
"""

from collections.abc import Callable, Iterator

from amaranth.hdl import Cat, Const, Mux, Signal, Value
from amaranth.lib.wiring import In

from ..model.registers import PORT_F0, Generation, HwcrLayout, Msr, Operation
from .bus.properties import BUS_PROPERTIES
from .msr import MsrFile
from .pc import Pc
from .processor import Processor
from .proof import ALL, Proof, Property, inputs_of
from .properties_pic import PIC_PROPERTIES
from .reporting import WAITING


def _pc(proof: Proof) -> Pc:
    return proof.free(Pc(proof.parameters), "pc")


def _waits(op) -> Value:
    """It checks for a pending exception, and is neither unavailable nor undefined."""
    return op.valid & op.code.matches(*WAITING) & ~op.nm & ~op.ud


def _f0_write(io) -> Value:
    return io.write & (io.address == PORT_F0)


def ferr_only_for_an_unmasked_flag(proof: Proof) -> None:
    """FERR# falls only in the cycle after one in which a flag was set and not masked (SDM1 D.2.1)."""
    pc = _pc(proof)
    fell = ~pc.ferr_n & proof.past(pc.ferr_n)
    proof.after_first(~fell | (proof.past(pc.state.flags)[:6] & ~proof.past(pc.state.masks)).any())


def es_is_any_unmasked_flag(proof: Proof) -> None:
    """ES is 1 exactly when a flag is set whose mask is 0 (SDM1 8.1.3.3)."""
    pc = _pc(proof)
    proof.always(pc.state.es == (Value.cast(pc.state.flags)[:6] & ~Value.cast(pc.state.masks)).any())


def waiting_never_executes_unserved(proof: Proof) -> None:
    """With ES = 1, NE = 0 and no IGNNE in effect a waiting instruction freezes, or exits (SDM1 8.7.2)."""
    pc = _pc(proof)
    stuck = _waits(pc.op) & pc.state.es & ~pc.cr0.ne & ~pc.state.ignne
    proof.always(~(stuck & pc.op.ready))
    proof.always(~stuck | pc.op.freeze | pc.op.vmexit)


def non_waiting_is_never_held_beyond_its_window(proof: Proof) -> None:
    """A counter of the cycles for which one is held; it never passes the window's length."""
    pc = _pc(proof)
    window = proof.parameters.nowait_window
    held = Signal(range(window + 2))
    waits = pc.op.code.matches(*WAITING)
    blocked = pc.op.valid & ~waits & ~pc.op.nm & ~pc.op.ud & ~pc.op.ready
    proof.m.d.sync += held.eq(Mux(blocked & ~pc.reset, held + 1, 0))
    proof.always(held <= window)
    # The counter of the core, which carries the induction.
    proof.always(held == pc._processor._reporting.window)


def mf_only_in_native_mode(proof: Proof) -> None:
    """#MF needs CR0.NE = 1 (SDM1 8.7.1)."""
    pc = _pc(proof)
    proof.always(~(pc.op.mf & ~pc.cr0.ne))


def one_answer_to_each_operation(proof: Proof) -> None:
    """Exactly one answer in each cycle in which an operation is presented, and none in another."""
    op = _pc(proof).op
    answers = [op.ready, op.freeze, op.window, op.mf, op.nm, op.ud, op.vmexit]
    total = sum(answers, start=Value.cast(0))
    proof.always(total == op.valid)


def ignne_n_never_active_without_ferr(proof: Proof) -> None:
    """The chipset never drives IGNNE# low while FERR# is high (SDM1 figure D-1)."""
    pc = _pc(proof)
    proof.always(pc.chipset_ignne_n | ~pc.ferr_n)


def an_error_is_never_lost(proof: Proof) -> None:
    """An edge of FERR# gives IRQ 13, and IRQ 13 stays until F0h is written, RESET, or the circuit is off."""
    pc = _pc(proof)
    off = pc.reset | ~pc.ferr_enable | (pc.enable.write & ~pc.enable.value)
    fell = ~pc.ferr_n & proof.past(pc.ferr_n) & proof.past(pc.ferr_enable)
    latched = Signal()
    proof.m.d.sync += latched.eq(~off & fell & pc.ferr_enable)
    proof.after_first(~latched | pc.irq13)
    released = Signal()
    proof.m.d.sync += released.eq(_f0_write(pc.io) | off)
    proof.after_first(~proof.past(pc.irq13) | released | pc.irq13)


def a_faulting_msr_write_changes_nothing(proof: Proof) -> None:
    """What ends in #GP(0) leaves HWCR and IGNNE as they were (SDM2 WRMSR)."""
    pc = _pc(proof)
    state = Cat(pc.state.ignne_em, pc.state.allow_ferr_on_ne)
    unchanged = (state == proof.past(state)) & (
        (pc.state.ignne_msr == proof.past(pc.state.ignne_msr)) | _port_emulated(proof, pc)
    )
    accepted = Signal()
    proof.m.d.sync += accepted.eq(pc.msr.request.valid & pc.msr.request.ready & ~pc.reset)
    faulted = accepted & pc.msr.response.valid & pc.msr.response.payload.fault
    proof.after_first(~faulted | unchanged)
    # And without a write that is accepted nothing changes either.
    idle = Signal()
    proof.m.d.sync += idle.eq(~(pc.msr.request.valid & pc.msr.request.ready) & ~pc.reset)
    proof.after_first(~idle | unchanged)


def _port_emulated(proof: Proof, pc: Pc) -> Value:
    """The processor itself may have moved IGNNE[0]: F0h was written under FERR#, or FERR# has gone."""
    if not proof.parameters.port_emulation:
        return Const(0)
    served = pc.state.ignne_em & ~pc.ferr_n
    return proof.past(served & _f0_write(pc.io)) | (proof.past(served) & pc.ferr_n)


SET_ONLY = {HwcrLayout.MINIMAL: (), HwcrLayout.K8: (0,), HwcrLayout.ZEN: (0, 27)}
LOCKED = {HwcrLayout.MINIMAL: (), HwcrLayout.K8: (), HwcrLayout.ZEN: (13, 14)}
HWCR_RESET = {HwcrLayout.MINIMAL: 0, HwcrLayout.K8: 0x0200_0020, HwcrLayout.ZEN: 0x0100_0010}
NEVER_MOVES = {
    HwcrLayout.MINIMAL: ~0x180,
    HwcrLayout.K8: 0xFFFF_FFFF_3FF0_0020,
    HwcrLayout.ZEN: ~0xC_4E36_6789,
}


def hwcr_moves_by_its_rules_alone(proof: Proof) -> None:
    """Only a legal write and RESET move it: a set-only bit upwards, a locked one before SmmLock."""
    msr = proof.free(MsrFile(proof.parameters), "msr")
    layout, hwcr, request = proof.parameters.hwcr, msr.hwcr(), msr.msr.request
    before, reset = proof.past(hwcr), proof.past(msr.reset)
    taken = proof.past(request.valid & request.ready)
    wrote = taken & proof.past(request.payload.write & (request.payload.address == Msr.HWCR))
    legal = wrote & ~msr.msr.response.payload.fault
    proof.after_first(Mux(reset, hwcr == HWCR_RESET[layout], legal | (hwcr == before)))
    never = NEVER_MOVES[layout] & (1 << 64) - 1
    proof.always(hwcr & never == HWCR_RESET[layout] & never)
    for bit in SET_ONLY[layout]:
        proof.after_first(reset | ~before[bit] | hwcr[bit])
    for bit in LOCKED[layout]:
        proof.after_first(reset | ~before[0] | (hwcr[bit] == before[bit]))
    # What is read a cycle later is what was there.
    reads = taken & proof.past(~request.payload.write & (request.payload.address == Msr.HWCR)) & ~reset
    answer = msr.msr.response.payload
    proof.after_first(~(reads & ~answer.fault) | (answer.data == before))


def with_ignne_em_the_pin_has_no_influence(proof: Proof) -> None:
    """Two processors, all inputs the same but the pins. The pins differ only while IgnneEm is 1."""
    one = proof.free(Processor(proof.parameters), "one")
    other = Processor(proof.parameters)
    proof.m.submodules.other = other
    for (path, _, here), (_, _, there) in zip(inputs_of(one), inputs_of(other), strict=True):
        if path == ("ignne_n",):
            proof.ports.append(there)
        else:
            proof.m.d.comb += Value.cast(there).eq(Value.cast(here))
    # Differences that the synchronisers may still hold.
    differ = one.ignne_n != other.ignne_n
    history = [differ]
    for _ in range(proof.parameters.synchroniser_stages):
        history.append(proof.past(history[-1]))
    for stage in history[1:]:
        proof.assume(~(stage & ~one.state.ignne_em))
    proof.assume(~(history[-1] & ~other.state.ignne_em))
    for here, there in zip(_state(one), _state(other), strict=True):
        proof.always(here == there)
    proof.always(one._msr.hwcr() == other._msr.hwcr())
    pins = Signal(proof.parameters.synchroniser_stages)
    proof.m.d.comb += pins.eq(Cat(history[1:]))
    # Where no difference is left over both see the same pin.
    proof.always(pins.any() | (one.state.ignne == other.state.ignne))


def _state(processor: Processor) -> list[Value]:
    """Every output and register but those of the synchroniser."""
    outputs = [
        Value.cast(value)
        for path, member, value in processor.signature.flatten(processor)
        if member.flow is not In and path != ("state", "ignne")
    ]
    reporting = processor._reporting
    return [*outputs, reporting.immediate, reporting.window, processor.state.ignne & processor.state.ignne_em]


def _reach(condition: Callable[[Pc], Value]) -> Callable[[Proof], None]:
    def build(proof: Proof) -> None:
        proof.reached(condition(_pc(proof)))

    return build


def _covers() -> Iterator[Property]:
    def cover(name: str, condition: Callable[[Pc], Value], generations=ALL, depth: int = 12) -> Property:
        return Property(f"reach {name}", name, _reach(condition), generations, depth, is_cover=True)

    amd64, i486 = (Generation.AMD64,), (Generation.I486,)
    yield cover("freeze", lambda pc: pc.op.freeze)
    yield cover("#MF", lambda pc: pc.op.mf)
    yield cover("#NM", lambda pc: pc.op.nm)
    yield cover("#UD", lambda pc: pc.op.ud)
    yield cover("window", lambda pc: pc.op.window & (pc.op.code == Operation.FNSTSW), i486)
    yield cover("#VMEXIT", lambda pc: pc.op.vmexit, amd64)
    yield cover("IGNNE in effect from the pin", lambda pc: pc.state.ignne & ~pc.state.ignne_em)
    yield cover(
        "IGNNE in effect from the MSR", lambda pc: pc.state.ignne & pc.state.ignne_em & pc.ignne_n, amd64
    )
    yield cover("FERR# under NE = 1", lambda pc: ~pc.ferr_n & pc.cr0.ne & pc.state.es & pc.op.mf)
    yield cover("INTR", lambda pc: pc.intr, depth=14)
    for ferr in (0, 1):
        for ignne in (0, 1):
            for irq in (0, 1):
                if ferr and not ignne:
                    # Proved to be impossible.
                    continue

                def state(pc: Pc, ferr=ferr, ignne=ignne, irq=irq) -> Value:
                    return (pc.ferr_n == ferr) & (pc.chipset_ignne_n == ignne) & (pc.irq13 == irq)

                yield cover(f"FERR# {ferr}, IGNNE# {ignne}, IRQ 13 {irq}", state)


PROPERTIES: tuple[Property, ...] = (
    Property(
        "ferr-only-unmasked",
        "FERR# asserts only for an unmasked flag",
        ferr_only_for_an_unmasked_flag,
        ALL,
        2,
    ),
    Property(
        "es", "ES = 1 exactly when some flag is set that is not masked", es_is_any_unmasked_flag, ALL, 2
    ),
    Property(
        "waiting",
        "a waiting operation never executes while ES = 1, NE = 0 and IGNNE is not in effect",
        waiting_never_executes_unserved,
        ALL,
        2,
    ),
    Property(
        "non-waiting",
        "a non-waiting operation is never held beyond its window",
        non_waiting_is_never_held_beyond_its_window,
        ALL,
        2,
    ),
    Property("mf", "#MF never with NE = 0", mf_only_in_native_mode, ALL, 2),
    Property("one-answer", "every operation gets exactly one answer", one_answer_to_each_operation, ALL, 2),
    Property(
        "ignne-n",
        "IGNNE# is never active while FERR# is inactive",
        ignne_n_never_active_without_ferr,
        ALL,
        2,
    ),
    Property(
        "never-lost", "an edge of FERR# gives IRQ 13, which stays until F0h", an_error_is_never_lost, ALL, 3
    ),
    Property(
        "msr-fault", "a faulting MSR write changes nothing", a_faulting_msr_write_changes_nothing, ALL, 2
    ),
    Property(
        "hwcr",
        "HWCR moves by legal writes and RESET alone, a set-only bit upwards, a locked one before SmmLock",
        hwcr_moves_by_its_rules_alone,
        (Generation.AMD64,),
        2,
        layouts=tuple(HwcrLayout),
    ),
    Property(
        "ignne-em",
        "with IgnneEm = 1 the pin has no influence at all",
        with_ignne_em_the_pin_has_no_influence,
        (Generation.AMD64,),
        4,
    ),
    *PIC_PROPERTIES,
    *BUS_PROPERTIES,
    *_covers(),
)
"""Everything that is proved."""
