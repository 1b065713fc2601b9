"""The 8259A by the paragraphs of its datasheet (Intel 231468), as transactions with what has to come.

A case is a line of words, each one or more cycles of the PC's bus, for master `m` and slave `s`, A0 = 0 or 1:

    init            both as a BIOS sets them up: edge, ICW2 08h and 70h, ICW3 04h and 02h, ICW4 01h; no masks
    m0:0C           write 0Ch; `rs0=85` reads, and 85h has to come
    +14, -14        IRQ 14 rises, falls, in a cycle of its own; `inta1/+13` in the cycle of the pulse
    inta1, inta2=76 a pulse; the second gives vector 76h, or FFh if nobody answers; `inta=76` is both in a row
    .               an idle cycle
    int=1, slave=0  INTR, or INT of the slave, after four idle cycles; `intr=1`, `sint=0` in the next cycle
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ...model.chipset import IoAccess
from ...model.pc import PcInputs, PcOutputs
from ...model.registers import PIC_MASTER, PIC_SLAVE

INIT = "m0:11 m1:08 m1:04 m1:01 s0:11 s1:70 s1:02 s1:01 m1:00 s1:00"
SETTLE = 4


class Transaction(NamedTuple):
    """A cycle of a case."""

    word: str
    inputs: PcInputs
    expects: tuple[str, int] | None = None
    """The signal that is looked at, and its value."""

    def mismatch(self, outputs: PcOutputs) -> str | None:
        """What a cycle showed instead of what had to come."""
        if self.expects is None:
            return None
        name, value = self.expects
        got = int(getattr(outputs, name))
        return None if got == value else f"{self.word}: {name} is {got:02X}h"


class PicCase(NamedTuple):
    """A paragraph's statement and the transactions that show it."""

    name: str
    paragraph: str
    text: str

    @property
    def rule(self) -> str:
        """The paragraph of the datasheet, in words."""
        return f"Intel 8259A, {self.paragraph}"

    def transactions(self) -> Iterator[Transaction]:
        """Cycle by cycle."""
        irq = 0
        for word in self.text.replace("init", INIT).split():
            for part, last in _parts(word):
                act, _, line = part.rpartition("/") if "/" in part else ("", "", part)
                if line[0] in "+-":
                    bit = 1 << int(line[1:])
                    irq = irq | bit if line[0] == "+" else irq & ~bit
                    part = act or "."
                one = _transaction(part, irq)
                yield one._replace(word=word, expects=one.expects if last else None)


def _parts(word: str) -> list[tuple[str, bool]]:
    """The cycles of a word; only the last one is looked at."""
    name, equals, value = word.partition("=")
    if name == "inta":
        return [("inta1", False), (f"inta2{equals}{value}", True)]
    if name in ("int", "slave"):
        signal = {"int": "intr", "slave": "sint"}[name]
        return [(".", False)] * SETTLE + [(f"{signal}={value}", True)]
    return [(word, True)]


def _transaction(part: str, irq: int) -> Transaction:
    name, _, value = part.partition("=")
    number = int(value, 16) if value else None
    if name in ("inta1", "inta2"):
        return Transaction(part, PcInputs(irq=irq, inta=True), None if number is None else ("vector", number))
    if name in ("intr", "sint"):
        assert number is not None
        return Transaction(part, PcInputs(irq=irq), ({"intr": "intr", "sint": "slave_int"}[name], number))
    if name == ".":
        return Transaction(part, PcInputs(irq=irq))
    read = name[0] == "r"
    chip, _, data = name.lstrip("r").partition(":")
    port = {"m": PIC_MASTER, "s": PIC_SLAVE}[chip[0]] | int(chip[1])
    access = IoAccess(port) if read else IoAccess(port, True, int(data, 16))
    return Transaction(part, PcInputs(irq=irq, io=access), None if number is None else ("io_data", number))


