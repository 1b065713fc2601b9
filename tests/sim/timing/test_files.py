"""Rules on files that simulators write: what a checker must not pass over, and what it must not make up."""

import json
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from irq13.sim import Trace, expect
from irq13.sim.support.toml_source import Source, SourceError
from irq13.sim.timing.assertions import TimingViolation
from irq13.sim.timing.results import report_text
from irq13.sim.timing.rule_file import check_rules, parse_rules
from irq13.sim.waveform.trace import TraceError
from vcdvcd import VCDVCD

IDS = {
    name: chr(65 + number) for number, name in enumerate("clk clk2 req ack bus temp state go quiet".split())
}


def vcd(body, unit="1 ns", clocks=True):
    """A file with the signals of IDS, of which `body` is the changes: 'TIME NAME=VALUE ...' a line."""
    kinds = {"bus": "reg 4", "temp": "real 64", "state": "string 1", "go": "event 1"}
    lines = [f"$timescale {unit} $end", "$scope module top $end"]
    lines += [f"$var {kinds.get(name, 'wire 1')} {code} {name} $end" for name, code in IDS.items()]
    lines += ["$upscope $end", "$enddefinitions $end"]
    times = {}
    for line in body.strip().splitlines():
        time, *changes = line.split()
        times.setdefault(int(time), []).extend(changes)
    if clocks:
        for time in range(0, max(times) + 1, 5):
            times.setdefault(time, []).insert(0, f"clk={time // 5 % 2}")
            if time % 20 == 0:
                times[time].insert(0, f"clk2={time // 20 % 2}")
    for time, changes in sorted(times.items()):
        lines.append(f"#{time}")
        for change in changes:
            name, _, value = change.partition("=")
            mark = {"bus": "b", "temp": "r", "state": "s"}.get(name, "")
            lines.append(f"{mark}{value}{' ' if mark else ''}{IDS[name]}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def check(tmp_path):
    def check(body, rules, **options):
        (tmp_path / "x.vcd").write_text(vcd(body, **options))
        file = parse_rules(Source("x.toml", f"rules = '''\n{rules}\n'''"))
        return check_rules(file, Trace.load(tmp_path / "x.vcd"))

    return check


CASES = [
    # changes, rule, (status, tests, times of violations)
    ("0 req=0\n12 req=1\n20 req=0\n52 req=1\n200", "req rises within 3 cycles after req rises", ("FAIL", 2, [12, 52])),
    ("0 req=0\n12 req=1\n14 req=0\n200", "req changes within 1 cycle after req rises", ("pass", 1, [])),
    ("0 ack=0\n9 ack=1\n30 req=0\n50", "ack changes never while req = 0", ("pass", 1, [])),
    ("0 ack=0\n30 bus=1\n50", "bus = 0 never", ("pass", 1, [])),
    ("0 req=0\n12 req=1\n13 req=z\n20 req=0\n50", "req high at least 2 ns", ("FAIL", 1, [12])),
    ("0 req=x\n7 req=0\n9 req=1\n20 req=0\n50", "req low at least 3 ns", ("FAIL", 2, [7])),
    ("0 req=0 ack=1\n12 req=1\n13 ack=z\n17 ack=0\n50", "ack falls within 5 ns after req rises", ("pass", 1, [])),
    ("0 ack=0\n7 go=1\n9 ack=1\n22 go=1\n40 go=1\n60", "ack rises within 3 ns after go changes", ("FAIL", 3, [22, 40])),
    ("0 ack=0\n7 go=1\n40 go=1\n60", "go changes never", ("FAIL", 1, [7, 40])),
    ("0 temp=1.5\n7 temp=100\n9 temp=1.50\n60", "temp = 1.5 never", ("FAIL", 1, [0, 9])),
    ("0 temp=0\n7 temp=1e2\n9 temp=11\n60", "temp = 11 never", ("FAIL", 1, [9])),
    ("0 ack=1\n50 req=1\n60", "req falls within 2 cycles after ack rises", ("vacuous", 0, [])),
    ("0 ack=0 req=1\n50 ack=1\n60", "req falls within 2 cycles after ack rises", ("undecided", 1, [])),
    ("0 ack=0 req=1\n50 ack=1\n60", "req falls within 10 ns after ack rises", ("FAIL", 1, [50])),
    ("0 state=IDLE req=0\n9 state=RUN\n12 req=1\n50", "req rises never while state = RUN", ("FAIL", 1, [12])),
    ("0 state=RUNS req=0\n12 req=1\n50", "req rises never while state = RUN", ("vacuous", 0, [])),
    ("0 state=IDLE req=0\n9 state=RUN\n9 req=1\n50", "req rises within 1 ns after state becomes RUN", ("pass", 1, [])),
    ("0 bus=0\n9 bus=1x\n30 bus=11\n50", "bus = x never", ("FAIL", 1, [9])),
    ("0 bus=0\n9 bus=z\n30 bus=11\n50", "bus = x never", ("pass", 1, [])),
    ("0 bus=0\n9 bus=z\n30 bus=11\n50", "bus unknown never", ("FAIL", 1, [9])),
    ("0 bus=0\n9 bus=1100\n30 bus=01100\n50", "bus changes never while bus = 12", ("FAIL", 1, [9])),
    ("0 bus=0\n9 bus=1100\n9 bus=0\n50", "bus becomes 12 never", ("FAIL", 1, [9])),
    ("0 bus=0 req=0\n9 bus=0100\n12 req=1\n50", "bus[2] rises within 1 ns after req rises", ("FAIL", 1, [12])),
    ("0 req=0 ack=0\n5 req=1\n6 ack=1\n25 ack=0\n26 ack=1\n60", "ack rises exactly 21 ns after req rises", ("pass", 1, [])),
    ("0 req=0 ack=0\n5 req=1\n6 ack=1\n60", "ack rises exactly 2 cycles after req rises", ("FAIL", 1, [5])),
    ("0 req=0\n5 req=1\n5 req=0\n50", "req high at least 0.5 ns", ("FAIL", 1, [5])),
    ("0 req=0\n5 req=1\n5 req=0\n50", "req falls never", ("FAIL", 1, [5])),
    ("0 req=0\n5 req=1\n5 req=0\n50", "req = 1 never", ("pass", 1, [])),
    ("0 req=0\n50 req=1", "req = 1 never", ("FAIL", 1, [50])),
    (
        "0 req=0 ack=0\n5 req=1\n6 ack=1\n7 req=0 ack=0\n15 req=1\n16 req=0\n25 req=1\n26 ack=1\n27 req=0\n60",
        "order req rises, ack rises, req falls",
        ("FAIL", 3, [15]),
    ),
    ("0 req=0 ack=0\n15 req=1\n35 ack=1\n150", "ack rises exactly 2 cycles after req rises", ("pass", 1, [])),
    ("0 req=0 ack=0\n15 req=1\n35 ack=1\n150", "ack rises exactly 1 cycle by clk2 after req rises", ("pass", 1, [])),
    ("0 req=0 ack=0\n15 req=1\n35 ack=1\n150", "ack rises exactly 2 cycles after req rises by clk2", ("FAIL", 1, [15])),
    # Both at one time; at the first and the last instant.
    ("0 req=0 ack=0\n12 req=1 ack=1\n60", "ack rises within 0 cycles after req rises", ("pass", 1, [])),
    ("0 req=0 ack=0\n12 req=1 ack=1\n60", "ack rises exactly 0 ns after req rises", ("pass", 1, [])),
    ("0 req=0 ack=0\n60 req=1 ack=1", "ack rises within 1 cycle after req rises", ("pass", 1, [])),
    ("0 req=0 ack=0\n60 req=1 ack=1", "ack rises exactly 1 cycle after req rises", ("undecided", 1, [])),
    ("0 req=0\n60 req=1", "req high at least 1 ns", ("undecided", 1, [])),
    ("0 req=0\n60 req=1\n60 req=0", "req high at least 1 ns", ("FAIL", 1, [60])),
    ("0 req=0\n0 req=1\n0 req=0\n60", "req rises never", ("FAIL", 1, [0])),
    ("0 req=0\n0 req=1\n0 req=0\n60", "req = 1 never", ("pass", 1, [])),
    ("5 ack=1\n9 ack=0\n30", "ack falls never while req unknown", ("FAIL", 1, [9])),
    ("0 req=0 ack=0\n12 req=1\n16 ack=1\n60", "ack rises within 0.004us after req rises", ("pass", 1, [])),
    ("0 req=0 ack=0\n12 req=1\n16 ack=1\n60", "ack rises within 3999 ps after req rises", ("FAIL", 1, [12])),
    ("0 req=0 ack=0\n12 req=1\n16 ack=1\n60", "ack rises exactly 4e-9 s after req rises", ("pass", 1, [])),
    # Values.
    ("0 bus=0\n9 bus=1100\n30 bus=11\n50", "bus = 0Ch never while bus[3:2] = 3", ("FAIL", 1, [9])),
    ("0 bus=0\n9 bus=x\n12 bus=0\n30 bus=11\n50", "bus becomes 0b11 never", ("FAIL", 1, [30])),
    ("0 bus=11\n9 bus=x\n12 bus=11\n50", "bus becomes 3 never", ("pass", 1, [])),
    ("0 temp=0\n7 temp=nan\n9 temp=1e-3\n60", "temp = nan never", ("FAIL", 1, [7])),
    ("0 temp=0\n7 temp=-1\n9 temp=1e-3\n60", "temp becomes 0.001 never while temp = 1e-3", ("FAIL", 1, [9])),
    ("0 ack=0\n7 go=1\n7 go=1\n9 ack=1\n60", "go rises never while ack = 0", ("FAIL", 1, [7, 7])),
    ("0 ack=0\n7 go=1\n9 go=1\n9 ack=1\n60", "order go changes, ack rises", ("undecided", 2, [])),
]  # fmt: skip


@pytest.mark.parametrize(("body", "rule", "right"), CASES)
def test_a_file_gets_the_right_answer(check, body, rule, right):
    (report,) = check(body, rule)
    found = report.status.value, report.triggers, [one.time for one in report.violations]
    assert found == right


@pytest.mark.parametrize(
    ("amount", "status"), [("2.5 ns", "pass"), ("2.4 ns", "FAIL"), ("0.0000000025 s", "pass")]
)
def test_decimals_are_exact(check, amount, status):
    (report,) = check("0 req=0 ack=0\n1500 req=1\n4000 ack=1\n9000", f"ack rises exactly {amount} after req rises",
                      unit="1 ps", clocks=False)  # fmt: skip
    assert report.status.value == status
    assert report.scene.where(1500) == "at 1.5 ns"


def test_the_output_names_the_clock_and_the_time(check):
    default, second = check(
        "0 req=0 ack=0\n15 req=1\n35 ack=1\n150",
        "ack rises exactly 1 cycle after req rises\nack rises exactly 2 cycles by clk2 after req rises",
    )
    assert report_text(default).splitlines()[1:3] == [
        "  in cycle 2 (15 ns): ack rises follows 2 cycles later",
        "  clock top.clk (of 2: top.clk, top.clk2)",
    ]
    assert "in cycle 0 (15 ns): ack rises follows 1 cycle later\n  clock top.clk2" in report_text(second)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("bus rises never", "top.bus has 4 bits: it can change, but not rise or fall"),
        ("temp falls never", "top.temp is a real number: it can change, but not rise or fall"),
        ("bus = 16 never", "top.bus has 4 bits: it is never 16"),
        ("bus = RUN never", "top.bus has 4 bits: expected a number such as 12, 0xC, 0b1x0z, or x or z, not 'RUN'"),
        ("temp = RUN never", "top.temp is a real number: expected one, not 'RUN'"),
        ("go falls never", "top.go is an event: it happens, and does not fall"),
        ("bus=1 never", "expected SIGNAL = VALUE, with = alone and spaces around it, not 'bus=1'"),
        ("go = 1 never", "top.go is an event: it happens, but it has no value"),
        ("bus[4] rises never", "top.bus has no bits [4:4]"),
        ("rec rises never", "no signal 'rec' (did you mean req?)"),
        ("req rises within 1 cycle by quiet after ack rises", "the clock top.quiet never rises: it cannot count cycles"),
        ("req rises within 1 cycle by cl after ack rises", "no signal 'cl'"),
    ],
)  # fmt: skip
def test_a_rule_that_the_file_cannot_answer_is_one_line(check, rule, message):
    with pytest.raises(SourceError, match=rf"^x\.toml:3: {re.escape(message)}") as caught:
        check("0 req=0 ack=0 bus=0 temp=1\n9 go=1\n40", f"req rises never\n{rule}")
    assert "\n" not in str(caught.value)


