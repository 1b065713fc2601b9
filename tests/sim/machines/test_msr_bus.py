"""The MSR bus inside an Amaranth testbench."""

from types import SimpleNamespace

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In
from amaranth.sim import Simulator
from irq13 import hdl
from irq13.model import Parameters
from irq13.sim import GeneralProtection, MsrBus


def simulate(dut, *functions):
    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    for function in functions:
        simulator.add_testbench(function)
    simulator.run_until(1e-5)


@pytest.mark.parametrize("block", [hdl.Processor, hdl.Pc])
@pytest.mark.parametrize("port_alone", [False, True])
def test_write_and_read(block, port_alone):
    dut = block(Parameters("AMD64"))
    bus = MsrBus(dut.msr if port_alone else dut)
    done = []

    async def body(ctx):
        await bus.write(ctx, 0xC001_0015, 0x100)
        assert not ctx.get(dut.state.ignne)
        await bus.write(ctx, 0xC001_0115, 1)
        assert ctx.get(dut.state.ignne)
        assert await bus.read(ctx, "HWCR") == 0x100
        assert await bus.read(ctx, "IGNNE") == 1
        done.append(True)

    simulate(dut, body)
    assert done


def test_a_fault_names_the_rule_and_nothing_is_written():
    dut = hdl.Processor(Parameters("AMD64"))
    bus = MsrBus(dut)
    done = []

    async def body(ctx):
        with pytest.raises(GeneralProtection, match="IGNNE bits 63:1 must be zero"):
            await bus.write(ctx, "IGNNE", 1 << 63)
        with pytest.raises(GeneralProtection, match="WRMSR needs CPL 0, not 3"):
            await bus.write(ctx, "IGNNE", 1, cpl=3)
        assert await bus.read(ctx, "IGNNE") == 0
        for address, value in ((1 << 32, 0), ("IGNNE", 1 << 64), ("IGNNE", -1)):
            with pytest.raises(ValueError, match="is not in 0"):
                await bus.write(ctx, address, value)
            assert not ctx.get(dut.msr.request.valid)
        done.append(True)

    simulate(dut, body)
    assert done


class Deaf(wiring.Component):
    """An MSR port on which nobody answers."""

    msr: In(hdl.ports.MsrSignature())
    parameters = Parameters("AMD64")

    def elaborate(self, platform):
        m = Module()
        m.d.sync += Signal().eq(self.msr.request.valid)
        return m


def test_a_port_that_never_answers_ends_in_a_timeout():
    dut = Deaf()
    done = []

    async def body(ctx):
        with pytest.raises(TimeoutError, match="did not answer within 20 cycles"):
            await MsrBus(dut, timeout=20).read(ctx, "HWCR")
        assert not ctx.get(dut.msr.request.valid)
        done.append(True)

    simulate(dut, body)
    assert done


class Narrow(wiring.Component):
    """A request of another width."""

    msr: In(wiring.Signature({"request": In(stream.Signature(16)), "response": In(stream.Signature(65))}))
    parameters = Parameters("AMD64")

    def elaborate(self, platform):
        raise AssertionError


@pytest.mark.parametrize("component", [SimpleNamespace(), SimpleNamespace(msr=3)])
def test_a_component_without_an_msr_port_is_refused(component):
    with pytest.raises(TypeError, match=r"expected a port msr of MsrSignature\(\)"):
        MsrBus(component)


def test_a_port_of_the_wrong_width_is_refused():
    with pytest.raises(TypeError, match=r"expected a port msr of MsrSignature\(\), not .*16"):
        MsrBus(Narrow())
