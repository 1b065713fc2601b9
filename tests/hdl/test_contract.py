"""The cycle contract, row by row: a signal "in cycle n" is its settled value before rising edge n+1."""

import pytest
from irq13.model import Msr
from support.driven_pc import F0, IDLE, NE, RESET, op, rdmsr, wrmsr


def idle(cycles):
    return [IDLE] * cycles


def test_an_operation_is_answered_in_the_cycle_in_which_it_is_presented(pc, generation):
    dut = pc(generation)
    out = dut.run(op("fsin", raises="IE"), op("fwait"), op("fwait", NE), op("fwait", NE.TS | NE.MP))
    assert out.ready == "1000"
    assert out.freeze == "0100"
    assert out.mf == "0010"
    assert out.nm == "0001"


def test_an_accepted_operation_changes_flags_masks_and_es_in_the_next_cycle(pc, generation):
    dut = pc(generation, masks="all")
    out = dut.run(op("fdiv", raises="ZE"), op("fldcw", masks="PE"), *idle(1))
    assert [int(o.flags) for o in out] == [0, 0x04, 0x04]
    assert [int(o.masks) for o in out] == [0x3F, 0x3F, 0x20]
    assert out.es == "001"


@pytest.mark.parametrize("generation", ["P6", "AMD64"])
def test_an_immediate_exception_asserts_ferr_two_cycles_after_its_instruction(pc, generation):
    out = pc(generation).run(op("fdiv", raises="ZE"), *idle(3))
    assert out.es == "0111"
    assert out.ferr_n == "1100"


def test_i486_reports_an_immediate_exception_at_the_same_distance(pc):
    out = pc("I486").run(op("fsin", raises="IE"), *idle(3))
    assert out.ferr_n == "1100"


def test_a_deferred_exception_asserts_ferr_a_cycle_after_the_freeze_and_keeps_it(pc):
    out = pc("I486").run(op("fdiv", raises="ZE"), *idle(3), op("fwait"), *idle(3))
    assert out.freeze == "00001000"
    assert out.ferr_n == "11111000"


def test_a_deferred_exception_asserts_ferr_a_cycle_after_mf(pc):
    out = pc("I486").run(op("fdiv", raises="ZE"), *idle(3), op("fwait", NE), *idle(3))
    assert out.mf == "00001000"
    assert out.ferr_n == "11111000"


def test_ferr_is_negated_a_cycle_after_es(pc, generation):
    out = pc(generation).run(op("fsin", raises="IE"), *idle(3), op("fnclex"), *idle(3))
    assert out.es == "01111000"
    assert out.ferr_n == "11000011"


@pytest.mark.parametrize("stages", [2, 3, 5])
def test_the_ignne_pin_is_in_effect_after_the_synchroniser(pc, generation, stages):
    low = IDLE._replace(ignne_n=False)
    out = pc(generation, synchroniser_stages=stages).run(*[low] * 7, *idle(7))
    assert out.ignne == ("0" * stages + "1" * 7 + "0" * 7)[:14]


def test_an_msr_write_is_answered_in_the_next_cycle(pc):
    out = pc("AMD64").run(wrmsr(Msr.IGNNE, 1), *idle(2))
    assert [o.msr_response for o in out] == [None, (False, 0), None]


def test_ignne_em_switches_the_source_in_the_next_cycle(pc):
    dut = pc("AMD64")
    dut.run(wrmsr(Msr.IGNNE, 1))
    assert dut.run(*idle(2), wrmsr(Msr.HWCR, 0x100), *idle(2)).ignne == "00011"
    assert dut.run(wrmsr(Msr.HWCR, 0), *idle(2)).ignne == "100"


def test_the_ignne_msr_is_in_effect_in_the_next_cycle(pc):
    dut = pc("AMD64")
    dut.run(wrmsr(Msr.HWCR, 0x100))
    assert dut.run(wrmsr(Msr.IGNNE, 1), *idle(2)).ignne == "011"
    assert dut.run(wrmsr(Msr.IGNNE, 0), *idle(2)).ignne == "100"


def test_the_source_can_switch_in_the_middle_of_a_freeze(pc):
    dut = pc("AMD64")
    dut.run(wrmsr(Msr.IGNNE, 1), op("fdiv", raises="ZE"), IDLE)
    frozen = op("fwait")
    out = dut.run(frozen, frozen, frozen._replace(msr=wrmsr(Msr.HWCR, 0x100).msr), frozen)
    assert out.freeze == "1110"
    assert out.ready == "0001"


def test_an_msr_read_is_answered_in_the_next_cycle(pc):
    dut = pc("AMD64")
    dut.run(wrmsr(Msr.HWCR, 0x180))
    out = dut.run(rdmsr(Msr.HWCR), IDLE)
    assert out[1].msr_response == (False, 0x180)


def test_irq13_rises_a_cycle_after_ferr_falls(pc, generation):
    out = pc(generation).run(op("fsin", raises="IE"), *idle(4))
    assert out.ferr_n == "11000"
    assert out.irq13 == "00011"


def test_f0_lowers_irq13_and_asserts_ignne_a_cycle_later(pc, generation):
    dut = pc(generation)
    out = dut.run(op("fsin", raises="IE"), *idle(4), F0, *idle(2))
    assert out.irq13 == "00011100"
    assert out.ignne_n == "11111100"


def test_f0_without_an_error_asserts_nothing(pc, generation):
    out = pc(generation).run(F0, *idle(3))
    assert out.ignne_n == "1111"
    assert out.irq13 == "0000"


def test_ignne_is_negated_in_the_cycle_in_which_ferr_is(pc, generation):
    dut = pc(generation)
    dut.run(op("fsin", raises="IE"), *idle(4), F0, *idle(3))
    out = dut.run(op("fnclex"), *idle(4))
    assert out.ferr_n == "00111"
    assert out.ignne_n == "00111"


@pytest.mark.parametrize("length", [1, 4, 7])
def test_the_no_wait_window(pc, length):
    dut = pc("I486", nowait_window=length)
    dut.run(op("fdiv", raises="ZE"), *idle(3))
    out = dut.run(*[op("fnstsw")] * (length + 1), *idle(2))
    assert out.window == "1" * length + "0" * 3
    assert out.ready == "0" * length + "100"
    assert out.ferr_n == "1" + "0" * length + "11"


def test_a_withdrawn_no_wait_instruction_leaves_ferr_asserted_and_then_executes_at_once(pc):
    dut = pc("I486")
    dut.run(op("fdiv", raises="ZE"), *idle(3))
    out = dut.run(op("fnstsw"), op("fnstsw"), *idle(4), op("fnstsw"), *idle(3))
    assert out.window == "1100000000"
    assert out.ready == "0000001000"
    assert out.ferr_n == "1000000000"


def test_a_new_edge_of_ferr_beats_a_write_to_f0_in_the_same_cycle(pc, generation):
    out = pc(generation).run(op("fsin", raises="IE"), IDLE, F0, *idle(2))
    assert out.ferr_n == "11000"
    assert out.irq13 == "00011"
    assert out.ignne_n == "11100"


def test_reset_clears_everything_in_the_next_cycle(pc, generation):
    dut = pc(generation, masks="all")
    dut.run(op("fldcw", masks="DE"), op("fsin", raises="IE"), *idle(4))
    out = dut.run(F0, RESET, *idle(3))
    assert out.ferr_n == "00111"
    assert out.irq13 == "10000"
    assert out.ignne_n == "10111"
    assert [int(o.flags) for o in out] == [1, 1, 0, 0, 0]
    # RESET unmasks every exception; FNINIT would mask them.
    assert int(out[-1].masks) == 0
