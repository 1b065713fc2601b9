"""Flags, masks and ES: every state, every operation, against the table of the manuals."""

import random
from itertools import islice

import pytest
from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.sim import Simulator
from irq13 import hdl
from irq13.model import ExceptionFlag, Operation
from irq13.model.x87 import ErrorState, OperationRequest, execute

STATES = [(flags, masks) for flags in range(64) for masks in range(64)]


def expected(code, flags, masks, request):
    """Next flags and masks. Written out here from the manuals' table, apart from model and HDL."""
    loaded = request.status & 0x7F, request.control & 0x3F
    stack_fault = 1 if request.raises & 0x40 else 0
    return {
        "ARITHMETIC": (flags | request.raises | stack_fault, masks),
        "FLDCW": (flags, request.control & 0x3F),
        "FLDENV": loaded,
        "FRSTOR": loaded,
        "FXRSTOR": loaded,
        "XRSTOR": loaded,
        "FNSTENV": (flags, 0x3F),
        "FNSAVE": (0, 0x3F),
        "FNINIT": (0, 0x3F),
        "FNCLEX": (0, masks),
    }.get(code.name, (flags, masks))


def es_of(flags, masks):
    return any(flags >> bit & 1 and not masks >> bit & 1 for bit in range(6))


def cases():
    """Every operation in every state of flags and masks, SF and the operands drawn at random."""
    pick = random.Random(87)
    for code in Operation:
        for flags, masks in STATES:
            request = OperationRequest(
                code,
                raises=ExceptionFlag(pick.getrandbits(7)),
                control=pick.getrandbits(16),
                status=pick.getrandbits(16),
            )
            yield flags | pick.getrandbits(1) << 6, masks, request


def test_es_is_any_unmasked_flag_and_b_equals_it_on_the_model():
    for flags, masks in STATES:
        state = ErrorState(ExceptionFlag(flags), ExceptionFlag(masks))
        assert state.es == es_of(flags, masks)
        assert state.status_word == flags | (0x8080 if es_of(flags, masks) else 0)


def test_every_operation_in_every_state_on_the_model():
    for flags, masks, request in cases():
        after = execute(ErrorState(ExceptionFlag(flags), ExceptionFlag(masks)), request)
        assert after == expected(request.code, flags, masks, request), (flags, masks, request)


@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.slow) for part in (1, 2, 3))])
def test_every_operation_in_every_state_and_es_on_the_hdl(part):
    dut = hdl.X87()
    state = Cat(Value.cast(dut.flags), Value.cast(dut.masks))
    module, inputs, after = Module(), Signal(44), Signal(13)
    module.submodules.dut = dut
    # One signal each, which the simulator drives and reads at once.
    module.d.comb += [
        Cat(dut.code, Value.cast(dut.raises), dut.control, dut.status).eq(inputs),
        after.eq(state),
    ]
    differences = []

    async def testbench(ctx):
        ctx.set(dut.execute, 1)
        for flags, masks, request in islice(cases(), part, None, 4):
            code, _, raises, control, status = request
            ctx.set(state, flags | masks << 7)
            ctx.set(inputs, code | raises << 5 | control << 12 | status << 28)
            es = ctx.get(dut.es)
            await ctx.tick()
            next_flags, next_masks = expected(code, flags, masks, request)
            if es != es_of(flags, masks) or ctx.get(after) != next_flags | next_masks << 7:
                differences.append((flags, masks, request))

    simulator = Simulator(module)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    assert not differences


def test_nothing_changes_while_no_operation_executes_on_the_hdl():
    dut = hdl.X87()
    state = Cat(Value.cast(dut.flags), Value.cast(dut.masks))

    async def testbench(ctx):
        ctx.set(state, 0x155)
        for code in Operation:
            ctx.set(dut.code, code)
            ctx.set(dut.raises, {"ze": 1, "sf": 1})
            await ctx.tick()
            assert ctx.get(state) == 0x155

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()


def test_reset_leaves_every_exception_unmasked():
    assert ErrorState() == (0, 0)
    dut = hdl.X87()

    async def testbench(ctx):
        assert ctx.get(Value.cast(dut.masks)) == 0
        assert ctx.get(Value.cast(dut.flags)) == 0

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
