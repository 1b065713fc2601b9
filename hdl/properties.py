"""What is proved of the design, for all inputs and for all time: assertions around each block.

Each property builds its block with free inputs, and asserts in every cycle. `irq13 prove` proves them by
k-induction and shows that every covered state can be reached.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from amaranth.hdl import Assert, Assume, Cat, ClockDomain, Elaboratable, Module, Mux, Signal, Value
from amaranth.lib.wiring import In

from ..model.registers import PORT_F0, Generation, Operation, Parameters
from .pc import Pc
from .pic import Pic
from .processor import Processor
from .reporting import WAITING

ALL = tuple(Generation)


class Property(NamedTuple):
    """Something that holds always, or that can be reached."""

    name: str
    says: str
    build: Callable[["Proof"], None]
    generations: tuple[Generation, ...]
    depth: int
    """Steps of the induction, or cycles within which a state has to be reached."""
    is_cover: bool = False


class Proof(Elaboratable):
    """A property around a block.

    Attributes
    ----------
    m: the module to add to.
    parameters: of the block.
    ports: what is free.
    """

    def __init__(self, prop: Property, parameters: Parameters) -> None:
        self.m = Module()
        self.parameters = parameters
        self.clock = ClockDomain("sync", reset_less=True)
        self.m.domains.sync = self.clock
        self.ports = [self.clock.clk]
        self._started = Signal()
        self.m.d.sync += self._started.eq(1)
        prop.build(self)

    def elaborate(self, platform):
        return self.m

    def free(self, component, name: str):
        """A block of which every input is free."""
        self.m.submodules[name] = component
        self.ports += [Value.cast(value) for _, member, value in _inputs(component)]
        return component

    def past(self, value):
        """What it was in the cycle before; its initial value is not looked at."""
        value = Value.cast(value)
        kept = Signal(len(value))
        self.m.d.sync += kept.eq(value)
        return kept

    def always(self, condition) -> None:
        """In every cycle."""
        self.m.d.comb += Assert(condition)

    def after_first(self, condition) -> None:
        """In every cycle that has one before it."""
        self.m.d.comb += Assert(~self._started | condition)

    def assume(self, condition) -> None:
        """Nothing else is looked at."""
        self.m.d.comb += Assume(condition)

    def reached(self, condition) -> None:
        """A state that has to be reachable: its denial has to fail."""
        self.m.d.comb += Assert(~condition)


def _inputs(component) -> Iterator:
    """The free members of a component's signature."""
    return (entry for entry in component.signature.flatten(component) if entry[1].flow is In)


def _pc(proof: Proof) -> Pc:
    return proof.free(Pc(proof.parameters), "pc")


def _waits(op) -> Value:
    """It checks for a pending exception, and is neither unavailable nor undefined."""
    return op.valid & op.code.matches(*WAITING) & ~op.nm & ~op.ud


def _f0_write(io) -> Value:
    return io.write & (io.address == PORT_F0)


def ferr_only_for_an_unmasked_flag(proof: Proof) -> None:
    pc = _pc(proof)
    fell = ~pc.ferr_n & proof.past(pc.ferr_n)
    proof.after_first(~fell | (proof.past(pc.flags)[:6] & ~proof.past(pc.masks)).any())


def es_is_any_unmasked_flag(proof: Proof) -> None:
    pc = _pc(proof)
    proof.always(pc.es == (Value.cast(pc.flags)[:6] & ~Value.cast(pc.masks)).any())


def waiting_never_executes_unserved(proof: Proof) -> None:
    pc = _pc(proof)
    stuck = _waits(pc.op) & pc.es & ~pc.cr0.ne & ~pc.ignne
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


def mf_only_in_native_mode(proof: Proof) -> None:
    pc = _pc(proof)
    proof.always(~(pc.op.mf & ~pc.cr0.ne))


def one_answer_to_each_operation(proof: Proof) -> None:
    op = _pc(proof).op
    answers = [op.ready, op.freeze, op.window, op.mf, op.nm, op.ud, op.vmexit]
    total = sum(answers, start=Value.cast(0))
    proof.always(total == op.valid)


def ignne_n_never_active_without_ferr(proof: Proof) -> None:
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
    pc = _pc(proof)
    state = Cat(pc.ignne_em, pc.allow_ferr_on_ne, pc.ignne_msr)
    accepted = Signal()
    proof.m.d.sync += accepted.eq(pc.msr.request.valid & pc.msr.request.ready & ~pc.reset)
    faulted = accepted & pc.msr.response.valid & pc.msr.response.payload.fault
    proof.after_first(~faulted | (state == proof.past(state)))
    # And without a write that is accepted nothing changes either.
    idle = Signal()
    proof.m.d.sync += idle.eq(~(pc.msr.request.valid & pc.msr.request.ready) & ~pc.reset)
    proof.after_first(~idle | (state == proof.past(state)))


