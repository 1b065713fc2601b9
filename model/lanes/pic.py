"""The 8259A of `pic`, one bit at a time for many chips at once (Intel 8259A datasheet, order number 231468).

Bits and words as in `lanes`. Sections of the datasheet are named where their rules stand.
"""

from collections.abc import Mapping
from typing import NamedTuple

from .bits import Bit, Logic, Word

PIC_STATE = {
    "sampled": (8, 0),
    "armed": (8, 0),
    "irr": (8, 0),
    "isr": (8, 0),
    "imr": (8, 0xFF),
    "base": (5, 0),
    "icw3": (8, 7),
    "next": (3, 0),
    "level_triggered": (1, 0),
    "single": (1, 0),
    "needs_icw4": (1, 0),
    "special_fully_nested_mode": (1, 0),
    "buffered_mode": (1, 0),
    "buffered_master": (1, 0),
    "auto_eoi": (1, 0),
    "lowest_priority": (8, 0x80),
    "special_mask_mode": (1, 0),
    "read_isr": (1, 0),
    "poll": (1, 0),
    "rotate_on_auto_eoi": (1, 0),
    "poll_level": (8, 0),
    "resolved": (8, 0),
    "after_first": (1, 0),
    "second": (1, 0),
    "int_held": (1, 0),
    "answered": (1, 0),
    "cas": (3, 0),
}
"""Registers of a chip: width and value at power-up. `next` has a bit for each of ICW2, ICW3 and ICW4 that the
next write to the odd port is. A bit of `lowest_priority`, `resolved` and `poll_level` is a level, at most one
of each is 1."""


class PicBus(NamedTuple):
    """What a chip sees in a cycle."""

    write: Bit
    read: Bit
    a0: Bit
    data: Word
    inta: Bit
    cas: Word
    sp: Bit


class LanePic:
    """The 8259A. It holds no state.

    Parameters
    ----------
    zero: the constant 0 as a bit.
    """

    def __init__(self, zero: Bit) -> None:
        self.logic = Logic(~zero)

    def settle(self, state: Mapping[str, Word], bus: PicBus) -> "PicState":
        """A chip in a cycle.

        Parameters
        ----------
        state : mapping of str to Word
            The registers of PIC_STATE.
        bus : PicBus
            What the chip sees.
        """
        return PicState(self, state, bus)


