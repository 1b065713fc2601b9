"""Sweeps: the CPU in lanes goes where the CPU goes, and each phase is what the scenario alone comes to."""

import random
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from irq13 import hdl
from irq13.model import Generation
from irq13.model.older import OlderMachine
from irq13.sim.cli.main import main
from irq13.sim.cpu.diagnosis import REASONS
from irq13.sim.cpu.events import SMI
from irq13.sim.lanes.lanes import Lanes, kernel_of
from irq13.sim.machines.machine import ModelMachine
from irq13.sim.netlist.lowering import lower
from irq13.sim.scenarios import scenario as scenarios
from irq13.sim.scenarios.older_run import run_on_older
from irq13.sim.scenarios.run import Driver, run_scenario
from irq13.sim.scenarios.scenario import PINS, PinEvent
from irq13.sim.support.errors import NetlistError
from irq13.sim.support.toml_source import Source
from irq13.sim.sweep.design import netlist_of
from irq13.sim.sweep.heatmap import heatmap_page, runs
from irq13.sim.sweep.older import sweep_older
from irq13.sim.sweep.pins import pin_pulse
from irq13.sim.sweep.sweep import phase, sweep
from support.machines import ALONE

DEFAULT = "dos-divide-by-zero"
STATE = {
    "processor.x87.flags": lambda pc: int(pc.processor.state.flags),
    "processor.x87.masks": lambda pc: int(pc.processor.state.masks),
    "processor.reporting.ferr": lambda pc: int(pc.processor.reporting.ferr),
    "processor.msr.ignne_em": lambda pc: int(bool(pc.processor.msr.hwcr & 0x100)),
    "chipset.irq13": lambda pc: int(pc.chipset.ff1),
    "chipset.ff2": lambda pc: int(pc.chipset.ff2),
    "master.isr": lambda pc: pc.master.isr,
    "master.imr": lambda pc: pc.master.imr,
    "slave.isr": lambda pc: pc.slave.isr,
}


@pytest.fixture(scope="module", autouse=True)
def compiler(tool):
    tool("cc")


@pytest.fixture(scope="module")
def pcs():
    """The PC as a netlist, by its parameters."""
    known = {}

    def pc(parameters):
        if parameters not in known:
            known[parameters] = lower(hdl.Pc(parameters))
        return known[parameters]

    return pc


def _disturbed(scenario, chance):
    """The scenario with pulses on its pins, now and then."""
    pins = []
    for pin in ("ignne_n", "nmi", "reset", "irq0", "irq9"):
        cycle = chance.randrange(50)
        for _ in range(chance.choice((0, 0, 1, 2))):
            pins.append(PinEvent(cycle, pin, not PINS[pin]))
            cycle += chance.randrange(1, 9)
            pins.append(PinEvent(cycle, pin, PINS[pin]))
            cycle += chance.randrange(1, 30)
    return replace(scenario, pins=tuple(sorted(pins, key=lambda event: event.cycle)))


@pytest.mark.parametrize(
    "name",
    [
        name if number % 12 == 0 else pytest.param(name, marks=pytest.mark.slow)
        for number, name in enumerate(ALONE)
    ],
)
def test_the_cpu_in_lanes_is_the_cpu(name, pcs):
    """Every shipped scenario, as it is and with pins that come in between: all state in every cycle."""
    chance = random.Random(name)
    plain = scenarios.load_scenario(name)
    disturbed = _disturbed(plain, chance)
    for scenario in (disturbed,) if name.startswith("field-") else (plain, disturbed):
        parameters = scenario.parameters_for(chance.choice(scenario.generations))
        if scenario.program.monitor:
            with pytest.raises(NetlistError, match=r"a \[monitor\] is not supported in lanes"):
                netlist_of(scenario, parameters.generation, [], pcs(parameters))
            continue
        netlist = netlist_of(scenario, parameters.generation, [], pcs(parameters))
        lanes = Lanes(kernel_of(netlist, engine="numpy"), 1)
        driver = Driver(ModelMachine(parameters), scenario.program, scenario.pins)
        for cycle in range(110):
            driver.step()
            lanes.run(1)
            pc = driver.machine._pc
            wanted = {name: get(pc) for name, get in STATE.items()} | {"cpu.if": int(driver.cpu.interrupts)}
            got = {name: int(lanes.register(name)[0]) for name in wanted if name in lanes.names}
            assert got == {name: wanted[name] for name in got}, (cycle, scenario.pins)
            if lanes.register("cpu.done")[0]:
                assert driver.cpu.current is None


