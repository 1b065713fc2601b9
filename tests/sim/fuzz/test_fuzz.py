"""Fuzzing: a fault is found and cut down, a campaign is the same however it is run."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from distributed import LocalCluster
from irq13 import hdl
from irq13.hdl import reporting
from irq13.model import Generation, Parameters
from irq13.model.registers import Family
from irq13.sim.cli.main import main
from irq13.sim.fuzz import campaign as fuzz
from irq13.sim.fuzz.campaign import (
    SHARD,
    CampaignResult,
    Found,
    campaign,
    local,
    plan_of,
    recipe_for,
    run_shard,
)
from irq13.sim.fuzz.dask import over_dask
from irq13.sim.fuzz.design import DIFFERS, FAILS, RULES, STATES, STUCK, state_text
from irq13.sim.fuzz.failure import replay_failure
from irq13.sim.netlist.lowering import lower
from irq13.sim.support.errors import ToolError


@pytest.fixture(scope="module", autouse=True)
def compiler(tool):
    tool("cc")


@pytest.fixture(scope="module")
def plan():
    """Three shards of 33 million cycles."""
    return plan_of(3 * SHARD, 3, [Generation.P6])


@pytest.fixture(scope="module")
def whole(plan):
    result = CampaignResult(plan)
    campaign(result, local(result))
    return result


def test_hdl_and_reference_agree(whole):
    assert whole.cycles == 3 * SHARD
    assert whole.found is None
    assert whole.missing == []


def test_every_state_that_can_be_is_seen_and_every_flip_flop_toggles(whole):
    """Under IGNNE nothing freezes (SDM1 8.7.2), so four states of the product cannot be."""
    seen = {text for _, text, _ in whole.states_seen()}
    assert seen == {state_text(n) for n in range(16)} - {
        text for text in map(state_text, range(16)) if "IGNNE + freeze" in text
    }
    assert list(whole.never_toggled()) == []
    cycles = fuzz.SHARD_CYCLES + 1
    assert sum(whole.counts["P6"]) == 3 * fuzz.SHARD_LANES * cycles


def test_a_campaign_is_the_same_however_it_is_run(plan, whole, tmp_path):
    """In another order, twice, resumed from a file, on numpy's lanes for a shard."""
    result = CampaignResult(plan)
    shards = [run_shard(plan, shard, "compiled", 1) for shard in (2, 1, 1)]
    campaign(result, shards)
    result.save(tmp_path / "state.json")
    again = fuzz.resume(tmp_path / "state.json", plan)
    assert again.missing == [0]
    campaign(again, local(again))
    assert (again.counts, again.done) == (whole.counts, whole.done)


def test_numpy_lanes_count_the_same(monkeypatch):
    monkeypatch.setattr(fuzz, "SHARD_LANES", 256)
    monkeypatch.setattr(fuzz, "SHARD_CYCLES", 300)
    plan = plan_of(2 * SHARD, 8, [Generation.P6])
    assert run_shard(plan, 1, "numpy") == run_shard(plan, 1, "compiled")


@pytest.fixture
def late_stores(monkeypatch):
    """A fault of one line: an I486 reports the underflow of a store late (SDM1 D.2.1.1 says at once)."""
    monkeypatch.setitem(reporting.DEFERRED, Family.STORE, 0b11_0000)


