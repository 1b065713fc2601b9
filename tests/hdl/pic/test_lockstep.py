"""Model and HDL of the 8259A in lockstep, over random words, lines and pulses."""

import random

import pytest
from irq13.model.pic import PicInputs
from support.driven_pic import HdlPic, ModelPic


def stimulus(seed, cycles):
    """Random accesses, INTA pulses and lines, between initialisations in every mode."""
    pick = random.Random(seed)
    ir, words, pulses = 0, [], 0
    for cycle in range(cycles):
        if cycle % 250 == 0:
            icw1 = 0x11 | pick.choice((0, 0x08)) | pick.choice((0, 0x02)) ^ pick.choice((0, 0, 0, 1))
            words = [(0, icw1), (1, pick.getrandbits(8))]
            words += [] if icw1 & 2 else [(1, pick.choice((0x24, 0x02, pick.getrandbits(8))))]
            words += [(1, pick.getrandbits(5))] if icw1 & 1 else []
            words += [(1, pick.getrandbits(8) & pick.getrandbits(8))]
            calm = pick.choice((0.02, 0.3))
        if pick.random() < calm:
            ir ^= 1 << pick.randrange(8)
        draw = pick.random()
        write, a0, data = False, pick.getrandbits(1), pick.getrandbits(8)
        if pulses == 0 and words:
            write, (a0, data) = True, words.pop(0)
        elif draw < 0.2:
            write = True
            data = data & ~0x10 if not a0 else data & pick.getrandbits(8)
        elif draw < 0.3 and not pulses:
            pulses = 2
        inta = pulses > 0 and pick.random() < 0.7
        pulses -= inta
        yield PicInputs(
            reset=pick.random() < 0.001,
            ir=ir,
            write=write,
            read=not write and draw > 0.85,
            a0=bool(a0),
            data=data,
            inta=inta,
            cas=pick.choice((0, 2, 2, 4, 7)),
        )


@pytest.mark.parametrize("master", [True, False])
# Lanes compare both 8259As in the PC over millions of cycles, the cascade among them; this is the chip alone.
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_lockstep_over_random_words_lines_and_pulses(seed, master):
    # Every OCW comes up, in every mode.
    chips, written = (ModelPic(master), HdlPic(master)), set()
    vectors = set()
    for cycle, inputs in enumerate(stimulus(seed, 10_000)):
        expected, got = (chip.cycle(inputs) for chip in chips)
        assert expected == got, (cycle, inputs)
        vectors.add(expected.vector)
        if inputs.write and not inputs.a0 and not inputs.data & 0x18:
            written.add(inputs.data >> 5)
    assert written == set(range(8))
    assert len(vectors) > 50
