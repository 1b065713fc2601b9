"""The 8259A interrupt controller in 8086 mode (Intel 8259A datasheet, order number 231468).

Each section of the datasheet is named where its rule stands. The chip has no clock; here an IR input is
sampled once a cycle, and INT follows in the same cycle. It has no RESET pin either: RESET gives the state at
power-up, with every level masked (**choice**: as in the south bridges that contain it).

An INTA pulse is a cycle. The first one freezes the level that is found. CAS lines hold the number of a
slave "from the trailing edge of the first INTA pulse", so it is in the cycle after it that master and slave
take the level in service and forget the request (**choice**: the datasheet does not say when a slave does).
Between the pulses a master keeps INT low.
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
        self.sampled = 0
        self.armed = 0
        self.isr = 0
        self.imr = 0xFF
        self.base = 0
        self.icw3 = 7
        self.next = _Next.OCW1
        self.level_triggered = self.single = self.needs_icw4 = False
        self.special_fully_nested = self.buffered = self.buffered_master = self.auto_eoi = False
        self.bottom = 7
        self.special_mask = self.read_isr = self.poll = self.rotate_on_auto_eoi = False
        # What the last first INTA pulse or poll command froze: a level, and whether anybody asked for it.
        self.level = 7
        self.resolved = False
        # How far an INTA sequence is: the cycle after its first pulse; its second pulse is next.
        self.after_first = self.second = False
        self.cas = 0

    @property
    def irr(self) -> int:
        """EDGE AND LEVEL TRIGGERED MODES: a line that is high; in edge mode, if it was low since its last
        acknowledge. So a request that goes away before INTA is gone."""
        return self.sampled if self.level_triggered else self.sampled & self.armed

    @property
    def is_master(self) -> bool:
        """BUFFERED MODE: there ICW4 says what SP/EN# says otherwise."""
        return self.buffered_master if self.buffered else self.sp

    def candidate(self) -> int | None:
        """FULLY NESTED MODE: the level that an INTA pulse would acknowledge, or None.

        A level is held back by those of its own or of higher priority that are in service.
        """
        if self.next is not _Next.OCW1:
            return None
        requests = self.irr & ~self.imr
        # SPECIAL MASK MODE: a masked level that is in service holds nothing back.
        in_service = self.isr & ~self.imr if self.special_mask else self.isr
        for level in self._by_priority():
            requested, busy = requests >> level & 1, in_service >> level & 1
            if busy:
                # SPECIAL FULLY NESTED MODE: a slave in service may ask for more.
                return level if requested and self.special_fully_nested and self._has_slave(level) else None
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
            int_=self.candidate() is not None and not (self.second and (self.single or self.is_master)),
            data=self._read(inputs.a0),
            vector=self.base | self.level if self._drives_vector(inputs) else None,
            cas=self.cas,
            registers=PicRegisters(self.irr, self.isr, self.imr),
        )

    def clock(self, inputs: PicInputs) -> None:
        """The rising edge."""
        candidate = self.candidate()
        first, last = inputs.inta and not self.second, inputs.inta and self.second
        polled = inputs.read and self.poll and not inputs.write and not inputs.inta
        writes = inputs.write and not inputs.inta
        initialises = writes and not inputs.a0 and bool(inputs.data & 0x10)
        meant = self.single or self.is_master or self._called(inputs)
        taken = polled or (self.after_first and meant)
        ended = (polled or (last and meant)) and self.auto_eoi
        frozen = 1 << self.level if self.resolved else 0
        armed = self.armed
        if writes:
            self._write(inputs.a0, inputs.data, candidate)
        if taken and not initialises:
            self.isr |= frozen
            armed &= ~frozen
        if ended and self.resolved:
            self._end_automatically()
        if polled:
            self.poll = False
        self.after_first = first
        if first:
            self._freeze(candidate)
            cascades = candidate is not None and self._has_slave(candidate)
            self.cas = self.level if cascades else 0
            self.second = True
        if last:
            self.cas = 0
            self.second = False
        # A line that is low arms its edge detector. ICW1: a line has to make an edge from now on.
        self.armed = 0 if initialises else armed | (~self.sampled & 0xFF)
        self.sampled = inputs.ir
        if inputs.reset:
            self.reset()

    def _by_priority(self) -> list[int]:
        """The levels, highest priority first (AUTOMATIC and SPECIFIC ROTATION)."""
        return [(self.bottom + 1 + offset) % 8 for offset in LEVELS]

    def _has_slave(self, level: int) -> bool:
        return self.is_master and not self.single and bool(self.icw3 >> level & 1)

    def _called(self, inputs: PicInputs) -> bool:
        """CASCADE MODE: a slave answers if the master calls its number."""
        return inputs.cas == self.icw3 & 7

    def _drives_vector(self, inputs: PicInputs) -> bool:
        """INTERRUPT SEQUENCE, 8086: the second pulse reads the vector from whom the first one found."""
        if not (inputs.inta and self.second):
            return False
        if self.single or self.is_master:
            return not (self.resolved and self._has_slave(self.level))
        return self._called(inputs)

    def _freeze(self, candidate: int | None) -> None:
        """What follows is about this level. No request any more: level 7, without an in-service bit."""
        self.level = 7 if candidate is None else candidate
        self.resolved = candidate is not None

    def _end_automatically(self) -> None:
        """AUTOMATIC END OF INTERRUPT, after the last INTA pulse; of a master also what its slave answers."""
        self.isr &= ~(1 << self.level)
        if self.rotate_on_auto_eoi:
            self.bottom = self.level

    def _read(self, a0: bool) -> int:
        """READING THE 8259A STATUS, and the POLL COMMAND, which goes before it."""
        if self.poll:
            return 0x80 | self.level if self.resolved else 0
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
                # POLL COMMAND: "Interrupt is frozen from WR to RD."
                self._freeze(candidate)
        else:
            self._ocw2(data)

    def _icw1(self, data: int) -> None:
        """INITIALIZATION COMMAND WORD 1. Clears the ISR too (**choice**: the datasheet does not say)."""
        self.level_triggered = bool(data & 0x08)
        self.single = bool(data & 0x02)
        self.needs_icw4 = bool(data & 0x01)
        self.next = _Next.ICW2
        self.imr = self.isr = 0
        self.icw3 = self.bottom = 7
        self.special_mask = self.read_isr = self.poll = self.rotate_on_auto_eoi = False
        self.special_fully_nested = self.buffered = self.buffered_master = self.auto_eoi = False
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
        self.special_fully_nested = bool(data & 0x10)
        self.buffered = bool(data & 0x08)
        self.buffered_master = bool(data & 0x04)
        self.auto_eoi = bool(data & 0x02)

    def _ocw2(self, data: int) -> None:
        """OPERATION CONTROL WORD 2: R, SL and EOI decide; a rotation puts its level at the bottom."""
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
                self.bottom = level
            case 0b110:
                self.bottom = level
            case _:
                pass  # 010: no operation

    def _non_specific_eoi(self, rotate: bool) -> None:
        """Ends the level in service of the highest priority; in special mask mode not a masked one."""
        ending = self.isr & ~self.imr if self.special_mask else self.isr
        for level in self._by_priority():
            if ending >> level & 1:
                self.isr &= ~(1 << level)
                if rotate:
                    self.bottom = level
                return

    def _ocw3(self, data: int) -> None:
        """OPERATION CONTROL WORD 3: special mask mode, poll, register to read. Poll goes before RR."""
        if data & 0x40:
            self.special_mask = bool(data & 0x20)
        if data & 0x04:
            self.poll = True
        elif data & 0x02:
            self.read_isr = bool(data & 0x01)