@pytest.mark.parametrize(
    ("name", "pins", "ranges"),
    [
        (DEFAULT, ["ignne_n", "ignne_n=high"], [range(8, 34), range(8, 34)]),
        (DEFAULT, ["reset", "irq0"], [range(5, 40, 3), range(5, 40, 3)]),
        ("slave-masked-deadlock", ["ignne_n", "nmi"], [range(0, 30, 2), range(0, 30, 2)]),
        ("svm-dos-guest", ["reset"], [range(0, 60)]),
    ],
)
def test_each_phase_is_what_the_scenario_comes_to_alone(name, pins, ranges):
    """Phases picked at random, run one by one on the model."""
    scenario = scenarios.load_scenario(name)
    generation = scenario.generations[-1]
    pulses = [pin_pulse(pins[0], 2 if pins[0] == "reset" else None), *map(pin_pulse, pins[1:])]
    done = sweep(scenario, generation, pulses, ranges, engine="numpy")
    chance = random.Random(1)
    for _ in range(25):
        row, column = (chance.randrange(size) for size in done.table.shape)
        cycles = [done.first[row], done.second[column]][: len(pulses)]
        alone = run_scenario(phase(scenario, pulses, cycles), generation, "model")
        outcome = done.outcomes[done.table[row, column]]
        entered = {f"{event.value:02X}h" for event in alone.events if event.kind == "enters"}
        assert entered == {one for one in outcome.handlers if one != "host"}, cycles
        unhandled = any(event.kind == "unhandled" for event in alone.events)
        assert (outcome.verdict in ("deadlocked", "endless")) == (alone.diagnosis is not None or unhandled)
        if outcome.detail and not unhandled:
            assert alone.diagnosis.reason == outcome.detail
        if outcome.verdict == "ignored":
            assert not len(alone.trace["ferr_n"].falls())


@pytest.mark.parametrize(
    "generation",
    [
        Generation.I486,
        *(pytest.param(one, marks=pytest.mark.slow) for one in (Generation.P6, Generation.AMD64)),
    ],
)
def test_no_pair_of_edges_of_ignne_loses_an_error_or_hangs_without_a_reason(generation):
    """Every cycle of IGNNE# falling against every cycle of it rising, over the whole default scenario."""
    scenario = scenarios.load_scenario(DEFAULT)
    pulses = [pin_pulse("ignne_n=low"), pin_pulse("ignne_n=high")]
    done = sweep(scenario, generation, pulses, [range(50), range(50)])
    assert done.table.size == 2500
    assert {one.verdict for one in done.outcomes} <= {"handled", "ignored", "pending", "deadlocked"}
    assert all(one.detail in REASONS for one in done.outcomes if one.verdict == "deadlocked")
    assert "handled" in {one.verdict for one in done.outcomes}


def test_phases_after_the_end_are_those_at_the_end():
    """100,000 phases of one event: those after the scenario is at rest are not run, and are the same."""
    scenario = scenarios.load_scenario(DEFAULT)
    done = sweep(scenario, Generation.I486, [pin_pulse("nmi")], [range(100_000)], engine="numpy")
    assert done.table.shape == (100_000, 1)
    assert done.lanes < 100
    late = [done.table[cycle, 0] for cycle in (60, 61, 5000, 99_999)]
    assert len(set(late)) == 1
    whole = sweep(
        scenario, Generation.I486, [pin_pulse("nmi"), pin_pulse("irq0")], [range(30, 80), range(900, 901)]
    )
    one = sweep(scenario, Generation.I486, [pin_pulse("nmi")], [range(30, 80)])
    same = [
        one.outcomes[a].handlers == whole.outcomes[b].handlers
        for a, b in zip(one.table, whole.table, strict=True)
        for a, b in zip(a, b, strict=True)
    ]
    assert all(same)


