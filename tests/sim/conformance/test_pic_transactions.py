"""The 8259A by the paragraphs of its datasheet, on model and HDL: what each case says has to come comes."""

import pytest
from irq13.model.pc import PcInputs
from irq13.model.registers import Parameters
from irq13.sim.conformance.pic_transactions import CASES, PicCase
from irq13.sim.machines.machine import HdlMachine, ModelMachine


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


def test_a_case_that_is_not_so_is_told():
    case = PicCase("x", "", "init +3 int=1 inta=0C")
    assert wrong(case, ModelMachine(Parameters("P6"))) == ["inta=0C: vector is 0Bh"]


def test_names_are_unique():
    assert len({case.name for case in CASES}) == len(CASES) > 45
