"""The terminal view: what is drawn is what the trace holds."""

import re
from pathlib import Path

import numpy as np
import pytest
from irq13.model.registers import Generation
from irq13.sim import Trace
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import load_scenario
from irq13.sim.waveform.selection import MOST, Shown, choose_signals
from irq13.sim.waveform.trace import SignalError
from irq13.sim.waveform.view.text import ASCII, BOX, QUIET, Canvas, draw
from irq13.sim.waveform.wave import Kind, Wave

ICARUS = Path(__file__).parents[3] / "data" / "handshake.vcd"


def wave(name, values, width=1):
    """A wave from one value a cycle of 10 ns."""
    kept = [i for i in range(len(values)) if i == 0 or values[i] != values[i - 1]]
    kind = object if any(isinstance(value, str) for value in values) else np.int64
    times = np.array([10 * i for i in kept], dtype=np.int64)
    return Wave(name, times, np.array([values[i] for i in kept], dtype=kind), width)


def trace(*waves, cycles):
    return Trace({one.name: one for one in waves}, np.arange(10, 10 * cycles + 1, 10), 10 * cycles)


def drawn(of, width=200, glyphs=BOX, shorten=False, scale=1, end=1000):
    shown = [Shown(name, name) for name in of]
    return [line.plain for line in draw(of, shown, 0, end, Canvas(width, glyphs, shorten, scale))]


def bits(upper, lower, glyphs):
    """What two rows say, one level a character."""
    high = {glyphs.line, glyphs.rise[0], glyphs.fall[0]}
    text = []
    for top, bottom in zip(upper, lower.ljust(len(upper)), strict=False):
        falling = (top, bottom) == (glyphs.fall[0], glyphs.fall[1]) and glyphs is BOX
        text.append("0" if falling or top not in high else "1")
    return "".join(text)


@pytest.mark.parametrize("seed", range(20))
def test_levels_read_back_from_the_picture(seed):
    levels = np.random.default_rng(seed).integers(0, 2, 60).tolist()
    _, upper, lower = drawn(trace(wave("a", levels), cycles=60))
    width = len("a  ")
    upper, lower = upper.ljust(60 + width), lower.ljust(60 + width)
    assert bits(upper[width:], lower[width:], BOX) == "".join(map(str, levels))


def test_a_picture_to_the_letter():
    levels = wave("ferr_n", [1, 1, 1, 0, 0, 1, 0, 0, "x", "x", 1, 1])
    bus = wave("irr", [0, 0, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0, 0, 0, 0], 8)
    names = wave("step", ["fdiv"] * 3 + ["-"] * 2 + ["a long name"] * 7, 0)
    assert drawn(trace(levels, bus, names, cycles=12)) == [
        "        0         10",
        "ferr_n  ───┐ ┌┐   ──",
        "           └─┘└─xx",
        "irr     │ │20   │00",
        "step    │f…│ │a lon…",
    ]


def test_ascii_has_no_other_characters():
    lines = drawn(trace(wave("a", [0, 1, 1, 0] * 10), wave("b", list(range(40)), 8), cycles=40), glyphs=ASCII)
    assert all(line.isascii() for line in lines)
    assert "+" in lines[1]


def test_what_is_too_long_is_folded_and_nothing_is_lost():
    levels = np.random.default_rng(1).integers(0, 2, 95).tolist()
    lines = drawn(trace(wave("a", levels), cycles=95), width=33)
    assert all(len(line) <= 33 for line in lines)
    pieces = [lines[i : i + 3] for i in range(0, len(lines), 4)]
    assert [piece[0].split()[0] for piece in pieces] == ["0", "30", "60", "90"]
    text = "".join(bits(upper.ljust(33)[3:], lower.ljust(33)[3:], BOX) for _, upper, lower in pieces)
    assert text[:95] == "".join(map(str, levels))


def test_quiet_stretches_are_shortened_with_a_mark_and_the_ruler_says_where_it_goes_on():
    levels = wave("a", [0] * 5 + [1] * 500 + [0] * 5)
    ruler, upper, lower = drawn(trace(levels, cycles=510), shorten=True)
    assert ruler == "   0       ┄┄┄502"
    assert upper == "a       ┌──┄┄┄───┐"
    assert len(lower) <= 3 + 3 + 3 + 3 + QUIET
    assert len(drawn(trace(levels, cycles=510), width=600)[1]) > 500


def test_more_than_one_change_in_a_cycle_is_marked():
    glitch = Wave("a", np.array([0, 12, 14]), np.array([0, 1, 0]), 1)
    _, upper, lower = drawn(trace(glitch, wave("b", [0] * 4), cycles=4))[:3]
    assert upper[4] == lower[4] == "║"


def test_without_a_clock_the_moments_of_change_replace_cycles():
    of = Trace.load(ICARUS)
    of.edges = None
    lines = drawn(of, scale=3)
    assert re.search(r"0 .*\d\d\d", lines[0])


def test_what_icarus_wrote_is_drawn():
    of = Trace.load(ICARUS)
    shown = choose_signals(of)
    assert any(one.label == "tb.clk" for one in shown)
    lines = [line.plain for line in draw(of, shown, 0, 1000, Canvas(90))]
    assert sum(one.path.endswith("req") for one in shown) == 2
    assert any("┌────────┐" in line for line in lines)
    assert any("│1             │2" in line for line in lines)
    assert any("xxx" in line for line in lines)


def test_signals_are_chosen_by_name_glob_or_as_the_pins():
    of = run_scenario(load_scenario("dos-divide-by-zero"), Generation.I486, "model").trace
    assert [one.label for one in choose_signals(of)][:3] == ["FERR#", "IRQ13", "INTR"]
    assert [one.label for one in choose_signals(of, ["pc.slave.*irr", "es"])] == ["IRR", "ES"]
    labels = [one.label for one in choose_signals(of, ["*_irr"])]
    assert labels == ["master_irr", "slave_irr"]
    with pytest.raises(SignalError, match="did you mean ferr_n"):
        choose_signals(of, ["fer_n"])
    with pytest.raises(SignalError, match="no signal"):
        choose_signals(of, ["*nothing*"])


def test_of_a_foreign_trace_no_more_are_chosen_than_one_can_read():
    many = trace(*(wave(f"a.s{n}", [0, 1]) for n in range(100)), cycles=2)
    assert len(choose_signals(many)) == MOST


def test_only_names_that_two_have_are_long_and_an_event_is_nothing_before_it_happens():
    waves = [wave(path, [0, 1]) for path in ("t.a", "t.u.a", "t.u.b")]
    event = Wave("t.e", np.array([10]), np.array([1]), 0, Kind.EVENT)
    of = trace(*waves, event, cycles=3)
    assert [one.label for one in choose_signals(of)] == ["t.a", "t.u.a", "b", "e"]
    row = draw(of, choose_signals(of, ["e"]), 0, 3, Canvas(90))[-1].plain
    assert "x" not in row
    assert "│1" in row
