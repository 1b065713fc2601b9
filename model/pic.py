"""The 8259A interrupt controller in 8086 mode (Intel 8259A datasheet, order number 231468).

Each section of the datasheet is named where its rule stands. The chip has no clock; here an IR input is
sampled once a cycle, and INT follows in the same cycle. It has no RESET pin either: RESET gives the state at
power-up, with every level masked (**choice**: as in the south bridges that contain it).

An INTA pulse is a cycle. The first one freezes the requests and resolves which level it acknowledges. CAS
lines hold the number of a slave "from the trailing edge of the first INTA pulse", so it is in the cycle after
it that master and slave take the level in service and forget the request (**choice**: the datasheet does not
say when a slave does). Whoever answers keeps INT as it was up to the last pulse, and then low for a cycle
whatever else is pending: to a master every request of its slave is an edge.
"""

import enum
from typing import NamedTuple

LEVELS = range(8)


class PicInputs(NamedTuple):
    """What goes into an 8259A in one cycle."""

    reset: bool = False
    ir: int = 0
    """IR7-IR0, 8 bits, active high."""
    write: bool = False
    read: bool = False
    a0: bool = False
    """0 is the even port (20h, A0h), 1 the odd one (21h, A1h)."""
    data: int = 0
    """What is written, 8 bits."""
    inta: bool = False
    """One INTA pulse. It goes before an access in the same cycle (**choice**: no bus does both)."""
    cas: int = 0
    """CAS2-CAS0 as a slave sees them, 3 bits."""


class PicRegisters(NamedTuple):
    """The registers that a program can read, 8 bits each."""

    irr: int = 0
    """Interrupt request register."""
    isr: int = 0
    """In-service register."""
    imr: int = 0xFF
    """Interrupt mask register."""


class PicOutputs(NamedTuple):
    """What an 8259A shows in the same cycle."""

    int_: bool
    """INT, to INTR of the processor or to an IR input of the master."""
    data: int
    """What a read gives, 8 bits."""
    vector: int | None
    """The vector, 8 bits, on the second INTA pulse; None while this chip does not drive the bus."""
    cas: int
    """CAS2-CAS0 as a master drives them, 3 bits; 0 while it addresses no slave."""
    registers: PicRegisters


class _Next(enum.Enum):
    """What the next write to the odd port is."""

    OCW1 = 1
    ICW2 = 2
    ICW3 = 3
    ICW4 = 4


