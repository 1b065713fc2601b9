"""Timing rules: each sentence holds, fails and is vacuous; our own rules hold and can fail."""

import re
from pathlib import Path

import numpy as np
import pytest
from irq13.sim import Trace, expect
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import load_scenario
from irq13.sim.support.toml_source import Source, SourceError
from irq13.sim.timing.assertions import TimingViolation
from irq13.sim.timing.results import report_text
from irq13.sim.timing.rule_file import check_rules, load_rules, parse_rules
from irq13.sim.timing.rules import RuleStatus, parse_rule
from irq13.sim.waveform.trace import CYCLE_NS, TraceError
from irq13.sim.waveform.vcd_writer import write_waveform
from irq13.sim.waveform.wave import Wave
from support.drawn_traces import drawn
from support.machines import ALONE

DATA = Path(__file__).parents[2] / "data"


RULES = [
    # rule, holds, fails, vacuous
    (
        "b rises within 2 cycles after a rises",
        "a=0011 b=00001",
        "a=0011 b=000001",
        "a=0000 b=01",
    ),
    (
        "b rises within 2 cycles after a rises",
        "a=001 b=001",
        "a=00111 b=00000",
        "a=1111 b=01",
    ),
    (
        "b falls exactly 2 cycles after a rises",
        "a=01 b=1110",
        "a=0111 b=110",
        "a=0 b=10",
    ),
    (
        "b rises exactly 0 cycles after a falls",
        "a=10 b=01",
        "a=10 b=001",
        "a=01 b=01",
    ),
    (
        "b rises exactly 20 ns after a rises",
        "a=01 b=0001",
        "a=01 b=00001",
        "a=0 b=01",
    ),
    (
        "b rises exactly 1 cycle after a rises while c = 1",
        "a=01 b=001 c=1",
        "a=0111 b=0 c=1",
        "a=01 b=0 c=0",
    ),
    (
        "b rises exactly 1 cycle after a rises while c = 1",
        "a=01 b=001 c=01",
        "a=0111 b=0 c=01",
        "a=01 b=0 c=x",
    ),
    ("a rises never", "a=10", "a=01", None),
    ("a rises never while b = 1", "a=01 b=001", "a=01 b=01", "a=01 b=0"),
    ("a = 0 never while b = 1", "a=01 b=01", "a=001 b=01", "a=0 b=0"),
    (
        "a = 0 and d = 2 never while b = 1",
        "a=01 b=1 d=3",
        "a=0 b=1 d=2",
        "a=0 b=0 d=2",
    ),
    ("a stable while b = 1", "a=01101 b=0110", "a=0010 b=0111", "a=01 b=0"),
    ("d changes never while b = 1", "d=35 b=001", "d=345 b=01", "d=35 b=0"),
    ("a low at least 2 cycles", "a=1001", "a=101", "a=0011"),
    ("a high at least 20 ns", "a=0110", "a=010", "a=10"),
    (
        "order a rises, b rises, a falls",
        "a=0110 b=001",
        "a=0100 b=0001",
        "a=00 b=01",
    ),
    ("order a rises, b rises", "a=01 b=01", "a=0101 b=0", "a=0 b=01"),
    ("order a rises, b changes, a rises", "a=0101 b=001", "a=0101 b=1", "a=10 b=1"),
    ("d stable 11 ns before c rises", "c=0001 d=01", "c=0001 d=001", "c=0 d=01"),
    ("d stable 11 ns after c rises", "c=01 d=0001", "c=01 d=001", "c=0 d=01"),
]


