"""What is proved of the 8259A, and of the cascaded pair from FERR# to the vector.

Assumed of the pair: nothing comes between the two INTA pulses (LOCK#), and ICWs make a pair of it: ICW3 is
04h and 02h, neither chip is single, and a buffered one is what its pin says. Beyond that any word comes in
any order: edge and level, AEOI, rotation, special modes, masks, polls, spurious pulses, new initialisations.

The datasheet itself allows two ways to lose a request of the slave. `_Pair.dropped` and `_Pair.unserved` tell
them, and a cover shows each.
"""

from collections.abc import Callable

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from ..model.registers import CASCADE_IRQ, Generation
from .pc import Pc
from .pic import Expect, Icw1, Icw4, Pic
from .proof import Proof, Property

ON = (Generation.AMD64,)
"""Where it is proved: no generation has an 8259A of its own."""
TO_INTR = 2
"""Cycles in which a request of the slave reaches INTR at the latest, if nothing comes in between."""
FERR_TO_INTR = 3
"""Cycles from the fall of FERR#."""


def never_acknowledges_a_masked_request(proof: Proof) -> None:
    """What goes in service was not masked when it was found: at the INTA pulse or the poll command."""
    pic = proof.free(Pic(), "pic")
    at_pulse, at_poll = Signal(8), Signal(8)
    with proof.m.If(pic._first):
        proof.m.d.sync += at_pulse.eq(~pic.imr)
    with proof.m.If(pic._words.ocw3 & pic.write_data[2]):
        proof.m.d.sync += at_poll.eq(~pic.imr)
    proof.always((pic._resolved & ~at_pulse) == 0)
    proof.always((pic._poll_level & ~at_poll) == 0)
    taken = pic.isr & ~proof.past(pic.isr)
    proof.after_first((taken & ~proof.past(at_pulse | at_poll)) == 0)


def in_service_bits_never_out_of_priority_order(proof: Proof) -> None:
    """A level that is taken has priority over all that are in service, outside of the special modes.

    Assumed: nothing comes between the two pulses (LOCK#), nor between a poll command and its read.
    """
    pic = proof.free(Pic(), "pic")
    proof.assume(~(pic._second & (pic.write | pic.read)))
    proof.assume(~(pic._poll & (pic.inta | pic.write)))
    plain = ~pic._special_mask_mode & ~pic._special_fully_nested_mode
    found_plain, kept = Signal(), Signal()
    poll = pic._words.ocw3 & pic.write_data[2]
    with proof.m.If(pic._first | poll):
        proof.m.d.sync += found_plain.eq(plain)
    proof.m.d.sync += kept.eq(plain & found_plain)
    before = proof.past(pic.isr)
    taken = pic.isr & ~before
    proof.always(pic._special_mask == (pic.imr & pic._special_mask_mode.replicate(8)))
    # What was found outranks what is in service until it is taken itself: this carries the induction.
    for waits, found in ((pic._after_first, pic._resolved), (pic._poll, pic._poll_level)):
        outranks = _above(found, pic.isr, pic._lowest_priority)
        proof.always(~(waits & plain & found_plain) | outranks)
        proof.always((found & (found - 1)[:8]) == 0)
    proof.always(~(pic._poll & pic._second) & (~pic._after_first | pic._second))
    proof.after_first(~kept | _above(taken, before, proof.past(pic._lowest_priority)))
    proof.after_first((taken & (taken - 1)[:8]) == 0)


def _above(levels: Value, others: Value, upper: Value) -> Value:
    """Every one of the levels has priority over every one of the others."""
    return Cat(
        ~(levels[level] & others[other]) | _outranks(level, other, upper)
        for level in range(8)
        for other in range(8)
        if level != other
    ).all()


def _outranks(level: int, other: int, upper: Value) -> Value:
    """By the rotation: `upper` are the levels above that of the lowest priority, which come first."""
    return (upper[level] & ~upper[other]) | ((upper[level] == upper[other]) & (level < other))


def int_stays_to_the_end_and_then_rests(proof: Proof) -> None:
    """Who answers keeps INT as it was in the first pulse up to the last, and low for a cycle after it; so it
    is after the read that answers a poll."""
    pic = proof.free(Pic(), "pic")
    proof.assume(~(pic._second & (pic.write | pic.read)))
    at_first = Signal()
    with proof.m.If(pic._first):
        proof.m.d.sync += at_first.eq(pic.int_)
    proof.always(~pic._second | (pic.int_ == at_first))
    proof.always(pic._int_held <= pic._second)
    begun = pic._resolved.any() & ~pic._quiet & ~pic._int_held
    proof.always(~pic._after_first | (pic._second & (begun == at_first)))
    under_way = pic._second & ~pic._after_first
    proof.always(~under_way | (pic._quiet & (pic._int_held == at_first)))
    ended = Signal()
    proof.m.d.sync += ended.eq((pic._last & pic._answers) | (pic.read & pic._poll & ~pic.inta))
    proof.assume(~(pic.read & pic.write))
    proof.always(~ended | ~pic.int_)


