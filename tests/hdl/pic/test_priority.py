"""Which request of the 8259A goes before which, and before what is in service."""

import pytest
from support.driven_pic import Chip


def test_ir0_first_ir7_last(chip):
    chip.setup()
    chip.request(7, 3, 5)
    assert [chip.inta() for _ in range(1)] == [0x0B]
    chip.out(0, 0x20)
    assert chip.inta() == 0x0D
    chip.out(0, 0x20)
    assert chip.inta() == 0x0F


@pytest.mark.parametrize("busy", range(8))
def test_fully_nested_only_a_higher_level_interrupts_one_in_service(chip, busy):
    chip.setup()
    chip.request(busy)
    chip.inta()
    for level in range(8):
        if level != busy:
            chip.request(level)
            assert chip.int_ == (level < busy)
            chip.drop(level)


def test_special_mask_mode_lets_lower_levels_through(chip):
    chip.setup()
    chip.request(2)
    chip.inta()
    chip.out(1, 0x04)
    chip.request(5)
    assert not chip.int_
    chip.out(0, 0x68)
    assert chip.inta() == 0x0D
    chip.out(0, 0x48)
    assert not chip.int_


def test_special_fully_nested_mode_lets_the_slave_in_service_ask_again(on):
    for icw4, again in ((0x01, False), (0x11, True)):
        chip = Chip(on)
        chip.setup(icw1=0x11, icw3=0x04, icw4=icw4)
        chip.request(2)
        chip.inta()
        chip.drop(2)
        chip.request(2)
        assert chip.int_ == again
        chip.drop(2)
        chip.request(3)
        assert not chip.int_
