"""The 8259A interrupt controller in 8086 mode (Intel 8259A datasheet, order number 231468).

Each section of the datasheet is named where its rule stands. The chip has no clock; here an IR input is
sampled once a cycle, and everything else follows in the same cycle. It has no RESET pin either: RESET gives
the state at power-up, with every level masked (**choice**: as in the south bridges that contain it).
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
        # Between the two INTA pulses: the level that the first one froze, and what it decided.
        self.second = self.resolved = self.addressed = False
        self.level = 7

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
        candidate = self.candidate()
        selected, resolved = self.level, self.resolved
        if inputs.inta and not self.second:
            selected, resolved = (7 if candidate is None else candidate), candidate is not None
        cascades = (inputs.inta or self.second) and resolved and self._has_slave(selected)
        return PicOutputs(
            int_=candidate is not None,
            data=self._read(inputs.a0, candidate),
            vector=self.base | self.level if inputs.inta and self.second and self.addressed else None,
            cas=selected if cascades else 0,
            registers=PicRegisters(self.irr, self.isr, self.imr),
        )

    def clock(self, inputs: PicInputs) -> None:
        """The rising edge."""
        armed = self.armed
        acknowledged = None
        initialises = False
        if inputs.inta:
            acknowledged = self._inta(inputs)
        elif inputs.write:
            initialises = not inputs.a0 and bool(inputs.data & 0x10)
            if initialises:
                # ICW1: a line has to make an edge from now on.
                armed = 0
            self._write(inputs.a0, inputs.data)
        elif inputs.read and self.poll:
            self.poll = False
            acknowledged = self.candidate()
            if acknowledged is not None:
                self._acknowledge(acknowledged)
                self._end_automatically(acknowledged)
        if acknowledged is not None:
            armed &= ~(1 << acknowledged)
        # A line that is low arms its edge detector.
        if not initialises:
            armed |= ~self.sampled & 0xFF
        self.armed = armed
        self.sampled = inputs.ir
        if inputs.reset:
            self.reset()

    def _by_priority(self) -> list[int]:
        """The levels, highest priority first (AUTOMATIC and SPECIFIC ROTATION)."""
        return [(self.bottom + 1 + offset) % 8 for offset in LEVELS]

    def _has_slave(self, level: int) -> bool:
        return self.is_master and not self.single and bool(self.icw3 >> level & 1)

    def _inta(self, inputs: PicInputs) -> int | None:
        """INTERRUPT SEQUENCE, 8086: two pulses. Returns the level that this one acknowledges."""
        if self.second:
            self.second = False
            if self.addressed and self.resolved:
                self._end_automatically(self.level)
            return None
        candidate = self.candidate()
        self.second = True
        # CASCADE MODE: a slave answers if the master calls its number.
        slave_called = inputs.cas == self.icw3 & 7
        cascades = candidate is not None and self._has_slave(candidate)
        self.addressed = self.single or (not cascades if self.is_master else slave_called)
        takes = self.single or self.is_master or slave_called
        # No request any more: level 7, without an in-service bit (a spurious interrupt).
        self.level = 7 if candidate is None else candidate
        self.resolved = candidate is not None and takes
        if candidate is None or not takes:
            return None
        self._acknowledge(candidate)
        return candidate

    def _acknowledge(self, level: int) -> None:
        self.isr |= 1 << level

    def _end_automatically(self, level: int) -> None:
        """AUTOMATIC END OF INTERRUPT, after the last INTA pulse."""
        if self.auto_eoi:
            self.isr &= ~(1 << level)
            if self.rotate_on_auto_eoi:
                self.bottom = level

    def _read(self, a0: bool, candidate: int | None) -> int:
        """READING THE 8259A STATUS, and the POLL COMMAND, which goes before it."""
        if self.poll:
            return 0 if candidate is None else 0x80 | candidate
        if a0:
            return self.imr
        return self.isr if self.read_isr else self.irr

    def _write(self, a0: bool, data: int) -> None:
        if a0:
            self._write_odd(data)
        elif data & 0x10:
            self._icw1(data)
        elif data & 0x08:
            self._ocw3(data)
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