def requests_are_held_through_a_sequence(proof: Proof) -> None:
    """IRR is up to the last pulse what it was in the first one, but for the level that goes in service; and
    after it a line that is high and was low in between is a request."""
    pic = proof.free(Pic(), "pic")
    proof.assume(~(pic._second & (pic.write | pic.read)))
    at_first, fell = Signal(8), Signal(8)
    with proof.m.If(pic._first):
        proof.m.d.sync += [at_first.eq(pic.irr), fell.eq(~pic.ir)]
    with proof.m.Elif(pic._second):
        proof.m.d.sync += fell.eq(fell | ~pic.ir)
    changed = pic.irr ^ at_first
    proof.always(~(pic._second & pic._after_first) | (changed == 0))
    proof.always(~pic._second | ((changed & ~(pic._resolved & pic.isr)) == 0))
    proof.always(~pic._second | ((fell & ~pic._armed & pic._sampled) == 0))
    proof.always(~pic._after_first | (pic._second & (fell == ~pic._sampled)))
    last, line, fallen = proof.past(pic._last & ~pic.reset), proof.past(pic.ir), proof.past(fell)
    # A line that is low up to the last pulse, and high in it, rises there.
    proof.after_first(~last | ((line & fallen & ~pic.irr) == 0))


def poll_and_inta_are_apart(proof: Proof) -> None:
    """The read reports the level of the poll command. If this chip has answered an INTA sequence since then
    it gives 00h and sets nothing; a sequence that it does not answer changes nothing."""
    pic = proof.free(Pic(), "pic")
    proof.assume(~(pic._second & (pic.write | pic.read)) & ~(pic.read & pic.write))
    expected = Signal(8)
    with proof.m.If(pic._words.ocw3 & pic.write_data[2]):
        proof.m.d.sync += expected.eq(pic._granted)
    with proof.m.Elif(pic._after_first & pic._answers):
        proof.m.d.sync += expected.eq(0)
    with proof.m.If(pic.reset):
        proof.m.d.sync += expected.eq(0)
    proof.always(pic._poll_level == expected)
    reads = pic.read & pic._poll & ~pic.inta
    proof.always(~reads | (pic.read_data[7] == expected.any()))
    silent = proof.past(reads & (expected == 0) & ~pic._after_first)
    proof.after_first(~silent | ((pic.isr & ~proof.past(pic.isr)) == 0))