def test_a_name_that_could_be_several_signals_lists_them(tmp_path):
    text = "$scope module a $end\n$var wire 1 ! s $end\n$upscope $end\n"
    text += text.replace("module a", "module b").replace("!", '"')
    (tmp_path / "x.vcd").write_text(f'{text}$enddefinitions $end\n#0\n0!\n0"\n')
    trace = Trace.load(tmp_path / "x.vcd")
    with pytest.raises(TraceError, match=r"signal 's' could be a\.s, b\.s"):
        expect(trace).never.rise("s")
    expect(trace).never.rise("b.s")


class TestVcdvcd:
    """`expect` takes the object that people have."""

    body = "0 req=0 ack=0\n5 req=1\n5 req=0\n40"

    def test_its_file_is_read_again(self, tmp_path):
        (tmp_path / "x.vcd").write_text(vcd(self.body))
        with pytest.raises(TimingViolation, match="req rises"):
            expect(VCDVCD(str(tmp_path / "x.vcd")), path=tmp_path / "x.vcd").never.rise("req")

    def test_what_it_lost_is_said(self, tmp_path):
        (tmp_path / "x.vcd").write_text(
            "$timescale 1 ns $end\n$var wire 1 ! req $end\n$enddefinitions $end\n#0\n0!\n#5\n1!\n#9\n"
        )
        with pytest.warns(UserWarning, match="read from a VCDVCD object"), pytest.raises(TimingViolation):
            expect(VCDVCD(str(tmp_path / "x.vcd"))).never.rise("req")

    def test_something_else(self):
        with pytest.raises(TypeError, match=r"expected a Trace, or a vcdvcd\.VCDVCD, not str"):
            expect("x.vcd")