def test_engines_and_threads_give_the_same():
    scenario = scenarios.load_scenario(DEFAULT)
    pulses = [pin_pulse("ignne_n", 3), pin_pulse("reset", 1)]
    sweeps = [
        sweep(scenario, Generation.P6, pulses, [range(40), range(40)], engine=engine, threads=threads)
        for engine, threads in (("numpy", 1), ("compiled", 1), ("compiled", 2))
    ]
    assert all(one.outcomes == sweeps[0].outcomes for one in sweeps)
    assert all((one.table == sweeps[0].table).all() for one in sweeps)


def test_a_lost_error_is_told():
    """RESET in the cycle in which FERR# falls clears FF1: nobody hears of the error."""
    text = "program = '''\nfldcw masks=none\nfdiv raises=ZE\nnop 20\n'''\n"
    scenario = scenarios.parse_scenario(Source("lost.toml", text), "lost")
    done = sweep(scenario, Generation.AMD64, [pin_pulse("reset", 1)], [range(12)], engine="numpy")
    verdicts = {cycle: done.outcomes[done.table[cycle, 0]].verdict for cycle in range(12)}
    assert verdicts[11] == "lost"
    assert verdicts[0] in ("ignored", "pending")


def test_what_a_cpu_in_lanes_cannot_do_is_refused_by_its_line():
    text = "program = '''\nfninit\nwait cr0_ne\n'''\n"
    scenario = scenarios.parse_scenario(Source("wait.toml", text), "wait")
    with pytest.raises(
        NetlistError, match="line 3: 'wait cr0_ne' is not supported in lanes; expected one of"
    ):
        sweep(scenario, Generation.P6, [pin_pulse("nmi")], [range(3)], engine="numpy")


# The command


def invoke(*arguments):
    return CliRunner().invoke(main, ["sweep", *arguments])


def test_the_command_prints_phases_and_outcomes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke(
        DEFAULT, "--pin", "ignne_n", "--to", "40", "--engine", "numpy", "--phase", "13", "--html", "m.html"
    )
    assert result.exit_code == 0, result.output
    assert "Divide by zero in a DOS program on I486: ignne_n falls" in result.output
    assert "20 to 40  A" in result.output
    assert "41 phases" in result.output
    assert "waveform: dos-divide-by-zero.13.vcd" in result.output
    assert (tmp_path / "dos-divide-by-zero.13.gtkw").exists()
    text = (tmp_path / "m.html").read_text("utf-8")
    assert "IGNNE in effect" in text
    assert "http" not in text


def test_a_map_of_two_events_is_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke(
        DEFAULT, "--pin", "ignne_n=low", "--second-pin", "ignne_n=high", "--to", "30", "--engine", "numpy"
    )
    assert result.exit_code == 0
    rows = [
        line for line in result.output.splitlines() if line.strip()[:1].isdigit() and len(line.split()) == 2
    ]
    assert len(rows) == 31
    assert all(len(line.split()[1]) == 31 for line in rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([DEFAULT, "--pin", "foo"], "no pin 'foo': expected one of ignne_n, nmi, reset"),
        ([DEFAULT, "--pin", "nmi=up"], "expected nmi=low or nmi=high, not 'nmi=up'"),
        ([DEFAULT, "--pin", "nmi", "--from", "5", "--to", "3"], "the range from 5 to 3 is empty"),
        ([DEFAULT, "--pin", "nmi", "--second-width", "3"], "need --second-pin"),
        ([DEFAULT, "--pin", "nmi", "--phase", "a"], "expected a cycle, such as 13, not 'a'"),
        ([DEFAULT, "--pin", "nmi", "--to", "3000000"], "cycles must stay below"),
        (
            [DEFAULT, "--pin", "nmi", "--second-pin", "irq0", "--to", "9999"],
            "at most 16000000 fit into one sweep",
        ),
        ([DEFAULT, "--pin", "parity"], "no pin 'parity'"),
        ([DEFAULT, "--pin", "parity", "--machine", "AT286"], "there is no pin parity on AT286"),
        ([DEFAULT, "--pin", "nmi", "--machine", "AT286", "--threads", "2"], "AT286 is run phase by phase"),
        ([DEFAULT, "--pin", "nmi", "--machine", "AT286", "--generation", "P6"], "--machine stands alone"),
        (
            [DEFAULT, "--pin", "nmi", "--second-pin", "irq0", "--machine", "AT286", "--to", "299"],
            "at most 50000",
        ),
        (["nonesuch", "--pin", "nmi"], "no scenario 'nonesuch'"),
        ([DEFAULT], "Missing option '--pin'"),
    ],
)
def test_bad_input_is_one_line(arguments, message):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_nothing_half_written_where_the_folder_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = invoke(DEFAULT, "--pin", "nmi", "--to", "3", "--engine", "numpy", "--html", "no/map.html")
    assert result.exit_code == 2
    assert "no/map.html: No such file or directory" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_page_has_every_phase():
    scenario = scenarios.load_scenario(DEFAULT)
    done = sweep(scenario, Generation.I486, [pin_pulse("ignne_n")], [range(40)], engine="numpy")
    stretches = list(runs(done))
    assert stretches[0][0] == 0
    assert stretches[-1][1] == 39
    assert sum(end - start + 1 for start, end, _ in stretches) == 40
    text = heatmap_page(done)
    assert text.count("<tr>") == len(done.outcomes) + 1
    assert np.array_equal(done.table[:, 0], np.concatenate([np.full(b - a + 1, o) for a, b, o in stretches]))


