"""What every machine does, and what only one that keeps does."""

import pytest
from irq13.model import Parameters
from irq13.sim.machines.machine import MACHINES, KeptMachine
from support.driven_pc import IDLE, op


@pytest.mark.parametrize("on", MACHINES)
def test_power_up_begins_again(on):
    machine = MACHINES[on](Parameters("P6"))
    inputs = (op("fninit"), op("fldcw", masks="none"), op("fdiv", raises="ZE"), IDLE, IDLE)
    first = [machine.step(one) for one in inputs]
    machine.power_up()
    assert [machine.step(one) for one in inputs] == first
    assert not first[-1].ferr_n


def test_a_kept_machine_goes_on_keeping_after_power_up():
    machine = KeptMachine(Parameters("P6"))
    machine.step(op("fninit"))
    machine.power_up()
    assert (machine.inputs, machine.outputs) == ([], [])
    shown = machine.step(op("fdiv", raises="ZE"))
    assert (machine.inputs, machine.outputs) == ([op("fdiv", raises="ZE")], [shown])