class _Pair:
    """The cascaded pair in a PC of which every input is free.

    Parameters
    ----------
    invariants: assert what holds in every state, which carries the induction.

    Attributes
    ----------
    pc, master, slave: the design.
    set_up: both chips have been initialised since RESET.
    dropped: ICW1 came to the master while INT of the slave was high, and since then it has neither been low
        nor has the slave been polled.
    unserved: the same of a poll of the master that reported the slave.
    """

    def __init__(self, proof: Proof, invariants: bool = True) -> None:
        self._m: Module = proof.m
        self.pc = pc = proof.free(Pc(proof.parameters), "pc")
        self.master, self.slave = master, slave = pc._master, pc._slave
        self.set_up = self._flag("set_up")
        self.dropped, self.unserved, unknown = (
            self._flag(name) for name in ("dropped", "unserved", "unknown")
        )
        self.access = pc.io.read | pc.io.write
        self._done = done = []
        for pic, icw3 in ((master, 1 << CASCADE_IRQ), (slave, CASCADE_IRQ)):
            self._assume_words(proof, pic, icw3)
            done.append(self._flag("done"))
            with self._m.If(pic._words.icw3 & ~pic.reset):
                self._m.d.sync += done[-1].eq(1)
            with self._m.If(pic.reset):
                self._m.d.sync += done[-1].eq(0)
        proof.assume(~(master._second & self.access) & ~(pc.io.read & pc.io.write))
        self._m.d.comb += self.set_up.eq(Cat(done).all())
        high = slave.int_ & ~slave._polled & ~pc.reset
        polled = master._polled & master._poll_level[CASCADE_IRQ]
        self._m.d.sync += [
            self.dropped.eq(high & (self.dropped | master._words.icw1)),
            self.unserved.eq(high & (self.unserved | polled)),
            unknown.eq(high & (unknown | ~self.set_up)),
        ]
        self.lost = self.dropped | self.unserved | unknown
        if invariants:
            self._assert_invariants(proof)

    def _flag(self, name: str) -> Signal:
        return Signal(name=name)

    @staticmethod
    def _assume_words(proof: Proof, pic: Pic, icw3: int) -> None:
        icw1, icw4 = Icw1(pic.write_data), Icw4(pic.write_data)
        proof.assume(~pic._words.icw1 | ~icw1.sngl)
        proof.assume(~pic._words.icw3 | (pic.write_data == icw3))
        proof.assume(~pic._words.icw4 | ~icw4.buf | (icw4.master == pic.sp))

    def _assert_invariants(self, proof: Proof) -> None:
        master, slave = self.master, self.slave
        chips = ((master, 1 << CASCADE_IRQ), (slave, CASCADE_IRQ))
        for (pic, icw3), done in zip(chips, self._done, strict=True):
            proof.always(~pic._icw1.sngl & (~pic._buffered_mode | (pic._buffered_master == pic.sp)))
            proof.always((pic._resolved & (pic._resolved - 1)[:8]) == 0)
            proof.always(pic._special_mask == (pic.imr & pic._special_mask_mode.replicate(8)))
            proof.always((pic._expect == Expect.OCW1) | Value.cast(pic._expect)[2])
            comes = (pic._expect == Expect.ICW2) | (pic._expect == Expect.ICW3)
            proof.always(~done | comes | (pic._icw3 == icw3))
            proof.always((pic._int_held <= pic._second) & (~pic._int_held | pic._quiet))
        proof.always(master._second == slave._second)
        proof.always(master._after_first == slave._after_first)
        proof.always(~master._after_first | master._second)
        proof.always(~(self.set_up & self.calls) | (master.cas_out == CASCADE_IRQ))
        # A slave that asks and is not lost has armed the master's edge detector, if it is not being served.
        asks = slave.int_ & self.set_up & ~self.lost & ~(self.calls & ~master._after_first)
        proof.always(~asks | master._armed[CASCADE_IRQ] | ~master._sampled[CASCADE_IRQ])

    @property
    def calls(self) -> Value:
        """An INTA sequence is under way in which the master calls the slave."""
        return self.master._second & self.master._resolved[CASCADE_IRQ]

    @property
    def quiet(self) -> Value:
        """No access, no INTA pulse, no RESET, and no sequence under way."""
        return ~self.access & ~self.pc.inta & ~self.pc.reset & ~self.master._second

    @property
    def connected(self) -> Value:
        """The master would pass on IR2."""
        return self.set_up & ~self.lost & _open(self.master, CASCADE_IRQ)


def _open(pic: Pic, level: int) -> Value:
    """A request of this level would be acknowledged if it were the highest one: it is not masked, nothing in
    service holds it back, and the chip is initialised."""
    in_service = pic.isr & ~(pic.imr & pic._special_mask_mode.replicate(8))
    again = pic._special_fully_nested_mode & pic._icw3[level]
    held = [
        in_service[other] & (~again if other == level else _outranks(other, level, pic._lowest_priority))
        for other in range(8)
    ]
    return ~pic.imr[level] & ~Cat(held).any() & (pic._expect == Expect.OCW1)


def a_request_of_the_slave_reaches_intr(proof: Proof) -> None:
    """What the slave passes on is a request of the master, and so INTR, if nothing holds it back."""
    pair = _Pair(proof)
    asks = Cat(pair.slave.irr[level] & _open(pair.slave, level) for level in range(8)).any()
    intr = _within(proof, pair.quiet & pair.connected & asks, TO_INTR)
    proof.always(~intr | pair.pc.intr)


def an_error_reaches_intr(proof: Proof) -> None:
    """From the fall of FERR#, with IRQ 13 at rest and nothing else on its line; a cycle sooner if the line is
    one of the master's."""
    pair = _Pair(proof)
    pc, irq = pair.pc, proof.parameters.fpu_irq
    to_intr, line = FERR_TO_INTR - (irq < 8), irq % 8
    pic, connected = (pair.master, pair.set_up) if irq < 8 else (pair.slave, pair.connected)
    fell = ~pc.ferr_n & proof.past(pc.ferr_n) & proof.past(pc.ferr_enable)
    waits = pair.quiet & connected & _open(pic, line) & ~pc.irq[irq]
    waits &= pc.ferr_enable & ~pc.enable.write
    started = proof.past(Value.cast(1))
    cycles = Signal(range(to_intr + 2))
    begins = fell & started & ~pc.irq13 & (cycles == 0)
    with proof.m.If(~waits):
        proof.m.d.sync += cycles.eq(0)
    with proof.m.Elif(begins | (cycles != 0)):
        proof.m.d.sync += cycles.eq(Mux(cycles == to_intr, 0, cycles + 1))
    # These carry the induction: how far the error has come in each cycle.
    proof.always((cycles <= to_intr) & ((cycles == 0) | ~pc.ferr_n | pc.irq13))
    proof.always((cycles == 0) | pc.irq13)
    request = pic._sampled[line] & pic.irr[line]
    proof.always((cycles != 1) | ~pic._sampled[line])
    proof.always((cycles < 2) | (request & ~pair.slave._quiet & ~pair.master._quiet))
    proof.always((cycles < 2) | ~waits | pic.int_)
    proof.always((cycles < to_intr) | ~waits | pc.intr)