@pytest.mark.slow
def test_the_grown_language_in_lanes():
    """Loops, counters, a handler that ends by a jump, SMM; STPCLK# for ever is diagnosed."""
    text = """generation = "I486"
limit = 300
program = '''
again:  bios
        sti
        fninit
        fldcw masks=none
        fdiv raises=ZE
check:  fwait
out:    fnclex
        loop again, 2
'''
[handlers]
75h = '''
        fnstsw
        out 0xf0
        out 0xa0, 0x20
        out 0x20, 0x20
        inc [times]
        cmp [times], 2
        jz out
        test sw, ZE
        jz lost
        fnclex
lost:   iret
'''
smi = '''
        mov cx, 3
round:  loop round
        rsm
'''
"""
    scenario = scenarios.parse_scenario(Source("x.toml", text), "x")
    pulses = [pin_pulse("smi"), pin_pulse("stpclk")]
    ranges = [range(0, 60, 4), range(0, 200, 9)]
    done = sweep(scenario, Generation.I486, pulses, ranges, engine="numpy", threads=1)
    found = {(one.verdict, one.detail) for one in done.outcomes}
    # Late enough it finds the program at its end.
    assert found == {("deadlocked", "stopped"), ("handled", "")}
    # In the cycle in which it ends too; SMI# finds RSM alone where there is no handler.
    plain = scenarios.load_scenario("dos-divide-by-zero")
    ranges = [range(12, 13), range(28, 40)]
    ends = sweep(plain, Generation.I486, pulses, ranges, engine="numpy", threads=1)
    assert {(one.verdict, one.detail) for one in ends.outcomes} == found
    alone = run_scenario(phase(plain, pulses, [12, 40]), Generation.I486, on="model")
    assert [event.kind for event in alone.events if event.value == SMI] == ["enters", "returns"]


def test_a_machine_before_the_486_phase_by_phase():
    """Each outcome is that of the scenario alone; an NMI in each cycle, with and without the 8087's."""
    scenario, machine = scenarios.load_scenario(DEFAULT), OlderMachine.XT8087
    pulses = [pin_pulse("parity", 4, {"parity": False})]
    done = sweep_older(scenario, machine, pulses, [range(14)])
    assert {one.text for one in done.outcomes} == {"handled, 02h entered"}
    assert {one.order for one in done.outcomes} == {"INT + NMI, INT negated", "NMI, INT, INT negated"}
    for row, cycle in enumerate(done.first):
        trace = run_on_older(phase(scenario, pulses, [cycle]), machine, "model").trace
        first = int(trace["nmi"].rises()[0]) < int(trace["npx_int"].rises()[0])
        assert (done.outcomes[done.table[row, 0]].order[:4] == "NMI,") == first
    masked = scenarios.load_scenario("at286-irq13-masked")
    done = sweep_older(masked, OlderMachine.AT286, [pin_pulse("irq0", 1)], [range(3)])
    assert {one.verdict for one in done.outcomes} == {"deadlocked"}
    result = invoke("at286-irq13-masked", "--pin", "irq5", "--to", "2")
    assert "3 phases, 3 runs of the model, of up to" in result.stdout
