"""Traces and VCDs: what a run records is what vcdvcd reads back."""

import signal

import numpy as np
import pytest
from irq13.sim import Simulation, Trace
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import load_scenario
from irq13.sim.waveform.signals import BY_NAME, SIGNALS
from irq13.sim.waveform.trace import TraceError
from irq13.sim.waveform.two_signals import recorded_in
from irq13.sim.waveform.vcd_writer import write_waveform
from support.machines import LATER
from vcdvcd import VCDVCD


@pytest.fixture(scope="module")
def default():
    scenario = load_scenario("dos-divide-by-zero")
    return run_scenario(scenario, scenario.generations[0], "hdl")


def test_signal_names_are_unique():
    assert len(BY_NAME) == len(SIGNALS)


@pytest.mark.parametrize("name", LATER)
def test_the_vcd_holds_the_run(tmp_path, name):
    scenario = load_scenario(name)
    trace = run_scenario(scenario, scenario.generations[0], "model").trace
    write_waveform(trace, tmp_path / "x.vcd")
    read = Trace.load(tmp_path / "x.vcd")
    every = recorded_in(trace)
    assert set(read) == {one.path for one in every} | {"pc.clk"}
    for one in every:
        np.testing.assert_array_equal(read[one.path].times, trace[one.path].times)
        np.testing.assert_array_equal(read[one.path].values, trace[one.path].values)
        assert read[one.path].width == trace[one.path].width == one.width


def test_the_clock_rises_at_the_start_of_each_cycle(tmp_path, default):
    write_waveform(default.trace, tmp_path / "x.vcd")
    rises = Trace.load(tmp_path / "x.vcd")["clk"].rises()
    np.testing.assert_array_equal(rises, np.arange(10, default.trace.end + 1, 10))


def test_the_handshake_in_the_vcd_in_order_and_distance(tmp_path, default):
    write_waveform(default.trace, tmp_path / "x.vcd")
    trace = Trace.load(tmp_path / "x.vcd")
    ferr, irq13, ignne = trace["ferr_n"], trace["irq13"], trace["ignne_n"]
    (ferr_falls,), (ferr_rises,) = ferr.falls() // 10, ferr.rises() // 10
    (irq_rises,), (irq_falls,) = irq13.rises() // 10, irq13.falls() // 10
    (ignne_falls,), (ignne_rises,) = ignne.falls() // 10, ignne.rises() // 10
    (es_rises,), (es_falls,) = trace["es"].rises() // 10, trace["es"].falls() // 10
    (f0,) = trace["f0_write"].rises() // 10
    (frozen,), (intr,) = trace["freeze"].rises() // 10, trace["intr"].rises() // 10
    (inta,) = trace["inta"].rises() // 10
    vectors = [value for value in trace["vector"].values if value != 0xFF]
    # I486: the store behind FDIV freezes in the cycle in which ES rises, and reports.
    assert frozen == es_rises
    assert ferr_falls == frozen + 1
    assert irq_rises == ferr_falls + 1
    # Each 8259A samples its inputs once; INTA follows at the next boundary, which a freeze is.
    assert intr == irq_rises + 2
    assert inta == intr + 1
    assert trace["freeze"].falls() // 10 == inta
    assert vectors == [0x75]
    assert f0 == inta + 2
    assert irq_falls == ignne_falls == f0 + 1
    assert ferr_rises == ignne_rises == es_falls + 1
    assert irq_rises < irq_falls <= ignne_falls < ferr_rises


def test_hdl_and_model_write_the_same_bytes_every_time(tmp_path):
    scenario = load_scenario("native-mf")
    contents = set()
    for on in ("hdl", "model", "hdl"):
        write_waveform(run_scenario(scenario, scenario.generations[0], on).trace, tmp_path / "x.vcd")
        contents.add((tmp_path / "x.vcd").read_bytes())
    assert len(contents) == 1


def test_the_save_file_shows_the_pins_first_and_names_the_vcd_beside_it(tmp_path, default):
    save = write_waveform(default.trace, tmp_path / "x.vcd").read_text()
    assert '[dumpfile] "x.vcd"' in save
    first = [line for line in save.splitlines() if line.startswith("+{")][:3]
    assert first == ["+{FERR#} pc.ferr_n", "+{IRQ13} pc.irq13", "+{IR5 (wire)} pc.ir13"]


