"""`irq13 signals`, `irq13 diff`, and `irq13 view` of other people's waveforms."""

import gzip
import json

import pytest
from click.testing import CliRunner
from irq13.sim.cli.main import main

HEADER = "$timescale 1 ns $end $scope module top $end\n"
END = "$upscope $end $enddefinitions $end\n"


def write(path, variables, body):
    declared = "".join(f"$var {kind} {code} {name} $end\n" for kind, code, name in variables)
    path.write_text(HEADER + declared + END + body)
    return str(path)


@pytest.fixture
def clocked(tmp_path):
    """A clock of 10 ns, a faster one deeper down, a bus, and a signal with a glitch."""
    beats = "".join(f"#{time}\n{time // 5 % 2}!\n" + extra(time) for time in range(0, 101, 5))
    variables = [
        ("wire 1", "!", "aclk"),
        ("wire 8", "v", "data [7:0]"),
        ("wire 1", "g", "g"),
        ("wire 1", "q", "q"),
    ]
    return write(tmp_path / "x.vcd", variables, beats)


def extra(time):
    return {0: "b0 v\n0g\n", 20: "b11111110 v\n", 25: "1g 0g\n", 60: "b101 v\n"}.get(time, "")


def run(*arguments, status=0):
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert result.exit_code == status, result.output
    return result.output


def test_signals_are_listed_with_their_changes(clocked):
    lines = run("signals", clocked).splitlines()
    assert lines[0].split() == ["signal", "bits", "changes", "first", "last"]
    assert lines[1].split() == ["top.aclk", "1", "20", "5", "ns", "100", "ns"]
    assert lines[2].split() == ["top.data[7:0]", "8", "2", "20", "ns", "60", "ns"]
    assert lines[4].split() == ["top.q", "1", "0", "-", "-"]
    assert lines[-1] == "4 of 4 signals, 100 ns, clock top.aclk"
    assert "top.q" in run("signals", clocked, "*q")
    assert "no signal 'dat' (did you mean data?)" in run("signals", clocked, "dat", status=2)


def test_statistics_have_duty_period_and_glitches(clocked):
    found = {one["name"]: one for one in json.loads(run("signals", clocked, "--json"))["signals"]}
    clock = found["top.aclk"]
    assert (clock["rises"], clock["falls"], clock["period"], clock["duty"]) == (10, 10, 10.0, 0.5)
    glitch = found["top.g"]
    assert (glitch["rises"], glitch["falls"], glitch["glitches"], glitch["duty"]) == (1, 1, 1, 0.0)
    assert found["top.q"]["duty"] is None
    assert "50.0%" in run("signals", clocked, "--stats").splitlines()[1]


def test_view_shows_the_clock_says_which_and_writes_values_in_a_radix(clocked):
    text = run("view", clocked)
    assert "┌" in next(line for line in text.splitlines() if line.startswith("aclk"))
    assert "cycles of clock top.aclk" in text
    assert "│FE" in text
    assert "│254" in run("view", clocked, "--radix", "dec")
    assert "│-2" in run("view", clocked, "--radix", "signed")
    assert "│11111110" in run("view", clocked, "--radix", "bin")
    assert "expected hex" in run("view", clocked, "--radix", "roman", status=2)


def test_view_from_and_to_are_cycles_or_times(clocked):
    assert run("view", clocked, "data", "--from", "3", "--to", "5") == run(
        "view", clocked, "data", "--from", "27ns", "--to", "0.046us"
    )
    assert "expected a number of cycles, or a time" in run("view", clocked, "--from", "soon", status=2)
    assert "x.vcd ends after 10 cycles" in run("view", clocked, "--from", "1us", status=2)