EOI = "s0:20 m0:20"
_CASES = f"""
# The cascade, in the points where a request was lost
lost-in-inta | INTERRUPT SEQUENCE: the slave's next request is an edge
    init +14 int=1 inta1/+13 inta2=76 {EOI} int=1 inta=75
lost-in-inta-later | INTERRUPT SEQUENCE: the same, a cycle later
    init +14 int=1 inta1 +13 inta2=76 {EOI} int=1 inta=75
lost-in-poll | POLL COMMAND: INT is low after the read
    init +13 int=1 m0:0C rm0=82 s0:0C +8 rs0=85 {EOI} int=1 inta=70
lost-in-aeoi | AUTOMATIC END OF INTERRUPT: pulses in consecutive cycles
    m0:11 m1:08 m1:04 m1:03 s0:11 s1:70 s1:02 s1:03 +13 +11 int=1 inta=73 int=1 inta=75
poll-then-inta | POLL COMMAND: an INTA sequence ends the poll
    init m0:0C +3 int=1 inta=0B m0:20 rm0=00 m0:0B rm0=00
default-7-with-slave | CASCADE MODE: without a request the slave on IR7 answers
    m0:11 m1:08 m1:80 m1:01 s0:11 s1:70 s1:07 s1:01 inta=77
int-between-pulses | INTERRUPT SEQUENCE: INT stays up to the end of the last pulse
    init +3 int=1 inta1 intr=1 inta2=0B intr=0 int=0
int-rests | INTERRUPT SEQUENCE: INT is low for a cycle whatever is pending (choice: one)
    init +3 +1 int=1 inta1 inta2=09 m0:20 intr=1 inta=0B
uncalled-slave | CASCADE MODE: INT of a slave that is not called stays
    init +13 +1 slave=1 inta1 sint=1 inta2=09 sint=1 m0:20 int=1 inta=75
uncalled-slave-keeps-its-poll | POLL COMMAND: a sequence of others changes nothing
    init +13 s0:0C +1 int=1 inta=09 rs0=85 s0:0B rs0=20
requests-are-held | INTERRUPT SEQUENCE: IRR is held from the first pulse on
    init +3 int=1 inta1/+5 . inta2=0B rm0=20 m0:20 int=1 inta=0D
edge-in-a-sequence | INTERRUPT SEQUENCE: an edge in it counts after it
    init +3 int=1 inta1/-3 +3 inta2=0B m0:20 int=1 inta=0B
# Initialisation
icw2-base | ICW2: bits 7 to 3 are the vector's
    m0:13 m1:77 m1:01 +5 int=1 inta=75
icw1-needs-an-edge | ICW1: after it a line has to rise
    init +3 int=1 init int=0 -3 +3 int=1
icw1-clears-imr | ICW1: IMR is cleared
    init m1:FF m0:13 m1:08 m1:01 rm1=00
icw1-clears-isr | ICW1: ISR is cleared (choice: the datasheet does not say)
    init +3 int=1 inta=0B m0:13 m1:08 m1:01 m0:0B rm0=00
icw1-ends-a-sequence | ICW1: it ends a poll
    init +3 m0:0C m0:13 m1:08 m1:01 rm0=00
icw3-slave | ICW3: a slave answers its number only
    m0:11 m1:08 m1:04 m1:01 s0:11 s1:70 s1:03 s1:01 +14 int=1 inta=FF
# Requests
edge-once | EDGE TRIGGERED MODE: a line counts once
    init +4 int=1 inta=0C m0:20 int=0 -4 +4 int=1
edge-withdrawn | EDGE TRIGGERED MODE: a request that goes away is gone
    init +4 int=1 -4 int=0
level-again | LEVEL TRIGGERED MODE: a line counts while it is high
    m0:1B m1:08 m1:01 +4 int=1 inta=0C int=0 m0:20 int=1
spurious | INTERRUPT SEQUENCE: without a request level 7, and nothing in service
    init +4 int=1 -4 inta=0F m0:0B rm0=00
spurious-slave | INTERRUPT SEQUENCE: the same of a slave that is called
    init +14 int=1 inta1/-14 inta2=76 {EOI} -14 +14 int=1 s1:FF inta=77 s0:0B rs0=00 m0:0B rm0=04
masked | INTERRUPT MASK REGISTER: IRR shows a masked request
    init m1:10 +4 int=0 rm0=10 m1:00 int=1
# Priority
fully-nested | FULLY NESTED MODE: only a higher level interrupts
    init +4 int=1 inta=0C +5 int=0 +3 int=1 inta=0B
special-mask | SPECIAL MASK MODE: a masked level in service holds nothing back
    init +3 int=1 inta=0B m1:08 +5 int=0 m0:68 int=1 inta=0D
special-mask-unmasked | SPECIAL MASK MODE: one that is not masked does (choice)
    init +3 int=1 inta=0B m0:68 +5 int=0
special-fully-nested | SPECIAL FULLY NESTED MODE: a slave in service may ask again
    m0:11 m1:08 m1:04 m1:11 s0:11 s1:70 s1:02 s1:01 +14 int=1 inta=76 +11 int=1 inta=73
not-special-fully-nested | FULLY NESTED MODE: else it may not
    init +14 int=1 inta=76 +11 int=0 {EOI} int=1 inta=73
rotate-on-eoi | AUTOMATIC ROTATION: the level that is ended is the last
    init +4 int=1 inta=0C m0:A0 -4 +4 +5 int=1 inta=0D
rotate-specific | SPECIFIC ROTATION: set priority
    init m0:C3 +3 +4 int=1 inta=0C
rotate-nothing | AUTOMATIC ROTATION: with nothing in service nothing moves (choice)
    init m0:A0 +0 +7 int=1 inta=08
rotate-in-aeoi | AUTOMATIC ROTATION: in AEOI mode
    m0:13 m1:08 m1:03 m0:80 +4 int=1 inta=0C -4 +4 +5 int=1 inta=0D
# End of interrupt
eoi-highest | END OF INTERRUPT: without a level the highest one
    init +5 int=1 inta=0D +1 int=1 inta=09 m0:20 m0:0B rm0=20
eoi-specific | END OF INTERRUPT: the level that is named
    init +5 int=1 inta=0D +1 int=1 inta=09 m0:65 m0:0B rm0=02
eoi-spares-masked | SPECIAL MASK MODE: EOI without a level spares a masked one
    init +5 int=1 inta=0D +1 int=1 inta=09 m1:02 m0:68 m0:20 m0:0B rm0=02
aeoi | AUTOMATIC END OF INTERRUPT: with the last pulse
    m0:13 m1:08 m1:03 +5 int=1 inta=0D m0:0B rm0=00
# Reading
read-irr-isr | READING THE 8259A STATUS: OCW3 selects, and it stays
    init +6 int=1 inta=0E +1 rm0=02 m0:0B rm0=40 rm0=40 m0:0A rm0=02
read-imr | READING THE 8259A STATUS: A0 = 1 reads IMR
    init m1:A5 m0:0B rm1=A5
poll | POLL COMMAND: the read acknowledges and reports once
    init +6 +3 m0:0C rm0=83 rm0=40 m0:0B rm0=08
poll-nothing | POLL COMMAND: nothing asks
    init m0:0C rm0=00 m0:0B rm0=00
poll-holds-its-level | POLL COMMAND: from WR to RD
    init +6 m0:0C +3 rm0=86 m0:0B rm0=40
poll-int | POLL COMMAND: INT is not silent until the read (choice)
    init m0:0C +3 int=1
poll-before-read | READING THE 8259A STATUS: a poll goes before RR (choice)
    init +6 m0:0F rm0=86 rm0=00
poll-then-selection | READING THE 8259A STATUS: the selection stays over a poll (choice)
    init m0:0B +6 m0:0C rm0=86 rm0=40
poll-again | POLL COMMAND: OCW3 before the read polls anew (choice)
    init +6 m0:0C +3 m0:0C rm0=83
poll-in-aeoi | AUTOMATIC END OF INTERRUPT: a poll puts nothing in service (choice)
    m0:13 m1:08 m1:03 +3 m0:0C rm0=83 m0:0B rm0=00
"""
CASES = tuple(
    PicCase(*(part.strip() for part in (*title.split("|"), text)))
    for title, text in re.findall(r"^(\S+ \| .*)\n +(.*)$", _CASES, re.MULTILINE)
)
"""All of them; the statements marked choice are those on which the datasheet is silent."""