class PicState:
    """One cycle of a chip.

    Parameters
    ----------
    pic : LanePic
        The chip.
    state : mapping of str to Word
        Its registers.
    bus : PicBus
        What it sees.

    Attributes
    ----------
    int_: INT.
    data: what a read gives.
    vector, drives: what the second INTA pulse reads, and whether this chip gives it.
    cas: CAS2-CAS0 as a master drives them.
    irr, isr, imr: the registers.
    """

    def __init__(self, pic: LanePic, state: Mapping[str, Word], bus: PicBus) -> None:
        self._logic = pic.logic
        self._zero, self._one = self._logic.zero, self._logic.one
        self._state, self._bus = state, bus
        self.irr, self.isr, self.imr = state["irr"], state["isr"], state["imr"]
        (buffered,), (as_master,) = state["buffered_mode"], state["buffered_master"]
        self._master = (buffered & as_master) | (~buffered & bus.sp)
        (self._alone,) = state["single"]
        cascades = self._master & ~self._alone
        self._slaves = [bit & cascades for bit in state["icw3"]]
        self._prioritise()
        self._acknowledge()
        self.data = self._read()

    def _prioritise(self) -> None:
        """FULLY NESTED MODE: walk down from the highest priority; what is in service stops the walk."""
        state = self._state
        (special,), (nested,) = state["special_mask_mode"], state["special_fully_nested_mode"]
        idle = ~self._logic.any(state["next"])
        asked = [request & ~mask & idle for request, mask in zip(self.irr, self.imr, strict=True)]
        # SPECIAL MASK MODE: a masked level in service holds nothing back.
        self._busy = [served & ~(mask & special) for served, mask in zip(self.isr, self.imr, strict=True)]
        # SPECIAL FULLY NESTED MODE: a slave in service may ask again.
        blocks = list(self._busy)
        takes = [
            request & (~busy | (slave & nested))
            for request, busy, slave in zip(asked, self._busy, self._slaves, strict=True)
        ]
        self._granted = self._highest(takes, [a | b for a, b in zip(takes, blocks, strict=True)])
        self._found = self._logic.any(self._granted)
        self._ended = self._highest(self._busy, self._busy)

    def _highest(self, wanted: Word, stops: Word) -> Word:
        """Those of the wanted levels above which nothing stops the walk: at most one."""
        lowest = self._state["lowest_priority"]
        result = [self._zero] * 8
        # Twice around, so that a walk that begins at any level comes past all of them once.
        walking = self._zero
        for step in range(15):
            level = step % 8
            # The walk begins below the level of the lowest priority, and ends when it has come there.
            first = lowest[(level - 1) % 8]
            walking = walking | first if step < 8 else walking & ~first
            result[level] = result[level] | (walking & wanted[level])
            walking = walking & ~stops[level]
        return result

    def _acknowledge(self) -> None:
        """INTERRUPT SEQUENCE and CASCADE MODE: two INTA pulses."""
        state, bus = self._state, self._bus
        (second,), (after_first,) = state["second"], state["after_first"]
        (held,), (answered,) = state["int_held"], state["answered"]
        self._first_pulse = bus.inta & ~second
        self._last_pulse = bus.inta & second
        self.cas = state["cas"]
        called = self._one
        for bit, mine in zip(bus.cas, state["icw3"][:3], strict=True):
            called = called & ~(bit ^ mine)
        leads = self._alone | self._master
        self._answers = leads | called
        self._acknowledges = after_first & self._answers
        # INT is held to the end of the sequence, and rests in the cycle after it if this chip has answered.
        self.int_ = (second & held) | (~second & self._found & ~answered)
        # Without a request it goes on as with IR7, also for a slave that stands there.
        nobody = ~self._logic.any(state["resolved"])
        self._level = [*state["resolved"][:7], state["resolved"][7] | nobody]
        for_slave = self._logic.any(a & b for a, b in zip(self._level, self._slaves, strict=True))
        self.drives = self._last_pulse & ((leads & ~for_slave) | (~leads & called))
        self.vector = [*self._number(self._level), *state["base"]]

    def _read(self) -> Word:
        """READING THE 8259A STATUS; the POLL COMMAND goes before it."""
        (poll,), (reads_isr,) = self._state["poll"], self._state["read_isr"]
        level = self._state["poll_level"]
        polled = [*self._number(level), *[self._zero] * 4, self._logic.any(level)]
        plain = [
            (self._bus.a0 & mask) | (~self._bus.a0 & ((reads_isr & served) | (~reads_isr & request)))
            for mask, served, request in zip(self.imr, self.isr, self.irr, strict=True)
        ]
        return [(poll & a) | (~poll & b) for a, b in zip(polled, plain, strict=True)]

    def clock(self, ir: Word) -> dict[str, Word]:
        """The registers after the rising edge."""
        state, bus = self._state, self._bus
        write = bus.write & ~bus.inta
        odd, even = write & bus.a0, write & ~bus.a0
        data = bus.data
        icw1 = even & data[4]
        ocw3 = even & ~data[4] & data[3]
        ocw2 = even & ~data[4] & ~data[3]
        after = {name: list(word) for name, word in state.items()}
        (auto,), (rotates,) = state["auto_eoi"], state["rotate_on_auto_eoi"]
        (poll,) = state["poll"]
        (second,) = state["second"]
        polls = bus.read & poll & ~second & ~bus.write & ~bus.inta
        last = self._last_pulse & self._answers
        pairs = list(zip(state["resolved"], state["poll_level"], strict=True))
        taken = [(self._acknowledges & one) | (polls & other) for one, other in pairs]
        finished = [auto & ((last & one) | (polls & other)) for one, other in pairs]
        # AUTOMATIC ROTATION: the level that has been served gets the lowest priority.
        lowest = [rotates & bit for bit in finished]
        ended, lowered = self._end_of_interrupt(ocw2)
        lowest = [a | b for a, b in zip(lowest, lowered, strict=True)]
        after["isr"] = [
            ((old & ~over) | new) & ~done & ~icw1
            for old, over, new, done in zip(self.isr, ended, taken, finished, strict=True)
        ]
        moved = self._logic.any(lowest)
        after["lowest_priority"] = [
            ((moved & new) | (~moved & old)) & ~icw1
            for new, old in zip(lowest, state["lowest_priority"], strict=True)
        ]
        after["lowest_priority"][7] = after["lowest_priority"][7] | icw1
        after["answered"] = [polls | last]
        self._follow_inta(after)
        self._freeze(after, ocw3 & data[2])
        self._write_odd(after, odd)
        self._write_ocw3(after, ocw3, polls)
        nobody = ocw2 & ~data[5] & ~data[6]
        after["rotate_on_auto_eoi"] = [(nobody & data[7]) | (~nobody & rotates)]
        self._write_icw1(after, icw1)
        self._look(after, ir, taken, icw1)
        return after

    def _look(self, after: dict[str, Word], ir: Word, taken: Word, icw1: Bit) -> None:
        """EDGE AND LEVEL TRIGGERED MODES: a line that is high, in edge mode only if it was low before.

        An INTA sequence holds the requests; edges are detected beneath. By now `after` tells whether the
        sequence goes on, and which mode comes.
        """
        state = self._state
        (second,), (level_triggered,) = after["second"], after["level_triggered"]
        after["armed"] = [
            (~line | (old & ~gone)) & ~icw1
            for line, old, gone in zip(state["sampled"], state["armed"], taken, strict=True)
        ]
        after["sampled"] = list(ir)
        after["irr"] = [
            ((second & held) | (~second & line)) & (armed | level_triggered) & ~icw1
            for held, line, armed in zip(self.irr, ir, after["armed"], strict=True)
        ]

    def _follow_inta(self, after: dict[str, Word]) -> None:
        first, last = self._first_pulse, self._last_pulse
        (second,) = after["second"]
        after["second"] = [(second | first) & ~last]
        after["after_first"] = [first]
        level = [*self._granted[:7], self._granted[7] | ~self._found]
        called = self._number([a & b for a, b in zip(level, self._slaves, strict=True)])
        (held,) = after["int_held"]
        after["int_held"] = [(first & self.int_) | (~first & held)]
        after["cas"] = [
            (first & new) | (~first & ~last & old) for new, old in zip(called, after["cas"], strict=True)
        ]

    def _freeze(self, after: dict[str, Word], poll: Bit) -> None:
        """The first INTA pulse resolves a level. The POLL COMMAND holds the one that its read reports, until
        that read or an INTA sequence that this chip answers."""
        first, state = self._first_pulse, self._state
        after["resolved"] = [
            (first & new) | (~first & old) for new, old in zip(self._granted, state["resolved"], strict=True)
        ]
        kept = ~poll & ~self._acknowledges
        after["poll_level"] = [
            (poll & new) | (kept & old) for new, old in zip(self._granted, state["poll_level"], strict=True)
        ]

    def _end_of_interrupt(self, ocw2: Bit) -> tuple[Word, Word]:
        """OPERATION CONTROL WORD 2: R, SL and EOI. Returns what ends, and what gets the lowest priority."""
        data = self._bus.data
        rotate, specific, eoi = data[7], data[6], data[5]
        named = self._logic.decoded(data[:3])
        ended = [
            ocw2 & eoi & ((specific & name) | (~specific & high))
            for name, high in zip(named, self._ended, strict=True)
        ]
        lowest = [
            ocw2 & rotate & ((specific & name) | (~specific & eoi & high))
            for name, high in zip(named, self._ended, strict=True)
        ]
        return ended, lowest

    def _write_odd(self, after: dict[str, Word], odd: Bit) -> None:
        """ICW2, ICW3 and ICW4 in their order, and OCW1."""
        state, data = self._state, self._bus.data
        icw2, icw3, icw4 = state["next"]
        (needs,) = state["needs_icw4"]
        ocw1 = odd & ~icw2 & ~icw3 & ~icw4

        def take(name: str, condition: Bit, word: Word) -> None:
            after[name] = [
                (condition & new) | (~condition & old) for new, old in zip(word, after[name], strict=True)
            ]

        take("imr", ocw1, data)
        take("base", odd & icw2, data[3:])
        take("icw3", odd & icw3, data)
        fourth = odd & icw4
        for name, index in (
            ("special_fully_nested_mode", 4),
            ("buffered_mode", 3),
            ("buffered_master", 2),
            ("auto_eoi", 1),
        ):
            take(name, fourth, [data[index]])
        to_third = icw2 & ~self._alone
        to_fourth = ((icw2 & self._alone) | icw3) & needs
        take("next", odd, [self._zero, to_third, to_fourth])

    def _write_ocw3(self, after: dict[str, Word], ocw3: Bit, polls: Bit) -> None:
        """OPERATION CONTROL WORD 3: the poll bit goes before the choice of a register."""
        data = self._bus.data
        (special,), (isr,), (poll,) = after["special_mask_mode"], after["read_isr"], after["poll"]
        changes = ocw3 & data[6]
        after["special_mask_mode"] = [(changes & data[5]) | (~changes & special)]
        picks = ocw3 & ~data[2] & data[1]
        after["read_isr"] = [(picks & data[0]) | (~picks & isr)]
        after["poll"] = [(poll & ~polls) | (ocw3 & data[2])]

    def _write_icw1(self, after: dict[str, Word], icw1: Bit) -> None:
        """INITIALIZATION COMMAND WORD 1. ISR is cleared too (**choice**: the datasheet does not say)."""
        data = self._bus.data
        for name in (
            "special_mask_mode",
            "read_isr",
            "poll",
            "rotate_on_auto_eoi",
            "special_fully_nested_mode",
            "buffered_mode",
            "buffered_master",
        ):
            after[name] = [bit & ~icw1 for bit in after[name]]
        for name in ("auto_eoi", "second", "cas", "imr"):
            after[name] = [bit & ~icw1 for bit in after[name]]
        for name, index in (("level_triggered", 3), ("single", 1), ("needs_icw4", 0)):
            (old,) = after[name]
            after[name] = [(icw1 & data[index]) | (~icw1 & old)]
        after["next"] = [after["next"][0] | icw1, *(bit & ~icw1 for bit in after["next"][1:])]
        after["icw3"] = [bit | icw1 if index < 3 else bit & ~icw1 for index, bit in enumerate(after["icw3"])]

    def _number(self, one_hot: Word) -> Word:
        return [self._logic.any(one_hot[level] for level in range(8) if level >> bit & 1) for bit in range(3)]
