"""The 8259A interrupt controller in 8086 mode (Intel 8259A datasheet, order number 231468)."""

from amaranth.hdl import Cat, Const, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, enum

from .component import Component, Input, Output
from .priority import above, any_before, any_in_pairs, number_of


class Expect(enum.Enum, shape=3):
    """What the next write to the odd port is; bit 2 during an initialisation."""

    OCW1 = 0
    ICW2 = 5
    ICW3 = 6
    ICW4 = 7


class Icw1(data.Struct):
    """Initialization command word 1, from bit 0 up."""

    ic4: 1
    sngl: 1
    adi: 1
    ltim: 1
    one: 1
    address: 3


class Icw4(data.Struct):
    """Initialization command word 4, from bit 0 up."""

    upm: 1
    aeoi: 1
    master: 1
    buf: 1
    sfnm: 1
    zero: 3


class Ocw2(data.Struct):
    """Operation control word 2, from bit 0 up."""

    level: 3
    zero: 2
    eoi: 1
    sl: 1
    r: 1


class Ocw3(data.Struct):
    """Operation control word 3, from bit 0 up."""

    ris: 1
    rr: 1
    p: 1
    one: 1
    zero: 1
    smm: 1
    esmm: 1
    zero7: 1


class Words(data.Struct):
    """Which word is written: at most one."""

    icw1: 1
    icw2: 1
    icw3: 1
    icw4: 1
    ocw1: 1
    ocw2: 1
    ocw3: 1


