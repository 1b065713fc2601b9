"""Random stimulus for lanes: described once, in bits, and so the same on every engine.

Four xorshift generators of 32 bits give each lane 128 random bits a cycle; from these come all inputs of the
PC, with probabilities that themselves change now and then, so that crowded and quiet stretches come up. What
the description computes with is up to the caller: Amaranth's values, gates, or Python's 0 and 1.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ...model.lanes.bits import Bit, Logic, Word
from ...model.registers import CASCADE_IRQ, PIC_MASTER, PIC_SLAVE, PORT_F0, PORT_F1, Msr, Operation
from ..lanes.generators import TRIPLES, seed_words, xorshift

WORDS = tuple(f"word{number}" for number in range(len(TRIPLES)))
STATE = {
    **dict.fromkeys(WORDS, 32),
    "mix": 16,
    "valid": 1,
    "code": 5,
    "family": 2,
    "raises": 7,
    "control": 6,
    "status": 8,
    "pin": 1,
    "cr0": 4,
    "irq": 16,
    "bios_word": 4,
    "single": 1,
    "held": 1,
    "intr": 1,
}
"""Its registers and their widths. All begin with 0 but the words, which are seeds."""
FEEDBACK = ("held", "intr")
"""What it sees of the PC, a cycle later: the operation is frozen or in its window; INTR."""
BIOS_WORD_COUNT = 10
"""Words with which a BIOS sets both 8259As up; at this index nothing is left to write."""


class LaneStimulus(NamedTuple):
    """The inputs of a cycle, and the registers of the next."""

    inputs: dict[str, Word]
    """By the flat names of the PC's ports."""
    next: dict[str, Word]


class _Tape:
    """Random bits, one after the other; after the last one the first ones again."""

    def __init__(self, bits: Word, logic: Logic) -> None:
        self._bits = bits
        self._logic = logic
        self._at = 0

    def take(self, count: int) -> Word:
        taken = [self._bits[(self._at + index) % len(self._bits)] for index in range(count)]
        self._at += count
        return taken

    def one(self) -> Bit:
        return self.take(1)[0]

    def rarely(self, power: int) -> Bit:
        """1 with a probability of 1 in 2 to this power."""
        return self._logic.all(self.take(power))

    def often(self, power: int) -> Bit:
        """1 with a probability of 1 less than all."""
        return self._logic.any(self.take(power))


def stimulus(state: Mapping[str, Word], feedback: Mapping[str, Bit], one: Bit) -> LaneStimulus:
    """A cycle of it.

    Parameters
    ----------
    state: STATE as words of bits, the lowest first.
    feedback: FEEDBACK, as it is in this cycle.
    one: the constant 1; bits know `&`, `|` and `^`.
    """
    return _Stimulus(state, feedback, one).result()


