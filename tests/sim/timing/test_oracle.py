"""Random rules on random waves, with nine values and glitches, against an oracle that goes step by step."""

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from irq13.sim.timing.forms import (
    Absent,
    Condition,
    Follows,
    Happening,
    Never,
    Order,
    PulseWidth,
    Quiet,
    RuleEvent,
    RuleValue,
    Span,
    Stable,
    Term,
)
from irq13.sim.timing.rules import Rule, parse_rule
from irq13.sim.waveform.arrays import array_of
from irq13.sim.waveform.trace import Trace
from irq13.sim.waveform.wave import Kind, Wave
from support.rules_oracle import Oracle

BITS = ("a", "b")
BUS = "d"
LAST = 14

bits = st.sampled_from("00001111xzuwlh-")
levels = {1: bits, 2: st.tuples(bits, bits).map("".join)}
names = st.sampled_from(BITS)
spans = st.one_of(
    st.builds(Span, st.integers(0, 3).map(Fraction)),
    st.builds(Span, st.sampled_from([Fraction(n, 2) for n in range(9)]), st.just("ns")),
)
constants = {
    1: st.sampled_from(["0", "1", "x", "z", "u", "h", "0bx"]).map(RuleValue),
    2: st.sampled_from(["0", "1", "2", "0x3", "0b10", "x", "z", "l", "0bz", "0b1x", "0bx"]).map(RuleValue),
}


@st.composite
def rows(draw, width):
    """For each step the values taken in it: mostly none, sometimes one, now and then several."""
    counts = draw(st.lists(st.sampled_from([0, 0, 0, 1, 1, 2, 3]), min_size=LAST + 1, max_size=LAST + 1))
    return [[draw(levels[width]) for _ in range(count)] for count in counts]


edges = st.builds(RuleEvent, names, st.sampled_from([Happening.RISES, Happening.FALLS, Happening.CHANGES]))
events = st.one_of(
    edges,
    edges,
    st.just(RuleEvent(BUS, Happening.CHANGES)),
    st.builds(RuleEvent, st.just(BUS), st.just(Happening.BECOMES), constants[2]),
    st.builds(RuleEvent, names, st.just(Happening.BECOMES), constants[1]),
)
terms = st.one_of(
    st.builds(Term, names, st.one_of(st.none(), constants[1])),
    st.builds(Term, st.just(BUS), st.one_of(st.none(), constants[2])),
)
conditions = st.lists(terms, min_size=1, max_size=2).map(lambda listed: Condition(tuple(listed)))
forms = st.one_of(
    st.builds(Follows, events, spans, events, st.booleans()),
    st.builds(Follows, events, spans, events, st.booleans()),
    st.builds(Never, events),
    st.builds(Absent, conditions),
    st.builds(Stable, st.sampled_from((*BITS, BUS))),
    st.builds(PulseWidth, names, st.integers(0, 1), spans),
    st.builds(Quiet, st.sampled_from((*BITS, BUS)), spans, events, st.booleans()),
    st.builds(Order, st.lists(events, min_size=2, max_size=4).map(tuple)),
)


def _wave(name, row, width):
    times, values = [], []
    for step, taken in enumerate(row):
        for value in taken:
            times.append(step)
            values.append(value if value.strip("01") else int(value, 2))
    return Wave(name, np.array(times, dtype=np.int64), array_of(values), width, Kind.BITS)


@given(st.data())
@settings(max_examples=400)
def test_a_rule_means_what_the_oracle_says(data):
    drawn = {name: data.draw(rows(1)) for name in BITS} | {BUS: data.draw(rows(2))}
    drawn["a"][data.draw(st.integers(0, LAST))].append("0")
    clock = sorted(data.draw(st.sets(st.integers(0, LAST), max_size=8)))
    form = data.draw(forms)
    condition = data.draw(st.one_of(st.just(Condition()), conditions))
    waves = {name: _wave(name, row, len(BUS) + 1 if name == BUS else 1) for name, row in drawn.items()}
    trace = Trace(waves, np.array(clock, dtype=np.int64), LAST, 1e-9)
    report = Rule(form, condition).check(trace)
    found = (
        report.triggers,
        sorted(one.time for one in report.violations),
        sorted(one.time for one in report.undecided),
    )
    tests, broken, cut = Oracle(drawn, clock, LAST).check(form, condition)
    assert found == (tests, sorted(broken), sorted(cut))
    # What is found can be put into words.
    assert all(one.found for one in (*report.violations, *report.undecided))


@given(forms, st.one_of(st.just(Condition()), conditions), st.sampled_from([None, "clk2", "top.my clk"]))
def test_a_sentence_is_read_back(form, condition, clock):
    counts = isinstance(form, (Follows, PulseWidth, Quiet)) and form.span.in_cycles
    rule = Rule(form, condition, clock if counts else None)
    if isinstance(form, Stable) and not condition.terms:
        return
    parsed = parse_rule(rule.text)
    assert (parsed.parts, parsed.condition, parsed.clock) == (rule.parts, rule.condition, rule.clock)
    assert parsed.text == rule.text
