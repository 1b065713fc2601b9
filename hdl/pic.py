"""The 8259A interrupt controller in 8086 mode (Intel 8259A datasheet, order number 231468)."""

from amaranth.hdl import Cat, Const, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out


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


class Pic(wiring.Component):
    """One 8259A. IR inputs are sampled once a cycle; what follows from them is combinational.

    The first INTA pulse, and the poll command, freeze the level that is found. In the cycle after that pulse
    CAS calls a slave, and whoever is meant takes the level in service (choice: the datasheet has CAS from the
    trailing edge of the first pulse on, so a slave cannot know earlier, and the master goes with it). Between
    the pulses a master keeps INT low.

    Attributes
    ----------
    reset: In(1), gives the state at power-up, with every level masked (choice: the chip has no RESET).
    sp: In(1), level of SP/EN#: 1 makes it a master, 0 a slave, unless ICW4 selects buffered mode.
    ir: In(8), IR7-IR0.
    write, read: In(1), an access to the even (`a0` = 0) or odd port, not both; `write_data`: In(8).
    read_data: Out(8), in the same cycle.
    inta: In(1), one INTA pulse; it goes before an access in the same cycle (choice).
    int_: Out(1), INT.
    vector: Out(8), vector_valid: Out(1), the answer to the second INTA pulse.
    cas: In(3), CAS2-CAS0 for a slave; cas_out: Out(3), as a master drives them.
    irr, isr, imr: Out(8), the registers.
    """

    reset: In(1)
    sp: In(1)
    ir: In(8)
    a0: In(1)
    write: In(1)
    read: In(1)
    write_data: In(8)
    read_data: Out(8)
    inta: In(1)
    int_: Out(1)
    vector: Out(8)
    vector_valid: Out(1)
    cas: In(3)
    cas_out: Out(3)
    irr: Out(8)
    isr: Out(8)
    imr: Out(8, init=0xFF)

    def __init__(self):
        super().__init__()
        self._expect = Signal(Expect)
        self._icw1 = Signal(Icw1)
        self._icw3 = Signal(8, init=7)
        # What ICW4 selects: AEOI; the opposite of what the pin SP/EN# says; special fully nested mode.
        self._aeoi = Signal()
        self._contrary = Signal()
        self._nests = Signal()
        self._base = Signal(5)
        # Which level is at the bottom, as those with a higher number: they come before level 0.
        self._upper = Signal(8)
        self._smm = Signal()
        # Those that it puts aside: masked ones. A register, for the path.
        self._aside = Signal(8)
        self._read_isr = Signal()
        self._poll = Signal()
        self._rotate_aeoi = Signal()
        # The word that is written, if any.
        self._words = Signal(Words)
        # It answers with a level of its own; it may call a slave; it is called.
        self._leads = Signal()
        self._cascades = Signal()
        self._called = Signal()
        # In service and not put aside by the special mask mode.
        self._busy = Signal(8)
        self._below_busy = Signal(8)
        # The level that would be acknowledged now, at most one.
        self._granted = Signal(8)
        # What the last INTA sequence or poll command froze, at most one level, and how far the sequence is.
        self._frozen = Signal(8)
        self._freezes = Signal()
        self._first = Signal()
        self._after_first = Signal()
        self._second = Signal()
        self._last = Signal()
        self._polled = Signal()
        # The frozen level goes in service, or is ended by AEOI.
        self._takes = Signal()
        self._ends = Signal()

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
        polled = Cat(_number(self._frozen), Const(0, 4), self._frozen.any())
        write = self.write & ~self.inta
        m.d.comb += [
            words.icw1.eq(write & (even & written[4])),
            words.icw2.eq(write & (odd & (self._expect == Expect.ICW2))),
            words.icw3.eq(write & (odd & (self._expect == Expect.ICW3))),
            words.icw4.eq(write & (odd & (self._expect == Expect.ICW4))),
            words.ocw1.eq(write & (odd & (self._expect == Expect.OCW1))),
            words.ocw2.eq(write & (even & ~written[4] & ~written[3])),
            words.ocw3.eq(write & (even & ~written[4] & written[3])),
            # A read after the poll command is an acknowledge.
            self._polled.eq(self.read & self._poll & ~self.inta),
            self._freezes.eq(self._first | poll),
            self.read_data.eq(Mux(self._poll, polled, plain)),
        ]
        m.d.sync += self._poll.eq(poll | (self._poll & ~self._polled & ~words.icw1))
        with m.If(self._freezes):
            m.d.sync += self._frozen.eq(self._granted)

    def _elaborate_requests(self, m):
        """Edge mode: a line counts once, from a low level before it to the acknowledge."""
        sampled = Signal(8)
        armed = Signal(8)
        rests = ~sampled | self._icw1.ltim.replicate(8)
        m.d.comb += self.irr.eq(sampled & armed)
        m.d.sync += [
            sampled.eq(self.ir),
            armed.eq(rests | (armed & ~(self._frozen & self._takes.replicate(8)))),
        ]
        with m.If(self._words.icw1):
            m.d.sync += armed.eq(Icw1(self.write_data).ltim.replicate(8))

    def _elaborate_priority(self, m):
        """The one request that has priority over all other requests and all that is in service."""
        initialising = Value.cast(self._expect)[2]
        asked, candidates = Signal(8), Signal(8)
        upper, lower, busy_upper = (Signal(8) for _ in range(3))
        # In special fully nested mode a slave's input is not held back by itself, only by those above.
        free = ~self._busy | (self._icw3 & self._nests.replicate(8))
        # A request that is itself held back is so by something in service, which holds back this one too.
        below = self._below(m, asked | self._busy)
        quiet = self._second & self._leads
        m.d.comb += [
            self._busy.eq(self.isr & ~self._aside),
            asked.eq(self.irr & ~self.imr),
            candidates.eq(asked & ~initialising.replicate(8) & free),
            self._granted.eq(candidates & ~below),
            self._below_busy.eq(self._below(m, self._busy)),
            # Any of the requests above what is in service, so without a look at which is the first.
            upper.eq(candidates & self._upper),
            lower.eq(candidates & ~self._upper),
            busy_upper.eq(self._busy & self._upper),
            self.int_.eq(
                (_any_before(upper, busy_upper, 0) | _any_before(lower, self._busy, busy_upper.any()))
                & ~quiet
            ),
        ]
        with m.If(self.inta | self._words.icw1):
            called = self._granted & self._icw3 & (self._cascades & self._first).replicate(8)
            m.d.sync += self.cas_out.eq(_number(called))

    def _below(self, m, levels):
        """The levels that stand below any of these."""
        every, upper, below = (Signal(8) for _ in range(3))
        m.d.comb += [every.eq(levels), upper.eq(every & self._upper)]
        for level in range(8):
            before = _any_in_pairs(upper, range(level))
            wrapped = _any_in_pairs(every, range(level)) + _any_in_pairs(upper, range(level + 1, 8))
            m.d.comb += below[level].eq(Cat(before).any() | (~self._upper[level] & Cat(wrapped).any()))
        return below

    def _elaborate_inta(self, m):
        """INTERRUPT SEQUENCE and CASCADE MODE."""
        master = self.sp ^ self._contrary
        cascaded = self._cascades & (self._frozen & self._icw3).any()
        meant = self._leads | self._called
        m.d.comb += [
            self._first.eq(self.inta & ~self._second),
            self._last.eq(self.inta & self._second),
            self._leads.eq(self._icw1.sngl | master),
            self._cascades.eq(~self._icw1.sngl & master),
            self._called.eq(~self._leads & (self.cas == self._icw3[:3])),
            self._takes.eq(self._polled | (self._after_first & meant)),
            self._ends.eq((self._polled | (self._last & meant)) & self._aeoi),
            # Without a request it is level 7.
            self.vector.eq(Cat(~_number(self._frozen, of=0), self._base)),
            self.vector_valid.eq(self._last & ((self._leads & ~cascaded) | self._called)),
        ]
        m.d.sync += self._after_first.eq(self._first)
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
            frozen = self._frozen[level]
            named = self._words.ocw2 & (ocw2.eoi & ocw2.sl & (ocw2.level == level))
            stays = self.isr[level] & ~named & ~(frozen & self._ends)
            comes = frozen & self._takes & ~self._ends
            m.d.sync += self.isr[level].eq((stays & ~(highest[level] & ends_highest)) | comes)
        with m.If(self._words.icw1):
            # Choice: the datasheet does not name ISR here.
            m.d.sync += self.isr.eq(0)

    def _elaborate_rotation(self, m):
        """AUTOMATIC and SPECIFIC ROTATION: the level that is ended goes to the bottom."""
        ocw2, word = Ocw2(self.write_data), self._words.ocw2
        upper, named = Signal(8), Signal(8)
        m.d.comb += [upper.eq(self._busy & self._upper), named.eq(1 << ocw2.level)]
        above_highest = Mux(upper.any(), _above(upper), _above(self._busy))
        above_ended = Mux(ocw2.sl, _above(named), above_highest)
        rotates = word & (ocw2.r & (ocw2.sl | (ocw2.eoi & self._busy.any())))
        with m.If(rotates | (self._ends & (self._rotate_aeoi & self._frozen.any()))):
            m.d.sync += self._upper.eq(Mux(self.write & ~self.inta, above_ended, _above(self._frozen)))
        with m.If(self._words.icw1):
            m.d.sync += self._upper.eq(0)

    def _elaborate_words(self, m):
        """What the words set beyond that."""
        written, words = self.write_data, self._words
        icw4, ocw2, ocw3 = Icw4(written), Ocw2(written), Ocw3(written)
        after_icw3 = Mux(self._icw1.ic4, Expect.ICW4, Expect.OCW1)
        with m.If(words.ocw1):
            m.d.sync += [self.imr.eq(written), self._aside.eq(written & self._smm.replicate(8))]
        with m.If(words.ocw2 & (~ocw2.eoi & ~ocw2.sl)):
            m.d.sync += self._rotate_aeoi.eq(ocw2.r)
        with m.If(words.ocw3 & ocw3.esmm):
            m.d.sync += [self._smm.eq(ocw3.smm), self._aside.eq(self.imr & ocw3.smm.replicate(8))]
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
                self._aeoi.eq(icw4.aeoi),
                self._contrary.eq(icw4.buf & (icw4.master ^ self.sp)),
                self._nests.eq(icw4.sfnm & ~self._icw1.sngl & Mux(icw4.buf, icw4.master, self.sp)),
                self._expect.eq(Expect.OCW1),
            ]
        with m.If(words.icw1):
            m.d.sync += [
                self._expect.eq(Expect.ICW2),
                self._icw1.eq(written),
                self._icw3.eq(7),
                self.imr.eq(0),
                self._aside.eq(0),
                Cat(self._aeoi, self._contrary, self._nests).eq(0),
                Cat(self._smm, self._read_isr, self._rotate_aeoi).eq(0),
            ]


def _above(levels):
    """The levels with a higher number than any of these."""
    return Cat(levels[:level].any() for level in range(8))


def _any_before(levels, others, before):
    """Some of these levels has none of the others before it, and nor is there anything else before all."""
    found = []
    for level in range(0, 8, 2):
        pair = levels[level] | (levels[level + 1] & ~others[level])
        found.append(pair & ~(before | Cat(_any_in_pairs(others, range(level))).any()))
    return Cat(found).any()


def _any_in_pairs(word, levels):
    """Each pair of neighbours that has some of these levels: any of them. Pairs are shared between levels."""
    pairs = {}
    for level in levels:
        pairs.setdefault(level // 2, []).append(word[level])
    return [Cat(pair).any() for pair in pairs.values()]


def _number(levels, of=1):
    """Which level it is, of at most one; 0 for none. With `of` = 0 the complement of that number."""
    return Cat(Cat(levels[level] for level in range(8) if level >> bit & 1 == of).any() for bit in range(3))
