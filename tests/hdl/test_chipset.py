"""The two flip-flops behind port F0h (SDM1 D.2.1.2), on HDL and model."""

import itertools

import pytest
from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.sim import Simulator
from irq13 import hdl
from irq13.model import Parameters, PcInputs
from irq13.model.chipset import Chipset, ChipsetInputs, IoAccess
from support.driven_pc import F0, IDLE, RESET, op

ERROR = op("fsin", raises="IE")


def test_fnclex_before_f0_leaves_neither_irq13_nor_ignne(pc, generation):
    dut = pc(generation)
    dut.run(ERROR, *[IDLE] * 4, op("fnclex"), *[IDLE] * 3)
    out = dut.run(F0, *[IDLE] * 3)
    assert out.irq13 == "1000"
    assert out.ignne_n == "1111"
    assert dut.run(ERROR, *[IDLE] * 3).irq13 == "0001"


def test_f0_before_the_error_does_not_assert_ignne_when_it_comes(pc, generation):
    dut = pc(generation)
    out = dut.run(F0, IDLE, ERROR, *[IDLE] * 5)
    assert out.ferr_n == "11110000"
    assert out.ignne_n == "11111111"


def test_the_next_error_finds_ignne_negated_after_one_was_handled(pc, generation):
    dut = pc(generation)
    dut.run(ERROR, *[IDLE] * 3, F0, IDLE, op("fnclex"), *[IDLE] * 5)
    out = dut.run(ERROR, *[IDLE] * 5)
    assert out.ferr_n == "110000"
    assert out.ignne_n == "111111"


@pytest.mark.parametrize(
    "access",
    [IoAccess(0xF0), IoAccess(0xF1, True), IoAccess(0xF1), IoAccess(0x1F0, True), IoAccess(0xF8, True)],
)
def test_only_a_write_to_f0_counts(pc, access):
    dut = pc("P6")
    dut.run(ERROR, *[IDLE] * 4)
    out = dut.run(PcInputs(io=access), IDLE, IDLE)
    assert out.irq13 == "111"
    assert out.ignne_n == "111"
    assert out[0].io_data == 0xFF


@pytest.mark.parametrize("data", [0, 0xFF])
def test_f0_counts_whatever_the_data(pc, data):
    dut = pc("P6")
    dut.run(ERROR, *[IDLE] * 4)
    assert dut.run(PcInputs(io=IoAccess(0xF0, True, data)), IDLE).irq13 == "10"


class TestEnableBit:
    """PIIX XBCS bit 5."""

    on_ = IDLE._replace(ferr_enable=True)
    off = IDLE._replace(ferr_enable=False)

    def test_disabled_it_holds_both_flip_flops_clear(self, pc):
        dut = pc("P6")
        out = dut.run(ERROR, *[IDLE] * 3, F0, self.off, IDLE, F0, IDLE)
        assert out.ferr_enable == "111111000"
        assert out.irq13 == "000110000"
        assert out.ignne_n == "111110111"

    def test_enabling_it_while_ferr_is_low_counts_as_an_edge(self, pc):
        dut = pc("P6", ferr_enable=False)
        out = dut.run(ERROR, *[IDLE] * 4, self.on_, *[IDLE] * 3)
        assert out.ferr_n == "110000000"
        assert out.irq13 == "000000011"

    @pytest.mark.parametrize("value", [True, False])
    def test_reset_brings_its_reset_value_back(self, pc, value):
        dut = pc("P6", ferr_enable=value)
        out = dut.run(self.off if value else self.on_, IDLE, RESET, IDLE)
        assert out.ferr_enable == ("1001" if value else "0110")


def test_every_sequence_of_four_cycles_agrees_and_ignne_needs_ferr():
    """Exhaustive: FERR#, port F0h, RESET and the enable bit in every combination, four cycles deep."""
    parameters = Parameters("P6")
    choices = [
        ChipsetInputs(reset, ferr_n, IoAccess(0xF0, True) if f0 else None, enable)
        for reset, ferr_n, f0, enable in itertools.product(
            (False, True), (False, True), (False, True), (None, False, True)
        )
    ]
    # RESET of the chipset alone comes once, so that the tree stays small.
    quiet = [one for one in choices if not one.reset]
    sequences = [(a, b, c, d) for a in quiet for b in choices for c in quiet for d in quiet[:2]]
    dut, module, driven, watched = hdl.Chipset(parameters), Module(), Signal(5), Signal(3)
    module.submodules.dut = dut
    # One signal each, which the simulator drives and reads at once.
    module.d.comb += [
        Cat(dut.reset, dut.ferr_n, dut.io.write, dut.enable.write, dut.enable.value).eq(driven),
        dut.io.address.eq(Mux(driven[2], 0xF0, 0)),
        watched.eq(Cat(dut.irq13, dut.ignne_n, dut.ferr_enable)),
    ]
    differences = []

    async def testbench(ctx):
        for sequence in sequences:
            # Back to the state after power-up: enabled, no error, detector idle.
            for one in (ChipsetInputs(reset=True), ChipsetInputs()):
                await cycle(ctx, one)
            model = Chipset(parameters)
            for one in sequence:
                if await cycle(ctx, one) != model.step(one):
                    differences.append(sequence)

    async def cycle(ctx, one):
        bits = one.reset, one.ferr_n, bool(one.io), one.ferr_enable is not None, bool(one.ferr_enable)
        ctx.set(driven, sum(bit << index for index, bit in enumerate(bits)))
        got = ctx.get(watched)
        outputs = tuple(got >> index & 1 for index in range(3))
        assert outputs[1] or not one.ferr_n
        await ctx.tick()
        return outputs

    simulator = Simulator(module)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    assert not differences
