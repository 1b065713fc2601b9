"""The 8259A interrupt controller in 8086 mode (Intel 8259A datasheet, order number 231468)."""

from amaranth.hdl import Cat, Const, Module, Mux, ResetInserter, Signal
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out


class Expect(enum.Enum, shape=2):
    """What the next write to the odd port is."""

    OCW1 = 0
    ICW2 = 1
    ICW3 = 2
    ICW4 = 3


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


class Pic(wiring.Component):
    """One 8259A. IR inputs are sampled once a cycle; what follows from them is combinational.

    Attributes
    ----------
    reset: In(1), gives the state at power-up, with every level masked (choice: the chip has no RESET).
    sp: In(1), level of SP/EN#: 1 makes it a master, 0 a slave, unless ICW4 selects buffered mode.
    ir: In(8), IR7-IR0.
    write, read: In(1), an access to the even (`a0` = 0) or odd port; `write_data`: In(8).
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
        self._icw4 = Signal(Icw4)
        self._base = Signal(5)
        self._bottom = Signal(3, init=7)
        self._smm = Signal()
        self._read_isr = Signal()
        self._poll = Signal()
        self._rotate_aeoi = Signal()
        # In service and not put aside by the special mask mode.
        self._busy = Signal(8)
        # Priority resolution: the level that would be acknowledged now, as at most one bit and as a number.
        self._granted = Signal(8)
        self._found = Signal()
        self._level = Signal(3)
        # Between the INTA pulses: what the first one froze.
        self._second = Signal()
        self._frozen_level = Signal(3)
        self._frozen_found = Signal()
        self._addressed = Signal()

    def elaborate(self, platform):
        m = Module()
        slaves = Signal(8)
        master = Mux(self._icw4.buf, self._icw4.master, self.sp)
        m.d.comb += slaves.eq(Mux(master & ~self._icw1.sngl, self._icw3, 0))
        set_isr = Signal(8)
        clear_isr = Signal(8)
        self._elaborate_requests(m, set_isr)
        self._elaborate_priority(m, slaves)
        self._elaborate_inta(m, slaves, master, set_isr, clear_isr)
        self._elaborate_reads(m, set_isr, clear_isr)
        m.d.sync += self.isr.eq((self.isr | set_isr) & ~clear_isr)
        with m.If(self.write & ~self.inta):
            self._elaborate_writes(m, clear_isr)
        return ResetInserter(self.reset)(m)

    def _elaborate_requests(self, m, acknowledged):
        """Edge mode: a line counts once, from a low level before it to the acknowledge."""
        sampled = Signal(8)
        armed = Signal(8)
        icw1_written = self.write & ~self.inta & ~self.a0 & self.write_data[4]
        m.d.comb += self.irr.eq(sampled & (armed | self._icw1.ltim.replicate(8)))
        m.d.sync += [
            sampled.eq(self.ir),
            armed.eq((~sampled | (armed & ~acknowledged)) & ~icw1_written.replicate(8)),
        ]

    def _elaborate_priority(self, m, slaves):
        """The one request that has priority over all other requests and all that is in service."""
        requests = self.irr & ~self.imr
        # In special fully nested mode a slave's input is not held back by itself, only by those above.
        nested = slaves & self._icw4.sfnm.replicate(8)
        ready = (self._expect == Expect.OCW1).replicate(8)
        m.d.comb += [
            self._busy.eq(self.isr & ~(self.imr & self._smm.replicate(8))),
            # A request that is itself held back is so by something in service, which holds back this one too.
            self._granted.eq(requests & (~self._busy | nested) & ~self._below(requests | self._busy) & ready),
            self._found.eq(self._granted.any()),
            self._level.eq(_number(self._granted) | (~self._found).replicate(3)),
            self.int_.eq(self._found),
        ]

    def _below(self, levels):
        """The levels that stand below any of these, the one above the bottom one being the highest."""
        below = []
        for level in range(8):
            above = [
                levels[other] & self._bottom.matches(*(b for b in range(8) if _above(other, level, b)))
                for other in range(8)
                if other != level
            ]
            below.append(Cat(above).any())
        return Cat(below)

    def _elaborate_inta(self, m, slaves, master, set_isr, clear_isr):
        first = self.inta & ~self._second
        last = self.inta & self._second
        called = self.cas == self._icw3[:3]
        alone = self._icw1.sngl
        to_slave = self._granted & slaves
        still_to_slave = self._frozen_found & slaves.bit_select(self._frozen_level, 1)
        m.d.comb += [
            self.cas_out.eq(
                Mux(
                    self._second,
                    self._frozen_level & still_to_slave.replicate(3),
                    _number(to_slave) & self.inta.replicate(3),
                )
            ),
            self.vector.eq(Cat(self._frozen_level, self._base)),
            self.vector_valid.eq(last & self._addressed),
        ]
        takes = alone | master | called
        with m.If(first):
            m.d.comb += set_isr.eq(self._granted & takes.replicate(8))
            m.d.sync += [
                self._second.eq(1),
                self._frozen_level.eq(self._level),
                self._frozen_found.eq(self._found & takes),
                self._addressed.eq(alone | Mux(master, ~to_slave.any(), called)),
            ]
        with m.If(last):
            m.d.sync += self._second.eq(0)
            with m.If(self._addressed & self._frozen_found & self._icw4.aeoi):
                m.d.comb += clear_isr.eq(1 << self._frozen_level)
                with m.If(self._rotate_aeoi):
                    m.d.sync += self._bottom.eq(self._frozen_level)

    def _elaborate_reads(self, m, set_isr, clear_isr):
        with m.If(self._poll):
            m.d.comb += self.read_data.eq(Mux(self._found, Cat(self._level, Const(0b10000, 5)), 0))
        with m.Else():
            m.d.comb += self.read_data.eq(Mux(self.a0, self.imr, Mux(self._read_isr, self.isr, self.irr)))
        # A read after the poll command is an acknowledge.
        with m.If(self.read & self._poll & ~self.write & ~self.inta):
            m.d.sync += self._poll.eq(0)
            m.d.comb += set_isr.eq(self._granted)
            with m.If(self._found & self._icw4.aeoi):
                m.d.comb += clear_isr.eq(set_isr)
                with m.If(self._rotate_aeoi):
                    m.d.sync += self._bottom.eq(self._level)

    def _elaborate_writes(self, m, clear_isr):
        with m.If(self.a0):
            self._elaborate_odd_writes(m)
        with m.Elif(self.write_data[4]):
            # ISR too (choice: the datasheet does not name it).
            m.d.comb += clear_isr.eq(0xFF)
            m.d.sync += [
                self._expect.eq(Expect.ICW2),
                self._icw1.eq(self.write_data),
                self._icw3.eq(7),
                self._icw4.eq(0),
                self.imr.eq(0),
                self._bottom.eq(7),
                self._second.eq(0),
                Cat(self._smm, self._read_isr, self._poll, self._rotate_aeoi).eq(0),
            ]
        with m.Elif(self.write_data[3]):
            ocw3 = Ocw3(self.write_data)
            with m.If(ocw3.esmm):
                m.d.sync += self._smm.eq(ocw3.smm)
            with m.If(ocw3.p):
                m.d.sync += self._poll.eq(1)
            with m.Elif(ocw3.rr):
                m.d.sync += self._read_isr.eq(ocw3.ris)
        with m.Else():
            self._elaborate_ocw2(m, clear_isr)

    def _elaborate_odd_writes(self, m):
        after_icw3 = Mux(self._icw1.ic4, Expect.ICW4, Expect.OCW1)
        with m.Switch(self._expect):
            with m.Case(Expect.OCW1):
                m.d.sync += self.imr.eq(self.write_data)
            with m.Case(Expect.ICW2):
                m.d.sync += [
                    self._base.eq(self.write_data[3:]),
                    self._expect.eq(Mux(self._icw1.sngl, after_icw3, Expect.ICW3)),
                ]
            with m.Case(Expect.ICW3):
                m.d.sync += [self._icw3.eq(self.write_data), self._expect.eq(after_icw3)]
            with m.Case(Expect.ICW4):
                # Bit 0 is taken as 1: there is no 8080 here.
                m.d.sync += [self._icw4.eq(self.write_data), self._expect.eq(Expect.OCW1)]

    def _elaborate_ocw2(self, m, clear_isr):
        ocw2 = Ocw2(self.write_data)
        highest = self._busy & ~self._below(self._busy)
        ending = Signal(8)
        m.d.comb += ending.eq(Mux(ocw2.sl, 1 << ocw2.level, highest))
        some = ocw2.sl | self._busy.any()
        with m.If(ocw2.eoi):
            m.d.comb += clear_isr.eq(ending)
        with m.If(ocw2.r & (ocw2.eoi | ocw2.sl) & some):
            m.d.sync += self._bottom.eq(_number(ending))
        with m.If(~ocw2.eoi & ~ocw2.sl):
            m.d.sync += self._rotate_aeoi.eq(ocw2.r)


def _above(one: int, other: int, bottom: int) -> bool:
    """Whether a level has priority over another one while `bottom` has the lowest."""
    return (one - bottom - 1) % 8 < (other - bottom - 1) % 8


def _number(levels):
    """Which level it is, of at most one; 0 for none."""
    return Cat(Cat(levels[level] for level in range(8) if level >> bit & 1).any() for bit in range(3))