class TestCommand:
    rules = "rules = '''\nack rises within 2 cycles after req rises\nack falls never\nbus = x never while req = 1\n'''"

    def run(
        self,
        folder,
        *options,
        body="0 req=0 ack=0 bus=0\n15 req=1\n35 ack=1\n38 ack=0\n95 req=0\n96 req=1\n99",
    ):
        (folder / "x.vcd").write_text(vcd(body))
        (folder / "x.toml").write_text(self.rules)
        command = "from irq13.sim.cli.main import main; main()"
        arguments = [sys.executable, "-c", command, "check", "x.vcd", "x.toml", *options]
        return subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=60)

    def test_json_and_junit(self, tmp_path):
        done = self.run(tmp_path, "--json", "--junit", "x.xml")
        assert done.returncode == 1
        found = json.loads(done.stdout)
        assert found["counts"] == {"pass": 1, "fail": 1, "undecided": 1, "vacuous": 0}
        first, second, third = found["rules"]
        assert (first["line"], first["status"], first["triggers"], first["held"]) == (2, "undecided", 2, 1)
        assert first["clock"] == "top.clk"
        assert first["undecided"][0]["time"] == 96
        assert second["violations"] == [{"time": 38, "at": "38 ns", "cycle": 4, "found": "ack falls"}]
        assert third["triggers"] == 2
        suite = ElementTree.parse(tmp_path / "x.xml").getroot()[0]
        assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")
        assert [[part.tag for part in case] for case in suite] == [
            ["skipped", "system-out"],
            ["failure", "system-out"],
            ["system-out"],
        ]
        assert "in cycle 4 (38 ns): ack falls" in suite[1][0].text

    def test_strict_fails_what_is_undecided(self, tmp_path):
        body = "0 req=0 ack=0 bus=0\n15 req=1\n35 ack=1\n95 req=0\n96 req=1\n99"
        done = self.run(tmp_path, body=body)
        assert done.returncode == 0
        assert (
            "undecided in cycle 10 (96 ns): req rises, and the trace ends before 2 cycles are over"
            in done.stdout
        )
        assert (
            "2 hold, 0 fail, 0 vacuous, 1 undecided\nclock top.clk (of 2: top.clk, top.clk2)\n" in done.stdout
        )
        assert self.run(tmp_path, "--strict", body=body).returncode == 1

    def test_nothing_is_written_where_a_rule_is_wrong(self, tmp_path):
        self.rules = "rules = '''\nbus rises never\n'''"
        done = self.run(tmp_path, "--junit", "x.xml")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        assert "x.toml:2: top.bus has 4 bits" in done.stderr
        assert not (tmp_path / "x.xml").exists()
