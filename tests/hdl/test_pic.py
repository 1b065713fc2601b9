"""The 8259A, behaviour by behaviour of its datasheet, on HDL and model; and both in lockstep."""

import random

import pytest
from driven_pic import Chip, HdlPic, ModelPic
from irq13.model.pic import PicInputs


@pytest.fixture
def chip(on):
    return Chip(on)


class TestInitialization:
    def test_int_is_quiet_before_and_during_initialization(self, chip):
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
    def test_icw1_says_which_words_follow(self, chip, icw1, words):
        chip.out(0, icw1)
        chip.out(1, *[0x40] * words)
        chip.out(1, 0x5A)
        assert chip.read(1) == 0x5A

    def test_icw2_is_the_vector_base(self, chip):
        chip.setup(base=0x77)
        chip.request(5)
        assert chip.inta() == 0x75

    def test_icw1_clears_masks_rotation_special_mask_and_status_select(self, chip):
        chip.setup()
        chip.out(1, 0xFF)
        chip.out(0, 0xC3, 0x68, 0x0B)  # IR3 at the bottom, special mask mode, read ISR
        chip.setup()
        assert chip.read(1) == 0
        chip.request(3, 4)
        assert chip.read(0) == 0x18  # IRR
        assert chip.inta() == 0x08 + 3  # IR0 is at the top again

    def test_icw1_resets_the_edge_detectors(self, chip):
        chip.setup()
        chip.request(2)
        chip.setup()
        assert not chip.int_
        chip.drop(2)
        chip.request(2)
        assert chip.int_

    def test_reset_gives_the_state_at_power_up(self, chip):
        chip.setup()
        chip.request(0)
        chip.inta()
        chip.cycle(reset=True)
        assert chip.registers[1:] == (0, 0xFF)
        chip.drop(0)
        chip.request(0)
        assert not chip.int_


class TestRequests:
    def test_edge_triggered_a_line_counts_once(self, chip):
        chip.setup()
        chip.request(4)
        assert chip.inta() == 0x0C
        chip.out(0, 0x20)
        assert not chip.int_
        chip.drop(4)
        chip.request(4)
        assert chip.int_

    def test_edge_triggered_a_request_that_goes_away_is_gone(self, chip):
        chip.setup()
        chip.request(4)
        assert chip.int_
        chip.drop(4)
        assert not chip.int_

    def test_level_triggered_a_line_counts_as_long_as_it_is_high(self, chip):
        chip.setup(icw1=0x1B)
        chip.request(4)
        assert chip.inta() == 0x0C
        chip.out(0, 0x20)
        assert chip.int_
        chip.drop(4)
        assert not chip.int_

    def test_spurious_interrupt_is_level_7_without_an_in_service_bit(self, chip):
        chip.setup()
        chip.request(2)
        chip.drop(2)
        assert chip.inta() == 0x0F
        assert chip.isr == 0

    def test_a_real_level_7_sets_its_in_service_bit(self, chip):
        chip.setup()
        chip.request(7)
        assert chip.inta() == 0x0F
        assert chip.isr == 0x80

    def test_the_first_pulse_freezes_the_level(self, chip):
        chip.setup()
        chip.request(5)
        chip.ir |= 1
        assert chip.cycle(inta=True).vector is None
        chip.cycle()
        assert chip.cycle(inta=True).vector == 0x0D

    def test_the_mask_holds_int_back_and_irr_still_shows_the_request(self, chip):
        chip.setup()
        chip.out(1, 0x10)
        chip.request(4)
        assert not chip.int_
        assert chip.read(0) == 0x10
        chip.out(1, 0x00)
        assert chip.int_


class TestPriority:
    def test_ir0_first_ir7_last(self, chip):
        chip.setup()
        chip.request(7, 3, 5)
        assert [chip.inta() for _ in range(1)] == [0x0B]
        chip.out(0, 0x20)
        assert chip.inta() == 0x0D
        chip.out(0, 0x20)
        assert chip.inta() == 0x0F

    @pytest.mark.parametrize("busy", range(8))
    def test_fully_nested_only_a_higher_level_interrupts_one_in_service(self, chip, busy):
        chip.setup()
        chip.request(busy)
        chip.inta()
        for level in range(8):
            if level != busy:
                chip.request(level)
                assert chip.int_ == (level < busy)
                chip.drop(level)

    def test_special_mask_mode_lets_lower_levels_through(self, chip):
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

    def test_special_fully_nested_mode_lets_the_slave_in_service_ask_again(self, on):
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


