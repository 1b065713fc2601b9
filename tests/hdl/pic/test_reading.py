"""What a read of the 8259A gives: IRR, ISR, IMR and the poll."""


def test_irr_isr_and_imr(chip):
    chip.setup()
    chip.request(6)
    chip.inta()
    chip.request(1)
    chip.out(1, 0xA5)
    assert chip.read(0) == 0x02
    chip.out(0, 0x0B)
    assert (chip.read(0), chip.read(0)) == (0x40, 0x40)
    chip.out(0, 0x0A)
    assert (chip.read(0), chip.read(1)) == (0x02, 0xA5)


def test_ocw3_without_rr_leaves_the_selection(chip):
    chip.setup()
    chip.out(0, 0x0B, 0x08)
    chip.request(6)
    assert chip.read(0) == 0


def test_poll_acknowledges_and_tells_the_level_once(chip):
    chip.setup()
    chip.request(6, 3)
    chip.out(0, 0x0C)
    assert chip.read(0) == 0x83
    assert chip.isr == 0x08
    assert chip.read(0) == 0x40  # IRR again


def test_poll_without_a_request(chip):
    chip.setup()
    chip.out(0, 0x0C)
    assert chip.read(0) == 0x00
    assert chip.isr == 0


def test_poll_goes_before_a_status_read(chip):
    chip.setup()
    chip.request(6)
    chip.out(0, 0x0F)
    assert chip.read(0) == 0x86
    assert chip.read(0) == 0x00  # IRR, not ISR: RR did not count


def test_the_poll_command_freezes_the_level_until_it_is_read(chip):
    chip.setup()
    chip.request(6)
    chip.out(0, 0x0C)
    chip.request(3)
    assert chip.read(0) == 0x86
    assert chip.isr == 0x40


def test_a_poll_in_automatic_eoi_mode_leaves_nothing_in_service(chip):
    chip.setup(icw4=0x03)
    chip.out(0, 0x80)  # rotate
    chip.request(1, 4)
    chip.out(0, 0x0C)
    assert chip.read(0) == 0x81
    assert chip.isr == 0
    chip.drop(1)
    chip.request(1)
    assert chip.inta() == 0x0C  # IR1 is at the bottom
