"""How a level of the 8259A leaves service, and what that does to the order of the levels."""

import pytest


def busy(chip, *levels):
    """Levels in service, the lowest priority first."""
    for level in levels:
        chip.request(level)
        chip.inta()
    return chip


def test_non_specific_ends_the_highest(chip):
    busy(chip.setup(), 5, 2)
    chip.out(0, 0x20)
    assert chip.isr == 0x20


def test_specific_ends_the_named_one(chip):
    busy(chip.setup(), 5, 2)
    chip.out(0, 0x65)
    assert chip.isr == 0x04


def test_automatic_ends_with_the_second_pulse(chip):
    chip.setup(icw4=0x03)
    chip.request(5)
    chip.cycle(inta=True)
    chip.cycle()
    assert chip.isr == 0x20
    chip.cycle(inta=True)
    assert chip.isr == 0


def test_non_specific_spares_a_masked_level_in_special_mask_mode(chip):
    busy(chip.setup(), 5, 2)
    chip.out(1, 0x04)
    chip.out(0, 0x68, 0x20)
    assert chip.isr == 0x04


def test_no_operation_does_nothing(chip):
    busy(chip.setup(), 5)
    chip.out(0, 0x45)
    assert chip.isr == 0x20


def order(chip):
    """The levels in the order in which they are served."""
    chip.drop(*range(8))
    chip.request(*range(8))
    served = []
    for _ in range(8):
        served.append(chip.inta() & 7)
        chip.out(0, 0x60 | served[-1])
    return served


def test_rotate_on_non_specific_eoi(chip):
    busy(chip.setup(), 4)
    chip.out(0, 0xA0)
    assert order(chip) == [5, 6, 7, 0, 1, 2, 3, 4]


def test_rotate_on_specific_eoi(chip):
    busy(chip.setup(), 4)
    chip.out(0, 0xE4)
    assert order(chip) == [5, 6, 7, 0, 1, 2, 3, 4]


@pytest.mark.parametrize("bottom", range(8))
def test_set_priority(chip, bottom):
    chip.setup()
    chip.out(0, 0xC0 | bottom)
    assert order(chip) == [(bottom + 1 + offset) % 8 for offset in range(8)]


def test_rotate_in_automatic_eoi_mode_set_and_clear(chip):
    chip.setup(icw4=0x03)
    chip.out(0, 0x80)
    chip.request(4)
    chip.inta()
    assert order(chip) == [5, 6, 7, 0, 1, 2, 3, 4]
    chip.out(0, 0x00, 0xC7)
    chip.drop(*range(8))
    chip.request(4)
    chip.inta()
    assert order(chip) == list(range(8))


def test_non_specific_eoi_without_anything_in_service_rotates_nothing(chip):
    chip.setup()
    chip.out(0, 0xA0)
    assert order(chip) == list(range(8))