def test_a_fault_is_found_and_cut_down_to_one_event(late_stores, monkeypatch):
    """Within a million cycles; one FST with UE is all it takes, and Amaranth's simulator shows it too."""
    parameters = Parameters(Generation.I486)
    component = hdl.Pc(parameters)
    netlist = lower(component)
    monkeypatch.setattr(fuzz, "SHARD_CYCLES", 1_000_000 // fuzz.SHARD_LANES)
    plan = plan_of(1, 7, [Generation.I486])
    one = run_shard(plan, 0, kernel=recipe_for(parameters, netlist).kernel())
    found = Found(*one["found"])
    assert found.what == DIFFERS
    failure = replay_failure(found, plan.seed, parameters, component, netlist)
    assert failure.minimised.events == 1
    assert "STORE, UE" in failure.lines[0]
    assert any("ferr_n: model 0, HDL 1" in line for line in failure.lines)
    assert len(failure.trace["es"].rises()) == 1


def test_a_broken_rule_is_found_without_the_reference(monkeypatch):
    """A freeze under IGNNE, which breaks the rule whatever the reference says."""
    parameters = Parameters(Generation.P6)
    netlist = lower(hdl.Pc(parameters))
    graph = netlist.graph
    waits = graph.and_(netlist.outputs["es"][0], netlist.outputs["ignne"][0])
    netlist.outputs["op_freeze"] = [graph.or_(netlist.outputs["op_freeze"][0], waits)]
    monkeypatch.setattr(fuzz, "SHARD_CYCLES", 100)
    monkeypatch.setattr(fuzz, "SHARD_LANES", 512)
    kernel = recipe_for(parameters, netlist).kernel("numpy")
    lanes = fuzz.Lanes(kernel, 512)
    fuzz.begin(lanes, 1)
    lanes.run(100)
    assert lanes.first[FAILS[1 + RULES.index("freeze = 1 never while ignne = 1")]] is not None


def test_a_stuck_cascade_is_found_on_a_slave_that_does_not_rest(monkeypatch):
    """INT as it was: low between the pulses in a master, and nowhere low after them."""
    source = Path(hdl.pic.__file__).read_text("utf-8")
    now, before = (
        "self._int_held | (self._found & ~self._quiet)",
        "self._found & ~(self._second & self._leads)",
    )
    assert source.count(now) == 1
    broken = {"__name__": hdl.pic.__name__, "__package__": hdl.__name__}
    exec(compile(source.replace(now, before), hdl.pic.__file__, "exec"), broken)
    monkeypatch.setattr(hdl.pc, "Pic", broken["Pic"])
    parameters = Parameters(Generation.P6)
    kernel = recipe_for(parameters, lower(hdl.Pc(parameters))).kernel("numpy")
    lanes = fuzz.Lanes(kernel, 512)
    fuzz.begin(lanes, 1)
    lanes.run(500)
    assert lanes.first[STUCK] is not None


# The command, and what can go wrong


def invoke(*arguments):
    return CliRunner().invoke(main, ["fuzz", *arguments])


def test_the_command_tells_what_was_seen(tmp_path):
    result = invoke("--cycles", "3e7", "--generation", "P6", "--state", str(tmp_path / "s.json"))
    assert result.exit_code == 0, result.output
    assert "3.355e+07 cycles in 1 shards, seed 0: no difference" in result.output
    assert "flip-flops of the HDL that never changed: none" in result.output
    assert "FERR# + IGNNE + freeze" in result.output
    assert "never" in result.output


@pytest.mark.slow
def test_the_command_shows_a_failure(late_stores, tmp_path, monkeypatch):
    """With its cause in words and its waveform; status 1."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fuzz._kernel.cache_clear()
    result = invoke("--cycles", "1e6", "--generation", "I486")
    fuzz._kernel.cache_clear()
    assert result.exit_code == 1, result.output
    assert re.search(r"I486, seed 0, lane \d+, cycle \d+: HDL and reference differ", result.output)
    assert "1 events in" in result.output
    assert list(tmp_path.glob("fuzz-0-*.vcd"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cycles", "many"], "expected a number of cycles such as 1e10, not 'many'"),
        (["--cycles", "-3"], "expected a number of cycles such as 1e10, not '-3'"),
        (["--seed", "-1"], "Invalid value for '--seed'"),
        (
            ["--state", "no/such/folder.json", "--cycles", "1"],
            "no/such/folder.json: No such file or directory",
        ),
        # It is waited for ten seconds.
        pytest.param(
            ["--dask", "tcp://127.0.0.1:1", "--cycles", "1"],
            "no Dask scheduler at tcp://127.0.0.1:1",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_bad_input_is_one_line(arguments, message):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data | {"sources": "0"}, "of another version of irq13"),
        (lambda data: data | {"seed": 4}, "of seed 4 on P6; give the same ones, or another file"),
        (lambda data: {}, "not the state of a fuzzing campaign"),
    ],
)
def test_another_campaigns_state_is_refused(whole, plan, tmp_path, change, message):
    path = tmp_path / "state.json"
    whole.save(path)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(ValueError, match=message):
        fuzz.resume(path, plan)


def test_ctrl_c_keeps_what_there_is_and_the_campaign_goes_on(tmp_path):
    """Status 130, one line on stderr, and a state that the same command goes on from."""
    state = tmp_path / "state.json"
    command = [sys.executable, "-c", "from irq13.sim.cli.main import main; main()"]
    command += ["fuzz", "--cycles", "1e13", "--generation", "P6", "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (state.exists() and json.loads(state.read_text())["done"]):
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-1] == "irq13: interrupted: the same command goes on"
    assert "no difference" in output
    plan = plan_of(1e13, 0, [Generation.P6])
    before = len(fuzz.resume(state, plan).done)
    assert before >= 1
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]


# On a cluster


@pytest.fixture(scope="module")
def scheduler():
    """A scheduler and two worker processes, on this machine."""
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs=50,
    ) as cluster:
        yield cluster


@pytest.mark.filterwarnings("ignore")
def test_two_workers_come_to_the_same_and_one_may_die(scheduler, plan, whole):
    """A worker is killed in the middle: its shards are run again, and every shard counts once."""
    result = CampaignResult(plan)
    killed = []

    def shards():
        for number, one in enumerate(over_dask(result, scheduler.scheduler_address)):
            if number == 0:
                victim = next(iter(scheduler.workers.values()))
                killed.append(victim.process.process.pid)
                os.kill(killed[0], signal.SIGKILL)
            yield one

    campaign(result, shards())
    assert killed
    assert (result.counts, result.done, result.found) == (whole.counts, whole.done, whole.found)


@pytest.mark.filterwarnings("ignore")
def test_workers_of_another_version_are_refused(scheduler, plan, monkeypatch):
    # By value to the workers, which cannot import this module; another answer in each process.
    monkeypatch.setattr("irq13.sim.fuzz.dask.fingerprint", lambda: os.getpid())
    with pytest.raises(ToolError, match="the worker has another version of irq13"):
        next(over_dask(CampaignResult(plan), scheduler.scheduler_address))


def test_without_dask_it_is_said_how_to_get_it(plan, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ToolError, match=r"Dask is not installed: pip install 'irq13\[cluster\]'"):
        next(over_dask(CampaignResult(plan), "tcp://127.0.0.1:1"))


def test_states_are_named():
    assert state_text(0) == "idle"
    assert state_text(0b1001) == "FERR# + IRQ 13"
    assert len(STATES) == 16