class TestEndOfInterrupt:
    def busy(self, chip, *levels):
        """Levels in service, the lowest priority first."""
        for level in levels:
            chip.request(level)
            chip.inta()
        return chip

    def test_non_specific_ends_the_highest(self, chip):
        self.busy(chip.setup(), 5, 2)
        chip.out(0, 0x20)
        assert chip.isr == 0x20

    def test_specific_ends_the_named_one(self, chip):
        self.busy(chip.setup(), 5, 2)
        chip.out(0, 0x65)
        assert chip.isr == 0x04

    def test_automatic_ends_with_the_second_pulse(self, chip):
        chip.setup(icw4=0x03)
        chip.request(5)
        chip.cycle(inta=True)
        chip.cycle()
        assert chip.isr == 0x20
        chip.cycle(inta=True)
        assert chip.isr == 0

    def test_non_specific_spares_a_masked_level_in_special_mask_mode(self, chip):
        self.busy(chip.setup(), 5, 2)
        chip.out(1, 0x04)
        chip.out(0, 0x68, 0x20)
        assert chip.isr == 0x04

    def test_no_operation_does_nothing(self, chip):
        self.busy(chip.setup(), 5)
        chip.out(0, 0x45)
        assert chip.isr == 0x20

    def order(self, chip):
        """The levels in the order in which they are served."""
        chip.drop(*range(8))
        chip.request(*range(8))
        served = []
        for _ in range(8):
            served.append(chip.inta() & 7)
            chip.out(0, 0x60 | served[-1])
        return served

    def test_rotate_on_non_specific_eoi(self, chip):
        self.busy(chip.setup(), 4)
        chip.out(0, 0xA0)
        assert self.order(chip) == [5, 6, 7, 0, 1, 2, 3, 4]

    def test_rotate_on_specific_eoi(self, chip):
        self.busy(chip.setup(), 4)
        chip.out(0, 0xE4)
        assert self.order(chip) == [5, 6, 7, 0, 1, 2, 3, 4]

    @pytest.mark.parametrize("bottom", range(8))
    def test_set_priority(self, chip, bottom):
        chip.setup()
        chip.out(0, 0xC0 | bottom)
        assert self.order(chip) == [(bottom + 1 + offset) % 8 for offset in range(8)]

    def test_rotate_in_automatic_eoi_mode_set_and_clear(self, chip):
        chip.setup(icw4=0x03)
        chip.out(0, 0x80)
        chip.request(4)
        chip.inta()
        assert self.order(chip) == [5, 6, 7, 0, 1, 2, 3, 4]
        chip.out(0, 0x00, 0xC7)
        chip.drop(*range(8))
        chip.request(4)
        chip.inta()
        assert self.order(chip) == list(range(8))

    def test_non_specific_eoi_without_anything_in_service_rotates_nothing(self, chip):
        chip.setup()
        chip.out(0, 0xA0)
        assert self.order(chip) == list(range(8))


class TestReading:
    def test_irr_isr_and_imr(self, chip):
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

    def test_ocw3_without_rr_leaves_the_selection(self, chip):
        chip.setup()
        chip.out(0, 0x0B, 0x08)
        chip.request(6)
        assert chip.read(0) == 0

    def test_poll_acknowledges_and_tells_the_level_once(self, chip):
        chip.setup()
        chip.request(6, 3)
        chip.out(0, 0x0C)
        assert chip.read(0) == 0x83
        assert chip.isr == 0x08
        assert chip.read(0) == 0x40  # IRR again

    def test_poll_without_a_request(self, chip):
        chip.setup()
        chip.out(0, 0x0C)
        assert chip.read(0) == 0x00
        assert chip.isr == 0

    def test_poll_goes_before_a_status_read(self, chip):
        chip.setup()
        chip.request(6)
        chip.out(0, 0x0F)
        assert chip.read(0) == 0x86
        assert chip.read(0) == 0x00  # IRR, not ISR: RR did not count

    def test_the_poll_command_freezes_the_level_until_it_is_read(self, chip):
        chip.setup()
        chip.request(6)
        chip.out(0, 0x0C)
        chip.request(3)
        assert chip.read(0) == 0x86
        assert chip.isr == 0x40

    def test_a_poll_in_automatic_eoi_mode_leaves_nothing_in_service(self, chip):
        chip.setup(icw4=0x03)
        chip.out(0, 0x80)  # rotate
        chip.request(1, 4)
        chip.out(0, 0x0C)
        assert chip.read(0) == 0x81
        assert chip.isr == 0
        chip.drop(1)
        chip.request(1)
        assert chip.inta() == 0x0C  # IR1 is at the bottom