def with_ignne_em_the_pin_has_no_influence(proof: Proof) -> None:
    """Two processors, all inputs the same but the pins. The pins differ only while IgnneEm is 1."""
    one = proof.free(Processor(proof.parameters), "one")
    other = Processor(proof.parameters)
    proof.m.submodules.other = other
    for (path, _, here), (_, _, there) in zip(_inputs(one), _inputs(other), strict=True):
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
        proof.assume(~(stage & ~one.ignne_em))
    proof.assume(~(history[-1] & ~other.ignne_em))
    for here, there in zip(_state(one), _state(other), strict=True):
        proof.always(here == there)
    pins = Signal(proof.parameters.synchroniser_stages)
    proof.m.d.comb += pins.eq(Cat(history[1:]))
    # Where no difference is left over both see the same pin.
    proof.always(pins.any() | (one.ignne == other.ignne))


def _state(processor: Processor) -> list[Value]:
    """Every output and register but those of the synchroniser."""
    outputs = [
        Value.cast(value)
        for path, member, value in processor.signature.flatten(processor)
        if member.flow is not In and path[:1] != ("ignne",)
    ]
    reporting = processor._reporting
    return [*outputs, reporting._kind, reporting._age, processor.ignne & processor.ignne_em]


def the_8259a_never_acknowledges_a_masked_request(proof: Proof) -> None:
    """What goes in service was not masked when it was found: at the INTA pulse or the poll command."""
    pic = proof.free(Pic(), "pic")
    unmasked = Signal(8)
    with proof.m.If(pic._freezes):
        proof.m.d.sync += unmasked.eq(~pic.imr)
    proof.always((pic._frozen & ~unmasked) == 0)
    taken = pic.isr & ~proof.past(pic.isr)
    proof.after_first((taken & ~proof.past(unmasked)) == 0)


def in_service_bits_never_out_of_priority_order(proof: Proof) -> None:
    """A level that is taken has priority over all that are in service, outside of the special modes.

    Assumed: nothing comes between the two pulses (LOCK#), nor between a poll command and its read.
    """
    pic = proof.free(Pic(), "pic")
    access = pic.write | pic.read
    proof.m.d.comb += [
        Assume(~(pic._second & access)),
        Assume(~(pic._poll & (pic.inta | pic.write))),
    ]
    plain = ~pic._smm & ~pic._nests
    found_plain, kept = Signal(), Signal()
    with proof.m.If(pic._freezes):
        proof.m.d.sync += found_plain.eq(plain)
    proof.m.d.sync += kept.eq(plain & found_plain)
    waits = pic._after_first | pic._poll
    before, upper = proof.past(pic.isr), proof.past(pic._upper)
    taken = pic.isr & ~before

    def above(levels: Value, others: Value, upper: Value) -> Value:
        """Every one of the levels has priority over every one of the others."""
        return Cat(
            ~(levels[level] & others[other])
            | (upper[level] & ~upper[other])
            | ((upper[level] == upper[other]) & (level < other))
            for level in range(8)
            for other in range(8)
            if level != other
        ).all()

    proof.always(pic._aside == (pic.imr & pic._smm.replicate(8)))
    # What was found outranks what is in service until it is taken itself: this carries the induction.
    proof.always(~(waits & plain & found_plain) | above(pic._frozen, pic.isr, pic._upper))
    proof.always((pic._frozen & (pic._frozen - 1)[:8]) == 0)
    proof.always(~(pic._poll & pic._second) & (~pic._after_first | pic._second))
    proof.after_first(~kept | above(taken, before, upper))
    proof.after_first((taken & (taken - 1)[:8]) == 0)


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
    yield cover("IGNNE in effect from the pin", lambda pc: pc.ignne & ~pc.ignne_em)
    yield cover("IGNNE in effect from the MSR", lambda pc: pc.ignne & pc.ignne_em & pc.ignne_n, amd64)
    yield cover("FERR# under NE = 1", lambda pc: ~pc.ferr_n & pc.cr0.ne & pc.es & pc.op.mf)
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
        8,
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
        "ignne-em",
        "with IgnneEm = 1 the pin has no influence at all",
        with_ignne_em_the_pin_has_no_influence,
        (Generation.AMD64,),
        4,
    ),
    Property(
        "8259a-mask",
        "the 8259A never acknowledges a masked request",
        the_8259a_never_acknowledges_a_masked_request,
        (Generation.AMD64,),
        2,
    ),
    Property(
        "8259a-order",
        "the 8259A never has two in-service bits out of priority order",
        in_service_bits_never_out_of_priority_order,
        (Generation.AMD64,),
        2,
    ),
    *_covers(),
)
"""Everything that is proved."""
