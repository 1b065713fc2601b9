"""What makes a request of the 8259A, and what becomes of one that goes away or is masked."""


def test_edge_triggered_a_line_counts_once(chip):
    chip.setup()
    chip.request(4)
    assert chip.inta() == 0x0C
    chip.out(0, 0x20)
    assert not chip.int_
    chip.drop(4)
    chip.request(4)
    assert chip.int_


def test_edge_triggered_a_request_that_goes_away_is_gone(chip):
    chip.setup()
    chip.request(4)
    assert chip.int_
    chip.drop(4)
    assert not chip.int_


def test_level_triggered_a_line_counts_as_long_as_it_is_high(chip):
    chip.setup(icw1=0x1B)
    chip.request(4)
    assert chip.inta() == 0x0C
    chip.out(0, 0x20)
    assert chip.int_
    chip.drop(4)
    assert not chip.int_


def test_spurious_interrupt_is_level_7_without_an_in_service_bit(chip):
    chip.setup()
    chip.request(2)
    chip.drop(2)
    assert chip.inta() == 0x0F
    assert chip.isr == 0


def test_a_real_level_7_sets_its_in_service_bit(chip):
    chip.setup()
    chip.request(7)
    assert chip.inta() == 0x0F
    assert chip.isr == 0x80


def test_the_first_pulse_freezes_the_level(chip):
    chip.setup()
    chip.request(5)
    chip.ir |= 1
    assert chip.cycle(inta=True).vector is None
    chip.cycle()
    assert chip.cycle(inta=True).vector == 0x0D


def test_the_mask_holds_int_back_and_irr_still_shows_the_request(chip):
    chip.setup()
    chip.out(1, 0x10)
    chip.request(4)
    assert not chip.int_
    assert chip.read(0) == 0x10
    chip.out(1, 0x00)
    assert chip.int_