class _Stimulus(Logic):
    def __init__(self, state: Mapping[str, Word], feedback: Mapping[str, Bit], one: Bit) -> None:
        super().__init__(one)
        self._state = state
        self._feedback = feedback
        self._tape = _Tape([bit for word in WORDS for bit in state[word]], self)
        self._mix = state["mix"]

    def result(self) -> LaneStimulus:
        remix = self._tape.rarely(9)
        after = {
            word: xorshift(self._state[word], *shifts) for word, shifts in zip(WORDS, TRIPLES, strict=True)
        }
        fresh = after[WORDS[-1]][:16]
        after["mix"] = self.select(remix, fresh, self._mix)
        after |= {name: [self._feedback[name]] for name in FEEDBACK}
        inputs: dict[str, Word] = {}
        for part in (self._operation, self._pins, self._msr, self._io):
            part(inputs, after)
        # A new mixture begins with a BIOS that sets the 8259As up.
        zero = self.zero
        after["bios_word"] = [self.mux(remix, zero, bit) for bit in after["bios_word"]]
        return LaneStimulus(inputs, after)

    def _operation(self, inputs: dict[str, Word], after: dict[str, Word]) -> None:
        state, tape, mix = self._state, self._tape, self._mix
        inputs["op_valid"] = state["valid"]
        inputs["op_code"], inputs["op_family"] = state["code"], state["family"]
        inputs["op_raises"] = state["raises"]
        inputs["op_control"] = (state["control"] * 3)[:16]
        inputs["op_status"] = (state["status"] * 2)[:16]
        drop = self.mux(mix[2], tape.rarely(2), tape.rarely(5))
        keep = state["valid"][0] & state["held"][0] & self.invert(drop)
        often, half, seldom = tape.often(2), tape.one(), tape.rarely(3)
        new = {
            "valid": [self.mux(mix[0], often, self.mux(mix[1], half, seldom))],
            "code": self._code(tape.take(5)),
            "family": self._family(tape.take(2)),
            "raises": self._raises(),
        }
        control, status = tape.one(), tape.one()
        new["control"] = [bit & control for bit in tape.take(6)]
        new["status"] = [bit & status for bit in tape.take(8)]
        for name, word in new.items():
            after[name] = self.select(keep, state[name], word)

    def _code(self, code: Word) -> Word:
        """Codes that there are not become FWAIT, or more often arithmetic."""
        beyond = code[4] & (code[3] | code[2])
        assert max(Operation) == 19
        assert (Operation.ARITHMETIC, Operation.FWAIT) == (0, 1)
        wait = code[0] & code[1]
        return [self.mux(beyond, wait, code[0]), *(bit & self.invert(beyond) for bit in code[1:])]

    def _family(self, bits: Word) -> Word:
        return [bits[0] & self.invert(bits[1]), bits[1] & self.invert(bits[0])]

    def _raises(self) -> Word:
        tape, mix = self._tape, self._mix
        some = mix[4] | tape.rarely(2)
        return [bit & (mix[3] | thin) & some for bit, thin in zip(tape.take(7), tape.take(7), strict=True)]

    def _pins(self, inputs: dict[str, Word], after: dict[str, Word]) -> None:
        state, tape, mix = self._state, self._tape, self._mix
        inputs["ignne_drive_n"] = [self.invert(state["pin"][0])]
        inputs["cr0_mp"], inputs["cr0_em"], inputs["cr0_ts"], inputs["cr0_ne"] = (
            [bit] for bit in state["cr0"]
        )
        inputs["irq"] = state["irq"]
        inputs["reset"] = [tape.rarely(10)]
        inputs["guest_mode"] = [mix[12] & tape.one()]
        inputs["intercept_ferr_freeze"] = [tape.one()]
        inputs["msr_response_ready"] = [mix[10] | tape.often(2)]
        inputs["enable_write"] = [tape.rarely(7)]
        inputs["enable_value"] = [tape.often(2)]
        ready, seldom, stray = tape.often(2), tape.rarely(3), tape.rarely(6)
        inputs["inta"] = [self.mux(state["intr"][0], self.mux(mix[13], ready, seldom), stray)]
        turn = mix[6] & self.mux(mix[5], tape.rarely(2), tape.rarely(6))
        after["pin"] = [state["pin"][0] ^ turn]
        change = mix[7] & tape.rarely(4)
        other = [tape.rarely(3), tape.rarely(3), tape.rarely(3), tape.one()]
        after["cr0"] = self.select(change, other, state["cr0"])
        toggles = self.decoded(tape.take(4))
        moves = mix[8] & tape.rarely(3)
        after["irq"] = [old ^ (toggle & moves) for old, toggle in zip(state["irq"], toggles, strict=True)]

    def _msr(self, inputs: dict[str, Word], after: dict[str, Word]) -> None:
        tape, mix = self._tape, self._mix
        seldom = tape.rarely(5)
        inputs["msr_request_valid"] = [self.mux(mix[9], tape.rarely(2), seldom)]
        inputs["msr_request_write"] = [tape.often(2)]
        ignne = tape.one()
        turns = self.decoded(tape.take(5))
        strange, wrong, high = tape.rarely(3), tape.rarely(2), tape.one()
        address, hwcr = [], self.constant(Msr.HWCR, 32)
        for index, turned in enumerate(turns):
            value = ignne if (Msr.HWCR ^ Msr.IGNNE) >> index & 1 else hwcr[index]
            address.append(value ^ (turned & strange))
        inputs["msr_request_address"] = address
        low = [turned & wrong & self.invert(high) for turned in turns]
        data = [*low, *(turned & wrong & high for turned in turns)]
        for index in (0, 7, 8):
            # The bits that each register has, mostly in the right one.
            mine = ignne if index == 0 else self.invert(ignne)
            data[index] = data[index] ^ (mine & tape.one())
        inputs["msr_request_data"] = data
        user = tape.rarely(4)
        inputs["msr_request_cpl"] = [user & bit for bit in tape.take(2)]

    def _io(self, inputs: dict[str, Word], after: dict[str, Word]) -> None:
        """OUTs to F0h and to the 8259As, and IN; first the words that initialise both."""
        state, tape, mix = self._state, self._tape, self._mix
        index = state["bios_word"]
        done = self.equal(index, BIOS_WORD_COUNT)
        setting_up = self.invert(done)
        words, single = self._initialisation(index)
        now = self.mux(mix[11], tape.rarely(2), tape.rarely(5))
        writes = self.invert(done) | tape.often(3)
        inputs["io_write"] = [now & writes]
        inputs["io_read"] = [now & self.invert(writes)]
        port, data = self._access()
        inputs["io_address"] = self.select(setting_up, words[0], port)
        inputs["io_write_data"] = self.select(setting_up, words[1], data)
        after["single"] = [single]
        # ICW3 is left out of a single 8259A.
        step = now & setting_up
        skips = step & state["single"][0] & (self.equal(index, 1) | self.equal(index, 6))
        after["bios_word"] = self.plus(self.plus(index, step), skips)

    def _access(self) -> tuple[Word, Word]:
        tape = self._tape
        choice = self.decoded(tape.take(4))
        ports = [PORT_F0] * 6 + [PIC_MASTER, PIC_MASTER, PIC_MASTER + 1, PIC_MASTER + 1]
        ports += [PIC_SLAVE, PIC_SLAVE, PIC_SLAVE + 1, PIC_SLAVE + 1, PORT_F1, PORT_F0]
        turns = self.decoded(tape.take(4))
        port = []
        for index in range(16):
            bit = self.any([chosen for chosen, one in zip(choice, ports, strict=True) if one >> index & 1])
            port.append(bit ^ (turns[index] & choice[15]))
        data, thin = tape.take(8), tape.take(8)
        odd = self.any([choice[8], choice[9], choice[12], choice[13]])
        # An OCW1 masks few; an ICW1 comes in whole initialisations, and now and then alone.
        data = [bit & (self.invert(odd) | other) for bit, other in zip(data, thin, strict=True)]
        data[4] = data[4] & (odd | tape.rarely(4))
        return port, data

    def _initialisation(self, index: Word) -> tuple[tuple[Word, Word], Bit]:
        """Port and byte of a word that initialises, and whether the 8259A is a single one."""
        tape, state = self._tape, self._state
        slave = self.any([self.equal(index, number) for number in range(5, 10)])
        first = self.equal(index, 0) | self.equal(index, 5)
        base, cascade, last, masks = (
            self.equal(index, number) | self.equal(index, number + 5) for number in range(1, 5)
        )
        port = self.constant(PIC_MASTER, 16)
        port[0] = self.invert(first)
        port[7] = slave
        assert PIC_MASTER ^ PIC_SLAVE == 1 << 7
        alone = tape.rarely(3)
        odd = tape.take(8)
        strange = tape.rarely(3)
        icw1 = self.constant(0x11, 8)
        icw1[1], icw1[3] = alone, tape.rarely(2)
        icw4 = self.constant(0x01, 8)
        icw4[1], icw4[4], icw4[3], icw4[2] = tape.rarely(2), tape.rarely(2), tape.rarely(3), tape.one()
        icw2 = self.select(slave, self.constant(0x70, 8), self.constant(0x08, 8))
        icw3 = self.select(slave, self.constant(CASCADE_IRQ, 8), self.constant(1 << CASCADE_IRQ, 8))
        ocw1 = [bit & strange for bit in odd]
        byte = [
            self.any(
                [
                    first & icw1[bit],
                    base & self.mux(strange, odd[bit], icw2[bit]),
                    cascade & self.mux(strange, odd[bit], icw3[bit]),
                    last & icw4[bit],
                    masks & ocw1[bit],
                ]
            )
            for bit in range(8)
        ]
        # ICW4 is needed, so its bit stays; the single bit is remembered until ICW3 would come.
        return (port, byte), self.mux(first, alone, state["single"][0])


def seeds(seed: int, lanes: int, first: int = 0) -> dict[str, np.ndarray]:
    """A seed for each generator in each lane, none of them 0; lane n always gets the same ones.

    Parameters
    ----------
    seed : int
        Of all lanes.
    lanes : int
        How many.
    first : int
        The number of the first.
    """
    return {word: seed_words(seed * len(WORDS) + index, lanes, first) for index, word in enumerate(WORDS)}