class Pic(Component):
    """One 8259A. IR inputs are sampled once a cycle; what follows from them is combinational.

    The first INTA pulse resolves the level that it acknowledges, and requests are held up to the last one.
    In the cycle after it CAS calls a slave, and whoever answers takes the level in service (choice: the
    datasheet has CAS from the trailing edge of the first pulse on, so a slave cannot know earlier, and the
    master goes with it). Whoever answers keeps INT as it was up to the last pulse, and low in the cycle after
    it: what a slave asks for next is an edge to its master. The poll command holds only the level that its
    read will report (choice: FREEZE taken literally would silence INT until somebody reads).
    """

    PORTS = {
        "reset": Input(
            1, "gives the state at power-up, with every level masked (choice: the chip has no RESET)"
        ),
        "sp": Input(1, "level of SP/EN#: 1 makes it a master, 0 a slave, unless ICW4 selects buffered mode"),
        "ir": Input(8, "IR7-IR0"),
        "a0": Input(1, "1 for the odd port"),
        "write": Input(1, "an OUT takes place in this cycle; not together with read"),
        "read": Input(1, "an IN takes place in this cycle"),
        "write_data": Input(8, "the byte of an OUT"),
        "read_data": Output(8, "the byte of an IN, in the same cycle"),
        "inta": Input(1, "one INTA pulse; it goes before an access in the same cycle (choice)"),
        "int_": Output(1, "INT"),
        "vector": Output(8, "the answer to the second INTA pulse"),
        "vector_valid": Output(1, "it answers in this cycle"),
        "cas": Input(3, "CAS2-CAS0 for a slave"),
        "cas_out": Output(3, "CAS2-CAS0 as a master drives them"),
        "irr": Output(8, "interrupt request register"),
        "isr": Output(8, "in-service register"),
        "imr": Output(8, "interrupt mask register", init=0xFF),
    }

    def __init__(self):
        super().__init__()
        self._expect = Signal(Expect)
        self._icw1 = Signal(Icw1)
        self._icw3 = Signal(8, init=7)
        # The lines as they were in the cycle before; those that were low since their last acknowledge, or
        # all if levels trigger.
        self._sampled = Signal(8)
        self._armed = Signal(8)
        # What ICW4 selects. Special fully nested mode only where it counts, in a master with slaves.
        self._auto_eoi = Signal()
        self._buffered_mode = Signal()
        self._buffered_master = Signal()
        self._special_fully_nested_mode = Signal()
        self._base = Signal(5)
        # The level of the lowest priority, as those with a higher number: they come before level 0.
        self._lowest_priority = Signal(8)
        self._special_mask_mode = Signal()
        # The levels that special mask mode ignores: masked ones. A register, for the path.
        self._special_mask = Signal(8)
        self._read_isr = Signal()
        self._poll = Signal()
        self._rotate_on_auto_eoi = Signal()
        # The word that is written, if any.
        self._words = Signal(Words)
        # It answers with a level of its own; it may call a slave; it is called; it answers at all.
        self._leads = Signal()
        self._cascades = Signal()
        self._called = Signal()
        self._answers = Signal()
        # In service and not ignored for being masked in special mask mode.
        self._busy = Signal(8)
        self._below_busy = Signal(8)
        # The level that would be acknowledged now, at most one, and whether there is one.
        self._granted = Signal(8)
        self._found = Signal()
        # What the last first INTA pulse resolved, and what the next poll will report: each at most one level.
        self._resolved = Signal(8)
        self._poll_level = Signal(8)
        # The one of them that is being answered.
        self._answer = Signal(8)
        # How far an INTA sequence is.
        self._first = Signal()
        self._after_first = Signal()
        self._second = Signal()
        self._last = Signal()
        self._acknowledged = Signal()
        self._polled = Signal()
        # That level goes in service, or is ended by AEOI.
        self._takes = Signal()
        self._ends = Signal()
        # INT does not show requests, but what it was in the first pulse. It is quiet from the second cycle of
        # a sequence on, and in the cycle after its last pulse or after the read that answers a poll.
        self._quiet = Signal()
        self._int_held = Signal()

    def elaborate(self, platform):
        m = Module()
        self._elaborate_accesses(m)
        self._elaborate_requests(m)
        self._elaborate_priority(m)
        self._elaborate_inta(m)
        self._elaborate_in_service(m)
        self._elaborate_rotation(m)
        self._elaborate_words(m)
        return ResetInserter(self.reset)(m)

    def _elaborate_accesses(self, m):
        written, words = self.write_data, self._words
        even, odd = ~self.a0, self.a0
        poll = words.ocw3 & Ocw3(written).p
        plain = Mux(self.a0, self.imr, Mux(self._read_isr, self.isr, self.irr))
        report = Cat(number_of(self._poll_level), Const(0, 4), self._poll_level.any())
        write = self.write & ~self.inta
        m.d.comb += [
            words.icw1.eq(write & (even & written[4])),
            words.icw2.eq(write & (odd & (self._expect == Expect.ICW2))),
            words.icw3.eq(write & (odd & (self._expect == Expect.ICW3))),
            words.icw4.eq(write & (odd & (self._expect == Expect.ICW4))),
            words.ocw1.eq(write & (odd & (self._expect == Expect.OCW1))),
            words.ocw2.eq(write & (even & ~written[4] & ~written[3])),
            words.ocw3.eq(write & (even & ~written[4] & written[3])),
            # A read after the poll command is an acknowledge (choice: not within an INTA sequence).
            self._polled.eq(self.read & self._poll & ~self.inta & ~self._second),
            self.read_data.eq(Mux(self._poll, report, plain)),
        ]
        m.d.sync += self._poll.eq(poll | (self._poll & ~self._polled & ~words.icw1))
        with m.If(poll):
            m.d.sync += self._poll_level.eq(self._granted)
        with m.Elif(self._acknowledged):
            # An INTA sequence ends the poll: its read reports nothing.
            m.d.sync += self._poll_level.eq(0)

    def _elaborate_requests(self, m):
        """Edge mode: a line counts once, from a low level before it to the acknowledge.

        Through an INTA sequence the requests are held; what the lines do meanwhile arms them beneath.
        """
        sampled, armed = self._sampled, self._armed
        level = self._icw1.ltim.replicate(8)
        arms = Signal(8)
        taken = self._answer & self._takes.replicate(8)
        m.d.comb += arms.eq(~sampled | level | (armed & ~taken))
        m.d.sync += [
            sampled.eq(self.ir),
            armed.eq(arms),
            self.irr.eq(Mux(self._second ^ self.inta, self.irr, self.ir) & arms),
        ]
        with m.If(self._words.icw1):
            m.d.sync += [armed.eq(Icw1(self.write_data).ltim.replicate(8)), self.irr.eq(0)]

    def _elaborate_priority(self, m):
        """The one request that has priority over all other requests and all that is in service."""
        initialising = Value.cast(self._expect)[2]
        asked, candidates = Signal(8), Signal(8)
        upper, lower, busy_upper = (Signal(8) for _ in range(3))
        # In special fully nested mode a slave's input is not held back by itself, only by those above.
        free = ~self._busy | (self._icw3 & self._special_fully_nested_mode.replicate(8))
        # A request that is itself held back is so by something in service, which holds back this one too.
        below = self._below(m, asked | self._busy)
        m.d.comb += [
            self._busy.eq(self.isr & ~self._special_mask),
            asked.eq(self.irr & ~self.imr),
            candidates.eq(asked & ~initialising.replicate(8) & free),
            self._granted.eq(candidates & ~below),
            self._below_busy.eq(self._below(m, self._busy)),
            # Any of the requests above what is in service, so without a look at which is the first.
            upper.eq(candidates & self._lowest_priority),
            lower.eq(candidates & ~self._lowest_priority),
            busy_upper.eq(self._busy & self._lowest_priority),
            self._found.eq(
                any_before(upper, busy_upper, 0) | any_before(lower, self._busy, busy_upper.any())
            ),
            self.int_.eq(self._int_held | (self._found & ~self._quiet)),
        ]
        with m.If(self._first):
            m.d.sync += self._resolved.eq(self._granted)
        # Without a request it goes on as with IR7. Apart, and gated behind the registers, for the path.
        number, nobody, calls = Signal(3), Signal(), Signal()
        with m.If(self._first):
            m.d.sync += [
                number.eq(number_of(self._granted & self._icw3)),
                nobody.eq(self._icw3[7] & ~self._found),
            ]
        with m.If(self.inta | self._words.icw1):
            m.d.sync += calls.eq(self._cascades & self._first)
        m.d.comb += self.cas_out.eq((number | nobody.replicate(3)) & calls.replicate(3))

    def _below(self, m, levels):
        """The levels that stand below any of these."""
        every, upper, below = (Signal(8) for _ in range(3))
        m.d.comb += [every.eq(levels), upper.eq(every & self._lowest_priority)]
        for level in range(8):
            before = any_in_pairs(upper, range(level))
            wrapped = any_in_pairs(every, range(level)) + any_in_pairs(upper, range(level + 1, 8))
            wraps = ~self._lowest_priority[level]
            m.d.comb += below[level].eq(Cat(before).any() | (wraps & Cat(wrapped).any()))
        return below

    def _elaborate_inta(self, m):
        """INTERRUPT SEQUENCE and CASCADE MODE."""
        master = Mux(self._buffered_mode, self._buffered_master, self.sp)
        # Without a request it is level 7, also for the slave that may stand there.
        for_slave = (self._resolved & self._icw3).any() | (self._icw3[7] & ~self._resolved.any())
        last = self._last & self._answers
        m.d.comb += [
            self._first.eq(self.inta & ~self._second),
            self._last.eq(self.inta & self._second),
            self._leads.eq(self._icw1.sngl | master),
            self._cascades.eq(~self._icw1.sngl & master),
            self._called.eq(~self._leads & (self.cas == self._icw3[:3])),
            self._answers.eq(self._leads | self._called),
            self._acknowledged.eq(self._after_first & self._answers),
            self._answer.eq(Mux(self._second, self._resolved, self._poll_level)),
            self._takes.eq(self._polled | self._acknowledged),
            self._ends.eq((self._polled | last) & self._auto_eoi),
            self.vector.eq(Cat(~number_of(self._resolved, of=0), self._base)),
            self.vector_valid.eq(self._last & ((self._leads & ~(self._cascades & for_slave)) | self._called)),
        ]
        goes_on = self._second & ~self.inta & ~self._words.icw1
        m.d.sync += [
            self._after_first.eq(self._first),
            # In the second cycle INT still shows what has been found, and is quiet only if it was so.
            self._quiet.eq(self._polled | last | goes_on | (self._first & self._quiet)),
            self._int_held.eq(
                goes_on & Mux(self._after_first, self._resolved.any() & ~self._quiet, self._int_held)
            ),
        ]
        with m.If(self.inta):
            m.d.sync += self._second.eq(~self._second)
        with m.If(self._words.icw1):
            m.d.sync += self._second.eq(0)

    def _elaborate_in_service(self, m):
        ocw2 = Ocw2(self.write_data)
        highest = Signal(8)
        m.d.comb += highest.eq(self._busy & ~self._below_busy)
        ends_highest = self._words.ocw2 & (ocw2.eoi & ~ocw2.sl)
        for level in range(8):
            named = self._words.ocw2 & (ocw2.eoi & ocw2.sl & (ocw2.level == level))
            answer = self._answer[level]
            stays = self.isr[level] & ~named & ~(answer & self._ends)
            comes = answer & self._takes & ~self._ends
            m.d.sync += self.isr[level].eq((stays & ~(highest[level] & ends_highest)) | comes)
        with m.If(self._words.icw1):
            # Choice: the datasheet does not name ISR here.
            m.d.sync += self.isr.eq(0)

    def _elaborate_rotation(self, m):
        """AUTOMATIC and SPECIFIC ROTATION: the level that is ended gets the lowest priority."""
        ocw2, word = Ocw2(self.write_data), self._words.ocw2
        upper, named = Signal(8), Signal(8)
        m.d.comb += [upper.eq(self._busy & self._lowest_priority), named.eq(1 << ocw2.level)]
        above_highest = Mux(upper.any(), above(upper), above(self._busy))
        above_ended = Mux(ocw2.sl, above(named), above_highest)
        rotates = word & (ocw2.r & (ocw2.sl | (ocw2.eoi & self._busy.any())))
        with m.If(rotates | (self._ends & (self._rotate_on_auto_eoi & self._answer.any()))):
            after = Mux(self.write & ~self.inta, above_ended, above(self._answer))
            m.d.sync += self._lowest_priority.eq(after)
        with m.If(self._words.icw1):
            m.d.sync += self._lowest_priority.eq(0)

    def _elaborate_words(self, m):
        """What the words set beyond that."""
        written, words = self.write_data, self._words
        icw4, ocw2, ocw3 = Icw4(written), Ocw2(written), Ocw3(written)
        after_icw3 = Mux(self._icw1.ic4, Expect.ICW4, Expect.OCW1)
        with m.If(words.ocw1):
            masked = written & self._special_mask_mode.replicate(8)
            m.d.sync += [self.imr.eq(written), self._special_mask.eq(masked)]
        with m.If(words.ocw2 & (~ocw2.eoi & ~ocw2.sl)):
            m.d.sync += self._rotate_on_auto_eoi.eq(ocw2.r)
        with m.If(words.ocw3 & ocw3.esmm):
            m.d.sync += [
                self._special_mask_mode.eq(ocw3.smm),
                self._special_mask.eq(self.imr & ocw3.smm.replicate(8)),
            ]
        with m.If(words.ocw3 & (~ocw3.p & ocw3.rr)):
            m.d.sync += self._read_isr.eq(ocw3.ris)
        with m.If(words.icw2):
            m.d.sync += [
                self._base.eq(written[3:]),
                self._expect.eq(Mux(self._icw1.sngl, after_icw3, Expect.ICW3)),
            ]
        with m.If(words.icw3):
            m.d.sync += [self._icw3.eq(written), self._expect.eq(after_icw3)]
        with m.If(words.icw4):
            # Bit 0 is taken as 1: there is no 8080 here.
            m.d.sync += [
                self._auto_eoi.eq(icw4.aeoi),
                self._buffered_mode.eq(icw4.buf),
                self._buffered_master.eq(icw4.master),
                self._special_fully_nested_mode.eq(
                    icw4.sfnm & ~self._icw1.sngl & Mux(icw4.buf, icw4.master, self.sp)
                ),
                self._expect.eq(Expect.OCW1),
            ]
        with m.If(words.icw1):
            m.d.sync += [
                self._expect.eq(Expect.ICW2),
                self._icw1.eq(written),
                self._icw3.eq(7),
                self.imr.eq(0),
                self._special_mask.eq(0),
                Cat(self._auto_eoi, self._buffered_mode, self._buffered_master).eq(0),
                self._special_fully_nested_mode.eq(0),
                Cat(self._special_mask_mode, self._read_isr, self._rotate_on_auto_eoi).eq(0),
            ]