class Pic:
    """One 8259A.

    Parameters
    ----------
    master: level of SP/EN#: True makes it a master, False a slave, unless ICW4 selects buffered mode.
    """

    def __init__(self, master: bool) -> None:
        self.sp = master
        self.reset()

    def reset(self) -> None:
        """As after power-up."""
        # The lines as they were in the cycle before, and those that were low since their last acknowledge.
        self.sampled = 0
        self.armed = 0
        self.irr = 0
        self.isr = 0
        self.imr = 0xFF
        self.base = 0
        self.icw3 = 7
        self.next = _Next.OCW1
        self.level_triggered = self.single = self.needs_icw4 = False
        self.special_fully_nested_mode = self.buffered_mode = self.buffered_master = self.auto_eoi = False
        self.lowest_priority = 7
        self.special_mask_mode = self.read_isr = self.poll = self.rotate_on_auto_eoi = False
        # The level that the first INTA pulse resolved, and the one that the next poll will report, if any.
        self.resolved: int | None = None
        self.poll_level: int | None = None
        # How far an INTA sequence is: the cycle after its first pulse; its second pulse is next.
        self.after_first = self.second = False
        # INT in the first pulse; this is the cycle after the last one, or after the read that answers a poll.
        self.int_held = self.answered = False
        self.cas = 0

    @property
    def is_master(self) -> bool:
        """BUFFERED MODE: there ICW4 says what SP/EN# says otherwise."""
        return self.buffered_master if self.buffered_mode else self.sp

    def candidate(self) -> int | None:
        """FULLY NESTED MODE: the level that an INTA pulse would acknowledge, or None.

        A level is held back by those of its own or of higher priority that are in service.
        """
        if self.next is not _Next.OCW1:
            return None
        requests = self.irr & ~self.imr
        # SPECIAL MASK MODE: a masked level that is in service holds nothing back.
        in_service = self.isr & ~self.imr if self.special_mask_mode else self.isr
        for level in self._by_priority():
            requested, busy = requests >> level & 1, in_service >> level & 1
            if busy:
                # SPECIAL FULLY NESTED MODE: a slave in service may ask for more.
                again = self.special_fully_nested_mode and self._has_slave(level)
                return level if requested and again else None
            if requested:
                return level
        return None

    def step(self, inputs: PicInputs) -> PicOutputs:
        """One cycle: the settled outputs, then the rising edge."""
        outputs = self.settle(inputs)
        self.clock(inputs)
        return outputs

    def settle(self, inputs: PicInputs) -> PicOutputs:
        """The outputs of this cycle for these inputs; changes nothing."""
        return PicOutputs(
            int_=self._int(),
            data=self._read(inputs.a0),
            vector=self.base | self._level() if self._drives_vector(inputs) else None,
            cas=self.cas,
            registers=PicRegisters(self.irr, self.isr, self.imr),
        )

    def clock(self, inputs: PicInputs) -> None:
        """The rising edge."""
        candidate = self.candidate()
        first, last = inputs.inta and not self.second, inputs.inta and self.second
        writes = inputs.write and not inputs.inta
        # A poll is not answered within an INTA sequence (**choice**: no access comes there).
        asked = inputs.read and self.poll and not self.second
        polled = asked and not inputs.write and not inputs.inta
        initialises = writes and not inputs.a0 and bool(inputs.data & 0x10)
        answers = self._answers(inputs)
        acknowledged = self.after_first and answers
        taken = _bit(self.resolved if acknowledged else None) | _bit(self.poll_level if polled else None)
        int_held = self._int() if first else self.int_held
        ended = self.resolved if last and answers else self.poll_level if polled else None
        if acknowledged:
            # The poll that was under way is over: its read reports nothing.
            self.poll_level = None
        if writes:
            self._write(inputs.a0, inputs.data, candidate)
        if not initialises:
            self.isr |= taken
        if ended is not None and self.auto_eoi:
            self._end_automatically(ended)
        if polled:
            self.poll = False
        self.answered = polled or (last and answers)
        self.int_held = int_held
        self.after_first = first
        if first:
            self.resolved = candidate
            self.cas = self._level() if self._has_slave(self._level()) else 0
            self.second = True
        if last:
            self.cas = 0
            self.second = False
        self._look(inputs.ir, taken, initialises)
        if inputs.reset:
            self.reset()

    def _int(self) -> bool:
        """INT of this cycle: held through an INTA sequence, as requests are, and low after the answer."""
        if self.second:
            return self.int_held
        return self.candidate() is not None and not self.answered

    def _look(self, ir: int, taken: int, initialises: bool) -> None:
        """EDGE AND LEVEL TRIGGERED MODES: a request is a line that is high, in edge mode one that was low
        since its last acknowledge. So a request that goes away before INTA is gone.

        Through an INTA sequence the requests are held; only the one that goes in service is reset, in edge
        mode, with its edge detector. What the lines do meanwhile is seen, and counts after it.
        """
        # A line that is low arms its edge detector. ICW1: a line has to make an edge from now on.
        self.armed = 0 if initialises else self.armed & ~taken | (~self.sampled & 0xFF)
        self.sampled = ir
        asking = self.irr if self.second else ir
        self.irr = asking if self.level_triggered else asking & self.armed
        if initialises:
            self.irr = 0

    def _by_priority(self) -> list[int]:
        """The levels, highest priority first (AUTOMATIC and SPECIFIC ROTATION)."""
        return [(self.lowest_priority + 1 + offset) % 8 for offset in LEVELS]

    def _has_slave(self, level: int) -> bool:
        return self.is_master and not self.single and bool(self.icw3 >> level & 1)

    def _level(self) -> int:
        """INTERRUPT SEQUENCE: without a request it goes on as with IR7, but that nothing is in service."""
        return 7 if self.resolved is None else self.resolved

    def _answers(self, inputs: PicInputs) -> bool:
        """CASCADE MODE: a master answers, or a single 8259A, and the slave whose number is called."""
        return self.single or self.is_master or self._called(inputs)

    def _called(self, inputs: PicInputs) -> bool:
        return inputs.cas == self.icw3 & 7

    def _drives_vector(self, inputs: PicInputs) -> bool:
        """INTERRUPT SEQUENCE, 8086: the second pulse reads the vector from whom the first one found."""
        if not (inputs.inta and self.second):
            return False
        if self.single or self.is_master:
            return not self._has_slave(self._level())
        return self._called(inputs)

    def _end_automatically(self, level: int) -> None:
        """AUTOMATIC END OF INTERRUPT, after the last INTA pulse; of a master also what its slave answers."""
        self.isr &= ~(1 << level)
        if self.rotate_on_auto_eoi:
            self.lowest_priority = level

    def _read(self, a0: bool) -> int:
        """READING THE 8259A STATUS, and the POLL COMMAND, which goes before it."""
        if self.poll:
            return 0 if self.poll_level is None else 0x80 | self.poll_level
        if a0:
            return self.imr
        return self.isr if self.read_isr else self.irr

    def _write(self, a0: bool, data: int, candidate: int | None) -> None:
        if a0:
            self._write_odd(data)
        elif data & 0x10:
            self._icw1(data)
        elif data & 0x08:
            self._ocw3(data)
            if data & 0x04:
                # POLL COMMAND: "Interrupt is frozen from WR to RD." What is held is the level that the read
                # reports, not INT (**choice**: taken literally it would be silent until somebody reads).
                self.poll_level = candidate
        else:
            self._ocw2(data)

    def _icw1(self, data: int) -> None:
        """INITIALIZATION COMMAND WORD 1. Clears the ISR too (**choice**: the datasheet does not say)."""
        self.level_triggered = bool(data & 0x08)
        self.single = bool(data & 0x02)
        self.needs_icw4 = bool(data & 0x01)
        self.next = _Next.ICW2
        self.imr = self.isr = 0
        self.icw3 = self.lowest_priority = 7
        self.special_mask_mode = self.read_isr = self.poll = self.rotate_on_auto_eoi = False
        self.special_fully_nested_mode = self.buffered_mode = self.buffered_master = self.auto_eoi = False
        self.second = False
        self.cas = 0

    def _write_odd(self, data: int) -> None:
        match self.next:
            case _Next.OCW1:
                self.imr = data
                return
            case _Next.ICW2:
                self.base = data & 0xF8
                self.next = _Next.ICW4 if self.single else _Next.ICW3
            case _Next.ICW3:
                self.icw3 = data
                self.next = _Next.ICW4
            case _Next.ICW4:
                self._icw4(data)
                self.next = _Next.OCW1
        if self.next is _Next.ICW4 and not self.needs_icw4:
            self.next = _Next.OCW1

    def _icw4(self, data: int) -> None:
        """Bit 0 (8086 mode) is taken as 1, whatever it is: there is no 8080 here."""
        self.special_fully_nested_mode = bool(data & 0x10)
        self.buffered_mode = bool(data & 0x08)
        self.buffered_master = bool(data & 0x04)
        self.auto_eoi = bool(data & 0x02)

    def _ocw2(self, data: int) -> None:
        """OPERATION CONTROL WORD 2: R, SL and EOI decide; a rotation gives its level the lowest priority."""
        level = data & 7
        match data >> 5:
            case 0b000:
                self.rotate_on_auto_eoi = False
            case 0b100:
                self.rotate_on_auto_eoi = True
            case 0b001:
                self._non_specific_eoi(rotate=False)
            case 0b101:
                self._non_specific_eoi(rotate=True)
            case 0b011:
                self.isr &= ~(1 << level)
            case 0b111:
                self.isr &= ~(1 << level)
                self.lowest_priority = level
            case 0b110:
                self.lowest_priority = level
            case _:
                pass  # 010: no operation

    def _non_specific_eoi(self, rotate: bool) -> None:
        """Ends the level in service of the highest priority; in special mask mode not a masked one."""
        ending = self.isr & ~self.imr if self.special_mask_mode else self.isr
        for level in self._by_priority():
            if ending >> level & 1:
                self.isr &= ~(1 << level)
                if rotate:
                    self.lowest_priority = level
                return

    def _ocw3(self, data: int) -> None:
        """OPERATION CONTROL WORD 3: special mask mode, poll, register to read. Poll goes before RR."""
        if data & 0x40:
            self.special_mask_mode = bool(data & 0x20)
        if data & 0x04:
            self.poll = True
        elif data & 0x02:
            self.read_isr = bool(data & 0x01)


def _bit(level: int | None) -> int:
    return 0 if level is None else 1 << level
