"""Model and HDL compared on every output in every cycle."""

import pytest
from irq13.model import Generation, Parameters, PcInputs, PcOutputs
from irq13.model.chipset import Chipset
from irq13.model.reporting import Reporting
from irq13.sim.machines.lockstep import RandomStimulus, lockstep
from irq13.sim.machines.machine import IDLE_OUTPUTS, LockstepMachine, ModelMachine
from irq13.sim.scenarios.run import run_scenario
from irq13.sim.scenarios.scenario import load_scenario
from irq13.sim.support.errors import Divergence, InputError
from support.machines import LATER

# Lanes compare millions of cycles of the HDL with the reference in lanes, and that with the model; what only
# this does is to compare the two directly, under Amaranth's simulator and with stimulus of its own.
CYCLES = 3_000
VARIANTS = [
    Parameters("AMD64", reserved_bits="silicon", port_emulation=True, synchroniser_stages=3),
    Parameters("AMD64", port_emulation=True, ferr_enable=False, hwcr="zen"),
    Parameters("AMD64", hwcr="k8", chipset="PIIX4"),
    Parameters("I486", nowait_window=1, synchroniser_stages=4),
    Parameters("I486", nowait_window=9, ferr_enable=False, wiring="PC98"),
]


@pytest.mark.parametrize(
    ("seed", "cycles"), [(4, CYCLES), pytest.param(1, 10 * CYCLES, marks=pytest.mark.slow)]
)
def test_random_stimulus(generation, seed, cycles):
    seen = lockstep(Parameters(generation), seed, cycles)
    reached = {"READY", "FREEZE", "MF", "NM", "UD", "ferr_n", "ignne_n", "chipset_ignne_n", "irq13"}
    assert reached <= {name for name, count in seen.items() if count > 10}
    assert (seen["WINDOW"] > 10) == (generation == "I486")


@pytest.mark.parametrize("parameters", VARIANTS, ids=str)
def test_random_stimulus_with_other_parameters(parameters):
    lockstep(parameters, 1, 1_500)


@pytest.mark.parametrize("name", LATER)
@pytest.mark.parametrize("generation", Generation, ids=lambda one: one.value)
def test_every_scenario_on_every_generation(name, generation):
    """The two agree; and on those that the scenario is for, all that it expects comes to pass."""
    scenario = load_scenario(name)
    if scenario.program.hypervisor and generation is not Generation.AMD64:
        with pytest.raises(InputError, match="a hypervisor needs SVM"):
            run_scenario(scenario, generation, "lockstep")
        return
    # Two processors are the same blocks wired once more: one generation of each scenario says it.
    compared = scenario.second is None or generation is scenario.generations[0]
    result = run_scenario(scenario, generation, "lockstep" if compared else "model")
    if generation in scenario.generations:
        assert [verdict for verdict in result.verdicts if not verdict.holds] == []
        assert result.passed


def test_the_same_seed_gives_the_same_stimulus():
    def inputs(seed):
        machine, stimulus, outputs, result = ModelMachine(Parameters("I486")), RandomStimulus(seed), None, []
        for _ in range(300):
            result.append(stimulus.next(outputs))
            outputs = machine.step(result[-1])
        return result

    assert inputs(5) == inputs(5) != inputs(6)


@pytest.mark.parametrize(
    ("block", "attribute", "wrong"),
    [
        (Reporting, "_gated", lambda self, now: False),
        (Reporting, "_window_ends", lambda self, now, decision: False),
        (Reporting, "reports_at_once", lambda self: True),
        (Chipset, "clock", lambda self, inputs: None),
    ],
)
def test_a_model_with_a_fault_diverges_and_the_message_leads_there(monkeypatch, block, attribute, wrong):
    monkeypatch.setattr(block, attribute, wrong)
    with pytest.raises(Divergence) as caught:
        lockstep(Parameters("I486"), 3, 20_000)
    first, *lines = str(caught.value).splitlines()
    assert first.startswith("I486, seed 3: cycle ")
    assert any("model" in line and "HDL" in line for line in lines)
    assert "the cycles before" in str(caught.value)


def test_ignne_without_ferr_is_found_even_where_both_agree():
    faulty = PcOutputs(**{**IDLE_OUTPUTS._asdict(), "chipset_ignne_n": False})
    machine = LockstepMachine(Parameters())
    machine._model.step = machine._hdl.step = lambda inputs: faulty
    with pytest.raises(Divergence, match="cycle 0: IGNNE# is active while FERR# is not"):
        machine.step(PcInputs())
