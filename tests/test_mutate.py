"""Mutants of the netlist: the stimulus kills them, what is equivalent is proved, and the rest is told."""

import pytest
from irq13.model import Parameters
from irq13.model.pc import PcInputs
from irq13.model.registers import Generation
from irq13.sim.errors import Divergence
from irq13.sim.lockstep import Stimulus
from irq13.sim.machine import ModelMachine
from irq13.sim.mutate import Mutant, _is_equivalent, _netlist, mutate
from irq13.sim.packing import OUTPUTS, join, pack_outputs, unpack
from irq13.sim.yosys import FULL, run_yosys


@pytest.fixture(scope="module")
def outcomes(tool):
    for name in ("g++", "make", "perl"):
        tool(name)
    return list(mutate(Parameters(Generation.P6), 60, 60_000, 7))


def test_nearly_all_mutants_are_killed(outcomes):
    """Each of 60 places; what is left is equivalent or one of a few in the 8259A's special modes."""
    assert len(outcomes) == 60
    killed = [one for one in outcomes if one.killed_in is not None]
    assert len(killed) >= 50
    left = [one for one in outcomes if one.killed_in is None and not one.equivalent]
    assert len(left) <= 6


def test_a_mutant_says_what_and_where(outcomes):
    texts = [one.mutant.text for one in outcomes]
    assert any(".py:" in text for text in texts)
    assert all(text.split()[0] in ("inv", "const0", "const1", "cnot0", "cnot1", "none") for text in texts)


def test_equivalence_is_proved_and_refuted():
    netlist = _netlist(Parameters(Generation.P6))
    listed = run_yosys(f"{netlist}mutate -list 400 -seed 3\n", FULL, quiet=False)
    inverted = next(line for line in listed.splitlines() if "-mode inv" in line and "reporting.py" in line)
    assert not _is_equivalent(netlist, Mutant(1, inverted))
    assert _is_equivalent(netlist, Mutant(2, inverted.replace("-mode inv", "-mode none")))


def test_packed_outputs_unpack_to_what_they_were(generation):
    machine, stimulus, outputs = ModelMachine(Parameters(Generation(generation))), Stimulus(2), None
    for _ in range(2000):
        outputs = machine.step(stimulus.next(outputs))
        assert unpack(pack_outputs(outputs)) == outputs
    assert machine.settle(PcInputs()).decision.name == "IDLE"


def test_several_answers_at_once_are_a_divergence():
    levels = dict.fromkeys(OUTPUTS, 0) | {"op_ready": 1, "op_freeze": 1}
    with pytest.raises(Divergence, match="several answers at once"):
        unpack(join(levels, OUTPUTS))
