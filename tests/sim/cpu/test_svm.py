"""The FERR_FREEZE intercept and the hypervisor that uses the IGNNE MSR (APM2 15.14.2, 15.30)."""

import itertools

import pytest
from irq13.model import Generation, Msr
from irq13.sim.scenarios.run import Driver
from irq13.sim.scenarios.scenario import load_scenario
from support.driven_pc import IDLE, NE, DrivenPc, op, wrmsr

GUEST = IDLE._replace(guest_mode=True, intercept_ferr_freeze=True)


def guest(inputs):
    return inputs._replace(guest_mode=True, intercept_ferr_freeze=True)


def test_it_exits_with_07e_where_it_would_freeze_and_the_instruction_has_no_effect(pc):
    dut = pc("AMD64")
    out = dut.run(op("fdiv", raises="ZE"), IDLE, guest(op("fldcw", masks="all")), IDLE)
    assert (out.vmexit, out.freeze, out.ready) == ("0010", "0000", "1000")
    assert [one.exit_code for one in out] == [0, 0, 0x7E, 0]
    assert int(out[-1].masks) == 0


@pytest.mark.parametrize(("mode", "intercept"), [(False, False), (True, False), (False, True)])
def test_it_needs_guest_mode_and_the_intercept(pc, mode, intercept):
    dut = pc("AMD64")
    inputs = op("fwait")._replace(guest_mode=mode, intercept_ferr_freeze=intercept)
    assert dut.run(op("fdiv", raises="ZE"), IDLE, inputs).freeze == "001"


@pytest.mark.parametrize("generation", ["I486", "P6"])
def test_only_amd64_has_it(pc, generation):
    dut = pc(generation)
    out = dut.run(op("fdiv", raises="ZE"), IDLE, guest(op("fwait")))
    assert (out.vmexit, out.freeze) == ("000", "001")


def test_no_exit_without_a_freeze(pc):
    dut = pc("AMD64")
    assert dut.run(guest(op("fwait"))).vmexit == "0"  # no error
    dut.run(op("fdiv", raises="ZE"), IDLE)
    assert dut.run(guest(op("fnstsw"))).ready == "1"  # non-waiting
    assert dut.run(guest(op("fwait", NE))).mf == "1"  # native mode
    dut.run(wrmsr(Msr.HWCR, 0x100), IDLE, wrmsr(Msr.IGNNE, 1))
    assert dut.run(guest(op("fwait"))).ready == "1"  # IGNNE in effect


def test_ferr_is_asserted_all_the_same(pc):
    dut = pc("AMD64")
    out = dut.run(guest(op("fdiv", raises="ZE")), GUEST, guest(op("fwait")), GUEST)
    assert out.ferr_n == "1100"


def visible(events, program):
    """What a guest can tell: what its own steps and handlers do, in order, but not when."""
    blocks = [program.main, *program.handlers.values()]
    own = set(map(id, itertools.chain(*blocks)))
    return [
        (event.kind, event.step.text, event.value)
        for event in events
        if id(event.step) in own and event.kind in ("executes", "reads", "enters", "returns", "#MF", "#GP")
    ]


def test_the_guest_cannot_tell_the_difference_from_bare_metal(on):
    """One program, as a guest and on the bare machine with the pin: the same events in the same order."""
    scenario = load_scenario("svm-dos-guest")
    stories, pins = [], []
    for program in (scenario.program, scenario.program._replace(hypervisor=None)):
        machine = DrivenPc(on, Generation.AMD64).machine
        driver = Driver(machine, program)
        assert driver.run(500) is None
        stories.append(visible(driver.cpu.events, program))
        pins.append(len(driver.recorder.trace()["ignne_n"].falls()))
    assert stories[0] == stories[1]
    assert ("enters", "fstp", 0x75) in stories[0]
    # In the guest the pin stays high throughout; on bare metal it does the work.
    assert pins == [0, 2]


def test_an_exit_that_the_hypervisor_does_not_handle_ends_the_program(on):
    program = load_scenario("svm-dos-guest").program
    hypervisor = program.hypervisor._replace(exits={})
    driver = Driver(DrivenPc(on, Generation.AMD64).machine, program._replace(hypervisor=hypervisor))
    assert driver.run(500) is None
    assert [(event.kind, event.value) for event in driver.cpu.events][-1] == ("unhandled", 0x7E)
