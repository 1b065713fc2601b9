"""Timing rules in lanes: a monitor sees a rule broken where the trace shows it broken."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from irq13.sim.lanes.builder import Builder
from irq13.sim.lanes.lanes import Lanes, kernel_of
from irq13.sim.lanes.monitors import Monitors
from irq13.sim.timing.rules import parse_rule
from irq13.sim.waveform.trace import CYCLE_NS, Trace
from irq13.sim.waveform.wave import of_values

RULES = [
    "a rises never",
    "a falls never while b = 1",
    "w changes never while a = 1",
    "a = 1 and b = 1 never",
    "w = 0x2 never while a = 0",
    "w stable while a = 1",
    "b rises exactly 2 cycles after a rises",
    "b falls exactly 0 cycles after a rises while w = 1",
    "b changes within 3 cycles after a falls",
    "b rises within 1 cycle after a changes while w = 0x3",
    "a rises within 3 cycles after a rises",
    "a changes exactly 2 cycles after a rises",
    "a falls within 2 cycles after a changes while b = 1",
    "w changes exactly 1 cycle after w becomes 2",
    "w becomes 3 never while b = 0",
    "a rises exactly 0 cycles after a rises",
]


def _monitored(text, fail):
    """Three inputs, held by registers that are set before each cycle, under one rule."""
    build = Builder()
    signals = {}
    for name, width in (("a", 1), ("b", 1), ("w", 2)):
        signals[name] = build.register(name, width)
        build.follow(name, signals[name])
    build.outputs["broken"] = [Monitors(build, signals).broken(text)]
    return kernel_of(
        build.netlist(["a", "b", "w"]),
        fail=["broken"] if fail else [],
        watch=[] if fail else ["broken"],
        engine="numpy",
    )


@pytest.mark.parametrize("text", RULES)
@given(st.lists(st.integers(0, 15), min_size=6, max_size=40))
def test_a_monitor_sees_what_the_trace_shows(text, values):
    """Whether a rule is broken at all, on random waves; what a trace's end cuts off counts for neither."""
    lanes = Lanes(_kernel(text), 1)
    for value in values:
        for name, shift, mask in (("a", 0, 1), ("b", 1, 1), ("w", 2, 3)):
            lanes.set_register(name, value >> shift & mask)
        lanes.run(1)
    # Signals that stand still for a while: whatever was to come has not come by then.
    lanes.run(8)
    rule = parse_rule(text)
    report = rule.check(_trace([*values, *[values[-1]] * 8]))
    assert (lanes.first["broken"] is not None) == bool(report.violations)


def _kernel(text, known={}):  # noqa: B006 - made once
    if text not in known:
        known[text] = _monitored(text, True)
    return known[text]


def _trace(values):
    waves = {}
    for name, shift, mask in (("a", 0, 1), ("b", 1, 1), ("w", 2, 3)):
        levels = [value >> shift & mask for value in values]
        keep = [0, *(index for index in range(1, len(levels)) if levels[index] != levels[index - 1])]
        times = np.array(keep, dtype=np.int64) * CYCLE_NS
        waves[name] = of_values(name, times, [levels[index] for index in keep], mask.bit_length())
    end = len(values) * CYCLE_NS
    return Trace(waves, np.arange(CYCLE_NS, end + 1, CYCLE_NS, dtype=np.int64), end)


def test_distances_are_a_histogram():
    """b rises 0, 1, 2, ... cycles after the last rise of a."""
    build = Builder()
    signals = {name: build.register(name, 1) for name in "ab"}
    for name, word in signals.items():
        build.follow(name, word)
    for index, bit in enumerate(Monitors(build, signals).distances("b rises", "a rises", 4)):
        build.outputs[f"d{index}"] = [bit]
    kernel = kernel_of(build.netlist(["a", "b"]), watch=[f"d{index}" for index in range(4)], engine="numpy")
    lanes = Lanes(kernel, 3)
    # Lane 0 at once, lane 1 two cycles later, lane 2 far too late.
    for a, b in [
        (0, (0, 0, 0)),
        (1, (1, 0, 0)),
        (1, (1, 0, 0)),
        (0, (0, 1, 0)),
        *[(0, (0, 0, 0))] * 4,
        (0, (0, 0, 1)),
    ]:
        lanes.set_register("a", a)
        lanes.set_register("b", list(b))
        lanes.run(1)
    assert lanes.counts == {"d0": 1, "d1": 0, "d2": 1, "d3": 0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("order a rises, b rises", "needs a trace"),
        ("a low at least 3 cycles", "needs a trace"),
        ("c rises never", "no signal 'c' in lanes: expected one of a, b, w"),
        ("a rises within 3 ns after b rises", "lanes follow an event for up to 64 cycles"),
        ("a jumps", "expected EVENT"),
        ("w rises never", "w has 2 bits: it can change, but not rise or fall"),
        ("w = 4 never", "w has 2 bits: it is never 4"),
        ("a unknown never", "a unknown: lanes have numbers only"),
        ("a rises within 1 cycle by clk2 after b rises", "by clk2: lanes have one clock"),
    ],
)
def test_what_does_not_translate_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        _monitored(text, False)