def test_view_begins_in_the_last_cycle_where_something_happens_behind_the_last_edge(tmp_path):
    variables = [("wire 1", "c", "clk"), ("wire 1", "a", "a")]
    path = write(tmp_path / "x.vcd", variables, "#0\n0c\n0a\n#5\n1c\n#8\n1a\n#10\n0c\n#12\n")
    for start in ("1", "5ns"):
        assert run("view", path, "a", "--from", start).splitlines()[1].split() == ["a", "───"]
    assert "x.vcd ends after 2 cycles" in run("view", path, "a", "--from", "13ns", status=2)
    assert "x.vcd ends after 1 cycles" in run("view", path, "clk", "--from", "1", status=2)


def test_view_says_what_it_leaves_out(tmp_path):
    variables = [("wire 1", f"i{number}", f"s{number}") for number in range(60)]
    path = write(
        tmp_path / "x.vcd", variables, "#0\n" + "".join(f"0i{number}\n" for number in range(60)) + "#9\n"
    )
    assert "40 of 60 signals" in run("view", path)
    assert "of 60 signals" not in run("view", path, "s1*")


def test_without_a_clock_the_times_are_drawn_uncut(tmp_path):
    variables = [("string 1", "s", "state"), ("wire 1", "!", "clk"), ("wire 1", "n", "none")]
    path = write(tmp_path / "x.vcd", variables, "#0\nsIDLE s\nx!\n#123456789\nsRUNNING s\n#200000000\n")
    text = run("view", path)
    assert "123456789" in text.splitlines()[0]
    assert "IDLE" in text
    assert "RUNNING" in text
    assert "no clock: drawn by time, in units of 1 ns" in text
    assert "I…" not in run("view", path, "state", "--from", "124ms")
    assert "the clock top.clk never rises" in run("view", path, "--clock", "clk", status=2)
    page = tmp_path / "x.html"
    run("view", path, "--html", page)
    assert "RUNNING" in page.read_text()
    waves = tmp_path / "x.json"
    run("view", path, "--wavejson", waves)
    signals = {one["name"]: one for one in json.loads(waves.read_text())["signal"]}
    assert signals["state"] == {"name": "state", "wave": "==", "data": ["IDLE", "RUNNING"]}
    assert signals["none"]["wave"] == "x."


def test_diff_finds_the_first_difference_by_time(tmp_path, clocked):
    body = (tmp_path / "x.vcd").read_text()
    (tmp_path / "y.vcd").write_text(body.replace("b101 v", "b100 v").replace("top", "tb"))
    text = run("diff", clocked, tmp_path / "y.vcd", "--map", "top=tb", status=1)
    assert text.splitlines()[0] == "top.data[7:0]: cycle 6 (60 ns): 05, not 04"
    assert "4 signals compared, 1 differ" in text
    assert "no signal in common" in run("diff", clocked, tmp_path / "y.vcd", status=2)
    assert "0 differ" in run("diff", clocked, clocked)


def test_diff_forgives_what_is_late_by_some_cycles(tmp_path, clocked):
    body = (tmp_path / "x.vcd").read_text()
    (tmp_path / "y.vcd").write_text(body.replace("b101 v\n", "").replace("#75\n", "#75\nb101 v\n"))
    run("diff", clocked, tmp_path / "y.vcd", status=1)
    run("diff", clocked, tmp_path / "y.vcd", "--tolerance", "1", status=1)
    run("diff", clocked, tmp_path / "y.vcd", "--tolerance", "2")


def test_a_compressed_file_and_standard_input_are_read(tmp_path, clocked):
    content = (tmp_path / "x.vcd").read_bytes()
    (tmp_path / "x.vcd.gz").write_bytes(gzip.compress(content))
    assert run("signals", tmp_path / "x.vcd.gz") == run("signals", clocked)
    assert CliRunner().invoke(main, ["signals", "-"], input=content).output == run("signals", clocked)
    (tmp_path / "cut.gz").write_bytes(gzip.compress(content)[:-20])
    assert "cut.gz: its compression is damaged" in run("signals", tmp_path / "cut.gz", status=2)
