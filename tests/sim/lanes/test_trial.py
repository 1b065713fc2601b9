"""Anybody's design under stimulus: the same inputs in lanes, in Python and under Amaranth's simulator."""

from itertools import pairwise

import numpy as np
import pytest
from irq13.model.lanes.bits import numbers_of
from irq13.sim import Trace
from irq13.sim.lanes.lanes import First
from irq13.sim.lanes.stimulus import Constant, Pulse, Random, Stimulus, Table
from irq13.sim.lanes.trial import Trial
from irq13.sim.support.errors import NetlistError
from support.gpio import Gpio

SOURCES = {"write": Random(ones=0.25), "pins_i": Random(hold=0.5), "data": Random(ones=0.75, hold=0.125)}


def drive(sources, widths, cycles, seed=0, lane=0):
    """The inputs of one lane, in Python."""
    stimulus = Stimulus(widths, sources)
    state = dict.fromkeys(stimulus.registers, 0)
    state |= {name: int(values[0]) for name, values in stimulus.initial(seed, 1, lane).items()}
    for _ in range(cycles):
        bits = {
            name: [state[name] >> bit & 1 for bit in range(width)]
            for name, width in stimulus.registers.items()
        }
        now, after = stimulus.step(bits, 1)
        state = numbers_of(after)
        yield numbers_of(now)


def test_a_fault_is_found_and_replayed_with_its_waveform(tmp_path):
    trial = Trial(Gpio(loses=True), SOURCES, fail=["missed"], watch=["interrupt"], seed=3)
    run = trial.run(lanes=200, cycles=300, engine="numpy", toggles=True)
    first = run.first["missed"]
    assert first is not None
    assert trial.replay(first, vcd=tmp_path / "missed.vcd")["missed"] == 1
    trace = Trace.load(tmp_path / "missed.vcd")
    assert len(trace.edges) >= first.cycle
    assert (
        Trial(Gpio(), SOURCES, fail=["missed"], seed=3).run(200, 300, engine="numpy").first["missed"] is None
    )


def test_every_lane_has_the_inputs_that_python_works_out():
    """All outputs of some lanes in the last cycle, under Amaranth's simulator: `replay` compares them."""
    trial = Trial(
        Gpio(), {**SOURCES, "address": Table([0, 1, 2, 0, 1]), "write": Pulse(at=[5, 9, 30], width=4)}, seed=8
    )
    for lane in range(3):
        for cycle in (0, 6, 40):
            trial.replay(First(cycle, lane))


def test_signature_and_coverage_are_the_same_on_both_engines(tool):
    tool("cc")
    trial = Trial(
        Gpio(),
        SOURCES,
        watch={"cleared": lambda p: p["write"][0] & p["address"][1] & ~p["address"][0]},
        seed=1,
    )
    runs = [trial.run(130, 500, engine=engine, toggles=True) for engine in ("numpy", "compiled")]
    assert runs[0] == runs[1]
    (run,) = runs[:1]
    assert run.toggled == run.registers
    # 130 * 500 cycles, one in 16 of which clears: four standard deviations are 247.
    assert abs(run.counts["cleared"] - 130 * 500 / 16) < 247
    assert trial.run(130, 499, engine="numpy").signature != run.signature
    assert Trial(Gpio(), SOURCES, seed=2).run(130, 500, engine="numpy").signature != run.signature


@pytest.mark.parametrize(
    ("ones", "hold"), [(0.5, 0), (0.25, 0.5), (3 / 256, 0), (0.75, 7 / 8), (0, 0), (1, 0)]
)
def test_probabilities_are_as_asked_for(ones, hold):
    values = [row["x"] for row in drive({"x": Random(ones, hold)}, {"x": 8}, 2000)]
    share = sum(value.bit_count() for value in values) / (8 * len(values))
    independent = len(values) * (1 - hold)
    assert abs(share - ones) <= 4 * (ones * (1 - ones) / (independent * 8)) ** 0.5 + 1 / len(values)
    if hold:
        kept = sum(a == b for a, b in pairwise(values)) / len(values)
        assert abs(kept - hold) < 0.05


def test_tables_pulses_and_constants():
    widths = {"table": 4, "pulse": 3, "constant": 70}
    sources = {
        "table": Table([3, 1, 4, 1, 5]),
        "pulse": Pulse(at=np.array([2, 7]), width=3, active=5, idle=2),
        "constant": Constant(1 << 69 | 1),
    }
    rows = list(drive(sources, widths, 12, lane=1))
    assert [row["table"] for row in rows] == [3, 1, 4, 1, 5, 5, 5, 5, 5, 5, 5, 5]
    assert [row["pulse"] for row in rows] == [2] * 7 + [5] * 3 + [2] * 2
    assert {row["constant"] for row in rows} == {1 << 69 | 1}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Random(ones=1.5), "ones must be a probability from 0 to 1, not 1.5"),
        (lambda: Table([]), "a table has 1 to 4096 values, not 0"),
        (lambda: Pulse(at=-1), "a pulse lasts a cycle or more"),
        (lambda: Trial(Gpio(), {"adress": Constant(1)}), "no input 'adress': expected one of"),
        (lambda: Trial(Gpio(), {"address": Constant(4)}), "address has 2 bits and cannot be 4"),
        (lambda: Trial(Gpio(), {"address": Table([1, 9])}), "address has 2 bits and cannot be 9"),
        (lambda: Trial(Gpio(), fail={"read": lambda p: p["write"][0]}), "'read' is a port"),
        (lambda: Trial(Gpio(), fail=["read"]), "no output 'read' of one bit"),
        (
            lambda: Trial(Gpio(), fail="missed"),
            r"expected a list of outputs, as in \['missed'\], not 'missed'",
        ),
        (
            lambda: Trial(Gpio(), fail={"x": lambda p: p["write"][0]}, watch={"x": lambda p: ~p["write"][0]}),
            "'x' is in `watch` and in `fail`",
        ),
        (
            lambda: Trial(Gpio(), fail={"x": lambda p: p["write"]}),
            "condition 'x': expected .* a bit.*not list",
        ),
        (
            lambda: Trial(Gpio(), fail={"x": lambda p: p["writ"][0]}),
            "a condition reads 'writ': expected one of",
        ),
        (lambda: Trial(Gpio(), {"address": 1}), "address: expected Random, Constant, Table or Pulse, not 1"),
        (lambda: Trial(Gpio(), {"address": Table([1.5])}), "address: expected whole numbers, not 1.5"),
        (lambda: Pulse(at=1.5), "whole numbers"),
        (lambda: Pulse(at=[]), "a pulse begins in a cycle"),
        (
            lambda: Trial(Gpio(), {"write": Pulse(at=[1, 2])}).run(3, 1, engine="numpy"),
            "write: 2 cycles for 3 lanes",
        ),
    ],
)
def test_what_cannot_be_is_said(make, message):
    with pytest.raises((NetlistError, ValueError), match=message):
        make()