@pytest.mark.parametrize(("text", "holds", "fails", "vacuous"), RULES)
def test_each_sentence_holds_fails_and_is_vacuous(text, holds, fails, vacuous):
    rule = parse_rule(text)
    assert rule.check(drawn(holds)).status is RuleStatus.PASS
    assert rule.check(drawn(fails)).status is RuleStatus.FAIL
    if vacuous is not None:
        assert rule.check(drawn(vacuous)).status is RuleStatus.VACUOUS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a rises", "expected EVENT within|exactly N cycles after EVENT"),
        ("a stable", "expected a stable while CONDITION"),
        ("a jumps never", "expected SIGNAL rises|falls|changes or SIGNAL becomes VALUE, not 'a jumps'"),
        (
            "a rises within 2 days after b rises",
            "expected cycles or one of fs, ps, ns, us, ms, s, not",
        ),
        ("a rises within two cycles after b rises", "expected a number"),
        ("a rises never while b", "expected SIGNAL = VALUE or SIGNAL unknown, joined by and, not 'b'"),
        ("order a rises", "order needs at least two events"),
        ("a rises within 2.5 cycles after b rises", "expected whole cycles, not 2.5"),
        (
            "a rises within 2 after b rises",
            "expected a number and a unit, such as 3 cycles or 2.5 ns",
        ),
        ("a rises within 2 ns by clk after b rises", "by clk: nothing in this rule is counted in cycles"),
        ("a rises never by clk", "by clk: nothing in this rule is counted in cycles"),
        ("a rises within 1 cycle by c after b rises by k", "expected one clock, not by k and by c"),
        ('"a b rises never', 'a quotation mark is not closed, or stands within a word: "a'),
        ("a rises within -1 ns after b rises", "expected a number such as 3 or 2.5, not '-1'"),
        ("a becomes never", "expected SIGNAL rises|falls|changes or SIGNAL becomes VALUE, not 'a becomes'"),
    ],
)
def test_what_cannot_be_understood(text, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_rule(text)


class TestExpect:
    """The same in Python."""

    wave = drawn("a=0011100000 b=0000111000 c=1111111111")

    def test_what_holds(self):
        expect(self.wave).rise("b").within(2, "cycles").after.rise("a")
        expect(self.wave).rise("b").exactly(2, "cycles").after.rise("a")
        expect(self.wave).during("c = 1").fall("b").exactly(20, "ns").after.fall("a")
        expect(self.wave).never.fall("c")
        expect(self.wave).during("a = 1").stable("c")
        expect(self.wave).order("a rises", "b rises", "a falls", "b falls")
        expect(self.wave).pulse("a", "high", 3)
        expect(self.wave).setup("b", 20, "ns").before.fall("b")
        expect(self.wave).hold("b", 30, "ns").after.rise("b")

    @pytest.mark.parametrize(
        "sentence",
        [
            lambda e: e.rise("b").within(1, "cycle").after.rise("a"),
            lambda e: e.never.change("a"),
            lambda e: e.during("c = 1").stable("a"),
            lambda e: e.order("b rises", "a rises"),
            lambda e: e.pulse("a", "high", 4),
            lambda e: e.setup("a", 30).before.rise("b"),
            lambda e: e.hold("a", 11).after.rise("b"),
        ],
    )
    def test_what_does_not(self, sentence):
        with pytest.raises(TimingViolation):
            sentence(expect(self.wave))

    def test_a_failure_shows_rule_finding_and_waveform(self):
        with pytest.raises(TimingViolation) as caught:
            expect(self.wave).rise("b").exactly(1, "cycle").after.rise("a")
        assert str(caught.value).splitlines() == [
            "b rises exactly 1 cycle after a rises",
            "  in cycle 2 (20 ns): b rises follows 2 cycles later",
            "     0",
            "  b      ┌──┐",
            "     ────┘  └──",
            "  a    ┌──┐",
            "     ──┘  └────",
        ]

    def test_vacuous_is_not_passed_silently(self):
        with pytest.raises(TimingViolation, match="vacuous: nothing triggers it"):
            expect(self.wave).rise("b").within(2).after.fall("c")

    def test_a_signal_that_is_not_there(self):
        with pytest.raises(TraceError, match="no signal 'bb'"):
            expect(self.wave).never.rise("bb")


def traces():
    # The contract is that of one processor.
    for name in ALONE:
        scenario = load_scenario(name)
        for generation in scenario.generations:
            yield f"{name}.{generation.value}", run_scenario(scenario, generation, "model").trace


@pytest.fixture(scope="module")
def all_traces():
    return dict(traces())


def test_the_contract_holds_on_every_scenario_and_nothing_in_it_is_vacuous_everywhere(all_traces):
    rules = load_rules("contract")
    triggered = set()
    for name, one in all_traces.items():
        for report in check_rules(rules, one):
            assert report.status is not RuleStatus.FAIL, f"{name}: {report_text(report)}"
            if report.status is RuleStatus.PASS:
                triggered.add(report.rule.text)
    assert triggered == {rule.text for _, rule in rules.rules}


def later(wave):
    """Everything one cycle later."""
    return Wave(wave.name, np.concatenate([[0], wave.times[1:] + CYCLE_NS]), wave.values, wave.width)


def inverted(wave):
    """1 where it is 0."""
    return Wave(wave.name, wave.times, wave.values ^ 1, 1)


def restless(wave):
    """A change in every cycle."""
    times = np.arange(0, 10_000, CYCLE_NS)
    return Wave(wave.name, times, times // CYCLE_NS % 2, 1)


MUTATIONS = (later, inverted, restless)


@pytest.mark.parametrize("line", [line for line, _ in load_rules("contract").rules])
def test_each_rule_of_the_contract_fails_on_a_vcd_mutated_to_break_it(tmp_path, all_traces, line):
    rule = next(rule for number, rule in load_rules("contract").rules if number == line)
    broken = set()
    for one in all_traces.values():
        if rule.check(one).status is not RuleStatus.PASS:
            continue
        for mutate in MUTATIONS:
            waves = {name: one[name] for name in one}
            path = one[rule.signals[0]].name
            if waves[path].values.dtype == object:
                continue
            waves[path] = mutate(waves[path])
            write_waveform(Trace(waves, one.edges, one.end), tmp_path / "x.vcd")
            if rule.check(Trace.load(tmp_path / "x.vcd")).status is RuleStatus.FAIL:
                broken.add(mutate.__name__)
        if broken:
            break
    assert broken, rule.text


class TestIcarus:
    """A VCD that Icarus Verilog wrote (data/handshake.v)."""

    def test_it_is_loaded(self):
        one = Trace.load(DATA / "handshake.vcd")
        assert one.unit == 1e-10
        assert one.cycle(0) == 0
        assert one.cycle(50) == 1
        assert one["dut.req"].at(0) == "x"
        assert one["dut.count"].at(2000) == 2
        assert len(one["dut.ack"].rises()) == 2
        assert {wave.name for wave in one.match("tb.dut.*")} >= {"tb.dut.ack", "tb.dut.req"}
        part = one["dut.count"].between(500, 700)
        assert (list(part.times), list(part.values)) == ([500], [1])

    def test_it_is_checked(self):
        expect(Trace.load(DATA / "handshake.vcd")).rise("dut.ack").within(1, "cycle").after.rise("dut.req")
        with pytest.raises(TimingViolation, match="in cycle 3"):
            expect(Trace.load(DATA / "handshake.vcd")).rise("dut.ack").exactly(0, "cycles").after.rise(
                "dut.req"
            )
        expect(Trace.load(DATA / "handshake.vcd")).setup("dut.req", 2, "ns").before.rise("tb.clk")

    def test_with_names_of_its_own(self):
        text = "clock = 'tb.clk'\nrules = 'answer rises within 1 cycle after question rises'\n"
        text += "[signals]\nanswer = 'tb.dut.ack'\nquestion = 'tb.dut.req'\n"
        file = parse_rules(Source("x", text))
        (report,) = check_rules(file, Trace.load(DATA / "handshake.vcd", file.clock))
        assert report.status is RuleStatus.PASS
        assert report.triggers == 2


class TestRuleFiles:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("rules = '''\na rises nevver\n'''", "x:2: expected EVENT within"),
            ("rules = ''", "x:1: there are no rules"),
            ("rule = ''", r"x:1: unknown key 'rule' \(did you mean rules"),
            ("rules = 'a rises never'\n[signals]\na = 3", "x:3: signals.a must be a string"),
        ],
    )
    def test_mistakes(self, text, message):
        with pytest.raises(SourceError, match=message):
            parse_rules(Source("x", text))

    def test_a_signal_that_the_trace_does_not_have(self, all_traces):
        file = parse_rules(Source("x", "rules = '''\n\nferr rises never\n'''"))
        with pytest.raises(SourceError, match=r"x:3: no signal 'ferr' \(did you mean ferr_n"):
            check_rules(file, all_traces["native-mf.P6"])

    def test_cycles_need_a_clock(self):
        one = drawn("a=01 b=01")
        one.edges = None
        with pytest.raises(TraceError, match="cycles are not known; name the clock"):
            parse_rule("b rises within 1 cycle after a rises").check(one)
        assert parse_rule("b rises within 1 ns after a rises").check(one).status is RuleStatus.PASS


def test_a_file_that_is_cut_off(tmp_path):
    text = (DATA / "handshake.vcd").read_text()
    (tmp_path / "x.vcd").write_text(text[:-1])
    assert any("cut off" in note for note in Trace.load(tmp_path / "x.vcd").notes)
    (tmp_path / "x.vcd").write_text(text[:-4])
    with pytest.raises(TraceError, match=r"x\.vcd:101: time goes back from 1300 to 1"):
        Trace.load(tmp_path / "x.vcd")
