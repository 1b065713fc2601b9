"""The 8259A by the paragraphs of its datasheet, on model, HDL and lanes: what each case says has to come comes."""

from itertools import zip_longest

import numpy as np
import pytest
from irq13.model.lanes.pc import LanePc, lane_registers
from irq13.model.pc import PcInputs
from irq13.model.registers import Parameters
from irq13.sim.conformance.pic_transactions import CASES, PicCase
from irq13.sim.machines.machine import HdlMachine, ModelMachine
from irq13.sim.machines.ports import INPUTS, values_of

PORTS = {"io_data": "io_read_data"}
"""What a transaction looks at, where the port has another name."""


@pytest.fixture(scope="module")
def hdl():
    return HdlMachine(Parameters("P6"))


def wrong(case, machine):
    machine.step(PcInputs(reset=True))
    return [text for one in case.transactions() if (text := one.mismatch(machine.step(one.inputs)))]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_comes_as_the_datasheet_says(case, hdl):
    assert wrong(case, ModelMachine(Parameters("P6"))) == []
    assert wrong(case, hdl) == []
    assert any(one.expects for one in case.transactions())


def wrong_in_lanes(cases):
    """Each case in a lane of its own, all at once, as arrays of one bit a lane."""
    parameters, zero = Parameters("P6"), np.zeros(len(cases), dtype=bool)
    pc = LanePc(parameters, zero)
    state = {
        name: [zero | bool(init >> bit & 1) for bit in range(width)]
        for name, (width, init) in lane_registers(parameters).items()
    }
    texts, looked_at = [], 0
    for cycle in zip_longest(*(case.transactions() for case in cases)):
        rows = [values_of(one.inputs if one else PcInputs()) for one in cycle]
        inputs = {
            name: [np.array([bool(row[name] >> bit & 1) for row in rows]) for bit in range(width)]
            for name, width in INPUTS.items()
        }
        outputs, state = pc.step(state, inputs)
        for lane, one in enumerate(cycle):
            if one is None or one.expects is None:
                continue
            looked_at += 1
            name, value = one.expects
            got = sum(int(bit[lane]) << index for index, bit in enumerate(outputs[PORTS.get(name, name)]))
            if got != value:
                texts.append(f"{cases[lane].name}: {one.word}: {name} is {got:02X}h")
    assert looked_at == sum(one.expects is not None for case in cases for one in case.transactions())
    return texts


def test_it_comes_so_in_lanes():
    assert wrong_in_lanes(CASES) == []
    wrong_vector = PicCase("x", "", "init +3 int=1 inta=0C")
    assert wrong_in_lanes([CASES[0], wrong_vector]) == ["x: inta=0C: vector is 0Bh"]


def test_a_case_that_is_not_so_is_told():
    case = PicCase("x", "", "init +3 int=1 inta=0C")
    assert wrong(case, ModelMachine(Parameters("P6"))) == ["inta=0C: vector is 0Bh"]


def test_names_are_unique():
    assert len({case.name for case in CASES}) == len(CASES) > 45
