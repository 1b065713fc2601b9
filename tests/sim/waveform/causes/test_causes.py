"""Causes: every edge of a run has one, and it leads back to the program or to the world outside."""

import pytest
from irq13.model import Pc
from irq13.model.older import OlderMachine
from irq13.model.registers import Generation, Parameters
from irq13.sim import Simulation, Trace
from irq13.sim.machines.lockstep import RandomStimulus
from irq13.sim.machines.older import OlderModelMachine, OlderStimulus, older_variants
from irq13.sim.scenarios.older_run import run_on_older
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import load_scenario
from irq13.sim.waveform.causes.cause import OUTSIDE, Edge
from irq13.sim.waveform.older_signals import older_signals
from irq13.sim.waveform.recorder import OlderRecorder, Recorder
from irq13.sim.waveform.two_signals import recorded_in
from irq13.sim.waveform.vcd_writer import write_waveform
from support.machines import LATER

INTERNAL = ("ferr_n", "irq13", "chipset_ignne_n", "intr", "slave_int", "freeze", "mf", "vmexit", "fault")
"""Signals that nothing outside drives: their edges must lead back to something."""
OLDER_INTERNAL = (
    "error",
    "latch",
    "busy",
    "npx_busy",
    "npx_int",
    "irq13",
    "cpu_error",
    "pereq",
    "ready",
    "nm",
)
OLDER_INTERNAL += ("intr", "slave_int", "freeze", "mf")


def recorded(generation, seed, cycles):
    """Random stimulus on the model, recorded."""
    parameters = Parameters(generation)
    recorder, pc, stimulus, outputs = Recorder(parameters), Pc(parameters), RandomStimulus(seed), None
    for _ in range(cycles):
        inputs = stimulus.next(outputs)
        outputs = pc.step(inputs)
        recorder.record(inputs, outputs)
    return recorder.trace()


def check_causes(trace, signals=(), internal=INTERNAL):
    """Each edge has a cause, which names edges that happened, none of them later, and in no circle."""
    every = signals or recorded_in(trace)
    edges = {Edge(one.spoken, trace.cycle(time)) for one in every for time in trace[one.path].changes()}
    assert set(trace.causes) == edges
    for edge, cause in trace.causes.items():
        assert cause.text
        assert set(cause.because) <= edges, edge
        assert all(before.cycle <= edge.cycle and before != edge for before in cause.because)
        # What cycle 0 brings about has no edge before it.
        if edge.signal.rpartition(".")[2] in internal and edge.cycle > 1:
            assert cause.because, (edge, cause)
    done, active = set(), set()

    def visit(edge):
        if edge in done:
            return
        assert edge not in active, f"{edge} causes itself"
        active.add(edge)
        for before in trace.causes[edge].because:
            visit(before)
        active.remove(edge)
        done.add(edge)

    for edge in edges:
        visit(edge)


@pytest.mark.parametrize("name", LATER)
def test_every_edge_of_every_scenario_has_a_cause(tmp_path, name):
    scenario = load_scenario(name)
    for generation in scenario.generations:
        trace = run_scenario(scenario, generation, "model").trace
        check_causes(trace)
        write_waveform(trace, tmp_path / "x.vcd")
        assert dict(Trace.load(tmp_path / "x.vcd").causes) == dict(trace.causes)


@pytest.mark.parametrize("seed", range(4))
def test_every_edge_of_random_stimulus_has_a_cause(generation, seed):
    check_causes(recorded(generation, seed, 1500))


def test_hdl_and_model_give_the_same_causes(on):
    scenario = load_scenario("deferred-and-immediate")
    causes = run_scenario(scenario, Generation.I486, on).trace.causes
    assert causes == run_scenario(scenario, Generation.I486, "model").trace.causes


def the_cause(trace, signal, number=0):
    found = sorted(edge for edge in trace.causes if edge.signal == signal)
    return trace.causes[found[number]]


def test_the_handshake_explains_itself():
    trace = run_scenario(load_scenario("dos-divide-by-zero"), Generation.I486, "model").trace
    assert the_cause(trace, "ferr_n") == (
        "ES set by 'fdiv raises=ZE' (ZE unmasked) in cycle 13; CR0.NE = 0; IGNNE not in effect; "
        "deferred until 'fstp' came in cycle 14",
        (Edge("es", 14), Edge("freeze", 14)),
    )
    assert the_cause(trace, "irq13") == ("FF1 set: FERR# fell in cycle 15", (Edge("ferr_n", 15),))
    assert the_cause(trace, "ignne") == (
        "IGNNE# low in cycle 22, through 2 synchroniser stages",
        (Edge("ignne_n", 22),),
    )
    assert the_cause(trace, "ferr_n", 1).text == "ES = 0: ZE cleared by 'fnclex' in cycle 27"
    assert the_cause(trace, "ignne_n", 1).text == "FERR# is high: FF2 is held clear"