def test_names_and_values(default):
    trace = default.trace
    assert trace["ferr_n"] is trace["pc.ferr_n"]
    assert trace["x87.es"].at(0) == 0
    assert trace["operation"].at(trace["es"].rises()[0] - 1) == "ARITHMETIC"
    with pytest.raises(KeyError, match=r"no signal 'ferr' \(did you mean ferr_n"):
        trace["ferr"]


@pytest.mark.parametrize(
    "content", [b"", b"hello\n", b"\x89PNG\r\n\x1a\n", b"$timescale 1 ns $end\n$var wire 1 ! clk $end\n"]
)
def test_a_file_that_is_no_vcd_is_refused(tmp_path, content):
    path = tmp_path / "x.vcd"
    path.write_bytes(content)
    with pytest.raises(TraceError, match=r"x\.vcd(:3)?: expected (a VCD|\$enddefinitions)"):
        Trace.load(path)


def test_a_broken_vcd_is_refused(tmp_path):
    path = tmp_path / "x.vcd"
    path.write_text("$timescale 1 ns $end\n$scope module a $end\n$enddefinitions $end\n#0\n1!\n#zz\n")
    with pytest.raises(TraceError, match=r"x\.vcd:5: no variable has the identifier '!'"):
        Trace.load(path)


def test_the_last_of_two_values_at_one_time_counts_and_unknown_ones_are_kept(tmp_path):
    path = tmp_path / "x.vcd"
    header = "$timescale 1 ns $end\n$scope module a $end\n$var wire 1 ! s $end\n$upscope $end\n"
    path.write_text(header + "$enddefinitions $end\n#0\nx!\n#10\n1!\n0!\n#20\n1!\n#30\n")
    wave = Trace.load(path)["s"]
    assert list(wave.times) == [0, 10, 20]
    assert list(wave.values) == ["x", 0, 1]
    assert list(wave.rises()) == [20]
    assert wave.at(5) == "x"


def test_reading_a_vcd_leaves_sigpipe_alone(tmp_path, default):
    write_waveform(default.trace, tmp_path / "x.vcd")
    before = signal.getsignal(signal.SIGPIPE)
    Trace.load(tmp_path / "x.vcd")
    assert signal.getsignal(signal.SIGPIPE) == before


def test_the_trace_of_a_vcdvcd_with_and_without_its_path(tmp_path):
    """vcdvcd passes over the second change of a line."""
    path = tmp_path / "x.vcd"
    header = "$timescale 1 ns $end\n$scope module a $end\n$var wire 1 ! s $end\n$upscope $end\n"
    path.write_text(header + "$enddefinitions $end\n#0\n0!\n#5\n1!\n0!\n#20\n")
    with_path, without = Trace.of(VCDVCD(str(path)), path=path), Trace.of(VCDVCD(str(path)))
    assert (list(with_path["s"].rises()), with_path.notes) == ([5], ())
    assert without.notes == (
        "read from a VCDVCD object without its file: what vcdvcd passes over is not in it",
    )
    assert (without["a.s"].at(0), without.unit, without.end) == (0, 1e-9, 20)


def test_a_waveform_that_cannot_be_written_leaves_nothing(tmp_path, default):
    with pytest.raises(OSError, match="No such file"):
        write_waveform(default.trace, tmp_path / "none" / "x.vcd")
    (tmp_path / "x.gtkw").mkdir()
    with pytest.raises(OSError, match=r"Is a directory.*x\.gtkw"):
        write_waveform(default.trace, tmp_path / "x.vcd")
    assert [path.name for path in tmp_path.iterdir()] == ["x.gtkw"]


def test_a_simulation_writes_its_waveform_when_it_is_closed(tmp_path, on):
    with Simulation("P6", on=on, vcd=tmp_path / "x.vcd") as sim:
        sim.issue("fninit")
        sim.issue("fldcw", masks="none")
        sim.issue("fdiv", raises="ZE")
        sim.step(2)
        assert not (tmp_path / "x.vcd").exists()
    assert list(Trace.load(tmp_path / "x.vcd")["ferr_n"].falls()) == [40]
