"""The 8259A up to its last ICW, and what ICW1 and RESET clear."""

import pytest


def test_int_is_quiet_before_and_during_initialization(chip):
    chip.request(0, 1, 2)
    assert not chip.int_
    chip.drop(0, 1, 2)
    for a0, word in ((0, 0x11), (1, 0x08), (1, 0x04)):
        chip.out(a0, word)
        chip.request(3)
        assert not chip.int_
        chip.drop(3)
    chip.out(1, 0x01)
    chip.request(3)
    assert chip.int_


@pytest.mark.parametrize(("icw1", "words"), [(0x11, 3), (0x13, 2), (0x10, 2), (0x12, 1)])
def test_icw1_says_which_words_follow(chip, icw1, words):
    chip.out(0, icw1)
    chip.out(1, *[0x40] * words)
    chip.out(1, 0x5A)
    assert chip.read(1) == 0x5A


def test_icw2_is_the_vector_base(chip):
    chip.setup(base=0x77)
    chip.request(5)
    assert chip.inta() == 0x75


def test_icw1_clears_masks_rotation_special_mask_and_status_select(chip):
    chip.setup()
    chip.out(1, 0xFF)
    chip.out(0, 0xC3, 0x68, 0x0B)  # IR3 at the bottom, special mask mode, read ISR
    chip.setup()
    assert chip.read(1) == 0
    chip.request(3, 4)
    assert chip.read(0) == 0x18  # IRR
    assert chip.inta() == 0x08 + 3  # IR0 is at the top again


def test_icw1_resets_the_edge_detectors(chip):
    chip.setup()
    chip.request(2)
    chip.setup()
    assert not chip.int_
    chip.drop(2)
    chip.request(2)
    assert chip.int_


def test_reset_gives_the_state_at_power_up(chip):
    chip.setup()
    chip.request(0)
    chip.inta()
    chip.cycle(reset=True)
    assert chip.registers[1:] == (0, 0xFF)
    chip.drop(0)
    chip.request(0)
    assert not chip.int_
