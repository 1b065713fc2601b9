"""The pytest plugin: fixtures, and what stays after a failure."""

import pytest
from irq13.sim import Trace
from irq13.sim.waveform.vcd_writer import write_waveform

pytest_plugins = ["pytester"]

PASSING = """
from irq13.sim import expect

def test_good(simulation):
    sim = simulation(generation="P6", on="model")
    sim.issue("fdiv", raises="ZE")
    sim.step(4)
    expect(sim.trace()).rise("irq13").exactly(1, "cycle").after.fall("ferr_n")
"""
FAILING = PASSING.replace("exactly(1", "exactly(2").replace("test_good", "test_bad")


@pytest.fixture
def run(pytester):
    """A test file in a pytest of its own; no xdist, no warnings as errors."""

    def run(text):
        pytester.makepyfile(test_it=text)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n0")

    return run


def test_a_passing_test_leaves_nothing_behind(run, pytester):
    run(PASSING).assert_outcomes(passed=1)
    assert not (pytester.path / "irq13-failures").exists()


def test_a_failing_test_keeps_its_waveform_and_picture_and_says_where(run, pytester):
    result = run(FAILING)
    result.assert_outcomes(failed=1)
    vcd = pytester.path / "irq13-failures" / "test_it.py-test_bad-0.vcd"
    result.stdout.fnmatch_lines([f"waveform: {vcd}", "FERR#*──┐*"])
    assert len(Trace.load(vcd)["irq13"].rises()) == 1
    assert "FERR#" in vcd.with_suffix(".txt").read_text("utf-8")


def test_a_folder_that_cannot_be_written_does_not_hide_the_failure(run, pytester):
    (pytester.path / "irq13-failures").write_text("in the way")
    result = run(FAILING)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*irq13 rises follows 1 cycle later*", "the waveform could not be kept:*"])


def test_a_failing_test_without_a_simulation_keeps_nothing(run, pytester):
    run("def test_bad(simulation):\n    assert False").assert_outcomes(failed=1)
    assert not (pytester.path / "irq13-failures").exists()


def test_the_trace_fixture_reads_a_vcd(run, pytester):
    from irq13.sim import Simulation

    with Simulation("P6", on="model") as sim:
        sim.step(3)
        write_waveform(sim.trace(), pytester.path / "x.vcd")
    run("def test_it(trace):\n    assert len(trace('x.vcd')['clk'].rises()) == 3").assert_outcomes(passed=1)