def test_what_comes_from_outside_has_no_cause_inside():
    trace = run_scenario(load_scenario("input-signal-pin"), Generation.I486, "model").trace
    assert the_cause(trace, "ignne_n") == (OUTSIDE, ())


@pytest.mark.parametrize(
    ("family", "flag", "kind"),
    [("fdiv", "ZE", "deferred until 'fnop'"), ("fsin", "IE", "reported at once")],
)
def test_immediate_and_deferred_are_told_apart(family, flag, kind):
    """Section 4: also where the next instruction freezes in the cycle in which it is reported."""
    with Simulation("I486", on="model") as sim:
        sim.issue("fninit")
        sim.issue("fldcw", masks="none")
        sim.issue(family, raises=flag)
        sim.issue("fnop")
        sim.step(2)
        assert kind in the_cause(sim.trace(), "ferr_n").text


def test_the_end_of_reporting_the_window_and_reset_are_named():
    with Simulation("I486", on="model") as sim:
        sim.issue("fninit")
        sim.issue("fldcw", masks="none")
        sim.issue("fdiv", raises="ZE")
        sim.issue("fnstsw")
        sim.step(2)
        trace = sim.trace()
        assert the_cause(trace, "ferr_n", 1).text == "the interrupt window of 'fnstsw' is over"
        assert the_cause(trace, "window", 1).text == "the window of 4 cycles is over"
        sim.issue("fnop")
        sim.step(2)
        sim.reset()
        sim.step(2)
        assert the_cause(sim.trace(), "ferr_n", 3).text.startswith("RESET in cycle")
    with Simulation("AMD64", on="model") as sim:
        sim.issue("fldcw", masks="none")
        sim.issue("fdiv", raises="ZE")
        sim.step(2)
        sim.ne = 1
        sim.step(2)
        text = the_cause(sim.trace(), "ferr_n", 1).text
        assert text == "CR0.NE = 1 and HWCR.AllowFerrOnNe = 0: FERR# is not reported"


def test_what_masks_an_error_is_told_from_what_clears_it():
    """FNSTENV masks all; the flag stays."""
    for mnemonic, verb in (("fnstenv", "masked"), ("fnclex", "cleared")):
        with Simulation("P6", on="model") as sim:
            sim.issue("fldcw", masks="none")
            sim.issue("fdiv", raises="ZE")
            sim.issue(mnemonic)
            sim.step(2)
            assert the_cause(sim.trace(), "es", 1).text.startswith(f"ZE {verb} by '{mnemonic}' in cycle")


def test_a_fault_names_the_rule_that_was_broken():
    with Simulation("AMD64", on="model") as sim:
        with pytest.raises(Exception, match="must be zero"):
            sim.msr["IGNNE"] = 2
        text = the_cause(sim.trace(), "fault").text
    assert text == "WRMSR C0010115h accepted in cycle 0; #GP(0): IGNNE bits 63:1 must be zero"


@pytest.mark.parametrize("parameters", older_variants(), ids=str)
def test_every_edge_of_a_machine_before_the_486_has_a_cause(parameters):
    recorder, machine = OlderRecorder(parameters), OlderModelMachine(parameters)
    stimulus, outputs = OlderStimulus(parameters, 2), None
    for _ in range(600):
        inputs = stimulus.next(outputs)
        outputs = machine.step(inputs)
        recorder.record(inputs, outputs)
    check_causes(recorder.trace(), older_signals(parameters), OLDER_INTERNAL)


def test_an_at_explains_itself():
    trace = run_on_older(load_scenario("dos-divide-by-zero"), OlderMachine.AT286, "model").trace
    assert the_cause(trace, "latch") == ("L set: ERROR rose in cycle 16", (Edge("error", 16),))
    assert the_cause(trace, "latch", 1) == ("L cleared by 'out 0xf0' in cycle 22", (Edge("clear_write", 22),))
    assert the_cause(trace, "irq13") == ("the request is L", (Edge("latch", 17),))
    assert the_cause(trace, "freeze", 2).text == "'fstp' waits: the coprocessor executes"
    xt = run_on_older(load_scenario("dos-divide-by-zero"), OlderMachine.XT8087, "model").trace
    assert the_cause(xt, "nmi").text == "INT of the 8087, and bit 7 of port A0h is 1"


def test_a_pc98s_port_f0h_is_a_reset_of_the_processor():
    with Simulation("P6", wiring="PC98", on="model") as sim:
        sim.issue("fldcw", masks="none")
        sim.issue("fdiv", raises="ZE")
        sim.step(2)
        assert (sim.ferr_n, sim.irq13) == (False, True)
        sim.out(0xF0)
        assert (sim.ferr_n, sim.es, sim.irq13) == (True, False, True)
        sim.out(0xF8)
        assert not sim.irq13
        assert the_cause(sim.trace(), "ferr_n", 1).text == "port F0h reset the processor in cycle 4"