class TestCascade:
    def test_a_master_calls_its_slave_and_leaves_the_vector_to_it(self, chip):
        chip.setup(icw1=0x11, icw3=0x24)
        chip.request(5)
        # From the trailing edge of the first pulse to the trailing edge of the second.
        assert chip.cycle(inta=True).cas == 0
        assert chip.cycle().cas == 5
        second = chip.cycle(inta=True)
        assert (second.cas, second.vector) == (5, None)
        assert chip.cycle().cas == 0
        assert chip.isr == 0x20

    def test_a_master_answers_for_its_own_inputs(self, chip):
        chip.setup(icw1=0x11, icw3=0x04)
        chip.request(3)
        assert chip.inta() == 0x0B

    def test_a_slave_answers_its_number_only(self, on):
        slave = Chip(on, master=False).setup(icw1=0x11, base=0x70, icw3=0x02)
        slave.request(5)
        assert slave.inta(cas=3) is None
        assert slave.isr == 0
        assert slave.inta(cas=2) == 0x75
        assert slave.isr == 0x20

    def test_a_called_slave_without_a_request_gives_level_7(self, on):
        slave = Chip(on, master=False).setup(icw1=0x11, base=0x70, icw3=0x02)
        assert slave.inta(cas=2) == 0x77
        assert slave.isr == 0

    def test_a_slave_looks_at_cas_in_the_cycle_after_the_first_pulse(self, on):
        slave = Chip(on, master=False).setup(icw1=0x11, base=0x70, icw3=0x02)
        slave.request(5)
        slave.cycle(inta=True, cas=2)
        slave.cycle(cas=3)
        assert slave.isr == 0
        assert slave.cycle(inta=True, cas=3).vector is None
        slave.cycle(inta=True, cas=3)
        assert slave.cycle(cas=2).registers == (0x20, 0, 0)
        assert slave.registers == (0, 0x20, 0)

    def test_a_master_in_automatic_eoi_mode_ends_what_its_slave_answers(self, chip):
        # Else the cascade would be held back for ever: nobody sends this master an EOI.
        chip.setup(icw1=0x11, icw3=0x24, icw4=0x03)
        chip.request(5)
        assert chip.inta() is None
        assert chip.isr == 0
        chip.drop(5)
        chip.request(5)
        assert chip.int_

    def test_icw1_between_the_pulses_forgets_the_sequence(self, chip):
        chip.setup(icw1=0x11, icw3=0x24)
        chip.request(5)
        chip.cycle(inta=True)
        chip.out(0, 0x13)
        assert chip.cycle().registers == (0, 0, 0)
        assert chip.cycle(inta=True)[2:4] == (None, 0)

    def test_what_comes_in_service_wins_over_an_eoi_in_the_same_cycle(self, chip):
        for eoi in (0x20, 0x65):
            chip.setup()
            chip.request(5)
            chip.cycle(inta=True)
            chip.out(0, eoi)
            assert chip.isr == 0x20
            chip.drop(5)

    @pytest.mark.parametrize("pin", [True, False])
    def test_in_buffered_mode_icw4_makes_the_master(self, on, pin):
        master = Chip(on, pin).setup(icw1=0x11, icw3=0x20, icw4=0x0D)
        master.request(5)
        master.cycle(inta=True)
        assert master.cycle().cas == 5
        slave = Chip(on, pin).setup(icw1=0x11, icw3=0x02, icw4=0x09)
        slave.request(5)
        assert slave.inta(cas=2) == 0x0D


def stimulus(seed, cycles):
    """Random accesses, INTA pulses and lines, between initialisations in every mode."""
    pick = random.Random(seed)
    ir, words, pulses = 0, [], 0
    for cycle in range(cycles):
        if cycle % 250 == 0:
            icw1 = 0x11 | pick.choice((0, 0x08)) | pick.choice((0, 0x02)) ^ pick.choice((0, 0, 0, 1))
            words = [(0, icw1), (1, pick.getrandbits(8))]
            words += [] if icw1 & 2 else [(1, pick.choice((0x24, 0x02, pick.getrandbits(8))))]
            words += [(1, pick.getrandbits(5))] if icw1 & 1 else []
            words += [(1, pick.getrandbits(8) & pick.getrandbits(8))]
            calm = pick.choice((0.02, 0.3))
        if pick.random() < calm:
            ir ^= 1 << pick.randrange(8)
        draw = pick.random()
        write, a0, data = False, pick.getrandbits(1), pick.getrandbits(8)
        if pulses == 0 and words:
            write, (a0, data) = True, words.pop(0)
        elif draw < 0.2:
            write = True
            data = data & ~0x10 if not a0 else data & pick.getrandbits(8)
        elif draw < 0.3 and not pulses:
            pulses = 2
        inta = pulses > 0 and pick.random() < 0.7
        pulses -= inta
        yield PicInputs(
            reset=pick.random() < 0.001,
            ir=ir,
            write=write,
            read=not write and draw > 0.85,
            a0=bool(a0),
            data=data,
            inta=inta,
            cas=pick.choice((0, 2, 2, 4, 7)),
        )


@pytest.mark.parametrize("master", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_lockstep_over_random_words_lines_and_pulses(seed, master):
    # 60,000 cycles in all; every OCW comes up, in every mode.
    chips, written = (ModelPic(master), HdlPic(master)), set()
    vectors = set()
    for cycle, inputs in enumerate(stimulus(seed, 10_000)):
        expected, got = (chip.cycle(inputs) for chip in chips)
        assert expected == got, (cycle, inputs)
        vectors.add(expected.vector)
        if inputs.write and not inputs.a0 and not inputs.data & 0x18:
            written.add(inputs.data >> 5)
    assert written == set(range(8))
    assert len(vectors) > 50
