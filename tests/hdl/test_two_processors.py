"""Two processors on one FERR# wire and one IGNNE# wire: whoever froze goes on, and only with its own error.

Intel supports this in native mode only (SDM1 D.2.1); it is what the open-drain wires of a board would do.
QEMU (by reading) gives IGNNE to its first processor alone.
"""

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from irq13 import hdl
from irq13.model import ExceptionFlag, Operation, Parameters
from irq13.model.chipset import Chipset, ChipsetInputs, IoAccess
from irq13.model.processor import Processor, ProcessorInputs
from irq13.model.x87 import OperationRequest


class TwoProcessors(wiring.Component):
    """Two processors and a chipset; the operation of each is chosen by its code alone."""

    codes: In(10)
    valid: In(2)
    raises: In(2)
    f0_write: In(1)
    ready: Out(2)
    freeze: Out(2)
    ferr_n: Out(1)
    ignne_n: Out(1)
    irq13: Out(1)

    def elaborate(self, platform):
        m = Module()
        parameters = Parameters("P6")
        m.submodules.chipset = chipset = hdl.Chipset(parameters)
        wire = Signal()
        ferr = []
        for index in range(2):
            cpu = hdl.Processor(parameters)
            m.submodules[f"cpu{index}"] = cpu
            ferr.append(cpu.ferr_n)
            m.d.comb += [
                cpu.op.valid.eq(self.valid[index]),
                cpu.op.code.eq(self.codes.word_select(index, 5)),
                cpu.op.raises.ie.eq(self.raises[index]),
                cpu.ignne_n.eq(chipset.ignne_n),
                self.ready[index].eq(cpu.op.ready),
                self.freeze[index].eq(cpu.op.freeze),
            ]
        m.d.comb += [
            wire.eq(ferr[0] & ferr[1]),
            chipset.ferr_n.eq(wire),
            chipset.io.address.eq(0xF0),
            chipset.io.write.eq(self.f0_write),
            self.ferr_n.eq(wire),
            self.ignne_n.eq(chipset.ignne_n),
            self.irq13.eq(chipset.irq13),
        ]
        return m


class ModelBoard:
    def __init__(self):
        self.cpus = [Processor(Parameters("P6")) for _ in range(2)]
        self.chipset = Chipset(Parameters("P6"))

    def cycle(self, operations, f0):
        ferr_n = all(cpu.ferr_n for cpu in self.cpus)
        chip = self.chipset.step(ChipsetInputs(ferr_n=ferr_n, io=IoAccess(0xF0, True) if f0 else None))
        decisions = [
            cpu.step(ProcessorInputs(ignne_n=chip.ignne_n, operation=operation)).decision.name
            for cpu, operation in zip(self.cpus, operations, strict=True)
        ]
        return decisions, ferr_n, chip.ignne_n, chip.irq13


class HdlBoard:
    def __init__(self):
        self.dut = dut = TwoProcessors()
        self.simulator = Simulator(dut)
        self.simulator.add_clock(1e-8)
        self.request = None

        async def testbench(ctx):
            while True:
                while self.request is None:
                    await ctx.delay(0)
                operations, f0 = self.request
                ctx.set(dut.codes, sum(o.code << 5 * i for i, o in enumerate(operations) if o))
                ctx.set(dut.valid, sum(1 << i for i, o in enumerate(operations) if o))
                ctx.set(dut.raises, sum(bool(o.raises) << i for i, o in enumerate(operations) if o))
                ctx.set(dut.f0_write, f0)
                ready, freeze = ctx.get(dut.ready), ctx.get(dut.freeze)
                decisions = [
                    "READY" if ready >> i & 1 else "FREEZE" if freeze >> i & 1 else "IDLE" for i in (0, 1)
                ]
                pins = [bool(ctx.get(pin)) for pin in (dut.ferr_n, dut.ignne_n, dut.irq13)]
                self.answer = (decisions, *pins)
                self.request = None
                await ctx.tick()

        self.simulator.add_testbench(testbench, background=True)

    def cycle(self, operations, f0):
        self.request = operations, f0
        while self.request is not None:
            self.simulator.advance()
        return self.answer


ERROR = OperationRequest(Operation.ARITHMETIC, raises=ExceptionFlag.IE)
WAIT = OperationRequest(Operation.FWAIT)
CLEAR = OperationRequest(Operation.FNCLEX)


@pytest.mark.parametrize("board", [ModelBoard, HdlBoard])
@pytest.mark.parametrize("first", [0, 1])
def test_ignne_reaches_the_processor_that_froze_whichever_it_is(board, first):
    board = board()

    def cycle(mine=None, other=None, f0=False):
        operations = (mine, other) if first == 0 else (other, mine)
        decisions, *pins = board.cycle(operations, f0)
        return decisions[first], decisions[1 - first], *pins

    cycle(ERROR)
    frozen = [cycle(WAIT, WAIT) for _ in range(4)]
    # The one with the error freezes and pulls FERR#; the other goes on.
    assert [one[0] for one in frozen] == ["FREEZE"] * 4
    assert [one[1] for one in frozen] == ["READY"] * 4
    assert frozen[-1][2:] == (False, True, True)
    cycle(WAIT, f0=True)
    released = [cycle(WAIT) for _ in range(3)]
    assert [one[0] for one in released] == ["FREEZE", "FREEZE", "READY"]
    # The second errs under the first one's IGNNE#, so its FERR# is gated (SDM1 D.2.1.1). The error is not
    # lost: when the first has cleared and IGNNE# is out of effect, it makes an edge of its own.
    cycle(None, ERROR)
    cycle()
    cycle(CLEAR)
    after = [cycle() for _ in range(6)]
    assert [one[2] for one in after] == [False, True, True, True, False, False]
    assert [one[3] for one in after] == [False, True, True, True, True, True]
    assert [one[4] for one in after] == [False, False, False, False, False, True]
