"""Master and slave: whom an INTA sequence of the 8259A calls, and who answers."""

import pytest
from support.driven_pic import Chip


def test_a_master_calls_its_slave_and_leaves_the_vector_to_it(chip):
    chip.setup(icw1=0x11, icw3=0x24)
    chip.request(5)
    # From the trailing edge of the first pulse to the trailing edge of the second.
    assert chip.cycle(inta=True).cas == 0
    assert chip.cycle().cas == 5
    second = chip.cycle(inta=True)
    assert (second.cas, second.vector) == (5, None)
    assert chip.cycle().cas == 0
    assert chip.isr == 0x20


def test_a_master_answers_for_its_own_inputs(chip):
    chip.setup(icw1=0x11, icw3=0x04)
    chip.request(3)
    assert chip.inta() == 0x0B


def test_a_slave_answers_its_number_only(on):
    slave = Chip(on, master=False).setup(icw1=0x11, base=0x70, icw3=0x02)
    slave.request(5)
    assert slave.inta(cas=3) is None
    assert slave.isr == 0
    assert slave.inta(cas=2) == 0x75
    assert slave.isr == 0x20


def test_a_called_slave_without_a_request_gives_level_7(on):
    slave = Chip(on, master=False).setup(icw1=0x11, base=0x70, icw3=0x02)
    assert slave.inta(cas=2) == 0x77
    assert slave.isr == 0


def test_a_slave_looks_at_cas_in_the_cycle_after_the_first_pulse(on):
    slave = Chip(on, master=False).setup(icw1=0x11, base=0x70, icw3=0x02)
    slave.request(5)
    slave.cycle(inta=True, cas=2)
    slave.cycle(cas=3)
    assert slave.isr == 0
    assert slave.cycle(inta=True, cas=3).vector is None
    slave.cycle(inta=True, cas=3)
    assert slave.cycle(cas=2).registers == (0x20, 0, 0)
    assert slave.registers == (0, 0x20, 0)


def test_a_master_in_automatic_eoi_mode_ends_what_its_slave_answers(chip):
    # Else the cascade would be held back for ever: nobody sends this master an EOI.
    chip.setup(icw1=0x11, icw3=0x24, icw4=0x03)
    chip.request(5)
    assert chip.inta() is None
    assert chip.isr == 0
    chip.drop(5)
    chip.request(5)
    assert chip.int_


def test_icw1_between_the_pulses_forgets_the_sequence(chip):
    chip.setup(icw1=0x11, icw3=0x24)
    chip.request(5)
    chip.cycle(inta=True)
    chip.out(0, 0x13)
    assert chip.cycle().registers == (0, 0, 0)
    assert chip.cycle(inta=True)[2:4] == (None, 0)


def test_what_comes_in_service_wins_over_an_eoi_in_the_same_cycle(chip):
    for eoi in (0x20, 0x65):
        chip.setup()
        chip.request(5)
        chip.cycle(inta=True)
        chip.out(0, eoi)
        assert chip.isr == 0x20
        chip.drop(5)


@pytest.mark.parametrize("pin", [True, False])
def test_in_buffered_mode_icw4_makes_the_master(on, pin):
    master = Chip(on, pin).setup(icw1=0x11, icw3=0x20, icw4=0x0D)
    master.request(5)
    master.cycle(inta=True)
    assert master.cycle().cas == 5
    slave = Chip(on, pin).setup(icw1=0x11, icw3=0x02, icw4=0x09)
    slave.request(5)
    assert slave.inta(cas=2) == 0x0D
