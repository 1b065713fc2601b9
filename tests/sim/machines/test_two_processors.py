"""A PC with two processors: model and HDL on random stimulus, each processor with a mixture of its own."""

import random

import pytest
from irq13.hdl.two_processors import TwoProcessorPc
from irq13.model import Parameters
from irq13.model.reporting import Decision
from irq13.model.two_processors import TwoProcessorInputs
from irq13.sim.machines.lockstep import RandomStimulus
from irq13.sim.machines.two_processors import TWO_PROCESSOR_MACHINES, TwoProcessorLockstep
from irq13.sim.support.errors import Divergence


def run(machine, seed, cycles):
    """How often some situations came up."""
    of_a, of_b, pick = RandomStimulus(seed), RandomStimulus(seed + 100), random.Random(seed)
    seen = dict.fromkeys(("b freezes", "both pull", "b alone", "a alone", "b ignores"), 0)
    outputs = None
    for _ in range(cycles):
        a = of_a.next(outputs and outputs.pc)
        b = of_b.next(outputs and outputs.pc._replace(decision=outputs.b.decision))
        on_the_bus = pick.random() < 0.5
        inputs = TwoProcessorInputs(
            a, b.cr0, b.operation, b.msr, b.msr_response_ready, on_the_bus and a.io is not None
        )
        outputs = machine.step(inputs)
        pulls = not outputs.a_ferr_n, not outputs.b.ferr_n
        seen["b freezes"] += outputs.b.decision is Decision.FREEZE
        seen["both pull"] += all(pulls)
        seen["b alone"] += pulls == (False, True)
        seen["a alone"] += pulls == (True, False)
        seen["b ignores"] += outputs.b.es and outputs.b.ignne and outputs.b.decision is Decision.READY
        assert outputs.pc.ferr_n == (outputs.a_ferr_n and (outputs.b.ferr_n or not machine.b_wired))
    return seen


@pytest.mark.parametrize(
    ("parameters", "wired", "cycles"),
    [
        (Parameters("P6"), True, 600),
        *(
            pytest.param(*case, 2500, marks=pytest.mark.slow)
            for case in [
                (Parameters("I486"), True),
                (Parameters("AMD64", port_emulation=True, hwcr="zen"), True),
                (Parameters("AMD64"), False),
            ]
        ),
    ],
    ids=lambda one: getattr(one, "generation", one),
)
def test_model_and_hdl_agree(parameters, wired, cycles):
    seen = run(TWO_PROCESSOR_MACHINES["lockstep"](parameters, wired), 1, cycles)
    assert all(count > 2 for count in seen.values()), seen


def test_a_wire_that_is_not_connected_is_found():
    """The lockstep sees what it is for: the HDL without the second FERR# against the model with it."""
    parameters = Parameters("P6")
    machine = TwoProcessorLockstep(parameters, design=TwoProcessorPc(parameters, b_wired=False))
    with pytest.raises(Divergence, match="model and HDL differ"):
        run(machine, 1, 600)