def the_vector_is_that_of_the_request(proof: Proof) -> None:
    """Of what the master and its slave have found in the first pulse; IR5 of the slave gives 75h if ICW2 was
    70h."""
    pair = _Pair(proof)
    master, slave = pair.master, pair.slave
    asked = Signal(8)
    with proof.m.If(master._first):
        called = master._granted[CASCADE_IRQ] & pair.set_up & (slave._expect == Expect.OCW1)
        proof.m.d.sync += asked.eq(Mux(called & ~pair.pc.reset, slave._granted, 0))
    with proof.m.If(pair.pc.reset):
        proof.m.d.sync += asked.eq(0)
    under_way = master._second & asked.any()
    proof.always(~under_way | (pair.set_up & pair.calls & (slave._resolved == asked)))
    proof.always(~under_way | ((slave._expect == Expect.OCW1) & (master._expect == Expect.OCW1)))
    for level in range(8):
        given = master._last & asked[level]
        proof.always(~given | (pair.pc.vector == Cat(Const(level, 3), slave._base)))
    taken = proof.past(asked & (slave._after_first & ~pair.pc.reset & ~slave._last).replicate(8))
    proof.after_first((taken & ~slave.isr) == 0)


def _within(proof: Proof, condition: Value, cycles: int) -> Value:
    """It holds in this cycle, and did so in as many before it."""
    held = Signal(range(cycles + 1))
    proof.m.d.sync += held.eq(Mux(condition, Mux(held == cycles, cycles, held + 1), 0))
    proof.always(held <= cycles)
    return condition & (held == cycles)


def _loses(flag: Callable[[_Pair], Value]) -> Callable[[Proof], None]:
    def build(proof: Proof) -> None:
        pair = _Pair(proof, invariants=False)
        asks = Cat(pair.slave.irr[level] & _open(pair.slave, level) for level in range(8)).any()
        waits = pair.quiet & pair.set_up & _open(pair.master, CASCADE_IRQ) & asks & flag(pair)
        proof.reached(_within(proof, waits, 2 * TO_INTR) & ~pair.pc.intr)

    return build


PIC_PROPERTIES: tuple[Property, ...] = (
    Property(
        "8259a-mask",
        "the 8259A never acknowledges a masked request",
        never_acknowledges_a_masked_request,
        ON,
        2,
    ),
    Property(
        "8259a-order",
        "the 8259A never has two in-service bits out of priority order",
        in_service_bits_never_out_of_priority_order,
        ON,
        2,
    ),
    Property(
        "8259a-int",
        "INT of an 8259A that answers stays as it was up to the last INTA pulse, and is low after it",
        int_stays_to_the_end_and_then_rests,
        ON,
        2,
    ),
    Property(
        "8259a-hold",
        "requests are held through an INTA sequence, and edges in it count after it",
        requests_are_held_through_a_sequence,
        ON,
        3,
    ),
    Property("8259a-poll", "a poll and an INTA sequence are apart", poll_and_inta_are_apart, ON, 2),
    Property(
        "cascade",
        f"a request of the slave that nothing holds back reaches INTR in {TO_INTR} cycles",
        a_request_of_the_slave_reaches_intr,
        ON,
        4,
    ),
    Property(
        "ferr-to-intr",
        f"an error reaches INTR {FERR_TO_INTR} cycles after FERR#",
        an_error_reaches_intr,
        ON,
        4,
    ),
    Property(
        "inta-vector",
        "the INTA pulses give the vector of the slave's request, which goes in service",
        the_vector_is_that_of_the_request,
        ON,
        2,
    ),
    Property(
        "lose by ICW1",
        "lost: ICW1 came to the master while INT of the slave was high",
        _loses(lambda pair: pair.dropped & ~pair.unserved),
        ON,
        20,
        is_cover=True,
    ),
    Property(
        "lose by poll",
        "lost: the master was polled and ended without its slave",
        _loses(lambda pair: pair.unserved & ~pair.dropped),
        ON,
        20,
        is_cover=True,
    ),
)
